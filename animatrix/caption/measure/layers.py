"""How the layers of a set move under one camera: each tracked point's speed as a multiple of the plate's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.caption.measure.alignment import apply, compose, corners, track
from animatrix.caption.measure.camera import CameraPath
from animatrix.caption.measure.thresholds import CAMERA, LAYERS, LayerThresholds


@dataclass(frozen=True)
class LayerSpeeds:
    """Points tracked over stretches in which the plate moves a good deal, pooled over the shot.

    ``ratio`` [N]: how far a point went along the plate's motion at its place, 1 on the plate, 0 on what
    stays put on the screen; ``off`` [N]: how far it went across, in the same unit; ``at`` ``[N,2]`` where it
    was, shares of the frame; ``moved`` ``[N,2]`` its motion per film frame in shares of the width; ``error``
    [N]: uncertainty of ``ratio``; ``stretch`` int [N] which stretch it was seen in, of ``stretches``, and
    ``frame`` int [N] the first frame of that.
    """

    ratio: np.ndarray
    off: np.ndarray
    at: np.ndarray
    moved: np.ndarray
    error: np.ndarray
    stretch: np.ndarray
    stretches: int
    frame: np.ndarray


def stretches_of(path: CameraPath, limits: LayerThresholds = LAYERS) -> list[tuple[int, int]]:
    """Up to ``limits.stretches`` pairs of frames between which the plate moves by about ``limits.reach``."""
    good = np.flatnonzero(~path.odd)
    grid = _grid(path.size)
    pairs: list[tuple[int, int]] = []
    start = 0
    for k in range(1, len(good)):
        a, b = int(good[start]), int(good[k])
        far = _far(path, a, b, grid)
        if far >= limits.reach or b - a >= limits.longest:
            if far >= limits.least_reach and path.seen[a:b].mean() > 0.5:
                pairs.append((a, b))
            start = k
    if len(pairs) > limits.stretches:
        pairs = [pairs[int(i)] for i in np.linspace(0, len(pairs) - 1, limits.stretches).round()]
    return pairs


def held_pairs(path: CameraPath, new: np.ndarray, limits: LayerThresholds = LAYERS) -> list[tuple[int, int]]:
    """Up to ``limits.stretches`` pairs of frames within one drawing between which the plate moves enough.

    ``new`` bool [T-1] as ``Drawings`` has it.
    """
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    ends = np.concatenate([starts[1:] - 1, [len(new)]])
    grid = _grid(path.size)
    pairs = []
    for a, b in zip(starts, ends, strict=True):
        a, b = int(a), int(b)
        b = min(b, a + limits.longest)
        while b > a:
            far = _far(path, a, b, grid)
            if far <= 1.5 * limits.reach:
                if far >= limits.least_held and not path.odd[a : b + 1].any():
                    pairs.append((a, b))
                break
            b -= 1
    if len(pairs) > limits.stretches:
        pairs = [pairs[int(i)] for i in np.linspace(0, len(pairs) - 1, limits.stretches).round()]
    return pairs


def _grid(size: tuple[int, int]) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, size[0] - 1, 4), np.linspace(0, size[1] - 1, 3))
    return np.stack([x, y], -1).reshape(-1, 2)


def _far(path: CameraPath, a: int, b: int, grid: np.ndarray) -> float:
    """How far the plate goes from frame a to b, the median over the picture, in shares of the width."""
    step = compose(path.matrices[b], cv2.invertAffineTransform(path.matrices[a]))
    return float(np.median(np.linalg.norm(apply(step, grid) - grid, axis=1))) / path.size[0]


def layer_speeds(
    gray: Sequence[np.ndarray] | np.ndarray,
    path: CameraPath,
    fps: float,
    pairs: Sequence[tuple[int, int]] | None = None,
    limits: LayerThresholds = LAYERS,
) -> LayerSpeeds:
    """Follow corners over ``pairs`` of frames, the shot's stretches when None; empty where nothing moves."""
    width, height = path.size
    parts = []
    pairs = stretches_of(path, limits) if pairs is None else pairs
    for n, (a, b) in enumerate(pairs):
        tracks = track(gray[a], gray[b], corners(gray[a], CAMERA.corner_floor))
        if len(tracks) < limits.least_tracks:
            continue
        step = compose(path.matrices[b], cv2.invertAffineTransform(path.matrices[a]))
        plate = apply(step, tracks.points) - tracks.points
        own = tracks.moved - tracks.points
        square = np.maximum((plate**2).sum(1), 1e-6)
        along = (own * plate).sum(1) / square
        across = (own[:, 1] * plate[:, 0] - own[:, 0] * plate[:, 1]) / square
        films = (b - a) * 24.0 / fps
        keep = square > max(limits.least_pixels, limits.least_shift * width) ** 2
        rows = (
            along,
            across,
            tracks.points / [width - 1, height - 1],
            own / films / width,
            limits.tracking / np.sqrt(square),
            np.full(len(along), n),
            np.full(len(along), a),
        )
        parts.append(tuple(row[keep] for row in rows))
    if not parts:
        none = np.empty(0)
        return LayerSpeeds(
            none, none, np.empty((0, 2)), np.empty((0, 2)), none, none.astype(int), 0, none.astype(int)
        )
    ratio, off, at, moved, error, stretch, frame = (np.concatenate(p) for p in zip(*parts, strict=True))
    # A stretch in which hardly a point lies where the plate moves shows no layer, and lacks none.
    count = np.bincount(stretch, minlength=len(pairs))
    kept = np.flatnonzero(count >= limits.least_tracks)
    good = np.isin(stretch, kept)
    stretch = np.searchsorted(kept, stretch[good])
    return LayerSpeeds(
        ratio[good], off[good], at[good], moved[good], error[good], stretch, len(kept), frame[good]
    )


@dataclass(frozen=True)
class Mode:
    """A layer: ``ratio`` its speed in plates, ``share`` of the tracked points that go with it, ``wide`` how
    much of the frame's width it reaches across (tenth to ninetieth percentile, median of the stretches),
    ``lasting`` share of stretches that show it, ``height`` mean place of it, 0 the top and 1 the bottom."""

    ratio: float
    share: float
    wide: float
    lasting: float
    height: float


def modes_of(speeds: LayerSpeeds, limits: LayerThresholds = LAYERS) -> list[Mode]:
    """Speeds that many points share, largest group first."""
    straight = np.abs(speeds.off) < limits.straight + 2 * speeds.error
    ratio, error = speeds.ratio[straight], speeds.error[straight]
    at, stretch = speeds.at[straight], speeds.stretch[straight]
    total = len(ratio)
    left = np.ones(total, bool)
    found: list[Mode] = []
    grid = np.exp(np.arange(np.log(0.12), np.log(3.0), 0.04))
    band = np.maximum(limits.band, 1.5 * error)
    while left.sum() >= limits.least_group and len(found) < 5:
        near = np.abs(ratio[None] - grid[:, None]) < band * np.maximum(grid[:, None], 0.5)
        best = int((near & left).sum(1).argmax())
        inside = near[best] & left
        if inside.sum() < max(limits.least_group, limits.least_share * total):
            break
        middle = float(np.median(ratio[inside]))
        inside = (np.abs(ratio - middle) < band * max(middle, 0.5)) & left
        spans = [
            np.ptp(np.percentile(at[inside & (stretch == s), 0], [10, 90]))
            for s in range(speeds.stretches)
            if (inside & (stretch == s)).sum() >= 3
        ]
        found.append(
            Mode(
                middle,
                float(inside.sum() / total),
                float(np.median(spans)) if spans else 0.0,
                len(spans) / max(speeds.stretches, 1),
                float(at[inside, 1].mean()) if inside.any() else 0.5,
            )
        )
        left &= ~(np.abs(ratio - middle) < 1.6 * band * max(middle, 0.5))
    return found


def other_layers(speeds: LayerSpeeds, limits: LayerThresholds = LAYERS) -> list[float]:
    """Speeds of the layers that do not go with the plate, in plates; empty on a single one."""
    return [
        mode.ratio
        for mode in modes_of(speeds, limits)
        if abs(mode.ratio - 1) > limits.apart
        and mode.wide >= limits.least_wide
        and mode.lasting >= limits.least_lasting
    ]
