"""Fine-tuning of Wan's backbones: built for training, checked against a recipe, written out again.

Trained are all weights, or adapters (``lora``) with the tag projections, and the tag encoder. What is trained
is fp32 whatever the recipe computes in; under adapters the frozen backbone is kept in the precision that it
is computed in, but for the few weights that Wan itself keeps in fp32. FSDP2 asks for one dtype among a
group's *trained* weights, which so holds.

Wan 2.2's A14B is two transformers: one recipe each, told apart by ``part_of_noise``. They share a tag
encoder: the recipe of the second names the export of the first as its ``tags`` and leaves it frozen, and
exports the pair.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn

from animatrix.errors import AniMatrixError, Code
from animatrix.model.halving import halve
from animatrix.model.presets import PRESETS, Preset, backbone
from animatrix.model.tags import TagEncoder
from animatrix.model.transformer import TAG_PATHS, AniMatrixTransformer3DModel

if TYPE_CHECKING:
    from animatrix.train.data.encoders import NanoEncoder, WanEncoder
    from animatrix.train.flow_model import FlowModel, LoraRecipe, Parts
    from animatrix.train.recipe import Recipe

logger = logging.getLogger("animatrix.train")
EXPERTS: tuple[Literal["transformer", "transformer_2"], ...] = ("transformer", "transformer_2")
SLOTS = 512  # text slots of every Wan, narrative and tags together


def preset_of(model: FlowModel) -> Preset:
    """The backbone of a recipe, where it can be trained.

    Raises:
        AniMatrixError: BAD_OPTION for an unknown one; BAD_RECIPE.
    """
    preset = backbone(model.backbone)
    if preset.transformer.get("image_dim"):
        able = ", ".join(name for name, p in PRESETS.items() if not p.transformer.get("image_dim"))
        raise AniMatrixError(
            Code.BAD_RECIPE,
            f"model.backbone: {model.backbone} sees its picture through CLIP too, which is not trained here",
            f"there are {able}",
        )
    if model.lora is not None and model.weights is None:
        raise AniMatrixError(Code.BAD_RECIPE, "model.weights: adapters need weights to adapt")
    expert_of(model, preset)
    return preset


def expert_of(model: FlowModel, preset: Preset) -> Literal["transformer", "transformer_2"] | None:
    """The component a recipe trains: of two experts, the one whose part of the noise it is.

    Raises:
        AniMatrixError: BAD_RECIPE for a part that is neither's.
    """
    if preset.boundary is None:
        return None
    parts = {(preset.boundary, 1.0): EXPERTS[0], (0.0, preset.boundary): EXPERTS[1]}
    if model.part_of_noise not in parts:
        raise AniMatrixError(
            Code.BAD_RECIPE,
            f"model.part_of_noise: {list(model.part_of_noise)} is of neither expert of {model.backbone}",
            " or ".join(str(list(part)) for part in parts),
        )
    return parts[model.part_of_noise]


def layout_of(model: FlowModel, preset: Preset) -> Literal["text", "concat", "expand"]:
    """How the backbone is told of a first frame."""
    if preset.expand_timesteps:
        return "expand"
    c = preset.transformer
    return "concat" if c["in_channels"] > c["out_channels"] else "text"


def arguments(model: FlowModel, tag_dim: int) -> dict[str, Any]:
    """Of the backbone's transformer with its tag paths."""
    options: dict[str, Any] = {option: option in model.tag_paths for option in TAG_PATHS.values()}
    config = preset_of(model).transformer | model.config
    return config | options | {"tag_dim": tag_dim, "tag_slots": model.tag_slots, "text_len": SLOTS}


def load_encoder(model: FlowModel) -> WanEncoder:
    """Frozen autoencoder (fp32) and text encoder (bf16, as published code runs it), on the CPU; copies in
    other processes are on ``model.encode_on``. With tags, a narrative leaves them their slots.
    """
    from animatrix.train.data.encoders import WanEncoder

    films = layout_of(model, preset_of(model)) == "concat"
    slots = SLOTS - model.tag_slots if model.tag_paths else SLOTS
    makers_on = None
    if model.encode_on == "cuda" and torch.cuda.is_available():
        makers_on = f"cuda:{torch.cuda.current_device()}"  # this process's own
    elif model.encode_on == "cuda":
        logger.warning("no GPU here: what is not in the cache is encoded on the CPU, slowly")
    return WanEncoder.load(
        model.vae, model.text, slots, "cpu", torch.bfloat16, films=films, makers_on=makers_on
    )


def build(model: FlowModel, seed: int, precision: str) -> Parts:
    """See :func:`animatrix.train.flow_model.build`.

    Raises:
        AniMatrixError: BAD_RECIPE; what ``load_transformer`` and ``load_tag_encoder`` raise; MODEL_MISMATCH
            for an autoencoder or text encoder of another family.
    """
    from animatrix.train.flow_model import Parts, tag_encoder_of, transformer_of

    preset = preset_of(model)
    encoder = load_encoder(model)
    torch.manual_seed(seed)
    rows = tag_encoder_of(model)
    base = torch.bfloat16 if model.lora is not None and precision == "bf16" else torch.float32
    transformer = transformer_of(model, arguments(model, rows.config.dim), base)
    _check_family(model, transformer, encoder)
    if model.lora is not None:
        adapt(transformer, model.lora)
    else:
        transformer.requires_grad_(True)
    if model.checkpointing:
        transformer.enable_gradient_checkpointing()
    frozen = rows if model.tag_paths and model.tags_frozen else None
    if frozen is not None:
        frozen.eval().requires_grad_(False)
    return Parts(
        transformer.train(),
        rows.train() if model.tag_paths and frozen is None else None,
        rows,
        encoder,
        layout_of(model, preset),
        frozen,
        expert_of(model, preset),
    )


def adapt(transformer: AniMatrixTransformer3DModel, lora: LoraRecipe) -> None:
    """Freeze all but new adapters on the named layers and the tag projections; these are fp32.

    Raises:
        AniMatrixError: BAD_RECIPE for a name that no linear layer has.
    """
    from peft import LoraConfig
    from peft.tuners.lora import LoraLayer

    linear = [name for name, layer in transformer.named_modules() if isinstance(layer, nn.Linear)]
    for target in lora.targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            raise AniMatrixError(Code.BAD_RECIPE, f"model.lora.targets: no linear layer is called {target}")
    transformer.requires_grad_(False)
    transformer.add_adapter(
        LoraConfig(r=lora.rank, lora_alpha=lora.alpha or lora.rank, target_modules=list(lora.targets))
    )
    for layer in transformer.modules():
        if isinstance(layer, LoraLayer):
            # Autocast makes bf16 of what it multiplies anyway; a copy in fp32 first would only be kept.
            layer.cast_input_dtype_enabled = False
    for name, weight in transformer.named_parameters():
        if ".lora_" in name or (name.split(".")[0] in TAG_PATHS and "base_layer" not in name):
            weight.data = weight.data.float()
            weight.requires_grad_(True)
        elif name.split(".")[0] in TAG_PATHS:  # trained whole as well where an adapter sits on it
            weight.data = weight.data.float()


def _check_family(model: FlowModel, transformer: AniMatrixTransformer3DModel, encoder: WanEncoder) -> None:
    config = transformer.config
    have = {"latent channels": encoder.channels, "text width": encoder.text_dim}
    want = {"latent channels": config.out_channels, "text width": config.text_dim}
    for what in want:
        if have[what] != want[what]:
            folder = model.vae if what == "latent channels" else model.text
            raise AniMatrixError(
                Code.MODEL_MISMATCH,
                f"{folder} has {have[what]} {what}, {model.backbone} takes {want[what]}",
                "use the parts it was published with",
            )


def check_fits(recipe: Recipe, parts: Parts) -> None:
    """Refuse what a recipe of a Wan backbone cannot do.

    Raises:
        AniMatrixError: BAD_RECIPE.
    """
    if recipe.model.backbone == "nano":
        return
    if recipe.log.show_every and parts.expert is not None:
        raise AniMatrixError(
            Code.BAD_RECIPE,
            f"log.show_every: one expert of {recipe.model.backbone} makes no clip without the other",
            "set 0, and look at the export with animatrix generate",
        )
    from animatrix.train.data.recipe import parse_bucket

    side = parts.encoder.spatial * parts.transformer.config.patch_size[1]
    for text in recipe.data.buckets:
        bucket = parse_bucket(text)
        if bucket.width % side or bucket.height % side:
            raise AniMatrixError(
                Code.BAD_RECIPE,
                f"data.buckets: {text} is not made of {recipe.model.backbone}'s squares of {side} pixels",
                f"{-(-bucket.width // side) * side}x{-(-bucket.height // side) * side}x{bucket.frames} is",
            )


def grey_film(encoder: NanoEncoder | WanEncoder, shape: tuple[int, ...]) -> Tensor:
    """Latents [C,F,h,w] of a grey film, for latents of shape (F, h, w): no first frame is given."""
    import numpy as np

    frames, height, width = shape
    size = ((frames - 1) * encoder.temporal + 1, height * encoder.spatial, width * encoder.spatial, 3)
    return cast("WanEncoder", encoder).film(np.zeros(size, np.uint8), given=False)


def export(
    model: FlowModel, parts: Parts, modules: Mapping[str, nn.Module], folder: Path, shift: float
) -> None:
    """Adapters as :func:`~animatrix.model.lora.save_lora` writes them; a whole model as a pipeline folder, of
    two experts only the trained one with its tag encoder. bf16, but for what Wan keeps in fp32.
    """
    from animatrix.train.flow_model import pipeline

    transformer = cast(AniMatrixTransformer3DModel, modules["transformer"])
    tags = cast(TagEncoder | None, modules.get("tag_encoder", parts.fixed_tags))
    if model.lora is not None:
        _export_lora(model, parts, transformer, tags, folder)
        return
    halve(transformer, AniMatrixTransformer3DModel._keep_in_fp32_modules)
    if parts.expert is None:
        pipeline(model, parts, modules, shift).save_pretrained(folder, safe_serialization=True)
        return
    transformer.save_pretrained(folder / parts.expert, safe_serialization=True)
    if tags is not None:
        tags.save_pretrained(folder / "tag_encoder", safe_serialization=True)


def _export_lora(
    model: FlowModel,
    parts: Parts,
    transformer: AniMatrixTransformer3DModel,
    tags: TagEncoder | None,
    folder: Path,
) -> None:
    from animatrix.model.lora import FILES, TAG_FILE, save_lora, share_tags

    if parts.expert is None:
        save_lora(folder, transformer, tag_encoder=tags)
        return
    high, low = (transformer if parts.expert == name else None for name in EXPERTS)
    save_lora(folder, high, low, tags)
    other = EXPERTS[1 - EXPERTS.index(parts.expert)]
    beside = model.tags if model.tags is not None and (model.tags / FILES[other]).is_file() else None
    if beside is not None:
        shutil.copyfile(beside / FILES[other], folder / FILES[other])
    if tags is not None:
        share_tags(folder / TAG_FILE, parts.expert, other, beside / TAG_FILE if beside else None)
