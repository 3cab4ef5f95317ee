"""Natural phenomena as an effects animator draws them: growing, peaking and dissipating by drawings."""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from animatrix.synthetic.fx import DUST, FIRE, SMOKE, TAU, WATER, Fx, ballistic, ease_out, jagged
from animatrix.synthetic.palette import mix


def _ground(f: Fx, aside: float = 0.0) -> np.ndarray:
    """A point on the ground beside the figure, kept inside the frame; ``aside`` in frame heights."""
    x = f.points["feet"][0] + aside * f.px
    w, h = f.size
    x = x if f.passing else np.clip(x, 0.08 * w, 0.92 * w)
    return np.array([x, min(float(f.points["feet"][1]) + 0.02 * h, 1.0 * h)])


def _side(f: Fx) -> float:
    """The emptier side of the frame, +1 right."""
    return 1.0 if f.points["feet"][0] < f.size[0] / 2 else -1.0


def _tongue(base, height: float, width: float, lean: float, phase: float) -> tuple[np.ndarray, np.ndarray]:
    """One tongue of flame in px, licking with ``phase``; its focus is low."""
    x, y = base
    sway = lambda v: lean * v * v + 0.22 * width * np.sin(TAU * (phase - 0.8 * v)) * v  # noqa: E731
    left = [(-0.5, 0.0), (-0.56, 0.16), (-0.36, 0.40), (-0.22, 0.66)]
    pts = [(x + a * width + sway(v), y - v * height) for a, v in left]
    pts.append((x + sway(1.0), y - height))
    pts += [(x - a * width + sway(v - 0.06), y - (v - 0.06) * height) for a, v in reversed(left[1:])]
    pts.append((x + 0.5 * width, y))
    return np.array(pts), np.array([x, y - 0.05 * height])


def fire(f: Fx) -> None:
    ramp = [f.paint(c) for c in FIRE]
    s = _side(f)
    for place, sheet, size in ((0.62 * s, f.back, 0.54), (0.34 * s, f.front, 0.30)):
        base = _ground(f, place)
        parts = []
        for n in range(5):
            g = f.rng(1, n, int(place * 100) & 255)
            beat = (f.age * (1.9 + 0.5 * g.random()) + g.random()) % 1.0
            high = size * f.px * f.env * (0.62 + 0.38 * np.sin(np.pi * beat)) * (1 - 0.16 * abs(n - 2))
            x = base[0] + (n - 2) * 0.15 * size * f.px
            parts.append(
                _tongue(
                    (x, base[1]), high, 0.34 * size * f.px * (0.5 + 0.5 * f.env), 0.05 * f.px * (n - 2), beat
                )
            )
            if beat > 0.55 and f.env > 0.4:  # a tongue breaks off and burns out
                up = (beat - 0.55) / 0.45
                y = base[1] - high * (0.95 + 0.5 * up)
                bit = _tongue(
                    (x + 0.03 * f.px * np.sin(9 * up), y),
                    0.13 * size * f.px * (1.1 - up),
                    0.07 * f.px * (1.1 - up),
                    0,
                    beat,
                )
                parts.append(bit)
        f.shapes(sheet, parts, ramp, int(place * 50) & 63)
        f.shine((base[0], base[1] - 0.2 * f.px), 0.7 * size * f.px * 1.6, FIRE[1], 0.30 * f.env)
    for n in range(7):
        g = f.rng(2, n)
        u = (f.age * (0.7 + 0.5 * g.random()) + g.random()) % 1.0
        x = _ground(f, 0.62 * s)[0] + (g.random() - 0.5) * 0.5 * f.px + 0.05 * f.px * np.sin(9 * u)
        y = _ground(f)[1] - u * 0.85 * f.px * f.env
        f.needle(f.front, (x, y), (x + 1, y - 0.02 * f.px), ramp[1], 0.010 * f.px * (1 - u))


def explosion(f: Fx) -> None:
    delay = min(0.25, 0.12 * f.life)
    t = f.age - delay
    if t < 0:
        return
    w, h = f.size
    c = np.array([f.points["feet"][0] + _side(f) * 0.58 * h, min(f.points["feet"][1] - 0.16 * h, 0.66 * h)])
    c[0] = c[0] if f.passing else np.clip(c[0], 0.15 * w, 0.85 * w)
    burst = ease_out(t / 0.34)
    if t < 0.10:  # the flash: spikes round a white heart
        a = np.linspace(0, TAU, 22, endpoint=False)
        r = np.where(np.arange(22) % 2 == 0, 0.50, 0.17) * h * (0.55 + 4.5 * t)
        star = np.stack([c[0] + r * np.cos(a), c[1] + r * np.sin(a)], 1)
        f.fill(f.back, star, f.paint((255, 236, 150)))
        f.fill(f.back, c + (star - c) * 0.62, f.paint((255, 255, 255)))
        f.shine(c, 0.85 * h, (255, 220, 150), 0.9)
        return
    cool = np.clip((t - 0.18) / 0.9, 0, 1)
    gone = np.clip((t - 0.9) / max(0.5, f.life - 1.1), 0, 1)
    hot = [mix(f.paint(a), f.dim(b), float(cool)) for a, b in zip(FIRE, SMOKE, strict=True)]
    blobs = []
    for n in range(13):
        g = f.rng(3, n)
        way = 2.4 * n + 0.5 * g.random()
        reach = (0.06 + 0.30 * ((n * 0.618) % 1.0) ** 0.6) * h * burst
        roll = 0.05 * h * np.sin(TAU * (0.4 * t + g.random()))
        size = (0.11 + 0.08 * g.random()) * h * (0.5 + 0.5 * burst) * (1 - 0.85 * gone) * (1 + 0.25 * cool)
        blobs.append(
            (c[0] + reach * np.cos(way) + roll, c[1] + 0.8 * reach * np.sin(way) - 0.24 * h * cool, size)
        )
    blobs.sort(key=lambda b: b[1])
    smoke = [f.dim(v) for v in SMOKE]
    f.puffs(f.back, [(x, y - 0.05 * h - 0.1 * h * cool, r * 1.12) for x, y, r in blobs[:7]], smoke, 31)
    f.puffs(f.back, blobs, hot, 32)
    if cool < 0.75:
        f.puffs(f.back, [(x, y, r * 0.55) for x, y, r in blobs[4:11]], [f.paint(v) for v in FIRE], 33)
        f.shine(c, 0.8 * h, FIRE[1], 0.5 * (1 - cool))
    g = f.rng(4)
    v = (
        np.stack([np.cos(a := g.random(16) * TAU), np.sin(a) - 0.6], 1)
        * (0.7 + 0.9 * g.random(16))[:, None]
        * h
    )
    for n, p in enumerate(ballistic(c, v, np.full(16, t), 2.2 * h)):
        if t < 1.1:
            f.needle(f.back, p - v[n] * 0.045, p, f.paint(FIRE[1]) if n % 2 else f.dim(SMOKE[0]), 0.016 * h)


def smoke(f: Fx) -> None:
    s = _side(f)
    base = _ground(f, 0.55 * s)
    blobs = []
    for n in range(15):
        u = (f.age / 1.9 + n / 15) % 1.0
        born = f.age - u * 1.9
        if born < -0.6 or born > f.life - 0.4:
            continue
        g = f.rng(5, round((born + 3) * 8))
        x = base[0] + (0.10 * np.sin(TAU * (u * 0.8 + g.random() * 0.3)) + 0.30 * s * u * u) * f.px
        y = base[1] - (0.05 + 0.92 * u) * f.px
        fade = 1 - max(0.0, u - 0.72) / 0.28
        blobs.append(
            (x, y, (0.075 + 0.135 * u) * f.px * fade * min(1.0, f.env * 2) * (0.85 + 0.3 * g.random()))
        )
    blobs.sort(key=lambda b: b[1])
    f.puffs(f.back, [b for b in blobs if b[2] > 1], [f.dim(c) for c in SMOKE], 41)


def dust_cloud(f: Fx) -> None:
    step, life = 0.26, 0.62
    ramp = [mix(f.dim(c), f.box.sky()[2], 0.12) for c in DUST]
    blobs = []
    for n in range(int(f.age / step) + 1):
        u = (f.age - n * step) / life
        if u > 1 or n * step > f.life - 0.2:
            continue
        e = ease_out(u)
        for k in range(5):
            g = f.rng(6, n, k)
            side = (k - 2) / 2
            x = f.points["feet"][0] + (side * 0.20 * e - f.facing * 0.26 * e - f.facing * 0.05) * f.px
            y = _ground(f)[1] - (0.015 + 0.075 * e * (1 - abs(side) * 0.5) * g.random()) * f.px
            blobs.append(
                (
                    x,
                    y,
                    (0.028 + 0.062 * e) * f.px * (1 - max(0.0, u - 0.55) / 0.45) * (0.7 + 0.5 * g.random()),
                )
            )
    f.puffs(f.front, [b for b in blobs if b[2] > 0.7], ramp, 51)


def water_splash(f: Fx) -> None:
    period = 0.85
    n = int(f.age / period)
    u = (f.age - n * period) / period
    base = _ground(f, 0.10 * f.facing)
    base[1] = min(base[1], 0.95 * f.px)
    ramp = [f.dim(c) for c in WATER]
    up = 4 * u * (1 - u) * (1.0 if n % 2 == 0 else 0.8)
    wide = (0.12 + 0.34 * ease_out(u)) * f.px
    spikes = 9
    pts = [(base[0] - wide, base[1])]
    for k in range(spikes):
        g = f.rng(7, n, k)
        q = k / (spikes - 1) * 2 - 1
        top = up * (0.30 + 0.16 * g.random()) * f.px * (1 - 0.35 * q * q)
        x = base[0] + q * wide * (1 + 0.35 * up)
        pts += [(x, base[1] - top), (x + wide / spikes, base[1] - top * 0.36)]
    pts.append((base[0] + wide, base[1]))
    if u < 0.86:
        f.shapes(f.front, [(np.array(pts), base + (0.0, 0.02 * f.px))], ramp, 61)
    ring = np.stack(
        [base[0] + wide * 1.25 * np.cos(a := np.linspace(0, TAU, 40)), base[1] + 0.10 * wide * np.sin(a)], 1
    )
    f.line(f.front, ring, ramp[2], 0.008 * f.px)
    g = f.rng(8, n)
    v = np.stack([(g.random(18) * 2 - 1) * 0.85, -(0.8 + 0.9 * g.random(18))], 1) * f.px
    for k, p in enumerate(ballistic(base, v, np.full(18, u * period), 3.4 * f.px)):
        if p[1] < base[1] + 0.02 * f.px:
            r = (0.008 + 0.012 * (k % 3) / 2) * f.px
            f.fill(f.front, p + np.array([(0, -2.0), (0.9, 0.2), (0, 1.0), (-0.9, 0.2)]) * r, ramp[1 + k % 2])


def wind_streaks(f: Fx) -> None:
    w, h = f.size
    paint = mix(f.box.final((255, 255, 255)), f.box.sky()[2], 0.18)
    s = f.facing * -1.0
    for n in range(7):
        g = f.rng(9, n)
        u = (f.age * (0.75 + 0.35 * g.random()) + g.random()) % 1.0
        y = (0.10 + 0.74 * (n + 0.6 * g.random()) / 7) * h
        length = (0.5 + 0.45 * g.random()) * w
        x0 = w / 2 - s * (0.5 * w + length) + s * u * (w + 2 * length)
        a = np.linspace(0, 1, 26)
        x = x0 + s * a * length
        yy = y + 0.028 * h * np.sin(TAU * (a * 1.1 + u))
        if n % 3 == 0:  # the head of the stroke curls over
            b = np.linspace(0, 1.5 * np.pi, 12)
            x = np.concatenate([x, x[-1] + s * 0.05 * h * np.sin(b)])
            yy = np.concatenate([yy, yy[-1] - 0.05 * h * (1 - np.cos(b))])
        line = np.stack([x, yy], 1)
        v = np.linspace(0, 1, len(line))
        wide = 0.013 * h * np.sin(np.pi * v) ** 0.6 * f.env
        d = np.gradient(line, axis=0)
        nrm = np.stack([-d[:, 1], d[:, 0]], 1) / np.maximum(np.hypot(d[:, 0], d[:, 1])[:, None], 1e-9)
        shape = np.concatenate([line + nrm * wide[:, None], (line - nrm * wide[:, None])[::-1]])
        f.fill(f.front if n % 2 else f.back, shape, paint)


def lightning(f: Fx) -> None:
    period, shown = 1.05, 0.26
    n = int(f.age / period)
    t = f.age - n * period
    if t > shown or n * period > f.life - 0.1:
        return
    w, h = f.size
    g = f.rng(10, n)
    top = np.array([(0.15 + 0.7 * g.random()) * w, -0.05 * h])
    end = np.array([top[0] + (g.random() - 0.5) * 0.35 * w, 0.60 * h])
    bolts = [(jagged(top, end, g, 0.20, 5), 1.0)]
    for k in range(4):
        main = bolts[0][0]
        a = main[6 + int(g.random() * 18)]
        b = a + np.array([(1 if k % 2 else -1) * (0.10 + 0.2 * g.random()), 0.14 + 0.14 * g.random()]) * h
        bolts.append((jagged(a, b, g, 0.25, 4), 0.5))
    fade = 1.0 if t < 0.13 else 0.55
    for p, thick in bolts:
        f.line(f.back, p, f.paint((186, 160, 255)), 0.030 * h * thick * fade)
    for p, thick in bolts:
        f.line(f.back, p, f.paint((255, 255, 255)), 0.014 * h * thick * fade)
    f.shine(top, 0.9 * h, (170, 160, 255), 0.55 * fade)
    if t < 0.09:
        f.lit.append(0.34)


def sparks(f: Fx) -> None:
    period = 0.42
    w, h = f.size
    at = np.clip(f.points["hand"], (0.12 * w, 0.2 * h), (0.88 * w, 0.9 * h))
    for n in range(max(0, int(f.age / period) - 1), int(f.age / period) + 1):
        t = f.age - n * period
        g = f.rng(11, n)
        count = 22
        a = -np.pi / 2 + (g.random(count) - 0.5) * 2.6 + 0.4 * f.facing
        v = np.stack([np.cos(a), np.sin(a)], 1) * (0.5 + 1.1 * g.random(count))[:, None] * h
        lives = 0.22 + 0.34 * g.random(count)
        p = ballistic(at, v, np.full(count, t), 2.6 * h)
        for k in range(count):
            if t < lives[k]:
                speed = v[k] + (0.0, 2.6 * h * t)
                f.needle(
                    f.front, p[k] - speed * 0.045, p[k], f.paint(FIRE[2] if k % 2 else FIRE[1]), 0.013 * h
                )
        if t < 0.12:
            f.shine(at, 0.22 * h, FIRE[2], 0.9)
            b = np.linspace(0, TAU, 12, endpoint=False)
            r = np.where(np.arange(12) % 2 == 0, 0.10, 0.03)[:, None] * h
            f.fill(f.front, at + np.stack([np.cos(b), np.sin(b)], 1) * r, f.paint((255, 255, 240)))


def debris(f: Fx) -> None:
    period = 1.25
    n = int(f.age / period)
    t = f.age - n * period
    base = _ground(f, 0.30 * _side(f))
    g = f.rng(12, n)
    count = 26
    v = np.stack([(g.random(count) * 2 - 1) * 0.85, -(0.9 + 1.3 * g.random(count))], 1) * f.px
    p = ballistic(base, v, np.full(count, t), 2.9 * f.px)
    stone = ((112, 104, 108), (160, 150, 146), (204, 194, 182))
    for k in range(count):
        if p[k, 1] > base[1] + 0.06 * f.px:
            continue
        r = (0.016 + 0.034 * g.random()) * f.px
        turn = TAU * (g.random() + t * (g.random() - 0.5) * 2.4)
        m = 5 + k % 3
        a = np.linspace(0, TAU, m, endpoint=False) + turn
        q = f.rng(13, n, k).random(m) * 0.55 + 0.65
        chunk = p[k] + np.stack([np.cos(a) * q, np.sin(a) * q * 0.85], 1) * r
        f.fill(f.front if k % 3 else f.back, chunk, f.dim(stone[0]))
        f.fill(
            f.front if k % 3 else f.back,
            np.concatenate([chunk[: m // 2 + 1], [p[k]]]),
            f.dim(stone[1 + k % 2]),
        )
    low = base - np.array([0.0, 0.02 * f.px])
    size = (0.03 + 0.09 * ease_out(t / 0.5)) * f.px * max(0.0, 1 - t)
    puffs = [(low[0] + (k - 2.5) * 0.09 * f.px, low[1] - 0.03 * (k % 2) * f.px, size) for k in range(6)]
    f.puffs(f.front, puffs if size > 1 else [], [f.dim(c) for c in DUST], 71)


def mist_steam(f: Fx) -> None:
    w, h = f.size
    g = f.rng(14)
    cloud = g.random((5, 22)).astype(np.float32)
    wide = cv2.resize(cloud, (w * 3, int(h * 1.0)), interpolation=cv2.INTER_CUBIC)
    low = np.clip((np.arange(h)[:, None] / h - 0.18) / 0.5, 0, 1)
    colour = np.asarray(mix(f.box.final((244, 246, 250)), f.box.sky()[2], 0.25), np.float32)
    for sheet, speed, share in ((f.back, 0.10, 0.90), (f.front, 0.17, 0.66)):
        x = int((f.age * speed * w + share * w) % (2 * w))
        k = np.clip((wide[:h, x : x + w] - 0.10) / 0.75, 0, 1) * low * share * f.env
        sheet[..., :3] = np.rint(sheet[..., :3] * (1 - k[..., None]) + colour * k[..., None])
        sheet[..., 3] = np.rint(sheet[..., 3] * (1 - k) + 255 * k)


NATURE: dict[str, Callable[[Fx], None]] = {
    "fire": fire,
    "explosion": explosion,
    "smoke": smoke,
    "dust_cloud": dust_cloud,
    "water_splash": water_splash,
    "wind_streaks": wind_streaks,
    "lightning": lightning,
    "sparks": sparks,
    "debris": debris,
    "mist_steam": mist_steam,
}
