"""Light added in compositing: over the artwork, under the impact frames and the film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.synthetic.palette import Paintbox, Rgb

TAU = 2 * np.pi


@dataclass(frozen=True)
class Light:
    """One frame of one light: age and whole length in seconds, 0..1 of its strength, and what it falls on."""

    age: float
    life: float
    env: float
    points: dict[str, np.ndarray]
    alpha: np.ndarray
    box: Paintbox
    seed: int
    facing: int
    head: float

    def rng(self, key: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, 51, key])


def _add(frame: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Screen ``light`` (float, 0..255) onto the frame."""
    v = np.clip(light, 0, 255)
    return np.clip(np.rint(frame + v - frame * v / 255), 0, 255).astype(np.uint8)


def _grid(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the pixels in frame heights from the top left."""
    h, w = frame.shape[:2]
    return np.arange(w, dtype=np.float32)[None] / h, np.arange(h, dtype=np.float32)[:, None] / h


def _tone(c: Rgb) -> np.ndarray:
    return np.asarray(c, np.float32)


def transmitted_light(frame: np.ndarray, s: Light) -> np.ndarray:
    """A crystal in the hand burns to white, and bleeds colour as if lit from behind the cel."""
    h, w = frame.shape[:2]
    x, y = np.clip(s.points["hand"], (0.10 * w, 0.14 * h), (0.90 * w, 0.86 * h))
    r = 0.080 * h
    shape = np.zeros((h, w), np.uint8)
    gem = np.array([(0, -1.25), (0.62, -0.2), (0, 1.25), (-0.62, -0.2)]) * r + (x, y)
    cv2.fillPoly(shape, [np.rint(gem * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    core = shape.astype(np.float32) / 255
    pulse = s.env * (0.88 + 0.12 * np.sin(TAU * 1.2 * s.age))
    near = cv2.GaussianBlur(core, (0, 0), 0.035 * h)
    wide = cv2.GaussianBlur(core, (0, 0), 0.115 * h)
    tint = _tone(s.box.raw(((120, 220, 255), (255, 170, 90), (200, 140, 255))[s.seed % 3]))
    out = _add(frame, (near[..., None] * 1.3 + wide[..., None] * 3.4) * tint * pulse)
    return np.rint(out * (1 - core[..., None] * s.env) + 255.0 * core[..., None] * s.env).astype(np.uint8)


# place on the line (0 the source, 1 the middle), radius, tint and strength of the ghosts of a lens
_GHOSTS: tuple[tuple[float, float, Rgb, float], ...] = (
    (0.45, 0.035, (120, 255, 190), 0.45),
    (0.72, 0.060, (255, 190, 110), 0.34),
    (1.25, 0.045, (130, 170, 255), 0.48),
    (1.55, 0.095, (255, 120, 200), 0.30),
    (1.95, 0.155, (120, 220, 255), 0.28),
)


def lens_flare(frame: np.ndarray, s: Light) -> np.ndarray:
    """Ghost discs on the line from a light source through the middle of the frame."""
    h, w = frame.shape[:2]
    x, y = _grid(frame)
    side = 1 if s.seed % 2 else -1
    source = np.array([w / h / 2 + side * (0.40 * w / h - 0.012 * np.sin(TAU * 0.2 * s.age)), 0.13])
    middle = np.array([w / h / 2, 0.5])
    light = np.zeros((h, w, 3), np.float32)
    d = np.hypot(x - source[0], y - source[1])
    light += (np.exp(-((d / 0.075) ** 2)) * 1.1 + 0.50 * np.exp(-d / 0.16))[..., None] * _tone(
        (255, 244, 214)
    )
    light += (np.exp(-np.abs(y - source[1]) / 0.008) * np.exp(-np.abs(x - source[0]) / 0.5))[
        ..., None
    ] * _tone((150, 190, 255))
    for at, r, c, k in _GHOSTS:
        p = source + (middle - source) * at
        q = np.hypot(x - p[0], y - p[1]) / r
        disc = np.clip((1 - q) * r * h / 1.2 + 0.5, 0, 1) * (0.55 + 0.45 * np.clip(q, 0, 1) ** 3)
        light += (k * disc)[..., None] * _tone(c)
    return _add(frame, light * s.env)


def incident_light(frame: np.ndarray, s: Light) -> np.ndarray:
    """A soft wedge of light washes in from an upper corner."""
    h, w = frame.shape[:2]
    x, y = _grid(frame)
    if s.seed % 2:
        x = w / h - x
    u = np.clip(1.15 - (0.62 * x + 1.05 * y), 0, 1) ** 1.25
    return _add(frame, u[..., None] * _tone(s.box.raw((255, 236, 186))) * (0.92 * s.env))


def light_shafts(frame: np.ndarray, s: Light) -> np.ndarray:
    """Soft beams fan out from a common source above the frame."""
    h, w = frame.shape[:2]
    x, y = _grid(frame)
    side = 1 if s.seed % 2 else -1
    ox, oy = w / h / 2 + side * 0.42 * w / h, -0.38
    a = np.arctan2(x - ox, y - oy)
    r = np.hypot(x - ox, y - oy)
    g = s.rng(1)
    beams = np.zeros((h, w), np.float32)
    for k in range(7):
        c = (
            side * -(0.02 + 0.135 * k)
            + 0.04 * (g.random() - 0.5)
            + 0.006 * np.sin(TAU * (0.25 * s.age + g.random()))
        )
        half = 0.020 + 0.028 * g.random()
        beams += (0.6 + 0.4 * np.sin(TAU * (0.22 * s.age + g.random()))) * np.exp(-(((a - c) / half) ** 2))
    fade = np.clip(1.32 - r * 0.72, 0, 1)
    return _add(
        frame, (np.clip(beams, 0, 1.2) * fade)[..., None] * _tone(s.box.raw((255, 240, 196))) * (0.66 * s.env)
    )


def bloom(frame: np.ndarray, s: Light) -> np.ndarray:
    """Bright areas bleed into what is next to them."""
    h = frame.shape[0]
    lum = frame.max(2).astype(np.float32)
    k = np.clip((lum - 176) / 74, 0, 1)[..., None]
    bright = frame * k
    near = cv2.GaussianBlur(bright, (0, 0), 0.022 * h)
    wide = cv2.GaussianBlur(bright, (0, 0), 0.085 * h)
    return _add(frame, (0.34 * near + 0.32 * wide) * s.env)


def glint(frame: np.ndarray, s: Light) -> np.ndarray:
    """A cross-shaped sparkle that lives eight 24ths of a second."""
    h, w = frame.shape[:2]
    lives = 8 / 24
    start = 0.30 * s.life if s.life > 0.6 else 0.0
    t = (s.age - start) % 1.5 if s.age >= start else -1.0
    if not 0 <= t < lives:
        return frame
    k = float(np.sin(np.pi * (t + 0.03) / (lives + 0.06)))
    eye = s.points["head"] + np.array([s.facing * 0.30, 0.10]) * s.head
    px, py = np.clip(eye, (0.06 * w, 0.08 * h), (0.94 * w, 0.92 * h)) / h
    x, y = _grid(frame)
    x, y = x - px, y - py
    c, n = np.cos(0.25), np.sin(0.25)
    u, v = np.abs(x * c + y * n), np.abs(-x * n + y * c)
    size = 0.20 * k
    arm = np.maximum(
        np.clip(1 - u / size, 0, 1) * np.clip(1.2 - v / (0.016 * k * np.clip(1 - u / size, 0.05, 1)), 0, 1),
        np.clip(1 - v / size, 0, 1) * np.clip(1.2 - u / (0.016 * k * np.clip(1 - v / size, 0.05, 1)), 0, 1),
    )
    halo = np.exp(-((x**2 + y**2) / (0.055 * k) ** 2)) * 0.9
    return _add(frame, np.maximum(np.clip(arm * 1.6, 0, 1), halo)[..., None] * _tone((255, 255, 250)))


def water_caustics(frame: np.ndarray, s: Light) -> np.ndarray:
    """A rippling net of light."""
    h, w = frame.shape[:2]
    sw, sh = max(8, w // 2), max(8, h // 2)
    x, y = np.arange(sw, dtype=np.float32)[None] / sh, np.arange(sh, dtype=np.float32)[:, None] / sh
    x, y = x + 0.030 * np.sin(7 * y + 1.1 * s.age), y * 1.35 + 0.030 * np.sin(6 * x - 0.9 * s.age)
    g, cell = s.rng(2), 0.27
    first, second = np.full((sh, sw), 9.0, np.float32), np.full((sh, sw), 9.0, np.float32)
    for i in range(-1, int(x.max() / cell) + 2):  # borders between wandering cells make the net
        for j in range(-1, int(y.max() / cell) + 2):
            a, b, c, d = g.random(4)
            cx = (i + 0.5 + 0.8 * (a - 0.5) + 0.30 * np.sin(TAU * (0.33 * s.age + c))) * cell
            cy = (j + 0.5 + 0.8 * (b - 0.5) + 0.30 * np.cos(TAU * (0.29 * s.age + d))) * cell
            far = np.hypot(x - np.float32(cx), y - np.float32(cy))
            second = np.minimum(second, np.maximum(first, far))
            first = np.minimum(first, far)
    net = np.exp(-(second - first) / 0.020) + 0.35 * np.exp(-(second - first) / 0.075)
    k = np.clip(cv2.resize(net, (w, h), interpolation=cv2.INTER_LINEAR), 0, 1.2)
    out = frame * np.array([0.84, 0.92, 0.98], np.float32)
    return _add(out, k[..., None] * _tone(s.box.raw((196, 246, 255))) * (0.58 * s.env))


def heat_distortion(frame: np.ndarray, s: Light) -> np.ndarray:
    """The picture ripples as through rising hot air."""
    h, w = frame.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    t = s.age
    amp = np.float32(0.0100 * h * s.env)
    dx = np.sin(TAU * (y / (0.19 * h) + 1.3 * t) + 1.5 * np.sin(TAU * x / (0.42 * h)))
    dy = np.sin(TAU * (x / (0.26 * h) + 0.8 * t) + 1.2 * np.sin(TAU * (y / (0.3 * h) + t)))
    return cv2.remap(
        frame,
        x + amp * dx.astype(np.float32),
        y + 0.55 * amp * dy.astype(np.float32),
        cv2.INTER_LINEAR,
        None,
        cv2.BORDER_REFLECT,
    )


def light_flicker(frame: np.ndarray, s: Light) -> np.ndarray:
    """Bright and dark alternate at just under three cycles a second, the most that is safe."""
    down = (s.age * 2.9) % 1.0 >= 0.5
    return np.rint(frame * (0.66 if down else 1.0)).astype(np.uint8)


LIGHTS: dict[str, Callable[[np.ndarray, Light], np.ndarray]] = {
    "transmitted_light": transmitted_light,
    "lens_flare": lens_flare,
    "incident_light": incident_light,
    "light_shafts": light_shafts,
    "bloom": bloom,
    "glint": glint,
    "water_caustics": water_caustics,
    "heat_distortion": heat_distortion,
    "light_flicker": light_flicker,
}


# --- light situations that lie on the whole picture


def low_key(frame: np.ndarray, s: Light) -> np.ndarray:
    """Darkness, with one pool of light on the figure's head and shoulders."""
    x, y = _grid(frame)
    h = frame.shape[0]
    c = s.points["head"] / h
    d = np.hypot((x - c[0]) / 0.30, (y - c[1] - 0.03) / 0.36)
    pool = np.clip(1.25 - d, 0, 1) ** 1.5
    k = 0.14 + (0.14 + 0.82 * s.alpha) * pool
    tint = np.array([0.94, 0.96, 1.06], np.float32)
    return np.clip(np.rint(frame * np.minimum(k, 1.0)[..., None] * tint), 0, 255).astype(np.uint8)


def local_source(frame: np.ndarray, s: Light) -> np.ndarray:
    """A paper lantern hangs beside the figure; its light falls off with distance."""
    h, w = frame.shape[:2]
    x, y = _grid(frame)
    head = s.points["head"]
    free = 1.0 if head[0] < w / 2 else -1.0
    reach = max(0.34 * h, 0.95 * s.head)
    lx = float(np.clip(head[0] + free * reach, 0.10 * w, 0.90 * w))
    ly = float(np.clip(head[1] + 0.10 * h, 0.22 * h, 0.62 * h))
    d = np.hypot(x - lx / h, y - ly / h)
    fall = 1 / (1 + (d / 0.27) ** 2)
    breath = 1 + 0.03 * np.sin(TAU * 0.9 * s.age)
    warm = np.array([1.28, 0.98, 0.66], np.float32)
    near = np.clip(fall * breath, 0, 1)[..., None]
    out = frame * (np.array([0.30, 0.32, 0.44], np.float32) * (1 - near) + warm * near)
    out = _add(np.clip(out, 0, 255), np.exp(-((d / 0.17) ** 2))[..., None] * _tone((255, 190, 90)) * 0.60)
    r = 0.060 * h
    a = np.linspace(0, TAU, 24, endpoint=False)
    body = np.stack([lx + 0.82 * r * np.cos(a), ly + 1.1 * r * np.sin(a)], 1)

    def poly(pts, paint) -> None:
        cv2.fillPoly(out, [np.rint(np.asarray(pts) * 16).astype(np.int32)], paint, cv2.LINE_AA, 4)

    poly(
        [(lx - 0.006 * h, -2), (lx + 0.006 * h, -2), (lx + 0.006 * h, ly - r), (lx - 0.006 * h, ly - r)],
        (40, 30, 34),
    )
    poly(body, s.box.raw((255, 196, 96)))
    poly(np.array([lx, ly]) + (body - (lx, ly)) * (0.55, 0.8), s.box.raw((255, 240, 190)))
    for top in (-1, 1):
        cy = ly + top * 1.08 * r
        poly(
            [
                (lx - 0.45 * r, cy - 0.10 * r),
                (lx + 0.45 * r, cy - 0.10 * r),
                (lx + 0.45 * r, cy + 0.10 * r),
                (lx - 0.45 * r, cy + 0.10 * r),
            ],
            (60, 34, 32),
        )
    return out


KEYS: dict[str, Callable[[np.ndarray, Light], np.ndarray]] = {
    "low_key": low_key,
    "local_source": local_source,
}
