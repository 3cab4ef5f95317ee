"""What kind of picture this is, in two dozen numbers: flatness, edges, tones, colour, change.

A network's features of noise lie in the middle of everything, so they alone do not tell footage that is
unlike all drawings; these do.
"""

from __future__ import annotations

import numpy as np

from animatrix.caption.recognise.sight import split_planes

FRAMES = 8  # of a window that are measured, evenly spread
_NEARLY_FLAT, _EDGE = 3, 24  # levels between neighbouring pixels


def picture_statistics(planes: np.ndarray) -> np.ndarray:
    """``float32 [24]`` of I420 planes ``uint8 [T,H*3/2,W]``; shares as log odds, sizes as logarithms."""
    y, uv = split_planes(planes)
    picks = np.unique(np.linspace(0, len(y) - 1, FRAMES).round().astype(int))
    luma, chroma = y[picks].astype(np.float32), uv[picks].astype(np.float32) - 128
    across, down = np.diff(luma, axis=2)[:, :-1], np.diff(luma, axis=1)[:, :, :-1]
    slope = np.maximum(np.abs(across), np.abs(down))
    bend = np.abs(np.diff(luma, 2, axis=2))
    t, h, w = luma.shape
    blocks = luma[:, : h // 8 * 8, : w // 8 * 8].reshape(t, h // 8, 8, w // 8, 8).std((2, 4)).reshape(-1)
    levels = np.bincount((luma // 8).astype(int).ravel(), minlength=32) / luma.size
    colours = np.hypot(chroma[:, 0], chroma[:, 1])
    follows = float((across[:, :, 1:] * across[:, :, :-1]).mean() / (np.square(across).mean() + 1e-3))
    moved = np.abs(np.diff(y.astype(np.int16), axis=0)) if len(y) > 1 else np.zeros((1, 1, 1), np.int16)
    per_frame = moved.mean((1, 2))
    rough = _size(np.abs(np.diff(moved.astype(np.float32), axis=2)).mean() if moved.shape[2] > 1 else 0.0)
    used = levels[levels > 0]
    return np.array(
        [
            luma.mean() / 64,
            luma.std() / 32,
            _odds((slope <= _NEARLY_FLAT).mean()),
            _odds((slope <= 1).mean()),
            _odds((slope >= _EDGE).mean()),
            _size(slope.mean()),
            _size(np.quantile(slope, 0.9)),
            _size(np.quantile(slope, 0.99)),
            _size(bend.mean()) - _size(np.abs(across).mean()),
            3 * follows,
            *(_size(q) for q in np.quantile(blocks, (0.1, 0.3, 0.5, 0.7, 0.9))),
            float(-(used * np.log(used)).sum()),
            _odds(np.sort(levels)[-4:].sum()),
            _size(colours.mean()),
            _size(colours.std()),
            _odds((colours < 4).mean()),
            _size(per_frame.mean()),
            _odds((moved > 12).mean()),
            _odds((per_frame < 0.35).mean()),
            rough - _size(per_frame.mean()),
        ],
        np.float32,
    )


def _odds(share: float) -> float:
    share = min(max(float(share), 0.002), 0.998)
    return float(np.log(share / (1 - share)))


def _size(levels: float) -> float:
    return float(np.log(max(float(levels), 0.0) + 0.3))
