"""Latent frames are independent: what happens in one frame stays in its latent frame."""

from __future__ import annotations

import pytest
import torch

from animatrix.model.keyframes import encode_keyframes
from animatrix.model.vae import AutoencoderNano, subframe

LEARNED = {"pixel_width": 0, "encoder_widths": (8, 8, 8), "blocks": 2, "norm": False}


HOLDING = {**LEARNED, "blocks": 1, "norm": True, "holds": True}


@pytest.fixture(
    scope="module", params=[{"pixel_width": 4}, LEARNED, HOLDING], ids=["linear", "learned", "holding"]
)
def vae(request):
    torch.manual_seed(0)
    vae = AutoencoderNano(z_dim=4, widths=(8, 8, 8), **request.param).eval()
    return as_if_trained(vae)


def as_if_trained(vae: AutoencoderNano) -> AutoencoderNano:
    """Some weight in every layer that starts at nothing."""
    with torch.no_grad():
        for parameter in vae.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return vae


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


def test_it_starts_as_the_round_trip_of_its_components():
    torch.manual_seed(0)
    x = torch.rand(2, 3, 5, 32, 48) * 2 - 1
    vaes = [AutoencoderNano(z_dim=6, widths=(8, 8, 8), **o).eval() for o in ({"pixel_width": 4}, LEARNED)]
    for vae in vaes:
        vae.init_components(x)
        vae.record_statistics(x)
    with torch.no_grad():
        assert torch.allclose(vaes[0](x), vaes[1](x), atol=1e-5)


def test_more_components_come_back_closer():
    torch.manual_seed(0)
    x = torch.rand(2, 3, 5, 32, 48) * 2 - 1
    errors = []
    for z_dim in (2, 8, 32):
        vae = AutoencoderNano(z_dim=z_dim, widths=(8, 8, 8), pixel_width=0).eval()
        vae.init_components(x)
        with torch.no_grad():
            errors.append((vae(x) - x).square().mean().item())
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize(("bias", "held"), [(40.0, True), (-40.0, False)])
def test_what_the_decoder_holds_stays_the_frame_before(bias, held):
    torch.manual_seed(0)
    vae = as_if_trained(AutoencoderNano(z_dim=4, widths=(8, 8, 8), **HOLDING)).eval()
    with torch.no_grad():
        vae.dec_hold.weight.zero_()
        vae.dec_hold.bias.fill_(bias)
        y = vae.decode(torch.randn(2, 4, 3, 4, 6)).sample
    changes = y.diff(dim=2).abs().amax((1, 3, 4))
    assert (changes == 0).all() if held else (changes > 1e-3).all()


@pytest.fixture(params=[LEARNED, HOLDING], ids=["learned", "holding"])
def options(request):
    return request.param


@pytest.fixture
def settled(options):
    """(round trip before, the settled network, pixels)."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 9, 32, 48).cumsum(-1).cumsum(-2).mul(0.05).tanh()
    vae = AutoencoderNano(z_dim=6, widths=(8, 8, 8), **options).eval()
    vae.init_components(x)
    vae.record_statistics(x)
    as_if_trained(vae)
    vae.record_statistics(x)
    with torch.no_grad():
        before = vae(x)
    vae.settle(x)
    return before, vae, x


def test_settling_keeps_the_round_trip(settled):
    before, vae, x = settled
    with torch.no_grad():
        inside = (..., slice(8, -8), slice(8, -8))
        assert torch.allclose(vae(x)[inside], before[inside], atol=2e-3)


def test_settled_latents_are_independent_and_in_the_order_of_their_energy(settled):
    _, vae, x = settled
    with torch.no_grad():
        z = vae.normalise(vae.encode(x).latents).transpose(0, 1).flatten(1)
    covariance = torch.cov(z)
    energy = covariance.diagonal()
    assert torch.allclose(z.mean(1), torch.zeros(6), atol=1e-3)
    assert torch.allclose(energy.mean(), torch.tensor(1.0), atol=1e-2)
    assert torch.equal(energy.argsort(descending=True), torch.arange(6))
    assert (covariance - energy.diag()).abs().max() < 1e-3 * energy.max()


def test_its_leading_channels_are_those_it_had_and_come_back_less_close(settled):
    _, vae, x = settled
    narrow = vae.leading(4).eval()
    with torch.no_grad():
        kept = vae.normalise(vae.encode(x).latents)
        assert torch.allclose(narrow.normalise(narrow.encode(x).latents), kept[:, :4], atol=1e-5)
        kept[:, 4:] = 0
        without = vae.decode(vae.denormalise(kept)).sample
        assert torch.allclose(narrow(x), without, atol=0.2) and narrow(x).isfinite().all()
        assert (narrow(x) - x).square().mean() > (vae(x) - x).square().mean()
    assert [len(row) for row in narrow.config.latents_spread] == [4, 4]
