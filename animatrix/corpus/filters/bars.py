"""Black bars round the picture: where the picture itself lies. Bars are cut off, not a reason to refuse."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import Box, Shot

_MOST_FRAMES = 48
_SPECKS = 99.0  # percentile of a row's levels: a bar may carry a few bright pixels of coding noise


def picture_box(shot: Shot, limits: Thresholds) -> Box | None:
    """The picture inside letterbox or pillarbox bars, or None where there are none.

    A bar is black in every frame of the shot, has a twin of the same breadth on the other side, and ends at
    an edge: a night sky has neither twin nor edge.
    """
    chosen = np.unique(np.linspace(0, len(shot.gray) - 1, _MOST_FRAMES).round().astype(int))
    coarse = np.max(shot.gray[chosen], axis=0)
    stills = [cv2.cvtColor(still.rgb, cv2.COLOR_RGB2GRAY) for still in shot.stills]
    fine = np.max(stills, axis=0) if stills else coarse
    top, bottom = _pair(coarse, fine, limits)
    height = fine.shape[0]
    rows = slice(int(top * coarse.shape[0]), int(np.ceil((1 - bottom) * coarse.shape[0])))
    fine_rows = slice(int(top * height), int(np.ceil((1 - bottom) * height)))
    left, right = _pair(coarse[rows].T, fine[fine_rows].T, limits)
    if not (top or left):
        return None
    return Box(left, top, 1 - right, 1 - bottom)


def _pair(coarse: np.ndarray, fine: np.ndarray, limits: Thresholds) -> tuple[float, float]:
    """Breadth of the bars at both ends of the rows as shares; (0, 0) unless both are there and alike."""
    near, far = _bar(coarse, limits), _bar(coarse[::-1], limits)
    if not (near and far) or abs(near - far) / len(coarse) > limits.bar_uneven:
        return 0.0, 0.0
    breadths = []
    for picture, rows in ((fine, near), (fine[::-1], far)):
        scale = len(fine) / len(coarse)
        start, stop = int((rows - 2) * scale), int((rows + 2) * scale) + 1
        black = np.percentile(picture[max(start, 0) : stop], _SPECKS, axis=1) <= limits.bar_level
        inside = np.flatnonzero(~black)
        edge = max(start, 0) + (int(inside[0]) if len(inside) else len(black))
        breadths.append((edge + round(0.002 * len(fine))) / len(fine))  # the row that coding has smeared
    share = max(breadths)
    if not limits.bar_least <= share <= limits.bar_most:
        return 0.0, 0.0
    return breadths[0], breadths[1]


def _bar(picture: np.ndarray, limits: Thresholds) -> int:
    """Rows of a bar at the top, 0 when it does not end at an edge."""
    level = np.percentile(picture, _SPECKS, axis=1)
    inside = np.flatnonzero(level > limits.bar_level)
    if not len(inside) or inside[0] == 0:
        return 0
    rows = int(inside[0])
    beside = picture[rows : rows + 3].max(0)
    return rows if (beside >= limits.bar_edge).mean() >= 0.3 else 0
