"""Generators and the runner: the same results however many processes, kept by content, resumable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from animatrix.errors import AniMatrixError
from animatrix.evaluate.bench import runner
from animatrix.evaluate.bench.generators import NotMade, generator
from animatrix.evaluate.bench.results import document, headline, summary
from animatrix.evaluate.bench.runner import Plan, run
from animatrix.evaluate.bench.suite import load_suites
from animatrix.media import Clip, write_video

SUITES = ("contradiction", "swap_one")


def plan(folder, *specs, suites=SUITES, items=1, **more):
    return Plan(specs, suites, items, "en", more.pop("metrics", ()), Path(folder) / "cache", **more)


def written(found, suites):
    content = document(load_suites(suites), found["systems"], "en", "x")
    return json.dumps(content, ensure_ascii=False)


def test_one_and_two_processes_give_the_same_bytes(tmp_path):
    one = run(plan(tmp_path / "a", "studio"), 1)
    two = run(plan(tmp_path / "b", "studio"), 2)
    assert written(one, SUITES) == written(two, SUITES)
    assert one["clips"] == two["clips"]
    assert one["timing"]["processes"] == 1 and two["timing"]["processes"] == 2


def test_a_run_that_was_cut_short_goes_on_and_makes_nothing_twice(tmp_path, monkeypatch):
    whole = written(run(plan(tmp_path / "whole", "studio"), 1), SUITES)
    calls, real = [], runner.run_unit

    def breaks_off(of, unit):
        calls.append(unit)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(of, unit)

    monkeypatch.setattr(runner, "run_unit", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        run(plan(tmp_path / "cut", "studio"), 1)
    monkeypatch.setattr(runner, "run_unit", real)
    made = []
    monkeypatch.setattr(runner.KeptClip, "_make", _counted(runner.KeptClip._make, made))
    assert written(run(plan(tmp_path / "cut", "studio"), 1), SUITES) == whole
    before = len(made)
    assert 0 < before < 4
    assert written(run(plan(tmp_path / "cut", "studio"), 1), SUITES) == whole
    assert len(made) == before


def _counted(function, calls):
    def counting(self):
        calls.append(self.item.id)
        return function(self)

    return counting


def test_scores_are_kept_apart_for_another_version_of_a_metric(tmp_path, monkeypatch):
    from dataclasses import replace

    from animatrix.evaluate.bench.metrics import METRICS

    these = plan(tmp_path, "studio", suites=("contradiction",), metrics=("tag_won",))
    run(these, 1)
    newer = replace(METRICS["tag_won"], version=2, score=lambda unit: False)
    monkeypatch.setitem(METRICS, "tag_won", newer)
    found = run(these, 1)["systems"][0]["scores"]["contradiction"]["tag_won"]
    assert list(found.values()) == [False]


def test_a_folder_of_clips_is_judged_by_item_and_checked_before_anything_starts(tmp_path):
    suite = load_suites(["contradiction"])[0]
    clips = tmp_path / "clips"
    clips.mkdir()
    made = generator("studio")
    with pytest.raises(AniMatrixError, match="no clip of item contradiction-01 and 1 more"):
        run(plan(tmp_path, f"folder:{clips}", suites=("contradiction",), items=2), 1)
    for item in suite.first(2):
        write_video(made.make(item), clips / f"{item.id}.mkv", lossless=True)
    found = run(plan(tmp_path, f"folder:{clips}", "studio", suites=("contradiction",), items=2), 1)
    assert found["systems"][0]["scores"] == found["systems"][1]["scores"]
    (clips / "contradiction-02.mkv").write_bytes(b"no video")
    with pytest.raises(AniMatrixError, match=r"contradiction-02\.mkv is not a video"):
        run(plan(tmp_path, f"folder:{clips}", suites=("contradiction",), items=2), 1)


def test_our_pipeline_makes_every_kind_of_item(tiny_model, tmp_path):
    specs = [f"ours:{tiny_model}?steps=1{more}" for more in ("", "&tags=off", "&tags=shuffled")]
    found = run(plan(tmp_path, *specs, suites=("keyframe_fidelity",), metrics=("keyframe_psnr",)), 1)
    assert [s["name"] for s in found["systems"]] == specs
    assert len({found["clips"][spec]["keyframes-01"] for spec in specs}) == 3
    for system in found["systems"]:
        assert isinstance(system["scores"]["keyframe_fidelity"]["keyframe_psnr"]["keyframes-01"], float)


def test_a_clip_of_ours_is_the_same_whatever_was_made_before(tiny_model):
    items = load_suites(["contradiction"])[0].first(2)
    one, other = (generator(f"ours:{tiny_model}?steps=1") for _ in range(2))
    alone = other.make(items[1]).frames
    one.make(items[0])
    assert np.array_equal(one.make(items[1]).frames, alone)


@pytest.fixture(scope="module")
def tiny_wan_folder(tmp_path_factory, tiny_pipeline):
    """A WanPipeline of diffusers at toy size."""
    import backbones
    from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, WanPipeline

    torch.manual_seed(0)
    wan = backbones.tiny_wan("wan2.1-t2v-1.3b")
    vae = AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)
    pipe = WanPipeline(
        tokenizer=tiny_pipeline.tokenizer,
        text_encoder=tiny_pipeline.text_encoder,
        vae=vae,
        transformer=wan,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )
    folder = tmp_path_factory.mktemp("wan") / "model"
    pipe.save_pretrained(folder)
    return folder


def test_any_diffusers_pipeline_is_told_the_tags_in_words(tiny_wan_folder, monkeypatch):
    items = load_suites(["contradiction", "keyframe_fidelity"])
    made = generator(f"diffusers:{tiny_wan_folder}?fps=16&steps=1&width=32&height=32")
    pipe, told = made._loaded(), {}
    real = type(pipe).__call__

    def listened(self, *args, **asked):
        told.update(asked)
        return real(self, *args, **asked)

    listened.__signature__ = __import__("inspect").signature(real)
    monkeypatch.setattr(type(pipe), "__call__", listened)
    item = items[0].items[0]
    clip = made.make(item)
    assert clip.fps == 16 and clip.size == (32, 32) and len(clip) == told["num_frames"] == 17
    assert item.directive.narrative in told["prompt"] and len(told["prompt"]) > len(item.directive.narrative)
    with pytest.raises(NotMade, match="takes no pictures"):
        made.make(items[1].items[0])


def test_what_a_generator_cannot_make_is_skipped_with_its_reason(tmp_path, monkeypatch):
    from animatrix.evaluate.bench.generators import Studio

    def refuses(self, item):
        raise NotMade("it has no pencils")

    monkeypatch.setattr(Studio, "make", refuses)
    found = run(plan(tmp_path, "studio", suites=("contradiction",)), 1)["systems"][0]
    assert found["scores"]["contradiction"]["tag_won"]["contradiction-01"] == {"skipped": "it has no pencils"}
    told = summary(load_suites(["contradiction"]), found["scores"])["contradiction"]["tag_won"]
    assert told["value"] is None and told["count"] == 0 and told["skipped"] == {"it has no pencils": 1}


def test_a_headline_ranks_by_what_all_systems_have():
    primary = {"a": "tag_won", "b": "adherence"}

    def system(name, share, b=True):
        scores = {"a": {"tag_won": {f"u{i}": i < share for i in range(10)}}}
        return {"name": name, "scores": scores | ({"b": {"adherence": {"u": True}}} if b else {})}

    rows = headline(primary, [system("one", 9), system("two", 3, b=False)])
    assert [r["value"] for r in rows] == [0.9, 0.3] and rows[0]["suites"] == ["a"]
    assert rows[0]["low"] > rows[1]["value"] and rows[1]["high"] < rows[0]["value"]


def test_a_clip_is_kept_without_loss(tmp_path):
    found = run(plan(tmp_path, "studio", suites=("contradiction",), metrics=("tag_won",)), 1)
    key = found["clips"]["studio"]["contradiction-01"]
    from animatrix.media import read_clip

    kept = read_clip(tmp_path / "cache" / "clips" / f"{key}.mkv")
    made = generator("studio").make(load_suites(["contradiction"])[0].items[0])
    assert isinstance(made, Clip) and np.array_equal(kept.frames, made.frames)


def test_a_reward_model_is_asked_where_one_is_named(tmp_path):
    from animatrix.prefer.calibration import UNFITTED
    from animatrix.prefer.reward import RewardModel

    torch.manual_seed(0)
    RewardModel(8, 8, 8, 16, 1).save_pretrained(tmp_path / "reward")
    story = {"size": [64, 48], "frames": 17, "calibration": UNFITTED.as_dict()}
    (tmp_path / "reward" / "reward.json").write_text(json.dumps(story))
    suites = ("deformation_against_collapse",)
    asked = plan(tmp_path, "studio", suites=suites, metrics=("collapse",), reward=tmp_path / "reward")
    found = run(asked, 1)["systems"][0]["scores"][suites[0]]["collapse"]["deformation-01"]
    assert 0 <= found <= 1
    without = plan(tmp_path, "studio", suites=suites, metrics=("collapse",))
    if not (runner._judge.__wrapped__(None))[0]:
        runner._judge.cache_clear()
        skipped = run(without, 1)["systems"][0]["scores"][suites[0]]["collapse"]["deformation-01"]
        assert "no trained reward model" in skipped["skipped"]
