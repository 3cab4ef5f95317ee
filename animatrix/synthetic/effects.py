"""What the compositor adds: impact frames, graphic devices, things in the air, and the finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.synthetic.palette import Paintbox, mix

_SHIFT = 4


def _fixed(points) -> np.ndarray:
    return np.rint(np.asarray(points, np.float64) * (1 << _SHIFT)).astype(np.int32)


def _luma(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _rays(shape, centre, rng: np.random.Generator, n: int, inner: float, width: float) -> np.ndarray:
    """Mask of ``n`` wedges that run from beyond the frame edge towards ``centre`` (px)."""
    h, w = shape
    out = np.zeros((h, w), np.uint8)
    angles = np.sort((np.arange(n) + rng.random(n) * 0.9) * 2 * np.pi / n)
    far = float(np.hypot(w, h))
    for a in angles:
        r0 = inner * h * (0.85 + 0.5 * rng.random())
        half = width * (0.4 + rng.random())
        x, y = centre[0] + r0 * 1.35 * np.cos(a), centre[1] + r0 * np.sin(a)
        ends = [
            (centre[0] + far * np.cos(a + k * half), centre[1] + far * np.sin(a + k * half)) for k in (-1, 1)
        ]
        cv2.fillPoly(out, [_fixed([(x, y), *ends])], 255, cv2.LINE_AA, _SHIFT)
    return out


# --- impact frames: (frame, figure alpha 0..1 [H,W], centre of the figure in px, rng) -> frame


def _white(frame, alpha, centre, rng):
    ink = np.clip((110 - _luma(frame)) / 90, 0, 1) * alpha * 0.55
    return (255 * (1 - ink))[..., None].repeat(3, 2)


def _black(frame, alpha, centre, rng):
    light = np.clip((_luma(frame) - 150) / 90, 0, 1) * alpha * 0.5
    return (light * 255)[..., None] * np.array([0.75, 0.8, 1.0])


def _inverted(frame, alpha, centre, rng):
    return 255 - frame


def _tint(frame, alpha, centre, rng):
    v = (_luma(frame) / 255)[..., None]
    v = np.clip((v - 0.25) / 0.55, 0, 1)
    return np.array([30, 4, 14]) * (1 - v) + np.array([246, 44, 40]) * v


def _silhouette(frame, alpha, centre, rng):
    h, w = alpha.shape
    d = np.hypot((np.arange(w)[None] - centre[0]) / w, (np.arange(h)[:, None] - centre[1]) / h)[..., None]
    ground = (
        np.array([255, 252, 226]) * (1 - np.clip(d, 0, 1) * 0.5)
        + np.array([255, 190, 70]) * np.clip(d, 0, 1) * 0.5
    )
    return ground * (1 - alpha[..., None]) + np.array([16, 10, 24]) * alpha[..., None]


def _ink_sketch(frame, alpha, centre, rng):
    g = _luma(frame)
    soft = cv2.GaussianBlur(g, (0, 0), max(1.0, frame.shape[0] / 60))
    lines = np.clip((soft - g) / 14, 0, 1)
    paper = np.where(alpha > 0.5, 255 * (g > 95), 246)
    out = np.minimum(paper, 255 * (1 - lines))
    rays = _rays(g.shape, centre, rng, 40, 0.42, 0.012)
    return np.where((rays > 127) & (alpha < 0.5), 12, out)[..., None].repeat(3, 2)


def _burst(frame, alpha, centre, rng):
    h, w = alpha.shape
    out = np.empty_like(frame)
    out[:] = (22, 14, 40)
    far = np.hypot(w, h)
    for reach, paint in ((1.0, (255, 176, 40)), (0.72, (255, 240, 150)), (0.46, (255, 255, 255))):
        n = 26
        a = np.linspace(0, 2 * np.pi, n, endpoint=False) + rng.random() * 0.2
        r = (
            np.where(np.arange(n) % 2 == 0, 0.50 + 0.16 * rng.random(n), 0.25 + 0.05 * rng.random(n))
            * far
            * reach
        )
        cv2.fillPoly(
            out,
            [_fixed(np.stack([centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)], 1))],
            paint,
            cv2.LINE_AA,
            _SHIFT,
        )
    k = alpha[..., None]
    return out * (1 - k) + np.array([40, 20, 44]) * k


IMPACTS: dict[str, Callable] = {
    "white_frame": _white,
    "black_frame": _black,
    "inverted_frame": _inverted,
    "tint_frame": _tint,
    "silhouette_frame": _silhouette,
    "ink_sketch_frame": _ink_sketch,
    "burst_frame": _burst,
}


def impact(kind: str, frame: np.ndarray, alpha: np.ndarray, centre, rng: np.random.Generator) -> np.ndarray:
    """Turn ``frame`` ``uint8 [H,W,3]`` into an impact frame; ``alpha`` 0..1 ``[H,W]`` is the figure."""
    return np.clip(np.rint(IMPACTS[kind](frame, alpha, centre, rng)), 0, 255).astype(np.uint8)


# --- graphic devices

DEVICES = ("focus_lines", "speed_line_background", "color_field")


def focus_lines(frame: np.ndarray, centre, box: Paintbox, rng: np.random.Generator) -> np.ndarray:
    """Ink lines converging on ``centre`` from the frame edges."""
    rays = _rays(frame.shape[:2], centre, rng, 46, 0.50, 0.020)[..., None].astype(np.float32) / 255
    ink = np.array(box.final((250, 250, 255) if box.hour.lamps else (40, 34, 60)), np.float32)
    return np.rint(frame * (1 - rays) + ink * rays).astype(np.uint8)


def speed_lines(size: tuple[int, int], box: Paintbox, run: float, facing: int, seed: int) -> np.ndarray:
    """Ground of parallel streaks that stream against ``facing``; ``run``: how far, in frame widths."""
    w, h = size
    rng = np.random.default_rng([seed, 77])
    top, middle, low = box.sky()
    out = np.empty((h, w, 3), np.uint8)
    y = np.linspace(0, 1, h)[:, None]
    out[:] = np.rint(np.array(middle) * (1 - y) + np.array(low) * y)[:, None]
    for _ in range(46):
        yy, length, thick = (
            rng.random() * h,
            (0.25 + 0.8 * rng.random()) * w,
            (0.004 + 0.018 * rng.random() ** 2) * h,
        )
        paint = mix(top, (255, 255, 255), 0.85) if rng.random() < 0.6 else mix(top, (30, 20, 60), 0.25)
        x = (rng.random() * 2.2 * w - facing * run * w * (0.8 + 0.5 * rng.random())) % (2.2 * w) - 1.1 * w
        cv2.fillPoly(
            out,
            [_fixed([(x, yy), (x + length / 2, yy - thick), (x + length, yy), (x + length / 2, yy + thick)])],
            paint,
            cv2.LINE_AA,
            _SHIFT,
        )
    return out


def colour_field(size: tuple[int, int], box: Paintbox, accent) -> np.ndarray:
    """Ground dropped to one colour with a light centre."""
    w, h = size
    base = np.array(box.final(mix(accent, (255, 255, 255), 0.25)), np.float32)
    d = np.hypot((np.arange(w)[None] / w - 0.5), (np.arange(h)[:, None] / h - 0.5))[..., None]
    return np.rint(base + (255 - base) * np.clip(0.45 - d, 0, 1) * 0.8).astype(np.uint8)


# --- things in the air


@dataclass(frozen=True)
class Air:
    """How one kind of thing falls: number, size, fall and drift per second (frame heights), sway."""

    count: int
    size: float
    fall: float
    drift: float
    sway: float


NATURAL: dict[str, Air] = {
    "petals_leaves": Air(26, 0.020, 0.26, 0.30, 0.05),
    "snow": Air(70, 0.0125, 0.30, 0.06, 0.03),
    "rain": Air(64, 0.16, 2.6, 0.25, 0.0),
}


def fall(
    kind: str,
    frame: np.ndarray,
    t: float,
    camera: np.ndarray,
    box: Paintbox,
    wind: float,
    petal,
    rng_key: int,
) -> None:
    """Draw what is in the air at ``t`` seconds onto ``frame``; ``camera`` is the frame's travel in px."""
    air = NATURAL[kind]
    h, w = frame.shape[:2]
    rng = np.random.default_rng([rng_key, 91])
    x0, y0, depth, ph = rng.random((4, air.count))
    near = 0.55 + 0.75 * depth
    side = 1.0 if wind >= 0 else -1.0
    x = (
        x0 * w * 1.2
        + side * air.drift * t * h * near
        + air.sway * h * np.sin(2 * np.pi * (t * 0.9 + ph))
        - camera[0] * near
    )
    y = y0 * h * 1.2 + air.fall * t * h * near - camera[1] * near
    x, y = x % (1.2 * w) - 0.1 * w, y % (1.2 * h) - 0.1 * h
    one = 1 << _SHIFT
    if kind == "rain":
        paint = mix(box.final((226, 238, 252)), box.sky()[1], 0.35)
        for k in range(air.count):
            n = air.size * h * near[k] * 0.6
            dx = side * air.drift / air.fall * n
            cv2.line(
                frame,
                tuple(_fixed((x[k], y[k])).tolist()),
                tuple(_fixed((x[k] + dx, y[k] + n)).tolist()),
                paint,
                max(1, round(h / 220)),
                cv2.LINE_AA,
                _SHIFT,
            )
        return
    if kind == "snow":
        paint = box.final((255, 255, 255))
        for k in range(air.count):
            cv2.circle(
                frame,
                (int(x[k] * one), int(y[k] * one)),
                int(air.size * h * near[k] * one),
                paint,
                -1,
                cv2.LINE_AA,
                _SHIFT,
            )
        return
    lit, dark = box.figure(petal), box.shade(petal)
    for k in range(air.count):
        a = 2 * np.pi * (t * (0.7 + 0.6 * ph[k]) + ph[k])
        r = air.size * h * near[k]
        c, s = np.cos(a * 0.6), np.sin(a * 0.6)
        flip = 0.35 + 0.65 * abs(np.sin(a))
        p = np.array([(-1.2, 0), (-0.3, -0.7), (0.8, -0.45), (1.1, 0.0), (0.8, 0.45), (-0.3, 0.7)]) * (
            r,
            r * flip,
        )
        p = np.stack([p[:, 0] * c - p[:, 1] * s + x[k], p[:, 0] * s + p[:, 1] * c + y[k]], 1)
        cv2.fillPoly(frame, [_fixed(p)], lit if np.sin(a) > -0.2 else dark, cv2.LINE_AA, _SHIFT)


# --- finish

FINISHES = ("film_grain", "vignette", "para")


def finish_map(kinds: tuple[str, ...], size: tuple[int, int], side: int) -> np.ndarray | None:
    """Multiplier ``float32 [H,W,3]`` of vignette and para, or None."""
    w, h = size
    out = None
    x, y = np.linspace(-1, 1, w, dtype=np.float32)[None], np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    if "vignette" in kinds:
        r = np.hypot(x, y * 0.9)
        out = (1 - 0.62 * np.clip(r - 0.45, 0, 1) ** 1.3)[..., None].repeat(3, 2)
    if "para" in kinds:
        u = np.clip(0.5 + 0.5 * (side * x * 0.7 + y * 0.75), 0, 1)[..., None] ** 1.4
        tint = 1 - u * (1 - np.array([0.42, 0.40, 0.66], np.float32))
        out = tint if out is None else out * tint
    return out


def finish(frame: np.ndarray, multiplier: np.ndarray | None, grain: np.random.Generator | None) -> np.ndarray:
    """Apply the finish to one frame; ``grain`` draws this frame's film grain."""
    if multiplier is not None:
        frame = np.rint(frame * multiplier).astype(np.uint8)
    if grain is not None:
        h, w = frame.shape[:2]
        noise = grain.standard_normal((h, w, 1), np.float32) * np.float32(7.0)
        frame = np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)
    return frame
