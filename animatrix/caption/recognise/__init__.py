"""The recogniser: a small video tagger for the production values that no pixel formula sees.

    reading = recognise(colour, fps)     # colour: uint8 [T,h,w,3] RGB, all frames of one shot
    reading.guesses["action"][0].value, reading.familiar, reading.reasons

torch is loaded when the first shot is read.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from animatrix.caption.recognise.reading import Guess, Reading, recognise

__all__ = ["Guess", "Reading", "recognise"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.reading"), name)
