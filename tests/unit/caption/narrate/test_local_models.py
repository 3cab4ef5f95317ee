"""Narration by a model run here: a real one, tiny and random, through the same door as any other."""

from __future__ import annotations

import json

import pytest

from animatrix.caption.narrate import narrator, question
from animatrix.errors import AniMatrixError, Code

FIELDS = ("character_proportion",)  # holds for the whole shot: no random range to trip over


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from tiny_vlm import save_tiny_vlm

    return save_tiny_vlm(tmp_path_factory.mktemp("vlm"))


@pytest.fixture
def brief(monkeypatch):
    """A random model rambles to the limit; a short one keeps the test short."""
    monkeypatch.setattr(question, "LONGEST_NARRATIVE", 20)


def test_a_random_model_gives_an_answer_that_follows_the_schema(folder, shot, measured, brief):
    tell = narrator(f"transformers:{folder}", fields=FIELDS)
    narration = tell.narrate(shot, measured)
    known = narration.provenance
    assert narration.narrative, narration.rejected
    assert known["constrained"] == "grammar" and known["model"] == str(folder)
    assert narration.rejected == [] and known["requests"] == 1
    assert set(narration.tags) <= set(FIELDS)
    again = tell.narrate(shot, measured)
    assert (again.narrative, again.tags) == (narration.narrative, narration.tags)


def test_the_pictures_reach_the_model(folder, shot, measured, brief, monkeypatch):
    from animatrix.caption.narrate.local import LocalModel
    from animatrix.caption.narrate.pictures import chosen_pictures

    model = LocalModel(str(folder))
    pictures = chosen_pictures(shot, measured)
    inputs = model._inputs(question.question(shot, pictures, measured, FIELDS).turns)
    assert len(inputs["image_grid_thw"]) == len(pictures) >= 6


def test_an_answer_out_of_time_costs_only_the_narration(folder, shot, measured, brief):
    narration = narrator(f"transformers:{folder}", fields=FIELDS, timeout=1e-6).narrate(shot, measured)
    assert narration.narrative is None and narration.tags == {}
    assert any("cut off" in line for line in narration.rejected)


def test_a_model_that_breaks_on_a_shot_costs_only_the_narration(folder, shot, measured, brief, monkeypatch):
    tell = narrator(f"transformers:{folder}", fields=FIELDS)

    def out_of_memory(*_, **__):
        raise RuntimeError("CUDA out of memory.\nTried to allocate")

    monkeypatch.setattr(tell._model._model, "generate", out_of_memory)
    narration = tell.narrate(shot, measured)
    assert narration.rejected == ["no answer: RuntimeError: CUDA out of memory."]


def test_a_folder_that_is_no_model_is_one_clear_line(tmp_path, folder):
    with pytest.raises(AniMatrixError) as caught:
        narrator(f"transformers:{tmp_path / 'none'}")
    assert caught.value.code is Code.MODEL_MISSING
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(AniMatrixError) as caught:
        narrator(f"transformers:{tmp_path}")
    assert caught.value.code in (Code.MODEL_MISSING, Code.MODEL_MISMATCH) and "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["code", "pickle"])
def test_code_and_pickles_of_a_model_are_never_loaded(folder, tmp_path, how):
    import shutil

    import torch

    bad = tmp_path / "bad"
    shutil.copytree(folder, bad)
    if how == "pickle":
        (bad / "model.safetensors").unlink()
        torch.save({}, bad / "pytorch_model.bin")
    else:
        config = json.loads((bad / "config.json").read_text())
        config["model_type"] = "evil"
        config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForImageTextToText": "evil.Model"}
        (bad / "config.json").write_text(json.dumps(config))
        (bad / "evil.py").write_text("raise SystemExit('executed')")
    with pytest.raises(AniMatrixError) as caught:
        narrator(f"transformers:{bad}")
    assert caught.value.code in (Code.MODEL_MISSING, Code.MODEL_MISMATCH) and "\n" not in str(caught.value)
