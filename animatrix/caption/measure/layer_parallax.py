"""layer_parallax: how many depth layers answer the camera differently; told only while the camera moves."""

from __future__ import annotations

import numpy as np

from animatrix.caption.measure.camera_move import kind_of, moves
from animatrix.caption.measure.depth import depth_of
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import CAMERA_MOVE, DEPTH, TRAVEL


@measures("layer_parallax")
def layer_parallax(shot: Shot) -> list[Finding] | Abstention:
    """single_plane, contact_multi or cg_depth; abstains under a fixed camera, which shows no depth.

    A multiplane differs from a contact multi by the softness of its layers alone: ``focus`` says that.
    """
    path = shot.camera
    if len(shot.gray) < CAMERA_MOVE.min_frames or path.trusted < CAMERA_MOVE.trusted_share:
        return Abstention("too little of the picture can be followed")
    found = moves(shot)
    if not found or found[0].component == "angle":
        return Abstention("the camera does not travel")
    depth = depth_of(shot)
    if not depth.layers:
        return Abstention("too few points are followed")
    name, sure = kind_of(shot, found[0], depth)
    evidence = depth.evidence()
    seen = min(1.0, (float(np.median(path.support)) + depth.standing) / CAMERA_MOVE.full_support)
    if name == "orbit":
        return [Finding("cg_depth", sure * seen, None, evidence)]
    deep = TRAVEL.deep_held if depth.points >= DEPTH.least_points else TRAVEL.deep
    if name in ("follow", "follow_pan", "flat"):
        return [Finding("single_plane", (1.0 - 0.6 * depth.slower) * seen, None, evidence)]
    if depth.loose > deep and depth.slower < TRAVEL.layered:
        return [Finding("cg_depth", float(np.clip(0.4 + depth.loose - deep, 0.0, 0.9)), None, evidence)]
    if depth.loose > deep:
        return Abstention("sliding layers and continuous depth look alike here", evidence)
    return [Finding("contact_multi", sure * seen, None, evidence)]
