"""Body deformations as functions over a drawing's points: a table of ``body_deformation`` values.

Amount 1 is the pronounced peak, negative amounts are anticipation and overshoot. Lengths are in heads.
"""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from animatrix.synthetic.costume import Costume
from animatrix.synthetic.ink import CLIPPED, FILL, LINE, OUTLINE, Drawing, curve, ellipse
from animatrix.synthetic.pose import Body, Pose
from animatrix.synthetic.rig import LIMBS, about, dense, extent, move, part_ranges, reorder, replant

HELD = {"arm_n": ("blade", "energy"), "arm_f": ("energy",)}
# the limb that carries an action
CONTACTS = frozenset({"fall", "react", "jump"})  # flat on the accent; others are long on it
LUNGES = frozenset({"strike", "slash", "dash", "run", "dodge_guard", "cast"})
FIST = ((-0.9, -0.55), (-0.2, -0.92), (0.65, -0.82), (1.02, -0.42), (1.08, 0.10), (0.95, 0.62), (0.35, 0.90),
        (-0.45, 0.86), (-1.0, 0.45))  # fmt: skip
LEADING = {
    "run": "leg_n",
    "dash": "leg_n",
    "jump": "leg_n",
    "walk": "leg_n",
    "fall": "arm_n",
    "dodge_guard": "arm_f",
}


@dataclass
class Job:
    """One drawing being deformed: what it shows, how to draw it anew, and where in time it lies."""

    drawing: Drawing
    pose: Pose
    costume: Costume
    draw: Callable[[Pose, Costume], Drawing]
    pose_at: Callable[[float], Pose]
    t: float  # seconds
    action: str
    facing: int
    seed: int

    @property
    def limb(self) -> str:
        """The limb that leads the action."""
        return LEADING.get(self.action, "arm_n")

    def rng(self, *key: int) -> np.random.Generator:
        """Random numbers of this shot and ``key``."""
        return np.random.default_rng([self.seed & 0xFFFFFFFF, *key])


def _carry(d: Drawing, limb: str, before: np.ndarray, size: float = 1.0) -> None:
    """Take what is held in the hand of ``limb`` along to where the hand went."""
    after = d.bones[limb][-1].copy()
    move(d, lambda p: (p - before) * size + after, [n for n in HELD.get(limb, ()) if n in d.bones])


def squash_stretch(job: Job, a: float) -> None:
    """Longer along the line of the body and narrower; flatter on contact. Area stays within a fifth."""
    d = job.drawing
    # a contact is long on the way and flat on the ground
    gain = (-0.36 if a > 0 else -0.9) if job.action in CONTACTS else 0.38
    f = max(0.42, 1 + gain * a)
    pelvis, chest = d.bones["torso"]
    up = chest - pelvis
    up = up / max(float(np.hypot(*up)), 1e-9)
    if job.pose.spin:
        up = np.array([0.0, -1.0])
    elif job.action in LUNGES:  # drawn out along the blow, not upward
        up = np.array([0.84, -0.54])
    side = np.array([-up[1], up[0]])
    low = extent(d)[1][1]
    base = np.array([pelvis[0], low])
    wide = f**-0.85
    move(d, lambda p: base + np.outer((p - base) @ up, up) * f + np.outer((p - base) @ side, side) * wide)


def chibi_shift(job: Job, a: float) -> None:
    """The same costume and hair on a body of two to three heads."""
    k = job.costume
    bones = k.body
    heads = 1.34 + bones.thigh / 0.305
    target = float(np.clip(heads - (heads - 2.45) * a, 1.95, heads))
    small = replace(
        k, body=Body.of(target, bones.build * (1 + 0.10 * a)), eye_scale=k.eye_scale * (1 + 0.16 * a)
    )
    d = job.draw(job.pose, small)
    size = 1 + 0.42 * min(a, 1.2) * (heads - target) / heads
    move(d, lambda p: p * size)
    job.drawing, job.costume = d, small


def limb_elongation(job: Job, a: float) -> None:
    """The leading limb reaches far past its length along the line of action, joints in place."""
    d, limb = job.drawing, job.limb
    bones = d.bones[limb].copy()
    factor = max(0.55, 1 + 1.15 * a)
    reach = bones[2] - bones[0]
    straight = (
        bones[0]
        + reach
        * (
            np.array(
                [
                    0,
                    np.hypot(*(bones[1] - bones[0])),
                    np.hypot(*(bones[1] - bones[0])) + np.hypot(*(bones[2] - bones[1])),
                ]
            )
            / max(float(np.hypot(*reach)), 1e-6)
        )[:, None]
    )
    pull = float(np.clip(a, 0, 0.75))
    line = bones.copy()
    line[:3] = bones[:3] * (1 - pull) + straight * pull
    line[:3] = bones[0] + (line[:3] - bones[0]) * factor
    if len(bones) > 3:
        line[3] = line[2] + (bones[3] - bones[2])
    replant(d, limb, line, lambda s: 1 / factor**0.30 * np.where(s > 0.96, factor**0.45, 1.0))
    _carry(d, limb, bones[-1])
    if limb.startswith("leg"):  # a long leg lifts the body off its foot
        lift = max(0.0, extent(d)[1][1])
        move(d, lambda p: p - (0.0, lift))


def forced_foreshortening(job: Job, a: float) -> None:
    """Fist, blade or foot balloons toward the lens while the body shrinks behind it."""
    d, limb = job.drawing, job.limb
    move(d, about(np.array([d.bones["torso"][0][0], 0.0]), 1 - 0.16 * a))
    bones = d.bones[limb].copy()
    toward = np.array([0.30, 0.35 if limb.startswith("arm") else -0.30]) * max(a, 0)
    line = bones.copy()
    line[1] = bones[1] * 0.75 + (bones[0] + toward) * 0.25
    line[2:] = bones[2:] + toward
    near = 1 + 2.9 * max(a, -0.2)
    swell = (near - 1) * (0.55 if limb.startswith("arm") else 1.0)  # a fist is drawn over the hand
    replant(d, limb, line, lambda s: 1 + swell * np.clip(s, 0, 1.15) ** 3.0)
    _carry(d, limb, bones[-1], near**0.6)
    reorder(d, limb)
    if limb.startswith("arm") and a > 0.15:  # the fist itself, toward the lens
        fore, r = line[-1] - line[-2], 0.165 * near
        fist = line[-1] + fore / max(float(np.hypot(*fore)), 1e-6) * 0.55 * r
        skin = job.costume.skin
        shape = fist + curve([(r * x, r * y) for x, y in FIST], 3)
        d.outlined([(shape, skin.lit)], skin.ink, 1.1)
        d.inside(shape, shape + (-0.35 * r, 0.45 * r), skin.shade)
        for y in (-0.42, 0.02, 0.44):
            d.line(fist + np.array([(0.30 * r, y * r), (0.98 * r, (y + 0.04) * r)]), skin.ink, 0.9)
    for held in HELD.get(limb, ()):
        if held in d.bones:
            reorder(d, held)


def face_exaggeration(job: Job, a: float) -> None:
    """Eyes pop, the jaw drops, the brow flies up: one readable expression of shock."""
    k = job.costume
    pose = job.pose.but(
        eye=1 + 0.30 * max(a, 0), mouth=float(np.clip(job.pose.mouth + a, 0, 1.25)), brow=1.2 * a, smile=0.0
    )
    big = replace(k, eye_scale=k.eye_scale * (1 + 0.34 * max(a, -0.3)))
    d = job.draw(pose, big)
    centre = d.bones["head"][0].copy()
    tilt = pose.lean * 0.35 + pose.head
    c, s = np.cos(tilt), np.sin(tilt)
    turn = np.array([[c, s], [-s, c]])

    def warp(p: np.ndarray) -> np.ndarray:
        q = (p - centre) @ turn.T
        x, y = q[:, 0], q[:, 1]
        jaw = np.clip((y - 0.22) / 0.36, 0, 1) ** 1.4 * np.clip(1.25 - np.abs(x) * 1.2, 0, 1)
        crown = np.clip((0.0 - y) / 0.6, 0, 1.2)
        q = np.stack([x * (1 + 0.10 * a * crown - 0.12 * a * jaw), y + 0.52 * a * jaw - 0.14 * a * crown], 1)
        return q @ turn + centre

    move(d, warp, ["head", "back_hair"], 0.07)
    job.drawing = d


def rubber_limb(job: Job, a: float) -> None:
    """Arms and legs curve like hoses of even width; a wave runs along them."""
    d = job.drawing
    s = np.linspace(0, 1, 15)[:, None]
    for n, limb in enumerate(LIMBS):
        b = d.bones[limb].copy()
        hose = (1 - s) ** 2 * b[0] + 2 * s * (1 - s) * (b[1] * 0.6 + (b[0] + b[2]) * 0.2) + s**2 * b[2]
        chord = b[2] - b[0]
        normal = np.array([-chord[1], chord[0]]) / max(float(np.hypot(*chord)), 1e-6)
        wave = np.sin(2 * np.pi * (s * 1.05 - 2.1 * job.t) + 1.7 * n) * np.sin(np.pi * s)
        bend = (0.70 if limb.startswith("arm") else 0.46) * a
        line = (
            hose * min(1, abs(a) * 2) + _resample(b[:3], 15) * (1 - min(1, abs(a) * 2)) + normal * wave * bend
        )
        if len(b) > 3:
            line = np.concatenate([line, [line[-1] + b[3] - b[2]]])
        replant(d, limb, line, 1.0 + 0.10 * abs(a))
        _carry(d, limb, b[-1])


def _resample(line: np.ndarray, n: int) -> np.ndarray:
    s = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    u = np.linspace(0, s[-1], n)
    return np.stack([np.interp(u, s, line[:, k]) for k in range(2)], 1)


def _star(n: int, inner: float) -> np.ndarray:
    a = np.linspace(0, 2 * np.pi, 2 * n, endpoint=False) - np.pi / 2
    r = np.where(np.arange(2 * n) % 2 == 0, 1.0, inner)
    return np.stack([r * np.cos(a), r * np.sin(a)], 1)


def _radius(outline: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Distance from the origin to a star-shaped outline at ``angles``."""
    p = dense(outline, True, 0.03)
    a, r = np.arctan2(p[:, 1], p[:, 0]), np.hypot(*p.T)
    bins = np.zeros(96)
    np.maximum.at(bins, ((a + np.pi) / (2 * np.pi) * 96).astype(int) % 96, r)
    known = np.flatnonzero(bins)
    full = np.interp(np.arange(96), known, bins[known], period=96)
    return np.interp((angles + np.pi) / (2 * np.pi) * 96 - 0.5, np.arange(96), full, period=96)


_CAT = curve([(-0.72, -0.95), (-0.72, -0.95), (-0.32, -0.62), (0.32, -0.62), (0.72, -0.95),
              (0.72, -0.95), (0.86, -0.25), (0.72, 0.25), (0.88, 0.95), (0.6, 1.0), (-0.6, 1.0),
              (-0.88, 0.95), (-0.72, 0.25), (-0.86, -0.25)], 5)  # fmt: skip
_DROP = curve([(0.05, -1.15), (0.05, -1.15), (0.35, -0.45), (0.85, 0.25), (0.78, 0.85), (0.35, 1.0),
               (-0.35, 1.0), (-0.78, 0.85), (-0.85, 0.25), (-0.35, -0.45)], 5)  # fmt: skip
SHAPES = {"cat": _CAT, "drop": _DROP, "star": _star(5, 0.55), "ball": ellipse(0, 0, 1, 1, n=28)}


def morphing(job: Job, a: float) -> None:
    """The figure flows into a cat, a drop, a star or a ball in the colours of its design, and back."""
    d, k = job.drawing, job.costume
    name = list(SHAPES)[int(job.rng(41).integers(len(SHAPES)))]
    size = 1.18 * (0.85 + 0.25 * max(a, 0))
    target = SHAPES[name] * size
    home = np.array([float(d.bones["torso"][0][0]), -size * 1.0])
    heart = (d.bones["torso"][0] + d.bones["torso"][1]) / 2
    m = float(np.clip(a, -0.2, 1.0))
    everything = np.concatenate([dense(op[1], op[0] != LINE, 0.2) for op in d.ops])
    angle = np.linspace(-np.pi, np.pi, 96)
    reach = _radius(everything - heart, angle)

    def warp(p: np.ndarray) -> np.ndarray:
        q = p - heart
        th = np.arctan2(q[:, 1], q[:, 0])
        own = np.interp(th, angle, reach)
        factor = 1 + m * (_radius(target, th) / np.maximum(own, 1e-3) - 1)
        centre = heart * (1 - m) + home * m
        return centre + q * factor[:, None]

    move(d, warp, None, 0.10)
    if m > 0.72:  # the object itself: one designed shape that keeps hair, cloth and eyes of the design
        body = target + home
        d.mark("object")
        d.outlined([(body, k.top.lit)], k.top.ink, 1.3)
        d.inside(body, body + (0.30 * size, 0.22), k.top.shade)
        cap = home + np.stack(
            [np.linspace(-1.4, 1.4, 9) * size, -0.34 * size + 0.10 * size * np.cos(np.arange(9) * np.pi)], 1
        )
        d.inside(body, np.concatenate([cap, home + np.array([(1.4, -1.5), (-1.4, -1.5)]) * size]), k.hair.lit)
        for side in (-1, 1):
            x, y = float(home[0]) + 0.30 * side * size, float(home[1]) + 0.02
            d.fill(ellipse(x, y, 0.15 * size, 0.20 * size), k.box.figure((30, 22, 40)))
            d.fill(ellipse(x, y + 0.05 * size, 0.10 * size, 0.12 * size), k.box.figure(k.eye))
            white = k.box.final((255, 255, 255))
            d.fill(ellipse(x - 0.05 * size, y - 0.07 * size, 0.05 * size, 0.06 * size), white)
        d.line(
            home + curve([(-0.10, 0.30), (0.0, 0.36), (0.10, 0.30)], 4, closed=False) * size, k.skin.ink, 1.2
        )
        d.ops, d.parts = d.ops[dict(d.parts)["object"] :], [("object", 0)]


def melting_wobble(job: Job, a: float) -> None:
    """The whole outline ripples as one wave and sags toward its feet."""
    d = job.drawing
    lo, hi = extent(d)
    tall, foot = max(hi[1] - lo[1], 1e-6), hi[1]
    heart = float(d.bones["torso"][0][0])
    phase = 2 * np.pi * 1.5 * job.t

    def warp(p: np.ndarray) -> np.ndarray:
        up = (foot - p[:, 1]) / tall
        ripple = 0.36 * a * np.sin(2 * np.pi * 1.25 * up - phase) * (0.45 + 0.55 * up)
        wide = (
            1
            + 0.55 * max(a, 0) * (1 - np.clip(up, 0, 1)) ** 2
            + 0.10 * a * np.sin(2 * np.pi * 1.9 * up - phase)
        )
        sunk = foot - tall * np.sign(up) * np.abs(up) ** (1 + 0.30 * a) * (1 - 0.13 * a)
        return np.stack([heart + (p[:, 0] - heart) * wide + ripple, sunk], 1)

    move(d, warp, None, 0.09)


def paper_flatten(job: Job, a: float) -> None:
    """Crushed to a thin sheet that flutters: upright and thin, or flat on the ground after a landing."""
    d = job.drawing
    heart, phase = float(d.bones["torso"][0][0]), 2 * np.pi * 2.3 * job.t
    lo, hi = extent(d)
    tall, foot = max(hi[1] - lo[1], 1e-6), hi[1]
    flat = job.action == "fall"
    thin = float(np.clip(1 - 0.84 * a, 0.13, 1.1))

    def upright(p: np.ndarray) -> np.ndarray:
        up = (foot - p[:, 1]) / tall
        flutter = 0.30 * max(a, 0) * np.sin(2 * np.pi * 0.9 * up - phase) * (0.15 + 0.85 * up)
        return np.stack([heart + (p[:, 0] - heart) * thin + flutter, p[:, 1]], 1)

    def crushed(p: np.ndarray) -> np.ndarray:
        wide = 1 + 0.55 * max(a, 0)
        ripple = 0.07 * max(a, 0) * np.sin(3.0 * (p[:, 0] - heart) - phase)
        return np.stack(
            [heart + (p[:, 0] - heart) * wide, foot + (p[:, 1] - foot) * thin - 0.07 * max(a, 0) + ripple], 1
        )

    move(d, crushed if flat else upright, None, 0.10)


def scale_pop(job: Job, a: float) -> None:
    """Head, or the whole figure, is giant or tiny from one drawing to the next."""
    d = job.drawing
    what = ("head", "figure", "tiny")[int(job.rng(42).integers(3))]
    if what == "head":
        neck = d.bones["head"][0] + (0.0, 0.45)
        move(d, about(neck, 1 + 0.95 * a), ["head", "back_hair"])
    else:
        factor = 1 + 0.62 * a if what == "figure" else max(0.30, 1 - 0.52 * a)
        foot = np.array([d.bones["torso"][0][0], 0.0])
        move(
            d, about(foot if factor < 1 else d.bones["head"][0] + (0.0, -0.1), factor)
        )  # a giant keeps its face


def broken_silhouette(job: Job, a: float) -> None:
    """Loose rough drawing: detail drops out, contours break into searching strokes along the action line."""
    d = job.drawing
    rng = job.rng(43, round(job.t * 24))
    rough = Drawing(parts=[("rough", 0)], bones=dict(d.bones))
    waves = rng.normal(0, 1, (4, 2))
    shift = rng.random((4, 1)) * 7

    def shaken(p: np.ndarray, k: float) -> np.ndarray:
        q = p * np.array([2.1, 1.7])
        noise = sum(
            np.sin(q @ waves[i] * 1.6 + shift[i] + 9 * k)[:, None] * waves[(i + 1) % 4] for i in range(4)
        )
        return p + 0.065 * a * noise

    _, hi = extent(d)
    lean = 0.20 * a * np.clip(job.pose.lean * 2.0 + 0.4, -1, 1)

    def thrust(p: np.ndarray) -> np.ndarray:
        return p + np.stack([lean * (hi[1] - p[:, 1]) ** 1.3 * 0.30, np.zeros(len(p))], 1)

    move(d, thrust)
    strokes: list = []
    for kind, points, paint, width, _clip in d.ops:
        size = float(np.ptp(points, axis=0).max())
        if kind == FILL and size > 0.13:
            rough.ops.append((FILL, shaken(dense(points, True, 0.12), 0.0), paint, 0.0, None))
        elif kind in (OUTLINE, LINE) and size > 0.25:
            line = dense(points, kind == OUTLINE, 0.12)
            for n in range(2):
                start = int(rng.integers(len(line)))
                length = int(len(line) * (0.35 + 0.4 * rng.random()))
                part = np.roll(line, -start, 0)[:length] if kind == OUTLINE else line
                if len(part) > 2:
                    strokes.append(
                        (
                            LINE,
                            shaken(part, 0.35 * (n + 1)),
                            paint,
                            width * (0.45 + 0.75 * rng.random()),
                            None,
                        )
                    )
        elif kind == CLIPPED and size > 0.6:
            continue
    rough.ops += strokes
    job.drawing = rough


# in the order in which they are applied: those that draw anew come first
DEFORMERS: dict[str, Callable[[Job, float], None]] = {
    "chibi_shift": chibi_shift,
    "face_exaggeration": face_exaggeration,
    "rubber_limb": rubber_limb,
    "limb_elongation": limb_elongation,
    "forced_foreshortening": forced_foreshortening,
    "squash_stretch": squash_stretch,
    "melting_wobble": melting_wobble,
    "paper_flatten": paper_flatten,
    "scale_pop": scale_pop,
    "morphing": morphing,
    "broken_silhouette": broken_silhouette,
}


def departure(before: Drawing, after: Drawing, new: float = 1.0) -> list[float]:
    """How far each op of ``after`` left its place in ``before``, 0..1 (1: half a head or more); ``new`` where
    it is newly drawn."""
    home: dict[str, list] = {}
    for name, a, b in part_ranges(before):
        home.setdefault(name, []).append(before.ops[a:b])
    out: list[float] = []
    for name, a, b in part_ranges(after):
        old = home[name].pop(0) if home.get(name) else []
        for k, op in enumerate(after.ops[a:b]):
            if len(old) != b - a:
                out.append(new)
            elif len(old[k][1]) == len(op[1]):
                out.append(min(1.0, float(np.hypot(*(old[k][1] - op[1]).T).mean()) / 0.5))
            else:
                ends = np.concatenate([old[k][1].min(0) - op[1].min(0), old[k][1].max(0) - op[1].max(0)])
                out.append(min(1.0, float(np.abs(ends).max()) / 0.5))
    return out
