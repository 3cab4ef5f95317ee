"""Time as tags need it: which of them are on in each latent frame, and where in the shot its frames stand.

A latent frame has ``scale`` subframes, the frames it stands for. Frame 0 owns latent frame 0 alone: there all
subframes are frame 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from animatrix.model.tags import TagEmbeds

CYCLES = (2, 3, 4, 8)  # frames; of the clock: ones to fours, and the 8 of a run cycle
CLOCK_FEATURES = 2 * len(CYCLES) + 2


def _numbers(latent_frames: int, scale: int, device: torch.device) -> Tensor:
    """Frame number of each subframe, float [scale*F]."""
    index = torch.arange(scale * latent_frames, device=device) - (scale - 1)
    return index.clamp(min=0).float()


def tags_shown(tags: TagEmbeds, latent_frames: int, scale: int, dtype: torch.dtype) -> Tensor:
    """[B,F,scale*D]: for each subframe the sum of the tags with a span, weighted by how much of it that
    covers.
    """
    frames = scale * (latent_frames - 1) + 1
    left = _numbers(latent_frames, scale, tags.span.device) / frames
    right = left + 1.0 / frames
    start, end = tags.span[..., 0:1].float(), tags.span[..., 1:2].float()
    cover_BTG = (torch.minimum(right, end) - torch.maximum(left, start)).clamp(min=0) * frames
    cover_BTG = cover_BTG * tags.spanned[..., None]
    shown = torch.einsum("btg,btd->bgd", cover_BTG.to(dtype), tags.tokens.to(dtype))
    return shown.unflatten(1, (latent_frames, -1)).flatten(2)


def clock(latent_frames: int, scale: int, device: torch.device) -> Tensor:
    """[F,scale*CLOCK_FEATURES]: of each subframe its phases in :data:`CYCLES`, and its place in the shot from
    either end.
    """
    number = _numbers(latent_frames, scale, device)
    angles = number[:, None] * (2 * torch.pi / torch.tensor(CYCLES, device=device))
    place = number / number[-1].clamp(min=1)
    features = torch.cat([angles.sin(), angles.cos(), place[:, None], 1 - place[:, None]], 1)
    return features.unflatten(0, (latent_frames, -1)).flatten(1)
