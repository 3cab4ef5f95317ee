"""time_treatment: freeze frames, where a shot that moves comes to a complete stop for half a second or more.

Whether a motion is slowed cannot be told from its pixels without knowing how fast it would be in life, and a
shot that never moves is a still as likely as a freeze: both are left open.
"""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import REFERENCE_FPS, Shot
from animatrix.caption.measure.thresholds import TIME_TREATMENT, TimeTreatmentThresholds


@measures("time_treatment")
def time_treatment(
    shot: Shot, limits: TimeTreatmentThresholds = TIME_TREATMENT
) -> list[Finding] | Abstention:
    """freeze_frame with its span; the longest where there are several."""
    if len(shot.gray) < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    if shot.detail < limits.least_detail:
        return Abstention("the picture is empty")
    quiet = _quiet(shot, limits)
    if quiet.all():
        return Abstention("nothing moves: a still as likely as a freeze")
    frozen = [
        (a, b) for a, b in _runs(quiet) if (b - a + 1) * REFERENCE_FPS / shot.fps >= limits.least_length
    ]
    moving = [(a, b) for a, b in frozen if _liveliness(shot, a, b, limits) >= limits.least_lively]
    if not moving:
        return Abstention("no complete stop; the pace of time is not to be seen in pixels")
    first, last = max(moving, key=lambda run: run[1] - run[0])
    length = (last - first + 1) * REFERENCE_FPS / shot.fps
    lively = _liveliness(shot, first, last, limits)
    drift = _blocks(shot, first, last)
    evidence = {
        "frames_at_24fps": round(length, 1),
        "changes_beside_it": lively,
        "drift_levels": round(drift, 2),
    }
    sure = (
        0.6 + 0.1 * min(lively - limits.least_lively, 2) + 0.15 * min(length / limits.least_length - 1, 1.0)
    )
    sure -= 0.2 * min(drift / limits.most_drift, 1.0)
    return [Finding("freeze_frame", float(np.clip(sure, 0, 0.95)), shot.span(first, last), evidence)]


def _quiet(shot: Shot, limits: TimeTreatmentThresholds) -> np.ndarray:
    """Bool [T-1]: steps in which neither plate nor figure changes by more than a codec does."""
    camera = shot.camera
    quiet = camera.same.copy()
    still = np.abs(camera.steps - np.eye(2, 3)).max(axis=(1, 2)) < limits.still_pixels
    for t in np.flatnonzero(~quiet & still & ~shot.drawings.new & ~shot.drawings.flash):
        quiet[t] = _blocks(shot, int(t), int(t) + 1) < limits.codec_levels
    # Small steps must not add up to a slow move: a run is cut where it has drifted from its first frame.
    for first, last in _runs(quiet):
        start = first
        for step in range(first, last):
            if not camera.same[step] and _blocks(shot, start, step + 1) > limits.most_drift:
                quiet[step], start = False, step + 1
    return quiet


def _blocks(shot: Shot, one: int, other: int) -> float:
    """Change of the liveliest 8x8 block between two frames, gray levels."""
    change = cv2.absdiff(shot.gray[one], shot.gray[other])
    size = (max(change.shape[1] // 8, 1), max(change.shape[0] // 8, 1))
    return float(cv2.resize(change.astype(np.float32), size, interpolation=cv2.INTER_AREA).max())


def _runs(quiet: np.ndarray) -> list[tuple[int, int]]:
    """First and last frame of every run of quiet steps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _liveliness(shot: Shot, first: int, last: int, limits: TimeTreatmentThresholds) -> int:
    """Steps with a new drawing or a move of the camera in the half seconds before and after the stop."""
    reach = max(2, round(limits.beside_seconds * shot.fps))
    steps = shot.camera.steps[:, :, 2]
    alive = shot.drawings.new | (np.abs(steps).max(1) > limits.moves_pixels)
    return int(alive[max(0, first - reach) : first].sum() + alive[last : last + reach].sum())
