"""The reward model: reads the directive first, then looks at the clip with it in mind.

    tags -> tag encoder -> tokens and a summary; the summary turns every block of the picture path (FiLM)
    planes, every frame: luma, luma differences to both neighbours, chroma -> 1/4 -> 1/8 of the size,
        convolutions in space and over 1, 2 and 4 frames in time
    -> two maps, a logit for every cell of 8x8 pixels and 4 frames: failing, and deformed on purpose
    frames (mean and maximum over the picture, where in the shot) with the tag tokens -> transformer layers
    -> five dimension scores, and art (-) or failure (+)

Shapes: B clips, T frames, T' = ceil((T-1)/4)+1 slots, H x W pixels (multiples of 16), h = H/8, w = W/8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from animatrix.knowledge import Directive
from animatrix.model.tags import SetAttention, TagBatch, TagEncoder
from animatrix.prefer.merits import DIMENSIONS, HEADS, OVERALL
from animatrix.prefer.sets import SLOT, to_planes

PATCH = 4  # the first convolution sees squares of so many pixels
PLANES = 3 * PATCH**2 + 2 * (PATCH // 2) ** 2  # luma and two differences, two chroma planes of half size
OCTAVES = 6


class Judgement(NamedTuple):
    """What is thought of clips, as logits.

    scores: [B,5] by :data:`DIMENSIONS`, on Bradley-Terry's scale; failure: [B], of being a failure; where:
    [B,T',h,w] of failing there; art: [B,T',h,w] of being deformed there on purpose, asked for or not.
    """

    scores: Tensor
    failure: Tensor
    where: Tensor
    art: Tensor

    def by_head(self) -> Tensor:
        """[B,6]: the dimensions, and overall, which is their mean."""
        return torch.cat([self.scores, self.scores.mean(1, keepdim=True)], 1)


class Judge(Protocol):
    """A reward model, whatever its backbone. Also an ``nn.Module`` whose ``forward`` takes ``prepare``'s
    result and gives a :class:`Judgement`; ``ties`` [6] are the free parameters of the tie rates by
    :data:`HEADS`.
    """

    ties: nn.Parameter

    def prepare(self, directives: Sequence[Directive], clips: Sequence[np.ndarray]) -> Any:
        """Inputs for clips ``uint8 [T,H,W,3]`` of one shape, each under its directive."""
        ...


class Seen(NamedTuple):
    """Inputs: I420 planes ``uint8 [B,T,H*3/2,W]`` and tags."""

    planes: Tensor
    tags: TagBatch

    @property
    def cells(self) -> tuple[int, int, int]:
        _, t, rows, w = self.planes.shape
        return -(-(t - 1) // SLOT) + 1, rows * 2 // 3 // 8, w // 8


class Turned(nn.Module):
    """x + conv(silu(film(norm(x)))), 3x3 in space; starts as the identity."""

    def __init__(self, channels: int, told: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.film = nn.Linear(told, 2 * channels)
        self.conv_in = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.normal_(self.film.weight, std=0.02)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """x [B*T,C,h,w], told [B,D]."""
        each = len(x) // len(told)
        scale, shift = self.film(told).repeat_interleave(each, 0)[..., None, None].chunk(2, 1)
        h = self.norm(x) * (1 + scale) + shift
        return x + self.conv_out(F.silu(self.conv_in(F.silu(h))))


class AlongTime(nn.Module):
    """x + conv over (frame - n, frame, frame + n); starts as the identity. A shot's ends are repeated."""

    def __init__(self, channels: int, apart: int) -> None:
        super().__init__()
        self.apart = apart
        self.norm = nn.GroupNorm(8, channels)
        self.mix_in = nn.Conv2d(3 * channels, channels, 1)
        self.mix_out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.mix_out.weight)

    def forward(self, x: Tensor, clips: int) -> Tensor:
        h = self.norm(x).unflatten(0, (clips, -1))
        at = torch.arange(h.shape[1], device=x.device)
        before, after = (at - self.apart).clamp(min=0), (at + self.apart).clamp(max=len(at) - 1)
        # Differences, so that what is held costs nothing to see.
        taps = torch.cat([h, h - h[:, before], h[:, after] - h], 2).flatten(0, 1)
        return x + self.mix_out(F.silu(self.mix_in(taps)))


class RewardModel(ModelMixin, ConfigMixin):
    """See the module's text.

    Args:
        near, far: channels at 1/4 and 1/8 of the size.
        told: width of the tag encoder; width: of the transformer over frames and tags; layers: of both.
        field_rows, value_rows, taxonomy_version: as of :class:`TagEncoder`.
    """

    @register_to_config
    def __init__(
        self,
        near: int = 48,
        far: int = 96,
        told: int = 96,
        width: int = 128,
        layers: int = 2,
        field_rows: list[str] | None = None,
        value_rows: list[str] | None = None,
        taxonomy_version: str = "",
    ) -> None:
        super().__init__()
        self.tags = TagEncoder(told, 1, 4, OCTAVES, field_rows, value_rows, taxonomy_version)
        rows = self.tags.config
        self.register_to_config(
            field_rows=list(rows.field_rows),
            value_rows=list(rows.value_rows),
            taxonomy_version=rows.taxonomy_version,
        )
        self.stem = nn.Conv2d(PLANES, near, 3, padding=1)
        self.near_block = Turned(near, told)
        self.down = nn.Conv2d(near + 2, far, 2, stride=2)  # + where in the picture
        self.space = nn.ModuleList(Turned(far, told) for _ in range(3))
        self.time = nn.ModuleList(AlongTime(far, apart) for apart in (1, 2, 4))
        self.where_in = nn.Conv2d(2 * far, far, 1)
        self.where_told = nn.Linear(told, far)
        self.where_out = nn.Conv2d(far, 2, 1)  # failing, deformed on purpose
        self.frame = nn.Linear(2 * far + 2, width)
        self.moment = nn.Linear(2 * OCTAVES, width)
        self.asked = nn.Linear(told, width)
        self.asked_when = nn.Linear(4 * OCTAVES, width)
        self.summary = nn.Parameter(torch.randn(width) * 0.5)
        self.mixers = nn.ModuleList(SetAttention(width, 4) for _ in range(layers))
        self.read = nn.LayerNorm(3 * width)
        self.trunk = nn.Sequential(nn.Linear(3 * width + 4, width), nn.GELU())
        self.scores = nn.Linear(width, len(DIMENSIONS))
        self.failure = nn.Linear(width + 2, 1)
        self.ties = nn.Parameter(torch.zeros(len(HEADS)))
        nn.init.constant_(self.where_out.bias, -3.0)  # type: ignore[arg-type]

    def prepare(self, directives: Sequence[Directive], clips: Sequence[np.ndarray]) -> Seen:
        return self.prepare_planes(directives, np.stack([to_planes(clip) for clip in clips]))

    def prepare_planes(self, directives: Sequence[Directive], planes: np.ndarray) -> Seen:
        """As :meth:`prepare`, of I420 planes ``uint8 [B,T,H*3/2,W]``."""
        return Seen(torch.from_numpy(np.ascontiguousarray(planes)), self.tags.tokenize(directives))

    def forward(self, seen: Seen) -> Judgement:
        b, t = seen.planes.shape[:2]
        tags = self.tags(seen.tags)
        told = tags.pooled
        x = self.near_block(self.stem(_sights(seen.planes)), told)
        x = self.down(_placed(x))
        for space, time in zip(self.space, self.time, strict=True):
            x = time(space(x, told), b)
        slots = _slots(x.unflatten(0, (b, t)))  # [B,T',4,C,h,w]
        both = torch.cat([slots.mean(2), slots.amax(2)], 2)
        hidden = self.where_in(both.flatten(0, 1)).unflatten(0, (b, -1))
        hidden = F.silu(hidden + self.where_told(told)[:, None, :, None, None])
        maps = self.where_out(hidden.flatten(0, 1)).unflatten(0, (b, -1)).transpose(1, 2)  # [B,2,T',h,w]
        flat = maps.flatten(2).float()
        worst = flat.topk(min(8, flat.shape[2]), 2).values.mean(2)
        evidence = torch.cat([worst, flat.mean(2)], 1)  # failing, deformed; each at its most, and in all
        pooled = self._read(x, t, b, tags, maps, evidence)
        failure = self.failure(torch.cat([pooled, evidence[:, ::2].to(pooled)], 1))[:, 0]
        return Judgement(self.scores(pooled).float(), failure.float(), maps[:, 0].float(), maps[:, 1].float())

    def _read(self, x: Tensor, t: int, b: int, tags: Any, maps: Tensor, evidence: Tensor) -> Tensor:
        """Frames and tags together, to one row [B,width]."""
        slot = torch.div(torch.arange(t, device=x.device) + SLOT - 1, SLOT, rounding_mode="floor")
        worst = maps.flatten(3).amax(3).transpose(1, 2)[:, slot].to(x.dtype)  # [B,T,2]
        frames = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1).unflatten(0, (b, t))
        # A frame's middle, as a fraction of the shot: the scale of the spans of tags.
        place = (torch.arange(t, device=x.device) + 0.5) / t
        tokens = self.frame(torch.cat([frames, worst], 2)) + self.moment(_waves(place).to(frames.dtype))
        spans = _waves(tags.span.float()).flatten(2) * tags.spanned[..., None]
        asked = self.asked(tags.tokens) + self.asked_when(spans.to(tokens.dtype))
        row = torch.cat([self.summary.to(tokens.dtype).expand(b, 1, -1), tokens, asked.to(tokens.dtype)], 1)
        mask = F.pad(tags.mask, (1 + t, 0), value=True)
        for layer in self.mixers:
            row = layer(row, mask)
        seen = row[:, 1 : 1 + t]
        row = self.read(torch.cat([row[:, 0], seen.mean(1), seen.amax(1)], 1))
        return self.trunk(torch.cat([row, evidence.to(row)], 1))


def _waves(x: Tensor) -> Tensor:
    """Fourier features of numbers in [0,1], [..., 2 * OCTAVES]."""
    angles = x[..., None] * 2.0 ** torch.arange(OCTAVES, device=x.device) * torch.pi
    return torch.cat([angles.sin(), angles.cos()], -1)


def _sights(planes: Tensor) -> Tensor:
    """I420 ``uint8 [B,T,H*3/2,W]`` to ``float [B*T,PLANES,H/4,W/4]`` about [-2,2]."""
    b, t, rows, w = planes.shape
    h = rows * 2 // 3
    luma = planes[:, :, :h].float()
    chroma = planes[:, :, h:].reshape(b, t, 2, h // 2, w // 2).float() / 32 - 4
    change = luma.diff(dim=1) / 32
    nothing = luma.new_zeros(b, 1, h, w)
    sights = torch.stack([luma / 64 - 2, torch.cat([nothing, change], 1), torch.cat([change, nothing], 1)], 2)
    return torch.cat(
        [F.pixel_unshuffle(sights.flatten(0, 1), PATCH), F.pixel_unshuffle(chroma.flatten(0, 1), PATCH // 2)],
        1,
    )


def _placed(x: Tensor) -> Tensor:
    """With row and column in [-1,1] as two more channels."""
    n, _, h, w = x.shape
    rows = torch.linspace(-1, 1, h, device=x.device).view(1, 1, h, 1).expand(n, 1, h, w)
    columns = torch.linspace(-1, 1, w, device=x.device).view(1, 1, 1, w).expand(n, 1, h, w)
    return torch.cat([x, rows.to(x), columns.to(x)], 1)


def _slots(x: Tensor) -> Tensor:
    """[B,T,...] as [B,T',4,...]: frame 0 alone, then every four, the last repeated to fill."""
    t = x.shape[1]
    last = -(-(t - 1) // SLOT) * SLOT
    at = (torch.arange(-(SLOT - 1), last + 1, device=x.device)).clamp(0, t - 1)
    return x[:, at].unflatten(1, (-1, SLOT))


__all__ = ["DIMENSIONS", "HEADS", "OVERALL", "Judge", "Judgement", "RewardModel", "Seen"]
