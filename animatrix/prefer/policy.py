"""The policy and its reference: a pipeline that is tuned, and the same as it was.

Trained are all weights of transformer and tag encoder, and a frozen copy of both is the reference; or
adapters alone, and the reference is the model without them: no second copy.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from torch import nn

from animatrix.errors import AniMatrixError, Code
from animatrix.generate.conditioning import layout_of
from animatrix.generate.run import Engine, load
from animatrix.media.door import written_whole
from animatrix.model.halving import halved
from animatrix.model.tags import TagEncoder
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.model.vae import AutoencoderNano
from animatrix.prefer.policy_recipe import PolicyModel
from animatrix.train.data.encoders import NanoEncoder, WanEncoder
from animatrix.train.wan import adapt

if TYPE_CHECKING:
    from animatrix.generate.pipeline import AniMatrixPipeline

STORY = "policy.json"


@dataclass
class Policy:
    """A pipeline opened for tuning.

    Args:
        pipe: with all its parts; encoder: the frozen ones, that clips are encoded with.
        transformer, tag_encoder: what is tuned, the second only without adapters.
        reference: frozen copies by name; empty with adapters.
        layout: how the backbone is told of given frames; nothing is given here.
    """

    pipe: AniMatrixPipeline
    encoder: NanoEncoder | WanEncoder
    transformer: AniMatrixTransformer3DModel
    tag_encoder: TagEncoder
    reference: dict[str, nn.Module]
    layout: Literal["nano", "text", "concat", "expand"]
    adapted: bool

    def modules(self) -> dict[str, nn.Module]:
        """What is tuned, by name."""
        found: dict[str, nn.Module] = {"transformer": self.transformer}
        return found if self.adapted else found | {"tag_encoder": self.tag_encoder}

    def tags_of(self, modules: Mapping[str, nn.Module]) -> nn.Module:
        """The tag encoder that goes with some modules."""
        return modules.get("tag_encoder", self.tag_encoder)

    @contextmanager
    def as_reference(self, modules: Mapping[str, nn.Module]) -> Iterator[Mapping[str, nn.Module]]:
        """The modules of the reference, while the block runs; of no use to gradients."""
        if not self.adapted:
            yield self.reference
            return
        transformer = cast(AniMatrixTransformer3DModel, modules["transformer"])
        transformer.disable_adapters()
        try:
            yield modules
        finally:
            transformer.enable_adapters()

    def pipeline(self, modules: Mapping[str, nn.Module]) -> AniMatrixPipeline:
        """The pipeline with these modules in it, and its own scheduler."""
        pipe = self.pipe.with_parts(transformer=modules["transformer"], tag_encoder=self.tags_of(modules))
        pipe.set_progress_bar_config(disable=True)
        return pipe

    @property
    def shift(self) -> float:
        """Of the pipeline's own schedule."""
        config = self.pipe.scheduler.config
        return float(config.get("shift") or config.get("flow_shift") or 3.0)


def open_policy(model: PolicyModel, precision: str = "fp32") -> Policy:
    """Load the pipeline a recipe starts from.

    Raises:
        AniMatrixError: MODEL_MISSING, MODEL_MISMATCH for one without tag encoder or with two experts; what
            loading raises.
    """
    nano = _is_nano(model.start)
    half = model.lora is not None and precision == "bf16" and not nano
    lora = () if model.start_lora is None else (str(model.start_lora),)
    pipe = load(str(model.start), Engine(dtype="bfloat16" if half else "float32", lora=lora))
    if pipe.transformer is None or pipe.transformer_2 is not None:
        raise AniMatrixError(
            Code.MODEL_MISMATCH,
            f"{model.start} has two experts, which are not tuned together",
            "start from a model with one transformer",
        )
    if pipe.tag_encoder is None:
        raise AniMatrixError(
            Code.MODEL_MISMATCH,
            f"{model.start} has no tag encoder: it cannot be told what is asked for",
            "fine-tune it first, and name that export as model.start_lora",
        )
    transformer = pipe.transformer
    if lora:
        transformer.fuse_lora()
        transformer.unload_lora()
    pipe.vae.float()
    layout: Any = layout_of(transformer, pipe.vae, bool(pipe.config.expand_timesteps))
    encoder = _encoder(pipe, model.start, nano)
    for part in (transformer, pipe.tag_encoder):
        part.requires_grad_(False)
    reference: dict[str, nn.Module] = {}
    if model.lora is None:
        reference = {
            "transformer": copy.deepcopy(transformer).eval(),
            "tag_encoder": copy.deepcopy(pipe.tag_encoder).eval(),
        }
        for part in (transformer, pipe.tag_encoder):
            part.requires_grad_(True)
    else:
        adapt(transformer, model.lora)
        for name, weight in transformer.named_parameters():
            weight.requires_grad_(".lora_" in name)  # the tag projections stay: the reference has them too
    if model.checkpointing:
        transformer.enable_gradient_checkpointing()
    return Policy(
        pipe,
        encoder,
        transformer,
        pipe.tag_encoder,
        reference,
        "nano" if nano and layout == "concat" else layout,
        model.lora is not None,
    )


def _is_nano(start: Path) -> bool:
    from animatrix.generate.run import check_kind, model_path

    path = model_path(str(start))
    check_kind(path)
    try:
        index = json.loads((path / "model_index.json").read_text("utf-8"))
        return "AutoencoderNano" in index["vae"]
    except (OSError, ValueError, KeyError, TypeError):
        raise AniMatrixError(Code.MODEL_MISMATCH, f"{path} does not say its autoencoder") from None


def _encoder(pipe: Any, start: Path, nano: bool) -> NanoEncoder | WanEncoder:
    from animatrix.generate.run import model_path

    config = pipe.transformer.config
    slots = config.get("text_len", 512) - config.tag_slots
    kind = NanoEncoder if nano else WanEncoder
    found = kind(pipe.vae, pipe.tokenizer, pipe.text_encoder, slots)
    assert nano == isinstance(pipe.vae, AutoencoderNano)
    path = model_path(str(start))
    found.folders = (path / "vae", path)
    return found


def export(policy: Policy, modules: Mapping[str, nn.Module], folder: Path, story: Mapping[str, Any]) -> None:
    """Adapters as :func:`~animatrix.model.lora.save_lora` writes them, else the whole pipeline in bf16; and
    beside it what it was tuned by.
    """
    if policy.adapted:
        from animatrix.model.lora import save_lora

        save_lora(folder, cast(AniMatrixTransformer3DModel, modules["transformer"]))
    else:
        pipe = policy.pipeline(modules)
        kept = set(AniMatrixTransformer3DModel._keep_in_fp32_modules or ())
        for name, part in pipe.components.items():
            if isinstance(part, nn.Module):
                setattr(pipe, name, halved(part, kept if policy.layout != "nano" else ()))
        pipe.save_pretrained(folder, safe_serialization=True)
    with written_whole(folder / STORY) as temporary:
        temporary.write_text(json.dumps(story, indent=1) + "\n", "utf-8")
