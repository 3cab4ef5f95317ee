"""Named colours, times of day, and the paintbox that turns a local colour into the colour on screen.

Everything drawn asks a :class:`Paintbox` for its paint, so that the hour, the weather and the ``palette`` tag
are decided in one place and never per pixel. Colours are RGB triples in 0..255.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

Rgb = tuple[int, int, int]

HAIR: dict[str, Rgb] = {
    "black": (58, 54, 78),
    "brown": (126, 80, 56),
    "blonde": (242, 204, 110),
    "silver": (206, 212, 230),
    "red": (206, 72, 60),
    "pink": (246, 156, 186),
    "blue": (84, 124, 206),
    "green": (92, 168, 124),
    "purple": (142, 100, 186),
    "orange": (238, 140, 66),
}
EYES: dict[str, Rgb] = {
    "brown": (134, 78, 44),
    "blue": (48, 118, 214),
    "green": (52, 158, 96),
    "red": (208, 54, 62),
    "amber": (226, 152, 38),
    "violet": (128, 76, 196),
}
CLOTH: dict[str, Rgb] = {
    "red": (216, 62, 62),
    "navy": (56, 68, 122),
    "white": (244, 244, 248),
    "yellow": (248, 208, 82),
    "teal": (58, 160, 164),
    "green": (88, 158, 92),
    "pink": (246, 164, 188),
    "orange": (242, 142, 64),
    "grey": (138, 144, 160),
    "purple": (132, 96, 178),
    "light blue": (126, 188, 234),
    "black": (62, 62, 78),
}
SKIN: dict[str, Rgb] = {
    "fair": (255, 228, 210),
    "light": (250, 214, 188),
    "tan": (226, 178, 140),
    "brown": (178, 126, 94),
}


@dataclass(frozen=True)
class Hour:
    """Painter's table for one time of day: sky gradient, clouds, light on things, haze, light on figures."""

    sky_top: Rgb
    sky_mid: Rgb
    sky_low: Rgb
    cloud: Rgb
    cloud_shade: Rgb
    light: tuple[float, float, float]
    haze: Rgb
    figure: tuple[float, float, float]
    shade: tuple[float, float, float]
    lamps: bool = False


HOURS: dict[str, Hour] = {
    "day": Hour(
        (64, 142, 228), (128, 192, 246), (216, 240, 252), (255, 255, 255), (192, 214, 242),
        (1.0, 1.0, 1.0), (176, 214, 244), (1.0, 1.0, 1.0), (0.74, 0.68, 0.80),
    ),
    "sunset": Hour(
        (96, 84, 164), (242, 132, 112), (255, 212, 132), (255, 198, 150), (206, 108, 132),
        (1.02, 0.74, 0.62), (250, 166, 128), (1.04, 0.86, 0.76), (0.70, 0.56, 0.68),
    ),
    "night": Hour(
        (14, 20, 56), (28, 42, 98), (64, 86, 150), (66, 82, 142), (36, 48, 100),
        (0.36, 0.43, 0.68), (46, 64, 124), (0.84, 0.83, 0.98), (0.62, 0.60, 0.78), True,
    ),
    "dawn": Hour(
        (118, 142, 214), (238, 182, 206), (255, 232, 208), (255, 236, 232), (216, 176, 206),
        (0.94, 0.84, 0.90), (234, 204, 220), (1.0, 0.92, 0.93), (0.72, 0.66, 0.80),
    ),
}  # fmt: skip

# palette tag -> (saturation factor, value factor, lift towards white, one hue or None)
GRADES: dict[str, tuple[float, float, float, float | None]] = {
    "natural": (1.0, 1.0, 0.0, None),
    "vivid": (1.75, 1.0, 0.0, None),
    "pastel": (0.66, 1.0, 0.34, None),
    "muted": (0.42, 0.94, 0.03, None),
    "monochrome": (0.0, 1.0, 0.0, 0.085),
}


def mix(a: Rgb, b: Rgb, t: float) -> Rgb:
    """Colour a fraction ``t`` of the way from ``a`` to ``b``."""
    return (
        int(a[0] + (b[0] - a[0]) * t + 0.5),
        int(a[1] + (b[1] - a[1]) * t + 0.5),
        int(a[2] + (b[2] - a[2]) * t + 0.5),
    )


def scale(c: Rgb, k: tuple[float, float, float]) -> Rgb:
    """Channel-wise product, clipped to 0..255."""
    return (
        max(0, min(255, int(c[0] * k[0] + 0.5))),
        max(0, min(255, int(c[1] * k[1] + 0.5))),
        max(0, min(255, int(c[2] * k[2] + 0.5))),
    )


class Paintbox:
    """Turns local colours into graded ones for one scene.

    Args:
        hour: key of :data:`HOURS`.
        cloudy: overcast sky: greyer light, weaker haze contrast.
        grade: key of :data:`GRADES` (the ``palette`` tag).
        backlit: figures stand in shade against the light.
    """

    def __init__(
        self, hour: str, cloudy: bool = False, grade: str = "natural", backlit: bool = False
    ) -> None:
        self.hour = HOURS[hour]
        self.cloudy = cloudy
        self.grade = GRADES[grade]
        self.backlit = backlit
        self._cache: dict[Rgb, Rgb] = {}

    def final(self, c: Rgb) -> Rgb:
        """The palette grade alone: what the compositing department would do to every colour."""
        hit = self._cache.get(c)
        if hit is None:
            sat, val, lift, hue = self.grade
            r, g, b = (max(0, min(255, v)) / 255 for v in c)
            if hue is None:
                h, s, v = colorsys.rgb_to_hsv(r, g, b)
                # a power keeps whites white and still floods mid tones with colour
                s = min(1.0, s * sat if sat <= 1 else s ** (1 / sat))
            else:
                h, s, v = hue, 0.30, 0.30 * r + 0.59 * g + 0.11 * b
                s *= 1 - 0.5 * v
            v = min(1.0, v * val)
            r, g, b = colorsys.hsv_to_rgb(h, s, v)
            hit = mix((int(r * 255 + 0.5), int(g * 255 + 0.5), int(b * 255 + 0.5)), (255, 255, 255), lift)
            self._cache[c] = hit
        return hit

    def ground(self, c: Rgb, depth: float = 0.0) -> Rgb:
        """Paint of a thing in the set; ``depth`` 0 near .. 1 horizon adds haze (aerial perspective)."""
        c = scale(c, self.hour.light)
        if self.cloudy:
            grey = sum(c) // 3
            c = mix(c, (grey, grey, grey + 6), 0.28)
        return self.final(mix(c, self.hour.haze, 0.72 * depth))

    def raw(self, c: Rgb) -> Rgb:
        """Paint of something that gives its own light (lamps, lit windows, the sun)."""
        return self.final(c)

    def figure(self, c: Rgb) -> Rgb:
        """Lit paint of a character."""
        c = scale(c, self.hour.figure)
        if self.backlit:
            c = scale(c, (0.60, 0.58, 0.70))
        return self.final(c)

    def shade(self, c: Rgb, step: int = 1) -> Rgb:
        """Shadow paint of a character for the local colour ``c``; step 2 is the deeper one."""
        k = self.hour.shade
        c = scale(c, self.hour.figure)
        if self.backlit:
            c = scale(c, (0.60, 0.58, 0.70))
        for _ in range(step):
            c = scale(c, k)
        return self.final(c)

    def ink(self, c: Rgb, strength: float = 0.70) -> Rgb:
        """Outline colour for paint ``c``: its own dark tint, never black (strength 1 is darkest)."""
        dark = mix(scale(c, (0.42, 0.32, 0.40)), (40, 26, 48), strength)
        return self.final(scale(dark, self.hour.figure))

    def sky(self) -> tuple[Rgb, Rgb, Rgb]:
        """Graded sky colours: zenith, middle, horizon."""
        h = self.hour
        cover = mix(h.cloud_shade, (40, 48, 84) if h.lamps else (206, 210, 220), 0.5)
        share = 0.6 if self.cloudy else 0.0
        top, middle, low = (self.final(mix(t, cover, share)) for t in (h.sky_top, h.sky_mid, h.sky_low))
        return top, middle, low
