"""limited_technique: the few drawings that come back again and again, from how alike neighbouring ones are.

Named are trembles, boiling lines and cycles that stay in place. A flap of the mouth or a blink is not: it is
a few pixels of a reduced frame, and the body seldom stands still beside it. Nor is a walk cycle that crosses
the set, whose drawings never fall on the same place.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from animatrix.caption.measure.alignment import compose
from animatrix.caption.measure.camera import rescale
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import REFERENCE_FPS, Shot
from animatrix.caption.measure.thresholds import LIMITED_TECHNIQUE, LimitedTechniqueThresholds

WIDTH = 160  # pixels at which drawings are compared
REMEMBERED = 32  # drawings kept ready, more than the longest cycle


@measures("limited_technique")
def limited_technique(
    shot: Shot, limits: LimitedTechniqueThresholds = LIMITED_TECHNIQUE
) -> list[Finding] | Abstention:
    """tremble, line_boil or cycle_loop with its span; that none is used is never claimed."""
    drawings = shot.drawings
    if len(shot.gray) < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    if shot.detail < limits.least_detail:
        return Abstention("the picture is empty")
    if drawings.noise > limits.most_noise or drawings.flash.mean() > limits.most_flash:
        return Abstention("the whole picture changes, drawings cannot be compared")
    pairs = _Pairs(shot)
    rate = float(drawings.new.mean()) * shot.fps / REFERENCE_FPS
    probes = np.arange(2, len(shot.gray), limits.tremble_every)
    if rate >= limits.tremble_rate and _alike(pairs, np.arange(len(shot.gray)), probes, 2, limits):
        found = _returning(pairs, np.arange(len(shot.gray)), 2, limits.tremble_steps, limits)
        if found is not None:
            return [_named("tremble", shot, *found, period=2)]
    starts = np.concatenate([[0], np.flatnonzero(drawings.new) + 1])
    ends = np.append(starts[1:], len(shot.gray)) - 1
    middles = (starts + ends) // 2
    for period in _candidates(pairs, middles, limits):
        found = _returning(pairs, middles, period, max(limits.least_returns, period), limits)
        if found is not None:
            first, last, share = found
            value = "line_boil" if period <= limits.boil_drawings else "cycle_loop"
            first, last = (int(edge[middles == at][0]) for edge, at in ((starts, first), (ends, last)))
            return [_named(value, shot, first, last, share, period)]
    return Abstention("no drawings return in order")


def _named(value: str, shot: Shot, first: int, last: int, left: float, period: int) -> Finding:
    """``left``: how different a returning drawing is from itself, in shares of what parts its neighbours."""
    span = None if (first, last) == (0, len(shot.gray) - 1) else shot.span(first, last)
    sure = float(np.clip(0.97 - 0.8 * left, 0.0, 0.95))
    return Finding(value, sure, span, {"drawings": period, "left_over": round(left, 3)})


def _candidates(pairs: _Pairs, frames: np.ndarray, limits: LimitedTechniqueThresholds) -> list[int]:
    """Periods of three and more at which some of a few drawings are themselves again, shortest first."""
    found = []
    for period in range(3, limits.longest + 1):
        if len(frames) < period + limits.least_returns:
            break
        probes = np.unique(np.linspace(period, len(frames) - 1, limits.probes).round().astype(int))
        if _alike(pairs, frames, probes, period, limits):
            found.append(period)
    return found


def _alike(
    pairs: _Pairs, frames: np.ndarray, probes: np.ndarray, period: int, limits: LimitedTechniqueThresholds
) -> bool:
    """Whether some of the drawings ``probes`` are themselves again: cheaper than to compare them all."""
    seen = 0
    for i in probes:
        seen += _returns(pairs, frames, int(i), period, limits) is not None
        if seen >= limits.least_probes:
            return True
    return False


def _returning(
    pairs: _Pairs, frames: np.ndarray, period: int, least: int, limits: LimitedTechniqueThresholds
) -> tuple[int, int, float] | None:
    """First and last frame of the longest stretch in which every drawing returns after ``period``, and what
    is left of the difference; None where fewer than ``least`` in a row do."""
    best: list[int] = []
    run: list[int] = []
    left: dict[int, float] = {}
    for i in range(period, len(frames)):
        share = _returns(pairs, frames, i, period, limits)
        if share is None:
            run = []
            continue
        left[i] = share
        run = [*run, i]
        best = max(best, run, key=len)
    if len(best) < least:
        return None
    return int(frames[best[0] - period]), int(frames[best[-1]]), float(np.mean([left[i] for i in best]))


def _returns(
    pairs: _Pairs, frames: np.ndarray, i: int, period: int, limits: LimitedTechniqueThresholds
) -> float | None:
    """What is left of the difference of drawing i from that ``period`` before, in shares of its difference
    from the one before; None where it has not returned, or was never away."""
    moved = pairs.difference(int(frames[i - 1]), int(frames[i]))
    if moved < limits.least_change:
        return None
    left = pairs.difference(int(frames[i - period]), int(frames[i])) / moved
    if left > limits.returned:
        return None
    if period > 2 and left * moved > limits.returned * pairs.difference(int(frames[i - 2]), int(frames[i])):
        return None
    return float(left)


class _Pairs:
    """Differences of frames of a shot, reduced, the camera's move taken out."""

    def __init__(self, shot: Shot):
        self.shot = shot
        height, width = shot.gray.shape[1:]
        scale = min(1.0, WIDTH / width)
        self.size = (round(width * scale), max(8, round(height * scale)))
        self.matrices = rescale(shot.camera.matrices, 1 / scale)
        self.soft = lru_cache(REMEMBERED)(self._soft)
        self.tolerance = lru_cache(REMEMBERED)(self._tolerance)
        self.difference = lru_cache(4 * REMEMBERED)(self._difference)

    def _difference(self, old: int, new: int) -> float:
        """Mean difference of the liveliest part of the picture, in units of what a shift by a pixel makes."""
        width, height = self.size
        before, picture = self.soft(old), self.soft(new)
        step = compose(self.matrices[new], cv2.invertAffineTransform(self.matrices[old]))
        if np.abs(step - np.eye(2, 3)).max() > 0.02:
            before = cv2.warpAffine(before, step, self.size, borderValue=-1e3)
            before = np.where(before < -1, picture, before)
        error = cv2.divide(cv2.absdiff(picture, before), self.tolerance(new))
        error[:3], error[-3:], error[:, :3], error[:, -3:] = 0, 0, 0, 0
        block = max(4, round(height / 12))
        cells = cv2.resize(error, (width // block, height // block), interpolation=cv2.INTER_AREA).ravel()
        return float(np.sort(cells)[-max(4, len(cells) // 20) :].mean())

    def _soft(self, t: int) -> np.ndarray:
        frame = self.shot.gray[t]
        if frame.shape[1] != self.size[0]:
            frame = cv2.resize(frame, self.size, interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(frame.astype(np.float32), (5, 5), 0.8)

    def _tolerance(self, t: int) -> np.ndarray:
        slopes = [cv2.Sobel(self.soft(t), cv2.CV_32F, i, 1 - i, scale=0.125) for i in (1, 0)]
        return cv2.add(cv2.magnitude(*slopes), (6.0, 0, 0, 0))
