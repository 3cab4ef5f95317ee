"""Mattes of a traced drawing: which form, which material and which painted tone lies at every pixel.

A compositor asks ink and paint for a colour-keyed pass; here the same display list is traced again in keys.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.synthetic.costume import Costume
from animatrix.synthetic.ink import FILL, LINE, OUTLINE, Cel, Drawing, LineStyle, trace

MATERIALS = ("skin", "hair", "top", "bottom", "trim", "shoe", "extra")
FEATURE = 15  # eyes, mouth and other paint that belongs to no material
_TONES = ("lit", "shade", "deep", "gloss")
_INK, _LINE, _PAINT = 255, 200, 128


@dataclass(frozen=True)
class Matte:
    """Keys of one cel, each ``[h,w]``; ``unit`` is one head in cel px, ``anchor`` the point between the feet.

    ``form`` numbers outlined shapes, ``material`` indexes :data:`MATERIALS` (15: a feature), ``tone`` is
    0 lit, 1 shade, 2 deep, 3 gloss; ``ink``, ``border`` (ink between forms) and ``paint`` are masks.
    """

    form: np.ndarray
    material: np.ndarray
    tone: np.ndarray
    ink: np.ndarray
    border: np.ndarray
    paint: np.ndarray
    unit: float
    anchor: tuple[float, float]

    @property
    def cloth(self) -> np.ndarray:
        """Painted pixels of a known material."""
        return self.paint & (self.material != FEATURE)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixel coordinates that ride on the figure, from :attr:`anchor`: x ``[1,w]``, y ``[h,1]``."""
        h, w = self.form.shape
        return (
            (np.arange(w, dtype=np.float32) - self.anchor[0])[None],
            (np.arange(h, dtype=np.float32) - self.anchor[1])[:, None],
        )

    def depth(self) -> np.ndarray:
        """Distance in heads from the border of the form a pixel lies in, ``float32 [h,w]``."""
        solid = ((self.paint | self.ink) & ~self.border).astype(np.uint8)
        solid[:, 1:][self.form[:, 1:] != self.form[:, :-1]] = 0
        solid[1:][self.form[1:] != self.form[:-1]] = 0
        return cv2.distanceTransform(solid, cv2.DIST_L2, 3) / np.float32(self.unit)

    def facing(self, light: tuple[float, float], soft: float = 0.05) -> np.ndarray:
        """How far each form turns to the light at a pixel, 0 away .. 1 towards; forms are inflated outlines.

        Args:
            light: direction to the light on screen (x right, y down), any length.
            soft: roundness in heads.
        """
        d = cv2.GaussianBlur(self.depth(), (0, 0), max(0.7, soft * self.unit))
        k = self.unit / 8
        gx, gy = cv2.Sobel(d, cv2.CV_32F, 1, 0) * k, cv2.Sobel(d, cv2.CV_32F, 0, 1) * k
        lx, ly = np.array(light) / max(1e-6, float(np.hypot(*light)))
        return np.clip(0.5 - 0.5 * (gx * lx + gy * ly), 0, 1)


def _keys(costume: Costume) -> dict[tuple[int, int, int], tuple[int, int]]:
    """Paint -> (material, tone), lit paints first where two tones share a paint."""
    out: dict[tuple[int, int, int], tuple[int, int]] = {}
    for tone, name in enumerate(_TONES):
        for k, material in enumerate(MATERIALS):
            out.setdefault(getattr(getattr(costume, material), name), (k, tone))
    return out


def matte_of(
    drawing: Drawing,
    costume: Costume,
    cel: Cel,
    to_screen,
    line_px: float,
    window,
    style: LineStyle,
    unit: float,
    anchor: tuple[float, float],
) -> Matte:
    """Matte of the cel that :func:`trace` made of ``drawing`` with the same arguments."""
    keys, keyed, form, previous, feature = _keys(costume), Drawing(), 0, None, False
    for n, (kind, pts, colour, width, clip) in enumerate(drawing.ops):
        if kind == OUTLINE and previous != OUTLINE:  # a mouth is outlined too, but it is no form of its own
            paint = next((o[2] for o in drawing.ops[n:] if o[0] == FILL), None)
            feature = paint not in keys
            form += not feature
        previous = kind
        if kind in (OUTLINE, LINE):
            key = (form & 255, 0, _LINE if feature or kind == LINE else _INK)
        else:
            material, tone = keys.get(colour, (FEATURE, 0))
            key = (form & 255, material * 16 + tone, _PAINT)
        keyed.ops.append((kind, pts, key, width, clip))
    flat = LineStyle(style.weight, 0.0, style.outlines, style.ink)
    traced = trace(keyed, to_screen, line_px, window, flat, supersample=1)
    h, w = cel.rgba.shape[:2]
    rgba = np.zeros((h, w, 4), np.uint8)
    if traced is not None:  # the two windows differ by the contour's margin at most
        dx, dy = traced.origin[0] - cel.origin[0], traced.origin[1] - cel.origin[1]
        x0, y0 = max(0, dx), max(0, dy)
        x1, y1 = min(w, dx + traced.rgba.shape[1]), min(h, dy + traced.rgba.shape[0])
        rgba[y0:y1, x0:x1] = traced.rgba[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    shown = rgba[..., 3] > 0
    return Matte(
        rgba[..., 0],
        rgba[..., 1] >> 4,
        rgba[..., 1] & 15,
        shown & (rgba[..., 2] >= _LINE),
        shown & (rgba[..., 2] == _INK),
        shown & (rgba[..., 2] == _PAINT),
        unit,
        (anchor[0] - cel.origin[0], anchor[1] - cel.origin[1]),
    )


__all__ = ["FEATURE", "MATERIALS", "Matte", "matte_of"]
