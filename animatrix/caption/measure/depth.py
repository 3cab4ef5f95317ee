"""What the layers' speeds say of the camera: a flat plate, sliding layers, depth, a figure it keeps to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animatrix.caption.measure.layers import LayerSpeeds, Mode, modes_of
from animatrix.caption.measure.thresholds import DEPTH, DepthThresholds


@dataclass(frozen=True)
class Depth:
    """Evidence of depth in [0,1] unless said otherwise; all 0 where nothing moves.

    ``slower``, ``faster``: how surely a layer that reaches across the frame lags behind the plate, or runs
    ahead of it above the plate's own middle; ``standing`` share of points that stay put on the screen while
    the plate goes on, within one drawing; ``standing_always`` the same over several drawings; ``loose`` share
    of points that belong to no layer, and ``evenly`` share of those that move that go with the plate;
    ``points`` how many were followed within single drawings; ``layers`` the speeds told apart.
    """

    slower: float = 0.0
    faster: float = 0.0
    standing: float = 0.0
    standing_always: float = 0.0
    loose: float = 0.0
    evenly: float = 1.0
    points: int = 0
    layers: tuple[Mode, ...] = ()

    @property
    def plate(self) -> float:
        """Share of the points that go with the plate itself."""
        return max((m.share for m in self.layers if abs(m.ratio - 1) < DEPTH.on_plate), default=0.0)

    def evidence(self) -> dict[str, float | list[float]]:
        """The numbers, JSON-ready."""
        return {
            "layer_speeds": [round(m.ratio, 2) for m in self.layers],
            "stands_on_screen": round(self.standing, 3),
            "of_no_layer": round(self.loose, 3),
        }


def depth_of(whole: LayerSpeeds, held: LayerSpeeds, limits: DepthThresholds = DEPTH) -> Depth:
    """Read :class:`Depth` off the speeds over the whole shot and those within single drawings."""
    if len(whole.ratio) < limits.least_points and len(held.ratio) < limits.least_points:
        return Depth()
    best = held if len(held.ratio) >= limits.least_points else whole
    slower = faster = 0.0
    shown: tuple[Mode, ...] = ()
    for speeds in (whole, held):
        if len(speeds.ratio) < limits.least_points:
            continue
        modes = modes_of(speeds)
        if not modes:
            continue
        shown = shown or tuple(modes)
        first = modes[0]
        for mode in modes[1:]:
            relative = mode.ratio / max(first.ratio, 0.2)
            sure = _sure(mode, limits)
            if limits.least_slow < relative < limits.most_slow:
                slower = max(slower, sure)
            elif relative > limits.least_fast and mode.height < first.height + limits.above:
                faster = max(faster, sure)
    modes = modes_of(best)
    standing = _standing(best, limits)
    straight = float((np.abs(best.off) < limits.straight + 2 * best.error).mean())
    grouped = straight * sum(m.share for m in modes if m.ratio > limits.least_slow)
    moving = max(1.0 - standing, 1e-6)
    return Depth(
        slower,
        faster,
        standing,
        _standing(whole, limits) if len(whole.ratio) else standing,
        float(np.clip(1.0 - grouped - standing, 0.0, 1.0)),
        float(np.clip(straight * modes[0].share / moving, 0.0, 1.0)) if modes else 0.0,
        len(held.ratio),
        shown,
    )


def _standing(speeds: LayerSpeeds, limits: DepthThresholds) -> float:
    """Share of points that stay put on the screen."""
    if not len(speeds.ratio):
        return 0.0
    still = np.maximum(limits.still, np.minimum(speeds.error, 2 * limits.still))
    return float(((np.abs(speeds.ratio) < still) & (np.abs(speeds.off) < still + 0.05)).mean())


def _sure(mode: Mode, limits: DepthThresholds) -> float:
    """How surely a group of equal speeds is a layer of the set and not a part of the figure."""
    return (
        min(1.0, mode.share / limits.full_share)
        * min(1.0, mode.wide / limits.full_width)
        * min(1.0, mode.lasting / limits.full_lasting)
        * float(np.clip((1.0 - mode.height) / limits.full_height, 0.0, 1.0))
    )
