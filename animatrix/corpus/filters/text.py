"""Subtitles and credits burnt into the picture, found by their strokes; nothing is read.

Lettering is many small bright shapes of about one height, standing on one line, in one paint. Rain, sparkles
and screentone are small and bright, too, but do not stand on a line.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import Shot

_LINES = 480  # height in pixels at which strokes are looked for
_STROKE = 13  # pixels, broader is no stroke
_CONTRAST = 60  # levels a stroke stands above what is round it


def measure(shot: Shot) -> dict[str, float]:
    """``text_glyphs`` on the longest line and ``text_width`` of it as a share of the frame's width, in the
    median of the pictures that have one; ``text_share`` of the pictures that have one."""
    found = [line for still in shot.stills if (line := longest_line(still.rgb))]
    if not found:
        return {"text_glyphs": 0.0, "text_width": 0.0, "text_share": 0.0}
    glyphs, width = np.median(np.array(found), axis=0)
    return {
        "text_glyphs": float(glyphs),
        "text_width": float(width),
        "text_share": len(found) / len(shot.stills),
    }


def refuse(figures: dict[str, float], limits: Thresholds) -> str | None:
    if (
        figures["text_glyphs"] < limits.text_glyphs
        or figures["text_width"] < limits.text_width
        or figures["text_share"] < limits.text_share
    ):
        return None
    share = figures["text_share"]
    return f"a line of about {figures['text_glyphs']:.0f} letters in {100 * share:.0f} % of the drawings"


def longest_line(rgb: np.ndarray) -> tuple[int, float] | None:
    """Letters on the longest line of lettering in a picture, and its length as a share of the width."""
    scale = _LINES / rgb.shape[0]
    if scale < 1:
        size = (max(8, round(rgb.shape[1] * scale)), _LINES)
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    height, width = gray.shape
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_STROKE, _STROKE))
    strokes = (cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, kernel) > _CONTRAST).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    x, y, w, h, area = stats.T
    small = (h >= 0.014 * height) & (h <= 0.10 * height) & (w <= 0.12 * width)
    filled = (area >= 0.12 * w * h) & (area >= 12) & (w <= 3 * h)
    kept = np.flatnonzero(small & filled)
    best: tuple[int, float] | None = None
    used: set[int] = set()
    for seed in kept[np.argsort(-h[kept], kind="stable")]:  # tall letters first: they set the line
        if int(seed) in used:
            continue
        line = _line(seed, kept, x, y, w, h)
        used.update(int(i) for i in line)
        if len(line) < 4 or not _one_paint(gray, strokes, line, x, y, w, h):
            continue
        length = float(x[line[-1]] + w[line[-1]] - x[line[0]]) / width
        if best is None or len(line) > best[0]:
            best = (len(line), length)
    return best


def _line(
    seed: int, kept: np.ndarray, x: np.ndarray, y: np.ndarray, w: np.ndarray, h: np.ndarray
) -> list[int]:
    """Shapes on one line with ``seed``, left to right, without gaps broader than two letters."""
    foot, tall = y + h, h[seed]
    near = np.abs(foot[kept] - foot[seed]) <= max(2.0, 0.18 * tall)
    like = (h[kept] >= 0.45 * tall) & (h[kept] <= 1.5 * tall)
    row = kept[near & like]
    row = row[np.argsort(x[row], kind="stable")]
    parts: list[list[int]] = [[int(row[0])]]
    for before, after in pairwise(row):
        if x[after] - (x[before] + w[before]) > 1.8 * tall:
            parts.append([])
        parts[-1].append(int(after))
    return next(part for part in parts if int(seed) in part)


def _one_paint(
    gray: np.ndarray,
    strokes: np.ndarray,
    line: list[int],
    x: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    h: np.ndarray,
) -> bool:
    """Whether the shapes of a line have one brightness and differ in form: letters, no pattern or rain."""
    levels, breadths, fills = [], [], []
    for i in line:
        part = (slice(y[i], y[i] + h[i]), slice(x[i], x[i] + w[i]))
        inside = strokes[part] > 0
        levels.append(np.percentile(gray[part][inside], 80))
        breadths.append(w[i] / h[i])
        fills.append(inside.mean())
    varied = np.std(breadths) > 0.08 or np.std(fills) > 0.05
    return bool(np.percentile(levels, 90) - np.percentile(levels, 10) <= 45 and varied)
