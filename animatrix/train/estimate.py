"""Memory that a recipe of a Wan backbone needs on each GPU, before a weight is loaded.

    animatrix train recipes/wan_a14b_high_lora.yaml --estimate

Models are built on the meta device, so that every tensor that training keeps is counted, not guessed:

* trained weights, gradients, average: 4 bytes a number; AdamW: 8 (two moments, 1711.05101); frozen ones as
  they are stored; all of them divided where FSDP2 divides them (ZeRO stage 3, 1910.02054);
* gathered: two blocks whole (one at work, one on its way) and the message the second came in, the parts
  outside of blocks, a block's whole gradient and the message it goes out in
  (``torch.distributed.fsdp.fully_shard``: prefetching of one group, copies into and out of messages); whole
  gradients of everything where steps are accumulated, since these are exchanged once a step;
* activations of one sample: what the blocks' operations keep for the backward pass, counted from
  diffusers' ``WanTransformerBlock`` under autocast (:data:`KEPT`). With checkpointing (1604.06174) a block
  keeps its input, and one block at a time is recomputed whole.

Starting takes no more: a block at a time is put on the GPU and divided (``distributed.place``).

Not counted: what CUDA itself takes and what the allocator cannot join, together some tenth. Autoencoder and
text encoder are not on these GPUs while a filled cache is trained from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from animatrix.errors import AniMatrixError, Code
from animatrix.model.presets import Preset
from animatrix.model.tags import TagEncoder
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.train import wan
from animatrix.train.distributed import _blocks
from animatrix.train.flow_model import FlowModel
from animatrix.train.optimise import matrices
from animatrix.train.plan import Bucket
from animatrix.train.recipe import ParallelRecipe, Recipe

GPUS = (1, 2, 4, 8, 16)
GIB = 1 << 30
# Bytes that a block keeps for each number of its stream [L,D], of its feed-forward's inner layer [L,F] and of
# the text it attends to [S,D]; by precision, with trained weights and with frozen ones under adapters.
KEPT = {
    "bf16": {"full": (72, 4, 14), "lora": (59, 4, 10)},
    "fp32": {"full": (90, 8, 20), "lora": (81, 8, 17)},
}
KEPT_PER_TOKEN = 32  # more, where each token has its own timestep (Wan 2.2 TI2V with a first frame)
WIDTH = {"bf16": 2, "fp32": 4}


@dataclass(frozen=True)
class Sizes:
    """Of the weights: bytes that are frozen, numbers that are trained, and numbers that Muon would take.

    block, rest: (frozen bytes, trained numbers) of the largest block, and of what is in none.
    """

    frozen: int
    trained: int
    matrices: int
    block: tuple[int, int]
    rest: tuple[int, int]


@dataclass(frozen=True)
class Need:
    """Bytes on one GPU by part, at so many samples at once (0: the recipe does not run on so many)."""

    samples: int
    parts: dict[str, int]


def sizes_of(modules: Sequence[nn.Module]) -> Sizes:
    """Counted over modules on any device."""
    blocks = [block for module in modules for block in _blocks(module)]
    within = {id(weight) for block in blocks for weight in block.parameters()}
    weights = [weight for module in modules for weight in module.parameters()]
    ids = matrices({str(i): module for i, module in enumerate(modules)})
    frozen, trained = _split(weights)
    return Sizes(
        frozen,
        trained,
        sum(w.numel() for w in weights if w.requires_grad and id(w) in ids),
        max((_split(list(block.parameters())) for block in blocks), key=lambda s: s[0] + 4 * s[1]),
        _split([weight for weight in weights if id(weight) not in within]),
    )


def _split(weights: Sequence[nn.Parameter]) -> tuple[int, int]:
    """Frozen bytes and trained numbers."""
    return (
        sum(w.nbytes for w in weights if not w.requires_grad),
        sum(w.numel() for w in weights if w.requires_grad),
    )


def modules_of(recipe: Recipe) -> list[nn.Module]:
    """What the recipe puts on the GPU, on the meta device."""
    model: FlowModel = recipe.model
    with torch.device("meta"):
        tags = TagEncoder(dim=model.tag_dim, num_layers=model.tag_layers)
        transformer = AniMatrixTransformer3DModel(**wan.arguments(model, model.tag_dim))
        if model.lora is not None:
            if recipe.precision == "bf16":
                kept = set(AniMatrixTransformer3DModel._keep_in_fp32_modules)
                for name, weight in transformer.named_parameters():
                    weight.data = weight.data if set(name.split(".")) & kept else weight.data.bfloat16()
            wan.adapt(transformer, model.lora)
    tags.requires_grad_(not model.tags_frozen)
    return [transformer, tags] if model.tag_paths else [transformer]


def tokens_of(bucket: Bucket, preset: Preset) -> int:
    """Of one sample in the transformer."""
    side = (16 if preset.vae == "wan2.2" else 8) * 2
    return ((bucket.frames - 1) // 4 + 1) * (bucket.width // side) * (bucket.height // side)


def kept_by_blocks(
    config: dict[str, Any], tokens: int, precision: str, lora: bool, per_token: bool = False
) -> int:
    """Bytes that one block keeps for the backward pass of one sample, without its weights."""
    width = config["num_attention_heads"] * config["attention_head_dim"]
    stream, inner, text = KEPT[precision]["lora" if lora else "full"]
    stream += KEPT_PER_TOKEN if per_token else 0
    slots = config.get("text_len", wan.SLOTS)
    return tokens * width * stream + tokens * config["ffn_dim"] * inner + slots * width * text


def activations(
    config: dict[str, Any], tokens: int, precision: str, lora: bool, checkpointing: bool, per_token: bool
) -> int:
    """Bytes at the backward pass's peak, of one sample."""
    width = config["num_attention_heads"] * config["attention_head_dim"]
    stream, wide = tokens * width, WIDTH[precision]
    block = kept_by_blocks(config, tokens, precision, lora, per_token)
    blocks = config["num_layers"] * stream * wide + block if checkpointing else config["num_layers"] * block
    rotary = tokens * config["attention_head_dim"] * 8
    timesteps = tokens * width * (12 * wide + 8) if per_token else 0  # projected, with gradient; embedded
    at_work = 2 * tokens * config["ffn_dim"] * wide + 3 * stream * 4  # gradients on their way through a block
    return blocks + rotary + timesteps + at_work


def need(recipe: Recipe, sizes: Sizes, sample: int, gpus: int, accumulate: int) -> Need:
    """Of one GPU of so many.

    Args:
        sample: bytes of one sample's activations.
    """
    parallel: ParallelRecipe = recipe.parallel
    samples = -(-recipe.batch // (gpus * accumulate))
    replicas = parallel.replicas if parallel.shard == "hsdp" and gpus > 1 else 1
    if recipe.batch < gpus * accumulate or gpus % replicas:
        return Need(0, {})
    cut = 1 if parallel.shard == "none" else gpus // replicas
    meshed = parallel.shard != "none" and gpus > 1
    trained = 4 * sizes.trained
    moments = 8 * sizes.trained - (4 * sizes.matrices if recipe.optimiser.name == "muon" else 0)
    travelling = 0
    if meshed:
        wide = 2 if parallel.gather == "bf16" else 4
        # bf16 messages also carry frozen fp32 as bf16; too little to count apart.
        block, rest = (frozen + wide * count for frozen, count in (sizes.block, sizes.rest))
        travelling = 3 * block + rest + (wide + 4) * max(sizes.block[1], sizes.rest[1])
        travelling += trained if accumulate > 1 else 0
    elif gpus > 1:
        travelling = trained  # gradients summed in one message
    if recipe.precision == "bf16" and not (meshed and parallel.gather == "bf16"):
        travelling += 2 * sizes.trained  # bf16 copies that autocast keeps during a forward pass
    parts = {
        "frozen weights": sizes.frozen // cut,
        "trained weights": trained // cut,
        "gradients": trained // cut,
        "optimiser": moments // cut,
        "average": trained // cut,
        "gathered and cast": travelling,
        "activations": sample * samples,
    }
    return Need(samples, parts)


def table(recipe: Recipe) -> str:
    """The estimate of a recipe, as text.

    Raises:
        AniMatrixError: BAD_OPTION for a recipe of no Wan backbone; BAD_RECIPE.
    """
    from animatrix.train.data.recipe import parse_bucket

    model = recipe.model
    if not isinstance(model, FlowModel) or model.backbone == "nano":
        raise AniMatrixError(
            Code.BAD_OPTION, "--estimate is for recipes of Wan's backbones", "nano trains on any machine"
        )
    preset = wan.preset_of(model)
    config = wan.arguments(model, model.tag_dim)
    sizes = sizes_of(modules_of(recipe))
    buckets = [parse_bucket(text) for text in recipe.data.buckets]
    bucket = max(buckets, key=lambda b: tokens_of(b, preset))
    tokens = tokens_of(bucket, preset)
    per_token = preset.expand_timesteps and model.told.first_frame > 0
    sample = activations(
        config, tokens, recipe.precision, model.lora is not None, model.checkpointing, per_token
    )
    said = [need(recipe, sizes, sample, n, recipe.accumulate) for n in GPUS]
    least = [need(recipe, sizes, sample, n, max(1, recipe.batch // n)) for n in GPUS]
    rows = [[f"{'GiB on each GPU, of':<24}", *(f"{n:>7}" for n in GPUS)]]
    for part in next(n.parts for n in said + least if n.samples):
        rows.append([f"{part:<24}", *(_gib(n.parts.get(part), n) for n in said)])
    rows.append([f"{'all':<24}", *(_gib(sum(n.parts.values()), n) for n in said)])
    rows.append([f"{'samples at once':<24}", *(f"{n.samples or '-':>7}" for n in said)])
    rows.append([f"{'all, one at a time':<24}", *(_gib(sum(n.parts.values()), n) for n in least)])
    rows.append([f"{'  with accumulate':<24}", *(f"{max(1, recipe.batch // n):>7}" for n in GPUS)])
    kind = f"adapters of rank {model.lora.rank}" if model.lora is not None else "all weights"
    shard = recipe.parallel.shard if recipe.parallel.shard != "none" else "whole on each"
    head = [
        f"{model.backbone}, {kind}: {sizes.frozen / GIB:.1f} GiB frozen, "
        f"{sizes.trained / 1e6:,.1f} M numbers trained; {shard}",
        f"largest bucket {bucket}: {tokens:,} tokens, {sample / GIB:.1f} GiB of activations a sample"
        f"{'' if model.checkpointing else ' (no checkpointing)'}; batch {recipe.batch}",
        "",
    ]
    tail = ["", "An estimate: leave a tenth for CUDA and the allocator. Encoding takes memory of its own."]
    return "\n".join(head + ["".join(row) for row in rows] + tail)


def _gib(size: int | None, of: Need) -> str:
    return f"{size / GIB:>7.1f}" if of.samples and size is not None else f"{'-':>7}"
