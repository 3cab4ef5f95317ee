"""Where a clip fails, painted over it."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.prefer.sets import SLOT

SHOWN = 8


def frames_of(slot: int, frames: int) -> tuple[int, int]:
    """First and last frame of a slot of a failure map."""
    return (0, 0) if slot == 0 else (SLOT * (slot - 1) + 1, min(SLOT * slot, frames - 1))


def painted(frames: np.ndarray, found: np.ndarray, drawn: np.ndarray | None = None) -> np.ndarray:
    """A row of pictures ``uint8 [H,SHOWN*W,3]``: what was found in red, what was drawn in green.

    Args:
        frames: ``uint8 [T,H,W,3]``; found, drawn: [T',h,w] in [0,1].
    """
    t, h, w = frames.shape[:3]
    slots = np.linspace(0, len(found) - 1, SHOWN).round().astype(int)
    pictures = []
    for slot in slots:
        picture = 0.5 * frames[frames_of(int(slot), t)[1]].astype(np.float32)
        picture[..., 0] += 127 * cv2.resize(found[slot].astype(np.float32), (w, h))
        if drawn is not None:
            picture[..., 1] += 127 * cv2.resize(drawn[slot].astype(np.float32), (w, h))
        pictures.append(picture)
    return np.clip(np.hstack(pictures), 0, 255).astype(np.uint8)
