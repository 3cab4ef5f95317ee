"""Expressiveness without a reference: how far the figure's silhouette stretches in the course of the shot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting

LEVELS = ("on_model", "subtle_push", "pronounced", "extreme")  # of deformation_intensity, weakest first
FEWEST = 24  # pixels of a figure that can be measured


def amplitude(sighting: Sighting) -> float | Skipped:
    """Geometric mean of the largest area of what moves on the plate (share of the picture) and of how much
    its spread changes across and up (shares of the picture's sides)."""
    seen = sighting.figure
    height, width = seen.shape[1:]
    across, up = [], []
    for mask in seen:
        y, x = np.nonzero(mask)
        small = len(x) < FEWEST
        across.append(0.0 if small else float(x.std()) / width)
        up.append(0.0 if small else float(y.std()) / height)
    area = float(seen.mean((1, 2)).max())
    if area * height * width < FEWEST:
        return Skipped("nothing moves on the plate")
    return float(np.cbrt(area * max(np.ptp(across), 1e-4) * max(np.ptp(up), 1e-4)))


@metric("expressiveness", "how far the figure's silhouette stretches", ("directive",), "0..1", proven=False)
def expressiveness(sighting: Sighting) -> float | Skipped:
    return amplitude(sighting)


@metric(
    "expressiveness_follows",
    "more of it with a deformation asked for than without",
    ("group",),
    "share",
    proven=False,
)
def expressiveness_follows(pair: Sequence[Sighting]) -> bool | Skipped:
    found = {sighting.item.role: amplitude(sighting) for sighting in pair}
    asked, plain = found.get("asked"), found.get("plain")
    if asked is None or plain is None:
        return Skipped("the group has no clips asked with and without")
    if isinstance(asked, Skipped) or isinstance(plain, Skipped):
        return Skipped("nothing moves on the plate")
    return asked > plain


def rank_correlation(values: Sequence[Sequence[float]]) -> float:
    """Kendall's tau-b of (asked, shown) pairs; NaN where either never changes."""
    a, b = np.array(values, float).reshape(-1, 2).T
    upper = np.triu_indices(len(a), 1)
    x, y = np.sign(a[:, None] - a[None])[upper], np.sign(b[:, None] - b[None])[upper]
    scale = np.sqrt((x != 0).sum() * (y != 0).sum())
    return float((x * y).sum() / scale) if scale else float("nan")


@metric("expressiveness_order", "rank correlation of asked and shown amplitude", ("directive",), "rank",
        combine=rank_correlation, proven=False)  # fmt: skip
def expressiveness_order(sighting: Sighting) -> tuple[float, ...] | Skipped:
    asked = sighting.item.directive.values("deformation_intensity")
    if len(asked) != 1 or asked[0] not in LEVELS:
        return Skipped("no deformation_intensity is asked for")
    shown = amplitude(sighting)
    return shown if isinstance(shown, Skipped) else (float(LEVELS.index(asked[0])), shown)
