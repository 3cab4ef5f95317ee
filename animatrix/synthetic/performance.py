"""A performance: the base action, talk and waves on top, blinks, and the drag of what hangs on the body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from animatrix.synthetic.acting import TAU, Beat, flap, gesture
from animatrix.synthetic.actions import ACTIONS
from animatrix.synthetic.pose import Pose


@dataclass(frozen=True)
class Performance:
    """One character's acting: the base action, and whether it talks on top of it."""

    action: str
    beat: Beat
    talks: bool = False
    waves: bool = False

    def pose(self, t: float) -> Pose:
        """Pose at ``t`` seconds; ``x`` is the distance travelled in heads."""
        p = ACTIONS[self.action](t, self.beat)
        if self.talks and self.action != "speak":
            p = p.but(mouth=flap(t, self.beat.seed))
        if self.waves and self.action != "gesture":
            g = gesture(t, self.beat)
            p = p.but(arm_n=g.arm_n, elbow_n=g.elbow_n, shrug=0.5, smile=1.0)
        since = t - self.beat.blink
        if 0 <= since < 0.17 and p.eye > 0.5:
            p = p.but(eye=0.1 if 0.03 < since < 0.13 else 0.5)
        return p

    def locks(self, t: float, air_speed: float = 0.0) -> Callable[[int], np.ndarray]:
        """Drag of hair, scarf and cloth at ``t``: level 1 (root) .. 4 (tip) -> offset ``[2]`` in heads.

        Deeper levels answer later (overlapping action). ``air_speed`` adds heads per second of head wind.
        """
        cache: dict[int, np.ndarray] = {}

        def at(level: int) -> np.ndarray:
            if level not in cache:
                s = t - 0.05 * level
                a, c = self.pose(s - 0.05), self.pose(s)
                va = (
                    np.array(
                        [
                            c.x
                            - a.x
                            + 1.6 * (c.lean - a.lean)
                            + 0.5 * (c.head - a.head)
                            + 0.4 * (c.yaw - a.yaw),
                            -(c.lift - a.lift) * 1.3,
                        ]
                    )
                    / 0.05
                )
                va[0] += air_speed
                drag = -0.115 * va
                size = float(np.hypot(*drag))
                drag = drag * (np.tanh(size) / size) if size > 1e-6 else drag
                b = self.beat
                sway = b.wind * (0.45 + 0.55 * np.sin(TAU * (s * 1.15 + b.phase) - 0.55 * level))
                flutter = 0.10 * size / (1 + size) * np.sin(TAU * 3.1 * s - 1.1 * level)
                cache[level] = drag * np.sqrt(level) * 0.75 + np.array(
                    [sway, -abs(sway) * 0.25 + flutter]
                ) * np.sqrt(level)
            return cache[level]

        return at
