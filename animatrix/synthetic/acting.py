"""Acting: each ``action`` as key poses and cycles in time, and the drag of what hangs on the body.

A performance is a function of continuous time; the exposure sheet decides at which moments it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from animatrix.synthetic.pose import Pose, between

TAU = 2 * np.pi


@dataclass(frozen=True)
class Beat:
    """Timing of a performance. Times in seconds; ``hit`` is the landing, shock or turn of the shot."""

    length: float
    hit: float
    phase: float  # 0..1 offset into cycles
    tempo: float  # 1 is the standard speed
    blink: float
    wind: float  # heads of sway at the tips, signed by direction in puppet space
    seed: int
    under_way: bool = False  # a followed runner is running when the shot opens


def smooth(t: float) -> float:
    """Slow-out, slow-in."""
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)


def ease_out(t: float) -> float:
    t = min(1.0, max(0.0, t))
    return 1 - (1 - t) ** 3


def keyed(t: float, rows: list[tuple[float, Pose]]) -> Pose:
    """Slow-in/slow-out in-betweens through timed keys."""
    if t <= rows[0][0]:
        return rows[0][1]
    for (ta, a), (tb, b) in pairwise(rows):
        if t < tb:
            return between(a, b, smooth((t - ta) / max(tb - ta, 1e-6)))
    return rows[-1][1]


def alive(p: Pose, t: float, b: Beat) -> Pose:
    """Breath and weight shift, big enough to be drawn."""
    w = TAU * (t * 0.72 * b.tempo + b.phase)
    return p.but(
        stretch=p.stretch * (1 + 0.015 * np.sin(w)),
        lean=p.lean + 0.035 * np.sin(w * 0.5),
        head=p.head + 0.060 * np.sin(w - 0.8),
        nod=p.nod + 0.5 * np.sin(w - 0.4),
        shrug=p.shrug + 0.5 * np.sin(w),
        arm_n=p.arm_n + 0.09 * np.sin(w - 0.5),
        arm_f=p.arm_f - 0.09 * np.sin(w - 0.5),
    )


def idle(t: float, b: Beat) -> Pose:
    return alive(Pose(), t, b)


def flap(t: float, seed: int) -> float:
    """Lip flap: one of three mouths, changed on threes whatever the body's cadence."""
    k = int(t * 8 + 1e-6)
    return (0.0, 0.55, 1.0)[(k * 2654435761 + (seed >> (k % 13)) * 40503 + k * k * 97) % 1009 % 3]


def speak(t: float, b: Beat) -> Pose:
    p = alive(Pose(smile=0.5, arm_f=0.35, elbow_f=1.0), t, b)
    w = TAU * (t * 1.25 * b.tempo + b.phase)
    return p.but(
        mouth=flap(t, b.seed),
        head=p.head + 0.05 * np.sin(w),
        nod=0.6 * np.sin(w + 1),
        elbow_f=1.0 + 0.28 * np.sin(w),
        arm_f=0.35 + 0.10 * np.sin(w + 0.5),
    )


def gesture(t: float, b: Beat) -> Pose:
    """A wave of the raised near hand."""
    w = TAU * (t * 1.7 * b.tempo + b.phase)
    p = alive(Pose(smile=1.0, mouth=0.75), t, b)
    return p.but(
        arm_n=-2.30 + 0.07 * np.sin(w),
        elbow_n=-0.55 + 0.50 * np.sin(w - 0.35),
        head=-0.06 + 0.03 * np.sin(w),
        shrug=0.5,
    )


def react(t: float, b: Beat) -> Pose:
    """Startled: a small dip, a stretch past the pose, then settling into surprise."""
    calm = Pose()
    dip = Pose(
        eye=0.2,
        lean=0.12,
        shrug=1.2,
        knee_n=0.5,
        hip_n=0.22,
        knee_f=0.5,
        hip_f=0.28,
        nod=1.0,
        stretch=0.95,
        brow=-0.5,
    )
    up = Pose(
        eye=1.15,
        mouth=1.0,
        smile=0.0,
        brow=1.5,
        lean=-0.22,
        head=-0.1,
        arm_n=-1.15,
        elbow_n=-0.9,
        arm_f=1.1,
        elbow_f=1.0,
        shrug=2.0,
        lift=0.22,
        stretch=1.07,
    )
    rest = Pose(
        eye=1.12,
        mouth=0.7,
        smile=0.0,
        brow=1.4,
        lean=-0.12,
        arm_n=-0.75,
        elbow_n=-1.1,
        arm_f=0.7,
        elbow_f=1.2,
        shrug=1.2,
    )
    h = b.hit
    p = keyed(t, [(h - 0.34, calm), (h - 0.10, dip), (h + 0.08, up), (h + 0.30, rest)])
    q = alive(p, t, b)
    shiver = 0.03 * np.sin(TAU * t * 6) * (t > h + 0.3)
    return q.but(arm_n=q.arm_n + shiver, arm_f=q.arm_f - shiver)


def turn(t: float, b: Beat) -> Pose:
    """Head first, body after: from one three-quarter view to the other."""
    a = smooth((t - b.hit + 0.30) / 0.55)
    late = smooth((t - b.hit + 0.18) / 0.6)
    p = alive(Pose(), t, b)
    return p.but(
        yaw=0.8 - 1.6 * a,
        front=0.75 + 0.2 * np.sin(np.pi * late),
        eye=1.0 - 0.95 * np.sin(np.pi * a) ** 4,
        nod=1.2 * np.sin(np.pi * a),
        lean=p.lean - 0.05 * np.sin(np.pi * late),
        arm_n=p.arm_n - 0.25 * np.sin(np.pi * late),
        arm_f=p.arm_f + 0.25 * np.sin(np.pi * late),
    )


def _stride(w: float, swing: float, knee: float) -> tuple[float, float]:
    """Hip and knee angles of one leg at cycle angle ``w``: the knee folds while the leg swings forward."""
    return swing * np.sin(w), 0.10 + knee * max(0.0, np.cos(w + 0.25)) ** 1.3


WALK_PERIOD, RUN_PERIOD = 26 / 24, 16 / 24


def walk(t: float, b: Beat) -> Pose:
    w = TAU * (t * b.tempo / WALK_PERIOD + b.phase)
    hn, kn = _stride(w, 0.44, 0.80)
    hf, kf = _stride(w + np.pi, 0.44, 0.80)
    return Pose(
        x=3.5 * t * b.tempo / WALK_PERIOD,
        yaw=0.75,
        front=0.30,
        lean=0.05,
        hip_n=hn,
        knee_n=kn,
        hip_f=hf,
        knee_f=kf,
        arm_n=-0.50 * np.sin(w),
        elbow_n=0.22 + 0.14 * np.sin(w + np.pi),
        arm_f=0.50 * np.sin(w),
        elbow_f=0.22 + 0.14 * np.sin(w),
        head=0.02 * np.sin(2 * w),
        toe_n=-0.35 * max(0.0, np.sin(w)) ** 2,
        toe_f=-0.35 * max(0.0, -np.sin(w)) ** 2,
        smile=0.5,
    )


def run(t: float, b: Beat) -> Pose:
    w = TAU * (t * b.tempo / RUN_PERIOD + b.phase)
    hn, kn = _stride(w, 0.92, 1.75)
    hf, kf = _stride(w + np.pi, 0.92, 1.75)
    return Pose(
        x=5.2 * t * b.tempo / RUN_PERIOD,
        yaw=0.80,
        front=0.20,
        lean=0.30,
        head=-0.16,
        hip_n=hn + 0.14,
        knee_n=kn,
        hip_f=hf + 0.14,
        knee_f=kf,
        arm_n=-0.95 * np.sin(w),
        elbow_n=1.55 - 0.25 * np.sin(w),
        arm_f=0.95 * np.sin(w),
        elbow_f=1.55 + 0.25 * np.sin(w),
        lift=0.24 * np.sin(w + 0.25) ** 2,
        mouth=0.6,
        smile=0.6,
        brow=0.4,
    )


def dash(t: float, b: Beat) -> Pose:
    """Wind-up crouch, then a low burst with the arms trailing."""
    start = -0.2 if b.under_way else min(b.hit, 0.42)
    w = TAU * (max(0.0, t - start) * b.tempo / (12 / 24) + b.phase)
    hn, kn = _stride(w, 1.0, 1.6)
    hf, kf = _stride(w + np.pi, 1.0, 1.6)
    burst = Pose(
        yaw=0.85,
        front=0.15,
        lean=0.72,
        head=-0.50,
        hip_n=hn + 0.35,
        knee_n=kn + 0.25,
        hip_f=hf + 0.35,
        knee_f=kf + 0.25,
        arm_n=-1.55 + 0.1 * np.sin(2 * w),
        elbow_n=0.1,
        arm_f=-1.35 - 0.1 * np.sin(2 * w),
        elbow_f=0.1,
        brow=-1.0,
        smile=0.0,
        lift=0.10 * np.sin(w) ** 2,
    )
    crouch = Pose(
        yaw=0.8,
        front=0.25,
        lean=0.42,
        head=-0.3,
        hip_n=0.95,
        knee_n=1.55,
        hip_f=-0.25,
        knee_f=0.75,
        arm_n=-0.6,
        elbow_n=0.6,
        arm_f=0.7,
        elbow_f=0.9,
        brow=-1.0,
        smile=0.0,
        stretch=0.96,
    )
    a = smooth((t - start + 0.06) / 0.12)
    stand = Pose(yaw=0.75, front=0.35, brow=-0.6, smile=0.1)
    p = between(between(stand, crouch, smooth(t / max(start - 0.12, 0.1))), burst, a)
    return p.but(x=7.5 * b.tempo * max(0.0, t - max(0.0, start)) / (12 / 24))


def jump(t: float, b: Beat) -> Pose:
    """Anticipation, take-off stretch, flight, landing squash at ``hit``, recovery."""
    h = b.hit
    air = 0.54
    off = h - air
    stand = Pose(yaw=0.7, front=0.45)
    squat = Pose(
        yaw=0.7,
        front=0.40,
        lean=0.50,
        head=-0.25,
        hip_n=0.95,
        knee_n=1.65,
        hip_f=1.0,
        knee_f=1.65,
        arm_n=-1.0,
        elbow_n=0.2,
        arm_f=-0.8,
        elbow_f=0.2,
        stretch=0.95,
        brow=-0.5,
    )
    launch = Pose(
        yaw=0.7,
        front=0.35,
        lean=0.06,
        hip_n=-0.25,
        knee_n=0.1,
        hip_f=-0.1,
        knee_f=0.15,
        toe_n=0.8,
        toe_f=0.8,
        arm_n=2.4,
        elbow_n=0.3,
        arm_f=2.6,
        elbow_f=0.2,
        stretch=1.08,
        mouth=0.8,
        smile=0.8,
    )
    top = Pose(
        yaw=0.7,
        front=0.40,
        lean=0.10,
        hip_n=0.75,
        knee_n=1.5,
        hip_f=-0.35,
        knee_f=0.9,
        arm_n=1.5,
        elbow_n=0.5,
        arm_f=-1.2,
        elbow_f=0.4,
        mouth=0.9,
        smile=1.0,
    )
    reach = Pose(
        yaw=0.7,
        front=0.40,
        lean=0.12,
        hip_n=0.35,
        knee_n=0.25,
        hip_f=0.05,
        knee_f=0.2,
        toe_n=0.3,
        toe_f=0.3,
        arm_n=-1.6,
        elbow_n=0.3,
        arm_f=1.6,
        elbow_f=0.3,
        stretch=1.04,
    )
    land = squat.but(
        stretch=0.90,
        lean=0.55,
        arm_n=-0.3,
        arm_f=0.6,
        hip_n=1.1,
        knee_n=1.9,
        hip_f=1.05,
        knee_f=1.85,
        eye=0.2,
    )
    p = keyed(
        t,
        [
            (off - 0.42, stand),
            (off - 0.12, squat),
            (off + 0.02, launch),
            (off + air * 0.5, top),
            (h - 0.06, reach),
            (h + 0.04, land),
            (h + 0.16, land.but(stretch=0.97, eye=1.0)),
            (h + 0.48, stand.but(smile=0.9)),
        ],
    )
    u = (t - off) / air
    lift = 2.0 * 4 * u * (1 - u) * 0.5 * 1.15 if 0 < u < 1 else 0.0
    return alive(p, t, b).but(lift=lift, x=2.4 * min(1.0, max(0.0, u)))


EVERYDAY: dict[str, Callable[[float, Beat], Pose]] = {
    "idle": idle,
    "speak": speak,
    "gesture": gesture,
    "react": react,
    "turn": turn,
    "walk": walk,
    "run": run,
    "dash": dash,
    "jump": jump,
}
TRAVELS = frozenset({"walk", "run", "dash"})
