"""What goes wrong: pathological versions of a clean shot, one table entry per kind.

A failure breaks the same anatomy, geometry and continuity that an animator breaks on purpose, but drifts,
shimmers, doubles or never comes back. It begins at an onset, has a place, and a strength that is matched
elsewhere (see ``triplet``) to the deformation it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from animatrix.synthetic.costume import Costume
from animatrix.synthetic.deform import Job
from animatrix.synthetic.design import Design, cast_design
from animatrix.synthetic.framing import angle_of
from animatrix.synthetic.ink import Cel
from animatrix.synthetic.paints import Paints
from animatrix.synthetic.palette import mix
from animatrix.synthetic.pose import solve
from animatrix.synthetic.rig import about, drop, extent, move, ops_of, part_ranges, replant
from animatrix.synthetic.smear import stack

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot


WHOLE = 5.0
PLACES_OF_FAILURE = ("head", "head", "torso", "arm_n", "leg_n")


@dataclass(frozen=True)
class Failure:
    """One failure at work: its kind, strength (1 is plain to see), frames, and the seed of its accidents."""

    kind: str
    strength: float
    onset: int
    last: int
    seed: int
    fps: float = 24.0
    reach: float = WHOLE  # heads around its place that it reaches; WHOLE takes the whole figure

    @property
    def place(self) -> str:
        """The part of the figure it has hold of."""
        return PLACES_OF_FAILURE[int(self.rng(99).integers(len(PLACES_OF_FAILURE)))]

    def near(self, points: np.ndarray, job: Job) -> np.ndarray:
        """Weight ``[N,1]`` 0..1 of points ``[N,2]``: 1 within reach of its place."""
        if self.reach >= WHOLE:
            return np.ones((len(points), 1))
        bones = job.drawing.bones.get(self.place, job.drawing.bones["torso"])
        return np.exp(-((np.hypot(*(points - bones[len(bones) // 2]).T) / self.reach) ** 4))[:, None]

    def active(self, t: int) -> bool:
        """Whether it shows on frame ``t``."""
        return self.onset <= t <= self.last and self.strength > 0

    def grown(self, t: int) -> float:
        """0 before the onset, growing to 1 over a fifth of a second, and staying."""
        return float(np.clip((t - self.onset + 1) / (0.2 * self.fps), 0, 1))

    def age(self, t: int) -> float:
        """Seconds since the onset."""
        return (t - self.onset + 1) / self.fps

    def rng(self, *key: int) -> np.random.Generator:
        """Random numbers of this failure and ``key``."""
        return np.random.default_rng([self.seed & 0xFFFFFFFF, *key])


def _noise(points: np.ndarray, rng: np.random.Generator, pitch: float) -> np.ndarray:
    """Smooth random displacement ``[N,2]``, about 1 in size, with ``pitch`` waves per head."""
    waves, phase, lean = rng.normal(0, pitch, (5, 2)), rng.random(5) * 6.28, rng.normal(0, 0.6, (5, 2))
    return np.sin(2 * np.pi * points @ waves.T + phase) @ lean


# --- failures of the drawing: (job, failure, frame) change the display list


def _melt(job: Job, f: Failure, t: int) -> None:
    """The outline runs, patch by patch, further with every frame, and never comes back."""
    run = f.strength * min(2.2, 0.35 + 2.0 * f.age(t)) * f.grown(t)
    _, hi = extent(job.drawing)
    drips = f.rng(1)

    def warp(p: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(11 + f.seed % 9973)
        sag = np.clip(np.sin(2 * np.pi * (0.9 * p[:, 0] + drip)) + 0.6, 0, 2) * (hi[1] - p[:, 1]) / 5
        return p + run * f.near(p, job) * (
            0.20 * _noise(p, rng, 0.38) + np.stack([np.zeros(len(p)), 0.42 * sag], 1)
        )

    drip = float(drips.random())
    move(job.drawing, warp, None, 0.09)


def _boil(job: Job, f: Failure, t: int) -> None:
    """Every frame a different outline: patches shimmer without any form in them."""
    amount = 0.13 * f.strength * f.grown(t)
    rng_key = f.rng(2, t).integers(1 << 30)

    def warp(p: np.ndarray) -> np.ndarray:
        return p + amount * f.near(p, job) * _noise(p, np.random.default_rng(rng_key), 0.75)

    move(job.drawing, warp, None, 0.08)


def _limb_loss(job: Job, f: Failure, t: int) -> None:
    """A limb shrinks to a stump in the middle of the action and stays gone."""
    d, rng = job.drawing, f.rng(3)
    limbs = [str(n) for n in rng.permutation(["arm_n", "leg_n", "arm_f", "leg_f"])]
    limbs.sort(key=lambda n: n.endswith("_f"))
    for n, limb in enumerate(limbs):
        share = float(np.clip(f.strength * 1.1 - 0.9 * n, 0, 1)) * f.grown(t)
        if share <= 0 or limb not in d.bones:
            continue
        if share > 0.93:
            drop(d, [limb, *(("blade",) if limb == "arm_n" else ())])
            continue
        b = d.bones[limb]
        root = b[0] + (b[1] - b[0]) * 0.12
        line = np.stack([root + (p - root) * (1 - share) for p in b])
        line[0] = b[0]
        replant(d, limb, line, _taper(0.45 * share))
        if limb == "arm_n" and share > 0.5:
            drop(d, ["blade"])


def _taper(loss: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda s: 1 - loss * np.clip(s, 0, 1.2)


def _limb_duplication(job: Job, f: Failure, t: int) -> None:
    """Extra limbs sprout beside the real ones, a little late, and stay."""
    d, rng = job.drawing, f.rng(4)
    count = 1 + int(f.strength > 1.0) + int(f.strength > 1.6)
    late = job.draw(job.pose_at(job.t - 2 / 24), job.costume)
    for limb in [str(n) for n in rng.permutation(["arm_n", "leg_n", "arm_f"])][:count]:
        angle = (0.55 + 0.5 * rng.random()) * (1 if rng.random() < 0.5 else -1)
        grown = f.grown(t) * min(1.0, 0.45 + 0.55 * f.strength)
        root = d.bones[limb][0]
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, s], [-s, c]])
        shift = root - late.bones[limb][0]
        extra = []
        for op in ops_of(late, limb):
            points = ((op[1] + shift) - root) @ turn * grown + root
            clip = None if op[4] is None else ((op[4] + shift) - root) @ turn * grown + root
            extra.append((op[0], points, op[2], op[3], clip))
        spot = next(a for name, a, _ in part_ranges(d) if name == limb)
        d.parts = [(n, i + (len(extra) if i > spot or (n == limb and i == spot) else 0)) for n, i in d.parts]
        d.ops = d.ops[:spot] + extra + d.ops[spot:]


def _face_collapse(job: Job, f: Failure, t: int) -> None:
    """The features slide off their places, each its own way, and the face caves in."""
    d = job.drawing
    centre = d.bones["head"][0].copy()
    grown = f.strength * f.grown(t)
    rng = f.rng(5)
    slide = rng.normal(0, 1, (2, 2)) * (0.16, 0.12)
    drift = 0.6 + 0.5 * f.age(t)

    def warp(p: np.ndarray) -> np.ndarray:
        q = p - centre
        r = np.hypot(*q.T)
        inner = np.clip(1.15 - r / 0.62, 0, 1)[:, None]
        side = np.where(q[:, :1] > 0, 1.0, 0.0)
        own = slide[0] * side + slide[1] * (1 - side)
        cave = np.stack([-0.30 * q[:, 0], 0.18 * np.abs(q[:, 0])], 1)
        wobble = 0.16 * _noise(p, np.random.default_rng(77 + f.seed % 9973), 0.8)
        return p + grown * drift * (inner * (own + cave) + (r < 1.3)[:, None] * wobble * 0.7)

    move(d, warp, ["head", "back_hair"], 0.05)


def _blend(a: Paints, b: Paints, k: float) -> Paints:
    return Paints(*(mix(getattr(a, x.name), getattr(b, x.name), k) for x in fields(Paints)))


def _identity_drift(job: Job, f: Failure, t: int) -> None:
    """Hair, clothes, eyes and build wander towards somebody else's."""
    k, rng = job.costume, f.rng(6)
    other: Design = cast_design(rng, "any")
    while other.hair_color == k.design.hair_color or other.outfit_color == k.design.outfit_color:
        other = cast_design(rng, "any")
    far = Costume.make(
        replace(other, outfit=k.design.outfit), k.box, 1 if k.top.lit != k.top.shade else 0, k.eye_scale
    )
    way = float(np.clip(f.strength * (0.25 + 1.1 * f.age(t)) * f.grown(t), 0, 1.0))
    mixed: dict[str, Any] = {
        n: _blend(getattr(k, n), getattr(far, n), way)
        for n in ("hair", "top", "bottom", "trim", "shoe", "extra")
    }
    body = replace(k.body, shoulder=k.body.shoulder * (1 - 0.18 * way), build=k.body.build * (1 + 0.16 * way))
    look = replace(k.design, hair_style=other.hair_style if way > 0.6 else k.design.hair_style)
    changed = replace(
        k,
        **mixed,
        body=body,
        design=look,
        eye=mix(k.eye, far.eye, way),
        eye_scale=k.eye_scale * (1 - 0.2 * way),
    )
    job.drawing = job.draw(job.pose, changed)
    job.costume = changed


def _size_breathing(job: Job, f: Failure, t: int) -> None:
    """Parts swell and shrink continuously, each at its own beat."""
    d = job.drawing
    for n, part in enumerate(("head", "torso", "arm_n", "leg_n", "arm_f", "leg_f")):
        if f.reach < WHOLE and part != f.place:
            continue
        beat = np.sin(2 * np.pi * (1.3 + 0.4 * n) * f.age(t) + 1.9 * n)
        factor = 1 + 0.26 * f.strength * f.grown(t) * beat
        pivot = d.bones[part][0].copy()
        names = [part, "back_hair"] if part == "head" else [part]
        move(d, about(pivot, factor), names)


# --- failures of the cel: how the figure is laid under the camera


def _steady(shot: Shot, t: int, moment: int, f: Failure) -> Cel | None:
    return shot.cel(moment, (), t if f.kind in REDRAWN else None)


def _lay_plain(shot: Shot, f: Failure, t: int, moment: int) -> Cel | None:
    return _steady(shot, t, moment, f)


def _frozen_motion(shot: Shot, f: Failure, t: int, moment: int) -> Cel | None:
    """The figure sticks in one drawing while everything else goes on; weaker ones only lag behind."""
    stuck = int(shot.moments[max(0, f.onset - 1)])
    if f.strength < 1:
        lag = round((t - f.onset + 1) * min(1.0, f.strength))
        stuck = int(shot.moments[max(0, t - lag)])
    return shot.cel(stuck)


def _interpolated_cadence(shot: Shot, f: Failure, t: int, moment: int) -> Cel | None:
    """Held drawings are cross-blended into each other instead of being drawn in between."""
    ids = shot.moments
    later, earlier = ids[ids > moment], ids[ids < moment]
    end = int(later[0]) if len(later) else len(ids)
    u = (t - moment + 0.5) / max(1, end - moment)
    here = shot.cel(moment)
    pair = [
        (shot.cel(int(later[0])) if len(later) else None, u),
        (shot.cel(int(earlier[-1])) if len(earlier) else None, 1 - u),
    ]
    mixed = [(c, min(0.62, 0.62 * k * f.strength), (0, 0)) for c, k in pair if c is not None]
    if here is None or not mixed:
        return here
    faded = max(0.25, 1 - 0.42 * min(1.5, f.strength))
    return stack([(here, faded, (0, 0)), *mixed])


def _ghosting(shot: Shot, f: Failure, t: int, moment: int) -> Cel | None:
    """Stale copies of old drawings hang around the figure long after it left them, even at rest."""
    here = shot.cel(moment)
    if here is None:
        return None
    rng = f.rng(7)
    away = rng.normal(0, 0.22, (4, 2)) * shot.layout.head_px * shot.oversample
    old = [int(shot.moments[max(0, t - lag)]) for lag in (5, 9, 14, 20)]
    copies = []
    for n, m in enumerate(old):
        cel = shot.cel(m)
        shift = (int(away[n][0] * min(1.4, f.strength)), int(0.4 * away[n][1] * min(1.4, f.strength)))
        if cel is not None:
            copies.append((cel, min(0.49, 0.40 * min(1.3, f.strength) * f.grown(t)), shift))
    return stack([*copies, (here, 1.0, (0, 0))])


def _torn(shot: Shot, f: Failure, t: int, moment: int) -> Cel | None:
    """The figure tears into strips that slip sideways."""
    cel = shot.cel(moment)
    if cel is None:
        return None
    rng = f.rng(8, moment)
    h, w = cel.rgba.shape[:2]
    unit = shot.layout.head_px * shot.oversample
    rows = np.arange(h) + cel.origin[1]
    strip = np.floor(rows / (0.42 * unit)).astype(int)
    slip = {int(s): float(rng.normal(0, 0.24)) * (rng.random() < 0.7) for s in np.unique(strip)}
    shift = np.rint(np.array([slip[int(s)] for s in strip]) * unit * f.strength * f.grown(t)).astype(int)
    reach = int(np.abs(shift).max()) if h else 0
    out = np.zeros((h, w + 2 * reach, 4), np.uint8)
    for y in range(h):
        out[y, reach + shift[y] : reach + shift[y] + w] = cel.rgba[y]
    return Cel(out, (cel.origin[0] - reach, cel.origin[1]))


def _jitter(shot: Shot, f: Failure, t: int, moment: int) -> Cel | None:
    """The figure jumps about its place on every frame."""
    cel = shot.cel(moment)
    if cel is None:
        return None
    step = f.rng(9, t).normal(0, 0.16, 2) * f.strength * f.grown(t) * shot.layout.head_px * shot.oversample
    return Cel(cel.rgba, (cel.origin[0] + round(step[0]), cel.origin[1] + round(step[1])))


def _flicker(shot: Shot, f: Failure, t: int, moment: int) -> Cel | None:
    """Paint and light of the figure change from frame to frame."""
    cel = shot.cel(moment)
    if cel is None:
        return None
    rng = f.rng(10, t)
    gain = (
        1
        + np.clip(rng.normal(0, 0.36), -0.6, 0.6) * f.strength * f.grown(t)
        + rng.normal(0, 0.18, 3) * f.strength
    )
    rgba = cel.rgba.astype(np.float32)
    rgba[..., :3] = np.minimum(rgba[..., :3] * np.maximum(gain, 0.35).astype(np.float32), rgba[..., 3:])
    return Cel(np.clip(np.rint(rgba), 0, 255).astype(np.uint8), cel.origin)


# --- failures of the picture


def _texture_swim(frame: np.ndarray, f: Failure, t: int, centre: tuple[float, float]) -> np.ndarray:
    """What is painted swims over its own shapes, around a place beside the figure."""
    h, w = frame.shape[:2]
    rng = f.rng(11)
    cx, cy = centre[0] + rng.normal(0, 0.12) * w, centre[1] + rng.normal(0, 0.12) * h
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    soft = np.exp(-((((x - cx) / (0.26 * w)) ** 2 + ((y - cy) / (0.34 * h)) ** 2) ** 2))
    waves = rng.normal(0, 2.1 * np.pi / h, (3, 2))
    phase = rng.random(3) * 6.28 + f.age(t) * rng.normal(0, 9.0, 3)
    lean = rng.normal(0, 1, (3, 2))
    field = sum(np.sin(x * waves[i, 0] + y * waves[i, 1] + phase[i])[..., None] * lean[i] for i in range(3))
    shift = (field * soft[..., None] * (0.020 * h * f.strength * f.grown(t))).astype(np.float32)
    return cv2.remap(
        frame, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


REDRAWN: dict[str, Callable[[Job, Failure, int], None]] = {
    "melt": _melt,
    "boil": _boil,
    "identity_drift": _identity_drift,
    "limb_loss": _limb_loss,
    "limb_duplication": _limb_duplication,
    "face_collapse": _face_collapse,
    "size_breathing": _size_breathing,
}
RELAID: dict[str, Callable[[Shot, Failure, int, int], Cel | None]] = {
    "flicker": _flicker,
    "frozen_motion": _frozen_motion,
    "interpolated_cadence": _interpolated_cadence,
    "jitter": _jitter,
    "ghosting": _ghosting,
    "tearing": _torn,
}
RESHOT: dict[str, Callable[[np.ndarray, Failure, int, tuple[float, float]], np.ndarray]] = {
    "texture_swim": _texture_swim,
}
PATCHED = frozenset({*RELAID, "identity_drift"})  # kept to their place in pixels, not in curves
FAILURES: tuple[str, ...] = (*REDRAWN, *RELAID, *RESHOT)
# failures that change on every frame, whatever the cadence of the drawings
ON_ONES = frozenset(
    {"boil", "melt", "identity_drift", "face_collapse", "size_breathing", "limb_loss", "limb_duplication"}
)


def figure_cel(shot: Shot, f: Failure, t: int, moment: int) -> Cel | None:
    """The figure's cel of frame ``t`` as the failure leaves it."""
    out = RELAID.get(f.kind, _lay_plain)(shot, f, t, moment)
    if f.reach >= WHOLE or f.kind not in PATCHED:
        return out
    radius = f.reach * shot.layout.head_px * shot.oversample
    return _patched(shot.cel(moment), out, _spot(shot, f, moment), radius)


def _spot(shot: Shot, f: Failure, moment: int) -> np.ndarray:
    """Where the failure sits on the plane of the cels."""
    pose = shot.performance.pose(moment / shot.scene.fps)
    j, lay, k = solve(pose, shot.costume.body), shot.layout, shot.oversample
    middles = {"head": j.head, "torso": (j.pelvis + j.chest) / 2, "arm_n": j.arm_n[1], "leg_n": j.leg_n[1]}
    at = middles[f.place]
    x = lay.anchor_x + lay.travel * (pose.x - shot.performance.pose(0.0).x)
    factor = np.array([shot.scene.facing * lay.head_px, lay.head_px]) * k
    return angle_of(shot.scene).seen(at[None])[0] * factor + np.array([x, lay.ground_y]) * k + (k - 1) / 2


def _patched(clean: Cel | None, broken: Cel | None, centre: np.ndarray, radius: float) -> Cel | None:
    """``broken`` within ``radius`` of ``centre``, ``clean`` elsewhere."""
    if clean is None or broken is None:
        return clean
    whole = stack([(clean, 1.0, (0, 0)), (broken, 0.0, (0, 0))])
    other = stack([(clean, 0.0, (0, 0)), (broken, 1.0, (0, 0))])
    h, w = whole.rgba.shape[:2]
    x = np.arange(w)[None] + whole.origin[0] - centre[0]
    y = np.arange(h)[:, None] + whole.origin[1] - centre[1]
    k = np.clip((1.1 - np.hypot(x, y) / radius) / 0.25, 0, 1)[..., None]
    return Cel(np.rint(whole.rgba * (1 - k) + other.rgba * k).astype(np.uint8), whole.origin)


def reshoot(frame: np.ndarray, f: Failure, t: int, centre: tuple[float, float]) -> np.ndarray:
    """The composited frame as the failure leaves it."""
    return RESHOT[f.kind](frame, f, t, centre) if f.kind in RESHOT else frame


__all__ = ["FAILURES", "Failure", "figure_cel", "reshoot"]
