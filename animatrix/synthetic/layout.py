"""The layout of a shot: where figure and set stand in frame 0, and how far the set must reach."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from animatrix.synthetic.acting import TRAVELS
from animatrix.synthetic.camera import PARALLAX
from animatrix.synthetic.drawable import SHOT_SCALES
from animatrix.synthetic.framing import LENS_ENLARGES, aimed_at_hand, angle_of, heads_of
from animatrix.synthetic.pose import Pose
from animatrix.synthetic.stage import HORIZON

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot


@dataclass(frozen=True)
class Layout:
    """Where things stand in frame 0, in px: head, ground line, enlargement and horizon of the set."""

    head_px: float
    ground_y: float
    anchor_x: float
    zoom: float
    horizon: float
    travel: float  # screen px per head travelled


def lay_out(shot: Shot) -> Layout:
    """The layout that frames a shot as asked."""
    w, h = shot.size
    s, path = shot.scene, shot.path
    tall, crown, zoom = SHOT_SCALES[s.shot_scale]
    if s.action == "jump" and s.shot_scale == "full":  # room for the flight
        tall, crown = tall * 0.84, crown + tall * 0.16 + 0.035
    zoom *= LENS_ENLARGES.get((*s.direction.values("lens_perspective"), "normal_lens")[0], 1.0)
    middle = 1 / float(np.sqrt(path.zoom[-1]))  # the asked framing is met half way through a zoom
    heads = heads_of(s) + 0.10
    tall = tall * (heads / 5.0 if s.shot_scale != "full" else 1.0)
    head_px = tall / heads * h * middle
    settled = path.offset[s.frames // 4 :]  # framed for the later part: a move arrives at its subject
    drift = settled.mean(0)
    ground_y = (0.5 + (crown + tall - 0.5) * middle) * h + drift[1]
    horizon = 0.5 + (angle_of(s).horizon - 0.5) * middle + drift[1] / h
    base = shot.performance.pose(0.0).x
    travelled = np.array([shot.performance.pose(t / s.fps).x - base for t in range(s.frames)])
    travel = head_px * s.facing
    if shot.follows:
        travel = 0.0
    elif "follow_pan" in s.camera_moves and travelled[-1] > 0:  # the frame keeps to the figure
        travel = float(path.offset[-1, 0]) / float(travelled[-1])
    elif s.action in TRAVELS and travelled[-1] > 0:
        room = 0.60 * w + abs(float(path.offset[-1, 0]))
        travel *= min(1.0, room / (head_px * float(travelled[-1])))
    seen = float((travel * travelled).mean()) - (0.0 if shot.follows else float(drift[0]))
    anchor = s.target * w - seen
    if s.shot_scale == "insert":
        anchor, ground_y = aimed_at_hand(shot.performance.pose(0.5 * s.frames / s.fps), s, head_px, shot.size)
    return Layout(head_px, ground_y, anchor, zoom * middle, horizon, travel)


def regions(shot: Shot) -> dict[str, tuple[float, float, float, float]]:
    """Frame-0 rectangle that each layer must cover over the whole shot."""
    w, h = shot.size
    out = {}
    corners = np.array([[-1.5, -1.5], [w + 0.5, -1.5], [-1.5, h + 0.5], [w + 0.5, h + 0.5]])
    for name, k in PARALLAX.items():
        m = shot.path.matrices(k if shot.separate or name == "book" else 1.0)
        if shot.path.roll is None:
            inv = (corners[None] - m[:, None, :, 2]) / m[:, None, :1, 0]
        else:
            inv = (corners[None] - m[:, None, :, 2]) @ np.linalg.inv(m[:, :, :2]).transpose(0, 2, 1)
        lo, hi = np.floor(inv.min((0, 1))) - 1, np.ceil(inv.max((0, 1))) + 2
        out[name] = (float(lo[0]), float(lo[1]), float(hi[0]), float(hi[1]))
    return out


# What a layout says of the figure's pose: all but where it stands, which its plane says, and its facing.
POSE = (*(f.name for f in fields(Pose) if f.name != "x"), "facing")
FIGURE_HEADS = 6.0  # of a figure as high as its sheet
FIGURE_MIDDLE = 0.35  # of its sheet, above the ground


def planes_of(shot: Shot) -> np.ndarray | None:
    """How the picture lies over set and figure ``float [2,T,3]``: see ``Truth.planes``."""
    if shot.model is not None or shot.path.roll is not None:
        return None
    lay, sides = shot.layout, np.array(shot.size, float)
    h = sides[1]
    # As Stage draws it: layout -> frame 0, enlarged about the middle and the horizon.
    px = h * lay.zoom
    start = np.array([sides[0] / 2 * (1 - lay.zoom), lay.horizon * h - HORIZON * px])
    looked, zoom = _middle(shot.path.matrices(), sides)
    ground = np.concatenate([(looked - start) / lay.zoom / sides - 0.5, -np.log(zoom * lay.zoom)[:, None]], 1)
    looked, zoom = _middle(shot.figure_path, sides)
    x = [shot.performance.pose(moment / shot.scene.fps).x for moment in shot.moments]
    foot = lay.anchor_x + lay.travel * (np.array(x) - shot.performance.pose(0.0).x)
    scale = h / (FIGURE_HEADS * lay.head_px)
    away = (looked - np.stack([foot, np.full(len(foot), lay.ground_y)], 1)) * scale / sides
    away[:, 1] += FIGURE_MIDDLE
    figure = np.concatenate([away, np.log(scale / zoom)[:, None]], 1)
    return np.stack([ground, figure])


def poses_of(shot: Shot) -> np.ndarray | None:
    """What the figure acts in each frame ``float [T,len(POSE)]``: see ``Truth.poses``."""
    if shot.model is not None:
        return None
    drawn = {m: shot.performance.pose(m / shot.scene.fps) for m in set(shot.moments.tolist())}
    rows = {m: [getattr(pose, name) for name in POSE[:-1]] for m, pose in drawn.items()}
    return np.array([[*rows[m], shot.scene.facing] for m in shot.moments.tolist()], float)


def numbers_of(planes: np.ndarray | None, poses: np.ndarray | None) -> np.ndarray | None:
    """What a layout says of each frame ``float [T,6+len(POSE)]``: how the picture lies over set and figure
    (``Truth.planes``, six numbers), and the figure's pose (``Truth.poses``). None where either is unknown.
    """
    if planes is None or poses is None:
        return None
    return np.concatenate([planes.transpose(1, 0, 2).reshape(len(poses), -1), poses], 1).round(4)


def _middle(matrices: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What of frame 0 the middle of each frame shows, in px ``[T,2]``, and enlargement ``[T]``."""
    zoom = matrices[:, 0, 0]
    return ((sides - 1) / 2 - matrices[:, :, 2]) / zoom[:, None] + 0.5, zoom
