"""``animatrix prefer``: one line per mistake, one JSON document per score."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from animatrix.cli import main
from animatrix.prefer.calibration import UNFITTED

DIRECTIVE = {
    "narrative": "A girl leaps.",
    "tags": {"body_deformation": "squash_stretch"},
    "frames": 9,
    "fps": 24,
}


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    """A folder with a clip, its directive, and a reward model of random weights."""
    from animatrix.media import Clip, write_video
    from animatrix.prefer.reward import RewardModel

    folder = tmp_path_factory.mktemp("shot")
    frames = np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), np.uint8)
    write_video(Clip(frames, 24), folder / "a.mp4")
    (folder / "d.yaml").write_text(yaml.safe_dump(DIRECTIVE))
    RewardModel(8, 8, 8, 16, 1).save_pretrained(folder / "reward")
    story = {"size": [64, 48], "frames": 17, "calibration": UNFITTED.as_dict()}
    (folder / "reward" / "reward.json").write_text(json.dumps(story))
    return folder


def test_a_score_is_one_json_document(shot, capsys):
    args = ["--directive", str(shot / "d.yaml"), "--weights", str(shot / "reward"), "--json"]
    assert main(["prefer", "score", str(shot / "a.mp4"), *args]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["clip", "dimensions", "failure", "regions"] and found["clip"] == str(
        shot / "a.mp4"
    )
    assert list(found["dimensions"]) == [
        *("prompt_understanding", "artistic_motion", "design_consistency", "camera_layout"),
        "finish_stability",
    ]
    assert 0 <= found["failure"] <= 1
    for region in found["regions"]:
        assert set(region) == {"frames", "box", "probability"}


def test_several_clips_give_a_list_and_a_table_is_printed_without_json(shot, capsys):
    args = ["--directive", str(shot / "d.yaml"), "--weights", str(shot / "reward")]
    assert main(["prefer", "score", str(shot / "a.mp4"), str(shot / "a.mp4"), *args, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert main(["prefer", "score", str(shot / "a.mp4"), *args]) == 0
    assert "artistic_motion" in capsys.readouterr().out


def test_without_trained_weights_the_error_is_one_line(shot, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ANIMATRIX_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("animatrix.prefer.judging.weights_folder", lambda: tmp_path / "reward")
    assert main(["prefer", "score", str(shot / "a.mp4"), "--directive", str(shot / "d.yaml")]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error[model-missing]: no trained reward model in ")
    assert said.err.count("\n") == 1 and "animatrix prefer reward recipes/reward.yaml" in said.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["score", "none.mp4", "--directive", "none.yaml"], "error[file-missing]: "),
        (["score", "none.mp4"], "error[usage]: "),
        (["pairs", "none.yaml"], "error[file-missing]: "),
        (["jury"], "error[usage]: "),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(args, said, capsys):
    assert main(["prefer", *args]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith(said)


def test_a_recipe_of_another_task_is_refused(tmp_path, capsys):
    import tiny_task

    file = tmp_path / "r.yaml"
    file.write_text(yaml.safe_dump({**tiny_task.RECIPE, "out": str(tmp_path / "run")}))
    assert main(["prefer", "reward", str(file)]) == 2
    assert "this verb takes reward" in capsys.readouterr().err


def test_the_shipped_recipe_reads():
    from pathlib import Path

    from animatrix.train.recipe import load_recipe

    read = load_recipe(Path(__file__).parents[2] / "recipes" / "reward.yaml")
    assert read.task == "reward" and read.data.frames == 33


@pytest.mark.parametrize("verb", ["pairs", "reward", "score"])
def test_help_shows_an_example(verb, capsys):
    assert main(["prefer", verb, "--help"]) == 0
    assert f"animatrix prefer {verb}" in capsys.readouterr().out
