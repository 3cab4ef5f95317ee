"""camera_move: what the camera does, from its path. On pan_left the camera goes left, the content right."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from animatrix.caption.measure.alignment import apply
from animatrix.caption.measure.camera import CameraPath
from animatrix.caption.measure.depth import Depth
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.subject import screen_share
from animatrix.caption.measure.thresholds import (
    CAMERA_MOVE,
    DEPTH,
    FOLLOW,
    TRAVEL,
    CameraMoveThresholds,
    TravelThresholds,
)

# component -> (value when it rises, value when it falls, what the evidence calls it and its factor)
VALUES: dict[str, tuple[str, str]] = {
    "x": ("pan_left", "pan_right"),
    "y": ("tilt_up", "tilt_down"),
    "scale": ("track_up", "track_back"),
    "angle": ("roll", "roll"),
}
# What a flat move is called when layers move at different speeds under it.
DEEPER: dict[str, str] = {
    "pan_left": "truck_left",
    "pan_right": "truck_right",
    "tilt_up": "crane_up",
    "tilt_down": "crane_down",
    "track_up": "dolly_in",
    "track_back": "dolly_out",
}


@dataclass(frozen=True)
class Leg:
    """One stretch of a component in one direction, between container frames ``first`` and ``last``.

    ``amount`` is signed, as a share of the frame width by which the picture's content moved.
    """

    component: str
    first: int
    last: int
    amount: float

    @property
    def value(self) -> str:
        rising, falling = VALUES[self.component]
        return rising if self.amount > 0 else falling


def components(path: CameraPath) -> dict[str, np.ndarray]:
    """The path's four components over time, each [T] as content movement in shares of the frame width.

    ``x`` and ``y``: where the frame's centre went; ``scale`` and ``angle``: how far a point half-way to the
    left or right edge moved by zoom (log scale / 4) or turn (radians / 4).
    """
    width, height = path.size
    centre = np.array([[(width - 1) / 2, (height - 1) / 2]])
    moved = np.stack([apply(m, centre)[0] for m in path.matrices]) - centre
    a, b = path.matrices[:, 0, 0], path.matrices[:, 1, 0]
    return {
        "x": moved[:, 0] / width,
        "y": moved[:, 1] / width,
        "scale": np.log(np.hypot(a, b)) / 4,
        "angle": np.unwrap(np.arctan2(b, a)) / 4,
    }


def smoothed(values: np.ndarray, frames: int) -> np.ndarray:
    """Local straight-line fit over an odd number of frames: takes out shake, leaves a steady move."""
    count = min(frames | 1, len(values))
    if count < 3:
        return values
    x = np.arange(count) - (count - 1) / 2
    parts = np.lib.stride_tricks.sliding_window_view(values, count)
    at = np.arange(len(values))
    start = np.clip(at - count // 2, 0, len(values) - count)
    slope = parts @ x / float(x @ x)
    return parts.mean(1)[start] + slope[start] * (at - start - (count - 1) / 2)


def legs(component: str, values: np.ndarray, least: float) -> list[Leg]:
    """Split a component at its turning points; only stretches of at least ``least`` count."""
    turns = [0]
    low = high = 0
    direction = 0
    for t in range(1, len(values)):
        low = t if values[t] < values[low] else low
        high = t if values[t] > values[high] else high
        if direction >= 0 and values[high] - values[t] >= least:
            turns.append(high)
            direction, low = -1, t
            high = t
        elif direction <= 0 and values[t] - values[low] >= least:
            turns.append(low)
            direction, high = 1, t
            low = t
    turns.append(len(values) - 1 if direction == 0 else (high if direction > 0 else low))
    found = []
    for start, end in pairwise(turns):
        amount = float(values[end] - values[start])
        if abs(amount) < least:
            continue
        part = np.abs(values[start : end + 1] - values[start])
        first = start + int(np.argmax(part >= 0.03 * abs(amount)))
        last = start + int(np.argmax(part >= 0.97 * abs(amount)))
        found.append(Leg(component, max(first - 1, start), last, amount))
    return found


def moves(shot: Shot, limits: CameraMoveThresholds = CAMERA_MOVE) -> list[Leg]:
    """The camera's moves, largest first: per component its legs, without those a larger move dwarfs."""
    window = max(3, round(limits.smooth_seconds * shot.fps))
    found = [
        leg
        for name, values in components(shot.camera).items()
        for leg in legs(name, smoothed(values, window), limits.least_move)
    ]
    largest = max((abs(leg.amount) for leg in found), default=0.0)
    found = [leg for leg in found if abs(leg.amount) >= limits.secondary * largest]
    return sorted(found, key=lambda leg: -abs(leg.amount))


def certainty(amount: float, shot: Shot, kept: float, limits: CameraMoveThresholds = CAMERA_MOVE) -> float:
    """Logistic in how far the amount is from the threshold, reduced when little of the picture was seen.

    ``kept``: share of the picture that stays put on the screen.
    """
    path = shot.camera
    margin = (amount - limits.least_move) / (limits.softness * limits.least_move)
    sure = 1 / (1 + np.exp(-np.clip(margin, -30, 30)))
    support = float(np.median(path.support)) + kept if len(path.support) else 0.0
    seen = min(1.0, support / limits.full_support)
    return float(sure * (0.5 + 0.5 * seen) * path.trusted)


@measures("camera_move")
def camera_move(shot: Shot, limits: CameraMoveThresholds = CAMERA_MOVE) -> list[Finding] | Abstention:
    """What the camera does; two values on a diagonal, a span for a move in part of the shot.

    One sliding plate makes a pan and a truck the same picture, as it does a tilt and a crane, a track and a
    dolly: the flat name is given unless layers are seen to move at different speeds.
    """
    path = shot.camera
    if len(shot.gray) < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    if path.trusted < limits.trusted_share:
        return Abstention("too little of the picture can be followed", {"steps_seen": round(path.trusted, 3)})
    shared = {
        "support": round(float(np.median(path.support)), 3),
        "steps_seen": round(path.trusted, 3),
    }
    parts = components(path)
    window = max(3, round(limits.smooth_seconds * shot.fps))
    extent = max(float(np.ptp(smoothed(v, window))) for v in parts.values())
    found = moves(shot, limits)
    if not found:
        sure = certainty(2 * limits.least_move - extent, shot, 0.0, limits)
        drift = {"largest_drift_percent_of_width": round(100 * extent, 2)}
        return [Finding("fix", sure, None, {**drift, **shared})]
    depth = shot.depth
    name, sure = kind_of(shot, found[0], depth)
    seen = {**shared, **depth.evidence()}
    findings = []
    for leg in found:
        whole = leg.last - leg.first + 1 >= limits.whole_share * len(shot.gray)
        span = None if whole else shot.span(leg.first, leg.last)
        value = DEEPER[leg.value] if name == "layered" and leg.value in DEEPER else leg.value
        # What the frame keeps to is no plate, but it is seen and explained.
        certain = certainty(abs(leg.amount), shot, depth.standing, limits)
        certain *= sure
        findings.append(Finding(value, certain, span, {**_amount(leg, path.size), **seen}))
    first = findings[0]
    if name in ("orbit", "dolly_zoom"):
        return [Finding(name, first.confidence, first.span, first.evidence)]
    if name in ("follow", "follow_pan"):  # said with its pan, and as surely, or not at all
        findings.append(Finding(name, first.confidence, first.span, first.evidence))
    return findings


def kind_of(shot: Shot, leg: Leg, depth: Depth, limits: TravelThresholds = TRAVEL) -> tuple[str, float]:
    """``flat``, ``layered``, ``follow``, ``follow_pan``, ``orbit`` or ``dolly_zoom``, and how sure that is.

    A followed figure's cel stays put on the screen while each of its drawings is held; a figure that a pan
    goes with is drawn on the plate and goes with it until the next drawing. In an orbit the figure stands
    too, but nothing else moves as one.
    """
    if leg.component == "scale":
        if depth.standing >= limits.keeps and depth.slower < limits.layered:
            return "dolly_zoom", float(np.clip(0.45 + 0.2 * depth.standing / limits.keeps, 0.5, 0.95))
        if depth.faster > max(depth.slower, limits.layered):
            return "dolly_zoom", 0.5 + 0.4 * depth.faster
        return _layered(depth, limits)
    if leg.component == "angle":
        return "flat", 1.0
    plate = depth.plate
    if depth.standing >= limits.follows:
        always = depth.standing_always / depth.standing
        loose = depth.evenly < limits.most_even or (always > limits.circled and depth.evenly < 0.8)
        if leg.component == "x" and loose and plate < limits.turned:
            held = depth.points >= DEPTH.least_points  # a figure redrawn on every frame is loose by itself
            return "orbit", float(np.clip(0.5 + 1.5 * (0.8 - depth.evenly), 0.5, 0.9)) if held else 0.4
        sure = float(np.clip(0.5 + 2 * (depth.standing - limits.follows), 0.5, 0.97))
        return "follow", max(sure, 0.97 * _followed(shot, leg))
    if plate < limits.one_plate and depth.loose > (
        limits.deep_held if depth.points >= DEPTH.least_points else limits.deep
    ):
        return "layered", 0.75
    if depth.slower < limits.layered and (sure := _followed(shot, leg)) > 0:
        drawn_along = depth.points >= DEPTH.least_points or easing(shot, leg) > limits.eased
        return ("follow_pan" if drawn_along else "follow"), sure
    return _layered(depth, limits)


def _followed(shot: Shot, leg: Leg) -> float:
    """How surely the subject keeps its place on the screen over a long move: 0 where it does not."""
    if abs(leg.amount) < FOLLOW.least_travel:
        return 0.0
    share = screen_share(shot, leg.first, leg.last)
    if share is None or abs(share) > FOLLOW.most_share:
        return 0.0
    return float(np.clip(1.0 - abs(share) / (2 * FOLLOW.most_share), 0.5, 1.0))


def _layered(depth: Depth, limits: TravelThresholds) -> tuple[str, float]:
    """``layered`` or ``flat`` by the certainty of a second layer, and of most points going as one."""
    if depth.slower >= limits.layered:
        return "layered", depth.slower
    one = min(1.0, depth.layers[0].share / limits.turned) if depth.layers else 1.0
    return "flat", one * (1.0 - 0.6 * depth.slower)


def easing(shot: Shot, leg: Leg) -> float:
    """Speed in the middle third of a move over that in its first and last sixth: 1 for an even one."""
    values = components(shot.camera)[leg.component][leg.first : leg.last + 1]
    speed = np.abs(np.diff(values))
    n = len(speed)
    if n < 6:
        return 1.0
    ends = np.concatenate([speed[: max(n // 6, 1)], speed[-max(n // 6, 1) :]])
    return float(np.median(speed[n // 3 : n - n // 3]) / max(float(np.median(ends)), 1e-9))


def _amount(leg: Leg, size: tuple[int, int]) -> dict[str, float]:
    """The leg in the unit a director would use."""
    if leg.component == "x":
        return {"content_moves_percent_of_width": round(100 * leg.amount, 2)}
    if leg.component == "y":
        return {"content_moves_percent_of_height": round(100 * leg.amount * size[0] / size[1], 2)}
    if leg.component == "scale":
        return {"scale_factor": round(float(np.exp(4 * leg.amount)), 4)}
    return {"degrees_clockwise": round(float(np.rad2deg(4 * leg.amount)), 2)}
