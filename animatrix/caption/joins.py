"""How two pictures of a film are related: alike, one blended into the other, one laid over the other, blank.

What the cut finder and the measures of transitions and impact frames are built of. Pictures are reduced to
:class:`Look` first; everything costs microseconds at that size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

WIDE, HIGH = 80, 45  # gray reduced: an eye of a medium shot still is a pixel
SMALL = (32, 18)  # colour reduced
BLOCK = (10, 9)  # pixels of the reduced gray: 8 x 5 blocks
REACH = (6, 5)  # pixels a block may have moved between two frames: 8% of the width, 11% of the height


@dataclass(frozen=True)
class Join:
    """A join between two shots. ``first`` to ``last`` inclusive, and ``at``, the frame that begins the new
    shot, are frame numbers of the film, or of the shot once it hangs on a ``Shot``."""

    kind: str
    first: int
    last: int
    at: int

    def shifted(self, by: int) -> Join:
        return Join(self.kind, self.first + by, self.last + by, self.at + by)

    def scaled(self, by: float) -> Join:
        """The same counted at another rate."""
        return Join(self.kind, round(self.first * by), round(self.last * by), round(self.at * by))


@dataclass(frozen=True)
class Look:
    """A frame reduced: ``gray`` uint8 ``[45,80]``, ``small`` uint8 RGB ``[18,32,3]``, ``coarse`` the same as
    float32 ``[432]`` of ``[9,16,3]``, ``mean`` and ``spread`` (standard deviation) of the gray inside the
    picture's bars, ``bars`` dark rows of ``gray`` at top and bottom."""

    gray: np.ndarray
    small: np.ndarray
    coarse: np.ndarray
    mean: float
    spread: float
    bars: tuple[int, int]

    @property
    def blank(self) -> str:
        """'black', 'white', or '' for a picture that shows something."""
        if self.spread > 7 or 16 < self.mean < 232:
            return ""
        return "black" if self.mean <= 16 else "white"


def look(luma: np.ndarray, colour: np.ndarray, bars: tuple[int, int] = (0, 0)) -> Look:
    """Reduce a frame (luma ``[h,w]``, colour ``[h',w',3]``, any size), leaving ``bars`` out of its
    statistics."""
    gray = cv2.resize(luma, (WIDE, HIGH), interpolation=cv2.INTER_AREA)
    small = cv2.resize(colour, SMALL, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (16, 9), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    mean, spread = cv2.meanStdDev(gray[bars[0] : HIGH - bars[1]])
    dark = np.flatnonzero(gray.max(1) > 26)
    own = (int(dark[0]), HIGH - 1 - int(dark[-1])) if len(dark) else (HIGH, HIGH)
    return Look(gray, small, coarse, float(mean[0, 0]), float(spread[0, 0]), own)


def distance(a: Look, b: Look) -> float:
    """Mean difference of two frames in gray levels per channel, pixel by pixel."""
    return cv2.norm(a.small, b.small, cv2.NORM_L1) / a.small.size


def palette_distance(a: Look, b: Look) -> float:
    """Share in [0,1] of the colours of one frame that the other does not have (64 bins)."""
    one, two = _colours(a.small), _colours(b.small)
    return float(np.abs(one - two).sum() / 2)


def _colours(small: np.ndarray) -> np.ndarray:
    counts = cv2.calcHist([small], [0, 1, 2], None, [4, 4, 4], [0, 256, 0, 256, 0, 256])
    # bins blurred into each other, or a slight change of light empties one into the next
    for axis in range(3):
        counts = 0.5 * counts + 0.25 * (
            np.take(counts, [0, 0, 1, 2], axis) + np.take(counts, [1, 2, 3, 3], axis)
        )
    return counts / counts.sum()


@dataclass(frozen=True)
class Likeness:
    """``ncc`` mean correlation of drawn blocks after motion, whatever their light (a negative correlates as
    well as its positive); ``same`` share of drawn blocks found again (correlation over 0.9); ``together``
    share of drawn blocks found (over 0.8) that moved as most did: a plate moves in one piece, chance
    resemblances do not; ``drawn`` share of blocks that show anything."""

    ncc: float
    same: float
    together: float
    pinned: float
    drawn: float


def likeness(a: Look, b: Look) -> Likeness:
    """Whether the blocks of ``b`` are found again in ``a``, each moved by up to ``REACH``."""
    reach_x, reach_y = REACH
    top, bottom = min(a.bars[0], b.bars[0]), min(a.bars[1], b.bars[1])
    rows, columns = (HIGH - top - bottom) // BLOCK[1], WIDE // BLOCK[0]
    if rows < 1:
        return Likeness(0.0, 0.0, 0.0, 0.0, 0.0)
    padded = cv2.copyMakeBorder(
        a.gray[top : HIGH - bottom], reach_y, reach_y, reach_x, reach_x, cv2.BORDER_REPLICATE
    )
    picture = b.gray[top : top + rows * BLOCK[1]]
    blocks = picture.reshape(rows, BLOCK[1], columns, BLOCK[0]).swapaxes(1, 2)
    contrast = blocks.std((2, 3))
    # a picture half-way into black is drawn as well
    drawn = contrast > np.clip(0.15 * b.spread, 1.5, 5.0)
    best, moved = [], []
    for row, column in zip(*np.nonzero(drawn), strict=True):
        y, x = row * BLOCK[1], column * BLOCK[0]
        around = padded[y : y + BLOCK[1] + 2 * reach_y, x : x + BLOCK[0] + 2 * reach_x]
        block = np.ascontiguousarray(blocks[row, column])
        found = np.abs(cv2.matchTemplate(around, block, cv2.TM_CCOEFF_NORMED))
        place = int(found.argmax())
        best.append(found.flat[place])
        moved.append((place // found.shape[1], place % found.shape[1]))
    if not best:
        return Likeness(0.0, 0.0, 0.0, 0.0, 0.0)
    weight = np.minimum(contrast[drawn], 30.0)
    weight /= weight.sum()
    high, way = np.array(best), np.array(moved)
    sure = high > 0.8
    most = np.median(way[sure], axis=0) if sure.any() else np.zeros(2)
    together = sure & (np.abs(way - most).max(1) <= 1.0)
    pinned = (high > 0.92) & (way == (reach_y, reach_x)).all(1)
    return Likeness(
        float(weight @ high),
        float(weight @ (high > 0.9)),
        float(weight @ together),
        float(weight @ pinned),
        float(drawn.mean()),
    )


def streaks(seen: Look) -> float:
    """Log of the contrast across over the contrast down: a blur along one of them changes it."""
    gray = seen.gray.astype(np.float32)
    across, down = np.abs(np.diff(gray, axis=1)).mean(), np.abs(np.diff(gray, axis=0)).mean()
    return float(np.log((across + 0.5) / (down + 0.5)))


SCALES = (1.25, 1.4, 1.55, 1.7, 1.85, 2.0, 2.25)
SAME_DRAWING = 0.8
"""Correlation of an enlarged picture with its place in the wider one; other framings reach 0.7."""
SAME_PLATE = (0.4, 0.6)
"""Shares of blocks found again as one piece and found at all, where the figure is another drawing. Measured:
0.45 and 0.63 and up; of 196 other cuts one reaches 0.45 and 0.56."""


def enlargement(a: Look, b: Look) -> float:
    """How many times nearer ``b`` shows what ``a`` does (below 1: wider), or 0 where it shows another."""
    top, bottom = min(a.bars[0], b.bars[0]), min(a.bars[1], b.bars[1])
    if HIGH - top - bottom < HIGH // 2:
        return 0.0
    best, scale = SAME_DRAWING, 0.0
    together, plate_scale = SAME_PLATE[0], 0.0
    for wide, near, sign in ((a, b, 1.0), (b, a, -1.0)):
        ground, part = (seen.gray[top : HIGH - bottom] for seen in (wide, near))
        for factor in SCALES:
            size = (round(part.shape[1] / factor), round(part.shape[0] / factor))
            small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
            match = cv2.matchTemplate(ground, small, cv2.TM_CCOEFF_NORMED)
            found = float(match.max())
            if found > best:
                best, scale = found, factor**sign
            y, x = np.unravel_index(int(match.argmax()), match.shape)
            place = ground[y : y + size[1], x : x + size[0]]
            plate = likeness(*(replace(wide, gray=_enlarged(g), bars=(0, 0)) for g in (place, small)))
            if plate.together > together and plate.same > SAME_PLATE[1]:
                together, plate_scale = plate.together, factor**sign
    return scale or plate_scale


def _enlarged(gray: np.ndarray) -> np.ndarray:
    return cv2.resize(gray, (WIDE, HIGH), interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Ramp:
    """How frames lie between a first and a last picture A and B.

    ``first``, ``last``: the frames between that show both; ``error`` what an even rise of B's share misses,
    root mean square; ``blended`` and ``laid`` what neither a blend nor a patchwork of A and B explains in
    those frames, in shares of |A - B|; ``dip`` variance half-way over that of A and B: a blend has less.
    """

    first: int
    last: int
    error: float
    blended: float
    laid: float
    dip: float


def ramp(pictures: np.ndarray, longest: int) -> Ramp | None:
    """The rise of the last of ``pictures`` (float32 ``[n,k]``) out of the first, or None where the frames
    between show something else. Up to four frames that are like neither (an impact frame) are left out.

    ``longest``: frames the rise may last.
    """
    a, b = pictures[0], pictures[-1]
    way = b - a
    change = float(np.abs(way).mean()) + 1e-3
    from_a = pictures[1:-1] - a
    share = from_a @ way / (float(way @ way) + 1e-3)
    blended = np.abs(from_a - share[:, None] * way).mean(1) / change
    kept = (blended < 0.9) & (np.abs(share - 0.5) < 0.8)
    if kept.sum() < max(4, len(kept) - 4):
        return None
    starts, stops, models = _rises(len(share), longest)
    square = ((models - share) ** 2) @ kept
    best = int(square.argmin())
    first, last = int(starts[best]), int(stops[best])
    inner = np.flatnonzero(kept[first : last + 1]) + first
    if not len(inner) or not kept[max(first - 1, 0) : last + 2].all():
        return None
    patch = np.minimum(np.abs(from_a[inner]), np.abs(pictures[1:-1][inner] - b)).mean(1) / change
    middle = inner[np.abs(share[inner] - 0.5) < 0.25]
    dip = 1.0
    if len(middle):
        dip = float(pictures[1:-1][middle].var(1).mean() / (0.5 * (a.var() + b.var()) + 1.0))
    return Ramp(
        first,
        last,
        float(np.sqrt(square[best] / kept.sum())),
        float(blended[inner].mean()),
        float(patch.mean()),
        dip,
    )


@cache
def _rises(count: int, longest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every even rise within ``count`` frames that leaves one at either end: first and last mixed frame,
    shares."""
    pairs = [(i, j) for i in range(1, count - 1) for j in range(i, min(count - 1, i + longest))]
    starts, stops = np.array(pairs).T
    time = np.arange(count)
    models = (time - starts[:, None] + 1) / (stops - starts + 2)[:, None]
    return starts, stops, np.clip(models, 0, 1).astype(np.float32)
