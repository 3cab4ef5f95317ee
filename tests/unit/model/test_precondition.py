"""Preconditioning: the linear share, per channel and per frame, and what is left of unit variance."""

from __future__ import annotations

import pytest
import torch

from animatrix.model.precondition import shown, spread_of, velocity
from animatrix.model.transformer import AniMatrixTransformer3DModel

SPREAD = ((3.0, 0.5), (1.0, 0.2))
FRAMES = 3


def noised(t: float, count: int = 4000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy latents of independent Gaussian latents of that spread, their velocity, timestep and spread."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, 2, FRAMES, 1, 1)
    spread = spread_of(SPREAD, torch.zeros(shape))
    clean = torch.randn(shape, generator=generator) * spread
    noise = torch.randn(shape, generator=generator)
    return (1 - t) * clean + t * noise, noise - clean, torch.full((count,), 1000 * t), spread


def test_the_first_frame_has_a_spread_of_its_own():
    spread = spread_of(SPREAD, torch.zeros(1, 2, FRAMES, 4, 4))
    assert spread.shape == (1, 2, FRAMES, 1, 1)
    assert spread[0, :, 0, 0, 0].tolist() == pytest.approx(SPREAD[0])
    assert spread[0, :, 2, 0, 0].tolist() == pytest.approx(SPREAD[1])


@pytest.mark.parametrize("t", [0.02, 0.3, 0.7, 0.98])
def test_what_is_shown_and_what_is_to_be_said_have_unit_variance(t):
    noisy, v, timestep, spread = noised(t)
    assert shown(noisy, timestep, spread).std(0).flatten().tolist() == pytest.approx([1] * 6, abs=0.05)
    # v = guess - gain * said: the gain and the guess are read off the function itself
    guess = velocity(torch.zeros_like(noisy), noisy, timestep, spread)
    gain = guess - velocity(torch.ones_like(noisy), noisy, timestep, spread)
    said = (guess - v) / gain
    assert said.std(0).flatten().tolist() == pytest.approx([1] * 6, abs=0.05)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_no_linear_guess_is_better(t):
    noisy, v, timestep, spread = noised(t)
    left = v - velocity(torch.zeros_like(noisy), noisy, timestep, spread)
    assert (left * noisy).mean(0).abs().max() < 0.1 * noisy.square().mean(0).max()
    correlation = (left * noisy).mean(0) / (left.std(0) * noisy.std(0))
    assert correlation.abs().max() < 0.06


def test_it_needs_one_timestep_per_sample():
    x = torch.zeros(2, 2, FRAMES, 1, 1)
    with pytest.raises(ValueError, match="one timestep per sample"):
        velocity(x, x, torch.zeros(2, 5), spread_of(None, x))


def test_a_model_must_know_the_spread_of_every_channel():
    with pytest.raises(ValueError, match="two rows of 4 numbers"):
        AniMatrixTransformer3DModel(
            num_attention_heads=1,
            attention_head_dim=24,
            in_channels=4,
            out_channels=4,
            ffn_dim=8,
            num_layers=1,
            predicts="preconditioned",
            latent_spread=SPREAD,
        )
