"""The layout artist: from a directive to a layout, before anything is painted.

What stands where in each frame and in which pose is a few dozen numbers, and most of them follow from what
is asked for: a pan, a run on twos, full shot. What does not (in which phase a run starts, how a hand-held
camera sways) is drawn at random, here, once for the whole shot, where it costs nothing, and not at the first
step of a video model, which can only paint the mean of it. Rectified flow (Liu et al. 2209.03003) on the
standardised numbers; the network guesses the layout itself, and the last guess is the mean of what is left.

    artist = LayoutArtist.from_pretrained(folder / "layout_artist")
    layout = artist.draw(text, directives, frames, generator)      # [B,T,LAYOUT], for the transformer

Shapes: B directives, T frames, S text states, N tags, D width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from animatrix.knowledge import Directive
from animatrix.model import tracks
from animatrix.model.shake import Shakes, shaken
from animatrix.model.stand import LAYOUT, PLANES
from animatrix.model.tags import TagBatch, TagEncoder
from animatrix.model.timesheet import exposed

PERIODS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)  # frames; of what tells a frame its number
LEVELS = (1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.2, 0.1, 0.05)  # of noise that its steps start from
LEAST_SPREAD = 0.02  # of a number that hardly ever differs: it is not blown up
LEAST_STEP = 5e-4  # and of a step: a twelfth of a pixel of 160
PLACES = 3 * PLANES  # numbers that say where set and figure lie


class FrameBlock(nn.Module):
    """Pre-norm attention over frames [B,T,D], to what is told [B,M,D], and feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_self, self.norm_told, self.norm_ff = (nn.LayerNorm(width) for _ in range(3))
        self.to_qkv = nn.Linear(width, 3 * width)
        self.self_out = nn.Linear(width, width)
        self.to_q = nn.Linear(width, width)
        self.to_kv = nn.Linear(width, 2 * width)
        self.told_out = nn.Linear(width, width)
        self.ff_in = nn.Linear(width, 3 * width)
        self.ff_out = nn.Linear(3 * width, width)

    def forward(self, x: Tensor, told: Tensor, mask: Tensor) -> Tensor:
        """mask bool [B,M]."""
        q, k, v = map(self._heads, self.to_qkv(self.norm_self(x)).chunk(3, dim=-1))
        x = x + self.self_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        q, (k, v) = self._heads(self.to_q(self.norm_told(x))), map(self._heads, self.to_kv(told).chunk(2, -1))
        heard = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = x + self.told_out(heard.transpose(1, 2).flatten(2))
        return x + self.ff_out(F.gelu(self.ff_in(self.norm_ff(x))))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class LayoutArtist(ModelMixin, ConfigMixin):
    """See the module's text.

    Args:
        width, depth, heads: D, blocks and attention heads.
        text_dim: of the narrative's states.
        mean, spread: of each of a layout's numbers, over what it was trained on; of places, of their steps
            from frame to frame: lists of LAYOUT. first_mean, first_spread: of places in the first frame.
        shakes: values of ``camera_shake`` that have tracks; shake_tracks: how many each, and of how many
            frames. What the network draws is steady.
        field_rows, value_rows, taxonomy_version: as of :class:`TagEncoder`.
    """

    _supports_gradient_checkpointing = False

    @register_to_config
    def __init__(
        self,
        width: int = 96,
        depth: int = 3,
        heads: int = 4,
        text_dim: int = 128,
        mean: list[float] | None = None,
        spread: list[float] | None = None,
        first_mean: list[float] | None = None,
        first_spread: list[float] | None = None,
        shakes: Sequence[str] = (),
        shake_tracks: tuple[int, int] = (0, 0),
        field_rows: list[str] | None = None,
        value_rows: list[str] | None = None,
        taxonomy_version: str = "",
    ) -> None:
        super().__init__()
        if (mean is None) != (first_mean is None):
            raise ValueError(
                "a layout artist of before, told places and not their steps: train it anew "
                "(recipes/nano_layout.yaml)"
            )
        self.tags = TagEncoder(
            width,
            1,
            heads,
            field_rows=field_rows,
            value_rows=value_rows,
            taxonomy_version=taxonomy_version,
        )
        rows = ("field_rows", "value_rows", "taxonomy_version")  # the encoder's, where none are given
        self.register_to_config(**{name: self.tags.config[name] for name in rows})
        self.numbers_in = nn.Linear(LAYOUT, width)
        self.when_in = nn.Linear(2 * len(PERIODS) + tracks.CLOCK_FEATURES, width)
        self.track_in = nn.Linear(width, width)
        self.level_in = nn.Sequential(nn.Linear(2 * len(PERIODS), width), nn.SiLU(), nn.Linear(width, width))
        self.text_in = nn.Linear(text_dim, width)
        self.blocks = nn.ModuleList(FrameBlock(width, heads) for _ in range(depth))
        self.shaking = Shakes(shakes, *shake_tracks) if shakes else None
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, LAYOUT)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def standard(self, layout: Tensor) -> Tensor:
        """Layouts [B,T,LAYOUT] at mean 0 and spread 1: places of the first frame, then steps; poses."""
        places, poses = layout.split([PLACES, LAYOUT - PLACES], 2)
        mean, spread = self._statistics(layout)
        first_mean, first_spread = self._first(layout)
        first = (places[:, :1] - first_mean) / first_spread
        steps = (places.diff(dim=1) - mean[:PLACES]) / spread[:PLACES]
        rest = (poses - mean[PLACES:]) / spread[PLACES:]
        return torch.cat([torch.cat([first, steps], 1), rest], 2)

    def laid_out(self, standard: Tensor) -> Tensor:
        """Layouts [B,T,LAYOUT] again."""
        places, poses = standard.split([PLACES, LAYOUT - PLACES], 2)
        mean, spread = self._statistics(standard)
        first_mean, first_spread = self._first(standard)
        first = places[:, :1] * first_spread + first_mean
        steps = places[:, 1:] * spread[:PLACES] + mean[:PLACES]
        path = torch.cat([first, steps], 1).cumsum(1)
        return torch.cat([path, poses * spread[PLACES:] + mean[PLACES:]], 2)

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return _given(self.config.mean, self.config.spread, like, LAYOUT)

    def _first(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return _given(self.config.first_mean, self.config.first_spread, like, PLACES)

    def forward(self, x: Tensor, level: Tensor, text: Tensor, tags: TagBatch) -> Tensor:
        """Guess of the standardised layout ``[B,T,LAYOUT]``.

        Args:
            x: ``(1 - level)`` of it and ``level`` of noise; level [B] in [0,1].
            text: states [B,S,text_dim], zero past the end; tags: what is asked for.
        """
        frames, dtype = x.shape[1], self.numbers_in.weight.dtype
        embeds = self.tags(tags)
        told = torch.cat([embeds.pooled[:, None], embeds.tokens, self.text_in(text.to(dtype))], 1)
        there = tags.mask.new_ones(len(x), 1)
        mask = torch.cat([there, embeds.mask, text.abs().amax(2) > 0], 1)
        number = torch.arange(frames, device=x.device, dtype=torch.float32)
        when = torch.cat([_waves(number), tracks.clock(frames, 1, x.device)], 1).to(dtype)
        shown = tracks.tags_shown(embeds, frames, 1, dtype)
        frame = self.numbers_in(x.to(dtype)) + self.when_in(when) + self.track_in(shown)
        frame = frame + self.level_in(_waves(96 * level.float()).to(dtype))[:, None]
        for block in self.blocks:
            frame = block(frame, told, mask)
        # What is there already need not be said again: of clear numbers, only what is to be corrected.
        return self.out(self.norm(frame)).float() + (1 - level)[:, None, None] * x

    @torch.no_grad()
    def draw(
        self,
        text: Tensor,
        directives: Sequence[Directive],
        frames: int,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Layouts ``[B,frames,LAYOUT]`` of directives, poses held as their timesheets say, camera shake
        copied from a track.

        Args:
            text: states of the narratives [B,S,text_dim].
            generator: one, or one per directive.
        """
        device = self.out.weight.device
        tags = self.tags.tokenize(list(directives)).to(device)
        generators = list(generator) if isinstance(generator, Sequence) else [generator] * len(directives)
        noise = [
            torch.randn(frames, LAYOUT, generator=g, device="cpu" if g is None else g.device).to(device)
            for g in generators
        ]
        x = torch.stack(noise)
        guess = x
        for level, after in zip(LEVELS, (*LEVELS[1:], 0.0), strict=True):
            guess = self(x, x.new_full((len(x),), level), text.to(device), tags)
            # Along the straight line from here to the guess.
            x = guess + (x - guess) * (after / level)
        laid = exposed(self.laid_out(guess), directives)
        if self.shaking is None:
            return laid
        return shaken(laid, self.shaking.drawn(directives, frames, generators))


def statistics(layouts: Tensor) -> dict[str, list[float]]:
    """Means and spreads of layouts [N,T,LAYOUT], as arguments of :class:`LayoutArtist`."""
    numbers = layouts.double()
    steps, poses = numbers[:, :, :PLACES].diff(dim=1), numbers[:, :, PLACES:]
    first, found = numbers[:, 0, :PLACES], [steps.flatten(0, 1), poses.flatten(0, 1)]
    least = (LEAST_STEP, LEAST_SPREAD)
    return {
        "mean": torch.cat([each.mean(0) for each in found]).tolist(),
        "spread": torch.cat(
            [each.std(0).clamp(min=low) for each, low in zip(found, least, strict=True)]
        ).tolist(),
        "first_mean": first.mean(0).tolist(),
        "first_spread": first.std(0).clamp(min=LEAST_SPREAD).tolist(),
    }


def _given(
    mean: list[float] | None, spread: list[float] | None, like: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    return (
        like.new_zeros(count) if mean is None else like.new_tensor(mean),
        like.new_ones(count) if spread is None else like.new_tensor(spread),
    )


def _waves(number: Tensor) -> Tensor:
    """Sines and cosines ``[N,2*len(PERIODS)]`` of numbers [N] at :data:`PERIODS`."""
    angles = number[:, None] * (2 * math.pi / torch.tensor(PERIODS, device=number.device))
    return torch.cat([angles.sin(), angles.cos()], 1)
