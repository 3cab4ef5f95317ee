"""What a model will need, from the headers of its files, before a byte of it is loaded."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animatrix.errors import AniMatrixError, Code

WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
GIB = 1 << 30


@dataclass(frozen=True)
class Need:
    """Bytes: ``weights`` by component, ``work`` for the largest step of a request, ``peak`` of both under an
    offload mode."""

    weights: dict[str, int]
    work: int
    peak: int


def weights_of(folder: Path, dtype: str) -> list[int]:
    """Bytes of each tensor of a component's folder once loaded in ``dtype``, by the headers of its files.

    Raises:
        AniMatrixError: as ``model.loading.read_headers``.
    """
    from animatrix.model.loading import read_headers
    from animatrix.model.transformer import AniMatrixTransformer3DModel

    # diffusers and transformers leave these in float32 whatever is asked for.
    precise: set[str] = set()
    if folder.name.startswith("transformer"):
        precise = set(AniMatrixTransformer3DModel._keep_in_fp32_modules)
    elif folder.name == "text_encoder" and dtype == "float16":
        precise = {"wo"}
    return [
        math.prod(shape) * (4 if precise & set(key.split(".")) else WIDTH[dtype])
        for key, shape in read_headers(folder).shapes.items()
    ]


def need_of(
    folder: Path, frames: int, size: tuple[int, int], dtype: str, offload: str = "none", passes: int = 1
) -> Need:
    """Memory of a pipeline folder for a request of so many frames of (width, height).

    The work is an estimate: activations of one transformer block at the request's length (queries, keys,
    values, the feed-forward's inner layer and four copies of the stream), or a VAE decoder's widest layer
    over one latent frame with the film it makes, whichever is more. ``passes`` are run as one batch.
    """
    parts = [p for p in sorted(folder.iterdir()) if p.is_dir() and any(p.glob("*.safetensors"))]
    tensors = {part.name: weights_of(part, dtype) for part in parts}
    weights = {name: sum(sizes) for name, sizes in tensors.items()}
    work = max(
        _transformer_work(folder, frames, size, WIDTH[dtype]) * passes, _decoder_work(folder, frames, size)
    )
    held = sum(weights.values())
    if offload == "model":
        held = max(weights.values(), default=0)
    elif offload == "group":  # a layer, and the next one on its way
        held = 2 * max((max(sizes) for sizes in tensors.values()), default=0)
    return Need(weights, work, held + work)


def config_of(folder: Path, part: str) -> dict[str, Any]:
    """The config of a component of a pipeline folder; empty where it has none."""
    file = folder / part / "config.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def _transformer_work(folder: Path, frames: int, size: tuple[int, int], wide: int) -> int:
    config, vae = config_of(folder, "transformer"), config_of(folder, "vae")
    if not config:
        return 0
    spatial = vae.get("scale_factor_spatial", 8)
    _, patch_h, patch_w = config["patch_size"]
    tokens = ((frames - 1) // 4 + 1) * (size[0] // spatial // patch_w) * (size[1] // spatial // patch_h)
    stream = config["num_attention_heads"] * config["attention_head_dim"]
    return tokens * (7 * stream + config["ffn_dim"]) * wide


def _decoder_work(folder: Path, frames: int, size: tuple[int, int]) -> int:
    base, area = config_of(folder, "vae").get("base_dim", 32), size[0] * size[1] * 4  # float32
    # Four frames of the widest layer: its input, output and what it caches; then the film, twice.
    return area * base * 4 * 3 + area * 3 * frames * 2


def check_fit(need: Need, available: int, device: str, offload: str, dtype: str = "float32") -> None:
    """Refuse a load that cannot fit.

    Raises:
        AniMatrixError: OUT_OF_MEMORY with the figures and what would fit.
    """
    if need.peak <= available:
        return
    largest = max(need.weights, key=lambda name: need.weights[name], default="the model")
    ways = []
    if device != "cpu" and offload != "group":
        ways.append("--offload model" if offload == "none" else "--offload group")
    if dtype == "float32":
        ways.append("--dtype bfloat16")
    ways.append("a smaller model, size or length")
    raise AniMatrixError(
        Code.OUT_OF_MEMORY,
        f"this needs about {need.peak / GIB:.1f} GiB ({largest} {need.weights.get(largest, 0) / GIB:.1f}), "
        f"{device} has {available / GIB:.1f} free",
        f"try {', or '.join(ways)}",
    )


def available_on(device: str) -> int:
    """Free bytes of the machine, or of the first accelerator."""
    import psutil
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)
