"""Nothing at all happens for a whole long shot: a card, a still, a stopped stream.

A hold is how anime breathes, and a still under a moving camera is a shot like any other. Only when no drawing
changes, the camera stays, and no pixel moves for longer than anybody holds is a shot frozen.
"""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import Shot, seconds_of

_MOST_FRAMES = 240  # looked at for the change of a pixel, evenly spread


def measure(shot: Shot) -> dict[str, float]:
    """``drawings`` in the shot; ``camera_travel`` of the frame's corners as a share of its width;
    ``pixel_change`` in levels, the largest over the shot of softened pixels (all but one in 5000)."""
    frames = shot.gray
    if seconds_of(shot) < 2.0:  # never frozen: spare the look
        return {"pixel_change": 255.0, "drawings": float(len(frames)), "camera_travel": 1.0}
    chosen = np.unique(np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int))
    low = high = None
    for t in chosen:
        soft = cv2.GaussianBlur(frames[t], (0, 0), 2.0)
        low = soft if low is None else np.minimum(low, soft)
        high = soft if high is None else np.maximum(high, soft)
    assert low is not None and high is not None
    change = float(np.percentile(high.astype(int) - low, 99.98))
    if change > 60:  # surely alive: the camera need not be followed for that
        return {"pixel_change": change, "drawings": float(len(frames)), "camera_travel": 1.0}
    height, width = frames.shape[1:]
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1.0]])
    there = np.einsum("tij,nj->tni", shot.camera.matrices, corners)
    travel = float(np.abs(there - corners[None, :, :2]).max() / width)
    return {"pixel_change": change, "drawings": float(len(shot.drawings.runs)), "camera_travel": travel}


def refuse(figures: dict[str, float], limits: Thresholds) -> str | None:
    if (
        figures["seconds"] < limits.frozen_seconds
        or figures["drawings"] > 1
        or figures["camera_travel"] > limits.frozen_travel
        or figures["pixel_change"] > limits.frozen_levels
    ):
        return None
    return f"one drawing under a fixed camera for all of {figures['seconds']:.1f} s"
