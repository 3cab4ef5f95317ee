"""Effects animation: the sheet of paper an effect is drawn on, and the manners it is drawn in.

An effect is a function of one drawing: how old it is, how long it lives, where the figure stands. It draws
closed shapes with inner colour steps; the ``effect_design`` decides how a shape is turned into paint. Lengths
are in frame heights unless they say px. Everything is drawn anew for every drawing of the sheet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from animatrix.synthetic.ink import curve
from animatrix.synthetic.palette import Paintbox, Rgb, mix

_SHIFT = 4
_ONE = 1 << _SHIFT
TAU = 2 * np.pi


@dataclass(frozen=True)
class Design:
    """Drawing manner: inner tones, outline, straight or ragged contour, soft sprites, fluid holes."""

    tones: int = 3
    outline: bool = False
    straight: bool = False
    ragged: float = 0.0
    soft: bool = False
    fluid: bool = False


DESIGNS: dict[str, Design] = {
    "volumetric_realist": Design(),
    "graphic_symbolic": Design(1, outline=True),
    "liquid_flow": Design(2, fluid=True),
    "angular_shard": Design(2, straight=True),
    "brush_ink_effect": Design(2, ragged=1.0),
    "cg_particle": Design(3, soft=True),
}
FIRE: tuple[Rgb, ...] = ((226, 66, 32), (255, 152, 36), (255, 240, 170))
SMOKE: tuple[Rgb, ...] = ((92, 88, 100), (136, 132, 144), (186, 184, 192))
DUST: tuple[Rgb, ...] = ((186, 164, 132), (218, 200, 168), (242, 232, 208))
WATER: tuple[Rgb, ...] = ((70, 140, 206), (150, 208, 240), (246, 252, 255))
INK: Rgb = (40, 26, 40)


def ease_out(u: float) -> float:
    """Fast start, slow end; ``u`` is clipped to 0..1."""
    u = min(1.0, max(0.0, u))
    return 1 - (1 - u) ** 3


@dataclass
class Fx:
    """One drawing of one effect.

    ``age`` and ``life`` are seconds since the onset and the length of the effect; ``env`` grows, holds and
    dissipates, 0..1. ``points`` are screen px of feet, chest, head, hand; ``head`` is one head in px;
    ``alpha`` ``[H,W]`` 0..1 is the figure. ``back``, ``front`` are premultiplied RGBA sheets behind and
    before the figure, ``glow`` is light added over both.
    """

    size: tuple[int, int]
    age: float
    life: float
    env: float
    drawing: int
    seed: int
    facing: int
    head: float
    points: dict[str, np.ndarray]
    alpha: np.ndarray
    box: Paintbox
    design: Design
    back: np.ndarray
    front: np.ndarray
    glow: np.ndarray
    passing: bool = False  # the ground runs under the figure: the effect may leave the frame
    lit: list[float] = field(default_factory=list)  # whole-frame brightening asked for, 0..1

    @property
    def px(self) -> float:
        """Frame height in px."""
        return float(self.size[1])

    def rng(self, *key: int) -> np.random.Generator:
        """Random numbers that stay the same for the whole effect (add :attr:`drawing` for new ones)."""
        return np.random.default_rng([self.seed, *key])

    def paint(self, c: Rgb) -> Rgb:
        """Local colour to final paint; effects give their own light."""
        return self.box.raw(c)

    def dim(self, c: Rgb) -> Rgb:
        """Paint of matter that is lit like the figure (smoke, dust, water, stone)."""
        return self.box.figure(c)

    # --- strokes of the effects animator, coordinates in px

    def fill(self, sheet: np.ndarray, pts, paint: Rgb | None) -> None:
        """Flat closed shape; None cuts a hole."""
        q = np.rint(np.asarray(pts, np.float64) * _ONE).astype(np.int32)
        cv2.fillPoly(sheet, [q], (0, 0, 0, 0) if paint is None else (*paint, 255), cv2.LINE_AA, _SHIFT)

    def line(self, sheet: np.ndarray, pts, paint: Rgb, width: float, closed: bool = False) -> None:
        """Even stroke, ``width`` in px."""
        q = np.rint(np.asarray(pts, np.float64) * _ONE).astype(np.int32)
        cv2.polylines(sheet, [q], closed, (*paint, 255), max(1, round(width)), cv2.LINE_AA, _SHIFT)

    def needle(self, sheet: np.ndarray, a, b, paint: Rgb, width: float) -> None:
        """Stroke from ``a`` to ``b`` that vanishes at both ends."""
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        d = b - a
        n = np.array([-d[1], d[0]]) / max(1e-6, float(np.hypot(*d))) * max(width, 0.9) / 2
        m = a + d * 0.62
        self.fill(sheet, [a, m + n, b, m - n], paint)

    def shine(self, at, r: float, paint: Rgb, strength: float = 1.0) -> None:
        """Round light with a soft edge at ``at`` (x, y), ``r`` px."""
        x, y = float(at[0]), float(at[1])
        w, h = self.size
        x0, x1, y0, y1 = (
            max(0, int(x - r)),
            min(w, int(x + r) + 1),
            max(0, int(y - r)),
            min(h, int(y + r) + 1),
        )
        if x1 <= x0 or y1 <= y0:
            return
        d = np.hypot(np.arange(x0, x1)[None] - x, np.arange(y0, y1)[:, None] - y) / max(r, 1e-6)
        k = (np.clip(1 - d, 0, 1) ** 2 * strength).astype(np.float32)
        self.glow[y0:y1, x0:x1] += k[..., None] * np.asarray(paint, np.float32)

    # --- shapes in the design's manner

    def _contour(self, pts: np.ndarray, key: int) -> np.ndarray:
        d = self.design
        p = np.asarray(pts, np.float64)
        if d.straight:  # few vertices, pulled in and out: straight edges with sharp corners
            step = max(1, len(p) // 9)
            q = p[::step]
            c = q.mean(0)
            return c + (q - c) * np.where(np.arange(len(q)) % 2 == 0, 1.16, 0.86)[:, None]
        q = curve(p, 4) if len(p) < 24 else p
        if d.ragged:
            r = self.rng(key, self.drawing, 5)
            q = curve(p, 14) if len(p) < 24 else p
            v = np.gradient(q, axis=0)
            n = np.stack([v[:, 1], -v[:, 0]], 1) / np.maximum(np.hypot(v[:, 0], v[:, 1])[:, None], 1e-9)
            size = float(np.ptp(q, axis=0).max())
            teeth = r.standard_normal(len(q)) * np.repeat(r.random(len(q) // 6 + 1), 6)[: len(q)]
            q = q + n * (teeth * 0.075 * size)[:, None]
        return q

    def shapes(
        self, sheet: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]], ramp, key: int = 0
    ) -> None:
        """Closed shapes that merge, each with inner tones drawn towards its own focus.

        Args:
            sheet: ``back`` or ``front``.
            parts: (contour px ``[N,2]``, focus px ``[2]``) per shape.
            ramp: paints from the rim to the core.
            key: tells shapes of one effect apart.
        """
        d = self.design
        if d.soft:
            self._sprites(sheet, parts, ramp, key)
            return
        outlines = [self._contour(p, key + 7 * n) for n, (p, _) in enumerate(parts)]
        if d.outline:
            for q in outlines:
                self.line(sheet, q, self.box.ink(ramp[0], 0.9), max(1.6, 0.014 * self.px), closed=True)
        tones = (
            [ramp[0], ramp[1], ramp[2]] if d.tones == 3 else [ramp[0], ramp[2]] if d.tones == 2 else [ramp[1]]
        )
        if d.ragged:
            tones = [mix(ramp[0], INK, 0.80), mix(ramp[1], INK, 0.15)]
        for k, paint in enumerate(tones):
            s = (1.0, 0.70, 0.40)[k] if d.tones == 3 else (1.0, 0.52)[k]
            for q, (_, focus) in zip(outlines, parts, strict=True):
                self.fill(sheet, focus + (q - focus) * s, paint)
        if d.ragged:
            self._splashes(sheet, outlines, tones[0], key)
        if d.fluid:
            self._fluid(sheet, outlines, parts, ramp, key)

    def _splashes(self, sheet, outlines, ink: Rgb, key: int) -> None:
        r = self.rng(key, self.drawing, 6)
        for q in outlines:
            size = float(np.ptp(q, axis=0).max())
            for _ in range(3):
                p = q[int(r.random() * len(q))]
                away = (p - q.mean(0)) * (0.12 + 0.5 * r.random())
                a = np.linspace(0, TAU, 7, endpoint=False)
                drop = np.stack([np.cos(a), np.sin(a)], 1) * size * (0.015 + 0.03 * r.random())
                self.fill(sheet, p + away + drop, ink)

    def _fluid(self, sheet, outlines, parts, ramp, key) -> None:
        r = self.rng(key, 3)
        for q, (p, focus) in zip(outlines, parts, strict=True):
            lo, hi = q.min(0), q.max(0)
            size = float((hi - lo).max())
            hole = focus + (np.asarray(p).mean(0) - focus) * 1.5 + (r.random(2) - 0.5) * 0.2 * size
            a = np.linspace(0, TAU, 14, endpoint=False)
            stretch = np.stack([np.cos(a) * 0.07, np.sin(a) * 0.17], 1) * size * (0.7 + 0.5 * r.random())
            self.fill(sheet, hole + stretch, None)
            for _ in range(2):
                at = np.array([lo[0] + (hi[0] - lo[0]) * r.random(), lo[1] - size * 0.22 * r.random()])
                self.fill(sheet, at + stretch * (0.45 + 0.4 * r.random()), ramp[0])

    def _sprites(self, sheet, parts, ramp, key) -> None:
        w, h = self.size
        cover = np.zeros((h, w), np.float32)
        heat = np.zeros((h, w), np.float32)
        r = self.rng(key, self.drawing, 4)
        for p, focus in parts:
            lo, hi = np.asarray(p).min(0), np.asarray(p).max(0)
            size = float((hi - lo).max())
            mask = np.zeros((h, w), np.uint8)
            cv2.fillPoly(mask, [np.rint(curve(p, 4) * _ONE).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
            for _ in range(12):
                at = lo + (hi - lo) * (r.random(2) * 1.2 - 0.1)
                cv2.circle(mask, (int(at[0]), int(at[1])), max(1, int(0.03 * size)), 255, -1, cv2.LINE_AA)
            cover = np.maximum(
                cover, cv2.GaussianBlur(mask, (0, 0), max(1.0, 0.10 * size)).astype(np.float32) / 255
            )
            core = np.zeros((h, w), np.uint8)
            q = focus + (curve(p, 4) - focus) * 0.55
            cv2.fillPoly(core, [np.rint(q * _ONE).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
            heat = np.maximum(
                heat, cv2.GaussianBlur(core, (0, 0), max(1.0, 0.12 * size)).astype(np.float32) / 255
            )
        cover = np.clip(cover * 1.25, 0, 1)[..., None]
        c = np.asarray(ramp, np.float32)
        u = np.clip(heat * 2, 0, 2)[..., None]
        colour = np.where(u < 1, c[0] + (c[1] - c[0]) * u, c[1] + (c[2] - c[1]) * (u - 1))
        old = sheet.astype(np.float32)
        sheet[..., :3] = np.rint(old[..., :3] * (1 - cover) + colour * cover)
        sheet[..., 3:] = np.rint(old[..., 3:] * (1 - cover) + 255 * cover)

    def puffs(self, sheet, blobs, ramp, key: int = 0) -> None:
        """A billowing mass of lobes (x px, y px, r px), lit from above."""
        parts = []
        for n, (x, y, r) in enumerate(blobs):
            g = self.rng(key, n, 11)
            a = np.linspace(0, TAU, 9, endpoint=False) + g.random()
            wob = r * (0.88 + 0.24 * g.random(9))
            pts = np.stack([x + wob * np.cos(a), y + wob * np.sin(a)], 1)
            parts.append((pts, np.array([x - 0.42 * r, y - 0.62 * r])))
        self.shapes(sheet, parts, ramp, key)


def ballistic(origin, velocity: np.ndarray, t: np.ndarray, gravity: float) -> np.ndarray:
    """Positions after ``t`` of things thrown from ``origin``; ``velocity [N,2]``, ``t [N]`` -> ``[N,2]``."""
    return np.asarray(origin) + velocity * t[:, None] + np.array([0.0, 0.5 * gravity]) * (t[:, None] ** 2)


def jagged(a, b, rng: np.random.Generator, rough: float = 0.22, depth: int = 4) -> np.ndarray:
    """A bolt from ``a`` to ``b``: midpoints displaced ``depth`` times. -> ``[2**depth + 1, 2]``."""
    p = np.array([a, b], np.float64)
    amount = rough * float(np.hypot(*(p[1] - p[0])))
    for _ in range(depth):
        mid = (p[1:] + p[:-1]) / 2
        d = np.diff(p, axis=0)
        n = np.stack([-d[:, 1], d[:, 0]], 1) / np.maximum(np.hypot(d[:, 0], d[:, 1])[:, None], 1e-9)
        mid = mid + n * (rng.standard_normal(len(mid)) * amount * 0.5)[:, None]
        out = np.empty((len(p) + len(mid), 2))
        out[::2], out[1::2] = p, mid
        p, amount = out, amount * 0.55
    return p
