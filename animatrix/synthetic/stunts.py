"""Fast acting: strike, slash, fall, dodge, dance and cast, in keys with a wind-up, a blow and a settle.

Every one has at most three drawings between its wind-up and its contact: the speed that a smear carries.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animatrix.synthetic.acting import TAU, Beat, alive, keyed, smooth
from animatrix.synthetic.pose import Pose

GUARD = Pose(
    yaw=0.8, front=0.45, lean=0.12, hip_n=-0.38, knee_n=0.10, hip_f=0.62, knee_f=0.55, arm_n=0.35,
    elbow_n=1.75, arm_f=0.75, elbow_f=1.45, brow=-0.9, smile=0.0,
)  # fmt: skip


def strike(t: float, b: Beat) -> Pose:
    """A straight punch of the near arm: load the back leg, snap through, recoil to guard."""
    load = GUARD.but(
        lean=-0.22, head=0.12, arm_n=-1.15, elbow_n=2.05, arm_f=1.15, elbow_f=0.7, hip_n=-0.15, knee_n=0.55,
        hip_f=0.35, knee_f=0.75, front=0.75, stretch=0.96, shrug=0.6,
    )  # fmt: skip
    reach = GUARD.but(
        lean=0.52, head=-0.34, arm_n=1.42, elbow_n=0.05, arm_f=-0.65, elbow_f=1.5, hip_n=-0.72, knee_n=0.10,
        hip_f=0.95, knee_f=0.85, front=0.20, mouth=0.9, stretch=1.03,
    )  # fmt: skip
    h = b.hit
    rows = [(h - 0.50, GUARD), (h - 0.20, load), (h - 0.10, load.but(lean=-0.27, arm_n=-1.25)), (h, reach)]
    rows += [(h + 0.17, reach.but(lean=0.46, arm_n=1.32, elbow_n=0.16)), (h + 0.48, GUARD)]
    p = keyed(t, rows)
    step = smooth((t - h + 0.10) / 0.10) - 0.6 * smooth((t - h - 0.2) / 0.3)
    return alive(p, t, b).but(x=0.55 * step)


def slash(t: float, b: Beat) -> Pose:
    """A cut from over the shoulder down through the front, blade first."""
    ready = GUARD.but(arm_n=0.75, elbow_n=0.95, arm_f=0.95, elbow_f=0.9, blade=1.75, swing=-1.1)
    raised = ready.but(
        lean=-0.26, head=0.12, arm_n=3.35, elbow_n=0.55, arm_f=2.9, elbow_f=0.6, swing=-1.3, front=0.6,
        hip_n=-0.2, knee_n=0.45, stretch=1.03,
    )  # fmt: skip
    through = ready.but(
        lean=0.58, head=-0.32, arm_n=0.15, elbow_n=0.10, arm_f=0.4, elbow_f=0.4, swing=-0.1, front=0.2,
        hip_n=-0.75, knee_n=0.15, hip_f=1.0, knee_f=0.95, mouth=0.8, stretch=0.98,
    )  # fmt: skip
    h = b.hit
    rows = [
        (h - 0.56, ready),
        (h - 0.22, raised),
        (h - 0.11, raised.but(arm_n=3.5, lean=-0.32)),
        (h, through),
    ]
    rows += [(h + 0.20, through.but(arm_n=-0.05, lean=0.52)), (h + 0.55, ready)]
    return alive(keyed(t, rows), t, b).but(x=0.45 * smooth((t - h + 0.11) / 0.11))


def fall(t: float, b: Beat) -> Pose:
    """Loses balance, windmills, goes over and lands on the back at ``hit``, with one bounce."""
    h = b.hit
    w = TAU * t * 2.4
    stand = Pose(yaw=0.7, front=0.5)
    totter = Pose(
        yaw=0.6, front=0.5, lean=-0.30, eye=1.15, mouth=0.7, smile=0.0, brow=1.2, arm_n=1.9 + 0.7 * np.sin(w),
        arm_f=2.1 + 0.7 * np.sin(w + 2), elbow_n=0.3, elbow_f=0.3, hip_f=0.75, knee_f=0.35,
    )  # fmt: skip
    flung = totter.but(
        lean=-0.25, arm_n=2.5, arm_f=2.2, hip_n=0.85, knee_n=0.5, hip_f=1.15, knee_f=0.7, mouth=1.0, brow=1.5
    )
    down = flung.but(
        lean=0.0, arm_n=-0.9, arm_f=0.9, hip_n=0.45, knee_n=0.7, hip_f=0.9, knee_f=1.1, eye=0.1, mouth=0.6
    )
    limp = down.but(hip_n=0.15, knee_n=0.25, hip_f=0.35, knee_f=0.6, mouth=0.2)
    rows = [(h - 0.72, stand), (h - 0.45, totter), (h - 0.24, totter), (h - 0.06, flung), (h + 0.04, down)]
    p = keyed(t, [*rows, (h + 0.32, limp)])
    drop = smooth((t - h + 0.26) / 0.26) ** 1.6
    u = (t - h + 0.30) / 0.30
    bounce = (t - h - 0.02) / 0.20
    lift = (
        0.55 * 4 * u * (1 - u) if 0 < u < 1 else (0.22 * 4 * bounce * (1 - bounce) if 0 < bounce < 1 else 0.0)
    )
    calm = alive(p, t, b) if t < h - 0.5 else p
    return calm.but(spin=-1.50 * drop, lift=lift, x=-1.3 * drop)


def dodge_guard(t: float, b: Beat) -> Pose:
    """Sees it coming, whips the body back under it, then comes up into a cross guard."""
    duck = GUARD.but(
        lean=-0.62, head=0.30, hip_n=0.55, knee_n=1.25, hip_f=0.95, knee_f=1.05, arm_n=-0.75, elbow_n=1.2,
        arm_f=1.25, elbow_f=0.6, brow=0.4, stretch=0.97,
    )  # fmt: skip
    block = GUARD.but(
        lean=0.10, arm_n=1.15, elbow_n=1.35, arm_f=1.30, elbow_f=1.15, hip_f=0.75, knee_f=0.75, shrug=0.8
    )
    lead = GUARD.but(lean=0.22, head=-0.1)
    h = b.hit
    rows = [
        (h - 0.40, GUARD),
        (h - 0.13, lead),
        (h, duck),
        (h + 0.20, duck.but(lean=-0.56)),
        (h + 0.40, block),
    ]
    p = keyed(t, [*rows, (h + 0.75, block.but(lean=0.16))])
    back = smooth((t - h + 0.13) / 0.13) - 0.75 * smooth((t - h - 0.22) / 0.3)
    return alive(p, t, b).but(x=-1.0 * back)


def dance(t: float, b: Beat) -> Pose:
    """Two beats a cycle: side step, arms sweep from low to high, head and hips against each other."""
    w = TAU * (t * 1.35 * b.tempo + b.phase)
    s, c = np.sin(w), np.cos(w)
    snap = np.tanh(2.4 * s) / np.tanh(2.4)
    return Pose(
        x=0.42 * snap, front=0.75 + 0.2 * c, yaw=0.55 * snap, lean=0.16 * snap, head=-0.22 * snap,
        nod=0.8 * np.cos(2 * w), arm_n=-1.35 + 1.25 * snap, elbow_n=-0.55 - 0.65 * c,
        arm_f=1.35 + 1.25 * snap, elbow_f=0.55 - 0.65 * c, hip_n=-0.16 - 0.32 * snap,
        knee_n=0.12 + 0.55 * max(0.0, snap), hip_f=0.16 - 0.32 * snap, knee_f=0.12 + 0.55 * max(0.0, -snap),
        lift=0.10 * abs(np.cos(w)),
        shrug=0.4, smile=1.0, mouth=0.6, stretch=1 + 0.02 * np.cos(2 * w),
    )  # fmt: skip


def cast(t: float, b: Beat) -> Pose:
    """Gathers light at the hip with both hands, then thrusts it out; it leaves at ``hit``."""
    h = b.hit
    gather = GUARD.but(
        lean=-0.10, arm_n=-0.35, elbow_n=0.75, arm_f=-0.10, elbow_f=0.45, hip_n=-0.30, knee_n=0.55, front=0.65
    )
    tense = gather.but(lean=-0.28, arm_n=-0.70, elbow_n=0.85, arm_f=-0.40, elbow_f=0.60, shrug=0.9, mouth=0.4)
    thrust = GUARD.but(
        lean=0.42, head=-0.25, arm_n=1.30, elbow_n=0.15, arm_f=1.45, elbow_f=0.10, hip_n=-0.70, knee_n=0.10,
        hip_f=0.90, knee_f=0.80, front=0.25, mouth=1.0,
    )  # fmt: skip
    rows = [(h - 0.55, gather), (h - 0.14, tense), (h - 0.02, thrust), (h + 0.35, thrust.but(lean=0.34))]
    p = alive(keyed(t, [*rows, (h + 0.75, GUARD)]), t, b)
    grown = smooth((t - h + 0.55) / 0.4)
    pulse = 1 + 0.10 * np.sin(TAU * 6 * t)
    flown = max(0.0, t - h - 0.04)
    return p.but(glow=(0.10 + 0.32 * grown) * pulse * (t > h - 0.6), bolt=9.0 * flown + 30 * flown**2)


STUNTS: dict[str, Callable[[float, Beat], Pose]] = {
    "strike": strike,
    "slash": slash,
    "fall": fall,
    "dodge_guard": dodge_guard,
    "dance": dance,
    "cast": cast,
}
# when the blow, landing or release falls, as a share of the shot
STUNT_HITS = {"strike": 0.46, "slash": 0.48, "fall": 0.56, "dodge_guard": 0.44, "cast": 0.56}
STUNT_EVENTS = {
    "strike": "blow",
    "slash": "blow",
    "fall": "landing",
    "dodge_guard": "dodge",
    "cast": "release",
}
