"""Given pictures that share a latent frame: what is decoded shows them, and what lies beside hardly moves."""

from __future__ import annotations

import pytest
import torch

from animatrix.generate.settled import settled
from animatrix.model.vae import AutoencoderNano


@pytest.fixture
def vae():
    torch.manual_seed(0)
    return AutoencoderNano(z_dim=64, widths=(8, 8, 8), pixel_width=4).eval().requires_grad_(False)


def decoded(vae, latents):
    return vae.decode(vae.denormalise(latents)).sample


def test_given_pictures_are_shown_and_the_rest_stays(vae):
    torch.manual_seed(1)
    latents = torch.randn(2, 64, 4, 2, 2)
    before = decoded(vae, latents)
    picture = (before[0, :, 7] + 0.3 * torch.randn(3, 16, 16)).clamp(-1, 1)
    found = settled(vae, latents, {0: picture, 7: picture})
    after = decoded(vae, found)
    moved = (found - latents).abs().amax((1, 3, 4))
    assert (moved[:, 2] > 0).all() and not moved[:, [0, 1, 3]].any()  # frame 7 lies in latent frame 2
    off = [(clip[:, :, 7] - picture).square().mean() for clip in (before, after)]
    assert off[1] < 0.5 * off[0]
    beside = (after - before)[:, :, 5:7].square().mean()
    assert beside < (after - before)[:, :, 7].square().mean()
    torch.testing.assert_close(after[:, :, :5], before[:, :, :5])


def test_nothing_moves_for_a_first_picture_alone(vae):
    latents = torch.randn(1, 64, 3, 2, 2)
    assert torch.equal(settled(vae, latents, {0: torch.zeros(3, 16, 16)}), latents)
