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


@dataclass(frozen=True)
class _Zones:
    """Flat indices of the zones of a frame, and per centre the doubled angle of the radii as a unit vector
    ``[6,2,h*w]`` and their ``sectors`` ``[6,h*w]``; ``plane``, ``solve`` fit a ramp to the border."""

    indices: dict[str, np.ndarray]
    radii: np.ndarray
    sectors: np.ndarray
    plane: np.ndarray
    solve: np.ndarray


@lru_cache(maxsize=16)
def _zones(height: int, width: int) -> _Zones:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    out = np.hypot((x - width / 2) / (width / 2), (y - height / 2) / (height / 2))
    border = (x < 0.16 * width) | (x > 0.84 * width) | (y < 0.16 * height) | (y > 0.9 * height)
    masks = {
        "border": border,
        "ring": (out > 0.45) & ~border,
        "core": (out <= 0.45) & ~border,
        "outer": border | (out > 0.45),
        "top": y < 0.3 * height,
        "foot": y > 0.75 * height,
        "sides": (x < 0.2 * width) | (x > 0.8 * width),
    }
    indices = {name: np.flatnonzero(mask.ravel()) for name, mask in masks.items()}
    angles = [np.arctan2(y - cy * height, x - cx * width) for cx, cy in CENTRES]
    radii = np.stack([np.stack([np.cos(2 * a), np.sin(2 * a)]) for a in angles]).reshape(len(angles), 2, -1)
    sectors = np.stack(
        [((a.ravel() + np.pi) / (2 * np.pi) * _SECTORS).astype(int) % _SECTORS for a in angles]
    )
    plane = np.stack([np.ones_like(x), x / width - 0.5, y / height - 0.5, out], -1).reshape(-1, 4)
    plane = plane[indices["border"]]
    return _Zones(indices, radii, sectors, plane, np.linalg.pinv(plane))


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
    twice = np.stack([(gx * gx - gy * gy) / power, 2 * gx * gy / power]).reshape(2, -1)
    weight = np.minimum(size, 25).ravel()
    weight[weight < 2.5] = 0
    found: dict[str, float] = {}
    _by_zone(found, zones, luma.ravel(), size.ravel(), weight, twice)
    _round_centres(found, zones, weight, twice)
    _thin(found, zones, rgb, luma, weight, twice)
    _colours(found, zones, rgb)
    change = cv2.absdiff(luma, cv2.cvtColor(later, cv2.COLOR_RGB2GRAY)).ravel()
    for name in ("border", "ring", "core"):
        found[f"{name}_change"] = _log((change[zones.indices[name]] > 14).mean(), 0.005)
    return found


def _log(share: float, floor: float) -> float:
    return float(np.log(share + floor))


def _by_zone(found, zones: _Zones, luma, size, weight, twice) -> None:
    """Amount, strength and direction of edges, flatness, tone."""
    for name in ("border", "ring", "core"):
        z = zones.indices[name]
        edge, weights, (cosine, sine) = size[z], weight[z], twice[:, z]
        total = weights.sum() + 20
        c, s = (weights * cosine).sum() / total, (weights * sine).sum() / total
        level = luma[z].astype(np.float32)
        found |= {
            f"{name}_edges": _log((edge > 5).mean(), 0.005),
            f"{name}_strong_edges": _log((edge > 14).mean(), 0.005),
            f"{name}_cos": float(c),
            f"{name}_sin": float(s),
            f"{name}_coherence": float(np.hypot(c, s)),
            f"{name}_level_lines": float(weights[cosine < -0.93].sum() / total),
            f"{name}_upright_lines": float(weights[cosine > 0.93].sum() / total),
            f"{name}_flat": float((edge < 0.6).mean()),
            f"{name}_ramp": float(((edge >= 0.25) & (edge < 2.2)).mean()),
            f"{name}_luma": float(level.mean() / 60),
            f"{name}_luma_spread": float(level.std() / 30),
            f"{name}_dark": float((level < 45).mean()),
            f"{name}_white": float((level > 238).mean()),
        }


def _round_centres(found, zones: _Zones, weight, twice) -> None:
    """Share of the edges that run through one centre, and how evenly about it; the turn of a spiral."""
    border, ring, outer = (zones.indices[name] for name in ("border", "ring", "outer"))
    all_border, all_ring = weight[border].sum() + 20, weight[ring].sum() + 20
    shares, cosines = [], []
    for radius in zones.radii:
        cosine = twice[0] * radius[0] + twice[1] * radius[1]
        cosines.append(cosine)
        shares.append(float(weight[border][cosine[border] < _RADIAL].sum() / all_border))
    for nth, k in enumerate(_MIDDLE):
        radius = zones.radii[k]
        sine = twice[1] * radius[0] - twice[0] * radius[1]
        c = float((weight * cosines[k])[ring].sum() / all_ring)
        s = float((weight * sine)[ring].sum() / all_ring)
        found |= {
            f"spiral{nth}_cos": c,
            f"spiral{nth}_sin": abs(s),
            f"spiral{nth}": float(np.hypot(c, s)),
            f"radial{nth}": shares[k],
        }
    best = int(np.argmax(shares))
    radial = cosines[best] < _RADIAL
    per_sector = np.bincount(zones.sectors[best][outer], (weight * radial)[outer], _SECTORS)
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
    dark = cv2.morphologyEx(luma, cv2.MORPH_BLACKHAT, box).ravel()
    large = cv2.morphologyEx(luma, cv2.MORPH_TOPHAT, np.ones((9, 9), np.uint8)).ravel()
    for name in ("border", "ring", "core"):
        z = zones.indices[name]
        found[f"{name}_light_strokes"] = _log((light.ravel()[z] > 14).mean(), 0.003)
        found[f"{name}_dark_strokes"] = _log((dark[z] > 14).mean(), 0.003)
    found["outer_light_spots"] = _log((large[zones.indices["outer"]] > 20).mean(), 0.003)
    grey = (rgb.max(2).astype(np.int16) - rgb.min(2)) < 34
    for name, mask in (("light", light > 12), ("pale", (light > 12) & grey & (luma > 150))):
        z = mask.ravel()
        total = weight[z].sum() + 20
        c, s = (weight[z] * twice[0, z]).sum() / total, (weight[z] * twice[1, z]).sum() / total
        found[f"{name}_strokes"] = _log(mask.mean(), 0.001)
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
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab).reshape(-1, 3).astype(np.float32)
    means = {}
    for name in ("top", "foot", "border", "sides"):
        part = lab[zones.indices[name]]
        mean, spread = part.mean(0), part.std(0)
        means[name] = mean
        found |= {
            f"{name}_lightness": float(mean[0] / 60),
            f"{name}_a": float((mean[1] - 128) / 20),
            f"{name}_b": float((mean[2] - 128) / 20),
            f"{name}_hues": float(np.hypot(spread[1], spread[2]) / 15),
            f"{name}_tones": float(spread[0] / 40),
        }
    found["foot_over_top"] = float((means["foot"][0] - means["top"][0]) / 60)
    border = lab[zones.indices["border"]]
    ramp = zones.solve @ border
    left = np.abs(border - zones.plane @ ramp).sum(1)
    found["border_relief"] = _log(np.median(left), 1.0)
    found["border_relief_80"] = _log(np.percentile(left, 80), 1.0)
    found["border_vignette"] = float(ramp[3, 0] / 40)
    cells = (border // 24).astype(int)
    cell_sizes = np.bincount(cells[:, 0] * 121 + cells[:, 1] * 11 + cells[:, 2])
    counts = np.sort(cell_sizes[cell_sizes > 0])[::-1] / len(border)
    found["border_colours"] = float(np.log((counts.cumsum() < 0.9).sum() + 1))
    found["border_main_colour"] = float(counts[0])
