"""From shards to calibrated weights: rendering, resuming, and how sure an answer may be."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from animatrix.caption.recognise import shards as shards_module
from animatrix.caption.recognise.answers import Sheet
from animatrix.caption.recognise.batches import Shots, batch_of
from animatrix.caption.recognise.calibrate import (
    CAUTIOUS,
    PRECISION,
    gauge_of,
    least_confidence,
    platt,
    surety_of,
    temperature,
)
from animatrix.caption.recognise.learn import Config, learn, loss_of, rarity_weights
from animatrix.caption.recognise.muon import Muon, orthogonal
from animatrix.caption.recognise.reading import confidences
from animatrix.caption.recognise.shards import degraded, item, mixed, present, read_shard, write_shard
from animatrix.caption.recognise.tagger import Tagger, Widths
from animatrix.caption.recognise.weights import NEVER
from animatrix.knowledge import Directive, Taxonomy
from animatrix.synthetic import RENDERABLE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards")
    before = shards_module.SHARD_ITEMS
    shards_module.SHARD_ITEMS = 4
    try:
        write_shard(path, 0, 5, "train")
    finally:
        shards_module.SHARD_ITEMS = before
    return path


@pytest.fixture(scope="module")
def shots(folder) -> Shots:
    shots = Shots(folder, Sheet.of(RENDERABLE, Taxonomy.default()))
    shots.refresh()
    return shots


def test_an_item_follows_from_seed_split_and_number(folder):
    planes, takes = read_shard(folder, 0)
    again, take = item(5, "train", 2, (160, 96))
    stored = planes[takes[2].first : takes[2].first + takes[2].frames]
    assert (again == stored).all() and take.directive == takes[2].directive
    assert present(folder) == [0] and len(takes) == 4


def test_a_shard_that_is_there_is_kept(folder):
    path = folder / "shard-000000.npy"
    before = path.stat().st_mtime_ns
    write_shard(folder, 0, 5, "train")
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("seed", range(6))
def test_rich_requests_are_drawable_directives_of_several_values(seed):
    directive = mixed(np.random.default_rng(seed), 33, 24.0, rich=True)
    assert isinstance(directive, Directive) and len(directive.tags) >= 2


@pytest.mark.parametrize("codec", ["", "libx264", "libx265"])
def test_a_codec_keeps_the_number_of_frames_and_nearly_the_picture(codec):
    frames = np.repeat(np.arange(0, 240, 20, dtype=np.uint8)[:, None, None, None], 64, 1)
    frames = np.ascontiguousarray(np.broadcast_to(frames, (12, 64, 96, 3)))
    out = degraded(frames, 24.0, codec, 28)
    assert out.shape == frames.shape and np.abs(out.astype(int) - frames).mean() < 6


def test_a_batch_is_what_its_shots_say(shots):
    picked = shots.draw(3, np.random.default_rng(0))
    batch = batch_of(picked, shots.sheet, None, vary=False)
    assert batch.target.shape == (3, shots.sheet.width)
    assert batch.sight.seen.sum(1).tolist() == [s.take.frames for s in picked]
    np.testing.assert_array_equal(batch.target[1].numpy(), picked[1].answer.target)


def test_a_right_answer_costs_less_than_a_wrong_one(shots):
    batch = batch_of(shots.draw(2, np.random.default_rng(0)), shots.sheet, None, vary=False)
    row = Tagger(shots.sheet.width, Widths((8, 8, 8), (1, 1, 1), 8, 8))(batch.sight)
    ones = torch.ones(shots.sheet.width)

    def cost(sign: float) -> float:
        said = torch.where(batch.target > 0, 5.0, -5.0) * sign
        return loss_of(type(row)(said, row.when, row.look), batch, shots.sheet, ones, 0.0)[0].item()

    assert cost(1) < 0.2 * cost(-1)


def test_rare_values_weigh_more_up_to_a_bound(shots):
    weights = rarity_weights(shots.sheet, shots, Config())
    cel, ink = (shots.sheet.place("rendering_tradition", v) for v in ("cel_anime", "ink_wash"))
    assert weights[ink] > weights[cel] > 0 and weights.max() <= Config().heaviest


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_a_muon_step_is_nearly_orthogonal(shape):
    torch.manual_seed(0)
    singular = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert singular.min() > 0.4 and singular.max() < 1.4


def test_muon_goes_downhill_and_only_moves_what_has_a_gradient():
    torch.manual_seed(0)
    moved, still = torch.nn.Parameter(torch.randn(4, 9)), torch.nn.Parameter(torch.ones(2, 2))
    goal = torch.randn(4, 9)
    optimiser = Muon([moved, still], lr=0.05, momentum=0.9, weight_decay=0.0)
    before = (moved - goal).square().sum().item()
    for _ in range(30):
        moved.grad = 2 * (moved.detach() - goal)
        optimiser.step()
    assert (moved - goal).square().sum().item() < 0.5 * before and (still == 1).all()


def test_training_continues_where_it_stopped(folder, tmp_path):
    c = Config(batch=2)
    learn(folder, tmp_path, 0.02, c, 1, 1)
    first = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    learn(folder, tmp_path, 0.05, c, 1, 1)
    second = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert 0 < first["step"] < second["step"] and first["spent"] < second["spent"]
    changed = [k for k, v in second["average"].items() if not torch.equal(v, first["average"][k])]
    assert changed


def test_temperature_cools_answers_that_are_too_sure():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (2000, 4))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    target = np.stack([rng.multinomial(1, row) for row in p]).astype(float)
    assert temperature(2 * logits, target, np.ones_like(target)) == pytest.approx(0.5, rel=0.15)


def test_platt_finds_scale_and_shift():
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 3, 20000)
    target = (rng.random(20000) < 1 / (1 + np.exp(-(0.5 * logit - 1)))).astype(float)
    scale, shift = platt(logit, target, np.ones_like(target))
    assert scale == pytest.approx(0.5, abs=0.05) and shift == pytest.approx(-1, abs=0.1)


def test_a_threshold_holds_the_precision_it_promises():
    rng = np.random.default_rng(0)
    sure = rng.random(4000)
    right = rng.random(4000) < sure
    least = least_confidence(sure, right)
    assert right[sure >= least].mean() >= PRECISION - 0.005
    assert right[sure >= least - 0.1].mean() < PRECISION


def test_a_field_that_is_never_reliable_never_answers_and_few_answers_ask_for_caution():
    assert least_confidence(np.linspace(0, 1, 50), np.zeros(50)) == NEVER
    assert least_confidence(np.array([0.9, 0.8]), np.array([1, 1])) == CAUTIOUS


def test_surety_of_a_field_that_is_always_right_answers_nearly_always():
    sheet = Sheet.of({"shot_scale": ("full", "medium", "long")}, Taxonomy.default())
    target = np.eye(sheet.width)[np.arange(120) % 3]
    s = surety_of(sheet.questions[0], target * 6, target, np.ones_like(target))
    sure = confidences(sheet.questions[0], target * 6, s).max(1)
    assert (sure >= max(s.least, s.least_usual)).all()


def test_familiar_is_a_share_and_falls_with_distance():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 80))

    def looks(n: int, spread: float = 1.0) -> np.ndarray:
        return spread * rng.normal(size=(n, 6)) @ mix + rng.normal(0, 0.1, (n, 80))

    f = gauge_of(looks(600), looks(400))
    assert 0.4 < f.share(looks(400)).mean() < 0.6
    assert (f.share(looks(5, spread=12)) < 0.01).all()
    assert (f.share(rng.normal(size=(5, 80)) * 20) < 0.01).all(), "off the plane of all training looks"


def test_weights_and_story_name_every_field_by_id(tmp_path):
    from animatrix.caption.recognise.weights import STORY, weights_folder

    story = weights_folder() / STORY
    if not story.is_file():
        pytest.skip("no weights in this checkout")
    fields = json.loads(story.read_text())["fields"]
    taxonomy = Taxonomy.default()
    for name, row in fields.items():
        assert set(row["values"]) - {"none"} <= set(taxonomy.fields[name].values)
