"""The autoencoder's task: what it counts as an error, and that freezing the encoder keeps its latents."""

from __future__ import annotations

import numpy as np
import pytest
import stock
import torch

from animatrix.errors import AniMatrixError
from animatrix.model.vae import AutoencoderNano
from animatrix.train import autoencode
from animatrix.train.autoencode import TASK, psnr, reconstruction_loss, to_pixels
from animatrix.train.data import samples as samples_module
from animatrix.train.engine import Trainer
from animatrix.train.recipe import check_recipe

NET = {"z_dim": 4, "widths": [8, 8, 8], "encoder_widths": [8, 8, 8], "window": [32, 16, 5]}


@pytest.fixture(autouse=True)
def drawn_from_stock(monkeypatch):
    monkeypatch.setattr(samples_module, "source_of", lambda recipe: stock.Stock(recipe.name, 64))
    monkeypatch.setattr(
        samples_module, "held_out_sources", lambda data: [stock.Stock("held", 64, split="tune")]
    )
    monkeypatch.setattr(autoencode, "STATISTICS_CLIPS", 8)


def recipe(out, **model):
    return check_recipe(
        {
            "task": "autoencode",
            "out": str(out),
            "steps": 3,
            "batch": 2,
            "precision": "fp32",
            "ema": 0.0,
            "prefetch": 0,
            "optimiser": {"lr": 0.003},
            "log": {"every": 1, "tensorboard": False},
            "model": {**NET, **model},
            "data": {
                "sources": [{"name": "stock", "count": 64, "frames": 9, "size": [48, 32]}],
                "buckets": ["48x32x9"],
                "cache": False,
                "workers": 0,
                "held_out": 1,
            },
        }
    )


def clip(rng, frames=9):
    return to_pixels(rng.integers(0, 256, (1, frames, 16, 24, 3)).astype(np.uint8))


def test_an_error_that_stirs_a_held_drawing_costs_more_than_one_that_stays():
    x = clip(np.random.default_rng(0))[:, :, :1].expand(-1, -1, 9, -1, -1)
    stays = torch.full_like(x, 0.05)
    stirs = stays * torch.tensor([1.0, -1.0] * 4 + [1.0]).view(1, 1, 9, 1, 1)
    assert torch.allclose(psnr(x * 0.9 + stays, x * 0.9), psnr(x * 0.9 + stirs, x * 0.9))
    assert reconstruction_loss(x + stirs, x) > reconstruction_loss(x + stays, x) + 0.5


def test_an_error_in_a_lone_frame_costs_more_than_the_same_in_a_shot_that_rests():
    x = torch.zeros(1, 3, 9, 16, 24)
    flash = x.clone()
    flash[:, :, 4] = 0.5
    error = torch.zeros_like(x)
    error[:, :, 4] = 0.1
    assert reconstruction_loss(flash + error, flash) > reconstruction_loss(x + error, x)


def test_exact_is_best_and_every_sample_has_its_own_loss():
    x = clip(np.random.default_rng(1)).repeat(2, 1, 1, 1, 1)
    y = torch.stack([x[0], x[1] * 0.5])
    exact, dimmed = reconstruction_loss(y, x)
    assert exact < dimmed


def test_a_training_ends_with_latents_of_unit_energy_and_the_network_it_trained(tmp_path):
    read = recipe(tmp_path)
    one = Trainer(read, TASK.build(read, torch.device("cpu")))
    one.run()
    task = one.task
    task.export({"vae": task.modules()["vae"]}, tmp_path / "out")
    vae = AutoencoderNano.from_pretrained(tmp_path / "out" / "vae").eval()
    clips = task._statistics_clips()
    with torch.no_grad():
        z = torch.cat([vae.normalise(vae.encode(c[None]).latents) for c in clips])
        assert torch.allclose(z.square().mean(), torch.tensor(1.0), atol=0.02)
        assert abs(psnr(vae(clips), clips).mean() - psnr(task.vae.eval()(clips), clips).mean()) < 0.1
    assert {"probe/psnr"} <= set(task.probe(task.modules()))


def test_a_frozen_encoder_keeps_its_latents_while_the_decoder_learns(tmp_path):
    first = recipe(tmp_path / "first")
    task = TASK.build(first, torch.device("cpu"))
    task.export(task.modules(), tmp_path / "first")
    start = AutoencoderNano.from_pretrained(tmp_path / "first" / "vae").eval()
    read = recipe(tmp_path / "second", start=str(tmp_path / "first" / "vae"), frozen_encoder=True)
    one = Trainer(read, TASK.build(read, torch.device("cpu")))
    one.run()
    one.task.export(one.task.modules(), tmp_path / "second")
    after = AutoencoderNano.from_pretrained(tmp_path / "second" / "vae").eval()
    x = clip(np.random.default_rng(2))
    with torch.no_grad():
        z = start.encode(x).latents
        assert torch.equal(z, after.encode(x).latents)
        assert not torch.allclose(start.decode(z).sample, after.decode(z).sample)
    assert start.config.latents_std == after.config.latents_std


def test_windows_and_noise_follow_from_step_and_place(tmp_path):
    task = TASK.build(recipe(tmp_path), torch.device("cpu"))
    plan = task.plan(1)
    whole = task.load(plan, plan.draws)
    assert whole.pixels.shape == (2, 3, 5, 16, 32) and whole.noise.shape == (2, 4, 2, 2, 4)
    alone = task.load(plan, plan.draws[1:])
    assert torch.equal(alone.pixels[0], whole.pixels[1]) and torch.equal(alone.noise[0], whole.noise[1])


@pytest.mark.parametrize(
    "model", [{"window": [30, 16, 5]}, {"window": [32, 16, 4]}, {"frozen_encoder": True}]
)
def test_a_recipe_that_cannot_be_is_refused(tmp_path, model):
    with pytest.raises(AniMatrixError):
        recipe(tmp_path, **model)
