"""Handling a prop: the hand that lifts, sips, reads or bites, and the thing in it."""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animatrix.synthetic.acting import TAU, Beat, idle, smooth
from animatrix.synthetic.costume import Costume
from animatrix.synthetic.ink import Drawing, curve, ellipse, limb
from animatrix.synthetic.palette import CLOTH, mix
from animatrix.synthetic.pose import Pose, between

PERIOD = 1.9  # seconds between two sips

_HOLD = {
    "arm_n": 0.42,
    "elbow_n": 1.55,
    "arm_f": 0.25,
    "elbow_f": 0.6,
    "held": 1.0,
    "front": 0.55,
    "yaw": 0.7,
}
_LIFT = {
    "arm_n": 0.86,
    "elbow_n": 2.12,
    "arm_f": 0.30,
    "elbow_f": 0.7,
    "held": 1.0,
    "front": 0.55,
    "yaw": 0.7,
}


def handle_prop(t: float, b: Beat) -> Pose:
    """The prop is held before the chest, lifted to the mouth, tasted or looked at, and lowered."""
    u = (t * b.tempo / PERIOD + b.phase) % 1.0
    up = smooth((u - 0.18) / 0.22) - smooth((u - 0.66) / 0.22)
    rest = idle(t, b)
    p = between(rest.but(**_HOLD, nod=0.8), rest.but(**_LIFT, head=-0.12, nod=-0.6), up)
    chew = 0.5 + 0.5 * np.sin(TAU * 4 * t)
    return p.but(mouth=0.45 * chew if up > 0.9 else 0.0, smile=0.8, eye=1.0 - 0.55 * smooth((up - 0.8) / 0.2))


Prop = Callable[[Drawing, Costume, np.ndarray, Callable[[list[tuple[float, float]]], np.ndarray]], None]


def _mug(d: Drawing, k: Costume, at: np.ndarray, put) -> None:
    paint = k.box.figure(CLOTH["white"] if k.design.outfit_color != "white" else CLOTH["teal"])
    ink, shade = mix(paint, (30, 20, 50), 0.75), mix(paint, (70, 60, 120), 0.35)
    ring = [(0.13, -0.10), (0.27, -0.08), (0.27, 0.10), (0.13, 0.10)]
    d.line(put(curve(ring, 4, closed=False)), ink, 3.2)
    d.line(put(curve(ring, 4, closed=False)), paint, 1.6)
    body = curve(
        [
            (-0.17, -0.2),
            (-0.17, -0.2),
            (0.17, -0.2),
            (0.17, -0.2),
            (0.15, 0.19),
            (0.15, 0.19),
            (-0.15, 0.19),
            (-0.15, 0.19),
        ],
        3,
    )
    d.outlined([(put(body), paint)], ink)
    d.inside(put(body), put([(0.05, -0.3), (0.3, -0.3), (0.3, 0.3), (0.03, 0.3)]), shade)
    d.outlined([(put(ellipse(0, -0.2, 0.17, 0.045)), k.box.figure((96, 58, 44)))], ink, 0.8)


def _rice_ball(d: Drawing, k: Costume, at: np.ndarray, put) -> None:
    white, ink = k.box.figure((250, 250, 246)), k.box.figure((70, 66, 92))
    ball = put(
        curve(
            [
                (0, -0.24),
                (0.10, -0.18),
                (0.23, 0.10),
                (0.18, 0.19),
                (-0.18, 0.19),
                (-0.23, 0.10),
                (-0.10, -0.18),
            ],
            4,
        )
    )
    d.outlined([(ball, white)], ink)
    d.inside(
        ball, put([(0.03, -0.3), (0.3, -0.3), (0.3, 0.3), (0.10, 0.3)]), mix(white, (120, 130, 170), 0.3)
    )
    d.inside(ball, put([(-0.09, 0.04), (0.09, 0.04), (0.10, 0.3), (-0.10, 0.3)]), k.box.figure((38, 54, 48)))


def _book(d: Drawing, k: Costume, at: np.ndarray, put) -> None:
    cover = k.box.figure(CLOTH["red"] if k.design.outfit_color != "red" else CLOTH["navy"])
    ink, page = mix(cover, (20, 10, 30), 0.7), k.box.figure((248, 244, 230))
    d.outlined([(put([(-0.06, -0.26), (0.24, -0.20), (0.24, 0.22), (-0.06, 0.24)]), cover)], ink)
    d.outlined([(put([(-0.24, -0.20), (-0.06, -0.26), (-0.06, 0.24), (-0.24, 0.20)]), page)], ink, 0.8)
    for y in (-0.12, -0.03, 0.06):
        d.line(put([(-0.20, y + 0.02), (-0.10, y)]), mix(page, ink, 0.5), 0.5)


def _telephone(d: Drawing, k: Costume, at: np.ndarray, put) -> None:
    shell, ink = k.box.figure((54, 58, 76)), k.box.figure((18, 18, 30))
    d.outlined([(put([(-0.12, -0.25), (0.12, -0.25), (0.12, 0.22), (-0.12, 0.22)]), shell)], ink)
    d.fill(put([(-0.09, -0.20), (0.09, -0.20), (0.09, 0.15), (-0.09, 0.15)]), k.box.final((150, 214, 246)))
    d.fill(put([(-0.09, -0.20), (0.02, -0.20), (-0.09, 0.02)]), k.box.final((214, 240, 252)))


PROPS: tuple[Prop, ...] = (_mug, _rice_ball, _book, _telephone)


def draw_held(d: Drawing, k: Costume, pose: Pose) -> None:
    """Draw the prop in the near hand, and the fingers round it."""
    elbow, wrist = d.bones["arm_n"][-2:]
    fore = (wrist - elbow) / max(float(np.hypot(*(wrist - elbow))), 1e-9)
    at = wrist + fore * 0.20 + (0.06, -0.04)
    prop = PROPS[sum(map(ord, k.design.family)) % len(PROPS)]

    def put(points) -> np.ndarray:
        return np.asarray(points, np.float64) + at

    d.mark("prop")
    prop(d, k, at, put)
    for n, y in enumerate((-0.09, -0.01, 0.07, 0.14)):
        root = at + (-0.17 + 0.012 * n, y)
        finger = limb(
            np.stack([root, root + (0.08, -0.012), root + (0.17 - 0.012 * n, 0.004)]),
            [0.085, 0.085, 0.065],
            4,
        )
        d.outlined([(finger, k.skin.lit)], k.skin.ink, 0.7)
    d.bones["prop"] = np.stack([at])


HANDLING = {"handle_prop": handle_prop}
