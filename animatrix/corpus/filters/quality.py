"""Too small, blurred by enlargement, or in blocks: footage that shows the codec and not the drawing."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import Shot

_STEP = 32  # levels; a larger one is a drawn edge
_GRID = 8  # pixels: transform blocks of JPEG, MPEG-1/2/4 and the smallest common multiple of H.264's


def too_small(figures: dict[str, float], limits: Thresholds) -> str | None:
    if figures["short_side"] >= limits.least_side:
        return None
    return f"the picture's shorter side has {figures['short_side']:.0f} pixels, less than {limits.least_side}"


def measure_edges(shot: Shot) -> dict[str, float]:
    """``edge_width`` in pixels of the strongest edges in the sharpest picture of the shot; 0 without edges.

    The sharpest and not the typical: a rack of focus or a speed blur is direction, not damage.
    """
    widths = [width for still in shot.stills if (width := edge_width(still.rgb)) is not None]
    return {"edge_width": min(widths, default=0.0)}


def edge_width(rgb: np.ndarray) -> float | None:
    """Pixels over which the strongest edges rise from dark to light, or None in a flat picture."""
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)).astype(np.float32)
    slope = cv2.magnitude(
        cv2.Sobel(gray, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(gray, cv2.CV_32F, 0, 1, scale=0.125)
    )
    kernel = np.ones((21, 21), np.uint8)
    contrast = np.asarray(cv2.dilate(gray, kernel)) - np.asarray(cv2.erode(gray, kernel))
    strong = slope >= np.percentile(slope, 99.5)
    strong &= contrast >= 40
    if strong.sum() < 30:
        return None
    return float(np.median(contrast[strong] / np.maximum(slope[strong], 1e-3)))


def blurred(figures: dict[str, float], limits: Thresholds) -> str | None:
    if figures["edge_width"] <= limits.most_edge_width:
        return None
    return f"its sharpest edges are {figures['edge_width']:.1f} pixels wide, as of a picture enlarged"


def measure_blocks(shot: Shot) -> dict[str, float]:
    """``blockiness``: how much larger steps between pixels are on the 8-pixel grid than beside it."""
    found = [blockiness(still.rgb) for still in shot.stills]
    return {"blockiness": float(np.median(found)) if found else 0.0}


def blockiness(rgb: np.ndarray) -> float:
    """Relative excess of small steps across the borders of 8x8 blocks, at the phase where it is largest.

    Ink lines and cel edges are steps, too: only small steps count, and the second strongest
    phase is what the strongest is held against, so that a drawing with a regular pattern is no codec.
    """
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)).astype(np.int16)
    excess = []
    for picture in (gray, gray.T):
        steps = np.abs(np.diff(picture, axis=1))
        steps = np.where(steps <= _STEP, steps, 0).mean(0)
        usable = len(steps) // _GRID * _GRID
        if usable < 4 * _GRID:
            return 0.0
        phases = np.median(steps[:usable].reshape(-1, _GRID), axis=0)
        order = np.sort(phases)
        excess.append((order[-1] - order[-2]) / (order[:-1].mean() + 0.15))
    return float(min(excess))


def blocky(figures: dict[str, float], limits: Thresholds) -> str | None:
    if figures["blockiness"] <= limits.most_blockiness:
        return None
    return f"coding blocks stand out of the picture ({figures['blockiness']:.2f})"
