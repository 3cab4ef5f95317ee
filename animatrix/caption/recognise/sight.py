"""From planes of a shot to what the network sees: which frames to look at sharply, and all frames small."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import torch

from animatrix.caption.recognise.tagger import Sight

AHEAD = 3  # frames to the later frame that a chosen frame is compared with: past the longest usual hold


def split_planes(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """I420 ``uint8 [T,H*3/2,W]`` as luma ``[T,H,W]`` and chroma ``[T,2,H/2,W/2]``."""
    t, rows, w = planes.shape
    h = rows * 2 // 3
    return planes[:, :h], planes[:, h:].reshape(t, 2, h // 2, w // 2)


def change(luma: np.ndarray) -> np.ndarray:
    """Mean absolute change since the frame before, ``float [T]`` in levels; 0 for the first."""
    area = luma.shape[1] * luma.shape[2]
    moved = [cv2.norm(b, a, cv2.NORM_L1) / area for a, b in pairwise(np.ascontiguousarray(luma))]
    return np.array([0.0, *moved])


def chosen_frames(
    moved: np.ndarray, even: int, lively: int, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Frame numbers ``int [even + lively]``: an even spread, and the frames that change most.

    A shot shorter than that shows frames twice. ``rng`` moves the spread, for training.
    """
    t = len(moved)
    edges = np.linspace(0, t, even + 1)
    within = rng.uniform(0.1, 0.9, even) if rng is not None else np.full(even, 0.5)
    spread = np.minimum((edges[:-1] + within * np.diff(edges)).astype(int), t - 1)
    left = np.where(np.isin(np.arange(t), spread), -1.0, moved)
    peaks: list[int] = []
    for _ in range(lively):
        best = int(left.argmax())
        peaks.append(best)
        left[best] = -2.0
        left[max(0, best - 1) : best + 2] -= 1e-3 + 0.5 * moved[best]  # its neighbours tell little more
    return np.sort(np.concatenate([spread, np.array(peaks, int)]))


def small_planes(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """All frames at a quarter of the size: ``float32 [T,5,H/4,W/4]`` luma, chroma, change, its size."""
    t, h, w = luma.shape
    size = (w // 4, h // 4)

    def small(plane: np.ndarray) -> np.ndarray:
        return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)

    out = np.zeros((t, 5, h // 4, w // 4), np.float32)
    for k in range(t):
        out[k, 0], out[k, 1], out[k, 2] = small(luma[k]), small(chroma[k, 0]), small(chroma[k, 1])
        if k:
            out[k, 4] = small(cv2.absdiff(luma[k], luma[k - 1]))
    out[:, 0] = out[:, 0] / 64 - 2
    out[:, 1:3] = out[:, 1:3] / 32 - 4
    out[1:, 3] = 2 * (out[1:, 0] - out[:-1, 0])
    out[:, 4] /= 16
    return out


def look_at(planes: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma ``[S,3,H,W]`` and chroma ``[S,2,H/2,W/2]`` of the chosen frames, and all frames small."""
    y, uv = split_planes(planes)
    t = len(y)
    now = y[chosen].astype(np.float32)
    before = y[np.maximum(chosen - 1, 0)].astype(np.float32)
    later = y[np.minimum(chosen + AHEAD, t - 1)].astype(np.float32)
    luma = np.stack([now / 64 - 2, (now - before) / 32, (later - now) / 32], 1)
    return luma, uv[chosen].astype(np.float32) / 32 - 4, small_planes(y, uv)


def gathered(looks: list[tuple], chosen: list[np.ndarray], rates: list[float]) -> Sight:
    """One batch of shots of one frame shape; shorter shots are padded in time."""
    longest = max(len(small) for _, _, small in looks)
    small = np.zeros((len(looks), longest, *looks[0][2].shape[1:]), np.float32)
    seen = np.zeros((len(looks), longest), bool)
    for k, (_, _, s) in enumerate(looks):
        small[k, : len(s)], seen[k, : len(s)] = s, True
    return Sight(
        torch.from_numpy(np.stack([x[0] for x in looks])),
        torch.from_numpy(np.stack([x[1] for x in looks])),
        torch.from_numpy(small),
        torch.from_numpy(np.stack(chosen)),
        torch.from_numpy(seen),
        torch.log2(torch.tensor(rates, dtype=torch.float32) / 24),
    )
