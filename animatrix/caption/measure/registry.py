"""The register of measures: which function answers for which field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from animatrix.caption.measure.shot import Shot


@dataclass(frozen=True)
class Finding:
    """One value that was measured.

    ``span``: first and last frame, inclusive, counted at 24 fps, or None for the whole shot. ``evidence``:
    the numbers the value was decided on, JSON-ready.
    """

    value: str
    confidence: float
    span: tuple[int, int] | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Abstention:
    """Why a measure says nothing.

    ``for_all``: the footage does not hold the answer, so that no other reader can know it either.
    """

    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)
    for_all: bool = False


Measure = Callable[[Shot], "list[Finding] | Abstention"]
MEASURES: dict[str, Measure] = {}


def measures(field_id: str) -> Callable[[Measure], Measure]:
    """Register a function as the measure of a taxonomy field."""

    def register(function: Measure) -> Measure:
        if field_id in MEASURES:
            raise ValueError(f"{field_id} has a measure already: {MEASURES[field_id].__module__}")
        MEASURES[field_id] = function
        return function

    return register
