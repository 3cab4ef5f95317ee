"""Interruptions: up to six frames of something else, after which the picture before returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animatrix.caption.joins import distance
from animatrix.caption.measure.shot import REFERENCE_FPS, Shot
from animatrix.caption.measure.thresholds import INTERRUPTION, InterruptionThresholds


@dataclass(frozen=True)
class Interruption:
    """Frames ``first`` to ``last`` of the container, inclusive; ``change`` in gray levels of the least
    changed of them; ``returned`` what is left of the change afterwards, in shares of it; ``fullest`` the
    frame that differs most."""

    first: int
    last: int
    change: float
    returned: float
    fullest: int


def interruptions(shot: Shot, limits: InterruptionThresholds = INTERRUPTION) -> list[Interruption]:
    """The interruptions of a shot, in order. What has nothing of the shot before or after it is none."""
    looks = shot.looks
    rate = max(shot.fps / REFERENCE_FPS, 0.5)
    longest = max(1, round(limits.longest * rate))
    found = []
    t = 1
    while t < len(looks):
        met = None
        if distance(looks[t - 1], looks[t]) > limits.least_change:
            for after in range(t + 1, min(t + longest, len(looks) - 1) + 1):
                off = [
                    min(distance(looks[t - 1], looks[k]), distance(looks[after], looks[k]))
                    for k in range(t, after)
                ]
                change = min(off)
                left = distance(looks[t - 1], looks[after]) / (change + 1e-6)
                if change > limits.least_change and left < limits.most_left:
                    met = Interruption(t, after - 1, change, left, t + int(np.argmax(off)))
                    break
        if met is not None:
            found.append(met)
            t = met.last + 1
        t += 1
    return found
