"""Framing of the shot: lean of the picture, height of the eye, and who shares the frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from animatrix.synthetic.backview import draw_from_behind, draw_in_profile
from animatrix.synthetic.costume import Costume
from animatrix.synthetic.design import PEOPLE
from animatrix.synthetic.figure import draw_figure
from animatrix.synthetic.ink import Drawing
from animatrix.synthetic.pose import Body, Pose, solve
from animatrix.synthetic.scene import Scene, stream
from animatrix.synthetic.stage import HORIZON, Layer

# lens_perspective -> enlargement of the set about the horizon: a long lens brings the distance near
LENS_ENLARGES: dict[str, float] = {"telephoto": 1.7, "wide": 0.66, "fisheye": 0.8}


def tilt_of(scene: Scene) -> float:
    """Radians by which the whole picture leans: 12 to 22 degrees to either side on a dutch tilt, else 0."""
    if not scene.direction.has("horizon", "dutch_tilt"):
        return 0.0
    side, amount = stream(scene.seed, 40).random(2)
    return float(np.deg2rad(12 + 10 * amount) * (1 if side < 0.5 else -1))


@dataclass(frozen=True)
class Angle:
    """How a figure and the horizon look from a height of the eye.

    Attributes:
        horizon: height of the horizon in the frame, 0 top .. 1 bottom.
        foot, crown: width factors at the soles and at the top of the head.
        near: extra length of what is near: above 0 the legs are long, below 0 the head end is.
        reach: body height in heads over which this happens.
    """

    horizon: float = HORIZON
    foot: float = 1.0
    crown: float = 1.0
    near: float = 0.0
    reach: float = 5.5

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Points ``[N,2]`` in heads, origin on the ground, as this eye sees them."""
        if self.foot == self.crown == 1.0:
            return points
        v = -points[:, 1] / self.reach
        u = np.clip(v, -0.2, 1.2)
        width = self.foot + (self.crown - self.foot) * u
        return np.stack([points[:, 0] * width, -self.reach * (v + self.near * u * (1 - u))], 1)


ANGLES: dict[str, Angle] = {
    "low_angle": Angle(0.86, 1.22, 0.76, 0.22),
    "high_angle": Angle(0.05, 0.66, 1.18, -0.26),
}


def angle_of(scene: Scene) -> Angle:
    """The eye of a scene: the asked angle, else eye level."""
    return ANGLES[angle[0]] if (angle := scene.direction.values("camera_angle")) else Angle()


# character_proportion -> body height in heads; the other values are those of the model sheets
PROPORTIONS: dict[str, float] = {
    "two_heads": 2.1,
    "three_heads": 3.0,
    "seven_heads": 6.9,
    "eight_plus": 8.2,
}


def heads_of(scene: Scene) -> float:
    """Body height of the scene's figure in heads."""
    asked = scene.direction.values("character_proportion")
    return PROPORTIONS[asked[0]] if asked else PEOPLE[scene.design.noun].heads


def body_of(scene: Scene) -> Body:
    """The figure's bones; a long body carries broader shoulders."""
    heads, build = heads_of(scene), PEOPLE[scene.design.noun].build
    body = Body.of(heads, build)
    return replace(body, shoulder=body.shoulder * 1.18) if heads > 6.5 else body


VIEWS: dict[str, Callable[..., Drawing]] = {"back_view": draw_from_behind, "profile_view": draw_in_profile}


def _facing_us(costume: Costume, pose: Pose, locks, light: float) -> Drawing:
    """The figure square to the lens, its two sides alike."""
    even = pose.but(
        yaw=0.0,
        front=1.0,
        lean=0.0,
        head=0.0,
        arm_f=-pose.arm_n,
        elbow_f=-pose.elbow_n,
        hip_f=-pose.hip_n,
        knee_f=pose.knee_n,
    )
    return draw_figure(costume, even, lambda level: locks(level) * (0.0, 1.0), light)


def figure_drawn(scene: Scene) -> Callable[..., Drawing]:
    """How the figure is drawn: from the asked side."""
    for view, draw in VIEWS.items():
        if scene.direction.has("framing", view):
            return draw
    return _facing_us if scene.direction.has("framing", "symmetrical") else draw_figure


def aimed_at_hand(pose: Pose, scene: Scene, head_px: float, size: tuple[int, int]) -> tuple[float, float]:
    """Anchor and ground line in px that put the near hand into the middle of the frame."""
    w, h = size
    hand = solve(pose, body_of(scene)).arm_n[-1]
    return 0.5 * w - scene.facing * float(hand[0]) * head_px, 0.5 * h - float(hand[1]) * head_px


def compose_set(scene: Scene, layers: list[Layer], size: tuple[int, int]) -> None:
    """Rework the painted layers for the asked framing, in place."""
    if scene.direction.has("framing", "symmetrical"):
        for layer in layers:
            _mirror(layer, size[0])
    if scene.direction.has("framing", "negative_space"):
        soft = 0.09 * size[1]
        for layer in layers:
            if layer.name != "book":
                layer.rgba[:] = cv2.GaussianBlur(layer.rgba, (0, 0), soft * layer.oversample)


def _mirror(layer: Layer, width: int) -> None:
    """Make the right half of the frame the mirror of its left half."""
    n = layer.rgba.shape[1]
    axis = ((width - 1) / 2 - layer.origin[0] + 0.5) * layer.oversample - 0.5
    right = np.arange(int(np.floor(axis)) + 1, n)
    left = np.clip(np.rint(2 * axis - right).astype(int), 0, n - 1)
    layer.rgba[:, right] = layer.rgba[:, left]
