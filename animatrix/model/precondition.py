"""Preconditioning for flow matching: what a linear guess knows, the network need not say.

With x_t = (1 - t) x_0 + t eps, latents of standard deviation s and D = (1 - t)^2 s^2 + t^2, the best linear
guess of the velocity eps - x_0 is (t - (1 - t) s^2) x_t / D, and what it leaves has standard deviation
s / sqrt(D). So the network is shown x_t / sqrt(D), and says F of

    v = (t - (1 - t) s^2) x_t / D - s F / sqrt(D)

which has unit variance at every t (Karras et al. 2206.00364, carried over from the variance-exploding form).
A token of a narrow model is then not taken up by passing its own noise through, and channels that carry
little stay clean of it: s is taken per channel, and apart for the first latent frame, which holds one picture
and no change.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

DRAFT_OFF = 0.2  # standard deviation of the latents of a draft from those of the picture
Spread = Sequence[Sequence[float]]  # of the first latent frame, and of the others: one s per channel each


def spread_of(spread: Spread | None, like: Tensor) -> Tensor:
    """s [1,C,F,1,1] for latents ``like`` [B,C,F,H,W]; one where nothing is known."""
    if spread is None:
        return like.new_ones(1, 1, 1, 1, 1, dtype=torch.float32)
    first, rest = torch.tensor([list(row) for row in spread], device=like.device)
    frames = torch.stack([first, *[rest] * (like.shape[2] - 1)], 1)
    return frames[None, :, :, None, None]


def shown(noisy: Tensor, timestep: Tensor, spread: Tensor) -> Tensor:
    """What the network is shown of noisy latents [B,C,F,H,W] at ``timestep`` [B] of 0 to 1000."""
    _, variance = _time_and_variance(timestep, spread)
    return (noisy.float() * variance.rsqrt()).to(noisy.dtype)


def velocity(said: Tensor, noisy: Tensor, timestep: Tensor, spread: Tensor) -> Tensor:
    """Velocity [B,C,F,H,W] of what the network says.

    Args:
        said, noisy: [B,C,F,H,W]; noisy as it is, not as it was shown.
        timestep: [B], 0 to 1000.
        spread: of :func:`spread_of`.

    Raises:
        ValueError: for timesteps per token.
    """
    t, variance = _time_and_variance(timestep, spread)
    guess = (t - (1 - t) * spread.square()) / variance * noisy.float()
    return (guess - spread * variance.rsqrt() * said.float()).to(said.dtype)


def laid_over(said: Tensor, draft: Tensor, matte: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
    """Velocity [B,C,F,H,W] with a draft in place of what the network says, as far as its matte lets it.

    A draft m that is off by about r is a guess of the clean latents: given x_t, with D = (1 - t)^2 r^2 + t^2
    and e = x_t - (1 - t) m, their mean is m + (1 - t) r^2 e / D, that of the noise t e / D.

    Args:
        said: velocity of the network; draft: latents, NaN for samples without; matte: in [0,1].
        noisy: the noisy latents; timestep: [B], 0 to 1000.
    """
    there = draft.isfinite().flatten(1).all(1).view(-1, 1, 1, 1, 1)
    guess = draft.nan_to_num().float()
    t, variance = _time_and_variance(timestep, guess.new_tensor(DRAFT_OFF))
    error = (noisy.float() - (1 - t) * guess) / variance
    velocity = t * error - guess - (1 - t) * DRAFT_OFF**2 * error
    share = matte.float() * there
    return (said + share * (velocity - said)).to(said.dtype)


def _time_and_variance(timestep: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    if timestep.ndim != 1:
        raise ValueError("a preconditioned model takes one timestep per sample")
    t = timestep.float().view(-1, 1, 1, 1, 1) / 1000
    return t, ((1 - t) * spread).square() + t.square()
