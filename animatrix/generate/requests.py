"""Whether a model can make what a request asks for, said before anything is computed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.model.stand import LAYOUT

REQUIRED = ("tokenizer", "text_encoder", "vae", "scheduler")


def check_request(
    pipe: Any, directives: list[Directive], height: int, width: int, keyframes: Mapping[int, Any] | None
) -> int:
    """The number of frames of the request.

    Raises:
        AniMatrixError: BAD_OPTION for a length, size or keyframe.
    """
    if not directives:
        raise AniMatrixError(Code.BAD_OPTION, "no directive was given")
    frames, step = directives[0].frames, pipe.vae_scale_factor_temporal
    if any(d.frames != frames for d in directives):
        raise AniMatrixError(Code.BAD_OPTION, "directives of one batch must have the same number of frames")
    if frames % step != 1:
        low = max(1, (frames - 1) // step * step + 1)
        raise AniMatrixError(
            Code.BAD_OPTION,
            f"frames={frames} is not {step}n+1, the lengths this model makes",
            f"use {low} or {low + step}",
        )
    model = pipe.any_expert
    multiple = pipe.vae_scale_factor_spatial * model.config.patch_size[1]
    for name, side in (("width", width), ("height", height)):
        if side < multiple or side % multiple:
            near = max(multiple, round(side / multiple) * multiple)
            raise AniMatrixError(
                Code.BAD_OPTION, f"{name}={side} is not a multiple of {multiple}", f"use {near}"
            )
    for index in keyframes or {}:
        if not 0 <= index < frames:
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"keyframe {index} is outside the shot of {frames} frames",
                f"use 0 to {frames - 1}",
            )
    return frames


def check_parts(pipe: Any) -> None:
    """Raises MODEL_MISMATCH for a missing component, or two that do not fit each other."""
    missing = [name for name in REQUIRED if getattr(pipe, name, None) is None]
    if pipe.transformer is None and pipe.transformer_2 is None:
        missing.append("transformer")
    if pipe.config.boundary_ratio is not None and pipe.transformer is not None and pipe.transformer_2 is None:
        missing.append("transformer_2")
    if missing:
        raise AniMatrixError(
            Code.MODEL_MISMATCH, f"the pipeline has no {missing[0]}", "add the component to its folder"
        )
    model = pipe.any_expert
    width = getattr(pipe.text_encoder.config, "d_model", model.config.text_dim)
    if width != model.config.text_dim:
        raise AniMatrixError(
            Code.MODEL_MISMATCH,
            f"the text encoder gives {width} numbers a token, the transformer reads {model.config.text_dim}",
            "use the text encoder it was trained with",
        )
    if pipe.tag_encoder is not None and pipe.tag_encoder.config.dim != model.config.tag_dim:
        raise AniMatrixError(
            Code.MODEL_MISMATCH,
            f"the tag encoder gives {pipe.tag_encoder.config.dim} numbers a tag, "
            f"the transformer reads {model.config.tag_dim}",
            "use the tag encoder it was trained with",
        )
    for name, takes in (("layout", model.config.get("on_stand")), ("draft", model.config.get("takes_draft"))):
        artist = getattr(pipe, f"{name}_artist")
        if artist is None:
            continue
        if not takes:
            raise AniMatrixError(
                Code.MODEL_MISMATCH,
                f"the pipeline has a {name} artist, but its transformer takes no {name}",
                f"leave the {name} artist out",
            )
        if artist.config.text_dim != model.config.text_dim:
            raise AniMatrixError(
                Code.MODEL_MISMATCH,
                f"the {name} artist reads {artist.config.text_dim} numbers a token, the transformer "
                f"{model.config.text_dim}",
                f"use the {name} artist that was trained for it",
            )


def check_layout(model: Any, layout: torch.Tensor, batch: int, frames: int) -> None:
    """Raises BAD_OPTION for a layout that the model cannot take."""
    if not model.config.on_stand:
        raise AniMatrixError(
            Code.BAD_OPTION, "a layout is given, but this model is not on a stand", "leave it out"
        )
    if layout.shape != (batch, frames, LAYOUT):
        raise AniMatrixError(
            Code.BAD_OPTION,
            f"the layout is {list(layout.shape)}; {batch} directives of {frames} frames take "
            f"[{batch}, {frames}, {LAYOUT}]",
        )


def checked_schedule(
    scheduler: Any, steps: int, sigmas: Sequence[float] | None, device: torch.device
) -> Tensor:
    """Sets the scheduler's timesteps and returns them.

    Raises:
        AniMatrixError: BAD_OPTION for a scheduler that takes no sigmas, or sigmas that do not fall within
            (0,1].
    """
    wanted: dict[str, Any] = {"num_inference_steps": steps}
    if sigmas is not None:
        if "sigmas" not in inspect.signature(scheduler.set_timesteps).parameters:
            raise AniMatrixError(Code.BAD_OPTION, f"{type(scheduler).__name__} takes no sigmas")
        levels = [float(s) for s in sigmas]
        if not levels or not all(0 < s <= 1 for s in levels) or levels != sorted(set(levels), reverse=True):
            raise AniMatrixError(
                Code.BAD_OPTION, f"sigmas {levels} do not fall within (0,1]", "for example 1, 0.75, 0.5, 0.25"
            )
        wanted = {"sigmas": np.array(levels)}  # UniPC takes no list
    terminal = scheduler.config.get("shift_terminal")
    # Sigmas end where they are asked to, and one step where it begins: diffusers would divide zero by zero.
    unstretched = bool(terminal) and (sigmas is not None or steps == 1)
    if unstretched:
        scheduler.register_to_config(shift_terminal=None)
    scheduler.set_timesteps(**wanted, device=device)
    if unstretched:
        scheduler.register_to_config(shift_terminal=terminal)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    return scheduler.timesteps


def check_finite(latents: Tensor, dtype: torch.dtype) -> None:
    """Raises NOT_FINITE when numbers overflowed; ``dtype`` is the one the transformer computed in."""
    if not torch.isfinite(latents).all():
        name = str(dtype).removeprefix("torch.")
        way_out = "load the model in bfloat16 or float32" if dtype == torch.float16 else "check its weights"
        raise AniMatrixError(Code.NOT_FINITE, f"the latents overflowed in {name}", way_out)
