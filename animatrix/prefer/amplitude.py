"""How much a clip deforms, from its pixels alone: motion that no camera and no stiff drawing makes.

Optical flow from frame to frame, less the camera's share of it (an affine motion, fitted robustly), less what
of the rest is stiff in a neighbourhood. What is left is non-rigid: stretching, smearing, wobbling, melting.
It does not tell art from failure. An amplitude therefore counts only where integrity passes.
"""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.prefer.sets import pooled_map

GRID = 4  # pixels between the places that the camera is fitted to
STIFF = 0.16  # side of a neighbourhood that may move as a whole, in picture heights
FULL = 0.02  # non-rigid motion in picture heights a frame that counts as 1 in a map
TOP = 0.05  # share of the strongest places that stand for a frame
_ROUNDS = 4  # of the robust fit


def _luma(frames: np.ndarray) -> np.ndarray:
    return np.stack([cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2GRAY) for f in frames])


def _camera(flow: np.ndarray) -> np.ndarray:
    """The affine motion ``[H,W,2]`` that most of a flow follows (weights of Cauchy, few rounds)."""
    h, w = flow.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    whole = np.stack([x / w, y / h, np.ones_like(x)], -1)
    places = whole[::GRID, ::GRID].reshape(-1, 3)
    values = flow[::GRID, ::GRID].reshape(-1, 2)
    weight, fit = np.ones(len(places)), np.zeros((3, 2))
    for _ in range(_ROUNDS):
        a = places * weight[:, None]
        fit = np.linalg.solve(a.T @ places + 1e-6 * np.eye(3), a.T @ values)
        off = np.linalg.norm(values - places @ fit, axis=1)
        weight = 1 / (1 + (off / max(float(np.median(off)), 0.05)) ** 2)
    return whole @ fit


def nonrigid(frames: np.ndarray) -> np.ndarray:
    """Non-rigid motion of frames ``uint8 [T,H,W,3]``: ``float32 [T,H,W]`` in picture heights a frame; that
    of the step into each frame, none in the first.
    """
    luma = _luma(frames)
    t, h, w = luma.shape
    side = max(3, round(STIFF * h) // 2 * 2 + 1)
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    out = np.zeros((t, h, w), np.float32)
    for k in range(1, t):
        if np.array_equal(luma[k], luma[k - 1]):  # a hold
            continue
        flow = finder.calc(luma[k - 1], luma[k], None)
        rest = (flow - _camera(flow)).astype(np.float32)
        stiff = cv2.blur(rest, (side, side))
        out[k] = np.linalg.norm(rest - stiff, axis=-1) / h
    return out


def amplitude(frames: np.ndarray) -> float:
    """How much a clip deforms, 0 or more: the mean over its frames of their strongest places, in hundredths
    of the picture's height a frame.
    """
    moved = nonrigid(frames)
    moved = moved.reshape(len(moved), -1)
    top = max(1, round(TOP * moved.shape[1]))
    return float(100 * np.partition(moved, -top, axis=1)[:, -top:].mean())


def deformation_map(frames: np.ndarray) -> np.ndarray:
    """Where a clip deforms, in [0,1], on cells of 8x8 pixels and slots of four frames ``[T',H/8,W/8]``."""
    return pooled_map(np.clip(nonrigid(frames) / FULL, 0, 1) / 2)
