"""Clean-up: what the blocks say in rough tokens is drawn out at the latents' own size.

A token of the backbone stands for 2x2 places of the latents, all their channels: in a narrow model as many
numbers as it is wide, so that everything fine has to pass through one row at once. As in a studio, a rough
drawing is therefore traced on a finer sheet: every place of the latents sees its part of the token, the noisy
latents and given pictures themselves, where it looks on the planes of
:class:`~animatrix.model.stand.Stand`, and the draft (:mod:`animatrix.model.draft`) where there is one. Then
it says beside its own how far the draft stays as it is: its *matte*. Every latent frame is told again what
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
    PLANE_WAVES,
    Laid,
    Window,
    by_latent,
    seen_at,
    waves,
)

GROUPS = 8
TRUSTED = 2.0  # logit of how far a draft stays as it is, at first: it is a better guess than a new network's


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
        planes: how many planes there are; none where tokens have no places.
        scale: frames of a latent frame.
        drafted: whether it is shown drafts.
    """

    def __init__(
        self,
        dim: int,
        width: int,
        channels_in: int,
        channels_out: int,
        patch: tuple[int, int],
        planes: int,
        scale: int = 4,
        depth: int = 2,
        drafted: bool = False,
    ) -> None:
        super().__init__()
        self.patch, self.width, self.scale = patch, width, scale
        self.rough = nn.Linear(dim, width * patch[0] * patch[1])
        self.seen = nn.Conv2d(channels_in, width, 3, padding=1)
        self.look = nn.ModuleList(nn.Linear(8 * PLANE_WAVES, width) for _ in range(planes))
        self.look_out = nn.Linear(width * planes, width) if planes else None
        self.drafted = nn.Conv2d(channels_out, width, 3, padding=1, bias=False) if drafted else None
        self.matte = nn.Conv2d(width, channels_out, 1) if drafted else None
        self.turn = nn.Linear(dim, 2 * width * depth)
        self.turn_at = nn.Linear(dim, 2 * width * depth)
        self.traces = nn.ModuleList(Trace(width) for _ in range(depth))
        self.out = nn.Conv2d(width, channels_out, 1)
        self.silence()

    def silence(self) -> None:
        """Make the term zero, and leave a draft nearly as it is."""
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)
        self.silence_drafts()

    def silence_drafts(self) -> None:
        """Show nothing of drafts, and leave them nearly as they are."""
        if self.drafted is not None and self.matte is not None:
            nn.init.zeros_(self.drafted.weight)
            nn.init.zeros_(self.matte.weight)
            assert self.matte.bias is not None
            nn.init.constant_(self.matte.bias, TRUSTED)

    def reset_parameters(self) -> None:
        """As new."""
        for layer in self.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d, nn.GroupNorm)):
                layer.reset_parameters()
        self.silence()

    def sheet(
        self,
        drive_BFD: Tensor,
        found: Laid | None,
        draft: Tensor | None,
        height: int,
        width: int,
        window: Window | None = None,
    ) -> Sheet:
        """What :meth:`forward` needs of the conditions.

        Args:
            drive_BFD: what drives each latent frame.
            found: the layout, where there is one.
            draft: latents [B,C_out,F,H,W] of the draft, where there is one; zeros for samples without.
            height, width: H, W.
            window: of a larger picture that it is cut from.
        """
        turns = self.turn(F.silu(drive_BFD))
        looks = turns.new_zeros(1, 1, 1, 1, 1)
        if self.look_out is not None and found is not None:
            dtype, seen = self.look_out.weight.dtype, []
            for look, path in zip(self.look, found.paths, strict=True):
                at = seen_at(by_latent(path, self.scale).mean(2), height, width, window, self.patch[0])
                seen.append(F.silu(look(waves(*at, PLANE_WAVES).to(dtype))))
            term = self.look_out(torch.cat(seen, -1)) * found.known[:, None, None, None, None].to(dtype)
            looks = looks + term.permute(0, 4, 1, 2, 3)
        if self.drafted is not None and draft is not None:
            each = self.drafted(draft.to(turns.dtype).transpose(1, 2).flatten(0, 1))
            looks = looks + each.unflatten(0, (len(draft), -1)).transpose(1, 2)
        return Sheet(looks, turns)

    def forward(
        self, tokens_BDFhw: Tensor, shown: Tensor, temb_BD: Tensor, sheet: Sheet
    ) -> tuple[Tensor, Tensor | None]:
        """The term ``[B,C_out,F,H,W]``, and the matte in [0,1], of the same shape, if it is shown drafts.

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
        x = F.silu(x)
        matte = None if self.matte is None else self.matte(x).sigmoid().unflatten(0, (b, f)).transpose(1, 2)
        return self.out(x).unflatten(0, (b, f)).transpose(1, 2), matte
