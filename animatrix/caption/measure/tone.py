"""Colour statistics of a shot: saturation, lightness, chroma, and how they spread over hues."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.caption.measure.shot import Shot

LOOKS = 7  # frames of a shot whose colour is looked at
_HUES = 72


def looked_at(shot: Shot, count: int = LOOKS) -> np.ndarray:
    """Numbers of evenly spread frames of the shot, without those whose brightness leaps (flashes)."""
    picks = np.unique(np.linspace(0, len(shot.colour) - 1, count).round().astype(int))
    means = np.array([float(shot.gray[t].mean()) for t in picks])
    usual = np.abs(means - np.median(means)) <= 40.0
    return picks[usual]


def colour_numbers(frames: np.ndarray) -> dict[str, float]:
    """Colour statistics of frames uint8 ``[n,h,w,3]`` RGB: medians over the frames.

    Saturation, value and shares lie in 0..1; lightness L* in 0..100; chroma is that of CIELAB.
    """
    rows = [_frame_numbers(frame) for frame in frames]
    return {name: float(np.median([row[name] for row in rows])) for name in rows[0]}


def _frame_numbers(rgb: np.ndarray) -> dict[str, float]:
    # Ringing and 4:2:0 chroma make colours of their own along edges; a small blur takes most of them away.
    height, width = rgb.shape[:2]
    small = cv2.resize(
        cv2.blur(rgb, (3, 3)), (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA
    )
    small = small.astype(np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV).reshape(-1, 3)
    lightness, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue, saturation, value = hsv[:, 0] / 360, hsv[:, 1], hsv[:, 2]
    out = {
        "saturation": float(saturation.mean()),
        "saturation_spread": float(saturation.std()),
        "value": float(value.mean()),
        "lightness": float(np.median(lightness)),
        "chroma": float(chroma.mean()),
        "chroma_most": float(chroma.max()),
        "grey_share": float((chroma < 6).mean()),
        "dull_share": float((chroma < 15).mean()),
        "rich_share": float((chroma > 45).mean()),
        "dark_share": float((lightness < 25).mean()),
        "light_share": float((lightness > 75).mean()),
        "green_red": float(lab[:, 1].mean()),
        "blue_yellow": float(lab[:, 2].mean()),
    }
    for name, channel, shares in (
        ("lightness", lightness, (2, 10, 90, 98)),
        ("chroma", chroma, (10, 50, 75, 90, 98)),
    ):
        found = np.percentile(channel, shares)
        out.update({f"{name}_{q}": float(level) for q, level in zip(shares, found, strict=True)})
    weight = saturation * value
    weight = np.where(chroma > 4, weight, 0.0)
    bins = np.bincount(np.minimum((hue * _HUES).astype(int), _HUES - 1), weight, _HUES)
    out.update(_hue_numbers(bins))
    out.update(_plain_hues(small))
    glow = (chroma > 45) & (lightness > 50)
    cold = glow & (((hue > 0.25) & (hue < 0.55)) | ((hue > 0.78) & (hue < 0.95)))
    out["glow_share"] = float(glow.mean())
    out["neon_share"] = float(cold.mean())
    violet = (hue > 0.66) & (hue < 0.86) & (lightness < 35) & (chroma > 8)
    out["violet_ground"] = float(violet.mean())
    return out


def _plain_hues(rgb: np.ndarray) -> dict[str, float]:
    """Hues of flat paint alone, float ``[h,w,3]`` RGB in 0..1: edges mix hues that nobody painted.

    ``plain_three``: share of the three main hues, 9 degrees wide; ``plain_count``: hues that cover 90%.
    """
    down = np.abs(np.diff(rgb, axis=0, append=rgb[-1:]))
    along = np.abs(np.diff(rgb, axis=1, append=rgb[:, -1:]))
    steps = np.maximum(down, along)
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    strength = hsv[..., 1] * hsv[..., 2]
    plain = (steps.max(2) < 0.05) & (strength > 0.10)
    bins = np.bincount(np.minimum((hsv[..., 0][plain] / 3).astype(int), 119), strength[plain], 120)
    if bins.sum() < 4:
        return {"plain_three": 1.0, "plain_count": 0.0}
    share = bins / bins.sum()
    covered = np.cumsum(np.sort(share)[::-1])
    return {
        "plain_three": sum(_main_groups(share, 1)),
        "plain_count": float(np.log1p(np.searchsorted(covered, 0.9))),
    }


def _hue_numbers(bins: np.ndarray) -> dict[str, float]:
    """How the colourfulness spreads over hues: entropy (1 = even), and the share of the main few."""
    total = float(bins.sum())
    if total < 1e-3:
        return {"hue_entropy": 0.0, "one_hue": 1.0, "two_hues": 1.0, "three_hues": 1.0, "narrow_hues": 1.0}
    share = bins / total
    groups, seen = _main_groups(share, 2), share[share > 0]
    return {
        "hue_entropy": float(-(seen * np.log(seen)).sum() / np.log(len(bins))),
        "one_hue": groups[0],
        "two_hues": sum(groups[:2]),
        "three_hues": sum(groups),
        "narrow_hues": sum(_main_groups(share, 1)),
    }


def _main_groups(share: np.ndarray, width: int) -> list[float]:
    """Shares of the three strongest groups of hues, ``width`` bins to either side, none counted twice."""
    left, out = share.copy(), []
    for _ in range(3):
        sums = np.convolve(
            np.concatenate([left[-width:], left, left[:width]]), np.ones(2 * width + 1), "valid"
        )
        peak = int(sums.argmax())
        out.append(float(sums[peak]))
        left[(peak + np.arange(-width, width + 1)) % len(left)] = 0
    return out
