"""Finishing filters and film: what lies over the whole picture, counted per frame.

A filter is ``(frame, Print) -> frame``; film grain, vignette and para of :mod:`effects` come before these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np


@dataclass(frozen=True)
class Print:
    """One frame of the print: frame number, shot seed, side of the light and an accent colour."""

    t: int
    seed: int
    side: int
    accent: tuple[int, int, int]

    def rng(self, key: int) -> np.random.Generator:
        """Random numbers of this frame."""
        return np.random.default_rng([self.seed, key, self.t])


@lru_cache(maxsize=8)
def _fibre(w: int, h: int, seed: int) -> np.ndarray:
    """Static tooth and fibres of paper, about -1..1 ``float32 [H,W,1]``."""
    rng = np.random.default_rng([seed, 81])
    fine = rng.standard_normal((h, w), np.float32)
    long = cv2.GaussianBlur(
        rng.standard_normal((h, w), np.float32), (0, 0), sigmaX=0.012 * h + 0.6, sigmaY=0.5
    )
    tall = cv2.GaussianBlur(
        rng.standard_normal((h, w), np.float32), (0, 0), sigmaX=0.5, sigmaY=0.010 * h + 0.6
    )
    broad = cv2.resize(rng.standard_normal((7, 11)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    out = 0.35 * fine + 0.8 * long / long.std() + 0.6 * tall / tall.std() + 0.35 * broad
    return np.tanh(out / 1.6)[..., None]


def _screen(frame: np.ndarray, light: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(frame + light - frame * (light / 255)), 0, 255).astype(np.uint8)


def diffusion(frame: np.ndarray, p: Print) -> np.ndarray:
    """Softened, with lifted and glowing highlights."""
    h = frame.shape[0]
    soft = cv2.GaussianBlur(frame, (0, 0), max(0.8, 0.008 * h)).astype(np.float32)
    glow = cv2.GaussianBlur(frame, (0, 0), 0.045 * h).astype(np.float32)
    return _screen(0.5 * frame + 0.5 * soft, 0.42 * glow * (glow / 255))


def color_flare(frame: np.ndarray, p: Print) -> np.ndarray:
    """A luminous coloured veil over one side, blacks lifted."""
    h, w = frame.shape[:2]
    x, y = np.linspace(0, 1, w, dtype=np.float32)[None], np.linspace(0, 1, h, dtype=np.float32)[:, None]
    u = x if p.side > 0 else 1 - x
    k = np.clip(1 - np.hypot((u - 1.0) * 1.25, (y - 0.15) * 0.95), 0, 1) ** 1.2
    tint = np.array(((255, 120, 70), (255, 90, 150), (90, 150, 255))[p.seed % 3], np.float32)
    return _screen(frame.astype(np.float32), k[..., None] * tint * 0.78)


def chromatic_aberration(frame: np.ndarray, p: Print) -> np.ndarray:
    """Red and blue are a little larger and smaller than green."""
    h, w = frame.shape[:2]
    k = 0.011 + 1.2 / w
    out = frame.copy()
    for channel, s in ((0, 1 + k), (2, 1 - k)):
        m = np.array([[s, 0, (1 - s) * (w - 1) / 2], [0, s, (1 - s) * (h - 1) / 2]], np.float32)
        out[..., channel] = cv2.warpAffine(
            frame[..., channel], m, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return out


def paper_texture(frame: np.ndarray, p: Print) -> np.ndarray:
    """The tooth of the paper, the same in every frame."""
    h, w = frame.shape[:2]
    v = _fibre(w, h, p.seed & 0xFFFF)
    return np.clip(np.rint(frame * (1 + 0.085 * v) + 5.0 * v), 0, 255).astype(np.uint8)


def analog_video(frame: np.ndarray, p: Print) -> np.ndarray:
    """Scan lines, colour that runs to the right, a torn line of tracking noise."""
    h, w = frame.shape[:2]
    ycc = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)
    run = max(3, int(0.030 * w) | 1)
    for c in (1, 2):
        bled = cv2.blur(ycc[..., c], (run, 1))
        ycc[..., c] = np.roll(bled, run // 3, 1)
    out = cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB).astype(np.float32)
    pitch = max(2, round(h / 120) * 2)
    out *= np.where(np.arange(h) % pitch < pitch // 2, 1.05, 0.80)[:, None, None]
    rng = p.rng(82)
    y0 = int((0.82 - 0.017 * p.t) % 1.0 * h)
    for y in range(y0, min(h, y0 + max(2, h // 26))):
        out[y] = np.roll(out[y], int(rng.normal() * 0.022 * w), 0)
        out[y] += (rng.random((w, 1)) > 0.80) * 120
    return np.clip(np.rint(out + rng.standard_normal((h, w, 1), np.float32) * 4), 0, 255).astype(np.uint8)


def harmony_still(frame: np.ndarray, p: Print) -> np.ndarray:
    """The held picture as a painting: laid-on strokes, scratched contours, chalk light."""
    h, w = frame.shape[:2]
    u = h / 100
    base = cv2.medianBlur(frame, 2 * max(1, round(0.8 * u)) + 1).astype(np.float32)
    rng = np.random.default_rng([p.seed, 83])
    strokes = np.zeros((h, w), np.float32)
    for angle in (-0.9, -0.5, 0.75):
        n = rng.standard_normal((h, w)).astype(np.float32)
        size = max(5, round(9 * u) | 1)
        k = np.zeros((size, size), np.float32)
        c = size // 2
        d = (np.cos(angle) * c, np.sin(angle) * c)
        cv2.line(k, (round(c - d[0]), round(c - d[1])), (round(c + d[0]), round(c + d[1])), 1.0, 1)
        v = cv2.filter2D(n, -1, k / max(1.0, k.sum()))
        strokes += v / max(1e-6, float(v.std()))
    lum = base.mean(2)
    gx, gy = cv2.Sobel(lum, cv2.CV_32F, 1, 0), cv2.Sobel(lum, cv2.CV_32F, 0, 1)
    contour = np.clip((np.hypot(gx, gy) - 26) / 60, 0, 1)[..., None]
    grey = lum[..., None]
    out = grey + (base - grey) * 1.28
    out = (out - 128) * 1.16 + 122 + 6.5 * strokes[..., None]
    out = np.where(grey > 150, out + 7 * np.clip(strokes, 0.2, 2)[..., None], out)
    out = out * (1 - 0.40 * contour) + np.array([52, 24, 30], np.float32) * 0.40 * contour
    v = _fibre(w, h, p.seed & 0xFFFF)
    return np.clip(np.rint(out * np.array([1.05, 0.99, 0.92], np.float32) * (1 + 0.05 * v)), 0, 255).astype(
        np.uint8
    )


FILTERS: dict[str, Callable[[np.ndarray, Print], np.ndarray]] = {
    "harmony_still": harmony_still,
    "diffusion": diffusion,
    "color_flare": color_flare,
    "chromatic_aberration": chromatic_aberration,
    "paper_texture": paper_texture,
    "analog_video": analog_video,
}


# --- film: what an era's or a tradition's own material does to every frame


def paper(frame: np.ndarray, p: Print) -> np.ndarray:
    """Paper of a tradition that is drawn on it."""
    h, w = frame.shape[:2]
    return np.clip(np.rint(frame * (1 + 0.055 * _fibre(w, h, p.seed & 0xFFFF))), 0, 255).astype(np.uint8)


def silver(frame: np.ndarray, p: Print) -> np.ndarray:
    """Black and white stock: no hue at all."""
    return cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def coarse_grain(frame: np.ndarray, p: Print) -> np.ndarray:
    """Grain of fast black and white stock, and its narrow range."""
    h, w = frame.shape[:2]
    n = p.rng(84).standard_normal((h * 2 // 3, w * 2 // 3), np.float32)
    n = cv2.resize(n, (w, h), interpolation=cv2.INTER_LINEAR)[..., None]
    v = frame.astype(np.float32) * 0.86 + 14 + 11 * n
    return np.clip(np.rint(v), 0, 255).astype(np.uint8)


def weave(frame: np.ndarray, p: Print) -> np.ndarray:
    """The print wanders by part of a pixel in the gate."""
    h, w = frame.shape[:2]
    a = np.random.default_rng([p.seed, 85]).random(4) * 2 * np.pi
    dx = 0.0022 * h * (np.sin(0.62 * p.t + a[0]) + 0.6 * np.sin(1.9 * p.t + a[1])) * 0.7
    dy = 0.0022 * h * (np.sin(0.47 * p.t + a[2]) + 0.6 * np.sin(2.3 * p.t + a[3])) * 0.7
    return cv2.warpAffine(
        frame,
        np.array([[1, 0, dx], [0, 1, dy]], np.float32),
        (w, h),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def printed(frame: np.ndarray, p: Print) -> np.ndarray:
    """Optical print of the nineties: slightly muted paint, deeper shadows, warm whites."""
    v = frame.astype(np.float32)
    grey = v.mean(2, keepdims=True)
    v = grey + (v - grey) * 0.84
    v = 255 * np.clip(v / 255, 0, 1) ** 1.16
    return np.clip(np.rint(v * np.array([1.0, 0.985, 0.945], np.float32) + 6), 0, 255).astype(np.uint8)


def specks(frame: np.ndarray, p: Print) -> np.ndarray:
    """Dust and specks of paint, other ones with every pair of frames."""
    h, w = frame.shape[:2]
    out = frame.copy()
    rng = np.random.default_rng([p.seed, 86, p.t // 2])
    for _ in range(9):
        x, y, r, v = rng.random(4)
        paint = (244, 240, 228) if v < 0.55 else (36, 28, 30)
        cv2.circle(
            out,
            (int(x * w * 16), int(y * h * 16)),
            int((0.0025 + 0.0045 * r) * h * 16),
            paint,
            -1,
            cv2.LINE_AA,
            4,
        )
    return out


FILM: dict[str, Callable[[np.ndarray, Print], np.ndarray]] = {
    "silver": silver,
    "paper": paper,
    "coarse_grain": coarse_grain,
    "weave": weave,
    "print": printed,
    "specks": specks,
}
