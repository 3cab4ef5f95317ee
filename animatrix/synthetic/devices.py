"""Graphic devices: symbolic grounds that stand in for the setting, and strokes that trail what moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.synthetic.palette import Paintbox, Rgb, mix

_SHIFT = 4
TAU = 2 * np.pi


@dataclass(frozen=True)
class Ground:
    """What a symbolic ground knows: the set it replaces, seconds it is open, where the figure is (px)."""

    back: np.ndarray
    age: float
    centre: tuple[float, float]
    box: Paintbox
    accent: Rgb
    seed: int

    @property
    def size(self) -> tuple[int, int]:
        return self.back.shape[1], self.back.shape[0]


def _poly(image: np.ndarray, pts, paint) -> None:
    q = np.rint(np.asarray(pts, np.float64) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(image, [q], tuple(int(v) for v in paint), cv2.LINE_AA, _SHIFT)


def flash_burst(g: Ground) -> np.ndarray:
    """A jagged bright shape opens in a dark field behind the subject."""
    h = g.size[1]
    out = np.empty_like(g.back)
    out[:] = g.box.final((18, 12, 30))
    rng = np.random.default_rng([g.seed, 71])
    n = 30
    a = (np.arange(n) + 0.35 * rng.random(n)) * TAU / n
    open_ = min(1.0, 0.45 + g.age * 3.2) * (1 + 0.03 * np.sin(9 * g.age))
    r = np.where(np.arange(n) % 2 == 0, 0.62 + 0.40 * rng.random(n), 0.34 + 0.08 * rng.random(n)) * h * open_
    for reach, paint in (
        (1.0, mix(g.accent, (255, 255, 255), 0.35)),
        (0.84, (255, 246, 190)),
        (0.66, (255, 255, 255)),
    ):
        star = np.stack([g.centre[0] + 1.25 * r * reach * np.cos(a), g.centre[1] + r * reach * np.sin(a)], 1)
        _poly(out, star, g.box.raw(paint))
    return out


def gloom_gradient(g: Ground) -> np.ndarray:
    """Dark uneven gradient with murk hanging from above."""
    w, h = g.size
    y = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    top, low = (
        np.array(g.box.final((20, 16, 44)), np.float32),
        np.array(g.box.final((92, 88, 140)), np.float32),
    )
    out = np.repeat(top + (low - top) * y**1.4, w, 1)
    out = (0.90 * out + 0.10 * g.back).astype(np.uint8)
    rng = np.random.default_rng([g.seed, 72])
    paints = (g.box.final((46, 40, 86)), g.box.final((32, 26, 64)), g.box.final((16, 12, 36)))
    for depth, paint in enumerate(paints):
        n = 9
        for k in range(n):
            x = (k + 0.5 + 0.7 * (rng.random() - 0.5)) / n * w
            drop = (0.62 - 0.17 * depth + 0.22 * rng.random()) * h * min(1.0, 0.35 + g.age * 1.4)
            sway = 0.02 * h * np.sin(TAU * (0.35 * g.age + rng.random()))
            half = (0.07 + 0.05 * rng.random()) * w
            u = np.linspace(-1, 1, 18)
            tip = drop * (1 - np.abs(u) ** 2.2)
            pts = np.stack([x + u * half + sway * (tip / max(drop, 1e-6)), tip], 1)
            _poly(out, np.concatenate([pts, [(x + half, -2), (x - half, -2)]]), paint)
    return out


def _flower(x: float, y: float, r: float, turn: float) -> np.ndarray:
    a = np.linspace(0, TAU, 40, endpoint=False)
    k = r * (0.62 + 0.38 * np.abs(np.cos(2.5 * a)))
    return np.stack([x + k * np.cos(a + turn), y + k * np.sin(a + turn)], 1)


def flower_sparkle_ground(g: Ground) -> np.ndarray:
    """Flowers, bubbles and soft stars float behind the character."""
    w, h = g.size
    u = (
        np.linspace(0, 1, w, dtype=np.float32)[None] * 0.5
        + np.linspace(0, 1, h, dtype=np.float32)[:, None] * 0.7
    )[..., None]
    a, b = (
        np.array(g.box.final((255, 226, 240)), np.float32),
        np.array(g.box.final((214, 226, 255)), np.float32),
    )
    out = np.rint(a + (b - a) * np.clip(u, 0, 1)).astype(np.uint8)
    rng = np.random.default_rng([g.seed, 73])
    petals = ((255, 158, 190), (255, 206, 120), (190, 160, 246), (255, 255, 255))
    for k in range(26):
        x0, y0, q, s = rng.random(4)
        y = ((y0 - 0.055 * g.age * (0.5 + q)) % 1.24 - 0.12) * h
        x = (x0 + 0.012 * np.sin(TAU * (0.3 * g.age + s))) * w
        r = (0.03 + 0.065 * q) * h
        if k % 3 == 0:
            c = g.box.final(petals[int(s * 3.99)])
            f = _flower(x, y, r * 1.25, TAU * s + 0.4 * g.age)
            _poly(out, f, mix(c, (255, 255, 255), 0.15))
            _poly(out, np.array([x, y]) + (f - (x, y)) * 0.62, mix(c, (255, 255, 255), 0.55))
            _poly(out, _flower(x, y, r * 0.30, 0), g.box.final((255, 226, 110)))
        elif k % 3 == 1:
            centre = (int(x * 16), int(y * 16))
            cv2.circle(
                out,
                centre,
                int(r * 0.8 * 16),
                g.box.final((255, 255, 255)),
                max(1, round(h / 110)),
                cv2.LINE_AA,
                _SHIFT,
            )
            cv2.circle(
                out,
                (int((x - 0.28 * r) * 16), int((y - 0.3 * r) * 16)),
                int(r * 0.18 * 16),
                (255, 255, 255),
                -1,
                cv2.LINE_AA,
                _SHIFT,
            )
        else:
            t = np.arange(8) * np.pi / 4
            beat = 0.75 + 0.35 * np.sin(TAU * (0.8 * g.age + s))
            rr = np.where(np.arange(8) % 2 == 0, r, 0.22 * r) * beat
            _poly(out, np.stack([x + rr * np.sin(t), y - rr * np.cos(t)], 1), g.box.final((255, 255, 250)))
    return out


def abstract_swirl(g: Ground) -> np.ndarray:
    """Painted spiral bands turn as one design in place of the set."""
    w, h = g.size
    x, y = (
        np.arange(w, dtype=np.float32)[None] - g.centre[0],
        np.arange(h, dtype=np.float32)[:, None] - g.centre[1],
    )
    r = np.hypot(x, y) / h
    a = np.arctan2(y, x)
    phase = a * 3 / TAU + 1.35 * np.log(r + 0.10) + 0.10 * np.sin(5 * a + 7 * r) - 0.55 * g.age
    v = np.mod(phase, 1.0)
    turns = (((30, 16, 70), 0.72), ((90, 40, 140), 0.45), ((255, 200, 120), 0.35), ((255, 255, 255), 0.70))
    tones = np.array([g.box.final(mix(g.accent, c, k)) for c, k in turns], np.float32)
    edges = np.array([0.34, 0.62, 0.86])
    soft = 0.005 * 3 / np.maximum(r, 0.05)
    out = np.broadcast_to(tones[0], (h, w, 3)).copy()
    for k, e in enumerate(edges):
        t = np.clip((v - e) / soft + 0.5, 0, 1)[..., None]
        out += (tones[k + 1] - out) * t
    back = np.clip((v - 1) / soft + 1.0, 0, 1)[..., None]
    out += (tones[0] - out) * back
    return np.rint(out).astype(np.uint8)


GROUNDS: dict[str, Callable[[Ground], np.ndarray]] = {
    "flash_burst": flash_burst,
    "gloom_gradient": gloom_gradient,
    "flower_sparkle_ground": flower_sparkle_ground,
    "abstract_swirl": abstract_swirl,
}


def motion_lines(
    frame: np.ndarray, alpha: np.ndarray, velocity: np.ndarray, box: Paintbox, key: int
) -> np.ndarray:
    """Short strokes behind the figure along the way it came.

    Args:
        frame, alpha: picture ``uint8 [H,W,3]`` and figure ``[H,W]`` 0..1.
        velocity: of the figure relative to the ground, px per frame at 24 fps; slow means no lines.
        key: random key of the drawing.
    """
    h = frame.shape[0]
    speed = float(np.hypot(*velocity))
    ys, xs = np.nonzero(alpha > 0.5)
    if speed < 0.004 * h or len(xs) < 20:
        return frame
    d = velocity / speed
    n = np.array([-d[1], d[0]])
    along, across = xs * d[0] + ys * d[1], xs * n[0] + ys * n[1]
    lo, hi = float(across.min()), float(across.max())
    rng = np.random.default_rng([key, 74])
    out = frame.copy()
    paint = (
        box.final((252, 252, 255))
        if box.hour.lamps
        else mix(box.final((250, 250, 255)), box.final((70, 70, 110)), 0.15)
    )
    count = 9
    reach = min(0.34, 0.13 + 6 * speed / h) * h
    for k in range(count):
        row = lo + (hi - lo) * (k + 0.5 + 0.5 * (rng.random() - 0.5)) / count
        near = np.abs(across - row) < max(1.5, 0.02 * h)
        if not near.any():
            continue
        tail = float(along[near].min()) - (0.02 + 0.05 * rng.random()) * h
        length = reach * (0.45 + 0.55 * rng.random())
        a, b = d * tail + n * row, d * (tail - length) + n * row
        half = n * max(0.55, 0.0065 * h)
        m = a + (b - a) * 0.25
        _poly(out, [a, m + half, b, m - half], paint)
    return out
