"""Camera shake: which way the picture jumps in each frame, from a library of drawn shakes.

A shake has no cause in the shot that a network could see: it is drawn at random, a pixel or two a frame, and
a network that guesses what is likely guesses its mean, which is none. Studios keep charts of shakes and copy
one onto the timesheet. So it is here: for each value of the tag some tracks measured from drawn shots, of
which one is taken. Where an impact frame is asked for, the shake sets in with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from animatrix.knowledge import Directive
from animatrix.knowledge.timing import REFERENCE_RATE, convert_range, exact_rate
from animatrix.model.draft import impacts_of
from animatrix.model.stand import PLANES

SHAKE = "camera_shake"


class Shakes(nn.Module):
    """See the module's text.

    Args:
        values: of :data:`SHAKE` that have tracks.
        count, frames: of the tracks of each; frames at 24 a second.
    """

    tracks: Tensor

    def __init__(self, values: Sequence[str], count: int, frames: int) -> None:
        super().__init__()
        self.values = tuple(values)
        self.register_buffer("tracks", torch.zeros(len(values), count, frames, 2))

    def drawn(
        self, directives: Sequence[Directive], frames: int, generators: Sequence[torch.Generator | None]
    ) -> Tensor:
        """How far the picture's content is moved in each frame [B,frames,2]: right and down, in sides."""
        count, length = self.tracks.shape[1:3]
        out = self.tracks.new_zeros(len(directives), frames, 2)
        for row, (directive, generator) in enumerate(zip(directives, generators, strict=True)):
            asked = [tag for tag in directive.tags.get(SHAKE, ()) if tag.value in self.values]
            for tag in asked[:1]:
                device = "cpu" if generator is None else generator.device
                which = int(torch.randint(count, (), generator=generator, device=device))
                track = self.tracks[self.values.index(tag.value), which]
                rate = float(REFERENCE_RATE / exact_rate(directive.fps))
                at = (torch.arange(frames) - onset(directive, frames)) * rate + 1e-6
                shown = (at >= 0) & (at < length)
                out[row, shown] = track[at[shown].long().to(track.device)]
                if tag.span is not None:
                    first, last = convert_range(*tag.span, REFERENCE_RATE, directive.fps)
                    out[row, :first] = out[row, last + 1 :] = 0
        return out


def onset(directive: Directive, frames: int) -> int:
    """The frame that a shake of a directive sets in with."""
    return min(impacts_of(directive, frames), default=0)


def shaken(layout: Tensor, tracks: Tensor) -> Tensor:
    """Layouts [B,T,LAYOUT] under a camera that shakes by [B,T,2]; set and figure alike."""
    out = layout.clone()
    for plane in range(PLANES):
        at = 3 * plane
        out[..., at : at + 2] -= tracks.to(layout) * layout[..., at + 2 : at + 3].exp()
    return out
