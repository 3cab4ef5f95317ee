"""Manga symbols: comic signs drawn in the space of the head they belong to, popping in and settling.

A symbol is ``(sheet, sign) -> None``: it draws on a :class:`Drawing` in head space (unit one head, x to the
front of the puppet, y down, origin mid-head). ``Sign`` says how old the sign is and which way the head looks.
"""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from animatrix.synthetic.ink import Drawing, curve, ellipse, limb
from animatrix.synthetic.palette import Paintbox, Rgb, mix
from animatrix.synthetic.pose import Pose

TAU = 2 * np.pi


@dataclass(frozen=True)
class Sign:
    """State of one sign: seconds since it popped, 0..1 left of it, drawing number, head and paints."""

    age: float
    left: float
    drawing: int
    pose: Pose
    box: Paintbox
    eye_scale: float
    lashes: bool
    mirrored: bool  # the puppet faces left: letters must be turned back
    word: int = 0  # which mood word is lettered

    @property
    def pop(self) -> float:
        """Size of the sign: overshoots as it appears, shrinks away at the end."""
        t = self.age / 0.17
        grow = 0.72 if t < 0.5 else 1.22 if t < 1.0 else 1.0 + 0.05 * np.sin(TAU * self.age * 1.3)
        return grow * min(1.0, 0.35 + self.left * 4)

    def paint(self, c: Rgb) -> Rgb:
        return self.box.raw(c)

    @property
    def ink(self) -> Rgb:
        return self.box.raw((34, 22, 38))

    @property
    def back(self) -> float:
        """x of the side of the head that is turned away."""
        return -0.40 if self.pose.yaw >= 0 else 0.40

    def letters(self, pts, x: float, y: float) -> np.ndarray:
        """Glyph points moved to (x, y), readable whichever way the puppet faces."""
        p = np.asarray(pts, np.float64) * (-1.0 if self.mirrored else 1.0, 1.0)
        return p + (x, y)

    def eyes(self) -> list[tuple[float, float, float, float]]:
        """(x, y, half width, half height) of both eyes, as the face has them."""
        out = []
        for side in (1, -1):
            angle = 0.47 * side + 0.46 * self.pose.yaw
            narrow = max(0.35, float(np.cos(angle)) ** 0.8)
            w = 0.215 * narrow * self.eye_scale
            h = 0.245 * self.eye_scale * (1.0 if self.lashes else 0.86)
            out.append((0.40 * float(np.sin(angle)), 0.125, w / 2, h / 2))
        return out


def _star(x: float, y: float, r: float, thin: float = 0.24, turn: float = 0.0, points: int = 4) -> np.ndarray:
    a = np.arange(2 * points) * np.pi / points + turn - np.pi / 2
    k = np.where(np.arange(2 * points) % 2 == 0, r, r * thin)
    return np.stack([x + k * np.cos(a), y + k * np.sin(a)], 1)


def _heart(x: float, y: float, r: float) -> np.ndarray:
    t = np.linspace(0, TAU, 26, endpoint=False)
    return np.stack(
        [x + r * 0.062 * 16 * np.sin(t) ** 3,
         y - r * 0.062 * (13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))], 1,
    )  # fmt: skip


def _drop(x: float, y: float, r: float, lean: float = 0.0) -> np.ndarray:
    a = np.linspace(-0.15 * np.pi, 1.15 * np.pi, 12)
    p = np.concatenate([np.stack([r * np.cos(a), r * np.sin(a)], 1), [(0, -2.1 * r), (0, -2.1 * r)]])
    c, s = np.cos(lean), np.sin(lean)
    return curve(p, 3) @ np.array([[c, s], [-s, c]]) + (x, y)


def anger_vein(d: Drawing, s: Sign) -> None:
    x, y, r = s.back * 0.55, -0.34, 0.17 * s.pop
    red = s.paint((226, 38, 44))
    for k in range(4):
        a = np.pi / 4 + k * np.pi / 2
        c, n = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
        m = np.array([x, y])
        bow = [
            m + c * r * a + n * r * b for a, b in ((0.95, 0.62), (0.30, 0.12), (0.30, -0.12), (0.95, -0.62))
        ]
        line = curve(bow, 4, closed=False)
        d.fill(limb(line, np.full(len(line), 0.085 * s.pop)), s.paint((255, 255, 255)))
        d.fill(limb(line, np.full(len(line), 0.052 * s.pop)), red)


def sweatdrop(d: Drawing, s: Sign) -> None:
    slide = 0.10 * min(1.0, s.age / 1.2)
    x, y, r = s.back * 1.02, -0.22 + slide, 0.105 * s.pop
    d.outlined([(_drop(x, y, r), s.paint((150, 212, 250)))], s.ink, 0.8)
    d.fill(ellipse(x - 0.3 * r, y + 0.15 * r, 0.22 * r, 0.38 * r), s.paint((255, 255, 255)))


def flying_sweat(d: Drawing, s: Sign) -> None:
    beat = (s.age * 2.2) % 1.0
    for k in range(6):
        a = -np.pi / 2 + (k - 2.5) * 0.52
        far = 0.60 + 0.30 * ((beat + 0.37 * k) % 1.0)
        r = 0.056 * s.pop
        x, y = far * np.cos(a), -0.04 + far * np.sin(a)
        d.outlined([(_drop(x, y, r, a - np.pi / 2 + np.pi), s.paint((170, 222, 252)))], s.ink, 0.6)


def blush_marks(d: Drawing, s: Sign) -> None:
    red = mix(s.paint((250, 112, 112)), s.box.figure((250, 190, 170)), 0.15)
    for x, _, w, _ in s.eyes():
        d.fill(
            ellipse(x * 1.12, 0.275, w * 1.08 * s.pop, 0.058 * s.pop),
            mix(red, s.box.figure((255, 214, 200)), 0.45),
        )
        for k in (-1, 0, 1):
            cx = x * 1.12 + k * w * 0.55
            d.fill(limb([(cx - 0.022, 0.315), (cx + 0.022, 0.235)], [0.02, 0.02], 3), s.paint((220, 56, 70)))


def gloom_lines(d: Drawing, s: Sign) -> None:
    fall = min(1.0, s.age / 0.34)
    blue = mix(s.box.figure((120, 130, 190)), (58, 60, 120), 0.35)
    for k in range(9):
        x = -0.36 + 0.09 * k + 0.10 * s.pose.yaw
        top = -0.22 + 0.05 * abs(k - 4) / 4
        length = (0.30 + 0.13 * ((k * 7) % 5) / 4) * fall
        d.fill(limb([(x, top), (x, top + length)], [0.028, 0.010], 3), blue)


def notice_lines(d: Drawing, s: Sign) -> None:
    if s.age > 0.9:
        return
    side = -np.sign(s.back)
    for a in (-0.95, -0.55, -0.15):
        c = np.array([np.cos(a) * side, np.sin(a)])
        near, far = 0.60 * c, (0.60 + 0.24 * s.pop) * c
        line = np.stack([near, far]) + (0, -0.08)
        d.fill(limb(line, [0.05, 0.075]), s.paint((255, 255, 255)))
        d.fill(limb(line, [0.022, 0.046]), s.ink)


def sparkle_mark(d: Drawing, s: Sign) -> None:
    for k, (x, y, r) in enumerate(
        (
            (-0.62, -0.42, 0.19),
            (0.60, -0.30, 0.14),
            (0.52, -0.66, 0.10),
            (-0.55, 0.20, 0.12),
            (0.66, 0.22, 0.17),
        )
    ):
        beat = (s.drawing // 2 + k) % 3
        r = r * (1.0, 0.62, 0.30)[beat] * min(1.2, s.pop)
        d.fill(_star(x, y, r * 1.28, 0.30), s.paint((255, 214, 92)))
        d.fill(_star(x, y, r), s.paint((255, 255, 246)))


def heart_mark(d: Drawing, s: Sign) -> None:
    for k in range(4):
        u = (s.age * 0.55 + k / 4) % 1.0
        if s.age < k * 0.28 and k:
            continue
        x = (0.32 + 0.16 * k % 0.5) * (1 if k % 2 else -1) + 0.08 * np.sin(TAU * (u + 0.3 * k))
        y = -0.40 - 0.62 * u
        r = 0.15 * (0.55 + 0.45 * min(1.0, u * 4)) * min(1.0, (1 - u) * 3.5) * min(1.15, s.pop)
        if r > 0.02:
            d.outlined([(_heart(x, y, r), s.paint((250, 84, 130)))], s.paint((150, 20, 70)), 0.6)
            d.fill(ellipse(x - 0.4 * r, y - 0.38 * r, 0.2 * r, 0.15 * r), s.paint((255, 226, 236)))


def _sockets(
    d: Drawing, s: Sign, grow: float = 1.12, ink: float = 1.0
) -> list[tuple[float, float, float, float]]:
    """Blank whites over both eyes."""
    for x, y, w, h in s.eyes():
        d.outlined(
            [(curve(ellipse(x, y, w * grow * 1.08, h * grow, n=12), 2), s.paint((255, 255, 255)))], s.ink, ink
        )
    return s.eyes()


def spiral_eyes(d: Drawing, s: Sign) -> None:
    for x, y, w, h in _sockets(d, s, 1.16):
        t = np.linspace(0.12, 1.0, 34)
        a = TAU * (2.1 * t + 0.5 * s.age)
        line = np.stack([x + 0.92 * w * t * np.cos(a), y + 0.92 * h * t * np.sin(a)], 1)
        d.fill(limb(line, np.full(len(line), 0.030)), s.ink)


def white_eyes(d: Drawing, s: Sign) -> None:
    for x, y, w, h in _sockets(d, s, 1.22, 1.3):
        lid = curve(
            [(x - 1.25 * w, y - 0.9 * h), (x, y - 1.3 * h), (x + 1.25 * w, y - 0.9 * h)], 4, closed=False
        )
        d.fill(limb(lid, np.full(len(lid), 0.035)), s.ink)


def symbol_pupils(d: Drawing, s: Sign) -> None:
    for x, y, w, h in _sockets(d, s, 1.14):
        r = 0.92 * min(w * 1.15, h) * min(1.1, s.pop)
        d.fill(_heart(x, y, r * 1.02), s.paint((236, 44, 96)))
        d.fill(ellipse(x - 0.35 * r, y - 0.35 * r, 0.2 * r, 0.16 * r), s.paint((255, 255, 255)))


def punctuation_mark(d: Drawing, s: Sign) -> None:
    x, y, k = -s.back * 1.55, -0.52, s.pop
    red, rim = s.paint((232, 52, 44)), s.paint((255, 255, 255))
    bar = np.array([(-0.075, -0.34), (0.075, -0.34), (0.040, 0.06), (-0.040, 0.06)]) * k
    dot = ellipse(0, 0.17 * k, 0.055 * k, 0.055 * k)
    hook = (
        curve(
            [(-0.13, -0.22), (-0.04, -0.34), (0.10, -0.28), (0.10, -0.15), (0.0, -0.06), (0.0, 0.06)],
            4,
            closed=False,
        )
        * k
    )
    for grow, paint in ((0.10, rim), (0.0, red)):
        for part in (bar, dot):
            c = part.mean(0)
            d.fill(
                s.letters(
                    c + (part - c) * (1 + 1.5 * grow) + np.sign(part - c) * grow * 0.3 - (0.12 * k, 0), x, y
                ),
                paint,
            )
        line = s.letters(hook + (0.16 * k, 0), x, y)
        d.fill(limb(line, np.full(len(line), (0.075 + grow * 0.7) * k)), paint)
        r = 0.050 * k * (1 + 9.6 * grow)
        d.fill(s.letters(ellipse(0.16 * k, 0.17 * k, r, r), x, y), paint)


def sleep_bubble(d: Drawing, s: Sign) -> None:
    nose = np.array([0.43 * np.sin(0.44 * s.pose.yaw) + 0.02, 0.27])
    breath = 0.5 + 0.5 * np.sin(TAU * s.age * 0.55)
    r = (0.10 + 0.13 * breath) * min(1.0, s.pop)
    side = -np.sign(s.back)
    c = nose + np.array([side * (0.6 * r + 0.03), 0.75 * r])
    d.outlined([(ellipse(c[0], c[1], r, r * 0.95), s.paint((196, 228, 250)))], s.ink, 0.6)
    d.fill(ellipse(c[0] - 0.35 * r, c[1] - 0.4 * r, 0.26 * r, 0.18 * r, -0.5), s.paint((255, 255, 255)))
    z = np.array(
        [
            (-1, -1),
            (1, -1),
            (1, -0.62),
            (-0.35, 0.62),
            (1, 0.62),
            (1, 1),
            (-1, 1),
            (-1, 0.62),
            (0.35, -0.62),
            (-1, -0.62),
        ]
    )
    for k in range(3):
        u = (s.age * 0.35 + k / 3) % 1.0
        size = 0.055 + 0.075 * u
        at = s.letters(
            z * size * min(1.0, 4 * (1 - u)),
            -s.back * (1.2 + 1.0 * u),
            -0.42 - 0.42 * u + 0.03 * np.sin(9 * u),
        )
        d.outlined([(at, s.paint((120, 140, 226)))], s.paint((255, 255, 255)), 1.2)


def soul_leaving(d: Drawing, s: Sign) -> None:
    mouth = np.array([0.40 * np.sin(0.42 * s.pose.yaw), 0.36])
    side = -np.sign(s.back)
    rise = min(1.0, s.age / 0.8)
    top = mouth + np.array(
        [side * (0.30 + 0.34 * rise), -0.20 - 0.55 * rise + 0.04 * np.sin(TAU * s.age * 0.7)]
    )
    mid = (mouth + top) / 2 + np.array([side * 0.16, 0.14])
    tail = curve([mouth, mid, top + (0.0, 0.14)], 7, closed=False)
    pale, rim = s.paint((240, 244, 255)), s.paint((110, 120, 178))
    d.outlined(
        [(limb(tail, np.linspace(0.05, 0.22, len(tail))), pale), (ellipse(top[0], top[1], 0.20, 0.22), pale)],
        rim,
        0.8,
    )
    for k in (-1, 1):
        d.fill(ellipse(top[0] + k * 0.075, top[1] - 0.03, 0.026, 0.045), rim)
    d.fill(ellipse(top[0], top[1] + 0.085, 0.040, 0.026), rim)


def tear_fountain(d: Drawing, s: Sign) -> None:
    blue, white = s.paint((118, 190, 246)), s.paint((236, 248, 255))
    reach = min(1.0, s.age / 0.3)
    for x, y, w, h in s.eyes():
        out = 1.0 if x >= 0 else -1.0
        t = np.linspace(0, reach, 14)
        wob = 0.016 * np.sin(TAU * (2 * t - s.drawing * 0.37))
        line = np.stack(
            [x + out * (0.10 * t + 0.52 * t**1.5) + wob, y + 0.55 * h - 0.34 * t + 1.05 * t * t], 1
        )
        d.outlined([(limb(line, np.linspace(1.5 * w, 0.24, len(line))), blue)], s.ink, 0.7)
        d.fill(limb(line + (0.0, -0.012), np.linspace(0.5 * w, 0.07, len(line))), white)
        for k in range(2):
            a = line[-1] + (out * 0.10 * (k + 1), -0.10 + 0.16 * k)
            d.outlined([(_drop(a[0], a[1], 0.045, -out * 0.9), blue)], s.ink, 0.5)
        d.outlined(
            [(curve([(x - w, y), (x, y - 0.35 * h), (x + w, y), (x, y + 0.25 * h)], 3), white)], s.ink, 0.9
        )


# stroke fonts of three mood words, in katakana drawn with a few strokes each; unit: one letter
_GLYPHS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "do": (
        ((-0.15, -0.5), (-0.15, 0.5)), ((-0.15, -0.1), (0.28, 0.12)),
        ((0.18, -0.5), (0.26, -0.32)), ((0.36, -0.54), (0.44, -0.36)),
    ),
    "go": (
        ((-0.36, -0.36), (0.34, -0.36), (0.34, 0.36), (-0.36, 0.36)),
        ((0.22, -0.62), (0.30, -0.46)), ((0.40, -0.66), (0.48, -0.5)),
    ),
    "ha": (((-0.12, -0.34), (-0.40, 0.40)), ((0.10, -0.38), (0.42, 0.40))),
    "n": (((-0.36, -0.36), (-0.12, -0.16)), ((-0.34, 0.40), (0.08, 0.22), (0.40, -0.28))),
}  # fmt: skip
WORDS = (("do", "n"), ("go", "go", "go"), ("ha", "ha", "ha"))


def drawn_lettering(d: Drawing, s: Sign) -> None:
    word = WORDS[s.word % len(WORDS)]
    for k, glyph in enumerate(word):
        if s.age < 0.085 * k:
            continue
        shake = 0.012 * np.array([np.sin(2.4 * s.drawing + k), np.cos(3.1 * s.drawing + 2 * k)])
        size = (0.34 + 0.05 * k) * s.pop
        x, y = -s.back * (1.75 + 0.16 * k), -0.62 + 0.37 * k
        for grow, paint in (
            (0.16, s.paint((255, 255, 255))),
            (0.085, s.ink),
            (0.048, s.paint((255, 206, 60))),
        ):
            for stroke in _GLYPHS[glyph]:
                line = s.letters(np.array(stroke) * size @ np.array([[1, 0.12], [-0.16, 1]]) + shake, x, y)
                widths = np.linspace(grow * 1.1, grow * 0.8, len(line)) * s.pop
                d.fill(limb(line, widths, 4), paint)


# what the face does under a sign: pose field -> value
FACES: dict[str, dict[str, float]] = {
    "sleep_bubble": {"eye": 0.1, "mouth": 0.0, "head": 0.10},
    "tear_fountain": {"mouth": 0.9, "brow": 0.8, "smile": -0.4},
    "white_eyes": {"mouth": 0.8, "brow": 1.0},
    "soul_leaving": {"mouth": 0.5, "brow": 0.8, "smile": -0.3},
    "spiral_eyes": {"mouth": 0.5},
    "anger_vein": {"brow": -0.9, "smile": -0.5},
    "gloom_lines": {"brow": 0.7, "smile": -0.6},
    "heart_mark": {"smile": 1.0},
}


SYMBOLS: dict[str, Callable[[Drawing, Sign], None]] = {
    "anger_vein": anger_vein,
    "sweatdrop": sweatdrop,
    "flying_sweat": flying_sweat,
    "blush_marks": blush_marks,
    "gloom_lines": gloom_lines,
    "notice_lines": notice_lines,
    "sparkle_mark": sparkle_mark,
    "heart_mark": heart_mark,
    "spiral_eyes": spiral_eyes,
    "white_eyes": white_eyes,
    "symbol_pupils": symbol_pupils,
    "punctuation_mark": punctuation_mark,
    "sleep_bubble": sleep_bubble,
    "soul_leaving": soul_leaving,
    "tear_fountain": tear_fountain,
    "drawn_lettering": drawn_lettering,
}
ON_THE_EYES = ("spiral_eyes", "white_eyes", "symbol_pupils", "tear_fountain", "blush_marks", "gloom_lines")
