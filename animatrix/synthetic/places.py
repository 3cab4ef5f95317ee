"""Places: each is a short recipe for one painted set, layer by layer, back to front."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from animatrix.synthetic.palette import Rgb, mix
from animatrix.synthetic.stage import HORIZON as HZ
from animatrix.synthetic.stage import Painter, Stage

WHITE: Rgb = (255, 255, 255)


def _ridge(s: Stage, p: Painter, base: float, height: float, paint: Rgb, rough: int = 3) -> np.ndarray:
    """Hill line over the whole layer, filled down to the bottom."""
    x = np.arange(p.x0 - 0.1, p.x1 + 0.15, 0.04)
    ph = s.rng.random(rough) * 6.28
    y = sum(np.sin(x * (1.7 + 2.1 * k) + ph[k]) / (k + 1.2) for k in range(rough))
    y = base - height * (0.5 + 0.38 * y)
    p.poly(np.concatenate([np.stack([x, y], 1), [(x[-1], p.y1 + 0.2), (x[0], p.y1 + 0.2)]]), paint)
    return np.stack([x, y], 1)


def _bush(p: Painter, x: float, y: float, r: float, lit: Rgb, shade: Rgb, rng) -> None:
    rows = [
        (x + r * u, y - r * v, r * q)
        for u, v, q in ((-0.9, 0.3, 0.55), (-0.3, 0.65, 0.65), (0.4, 0.55, 0.6), (0.95, 0.25, 0.5))
    ]
    for u, v, q in rows:
        p.disc(u, v, q, shade)
    p.rect(x - r * 1.2, y - r * 0.3, x + r * 1.2, y, shade)
    for u, v, q in rows:
        p.disc(u - r * 0.12, v - r * 0.14, q * 0.74, lit)


def _tree(
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


def _pine(s: Stage, p: Painter, x: float, y: float, h: float, depth: float, snow: bool = False) -> None:
    dark = s.box.ground((58, 104, 92), depth)
    cap = s.box.ground((246, 250, 255), depth)
    p.rect(x - h * 0.03, y - h * 0.15, x + h * 0.03, y, s.box.ground((96, 74, 66), depth))
    for k in range(3):
        top, low, w = y - h * (1.0 - 0.24 * k), y - h * (0.56 - 0.24 * k) + 0.0, h * (0.17 + 0.07 * k)
        p.poly([(x, top), (x + w, low), (x - w, low)], dark)
        if snow:
            p.poly([(x, top), (x + w * 0.55, top + (low - top) * 0.55), (x + w * 0.15, top + (low - top) * 0.45),
                    (x - w * 0.2, top + (low - top) * 0.62), (x - w * 0.62, top + (low - top) * 0.62)], cap)  # fmt: skip


def _grass(
    s: Stage, p: Painter, y0: float, y1: float, paint: Rgb, gap: float = 0.07, size: float = 0.02
) -> None:
    for x, r in s.spots(p, gap, 1.0, s.rng.random()):
        y = y0 + (y1 - y0) * r.random()
        k = size * (0.6 + 0.9 * (y - HZ) / 0.44)
        p.poly([(x - k, y), (x - k * 0.6, y - k), (x - k * 0.2, y - k * 0.25), (x + k * 0.1, y - k * 1.2), (x + k * 0.4, y - k * 0.2),
                (x + k * 0.9, y - k * 0.8), (x + k, y)], paint)  # fmt: skip


def _windows(
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
                p.poly([(u0 + (u1 - u0) * 0.15, v1), (u0 + (u1 - u0) * 0.55, v0), (u0 + (u1 - u0) * 0.8, v0), (u0 + (u1 - u0) * 0.4, v1)],
                       mix(day, frame, 0.4))  # fmt: skip


def _skyline(
    s: Stage,
    p: Painter,
    base: float,
    lo: float,
    hi: float,
    depth: float,
    gap: float = 0.15,
    windows: bool = True,
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
        if windows:
            _windows(
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


def rooftop(s: Stage) -> None:
    box = s.box
    s.sky(1.1)
    far = s.layer("far")
    _skyline(s, far, HZ + 0.06, 0.05, 0.20, 0.75, 0.12, box.hour.lamps)
    _skyline(s, far, HZ + 0.10, 0.05, 0.15, 0.42, 0.21)
    p = s.layer("main")
    p.gradient(HZ + 0.12, p.y1 + 0.1, [box.ground((176, 172, 178)), box.ground((210, 204, 200))])
    p.rect(p.x0 - 1, HZ + 0.115, p.x1 + 1, HZ + 0.15, box.ground((150, 148, 160)))
    seam = box.ground((166, 160, 168))
    for y in (0.74, 0.80, 0.90, 1.04):
        p.rect(p.x0 - 1, y, p.x1 + 1, y + 0.005, seam)
    cx = 0.83
    for x, _ in s.spots(p, 0.24, 0.0, 0.1, 1.5):
        p.line([(cx + (x - cx) * 1.0, HZ + 0.15), (cx + (x - cx) * 2.3, 1.25)], seam, 0.004)
    # water tank and stair house
    for x, r in s.spots(p, 2.3, 0.3, 0.25 + s.rng.random()):
        if r.random() < 0.55:
            wall, dark = box.ground((226, 222, 214)), box.ground((184, 178, 186))
            p.rect(x - 0.17, HZ - 0.22, x + 0.17, HZ + 0.13, wall)
            p.rect(x + 0.08, HZ - 0.22, x + 0.17, HZ + 0.13, dark)
            p.rect(x - 0.19, HZ - 0.245, x + 0.19, HZ - 0.21, box.ground((160, 158, 170)))
            p.rect(x - 0.09, HZ - 0.11, x + 0.03, HZ + 0.13, box.ground((116, 142, 164)))
            p.rect(
                x - 0.065,
                HZ - 0.08,
                x + 0.005,
                HZ - 0.01,
                box.raw((255, 226, 150)) if box.hour.lamps else box.ground((190, 216, 230)),
            )
        else:
            for k in (-0.09, 0.09):
                p.rect(x + k - 0.008, HZ - 0.10, x + k + 0.008, HZ + 0.13, box.ground((120, 118, 132)))
            p.rect(x - 0.13, HZ - 0.24, x + 0.13, HZ - 0.06, box.ground((198, 214, 220)))
            p.rect(x + 0.06, HZ - 0.24, x + 0.13, HZ - 0.06, box.ground((156, 174, 190)))
            p.rect(x - 0.13, HZ - 0.17, x + 0.13, HZ - 0.16, box.ground((156, 174, 190)))
    rail = box.ground((104, 128, 140))
    for x, _ in s.spots(p, 0.20, 0.0, 0.05):
        p.rect(x - 0.006, HZ - 0.075, x + 0.006, HZ + 0.125, rail)
    wire = mix(rail, box.sky()[2], 0.35)
    for x, _ in s.spots(p, 0.05, 0.0, 0.05, 0.5):
        p.line([(x, HZ + 0.11), (x + 0.17, HZ - 0.065)], wire, 0.003)
        p.line([(x, HZ + 0.11), (x - 0.17, HZ - 0.065)], wire, 0.003)
    for y in (HZ - 0.08, HZ + 0.10):
        p.rect(p.x0 - 1, y, p.x1 + 1, y + 0.014, rail)


def meadow(s: Stage) -> None:
    box = s.box
    s.sky(1.2)
    far = s.layer("far")
    _ridge(s, far, HZ, 0.16, box.ground((120, 160, 170), 0.75))
    _ridge(s, far, HZ + 0.03, 0.09, box.ground((104, 168, 120), 0.45))
    for x, r in s.spots(far, 0.13, 0.9):
        _bush(
            far,
            x,
            HZ + 0.035 + 0.01 * r.random(),
            0.025 + 0.02 * r.random(),
            box.ground((84, 148, 96), 0.4),
            box.ground((64, 120, 96), 0.4),
            r,
        )
    p = s.layer("main")
    p.gradient(
        HZ + 0.03,
        p.y1 + 0.1,
        [box.ground((158, 212, 104), 0.15), box.ground((124, 192, 88)), box.ground((104, 172, 80))],
    )
    x = np.linspace(p.x0 - 0.2, p.x1 + 0.2, 60)
    path = 0.865 + 0.012 * np.sin(x * 3.1 + 1.0)
    p.poly(
        np.concatenate(
            [np.stack([x, path], 1), np.stack([x, path + 0.085 + 0.01 * np.sin(x * 4.3)], 1)[::-1]]
        ),
        box.ground((224, 200, 150)),
    )
    for x, r in s.spots(p, 0.8, 0.6, s.rng.random()):
        _tree(s, p, x, HZ + 0.075 + 0.03 * r.random(), 0.30 + 0.12 * r.random(), (92, 160, 84), 0.12, r)
    _grass(s, p, HZ + 0.10, 0.85, box.ground((92, 164, 78)), 0.055)
    _grass(s, p, 0.97, 1.2, box.ground((82, 150, 72)), 0.06, 0.028)
    for colour in ((255, 250, 240), (252, 214, 92), (244, 140, 160)):
        for x, r in s.spots(p, 0.16, 1.0, r_start := s.rng.random()):
            y = HZ + 0.10 + 0.44 * r.random() ** 0.7
            if not 0.85 < y < 0.97:
                p.disc(x, y, 0.004 + 0.010 * (y - HZ), box.ground(colour))
        _ = r_start


def seaside(s: Stage) -> None:
    box = s.box
    s.sky(1.0)
    far = s.layer("far")
    top, mid, low = box.sky()
    deep = mix(box.ground((44, 128, 196)), mid, 0.25)
    far.gradient(HZ, HZ + 0.26, [mix(deep, low, 0.5), deep, box.ground((70, 176, 206))])
    far.gradient(HZ + 0.26, far.y1 + 1, [box.ground((70, 176, 206))] * 2)
    for x, r in s.spots(far, 2.2, 0.5, s.rng.random() * 2):
        _ = [
            far.disc(x + k * 0.09, HZ + 0.005, 0.05 + 0.03 * r.random(), box.ground((96, 144, 120), 0.5))
            for k in range(-2, 3)
        ]
        far.rect(x - 0.4, HZ + 0.0, x + 0.4, HZ + 0.10, mix(deep, low, 0.42))
    for x, r in s.spots(far, 0.06, 1.0):
        y = HZ + 0.01 + 0.2 * r.random() ** 1.6
        w = 0.012 + 0.14 * (y - HZ)
        far.rect(x - w, y, x + w, y + 0.002 + 0.012 * (y - HZ), mix(box.ground((200, 236, 250)), low, 0.3))
    p = s.layer("main")
    x = np.linspace(p.x0 - 0.2, p.x1 + 0.2, 70)
    for k, (y, c) in enumerate(
        (
            (HZ + 0.175, mix(box.ground((236, 250, 255)), low, 0.1)),
            (HZ + 0.195, box.ground((206, 178, 130))),
            (HZ + 0.225, box.ground((244, 222, 172))),
        )
    ):
        line = y + 0.010 * np.sin(x * 4 + 0.6 * k) + 0.004 * np.sin(x * 11)
        p.poly(np.concatenate([np.stack([x, line], 1), [(x[-1], p.y1 + 0.3), (x[0], p.y1 + 0.3)]]), c)
    for x, r in s.spots(p, 0.10, 1.0):
        y = HZ + 0.26 + 0.25 * r.random()
        p.rect(x, y, x + 0.03 + 0.03 * r.random(), y + 0.004, box.ground((222, 194, 142)))
    for x, r in s.spots(p, 0.9, 0.8, s.rng.random()):
        c = ((240, 110, 96), (250, 250, 250), (120, 190, 210))[int(r.integers(3))]
        p.disc(x, HZ + 0.30, 0.017, box.ground((214, 186, 136)))
        p.disc(x, HZ + 0.292, 0.014, box.ground(c))
    for x, r in s.spots(p, 1.5, 0.4, s.rng.random()):  # beach umbrella
        if r.random() < 0.7:
            c = ((232, 84, 84), (250, 200, 70), (74, 150, 214))[int(r.integers(3))]
            p.rect(x - 0.005, HZ + 0.02, x + 0.005, HZ + 0.24, box.ground((240, 236, 226)))
            for k in range(6):
                a0, a1 = np.pi + k * np.pi / 6, np.pi + (k + 1) * np.pi / 6
                arc = [(x + 0.16 * np.cos(a), HZ + 0.055 + 0.105 * np.sin(a)) for a in np.linspace(a0, a1, 4)]
                p.poly([(x, HZ + 0.055), *arc], box.ground(c if k % 2 == 0 else (250, 248, 240)))


def _house(s: Stage, p: Painter, x: float, base: float, w: float, h: float, rng) -> None:
    box = s.box
    walls = ((244, 232, 210), (230, 222, 226), (206, 220, 226), (240, 214, 186))
    roofs = ((176, 82, 70), (86, 104, 142), (120, 92, 84), (88, 128, 118))
    wall, roof = walls[int(rng.integers(4))], roofs[int(rng.integers(4))]
    lit, dark = box.ground(wall, 0.06), box.ground(mix(wall, (90, 90, 140), 0.3), 0.06)
    p.rect(x - w, base - h, x + w, base, lit)
    p.rect(x + w * 0.55, base - h, x + w, base, dark)
    p.rect(x - w, base - h, x + w, base - h + 0.02, dark)
    rise = 0.10 + 0.05 * rng.random()
    p.poly([(x - w - 0.035, base - h + 0.006), (x - w * 0.55, base - h - rise), (x + w * 0.55, base - h - rise), (x + w + 0.035, base - h + 0.006)],
           box.ground(roof, 0.06))  # fmt: skip
    for k in (0.33, 0.66):
        y = base - h + 0.006 - (rise + 0.006) * k
        q = (w + 0.035) - (w * 0.45 + 0.035) * k
        p.rect(x - q, y, x + q, y + 0.005, box.ground(mix(roof, (40, 30, 60), 0.25), 0.06))
    _windows(s, p, x - w * 0.92, base - h + 0.02, x + w * 0.5, base - h * 0.48, 2, 1, 0.05, rng, share=0.7)
    p.rect(x - w * 0.8, base - h * 0.36, x - w * 0.5, base, box.ground((140, 96, 74)))
    _windows(s, p, x - w * 0.35, base - h * 0.44, x + w * 0.45, base - 0.02, 2, 1, 0.05, rng, share=0.7)


def street(s: Stage) -> None:
    box = s.box
    s.sky(0.9)
    far = s.layer("far")
    _ridge(s, far, HZ + 0.02, 0.13, box.ground((122, 158, 164), 0.68))
    for x, r in s.spots(far, 0.24, 0.6):
        _bush(
            far,
            x,
            HZ + 0.06,
            0.07 + 0.03 * r.random(),
            box.ground((104, 160, 104), 0.3),
            box.ground((78, 130, 100), 0.3),
            r,
        )
    p = s.layer("main")
    for x, r in s.spots(p, 0.64, 0.10, s.rng.random()):
        _house(s, p, x, HZ + 0.15, 0.23 + 0.03 * r.random(), 0.27 + 0.06 * r.random(), r)
    wall = box.ground((214, 204, 194))
    p.rect(p.x0 - 1, HZ + 0.07, p.x1 + 1, HZ + 0.17, wall)
    p.rect(p.x0 - 1, HZ + 0.07, p.x1 + 1, HZ + 0.083, box.ground((180, 168, 168)))
    for x, _ in s.spots(p, 0.16, 0.0):
        p.rect(x, HZ + 0.083, x + 0.004, HZ + 0.17, box.ground((184, 174, 172)))
    for x, r in s.spots(p, 0.9, 0.5, s.rng.random()):
        _bush(p, x, HZ + 0.09, 0.055, box.ground((110, 172, 98)), box.ground((76, 132, 88)), r)
    p.rect(p.x0 - 1, HZ + 0.17, p.x1 + 1, HZ + 0.225, box.ground((198, 194, 196)))
    p.rect(p.x0 - 1, HZ + 0.215, p.x1 + 1, HZ + 0.232, box.ground((150, 148, 160)))
    p.gradient(HZ + 0.232, p.y1 + 0.1, [box.ground((134, 136, 150)), box.ground((150, 150, 162))])
    p.rect(p.x0 - 1, 0.985, p.x1 + 1, 1.005, box.ground((246, 246, 240)))
    for x, _ in s.spots(p, 0.30, 0.0):
        p.rect(x, 0.815, x + 0.16, 0.825, box.ground((236, 234, 226)))
    pole = box.ground((130, 124, 130))
    spots = [x for x, _ in s.spots(p, 0.95, 0.1, 0.45 + 0.3 * s.rng.random(), 1.2)]
    for x in spots:
        p.rect(x - 0.013, -0.12, x + 0.013, HZ + 0.21, pole)
        p.rect(x + 0.004, -0.12, x + 0.013, HZ + 0.21, mix(pole, box.ground((60, 60, 90)), 0.4))
        for y in (-0.02, 0.05):
            p.rect(x - 0.09, y, x + 0.09, y + 0.012, pole)
        if box.hour.lamps:
            p.glow(x + 0.10, 0.18, 0.2, box.raw((255, 226, 150)), 0.6)
            p.rect(x + 0.01, 0.155, x + 0.11, 0.17, pole)
            p.disc(x + 0.10, 0.18, 0.018, box.raw((255, 244, 200)))
    for a, b in zip(spots, spots[1:], strict=False):
        for y in (-0.02, 0.05):
            u = np.linspace(0, 1, 10)
            p.line(
                np.stack([a + (b - a) * u, y + 0.05 * 4 * u * (1 - u)], 1), box.ground((70, 70, 92)), 0.003
            )


def school(s: Stage) -> None:
    box = s.box
    s.sky(1.0)
    far = s.layer("far")
    _ridge(s, far, HZ + 0.02, 0.10, box.ground((130, 166, 160), 0.6))
    p = s.layer("main")
    cx = 0.55 + 0.6 * s.rng.random()
    for x, r in s.spots(p, 1.9, 0.0, cx, 1.0):
        wall, dark = box.ground((240, 236, 224), 0.10), box.ground((204, 202, 212), 0.10)
        base, top = HZ + 0.13, HZ - 0.27
        p.rect(x - 0.74, top, x + 0.74, base, wall)
        p.rect(x + 0.60, top, x + 0.74, base, dark)
        p.rect(x - 0.76, top - 0.02, x + 0.76, top + 0.012, dark)
        _windows(s, p, x - 0.72, top + 0.01, x - 0.13, base - 0.01, 6, 3, 0.1, r, (110, 146, 178), 0.35)
        _windows(s, p, x + 0.13, top + 0.01, x + 0.59, base - 0.01, 5, 3, 0.1, r, (110, 146, 178), 0.35)
        p.rect(x - 0.13, top - 0.09, x + 0.13, base, wall)
        p.rect(x + 0.07, top - 0.09, x + 0.13, base, dark)
        p.rect(x - 0.145, top - 0.11, x + 0.145, top - 0.085, box.ground((150, 110, 96), 0.1))
        p.disc(x - 0.02, top - 0.01, 0.05, box.ground((120, 118, 130)))
        p.disc(
            x - 0.02,
            top - 0.01,
            0.042,
            box.raw((255, 250, 224)) if box.hour.lamps else box.ground((252, 252, 248)),
        )
        p.line(
            [(x - 0.02, top - 0.042), (x - 0.02, top - 0.01), (x + 0.005, top)],
            box.ground((70, 70, 90)),
            0.006,
        )
        p.rect(x - 0.08, base - 0.12, x + 0.04, base, box.ground((120, 148, 166)))
        p.rect(x - 0.022, base - 0.12, x - 0.018, base, wall)
    for x, r in s.spots(p, 0.52, 0.5, s.rng.random()):
        _tree(s, p, x, HZ + 0.155, 0.26 + 0.08 * r.random(), (250, 176, 196), 0.05, r)
    p.gradient(HZ + 0.145, p.y1 + 0.1, [box.ground((226, 206, 172)), box.ground((238, 220, 186))])
    p.rect(p.x0 - 1, HZ + 0.14, p.x1 + 1, HZ + 0.165, box.ground((140, 176, 108)))
    for x, r in s.spots(p, 0.09, 1.0):
        y = HZ + 0.19 + 0.32 * r.random()
        p.rect(x, y, x + 0.03, y + 0.005, box.ground((214, 192, 156)))
    for x, r in s.spots(p, 0.14, 1.0):
        p.disc(x, HZ + 0.18 + 0.3 * r.random(), 0.006, box.ground((252, 200, 214)))


def classroom(s: Stage) -> None:
    box = s.box
    p0 = s.sky(1.0, HZ + 0.05)
    far = s.layer("far")
    _ridge(s, far, HZ + 0.07, 0.10, box.ground((110, 160, 130), 0.5))
    _ = p0
    p = s.layer("main")
    # the wall is painted as everything that is not window
    wall, lower = box.ground((238, 228, 206)), box.ground((206, 186, 158))
    glass0, glass1 = 0.04, HZ + 0.02
    p.rect(p.x0 - 1, p.y0 - 1, p.x1 + 1, glass0, wall)
    p.rect(p.x0 - 1, glass1, p.x1 + 1, HZ + 0.21, lower)
    p.rect(p.x0 - 1, glass1 - 0.012, p.x1 + 1, glass1 + 0.016, box.ground((250, 248, 240)))
    frame = box.ground((246, 246, 246))
    shadow = box.ground((190, 190, 204))
    pitch = 0.62
    start = s.rng.random() * pitch
    for x, _r in s.spots(p, pitch, 0.0, start, 1.0):
        p.rect(x - 0.075, p.y0 - 1, x + 0.075, HZ + 0.02, wall)
        p.rect(x + 0.05, p.y0 - 1, x + 0.075, HZ + 0.02, mix(wall, shadow, 0.5))
        p.rect(x + 0.075, glass0, x + 0.09, glass1, frame)
        p.rect(x + pitch - 0.09, glass0, x + pitch - 0.075, glass1, frame)
        p.rect(x + pitch / 2 - 0.009, glass0, x + pitch / 2 + 0.009, glass1, frame)
        p.rect(x + 0.075, 0.20, x + pitch - 0.075, 0.213, frame)
        curtain = box.ground((250, 240, 220))
        p.poly(
            [
                (x + 0.075, glass0),
                (x + 0.155, glass0),
                (x + 0.115, 0.30),
                (x + 0.135, glass1),
                (x + 0.075, glass1),
            ],
            curtain,
        )
        p.line([(x + 0.115, glass0), (x + 0.09, 0.30), (x + 0.105, glass1)], mix(curtain, shadow, 0.5), 0.006)
    p.rect(p.x0 - 1, glass0 - 0.03, p.x1 + 1, glass0, mix(wall, shadow, 0.6))
    p.gradient(HZ + 0.21, p.y1 + 0.1, [box.ground((206, 160, 112)), box.ground((186, 138, 96))])
    p.rect(p.x0 - 1, HZ + 0.198, p.x1 + 1, HZ + 0.212, box.ground((150, 118, 92)))
    for y in (0.80, 0.845, 0.905, 0.98, 1.07):
        p.rect(p.x0 - 1, y, p.x1 + 1, y + 0.004, box.ground((168, 122, 84)))
    for x, _r in s.spots(p, 0.44, 0.0, 0.1, 0.6):  # desks along the wall
        top, leg = box.ground((226, 182, 128)), box.ground((120, 124, 140))
        for k in (-0.11, 0.11):
            p.rect(x + k - 0.007, HZ + 0.10, x + k + 0.007, HZ + 0.25, leg)
        p.rect(x - 0.12, HZ + 0.105, x + 0.12, HZ + 0.145, box.ground((186, 140, 96)))
        p.rect(x - 0.14, HZ + 0.085, x + 0.14, HZ + 0.108, top)


def shrine(s: Stage) -> None:
    box = s.box
    s.sky(0.8)
    far = s.layer("far")
    _ridge(s, far, HZ, 0.20, box.ground((108, 150, 150), 0.6))
    for x, r in s.spots(far, 0.15, 0.6):
        _pine(s, far, x, HZ + 0.09, 0.34 + 0.16 * r.random(), 0.38)
    p = s.layer("main")
    p.gradient(HZ + 0.08, p.y1 + 0.1, [box.ground((150, 178, 110), 0.1), box.ground((126, 160, 92))])
    cx = 0.5 + 0.6 * s.rng.random()
    stone, seam = box.ground((214, 208, 200)), box.ground((178, 172, 172))
    p.rect(p.x0 - 1, 0.82, p.x1 + 1, 0.975, stone)
    for y in (0.82, 0.87, 0.92, 0.975):
        p.rect(p.x0 - 1, y, p.x1 + 1, y + 0.004, seam)
    for x, r in s.spots(p, 0.17, 0.3):
        y = (0.82, 0.87, 0.92)[int(r.integers(3))]
        p.rect(x, y, x + 0.004, y + 0.05, seam)
    for x, _r in s.spots(p, 1.7, 0.0, cx, 1.0):
        red, dark = box.ground((222, 74, 52)), box.ground((164, 50, 56))
        for k in (-0.27, 0.27):
            p.poly(
                [
                    (x + k - 0.03, HZ + 0.20),
                    (x + k + 0.03, HZ + 0.20),
                    (x + k * 0.93 + 0.025, 0.06),
                    (x + k * 0.93 - 0.025, 0.06),
                ],
                red,
            )
            p.poly(
                [
                    (x + k + 0.008, HZ + 0.20),
                    (x + k + 0.03, HZ + 0.20),
                    (x + k * 0.93 + 0.025, 0.06),
                    (x + k * 0.93 + 0.006, 0.06),
                ],
                dark,
            )
            p.rect(x + k - 0.042, HZ + 0.155, x + k + 0.042, HZ + 0.205, box.ground((70, 66, 82)))
        p.rect(x - 0.34, 0.17, x + 0.34, 0.21, red)
        p.rect(x - 0.34, 0.198, x + 0.34, 0.212, dark)
        p.poly(
            [
                (x - 0.44, 0.00),
                (x - 0.2, 0.03),
                (x + 0.2, 0.03),
                (x + 0.44, 0.00),
                (x + 0.41, 0.085),
                (x - 0.41, 0.085),
            ],
            red,
        )
        p.poly([(x - 0.46, -0.03), (x - 0.2, 0.0), (x + 0.2, 0.0), (x + 0.46, -0.03), (x + 0.44, 0.02), (x + 0.2, 0.04), (x - 0.2, 0.04), (x - 0.44, 0.02)],
               box.ground((66, 62, 80)))  # fmt: skip
        p.rect(x - 0.035, 0.075, x + 0.035, 0.18, box.ground((60, 66, 96)))
    for x, _r in s.spots(p, 0.85, 0.0, cx + 0.42, 0.5):  # stone lanterns
        a, b = box.ground((176, 174, 178)), box.ground((140, 138, 150))
        p.rect(x - 0.05, HZ + 0.20, x + 0.05, HZ + 0.235, b)
        p.rect(x - 0.022, HZ + 0.08, x + 0.022, HZ + 0.21, a)
        p.rect(x - 0.05, HZ + 0.055, x + 0.05, HZ + 0.082, b)
        p.rect(x - 0.035, HZ - 0.005, x + 0.035, HZ + 0.06, a)
        p.rect(
            x - 0.018,
            HZ + 0.008,
            x + 0.018,
            HZ + 0.046,
            box.raw((255, 214, 120)) if box.hour.lamps else box.ground((90, 88, 104)),
        )
        p.poly([(x - 0.07, HZ), (x, HZ - 0.06), (x + 0.07, HZ)], b)
    _grass(s, p, HZ + 0.12, 0.81, box.ground((110, 148, 86)), 0.06)


def forest(s: Stage) -> None:
    box = s.box
    p = s.sky(0.0)
    light = mix(box.sky()[2], box.ground((196, 226, 150)), 0.5)
    p.gradient(p.y0 - 0.1, HZ + 0.1, [box.ground((120, 176, 120), 0.3), light, light])
    far = s.layer("far")
    for depth, gap, wide, col in ((0.62, 0.10, 0.018, (116, 132, 110)), (0.38, 0.19, 0.030, (104, 100, 88))):
        for x, r in s.spots(far, gap, 0.7, s.rng.random()):
            w = wide * (0.8 + 0.5 * r.random())
            far.poly(
                [
                    (x - w, HZ + 0.14),
                    (x - w * 0.7, far.y0 - 0.2),
                    (x + w * 0.7, far.y0 - 0.2),
                    (x + w, HZ + 0.14),
                ],
                box.ground(col, depth),
            )
    for x, r in s.spots(far, 0.13, 0.6):
        _bush(
            far,
            x,
            HZ + 0.12,
            0.06 + 0.03 * r.random(),
            box.ground((120, 180, 104), 0.38),
            box.ground((84, 146, 96), 0.38),
            r,
        )
    p = s.layer("main")
    p.gradient(HZ + 0.10, p.y1 + 0.1, [box.ground((132, 176, 96), 0.15), box.ground((96, 140, 78))])
    x = np.linspace(p.x0 - 0.2, p.x1 + 0.2, 60)
    y = 0.825 + 0.012 * np.sin(x * 2.7)
    p.poly(
        np.concatenate([np.stack([x, y], 1), np.stack([x, y + 0.14 + 0.012 * np.sin(x * 3.9)], 1)[::-1]]),
        box.ground((196, 168, 126)),
    )
    for x, r in s.spots(p, 0.62, 0.5, s.rng.random()):
        w = 0.055 + 0.03 * r.random()
        b, d = box.ground((124, 92, 72)), box.ground((88, 64, 66))
        foot = HZ + 0.17 + 0.05 * r.random()
        p.poly(
            [
                (x - w * 1.5, foot),
                (x - w, foot - 0.10),
                (x - w * 0.8, p.y0 - 0.3),
                (x + w * 0.8, p.y0 - 0.3),
                (x + w, foot - 0.10),
                (x + w * 1.6, foot),
            ],
            b,
        )
        p.poly(
            [
                (x + w * 0.25, foot),
                (x + w * 0.2, p.y0 - 0.3),
                (x + w * 0.8, p.y0 - 0.3),
                (x + w, foot - 0.10),
                (x + w * 1.6, foot),
            ],
            d,
        )
        for k in range(3):
            yy = 0.08 + 0.16 * k + 0.06 * r.random()
            p.line([(x - w * 0.5, yy), (x - w * 0.35, yy + 0.07)], d, 0.006)
    leaf = [box.ground(c) for c in ((84, 140, 84), (112, 172, 92), (148, 200, 104))]
    for tier, c in enumerate(leaf):
        for x, r in s.spots(p, 0.16, 0.8, s.rng.random()):
            p.disc(
                x,
                p.y0 * 0.3 + 0.00 + 0.05 * tier * -1 + 0.07 * r.random(),
                0.10 + 0.04 * r.random() - 0.02 * tier,
                c,
            )
    _grass(s, p, HZ + 0.14, 0.82, box.ground((86, 138, 78)), 0.05)
    _grass(s, p, 0.985, 1.2, box.ground((72, 120, 70)), 0.05, 0.03)
    for x, r in s.spots(p, 0.2, 1.0):
        yy = 0.84 + 0.10 * r.random()
        p.poly(
            [(x, yy), (x + 0.10, yy - 0.008), (x + 0.17, yy + 0.006), (x + 0.07, yy + 0.014)],
            box.ground((224, 204, 150)),
        )


def city(s: Stage) -> None:
    box = s.box
    s.sky(0.6)
    far = s.layer("far")
    _skyline(s, far, HZ + 0.10, 0.12, 0.42, 0.66, 0.14)
    _skyline(s, far, HZ + 0.12, 0.10, 0.34, 0.32, 0.24)
    p = s.layer("main")
    signs = ((236, 82, 110), (70, 196, 220), (250, 206, 80), (130, 220, 140))
    for x, r in s.spots(p, 0.70, 0.15, s.rng.random()):
        w, h = 0.30, 0.30 + 0.22 * r.random()
        wall = box.ground(((188, 150, 140), (150, 164, 190), (206, 196, 184))[int(r.integers(3))])
        dark = mix(wall, box.ground((50, 50, 90)), 0.4)
        base = HZ + 0.155
        p.rect(x - w, base - h, x + w, base, wall)
        p.rect(x + w * 0.7, base - h, x + w, base, dark)
        p.rect(x - w - 0.01, base - h - 0.012, x + w + 0.01, base - h + 0.008, dark)
        _windows(
            s,
            p,
            x - w * 0.95,
            base - h + 0.01,
            x + w * 0.68,
            base - 0.145,
            4,
            max(1, int(h / 0.12)),
            0.0,
            r,
            (92, 116, 156),
            0.6,
        )
        c = signs[int(r.integers(4))]
        glow = box.raw(c) if box.hour.lamps else box.ground(c)
        p.rect(x - w * 0.9, base - 0.15, x + w * 0.66, base - 0.105, glow)
        shop = box.raw((255, 232, 170)) if box.hour.lamps else box.ground((168, 202, 214))
        p.rect(x - w * 0.9, base - 0.10, x + w * 0.2, base, shop)
        p.rect(x - w * 0.37, base - 0.10, x - w * 0.34, base, dark)
        p.rect(x + w * 0.3, base - 0.10, x + w * 0.62, base, dark)
        q = signs[int(r.integers(4))]
        p.rect(
            x + w * 0.78,
            base - h * 0.9,
            x + w * 1.0,
            base - h * 0.45,
            box.raw(q) if box.hour.lamps else box.ground(q),
        )
    p.rect(p.x0 - 1, HZ + 0.155, p.x1 + 1, HZ + 0.26, box.ground((186, 182, 192)))
    for x, _ in s.spots(p, 0.18, 0.0, 0, 0.5):
        p.line(
            [(x, HZ + 0.155), (x - 0.05 + (x - 0.83) * 0.12, HZ + 0.26)], box.ground((164, 160, 174)), 0.004
        )
    p.rect(p.x0 - 1, HZ + 0.25, p.x1 + 1, HZ + 0.268, box.ground((140, 138, 156)))
    p.gradient(HZ + 0.268, p.y1 + 0.1, [box.ground((112, 114, 134)), box.ground((128, 128, 146))])
    for x, _ in s.spots(p, 0.34, 0.0):
        p.poly([(x, 0.965), (x + 0.17, 0.965), (x + 0.175, 0.98), (x, 0.98)], box.ground((240, 238, 230)))
    if box.hour.lamps:
        for x, r in s.spots(p, 0.35, 0.5):
            p.glow(x, HZ + 0.32, 0.16, box.raw(signs[int(r.integers(4))]), 0.28)


def snowfield(s: Stage) -> None:
    box = s.box
    s.sky(0.9)
    far = s.layer("far")
    line = _ridge(s, far, HZ + 0.02, 0.30, box.ground((150, 172, 206), 0.42), 4)
    cap = box.ground((250, 252, 255), 0.15)
    for (xa, ya), (xb, yb) in zip(line[::2], line[2::2], strict=False):
        m = ((xa + xb) / 2, (ya + yb) / 2 + 0.07)
        far.poly([(xa, ya), (xb, yb), m], cap)
    for x, r in s.spots(far, 0.11, 0.7):
        _pine(s, far, x, HZ + 0.06, 0.12 + 0.07 * r.random(), 0.40, True)
    p = s.layer("main")
    p.gradient(
        HZ + 0.04,
        p.y1 + 0.1,
        [box.ground((220, 232, 248)), box.ground((246, 250, 255)), box.ground((238, 244, 252))],
    )
    for x, r in s.spots(p, 0.62, 0.6, s.rng.random()):
        _pine(s, p, x, HZ + 0.14 + 0.03 * r.random(), 0.34 + 0.12 * r.random(), 0.08, True)
    x = np.linspace(p.x0 - 0.2, p.x1 + 0.2, 60)
    for y, c in ((0.74, (214, 226, 246)), (0.985, (222, 232, 248))):
        wave = y + 0.012 * np.sin(x * 2.2 + y * 9)
        p.poly(
            np.concatenate(
                [np.stack([x, wave], 1), np.stack([x, wave + 0.028 + 0.014 * np.sin(x * 3.3)], 1)[::-1]]
            ),
            box.ground(c),
        )
    for x, r in s.spots(p, 0.7, 0.8, s.rng.random()):
        wood = box.ground((150, 112, 88))
        p.rect(x - 0.15, HZ + 0.12, x + 0.15, HZ + 0.135, wood)
        for k in (-0.12, 0.0, 0.12):
            p.rect(x + k - 0.011, HZ + 0.07, x + k + 0.011, HZ + 0.19, wood)
            p.disc(x + k, HZ + 0.07, 0.016, box.ground((252, 254, 255)))
        _ = r


def riverbank(s: Stage) -> None:
    box = s.box
    s.sky(1.1)
    far = s.layer("far")
    _skyline(s, far, HZ + 0.01, 0.03, 0.12, 0.72, 0.10, box.hour.lamps)
    far.rect(far.x0 - 1, HZ, far.x1 + 1, HZ + 0.035, box.ground((112, 160, 104), 0.4))
    top, mid, low = box.sky()
    far.gradient(HZ + 0.035, HZ + 0.2, [mix(low, mid, 0.3), mix(mid, box.ground((70, 140, 180)), 0.5)])
    far.gradient(HZ + 0.2, far.y1 + 1, [mix(mid, box.ground((70, 140, 180)), 0.5)] * 2)
    for x, r in s.spots(far, 0.07, 1.0):
        y = HZ + 0.045 + 0.11 * r.random()
        far.rect(x, y, x + 0.04, y + 0.004, mix(low, WHITE, 0.4))
    steel = box.ground((150, 108, 106), 0.3)
    far.rect(far.x0 - 1, HZ - 0.075, far.x1 + 1, HZ - 0.055, steel)
    for x, _ in s.spots(far, 0.20, 0.0, 0.1, 0.5):
        far.line([(x, HZ - 0.065), (x + 0.10, HZ - 0.155), (x + 0.20, HZ - 0.065)], steel, 0.011)
    far.rect(far.x0 - 1, HZ - 0.16, far.x1 + 1, HZ - 0.148, steel)
    for x, _ in s.spots(far, 0.6, 0.0, 0.3, 0.5):
        far.rect(x - 0.02, HZ - 0.06, x + 0.02, HZ + 0.06, box.ground((170, 164, 168), 0.3))
    p = s.layer("main")
    p.gradient(
        HZ + 0.155,
        p.y1 + 0.1,
        [box.ground((166, 206, 98)), box.ground((118, 176, 84)), box.ground((100, 160, 78))],
    )
    _grass(s, p, HZ + 0.17, HZ + 0.20, box.ground((150, 190, 88)), 0.035, 0.03)
    p.rect(p.x0 - 1, 0.85, p.x1 + 1, 0.955, box.ground((208, 200, 190)))
    p.rect(p.x0 - 1, 0.85, p.x1 + 1, 0.858, box.ground((176, 170, 168)))
    _grass(s, p, HZ + 0.20, 0.845, box.ground((96, 156, 76)), 0.05)
    _grass(s, p, 0.985, 1.2, box.ground((84, 142, 70)), 0.05, 0.03)
    for x, r in s.spots(p, 0.22, 1.0):
        p.disc(x, HZ + 0.20 + 0.08 * r.random(), 0.008, box.ground((252, 220, 96)))


def book_leaves(s: Stage) -> None:
    """Foreground BOOK: out-of-depth leaves in a lower corner."""
    p = s.layer("book")
    box = s.box
    for x, r in s.spots(p, 1.45, 0.2, -0.05 + 0.2 * s.rng.random()):
        for k in range(9):
            a = -1.57 + (k - 4) * 0.30
            n = 0.22 + 0.08 * r.random()
            tip = (x + n * 1.2 * np.sin(a + 1.57), 1.07 - n * np.cos(a + 1.57))
            side = 0.030
            c = box.ground((48, 96, 66) if k % 2 else (64, 120, 76))
            p.poly(
                [
                    (x + (k - 4) * 0.02, 1.12),
                    ((x + tip[0]) / 2 - side, (1.10 + tip[1]) / 2),
                    tip,
                    ((x + tip[0]) / 2 + side, (1.10 + tip[1]) / 2),
                ],
                c,
            )


@dataclass(frozen=True)
class Place:
    """A set: its recipe, words for sentences, hours it is shot at, whether it is outdoors, held out or not."""

    paint: Callable[[Stage], None]
    phrase: str
    hours: tuple[str, ...] = ("day", "day", "sunset", "night", "dawn")
    outdoors: bool = True
    held_out: bool = False
    book: bool = False


PLACES: dict[str, Place] = {
    "rooftop": Place(rooftop, "on a rooftop"),
    "meadow": Place(meadow, "in a meadow", book=True),
    "seaside": Place(seaside, "on the beach"),
    "street": Place(street, "on a street of houses"),
    "school": Place(school, "in front of the school", book=True),
    "classroom": Place(classroom, "in a classroom", ("day", "sunset", "night"), outdoors=False),
    "forest": Place(forest, "on a forest path", ("day", "day", "sunset", "dawn"), book=True),
    "city": Place(city, "in the city", ("night", "night", "sunset", "day")),
    "snowfield": Place(snowfield, "in a snowy field"),
    "shrine": Place(shrine, "at a shrine", held_out=True, book=True),
    "riverbank": Place(riverbank, "on the riverbank", held_out=True, book=True),
}
