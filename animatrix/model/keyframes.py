"""Keyframe conditioning in Wan's image-to-video layout.

The transformer's input is ``[noisy latents, mask, condition]`` along channels. Mask channel s of latent frame
f is 1 where frame ``4(f-1)+1+s`` is given (latent frame 0 holds frame 0 alone: all four channels). The nano
VAE encodes each latent frame from its own four frames, so a keyframe is encoded as if it were held over its
latent frame; where several keyframes fall into one latent frame, each subframe takes the nearest. Without
keyframes both parts are zero: text-to-video.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from animatrix.model.vae import TEMPORAL, AutoencoderNano, subframe


def empty_condition(latents: Tensor) -> Tensor:
    """Mask and condition [B,4+C,F,h,w] of a request without keyframes, for latents [B,C,F,h,w]."""
    b, c, *rest = latents.shape
    return latents.new_zeros(b, TEMPORAL + c, *rest)


def place_keyframes(condition: Tensor, sample: Tensor, index: Tensor, latents: Tensor) -> None:
    """Write keyframes into ``condition`` [B,4+C,F,h,w], in place.

    sample, index: int [N], which clip of the batch and which of its frames; latents: normalised, [N,C,h,w].
    """
    frame = torch.where(index > 0, (index - 1) // TEMPORAL + 1, 0)
    sub = torch.where(index > 0, (index - 1) % TEMPORAL, 0)
    by_frame = condition.transpose(1, 2)
    by_frame[sample, frame, sub] = 1
    first = sample[index == 0]
    by_frame[first, 0, :TEMPORAL] = 1
    by_frame[sample, frame, TEMPORAL:] = latents


def by_latent_frame(images: Mapping[int, Tensor]) -> dict[int, dict[int, Tensor]]:
    """Pictures at frame indices as latent frame -> subframe -> picture."""
    groups: dict[int, dict[int, Tensor]] = {}
    for index, image in images.items():
        frame, sub = subframe(index)
        groups.setdefault(frame, {})[sub] = image
    return groups


def _nearest(given: Iterable[int], sub: int) -> int:
    return min(given, key=lambda s: abs(s - sub))


@torch.no_grad()
def encode_keyframes(vae: AutoencoderNano, images: Mapping[int, Tensor], latents: Tensor) -> Tensor:
    """Condition [1,4+C,F,h,w] for pictures [3,H,W] in [-1,1] at exact frame indices, matching ``latents``
    [1,C,F,h,w].
    """
    condition = empty_condition(latents[:1])
    for frame, given in by_latent_frame(images).items():
        held = [given[_nearest(given, sub)] for sub in range(TEMPORAL)]
        video = torch.stack([held[0], *held], dim=1)[None].to(vae.device, vae.dtype)
        latent = vae.normalise(vae.encode(video).latents)[0, :, 1].to(condition)
        at = torch.tensor([0 if frame == 0 else TEMPORAL * (frame - 1) + 1 + sub for sub in given])
        place_keyframes(condition, torch.zeros_like(at), at, latent.expand(len(at), -1, -1, -1))
    return condition
