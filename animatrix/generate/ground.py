"""What a clip is painted on: the layout of a request, and its draft.

A layout is drawn for each directive, unless it is given; where pictures are given, several, of which the one
is taken that fits them. A draft is made of the layout, in pixels and in the autoencoder's latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from animatrix.generate.conditioning import MASK, Given
from animatrix.generate.fitting import fitting_layout
from animatrix.knowledge import Directive
from animatrix.model.draft import Draft, DraftArtist, encoded
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
