"""The models of a flow-matching recipe: built, and written out again in the diffusers layout.

model: {backbone: nano, vae: weights/nano/vae, text: weights/nano}
model: {backbone: wan2.1-t2v-1.3b, weights: Wan2.1-T2V-1.3B/transformer, vae: ..., text: ..., lora: {rank:
32}}

Wan's backbones are built in :mod:`animatrix.train.wan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from pydantic import Field, PositiveInt, model_validator
from torch import nn

from animatrix.errors import AniMatrixError, Code
from animatrix.generate.pipeline import AniMatrixPipeline
from animatrix.model.draft import DraftArtist
from animatrix.model.halving import halved
from animatrix.model.layout import LayoutArtist
from animatrix.model.presets import backbone
from animatrix.model.tags import TagEncoder
from animatrix.model.transformer import TAG_PATHS, AniMatrixTransformer3DModel
from animatrix.model.vae import TEMPORAL
from animatrix.train.conditions import Told
from animatrix.train.data.encoders import NANO_SLOTS, NanoEncoder, WanEncoder
from animatrix.train.recipe import Section

# image-to-video layout: noisy latents, mask, condition
NANO: dict[str, Any] = {
    "num_attention_heads": 4,
    "attention_head_dim": 64,
    "freq_dim": 256,
    "ffn_dim": 768,
    "num_layers": 7,
    "rope_max_seq_len": 64,
    "predicts": "preconditioned",
    "on_stand": True,
}
TagPath = Literal["tag_cross_attention", "tag_adaln", "tag_track", "tag_clock"]


class LoraRecipe(Section):
    """Low-rank adapters (Hu et al. 2106.09685) on the linear layers whose names end so."""

    rank: PositiveInt = 32
    alpha: PositiveInt | None = None
    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2")


class FlowModel(Section):
    """What is trained.

    Args:
        backbone: ``nano``, or the name of a Wan backbone.
        weights: of the backbone, any layout that ``load_transformer`` reads; nothing: from random weights. To
            go on from a training that has ended: ``transformer`` in its export, and ``tags`` the export.
        vae, text: folders of the frozen parts; ``text`` holds ``tokenizer`` and ``text_encoder``.
        encode_on: device of the processes that encode (Wan); the CPU where nothing is said.
        tags: a trained tag encoder to go on from: its folder, or that of an export.
        tags_frozen: leave that tag encoder as it is. Two experts share one: the second is trained so.
        config: changes to the backbone's config, for small models of the same kind.
        lora: train adapters (and the tag channel) instead of all weights.
        tag_paths: how tags enter; none: a model of text alone.
        tags_as: ``text`` writes the told tags behind the narrative, for the text encoder to read (a control:
            see benchmarks/ablation.py); nothing: they enter by ``tag_paths`` only.
        tag_dim, tag_layers: width of a tag token, layers of the tag encoder.
        part_of_noise: the timesteps trained, e.g. one of Wan 2.2's two experts': [0.875, 1] or [0, 0.875].
        artist: a trained layout artist (:class:`~animatrix.model.layout.LayoutArtist`), for what is exported
            and for sample pictures: its folder.
        draft_artist: a trained draft artist (:class:`~animatrix.model.draft.DraftArtist`), for a transformer
            that takes drafts: its folder. Clips that are told their layout are shown its draft.
        layout: share of the clips that are told their layout (:mod:`animatrix.model.stand`), where the
            footage knows it; half of it where pictures are given.
        window: (width, height) in pixels, multiples of 16, of the part of each picture that a step shows;
            nothing: all of it. Tokens of one clip have much in common: four times the clips, a quarter of
            each, cost the same. Nano only, whose places say where a token stands.
        moving: how much more the loss counts latents that change from frame to frame, see
            :func:`animatrix.train.flow.moving_weight`. Figures are a tenth of a picture, and what a directive
            says of motion happens there. Held-out figures count everything alike.
        guidance, steps: what its clips are usually made with, written into the export; by default 3 and 24,
            of Wan as published.
        terminal: noise level that the last step starts from, written into the export's scheduler: it goes
            from there to the mean of what may be. What a young model does not know it then leaves soft;
            below, it draws it at random, and anew in every latent frame.
        checkpointing: recompute activations in the backward pass.
        compile: compile the blocks with ``torch.compile``, once for every bucket (half a minute each; needs a
            C++ compiler on a CPU). Held-out figures and pictures are made without.
    """

    backbone: str = "nano"
    weights: Path | None = None
    vae: Path
    text: Path
    # Nothing, not False, where not given: a run begun before these were known goes on.
    encode_on: Literal["cpu", "cuda"] | None = None
    tags: Path | None = None
    tags_frozen: bool | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    lora: LoraRecipe | None = None
    tag_paths: tuple[TagPath, ...] = ("tag_cross_attention", "tag_adaln", "tag_track", "tag_clock")
    tags_as: Literal["text"] | None = None
    tag_dim: PositiveInt = 128
    tag_layers: PositiveInt = 2
    tag_slots: PositiveInt = 32
    told: Told = Told()
    part_of_noise: tuple[float, float] = (0.0, 1.0)
    artist: Path | None = None  # nothing where not given, as above
    draft_artist: Path | None = None  # nothing where not given, as above
    layout: float | None = Field(default=None, ge=0, le=1)  # nothing where not given, as above
    window: tuple[PositiveInt, PositiveInt] | None = None  # nothing where not given, as above
    moving: float | None = Field(default=None, ge=0)  # nothing where not given, as above
    guidance: float | None = Field(default=None, ge=0)  # nothing where not given, as above
    steps: PositiveInt | None = None
    terminal: float | None = Field(default=None, gt=0, lt=1)
    checkpointing: bool = False
    compile: bool | None = None  # nothing where not given, as above

    @model_validator(mode="after")
    def _noise_is_an_interval(self) -> FlowModel:
        if not 0 <= self.part_of_noise[0] < self.part_of_noise[1] <= 1:
            raise ValueError("part_of_noise is two numbers from 0 to 1, the smaller first")
        if self.window is not None and (self.backbone != "nano" or any(n % 16 for n in self.window)):
            raise ValueError("window is of nano's, its sides multiples of 16")
        if self.tags_frozen and self.tags is None:
            raise ValueError("tags_frozen needs tags: a tag encoder to leave as it is")
        return self

    def encoder(self) -> NanoEncoder | WanEncoder:
        """The frozen parts that what is trained on is made with."""
        if self.backbone == "nano":
            return NanoEncoder.load(self.vae, self.text)
        from animatrix.train.wan import load_encoder

        return load_encoder(self)


@dataclass
class Parts:
    """Built models.

    Args:
        tag_encoder: the trained one; fixed_tags: one that is used as it is; rows: the one that turns
            directives into integers, also where none is used.
        layout: how the backbone is told of given frames: nano's masks, or one of Wan's (see
            :mod:`animatrix.generate.conditioning`).
        expert: the component that a backbone of two experts is trained for.
        artist: of layouts, and draft_artist, where it has them.
    """

    transformer: AniMatrixTransformer3DModel
    tag_encoder: TagEncoder | None
    rows: TagEncoder
    encoder: NanoEncoder | WanEncoder
    layout: Literal["nano", "text", "concat", "expand"]
    fixed_tags: TagEncoder | None = None
    expert: Literal["transformer", "transformer_2"] | None = None
    artist: LayoutArtist | None = None
    draft_artist: DraftArtist | None = None


def build(model: FlowModel, seed: int, precision: str = "fp32") -> Parts:
    """Everything on the CPU; the same weights for the same seed. What is trained is fp32."""
    if model.backbone != "nano":
        from animatrix.train import wan

        return wan.build(model, seed, precision)
    encoder = model.encoder()
    torch.manual_seed(seed)
    tag_encoder = tag_encoder_of(model)
    options = {option: option in model.tag_paths for option in TAG_PATHS.values()}
    z = encoder.channels
    config = NANO | {
        "in_channels": 2 * z + TEMPORAL,
        "out_channels": z,
        "text_dim": encoder.text_dim,
        "tag_dim": model.tag_dim,
        "text_len": NANO_SLOTS + model.tag_slots,
        "tag_slots": model.tag_slots,
        "latent_spread": encoder.vae.config.get("latents_spread"),
    }
    config |= options | model.config
    config["takes_draft"] = model.draft_artist is not None
    transformer = transformer_of(model, config, torch.float32)
    if model.weights is None:
        init_weights(transformer)
    takes_condition = transformer.config.in_channels > transformer.config.out_channels
    return Parts(
        transformer.train(),
        tag_encoder.train() if model.tag_paths else None,
        tag_encoder,
        encoder,
        "nano" if takes_condition else "text",
        artist=None if model.artist is None else LayoutArtist.from_pretrained(model.artist),
        draft_artist=None if model.draft_artist is None else DraftArtist.from_pretrained(model.draft_artist),
    )


def transformer_of(
    model: FlowModel, config: dict[str, Any], dtype: torch.dtype
) -> AniMatrixTransformer3DModel:
    """The transformer that a recipe names, or a new one of ``config``."""
    from animatrix.model.loading import load_transformer

    if model.weights is None:
        return AniMatrixTransformer3DModel(**config)
    return load_transformer(model.weights, config, dtype=dtype)


def tag_encoder_of(model: FlowModel) -> TagEncoder:
    """The trained tag encoder that a recipe names, or a new one.

    Raises:
        AniMatrixError: MODEL_MISSING; TAXONOMY_VERSION.
    """
    from animatrix.model.loading import load_tag_encoder
    from animatrix.model.lora import TAG_FILE, lora_tag_encoder

    if model.tags is None:
        return TagEncoder(dim=model.tag_dim, num_layers=model.tag_layers)
    if (model.tags / TAG_FILE).is_file():
        found = lora_tag_encoder(model.tags)
        assert found is not None
        return found.float()
    for folder in (model.tags, model.tags / "tag_encoder"):
        if (folder / "config.json").is_file():
            return load_tag_encoder(folder).float()
    raise AniMatrixError(Code.MODEL_MISSING, f"no tag encoder in {model.tags}", "it has a config.json")


def init_weights(model: AniMatrixTransformer3DModel) -> None:
    """Silent heads to start from: diffusers leaves torch's defaults, made for loading, not for training."""
    for block in model.blocks:
        nn.init.zeros_(block.attn1.to_out[0].bias)
        nn.init.zeros_(block.attn2.to_out[0].weight)
        nn.init.zeros_(block.attn2.to_out[0].bias)
    nn.init.zeros_(model.proj_out.weight)
    nn.init.zeros_(model.proj_out.bias)


def pipeline(
    model: FlowModel, parts: Parts, modules: Mapping[str, nn.Module], shift: float
) -> AniMatrixPipeline:
    """The modules with their frozen parts, as a pipeline that samples with this timestep shift."""
    encoder = parts.encoder
    usual: dict[str, Any] = {}
    if model.backbone != "nano":
        preset = backbone(model.backbone)
        usual = {"usual_steps": preset.steps, "usual_guidance": preset.guidance[0]}
    if model.guidance is not None:
        usual["usual_guidance"] = model.guidance
    if model.steps is not None:
        usual["usual_steps"] = model.steps
    return AniMatrixPipeline(
        tokenizer=encoder.tokenizer,
        text_encoder=encoder.text_encoder,
        vae=encoder.vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=shift, shift_terminal=model.terminal),
        transformer=cast(AniMatrixTransformer3DModel, modules["transformer"]),
        tag_encoder=cast(TagEncoder | None, modules.get("tag_encoder", parts.fixed_tags)),
        layout_artist=parts.artist,
        draft_artist=parts.draft_artist,
        expand_timesteps=parts.layout == "expand",
        **usual,
    )


def export(
    model: FlowModel, parts: Parts, modules: Mapping[str, nn.Module], folder: Path, shift: float
) -> None:
    """A pipeline in the diffusers layout, bf16; of Wan, what :func:`animatrix.train.wan.export` says."""
    if model.backbone != "nano":
        from animatrix.train import wan

        return wan.export(model, parts, modules, folder, shift)
    pipe = pipeline(model, parts, modules, shift)
    for name, part in pipe.components.items():
        if isinstance(part, nn.Module):
            setattr(pipe, name, halved(part))
    pipe.save_pretrained(folder, safe_serialization=True)
