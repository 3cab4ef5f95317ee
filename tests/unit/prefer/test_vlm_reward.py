"""The same interface over a vision-language model: a real one, tiny and random, adapted by LoRA."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from animatrix import AniMatrixError, Directive
from animatrix.prefer.merits import DIMENSIONS

TINY = Path(__file__).parents[1] / "caption" / "narrate" / "tiny_vlm.py"


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    from animatrix.prefer.vlm import VlmReward

    spec = importlib.util.spec_from_file_location("tiny_vlm_of_reward", TINY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = module.save_tiny_vlm(tmp_path_factory.mktemp("vlm"))
    torch.manual_seed(0)
    return VlmReward.load(folder, lora=4)


def directive(**tags):
    return Directive.model_validate({"narrative": "A jump.", "tags": tags, "frames": 9, "fps": 24})


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (9, 64, 64, 3), np.uint8) for _ in range(2)]


def test_it_judges_as_the_small_one_does(judge, clips):
    asked = [directive(body_deformation="squash_stretch"), directive(camera_move="pan_left", palette="vivid")]
    said = judge(judge.prepare(asked, clips))
    assert said.scores.shape == (2, len(DIMENSIONS)) and said.failure.shape == (2,)
    assert said.where.shape == (2, 3, 8, 8) and torch.isfinite(said.where).all()


def test_the_directive_is_read_before_the_clip(judge, clips):
    inputs = judge.prepare([directive(palette="vivid")], clips[:1]).inputs
    text = judge.processor.tokenizer.decode(inputs["input_ids"][0])
    assert text.index("palette=vivid") < text.index("<|image_pad|>")
    with torch.no_grad():
        one, other = (
            judge(judge.prepare([directive(palette=v)], clips[:1])).where for v in ("vivid", "pastel")
        )
    assert not torch.allclose(one, other)


def test_only_the_adapters_and_the_heads_learn(judge, clips):
    said = judge(judge.prepare([directive()], clips[:1]))
    (said.scores.sum() + said.failure.sum() + said.where.mean()).backward()
    learned = {n for n, p in judge.named_parameters() if p.requires_grad and p.grad is not None}
    assert any("lora_" in n for n in learned)
    assert {n for n in learned if not n.startswith("backbone.")} == {
        f"{head}.{part}" for head in ("scores", "failure", "where") for part in ("weight", "bias")
    }
    assert all(
        "lora_" in n for n, p in judge.named_parameters() if n.startswith("backbone") and p.requires_grad
    )


def test_a_model_that_is_not_there_is_told(tmp_path):
    from animatrix.prefer.vlm import VlmReward

    with pytest.raises(AniMatrixError, match="cannot "):
        VlmReward.load(tmp_path / "none")
