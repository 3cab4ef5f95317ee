"""focus: how wide the edges are over the frame and over time, and which plane of the picture is soft."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.caption.measure.linear_table import table
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import FOCUS, FocusThresholds

ROWS, COLUMNS = 8, 12  # parts of the frame whose sharpness is compared
WIDEST = 8.0  # pixels


@measures("focus")
def focus(shot: Shot, limits: FocusThresholds = FOCUS) -> list[Finding] | Abstention:
    """full_defocus where no edge is narrow; deep_focus and rack_focus by a fitted table.

    Where one plane is soft throughout it is left open which: a soft ground and a plainly painted one have
    edges of much the same width at this size.
    """
    if min(shot.colour.shape[1:3]) < limits.min_side:
        return Abstention("the picture is too small to tell sharp from soft")
    at = sampled(len(shot.colour), limits)
    seen = [sharpness(cv2.cvtColor(shot.colour[t], cv2.COLOR_RGB2GRAY)) for t in at]
    kept = [(t, look) for t, look in zip(at, seen, strict=True) if look is not None]
    if len(kept) < max(1, len(at) // 2):
        return Abstention("too few edges to judge their width")
    found = over_time([look for _, look in kept])
    evidence = {
        "narrow_edges_px": round(float(np.exp(found["edge5"])), 2),
        "median_edges_px": round(float(np.exp(found["edge50"])), 2),
        "soft_parts": round(found["soft"], 3),
        "shift_of_sharpness": round(found["shift_centre"], 2),
    }
    if found["edge50"] < limits.narrowest:
        return Abstention("grain or texture everywhere", evidence)
    soft = [
        t
        for t, look in kept
        if look["edge5"] > limits.soft_edges[0] and look["edge20"] > limits.soft_edges[1]
    ]
    if len(soft) == len(kept):
        sure = 0.75 + 0.5 * min(found["edge5"] - limits.soft_edges[0], found["edge20"] - limits.soft_edges[1])
        return [Finding("full_defocus", min(sure, 0.97), None, evidence)]
    if (
        soft
        and (soft[0] == kept[0][0] or soft[-1] == kept[-1][0])
        and len(soft) == at.index(soft[-1]) - at.index(soft[0]) + 1
    ):
        return [Finding("full_defocus", 0.7, shot.span(soft[0], soft[-1]), evidence)]
    fitted = table("focus")
    if fitted.strangeness(found) > limits.most_strange:
        return Abstention("edges unlike those that were measured", evidence)
    chances = fitted.chances(found)
    top = max(chances, key=lambda v: chances[v])
    if chances[top] < dict(limits.claims).get(top, 1.0):
        return Abstention("which plane is soft is not plain", evidence)
    return [Finding(top, chances[top], None, evidence)]


def sampled(count: int, limits: FocusThresholds = FOCUS) -> list[int]:
    """The frames of ``count`` that are looked at."""
    samples = int(np.clip(count // limits.every, 3, limits.most_samples))
    return [int(t) for t in np.unique(np.linspace(0, count - 1, samples).round().astype(int))]


def sharpness(gray: np.ndarray) -> dict[str, float] | None:
    """Widths of the edges of uint8 ``[h,w]``, or None where there are too few.

    The width of an edge is the sigma, in pixels, of the Gaussian that made it from a step, from how much its
    slope falls when it is blurred again (Zhuo and Sim, 2011). ``edgeP``: log of the P-th percentile over
    edges; ``partP``: over parts of the frame; ``soft``, ``crisp``: share of parts with wide and with narrow
    edges; ``centre``, ``rim``, ``strong``: log ratios of the middle to the sides, the border to the rest and
    strong edges to faint ones; ``weak``: log width of faint edges; ``edges``: log of their share; ``fine``:
    log of the contrast below a fiftieth of the height against that above.
    """
    height, width = gray.shape
    picture = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 0.6)
    steep, again = _slope(picture), _slope(cv2.GaussianBlur(picture, (0, 0), 1.0))
    ridge = (steep >= 0.98 * cv2.dilate(steep, np.ones((3, 3), np.uint8))) & (steep > 2.0)
    ridge[:3], ridge[-3:], ridge[:, :3], ridge[:, -3:] = False, False, False, False
    ys, xs = np.nonzero(ridge)
    if len(ys) < 30:
        return None
    slope = steep[ridge]
    ratio = slope / np.maximum(again[ridge], 1e-3)
    wide = np.minimum(1.0 / np.sqrt(np.maximum(ratio**2 - 1, 1e-2)), WIDEST)
    part = (ys * ROWS // height) * COLUMNS + xs * COLUMNS // width
    order = np.lexsort((wide, part))
    names, starts, counts = np.unique(part[order], return_index=True, return_counts=True)
    enough = counts >= 4
    if enough.sum() < 5:
        return None
    parts = wide[order][starts[enough] + counts[enough] // 4]
    row, column = names[enough] // COLUMNS, names[enough] % COLUMNS
    middle = np.abs(column - (COLUMNS - 1) / 2) < COLUMNS / 4
    rim = (column < 2) | (column >= COLUMNS - 2) | (row < 1) | (row >= ROWS - 1)
    strong = slope > np.percentile(slope, 70)
    faint = slope < 8
    found = {"edges": float(np.log(len(wide) / gray.size))}
    for percent, value in zip((5, 20, 50, 80), np.percentile(wide, (5, 20, 50, 80)), strict=True):
        found[f"edge{percent}"] = float(np.log(value))
    for percent, value in zip((10, 50, 90), np.percentile(parts, (10, 50, 90)), strict=True):
        found[f"part{percent}"] = float(np.log(value))
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.02 * height)
    found |= {
        "centre": _ratio(parts, middle),
        "rim": _ratio(parts, rim),
        "strong": _ratio(wide, strong),
        "weak": float(np.log(np.median(wide[faint]))) if faint.sum() > 10 else found["edge80"],
        "fine": float(np.log(np.abs(picture - blurred).mean() + 0.1) - np.log(blurred.std() + 1)),
        "soft": float((parts > 1.3).mean()),
        "crisp": float((parts < 0.8).mean()),
    }
    return found


def over_time(seen: list[dict[str, float]]) -> dict[str, float]:
    """Medians of the features over the samples of a shot, and how they shift from its start to its end.

    ``shift_X``: mean of the last third less that of the first; ``turn_X``: its size; ``most20``, ``least20``,
    ``most5``: extremes of ``edge20`` and ``edge5`` over the samples.
    """
    found = {name: float(np.median([row[name] for row in seen])) for name in seen[0]}
    third = max(1, len(seen) // 3)
    for name in ("edge20", "edge50", "part10", "part50", "centre", "rim", "strong", "fine"):
        values = [row[name] for row in seen]
        shift = float(np.mean(values[-third:]) - np.mean(values[:third]))
        found[f"shift_{name}"] = shift
        if name in ("centre", "strong", "part50"):
            found[f"turn_{name}"] = abs(shift)
    found["most20"] = max(row["edge20"] for row in seen)
    found["least20"] = min(row["edge20"] for row in seen)
    found["most5"] = max(row["edge5"] for row in seen)
    return found


def _slope(picture: np.ndarray) -> np.ndarray:
    return cv2.magnitude(*(cv2.Sobel(picture, cv2.CV_32F, i, 1 - i, scale=0.125) for i in (1, 0)))


def _ratio(values: np.ndarray, inside: np.ndarray) -> float:
    """Log of the ratio of the medians inside and outside, 0 where there is no inside or outside."""
    if not inside.any() or inside.all():
        return 0.0
    return float(np.log(np.median(values[inside]) / np.median(values[~inside])))
