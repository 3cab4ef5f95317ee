"""Given pictures: at their frames, and part of the motion rather than pasted into it."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting

QUIET = 0.05  # levels a frame; below it a clip stands still


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB, of pictures uint8 [H,W,3] of one size; 78 at most."""
    return float(10 * np.log10(255**2 / max(np.square(a.astype(float) - b).mean(), 1e-3)))


def steps_of(frames: np.ndarray) -> np.ndarray:
    """Mean absolute change from frame to frame, in levels [T-1]."""
    return np.abs(np.diff(frames.astype(np.int16), axis=0)).mean((1, 2, 3))


def _places(sighting: Sighting) -> list[tuple[int, int]]:
    """(frame of the item, frame of the clip) of the given pictures."""
    last, shown = sighting.item.directive.frames - 1, len(sighting.clip) - 1
    return [(k, round(k * shown / max(1, last))) for k in sighting.item.keyframes]


@metric("keyframe_psnr", "the given pictures against the frames they were given for",
        ("keyframes", "reference"), "dB")  # fmt: skip
def keyframe_psnr(sighting: Sighting) -> float | Skipped:
    size = sighting.clip.size
    found = []
    for key, place in _places(sighting):
        given = cv2.resize(sighting.reference.frames[key], size, interpolation=cv2.INTER_AREA)
        found.append(psnr(sighting.clip.frames[place], given))
    return float(np.mean(found))


@metric("keyframe_jump", "largest step at a given picture over the median step", ("keyframes",), "ratio",
        higher_is_better=False)  # fmt: skip
def keyframe_jump(sighting: Sighting) -> float | Skipped:
    steps = steps_of(sighting.clip.frames)
    if not len(steps) or steps.max() < QUIET:
        return Skipped("nothing moves")
    near = [s for _, k in _places(sighting) for s in (k - 1, k) if 0 <= s < len(steps)]
    return float(max(steps[s] for s in near) / max(float(np.median(steps[steps > QUIET])), QUIET))


@metric("liveliness", "change from frame to frame over that of the drawn clip: 1 is as lively, 0 frozen",
        ("keyframes", "reference"), "ratio", proven=False)  # fmt: skip
def liveliness(sighting: Sighting) -> float | Skipped:
    drawn = float(steps_of(sighting.reference.frames).mean())
    if drawn < QUIET:
        return Skipped("the drawn clip stands still")
    return float(steps_of(sighting.clip.frames).mean() / drawn)
