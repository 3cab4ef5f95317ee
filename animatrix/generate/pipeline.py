"""AniMatrixPipeline: a directive to a clip, on diffusers' Wan pipeline.

Guidance has two scales, one per channel:

    v = v_none + s_text (v_text - v_none) + s_tag (v_full - v_text)

written as a weighted sum of up to three passes; a pass whose weight is zero is never run (equal scales: two
passes; both 1: one). Tags and text are encoded once per request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import PIL.Image
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanPipeline
from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES
from diffusers.pipelines.wan.pipeline_output import WanPipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from transformers import PreTrainedTokenizerBase, T5EncoderModel

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.model.keyframes import empty_condition, encode_keyframes
from animatrix.model.tags import TagEmbeds, TagEncoder
from animatrix.model.text import encode_text
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.model.vae import AutoencoderNano

# diffusers refuses components of libraries it does not know; this names ours (guarded by a test: private
# API).
LOADABLE_CLASSES.setdefault("animatrix", {})


def guidance_weights(
    text_scale: float, tag_scale: float, *, has_text: bool, has_tags: bool
) -> dict[str, float]:
    """Weight of each pass: ``none``, ``text``, ``full``; they sum to 1. Only passes with a weight are listed.

    Without tags ``full`` is ``text``; without text ``text`` is ``none``: their weights merge and the pass is
    saved.
    """
    weights = {"none": 1 - text_scale, "text": text_scale - tag_scale, "full": tag_scale}
    if not has_tags:
        weights["text"] += weights.pop("full")
    if not has_text:
        weights["none"] += weights.pop("text", 0.0)
    return {name: w for name, w in weights.items() if abs(w) > 1e-9}


class AniMatrixPipeline(WanPipeline):
    """Text- and tag-conditioned video generation, with keyframes at exact frame indices.

    Components: Wan's, plus ``tag_encoder`` (:class:`~animatrix.model.TagEncoder`).
    """

    _optional_components: ClassVar[list[str]] = [*WanPipeline._optional_components, "tag_encoder"]
    model_cpu_offload_seq = "text_encoder->tag_encoder->transformer->transformer_2->vae"

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        text_encoder: T5EncoderModel,
        vae: AutoencoderNano,
        scheduler: FlowMatchEulerDiscreteScheduler,
        transformer: AniMatrixTransformer3DModel | None = None,
        transformer_2: AniMatrixTransformer3DModel | None = None,
        tag_encoder: TagEncoder | None = None,
        boundary_ratio: float | None = None,
        expand_timesteps: bool = False,
    ) -> None:
        super().__init__(
            tokenizer=tokenizer,
            text_encoder=text_encoder,
            vae=vae,
            scheduler=scheduler,
            transformer=transformer,
            transformer_2=transformer_2,
            boundary_ratio=boundary_ratio,
            expand_timesteps=expand_timesteps,
        )
        self.register_modules(tag_encoder=tag_encoder)

    @torch.no_grad()
    def __call__(
        self,
        directive: Directive | Sequence[Directive],
        *,
        height: int = 96,
        width: int = 160,
        num_inference_steps: int = 24,
        guidance_scale: float = 3.0,
        tag_guidance_scale: float | None = None,
        keyframes: Mapping[int, PIL.Image.Image | np.ndarray] | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        callback_on_step_end: Callable[[Any, int, int, dict], dict] | None = None,
    ) -> WanPipelineOutput | tuple:
        """Generate one clip per directive; all of a call share their length.

        Args:
            directive: what to make; ``frames`` must be 4n+1.
            height, width: in pixels, multiples of the VAE's scale times the patch (nano: 16).
            guidance_scale, tag_guidance_scale: s_text and s_tag; the second defaults to the first.
            keyframes: pictures [H,W,3] uint8 (or PIL) by frame index, shared by the batch.
            generator: one, or one per directive: then each clip is what it would be alone.
        Returns:
            ``.frames``: float32 [B,T,H,W,3] in [0,1] for ``output_type="np"``; "pil", "pt" and "latent" as in
            diffusers.
        Raises:
            AniMatrixError: BAD_OPTION for a length, size or keyframe the model cannot make.
        """
        directives = [directive] if isinstance(directive, Directive) else list(directive)
        frames = self._check(directives, height, width, keyframes)
        device, model = self._execution_device, self.transformer
        tag_scale = guidance_scale if tag_guidance_scale is None else tag_guidance_scale

        text, null_text, tags = self._encode(directives)
        weights = guidance_weights(
            guidance_scale,
            tag_scale,
            has_text=any(d.narrative for d in directives),
            has_tags=tags is not None,
        )
        conditions: dict[str, tuple[Tensor, TagEmbeds | None]] = {
            "none": (null_text, None),
            "text": (text, None),
            "full": (text, tags),
        }

        shape = (
            len(directives),
            self.vae.config.z_dim,
            (frames - 1) // self.vae_scale_factor_temporal + 1,
            height // self.vae_scale_factor_spatial,
            width // self.vae_scale_factor_spatial,
        )
        if latents is None:
            latents = randn_tensor(shape, generator=generator, device=device, dtype=torch.float32)
        extra = None
        if model.config.in_channels > shape[1]:
            extra = empty_condition(latents)
            if keyframes:
                images = {i: self._picture(p, height, width).to(device) for i, p in keyframes.items()}
                extra = encode_keyframes(self.vae, images, latents).expand_as(extra)

        self.scheduler.set_timesteps(num_inference_steps, device=device)
        self.scheduler.set_begin_index(0)
        boundary = self.config.boundary_ratio
        with self.progress_bar(total=num_inference_steps) as bar:
            for i, t in enumerate(self.scheduler.timesteps):
                expert = model
                if boundary is not None and t < boundary * self.scheduler.config.num_train_timesteps:
                    expert = self.transformer_2
                x = latents if extra is None else torch.cat([latents, extra], dim=1)
                x = x.to(expert.dtype)
                velocity = torch.zeros_like(latents)
                for name, weight in weights.items():
                    states, tag_embeds = conditions[name]
                    with expert.cache_context(name):
                        v = expert(x, t.expand(len(x)), states, return_dict=False, tags=tag_embeds)[0]
                    velocity = velocity + weight * v.float()
                latents = self.scheduler.step(velocity, t, latents, return_dict=False)[0]
                if callback_on_step_end is not None:
                    latents = callback_on_step_end(self, i, int(t), {"latents": latents}).get(
                        "latents", latents
                    )
                bar.update()

        video: Any = latents
        if output_type != "latent":
            mean = torch.tensor(self.vae.config.latents_mean).view(1, -1, 1, 1, 1)
            std = torch.tensor(self.vae.config.latents_std).view(1, -1, 1, 1, 1)
            z = (latents * std.to(latents) + mean.to(latents)).to(self.vae.dtype)
            pixels = self.vae.decode(z, return_dict=False)[0]
            video = self.video_processor.postprocess_video(pixels.float(), output_type=output_type)
        self.maybe_free_model_hooks()
        return WanPipelineOutput(frames=video) if return_dict else (video,)

    def _check(self, directives: list[Directive], height: int, width: int, keyframes: Any) -> int:
        frames, step = directives[0].frames, self.vae_scale_factor_temporal
        if any(d.frames != frames for d in directives):
            raise AniMatrixError(
                Code.BAD_OPTION, "directives of one batch must have the same number of frames"
            )
        if frames % step != 1:
            low = max(1, (frames - 1) // step * step + 1)
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"frames={frames} is not {step}n+1, the lengths this model makes",
                f"use {low} or {low + step}",
            )
        multiple = self.vae_scale_factor_spatial * self.transformer.config.patch_size[1]
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

    def _encode(self, directives: list[Directive]) -> tuple[Tensor, Tensor, TagEmbeds | None]:
        """Text states and their null [B,S,D], and tag embeddings if any directive has tags."""
        device, dtype = self._execution_device, self.transformer.dtype
        config = self.transformer.config
        tags, room = None, config.text_len
        if self.tag_encoder is not None:
            # Tags live in the last slots. They are kept free whether used or not, so that the number of
            # tags never decides where the narrative is cut.
            room -= config.tag_slots
            if any(d.tags for d in directives):
                tags = self.tag_encoder(
                    self.tag_encoder.tokenize(directives, limit=config.tag_slots).to(device)
                )
        texts = [d.narrative for d in directives]
        states = encode_text([*texts, ""], self.tokenizer, self.text_encoder, room).to(device, dtype)
        states = torch.nn.functional.pad(states, (0, 0, 0, config.text_len - room))
        return states[:-1], states[-1:].expand(len(texts), -1, -1), tags

    @staticmethod
    def _picture(image: PIL.Image.Image | np.ndarray, height: int, width: int) -> Tensor:
        picture = image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)
        picture = picture.convert("RGB").resize((width, height), PIL.Image.Resampling.LANCZOS)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1
