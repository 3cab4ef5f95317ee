"""LoRA adapters of a backbone and what travels with them: the tag weights.

A folder of ``save_lora`` holds

    pytorch_lora_weights.safetensors     the adapter of the (high-noise) transformer, diffusers' keys
    pytorch_lora_weights_2.safetensors   that of Wan 2.2's low-noise expert
    tag_weights.safetensors              tag encoder and tag projections whole, with the taxonomy rows

The first two load into any diffusers Wan pipeline as well. Read are diffusers' keys, the ``diffusion_model.``
keys of other tools, and musubi's; a file that does not fit is refused with its first wrong key before a
weight changes.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from diffusers.loaders.lora_pipeline import WanLoraLoaderMixin
from safetensors.torch import save_file
from torch import Tensor, nn

from animatrix.errors import AniMatrixError, Code
from animatrix.media.door import written_whole
from animatrix.model.key_names import first_wrong_key, original_name
from animatrix.model.loading import opened
from animatrix.model.parts import arguments
from animatrix.model.tags import TagEncoder
from animatrix.model.transformer import TAG_PATHS, AniMatrixTransformer3DModel

logger = logging.getLogger(__name__)

FILES = {
    "transformer": "pytorch_lora_weights.safetensors",
    "transformer_2": "pytorch_lora_weights_2.safetensors",
}
TAG_FILE = "tag_weights.safetensors"
_ENCODER_CONFIG = "tag_encoder_config"


def _adapter_state(model: nn.Module, adapter: str) -> dict[str, Tensor]:
    from peft.utils import get_peft_model_state_dict

    if adapter not in getattr(model, "peft_config", {}):
        raise AniMatrixError(
            Code.BAD_OPTION, f"the transformer has no adapter {adapter!r}", "add or load one"
        )
    return {k: v.contiguous() for k, v in get_peft_model_state_dict(model, adapter_name=adapter).items()}


def _projections(model: AniMatrixTransformer3DModel) -> dict[str, Tensor]:
    """Tag projections by plain name, their own weight also where an adapter sits on them."""
    paths = {n: getattr(model, n) for n in TAG_PATHS}
    return {f"{n}.weight": getattr(p, "base_layer", p).weight for n, p in paths.items() if p is not None}


def save_lora(
    folder: str | Path,
    transformer: AniMatrixTransformer3DModel | None,
    transformer_2: AniMatrixTransformer3DModel | None = None,
    tag_encoder: TagEncoder | None = None,
    *,
    adapter: str = "default",
) -> None:
    """Write the adapters, and with ``tag_encoder`` the tag weights, to ``folder`` (made if need be). One of
    two experts may be left out.

    Raises:
        AniMatrixError: BAD_OPTION when a transformer lacks the adapter; NOT_WRITABLE.
    """
    folder = Path(folder)
    given = {"transformer": transformer, "transformer_2": transformer_2}
    models = {name: model for name, model in given.items() if model is not None}
    states = {name: _adapter_state(model, adapter) for name, model in models.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        # diffusers reads every file as "transformer"; load_into_transformer_2 says where it goes.
        config = {f"transformer.{k}": v for k, v in model.peft_config[adapter].to_dict().items()}
        text = json.dumps(config, indent=1, sort_keys=True, default=_as_list)
        _write(
            folder / FILES[name],
            {f"transformer.{k}": v for k, v in states[name].items()},
            {"format": "pt", LORA_ADAPTER_METADATA_KEY: text},
        )
    if tag_encoder is not None:
        tensors = {f"tag_encoder.{k}": v for k, v in tag_encoder.state_dict().items()}
        for name, model in models.items():
            tensors |= {f"{name}.{k}": v for k, v in _projections(model).items()}
        _write(folder / TAG_FILE, tensors, {"format": "pt", _ENCODER_CONFIG: tag_encoder.to_json_string()})


def _as_list(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else str(value)


def _write(file: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    with written_whole(file) as temporary:
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, temporary, metadata)


def export_original_lora(
    file: str | Path, transformer: AniMatrixTransformer3DModel, *, adapter: str = "default"
) -> None:
    """Write an adapter with Wan's own names under ``diffusion_model.``, for tools that know no tags.

    Its scale is folded in. Adapters on tag projections stay out: no other tool has a place for them, and some
    refuse the file.
    """
    tensors = {}
    for key, value in _adapter_state(transformer, adapter).items():
        if key.startswith("tag_"):
            continue
        module = key.split(".lora_")[0]
        if ".lora_B." in key:
            value = value * transformer.get_submodule(module).scaling[adapter]
        tensors["diffusion_model." + original_name(key).replace(".lora_B.bias", ".diff_b")] = value
    _write(Path(file), tensors, {"format": "pt"})


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with opened(file) as handle:
        return {k: handle.get_tensor(k) for k in handle.keys()}, handle.metadata() or {}  # noqa: SIM118


def _adapter_of(file: Path, model: AniMatrixTransformer3DModel) -> tuple[dict[str, Tensor], dict | None]:
    """An adapter's weights in diffusers' keys, each checked to have a place in ``model``, and its config."""
    raw, notes = _read(file)
    left_out = [k for k in raw if k.endswith((".diff", ".diff_b")) and ("norm" in k or k.endswith(".diff"))]
    try:
        state = WanLoraLoaderMixin.lora_state_dict(dict(raw))
        state = WanLoraLoaderMixin._maybe_expand_t2v_lora_for_i2v(model, state)
    except (ValueError, KeyError, IndexError, AttributeError) as e:
        first = next(iter(raw), None)
        raise AniMatrixError(
            Code.MODEL_MISMATCH,
            f"{file} is no LoRA of a Wan transformer: {str(e).splitlines()[0][:200]} (first key {first})",
        ) from None
    left_out = [k for k in left_out if not k.endswith("head.head.diff")]  # that one is converted
    if left_out:
        logger.warning("%s: %d whole-weight changes left out, the first %s", file, len(left_out), left_out[0])
    expected: list[str] = []
    for key in state:
        module, _, part = key.removeprefix("transformer.").partition(".lora_")
        try:
            layer = model.get_submodule(module)
        except AttributeError:
            layer = None
        layer = getattr(layer, "base_layer", layer)
        place = key.startswith("transformer.") and part in ("A.weight", "B.weight", "B.bias")
        if not place or not isinstance(layer, nn.Linear | nn.Conv3d):
            continue
        stem = f"transformer.{module}.lora_"
        a, b = state.get(f"{stem}A.weight"), state.get(f"{stem}B.weight")
        if a is None or b is None:
            missing = f"{stem}{'A' if a is None else 'B'}.weight"
            raise AniMatrixError(Code.MODEL_MISMATCH, f"{file} does not fit: {missing} is missing")
        weight = layer.weight
        if a.shape[0] != b.shape[1] or a.shape[1] != weight.shape[1] or b.shape[0] != weight.shape[0]:
            raise AniMatrixError(
                Code.MODEL_MISMATCH,
                f"{file} does not fit: {key} is {list(state[key].shape)}, for a weight {list(weight.shape)}",
            )
        expected.append(key)
    first_wrong_key(str(file), expected, state)
    if not state:
        raise AniMatrixError(Code.MODEL_MISMATCH, f"{file} holds no adapter")
    config = notes.get(LORA_ADAPTER_METADATA_KEY)
    return state, None if config is None else json.loads(config)


def _encoder_of(file: Path, notes: dict[str, str]) -> TagEncoder:
    """A new encoder with the rows that a tag file says."""
    try:
        config = json.loads(notes[_ENCODER_CONFIG])
        fresh = TagEncoder(**arguments(config))
    except (KeyError, ValueError, TypeError) as e:
        raise AniMatrixError(Code.MODEL_MISMATCH, f"{file} does not say its taxonomy rows ({e})") from None
    fresh.check_rows()
    return fresh


def _tag_weights(
    file: Path, models: dict[str, AniMatrixTransformer3DModel], encoder: TagEncoder
) -> tuple[dict[str, Tensor], TagEncoder]:
    """Tag weights, each checked to have a place, and an encoder with their rows."""
    tensors, notes = _read(file)
    fresh = _encoder_of(file, notes)
    if fresh.config.dim != encoder.config.dim:
        raise AniMatrixError(
            Code.MODEL_MISMATCH, f"{file} has tags of width {fresh.config.dim}, not {encoder.config.dim}"
        )
    places = {f"tag_encoder.{k}": v for k, v in fresh.state_dict().items()}
    for name, model in models.items():
        places |= {f"{name}.{k}": v for k, v in _projections(model).items()}
    have = [k for k in tensors if k.split(".")[0] in models or k.startswith("tag_encoder.")]
    first_wrong_key(str(file), places, have)
    for key, place in places.items():
        if tensors[key].shape != place.shape:
            shapes = f"{list(tensors[key].shape)}, not {list(place.shape)}"
            raise AniMatrixError(Code.MODEL_MISMATCH, f"{file} does not fit: {key} is {shapes}")
    return tensors, fresh


def lora_tag_encoder(folder: str | Path) -> TagEncoder | None:
    """The tag encoder that travels with a LoRA, or None where none does.

    Raises:
        AniMatrixError: MODEL_MISMATCH, TAXONOMY_VERSION, FILE_UNREADABLE.
    """
    file = Path(folder) / TAG_FILE
    if not file.is_file():
        return None
    tensors, notes = _read(file)
    fresh = _encoder_of(file, notes)
    own = {k.removeprefix("tag_encoder."): v for k, v in tensors.items() if k.startswith("tag_encoder.")}
    first_wrong_key(str(file), fresh.state_dict(), own)
    fresh.load_state_dict(own)
    return fresh.eval()


def share_tags(file: Path, own: str, other: str, beside: Path | None) -> None:
    """Complete the tag file of expert ``own`` with the projections of ``other``: those in the file
    ``beside``, or zeros, with which tags have no effect on that expert.
    """
    tensors, notes = _read(file)
    paths = {k.removeprefix(f"{own}."): v for k, v in tensors.items() if k.startswith(f"{own}.")}
    known = {} if beside is None else _read(beside)[0]
    for key, weight in paths.items():
        tensors[f"{other}.{key}"] = known.get(f"{other}.{key}", torch.zeros_like(weight))
    _write(file, tensors, notes)


def load_lora(
    source: str | Path,
    transformer: AniMatrixTransformer3DModel,
    transformer_2: AniMatrixTransformer3DModel | None = None,
    tag_encoder: TagEncoder | None = None,
    *,
    adapter: str = "default",
    pipeline: Any = None,
) -> TagEncoder | None:
    """Add an adapter to the experts, and take over the tag weights that travel with it.

    Args:
        source: a folder of :func:`save_lora`, or one file, which goes to ``transformer`` (for the low-noise
            expert, call again with that one).
        adapter: name of the adapter in the models; must be free.
        pipeline: whose offload hooks must be renewed, where there are any.
    Returns:
        The tag encoder to use: a new one where the source brings its own (its rows are part of its weights),
        otherwise the one given. Without one, tag weights are left alone.
    Raises:
        AniMatrixError: FILE_MISSING, FILE_UNREADABLE, MODEL_MISMATCH naming the first wrong key,
            TAXONOMY_VERSION, BAD_OPTION for an adapter name in use. Nothing has changed then.
    """
    source = Path(source)
    models = {"transformer": transformer}
    if transformer_2 is not None:
        models["transformer_2"] = transformer_2
    if not source.is_dir():
        files = {"transformer": source}
    else:
        files = {name: source / FILES[name] for name in models if (source / FILES[name]).is_file()}
        if (source / FILES["transformer_2"]).is_file() and transformer_2 is None:
            raise AniMatrixError(
                Code.MODEL_MISMATCH, f"{source} is for two experts; this model has one", "load one file of it"
            )
        if not files:
            raise AniMatrixError(Code.MODEL_MISSING, f"{source} holds no {FILES['transformer']}")
    for name in files:
        if adapter in getattr(models[name], "peft_config", {}):
            raise AniMatrixError(
                Code.BAD_OPTION, f"adapter {adapter!r} is loaded already", "name it otherwise"
            )
    adapters = {name: _adapter_of(file, models[name]) for name, file in files.items()}
    tags = None
    if tag_encoder is not None and source.is_dir() and (source / TAG_FILE).is_file():
        tags = _tag_weights(source / TAG_FILE, models, tag_encoder)

    for name, (state, config) in adapters.items():
        WanLoraLoaderMixin.load_lora_into_transformer(
            state, models[name], adapter_name=adapter, metadata=config, _pipeline=pipeline
        )
    if tags is None:
        return tag_encoder
    assert tag_encoder is not None
    tensors, fresh = tags
    with torch.no_grad():
        for name, model in models.items():
            for key, weight in _projections(model).items():
                weight.copy_(tensors[f"{name}.{key}"])
    fresh.load_state_dict({k: tensors[f"tag_encoder.{k}"] for k in fresh.state_dict()})
    return fresh.to(tag_encoder.device, tag_encoder.dtype).train(tag_encoder.training)
