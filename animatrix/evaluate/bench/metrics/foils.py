"""Foils: what the field measures instead, and what it rewards. Never part of a ranking.

Both take motion to be even and shapes to be rigid. They prefer a frozen clip to a lively one, cross-fades to
drawings on twos, and a flat take to a deformed one; the benchmark's own test shows it.
"""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting


@metric("flicker", "1 - mean absolute change from frame to frame", ("directive",), "0..1", foil=True)
def flicker(sighting: Sighting) -> float | Skipped:
    frames = sighting.shot.colour.astype(np.int16)
    if len(frames) < 2:
        return Skipped("a clip of one frame has no motion")
    return float(1 - np.abs(np.diff(frames, axis=0)).mean() / 255)


@metric("smoothness", "1 - error of every frame against the one interpolated between its neighbours",
        ("directive",), "0..1", foil=True)  # fmt: skip
def smoothness(sighting: Sighting) -> float | Skipped:
    gray = sighting.shot.gray
    if len(gray) < 3:
        return Skipped("a clip of less than three frames has nothing in between")
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    height, width = gray.shape[1:]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    errors = []
    for before, frame, after in zip(gray[:-2], gray[1:-1], gray[2:], strict=True):
        flow = flow_of.calc(before, after, None)
        half = cv2.remap(before, x - flow[..., 0] / 2, y - flow[..., 1] / 2, cv2.INTER_LINEAR)
        errors.append(float(cv2.absdiff(half, frame).mean()))
    return 1 - float(np.mean(errors)) / 255
