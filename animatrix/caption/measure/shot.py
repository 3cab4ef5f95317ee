"""A shot as the measures see it: small gray frames from one decode, and what the measures share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from animatrix.caption.measure.cadence import Drawings, read_drawings
from animatrix.caption.measure.camera import ANALYSIS_SIDE, CameraPath, measure_path, to_gray
from animatrix.errors import AniMatrixError, Code
from animatrix.media import Clip, probe, stream_frames

MAX_FRAMES = 4320  # three minutes at 24 fps, 250 MB of analysis frames; no shot is longer
REFERENCE_FPS = 24.0  # the rate at which animation is timed, and at which spans are counted


@dataclass(frozen=True)
class Shot:
    """``gray`` uint8 ``[T,h,w]``, ``pts`` seconds [T] from the first frame, ``fps`` of the container."""

    gray: np.ndarray
    pts: np.ndarray
    fps: float
    vfr: bool = False

    @cached_property
    def camera(self) -> CameraPath:
        return measure_path(self.gray)

    @cached_property
    def drawings(self) -> Drawings:
        return read_drawings(self.gray, self.camera.matrices)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Container frames first..last (inclusive) as a span counted at 24 fps."""
        rate = REFERENCE_FPS / self.fps if not 23.0 <= self.fps <= 25.5 else 1.0
        end = max(int(np.ceil((last + 1) * rate - 1e-6)) - 1, 0)
        return min(int(first * rate + 1e-6), end), end


def open_shot(source: str | os.PathLike[str] | Clip) -> Shot:
    """Decode a file once, or reduce a clip already in memory, to the analysis size.

    Raises:
        AniMatrixError: as ``media.stream_frames``; FILE_TOO_LARGE above three minutes at 24 fps.
    """
    if isinstance(source, Clip):
        gray = to_gray(source.frames)
        return Shot(gray, np.arange(len(gray)) / source.fps, source.fps)
    info = probe(source)
    frames: list[np.ndarray] = []
    pts: list[float] = []
    for seconds, picture in stream_frames(source, max_side=ANALYSIS_SIDE, gray=True):
        if len(frames) == MAX_FRAMES:
            raise AniMatrixError(
                Code.FILE_TOO_LARGE,
                f"{Path(source).name} has more than {MAX_FRAMES} frames, more than any shot",
                "cut it into shots first",
            )
        frames.append(picture)
        pts.append(seconds)
    return Shot(np.stack(frames), np.array(pts), info.fps, info.vfr)
