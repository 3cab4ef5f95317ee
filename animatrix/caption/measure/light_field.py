"""Smooth light over a picture, told from what is painted: veils, corner falloff, tints and glows.

A filter multiplies the picture (vignette, para) or screens light over it (flares, glows). In the logarithm of
a channel, or of its distance from white, it is an added field; inside flat paint the gradient of that field
is all there is. Fields are matched to that gradient by least squares, whole and by quarters of the frame.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

SIDE = 80  # longer side the frames are reduced to: the fields are smooth
LOOKS = 5  # frames of a shot that are looked at
FLAT = 0.10  # most change per pixel of the logarithm of a flat area's brightness
_DARKEST, _LIGHTEST = 10.0, 262.0
_LEAST_WEIGHT = 0.06  # share of a field's own energy that flat paint must cover in a quarter to judge it


def light_numbers(frames: np.ndarray) -> dict[str, float]:
    """Amplitudes and fits of every field over frames uint8 ``[n,h,w,3]`` RGB.

    ``*_amount``: least-squares amplitude (mean of the channels; nepers over the field's range);
    ``*_fit``: its correlation with the gradient of the flat paint, -1..1; ``*_least``: the amplitude in
    the quarter of the frame that shows it least; ``*_red`` and ``*_blue``: how much more of it they have
    than green.
    """
    height, width = frames.shape[1:3]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    fields = _fields(size[1], size[0])
    total = np.zeros((4, len(fields.names) + len(_GLOWS), 3, 3))
    for t in np.unique(np.linspace(0, len(frames) - 1, LOOKS).round().astype(int)):
        total += _products(cv2.resize(frames[t], size, interpolation=cv2.INTER_AREA), fields)
    sums = {name: total[:, i] for i, name in enumerate((*fields.names, *_GLOWS))}
    out: dict[str, float] = {}
    for name in ("vignette", "rise"):
        out.update(_read(name, sums[name]))
    for name in ("para", "flare", "wedge"):
        pair = [_read(name, sums[f"{name}_{side}"]) for side in ("left", "right")]
        out.update(max(pair, key=lambda row: row[f"{name}_fit"]))
    for name in _GLOWS:
        out.update(_read(name, sums[name]))
    return out


class _Fields:
    """Gradients ``[2,F,h,w]`` (x, y) of the fields that do not depend on the picture; which are screened."""

    def __init__(self, shapes: dict[str, tuple[bool, np.ndarray]]):
        self.names = tuple(shapes)
        self.screened = np.array([screened for screened, _ in shapes.values()])
        slopes = [np.gradient(shape.astype(np.float32)) for _, shape in shapes.values()]
        self.slopes = np.stack([[gx for _, gx in slopes], [gy for gy, _ in slopes]]).astype(np.float32)


@lru_cache(maxsize=8)
def _fields(height: int, width: int) -> _Fields:
    x, y = np.linspace(0, 1, width)[None], np.linspace(0, 1, height)[:, None]
    u, v = 2 * x - 1, 2 * y - 1
    shapes: dict[str, tuple[bool, np.ndarray]] = {
        "vignette": (False, -(np.clip(np.hypot(u, 0.9 * v) - 0.45, 0, 1) ** 1.3)),
        "rise": (False, -v + 0 * x),
    }
    for name, side in (("left", -1), ("right", 1)):
        far = x if side > 0 else 1 - x
        shapes[f"para_{name}"] = (False, -(np.clip(0.5 + 0.35 * side * u + 0.375 * v, 0, 1) ** 1.4))
        veil = np.clip(1 - np.hypot(1.25 * (far - 1), 0.95 * (y - 0.15)), 0, 1)
        shapes[f"flare_{name}"] = (True, veil**1.2)
        wedge = np.clip(1.15 - 0.62 * (1 - far) * width / height - 1.05 * y, 0, 1)
        shapes[f"wedge_{name}"] = (True, wedge**1.25)
    return _Fields(shapes)


def _most(rgb: np.ndarray) -> np.ndarray:
    red, green, blue = cv2.split(rgb)
    return cv2.max(cv2.max(red, green), blue)


def _diffused(rgb: np.ndarray) -> np.ndarray:
    glow = cv2.GaussianBlur(rgb, (0, 0), 0.045 * len(rgb))
    return glow * (glow / 255)


def _bloomed(rgb: np.ndarray) -> np.ndarray:
    bright = rgb * np.clip((_most(rgb)[..., None] - 176) / 74, 0, 1)
    return cv2.GaussianBlur(bright, (0, 0), 0.03 * len(rgb)) + cv2.GaussianBlur(
        bright, (0, 0), 0.085 * len(rgb)
    )


_GLOWS = {"diffused": _diffused, "bloomed": _bloomed}


def _products(frame: np.ndarray, fields: _Fields) -> np.ndarray:
    """``[4,F,3,3]``: quarter, field, (field x field, field x picture, picture x picture), channel."""
    rgb = frame.astype(np.float32)
    red, green, blue = cv2.split(rgb)
    luma = np.log(np.maximum((red + green + blue) / 3, _DARKEST))
    gy, gx = np.gradient(luma)
    steep = (
        (np.hypot(gx, gy) > FLAT) | (cv2.min(cv2.min(red, green), blue) < 8) | (_most(rgb) > 251)
    ).astype(np.uint8)
    used = cv2.dilate(steep, np.ones((3, 3), np.uint8)) == 0
    used[:2], used[-2:], used[:, :2], used[:, -2:] = False, False, False, False
    levels = np.concatenate([np.log(np.maximum(rgb, _DARKEST)), -np.log(_LIGHTEST - rgb)], 2)
    sy, sx = (np.clip(slope, -FLAT, FLAT) for slope in np.gradient(levels, axis=(0, 1)))
    # A logarithm is as uncertain as its argument is small: near black, or near white for light laid on.
    certain = np.concatenate([(rgb / 255) ** 2, ((_LIGHTEST - rgb) / 255) ** 2], 2)
    out = np.zeros((4, len(fields.names) + len(_GLOWS), 3, 3))
    halves = (slice(None, len(rgb) // 2), slice(len(rgb) // 2, None))
    sides = (slice(None, rgb.shape[1] // 2), slice(rgb.shape[1] // 2, None))
    glows = [np.asarray(np.gradient(make(rgb) / 255, axis=(0, 1))) for make in _GLOWS.values()]
    for quarter in range(4):
        place = (halves[quarter // 2], sides[quarter % 2])
        kept = used[place]
        hx, hy = (
            fields.slopes[0][:, place[0], place[1]][:, kept],
            fields.slopes[1][:, place[0], place[1]][:, kept],
        )
        px, py = sx[place][kept], sy[place][kept]
        weight = certain[place][kept]
        energy = (px * px + py * py) * weight
        own = hx * hx + hy * hy
        both = np.asarray(hx @ (px * weight) + hy @ (py * weight))
        seen = np.asarray((own > 1e-7).astype(np.float32) @ energy)
        own = np.asarray(own @ weight)
        part = np.where(fields.screened, 3, 0)
        for i, at in enumerate(part):
            out[quarter, i] = own[i, at : at + 3], both[i, at : at + 3], seen[i, at : at + 3]
        for i, (wy, wx) in enumerate(glows):
            qx, qy = wx[place][kept], wy[place][kept]
            light = weight[:, 3:]
            out[quarter, len(part) + i] = (
                ((qx * qx + qy * qy) * light).sum(0),
                ((qx * px[:, 3:] + qy * py[:, 3:]) * light).sum(0),
                energy[:, 3:].sum(0),
            )
    return out


def _read(name: str, sums: np.ndarray) -> dict[str, float]:
    own, both, seen = sums.sum(0)
    amount = both / (own + 1e-6)
    fit = both.sum() / np.sqrt(own.sum() * seen.sum() + 1e-9)
    parts = sums[:, 1].sum(1) / (sums[:, 0].sum(1) + 1e-6)
    judged = sums[:, 0].sum(1) > _LEAST_WEIGHT * own.sum()
    out = {
        f"{name}_amount": float(amount.mean()),
        f"{name}_fit": float(fit),
        f"{name}_least": float(parts[judged].min()) if judged.any() else 0.0,
    }
    if name in ("para", "flare", "wedge"):
        out[f"{name}_red"] = float(amount[0] - amount[1])
        out[f"{name}_blue"] = float(amount[2] - amount[1])
    return out
