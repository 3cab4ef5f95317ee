"""move_speed: how fast the camera's largest move is, in shares of the frame per film frame."""

from __future__ import annotations

import numpy as np

from animatrix.caption.measure.camera_move import certainty, moves
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import REFERENCE_FPS, Shot
from animatrix.caption.measure.thresholds import CAMERA_MOVE, MOVE_SPEED, MoveSpeedThresholds


@measures("move_speed")
def move_speed(shot: Shot, limits: MoveSpeedThresholds = MOVE_SPEED) -> list[Finding] | Abstention:
    """creeping, slow_move, medium_move, quick or whip, by the mean speed between the move's start and end."""
    if len(shot.gray) < CAMERA_MOVE.min_frames or shot.camera.trusted < CAMERA_MOVE.trusted_share:
        return Abstention("too little of the picture can be followed")
    found = moves(shot)
    if not found:
        return Abstention("the camera does not move")
    leg = found[0]
    frames = max(leg.last - leg.first, 1) * REFERENCE_FPS / shot.fps
    # A tilt is judged by the frame's height; a zoom by its growth and a turn by its radians, which
    # ``components`` holds as a quarter.
    width, height = shot.camera.size
    unit = {"x": 1.0, "y": width / height, "scale": 4.0, "angle": 4.0}[leg.component]
    speed = unit * abs(leg.amount) / frames
    edges = np.array([limit for _, limit in limits.up_to])
    index = int(np.searchsorted(edges, speed))
    nearest = float(np.abs(np.log(speed / edges[:-1])).min())
    sure = float(np.clip(0.3 + 0.7 * nearest / limits.clear, 0.0, 1.0)) * certainty(
        abs(leg.amount), shot, shot.depth.standing
    )
    evidence = {"percent_per_frame": round(100 * speed, 3)}
    steps = len(shot.gray) - 1
    whole = leg.last - leg.first >= CAMERA_MOVE.whole_share * steps  # as the move itself is spanned
    span = None if whole else shot.span(leg.first, leg.last)
    return [Finding(limits.up_to[index][0], sure, span, evidence)]
