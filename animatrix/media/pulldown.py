"""Film at 24 frames a second in a container of 30 or 60: repeats found by their rhythm, and dropped.

Three-two pulldown shows four frames of film in five (at 30 a second), or two in five (at 60). A held drawing
repeats as well, so that single repeats say nothing; the rhythm does: in every five frames, no new drawing
begins at the places that pulldown fills. Animation on twos, threes or fours of 30 a second begins at all five
places alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import cv2
import numpy as np

from animatrix.media.frames import Frame

CYCLE = 5
_KEPT = {30: 4, 60: 2}  # frames of a cycle that are film, by nominal rate
_FEWEST = 20  # new drawings to be sure by: one in five of a random rhythm passes (4/5)^20 = 1% of the time
_EXCUSED = 0.03  # of the new drawings may begin at a repeat: pops of key frames
_APART = 2.5  # how many times larger the changes are than the repeats


class Pulldown:
    """The rhythm of a film's repeats, looked for shot by shot.

    A shot with too few new drawings to tell takes the rhythm found before it, unless its own contradict that.
    ``shots`` counts those that had one.
    """

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self.shots = 0
        self._kept = next((kept for rate, kept in _KEPT.items() if abs(fps / rate - 1) < 0.005), None)
        self._places: tuple[int, ...] | None = None  # of film, in frames from the film's start

    def evened(self, frames: Sequence[Frame], first: int) -> tuple[list[Frame], float]:
        """A shot's frames without repeats, at their even times, and the film's rate; ``first`` the number of
        its first frame in the file.

        Other rhythms and rates leave both as they are. Frames that last two and three fields by turns ("soft"
        pulldown, where the player repeats fields) are only retimed.
        """
        frames = list(frames)
        if _is_soft([frame.seconds for frame in frames]):
            self.shots += 1
            rate = _soft_rate([frame.seconds for frame in frames])
            return _retimed(frames, rate), rate
        if self._kept is None:
            return frames, self.fps
        new = new_drawings(frames)
        places = film_places(new, self._kept)
        if places is not None:
            self._places = tuple(sorted((place + first) % CYCLE for place in places))
        elif self._places is None or not self._agrees(new, first):
            return frames, self.fps
        self.shots += 1
        rate = self.fps * self._kept / CYCLE
        kept = [f for i, f in enumerate(frames, first) if i % CYCLE in self._places]
        return _retimed(kept or frames[:1], rate), rate

    def _agrees(self, new: np.ndarray, first: int) -> bool:
        assert self._places is not None
        begins = np.flatnonzero(new)[1:] + first
        at_repeats = sum(begin % CYCLE not in self._places for begin in begins.tolist())
        return at_repeats <= _EXCUSED * len(begins)


def new_drawings(frames: Sequence[Frame]) -> np.ndarray:
    """bool [T]: whether a frame differs from the one before by more than noise; the first does. All False
    after the first when changes and repeats cannot be told apart."""
    steps = np.array([_difference(a, b) for a, b in pairwise(frames)], np.float32)
    new = np.zeros(len(frames), bool)
    new[0] = True
    if len(steps) < 2:
        return new
    logs = np.log(steps + 0.5)
    low, high = float(logs.min()), float(logs.max())
    for _ in range(20):  # two means
        middle = (low + high) / 2
        if not (logs > middle).any() or (logs > middle).all():
            return new
        low, high = float(logs[logs <= middle].mean()), float(logs[logs > middle].mean())
    if np.exp(high - low) >= _APART:
        new[1:] = logs > (low + high) / 2
    return new


def film_places(new: np.ndarray, kept: int) -> tuple[int, ...] | None:
    """Which ``kept`` places of each five frames are film, or None where no pulldown shows.

    Args:
        new: bool [T], a new drawing begins at the frame.
    """
    begins = np.flatnonzero(new)[1:]  # the first is new whatever its place
    if len(begins) < _FEWEST:
        return None
    places = np.bincount(begins % CYCLE, minlength=CYCLE)
    best: tuple[float, tuple[int, ...]] | None = None
    for choice in combinations(range(CYCLE), kept):
        if kept == 2 and choice[1] - choice[0] not in (2, 3):
            continue
        repeats = [p for p in range(CYCLE) if p not in choice]
        if places[repeats].sum() > _EXCUSED * len(begins):
            continue
        numbers = np.cumsum(np.isin(np.arange(len(new)) % CYCLE, choice))[begins]
        uneven = float(np.diff(numbers).std())  # of several choices, the one that gives the steadiest rhythm
        if best is None or uneven < best[0]:
            best = uneven, choice
    return best[1] if best else None


def _difference(a: Frame, b: Frame) -> float:
    """Largest mean difference of luma over blocks of 8 by 8."""
    if a.luma.shape != b.luma.shape:
        return 255.0
    height, width = a.luma.shape
    blocks = (max(1, width // 8), max(1, height // 8))
    return float(cv2.resize(cv2.absdiff(a.luma, b.luma), blocks, interpolation=cv2.INTER_AREA).max())


def _is_soft(times: Sequence[float]) -> bool:
    if len(times) < 2 * CYCLE:
        return False
    lasts = np.diff(times)
    fields = lasts * 2 / np.percentile(lasts, 10)
    threes = np.abs(fields - 3) < 0.2
    twos = np.abs(fields - 2) < 0.2
    return bool((twos | threes).mean() > 0.95 and (threes[1:] != threes[:-1]).mean() > 0.9)


def _soft_rate(times: Sequence[float]) -> float:
    """Two and a half fields to a frame, whichever it begins and ends with."""
    lasts = np.diff(times)
    fields = np.round(lasts * 2 / np.percentile(lasts, 10)).sum()
    return float(fields / (2.5 * (times[-1] - times[0])))


def _retimed(frames: Sequence[Frame], rate: float) -> list[Frame]:
    start = frames[0].seconds
    return [replace(frame, seconds=start + i / rate) for i, frame in enumerate(frames)]
