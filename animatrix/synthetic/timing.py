"""Direction of a performance: story time against screen time, key moves and their spacing, holds and cycles.

Three things are directed: the clock (which story moment is drawn at a frame), the pose (what is changed in
it) and the sheet (which drawings return, hold, tremble or slide).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from animatrix.synthetic.acting import RUN_PERIOD, WALK_PERIOD
from animatrix.synthetic.key_moves import EXTREMES, KeyMove
from animatrix.synthetic.performance import Performance
from animatrix.synthetic.pose import Body, Pose, solve
from animatrix.synthetic.registers import CLOSE, REGISTERS, Change, circled
from animatrix.synthetic.scene import Scene

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot

TAU = 2 * np.pi

HOLDS_POSE = ("moving_hold", "cel_slide", "tremble", "line_boil", "wind_sway")
ONE_DRAWING = ("moving_hold", "cel_slide", "tremble")
ENERGY: dict[str, float] = {"subtle": 0.0026, "moderate": 0.0062, "dynamic": 0.052, "explosive": 0.085}


def clock_of(scene: Scene) -> np.ndarray:
    """Story seconds drawn at each frame, ``float [T]``; the story passes its hit at the frame of the hit."""
    d, n, fps = scene.direction, scene.frames, scene.fps
    frame = np.arange(n, dtype=np.float64)
    rate = np.ones(n)
    for value, a, b in d.tags.get("time_treatment", ()):
        if value == "slow_motion":
            rate[a : b + 1] = 0.38
        elif value == "speed_ramp":
            c = (a + b) // 2
            rate[a:c], rate[c : b + 1] = 1.7, 0.32
        elif value == "freeze_frame":
            rate[a : b + 1] = 0.0
    pinned = min(max(scene.hit, 0), n - 1)
    for value, a, b in d.tags.get("limited_technique", ()):
        if value in HOLDS_POSE:
            rate[a : b + 1] = 0.0
    if "hit_stop" in d.values("motion_principle"):
        a, b = hit_stop_frames(scene)
        rate[a:b] = 0.0
    story = np.concatenate([[0.0], np.cumsum(rate[:-1])]) / fps
    story += pinned / fps - story[pinned]
    loop = loop_of(scene)
    if loop and loop.period:
        story = frame * loop.period / loop.frames
    return story


def hit_stop_frames(scene: Scene) -> tuple[int, int]:
    """First and last frame of the stop: the asked span, else five 24ths of a second from the hit."""
    span = scene.direction.span("motion_principle", "hit_stop")
    if span:
        return span[0], min(span[1], scene.frames - 1)
    first = min(scene.hit + max(1, round(scene.fps / 24)), scene.frames - 1)
    return first, min(scene.frames - 1, first + round(6 * scene.fps / 24))


@dataclass(frozen=True)
class Loop:
    """A cycle of drawings: ``frames`` long from frame ``first`` to ``last``; ``period`` story seconds of a
    stride, 0 when the drawings go out and come back."""

    first: int
    last: int
    frames: int
    period: float


def loop_of(scene: Scene) -> Loop | None:
    """The cycle that is asked for."""
    for value, a, b in scene.direction.tags.get("limited_technique", ()):
        if value == "cycle_loop":
            hold = {"twos": 2, "threes": 3, "fours_or_slower": scene.slow_hold}.get(scene.cadence[0][0], 1)
            step = max(1, round(hold * scene.fps / 24))
            stride = {"walk": WALK_PERIOD, "run": RUN_PERIOD}.get(scene.action, 0.0) / scene.beat.tempo
            if stride:
                return Loop(a, b, max(2, round(stride * scene.fps / step)) * step, stride)
            room = max(4, min(12, (b - a + 1) // (2 * step)))
            return Loop(a, b, room * step, 0.0)
    return None


def moments_of(scene: Scene, moments: np.ndarray) -> np.ndarray:
    """The exposed moments with held and returning drawings put in; the same array when there are none."""
    out = moments
    for value, a, b in scene.direction.tags.get("limited_technique", ()):
        if value in ONE_DRAWING:
            out = out.copy()
            out[a : b + 1] = a
        elif value == "line_boil":
            out = out.copy()
            rank = np.concatenate([[0], np.cumsum(np.diff(moments[a : b + 1]) != 0)])
            out[a : b + 1] = a + rank % min(3, b - a + 1)
    if loop := loop_of(scene):
        out = out.copy()
        inside = out[loop.first : loop.last + 1] - loop.first
        if loop.period:
            folded = inside % loop.frames
        else:
            turn = inside % (2 * loop.frames)
            folded = np.minimum(turn, 2 * loop.frames - turn)
        out[loop.first : loop.last + 1] = loop.first + folded
    if "hit_stop" in scene.direction.values("motion_principle"):
        a, b = hit_stop_frames(scene)
        out = out.copy()
        out[a : b + 1] = a
    return out


def ids_of(scene: Scene, moments: np.ndarray) -> list[int]:
    """Numbers of the figure's drawings, from 1 in order of appearance; one that returns keeps its number."""
    keys = [(int(m), 0) for m in moments]
    for value, a, b in scene.direction.tags.get("limited_technique", ()):
        if value == "tremble":
            for t in range(a, min(b, len(keys) - 1) + 1):
                keys[t] = (keys[t][0], (t - a) % 2)
    known: dict[tuple[int, int], int] = {}
    return [known.setdefault(k, len(known) + 1) for k in keys]


def slid(shot: Shot, matrices: np.ndarray) -> np.ndarray:
    """``matrices`` ``[T,2,3]`` of the figure's plane with the slides of the cel itself put in."""
    s, (w, h) = shot.scene, shot.size
    if not s.direction.values("limited_technique"):
        return matrices
    shift = np.zeros((s.frames, 2))
    t = np.arange(s.frames)
    for value, a, b in s.direction.tags["limited_technique"]:
        inside = np.clip(t - a, 0, b - a).astype(np.float64)
        if value == "cel_slide":
            shift[:, 0] += s.facing * 0.40 * w * (inside / max(1, b - a) - 0.5)
        elif value == "moving_hold":
            shift += np.outer(inside, [0.00075 * h * s.facing, -0.00035 * h]) * 24 / s.fps
        elif value == "tremble":
            shift[:, 0] += np.where((t >= a) & (t <= b) & ((t - a) % 2 == 1), 0.008 * h, 0.0)
    loop = loop_of(s)
    if loop and loop.period and shot.layout.travel:
        stride = shot.performance.pose(loop.frames / s.fps).x - shot.performance.pose(0.0).x
        whole = np.clip(t - loop.first, 0, loop.last - loop.first)
        shift[:, 0] += whole // loop.frames * stride * shot.layout.travel
    out = matrices.copy()
    out[:, :, 2] += np.einsum("tij,tj->ti", matrices[:, :, :2], shift)
    return out


@dataclass(frozen=True)
class Directed(Performance):
    """A performance under direction; see the module."""

    clock: np.ndarray = field(default_factory=lambda: np.zeros(1))
    fps: float = 24.0
    move: KeyMove | None = None
    changes: tuple[Change, ...] = ()
    loose: float = 1.0  # how far hair and cloth answer
    springs: float = 0.0  # how long they go on after the body has stopped
    still: tuple[tuple[int, int], ...] = ()  # frames in which hair and cloth are held too

    def at(self, t: float) -> float:
        """Story seconds at ``t`` screen seconds."""
        f, n = t * self.fps, len(self.clock)
        if f <= 0:
            return float(self.clock[0]) + t
        return float(np.interp(f, np.arange(n), self.clock))

    def pose(self, t: float) -> Pose:
        if self.move is None:
            p = super().pose(self.at(t))
        else:
            p = self.move.pose(t)
            since = t - self.beat.blink
            if 0 <= since < 0.17:
                p = p.but(eye=0.1 if 0.03 < since < 0.13 else 0.5)
        for change in self.changes:
            p = change(t, p)
        return p

    def locks(self, t: float, air_speed: float = 0.0) -> Callable[[int], np.ndarray]:
        for a, b in self.still:
            if a <= round(t * self.fps) <= b:
                t = a / self.fps
        hang = super().locks(t, air_speed)
        if self.loose == 1.0 and not self.springs:
            return hang

        def at(level: int) -> np.ndarray:
            out = hang(level) * self.loose
            return out + self._spring(t, level) if self.springs else out

        return at

    def _spring(self, t: float, level: int) -> np.ndarray:
        """Damped swing of what hangs on the body, excited by the body's own speed."""
        step, total = 0.06, 0.0
        for k in range(14):
            s = t - 0.04 * level - k * step
            a, b = self.pose(s - step), self.pose(s)
            speed = (
                b.x - a.x + 1.8 * (b.lean - a.lean) + 0.7 * (b.head - a.head) + 0.35 * (b.yaw - a.yaw)
            ) / step
            total -= speed * np.exp(-2.6 * k * step) * np.cos(TAU * 1.25 * k * step) * step
        swing = np.tanh(1.6 * total) * self.springs * np.sqrt(level)
        return np.array([swing, -0.3 * abs(swing)])


def _joint_speed(performance: Performance, body: Body, scene: Scene, head_share: float) -> float:
    """Typical speed of the faster parts of the body, frame heights per frame at 24 fps."""
    step = 1 / 24
    times = np.linspace(0.05, scene.frames / scene.fps - step, 14)

    def points(t: float) -> np.ndarray:
        p = performance.pose(t)
        j = solve(p, body)
        rows = np.concatenate(
            [np.stack([j.pelvis, j.chest, j.head, j.head]), j.arm_n, j.arm_f, j.leg_n, j.leg_f]
        )
        return rows * (1, p.stretch) + (p.x, 0)

    speeds = [np.percentile(np.hypot(*(points(t + step) - points(t)).T), 95) for t in times]
    return float(np.mean(speeds)) * head_share


def _calibrated(
    performance: Directed, body: Body, scene: Scene, head_share: float, target: float
) -> Directed:
    """The performance with its swing about the mean pose scaled so that its speed meets ``target``."""
    times = np.linspace(0, scene.frames / scene.fps, 16)
    poses = [performance.pose(t) for t in times]
    mean = Pose(*(float(np.mean([getattr(p, f.name) for p in poses])) for f in fields(Pose)))

    def gained(gain: float) -> Directed:
        def change(t: float, p: Pose) -> Pose:
            q = Pose(
                *(
                    getattr(mean, f.name) + gain * (getattr(p, f.name) - getattr(mean, f.name))
                    for f in fields(Pose)
                )
            )
            return q.but(eye=p.eye, mouth=p.mouth, smile=p.smile)

        return _but(performance, changes=(*performance.changes, change))

    low, high = (1.0 if target >= ENERGY["explosive"] else 0.02), 2.2
    for _ in range(9):
        middle = (low * high) ** 0.5
        if _joint_speed(gained(middle), body, scene, head_share) < target:
            low = middle
        else:
            high = middle
    return gained((low * high) ** 0.5)


def _but(performance: Directed, **changes) -> Directed:
    given = {f.name: getattr(performance, f.name) for f in fields(Directed)}
    return Directed(**{**given, **changes})


def direct(scene: Scene, performance: Performance, body: Body, head_share: float) -> Performance:
    """The performance as directed; the one given when nothing is asked of it.

    Args:
        body: the actor's body; ``head_share``: height of a head in frame heights, for ``motion_energy``.
    """
    d = scene.direction
    acting = (
        "limited_technique",
        "spacing",
        "motion_principle",
        "motion_energy",
        "time_treatment",
        "acting_register",
    )
    asked = {name for name in acting if name in d.tags}
    if not asked and scene.shot_scale not in CLOSE and "orbit" not in scene.camera_moves:
        return performance
    held_back = (CLOSE[scene.shot_scale](scene),) if scene.shot_scale in CLOSE else ()
    if "orbit" in scene.camera_moves:
        held_back = (*held_back, circled(scene))
    principles = frozenset(d.values("motion_principle"))
    move = None
    if scene.action in EXTREMES and ("spacing" in d.tags or "motion_principle" in d.tags):
        name, value = ("spacing", d.values("spacing")[0]) if "spacing" in d.tags else ("", "slow_in_out")
        span = d.span(name, value) if name else None
        last = scene.frames - 1
        a, b = span or (0.10 * last, 0.74 * last)
        if "motion_principle" in d.tags and not span:
            b = 0.62 * last
        move = KeyMove(EXTREMES[scene.action], a / scene.fps, b / scene.fps, value, principles)
    held_locks = tuple(
        (a, b) for v, a, b in d.tags.get("limited_technique", ()) if v in (*ONE_DRAWING, "line_boil")
    )
    loose = 2.3 if d.has("limited_technique", "wind_sway") else 1.9 if "drag" in principles else 1.0
    if "motion_principle" in d.tags and not principles:
        loose = 0.0
    if d.has("motion_energy", "subtle"):
        loose = 0.3
    out = Directed(
        performance.action,
        performance.beat,
        performance.talks,
        performance.waves,
        clock=clock_of(scene),
        fps=scene.fps,
        move=move,
        changes=(*(REGISTERS[r](scene) for r in d.values("acting_register") if r in REGISTERS), *held_back),
        loose=loose,
        springs=0.55 if "follow_through" in principles else 0.0,
        still=held_locks,
    )
    for level in d.values("motion_energy"):
        if level in ENERGY:
            out = _calibrated(out, body, scene, head_share, ENERGY[level])
    return out


def boiled(points: np.ndarray, seed: int, moment: int, amount: float = 0.017) -> np.ndarray:
    """Points ``[N,2]`` (heads) retraced: each outline wanders a little, the pose stays."""
    rng = np.random.default_rng([seed & 0xFFFFFF, 44, moment])
    f, ph = 4.0 + 8.0 * rng.random((4, 2)), TAU * rng.random(4)
    wave = sum(
        np.sin(points @ f[k] * (2.2 if k > 1 else 1.0) + ph[k])[:, None] * (np.roll(f[k], 1) / 8)
        for k in range(4)
    )
    return points + amount * wave
