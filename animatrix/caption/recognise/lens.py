"""What the recogniser looks at: every shot brought to one of a few small frame shapes, chroma at half size.

A shot of any aspect is fitted to the shape nearest its own, so that the network sees nearly the same number
of pixels of everything; the picture is stretched by some per cent at most, never cropped.
"""

from __future__ import annotations

import cv2
import numpy as np

# (width, height), multiples of 16, all near 15,400 pixels
SHAPES: tuple[tuple[int, int], ...] = ((160, 96), (144, 112), (128, 128), (112, 144), (96, 160), (192, 80))


def shape_for(width: int, height: int) -> tuple[int, int]:
    """The shape whose aspect is nearest (in ratio) to that of a frame of ``width`` x ``height``."""
    aspect = width / height
    return min(SHAPES, key=lambda s: abs(np.log(s[0] / s[1] / aspect)))


def fitted(frames: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Frames ``uint8 [T,h,w,3]`` RGB resized to (width, height) ``shape``."""
    if frames.shape[2::-1][:2] == shape:
        return frames
    smaller = shape[0] * shape[1] < frames.shape[1] * frames.shape[2]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.stack([cv2.resize(f, shape, interpolation=how) for f in frames])


def to_planes(frames: np.ndarray) -> np.ndarray:
    """RGB ``uint8 [T,H,W,3]`` to I420 ``uint8 [T,H*3/2,W]``: what any video keeps, at half the bytes."""
    return np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2YUV_I420) for f in frames])


def from_planes(planes: np.ndarray) -> np.ndarray:
    """Inverse of :func:`to_planes` but for the colour detail lost: RGB ``uint8 [T,H,W,3]``."""
    return np.stack([cv2.cvtColor(p, cv2.COLOR_YUV2RGB_I420) for p in planes])
