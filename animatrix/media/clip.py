"""A clip: frames and their rate, the one value passed between rendering, captioning and generation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Clip:
    """Frames ``uint8 [T,H,W,3]`` RGB, and ``fps`` in frames per second (> 0)."""

    frames: np.ndarray
    fps: float

    def __post_init__(self) -> None:
        f = self.frames
        if f.dtype != np.uint8 or f.ndim != 4 or f.shape[-1] != 3 or not len(f):
            raise ValueError(f"frames must be non-empty uint8 [T,H,W,3], not {f.dtype} {f.shape}")
        if not self.fps > 0:
            raise ValueError(f"fps must be positive, not {self.fps}")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.frames.shape[2], self.frames.shape[1]
