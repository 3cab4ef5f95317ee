"""Subtitles and credits burnt into the picture, found by their strokes; nothing is read.

Lettering is many small bright shapes of about one height, standing on one line, in one paint. Rain, sparkles
and screentone are small and bright, too, but do not stand on a line.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import Shot

_LINES = 480  # height in pixels at which strokes are looked for
_STROKE = 13  # pixels, broader is no stroke
_CONTRAST = 60  # levels a stroke stands above what is round it
_OF_BRIGHTEST = 0.55  # of what a stroke's brightest neighbour stands above its surroundings
_MOST_SAME = 0.82  # of a line's letters may be of one breadth
_LEAST_AREA = 12  # pixels
_ONE_PAINT = 28  # levels by which letters of one line may differ


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
    above = np.asarray(cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, kernel))
    # Between outlined letters the picture shows through, brighter than the outline, darker than the letter.
    beside = np.asarray(cv2.dilate(above, np.ones((_STROKE, 2 * _STROKE), np.uint8)))
    strokes = ((above > _CONTRAST) & (above > _OF_BRIGHTEST * beside)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    x, y, w, h, area = stats.T
    small = (h >= 0.014 * height) & (h <= 0.10 * height) & (w <= 0.12 * width)
    filled = (area >= 0.12 * w * h) & (area >= _LEAST_AREA) & (w <= 3 * h)
    shapes = [
        _Shape(
            int(x[i]),
            int(y[i]),
            int(w[i]),
            int(h[i]),
            float(area[i] / (w[i] * h[i])),
            _paint(gray, labels, int(i), stats),
        )
        for i in np.flatnonzero(small & filled)
    ]
    best: tuple[int, float] | None = None
    used: set[_Shape] = set()
    for seed in sorted(shapes, key=lambda s: (-s.h, s.y, s.x)):  # tall letters first: they set the line
        if seed in used:
            continue
        line = _line(seed, shapes)
        used.update(line)
        if len(line) < 4 or not _varied(line):
            continue
        length = (line[-1].x + line[-1].w - line[0].x) / width
        if best is None or len(line) > best[0]:
            best = (len(line), length)
    return best


class _Shape(NamedTuple):
    """A bright shape: its box in pixels, the share of it that is filled, and its paint (levels)."""

    x: int
    y: int
    w: int
    h: int
    fill: float
    paint: float


def _paint(gray: np.ndarray, labels: np.ndarray, index: int, stats: np.ndarray) -> float:
    x, y, w, h, _ = stats[index]
    part = (slice(y, y + h), slice(x, x + w))
    return float(np.percentile(gray[part][labels[part] == index], 80))


def _line(seed: _Shape, shapes: list[_Shape]) -> list[_Shape]:
    """Shapes on a line with ``seed`` and in its paint, left to right, without gaps broader than two letters.

    What shows through between outlined letters is as small and bright, but seldom of the letters' paint.
    """
    row = [
        s
        for s in shapes
        if abs(s.y + s.h - seed.y - seed.h) <= max(2.0, 0.18 * seed.h)
        and 0.45 * seed.h <= s.h <= 1.5 * seed.h
        and abs(s.paint - seed.paint) <= _ONE_PAINT
    ]
    row.sort()
    parts: list[list[_Shape]] = [[row[0]]]
    for before, after in pairwise(row):
        if after.x - (before.x + before.w) > 1.8 * seed.h:
            parts.append([])
        parts[-1].append(after)
    return next(part for part in parts if seed in part)


def _varied(line: list[_Shape]) -> bool:
    """Whether the shapes of a line differ in form: letters do, a fence or the windows of a house do not."""
    breadths = np.array([s.w for s in line])
    same = np.abs(breadths / np.median(breadths) - 1) < 0.15
    return bool(same.mean() <= _MOST_SAME)
