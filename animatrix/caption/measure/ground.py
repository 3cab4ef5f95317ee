"""What lies round the figure in one frame: lines, tones and colours by zone, and how they move.

The features tell symbolic grounds (focus lines, streaming lines, flashes, colour fields, gloom, flowers,
swirls) from a place. All are read at 96 lines, where a place keeps its edges and grain is gone; angles are of
luma gradients, doubled so that the two sides of a line agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

LINES = 96
CENTRES = tuple((x, y) for x in (0.3, 0.5, 0.7) for y in (0.35, 0.55))  # where focus lines may meet
_MIDDLE = (2, 3)  # of CENTRES: where a swirl turns
_RADIAL = -0.95  # cosine of twice the angle between gradient and radius on a line through the centre
_SECTORS = 12
_PARTS = ("border", "ring", "core")  # of a frame, from the outside in


@dataclass(frozen=True)
class _Zones:
    """Zones of a frame whose pixels are put in ``order`` ``[h*w]``: border, ring, core, so that each is a
    slice of ``parts`` (and ``outer`` the first two). ``masks`` uint8 ``[h,w]`` of the zones of colour. Per
    centre, in that order, the doubled angle of the radii as a unit vector ``[6,2,h*w]`` and their ``sectors``
    ``[6,h*w]``; ``plane``, ``solve`` fit a ramp to the border."""

    order: np.ndarray
    parts: dict[str, slice]
    masks: dict[str, np.ndarray]
    radii: np.ndarray
    sectors: np.ndarray
    plane: np.ndarray
    solve: np.ndarray


@lru_cache(maxsize=16)
def _zones(height: int, width: int) -> _Zones:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    out = np.hypot((x - width / 2) / (width / 2), (y - height / 2) / (height / 2))
    border = (x < 0.16 * width) | (x > 0.84 * width) | (y < 0.16 * height) | (y > 0.9 * height)
    core = (out <= 0.45) & ~border
    kinds = [np.flatnonzero(mask.ravel()) for mask in (border, ~border & ~core, core)]
    order = np.concatenate(kinds)
    ends = np.cumsum([0, *map(len, kinds)])
    parts = {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(_PARTS)}
    parts["outer"] = slice(0, ends[2])
    masks = {
        "top": y < 0.3 * height,
        "foot": y > 0.75 * height,
        "border": border,
        "sides": (x < 0.2 * width) | (x > 0.8 * width),
    }
    angles = [np.arctan2(y - cy * height, x - cx * width).ravel()[order] for cx, cy in CENTRES]
    radii = np.stack([np.stack([np.cos(2 * a), np.sin(2 * a)]) for a in angles])
    sectors = np.stack([((a + np.pi) / (2 * np.pi) * _SECTORS).astype(int) % _SECTORS for a in angles])
    plane = np.stack([np.ones_like(x), x / width - 0.5, y / height - 0.5, out], -1).reshape(-1, 4)
    plane = plane[kinds[0]]
    bytes_ = {name: mask.astype(np.uint8) for name, mask in masks.items()}
    return _Zones(order, parts, bytes_, radii, sectors, plane, np.linalg.pinv(plane))


def small(rgb: np.ndarray) -> np.ndarray:
    """The frame at ``LINES`` lines, or as it is when it has fewer."""
    height, width = rgb.shape[:2]
    if height <= LINES:
        return rgb
    return cv2.resize(rgb, (max(8, round(width * LINES / height)), LINES), interpolation=cv2.INTER_AREA)


def ground_features(rgb: np.ndarray, later: np.ndarray) -> dict[str, float]:
    """Features of uint8 ``[h,w,3]``, and of its change to ``later``, a frame an eighth of a second on."""
    rgb, later = small(rgb), small(later)
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    zones = _zones(*luma.shape)
    soft = cv2.GaussianBlur(luma, (0, 0), 0.6)
    gx, gy = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125)
    size = cv2.magnitude(gx, gy)
    power = np.maximum(size * size, 1e-3)
    weight = np.minimum(size, 25)
    weight[weight < 2.5] = 0
    twice = ((gx * gx - gy * gy) / power, 2 * gx * gy / power)
    order = zones.order
    level, size, weight = luma.ravel()[order], size.ravel()[order], weight.ravel()[order]
    turned = (twice[0].ravel()[order], twice[1].ravel()[order])
    found: dict[str, float] = {}
    _by_zone(found, zones, level, size, weight, turned)
    _round_centres(found, zones, weight, turned)
    _thin(found, zones, rgb, luma, weight, turned)
    _colours(found, zones, rgb)
    change = cv2.absdiff(luma, cv2.cvtColor(later, cv2.COLOR_RGB2GRAY)).ravel()[order]
    for name in _PARTS:
        found[f"{name}_change"] = _log(_share(change[zones.parts[name]] > 14), 0.005)
    return found


def _share(mask: np.ndarray) -> float:
    return np.count_nonzero(mask) / mask.size if mask.size else float("nan")


def _log(share: float, floor: float) -> float:
    return float(np.log(share + floor))


def _by_zone(found, zones: _Zones, level, size, weight, twice) -> None:
    """Amount, strength and direction of edges, flatness, tone."""
    for name in _PARTS:
        z = zones.parts[name]
        edge, weights, cosine, sine, tone = size[z], weight[z], twice[0][z], twice[1][z], level[z]
        total = weights.sum() + 20
        c, s = (weights * cosine).sum() / total, (weights * sine).sum() / total
        mean, spread = cv2.meanStdDev(tone)
        found |= {
            f"{name}_edges": _log(_share(edge > 5), 0.005),
            f"{name}_strong_edges": _log(_share(edge > 14), 0.005),
            f"{name}_cos": float(c),
            f"{name}_sin": float(s),
            f"{name}_coherence": float(np.hypot(c, s)),
            f"{name}_level_lines": float(weights[cosine < -0.93].sum() / total),
            f"{name}_upright_lines": float(weights[cosine > 0.93].sum() / total),
            f"{name}_flat": _share(edge < 0.6),
            f"{name}_ramp": _share((edge >= 0.25) & (edge < 2.2)),
            f"{name}_luma": float(mean[0, 0] / 60),
            f"{name}_luma_spread": float(spread[0, 0] / 30),
            f"{name}_dark": _share(tone < 45),
            f"{name}_white": _share(tone > 238),
        }


def _round_centres(found, zones: _Zones, weight, twice) -> None:
    """Share of the edges that run through one centre, and how evenly about it; the turn of a spiral."""
    border, ring, outer = (zones.parts[name] for name in ("border", "ring", "outer"))
    all_border, all_ring = weight[border].sum() + 20, weight[ring].sum() + 20
    edges, cosine, sine = weight[border], twice[0][border], twice[1][border]
    shares = [
        float(edges[cosine * radius[0, border] + sine * radius[1, border] < _RADIAL].sum() / all_border)
        for radius in zones.radii
    ]
    edges, cosine, sine = weight[ring], twice[0][ring], twice[1][ring]
    for nth, k in enumerate(_MIDDLE):
        radius = zones.radii[k][:, ring]
        c = float((edges * (cosine * radius[0] + sine * radius[1])).sum() / all_ring)
        s = float((edges * (sine * radius[0] - cosine * radius[1])).sum() / all_ring)
        found |= {
            f"spiral{nth}_cos": c,
            f"spiral{nth}_sin": abs(s),
            f"spiral{nth}": float(np.hypot(c, s)),
            f"radial{nth}": shares[k],
        }
    best = int(np.argmax(shares))
    radius = zones.radii[best]
    radial = (twice[0] * radius[0] + twice[1] * radius[1])[outer] < _RADIAL
    per_sector = np.bincount(zones.sectors[best][outer], weight[outer] * radial, _SECTORS)
    found |= {
        "radial_border": shares[best],
        "radial_ring": float(weight[ring][radial[ring]].sum() / all_ring),
        "radial_sectors": float((per_sector > 0.25 * per_sector.mean() + 15).mean()),
        "radial_gaps": _log(np.sort(per_sector)[:4].mean(), 1.0),
    }


def _thin(found, zones: _Zones, rgb, luma, weight, twice) -> None:
    """Thin light and dark strokes: how many, how parallel, how long, how colourless."""
    box = np.ones((5, 5), np.uint8)
    light = cv2.morphologyEx(luma, cv2.MORPH_TOPHAT, box)
    dark = cv2.morphologyEx(luma, cv2.MORPH_BLACKHAT, box)
    large = cv2.morphologyEx(luma, cv2.MORPH_TOPHAT, np.ones((9, 9), np.uint8))
    order = zones.order
    bright, dark, large = light.ravel()[order], dark.ravel()[order], large.ravel()[order]
    for name in _PARTS:
        z = zones.parts[name]
        found[f"{name}_light_strokes"] = _log(_share(bright[z] > 14), 0.003)
        found[f"{name}_dark_strokes"] = _log(_share(dark[z] > 14), 0.003)
    found["outer_light_spots"] = _log(_share(large[zones.parts["outer"]] > 20), 0.003)
    red, green, blue = cv2.split(rgb)
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    stroke = bright > 12
    pale = stroke & ((spread < 34) & (luma > 150)).ravel()[order]
    for name, mask in (("light", stroke), ("pale", pale)):
        here = np.flatnonzero(mask)
        weights = weight[here]
        total = weights.sum() + 20
        c, s = (weights * twice[0][here]).sum() / total, (weights * twice[1][here]).sum() / total
        found[f"{name}_strokes"] = _log(len(here) / mask.size, 0.001)
        found[f"{name}_coherence"] = float(np.hypot(c, s))
    found |= _streaks(((light > 9) & (luma > 120)).astype(np.uint8))


def _streaks(mask: np.ndarray) -> dict[str, float]:
    """Long thin components of a mask: their number, and how parallel and how near each other they are."""
    count, labels, _, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
    height = mask.shape[0]
    ys, xs = np.nonzero(labels)
    own = labels[ys, xs]
    n = np.maximum(np.bincount(own, minlength=count), 1)
    dx, dy = xs - middles[own, 0], ys - middles[own, 1]
    xx, yy, xy = (np.bincount(own, v, count) / n for v in (dx * dx, dy * dy, dx * dy))
    spread = np.hypot((xx - yy) / 2, xy)
    middle = (xx + yy) / 2
    long_, wide = np.sqrt(12 * (middle + spread)), np.sqrt(12 * np.maximum(middle - spread, 0) + 1)
    chosen = (long_ > 0.06 * height) & (long_ < 0.5 * height) & (long_ > 3.2 * wide) & (wide < 0.05 * height)
    chosen[0] = False
    angle = np.arctan2(2 * xy, xx - yy)[chosen]
    number = int(chosen.sum())
    parallel = float(np.hypot(np.cos(angle).sum(), np.sin(angle).sum()) / max(number, 3))
    tilted = float((np.abs(np.sin(angle / 2)) * np.abs(np.cos(angle / 2))).mean()) if number else 0.0
    near = 1.0
    if number >= 3:
        near = float(np.median(np.abs(middles[chosen] - np.median(middles[chosen], 0)).sum(1)) / height)
    return {
        "streaks": float(np.log(number + 1)),
        "streaks_parallel": parallel,
        "streaks_tilted": tilted,
        "streaks_apart": near,
        "streaks_parallel_many": parallel * float(np.log(number + 1)),
    }


def _colours(found, zones: _Zones, rgb: np.ndarray) -> None:
    """Colour of the zones, and what one smooth ramp leaves unexplained of the border."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    lightness = {}
    for name, mask in zones.masks.items():
        mean, spread = (row[:, 0] for row in cv2.meanStdDev(lab, mask=mask))
        lightness[name] = mean[0]
        found |= {
            f"{name}_lightness": float(mean[0] / 60),
            f"{name}_a": float((mean[1] - 128) / 20),
            f"{name}_b": float((mean[2] - 128) / 20),
            f"{name}_hues": float(np.hypot(spread[1], spread[2]) / 15),
            f"{name}_tones": float(spread[0] / 40),
        }
    found["foot_over_top"] = float((lightness["foot"] - lightness["top"]) / 60)
    levels = lab.reshape(-1, 3)[zones.order[zones.parts["border"]]]
    border = levels.astype(np.float32)
    ramp = zones.solve @ border
    left = np.abs(border - zones.plane @ ramp)
    usual, most = np.percentile(left[:, 0] + left[:, 1] + left[:, 2], (50, 80))
    found["border_relief"] = _log(usual, 1.0)
    found["border_relief_80"] = _log(most, 1.0)
    found["border_vignette"] = float(ramp[3, 0] / 40)
    cells = (levels // 24).astype(np.int16)
    cell_sizes = np.bincount(cells[:, 0] * 121 + cells[:, 1] * 11 + cells[:, 2])
    counts = np.sort(cell_sizes[cell_sizes > 0])[::-1] / len(border)
    found["border_colours"] = float(np.log((counts.cumsum() < 0.9).sum() + 1))
    found["border_main_colour"] = float(counts[0])
