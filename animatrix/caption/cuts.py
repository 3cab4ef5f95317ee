"""Where one shot ends and the next begins, found while the film streams by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from animatrix.caption.joins import (
    HIGH,
    Join,
    Likeness,
    Look,
    Ramp,
    distance,
    enlargement,
    likeness,
    look,
    palette_distance,
    ramp,
    streaks,
)
from animatrix.caption.measure.thresholds import CUTS, CutThresholds
from animatrix.media import Frame

FITTED = Path(__file__).parent / "measure" / "fitted" / "cuts.json"
FILM = 24.0  # lengths in the thresholds are counted in frames of film


class CutFinder:
    """Fed with frames in order, tells the numbers of frames that begin a new shot.

    A cut is a picture that replaces another for good. One that comes back within six frames of film (an
    impact frame, a flash, a flash cut) was an interruption; one whose blocks are found again in the picture
    before (a whip pan, a new ground behind a figure that stays) is the same shot. A fade begins the new shot
    in the middle of the black or white, a dissolve, a wipe or an iris half-way through.

    ``lookahead``: frames after a hard cut that must be seen before it is told. A gradual join is told when it
    is over, so the frame told may lie further back, but never before a frame that was told already.
    ``joins``: what joined the shots where it was more than a hard cut, in order.
    """

    def __init__(self, fps: float, limits: CutThresholds = CUTS):
        self.fps = fps
        self.limits = limits
        self.joins: list[Join] = []
        self.rate = max(fps / FILM, 0.5)
        self.gap = max(2, round(limits.interruption * self.rate))
        self.lookahead = self.gap + 2
        self._keep = round(limits.longest * self.rate) + 2 * self.lookahead
        self._looks: list[Look] = []
        self._steps: list[float] = []  # of each frame held: its distance from the frame before
        self._first = 0  # frame number of the first look held
        self._count = 0
        self._shot = 0  # frame that begins the shot under way
        self._settled = 0  # frame before which every join is told
        self._bars: tuple[int, int] = (0, 0)

    def feed(self, frame: Frame) -> list[int]:
        """Frame numbers, counted from 0 in the film, that begin a shot and are certain since this frame."""
        seen = look(frame.luma, frame.colour, self._bars)
        if not seen.blank:
            self._bars = _narrower(self._bars, seen.bars, self._count)
        self._steps.append(distance(seen, self._looks[-1]) if self._looks else 0.0)
        self._looks.append(seen)
        self._count += 1
        found = self._decide(self._count - 1 - self.lookahead, self._count)
        drop = len(self._looks) - self._keep
        if drop > 0:
            del self._looks[:drop], self._steps[:drop]
            self._first += drop
        return found

    def finish(self) -> list[int]:
        """The same for the frames at the end of the film."""
        found = []
        for at in range(max(self._count - self.lookahead, self._first + 1), self._count):
            found += self._decide(at, self._count)
        return found

    def _decide(self, at: int, end: int) -> list[int]:
        """What frame ``at`` settles, frames up to ``end`` being known."""
        if at < max(1, self._settled) or at <= self._first:
            return []
        return self._after_blank(at, end) or self._hard(at) or self._gradual(at)

    def _tell(self, at: int, join: Join | None = None) -> list[int]:
        if at - self._shot < self.limits.shortest:
            return []
        self._shot = self._settled = at
        if join is not None:
            self._settled = max(at, join.last + 1)
            self.joins.append(join)
        return [at]

    # --- hard cuts

    def _hard(self, at: int) -> list[int]:
        i = at - self._first
        if self._looks[i].blank or self._looks[i - 1].blank:
            return []
        found = evidence(self._looks, self._steps, i, self.gap, self.rate, self.limits)
        if found is None:
            return []
        sure = certainty(found)
        # a picture that streams by is calm on neither side: within a whip less is asked of the step
        swish = sure >= self.limits.whip_certainty and self._streaked(i)
        if sure < 0.5 and not swish:
            return []
        join = None
        if not swish and enlargement(self._looks[i - 1], self._looks[i]):
            join = Join("punch_cut", at, at, at)
        elif swish:
            reach = round(3 * self.rate)
            join = Join("swish_transition", max(at - reach, self._settled), at + reach - 1, at)
        return self._tell(at, join)

    def _streaked(self, i: int) -> bool:
        """Whether a cut lies in the streaks of a whip: the camera flies on both sides and blurs along its
        way, which it did not when it set out."""
        near = max(2, round(4 * self.rate))
        before, after = self._steps[max(i - near, 1) : i], self._steps[i + 1 : i + 1 + near]
        if min(len(before), len(after)) < near // 2 + 1:
            return False
        if min(np.mean(before), np.mean(after)) < self.limits.whip_pace:
            return False
        first = max(i - round(self.limits.whip_length * self.rate), self._shot - self._first, 0)
        now = streaks(self._looks[i - 1])
        away = max((abs(now - streaks(seen)) for seen in self._looks[first : i - 1]), default=0.0)
        return away > self.limits.whip_streak

    # --- fades and flashes

    def _after_blank(self, at: int, end: int) -> list[int]:
        """A boundary in a run of black or white that ended with frame ``at - 1``."""
        i = at - self._first
        if self._looks[i].blank or not self._looks[i - 1].blank:
            return []
        start = i - 1
        while start > 0 and self._looks[start - 1].blank:
            start -= 1
        if start == 0 or start + self._first <= self._shot:
            return []  # the film, or the shot, begins blank
        rate = self.rate
        before = [self._looks[k] for k in _spread(start - 1, -1, max(self._shot - self._first, 0), rate)]
        after = [self._looks[k] for k in _spread(i, 1, end - self._first - 1, rate)]
        length = i - start
        if length <= self.limits.flash * rate:
            leap = min(self._steps[start], self._steps[i])
            left = distance(self._looks[start - 1], self._looks[i])
            if leap > self.limits.least_flash and left < self.limits.flash_left * leap:
                return []  # in one step to white and back: an impact frame
        # what is left of a fade is alike by less: a flash must only resemble, a fade must agree
        least = self.limits.same_ncc if length <= self.limits.flash * rate else self.limits.faded_ncc
        if length <= self.limits.blackout * rate and _same_place(before, after, least, self.limits):
            return []
        middle = start + length // 2 + self._first
        return self._tell(max(middle, at - self.lookahead))

    # --- dissolves and wipes

    def _gradual(self, at: int) -> list[int]:
        limits = self.limits
        last = at - self._first
        stride = max(1, round(self.rate))
        if at % (2 * stride) or self._looks[last].spread < limits.least_spread:
            return []
        for frames in limits.windows:
            first = last - round(frames * self.rate)
            if first < max(self._settled - self._first, 0):
                break
            a, b = self._looks[first], self._looks[last]
            if a.spread < limits.least_spread or distance(a, b) < limits.least_change:
                continue
            lie = ramp(
                np.stack([seen.coarse for seen in self._looks[first : last + 1]]), round(30 * self.rate)
            )
            if lie is None or lie.last - lie.first + 1 < limits.least_ramp * self.rate:
                continue
            kind = gradual_kind(lie, limits)
            if kind == "wipe" and lie.last - lie.first + 1 > limits.longest_wipe * self.rate:
                continue  # a slow move over a plain plate uncovers it line by line, as a wipe would
            pace = distance(a, b) / (lie.last - lie.first + 2)
            if not kind or self._goes_on(first, last, pace, kind):
                continue
            same = likeness(a, b)
            if _laid_blank(a, b) or same.ncc > limits.same_ncc or same.same > limits.same_share:
                continue
            half = self._looks[first + 1 + (lie.first + lie.last) // 2]
            if max(likeness(a, half).ncc, likeness(half, b).ncc) > limits.half_ncc:
                continue  # the same place seen from further on: half-way through a blend it is not
            start, stop = self._first + first + 1 + lie.first, self._first + first + 1 + lie.last
            middle = (start + stop + 1) // 2
            return self._tell(middle, Join(kind, start, stop, middle))
        return []

    def _goes_on(self, first: int, last: int, pace: float, kind: str) -> bool:
        """Whether a rise of ``pace`` levels a frame began before or is not over yet, or leads to a blank."""
        margin = round(4 * self.rate)
        looks, least = self._looks, max(self._settled - self._first, 0)
        if any(seen.blank for seen in looks[max(first - 2 * margin, 0) : last + 2 * margin]):
            return True
        if kind == "wipe":  # what it has yet to reach is in neither picture: ask whether it keeps moving
            for steps in (
                self._steps[max(first - margin, least) + 1 : first + 1],
                self._steps[last + 1 : last + 1 + margin],
            ):
                calm = sorted(steps)[: max(len(steps) - 1, 0)]  # a hit or another cut is no part of it
                if calm and sum(calm) / len(calm) > self.limits.still_rising * pace:
                    return True
            return False
        a, way = looks[first].coarse, looks[last].coarse - looks[first].coarse
        for place, end in ((first - margin, 0.0), (last + margin, 1.0)):
            if not least <= place < len(looks):
                continue
            beyond = looks[place].coarse - a
            share = float(beyond @ way) / (float(way @ way) + 1e-3)
            stray = float(np.abs(beyond - share * way).mean() / (np.abs(way).mean() + 1e-3))
            past = share - end if end else -share
            if past > 0.12 and stray < 0.5:
                return True
        return False


def gradual_kind(lie: Ramp, limits: CutThresholds = CUTS) -> str:
    """'dissolve', 'wipe', or '' where the pictures between two show a third."""
    if lie.error > limits.most_uneven:
        return ""
    dissolves = lie.blended < limits.most_blended and lie.dip < limits.least_dip
    dissolves |= lie.blended < limits.sure_blended  # alike pictures, whose blend has as much contrast
    wipes = lie.laid < limits.most_laid
    # figures redrawn meanwhile leave more unexplained; a share that rises as evenly as a wiper goes makes up
    even = lie.error < limits.even_wipe and lie.laid < limits.even_laid
    wipes |= even and lie.laid < limits.rather_laid * lie.blended
    if dissolves and wipes:
        return "dissolve" if lie.blended < lie.laid else "wipe"
    return "dissolve" if dissolves else "wipe" if wipes else ""


FEATURES = (
    "step",
    "calm_before",
    "calm_after",
    "ncc",
    "same",
    "together",
    "pinned",
    "palette",
    "return",
    "return_ncc",
)


def evidence(
    looks: Sequence[Look], steps: Sequence[float], i: int, gap: int, rate: float, limits: CutThresholds = CUTS
) -> np.ndarray | None:
    """What speaks for a hard cut before ``looks[i]``, one number per name of ``FEATURES``; None where nothing
    changes enough to ask.

    Args:
        looks, steps: frames and their distances from the frame before.
        gap: frames an interruption may last.
        rate: frames of the container per frame of film.
    """
    step = steps[i]
    if step < limits.least_step:
        return None
    reach = round(8 * rate)
    before = _second(steps[max(i - reach, 1) : i])
    after = _second(steps[i + 1 : i + 1 + reach])
    if len(looks) - i <= 2:  # the film ends: nothing says that it calmed down
        after = before
    if step < limits.least_peak * min(before, after):
        return None
    nearest, pair = step, (i - 1, i)
    for j in range(1, gap + 2):
        if i - j < 0:
            break
        for k in range(0, gap + 2 - j):
            if i + k >= len(looks):
                break
            if (j, k) == (1, 0):
                continue
            far = distance(looks[i - j], looks[i + k])
            if far < nearest:
                nearest, pair = far, (i - j, i + k)
    if nearest < limits.returned * step:
        return None
    direct = likeness(looks[i - 1], looks[i])
    if direct.pinned > limits.most_pinned:
        return None
    back = likeness(looks[pair[0]], looks[pair[1]]) if pair != (i - 1, i) else direct
    return np.array(
        [
            np.log(step),
            np.log((step + 0.5) / (before + 0.5)),
            np.log((step + 0.5) / (after + 0.5)),
            direct.ncc,
            direct.same,
            direct.together,
            direct.pinned,
            palette_distance(looks[i - 1], looks[i]),
            nearest / step,
            back.ncc,
        ]
    )


def certainty(found: np.ndarray) -> float:
    """Probability in [0,1] that ``found`` is a cut: a logistic over the features."""
    weights, bias = _weights()
    return float(1 / (1 + np.exp(-np.clip(found @ weights + bias, -30, 30))))


@cache
def _weights() -> tuple[np.ndarray, float]:
    """Fitted by ``python -m animatrix.caption.fit.cuts``."""
    table = json.loads(FITTED.read_text("utf-8"))
    return np.array([table["weights"][name] for name in FEATURES]), float(table["bias"])


def _second(values: Sequence[float]) -> float:
    """The second highest: the highest may be another cut."""
    return sorted(values)[-2] if len(values) > 1 else 0.0


def _spread(start: int, way: int, stop: int, rate: float) -> list[int]:
    """Places at 0, 3 and 8 frames of film from ``start``, as far as there are any."""
    places = [start + way * round(n * rate) for n in (0, 3, 8)]
    return [p for p in places if (p - stop) * way <= 0] or [start]


def _same_place(before: Sequence[Look], after: Sequence[Look], ncc: float, limits: CutThresholds) -> bool:
    """Whether the picture after a blank is the one before it, whatever is left of a fade."""
    found: list[Likeness] = [likeness(a, b) for a in before for b in after]
    return any(
        f.ncc > ncc and f.together > limits.same_together and f.drawn > limits.least_drawn for f in found
    )


def _laid_blank(a: Look, b: Look) -> bool:
    """Whether what differs is black or white in one of the two: a fade or an iris that is not over."""
    differs = np.abs(a.small.astype(np.int16) - b.small).max(2) > 20
    return differs.any() and any(not 14 < float(seen.small[differs].mean()) < 246 for seen in (a, b))


def _narrower(bars: tuple[int, int], seen: tuple[int, int], count: int) -> tuple[int, int]:
    """Black bars so far: never wider than any picture showed them."""
    if count == 0:
        bars = (HIGH, HIGH)
    top, bottom = min(bars[0], seen[0]), min(bars[1], seen[1])
    return (top, bottom) if top + bottom < HIGH // 2 else (0, 0)
