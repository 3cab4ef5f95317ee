"""Texture laid over a print: grain, paper, scan lines, colour fringes and softness, read on stills."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

from animatrix.caption.measure.shot import Shot, Still

STILLS = 2  # stills of a shot that are looked at
SIDE = 480  # longer side they are reduced to where fine texture is not the point
FRINGE_SIDE = 320

Fine = tuple[np.ndarray, np.ndarray]  # what _fine finds


def texture_numbers(shot: Shot) -> dict[str, float]:
    """Medians over the stills of a shot; see the functions below for units. NaN where no still has a twin."""
    stills = tuple(still for still in shot.stills if still.twin is not None) or shot.stills
    if len(stills) > STILLS:
        stills = tuple(stills[round(i)] for i in np.linspace(0, len(stills) - 1, STILLS))
    lumas = [cv2.cvtColor(still.rgb, cv2.COLOR_RGB2GRAY) for still in stills]
    fines = [_fine(luma[_window(luma.shape)]) for luma in lumas]
    rows = [_still_numbers(*each) for each in zip(stills, lumas, fines, strict=True)]
    out = {name: float(np.nanmedian([row[name] for row in rows])) for name in rows[0]}
    out.update(_lasting(fines))
    return out


def _still_numbers(still: Still, luma: np.ndarray, fine: Fine) -> dict[str, float]:
    window = _window(luma.shape)
    twin = None if still.twin is None else still.twin[window]
    return {**_grain(luma[window], fine, twin), **_scan_lines(luma), **_fringe(still.rgb), **_softness(luma)}


def _window(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """At most 320x320 pixels of the middle: enough for statistics of texture."""
    height, width = shape[0], shape[1]
    top, left = max(0, (height - 320) // 2), max(0, (width - 320) // 2)
    return slice(top, top + min(height, 320)), slice(left, left + min(width, 320))


def _fine(luma: np.ndarray) -> Fine:
    """What a 3x3 mean leaves over, in gray levels, and the flat pixels where it counts."""
    values = luma.astype(np.float32)
    smooth = cv2.blur(values, (5, 5))
    gx, gy = (
        cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125),
    )
    flat = (np.abs(gx) + np.abs(gy) < 2.5) & (smooth > 25) & (smooth < 232)
    return values - cv2.blur(values, (3, 3)), flat


def _spread(values: np.ndarray) -> float:
    """Robust standard deviation."""
    return 1.4826 * float(np.median(np.abs(values))) if len(values) else 0.0


def _grain(luma: np.ndarray, own: Fine, twin: np.ndarray | None) -> dict[str, float]:
    """Gray levels: ``texture`` spatial, ``flicker`` from a frame to the next; ``kept`` their correlation."""
    fine, flat = own
    painted = np.abs(fine[flat])
    out = {
        "texture": _spread(painted),
        "texture_mean": float(np.minimum(painted, 12).mean()) if flat.any() else 0.0,
        "flat_share": float(flat.mean()),
        "exact_share": float((painted < 0.2).mean()) if flat.any() else 1.0,
    }
    if twin is None:
        return {**out, "flicker": np.nan, "flicker_mean": np.nan, "kept": np.nan, "same_share": np.nan}
    other, level = _fine(twin)
    # Only what stayed where it was: paint that moved away is another drawing, not grain.
    moved = np.abs(cv2.blur(twin, (5, 5)).astype(np.float32) - cv2.blur(luma, (5, 5)))
    held = flat & level & (moved < 6)
    a, b = np.clip(fine[held], -20, 20), np.clip(other[held], -20, 20)
    change = luma[held].astype(np.float32) - twin[held]
    if len(a) < 200:
        return {**out, "flicker": 0.0, "flicker_mean": 0.0, "kept": 0.0, "same_share": 1.0}
    return {
        **out,
        "flicker": _spread(change) / np.sqrt(2),
        "flicker_mean": float(np.minimum(np.abs(change), 12).mean()),
        "kept": float((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean() + 1e-3)),
        "same_share": float((change == 0).mean()),
    }


def _lasting(fines: list[Fine]) -> dict[str, float]:
    """Correlation of the fine texture of flat paint over half a second and more: 1 for paper, 0 for grain."""
    found = []
    for (a, flat), (b, level) in pairwise(fines):
        both = flat & level
        if both.sum() < 200:
            continue
        a, b = np.clip(a[both], -20, 20), np.clip(b[both], -20, 20)
        found.append(float((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean() + 1e-3)))
    return {"lasting": float(np.median(found)) if found else 0.0}


def _scan_lines(luma: np.ndarray) -> dict[str, float]:
    """A regular pattern of rows: its amplitude over the mean brightness, its share of the fine variation."""
    rows = cv2.reduce(luma, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0]
    size = max(5, round(len(rows) / 20) | 1)
    smooth = cv2.blur(rows[:, None], (1, size))[:, 0]
    fine = (rows - smooth) * np.hanning(len(rows))
    power = np.abs(np.fft.rfft(fine)) ** 2
    power[: max(3, len(rows) // 30)] = 0
    peak = int(power.argmax())
    near = float(power[max(peak - 1, 0) : peak + 2].sum())
    amplitude = 4 * np.sqrt(near / 1.5) / len(rows)
    return {
        "rows_amount": float(amplitude / max(float(rows.mean()), 10.0)),
        "rows_share": near / (float(power.sum()) + 1e-6),
    }


def _fringe(rgb: np.ndarray) -> dict[str, float]:
    """Scale of red against blue about the middle (percent), and its fit; the
    same for a turn, which no lens makes."""
    height, width = rgb.shape[:2]
    side = FRINGE_SIDE / max(height, width)
    if side < 1:
        rgb = cv2.resize(rgb, (round(width * side), round(height * side)), interpolation=cv2.INTER_AREA)
    height, width = rgb.shape[:2]
    sigma = max(1.2, 0.006 * width)
    soft = cv2.blur(rgb, (3, 3))
    size = 2 * round(4 * sigma) + 1
    fine = cv2.subtract(soft, cv2.blur(soft, (size, size)), dtype=cv2.CV_32F)
    red, blue = cv2.extractChannel(fine, 0), cv2.extractChannel(fine, 2)
    gy, gx = np.gradient((red + blue) / 2)
    x, y, outer = _from_middle(height, width)
    apart = np.clip(red - blue, -60, 60)
    out = {}
    for name, field in (("fringe", x * gx + y * gy), ("twist", x * gy - y * gx)):
        field = np.where(outer, field, 0)
        both = float((apart * field).sum())
        own = float((field * field).sum())
        out[f"{name}_amount"] = -100 * both / (own + 1.0) / (width / 2)
        out[f"{name}_fit"] = -both / np.sqrt(own * float((apart * apart * outer).sum()) + 1.0)
    return out


@lru_cache(maxsize=4)
def _from_middle(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Float32 ``[h,w]`` x and y from the middle in half widths; bool, where it is far enough for fringes."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (x - (width - 1) / 2) / (width / 2), (y - (height - 1) / 2) / (width / 2)
    return x, y, np.hypot(x, y) > 0.35


def _softness(luma: np.ndarray) -> dict[str, float]:
    """Logarithms of how much the strong edges weaken from one scale to the next; sharp edges weaken most."""
    height, width = luma.shape
    side = SIDE / max(height, width)
    if side < 1:
        luma = cv2.resize(luma, (round(width * side), round(height * side)), interpolation=cv2.INTER_AREA)
    scales = [max(0.6, k * len(luma)) for k in (0.003, 0.009, 0.024)]
    edges = []
    for sigma in scales:
        gx, gy = cv2.spatialGradient(cv2.GaussianBlur(luma, (0, 0), sigma))
        slope = cv2.magnitude(gx.astype(np.float32), gy.astype(np.float32)) / 8
        edges.append(np.percentile(slope, (90, 98)) + 0.2)
    return {
        "soft_fine": float(np.log(edges[0][1] / edges[1][1])),
        "soft_broad": float(np.log(edges[1][1] / edges[2][1])),
        "soft_all": float(np.log(edges[0][0] / edges[2][0])),
        "edge_strength": float(np.log(edges[0][1])),
        **{f"crisp_{size}": _crispness(luma, size) for size in (5, 9)},
    }


def _crispness(luma: np.ndarray, size: int) -> float:
    """Steepest step over the range of levels about it, in windows of ``size``: 1 at a hard edge.

    Median over the strongest edges.
    """
    square = np.ones((size, size), np.uint8)
    extent = cv2.subtract(cv2.dilate(luma, square), cv2.erode(luma, square))
    beyond = cv2.copyMakeBorder(luma, 0, 1, 0, 1, cv2.BORDER_CONSTANT, value=0)
    steps = cv2.max(cv2.absdiff(luma, beyond[1:, :-1]), cv2.absdiff(luma, beyond[:-1, 1:]))
    steepest = cv2.dilate(steps, square)
    inner = slice(size, -size), slice(size, -size)
    strong = extent[inner] > max(40, int(np.percentile(extent, 80)))
    if strong.sum() < 20:
        return 0.0
    return float(np.median(steepest[inner][strong].astype(np.float32) / extent[inner][strong]))


def switch_numbers(gray: np.ndarray) -> dict[str, float]:
    """The sharpest rise of fine detail between two frames of ``gray`` uint8 ``[T,h,w]``.

    ``switch``: logarithm of the detail after it over that before; ``switch_at``: its frame; ``switch_like``:
    likeness of the blurred pictures before and after, -1..1; ``switch_held``: change per frame afterwards.
    """
    if len(gray) < 6:
        return {"switch": 0.0, "switch_at": 0.0, "switch_like": 0.0, "switch_held": 9.0}
    detail = np.array([cv2.norm(cv2.Laplacian(g, cv2.CV_16S), cv2.NORM_L1) / g.size for g in gray]) + 0.5
    logs = np.log(detail)
    rise = [min(logs[t : t + 3].min() - logs[max(0, t - 3) : t].max(), 9.0) for t in range(2, len(logs) - 2)]
    at = int(np.argmax(rise)) + 2
    before, after = (cv2.GaussianBlur(gray[t], (0, 0), 3.0).astype(np.float32).ravel() for t in (at - 1, at))
    like = float(np.corrcoef(before, after)[0, 1]) if before.std() > 1 and after.std() > 1 else 0.0
    steps = [float(cv2.absdiff(gray[t], gray[t + 1]).mean()) for t in range(at, min(at + 8, len(gray) - 1))]
    return {
        "switch": float(max(rise)),
        "switch_at": float(at),
        "switch_like": like,
        "switch_held": float(np.median(steps)) if steps else 9.0,
    }
