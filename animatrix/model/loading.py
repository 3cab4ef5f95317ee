"""Loading of backbones: diffusers folders, and Wan's own files, single or sharded.

    load_transformer("Wan2.1-T2V-1.3B-Diffusers/transformer")
    load_transformer("Wan2.2-T2V-A14B/high_noise_model")
    load_transformer("wan2.1_t2v_1.3B_bf16.safetensors", preset="wan2.1-t2v-1.3b")

Only headers are read until every name and every shape is the expected one: a wrong, truncated or foreign file
is refused with its first wrong key, and nothing is ever half-loaded. safetensors only; a pickle can run code.
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from safetensors import SafetensorError, safe_open
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Taxonomy
from animatrix.model.extended import fresh_keys
from animatrix.model.key_names import PREFIX, first_wrong_key, original_name
from animatrix.model.presets import PRESETS, backbone
from animatrix.model.tags import TagEncoder, tag_rows
from animatrix.model.transformer import TAG_PATHS, AniMatrixTransformer3DModel

logger = logging.getLogger(__name__)

_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_OURS = {"WanTransformer3DModel", "AniMatrixTransformer3DModel"}  # in the diffusers layout
_WANS = {"WanModel"}  # config.json of Wan's own repositories: fewer facts than the shapes tell


@dataclass(frozen=True)
class Weights:
    """Headers of one set of safetensors files: file and shape by key, keys without ComfyUI's prefix."""

    where: str
    files: dict[str, Path]
    shapes: dict[str, tuple[int, ...]]

    @property
    def original(self) -> bool:
        """Whether the names are Wan's own; else diffusers'.

        Raises:
            AniMatrixError: MODEL_MISMATCH when they are neither.
        """
        if any(".self_attn." in k for k in self.shapes):
            return True
        if any(".attn1." in k for k in self.shapes):
            return False
        first = next(iter(self.shapes), None)
        raise AniMatrixError(
            Code.MODEL_MISMATCH,
            f"{self.where} is no Wan transformer: it has no blocks.0 attention, and starts with {first}",
            "pass the transformer's weights, not those of the VAE, the text encoder or a LoRA",
        )

    def read(self) -> dict[str, Tensor]:
        """Every tensor, as stored."""
        state: dict[str, Tensor] = {}
        for file in dict.fromkeys(self.files.values()):
            with opened(file) as handle:
                for name in handle.keys():  # noqa: SIM118 - not a dict
                    state[name.removeprefix(PREFIX)] = handle.get_tensor(name)
        return state


@contextmanager
def opened(file: Path, framework: str = "pt") -> Iterator[Any]:
    """A safetensors file, open for reading; pickles and damaged files are refused.

    For ``pt`` the machine must have as much memory as the file is long; for headers alone, take ``np``.
    """
    if file.suffix.lower() in _PICKLES:
        raise AniMatrixError(
            Code.MODEL_MISMATCH,
            f"{file} is a pickle, which can run code when it is opened",
            "convert it to safetensors where you trust it",
        )
    if not file.is_file():
        raise AniMatrixError(Code.FILE_MISSING, f"weights {file} do not exist")
    try:
        with safe_open(file, framework=framework) as handle:
            yield handle
    except SafetensorError as e:
        raise AniMatrixError(
            Code.FILE_UNREADABLE,
            f"{file} is damaged or cut short ({e})",
            "fetch it again",
        ) from None


def _weight_files(path: Path) -> list[Path]:
    """The safetensors file(s) that ``path`` names: itself, or those of a folder."""
    if not path.is_dir():
        return [path]
    indexes, files = sorted(path.glob("*.safetensors.index.json")), sorted(path.glob("*.safetensors"))
    if len(indexes) == 1:
        names = _json(indexes[0]).get("weight_map")
        if not isinstance(names, dict) or not all(isinstance(n, str) for n in names.values()):
            raise AniMatrixError(Code.FILE_UNREADABLE, f"{indexes[0]} has no weight_map")
        shards = sorted(set(names.values()))
        if outside := [n for n in shards if Path(n).name != n]:
            raise AniMatrixError(Code.MODEL_MISMATCH, f"{indexes[0]} points outside its folder: {outside[0]}")
        return [path / n for n in shards]
    if len(files) == 1 and not indexes:
        return files
    if not files and (pickles := sorted(p for p in path.iterdir() if p.suffix in _PICKLES)):
        return pickles[:1]  # refused, with the reason, when it is opened
    what = "several sets of weights" if files else "no safetensors weights"
    inside = next((d.name for d in sorted(path.glob("*/")) if any(d.glob("*.safetensors"))), None)
    raise AniMatrixError(
        Code.MODEL_MISSING,
        f"{path} holds {what}",
        f"did you mean {path / inside}?" if inside else "name the file",
    )


def read_headers(path: Path) -> Weights:
    """Names and shapes of the weights at ``path``, a file or a folder; no tensor is read.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_UNREADABLE for a damaged file, MODEL_MISMATCH for a pickle, a key
            that two shards hold, or shards that are not those of their index.
    """
    if not path.exists():
        raise AniMatrixError(Code.FILE_MISSING, f"weights {path} do not exist")
    files: dict[str, Path] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for file in _weight_files(path):
        with opened(file, "np") as handle:
            for name in handle.keys():  # noqa: SIM118 - not a dict
                key = name.removeprefix(PREFIX)
                if key in files:
                    raise AniMatrixError(Code.MODEL_MISMATCH, f"{key} is both in {files[key]} and in {file}")
                files[key], shapes[key] = file, tuple(handle.get_slice(name).get_shape())
    if path.is_dir() and (index := next(path.glob("*.safetensors.index.json"), None)):
        listed = [k.removeprefix(PREFIX) for k in _json(index)["weight_map"]]
        first_wrong_key(f"{path} by its index", listed, files)
    return Weights(str(path), files, shapes)


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as e:
        raise AniMatrixError(Code.FILE_UNREADABLE, f"{file} is not readable as JSON ({e})") from None
    if not isinstance(content, dict):
        raise AniMatrixError(Code.FILE_UNREADABLE, f"{file} is not a JSON object")
    return content


def detect_preset(weights: Weights) -> str:
    """Name of the backbone whose sizes these weights have (experts of one shape share the first name).

    Raises:
        AniMatrixError: MODEL_MISMATCH when no preset has them.
    """

    def size(key: str, axis: int) -> int | None:
        shape = weights.shapes.get(original_name(key) if weights.original else key, ())
        return shape[axis] if len(shape) > axis else None

    layers = 1 + max((int(k.split(".")[1]) for k in weights.shapes if k.startswith("blocks.")), default=-1)
    found = {
        "width": size("patch_embedding.weight", 0),
        "input channels": size("patch_embedding.weight", 1),
        "blocks": layers,
        "feed-forward": size("blocks.0.ffn.net.0.proj.weight", 0),
        "image embeds": size("condition_embedder.image_embedder.norm1.weight", 0),
        "text width": size("condition_embedder.text_embedder.linear_1.weight", 1),
    }
    for name, known in PRESETS.items():
        c = known.transformer
        width = c["num_attention_heads"] * c["attention_head_dim"]
        wanted = [c.get(k) for k in ("in_channels", "num_layers", "ffn_dim", "image_dim", "text_dim")]
        if [width, *wanted] == list(found.values()):
            return name
    sizes_text = ", ".join(f"{k} {v}" for k, v in found.items() if v is not None)
    raise AniMatrixError(
        Code.MODEL_MISMATCH,
        f"{weights.where} has the sizes of no known backbone ({sizes_text})",
        f"known: {', '.join(PRESETS)}",
    )


def _tag_options(weights: Weights) -> dict[str, Any]:
    """Tag arguments that the shapes of a file without a config tell."""
    shapes = {k: s for k, s in weights.shapes.items() if k.startswith("tag_") and len(s) == 2}
    if not shapes:
        return {}
    options: dict[str, Any] = {option: f"{path}.weight" in shapes for path, option in TAG_PATHS.items()}
    plain = shapes.get("tag_to_text.weight") or shapes.get("tag_to_time.weight")
    return options | ({"tag_dim": plain[1]} if plain else {})


def check(weights: Weights, config: Mapping[str, Any]) -> None:
    """Compare every name and shape with a model of ``config``, but for groups added to Wan that the weights
    have nothing of.

    Raises:
        AniMatrixError: MODEL_MISMATCH, naming the first wrong key, in the file's own naming.
    """
    with torch.device("meta"):
        model = AniMatrixTransformer3DModel(**config)
    name = original_name if weights.original else str
    expected = {name(k): tuple(v.shape) for k, v in model.state_dict().items()}
    fresh = fresh_keys(expected, weights.shapes)
    expected = {k: s for k, s in expected.items() if k not in fresh}
    # Wan's I2V repositories in the diffusers layout carry a norm that no model reads.
    ignored = () if weights.original else tuple(model._keys_to_ignore_on_load_unexpected)
    have = [k for k in weights.shapes if not any(part in k for part in ignored)]
    first_wrong_key(weights.where, expected, have)
    for key, shape in expected.items():
        if weights.shapes[key] != shape:
            raise AniMatrixError(
                Code.MODEL_MISMATCH,
                f"{weights.where} is not this model: {key} is {list(weights.shapes[key])}, not {list(shape)}",
            )


def load_transformer(
    path: str | Path,
    preset: str | Mapping[str, Any] | None = None,
    *,
    dtype: torch.dtype | None = None,
    **tag_options: Any,
) -> AniMatrixTransformer3DModel:
    """A backbone with the tag channel; fresh and zero where the weights have none.

    Args:
        path: a diffusers folder (plain Wan or AniMatrix), a folder of Wan's own shards, or one
            safetensors file.
        preset: a name in PRESETS or transformer arguments; otherwise the folder's config, or the preset whose
            sizes the weights have.
        dtype: of the weights; as stored for None. Modules that Wan keeps in float32 stay so.
        tag_options: arguments AniMatrix adds to Wan's, for weights without tag paths.
    Raises:
        AniMatrixError: MODEL_MISSING, FILE_MISSING, FILE_UNREADABLE, MODEL_MISMATCH (see the module),
            BAD_OPTION for an unknown preset.
    """
    path = Path(path)
    weights = read_headers(path)
    file = (path if path.is_dir() else path.parent) / "config.json"
    stored = _json(file) if path.is_dir() and file.is_file() else {}
    kind = stored.get("_class_name")
    if kind is not None and kind not in _OURS | _WANS:
        raise AniMatrixError(Code.MODEL_MISMATCH, f"{path} holds a {kind}, not a Wan transformer")
    config: dict[str, Any]
    if isinstance(preset, str):
        config = {**backbone(preset).transformer}
    elif preset is not None:
        config = dict(preset)
    elif kind in _OURS and not weights.original:
        known = set(inspect.signature(AniMatrixTransformer3DModel.__init__).parameters)
        config = {k: v for k, v in stored.items() if k in known}  # older diffusers wrote more
    else:
        config = {**PRESETS[detect_preset(weights)].transformer, **_tag_options(weights)}
    config = config | tag_options
    check(weights, config)

    state = weights.read()
    if weights.original:
        state = convert_wan_transformer_to_diffusers(state)
    ignored = AniMatrixTransformer3DModel._keys_to_ignore_on_load_unexpected
    state = {k: _cast(k, v, dtype) for k, v in state.items() if not any(part in k for part in ignored)}
    return AniMatrixTransformer3DModel.from_state(config, state).eval()


def _cast(key: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """As diffusers casts on loading: Wan's norms, time embedder and modulation stay in float32. Plain 8-bit
    floats, which nothing computes in, become bfloat16.
    """
    if not tensor.is_floating_point():
        return tensor
    if dtype is None:
        return tensor.to(torch.bfloat16) if tensor.dtype.itemsize == 1 else tensor
    keep = set(key.split(".")) & set(AniMatrixTransformer3DModel._keep_in_fp32_modules)
    return tensor.to(torch.float32 if keep else dtype)


def load_tag_encoder(path: str | Path, taxonomy: Taxonomy | None = None) -> TagEncoder:
    """A tag encoder with a row for everything in ``taxonomy``, for training on; new rows start neutral, and
    that is said once. (For asking, take ``TagEncoder.from_pretrained``: it refuses tags it never learned.)

    Raises:
        AniMatrixError: TAXONOMY_VERSION when the weights know rows that the taxonomy does not.
    """
    taxonomy = Taxonomy.default() if taxonomy is None else taxonomy
    encoder = TagEncoder.from_pretrained(path, taxonomy=taxonomy)
    known = set(encoder.config.field_rows) | set(encoder.config.value_rows)
    new = [row for rows in tag_rows(taxonomy) for row in rows if row not in known]
    if new:
        logger.warning(
            "%s was made for taxonomy %s: %d new rows start at the mean of the old ones, the first %s",
            path, encoder.config.taxonomy_version, len(new), new[0],
        )  # fmt: skip
        encoder.extend(taxonomy)
    return encoder
