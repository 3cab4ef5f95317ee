"""Invented phenomena of fights, magic and technology, drawn like the natural ones."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from animatrix.synthetic.fx import DUST, FIRE, TAU, Fx, Rgb, ballistic, ease_out, jagged
from animatrix.synthetic.ink import limb
from animatrix.synthetic.palette import mix

# core, body and rim of one energy; the seed picks the pair
ENERGIES: tuple[tuple[Rgb, Rgb, Rgb], ...] = (
    ((40, 120, 255), (120, 224, 255), (255, 255, 255)),
    ((226, 60, 220), (255, 150, 236), (255, 255, 255)),
    ((44, 190, 96), (150, 255, 150), (255, 255, 240)),
    ((255, 110, 30), (255, 210, 90), (255, 255, 240)),
)


def _energy(f: Fx) -> list[Rgb]:
    return [f.paint(c) for c in ENERGIES[f.seed % len(ENERGIES)]]


def _hold(f: Fx) -> np.ndarray:
    """Where power is held: before the chest, kept in the frame."""
    w, h = f.size
    p = f.points["chest"] + np.array([f.facing * max(0.16 * h, 0.55 * f.head), 0.0])
    return np.clip(p, (0.10 * w, 0.14 * h), (0.90 * w, 0.84 * h))


def energy_sphere(f: Fx) -> None:
    rim, body, core = _energy(f)
    x, y = _hold(f)
    beat = 1 + 0.07 * (1 if f.drawing % 2 else -1)
    r = (0.045 + 0.075 * f.env) * f.px * beat
    f.shine((x, y), 2.5 * r, body, 0.85)
    a = np.linspace(0, TAU, 12, endpoint=False)
    ring = np.stack([x + r * np.cos(a), y + r * np.sin(a)], 1)
    f.shapes(f.front, [(ring, np.array([x, y]))], (rim, body, core), 81)
    g = f.rng(21, f.drawing)
    for k in range(4):
        b = g.random() * TAU
        arc = jagged(
            (x + r * np.cos(b), y + r * np.sin(b)),
            (x + 1.7 * r * np.cos(b + 0.5), y + 1.7 * r * np.sin(b + 0.5)),
            g,
            0.3,
            3,
        )
        f.line(f.front, arc, body if k % 2 else core, 0.010 * f.px)
    for k in range(9):  # motes are drawn in
        g = f.rng(22, k)
        u = (f.age * 1.6 + g.random()) % 1.0
        b, d = g.random() * TAU, (3.2 - 2.1 * u) * r
        p = np.array([x + d * np.cos(b), y + d * np.sin(b)])
        f.needle(f.front, p, p + (np.array([x, y]) - p) * 0.22, body, 0.012 * f.px)


def energy_beam(f: Fx) -> None:
    rim, body, core = _energy(f)
    w, h = f.size
    at = _hold(f)
    far = (w * 1.05 if f.facing > 0 else -0.05 * w) - at[0]
    reach = far * ease_out(f.age / 0.16)
    end = min(1.0, max(0.0, (f.life - f.age) / 0.22))
    throb = 1 + 0.10 * (1 if f.drawing % 2 else -1)
    x = np.linspace(0, 1, 22)
    g = f.rng(23, f.drawing)
    edge = 1 + 0.13 * g.standard_normal(22)
    for k, paint in enumerate((rim, body, core)):
        half = (
            (0.105, 0.072, 0.036)[k]
            * h
            * throb
            * end
            * (0.55 + 0.45 * ease_out(f.age / 0.4))
            * np.minimum(1, 0.35 + 2.2 * x)
        )
        half = half * (edge if k < 2 else 1)
        top = np.stack([at[0] + reach * x, at[1] - half], 1)
        low = np.stack([at[0] + reach * x, at[1] + half], 1)
        f.fill(f.front, np.concatenate([top, low[::-1]]), paint)
    f.shine(at, 0.34 * h * end, body, 0.9)
    f.shine((at[0] + reach * 0.5, at[1]), 0.5 * h * end, rim, 0.35)
    ball = np.stack(
        [at[0] + 0.12 * h * end * np.cos(a := np.linspace(0, TAU, 14)), at[1] + 0.12 * h * end * np.sin(a)], 1
    )
    f.shapes(f.front, [(ball, at)], (rim, body, core), 82)


def aura(f: Fx) -> None:
    rim, body, _core = _energy(f)
    w, h = f.size
    solid = (f.alpha > 0.5).astype(np.uint8)
    if not solid.any():
        return
    swell = max(0.9, (0.012 + 0.018 * f.env) * h)
    out = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3)
    # tongues: the distance is read from below, and waves climb
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    climb = f.age * 1.5
    wave = np.sin(TAU * (x / (0.115 * h) + 0.35 * np.sin(TAU * (y / (0.45 * h) + climb)))) * 0.5 + 0.5
    wave *= 0.5 + 0.5 * np.sin(TAU * (y / (0.34 * h) + climb * 1.3 + x / (0.5 * h)))
    up = cv2.warpAffine(out, np.array([[1, 0, 0], [0, 1, -2.6 * swell]], np.float32), (w, h), borderValue=1e3)
    reach = np.minimum(out, np.minimum(up, 1e3) * 0.8) / swell
    level = (0.75 + 1.35 * wave) * f.env
    if f.design.straight:
        level = np.round(level * 2.5) / 2.5
    for paint, share in ((rim, 1.0), (body, 0.62)):
        k = np.clip((level * share - reach) * swell / 1.3 + 0.5, 0, 1)[..., None] * 0.88
        f.back[..., :3] = np.rint(f.back[..., :3] * (1 - k) + np.asarray(paint, np.float32) * k)
        f.back[..., 3:] = np.rint(f.back[..., 3:] * (1 - k) + 255 * k)
    soft = np.clip(1 - out / (3.6 * swell), 0, 1)[..., None] ** 2 * f.env
    f.glow += soft * (1 - 0.8 * f.alpha[..., None]) * np.asarray(rim, np.float32) * 0.40


def magic_circle(f: Fx) -> None:
    rim, body, core = _energy(f)
    h = f.px
    feet = f.points["feet"]
    flat = feet[1] < 1.0 * h
    open_ = ease_out(f.age / 0.45) * (1 + 0.10 * np.exp(-((f.age - 0.42) ** 2) / 0.006)) * min(1.0, f.env * 3)
    c = np.array([feet[0], feet[1] - 0.01 * h]) if flat else np.array([f.points["chest"][0], 0.5 * h])
    r, tilt = (0.46 * h, 0.26) if flat else (0.44 * h, 1.0)
    r *= open_
    spin = f.age * 0.9

    def put(radius: float, a) -> np.ndarray:
        a = np.asarray(a)
        return np.stack([c[0] + r * radius * np.cos(a), c[1] + r * radius * tilt * np.sin(a)], 1)

    ring = np.linspace(0, TAU, 72)
    thin = max(1.0, 0.0085 * h)
    for radius, paint, wide in ((1.0, body, 1.9), (0.88, core, 1.0), (0.52, body, 1.2)):
        f.line(f.back, put(radius, ring), paint, thin * wide, closed=True)
    for turn in (0.0, np.pi / 3):
        star = put(0.88, np.linspace(0, TAU, 3, endpoint=False) + spin + turn)
        f.line(f.back, star, body, thin * 1.1, closed=True)
    for k in range(16):  # glyphs between the rings, turning the other way
        a = TAU * k / 16 - spin * 0.7
        g = f.rng(24, k)
        for s in range(2):
            b = a + (s - 0.5) * 0.10
            f.line(f.back, put(0.905 + 0.02 * g.random(), [b, b + 0.05 * (g.random() - 0.5)]).tolist()
                   + put(0.975, [b + 0.08 * (g.random() - 0.5)]).tolist(), core, thin)  # fmt: skip
    f.glow += cv2.GaussianBlur(f.back[..., :3], (0, 0), 0.028 * h).astype(np.float32) * 0.55
    f.shine(c, r * 0.9, rim, 0.35)


def slash_arc(f: Fx) -> None:
    period = max(0.75, min(1.1, f.life))
    n = int(f.age / period)
    t = f.age - n * period
    if t > 0.55:
        return
    rim, body, core = _energy(f)
    w, h = f.size
    c = np.clip(f.points["chest"] + (0.08 * h * f.facing, 0.10 * h), (0.2 * w, 0.36 * h), (0.8 * w, 0.62 * h))
    sweep = min(1.0, t / 0.10 + 0.35)
    fade = 1 - max(0.0, t - 0.12) / 0.43
    start = (-2.5 if n % 2 == 0 else -0.65) if f.facing > 0 else (-0.65 if n % 2 == 0 else -2.5)
    turn = (1 if (f.facing > 0) == (n % 2 == 0) else -1) * 2.75 * sweep
    u = np.linspace(0, 1, 34)
    a = start + turn * u
    r = 0.46 * h
    for k, paint in enumerate((rim, body, core)):
        wide = (0.15, 0.10, 0.050)[k] * h * fade * np.sin(np.pi * np.clip(u, 0.0, 1.0)) ** 0.8
        outer = np.stack([c[0] + r * np.cos(a) * 1.05, c[1] + r * 0.78 * np.sin(a)], 1)
        inner = np.stack([c[0] + (r - wide) * np.cos(a) * 1.05, c[1] + (r - wide) * 0.78 * np.sin(a)], 1)
        f.fill(f.front, np.concatenate([outer, inner[::-1]]), paint)
    m = len(a) // 2
    f.shine((c[0] + r * np.cos(a[m]), c[1] + 0.78 * r * np.sin(a[m])), 0.4 * h, body, 0.5 * fade)


def shockwave_ring(f: Fx) -> None:
    period = 1.05
    n = int(f.age / period)
    t = f.age - n * period
    h = f.px
    c = np.array([f.points["feet"][0], min(f.points["feet"][1], 0.95 * h)])
    flat = f.points["feet"][1] < 1.02 * h
    c = c if flat else np.array([f.points["chest"][0], 0.5 * h])
    r, tilt = (0.10 + 1.15 * t) * h, 0.30 if flat else 1.0
    fade = max(0.0, 1 - t / 0.95)
    white, pale = f.paint((255, 255, 255)), f.paint((200, 232, 255))
    a = np.linspace(0, TAU, 80)
    for paint, inner in ((pale, 1 - 0.26 * fade), (white, 1 - 0.13 * fade)):
        outer = np.stack([c[0] + r * np.cos(a), c[1] + r * tilt * np.sin(a)], 1)
        hole = np.stack([c[0] + r * inner * np.cos(a), c[1] + r * inner * tilt * np.sin(a)], 1)
        for sheet, half in ((f.back, a > np.pi - 0.09), (f.front, a < np.pi + 0.09)):
            idx = np.flatnonzero(half)
            f.fill(sheet, np.concatenate([outer[idx], hole[idx][::-1]]), paint)
    dust = [
        (c[0] + r * 0.97 * np.cos(b), c[1] + r * tilt * 0.97 * np.sin(b), 0.035 * h * fade)
        for b in np.linspace(0, np.pi, 9)
    ]
    if flat and fade > 0.25:
        f.puffs(f.front, dust, [f.dim(v) for v in DUST], 91)


def electric_arcs(f: Fx) -> None:
    rim, body, core = _energy(f)
    ys, xs = np.nonzero(f.alpha > 0.5)
    if not len(xs):
        return
    g = f.rng(25, f.drawing)
    h = f.px
    for k in range(5):
        i, j = g.integers(len(xs), size=2)
        a = np.array([xs[i], ys[i]], float)
        b = np.array([xs[j], ys[j]], float)
        d = b - a
        far = float(np.hypot(*d))
        if far > 0.42 * h:
            b = a + d * (0.42 * h / far)
        if k % 2:  # some arcs leap off the body
            b = a + np.array([np.cos(t := g.random() * TAU), np.sin(t)]) * 0.24 * h
        p = jagged(a, b, g, 0.30, 4)
        f.line(f.front, p, rim, 0.026 * h * (0.6 + 0.4 * f.env))
        f.line(f.front, p, core, 0.011 * h)
        f.shine(p[8], 0.16 * h, body, 0.5)


def light_particles(f: Fx) -> None:
    rim, body, core = _energy(f)
    w, h = f.size
    for k in range(34):
        g = f.rng(26, k)
        u = (f.age * (0.10 + 0.10 * g.random()) + g.random()) % 1.0
        x = (g.random() * 1.1 - 0.05) * w + 0.035 * h * np.sin(TAU * (f.age * 0.3 + g.random()))
        y = (1.05 - 1.1 * u) * h
        near = 0.4 + 0.9 * g.random()
        blink = 0.55 + 0.45 * np.sin(TAU * (f.age * 0.8 + g.random()))
        r = 0.0125 * h * near * f.env
        if r > 0.4:
            f.shine((x, y), 4.6 * r, rim, 0.75 * blink)
            a = np.linspace(0, TAU, 10, endpoint=False)
            f.fill(
                f.front if k % 3 else f.back,
                np.stack([x + r * np.cos(a), y + r * np.sin(a)], 1),
                mix(body, core, blink),
            )


def missile_trails(f: Fx) -> None:
    w, h = f.size
    s = float(f.facing)
    smoke = [f.dim(c) for c in ((150, 148, 164), (202, 200, 212), (244, 244, 250))]
    for k in range(5):
        g = f.rng(27, k)
        t0 = 0.07 * k
        u = (f.age - t0) / 0.95
        if u < 0:
            continue
        sheet = f.back if k % 2 else f.front
        lane, curl, ph = (0.12 + 0.16 * k) * h, (0.10 + 0.10 * g.random()) * h, g.random()

        def path(v, lane=lane, curl=curl, ph=ph) -> np.ndarray:
            v = np.asarray(v, float)
            loop = np.exp(-(((v - 0.45 - 0.2 * ph) / 0.18) ** 2))
            x = w / 2 + s * ((v - 0.5) * 1.5 * w - 0.20 * h * loop * np.sin(TAU * (2 * v + ph)))
            return np.stack(
                [x, lane + curl * np.sin(TAU * (1.1 * v + ph)) + 0.12 * h * loop * np.cos(TAU * 2 * v)], -1
            )

        v = np.linspace(max(0.0, u - 0.85), min(u, 1.25), 64)
        p = path(v)
        age = np.clip((u - v) / 0.85, 0, 1)
        lobes = 1 + 0.75 * np.abs(np.sin(np.arange(64) * 0.62 + 0.9 * np.sin(np.arange(64) * 0.21) + 6 * ph))
        wide = (0.016 + 0.050 * np.sqrt(age)) * h * (1 - age**3) * lobes
        if np.ptp(p[:, 0]) > 2:  # a ribbon of smoke, lit from above
            for paint, share in zip(smoke, (1.0, 0.72, 0.40), strict=True):
                f.fill(
                    sheet, limb(p - (0.0, 1.0) * (wide * (1 - share) * 0.42)[:, None], wide * share), paint
                )
        if u < 1.25:
            tip, d = p[-1], p[-1] - p[-2]
            d = d / max(1e-6, float(np.hypot(*d)))
            n = np.array([-d[1], d[0]])
            body = [tip + d * 0.055 * h, tip + n * 0.014 * h, tip - d * 0.03 * h + n * 0.014 * h,
                    tip - d * 0.03 * h - n * 0.014 * h, tip - n * 0.014 * h]  # fmt: skip
            f.needle(sheet, tip - d * 0.10 * h, tip - d * 0.02 * h, f.paint(FIRE[1]), 0.034 * h)
            f.fill(sheet, body, f.dim((236, 238, 244)))
            f.fill(sheet, [body[0], body[1], body[4]], f.dim((214, 66, 60)))
            f.shine(tip - d * 0.05 * h, 0.09 * h, FIRE[1], 0.7)


_CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_FACES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))


def cube_debris(f: Fx) -> None:
    period = 1.35
    n = int(f.age / period)
    t = f.age - n * period
    w, h = f.size
    rim, body, _ = _energy(f)
    base = np.array(
        [
            np.clip(f.points["feet"][0] + f.facing * 0.42 * h, 0.1 * w, 0.9 * w),
            min(f.points["feet"][1], 0.96 * h),
        ]
    )
    count = 20
    g = f.rng(28, n)
    v = np.stack([(g.random(count) * 2 - 1) * 0.8, -(0.8 + 1.2 * g.random(count))], 1) * h
    p = ballistic(base, v, np.full(count, t), 2.3 * h)
    sizes = (0.018 + 0.036 * g.random(count) ** 2) * h
    turn, rate = g.random((count, 2)) * TAU, (g.random((count, 2)) - 0.5) * 7
    for k in np.argsort(sizes):
        if p[k, 1] > base[1] + 0.08 * h:
            continue
        a, b = turn[k] + rate[k] * t
        ca, sa, cb, sb = np.cos(a), np.sin(a), np.cos(b), np.sin(b)
        q = (
            _CUBE
            @ np.array([[ca, 0, -sa], [0, 1, 0], [sa, 0, ca]])
            @ np.array([[1, 0, 0], [0, cb, sb], [0, -sb, cb]])
        )
        sheet = f.front if k % 2 else f.back
        for face in _FACES:
            m = q[list(face)].mean(0)
            if m[2] <= 0.02:
                continue
            lit = (-0.5 * m[0] - 0.75 * m[1] + 0.35 * m[2]) * 0.5 + 0.5
            paint = mix(f.dim((66, 70, 104)), f.dim((222, 226, 242)), float(np.clip(lit, 0, 1)))
            corners = p[k] + q[list(face)][:, :2] * sizes[k]
            f.fill(sheet, corners, paint)
            f.line(sheet, corners, mix(paint, rim, 0.55), max(1.0, 0.005 * h), closed=True)
    if t < 0.12:
        f.shine(base, 0.30 * h, body, 0.9)


def _front(f: Fx) -> np.ndarray:
    """How far past the front of loss a pixel is, in frame heights: positive is gone."""
    w, h = f.size
    ys, _ = np.nonzero(f.alpha > 0.5)
    if not len(ys):
        return np.full((h, w), -1.0, np.float32)
    top, low = ys.min() / h, ys.max() / h
    u = np.clip(f.age / max(0.3, 0.86 * f.life), 0, 1)
    small = f.rng(29).random((15, 24)).astype(np.float32)
    rough = cv2.resize(
        small, (w, h), interpolation=cv2.INTER_NEAREST if f.design.straight else cv2.INTER_CUBIC
    )
    edge = low + 0.12 - u * (low - top + 0.30)
    return (np.arange(h, dtype=np.float32)[:, None] / h - edge) + 0.16 * (rough - 0.5)


def loss(f: Fx) -> np.ndarray:
    """Share of every pixel of the figure that a disintegration has taken, ``float32 [H,W]`` 0..1."""
    return np.clip(_front(f) * f.px / 1.2 + 0.5, 0, 1).astype(np.float32)


def disintegration(f: Fx) -> None:
    _rim, body, core = _energy(f)
    past = _front(f)
    h = f.px
    near = np.argwhere((f.alpha > 0.5) & (past > -0.010) & (past < 0.30))
    band = np.clip(1 - np.abs(past) / 0.022, 0, 1) * (f.alpha > 0.4)
    f.glow += band[..., None] * np.asarray(body, np.float32) * 0.9
    if not len(near):
        return
    for k in range(90):
        g = f.rng(30, k)
        y, x = near[int(g.random() * len(near))]
        d = float(max(0.0, past[y, x]))
        drift = np.array([-f.facing * (0.25 + 0.9 * g.random()) * d, -(0.35 + 0.9 * g.random()) * d]) * h
        r = (0.015 + 0.014 * g.random()) * h * (1 - d / 0.32)
        a = TAU * (g.random() + 2.2 * d)
        c = np.array([x, y]) + drift + np.array([0.015 * h * np.sin(30 * d + k), 0])
        b = a + np.array([0.0, 1.7, np.pi, np.pi + 1.7])
        flake = c + np.stack([np.cos(b), 0.75 * np.sin(b)], 1) * r
        f.fill(f.front, flake, mix(body, core, g.random()))


POWERS: dict[str, Callable[[Fx], None]] = {
    "energy_beam": energy_beam,
    "energy_sphere": energy_sphere,
    "aura": aura,
    "magic_circle": magic_circle,
    "slash_arc": slash_arc,
    "shockwave_ring": shockwave_ring,
    "electric_arcs": electric_arcs,
    "light_particles": light_particles,
    "missile_trails": missile_trails,
    "cube_debris": cube_debris,
    "disintegration": disintegration,
}
