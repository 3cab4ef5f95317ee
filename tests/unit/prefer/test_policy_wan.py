"""The shipped recipe for Wan, on tiny weights in the true layout: fine-tuned, then tuned by adapters."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
import torch
from backbones import tiny_encoder, tiny_wan, with_open_paths

from animatrix.prefer.policy_task import PolicyTask
from animatrix.train.engine import Trainer
from animatrix.train.flow_model import LoraRecipe
from animatrix.train.recipe import load_recipe

RECIPE = Path(__file__).parents[3] / "recipes" / "wan_1.3b_prefer_lora.yaml"


@pytest.fixture(scope="module")
def wan(tmp_path_factory) -> Path:
    """``model``: a plain Wan pipeline; ``lora``: what a fine-tuning exports."""
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline
    from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

    from animatrix.model.lora import save_lora
    from animatrix.train.wan import adapt

    root = tmp_path_factory.mktemp("wan")
    torch.manual_seed(0)
    sizes = {"dim_mult": [1, 1, 1, 1], "num_res_blocks": 1, "temperal_downsample": [False, True, True]}
    latents = {"base_dim": 4, "z_dim": 16, "latents_mean": [0.1] * 16, "latents_std": [2.0] * 16}
    letters = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters += [(c, -3.0) for c in string.ascii_letters + string.punctuation]
    words = T5Tokenizer(vocab=[*letters, ("<extra_id_0>", 0.0)], extra_ids=1)
    text = UMT5EncoderModel(
        UMT5Config(vocab_size=len(words), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    )
    transformer = tiny_wan("wan2.1-t2v-1.3b")
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    pipe = WanPipeline(words, text, AutoencoderKLWan(**sizes, **latents), scheduler, transformer)
    pipe.save_pretrained(root / "model")
    tuned = with_open_paths(tiny_wan("wan2.1-t2v-1.3b"))
    adapt(tuned, LoraRecipe(rank=2))
    save_lora(root / "lora", tuned, tag_encoder=tiny_encoder())
    return root


def changes(wan: Path, out: Path) -> list[str]:
    probe = {"clips": 1, "steps": 1, "guidance": 1.0, "batch": 1, "pairs": 1}
    return [
        f"model.start={wan / 'model'}", f"model.start_lora={wan / 'lora'}", "model.reward=null",
        f"model.probe={json.dumps(probe)}", "model.lora.rank=2", "data.samples=null", "data.size=[64, 32]",
        "data.frames=9", "data.sets={train: 1, tune: 1}", f"data.cache={wan / 'cache'}", "steps=2", "batch=2",
        "prefetch=0", "precision=fp32", "checkpoint.every=2", f"out={out}",
        "log={every: 1, probe_every: 2, tensorboard: false}",
    ]  # fmt: skip


def test_wan_is_tuned_by_adapters_on_its_own_latents(wan, tmp_path):
    from animatrix.generate.run import Engine, load

    read = load_recipe(RECIPE, changes(wan, tmp_path / "run"))
    run = Trainer(read, PolicyTask(read, torch.device("cpu")))
    task = run.task
    assert task.policy.layout == "text" and task.policy.reference == {}
    assert not any(p.requires_grad for p in task.policy.tag_encoder.parameters())
    assert run.weights and all(".lora_" in name for name in run.weights)
    run.run()
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["probe"]["drift"] > 0 and log[0]["logit"] == 0
    two = (str(wan / "lora"), str(tmp_path / "run" / "export"))
    pipe = load(str(wan / "model"), Engine(lora=two))
    assert pipe.tag_encoder is not None and len(pipe.transformer.peft_config) == 2


def test_a_plain_wan_has_to_be_fine_tuned_first(wan, tmp_path):
    from animatrix.errors import AniMatrixError

    read = load_recipe(RECIPE, [*changes(wan, tmp_path / "run"), "model.start_lora=null"])
    with pytest.raises(AniMatrixError, match="has no tag encoder"):
        PolicyTask(read, torch.device("cpu"))
