"""Flash safety: how often a second a picture flashes over a quarter of the screen. Evidence, no tag."""

from __future__ import annotations

import cv2
import numpy as np

LEAST_CHANGE = 0.1  # of the greatest relative luminance (WCAG 2.3.1, ITU-R BT.1702)
DARK = 0.8  # the darker of the two pictures must lie below it
AREA = 0.25  # share of the screen that changes together
SAFE = 3  # flashes within any second


def flashes_per_second(gray: np.ndarray, fps: float) -> float:
    """The most flashes, pairs of opposite changes, that begin and end within any one second.

    Args:
        gray: uint8 ``[T,h,w]`` full range.
        fps: frames a second.
    """
    small = np.stack([cv2.resize(g, (16, 9), interpolation=cv2.INTER_AREA) for g in gray])
    light = (small.reshape(len(small), -1) / 255.0) ** 2.2
    turns: list[tuple[int, int]] = []  # frame and direction of each change of a quarter of the screen
    low = high = light[0]
    for t in range(1, len(light)):
        low, high = np.minimum(low, light[t]), np.maximum(high, light[t])
        for way, change, darker in ((1, light[t] - low, low), (-1, high - light[t], light[t])):
            if ((change >= LEAST_CHANGE) & (darker < DARK)).mean() >= AREA:
                if not turns or turns[-1][1] != way:
                    turns.append((t, way))
                low = high = light[t]
                break
    times = np.array([t for t, _ in turns])
    if not len(times):
        return 0.0
    window = max(1, round(fps))
    return float(max(int(((times >= t) & (times < t + window)).sum()) for t in times) / 2)


def is_safe(gray: np.ndarray, fps: float) -> bool:
    """Whether at most three flashes fall within any second."""
    return flashes_per_second(gray, fps) <= SAFE
