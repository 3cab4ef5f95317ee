"""Smears: how one to three drawings carry a motion too fast to be drawn, a function per technique.

A drawn smear changes the display list with what lies between this drawing and the one before it; the two
composited ones (afterimages, digital blur) work on the traced cel.
"""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.synthetic.deform import HELD, Job
from animatrix.synthetic.ink import CLIPPED, FILL, LINE, Cel, Drawing, curve, ellipse, limb
from animatrix.synthetic.palette import Rgb, mix
from animatrix.synthetic.rig import drop, extent, move, ops_of, part_ranges

WHEELS = frozenset({"run", "dash", "walk", "jump"})  # the legs become a wheel
COILS = frozenset({"dance", "fall", "dodge_guard"})  # the whole figure becomes a coil of lines


@dataclass
class Trail:
    """Where the drawing came from: ``back(u)`` is the figure ``u`` of the way to the drawing before."""

    job: Job
    seconds: float
    ratio: float  # heads of screen travel per head walked

    def back(self, u: float) -> Drawing:
        """The figure ``u`` (0 now, 1 then) back, in the place it had relative to now."""
        t = self.job.t - u * self.seconds
        pose = self.job.pose_at(t)
        d = self.job.draw(pose, self.job.costume)
        move(d, lambda p: p + ((pose.x - self.job.pose_at(self.job.t).x) * self.ratio, 0.0))
        return d

    def lead(self) -> tuple[str, np.ndarray, bool]:
        """The part that moves most, its displacement, and whether the whole body goes along."""
        now, then = self.job.drawing, self.back(1.0)
        gone = {
            n: now.bones[n][-1] - then.bones[n][-1]
            for n in ("arm_n", "arm_f", "leg_n", "leg_f", "head", "torso")
        }
        part = max(("arm_n", "arm_f", "leg_n", "leg_f", "head"), key=lambda n: float(np.hypot(*gone[n])))
        body = float(np.hypot(*gone["torso"]))
        if body > 0.55 * float(np.hypot(*gone[part])):
            return part, gone["torso"], True
        return part, gone[part], False


def _underlay(d: Drawing, name: str, ops: list) -> None:
    """Put ``ops`` behind everything, as a part of their own."""
    d.parts = [(name, 0), *((n, i + len(ops)) for n, i in d.parts)]
    d.ops = [*ops, *d.ops]


def _before_part(d: Drawing, part: str, name: str, ops: list) -> None:
    """Put ``ops`` right behind ``part``."""
    out: list = []
    parts: list[tuple[str, int]] = []
    for n, a, b in part_ranges(d):
        if n == part:
            parts.append((name, len(out)))
            out += ops
        parts.append((n, len(out)))
        out += d.ops[a:b]
    d.ops, d.parts = out, parts


def _paint_of(d: Drawing, *parts: str) -> list[Rgb]:
    """Paints of some parts, the largest areas first."""
    area: dict[Rgb, float] = {}
    for op in ops_of(d, *parts):
        if op[0] == FILL and len(op[1]) > 2:
            x, y = op[1].T
            area[op[2]] = area.get(op[2], 0.0) + abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1)))
    return sorted(area, key=lambda c: -area[c]) or [(90, 80, 110)]


def elongated_inbetween(job: Job, trail: Trail, a: float) -> None:
    """The figure is drawn out along its path: the front is here, the rest still on the way."""
    d = job.drawing
    _, gone, _ = trail.lead()
    length = max(float(np.hypot(*gone)), 1e-6)
    ahead = gone / length
    if length < 0.15:
        ahead = np.array([1.0, 0.0])
    side = np.array([-ahead[1], ahead[0]])
    points = np.concatenate([op[1] for op in d.ops])
    along = points @ ahead
    lo, hi = np.percentile(along, [2, 100])
    across = float(np.median(points @ side))
    drawn_out = a * float(np.clip(0.8 * length, 0.75 * (hi - lo), 1.1 * (hi - lo)))
    thin = 1 / (1 + 0.30 * a)

    def warp(p: np.ndarray) -> np.ndarray:
        s = np.clip((p @ ahead - lo) / (hi - lo), -0.1, 1)
        late = (1 - s) ** 1.25
        keep = thin + (1 - thin) * s[:, None] ** 2
        off = (p @ side - across)[:, None] * side
        return p - off * (1 - keep) - ahead * (late * drawn_out)[:, None]

    move(d, warp, None, 0.10)


def multiples(job: Job, trail: Trail, a: float) -> None:
    """Solid copies of what moves stand along the path in one drawing."""
    d = job.drawing
    part, _, whole = trail.lead()
    parts = ("back_hair", "head") if whole else (part, *HELD.get(part, ()))
    copies = 3 + round(1.5 * a)
    ops: list = []
    for u in np.linspace(1.45, 0.30, copies):
        ops += ops_of(trail.back(float(u)), *parts)
    if whole:
        _underlay(d, "smear", ops)
    else:
        _before_part(d, part, "smear", ops)


def _paths(trail: Trail, part_names: tuple[str, ...], samples: int = 7) -> list[tuple[np.ndarray, Rgb]]:
    """Tracks ``[samples,2]`` of outline points of some parts from now back to then, with their paint."""
    back = [ops_of(trail.back(u), *part_names) for u in np.linspace(0, 1, samples)]
    if len({len(b) for b in back}) > 1:
        return []
    out = []
    for rows in zip(*back, strict=True):
        if rows[0][0] == FILL and len({len(r[1]) for r in rows}) == 1:
            track = np.stack([r[1] for r in rows])
            out += [(track[:, k], rows[0][2]) for k in range(0, track.shape[1], 2)]
    return out


def dry_brush_smear(job: Job, trail: Trail, a: float) -> None:
    """Ragged streaks in the paints of the moving part follow its path."""
    d, rng = job.drawing, job.rng(51, round(job.t * 24))
    part, gone, whole = trail.lead()
    names = ("torso", "head", "back_hair", "leg_n", "arm_n") if whole else (part, *HELD.get(part, ()))
    tracks = _paths(trail, names)
    moving = [t for t in tracks if np.hypot(*(t[0][0] - t[0][-1])) > 0.35 * np.hypot(*gone)]
    if not moving:
        moving = [(np.stack([p - gone * u for u in np.linspace(0, 1, 5)]), op[2]) for op in ops_of(d, *names)
                  if op[0] == FILL for p in op[1][::3]]  # fmt: skip
    ops: list = []
    for k in rng.permutation(len(moving))[: round(26 + 14 * a)]:
        track, paint = moving[int(k)]
        fine = curve(track, 4, closed=False)
        reach = (0.5 + 0.9 * rng.random()) * (0.75 + 0.45 * a)
        u = np.linspace(0, reach, 13)
        last = fine[-1] - fine[-2]
        s = u * (len(fine) - 1)
        line = np.stack([np.interp(s, np.arange(len(fine)), fine[:, i]) for i in range(2)], 1)
        line += np.maximum(s - (len(fine) - 1), 0)[:, None] * last
        width = (0.055 + 0.075 * rng.random()) * np.linspace(1, 0.12, 13)
        gap = int(rng.integers(4, 10))
        for piece in (slice(0, gap + 1), slice(gap + 1, 13)):
            if len(line[piece]) >= 2:
                ops.append((FILL, limb(line[piece], width[piece], 3), paint, 0.0, None))
    _underlay(d, "smear", ops)


def _tip(d: Drawing, part: str, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """Outer and inner point of what sweeps."""
    if whole:
        return d.bones["head"][0] + (0.0, -0.35), d.bones["torso"][0]
    held = next((n for n in HELD.get(part, ()) if n == "blade" and n in d.bones), None)
    if held:
        grip, tip = d.bones[held]
        return tip, grip * 0.72 + tip * 0.28
    b = d.bones[part]
    fore = (b[2] - b[1]) / max(float(np.hypot(*(b[2] - b[1]))), 1e-6)
    return b[2] + fore * 0.20, b[1] if part.startswith("arm") else b[1] * 0.6 + b[2] * 0.4


def arc_fill_smear(job: Job, trail: Trail, a: float) -> None:
    """The swept path is one flat crescent that joins where it was to where it is."""
    d, k = job.drawing, job.costume
    part, _, whole = trail.lead()
    us = np.linspace(0, 1 + 0.5 * max(0.0, a - 0.5), 8)
    ends = [_tip(trail.back(float(u)), part, whole) for u in us]
    ends[0] = _tip(d, part, whole)
    outer = np.stack([e[0] for e in ends])
    inner = np.stack([e[1] for e in ends])
    taper = (1 - us / us[-1])[:, None] ** 0.65
    inner = outer + (inner - outer) * taper * min(1.15, 0.55 + 0.45 * a)
    shape = np.concatenate([curve(outer, 4, closed=False), curve(inner[::-1], 4, closed=False)])
    steel = part == "arm_n" and "blade" in d.bones and not whole
    paint = k.box.figure((236, 244, 255)) if steel else _paint_of(d, "torso" if whole else part)[0]
    band = outer + (inner - outer) * 0.34
    glint = np.concatenate([curve(outer, 4, closed=False), curve(band[::-1], 4, closed=False)])
    sweep = Drawing()
    sweep.outlined([(shape, paint)], mix(paint, (20, 16, 40), 0.65), 0.8)
    sweep.inside(shape, glint, mix(paint, (255, 255, 255), 0.75 if steel else 0.35))
    if whole:
        _underlay(d, "smear", sweep.ops)
    else:
        _before_part(d, part, "smear", sweep.ops)


def _coil(centre, rx: float, ry: float, paints: list[Rgb], ink: Rgb, rng, turns: int, spin: float) -> list:
    """A disc of swirling bands and lines."""
    ops: list = [(FILL, ellipse(centre[0], centre[1], rx, ry, n=26), paints[0], 0.0, None)]
    for n in range(turns):
        s = np.linspace(0, 1, 14)
        ang = spin + 2 * np.pi * (n / turns + 0.62 * s)
        r = 0.20 + 0.78 * s
        line = centre + np.stack([rx * r * np.cos(ang), ry * r * np.sin(ang)], 1)
        width = np.sin(np.pi * np.clip(s * 0.9 + 0.08, 0, 1)) * 0.30 * min(rx, ry)
        ops.append((FILL, limb(line, np.maximum(width, 0.01), 3), paints[(n + 1) % len(paints)], 0.0, None))
        ops.append((LINE, line + (0.02, 0.02), ink, 0.9, None))
    for _ in range(turns + 2):
        a0, reach = rng.random() * 2 * np.pi, 0.8 + 1.6 * rng.random()
        ang = np.linspace(a0, a0 + reach, 9)
        k = 0.93 + 0.14 * rng.random()
        ops.append((LINE, centre + np.stack([rx * k * np.cos(ang), ry * k * np.sin(ang)], 1), ink, 1.1, None))
    return ops


def shape_abstraction(job: Job, trail: Trail, a: float) -> None:
    """The fast part is one readable shape: a wheel of legs, a fan of the arm, a coil of the whole figure."""
    d, k = job.drawing, job.costume
    rng = job.rng(52, round(job.t * 24))
    spin = job.t * 24 * 1.3
    if job.action in COILS:
        lo, hi = extent(d)
        tall, heart = hi[1] - lo[1], (lo[0] + hi[0]) / 2
        bands = [(0.16, 0.34, k.hair), (0.50, 0.30, k.top), (0.83, 0.22, k.bottom)]
        ops: list = []
        for y, r, paint in reversed(bands):
            at = np.array([heart + 0.10 * np.sin(spin + 5 * y), lo[1] + y * tall])
            wide = (0.62 + 0.9 * r) * (0.85 + 0.35 * a)
            ops += _coil(
                at,
                wide,
                r * tall * 0.62,
                [paint.lit, paint.shade, k.skin.lit],
                paint.ink,
                rng,
                3,
                spin + 3 * y,
            )
        d.ops, d.parts = ops, [("smear", 0)]
        return
    if job.action in WHEELS:
        legs = ("leg_n", "leg_f")
        paints = _paint_of(d, *legs)
        hips, feet = d.bones["torso"][0], max(d.bones["leg_n"][:, 1].max(), d.bones["leg_f"][:, 1].max())
        r = (feet - hips[1]) * 0.60
        centre = np.array([hips[0], feet - r])
        wheel = _coil(
            centre, r * (0.95 + 0.30 * a), r, [k.bottom.lit, *paints, k.shoe.lit], k.bottom.ink, rng, 4, -spin
        )
        drop(d, legs)
        _before_part(d, "torso", "smear", wheel)
        return
    part, _, _ = trail.lead()
    part = part if part.startswith("arm") else "arm_n"
    paints = _paint_of(d, part)
    tips = [_tip(trail.back(float(u)), part, False)[0] for u in np.linspace(-0.1, 1.1, 9)]
    root = d.bones[part][0]
    rim = curve(np.stack(tips), 4, closed=False)
    rim = root + (rim - root) * (0.95 + 0.12 * a)
    ink = mix(paints[0], (20, 16, 40), 0.6)
    fan = np.concatenate([[root], rim])
    new: list = [(CLIPPED, fan, paints[0], 0.0, fan), (LINE, rim, ink, 1.2, None)]
    for n, u in enumerate(np.linspace(0.06, 0.94, 9)):
        end = rim[int(u * (len(rim) - 1))]
        start = root + (end - root) * (0.15 + 0.5 * rng.random())
        tone = paints[n % len(paints)]
        new.append(
            (
                FILL,
                limb(np.stack([start, end]), [0.02, 0.16], 3),
                mix(tone, (255, 255, 255), 0.25 * (n % 3)),
                0.0,
                None,
            )
        )
        new.append((LINE, np.stack([start, end]), ink, 0.8, None))
    drop(d, (part, *HELD.get(part, ())))
    _underlay(d, "smear", new) if part.endswith("_f") else d.mark("smear")
    if not part.endswith("_f"):
        d.ops += new


DRAWN: dict[str, Callable[[Job, Trail, float], None]] = {
    "elongated_inbetween": elongated_inbetween,
    "multiples": multiples,
    "dry_brush_smear": dry_brush_smear,
    "arc_fill_smear": arc_fill_smear,
    "shape_abstraction": shape_abstraction,
}
COMPOSITED = ("afterimage_ghost", "digital_motion_blur")


def blur_along(cel: Cel, travel: np.ndarray) -> Cel:
    """The cel smeared evenly over ``travel`` (x, y in its own pixels)."""
    length = float(np.hypot(*travel))
    n = max(3, int(np.ceil(length)) | 1)
    kernel = np.zeros((n, n), np.float32)
    c, half = n // 2, travel / max(length, 1e-6) * (length / 2)
    ends = [
        (int((c - half[0]) * 16), int((c - half[1]) * 16)),
        (int((c + half[0]) * 16), int((c + half[1]) * 16)),
    ]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_8, 4)
    kernel /= max(kernel.sum(), 1.0)
    padded = cv2.copyMakeBorder(cel.rgba, c, c, c, c, cv2.BORDER_CONSTANT)
    return Cel(
        cv2.filter2D(padded, -1, kernel, borderType=cv2.BORDER_CONSTANT),
        (cel.origin[0] - c, cel.origin[1] - c),
    )


def stack(cels: list[tuple[Cel, float, tuple[int, int]]]) -> Cel:
    """One cel of several, the last on top: (cel, opacity 0..1, shift x, y in its pixels)."""
    boxes = [(c.origin[0] + s[0], c.origin[1] + s[1], c.rgba.shape[1], c.rgba.shape[0]) for c, _, s in cels]
    x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
    x1, y1 = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    out = np.zeros((y1 - y0, x1 - x0, 4), np.float32)
    for (cel, opacity, _), (x, y, w, h) in zip(cels, boxes, strict=True):
        top = cel.rgba.astype(np.float32) * opacity
        room = out[y - y0 : y - y0 + h, x - x0 : x - x0 + w]
        room[:] = top + room * (1 - top[..., 3:] / 255)
    return Cel(np.clip(np.rint(out), 0, 255).astype(np.uint8), (x0, y0))
