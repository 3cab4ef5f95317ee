"""Preference optimisation when something is wrong: one clear line, nothing lost."""

from __future__ import annotations

import json

import pytest
import small_policy as small
import yaml

from animatrix.cli import main
from animatrix.errors import AniMatrixError, Code
from animatrix.train.recipe import check_recipe


@pytest.fixture(scope="module")
def cache(tmp_path_factory, tiny_model):
    return small.fill_cache(tmp_path_factory.mktemp("aligned"), tiny_model)


def recipe_file(folder, start, cache, **more):
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(small.recipe(folder / "run", start, cache, **more)))
    return file


def said_by(args, capsys) -> tuple[int, str]:
    status = main([str(a) for a in args])
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ("model.objective.name=dpo", "model.objective.name"),
        ("model.objective.beta=0", "model.objective.beta"),
        ("data.frames=10", "frames are 4n+1"),
        ("data.size=[60,48]", "multiples of 16"),
        ("model.floor.keeps=1", "unknown key 'keeps'; did you mean 'keep'?"),
        ("log.probe_every=0", "model.floor is measured at probes"),
        ("log.probe_every=3", "no multiple of checkpoint.every"),
        ("model.start=nowhere", "model 'nowhere' is not a folder"),
        ("model.reward=nowhere", "no trained reward model in nowhere"),
        ("data.samples={folder: nowhere}", "make it with: animatrix prefer samples RECIPE"),
        ("data.votes={file: nowhere.jsonl, clips: nowhere}", "nowhere"),
    ],
)
def test_a_mistake_in_a_recipe_is_one_line(changed, line, tmp_path, tiny_model, cache, capsys):
    file = recipe_file(tmp_path, tiny_model, cache)
    status, said = said_by(["prefer", "optimize", file, changed], capsys)
    assert status == 2 and line in said.splitlines()[-1] and not (tmp_path / "run" / "checkpoints").exists()


def test_other_tasks_are_refused(tmp_path, tiny_model, cache, capsys):
    file = recipe_file(tmp_path, tiny_model, cache)
    status, said = said_by(["prefer", "reward", file], capsys)
    assert status == 2 and "this verb takes reward" in said


def test_samples_need_a_judge_and_a_folder(tmp_path, tiny_model, cache, capsys):
    file = recipe_file(tmp_path, tiny_model, cache)
    status, said = said_by(["prefer", "samples", file], capsys)
    assert status == 2 and "has no data.samples" in said


def test_a_model_without_tags_cannot_be_told_what_is_asked(tmp_path, tiny_model):
    import shutil

    from animatrix.prefer.policy import open_policy
    from animatrix.prefer.policy_recipe import PolicyModel

    plain = tmp_path / "plain"
    shutil.copytree(tiny_model, plain)
    index = json.loads((plain / "model_index.json").read_text())
    index["tag_encoder"] = [None, None]
    (plain / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(AniMatrixError, match="has no tag encoder") as caught:
        open_policy(PolicyModel(start=plain))
    assert caught.value.code == Code.MODEL_MISMATCH


@pytest.mark.parametrize("damage", ["cut", "changed", "story"])
def test_a_damaged_set_is_named(damage, tmp_path, tiny_model, cache):
    import shutil

    mine = tmp_path / "cache"
    shutil.copytree(cache, mine)
    for file in mine.rglob("set-*.safetensors" if damage != "story" else "set-*.json"):
        content = file.read_bytes()
        if damage == "cut":
            file.write_bytes(content[: len(content) // 2])
        elif damage == "changed":
            file.write_bytes(content[:-3] + b"\1\2\3")
        else:
            file.write_bytes(b"{")
    run = small.trainer(tmp_path / "run", tiny_model, mine)
    with pytest.raises(AniMatrixError, match="is damaged") as caught:
        run.run()
    assert caught.value.code == Code.FILE_UNREADABLE and "remove " in caught.value.hint


def test_a_set_that_was_cut_off_while_it_was_made_is_made_again(tmp_path, tiny_model, cache):
    import shutil

    mine = tmp_path / "cache"
    shutil.copytree(cache, mine)
    story = sorted(mine.rglob("train-*/set-000000.json"))[0]
    before = story.with_suffix(".safetensors").read_bytes()
    story.unlink()  # it is written last
    task = small.trainer(tmp_path / "run", tiny_model, mine).task
    task.pairs.sets.pair(0, "expression")
    assert story.exists() and story.with_suffix(".safetensors").read_bytes() == before


def test_a_run_that_flattens_ends_itself_and_keeps_its_checkpoint(tmp_path, tiny_model, cache, capsys):
    lost = {"keep": 50.0, "tolerance": 1.0, "patience": 1}  # no model reaches that
    model = small.model(tiny_model, floor=lost)
    file = recipe_file(tmp_path, tiny_model, cache, model=model)
    for _ in range(2):  # and says so again
        status, said = said_by(["prefer", "optimize", file], capsys)
        line = said.splitlines()[-1]
        assert status == 3 and line.startswith("error[floor-breached]: expressiveness is lost")
        kept = [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()]
        assert kept == ["step-00000002"] and not (tmp_path / "run" / "export").exists()
    log = [json.loads(x) for x in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert "probe" in log[-1] and log[-1]["step"] == 2


def test_a_floor_that_only_tells_does_not_stop(tmp_path, tiny_model, cache, capsys):
    lost = {"keep": 50.0, "tolerance": 1.0, "patience": 1, "stop": False}
    file = recipe_file(tmp_path, tiny_model, cache, model=small.model(tiny_model, floor=lost))
    assert said_by(["prefer", "optimize", file], capsys)[0] == 0
    story = json.loads((tmp_path / "run" / "export" / "policy.json").read_text())
    assert "expressiveness is lost" in story["floor"]["breach"]


def test_a_changed_objective_is_another_run(tmp_path, tiny_model, cache):
    small.trainer(tmp_path / "run", tiny_model, cache, steps=2).run()
    model = small.model(tiny_model, objective={"name": "gapo"})
    with pytest.raises(AniMatrixError, match=r"model\.objective") as caught:
        small.trainer(tmp_path / "run", tiny_model, cache, steps=2, model=model)
    assert caught.value.code == Code.RECIPE_CHANGED


@pytest.mark.parametrize(
    ("line", "reason"), [("{", "invalid json"), ('{"number": 1}', "field required"), ("[]", "object")]
)
def test_a_damaged_manifest_of_samples_is_refused_by_line(line, reason, tmp_path):
    from animatrix.prefer.samples import MANIFEST, read_manifest

    (tmp_path / MANIFEST).write_text(line + "\n")
    with pytest.raises(AniMatrixError, match=r"line 1: ") as caught:
        read_manifest(tmp_path)
    assert reason in str(caught.value) and caught.value.code == Code.FILE_UNREADABLE


def test_samples_of_another_model_are_not_mixed_in(tmp_path, tiny_model):
    from animatrix.prefer.policy_recipe import PolicyData
    from animatrix.prefer.samples import Candidate, Sampled, as_line, make_samples, record_of

    asked = {"narrative": "x", "tags": {}, "frames": 9, "fps": 24}
    two = [Candidate(seed=n, reward=1.0 - n, dimensions={}, failure=0.5, energy=1.0) for n in (0, 1)]
    row = Sampled(
        number=0, asked="", directive=asked, best=0, worst=1, gap=1.0, conflict=False, model="one", judge="j",
        steps=1, guidance=1.0, candidates=two,
    )  # fmt: skip
    data = PolicyData.model_validate({"samples": {"folder": tmp_path, "directives": 1}}, strict=False)
    record_of(tmp_path, 0).write_text(as_line(row))
    with pytest.raises(AniMatrixError, match="was made by one") as caught:
        make_samples(data, None, None, "other", "j", 24)
    assert caught.value.code == Code.BAD_OPTION


def test_the_shipped_recipes_read():
    from pathlib import Path

    from animatrix.train.recipe import load_recipe

    folder = Path(__file__).parents[2] / "recipes"
    names = [f"nano_prefer{end}.yaml" for end in ("", "_vanilla", "_gapo")] + ["wan_1.3b_prefer_lora.yaml"]
    ours, vanilla, gapo, wan = (load_recipe(folder / name) for name in names)
    assert [r.model.objective.name for r in (ours, vanilla, gapo, wan)] == [
        "ours",
        "flow_dpo",
        "gapo",
        "ours",
    ]
    # Equal compute and equal pairs: nothing differs but the objective, the floor, and where it goes.
    for other in (vanilla, gapo):
        assert other.model_dump(exclude={"out", "model"}) == ours.model_dump(exclude={"out", "model"})
        mine, its = (r.model.model_dump(exclude={"objective", "floor"}) for r in (ours, other))
        assert mine == its and other.model.floor is None
    assert wan.model.lora is not None and check_recipe(wan.model_dump(mode="json")) == wan
