"""How the layers of a set move under one camera: each tracked point's speed as a multiple of the plate's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.caption.measure.alignment import apply, compose, corners, track
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import CAMERA, LAYERS, LayerThresholds


@dataclass(frozen=True)
class LayerSpeeds:
    """Points tracked over stretches in which the plate moves a good deal, pooled over the shot.

    ``ratio`` [N]: how far a point went along the plate's motion at its place, 1 on the plate, 0 on what
    stays put on the screen; ``off`` [N]: how far it went across, in the same unit; ``at`` ``[N,2]`` where it
    was, shares of the frame; ``moved`` ``[N,2]`` its motion per film frame in shares of the width; ``error``
    [N]: uncertainty of ``ratio``; ``stretch`` int [N] which stretch it was seen in, of ``stretches``.
    """

    ratio: np.ndarray
    off: np.ndarray
    at: np.ndarray
    moved: np.ndarray
    error: np.ndarray
    stretch: np.ndarray
    stretches: int


def stretches_of(shot: Shot, limits: LayerThresholds = LAYERS) -> list[tuple[int, int]]:
    """Up to ``limits.stretches`` pairs of frames between which the plate moves by about ``limits.reach``."""
    path = shot.camera
    width, height = path.size
    good = np.flatnonzero(~path.odd)
    grid = np.stack(np.meshgrid(np.linspace(0, width - 1, 4), np.linspace(0, height - 1, 3)), -1).reshape(
        -1, 2
    )
    pairs: list[tuple[int, int]] = []
    start = 0
    for k in range(1, len(good)):
        a, b = int(good[start]), int(good[k])
        step = compose(path.matrices[b], cv2.invertAffineTransform(path.matrices[a]))
        far = float(np.median(np.linalg.norm(apply(step, grid) - grid, axis=1))) / width
        if far >= limits.reach or b - a >= limits.longest:
            if far >= limits.least_reach and path.seen[a:b].mean() > 0.5:
                pairs.append((a, b))
            start = k
    if len(pairs) > limits.stretches:
        pairs = [pairs[int(i)] for i in np.linspace(0, len(pairs) - 1, limits.stretches).round()]
    return pairs


def layer_speeds(shot: Shot, limits: LayerThresholds = LAYERS) -> LayerSpeeds:
    """Follow corners over the shot's stretches; empty where the plate does not move."""
    width, height = shot.camera.size
    parts = []
    pairs = stretches_of(shot, limits)
    for n, (a, b) in enumerate(pairs):
        tracks = track(shot.gray[a], shot.gray[b], corners(shot.gray[a], CAMERA.corner_floor))
        if len(tracks) < limits.least_tracks:
            continue
        step = compose(shot.camera.matrices[b], cv2.invertAffineTransform(shot.camera.matrices[a]))
        plate = apply(step, tracks.points) - tracks.points
        own = tracks.moved - tracks.points
        square = np.maximum((plate**2).sum(1), 1e-6)
        along = (own * plate).sum(1) / square
        across = (own[:, 1] * plate[:, 0] - own[:, 0] * plate[:, 1]) / square
        films = (b - a) * 24.0 / shot.fps
        keep = square > limits.least_pixels**2
        rows = (
            along,
            across,
            tracks.points / [width - 1, height - 1],
            own / films / width,
            limits.tracking / np.sqrt(square),
            np.full(len(along), n),
        )
        parts.append(tuple(row[keep] for row in rows))
    if not parts:
        none = np.empty(0)
        return LayerSpeeds(none, none, np.empty((0, 2)), np.empty((0, 2)), none, none.astype(int), 0)
    ratio, off, at, moved, error, stretch = (np.concatenate(p) for p in zip(*parts, strict=True))
    return LayerSpeeds(ratio, off, at, moved, error, stretch, len(pairs))


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
