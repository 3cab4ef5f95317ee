"""Tuning a policy: what it learns from, that it resumes exactly, and what the reference is."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import small_policy as small
import torch

from animatrix import (
    AniMatrixPipeline,
    AniMatrixTransformer3DModel,
    Directive,
    DraftArtist,
    LayoutArtist,
)
from animatrix.errors import AniMatrixError
from animatrix.media import Clip
from animatrix.model.draft import encoded
from animatrix.prefer.aligned import ASKED, asked_of, held_out
from animatrix.prefer.policy_data import KINDS, KNOWN_GAP, log_odds, scores_of, won
from animatrix.prefer.policy_recipe import SharedScenes
from animatrix.prefer.sets import DEFORMATIONS
from animatrix.synthetic import Corpus


@pytest.fixture(scope="module")
def reward(tmp_path_factory):
    return small.save_reward(tmp_path_factory.mktemp("judge") / "reward")


@pytest.fixture(scope="module")
def cache(tmp_path_factory, tiny_model):
    return small.fill_cache(tmp_path_factory.mktemp("aligned"), tiny_model)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, tiny_model, cache, reward):
    """A few steps with a judge, and an export."""
    run = small.trainer(
        tmp_path_factory.mktemp("policy") / "run",
        tiny_model,
        cache,
        model=small.model(tiny_model, reward, objective={"beta": 20.0, "winner": 1.0}),
    )
    run.run()
    return run


@pytest.fixture
def task(tmp_path, tiny_model, cache):
    return small.trainer(tmp_path / "task", tiny_model, cache).task


def rows(run, key: str) -> list[dict]:
    lines = [json.loads(line) for line in (run.out / "log.jsonl").read_text().splitlines()]
    return [row for row in lines if key in row]


def test_probes_say_how_it_compares_with_the_reference(tuned):
    figures = rows(tuned, "probe")[-1]["probe"]
    assert {"accuracy", "drift", "win_rate", "collapse", "collapse_reference", "kept"} <= set(figures)
    assert {f"accuracy/{kind}" for kind in KINDS} <= set(figures)
    for name in ("accuracy", "win_rate", "collapse"):
        assert 0 <= figures[name] <= 1
    assert figures["drift"] > 0 and figures["kept"] > 0
    assert any(name.startswith("multiplier/") for name in figures)


def test_the_export_is_a_pipeline_with_its_story(tuned):
    from animatrix.generate.run import load

    pipe = load(str(tuned.out / "export"))
    story = json.loads((tuned.out / "export" / "policy.json").read_text())
    assert story["start"]["revision"] and story["objective"]["name"] == "ours" and story["held_out"]
    before = dict(tuned.task.policy.reference["transformer"].named_parameters())
    after = dict(pipe.transformer.named_parameters())
    assert any(not torch.equal(before[n].bfloat16(), after[n].bfloat16()) for n in before)


def test_the_reference_never_moves(tuned, tiny_pipeline):
    kept = tuned.task.policy.reference["transformer"].state_dict()
    for name, value in tiny_pipeline.transformer.state_dict().items():
        assert torch.equal(kept[name], value), name


def test_at_the_start_policy_and_reference_are_one(task):
    plan = task.plan(0)
    losses = task.loss(task.modules(), task.load(plan, plan.draws))
    assert losses.parts["logit"].abs().max() == 0 and losses.parts["loser_left"].min() == 1
    losses.each.sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in task.policy.tag_encoder.parameters())
    assert all(p.grad is None for m in task.policy.reference.values() for p in m.parameters())


@pytest.mark.parametrize("lora", [None, {"rank": 2}])
def test_a_training_goes_on_exactly(tmp_path, tiny_model, cache, lora):
    model = small.model(tiny_model, lora=lora)
    whole = small.trainer(tmp_path / "whole", tiny_model, cache, model=model)
    whole.run()
    small.trainer(tmp_path / "parts", tiny_model, cache, model=model).run(until=2)
    parts = small.trainer(tmp_path / "parts", tiny_model, cache, model=model)
    assert parts.step == 2 and parts.task.state_dict()["floor"]["average"]
    parts.run()
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, parts.tensors()[name]), name
    assert whole.task.state_dict() == parts.task.state_dict()


def test_with_adapters_the_reference_is_the_model_without_them(tmp_path, tiny_model, cache):
    run = small.trainer(tmp_path / "run", tiny_model, cache, model=small.model(tiny_model, lora={"rank": 2}))
    task = run.task
    assert list(run.modules) == ["transformer"] and all(".lora_" in name for name in run.weights)
    plan = task.plan(0)
    batch = task.load(plan, plan.draws)
    with torch.no_grad():
        fresh = task._velocity(run.modules, batch)
        for name, weight in run.modules["transformer"].named_parameters():
            if ".lora_B" in name:
                weight.add_(0.5)
        moved = task._velocity(run.modules, batch)
        with task.policy.as_reference(run.modules) as reference:
            before = task._velocity(reference, batch)
    assert torch.equal(before, fresh) and not torch.allclose(moved, fresh)
    losses = task.loss(run.modules, batch)
    losses.each.sum().backward()
    assert all(w.requires_grad and w.grad is not None for w in run.weights.values())


def test_an_adapter_of_a_tuned_model_can_be_generated_with(tmp_path, tiny_model, cache):
    from animatrix.generate.run import Engine, load

    run = small.trainer(
        tmp_path / "run", tiny_model, cache, steps=2, model=small.model(tiny_model, lora={"rank": 2})
    )
    run.run()
    pipe = load(str(tiny_model), Engine(lora=(str(run.out / "export"),)))
    assert any(".lora_A" in name for name, _ in pipe.transformer.named_parameters())


def test_an_adapter_is_folded_in_before_the_tuning_begins(tmp_path, tiny_model, cache):
    from animatrix.model.lora import save_lora
    from animatrix.prefer.policy import open_policy
    from animatrix.prefer.policy_recipe import PolicyModel
    from animatrix.train.flow_model import LoraRecipe

    first = open_policy(PolicyModel(start=tiny_model, lora=LoraRecipe(rank=2)))
    with torch.no_grad():
        for name, weight in first.transformer.named_parameters():
            if ".lora_B" in name:
                weight.normal_(std=0.3)
    save_lora(tmp_path / "lora", first.transformer)
    layer = "blocks.0.attn1.to_q"
    wanted = first.transformer.get_submodule(layer)
    folded = open_policy(PolicyModel(start=tiny_model, start_lora=tmp_path / "lora"))
    a, b = wanted.lora_A["default"].weight, wanted.lora_B["default"].weight
    found = folded.transformer.get_submodule(layer).weight
    assert torch.allclose(found, wanted.base_layer.weight + b @ a, atol=1e-5)
    assert torch.equal(found, folded.reference["transformer"].get_submodule(layer).weight)


def test_a_step_shows_the_same_whenever_it_is_planned(task):
    plan = task.plan(7)
    one, two = (task.load(plan, plan.draws) for _ in range(2))
    for name in ("win", "lose", "noise", "t", "text", "labels", "maps"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert torch.equal(one.tags.value, two.tags.value) if hasattr(one.tags, "value") else True
    assert task.plan(8).draws != plan.draws


def test_sets_flip_with_what_is_asked(task):
    expression, flip = (task.pairs.sets.pair(0, kind) for kind in ("expression", "flip"))
    assert torch.equal(expression.win, flip.lose) and torch.equal(expression.lose, flip.win)
    field, _, value = asked_of(0).partition("=")
    assert [t.value for t in expression.directive.tags[field]] == [value]
    assert all(t.value == "none" for f in DEFORMATIONS for t in flip.directive.tags[f])
    assert expression.gap == KNOWN_GAP and expression.labels.sum() > 0


def test_frames_in_which_takes_are_alike_say_nothing(task):
    drawn = task.pairs.sets.sets[0]
    for couple, kind in ((0, "expression"), (1, "collapse"), (2, "flat")):
        labels = task.pairs.sets.pair(0, kind).labels
        assert labels.tolist() == [float(a > 0.25) for a in drawn.apart[couple].tolist()]


def test_tokens_are_weighed_where_either_take_deforms_or_fails(task):
    drawn = task.pairs.sets.sets[0]
    union = torch.maximum(drawn.maps[0], drawn.maps[2]).float() / 255
    assert torch.equal(task.pairs.sets.pair(0, "collapse").maps, union) and union.max() > 0
    assert torch.equal(task.pairs.sets.pair(0, "expression").maps, drawn.maps[0].float() / 255)


def test_multipliers_show_more_of_their_deformations_pairs(task):
    tag = asked_of(1)

    def share(multipliers) -> float:
        found = [d for step in range(150) for d in task.pairs.draws(step, 2, multipliers)]
        return float(np.mean([d.kind == "expression" and asked_of(d.index) == tag for d in found]))

    assert share({tag: 4.0}) > 2 * share({}) > 0


def test_held_out_directives_are_of_other_numbers_and_both_wants():
    asked, plain = held_out(0, "tune", 2_000_003, small.FRAMES, small.SIZE)
    field, _, value = ASKED[2_000_003 % len(ASKED)].partition("=")
    assert value in [t.value for t in asked.tags[field]]
    assert all(t.value == "none" for f in DEFORMATIONS for t in plain.tags[f])
    assert asked.narrative and plain.narrative
    assert {k: v for k, v in asked.tags.items() if k not in (*DEFORMATIONS, "deformation_intensity")} == {
        k: v for k, v in plain.tags.items() if k not in (*DEFORMATIONS, "deformation_intensity")
    }


def test_sets_of_shared_scenes_show_those_under_every_deformation():
    corpus, scenes = Corpus(5, world="deformed", scenes=2), SharedScenes(count=2, seed=5)
    for n in range(3):
        design = corpus._shot(n)[0].scene.design
        asked, plain = held_out(0, "tune", len(ASKED) * n + 6, 33, small.SIZE, scenes)
        for directive in (asked, plain):
            assert f"{design.outfit_color} {design.outfit}" in directive.narrative
            assert directive.values("shot_scale") == ("full",)


def test_scores_of_a_gap_are_even_about_fifty():
    win, lose = scores_of(KNOWN_GAP)
    assert win + lose == pytest.approx(100) and win > 75
    assert math.log(win / lose) == pytest.approx(KNOWN_GAP / 2, rel=1e-6)


# The model's own samples, and votes


@pytest.fixture(scope="module")
def sampled(tmp_path_factory, tiny_model, reward, cache):
    """A folder of samples, made by the verb."""
    import yaml

    from animatrix.cli import main

    folder = tmp_path_factory.mktemp("samples")
    section = {"folder": str(folder / "own"), "directives": 3, "candidates": 2, "steps": 1, "least": 0.0}
    file = folder / "recipe.yaml"
    content = small.recipe(folder / "run", tiny_model, cache, model=small.model(tiny_model, reward))
    content["data"]["samples"] = section
    file.write_text(yaml.safe_dump(content))
    assert main(["prefer", "samples", str(file)]) == 0
    return folder, content, file


def test_samples_say_where_they_come_from(sampled, capsys):
    from animatrix.cli import main
    from animatrix.prefer.samples import read_manifest

    folder, _, file = sampled
    found = read_manifest(folder / "own")
    assert [row.number for row in found] == [0, 1, 2]
    for row in found:
        assert row.model and row.judge and row.steps == 1 and len(row.candidates) == 2
        assert row.candidates[row.best].reward >= row.candidates[row.worst].reward and row.gap >= 0
    made = sorted(p.name for p in (folder / "own").iterdir())
    assert "000000-best.mkv" in made and "manifest.jsonl" in made
    times = {p.name: p.stat().st_mtime_ns for p in (folder / "own").glob("*.mkv")}
    assert main(["prefer", "samples", str(file)]) == 0
    assert "samples of 0 directives" in capsys.readouterr().err
    assert times == {p.name: p.stat().st_mtime_ns for p in (folder / "own").glob("*.mkv")}


def test_samples_are_learned_from(sampled, tmp_path, tiny_model, cache):
    _, content, _ = sampled
    section = {**content["data"]["samples"], "share": 0.9}
    data = small.data(cache, samples=section)
    model = small.model(tiny_model, objective={"name": "flow_dpo", "beta": 10.0}, floor=None)
    task = small.trainer(tmp_path / "run", tiny_model, cache, data=data, batch=8, model=model).task
    plan = task.plan(0)
    drawn = [d for d in plan.draws if d.source == "samples"]
    assert drawn
    batch = task.load(plan, drawn[:2])
    assert (batch.labels == 1).all() and (batch.gap >= 0).all() and (batch.scores >= 0).all()
    again = task.load(plan, drawn[:2])
    assert torch.equal(batch.win, again.win)
    assert torch.isfinite(task.loss(task.modules(), batch).each).all()


def votes_of(clips, tmp_path, choices):
    from animatrix.prefer.votes import clip_id

    a, b = (clip_id(path) for path in clips)
    asked = {"narrative": "x", "tags": {}, "frames": small.FRAMES, "fps": 24}
    rows = [
        {
            "study": "s", "rubric": "1", "trial": f"t{n}", "a": a, "b": b, "directive": asked,
            "dimension": dimension, "choice": choice, "rater": f"r{n}", "time": "2026-03-01T10:00:00Z",
        }
        for n, (dimension, choice) in enumerate(choices)
    ]  # fmt: skip
    file = tmp_path / "votes.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    return file, a, b


@pytest.fixture
def filmed(tmp_path):
    from animatrix.media import write_video

    rng = np.random.default_rng(0)
    folder = tmp_path / "clips"
    folder.mkdir()
    shape = (small.FRAMES, small.SIZE[1], small.SIZE[0], 3)
    return [
        write_video(Clip(rng.integers(0, 255, shape, np.uint8), 24), folder / f"{n}.mp4") for n in range(2)
    ]


def test_votes_are_learned_from(filmed, tmp_path, tiny_model, cache):
    file, a, _ = votes_of(filmed, tmp_path, [("overall", "a"), ("overall", "a"), ("overall", "tie")])
    section = {"file": str(file), "clips": str(tmp_path / "clips"), "share": 0.9}
    data = small.data(cache, votes=section)
    task = small.trainer(tmp_path / "run", tiny_model, cache, data=data, batch=8).task
    source = task.pairs.others["votes"]
    assert len(source) == 1 and source.rows[0].winner == a
    assert source.rows[0].odds == pytest.approx(math.log(3.0 / 1.0))
    plan = task.plan(0)
    batch = task.load(plan, [d for d in plan.draws if d.source == "votes"][:1])
    assert torch.isfinite(task.loss(task.modules(), batch).each).all()


def test_votes_over_which_soundness_and_movement_part_are_conflicts(filmed, tmp_path):
    from animatrix.prefer.votes import read_votes

    choices = [("overall", "a"), ("finish_stability", "a"), ("artistic_motion", "b")]
    file, a, _ = votes_of(filmed, tmp_path, choices)
    votes = read_votes(file).votes
    assert won(votes)[0].conflict and log_odds([votes[0]], a) > 0
    assert not won(votes[:2])[0].conflict
    file, *_ = votes_of(filmed, tmp_path, [("overall", "a"), ("overall", "b")])
    assert won(read_votes(file).votes) == []


def test_a_directive_keeps_its_deformation_when_it_has_too_many_tags():
    from animatrix.prefer.shown import KEPT_TAGS, at_most

    asked, _ = held_out(0, "train", 0, 33, (160, 96))
    fewer = at_most(asked, 5)
    assert isinstance(fewer, Directive) and sum(map(len, fewer.tags.values())) <= 5
    assert {f for f in asked.tags if f in KEPT_TAGS} <= set(fewer.tags)
    assert at_most(asked, 99) == asked


def test_both_takes_of_a_set_are_painted_over_the_draft_of_their_layout(tmp_path, tiny_pipeline, cache):
    torch.manual_seed(0)
    config = {k: v for k, v in tiny_pipeline.transformer.config.items() if not k.startswith("_")}
    added = {"on_stand": True, "cleanup_width": 8, "takes_draft": True}
    artist = DraftArtist(16, 2, frame=(48, 64), plate_size=(64, 96), width=8, hidden=8)
    artist.painted.random_(0, 256)
    tiny_pipeline.with_parts(
        transformer=AniMatrixTransformer3DModel(**config | added),
        layout_artist=LayoutArtist(width=16, depth=1, heads=2, text_dim=16),
        draft_artist=artist,
    ).save_pretrained(tmp_path / "start", safe_serialization=True)
    run = small.trainer(tmp_path / "run", tmp_path / "start", cache)
    plan = run.task.plan(1)
    batch = run.task.load(plan, plan.draws)
    assert batch.draft.shape == batch.win.shape
    known = batch.layout.isfinite().all(2).all(1)
    assert torch.equal(batch.draft.isfinite().flatten(1).all(1), known) and known.any()
    run.run()
    again = AniMatrixPipeline.from_pretrained(tmp_path / "run/export")
    assert torch.equal(again.draft_artist.painted, artist.painted)
    rough = run.task.policy.reference["transformer"]
    moved = again.transformer.float().cleanup.matte.weight - rough.cleanup.matte.weight
    assert moved.abs().max() > 0


def test_samples_of_a_directive_share_their_layout_and_are_learned_over_its_draft(
    tmp_path, tiny_pipeline, cache, reward
):
    import yaml

    from animatrix.cli import main
    from animatrix.prefer.samples import layout_of_pair, read_manifest
    from animatrix.train.data.shards import read_tables

    torch.manual_seed(0)
    config = {k: v for k, v in tiny_pipeline.transformer.config.items() if not k.startswith("_")}
    added = {"on_stand": True, "cleanup_width": 8, "takes_draft": True}
    drawing = tiny_pipeline.with_parts(
        transformer=AniMatrixTransformer3DModel(**config | added).eval(),
        layout_artist=LayoutArtist(width=16, depth=1, heads=2, text_dim=16),
        draft_artist=DraftArtist(16, 2, frame=(32, 32), plate_size=(48, 64), width=8, hidden=8),
    )
    drawing.save_pretrained(tmp_path / "drawing", safe_serialization=True)
    start = tmp_path / "drawing"
    content = small.recipe(tmp_path / "run", start, cache, model=small.model(start, reward))
    folder = tmp_path / "own"
    own = {"folder": str(folder), "directives": 2, "candidates": 3, "steps": 1, "least": 0.0, "share": 0.9}
    content["data"]["samples"] = own
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(content))
    assert main(["prefer", "samples", str(file)]) == 0
    task = small.trainer(
        tmp_path / "tuned",
        start,
        cache,
        data=small.data(cache, samples=own),
        batch=8,
        model=small.model(start),
    ).task
    plan = task.plan(0)
    drawn = [d for d in plan.draws if d.source == "samples"]
    batch = task.load(plan, drawn[:2])
    assert batch.layout.isfinite().all() and batch.draft.isfinite().all()
    rows = task.pairs.others["samples"].rows
    for place, draw in enumerate(drawn[:2]):
        number = rows[draw.index].number
        kept = read_tables(layout_of_pair(folder, number))["layout"]
        torch.testing.assert_close(batch.layout[place], kept.float())
        asked = next(row.directive for row in read_manifest(folder) if row.number == number)
        text = task.policy.pipe._encode([asked], "")[0]
        lone = task.policy.pipe.draft_artist.draft(text, [asked], kept[None], (48, 64)).pixels
        seen = encoded(task.policy.pipe.vae, lone)[0]
        torch.testing.assert_close(batch.draft[place], seen.bfloat16().float(), atol=0.05, rtol=0.05)
    layout_of_pair(folder, number).write_bytes(b"nothing")
    with pytest.raises(AniMatrixError, match=r"layout.*run the same command again"):
        task.load(plan, drawn[:2])
