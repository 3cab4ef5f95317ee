"""layer_parallax: how many depth layers answer the camera differently; told only while the camera moves."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.caption.measure.camera_move import kind_of, moves
from animatrix.caption.measure.layers import modes_of
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import CAMERA_MOVE, DEPTH, TRAVEL


@measures("layer_parallax")
def layer_parallax(shot: Shot) -> list[Finding] | Abstention:
    """single_plane, contact_multi, multiplane or cg_depth; abstains under a fixed camera: no depth is seen.

    A multiplane differs from a contact multi by the softness of its far layers.
    """
    path = shot.camera
    if len(shot.gray) < CAMERA_MOVE.min_frames or path.trusted < CAMERA_MOVE.trusted_share:
        return Abstention("too little of the picture can be followed")
    found = moves(shot)
    if not found or found[0].component == "angle":
        return Abstention("the camera does not travel")
    depth = shot.depth
    if not depth.layers:
        return Abstention("too few points are followed")
    name, sure = kind_of(shot, found[0], depth)
    evidence = depth.evidence()
    seen = (
        min(1.0, (float(np.median(path.support)) + depth.standing) / CAMERA_MOVE.full_support) * path.trusted
    )
    if name == "orbit":
        return [Finding("cg_depth", sure * seen, None, evidence)]
    deep = TRAVEL.deep_held if depth.points >= DEPTH.least_points else TRAVEL.deep
    if name in ("follow", "follow_pan", "flat"):
        return [Finding("single_plane", (1.0 - 0.6 * depth.slower) * seen, None, evidence)]
    if depth.loose > deep and depth.slower < TRAVEL.layered:
        return [Finding("cg_depth", seen * float(np.clip(0.4 + depth.loose - deep, 0, 0.9)), None, evidence)]
    if depth.loose > deep:
        return Abstention("sliding layers and continuous depth look alike here", evidence)
    sharp = _far_sharpness(shot)
    if sharp is None:
        return Abstention("the layers cannot be told soft or sharp", evidence)
    evidence["far_sharpness"] = round(sharp, 2)
    value = "multiplane" if sharp < TRAVEL.soft else "contact_multi"
    apart = min(1.0, 0.3 + abs(float(np.log(max(sharp, 1e-3) / TRAVEL.soft))))
    return [Finding(value, sure * seen * apart, None, evidence)]


def _far_sharpness(shot: Shot) -> float | None:
    """How sharp the softest layer that lags behind the plate is: its edges' curvature over their slope, times
    the same in shares of the plate's. About 1 in focus; None when no such layer has enough points.
    """
    speeds = shot.layers
    height, width = shot.gray.shape[1:]
    edge = np.zeros(len(speeds.ratio))
    around = np.ones((7, 7), np.uint8)
    for frame in np.unique(speeds.frame):
        picture = cv2.GaussianBlur(shot.gray[frame].astype(np.float32), (3, 3), 0.6)
        across, down = (cv2.Sobel(picture, cv2.CV_32F, i, 1 - i, scale=0.125) for i in (1, 0))
        slope = cv2.dilate(cv2.magnitude(across, down), around)
        bend = cv2.dilate(np.abs(cv2.Laplacian(picture, cv2.CV_32F)), around)
        here = speeds.frame == frame
        x, y = np.round(speeds.at[here] * [width - 1, height - 1]).astype(int).T
        edge[here] = bend[y, x] / (slope[y, x] + 2.0)
    straight = np.abs(speeds.off) < 0.2
    layers = modes_of(speeds)
    if not layers:
        return None

    def median(ratio: float) -> float:
        return float(np.median(edge[straight & (np.abs(speeds.ratio - ratio) < 0.08)]))

    first = layers[0].ratio
    far = [m.ratio for m in layers[1:] if DEPTH.least_slow < m.ratio / first < DEPTH.most_slow]
    if not far:
        return None
    plate = median(first)
    return min(median(ratio) ** 2 / plate for ratio in far)
