"""Given pictures are kept: the latents they fell into are moved until they decode to them.

Where a picture shares its latent frame with three more, a sampler that is only told of it draws it anew. The
autoencoder's decoder says what a latent frame shows, so the last word is its own: a few steps of descent on
the difference at the given frames, as hard data consistency does for inverse problems in latent diffusion
(Song et al. 2307.08123). The frames beside them are held where they were sampled, at a smaller weight, so
that the shot still moves through the picture and does not jump to it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from animatrix.model.keyframes import by_latent_frame
from animatrix.model.vae import TEMPORAL, AutoencoderNano

STEPS = 24  # of Adam
RATE = 0.08  # at first, in standard deviations of the latents; falls to nothing
BESIDE = 0.1  # what a frame beside weighs
AROUND = 2  # latent frames decoded before and one after the one that moves: a held drawing looks back


def settled(vae: AutoencoderNano, latents: Tensor, pictures: Mapping[int, Tensor]) -> Tensor:
    """Normalised latents [B,C,F,h,w] that decode to the pictures [3,H,W] in [-1,1] at their frames. Frame 0
    has a latent frame of its own and is not touched.
    """
    found = latents.clone()
    for frame, given in sorted(by_latent_frame(pictures).items()):
        if frame == 0:
            continue
        start, end = max(0, frame - AROUND), frame + 2
        found[:, :, frame] = _moved(vae, found[:, :, start:end], frame - start, given)
    return found


def _moved(vae: AutoencoderNano, window: Tensor, at: int, given: Mapping[int, Tensor]) -> Tensor:
    """Latent frame ``at`` [B,C,h,w] of a window of normalised latents, moved to show what is given."""
    window = window.detach().to(vae.device, torch.float32)
    frames = slice(TEMPORAL * (at - 1) + 1, TEMPORAL * at + 1)

    def shown(z: Tensor) -> Tensor:
        pixels = vae.decode(vae.denormalise(z).to(vae.dtype), return_dict=False)[0]
        return pixels[:, :, frames].float()

    with torch.no_grad():
        wanted = shown(window)
    weight = wanted.new_full((TEMPORAL,), BESIDE)
    for sub, picture in given.items():
        wanted[:, :, sub], weight[sub] = picture.to(wanted), 1.0
    with torch.enable_grad():
        here = window[:, :, at].clone().requires_grad_(True)
        optimiser = torch.optim.Adam([here], lr=RATE)
        for step in range(STEPS):
            optimiser.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            z = torch.cat([window[:, :, :at], here[:, :, None], window[:, :, at + 1 :]], 2)
            off = (shown(z) - wanted).square().mean((0, 1, 3, 4))
            (here.grad,) = torch.autograd.grad((off * weight).sum() / weight.sum(), here)
            optimiser.step()
    return here.detach()
