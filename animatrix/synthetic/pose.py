"""The puppet's skeleton: a pose in joint angles, and forward kinematics to joint positions.

Unit: one head. The puppet faces +x, y points down, the origin lies on the ground under the pelvis. Angles are
radians from straight down, positive forward; elbows bend forward, knees backward.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Key pose. ``yaw`` -1..1 turns the head (0 faces the camera); ``front`` 0 side .. 1 front view."""

    x: float = 0.0
    lift: float = 0.0
    lean: float = 0.0
    head: float = 0.0
    nod: float = 0.0
    yaw: float = 0.55
    front: float = 0.75
    arm_n: float = -0.12
    elbow_n: float = 0.15
    arm_f: float = 0.14
    elbow_f: float = 0.1
    hip_n: float = -0.06
    knee_n: float = 0.03
    hip_f: float = 0.08
    knee_f: float = 0.03
    toe_n: float = 0.0
    toe_f: float = 0.0
    shrug: float = 0.0
    eye: float = 1.0
    mouth: float = 0.0
    smile: float = 0.4
    brow: float = 0.0
    held: float = 0.0  # above a half: the near hand holds a prop
    stretch: float = 1.0  # body length factor; width follows to keep the volume
    spin: float = 0.0  # whole figure turned forward by this, lowest point on the ground
    blade: float = 0.0  # length of the weapon in the near hand, in heads
    swing: float = 0.0  # angle of the weapon to the forearm
    glow: float = 0.0  # radius of the energy between the hands, in heads
    bolt: float = 0.0  # how far it has flown, in heads

    def but(self, **changes: float) -> Pose:
        """Copy with some joints changed."""
        return replace(self, **changes)


_NAMES = tuple(f.name for f in fields(Pose))


def between(a: Pose, b: Pose, t: float) -> Pose:
    """In-between a fraction ``t`` of the way from ``a`` to ``b``."""
    return Pose(*(getattr(a, n) + (getattr(b, n) - getattr(a, n)) * t for n in _NAMES))


@dataclass(frozen=True)
class Body:
    """Bone lengths in heads."""

    thigh: float
    shin: float
    torso: float
    neck: float
    upper_arm: float
    forearm: float
    shoulder: float
    hip: float
    build: float

    @classmethod
    def of(cls, heads: float, build: float) -> Body:
        """Proportions of a body ``heads`` heads tall (about 4 to 6)."""
        rest = heads - 1.34  # what the head, the neck and the soles leave for the bones
        return cls(
            thigh=rest * 0.305,
            shin=rest * 0.320,
            torso=rest * 0.375,
            neck=0.15,
            upper_arm=rest * 0.205,
            forearm=rest * 0.20,
            shoulder=0.40 * build + 0.02,
            hip=0.17,
            build=build,
        )


def _dir(a: float) -> np.ndarray:
    return np.array([np.sin(a), np.cos(a)])


@dataclass(frozen=True)
class Joints:
    """Joint positions ``[2]`` of a solved pose. ``_n`` is the near side, ``_f`` the far side."""

    pelvis: np.ndarray
    chest: np.ndarray
    neck: np.ndarray
    head: np.ndarray
    up: np.ndarray
    across: np.ndarray
    arm_n: np.ndarray  # [3,2] shoulder, elbow, wrist
    arm_f: np.ndarray
    leg_n: np.ndarray  # [4,2] hip, knee, ankle, toe
    leg_f: np.ndarray
    tilt: float


SOLE = 0.13  # ankle above the ground


def _leg(start, body: Body, hip: float, knee: float, toe: float, front: float) -> np.ndarray:
    k = start + body.thigh * _dir(hip)
    a = k + body.shin * _dir(hip - knee)
    # the foot follows the shin only in part, so that a planted foot stays flat
    pitch = -(hip - knee) * 0.55 + toe if knee > 0.25 else toe
    length = 0.42 * (1 - 0.45 * front)
    t = a + np.array([length * np.cos(pitch), SOLE * 0.45 + length * np.sin(pitch)])
    return np.stack([start, k, a, t])


def solve(pose: Pose, body: Body) -> Joints:
    """Forward kinematics with the lowest foot set on the ground, then raised by ``pose.lift``."""
    up = -_dir(-pose.lean)
    across = np.array([-up[1], up[0]])
    spread = pose.front
    hip_off = np.array([body.hip * spread, 0.0])
    pelvis = np.array([0.0, 0.0])
    leg_n = _leg(pelvis - hip_off, body, pose.hip_n, pose.knee_n, pose.toe_n, spread)
    leg_f = _leg(pelvis + hip_off - (0, 0.02), body, pose.hip_f, pose.knee_f, pose.toe_f, spread)
    lowest = max(leg_n[2, 1] + SOLE, leg_n[3, 1] + 0.03, leg_f[2, 1] + SOLE, leg_f[3, 1] + 0.03)
    chest = pelvis + up * body.torso
    shoulder = across * body.shoulder * (0.35 + 0.65 * spread)
    drop = -up * 0.10 + up * pose.shrug * 0.12
    s_n, s_f = chest - shoulder + drop, chest + shoulder * 0.9 + drop

    def arm(s: np.ndarray, a: float, e: float) -> np.ndarray:
        a = a + pose.lean * 0.5
        el = s + body.upper_arm * _dir(a)
        return np.stack([s, el, el + body.forearm * _dir(a + e)])

    arm_n, arm_f = arm(s_n, pose.arm_n, pose.elbow_n), arm(s_f, pose.arm_f, pose.elbow_f)
    neck = chest + up * body.neck
    tilt = pose.lean * 0.35 + pose.head
    head = (
        neck
        + np.array([np.sin(tilt), -np.cos(tilt)]) * 0.50
        + np.array([0.05 * pose.yaw + 0.05 * pose.lean, 0.0])
    )
    shift = np.array([0.0, -lowest - pose.lift])

    def put(p: np.ndarray) -> np.ndarray:
        return p + shift

    return Joints(
        put(pelvis),
        put(chest),
        put(neck),
        put(head),
        up,
        across,
        put(arm_n),
        put(arm_f),
        put(leg_n),
        put(leg_f),
        tilt,
    )
