"""Training the reward model: it learns, it resumes exactly, and what it exports can be asked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_sets import data, recipe

from animatrix import AniMatrixError, Directive
from animatrix.media import Clip
from animatrix.prefer.judging import load_judge
from animatrix.prefer.recipe import CloseRecipe
from animatrix.prefer.reward_task import RewardTask
from animatrix.prefer.shown import (
    KEPT_TAGS,
    answers_of,
    chosen,
    cut,
    disguised,
    purpose_of,
    thinned,
    to_frames,
    under,
)
from animatrix.train.engine import Trainer
from animatrix.train.recipe import check_recipe


def trainer(folder, cache, **more) -> Trainer:
    read = check_recipe(recipe(folder, cache, **more))
    return Trainer(read, RewardTask(read, torch.device("cpu")))


@pytest.fixture(scope="module")
def trained(pair_cache, tmp_path_factory):
    """A few steps, and an export."""
    run = trainer(tmp_path_factory.mktemp("reward"), pair_cache, steps=3, checkpoint={"every": 9})
    run.run()
    return run


@pytest.mark.slow
def test_what_was_shown_is_learned(pair_cache, tmp_path):
    run = trainer(
        tmp_path,
        pair_cache,
        steps=60,
        batch=4,
        optimiser={"name": "adamw", "lr": 1e-2},
        model={"near": 16, "far": 16, "told": 16, "width": 32, "layers": 1},
        checkpoint={"every": 60},
    )
    run.run()
    rows = [json.loads(line) for line in (run.out / "log.jsonl").read_text().splitlines()]
    first, last = rows[:5], rows[-5:]
    assert np.mean([r["pairs"] for r in last]) < 0.75 * np.mean([r["pairs"] for r in first])
    assert np.mean([r["answer"] for r in last]) < np.mean([r["answer"] for r in first])


def test_takes_differ_on_purpose_where_intended_and_flat_do(store):
    whole = under(store[0], "near_physical")
    found, known = purpose_of(whole)
    kinds = [m.kind for m in whole.members]
    assert found.shape == whole.maps.shape and known == [
        k in ("intended", "flat", "collapsed", "again") for k in kinds
    ]
    at = kinds.index("intended")
    assert found[at].max() > 0.25 and not found[kinds.index("flat")].any()
    assert not found[kinds.index("collapsed")].any()
    # Where nothing differs, nothing is deformed: the cell of the largest value has differing pixels.
    t, y, x = np.unravel_index(found[at].argmax(), found[at].shape)
    frames = slice(max(0, 4 * t - 3), 4 * t + 1)
    a, b = (whole.planes[i, frames, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8] for i in (at, kinds.index("flat")))
    assert np.abs(a.astype(int) - b).max() > 8
    alone = under(store[0], "deformation", [0])
    assert purpose_of(alone)[1] == [False]


def test_a_disguise_keeps_shapes_and_what_differs_between_members(store):
    whole = under(store[0], "deformation", [0, 1, 2])
    plain = [to_frames(p).astype(int) for p in under(store[0], "deformation", [0, 1, 2]).planes]
    maps = whole.maps.copy()
    mirrored = 0
    for seed in range(6):
        seen = disguised(under(store[0], "deformation", [0, 1, 2]), np.random.default_rng(seed))
        assert seen.planes.shape == whole.planes.shape and seen.planes.dtype == np.uint8
        assert set(seen.directive.tags) <= KEPT_TAGS
        turned = not np.array_equal(seen.maps, maps)
        assert np.array_equal(seen.maps, maps[..., ::-1] if turned else maps)
        mirrored += turned
        # Pictures of the same drawing: edges of luma lie at the same places, mirrored or not.
        frames = [to_frames(p).astype(int) for p in seen.planes]
        for before, after in zip(plain, frames, strict=True):
            after = after[:, :, ::-1] if turned else after
            a, b = (np.abs(np.diff(f.mean(3), axis=2)).ravel() for f in (before, after))
            assert np.corrcoef(a, b)[0, 1] > 0.8
    assert 0 < mirrored < 6


def test_the_share_of_close_ups_goes_evenly_to_the_last():
    close = CloseRecipe(share=0.9, last_share=0.3)
    assert [round(close.share_at(x), 2) for x in (0, 0.5, 1)] == [0.9, 0.6, 0.3]
    assert CLOSE.share_at(0) == CLOSE.share_at(1) == 0.5


CLOSE = CloseRecipe(share=0.5, batch=3, size=(32, 16), frames=5, failing=1.0)


@pytest.mark.parametrize("seed", range(6))
def test_a_close_up_is_a_window_of_the_same_pixels_about_a_failing_cell(store, seed):
    whole = under(store[seed % 2], "deformation", [0, 1, 2])
    frames, maps = [to_frames(planes) for planes in whole.planes], whole.maps
    seen = cut(under(store[seed % 2], "deformation", [0, 1, 2]), CLOSE, np.random.default_rng(seed))
    assert seen.planes.shape == (3, 5, 24, 32) and seen.maps.shape == (3, 2, 2, 4)
    assert seen.maps.max() > 0.3 * 255
    shape = maps.shape[1:]
    places = [
        (t, y, x)
        for t, y, x in np.ndindex(shape[0] - 1, shape[1] - 1, shape[2] - 3)
        if (seen.maps == maps[:, t : t + 2, y : y + 2, x : x + 4]).all()
    ]
    assert any(
        all(
            (to_frames(planes) == clip[4 * t : 4 * t + 5, 8 * y : 8 * y + 16, 8 * x : 8 * x + 32]).all()
            for planes, clip in zip(seen.planes, frames, strict=True)
        )
        for t, y, x in places
    )


def test_a_take_fails_in_a_close_up_as_its_map_says(store):
    shown = under(store[0], "deformation", [0, 1, 2])
    shown.close = True
    shown.maps = np.zeros_like(shown.maps)
    assert answers_of(shown) == [0.0, 0.0, 0.0]
    shown.maps[2, 0, 0, 0] = 255
    assert answers_of(shown) == [0.0, 0.0, 1.0]
    unasked = under(store[0], "near_physical", [0, 1, 2])
    unasked.close = True
    assert np.isnan(answers_of(unasked)[0]) and answers_of(unasked)[1] == 0.0


def test_close_ups_take_their_share_of_the_steps(pair_cache, tmp_path):
    more = data(pair_cache, close=CLOSE.model_dump())
    run = trainer(tmp_path, pair_cache, steps=8, data=more, checkpoint={"every": 8})
    run.run()
    rows = [json.loads(line) for line in (run.out / "log.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    kinds = {row["bucket"]: "right" in row and row["right"] is not None for row in steps}
    assert kinds == {"32x16x5": False, "64x48x17": True}
    assert all(np.isfinite(row["loss"]) and np.isfinite(row["where"]) for row in steps)


def test_close_ups_are_no_larger_than_the_clips(pair_cache, tmp_path):
    more = data(pair_cache, close={"share": 0.5, "size": [96, 48], "frames": 13})
    with pytest.raises(AniMatrixError, match="close-ups are no larger than the clips"):
        trainer(tmp_path, pair_cache, data=more)


def test_held_out_figures_are_shares(trained):
    figures = trained.probe()
    assert {"held_out/right", "held_out/auc", "held_out/flip_both", "held_out/pointing"} <= set(figures)
    assert all(0 <= value <= 1 for value in figures.values())


def test_the_export_can_be_asked_about_a_clip(trained, store):
    folder = trained.out / "export"
    judge = load_judge(folder)
    tensors = load_file(folder / "diffusion_pytorch_model.safetensors")
    assert {t.dtype for t in tensors.values()} == {torch.bfloat16}
    shown = under(store[0], "deformation")
    verdict = judge.score(Clip(to_frames(shown.planes[0]), 24), shown.directive)
    assert len(verdict.dimensions) == 5 and all(0 < v < 1 for v in verdict.dimensions.values())
    assert 0 < verdict.failure < 1
    story = json.loads((folder / "reward.json").read_text())
    assert set(story["calibration"]["temperatures"]) >= {"overall", "failure", "where"}


def test_pictures_of_failures_are_shown(trained):
    trained.show()
    assert len(list((trained.out / "samples").glob("failures-*.png"))) == 1


def test_a_training_goes_on_exactly(pair_cache, tmp_path):
    whole = trainer(tmp_path / "whole", pair_cache)
    whole.run()
    trainer(tmp_path / "parts", pair_cache).run(until=2)
    parts = trainer(tmp_path / "parts", pair_cache)
    assert parts.step == 2
    parts.run()
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, parts.tensors()[name]), name


def test_a_step_shows_the_same_whenever_it_is_planned(pair_cache, tmp_path):
    task = trainer(tmp_path / "a", pair_cache).task
    plan = task.plan(7)
    one, two = (task.load(plan, plan.draws) for _ in range(2))
    assert torch.equal(one.seen.planes, two.seen.planes) and torch.equal(one.first, two.first)
    assert one.names == [d.name for d in plan.draws] and len(one.clip_of) == 2 * 4


def test_unasked_deformations_are_no_failures_to_learn(pair_cache, tmp_path, store):
    task = trainer(tmp_path / "a", pair_cache).task
    asked, unasked = (task.batch([under(store[0], w)]) for w in ("deformation", "near_physical"))
    assert asked.answer[:3].tolist() == [0, 0, 1]
    assert torch.isnan(unasked.answer[0]) and unasked.answer[1:3].tolist() == [0, 1]
    assert asked.mapped[:3].all() and unasked.mapped[:3].tolist() == [False, True, True]


def test_the_takes_are_shown_before_all_else(store):
    rng = np.random.default_rng(0)
    for count in (2, 3, 4, 6):
        rows = chosen(store[0], count, rng)
        assert len(set(rows)) == count and (count < 3 or rows[:3] == [0, 1, 2])


def test_a_thinned_directive_still_asks_for_its_deformation(store):
    shown = under(store[0], "deformation")
    thin = thinned(shown.directive, np.random.default_rng(1))
    assert len(thin.tags) < len(shown.directive.tags)
    for name in KEPT_TAGS & set(shown.directive.tags):
        assert thin.tags[name] == shown.directive.tags[name]


def test_votes_are_learned_from_beside_the_sets(pair_cache, tmp_path, store):
    from test_votes import vote

    from animatrix.media import write_video
    from animatrix.prefer.votes import clip_id

    clips = tmp_path / "clips"
    clips.mkdir()
    shown = under(store[0], "deformation")
    files = [write_video(Clip(to_frames(shown.planes[k]), 24), clips / f"{k}.mp4") for k in (0, 2)]
    asked = Directive.model_validate({"narrative": "x", "tags": {}, "frames": 17, "fps": 24}).canonical()
    row = vote(a=clip_id(files[0]), b=clip_id(files[1]), directive=asked)
    (tmp_path / "votes.jsonl").write_text(json.dumps(row) + "\n{broken\n")
    section = recipe(tmp_path, pair_cache)["data"]
    section |= {"votes": {"file": str(tmp_path / "votes.jsonl"), "clips": str(clips), "share": 0.9}}
    task = trainer(tmp_path / "run", pair_cache, data=section, batch=8).task
    plan = task.plan(0)
    assert "votes" in {d.source for d in plan.draws}
    batch = task.load(plan, [d for d in plan.draws if d.source == "votes"][:1])
    assert len(batch.clip_of) == 2 and len(batch.first) == 1 and torch.isnan(batch.answer).all()
    assert torch.isfinite(task.loss(task.modules(), batch).each).all()


def test_training_goes_on_from_a_trained_model(trained, pair_cache, tmp_path):
    """As people's votes are added to the shipped one; sizes are those of the model there."""
    start = trained.out / "export"
    sizes = {"near": 16, "far": 16, "told": 16, "width": 32, "layers": 1, "start": str(start)}
    run = trainer(tmp_path, pair_cache, steps=1, model=sizes, optimiser={"name": "adamw", "lr": 1e-9})
    run.run()
    old, new = (load_file(f / "diffusion_pytorch_model.safetensors") for f in (start, tmp_path / "export"))
    assert old.keys() == new.keys() and all(torch.allclose(old[k], new[k]) for k in old)
