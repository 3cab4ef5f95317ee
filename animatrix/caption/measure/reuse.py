"""Whether a drawing was on the screen before: cycles, lip flaps and blinks use a few drawings over again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from animatrix.caption.measure.alignment import compose
from animatrix.caption.measure.cadence import background
from animatrix.caption.measure.thresholds import CADENCE, CadenceThresholds

if TYPE_CHECKING:
    from animatrix.caption.measure.shot import Shot

REMEMBERED = 24  # drawings a new one is compared with: cycles are shorter, and the cost is bounded
MOST_RUNS = 240  # drawings in one shot beyond which reuse is not looked for
PLATE_SAMPLES = 25


def drawing_numbers(shot: Shot) -> list[int]:
    """Number of the figure's drawing on each frame of the container, from 1 in order of first use."""
    runs = shot.drawings.runs
    if len(runs) > MOST_RUNS:
        return np.repeat(np.arange(1, len(runs) + 1), runs).tolist()
    flash = shot.drawings.flash_frames.astype(bool)
    pairs = _Pairs(shot)
    known: list[tuple[int, int]] = []  # (frame that shows it, number)
    numbers: list[int] = []
    start = 0
    for length in runs:
        frame = _clear_frame(start, length, flash)
        again = [number for old, number in known[-REMEMBERED:] if pairs.same(old, frame)]
        number = again[-1] if again else len({n for _, n in known}) + 1
        known.append((frame, number))
        numbers += [number] * length
        start += length
    return numbers


def _clear_frame(start: int, length: int, flash: np.ndarray) -> int:
    """A frame of the run with no flash over it, the middle one where there is a choice."""
    run = np.arange(start, start + length)
    clear = run[~flash[run]]
    run = clear if len(clear) else run
    return int(run[len(run) // 2])


class _Pairs:
    """Compares two frames of a shot, the camera's move and the uncovered plate taken out."""

    def __init__(self, shot: Shot, limits: CadenceThresholds = CADENCE):
        self.shot, self.limits = shot, limits
        kept = np.flatnonzero(~shot.camera.odd)
        places = np.unique(np.linspace(0, len(kept) - 1, PLATE_SAMPLES).round().astype(int))
        frames = [int(t) for t in kept[places]]
        self.plate, placed = background([self._soft(t) for t in frames], shot.camera.matrices[frames])
        self.home = cv2.invertAffineTransform(placed)

    def same(self, old: int, new: int) -> bool:
        """The change between them, in the unit of ``Drawings.change``, is that of a held drawing."""
        matrices, limits = self.shot.camera.matrices, self.limits
        picture, before = self._soft(new), self._soft(old)
        height, width = picture.shape
        error = cv2.absdiff(picture, before)
        motions = (
            (before, compose(matrices[new], cv2.invertAffineTransform(matrices[old]))),
            (self.plate, compose(matrices[new], self.home)),
        )
        for source, motion in motions:
            moved = cv2.warpAffine(source.astype(np.float32), motion, (width, height), borderValue=-1e3)
            error = np.minimum(error, cv2.absdiff(picture, moved))
        slopes = [cv2.Sobel(picture, cv2.CV_32F, i, 1 - i, scale=0.125) for i in (1, 0)]
        inner = (error / (limits.tolerance + cv2.magnitude(*slopes)))[3:-3, 3:-3]
        block = max(6, round(height / 12))
        rows, columns = inner.shape[0] // block, inner.shape[1] // block
        cells = inner[: rows * block, : columns * block].reshape(rows, block, columns, block).mean((1, 3))
        count = max(4, cells.size // 50)
        return float(np.sort(cells, axis=None)[-count:].mean()) < self.shot.drawings.threshold

    def _soft(self, index: int) -> np.ndarray:
        return cv2.GaussianBlur(self.shot.gray[index].astype(np.float32), (0, 0), self.limits.blur)
