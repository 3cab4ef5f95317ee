"""Colour plans beyond saturation and value: few hues, one spot colour, neon on dark, high key."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

from animatrix.synthetic.palette import GRADES, Paintbox, Rgb, mix, scale

CYAN, MAGENTA, ACID = (60, 244, 255), (255, 64, 214), (140, 255, 96)


def _hsv(c: Rgb) -> tuple[float, float, float]:
    return colorsys.rgb_to_hsv(*(max(0, min(255, v)) / 255 for v in c))


def _rgb(h: float, s: float, v: float) -> Rgb:
    r, g, b = colorsys.hsv_to_rgb(h, min(1.0, s), min(1.0, v))
    return int(r * 255 + 0.5), int(g * 255 + 0.5), int(b * 255 + 0.5)


def _apart(a: float, b: float) -> float:
    d = abs(a - b) % 1.0
    return min(d, 1 - d)


def _grey(c: Rgb) -> Rgb:
    v = int(0.30 * c[0] + 0.59 * c[1] + 0.11 * c[2] + 0.5)
    return v, v, v


class GreyBox(Paintbox):
    """Black and white film: no hue anywhere."""

    def final(self, c: Rgb) -> Rgb:
        return _grey(super().final(c))


class LimitedBox(Paintbox):
    """Every hue is moved to the nearest of three: skin, and two that ``spot`` decides."""

    def __init__(self, *args, spot: Rgb, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        h = _hsv(spot)[0]
        self._hues = (
            0.065,
            h if _apart(h, 0.065) > 0.12 else 0.60,
            (h + 0.5) % 1.0 if 0.1 < h < 0.9 else 0.56,
        )

    def final(self, c: Rgb) -> Rgb:
        h, s, v = _hsv(super().final(c))
        hue = min(self._hues, key=lambda x: _apart(x, h)) if s > 0.06 else self._hues[1]
        return _rgb(hue, s * 1.08, v)


class SpotBox(Paintbox):
    """Grey everywhere but for figures' paint of the hue of ``spot``."""

    def __init__(self, *args, spot: Rgb, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._hue = _hsv(spot)[0]

    def _is_spot(self, c: Rgb) -> bool:
        h, s, _ = _hsv(c)
        return s > 0.5 and _apart(h, self._hue) < 0.04

    def final(self, c: Rgb) -> Rgb:
        return _grey(super().final(c))

    def _figure(self, local: Rgb, painted: Rgb) -> Rgb:
        if not self._is_spot(local):
            return painted
        h, _, v = _hsv(local)
        lum = sum(painted) / 3 / max(1.0, sum(_grey(local)) / 3)
        return _rgb(h, 0.92, v * max(0.55, min(1.05, lum)))

    def figure(self, c: Rgb) -> Rgb:
        return self._figure(c, super().figure(c))

    def shade(self, c: Rgb, step: int = 1) -> Rgb:
        return self._figure(c, super().shade(c, step))


class NeonBox(Paintbox):
    """Dark violet grounds and figures; lamps, inks and lights glow cyan, magenta and acid green."""

    def _neon(self, c: Rgb) -> Rgb:
        h, s, _ = _hsv(c)
        if s < 0.15:
            return CYAN
        return MAGENTA if h > 0.72 or h < 0.14 else ACID if h < 0.42 else CYAN

    def ground(self, c: Rgb, depth: float = 0.0) -> Rgb:
        dark = scale(super().ground(c, depth), (0.22, 0.18, 0.30))
        return mix(dark, (26, 8, 52), 0.35 + 0.25 * depth)

    def final(self, c: Rgb) -> Rgb:
        return mix(super().final(c), (64, 16, 112), 0.55)

    def raw(self, c: Rgb) -> Rgb:
        return mix(self._neon(c), (255, 255, 255), 0.12)

    def figure(self, c: Rgb) -> Rgb:
        h, s, v = _hsv(super().figure(c))
        return mix(_rgb(h, s * 1.7 + 0.1, v * 0.80), (34, 10, 70), 0.22)

    def shade(self, c: Rgb, step: int = 1) -> Rgb:
        return mix(scale(self.figure(c), (0.45, 0.40, 0.60)), (20, 6, 50), 0.3 * step)

    def ink(self, c: Rgb, strength: float = 0.70) -> Rgb:
        return self._neon(c)

    def sky(self) -> tuple[Rgb, Rgb, Rgb]:
        return (10, 4, 30), (30, 8, 62), (92, 16, 108)


class HighKeyBox(Paintbox):
    """Exposed for the shadows: everything lies in the upper third."""

    def final(self, c: Rgb) -> Rgb:
        return mix(super().final(c), (255, 255, 255), 0.54)

    def ink(self, c: Rgb, strength: float = 0.70) -> Rgb:
        return mix(super().ink(c, strength), (90, 60, 80), 0.35)


BOXES: dict[str, Callable[..., Paintbox]] = {
    "limited": LimitedBox,
    "spot_color": SpotBox,
    "neon": NeonBox,
    "grey": GreyBox,
    "high_key": HighKeyBox,
}
PALETTES = (*GRADES, "limited", "spot_color", "neon")
_SPOTTED = ("limited", "spot_color")


def paintbox(hour: str, cloudy: bool, grade: str, backlit: bool, key: str, spot: Rgb) -> Paintbox:
    """Paintbox of a scene.

    Args:
        hour, cloudy, backlit: as for :class:`Paintbox`.
        grade: a ``palette`` value, or ``grey``.
        key: ``high_key`` or anything else.
        spot: local colour that a plan of few hues is built on.
    """
    base = grade if grade in GRADES else "natural"
    kind = grade if grade in BOXES else key
    if kind not in BOXES:
        return Paintbox(hour, cloudy, base, backlit)
    extra = {"spot": spot} if kind in _SPOTTED else {}
    return BOXES[kind](hour, cloudy, base, backlit, **extra)
