"""The public Wan backbones by name: what their config is, and how they are sampled.

Figures are those of the published configs (Wan 2.1, 2503.20314, and Wan 2.2); sampling defaults those of the
official inference code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from animatrix.errors import AniMatrixError, Code, did_you_mean

_SHARED = {
    "patch_size": (1, 2, 2),
    "attention_head_dim": 128,
    "text_dim": 4096,
    "freq_dim": 256,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "eps": 1e-6,
}


@dataclass(frozen=True)
class Preset:
    """A backbone.

    transformer: arguments of its transformer (each, of two experts); vae: latent family, "wan2.1" (16
    channels, 1/8) or "wan2.2" (48 channels, 1/16); boundary: share of the noise schedule above which the
    first expert works; expand_timesteps: a timestep per token; flow_shift, steps, guidance (high, low noise):
    as published.
    """

    transformer: dict[str, Any]
    vae: str = "wan2.1"
    experts: int = 1
    boundary: float | None = None
    expand_timesteps: bool = False
    flow_shift: float = 5.0
    steps: int = 50
    guidance: tuple[float, float] = (5.0, 5.0)


def _transformer(heads: int, ffn: int, layers: int, channels: tuple[int, int], **more: Any) -> dict[str, Any]:
    return {
        **_SHARED,
        "num_attention_heads": heads,
        "ffn_dim": ffn,
        "num_layers": layers,
        "in_channels": channels[0],
        "out_channels": channels[1],
        **more,
    }


PRESETS: dict[str, Preset] = {
    "wan2.1-t2v-1.3b": Preset(_transformer(12, 8960, 30, (16, 16)), flow_shift=3.0),
    "wan2.1-t2v-14b": Preset(_transformer(40, 13824, 40, (16, 16))),
    "wan2.1-i2v-14b": Preset(
        _transformer(40, 13824, 40, (36, 16), image_dim=1280, added_kv_proj_dim=5120), steps=40
    ),
    "wan2.2-t2v-a14b": Preset(
        _transformer(40, 13824, 40, (16, 16)),
        experts=2, boundary=0.875, flow_shift=12.0, steps=40, guidance=(4.0, 3.0),
    ),
    "wan2.2-i2v-a14b": Preset(
        _transformer(40, 13824, 40, (36, 16)),
        experts=2, boundary=0.9, steps=40, guidance=(3.5, 3.5),
    ),
    "wan2.2-ti2v-5b": Preset(
        _transformer(24, 14336, 30, (48, 48)), vae="wan2.2", expand_timesteps=True
    ),
}  # fmt: skip


def usual_size(vae: str) -> tuple[int, int]:
    """Width and height in pixels that models with an autoencoder of this class are usually sampled at."""
    return (160, 96) if vae == "AutoencoderNano" else (832, 480)


def backbone(name: str) -> Preset:
    """The backbone ``name``.

    Raises:
        AniMatrixError: BAD_OPTION for an unknown name.
    """
    if name not in PRESETS:
        raise AniMatrixError(
            Code.BAD_OPTION,
            f"unknown backbone {name!r}",
            did_you_mean(name, PRESETS) or f"one of {', '.join(PRESETS)}",
        )
    return PRESETS[name]
