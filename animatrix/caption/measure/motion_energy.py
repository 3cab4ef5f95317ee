"""motion_energy: how far the figure moves from drawing to drawing, in shares of the frame height a frame.

The two ends of the scale are named. In between, flow at reduced size does not tell a small figure in great
motion from a large one in small, nor a figure from rain before it, well enough to be relied on.
"""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.caption.measure.camera import rescale
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import REFERENCE_FPS, Shot
from animatrix.caption.measure.thresholds import MOTION_ENERGY, MotionEnergyThresholds

WIDTH = 160  # pixels at which flow is read: the motion of a limb, not of a line, is looked for


@measures("motion_energy")
def motion_energy(shot: Shot, limits: MotionEnergyThresholds = MOTION_ENERGY) -> list[Finding] | Abstention:
    """static where no drawing is new, for all of the shot or most of it; explosive where much moves far."""
    if len(shot.gray) < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    if shot.detail < limits.least_detail:
        return Abstention("the picture is empty")
    drawings = shot.drawings
    if drawings.noise > limits.most_noise or drawings.flash.mean() > limits.most_flash:
        return Abstention("the whole picture changes, the figure's motion cannot be told from it")
    if not drawings.new.any():
        worst = float(np.percentile(drawings.change, 75)) / drawings.threshold
        hidden = float(np.clip(1.1 - 2.5 * drawings.noise, 0.4, 1.0))
        sure = hidden * float(np.clip(1.3 - 0.9 * worst, 0.0, 0.97))
        return [Finding("static", sure, None, {"new_drawings": 0, "change_over_threshold": round(worst, 3)})]
    held = _held(shot, limits)
    if held is not None:
        return [held]
    speed, sweep = _liveliness(shot, limits)
    evidence = {
        "percent_of_height_per_frame": round(100 * speed, 3),
        "changed_share_per_frame": round(sweep, 4),
        "picture_noise": round(drawings.noise, 3),
    }
    filled = limits.explosive_sweep[0] < sweep < limits.explosive_sweep[1]
    if speed < limits.explosive_speed or not filled or drawings.noise > limits.explosive_noise:
        return Abstention("how lively it is cannot be read plainly from its pixels", evidence)
    sure = 0.6 + 0.25 * min(speed / limits.explosive_speed - 1, 1.0) - 2 * drawings.noise
    return [Finding("explosive", float(np.clip(sure, 0, 0.95)), None, evidence)]


def _held(shot: Shot, limits: MotionEnergyThresholds) -> Finding | None:
    """static over the longest hold, where it fills most of the shot and the rest is too short to judge."""
    runs = np.array(shot.drawings.runs)
    first = int(runs[: runs.argmax()].sum())
    span = shot.span(first, first + int(runs.max()) - 1)
    if span[1] - span[0] + 1 < limits.least_hold or runs.max() < limits.hold_share * runs.sum():
        return None
    share = float(runs.max() / runs.sum())
    return Finding("static", 0.5 + 0.4 * share, span, {"held_share": round(share, 3)})


def _liveliness(shot: Shot, limits: MotionEnergyThresholds) -> tuple[float, float]:
    """Frame heights the fast parts of the figure move in a frame at 24 fps, and the share of the frame that
    changes in one; means over drawings spread over the shot, which must have a new one."""
    new = np.flatnonzero(shot.drawings.new)
    count = int(np.clip(len(shot.gray) // limits.every, 3, limits.most_pairs))
    some = new[np.unique(np.linspace(0, len(new) - 1, count).round().astype(int))]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    reach, area = np.mean([_step(shot, int(t), flow, limits) for t in some], axis=0)
    rate = len(new) / len(shot.drawings.new) * shot.fps / REFERENCE_FPS
    return float(reach * rate), float(area * rate)


def _step(
    shot: Shot, t: int, flow: cv2.DISOpticalFlow, limits: MotionEnergyThresholds
) -> tuple[float, float]:
    """From frame t to t+1, the camera's step taken out: the 95th percentile of flow near what changed, in
    frame heights, and the share of the frame that changed."""
    before, after = shot.gray[t], shot.gray[t + 1]
    step = shot.camera.steps[t]
    if before.shape[1] > WIDTH:
        size = (WIDTH, max(8, round(before.shape[0] * WIDTH / before.shape[1])))
        step = rescale(step[None], before.shape[1] / WIDTH)[0]
        before, after = (cv2.resize(g, size, interpolation=cv2.INTER_AREA) for g in (before, after))
    height, width = after.shape
    if np.abs(step - np.eye(2, 3)).max() > 0.02:
        before = cv2.warpAffine(before, step, (width, height), borderMode=cv2.BORDER_REPLICATE)
    changed = cv2.absdiff(cv2.blur(before, (3, 3)), cv2.blur(after, (3, 3))) > limits.levels
    changed[:3], changed[-3:], changed[:, :3], changed[:, -3:] = False, False, False, False
    if not changed.any():
        return 0.0, 0.0
    field = flow.calc(before, after, None)
    length = cv2.magnitude(field[..., 0], field[..., 1]) / height
    near = cv2.dilate(changed.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float(np.percentile(length[near], 95)), float(changed.mean())
