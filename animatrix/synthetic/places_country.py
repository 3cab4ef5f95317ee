"""Sets in the country: meadow, beach, shrine, forest, snow, riverbank, and the foreground book."""

from __future__ import annotations

import numpy as np

from animatrix.synthetic.palette import Rgb, mix
from animatrix.synthetic.set_pieces import bush, grass, pine, ridge, skyline, tree
from animatrix.synthetic.stage import HORIZON as HZ
from animatrix.synthetic.stage import Stage

WHITE: Rgb = (255, 255, 255)


def meadow(s: Stage) -> None:
    box = s.box
    s.sky(1.2)
    far = s.layer("far")
    ridge(s, far, HZ, 0.16, box.ground((120, 160, 170), 0.75))
    ridge(s, far, HZ + 0.03, 0.09, box.ground((104, 168, 120), 0.45))
    for x, r in s.spots(far, 0.13, 0.9):
        bush(
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
        tree(s, p, x, HZ + 0.075 + 0.03 * r.random(), 0.30 + 0.12 * r.random(), (92, 160, 84), 0.12, r)
    grass(s, p, HZ + 0.10, 0.85, box.ground((92, 164, 78)), 0.055)
    grass(s, p, 0.97, 1.2, box.ground((82, 150, 72)), 0.06, 0.028)
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
    _, mid, low = box.sky()
    deep = mix(box.ground((44, 128, 196)), mid, 0.25)
    far.gradient(HZ, HZ + 0.26, [mix(deep, low, 0.5), deep, box.ground((70, 176, 206))])
    far.gradient(HZ + 0.26, far.y1 + 1, [box.ground((70, 176, 206))] * 2)
    for x, r in s.spots(far, 2.2, 0.5, s.rng.random() * 2):
        for k in range(-2, 3):
            far.disc(x + k * 0.09, HZ + 0.005, 0.05 + 0.03 * r.random(), box.ground((96, 144, 120), 0.5))
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


def shrine(s: Stage) -> None:
    box = s.box
    s.sky(0.8)
    far = s.layer("far")
    ridge(s, far, HZ, 0.20, box.ground((108, 150, 150), 0.6))
    for x, r in s.spots(far, 0.15, 0.6):
        pine(s, far, x, HZ + 0.09, 0.34 + 0.16 * r.random(), 0.38)
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
        p.poly(
            [
                (x - 0.46, -0.03),
                (x - 0.2, 0.0),
                (x + 0.2, 0.0),
                (x + 0.46, -0.03),
                (x + 0.44, 0.02),
                (x + 0.2, 0.04),
                (x - 0.2, 0.04),
                (x - 0.44, 0.02),
            ],
            box.ground((66, 62, 80)),
        )
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
    grass(s, p, HZ + 0.12, 0.81, box.ground((110, 148, 86)), 0.06)


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
        bush(
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
    grass(s, p, HZ + 0.14, 0.82, box.ground((86, 138, 78)), 0.05)
    grass(s, p, 0.985, 1.2, box.ground((72, 120, 70)), 0.05, 0.03)
    for x, r in s.spots(p, 0.2, 1.0):
        yy = 0.84 + 0.10 * r.random()
        p.poly(
            [(x, yy), (x + 0.10, yy - 0.008), (x + 0.17, yy + 0.006), (x + 0.07, yy + 0.014)],
            box.ground((224, 204, 150)),
        )


def snowfield(s: Stage) -> None:
    box = s.box
    s.sky(0.9)
    far = s.layer("far")
    line = ridge(s, far, HZ + 0.02, 0.30, box.ground((150, 172, 206), 0.42), 4)
    cap = box.ground((250, 252, 255), 0.15)
    for (xa, ya), (xb, yb) in zip(line[::2], line[2::2], strict=False):
        m = ((xa + xb) / 2, (ya + yb) / 2 + 0.07)
        far.poly([(xa, ya), (xb, yb), m], cap)
    for x, r in s.spots(far, 0.11, 0.7):
        pine(s, far, x, HZ + 0.06, 0.12 + 0.07 * r.random(), 0.40, True)
    p = s.layer("main")
    p.gradient(
        HZ + 0.04,
        p.y1 + 0.1,
        [box.ground((220, 232, 248)), box.ground((246, 250, 255)), box.ground((238, 244, 252))],
    )
    for x, r in s.spots(p, 0.62, 0.6, s.rng.random()):
        pine(s, p, x, HZ + 0.14 + 0.03 * r.random(), 0.34 + 0.12 * r.random(), 0.08, True)
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
    skyline(s, far, HZ + 0.01, 0.03, 0.12, 0.72, 0.10, box.hour.lamps)
    far.rect(far.x0 - 1, HZ, far.x1 + 1, HZ + 0.035, box.ground((112, 160, 104), 0.4))
    _, mid, low = box.sky()
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
    grass(s, p, HZ + 0.17, HZ + 0.20, box.ground((150, 190, 88)), 0.035, 0.03)
    p.rect(p.x0 - 1, 0.85, p.x1 + 1, 0.955, box.ground((208, 200, 190)))
    p.rect(p.x0 - 1, 0.85, p.x1 + 1, 0.858, box.ground((176, 170, 168)))
    grass(s, p, HZ + 0.20, 0.845, box.ground((96, 156, 76)), 0.05)
    grass(s, p, 0.985, 1.2, box.ground((84, 142, 70)), 0.05, 0.03)
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
