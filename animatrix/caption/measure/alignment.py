"""How the picture moves between two frames: tracked corners, and the few rigid motions that explain them.

A frame of animation holds at least two motions: the plate under the camera, and the figure over it.
Neither is known in advance to be the larger, so every pair of frames yields several candidate motions;
which of them is the camera is decided over the whole shot (``camera.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Tracks:
    """Corners of one frame and where they lie in another: ``points``, ``moved`` float ``[N,2]`` pixels.

    ``weights`` [N] sum to 1; the rim of the frame counts more, since plates reach it and figures seldom do.
    """

    points: np.ndarray
    moved: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def residual(self, motion: np.ndarray) -> np.ndarray:
        """Distance [N] in pixels between where ``motion`` ``[2,3]`` puts the corners and where they went."""
        return np.linalg.norm(apply(motion, self.points) - self.moved, axis=1)

    def support(self, motion: np.ndarray, sigma: float) -> float:
        """Share in [0,1] of the weight that follows ``motion`` within about ``sigma`` pixels."""
        return float(self.weights @ np.exp(-0.5 * (self.residual(motion) / sigma) ** 2))


def apply(motion: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points ``[N,2]`` moved by a ``[2,3]`` matrix."""
    return points @ motion[:, :2].T + motion[:, 2]


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The ``[2,3]`` matrix that applies ``inner``, then ``outer``."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def corners(gray: np.ndarray, floor: tuple[float, float]) -> np.ndarray:
    """The strongest corner of each cell of an even grid, float32 ``[N,2]``.

    ``floor``: least strength (smaller eigenvalue, 8-bit scale) in a clean and in a grainy picture; between
    the two it follows the picture's own grain, read off its emptiest cells.

    One per cell and not the strongest overall: a figure with ink lines would otherwise take them all, and the
    count would not stand for area.
    """
    height, width = gray.shape
    cell = max(6, round(width / 24))
    rows, columns = height // cell, width // cell
    if rows < 2 or columns < 2:
        return np.empty((0, 2), np.float32)
    strength: Any = cv2.cornerMinEigenVal(gray, 5)
    strength[:2], strength[-2:], strength[:, :2], strength[:, -2:] = 0, 0, 0, 0
    cells = strength[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    cells = cells.swapaxes(1, 2).reshape(rows * columns, cell * cell)
    best = cells.argmax(1)
    peaks = cells[np.arange(len(best)), best]
    kept = np.flatnonzero(peaks > np.clip(3 * np.percentile(peaks, 10), *floor))
    y = kept // columns * cell + best[kept] // cell
    x = kept % columns * cell + best[kept] % cell
    return np.stack([x, y], 1).astype(np.float32)


def track(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> Tracks:
    """Follow corners from one gray frame to another with pyramidal Lucas-Kanade."""
    height, width = before.shape
    if not len(points):
        return Tracks(np.empty((0, 2)), np.empty((0, 2)), np.empty(0))
    window = 13 if width >= 240 else 9
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        points[:, None],
        np.empty(0, np.float32),
        winSize=(window, window),
        maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.02),
    )
    moved = moved[:, 0]
    inside = (moved >= 0).all(1) & (moved[:, 0] < width) & (moved[:, 1] < height) & (found[:, 0] > 0)
    start, end = points[inside].astype(np.float64), moved[inside].astype(np.float64)
    reach = np.abs(start / [(width - 1) / 2, (height - 1) / 2] - 1).max(1)
    weights = 0.5 + reach**2
    return Tracks(start, end, weights / max(weights.sum(), 1e-9))


def refine(
    tracks: Tracks, motion: np.ndarray, sigma: float, *, rounds: int = 4, shift_only: bool = False
) -> np.ndarray:
    """Similarity motion ``[2,3]`` near ``motion``: least squares re-weighted by a Cauchy kernel.

    ``sigma`` is the width of the kernel in pixels. With ``shift_only`` the motion is a translation.
    """
    for _ in range(rounds):
        weight = tracks.weights / (1 + (tracks.residual(motion) / sigma) ** 2) ** 2
        total = weight.sum()
        if total < 1e-9:
            return motion
        mean_p, mean_q = weight @ tracks.points / total, weight @ tracks.moved / total
        if shift_only:
            motion = np.column_stack([np.eye(2), mean_q - mean_p])
            continue
        p, q = tracks.points - mean_p, tracks.moved - mean_q
        spread = weight @ (p * p).sum(1)
        if spread < 1e-6:
            return motion
        c = weight @ (p * q).sum(1) / spread
        s = weight @ (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / spread
        linear = np.array([[c, -s], [s, c]])
        motion = np.column_stack([linear, mean_q - linear @ mean_p])
    return motion


def candidates(tracks: Tracks, starts: list[np.ndarray], sigma: float, count: int = 2) -> list[np.ndarray]:
    """Rigid motions that explain the tracks: refined ``starts``, then ``count`` more by sequential RANSAC."""
    found = [refine(tracks, start, sigma, shift_only=only) for start in starts for only in (True, False)]
    left = np.ones(len(tracks), bool)
    for _ in range(count):
        if left.sum() < 6:
            break
        motion, inliers = cv2.estimateAffinePartial2D(
            tracks.points[left],
            tracks.moved[left],
            method=cv2.RANSAC,
            ransacReprojThreshold=2 * sigma,
            maxIters=200,
            confidence=0.99,
            refineIters=0,
        )
        if motion is None or inliers is None:
            break
        found.append(refine(tracks, motion, sigma))
        centre = tracks.points[left].mean(0)
        slide = np.column_stack([np.eye(2), apply(motion, centre[None])[0] - centre])
        found.append(refine(tracks, slide, sigma, shift_only=True))
        left[np.flatnonzero(left)[inliers[:, 0] > 0]] = False
    return [m for m in found if 0.7 < np.hypot(m[0, 0], m[1, 0]) < 1.4]
