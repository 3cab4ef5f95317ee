"""What curation needs of a shot and of whoever reads it; the captioner stands below and is passed in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Still(Protocol):
    """A frame kept whole: its ``index`` in the shot and ``rgb`` uint8 ``[H,W,3]``, side at most 1920."""

    index: int
    rgb: np.ndarray
    twin: np.ndarray | None


class Shot(Protocol):
    """A shot as ``animatrix.caption.Shot`` has it.

    ``gray`` uint8 ``[T,h,w]`` full range; ``colour`` uint8 ``[T,h,w,3]`` RGB; ``pts`` seconds [T]; ``start``
    seconds in the file; ``drawings.runs`` frames each drawing is held; ``camera.matrices`` ``[T,2,3]``.
    """

    gray: np.ndarray
    colour: np.ndarray
    pts: np.ndarray
    fps: float
    stills: Sequence[Still]
    start: float
    vfr: bool

    @property
    def drawings(self) -> Any: ...
    @property
    def camera(self) -> Any: ...


@dataclass(frozen=True)
class Reader:
    """How shots are read and described; module-level functions or picklable objects, since workers get it.

    ``read(path)`` yields the shots of a file in order; ``describe(shot)`` gives one as ``animatrix caption
    --json`` prints it; ``version`` names both: with another version everything is read again.
    """

    read: Callable[[Path], Iterator[Any]]
    describe: Callable[[Any], dict[str, Any]]
    version: str


@dataclass(frozen=True)
class Box:
    """A part of the frame in shares of its sides: left, top, right, bottom in [0,1]."""

    left: float
    top: float
    right: float
    bottom: float

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in whole pixels, inside the box."""
        left, top = int(np.ceil(self.left * width - 1e-6)), int(np.ceil(self.top * height - 1e-6))
        right, bottom = int(self.right * width + 1e-6), int(self.bottom * height + 1e-6)
        return left, top, max(right, left + 1), max(bottom, top + 1)


def cropped(shot: Any, box: Box) -> Any:
    """The shot as if it had been filmed without what lies outside the box."""

    def part(frames: np.ndarray | None, axis: int) -> np.ndarray | None:
        if frames is None:
            return None
        left, top, right, bottom = box.pixels(frames.shape[axis + 1], frames.shape[axis])
        inside = (slice(None),) * axis + (slice(top, bottom), slice(left, right))
        return np.ascontiguousarray(frames[inside])

    stills = tuple(
        dataclasses.replace(still, picture=part(still.rgb, 0), twin=part(still.twin, 0))
        for still in shot.stills
    )
    return dataclasses.replace(shot, gray=part(shot.gray, 1), colour=part(shot.colour, 1), stills=stills)


def seconds_of(shot: Shot) -> float:
    """Length of a shot: up to the end of its last frame."""
    return float(shot.pts[-1] - shot.pts[0]) + 1 / shot.fps
