"""Hard negatives: clips with something done to them that a careless judge would not mind, or would like.

Each takes frames ``uint8 [T,H,W,3]`` and a generator and gives frames of the same shape. ``moment`` is drawn,
not done to pixels: the right deformation, at another moment than the directive says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

Rng = np.random.Generator
_LETTERS = "ABCDEFGHKLMNPRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class Negative:
    """What is done, the dimensions it lowers, and whether it makes the clip a failure (None: no question)."""

    done: Callable[[np.ndarray, Rng], np.ndarray] | None
    lowers: tuple[str, ...]
    failure: bool | None = None


def frozen(frames: np.ndarray, rng: Rng) -> np.ndarray:
    """One frame held from the first third on, or all through."""
    t = len(frames)
    first = int(rng.integers(0, max(1, t // 3)))
    out = frames.copy()
    out[first:] = frames[first]
    return out


def repeated(frames: np.ndarray, rng: Rng) -> np.ndarray:
    """One good frame, again and again: nothing moves and nothing is wrong with it."""
    return np.repeat(frames[int(rng.integers(len(frames)))][None], len(frames), 0)


def shuffled(frames: np.ndarray, rng: Rng) -> np.ndarray:
    """All frames, out of order; no frame where it was, if there are two or more."""
    t = len(frames)
    order = rng.permutation(t)
    for i in np.flatnonzero(order == np.arange(t)):
        j = (i + 1) % t
        order[i], order[j] = order[j], order[i]
    return frames[order]


def jittered(frames: np.ndarray, rng: Rng) -> np.ndarray:
    """The whole picture jumps about, up to a twentieth of its height, on every frame."""
    h, w = frames.shape[1:3]
    steps = rng.uniform(-1, 1, (len(frames), 2)) * rng.uniform(0.02, 0.05) * h
    return np.stack(
        [
            cv2.warpAffine(
                f, np.array([[1, 0, x], [0, 1, y]], np.float32), (w, h), borderMode=cv2.BORDER_REPLICATE
            )
            for f, (x, y) in zip(frames, steps, strict=True)
        ]
    )


def slowed(frames: np.ndarray, rng: Rng) -> np.ndarray:
    """The first part of the clip, stretched over its length: half the speed or less."""
    t = len(frames)
    factor = rng.uniform(2.0, 3.0)
    return frames[np.minimum((np.arange(t) / factor).astype(int), t - 1)]


def blurred(frames: np.ndarray, rng: Rng) -> np.ndarray:
    """Every frame out of focus."""
    sigma = rng.uniform(0.012, 0.03) * frames.shape[1]
    return np.stack([cv2.GaussianBlur(f, (0, 0), sigma) for f in frames])


def lettered(frames: np.ndarray, rng: Rng) -> np.ndarray:
    """A line of letters over the picture, all through."""
    h, w = frames.shape[1:3]
    text = "".join(_LETTERS[i] for i in rng.integers(len(_LETTERS), size=int(rng.integers(5, 11))))
    at = int(rng.uniform(0.02, 0.4) * w), int(rng.uniform(0.2, 0.95) * h)
    paint = (255, 255, 255) if rng.random() < 0.7 else tuple(int(n) for n in rng.integers(256, size=3))
    size, thickness = h / 96 * rng.uniform(0.5, 0.8), max(1, h // 80)
    out = frames.copy()
    for f in out:
        cv2.putText(f, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, paint, thickness, cv2.LINE_AA)
    return out


def bordered(frames: np.ndarray, rng: Rng) -> np.ndarray:
    """A plain frame round the picture, covering 4 to 10 % of each side."""
    h, w = frames.shape[1:3]
    edge = max(2, round(rng.uniform(0.04, 0.1) * h))
    out = np.empty_like(frames)
    out[:] = 0 if rng.random() < 0.6 else rng.integers(256, size=3).astype(np.uint8)
    out[:, edge : h - edge, edge : w - edge] = frames[:, edge : h - edge, edge : w - edge]
    return out


NEGATIVES: dict[str, Negative] = {
    "moment": Negative(None, ("prompt_understanding", "artistic_motion")),
    "frozen": Negative(frozen, ("prompt_understanding", "artistic_motion")),
    "repeated": Negative(repeated, ("prompt_understanding", "artistic_motion", "camera_layout")),
    "shuffled": Negative(shuffled, ("artistic_motion", "camera_layout", "finish_stability"), True),
    "jittered": Negative(jittered, ("artistic_motion", "camera_layout", "finish_stability"), True),
    "slowed": Negative(slowed, ("prompt_understanding", "artistic_motion")),
    "blurred": Negative(blurred, ("finish_stability", "design_consistency")),
    "lettered": Negative(lettered, ("camera_layout", "finish_stability")),
    "bordered": Negative(bordered, ("camera_layout", "finish_stability")),
}
