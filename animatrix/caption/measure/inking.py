"""What the lines and the paint of a drawn figure look like in one picture: the features of line and shading.

The figure is where the lines are: the largest inked shapes, filled. Backgrounds painted without lines stay
out of it. Lengths are shares of the picture height unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from animatrix.caption.measure.strokes import STEP, Sections, reduced, ridge_depth, sections

if TYPE_CHECKING:
    from animatrix.caption.measure.shot import Still

_SIZES = (0.004, 0.007, 0.011, 0.016, 0.024, 0.036)  # of the pattern spectrum
_LAGS = ((0.012, 0.02), (0.02, 0.03), (0.03, 0.042), (0.042, 0.06))
_MANY = 4  # whole pictures from which two are looked at; one costs 40 ms
_MOST_SECTIONS = 2500
_FEWEST = 15  # sections below which nothing is said of strokes
_INSIDE = 34  # darkest luma still called black, gray levels
STROKE_FEATURES = (
    *(f"width_{q}" for q in (10, 25, 50, 75, 90)),
    *("width_to_figure", "depth", "depth_spread", "ragged", "uneven", "ragged_median"),
    *("twin_both", "twin_one", "ink_light", "ink_light_spread", "ink_chroma", "ink_hues", "tint_slope"),
    *("tint_match", "same_hue", "chroma_ratio", "light_ratio", "contours", "contour_over_inner"),
    *("rim_one", "rim_both", "crispness"),
)


def mean_features(stills: Sequence[Still]) -> dict[str, float]:
    """Mean of :func:`ink_features` over the middle one of a few whole pictures of a shot, or over two."""
    count = 1 if len(stills) < _MANY else 2
    middles = [(2 * k + 1) * len(stills) // (2 * count) for k in range(count)]
    found = [ink_features(stills[k].rgb) for k in middles]
    return {name: float(np.mean([row[name] for row in found])) for name in found[0]}


@dataclass(frozen=True)
class _Near:
    """A figure and what is about it, cut out of a picture of ``height`` lines: ``picture`` ``[h,w,3]``,
    ``luma``, ``depth``, ``slope`` and ``figure`` ``[h,w]``."""

    height: int
    picture: np.ndarray
    luma: np.ndarray
    depth: np.ndarray
    slope: np.ndarray
    figure: np.ndarray


def _about(figure: np.ndarray) -> tuple[slice, slice]:
    """Box of a mask, farther on every side than the widest filter reaches."""
    left, top, width, height = cv2.boundingRect(figure.astype(np.uint8))
    rim = 8 + len(figure) // 10
    return slice(max(top - rim, 0), top + height + rim), slice(max(left - rim, 0), left + width + rim)


def ink_features(rgb: np.ndarray) -> dict[str, float]:
    """Features of uint8 ``[H,W,3]``, the same names whatever is in it."""
    picture = reduced(rgb)
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height = len(luma)
    depth = ridge_depth(luma)
    figure, found = figure_mask(depth)
    slope = _slope(luma, 0.7)
    edge = slope > 8
    beside = cv2.dilate((depth > 20).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    found["lined"] = float((edge & figure & beside).sum() / max((edge & figure).sum(), 1))
    found["inked"] = _log((depth[figure] > 32).mean(), 1e-3)
    box = _about(figure)  # only the figure is asked about, and most figures fill a part of the picture
    near = _Near(height, picture[box], luma[box], depth[box], slope[box], figure[box])
    _spectrum(found, near)
    strokes = sections(picture, most=_MOST_SECTIONS, within=figure)
    deepest = float(np.percentile(strokes.depth, 90)) if len(strokes) > 10 else 60.0
    strong = strokes.depth >= 0.5 * deepest
    found["strokes"] = _log(strong.sum() / height, 0.1)
    _silhouette(found, strokes, strong, figure)
    enough = strong.sum() >= _FEWEST
    numbers = _strokes(strokes, strong, found["figure_size"]) if enough else [0.0] * len(STROKE_FEATURES)
    found |= dict(zip(STROKE_FEATURES, map(float, numbers), strict=True))
    found["dark_picture"] = _log((luma < _INSIDE).mean(), 0.003)
    _paint(found, near)
    _pattern(found, strokes, near, float(figure.mean()))
    found["lines"] = float(np.log(height))
    return found


def figure_mask(depth: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    """Bool ``[h,w]`` of the largest inked shapes, the whole picture where there is none; and their sizes."""
    height, width = depth.shape
    size = 2 * max(1, round(0.012 * height)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    inked = cv2.copyMakeBorder((depth > 24).astype(np.uint8), size, size, size, size, cv2.BORDER_CONSTANT)
    inked[height + size] = 1  # a bust is open at the foot of the frame: its outline ends there
    closed = cv2.morphologyEx(inked, cv2.MORPH_CLOSE, kernel)[size : -size + 1, size:-size]
    shapes, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    mask = np.zeros((height + 1, width), np.uint8)
    largest, across, tall = 0.0, 0, 0
    if shapes:
        areas = [cv2.contourArea(shape) for shape in shapes]
        largest = max(areas)
        cv2.drawContours(
            mask, [s for s, a in zip(shapes, areas, strict=True) if a >= 0.25 * largest], -1, (1,), -1
        )
        _, _, across, tall = cv2.boundingRect(shapes[int(np.argmax(areas))])
    mask = mask[:height]
    found = {
        "figure": _log(mask.mean(), 0.01),
        "figure_size": _log(np.sqrt(largest / (height * width)), 0.03),
        "figure_across": _log(across / height, 0.05),
        "figure_tall": _log(tall / height, 0.05),
    }
    return (mask > 0 if mask.mean() >= 0.002 else np.ones_like(mask, bool)), found


def _log(share: float, floor: float) -> float:
    return float(np.log(share + floor))


def _slope(luma: np.ndarray, sigma: float) -> np.ndarray:
    """Gray levels per pixel."""
    gx, gy = cv2.spatialGradient(cv2.GaussianBlur(luma, (0, 0), sigma))
    return cv2.magnitude(gx.astype(np.float32), gy.astype(np.float32)) / 8


def _square(height: int, half: float, least: int) -> np.ndarray:
    return np.ones((2 * round(half * height) + least,) * 2, np.uint8)


def _spectrum(found: dict[str, float], near: _Near) -> None:
    """Dark and light detail narrower than each size (the pattern spectrum of Maragos, 1989)."""
    for nth, share in enumerate(_SIZES):
        side = 2 * max(1, round(share * near.height / 2)) + 1
        kernel = np.ones((side, side), np.uint8)
        for name, kind in (("dark", cv2.MORPH_BLACKHAT), ("light", cv2.MORPH_TOPHAT)):
            detail = cv2.morphologyEx(near.luma, kind, kernel)[near.figure]
            found[f"{name}_{nth}"] = _log(float(np.where(detail > 16, detail, 0).mean()), 0.05)


def _silhouette(found, strokes: Sections, chosen: np.ndarray, figure: np.ndarray) -> None:
    """Lines along the border of the figure against those within it: how wide, how even, how deep."""
    names = ("silhouette", "silhouette_width", "silhouette_over_inner", "silhouette_spread")
    found |= dict.fromkeys((*names, "inner_spread", "silhouette_depth"), 0.0)
    if chosen.sum() < _FEWEST:
        return
    height = len(figure)
    closed = np.pad(figure.astype(np.uint8), 1)
    closed[-1] = closed[-2]  # where the frame cuts the figure there is no border of it
    away = cv2.distanceTransform(closed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    at = strokes.at[chosen].astype(int)
    border = away[at[:, 1], at[:, 0]] < 0.014 * height + 1
    width, depth = np.log(strokes.width[chosen] * 1000), np.log(strokes.depth[chosen])
    found["silhouette"] = float(border.mean())
    if border.sum() < _FEWEST or (~border).sum() < _FEWEST:
        return
    low, middle, high = np.percentile(width[border], (15, 50, 85))
    inner = np.percentile(width[~border], (15, 50, 85))
    found["silhouette_width"], found["silhouette_over_inner"] = float(middle), float(middle - inner[1])
    found["silhouette_spread"], found["inner_spread"] = float(high - low), float(inner[2] - inner[0])
    found["silhouette_depth"] = float(np.median(depth[border]) - np.median(depth[~border]))


def _strokes(all_: Sections, chosen: np.ndarray, figure_size: float) -> list[float]:
    """Numbers of ``STROKE_FEATURES``, in that order."""
    width, depth = all_.width[chosen], all_.depth[chosen]
    widths = np.log(np.percentile(width, (10, 25, 50, 75, 90)) * 1000)
    ink, near, far = (lab[chosen] - (0, 128, 128) for lab in (all_.ink, all_.near, all_.far))
    chroma, fill = np.hypot(ink[:, 1], ink[:, 2]), np.hypot(near[:, 1], near[:, 2])
    ink_turn, fill_turn = (lab[:, 1:] - lab[:, 1:].mean(0) for lab in (ink, near))
    together = float((ink_turn * fill_turn).sum())
    own, fills = float((ink_turn**2).sum()), float((fill_turn**2).sum())
    alike = (ink[:, 1:] * near[:, 1:]).sum(1) / np.maximum(chroma * fill, 1)
    tinted = (chroma > 6) & (fill > 10)
    apart = np.abs(near - far).sum(1)
    contour, inner = apart > 45, apart < 25
    wider = 0.0
    if contour.sum() > 10 and inner.sum() > 10:
        wider = float(np.median(np.log(width[contour])) - np.median(np.log(width[inner])))
    rim = _rims(all_, chosen)
    twin = _twins(all_, chosen)
    steepest = np.abs(np.diff(all_.levels[chosen], axis=1)).max(1) / depth
    return [
        *widths,
        widths[2] - figure_size,
        np.log(np.median(depth)),
        np.log(depth).std(),
        *_evenness(all_, chosen),
        (twin[0] & twin[1]).mean(),
        (twin[0] ^ twin[1]).mean(),
        np.median(ink[:, 0]) / 50,
        ink[:, 0].std() / 20,
        np.median(chroma) / 20,
        np.sqrt(ink[:, 1].std() * ink[:, 2].std()) / 10,
        together / max(fills, 1.0),
        together / np.sqrt(max(own * fills, 1.0)),
        (alike[tinted] > 0.87).mean() if tinted.sum() > 10 else 0.5,  # within 30 degrees of the fill's hue
        np.median(chroma / np.maximum(fill, 5)),
        np.median(ink[:, 0] / np.maximum(near[:, 0], 10)),
        contour.mean(),
        wider,
        (rim[0] ^ rim[1]).mean(),
        (rim[0] & rim[1]).mean(),
        np.median(steepest),
    ]


def _evenness(all_: Sections, chosen: np.ndarray) -> tuple[float, float, float]:
    """Spread of log width along short stretches, between stretches, and of the median stretch."""
    if chosen.sum() < 20:
        return 0.0, 0.0, 0.0
    width = np.log(all_.width[chosen])
    cell = (all_.at[chosen] // max(3.0, 0.03 * all_.lines)).astype(int)
    turn = np.floor(all_.normal[chosen] / (np.pi / 4)).astype(int)
    place = np.unique((cell[:, 0] * 65536 + cell[:, 1]) * 8 + turn, return_inverse=True)[1].ravel()
    count = np.bincount(place)
    mean = np.bincount(place, width) / count
    off = (width - mean[place]) ** 2
    enough = count >= 4
    here = enough[place]
    within = float(np.sqrt(off[here].mean())) if here.sum() > 10 else 0.0
    if enough.sum() <= 3:
        return within, 0.0, 0.0
    median = float(np.sqrt(np.median((np.bincount(place, off) / count)[enough])))
    return within, float(mean[enough].std()), median


def _twins(all_: Sections, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bool [n] for either side: another line, parted from this one by a gap, within a few widths."""
    levels, depth = all_.levels[chosen], all_.depth[chosen][:, None]
    half = levels.shape[1] // 2
    reach = (all_.width[chosen] * all_.lines / STEP / 2)[:, None]
    away = np.abs(np.arange(levels.shape[1]) - half)[None]
    fill = levels[:, half][:, None] + depth
    found = []
    for side in (slice(None, half), slice(half + 1, None)):
        off, level = away[:, side], levels[:, side]
        beyond = (off > reach + 2) & (off < 5 * reach + 6)
        gap = np.where((off > 0.8 * reach) & (off < 3 * reach + 4), level, -1).max(1)[:, None]
        line = (np.where(beyond, level, 999) < fill - 0.5 * depth).any(1)
        found.append(line & (gap > fill - 0.35 * depth)[:, 0])
    return found[0], found[1]


def _rims(all_: Sections, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bool [n] for either side: a bright band along the line, brighter than what lies behind the band."""
    levels = all_.levels[chosen]
    half = levels.shape[1] // 2
    reach = (all_.width[chosen] * all_.lines / STEP / 2)[:, None]
    away = np.abs(np.arange(levels.shape[1]) - half)[None]
    unit = all_.lines / STEP
    band = (away > reach) & (away <= reach + max(6, 0.02 * unit))
    behind = (away > reach + max(8, 0.035 * unit)) & (away < reach + max(16, 0.07 * unit))
    found = []
    for side in (slice(None, half), slice(half + 1, None)):
        peak = np.where(band[:, side], levels[:, side], 0).max(1)
        back = np.where(behind[:, side], levels[:, side], 0).sum(1) / np.maximum(behind[:, side].sum(1), 1)
        found.append((peak > 205) & (peak - back > 35))
    return found[0], found[1]


def _paint(found, near: _Near) -> None:
    """Flat paint against fades, black masses, small white shapes."""
    height, luma, depth, slope, figure = near.height, near.luma, near.depth, near.slope, near.figure
    area = max(int(figure.sum()), 1)
    fade = _slope(luma, max(0.7, 0.006 * height)) * max(1.0, height / 96)
    busy = ((depth > 14) | (slope > 10)).astype(np.uint8)
    calm = (cv2.dilate(busy, _square(height, 0.008, 3)) == 0) & figure
    steps = fade[calm]
    found["calm"] = _log(calm.sum() / area, 0.01)
    for nth, (low, high) in enumerate(((0.0, 0.35), (0.35, 0.8), (0.8, 2.0), (2.0, 6.0))):
        found[f"fade_{nth}"] = float(((steps >= low) & (steps < high)).mean()) if len(steps) > 30 else 0.0
    black = ((luma < _INSIDE) & figure).astype(np.uint8)
    found["black"] = _log(black[figure].mean(), 0.003)
    for nth, half in enumerate((0.009, 0.018)):
        found[f"black_mass_{nth}"] = _log(cv2.erode(black, _square(height, half, 3))[figure].mean(), 0.001)
    found["figure_luma"] = float(np.median(luma[figure])) / 60
    red, green, blue = cv2.split(near.picture)
    least = cv2.min(cv2.min(red, green), blue)
    white = ((least > 232) & figure).astype(np.uint8)
    large = cv2.morphologyEx(white, cv2.MORPH_OPEN, _square(height, 0.02, 3))
    found["white_spots"] = _log((white & ~large)[figure].mean(), 0.0005)
    side = 2 * max(1, round(0.02 * height)) + 1
    light = cv2.morphologyEx(luma, cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8))
    found["light_detail"] = _log((light[figure] > 60).mean(), 0.001)
    found["white_detail"] = _log(((light > 40) & (least > 225) & figure).sum() / area, 0.0005)
    found["light_pieces"] = float(np.log(_pieces((light > 14) & figure, height, 0.5, 12, False) + 1))


def _pieces(mask: np.ndarray, height: int, least: float, most: float, rounded: bool) -> int:
    """Connected pieces of so many ten-thousandths of the squared height, round ones only where asked."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    size = stats[1:, cv2.CC_STAT_AREA] / height**2 * 1e4
    sides = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    fits = (size > least) & (size < most)
    return int((fits & (sides.max(1) < 1.8 * sides.min(1) + 1) if rounded else fits).sum())


def _pattern(found, strokes: Sections, near: _Near, covered: float) -> None:
    """Strokes within one fill: how parallel, at what period; and dots of one size."""
    names = ("one_way", "within_fill", "rows_both", "rows_one", *(f"period_{k}" for k in range(len(_LAGS))))
    found |= dict.fromkeys(names, 0.0)
    found["dots"] = float(np.log(_pieces((near.depth > 14) & near.figure, near.height, 0.8, 9, True) + 1))
    found["dots_density"] = float(found["dots"] - np.log(covered * 400 + 1))
    if len(strokes) <= 20:
        return
    alike = np.abs(strokes.near - strokes.far).sum(1) < 40
    turns = np.histogram(strokes.normal[alike], 12, (0, np.pi))[0] / max(alike.sum(), 1)
    turns = np.convolve(np.r_[turns[-1:], turns, turns[:1]], (0.5, 1, 0.5), "valid")
    found["one_way"], found["within_fill"] = float(turns.max()), float(alike.mean())
    if alike.sum() <= 20:
        return
    one, other = _twins(strokes, alike)
    found["rows_both"], found["rows_one"] = float((one & other).mean()), float((one ^ other).mean())
    levels = strokes.levels[alike] - strokes.levels[alike].mean(1, keepdims=True)
    length = levels.shape[1]
    power = np.abs(np.fft.rfft(levels, n=2 * length, axis=1)) ** 2
    again = np.fft.irfft(power, axis=1)[:, :length]
    again = (again / np.maximum(again[:, :1], 1)).mean(0)
    lag = np.arange(length) * STEP / strokes.lines
    for nth, (low, high) in enumerate(_LAGS):
        here = again[(lag >= low) & (lag < high)]
        found[f"period_{nth}"] = float(here.max()) if len(here) else 0.0
