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

    def support(self, motions: np.ndarray, sigma: float) -> np.ndarray:
        """Share in [0,1] of the weight that follows each motion ``[K,2,3]`` within about ``sigma`` pixels."""
        # One product for all K: rows (a, b, tx, -1, 0) and (c, d, ty, 0, -1) with columns (x, y, 1, x', y').
        rows = np.zeros((2, len(motions), 5))
        rows[:, :, :3] = motions.transpose(1, 0, 2)
        rows[0, :, 3] = rows[1, :, 4] = -1.0
        places = np.concatenate([self.points.T, np.ones((1, len(self))), self.moved.T])
        off = rows.reshape(-1, 5) @ places
        off *= off
        square = off[: len(motions)] + off[len(motions) :]
        return np.exp(square * (-0.5 / sigma**2)) @ self.weights


def apply(motion: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points ``[N,2]`` moved by a ``[2,3]`` matrix."""
    return points @ motion[:, :2].T + motion[:, 2]


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The ``[2,3]`` matrix that applies ``inner``, then ``outer``."""
    whole = outer[:, :2] @ inner
    whole[:, 2] += outer[:, 2]
    return whole


def corners(gray: np.ndarray, floor: tuple[float, float]) -> np.ndarray:
    """The strongest corner of each cell of an even grid, float32 ``[N,2]``.

    ``floor``: least strength (smaller eigenvalue, 8-bit scale) in a clean and in a grainy picture; between
    the two it follows the picture's own grain, read off its emptiest cells.

    One per cell and not the strongest overall: a figure with ink lines would otherwise take them all, and the
    count would not stand for area.
    """
    height, width = gray.shape
    cell = max(6, round(width / (18 if width >= 240 else 24)))
    rows, columns = height // cell, width // cell
    if rows < 2 or columns < 2:
        return np.empty((0, 2), np.float32)
    strength: Any = cv2.cornerMinEigenVal(gray, 5)
    strength[:2], strength[-2:], strength[:, :2], strength[:, -2:] = 0, 0, 0, 0
    cells = strength[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    cells = cells.swapaxes(1, 2).reshape(rows * columns, cell * cell)
    best = cells.argmax(1)
    peaks = cells[np.arange(len(best)), best]
    emptiest = np.partition(peaks, len(peaks) // 10)[len(peaks) // 10]
    kept = np.flatnonzero(peaks > np.clip(3 * emptiest, *floor))
    y = kept // columns * cell + best[kept] // cell
    x = kept % columns * cell + best[kept] % cell
    return np.stack([x, y], 1).astype(np.float32)


def track(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> Tracks:
    """Follow corners from one gray frame to another with pyramidal Lucas-Kanade."""
    height, width = before.shape
    if not len(points):
        return Tracks(np.empty((0, 2)), np.empty((0, 2)), np.empty(0))
    window = 11 if width >= 240 else 9
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        points[:, None],
        np.empty(0, np.float32),
        winSize=(window, window),
        maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.02),
    )
    moved = moved[:, 0]
    inside = (moved >= 0).all(1) & (moved[:, 0] < width) & (moved[:, 1] < height) & (found[:, 0] > 0)
    start, end = points[inside].astype(np.float64), moved[inside].astype(np.float64)
    reach = np.abs(start / [(width - 1) / 2, (height - 1) / 2] - 1).max(1)
    weights = 0.5 + reach**2
    return Tracks(start, end, weights / max(weights.sum(), 1e-9))


def refine(
    tracks: Tracks, motions: np.ndarray, sigma: float, shift_only: np.ndarray | bool = False, rounds: int = 3
) -> np.ndarray:
    """Similarities near ``motions``, ``[K,2,3]`` or ``[2,3]``: least squares re-weighted by a Cauchy kernel.

    ``sigma`` is the width of the kernel in pixels. Where ``shift_only`` [K] holds the motion is a
    translation. Points are complex numbers here: a similarity is then ``q = a p + b``, and all K are
    solved in one product.
    """
    many = np.atleast_3d(motions.T).T if motions.ndim == 2 else motions
    p, q = tracks.points @ [1, 1j], tracks.moved @ [1, 1j]
    terms = np.stack([np.ones_like(p), p, q, p.conj() * q, p.conj() * p], axis=1)  # [N,5]
    turn, shift = many[:, 0, 0] + 1j * many[:, 1, 0], many[:, :, 2] @ [1, 1j]
    rigid = np.broadcast_to(shift_only, turn.shape)
    for _ in range(rounds):
        error = turn[:, None] * p + shift[:, None] - q
        weight = tracks.weights / (1 + (error.real**2 + error.imag**2) / sigma**2) ** 2  # [K,N]
        total, mean_p, mean_q, cross, square = (weight @ terms).T
        total = np.maximum(total.real, 1e-12)
        mean_p, mean_q = mean_p / total, mean_q / total
        spread = square.real / total - np.abs(mean_p) ** 2
        turned = (cross / total - mean_p.conj() * mean_q) / np.maximum(spread, 1e-9)
        turn = np.where(rigid | (spread < 1e-6), 1.0, turned)
        shift = mean_q - turn * mean_p
    c, s = turn.real, turn.imag
    result = np.stack([np.stack([c, -s, shift.real], 1), np.stack([s, c, shift.imag], 1)], axis=1)
    return result[0] if motions.ndim == 2 else result


def candidates(
    tracks: Tracks, starts: list[np.ndarray], sigma: float, enough: float = 0.75, count: int = 2
) -> list[np.ndarray]:
    """Rigid motions that explain the tracks, from ``starts`` and ``count`` more by sequential RANSAC.

    Each comes as a translation and as a similarity: three of four camera moves are translations, and two
    unknowns drift less than four. Where one from ``starts`` explains the share ``enough`` of the picture no
    other is looked for: what is left is too little to be the camera.
    """
    found = _both_kinds(tracks, starts, sigma)
    scores = tracks.support(np.stack(found), 1.5 * sigma) if len(tracks) else np.zeros(len(found))
    if scores.max() < enough:
        more = []
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
            more.append(motion)
            left[np.flatnonzero(left)[inliers[:, 0] > 0]] = False
        if more:
            found += _both_kinds(tracks, more, sigma)
    return [m for m in found if 0.7 < np.hypot(m[0, 0], m[1, 0]) < 1.4]


def _both_kinds(tracks: Tracks, starts: list[np.ndarray], sigma: float) -> list[np.ndarray]:
    """Each motion as a translation, then each as a similarity, fitted to the tracks near it."""
    middle = tracks.points.mean(0) if len(tracks) else np.zeros(2)
    many = np.stack(starts)
    both = np.concatenate([many, many])
    both[: len(many), :, :2] = np.eye(2)
    both[: len(many), :, 2] = many[:, :, :2] @ middle + many[:, :, 2] - middle
    return list(refine(tracks, both, sigma, shift_only=np.arange(len(both)) < len(many)))
