"""The reward at work: the best of some candidates, and a judge over a vision-language model read back."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import small_policy as small
import torch

from animatrix import AniMatrixError, Directive
from animatrix.cli import main
from animatrix.errors import Code
from animatrix.media import Clip, read_clip

BASE = ["--size", "64x48", "--frames", "9", "--steps", "1", "--seed", "5"]
TINY = Path(__file__).parents[1] / "caption" / "narrate" / "tiny_vlm.py"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    small.save_reward(tmp_path / "weights" / "reward")
    monkeypatch.setenv("ANIMATRIX_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path


def test_the_best_candidate_is_kept_and_all_scores_told(tiny_model, weights, capsys):
    from animatrix.prefer.judging import load_judge
    from animatrix.prefer.samples import reward_of

    args = ["generate", "A girl runs.", *BASE, "--model", str(tiny_model), "--json"]
    out = weights / "best.mkv"
    assert main([*args, "--candidates", "3", "--pick", "reward", "--lossless", "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [c["seed"] for c in told["candidates"]] == [5, 6, 7]
    best = max(told["candidates"], key=lambda c: c["score"])
    assert told["seed"] == best["seed"] and "judge" in told["seconds"]
    assert {"seed", "score", "dimensions", "failure", "regions"} == set(best)
    verdict = load_judge().score(read_clip(out), Directive.model_validate(told["directive"]))
    assert reward_of(verdict) == pytest.approx(best["score"], abs=1e-3)
    alone = weights / "alone.mkv"
    seeded = ["--seed", str(best["seed"]), "--lossless", "--out", str(alone)]
    assert main([*args, *seeded]) == 0
    assert "candidates" not in json.loads(capsys.readouterr().out)
    assert np.array_equal(read_clip(alone).frames, read_clip(out).frames)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--candidates", "2"], "error[bad-option]: --candidates needs a way to choose"),
        (["--candidates", "2", "--pick", "luck"], "error[bad-option]: --pick 'luck' is not known"),
        (["--candidates", "0", "--pick", "reward"], "error[bad-option]: --candidates 0 is out of range"),
    ],
)
def test_a_mistake_in_choosing_is_one_line(more, line, tiny_model, tmp_path, capsys):
    out = tmp_path / "a.mp4"
    assert main(["generate", "x", *BASE, "--model", str(tiny_model), *more, "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith(line) and not out.exists()


def test_without_a_reward_model_nothing_is_made(tiny_model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("animatrix.prefer.judging.weights_folder", lambda: tmp_path / "reward")
    out = tmp_path / "a.mp4"
    args = ["--candidates", "2", "--pick", "reward", "--out", str(out)]
    assert main(["generate", "x", *BASE, "--model", str(tiny_model), *args]) == 2
    assert "error[model-missing]: no trained reward model" in capsys.readouterr().err and not out.exists()


@pytest.fixture(scope="module")
def vlm(tmp_path_factory):
    """A tiny backbone, a judge on it that is not as it began, and its export."""
    from animatrix.prefer.calibration import UNFITTED
    from animatrix.prefer.judging import _export_vlm
    from animatrix.prefer.vlm import VlmReward

    spec = importlib.util.spec_from_file_location("tiny_vlm_of_policy", TINY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("vlm")
    backbone = module.save_tiny_vlm(folder / "backbone")
    torch.manual_seed(1)
    judge = VlmReward.load(backbone, lora=4)
    with torch.no_grad():
        for name, weight in judge.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.3)
    _export_vlm(judge, folder / "export")
    story = {"backbone": str(backbone), "size": [64, 64], "frames": 9, "calibration": UNFITTED.as_dict()}
    (folder / "export" / "reward.json").write_text(json.dumps(story))
    return folder, judge.eval()


def test_an_exported_adapter_judges_as_it_was_trained(vlm):
    from animatrix.prefer.judging import load_judge

    folder, judge = vlm
    read = load_judge(folder / "export")
    asked = Directive.model_validate({"narrative": "A jump.", "tags": {}, "frames": 9, "fps": 24})
    clip = np.random.default_rng(0).integers(0, 255, (9, 64, 64, 3), np.uint8)
    with torch.no_grad():
        one, other = (net(net.prepare([asked], [clip])) for net in (judge, read.net))
    assert torch.allclose(one.scores, other.scores, atol=1e-5)
    assert torch.allclose(one.where, other.where, atol=1e-5)
    verdict = read.score(Clip(clip, 24), asked)
    assert len(verdict.dimensions) == 5 and 0 < verdict.failure < 1


@pytest.mark.parametrize("damage", ["heads", "adapter"])
def test_a_damaged_export_is_refused(damage, vlm, tmp_path):
    import shutil

    from animatrix.prefer.judging import load_judge

    mine = tmp_path / "export"
    shutil.copytree(vlm[0] / "export", mine)
    if damage == "heads":
        (mine / "heads.safetensors").write_bytes(b"\0" * 64)
    else:
        (mine / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(AniMatrixError, match="does not judge with") as caught:
        load_judge(mine)
    assert caught.value.code == Code.MODEL_MISMATCH
