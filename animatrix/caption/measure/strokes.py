"""Drawn strokes: cross-sections through the lines of a picture, and what they say of weight, ink and hand.

A stroke is a thin ridge of luma. Every cross-section is taken at a point of a ridge along its normal; widths
are read at half depth between samples, so that a line thinner than a pixel keeps an order.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

WORK_LINES = 400  # lines a still is reduced to: a hairline of full HD is still half a pixel wide there
STEP = 0.5  # pixels between the samples of a section


@dataclass(frozen=True)
class Sections:
    """Cross-sections of N strokes in a picture of ``lines`` rows.

    ``at`` float [N,2] x, y of the middle, pixels; ``normal`` [N] its direction in [0, pi); ``width`` [N] at
    half depth, shares of the picture height; ``depth`` [N] gray levels below the fill; ``ink`` [N,3] Lab of
    the middle; ``near``, ``far`` [N,3] Lab of the fill on the side more like the ink, and on the other;
    ``levels`` [N,P] the sampled luma, ``STEP`` pixels apart, P odd.
    """

    at: np.ndarray
    normal: np.ndarray
    width: np.ndarray
    depth: np.ndarray
    ink: np.ndarray
    near: np.ndarray
    far: np.ndarray
    levels: np.ndarray
    lines: int

    def __len__(self) -> int:
        return len(self.width)


def reduced(rgb: np.ndarray, lines: int = WORK_LINES) -> np.ndarray:
    """uint8 ``[h,w,3]`` with at most ``lines`` rows."""
    height, width = rgb.shape[:2]
    if height <= lines:
        return rgb
    return cv2.resize(rgb, (max(1, round(width * lines / height)), lines), interpolation=cv2.INTER_AREA)


def ridge_depth(luma: np.ndarray) -> np.ndarray:
    """Uint8 ``[h,w]``: how far a pixel lies below the fill it is drawn on, for lines up to 3% of the height
    wide."""
    size = 2 * max(1, round(0.015 * luma.shape[0])) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    return cv2.subtract(cv2.erode(cv2.dilate(luma, kernel), kernel), luma)


def sections(
    rgb: np.ndarray,
    least_depth: float = 16.0,
    most: int = 3000,
    dark: bool = True,
    within: np.ndarray | None = None,
) -> Sections:
    """Cross-sections of the dark (or the light) strokes of uint8 ``[h,w,3]``, ``most`` of them, evenly;
    of these the ones whose middle is in the mask ``within``, bool ``[h,w]``."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if not dark:
        luma = 255 - luma
    height = luma.shape[0]
    depth = ridge_depth(luma)
    smooth = cv2.GaussianBlur(luma, (0, 0), 0.7)
    gx, gy = cv2.spatialGradient(smooth)
    gx, gy = gx.astype(np.float32), gy.astype(np.float32)
    area = max(1.0, 0.008 * height)
    xx, xy, yy = (cv2.GaussianBlur(g, (0, 0), area) for g in (gx * gx, gx * gy, gy * gy))
    soft = cv2.GaussianBlur(depth, (0, 0), max(0.6, 0.0025 * height))
    ys, xs = np.divmod(np.flatnonzero((depth >= least_depth) & (soft >= least_depth / 2)), luma.shape[1])
    normal = 0.5 * np.arctan2(2 * xy[ys, xs], xx[ys, xs] - yy[ys, xs])
    ahead = _peaks(soft, xs, ys, normal)
    xs, ys, normal = xs[ahead], ys[ahead], normal[ahead]
    if len(xs) > most:
        kept = np.linspace(0, len(xs) - 1, most).astype(int)
        xs, ys, normal = xs[kept], ys[kept], normal[kept]
    if within is not None:
        kept = np.flatnonzero(within[ys, xs])
        xs, ys, normal = xs[kept], ys[kept], normal[kept]
    return _cut(rgb, luma, depth, xs, ys, normal)


def _peaks(soft: np.ndarray, xs: np.ndarray, ys: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Bool [N]: deeper than the neighbour on either side along the normal."""
    dx, dy = np.rint(np.cos(normal)).astype(int), np.rint(np.sin(normal)).astype(int)
    height, width = soft.shape
    here = soft[ys, xs]
    one = soft[np.clip(ys + dy, 0, height - 1), np.clip(xs + dx, 0, width - 1)]
    two = soft[np.clip(ys - dy, 0, height - 1), np.clip(xs - dx, 0, width - 1)]
    return (here >= one) & (here > two)


def _cut(rgb, luma, depth, xs, ys, normal) -> Sections:
    height = luma.shape[0]
    half = int(np.ceil((0.045 * height + 2) / STEP))
    offsets = np.arange(-half, half + 1) * STEP
    across = np.stack([np.cos(normal), np.sin(normal)], 1)
    x = (xs[:, None] + offsets * across[:, :1]).astype(np.float32)
    y = (ys[:, None] + offsets * across[:, 1:]).astype(np.float32)
    if not len(xs):
        none = np.zeros((0, 3), np.float32)
        return Sections(np.zeros((0, 2)), normal, np.zeros(0), np.zeros(0), none, none, none,
                        np.zeros((0, len(offsets)), np.float32), height)  # fmt: skip
    levels = cv2.remap(luma, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    middle = levels[:, half]
    own = depth[ys, xs].astype(np.float32)
    over = levels > (middle + 0.5 * own)[:, None]
    right = _crossing(levels[:, half:], over[:, half:], middle + 0.5 * own)
    left = _crossing(levels[:, half::-1], over[:, half::-1], middle + 0.5 * own)
    whole = (right < half) & (left < half)
    pixels = np.maximum((left + right) * STEP, 0.3)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    side = []
    for sign, reach in ((1, right), (-1, left)):
        out = sign * (reach * STEP + 1.2 + 0.35 * pixels)
        side.append(_sample(lab, xs + out * across[:, 0], ys + out * across[:, 1]))
    ink = lab[ys, xs].astype(np.float32)
    apart = [np.abs(s - ink).sum(1) for s in side]
    first = (apart[0] <= apart[1])[:, None]
    near, far = np.where(first, side[0], side[1]), np.where(first, side[1], side[0])
    keep = whole
    return Sections(
        np.stack([xs, ys], 1)[keep].astype(np.float32),
        np.mod(normal, np.pi)[keep],
        pixels[keep] / height,
        own[keep],
        ink[keep],
        near[keep],
        far[keep],
        levels[keep],
        height,
    )


def _crossing(levels: np.ndarray, over: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Samples from the middle to where the level is crossed; their number where it is not."""
    count = levels.shape[1]
    k = np.where(over.any(1), over.argmax(1), count)
    rows = np.arange(len(levels))
    b = levels[rows, np.minimum(k, count - 1)]
    a = levels[rows, np.maximum(np.minimum(k, count - 1) - 1, 0)]
    part = np.clip((level - a) / np.maximum(b - a, 1e-3), 0, 1)
    return np.where(k < count, k - 1 + part, count).astype(np.float32)


def _sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Float32 [N,3] of the nearest pixels."""
    height, width = image.shape[:2]
    xi = np.clip(np.rint(x).astype(int), 0, width - 1)
    yi = np.clip(np.rint(y).astype(int), 0, height - 1)
    return image[yi, xi].astype(np.float32)
