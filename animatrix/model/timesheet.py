"""What the timesheet says of a layout: a drawing that is held stays the same drawing.

A layout artist that draws every frame's pose anew holds a pose only nearly, and what is painted on it moves.
Where the directive asks for a cadence, the frames that show one drawing are known: all of them get its pose,
the mean of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from animatrix.knowledge import Directive
from animatrix.knowledge.exposure import HOLDS, expose
from animatrix.knowledge.timing import from_reference
from animatrix.model.stand import PLANES

CADENCE = "drawing_cadence"
SLOW_HOLDS = (4, 5, 6)  # frames at 24 fps that ``fours_or_slower`` may hold a drawing for
AGREES = 1.3  # how much more a pose has to change between drawings than within them


def drawings(directive: Directive, poses: np.ndarray) -> np.ndarray:
    """Which drawing each frame shows, ``int [T]``, rising: as asked, where poses ``[T,POSE]`` agree with it;
    else every frame its own.
    """
    frames = len(poses)
    tags = directive.tags.get(CADENCE, ())
    if not tags or any(tag.value not in HOLDS for tag in tags):
        return np.arange(frames)
    spans = [
        (tag.value, *((0, frames - 1) if tag.span is None else from_reference(*tag.span, directive.fps)))
        for tag in tags
    ]
    slow = any(tag.value == "fours_or_slower" for tag in tags)
    change = np.abs(np.diff(poses, axis=0)).mean(1)
    best, found = AGREES, np.arange(frames)
    for hold in SLOW_HOLDS if slow else SLOW_HOLDS[:1]:
        moments = expose(spans, frames, directive.fps, hold)
        new = np.diff(moments) != 0
        if new.all():
            continue
        within = change[~new].mean() + 1e-3
        ratio = change[new].mean() / within if new.any() else np.inf
        if ratio > best:
            best, found = ratio, np.concatenate([[0], np.cumsum(new)])
    return found


def exposed(layout: Tensor, directives: Sequence[Directive]) -> Tensor:
    """Layouts ``[B,T,LAYOUT]`` of directives, with one pose for all frames of a drawing."""
    out = layout.clone()
    for row, directive in enumerate(directives):
        poses = layout[row, :, 3 * PLANES :]
        if not poses.isfinite().all():
            continue
        shown = torch.from_numpy(drawings(directive, poses.float().cpu().numpy())).to(layout.device)
        for drawing in shown.unique():
            at = shown == drawing
            out[row, at, 3 * PLANES :] = poses[at].mean(0)
    return out
