"""Key moves: two extremes, the spacing of what lies between, and the principles of animation put into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from animatrix.synthetic.acting import smooth
from animatrix.synthetic.pose import Pose, between

TAU = 2 * np.pi

# --- spacing: progress of a move 0..1 at a share 0..1 of its time


def _burst(u: float) -> float:
    return 0.05 * u / 0.78 if u < 0.78 else 0.05 + 0.95 * smooth(min(1.0, (u - 0.78) / 0.10))


SPACINGS: dict[str, Callable[[float], float]] = {
    "even": lambda u: u,
    "slow_out": lambda u: u**2.8,
    "slow_in": lambda u: 1 - (1 - u) ** 2.8,
    "slow_in_out": lambda u: u**3 * (10 - 15 * u + 6 * u * u),
    "pop": lambda u: float(u >= 0.5),
    "hold_and_burst": _burst,
}

# action -> the two extremes of its key move
EXTREMES: dict[str, tuple[Pose, Pose]] = {
    "gesture": (
        Pose(lean=-0.10, head=0.08, arm_n=0.30, elbow_n=0.30, arm_f=-0.10, elbow_f=0.15, yaw=0.45, smile=0.3),
        Pose(
            lean=0.17,
            head=-0.12,
            arm_n=-2.60,
            elbow_n=-0.10,
            arm_f=0.65,
            elbow_f=0.5,
            shrug=0.6,
            yaw=0.70,
            smile=1.0,
            mouth=0.7,
            brow=0.5,
        ),
    ),
    "turn": (
        Pose(yaw=0.85, front=0.70, lean=-0.10, arm_n=-0.45, arm_f=0.20, head=0.06),
        Pose(yaw=-0.85, front=0.95, lean=0.16, arm_n=0.25, arm_f=0.95, elbow_f=0.5, head=-0.10),
    ),
}
_LATE = {
    "head": 0.08,
    "yaw": 0.05,
    "nod": 0.10,
    "arm_f": 0.12,
    "elbow_f": 0.20,
    "arm_n": 0.13,
    "elbow_n": 0.24,
}


@dataclass(frozen=True)
class KeyMove:
    """One move between two extremes, from ``start`` to ``end`` seconds, with the principles put into it."""

    extremes: tuple[Pose, Pose]
    start: float
    end: float
    spacing: str
    principles: frozenset[str]

    def progress(self, t: float, late: float = 0.0) -> float:
        """Share of the way at ``t`` seconds; below 0 in anticipation, above 1 in overshoot."""
        u = float(np.clip((t - self.start) / max(self.end - self.start, 1e-6), 0, 1.6)) - late
        curve = SPACINGS[self.spacing]
        back = 0.0
        if "weight_shift" in self.principles:  # the mass goes first
            u = (u - 0.30) / 0.70
        if "anticipation" in self.principles:
            if u < 0.32:
                return -0.24 * smooth(u / 0.26)
            u, back = (u - 0.32) / 0.68, -0.24
        u = min(max(u, 0.0), 1.6)
        if "overshoot_settle" in self.principles:
            if u < 0.62:
                return back + (1.18 - back) * curve(u / 0.62)
            return 1 + 0.18 * (0.5 + 0.5 * float(np.cos(np.pi * min(1.0, (u - 0.62) / 0.34))))
        return back + (1 - back) * curve(min(u, 1.0))

    def pose(self, t: float) -> Pose:
        """Pose of the move at ``t`` seconds."""
        a, b = self.extremes
        if "overlapping_action" in self.principles:
            values = {}
            for f in fields(Pose):
                p = self.progress(t, _LATE.get(f.name, 0.0) * 1.3)
                values[f.name] = getattr(a, f.name) + (getattr(b, f.name) - getattr(a, f.name)) * p
            pose = Pose(**values)
        else:
            pose = between(a, b, self.progress(t))
        return self._with_principles(t, pose)

    def _with_principles(self, t: float, p: Pose) -> Pose:
        u = float(np.clip((t - self.start) / max(self.end - self.start, 1e-6), 0, 1))
        if "arcs" in self.principles:
            dip = float(np.sin(np.pi * np.clip(self.progress(t), 0, 1)))
            p = p.but(
                nod=p.nod + 2.0 * dip,
                elbow_n=p.elbow_n + 0.7 * dip,
                knee_n=p.knee_n + 0.45 * dip,
                hip_n=p.hip_n + 0.22 * dip,
                knee_f=p.knee_f + 0.45 * dip,
                hip_f=p.hip_f + 0.22 * dip,
            )
        if "weight_shift" in self.principles:
            side = smooth(u / 0.4) * 0.26
            dip = float(np.sin(np.pi * min(1.0, u / 0.5)))
            p = p.but(
                x=p.x + 1.7 * np.sin(side),
                hip_n=p.hip_n - side + 0.20 * dip,
                hip_f=p.hip_f - side + 0.20 * dip,
                knee_n=p.knee_n + 0.42 * dip,
                knee_f=p.knee_f + 0.42 * dip,
                lean=p.lean + 0.10 * smooth(u / 0.4),
            )
        if "drag" in self.principles:
            v = (self.progress(t + 0.04) - self.progress(t - 0.04)) / 0.08
            p = p.but(elbow_n=p.elbow_n + 0.42 * np.tanh(0.6 * v), head=p.head - 0.10 * np.tanh(0.6 * v))
        if "secondary_action" in self.principles:
            tap = float(np.sin(TAU * 2.3 * t))
            p = p.but(elbow_f=p.elbow_f + 0.85 + 0.35 * tap, arm_f=0.30, toe_f=-0.35 * max(0.0, tap))
        return p
