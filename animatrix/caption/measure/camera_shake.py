"""camera_shake: jitter of the frame about its smooth path, in shares of the frame height."""

from __future__ import annotations

import numpy as np

from animatrix.caption.measure.camera_move import components, smoothed
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import CAMERA_SHAKE, CameraShakeThresholds


@measures("camera_shake")
def camera_shake(shot: Shot, limits: CameraShakeThresholds = CAMERA_SHAKE) -> list[Finding] | Abstention:
    """steady, screen_shake or violent_shake; abstains on what lies between, which tracking error may be.

    The slow sway of a carried camera (handheld) cannot be told from a small move in a shot of a second and is
    not named.
    """
    path = shot.camera
    if len(shot.gray) < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    if path.trusted < limits.trusted_share:
        return Abstention("too little of the picture can be followed")
    width, height = path.size
    parts = components(path)
    window = max(5, round(limits.smooth_seconds * shot.fps))
    both = np.stack([parts[name] - smoothed(parts[name], window) for name in ("x", "y")]) * width / height
    # A burst shakes for part of the shot: the liveliest stretch counts, not the mean.
    power = np.convolve((both**2).sum(0), np.full(window, 1 / window), mode="same")
    peak = int(power.argmax())
    jitter = float(np.sqrt(power[peak]))
    near = slice(max(peak - window, 0), peak + window + 1)
    step = np.diff(both[int((both**2).sum(1).argmax()), near])
    turns = float((step[1:] * step[:-1] < 0).mean()) if len(step) > 1 else 0.0
    evidence = {"jitter_percent_of_height": round(100 * jitter, 3), "turns_per_frame": round(turns, 2)}
    floor = max(limits.steady, limits.steady_pixels / height)
    if jitter < floor:
        return [Finding("steady", float(np.clip(1.3 - 0.6 * jitter / floor, 0, 0.97)), None, evidence)]
    if jitter < limits.shake or turns < limits.least_turns:
        return Abstention("jitter is between tracking error and a shake", evidence)
    value, edge = (
        ("violent_shake", limits.violent) if jitter >= limits.violent else ("screen_shake", limits.shake)
    )
    away = min(jitter / edge, limits.violent / jitter) if value == "screen_shake" else jitter / edge
    burst = np.flatnonzero(power > 0.15 * power[peak])
    span = shot.span(int(burst[0]), int(burst[-1])) if np.ptp(burst) < 0.7 * len(power) else None
    sure = float(np.clip(0.6 + 0.4 * (away - 1), 0, 0.95)) * min(1.0, turns / 0.6)
    return [Finding(value, sure, span, evidence)]
