"""Where the model left the draft as it is, the draft itself is shown.

An autoencoder of a few million weights softens every edge a little, each latent frame of a moving picture in
its own way, and a small model says the same place a little differently in each: what panned evenly trembles,
what was held flickers. The model's own matte says where it meant the draft: there the draft is shown, in
pixels. Where the model meant something else (a limb drawn out, a smear, another light), its picture stays.

A latent frame stands for several frames, and an impact frame among them takes the matte of all. In a latent
frame that is another picture altogether the pixels tell the frames apart: those that are nearly the draft
after all are it.

Then paint is held with its drawing (:mod:`animatrix.generate.holds`), and where the request says by tag and
span which frames are impact frames, these are struck instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from animatrix.generate.ground import Ground
from animatrix.generate.holds import held
from animatrix.knowledge import Directive
from animatrix.knowledge.timing import from_reference
from animatrix.model.draft import IMPACT, Draft, impacts_of

LEFT = (0.3, 0.6)  # matte at which nothing of the draft is shown, and at which nothing else is
EVENT = (0.45, 0.7)  # mean matte of a latent frame that is another picture, and of one that is not
NEAR = 20 / 127.5  # mean difference from the decoded draft around a pixel at which half of either is shown
WHOLE = 25 / 127.5  # and mean amount of it over a whole frame
AROUND = 9  # pixels a side of what is around a pixel


def finished(pixels: Tensor, draft: Tensor, returned: Tensor, matte: Tensor) -> Tensor:
    """The pixels with the draft where the model left it.

    Args:
        pixels: decoded, [B,3,T,H,W] in [-1,1]; draft: the draft, NaN for clips without; returned: the draft
            after a round trip through the autoencoder.
        matte: [B,C,F,h,w] in [0,1].
    """
    t, h, w = pixels.shape[2:]
    there = draft.isfinite().flatten(1).all(1).view(-1, 1, 1, 1, 1)
    mean = matte.mean(1).to(pixels)  # [B,F,h,w]
    scale = 1 if mean.shape[1] == 1 else (t - 1) // (mean.shape[1] - 1)
    fine = F.interpolate(mean, size=(h, w), mode="bilinear", align_corners=False)
    left = _by_frame(_ramp(fine, LEFT), scale)
    event = _by_frame(1 - _ramp(mean.mean((2, 3), keepdim=True), EVENT), scale)
    off = pixels - returned.nan_to_num()
    # An edge that is only softer is off both ways: in the mean around it, it is not.
    around = (1, AROUND, AROUND)
    near = F.avg_pool3d(off, around, 1, (0, AROUND // 2, AROUND // 2), count_include_pad=False)
    near = near.abs().amax(1, keepdim=True)
    whole = off.abs().amax(1, keepdim=True).mean((3, 4), keepdim=True)
    alike = torch.exp2(-((near / NEAR) ** 4) - (whole / WHOLE) ** 4)
    kept = torch.maximum(left * (1 - event), alike * event) * there
    return pixels + kept * (draft.nan_to_num() - pixels)


def _ramp(x: Tensor, ends: tuple[float, float]) -> Tensor:
    """0 up to the first of two values, 1 from the second on, smooth between."""
    u = ((x - ends[0]) / (ends[1] - ends[0])).clamp(0, 1)
    return u * u * (3 - 2 * u)


def _by_frame(x: Tensor, scale: int) -> Tensor:
    """Latent frames [B,F,h,w] as the frames they stand for, [B,1,T,h,w]; the first is one alone."""
    return torch.cat([x[:, :1], x[:, 1:].repeat_interleave(scale, 1)], 1)[:, None]


def finish(pixels: Tensor, ground: Ground, returned: Tensor, matte: Tensor) -> Tensor:
    """Decoded pixels [B,3,T,H,W] as they are shown: the draft where the model left it, paint held with its
    drawing, impact frames struck.

    Args:
        returned: the draft after a round trip through the autoencoder; matte: [B,C,F,h,w] in [0,1].
    """
    assert ground.layout is not None and ground.draft is not None and ground.artist is not None
    draft = Draft(*(part.to(pixels.device) for part in ground.draft))
    asked, frames, strikes = ground.directives, pixels.shape[2], ground.artist.strikes is not None
    begins = begin(asked, frames, without=(IMPACT,) if strikes else ())
    tinted = beside_impacts(asked, frames, ground.scale) if strikes else None
    seen = finished(pixels, draft.pixels, returned, matte)
    seen = held(seen, draft, ground.layout, begins, tinted)
    struck = ground.artist.struck(Draft(seen, draft.cover), asked)
    # Without a layout the impact frame was painted, and must not be struck twice.
    known = draft.pixels.isfinite().flatten(1).all(1).view(-1, 1, 1, 1, 1)
    return torch.where(known, struck, seen)


def beside_impacts(directives: Sequence[Directive], frames: int, scale: int) -> Tensor:
    """Which frames are impact frames or share a latent frame of ``scale`` frames with one, bool [B,T]."""
    found = torch.zeros(len(directives), frames, dtype=torch.bool)
    latent = (torch.arange(frames) + scale - 1) // scale
    for row, directive in enumerate(directives):
        struck = latent[list(impacts_of(directive, frames))].unique()
        found[row] = torch.isin(latent, struck)
    return found


def begin(directives: Sequence[Directive], frames: int, without: Sequence[str] = ()) -> Tensor:
    """In which frames something that a directive asks for with a span begins, or has ended, bool [B,T]; but
    for some fields.
    """
    found = torch.zeros(len(directives), frames, dtype=torch.bool)
    for row, directive in enumerate(directives):
        for field, tags in directive.tags.items():
            for span in (tag.span for tag in tags if field not in without):
                if span is not None:
                    first, last = from_reference(*span, directive.fps)
                    found[row, [t for t in (first, last + 1) if t < frames]] = True
    return found
