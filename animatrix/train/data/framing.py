"""Pictures to the size of a bucket: the middle of them, area-averaged."""

from __future__ import annotations

import cv2
import numpy as np


def centre(width: int, height: int, aspect: float) -> tuple[int, int, int, int]:
    """Left, top, width, height of the largest centred part with that aspect (width / height)."""
    w, h = min(width, round(height * aspect)), min(height, round(width / aspect))
    return (width - w) // 2, (height - h) // 2, w, h


def kept_share(width: int, height: int, aspect: float) -> float:
    """The share of the picture that :func:`centre` keeps, in (0, 1]."""
    _, _, w, h = centre(width, height, aspect)
    return w * h / (width * height)


def fitted(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture ``uint8 [H,W,3]`` cropped to the aspect and brought to the size; itself where it has it."""
    if frame.shape[:2] == (height, width):
        return frame
    x, y, w, h = centre(frame.shape[1], frame.shape[0], width / height)
    part = frame[y : y + h, x : x + w]
    smaller = width <= w and height <= h
    return cv2.resize(
        np.ascontiguousarray(part),
        (width, height),
        interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC,
    )
