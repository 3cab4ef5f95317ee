"""The memory estimate against what a training really keeps, counted byte by byte on a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from backbones import tiny_config, tiny_tags

from animatrix.cli import main
from animatrix.model.tags import TagEncoder
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.train import estimate, wan
from animatrix.train.average import Average
from animatrix.train.estimate import GIB, kept_by_blocks, modules_of, need, sizes_of, table
from animatrix.train.flow_model import LoraRecipe
from animatrix.train.optimise import Optimiser
from animatrix.train.recipe import load_recipe

RECIPES = Path(__file__).parents[3] / "recipes"
SMALL = (
    "{num_attention_heads: 2, attention_head_dim: 12, ffn_dim: 112, num_layers: 2, "
    "text_dim: 16, freq_dim: 16}"
)


def recipe(name, *more):
    return load_recipe(RECIPES / f"wan_{name}.yaml", more)


def real(read):
    """The same modules with memory, as training builds them."""
    model = read.model
    transformer = AniMatrixTransformer3DModel(**wan.arguments(model, model.tag_dim))
    if model.lora is not None:
        kept = set(AniMatrixTransformer3DModel._keep_in_fp32_modules)
        for key, weight in transformer.named_parameters():
            weight.data = weight.data if set(key.split(".")) & kept else weight.data.bfloat16()
        wan.adapt(transformer, model.lora)
    return [transformer, TagEncoder(dim=model.tag_dim, num_layers=model.tag_layers)]


@pytest.mark.parametrize("name", ["1.3b_lora", "1.3b_full"])
def test_what_is_kept_of_weights_is_what_the_tensors_take(name):
    read = recipe(name, f"model.config={SMALL}", "model.tag_dim=16", "parallel.shard=none")
    modules = real(read)
    sizes = sizes_of(modules)
    assert sizes == sizes_of(modules_of(read))  # counted without memory
    weights = {
        f"{i}.{key}": weight
        for i, module in enumerate(modules)
        for key, weight in module.named_parameters()
        if weight.requires_grad
    }
    for weight in weights.values():
        weight.grad = torch.zeros_like(weight)
    optimiser = Optimiser({"a": modules[0], "b": modules[1]}, weights, read.optimiser, read.steps)
    average = Average(weights, read.ema)
    said = need(read, sizes, 0, 1, 16).parts
    stored = sum(w.nbytes for module in modules for w in module.parameters())
    assert said["frozen weights"] + said["trained weights"] == stored
    assert said["gradients"] == sum(w.grad.nbytes for w in weights.values())
    assert said["average"] == sum(v.nbytes for v in average.values.values())
    moments = [v for v in optimiser.tensors().values() if v.ndim]
    assert said["optimiser"] == sum(v.nbytes for v in moments)
    muon = read.model_copy(update={"optimiser": read.optimiser.model_copy(update={"name": "muon"})})
    moments = Optimiser({"a": modules[0], "b": modules[1]}, weights, muon.optimiser, 10).tensors()
    assert need(muon, sizes, 0, 1, 16).parts["optimiser"] == sum(v.nbytes for v in moments.values() if v.ndim)


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("per_token", [False, True])
def test_blocks_keep_what_is_said(precision, lora, per_token):
    """Storages that the operations of a block keep for the backward pass, found by torch's own hooks."""
    config = tiny_config("wan2.2-ti2v-5b") | {
        "attention_head_dim": 24,
        "ffn_dim": 120,
        "rope_max_seq_len": 64,
        "tag_dim": 16,
    }
    torch.manual_seed(0)
    model = AniMatrixTransformer3DModel(**config)
    if lora:
        if precision == "bf16":
            model.to(torch.bfloat16)
            for key, weight in model.named_parameters():
                if set(key.split(".")) & set(model._keep_in_fp32_modules):
                    weight.data = weight.data.float()
        wan.adapt(model, LoraRecipe(rank=2))
    seen = {}
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes(), tensor
        return tensor

    kept = []

    def entering(block, args):
        seen.clear()

    def leaving(block, args, out):
        rope = {t.untyped_storage().data_ptr() for t in args[3]}
        kept.append(sum(size for key, (size, _) in seen.items() if key not in rope))

    for block in model.blocks:
        block.register_forward_pre_hook(entering)
        block.register_forward_hook(leaving)
    x = torch.randn(1, 48, 9, 16, 24)
    tokens = 9 * 8 * 12
    t = torch.full((1, tokens), 500.0) if per_token else torch.tensor([500.0])
    saving = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"), saving:
        # With tags: their shift of the time embedding is trained, so modulation needs its factors.
        model(x, t, torch.randn(1, 512, 16), tags=tiny_tags())
    said = kept_by_blocks(config, tokens, precision, lora, per_token)
    assert kept[1] == pytest.approx(said, rel=0.1)


def test_sharding_divides_what_it_divides():
    read = recipe("5b_full")
    sizes = sizes_of(modules_of(read))
    assert sizes.frozen == 0 and 4_999_787_712 < sizes.trained < 5_003_000_000  # Wan's own, and the tags'
    one, eight = (need(read, sizes, 0, n, 1).parts for n in (1, 8))
    for part in ("trained weights", "gradients", "optimiser", "average"):
        assert one[part] == pytest.approx(8 * eight[part], rel=1e-6)
    assert eight["gathered and cast"] < 3 * GIB
    kept = need(read, sizes, 0, 8, 2).parts["gathered and cast"] - eight["gathered and cast"]
    assert kept == 4 * sizes.trained  # whole gradients, until they are exchanged
    halves = recipe("5b_full", "parallel={shard: hsdp, replicas: 2, gather: bf16}")
    assert need(halves, sizes, 0, 8, 1).parts["optimiser"] == 2 * eight["optimiser"]
    assert need(halves, sizes, 0, 1, 1).parts["optimiser"] == one["optimiser"]
    thirds = recipe("5b_full", "parallel={shard: hsdp, replicas: 3}")
    assert need(thirds, sizes, 0, 8, 1).samples == 0  # as the training refuses it


def test_checkpointing_keeps_one_block():
    config = wan.arguments(recipe("1.3b_lora").model, 128)
    with_, without = (
        estimate.activations(config, 32_760, "bf16", True, again, False) for again in (True, False)
    )
    assert with_ < 12 * GIB < 100 * GIB < without


@pytest.mark.parametrize("name", ["1.3b_lora", "5b_full", "a14b_high_lora", "a14b_low_full"])
def test_the_command_prints_one_table_without_any_weights(name, capsys):
    assert main(["train", str(RECIPES / f"wan_{name}.yaml"), "--estimate"]) == 0
    said = capsys.readouterr().out
    assert "largest bucket" in said and "all, one at a time" in said
    rows = {line[:24].strip(): line[24:].split() for line in said.splitlines()[3:]}
    assert rows["GiB on each GPU, of"] == ["1", "2", "4", "8", "16"]
    assert [float(n) for n in rows["all"]] == sorted((float(n) for n in rows["all"]), reverse=True)


def test_more_gpus_than_samples_are_a_dash(capsys):
    said = table(recipe("1.3b_lora", "batch=4"))
    assert [line.split()[-2:] for line in said.splitlines() if line.startswith("activations")] == [["-", "-"]]


def test_nano_has_no_estimate(capsys):
    assert main(["train", str(RECIPES / "nano_flow.yaml"), "--estimate"]) == 2
    assert "is for recipes of Wan's backbones" in capsys.readouterr().err
