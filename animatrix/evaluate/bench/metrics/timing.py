"""Holds: how long each drawing stays, against what was asked. Twos are right where twos were asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from animatrix.caption.measure.thresholds import DRAWING_CADENCE
from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting
from animatrix.knowledge.timing import REFERENCE_RATE

HOLDS = {"ones": 1, "twos": 2, "threes": 3, "fours_or_slower": 4}


def _right(run: int, value: str) -> float:
    """How right a run of ``run`` frames at 24 fps is: 1 as asked, less by how far it is off, in octaves."""
    wanted = HOLDS[value]
    if value == "fours_or_slower" and run >= wanted:
        return 1.0
    return float(max(0.0, 1.0 - abs(np.log2(run / wanted))))


@metric(
    "hold_fidelity",
    "share of frames in drawings that are held as long as asked; off by an octave counts nothing",
    ("directive",),
    "0..1",
)
def hold_fidelity(sighting: Sighting) -> float | Skipped:
    tags = sighting.item.directive.tags.get("drawing_cadence", ())
    asked = [tag for tag in tags if tag.value in (*HOLDS, "still")]
    if not asked or len(asked) < len(tags):
        return Skipped("no cadence is asked for that has one hold")
    shot = sighting.shot
    if len(shot.gray) < DRAWING_CADENCE.min_frames:
        return Skipped(f"a clip of {len(shot.gray)} frames has no timing")
    drawings = shot.drawings
    if drawings.noise > DRAWING_CADENCE.most_noise:
        return Skipped("the whole picture changes on every frame")
    if drawings.flash.mean() > DRAWING_CADENCE.most_flash:
        return Skipped("most frames flash")
    edges = np.concatenate([[0], np.flatnonzero(drawings.new) + 1, [len(shot.gray)]])
    scale = REFERENCE_RATE / shot.fps
    got = []
    for tag in asked:
        first, last = (0, len(shot.gray) - 1) if tag.span is None else (round(n / scale) for n in tag.span)
        if tag.value == "still":
            inside = drawings.new[first:last]
            got += [(1.0 - float(inside.mean()) if len(inside) else 1.0, last - first + 1)]
            continue
        # Runs that the span or the shot cuts are seen for a part of their length only.
        whole = [
            (a, b)
            for a, b in pairwise(edges.tolist())
            if a > first and b <= last and not drawings.flash_frames[a:b].any()
        ]
        if whole:
            got += [(_right(max(1, round((b - a) * scale)), tag.value), b - a) for a, b in whole]
        else:  # one drawing all through, or two: nothing is on any count
            got += [(0.0, last - first + 1)]
    weights = [frames for _, frames in got]
    return float(np.average([right for right, _ in got], weights=weights))
