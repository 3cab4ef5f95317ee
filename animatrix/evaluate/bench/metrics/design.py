"""Consistency through deformation: after it, the character is back on model."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting

FEWEST = 24  # pixels of a figure that can be compared
BINS = 6  # a side, of the colours


def _ends(sighting: Sighting) -> tuple[slice, slice]:
    """Frames before the deformation and after it: its span, or the middle third where it has none."""
    count, item = len(sighting.clip), sighting.item
    tags = [t for name in item.judged for t in item.directive.tags.get(name, ()) if t.span is not None]
    scale = count / item.directive.reference_frames
    first = min((t.span[0] for t in tags if t.span), default=item.directive.reference_frames / 3)
    last = max((t.span[1] for t in tags if t.span), default=item.directive.reference_frames * 2 / 3)
    return slice(0, max(1, round(first * scale))), slice(min(count - 1, round((last + 1) * scale)), count)


def _colours(sighting: Sighting, part: slice) -> np.ndarray | None:
    """Share of the figure's pixels by colour, [BINS^3]; None where there is too little of it."""
    pixels = sighting.shot.colour[part][sighting.figure_on_screen[part]]
    if len(pixels) < FEWEST:
        return None
    lab = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2LAB)[0].astype(np.float32)
    counts = np.histogramdd(lab, bins=(BINS, BINS * 2, BINS * 2), range=((0, 256), (64, 192), (64, 192)))[0]
    return counts.ravel() / max(1.0, counts.sum())


@metric(
    "design_kept",
    "overlap of the figure's colours, and likeness of its size, before and after; their geometric mean",
    ("directive",),
    "0..1",
    proven=False,
)
def design_kept(sighting: Sighting) -> float | Skipped:
    ends = _ends(sighting)
    before, after = (_colours(sighting, part) for part in ends)
    if before is None or after is None:
        return Skipped("the figure is not seen before and after")
    overlap = float(np.minimum(before, after).sum())
    small, large = sorted(float(np.median(sighting.figure[part].mean((1, 2)))) + 1e-3 for part in ends)
    return float(np.sqrt(overlap * small / large))
