"""Clean-up: what the blocks say in rough tokens is drawn out at the latents' own size.

A token of the backbone stands for 2x2 places of the latents, all their channels: in a narrow model as many
numbers as it is wide, so that everything fine has to pass through one row at once. As in a studio, a rough
drawing is therefore traced on a finer sheet: every place of the latents sees its part of the token, the noisy
latents and given pictures themselves, where it looks on the planes of
:class:`~animatrix.model.stand.Stand`, and what is painted there. Every latent frame is told again what
drives it (tag shift, span track, clock and poses), because what shooting on ones or threes changes *within* a
latent frame is fine, too. The term that comes out is added to what the backbone says. It is zero at first.

Shapes: B samples, D width of the tokens, E width here, F latent frames, h x w tokens, H x W places.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from animatrix.model.stand import (
    DEPTH,
    PLANE_WAVES,
    REACHES,
    Art,
    Laid,
    Plates,
    Window,
    by_latent,
    seen_at,
    waves,
)

GROUPS = 8
FINE = 2  # looks at the art that a place of the latents takes, in either direction


class Sheet(NamedTuple):
    """What stays the same over the steps of a request: where places look ``[B|1,E,F|1,H,W]``, and what turns
    the blocks ``[B,F,2*E*depth]``."""

    looks: Tensor
    turns: Tensor


class Trace(nn.Module):
    """x + conv(silu(film(conv(norm(x))))), 3x3 in space."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.conv_in = nn.Conv2d(width, width, 3, padding=1)
        self.conv_out = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """x [B*F,E,H,W], turn [B*F,2E]: scale and shift."""
        scale, shift = turn[..., None, None].chunk(2, 1)
        return x + self.conv_out(F.silu(self.conv_in(self.norm(x)) * (1 + scale) + shift))


class CleanUp(nn.Module):
    """See the module's text.

    Args:
        dim: D; width: E, a multiple of 8; depth: blocks.
        channels_in, channels_out: of the latents, with given pictures and without.
        patch: (p_h, p_w) places of a token, as many in both directions.
        text_dim: of the narrative's states.
        planes: how many planes there are; none where tokens have no places.
        scale: frames of a latent frame.
        plates: of the first plane, where there are some.
    """

    def __init__(
        self,
        dim: int,
        width: int,
        channels_in: int,
        channels_out: int,
        patch: tuple[int, int],
        text_dim: int,
        planes: int,
        scale: int = 4,
        depth: int = 2,
        plates: Plates | None = None,
    ) -> None:
        super().__init__()
        self.patch, self.width, self.scale = patch, width, scale
        self.rough = nn.Linear(dim, width * patch[0] * patch[1])
        self.seen = nn.Conv2d(channels_in, width, 3, padding=1)
        self.look = nn.ModuleList(nn.Linear(8 * PLANE_WAVES, width) for _ in range(planes))
        self.art = nn.ModuleList(Art(text_dim, reach) for reach in REACHES[:planes])
        self.look_out = nn.Linear((width + scale * FINE**2 * DEPTH) * planes, width) if planes else None
        self.plates = plates
        self.turn = nn.Linear(dim, 2 * width * depth)
        self.turn_at = nn.Linear(dim, 2 * width * depth)
        self.traces = nn.ModuleList(Trace(width) for _ in range(depth))
        self.out = nn.Conv2d(width, channels_out, 1)
        self.silence()

    def silence(self) -> None:
        """Make the term zero."""
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def reset_parameters(self) -> None:
        """As new."""
        for layer in self.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d, nn.GroupNorm, Art)):
                layer.reset_parameters()
        if self.plates is not None:
            self.plates.reset_parameters()
        self.silence()

    def sheet(
        self,
        drive_BFD: Tensor,
        text_BSE: Tensor,
        found: Laid | None,
        height: int,
        width: int,
        window: Window | None = None,
    ) -> Sheet:
        """What :meth:`forward` needs of the conditions.

        Args:
            drive_BFD: what drives each latent frame; text_BSE: the narrative's states.
            found: the layout, where there is one.
            height, width: H, W.
            window: of a larger picture that it is cut from.
        """
        turns = self.turn(F.silu(drive_BFD))
        if self.look_out is None or found is None:
            return Sheet(turns.new_zeros(1, 1, 1, 1, 1), turns)
        dtype = self.look_out.weight.dtype
        seen = []
        for look, art, path in zip(self.look, self.art, found.paths, strict=True):
            frames = by_latent(path, self.scale)
            at = waves(*seen_at(frames.mean(2), height, width, window, self.patch[0]), PLANE_WAVES)
            # Of the art, each of the frames that a latent frame stands for sees its own part.
            fine = seen_at(frames.flatten(1, 2), FINE * height, FINE * width, window, FINE * self.patch[0])
            part = art(text_BSE, *fine).unflatten(1, (-1, self.scale))  # [B,F,scale,2H,2W,C]
            part = part.unflatten(3, (height, FINE)).unflatten(5, (width, FINE))
            seen += [F.silu(look(at.to(dtype))), part.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4).to(dtype)]
        looks = self.look_out(torch.cat(seen, -1))
        if self.plates is not None:
            looks = looks + self.plates(text_BSE, found.paths[0], height, width, window)
        looks = looks * found.known[:, None, None, None, None].to(dtype)
        return Sheet(looks.permute(0, 4, 1, 2, 3), turns)

    def forward(self, tokens_BDFhw: Tensor, shown: Tensor, temb_BD: Tensor, sheet: Sheet) -> Tensor:
        """The term ``[B,C_out,F,H,W]``.

        Args:
            tokens_BDFhw: what the blocks made, as the head sees it.
            shown: [B,C_in,F,H,W] noisy latents and given pictures, as the backbone sees them.
            temb_BD: the time embedding.
        """
        b, _, f, h, w = tokens_BDFhw.shape
        p_h, p_w = self.patch
        rough = self.rough(tokens_BDFhw.permute(0, 2, 3, 4, 1))  # [B,F,h,w,E*p_h*p_w]
        rough = rough.view(b, f, h, w, p_h, p_w, self.width).permute(0, 1, 6, 2, 4, 3, 5)
        rough = rough.reshape(b * f, self.width, h * p_h, w * p_w)
        seen = self.seen(shown.transpose(1, 2).flatten(0, 1))
        looks = sheet.looks.expand(b, self.width, f, h * p_h, w * p_w).transpose(1, 2).flatten(0, 1)
        x = rough + seen + looks.to(rough.dtype)
        turns = (sheet.turns + self.turn_at(F.silu(temb_BD))[:, None]).flatten(0, 1)
        for trace, turn in zip(self.traces, turns.chunk(len(self.traces), 1), strict=True):
            x = trace(x, turn)
        return self.out(F.silu(x)).unflatten(0, (b, f)).transpose(1, 2)
