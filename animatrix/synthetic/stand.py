"""The animation stand: layers and cels mapped through the camera and laid over each other."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.synthetic.ink import Cel
from animatrix.synthetic.stage import Layer


def _to_source(layer_origin, oversample: float, matrix: np.ndarray) -> np.ndarray:
    """2x3 map from layer pixels to frame pixels."""
    # layer px u lies at frame-0 px origin + (u + .5)/k - .5
    k = oversample
    scale = matrix[:, :2] / k
    shift = matrix[:, :2] @ (np.asarray(layer_origin, np.float64) + 0.5 / k - 0.5) + matrix[:, 2]
    return np.concatenate([scale, shift[:, None]], 1)


def shoot(layer: Layer, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The layer as the camera sees it: premultiplied RGBA ``uint8 [H,W,4]``."""
    m = _to_source(layer.origin, layer.oversample, matrix)
    return cv2.warpAffine(layer.rgba, m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Premultiplied ``above`` over opaque ``below``, in 8 bits."""
    keep = 255 - above[..., 3:].astype(np.uint16)
    return (above[..., :3] + (below * keep + 127) // 255).astype(np.uint8)


def lay_cel(frame: np.ndarray, alpha: np.ndarray, cel: Cel, matrix: np.ndarray, oversample: float) -> None:
    """Lay a cel over ``frame`` and write its coverage to ``alpha``, touching only its own box."""
    h, w = alpha.shape
    origin = np.array(cel.origin, np.float64) / oversample
    m = _to_source(origin, oversample, matrix)
    ch, cw = cel.rgba.shape[:2]
    # box of the turned cel: with no turn, its own corners
    left, top = m[0, 2] + min(0.0, ch * m[0, 1]), m[1, 2] + min(0.0, cw * m[1, 0])
    right, bottom = cw * m[0, 0] + max(0.0, ch * m[0, 1]), ch * m[1, 1] + max(0.0, cw * m[1, 0])
    x0, y0 = max(0, int(np.floor(left)) - 1), max(0, int(np.floor(top)) - 1)
    x1, y1 = (
        min(w, int(np.ceil(m[0, 2] + right)) + 2),
        min(h, int(np.ceil(m[1, 2] + bottom)) + 2),
    )
    if x1 <= x0 or y1 <= y0:
        return
    m[:, 2] -= (x0, y0)
    seen = cv2.warpAffine(
        cel.rgba, m, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    frame[y0:y1, x0:x1] = over(frame[y0:y1, x0:x1], seen)
    alpha[y0:y1, x0:x1] = seen[..., 3]


def lay_book(
    frame: np.ndarray, alpha: np.ndarray, layer: Layer, matrix: np.ndarray, size: tuple[int, int]
) -> None:
    """Lay the foreground over figure and ground; it hides the figure in ``alpha``."""
    seen = shoot(layer, matrix, size)
    frame[:] = over(frame, seen)
    alpha[:] = (alpha.astype(np.uint16) * (255 - seen[..., 3]) // 255).astype(np.uint8)
