"""camera_shake: jitter of the frame about its smooth path, in shares of the frame height."""

from __future__ import annotations

import numpy as np

from animatrix.caption.measure.camera_move import components, moves, smoothed
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import CAMERA_SHAKE, CameraShakeThresholds


@measures("camera_shake")
def camera_shake(shot: Shot, limits: CameraShakeThresholds = CAMERA_SHAKE) -> list[Finding] | Abstention:
    """steady, handheld, screen_shake or violent_shake; abstains on what may be tracking error.

    The sway of a carried camera is in both axes and turns about every few tenths of a second; a move on the
    stand is even, and eases only at its ends.
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
    both = _across(both, np.array([np.ptp(smoothed(parts[name], window)) for name in ("x", "y")]), limits)
    # A burst shakes for part of the shot: the liveliest stretch counts, not the mean.
    power = np.convolve((both**2).sum(0), np.full(window, 1 / window), mode="same")
    peak = int(power.argmax())
    jitter = float(np.sqrt(power[peak]))
    near = slice(max(peak - window, 0), peak + window + 1)
    step = np.diff(both[int((both**2).sum(1).argmax()), near])
    turns = float((step[1:] * step[:-1] < 0).mean()) if len(step) > 1 else 0.0
    evidence = {"jitter_percent_of_height": round(100 * jitter, 3), "turns_per_frame": round(turns, 2)}
    sway, rate = _sway(parts, shot, limits)
    evidence |= {"sway_percent_of_height": round(100 * sway, 3), "sway_turns_per_second": round(rate, 1)}
    carried = (
        limits.least_sway <= sway
        and jitter < limits.shake
        and limits.sway_turns[0] <= rate <= limits.sway_turns[1]
        and float(np.median(path.support)) >= limits.sway_support
        and len(shot.gray) / shot.fps >= limits.sway_seconds
    )
    if carried:
        sure = 0.5 + 0.45 * float(np.clip(sway / limits.least_sway - 1, 0.0, 1.0))
        return [Finding("handheld", sure, None, evidence)]
    floor = max(limits.steady, limits.steady_pixels / height)
    if jitter < floor:
        return [Finding("steady", float(np.clip(1.3 - 0.6 * jitter / floor, 0, 0.97)), None, evidence)]
    moving = limits.sway_support > float(np.median(path.support)) and len(moves(shot)) > 0
    if jitter < limits.shake or turns < limits.least_turns or moving:
        return Abstention("jitter is between tracking error and a shake", evidence)
    value, edge = (
        ("violent_shake", limits.violent) if jitter >= limits.violent else ("screen_shake", limits.shake)
    )
    away = min(jitter / edge, limits.violent / jitter) if value == "screen_shake" else jitter / edge
    burst = np.flatnonzero(power > 0.15 * power[peak])
    span = shot.span(int(burst[0]), int(burst[-1])) if np.ptp(burst) < 0.7 * len(power) else None
    sure = float(np.clip(0.6 + 0.4 * (away - 1), 0, 0.95)) * min(1.0, turns / 0.6)
    return [Finding(value, sure, span, evidence)]


def _across(both: np.ndarray, travel: np.ndarray, limits: CameraShakeThresholds) -> np.ndarray:
    """Jitter ``[2,T]`` with that along a move cut to what the other axis bears out: a whip's ends and a
    tracker that slips from layer to layer jitter along the move alone, a shaken frame never does."""
    along = int(travel.argmax())
    if travel[along] < limits.travels or travel[1 - along] > 0.5 * travel[along]:
        return both
    power = np.sqrt((both**2).mean(1))
    both = both.copy()
    both[along] *= min(1.0, limits.along * power[1 - along] / max(power[along], 1e-12))
    return both


def _sway(parts: dict[str, np.ndarray], shot: Shot, limits: CameraShakeThresholds) -> tuple[float, float]:
    """Slow sway: RMS in shares of the frame height about a smooth trend, and turns a second; of the axis with
    less of either, since a move or its ease is in one axis and a carried camera sways in both.
    """
    width, height = shot.camera.size
    count = len(shot.gray)
    seconds = count / shot.fps
    time = np.linspace(-1, 1, count)
    power, turns = [], []
    for name in ("x", "y"):
        values = smoothed(parts[name], max(3, round(limits.sway_smooth * shot.fps))) * width / height
        trend = np.polyval(np.polyfit(time, values, 3 if seconds < 1.6 else 4), time)
        power.append(float(np.sqrt(((values - trend) ** 2).mean())))
        speed = np.diff(values - np.polyval(np.polyfit(time, values, 1), time))
        speed = speed[np.abs(speed) > 1e-4]
        turns.append(float((np.diff(np.sign(speed)) != 0).sum() / seconds))
    return min(power), min(turns) if max(turns) <= limits.sway_turns[1] else max(turns)
