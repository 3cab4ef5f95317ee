"""The lens of the printer: warps, defocus, motion blur and the picture upside down."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from animatrix.synthetic.camera import TRACKING
from animatrix.synthetic.takes import Take, larger


def fisheye(take: Take) -> None:
    """Barrel: lines bow outward, the corners stay where they are, the centre swells."""
    bow, more = 0.42, 1.5
    w, h = take.shot.size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    cx, cy = (w - 1) / 2, (h - 1) / 2
    dx, dy = x - cx, y - cy
    k = 1 - bow + bow * (dx * dx + dy * dy) / (cx * cx + cy * cy)
    wide = larger(take, more)
    mx, my = (cx + dx * k + 0.5) * more - 0.5, (cy + dy * k + 0.5) * more - 0.5
    _resample(take, wide, lambda p: cv2.remap(p, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def wide(take: Take) -> None:
    """Strong convergence: the near ground and what stands on it spreads towards the lens."""
    w, h = take.shot.size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    near = 1 + 0.42 * np.clip(y / h - 0.15, 0, 1) ** 1.3
    mx, my = (w - 1) / 2 + (x - (w - 1) / 2) / near, y
    take.warp(lambda p: cv2.remap(p, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _resample(take: Take, source: Take, mapped: Callable[[np.ndarray], np.ndarray]) -> None:
    for t in range(take.length):
        take.frames[t] = mapped(source.frames[t])
        take.truth.mask[t] = mapped(source.truth.mask[t].astype(np.uint8) * 255) > 127
        if source.truth.deformation[t].any():
            take.truth.deformation[t] = mapped(source.truth.deformation[t])


def full_defocus(take: Take) -> None:
    span = take.shot.scene.direction.span("focus", "full_defocus") or (0, take.length - 1)
    soft = 0.022 * take.shot.size[1]
    for t in range(span[0], min(span[1], take.length - 1) + 1):
        # where only part of the shot is soft, the focus is pulled within three frames
        edge = min(t - span[0] + 1 if span[0] else 9, span[1] - t + 1 if span[1] < take.length - 1 else 9)
        take.frames[t] = cv2.GaussianBlur(take.frames[t], (0, 0), soft * min(1.0, edge / 3))


def whip_blur(take: Take) -> None:
    """Directional streaks of a whip move, from the camera's own motion; a followed figure stays sharp."""
    camera, (w, h) = take.truth.camera, take.shot.size
    centre = np.array([(w - 1) / 2, (h - 1) / 2, 1.0])
    keep_figure = bool(TRACKING & set(take.shot.scene.camera_moves))
    whole = np.tile(np.eye(3), (take.length, 1, 1))
    whole[:, :2] = camera
    for t in range(take.length):
        a, b = max(0, t - 1), min(take.length - 1, t + 1)
        if b == a:
            continue
        step = (whole[b] @ np.linalg.inv(whole[a]))[:2] - np.eye(3)[:2]
        step /= b - a
        corner = np.array([0.0, 0.0, 1.0])
        length = max(float(np.hypot(*(step @ centre))), float(np.hypot(*(step @ corner))))
        if length < 0.035 * w:
            continue
        count = int(np.clip(length * 0.8, 5, 33)) | 1
        total = np.zeros((h, w, 3), np.float32)
        for s in np.linspace(-0.45, 0.45, count):
            m = np.eye(3)[:2] + s * step
            total += cv2.warpAffine(take.frames[t], m, (w, h), borderMode=cv2.BORDER_REPLICATE)
        streaked = np.rint(total / count).astype(np.uint8)
        if keep_figure:
            figure = cv2.blur(take.truth.mask[t].astype(np.float32), (3, 3))[..., None]
            streaked = np.rint(streaked * (1 - figure) + take.frames[t] * figure).astype(np.uint8)
        take.frames[t] = streaked


def inverted(take: Take) -> None:
    truth = take.truth
    w, h = take.shot.size
    take.frames[:] = take.frames[:, ::-1, ::-1].copy()
    truth.mask[:] = truth.mask[:, ::-1, ::-1].copy()
    truth.deformation[:] = truth.deformation[:, ::-1, ::-1].copy()
    shift = truth.camera[:, :, 2]
    centre = np.array([w - 1.0, h - 1.0])
    # half a turn about the centre, before and after
    truth.camera[:, :, 2] = centre - np.einsum("tij,j->ti", truth.camera[:, :, :2], centre) - shift


def rack_focus(take: Take) -> None:
    """The set is sharp and the figure soft, then the other way round; the pull lies in mid span."""
    a, b = take.shot.scene.direction.span("focus", "rack_focus") or (0, take.length - 1)
    b = min(b, take.length - 1)
    most = 0.020 * take.shot.size[1]
    for t in range(take.length):
        u = float(np.clip((t - a) / max(1, b - a), 0, 1))
        pull = float(np.clip((u - 0.33) / 0.34, 0, 1))
        soft_figure, soft_set = most * (1 - pull), most * pull
        alpha = cv2.GaussianBlur(take.truth.mask[t].astype(np.float32), (0, 0), 0.6)[..., None]
        picture = take.frames[t].astype(np.float32)
        ground = _spread(picture, 1 - alpha, max(soft_set, 0.004 * take.shot.size[1]))
        ground = ground if soft_set > 0.3 else picture * (1 - alpha) + ground * alpha
        if soft_figure > 0.3:
            figure = _spread(picture, alpha, soft_figure)
            alpha = cv2.GaussianBlur(alpha, (0, 0), soft_figure)[..., None]
        else:
            figure = picture
        take.frames[t] = np.rint(np.clip(ground * (1 - alpha) + figure * alpha, 0, 255)).astype(np.uint8)
    take.note("rack_focus", a + round((b - a) * 0.33), a + round((b - a) * 0.67))


def _spread(picture: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Blur that looks only at where ``weight`` ``[H,W,1]`` is, and fills the rest from there."""
    top = cv2.GaussianBlur(picture * weight, (0, 0), sigma)
    low = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    far = cv2.GaussianBlur(picture * weight, (0, 0), 5 * sigma + 2)
    far_low = cv2.GaussianBlur(weight, (0, 0), 5 * sigma + 2)[..., None]
    return np.where(low > 0.02, top / np.maximum(low, 1e-4), far / np.maximum(far_low, 1e-4))
