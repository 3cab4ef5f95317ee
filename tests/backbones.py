"""Wan's backbones at toy size: the true structure and channels, random weights, a second to run."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import WanTransformer3DModel

from animatrix import Directive
from animatrix.model import AniMatrixTransformer3DModel, TagEncoder
from animatrix.model.key_names import original_name
from animatrix.model.presets import PRESETS

WIDTH = 24
TAGS = {"camera_move": "pan_left", "drawing_cadence": "twos", "impact_frame": "white_frame@5-6"}


def tiny_config(name: str) -> dict[str, Any]:
    """Transformer arguments of preset ``name``, 2 blocks of width 24."""
    small = {"num_attention_heads": 2, "attention_head_dim": 12, "ffn_dim": 32, "num_layers": 2}
    small |= {"text_dim": 16, "freq_dim": 16, "rope_max_seq_len": 32}
    if PRESETS[name].transformer.get("image_dim"):
        small |= {"image_dim": 20, "added_kv_proj_dim": WIDTH}
    return {**PRESETS[name].transformer, **small}


def tiny_wan(name: str, seed: int = 0) -> WanTransformer3DModel:
    torch.manual_seed(seed)
    wan = WanTransformer3DModel(**tiny_config(name)).eval()
    with torch.no_grad():  # norms of freshly made models are all ones: none could be mistaken for another
        for p in wan.parameters():
            if p.ndim == 1:
                p.add_(torch.randn_like(p) * 0.1)
    return wan


def tiny_inputs(name: str, dtype: torch.dtype = torch.float32, seed: int = 1) -> dict[str, torch.Tensor]:
    """Arguments of one forward: 5 latent frames of 4x6; 512 text slots, 12 of them used."""
    g = torch.Generator().manual_seed(seed)
    config = tiny_config(name)
    text = torch.nn.functional.pad(torch.randn(1, 12, 16, generator=g), (0, 0, 0, 500))
    inputs = {
        "hidden_states": torch.randn(1, config["in_channels"], 5, 4, 6, generator=g).to(dtype),
        "timestep": torch.tensor([700.0]),
        "encoder_hidden_states": text.to(dtype),
    }
    if PRESETS[name].expand_timesteps:
        inputs["timestep"] = torch.linspace(0, 900, 5 * 2 * 3)[None]
    if config.get("image_dim"):
        inputs["encoder_hidden_states_image"] = torch.randn(1, 257, 20, generator=g).to(dtype)
    return inputs


def tiny_encoder(seed: int = 0) -> TagEncoder:
    torch.manual_seed(seed)
    return TagEncoder(dim=16, num_layers=1, num_heads=2).eval()


def directive(frames: int = 17, **tags: Any) -> Directive:
    return Directive.model_validate({"narrative": "A girl runs.", "tags": tags, "frames": frames, "fps": 24})


def tiny_tags(encoder: TagEncoder | None = None, **tags: Any):
    encoder = tiny_encoder() if encoder is None else encoder
    with torch.no_grad():
        return encoder(encoder.tokenize([directive(**(tags or TAGS))]))


def with_open_paths(wan: WanTransformer3DModel, seed: int = 2, **options) -> AniMatrixTransformer3DModel:
    """AniMatrix on ``wan``, tag paths as if trained."""
    model = AniMatrixTransformer3DModel.from_wan(wan, tag_dim=16, **options)
    torch.manual_seed(seed)
    for path in model._tag_paths():
        torch.nn.init.normal_(path.weight, std=0.3)
    return model


def original_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights under the names of Wan's own repositories."""
    return {original_name(k): v.clone() for k, v in model.state_dict().items()}
