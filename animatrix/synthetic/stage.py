"""The painter's table: layers of a set, larger than the frame, painted in units of the standard layout.

Layout units: 1 is the frame height, x runs right from the left edge of the first frame, y down from its top;
the horizon of every set lies at :data:`HORIZON`. A tighter shot enlarges the set about the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.synthetic.palette import Paintbox, Rgb, mix

HORIZON = 0.56
_SHIFT = 4


@dataclass
class Layer:
    """Painted layer: premultiplied RGBA ``uint8``, ``oversample`` px per frame px, origin in frame px."""

    name: str
    rgba: np.ndarray
    origin: tuple[float, float]
    oversample: float
    opaque: bool


class Painter:
    """Paints one layer in layout units. Colours given are final (ask the paintbox first)."""

    def __init__(
        self, layer: Layer, px: float, shift: tuple[float, float], extent: tuple[float, float, float, float]
    ):
        self.layer = layer
        self.image = layer.rgba
        self.px = px
        self.shift = np.array(shift)
        self.x0, self.y0, self.x1, self.y1 = extent

    def _fix(self, pts) -> np.ndarray:
        return np.rint((np.asarray(pts, np.float64) * self.px + self.shift) * (1 << _SHIFT)).astype(np.int32)

    def poly(self, pts, paint: Rgb) -> None:
        """Flat polygon."""
        cv2.fillPoly(self.image, [self._fix(pts)], (*paint, 255), cv2.LINE_AA, _SHIFT)

    def rect(self, x0: float, y0: float, x1: float, y1: float, paint: Rgb) -> None:
        """Axis-aligned flat rectangle."""
        f = self._fix([(x0, y0), (x1, y1)]) / (1 << _SHIFT)
        (ax, ay), (bx, by) = np.rint(f).astype(int)
        self.image[max(0, ay) : max(0, by, ay + 1), max(0, ax) : max(0, bx, ax + 1)] = (*paint, 255)

    def disc(self, x: float, y: float, r: float, paint: Rgb) -> None:
        """Flat circle."""
        c = self._fix([(x, y)])[0]
        cv2.circle(
            self.image,
            (int(c[0]), int(c[1])),
            max(1, int(r * self.px * (1 << _SHIFT))),
            (*paint, 255),
            -1,
            cv2.LINE_AA,
            _SHIFT,
        )

    def line(self, pts, paint: Rgb, width: float) -> None:
        """Open stroke, ``width`` in layout units."""
        cv2.polylines(
            self.image,
            [self._fix(pts)],
            False,
            (*paint, 255),
            max(1, round(width * self.px)),
            cv2.LINE_AA,
            _SHIFT,
        )

    def gradient(self, y0: float, y1: float, stops: list[Rgb]) -> None:
        """Vertical gradient over the whole width between two heights."""
        rows = (np.arange(self.image.shape[0]) - self.shift[1]) / self.px
        a = max(0, int(np.searchsorted(rows, y0)))
        b = min(len(rows), int(np.searchsorted(rows, y1)))
        if b <= a:
            return
        u = (rows[a:b] - y0) / (y1 - y0) * (len(stops) - 1)
        c = np.array(stops, np.float64)
        band = np.stack([np.interp(u, np.arange(len(stops)), c[:, k]) for k in range(3)], 1)
        self.image[a:b, :, :3] = np.rint(band)[:, None]
        self.image[a:b, :, 3] = 255

    def glow(self, x: float, y: float, r: float, paint: Rgb, strength: float) -> None:
        """Soft light added round a point."""
        cx, cy = np.array([x, y]) * self.px + self.shift
        rp = r * self.px
        h, w = self.image.shape[:2]
        x0, x1 = max(0, int(cx - rp)), min(w, int(cx + rp) + 1)
        y0, y1 = max(0, int(cy - rp)), min(h, int(cy + rp) + 1)
        if x1 <= x0 or y1 <= y0:
            return
        d = np.hypot(np.arange(x0, x1)[None, :] - cx, np.arange(y0, y1)[:, None] - cy) / rp
        k = (np.clip(1 - d, 0, 1) ** 2 * strength).astype(np.float32)[..., None]
        roi = self.image[y0:y1, x0:x1, :3]
        roi[:] = np.rint(roi + (np.array(paint, np.float32) - roi) * k)


class Stage:
    """All layers of one set.

    Args:
        box: paintbox of the scene.
        rng: decides every accidental (where clouds, trees and windows lie).
        size: frame (width, height) in px.
        zoom: enlargement of the set about the horizon for tighter shots.
        regions: layer name -> (x0, y0, x1, y1) in frame px that the camera will see of it.
        separate: False merges everything behind the figure into one plane.
        oversample: plate px per frame px.
    """

    def __init__(
        self,
        box: Paintbox,
        rng: np.random.Generator,
        size: tuple[int, int],
        zoom: float,
        regions: dict[str, tuple[float, float, float, float]],
        separate: bool,
        oversample: float,
        horizon: float = HORIZON,
    ):
        self.box, self.rng, self.size, self.zoom = box, rng, size, zoom
        self.regions, self.separate, self.oversample, self.horizon = regions, separate, oversample, horizon
        self.layers: list[Layer] = []
        self._painters: dict[str, Painter] = {}

    def layer(self, name: str) -> Painter:
        """Painter of layer ``name`` (sky, far, main or book); without parallax all but the book share one."""
        if not self.separate and name != "book":
            name = "main"
        if name in self._painters:
            return self._painters[name]
        x0, y0, x1, y1 = self.regions[name]
        k, (w, h) = self.oversample, self.size
        shape = (int(np.ceil((y1 - y0) * k)), int(np.ceil((x1 - x0) * k)), 4)
        opaque = not self.layers
        layer = Layer(name, np.zeros(shape, np.uint8), (x0, y0), k, opaque)
        # layout (x, y) -> frame px: enlarge about (centre of frame, standard horizon -> this shot's horizon)
        px = h * self.zoom
        cx = w / h / 2
        tx = (cx * h - cx * px - x0) * k
        ty = (self.horizon * h - HORIZON * px - y0) * k
        extent = (
            (0 - tx) / (px * k),
            (0 - ty) / (px * k),
            (shape[1] - tx) / (px * k),
            (shape[0] - ty) / (px * k),
        )
        painter = Painter(layer, px * k, (tx, ty), extent)
        self._painters[name] = painter
        self.layers.append(layer)
        return painter

    def spots(self, p: Painter, gap: float, jitter: float = 0.3, start: float = 0.0, margin: float = 0.3):
        """x positions about ``gap`` apart over the whole layer, the same ones whatever the camera sees."""
        first = int(np.floor((p.x0 - margin - start) / gap))
        last = int(np.ceil((p.x1 + margin - start) / gap))
        key = int(self.rng.integers(1 << 31))
        for n in range(first, last + 1):
            local = np.random.default_rng([key, n & 0xFFFFFFFF])
            yield start + (n + jitter * (local.random() - 0.5)) * gap, local

    def sky(self, clouds: float = 1.0, low: float = HORIZON) -> Painter:
        """Sky gradient with sun or moon, stars and painted clouds; ``clouds`` is how many."""
        p = self.layer("sky")
        box, hour = self.box, self.box.hour
        top, middle, bottom = box.sky()
        p.gradient(p.y0 - 1, min(p.y0, -0.2), [top, top])
        p.gradient(min(p.y0, -0.2), low + 0.02, [top, mix(top, middle, 0.6), middle, bottom])
        p.gradient(low + 0.02, p.y1 + 1, [bottom, bottom])
        clear = not box.cloudy
        if hour.lamps:
            for x, r in self.spots(p, 0.09, 1.0):
                y = p.y0 + (low - 0.1 - p.y0) * r.random() ** 1.3
                if clear:
                    p.disc(
                        x,
                        y,
                        0.0025 + 0.003 * r.random(),
                        box.raw(mix((250, 246, 220), hour.sky_mid, 0.6 * r.random())),
                    )
            if clear:
                mx, my = 0.28 + 1.1 * self.rng.random(), 0.10 + 0.08 * self.rng.random()
                p.glow(mx, my, 0.26, box.raw((180, 196, 240)), 0.5)
                p.disc(mx, my, 0.055, box.raw((252, 246, 214)))
                p.disc(mx + 0.022, my - 0.012, 0.046, mix(box.raw((252, 246, 214)), top, 0.22))
        elif clear and hour.sky_mid[0] > 200:  # sunset and dawn: the sun stands on the horizon
            sx = 0.35 + 1.0 * self.rng.random()
            p.glow(sx, low - 0.09, 0.62, box.raw((255, 236, 170)), 0.85)
            p.disc(sx, low - 0.10, 0.075, box.raw((255, 244, 206)))
        if clouds:
            self._clouds(p, clouds, low)
        return p

    def _clouds(self, p: Painter, amount: float, low: float) -> None:
        box, hour = self.box, self.box.hour
        lit, shade = box.final(hour.cloud), box.final(hour.cloud_shade)
        if box.cloudy:
            lit, shade = mix(lit, shade, 0.45), mix(shade, box.sky()[1], 0.25)
            amount *= 1.7
        base = box.sky()[2]
        for x, r in self.spots(p, 0.62 / amount, 0.9, self.rng.random()):  # far strips
            y = low - 0.05 - 0.10 * r.random()
            w = 0.10 + 0.16 * r.random()
            c = mix(lit, base, 0.45)
            a = np.linspace(0, 2 * np.pi, 24)
            for dx, dy, q in (
                (0.0, 0.0, 1.0),
                (0.35 * w, -0.014, 0.5),
                (-0.4 * w, 0.012, 0.55 + 0.2 * r.random()),
            ):
                p.poly(np.stack([x + dx + w * q * np.cos(a), y + dy + 0.013 * np.sin(a)], 1), c)
        for x, r in self.spots(p, 0.95 / amount, 0.7, self.rng.random()):
            y = 0.08 + 0.24 * r.random()
            s = 0.10 + 0.09 * r.random()
            puffs = [
                (x + s * u, y - s * v, s * q * (0.85 + 0.3 * r.random()))
                for u, v, q in (
                    (-1.25, 0.02, 0.34),
                    (-0.75, 0.20, 0.46),
                    (-0.15, 0.46, 0.58),
                    (0.45, 0.30, 0.50),
                    (0.95, 0.12, 0.38),
                    (1.4, 0.0, 0.26),
                )
            ]
            for u, v, q in puffs:
                p.disc(u, v, q, shade)
            p.poly(
                [
                    (x - s * 1.55, y + s * 0.22),
                    (x + s * 1.62, y + s * 0.22),
                    (x + s * 1.3, y - s * 0.1),
                    (x - s * 1.2, y - s * 0.1),
                ],
                shade,
            )
            for u, v, q in puffs:
                p.disc(u - s * 0.05, v - s * 0.12, q * 0.86, lit)
