"""What a clip is painted on: the layout of a request, and its draft.

A layout is drawn for each directive, unless it is given; where pictures are given, several, of which the one
is taken that fits them. A draft is made of the layout, in pixels and in the autoencoder's latents; what was
painted over it is finished by it, held with its drawings, and struck where impact frames are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from animatrix.generate.conditioning import MASK, Given
from animatrix.generate.finish import finished
from animatrix.generate.fitting import fitting_layout
from animatrix.generate.holds import held
from animatrix.knowledge import Directive
from animatrix.knowledge.timing import from_reference
from animatrix.model.draft import IMPACT, Draft, DraftArtist, encoded, impacts_of
from animatrix.model.keyframes import empty_condition
from animatrix.model.tags import TagEmbeds

if TYPE_CHECKING:
    from animatrix.generate.pipeline import AniMatrixPipeline


@dataclass(frozen=True)
class Ground:
    """layout [B,T,LAYOUT] of directives; its draft, by which artist, and in latents [B,C,F,h,w] of ``scale``
    frames each, NaN for clips without a layout. None of what the model does not take.
    """

    layout: Tensor | None = None
    draft: Draft | None = None
    latents: Tensor | None = None
    artist: DraftArtist | None = None
    directives: Sequence[Directive] = ()
    scale: int = 1

    def told(self, passes: int = 1) -> dict[str, Tensor | None]:
        """As arguments of the transformer, for a batch of so many passes."""
        return {
            name: None if each is None else each.repeat(passes, *[1] * (each.ndim - 1))
            for name, each in (("layout", self.layout), ("draft", self.latents))
        }


def drawn(pipe: AniMatrixPipeline, directives: Sequence[Directive], generator: Any) -> Tensor | None:
    """Layouts [B,T,LAYOUT] that the layout artist draws for directives of one length; nothing without one."""
    if pipe.layout_artist is None:
        return None
    text = pipe._encode(list(directives), "")[0]
    return pipe.layout_artist.draw(text, directives, directives[0].frames, generator)


def laid(
    pipe: AniMatrixPipeline,
    layout: Tensor | None,
    given: Given,
    text: Tensor,
    tags: TagEmbeds | None,
    directives: Sequence[Directive],
    latents: Tensor,
    first: Tensor,
    generator: Any,
) -> Ground:
    """The ground of a request.

    Args:
        layout: what the request gives; nothing: drawn by the layout artist, where there is one.
        given: the request's pictures; text, tags: of the directives, embedded.
        latents: the noise; first: the first timestep.
    """
    spatial = pipe.vae_scale_factor_spatial
    size = (latents.shape[-2] * spatial, latents.shape[-1] * spatial)

    def on(layout: Tensor | None) -> Ground:
        if layout is None or pipe.draft_artist is None:
            return Ground(layout)
        draft = pipe.draft_artist.draft(text, directives, layout, size)
        seen = encoded(pipe.vae, draft.pixels).to(latents)
        scale = pipe.vae_scale_factor_temporal
        return Ground(layout, draft, seen, pipe.draft_artist, directives, scale)

    artist = pipe.layout_artist
    if layout is not None or artist is None:
        return on(layout)

    def draw() -> Tensor:
        return artist.draw(text, directives, directives[0].frames, generator)

    if given.extra is None or not given.extra[:, :MASK].any():
        return on(draw())
    model, alone = pipe.any_expert, empty_condition(latents)

    def guess(layout: Tensor) -> Tensor:
        x = torch.cat([latents, alone], 1).to(model.dtype)
        v = model(x, first.expand(len(x)), text, tags=tags, return_dict=False, **on(layout).told())[0]
        return latents - v

    there = given.extra[:, :MASK].amax(1, keepdim=True) > 0
    return on(fitting_layout(draw, guess, given.extra[:, MASK:], there))


def finished_over(pixels: Tensor, ground: Ground, returned: Tensor, matte: Tensor) -> Tensor:
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
