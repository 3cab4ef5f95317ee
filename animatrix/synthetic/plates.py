"""Manners of the background plate: how the painted layers of a set are rendered before they are shot.

A manner is ``(layers, Manner) -> None`` and repaints the layers of :class:`Stage` in place; all sizes are
shares of the frame height. What a manner does to the frame itself (paper at the borders) is in :func:`veil`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.synthetic.palette import Paintbox, Rgb
from animatrix.synthetic.stage import Layer

PAPER = (252, 249, 240)


@dataclass(frozen=True)
class Manner:
    """What the painters may know: paints, frame height in layer pixels, ink of the lines, the shot's seed."""

    box: Paintbox
    unit: float
    ink: Rgb
    seed: int
    sketch: bool = False


def _grain(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise -1..1, ``scale`` px a grain."""
    h, w = shape
    small = rng.standard_normal((int(h / scale) + 3, int(w / scale) + 3), np.float32)
    return np.tanh(cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC))


def _mix(layer: Layer, paint, k: np.ndarray) -> None:
    """Move the premultiplied paint of a layer a share ``k`` ``[h,w]`` towards ``paint``."""
    a = layer.rgba[..., 3:].astype(np.float32) / 255
    rgb = layer.rgba[..., :3].astype(np.float32)
    rgb += (np.asarray(paint, np.float32) * a - rgb) * k[..., None]
    layer.rgba[..., :3] = np.clip(np.rint(rgb), 0, layer.rgba[..., 3:]).astype(np.uint8)


def _edges(layer: Layer, blur: float) -> np.ndarray:
    """Strength 0..1 of colour borders, ``float32 [h,w]``."""
    img = cv2.GaussianBlur(layer.rgba, (0, 0), blur).astype(np.float32)
    gx = img[:, 2:] - img[:, :-2]
    gy = img[2:] - img[:-2]
    out = np.zeros(img.shape[:2], np.float32)
    out[:, 1:-1] = np.abs(gx).max(2)
    out[1:-1] = np.maximum(out[1:-1], np.abs(gy).max(2))
    return out * blur


def watercolor_wash(layers: list[Layer], m: Manner) -> None:
    """Transparent washes: pooled pigment, a rim where the water dried, grain of the paper."""
    for n, layer in enumerate(layers):
        rng = np.random.default_rng([m.seed, 61, n])
        shape = layer.rgba.shape[:2]
        soft = cv2.medianBlur(layer.rgba, 2 * max(1, round(0.008 * m.unit)) + 1)
        # the wash runs over its border a little, and not evenly
        wander = [(_grain(shape, 0.06 * m.unit, rng) * 0.010 * m.unit).astype(np.float32) for _ in range(2)]
        ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        layer.rgba[:] = cv2.remap(
            soft, xs + wander[0], ys + wander[1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
        rim = np.clip((_edges(layer, max(0.8, 0.006 * m.unit)) - 10) / 60, 0, 1)
        pool = _grain(shape, 0.20 * m.unit, rng) * 0.6 + _grain(shape, 0.05 * m.unit, rng) * 0.4
        tooth = _grain(shape, max(1.3, 0.007 * m.unit), rng)
        _mix(layer, PAPER, np.clip(0.34 + 0.20 * pool + 0.07 * tooth - 0.20 * rim, 0, 0.8))
        _mix(layer, m.box.final((70, 66, 96)), 0.30 * rim)


def _clusters(samples: np.ndarray, k: int) -> np.ndarray:
    """``k`` cluster centres of colours ``[n,3]``; starts at spread luminances, so it never needs luck."""
    order = samples[np.argsort(samples @ np.array([0.3, 0.59, 0.11]))]
    centres = order[np.linspace(0, len(order) - 1, k).astype(int)].astype(np.float64)
    for _ in range(12):
        near = ((samples[:, None] - centres[None]) ** 2).sum(2).argmin(1)
        for j in range(k):
            if (near == j).any():
                centres[j] = samples[near == j].mean(0)
    return centres


def graphic_color_field(layers: list[Layer], m: Manner) -> None:
    """The place told in a handful of flat shapes."""
    taken = []
    for layer in layers:
        flat = layer.rgba[:: max(1, layer.rgba.shape[0] // 60), :: max(1, layer.rgba.shape[1] // 60)]
        taken.append(flat[flat[..., 3] > 250][:, :3].astype(np.float64))
    samples = np.concatenate(taken)
    if not len(samples):
        return
    centres = _clusters(samples, 5)
    # a lookup over 32 levels a channel: every colour to its cluster
    level = np.arange(4, 256, 8)
    cube = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(-1, 3)
    near = ((cube[:, None] - centres[None]) ** 2).sum(2).argmin(1).astype(np.uint8)
    table = near.reshape(32, 32, 32)
    paint = np.rint(centres).astype(np.uint8)
    for layer in layers:
        wide = 2 * max(1, round(0.016 * m.unit)) + 1
        rgb = cv2.medianBlur(layer.rgba, min(wide, 99))
        a = np.maximum(rgb[..., 3:].astype(np.float32), 1) / 255
        full = np.clip(rgb[..., :3] / a, 0, 255).astype(np.uint8)
        label = cv2.medianBlur(table[full[..., 0] >> 3, full[..., 1] >> 3, full[..., 2] >> 3], min(wide, 5))
        cover = rgb[..., 3:]
        layer.rgba[..., :3] = (paint[label].astype(np.uint16) * cover // 255).astype(np.uint8)
        layer.rgba[..., 3:] = cover


def line_drawn(layers: list[Layer], m: Manner) -> None:
    """The set inked like the figures; a sketch keeps the paper white."""
    for n, layer in enumerate(layers):
        rng = np.random.default_rng([m.seed, 63, n])
        edge = _edges(layer, max(0.7, 0.0035 * m.unit))
        line = np.clip((edge - 7.0) / 9.0, 0, 1)
        if m.sketch:
            grain = _grain(line.shape, max(1.2, 0.006 * m.unit), rng)
            wander = (_grain(line.shape, 0.05 * m.unit, rng) * 0.008 * m.unit).astype(np.float32)
            ys, xs = np.mgrid[0 : line.shape[0], 0 : line.shape[1]].astype(np.float32)
            twice = cv2.remap(line, xs + wander, ys - wander, cv2.INTER_LINEAR)
            line = np.maximum(line * (0.60 + 0.3 * grain), 0.55 * twice)
            grey = layer.rgba[..., :3].mean(2) / 255
            x, y = np.arange(line.shape[1])[None], np.arange(line.shape[0])[:, None]
            scribble = np.mod(x + 1.6 * y + 0.003 * m.unit * grain, 0.021 * m.unit) < 0.007 * m.unit
            _mix(layer, PAPER, np.full(line.shape, 0.86, np.float32))
            line = np.maximum(line, 0.30 * scribble * (grey < 0.52) * (layer.rgba[..., 3] > 0))
        _mix(layer, m.ink, np.clip(0.90 * line, 0, 1))


def blank_void(layers: list[Layer], m: Manner) -> None:
    """One empty colour."""
    tones = (
        ((255, 255, 255), (238, 236, 244), (20, 18, 30))
        if not m.box.hour.lamps
        else ((16, 18, 38), (10, 10, 16))
    )
    paint = m.box.final(tones[m.seed % len(tones)])
    for layer in layers:
        if layer.opaque:
            layer.rgba[:] = (*paint, 255)
        else:
            layer.rgba[:] = 0


MANNERS: dict[str, Callable[[list[Layer], Manner], None] | None] = {
    "painted_poster": None,
    "watercolor_wash": watercolor_wash,
    "graphic_color_field": graphic_color_field,
    "line_drawn": line_drawn,
    "blank_void": blank_void,
}


def veil(size: tuple[int, int], seed: int, wide: bool) -> np.ndarray:
    """Share of bare paper towards the borders, ``float32 [H,W,1]``; ``wide`` leaves more of it."""
    w, h = size
    rng = np.random.default_rng([seed, 62])
    edge = _grain((h, w), 0.16 * h, rng) * 0.10 + _grain((h, w), 0.05 * h, rng) * 0.05
    x, y = np.linspace(-1, 1, w, dtype=np.float32)[None], np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    r = np.maximum(np.abs(x), np.abs(y) * 0.96) + edge
    inner, outer = (0.42, 0.86) if wide else (0.72, 1.0)
    k = np.clip((r - inner) / (outer - inner), 0, 1)
    return (k * k * (3 - 2 * k))[..., None].astype(np.float32)
