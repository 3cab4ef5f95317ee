"""background_animation: a painting, a painting that slides behind the figure, or a model that is filmed."""

from __future__ import annotations

import numpy as np

from animatrix.caption.measure.camera_move import kind_of, moves
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import CAMERA_MOVE, DEPTH, TRAVEL


@measures("background_animation")
def background_animation(shot: Shot) -> list[Finding] | Abstention:
    """static_background, scrolled_background or cg_camera_background; abstains where nothing can be followed,
    as where the scenery is redrawn."""
    path = shot.camera
    if len(shot.gray) < CAMERA_MOVE.min_frames or path.trusted < CAMERA_MOVE.trusted_share:
        return Abstention("too little of the picture can be followed")
    support = float(np.median(path.support))
    found = moves(shot)
    if not found or found[0].component in ("angle", "scale"):
        sure = float(np.clip(0.4 + support, 0.0, 0.97)) * path.trusted
        return [Finding("static_background", sure, None, {"support": round(support, 3)})]
    depth = shot.depth
    name, sure = kind_of(shot, found[0], depth)
    evidence = {"support": round(support, 3), **depth.evidence()}
    seen = min(1.0, (support + depth.standing) / CAMERA_MOVE.full_support) * path.trusted
    if name == "follow":
        return [Finding("scrolled_background", sure * seen, None, evidence)]
    deep = TRAVEL.deep_held if depth.points >= DEPTH.least_points else TRAVEL.deep
    if name == "orbit" or (name == "layered" and depth.loose > deep and depth.slower < TRAVEL.layered):
        return [Finding("cg_camera_background", sure * seen, None, evidence)]
    return [Finding("static_background", 0.9 * seen, None, evidence)]
