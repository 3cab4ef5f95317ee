"""Latent frames are independent: what happens in one frame stays in its latent frame."""

from __future__ import annotations

import pytest
import torch

from animatrix.model.keyframes import encode_keyframes
from animatrix.model.vae import AutoencoderNano, subframe


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return AutoencoderNano(z_dim=4, widths=(8, 8, 8), pixel_width=4).eval()


@pytest.mark.parametrize("frames", [1, 5, 33])
def test_shapes(vae, frames):
    x = torch.rand(2, 3, frames, 32, 48) * 2 - 1
    with torch.no_grad():
        z = vae.encode(x).latents
        assert z.shape == (2, 4, (frames - 1) // 4 + 1, 4, 6)
        assert vae.decode(z).sample.shape == x.shape


@pytest.mark.parametrize("index", [0, 1, 4, 5, 12, 16])
def test_a_one_frame_event_changes_its_own_latent_frame_only(vae, index):
    x = torch.zeros(1, 3, 17, 32, 48)
    y = x.clone()
    y[:, :, index] = 1
    with torch.no_grad():
        change = (vae.encode(x).latents - vae.encode(y).latents).abs().amax((0, 1, 3, 4))
    assert change.argmax() == subframe(index)[0]
    assert (change > 1e-6).sum() == 1


def test_bad_lengths_and_sizes_are_refused(vae):
    with pytest.raises(ValueError, match="4n\\+1 frames"):
        vae.encode(torch.zeros(1, 3, 4, 32, 48))
    with pytest.raises(ValueError, match="divisible by 8"):
        vae.encode(torch.zeros(1, 3, 5, 30, 48))


def test_normalise_is_inverted_by_denormalise(vae):
    z = torch.randn(1, 4, 2, 4, 6)
    vae.register_to_config(latents_mean=[0.5] * 4, latents_std=[2.0] * 4)
    assert torch.allclose(vae.denormalise(vae.normalise(z)), z, atol=1e-6)
    vae.register_to_config(latents_mean=[0.0] * 4, latents_std=[1.0] * 4)


@pytest.mark.parametrize("index", range(17))
def test_every_keyframe_index_lands_on_its_own_subframe(vae, index):
    latents = torch.zeros(1, 4, 5, 4, 6)
    picture = torch.rand(3, 32, 48) * 2 - 1
    condition = encode_keyframes(vae, {index: picture}, latents)
    mask = condition[0, :4].amax((2, 3))  # [subframe, latent frame]
    frame, sub = subframe(index)
    expected = torch.zeros(4, 5)
    expected[slice(None) if index == 0 else sub, frame] = 1
    assert torch.equal(mask, expected)
    held = picture[None, :, None].expand(-1, -1, 5, -1, -1)
    with torch.no_grad():
        assert torch.allclose(
            condition[0, 4:, frame], vae.normalise(vae.encode(held).latents)[0, :, 1], atol=1e-6
        )
