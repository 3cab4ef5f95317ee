"""Tones of acting, and how acting is held back or turned where the camera needs it: changes to a pose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animatrix.synthetic.acting import smooth
from animatrix.synthetic.camera import SPEEDS
from animatrix.synthetic.pose import Pose, between
from animatrix.synthetic.scene import Scene

TAU = 2 * np.pi
Change = Callable[[float, Pose], Pose]  # (screen seconds, pose) -> pose

# --- registers


def _amplified(gain: float) -> Change:
    calm = Pose()

    def change(t: float, p: Pose) -> Pose:
        q = between(calm, p, gain)
        if p.held:  # what holds a thing keeps its place
            q = q.but(held=p.held, arm_n=p.arm_n, elbow_n=p.elbow_n)
        return q.but(x=p.x, lift=p.lift * min(gain, 1.2), yaw=p.yaw, front=p.front, eye=p.eye, mouth=p.mouth)

    return change


HERO = Pose(
    lean=-0.08,
    head=-0.10,
    nod=-1.0,
    yaw=0.60,
    front=0.95,
    arm_n=-0.62,
    elbow_n=1.30,
    arm_f=0.62,
    elbow_f=-1.30,
    hip_n=-0.34,
    hip_f=0.34,
    knee_n=0.0,
    knee_f=0.0,
    brow=-0.6,
    smile=0.7,
    shrug=0.2,
)


def _heroic(scene: Scene) -> Change:
    arrive = 0.45 * scene.frames / scene.fps

    def change(t: float, p: Pose) -> Pose:
        a = smooth((t - arrive) / 0.16)
        return between(p, HERO.but(x=p.x), a)

    return change


# poses struck one after the other
_TAKES = (
    Pose(arm_n=-2.35, elbow_n=-0.2, arm_f=2.35, elbow_f=0.2, eye=1.2, mouth=1.0, brow=1.5, shrug=1.6,
         stretch=1.05),
    Pose(lean=0.62, head=0.25, arm_n=0.25, arm_f=0.45, eye=0.5, mouth=0.2, smile=0.0, brow=-0.8, stretch=0.93,
         hip_n=0.4, knee_n=0.8, hip_f=0.4, knee_f=0.8),
    Pose(lean=-0.18, head=-0.12, arm_n=-1.9, elbow_n=-1.5, arm_f=0.9, elbow_f=1.6, mouth=0.8, smile=1.0),
)  # fmt: skip
_STAGE = (
    Pose(lean=-0.10, head=-0.16, arm_n=-1.55, elbow_n=-0.25, arm_f=1.55, elbow_f=0.25, mouth=0.8, smile=1.0,
         front=0.95),
    Pose(lean=0.14, head=0.05, arm_n=-2.45, elbow_n=-0.15, arm_f=0.85, elbow_f=0.35, mouth=0.6, brow=0.8,
         front=0.9),
    Pose(lean=0.52, head=0.15, arm_n=1.25, elbow_n=1.2, arm_f=-0.9, elbow_f=-0.1, eye=0.2, smile=0.9,
         front=0.8),
)  # fmt: skip


def _struck(poses: tuple[Pose, ...], period: float, snap: float, bounce: float) -> Callable[[Scene], Change]:
    """Poses struck in turn, one each ``period`` seconds, reached in ``snap`` seconds with a ``bounce``."""

    def make(scene: Scene) -> Change:
        start = int(scene.beat.phase * len(poses))

        def change(t: float, p: Pose) -> Pose:
            k, r = divmod(max(0.0, t), period)
            a, b = (poses[(start + int(k) + n) % len(poses)] for n in (0, 1))
            late = r - (period - snap)
            q = between(a, b, smooth(late / snap)) if late > 0 else a
            spring = 1 + bounce * np.exp(-r * 12) * np.cos(r * 30) * (t >= period)
            return q.but(x=p.x, yaw=p.yaw, stretch=q.stretch * spring)

        return change

    return make


REGISTERS: dict[str, Callable[[Scene], Change]] = {
    "everyday_subtle": lambda scene: _amplified(0.45),
    "comedic": _struck(_TAKES, 0.44, 0.10, 0.16),
    "theatrical": _struck(_STAGE, 0.62, 0.30, 0.03),
    "heroic_posed": _heroic,
}


def _calm(scene: Scene) -> Change:
    """Seen this close, breath is enough."""

    def change(t: float, p: Pose) -> Pose:
        return p.but(
            x=0.0,
            lean=0.12 * p.lean,
            head=0.15 * p.head,
            nod=0.15 * p.nod,
            stretch=1 + 0.1 * (p.stretch - 1),
            yaw=0.4,
        )

    return change


def circled(scene: Scene) -> Change:
    """The eye goes round the figure: it turns as far as the setting does."""
    a = SPEEDS[scene.move_speed][0] * 24 * 1.45

    def change(t: float, p: Pose) -> Pose:
        turned = -0.30 + a * t / 0.46
        return p.but(
            yaw=float(np.clip(turned, -0.3, 1.0)), front=float(np.clip(1.0 - 0.4 * turned, 0.3, 1.0))
        )

    return change


def _steady_hand(scene: Scene) -> Change:
    def change(t: float, p: Pose) -> Pose:
        turn = 0.05 * float(np.sin(TAU * (0.7 * t + scene.beat.phase)))
        return p.but(
            arm_n=0.42 + 0.3 * turn,
            elbow_n=1.55 + turn,
            held=1.0,
            lean=0.0,
            shrug=0.0,
            stretch=1.0,
            front=0.55,
        )

    return change


# shot_scale -> how acting is held back there
CLOSE: dict[str, Callable[[Scene], Change]] = {"extreme_close_up": _calm, "insert": _steady_hand}
