"""The layout artist's training: what is laid out, cut and told, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from animatrix.model.layout import PLACES, LayoutArtist
from animatrix.model.shake import shaken
from animatrix.synthetic import Corpus
from animatrix.train.data.cards import windowed
from animatrix.train.engine import Trainer
from animatrix.train.layouts import LayoutTask
from animatrix.train.recipe import check_recipe

NANO = Path(__file__).parents[3] / "weights" / "nano"


@pytest.fixture
def recipe(tmp_path):
    document = {
        "task": "layout",
        "out": str(tmp_path / "run"),
        "steps": 30,
        "batch": 8,
        "precision": "fp32",
        "ema": 0.5,
        "optimiser": {"lr": 3e-3},
        "log": {"every": 10, "probe_every": 30, "tensorboard": False},
        "model": {"width": 16, "depth": 1, "text": str(NANO)},
        "data": {
            "frames": 17,
            "worlds": [{"world": "little", "seed": 51, "scenes": 2, "count": 12}],
        },
    }
    return check_recipe(document)


def test_batches_show_shots_and_beginnings_of_shots_as_they_are_laid_out(recipe):
    task = LayoutTask(recipe, torch.device("cpu"))
    corpus, lengths = Corpus(51, "train", (160, 96), 17, 24.0, "little", scenes=2), set()
    for step in range(12):
        plan = task.plan(step)
        batch = task.load(plan, plan.draws)
        frames = batch.layouts.shape[1]
        lengths.add(frames)
        _, known = corpus.laid_out(plan.draws[0].index)
        known = torch.tensor(known[None, :frames]).float()
        known = shaken(known, -torch.from_numpy(corpus.shake(plan.draws[0].index))[None, :frames].float())
        torch.testing.assert_close(batch.layouts[:1], task.artist.standard(known))
        torch.testing.assert_close(task.artist.laid_out(batch.layouts[:1]), known, rtol=1e-3, atol=1e-4)
        assert torch.equal(task.load(plan, plan.draws).noise, batch.noise)
    assert lengths == {9, 13, 17}
    standard = task.artist.standard(task.shots.layouts)
    for part in (standard[:, 0, :PLACES], standard[:, 1:, :PLACES].flatten(0, 1), standard[..., PLACES:]):
        spread = part.flatten(0, -2).std(0)
        assert spread.max() < 1.01 and np.isclose(spread.median(), 1, atol=0.01)


def test_shakes_are_taken_off_what_is_learned_and_kept_from_where_they_set_in(recipe):
    worlds = [recipe.data.worlds[0].model_copy(update={"count": 120})]
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"worlds": worlds})})
    task = LayoutTask(recipe, torch.device("cpu"))
    corpus = Corpus(51, "train", (160, 96), 17, 24.0, "little", scenes=2)
    rows = [i for i, d in enumerate(task.shots.directives) if d.values("camera_shake") != ("steady",)]
    row = next(i for i in rows if task.shots.directives[i].values("camera_shake") == ("screen_shake",))
    number = [i for i in range(120) if corpus.laid_out(i)[1] is not None][row]
    shaking = torch.from_numpy(corpus.laid_out(number)[1]).float()
    steady = task.shots.layouts[row]
    assert (shaking - steady)[:, :2].abs().max() > 1 / 160
    assert steady[:, 1].diff(n=3).abs().mean() < 0.2 * shaking[:, 1].diff(n=3).abs().mean()
    artist = task.artist
    assert set(artist.config.shakes) == {"handheld", "screen_shake"}
    tracks = artist.shaking.tracks[list(artist.config.shakes).index("screen_shake")]
    assert tracks.shape == (artist.config.shake_tracks[0], 17, 2) and tracks[:, 0].abs().amax(1).min() > 0
    ends = tracks.abs().flatten(2).amax(2)
    assert (ends[:, 0] >= ends[:, -1]).all()
    figures = task.probe(task.modules())
    assert figures["shake/drawn"] > 0.3 * figures["shake/asked"] > 0


def test_narratives_are_crossed_within_a_scene_where_all_tags_are_told(recipe):
    told = recipe.model.told.model_copy(update={"neither": 0, "text_only": 0, "tags_only": 0, "thin": 0.5})
    model = recipe.model.model_copy(update={"crossed": 0.5, "told": told})
    task = LayoutTask(recipe.model_copy(update={"model": model}), torch.device("cpu"))
    own = other = 0
    for step in range(20):
        plan = task.plan(step)
        batch = task.load(plan, plan.draws)
        for draw, text, mask in zip(plan.draws, batch.text, batch.tags.mask, strict=True):
            said = (task.shots.text.float() == text).all(2).all(1).nonzero().flatten().tolist()
            assert {task.shots.scenes[row] for row in said} == {task.shots.scenes[draw.index]}
            if draw.index in said:
                own += 1
                continue
            other += 1
            asked = windowed(task.shots.directives[draw.index], 0, batch.layouts.shape[1])
            assert int(mask.sum()) == sum(map(len, asked.tags.values()))
    assert own > 40 and other > 10


def test_it_learns_and_is_exported_as_the_pipeline_reads_it(recipe, tmp_path):
    trainer = Trainer(recipe, LayoutTask(recipe, torch.device("cpu")))
    trainer.run()
    rows = [line for line in (tmp_path / "run/log.jsonl").read_text().splitlines() if "loss" in line]
    assert len(rows) >= 3
    net = LayoutArtist.from_pretrained(tmp_path / "run/export/layout_artist")
    assert net.config.width == 16 and len(net.config.mean) == len(net.config.spread)
    with pytest.raises(ValueError, match="train it anew"):
        LayoutArtist(width=16, depth=1, heads=2, mean=net.config.mean, spread=net.config.spread)
