"""Set pieces every painter knows: hills, bushes, trees, grass, windows, skylines, houses."""

from __future__ import annotations

import numpy as np

from animatrix.synthetic.palette import Rgb, mix
from animatrix.synthetic.stage import HORIZON as HZ
from animatrix.synthetic.stage import Painter, Stage


def ridge(s: Stage, p: Painter, base: float, height: float, paint: Rgb, rough: int = 3) -> np.ndarray:
    """Hill line over the whole layer, filled down to the bottom."""
    x = np.arange(p.x0 - 0.1, p.x1 + 0.15, 0.04)
    ph = s.rng.random(rough) * 6.28
    y = sum(np.sin(x * (1.7 + 2.1 * k) + ph[k]) / (k + 1.2) for k in range(rough))
    y = base - height * (0.5 + 0.38 * y)
    p.poly(np.concatenate([np.stack([x, y], 1), [(x[-1], p.y1 + 0.2), (x[0], p.y1 + 0.2)]]), paint)
    return np.stack([x, y], 1)


def bush(p: Painter, x: float, y: float, r: float, lit: Rgb, shade: Rgb, rng) -> None:
    rows = [
        (x + r * u, y - r * v, r * q)
        for u, v, q in ((-0.9, 0.3, 0.55), (-0.3, 0.65, 0.65), (0.4, 0.55, 0.6), (0.95, 0.25, 0.5))
    ]
    for u, v, q in rows:
        p.disc(u, v, q, shade)
    p.rect(x - r * 1.2, y - r * 0.3, x + r * 1.2, y, shade)
    for u, v, q in rows:
        p.disc(u - r * 0.12, v - r * 0.14, q * 0.74, lit)


def tree(
    s: Stage,
    p: Painter,
    x: float,
    y: float,
    h: float,
    leaf: Rgb,
    depth: float,
    rng,
    trunk: Rgb = (112, 82, 66),
) -> None:
    box = s.box
    t = box.ground(trunk, depth)
    p.poly(
        [
            (x - h * 0.045, y),
            (x + h * 0.045, y),
            (x + h * 0.025, y - h * 0.55),
            (x - h * 0.025, y - h * 0.55),
        ],
        t,
    )
    lit, mid, shade = (
        box.ground(c, depth) for c in (mix(leaf, (255, 250, 190), 0.22), leaf, mix(leaf, (30, 40, 80), 0.36))
    )
    blobs = [
        (0, 0.78, 0.25),
        (-0.20, 0.62, 0.20),
        (0.20, 0.64, 0.20),
        (-0.08, 0.52, 0.19),
        (0.12, 0.50, 0.18),
    ]
    blobs = [(u + 0.04 * (rng.random() - 0.5), v, q) for u, v, q in blobs]
    for u, v, q in blobs:
        p.disc(x + h * u, y - h * v, h * q, shade)
    for u, v, q in blobs:
        p.disc(x + h * (u - 0.035), y - h * (v + 0.035), h * q * 0.84, mid)
    for u, v, q in blobs[:3]:
        p.disc(x + h * (u - 0.07), y - h * (v + 0.07), h * q * 0.48, lit)


def pine(s: Stage, p: Painter, x: float, y: float, h: float, depth: float, snow: bool = False) -> None:
    dark = s.box.ground((58, 104, 92), depth)
    cap = s.box.ground((246, 250, 255), depth)
    p.rect(x - h * 0.03, y - h * 0.15, x + h * 0.03, y, s.box.ground((96, 74, 66), depth))
    for k in range(3):
        top, low, w = y - h * (1.0 - 0.24 * k), y - h * (0.56 - 0.24 * k) + 0.0, h * (0.17 + 0.07 * k)
        p.poly([(x, top), (x + w, low), (x - w, low)], dark)
        if snow:
            p.poly(
                [
                    (x, top),
                    (x + w * 0.55, top + (low - top) * 0.55),
                    (x + w * 0.15, top + (low - top) * 0.45),
                    (x - w * 0.2, top + (low - top) * 0.62),
                    (x - w * 0.62, top + (low - top) * 0.62),
                ],
                cap,
            )


def grass(
    s: Stage, p: Painter, y0: float, y1: float, paint: Rgb, gap: float = 0.07, size: float = 0.02
) -> None:
    for x, r in s.spots(p, gap, 1.0, s.rng.random()):
        y = y0 + (y1 - y0) * r.random()
        k = size * (0.6 + 0.9 * (y - HZ) / 0.44)
        p.poly(
            [
                (x - k, y),
                (x - k * 0.6, y - k),
                (x - k * 0.2, y - k * 0.25),
                (x + k * 0.1, y - k * 1.2),
                (x + k * 0.4, y - k * 0.2),
                (x + k * 0.9, y - k * 0.8),
                (x + k, y),
            ],
            paint,
        )


def windows(
    s: Stage,
    p: Painter,
    x0,
    y0,
    x1,
    y1,
    nx: int,
    ny: int,
    depth: float,
    rng,
    dark: Rgb = (96, 128, 168),
    share=0.55,
) -> None:
    box = s.box
    lit = box.raw((255, 224, 138))
    day, frame = box.ground(dark, depth), box.ground((236, 238, 244), depth)
    for a in range(nx):
        for b in range(ny):
            u0, u1 = x0 + (x1 - x0) * (a + 0.18) / nx, x0 + (x1 - x0) * (a + 0.82) / nx
            v0, v1 = y0 + (y1 - y0) * (b + 0.20) / ny, y0 + (y1 - y0) * (b + 0.76) / ny
            on = box.hour.lamps and rng.random() < share
            p.rect(u0, v0, u1, v1, mix(lit, day, 0.1 + 0.3 * depth) if on else day)
            if not on and not box.hour.lamps and (u1 - u0) * p.px > 5:
                p.poly(
                    [
                        (u0 + (u1 - u0) * 0.15, v1),
                        (u0 + (u1 - u0) * 0.55, v0),
                        (u0 + (u1 - u0) * 0.8, v0),
                        (u0 + (u1 - u0) * 0.4, v1),
                    ],
                    mix(day, frame, 0.4),
                )


def skyline(
    s: Stage,
    p: Painter,
    base: float,
    lo: float,
    hi: float,
    depth: float,
    gap: float = 0.15,
    glazed: bool = True,
) -> None:
    tones = [(150, 160, 186), (172, 178, 196), (128, 144, 180), (186, 182, 190)]
    for x, r in s.spots(p, gap, 0.5, s.rng.random()):
        w, h = gap * (0.38 + 0.34 * r.random()), lo + (hi - lo) * r.random() ** 1.4
        wall = s.box.ground(tones[int(r.integers(4))], depth)
        p.rect(x - w, base - h, x + w, base + 0.05, wall)
        p.rect(
            x + w * 0.45, base - h, x + w, base + 0.05, mix(wall, s.box.ground((70, 80, 120), depth), 0.35)
        )
        if r.random() < 0.4:
            p.rect(x - w * 0.3, base - h - 0.025, x + w * 0.1, base - h, wall)
        if glazed:
            windows(
                s,
                p,
                x - w,
                base - h,
                x + w,
                base - 0.02,
                max(2, int(w / 0.02)),
                max(2, int(h / 0.045)),
                depth,
                r,
                (112, 134, 176),
                0.5,
            )


def house(s: Stage, p: Painter, x: float, base: float, w: float, h: float, rng) -> None:
    box = s.box
    walls = ((244, 232, 210), (230, 222, 226), (206, 220, 226), (240, 214, 186))
    roofs = ((176, 82, 70), (86, 104, 142), (120, 92, 84), (88, 128, 118))
    wall, roof = walls[int(rng.integers(4))], roofs[int(rng.integers(4))]
    lit, dark = box.ground(wall, 0.06), box.ground(mix(wall, (90, 90, 140), 0.3), 0.06)
    p.rect(x - w, base - h, x + w, base, lit)
    p.rect(x + w * 0.55, base - h, x + w, base, dark)
    p.rect(x - w, base - h, x + w, base - h + 0.02, dark)
    rise = 0.10 + 0.05 * rng.random()
    p.poly(
        [
            (x - w - 0.035, base - h + 0.006),
            (x - w * 0.55, base - h - rise),
            (x + w * 0.55, base - h - rise),
            (x + w + 0.035, base - h + 0.006),
        ],
        box.ground(roof, 0.06),
    )
    for k in (0.33, 0.66):
        y = base - h + 0.006 - (rise + 0.006) * k
        q = (w + 0.035) - (w * 0.45 + 0.035) * k
        p.rect(x - q, y, x + q, y + 0.005, box.ground(mix(roof, (40, 30, 60), 0.25), 0.06))
    windows(s, p, x - w * 0.92, base - h + 0.02, x + w * 0.5, base - h * 0.48, 2, 1, 0.05, rng, share=0.7)
    p.rect(x - w * 0.8, base - h * 0.36, x - w * 0.5, base, box.ground((140, 96, 74)))
    windows(s, p, x - w * 0.35, base - h * 0.44, x + w * 0.45, base - 0.02, 2, 1, 0.05, rng, share=0.7)
