"""Exposure sheet: which drawing lies under the camera at each frame, from the asked cadence."""

from __future__ import annotations

import numpy as np

from animatrix.knowledge.timing import REFERENCE_RATE

# frames a drawing is held, counted at 24 fps; None holds one drawing for good
HOLDS: dict[str, int | None] = {"ones": 1, "twos": 2, "threes": 3, "fours_or_slower": 4, "still": None}


def expose(spans: list[tuple[str, int, int]], frames: int, fps: float, slow_hold: int = 4) -> np.ndarray:
    """Frame whose moment is drawn at each frame, ``int [frames]``.

    Args:
        spans: (cadence value, first frame, last frame), later rows win; uncovered frames are on twos.
        frames: length of the shot.
        fps: its rate; holds are counted at 24 fps and converted.
        slow_hold: hold length used for ``fours_or_slower`` (4 or more).
    """
    kind = ["twos"] * frames
    for value, first, last in spans:
        kind[max(0, first) : last + 1] = [value] * (min(last, frames - 1) - max(0, first) + 1)
    out = np.zeros(frames, np.int64)
    start, tick, previous = 0, -1, None
    for t in range(frames):
        if kind[t] != previous:
            previous, start, tick = kind[t], t, -1
        hold = HOLDS[kind[t]]
        if kind[t] == "fours_or_slower":
            hold = slow_hold
        slot = 0 if hold is None else int((t - start) * REFERENCE_RATE / fps / hold + 1e-6)
        out[t] = t if slot != tick else out[t - 1]
        tick = slot
    return out


def drawing_ids(moments: np.ndarray) -> list[int]:
    """Number drawings from 1 in order of appearance: ``[0,0,2,2] -> [1,1,2,2]``."""
    return [int(n) for n in np.concatenate([[1], 1 + np.cumsum(np.diff(moments) != 0)])]
