"""Framing of the shot: lean of the picture, height of the eye, and who shares the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animatrix.synthetic.scene import Scene, stream
from animatrix.synthetic.stage import HORIZON

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
