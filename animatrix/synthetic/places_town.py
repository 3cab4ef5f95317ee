"""Sets in town: rooftop, street, school, classroom, city."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from animatrix.synthetic.palette import mix
from animatrix.synthetic.set_pieces import bush, house, ridge, skyline, tree, windows
from animatrix.synthetic.stage import HORIZON as HZ
from animatrix.synthetic.stage import Stage


def rooftop(s: Stage) -> None:
    box = s.box
    s.sky(1.1)
    far = s.layer("far")
    skyline(s, far, HZ + 0.06, 0.05, 0.20, 0.75, 0.12, box.hour.lamps)
    skyline(s, far, HZ + 0.10, 0.05, 0.15, 0.42, 0.21)
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


def street(s: Stage) -> None:
    box = s.box
    s.sky(0.9)
    far = s.layer("far")
    ridge(s, far, HZ + 0.02, 0.13, box.ground((122, 158, 164), 0.68))
    for x, r in s.spots(far, 0.24, 0.6):
        bush(
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
        house(s, p, x, HZ + 0.15, 0.23 + 0.03 * r.random(), 0.27 + 0.06 * r.random(), r)
    wall = box.ground((214, 204, 194))
    p.rect(p.x0 - 1, HZ + 0.07, p.x1 + 1, HZ + 0.17, wall)
    p.rect(p.x0 - 1, HZ + 0.07, p.x1 + 1, HZ + 0.083, box.ground((180, 168, 168)))
    for x, _ in s.spots(p, 0.16, 0.0):
        p.rect(x, HZ + 0.083, x + 0.004, HZ + 0.17, box.ground((184, 174, 172)))
    for x, r in s.spots(p, 0.9, 0.5, s.rng.random()):
        bush(p, x, HZ + 0.09, 0.055, box.ground((110, 172, 98)), box.ground((76, 132, 88)), r)
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
    for a, b in pairwise(spots):
        for y in (-0.02, 0.05):
            u = np.linspace(0, 1, 10)
            p.line(
                np.stack([a + (b - a) * u, y + 0.05 * 4 * u * (1 - u)], 1), box.ground((70, 70, 92)), 0.003
            )


def school(s: Stage) -> None:
    box = s.box
    s.sky(1.0)
    far = s.layer("far")
    ridge(s, far, HZ + 0.02, 0.10, box.ground((130, 166, 160), 0.6))
    p = s.layer("main")
    cx = 0.55 + 0.6 * s.rng.random()
    for x, r in s.spots(p, 1.9, 0.0, cx, 1.0):
        wall, dark = box.ground((240, 236, 224), 0.10), box.ground((204, 202, 212), 0.10)
        base, top = HZ + 0.13, HZ - 0.27
        p.rect(x - 0.74, top, x + 0.74, base, wall)
        p.rect(x + 0.60, top, x + 0.74, base, dark)
        p.rect(x - 0.76, top - 0.02, x + 0.76, top + 0.012, dark)
        windows(s, p, x - 0.72, top + 0.01, x - 0.13, base - 0.01, 6, 3, 0.1, r, (110, 146, 178), 0.35)
        windows(s, p, x + 0.13, top + 0.01, x + 0.59, base - 0.01, 5, 3, 0.1, r, (110, 146, 178), 0.35)
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
        tree(s, p, x, HZ + 0.155, 0.26 + 0.08 * r.random(), (250, 176, 196), 0.05, r)
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
    ridge(s, far, HZ + 0.07, 0.10, box.ground((110, 160, 130), 0.5))
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


def city(s: Stage) -> None:
    box = s.box
    s.sky(0.6)
    far = s.layer("far")
    skyline(s, far, HZ + 0.10, 0.12, 0.42, 0.66, 0.14)
    skyline(s, far, HZ + 0.12, 0.10, 0.34, 0.32, 0.24)
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
        windows(
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
