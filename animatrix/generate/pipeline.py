"""AniMatrixPipeline: a directive to a clip, on diffusers' Wan components.

One class makes video from text, from a first picture, or from pictures at any frames; which of them a model
takes follows from its layout (``conditioning.py``). Narrative and tags are guided apart (``guidance.py``).
Text, tags, pictures and cross-attention keys are computed once a request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import diffusers
import numpy as np
import PIL.Image
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanPipeline
from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES
from diffusers.pipelines.wan.pipeline_output import WanPipelineOutput
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPVisionModel, PreTrainedTokenizerBase, T5EncoderModel

from animatrix.errors import AniMatrixError, Code
from animatrix.generate.conditioning import given_pictures, latent_statistics, layout_of
from animatrix.generate.finish import finish
from animatrix.generate.ground import Ground, laid
from animatrix.generate.guidance import guidance_weights, guided
from animatrix.generate.requests import (
    check_finite,
    check_layout,
    check_parts,
    check_request,
    checked_schedule,
)
from animatrix.generate.settled import settled
from animatrix.knowledge import Directive
from animatrix.model.draft import DraftArtist
from animatrix.model.layout import LayoutArtist
from animatrix.model.presets import usual_size
from animatrix.model.tags import TagEmbeds, TagEncoder
from animatrix.model.text import encode_text
from animatrix.model.transformer import TAG_PATHS, AniMatrixTransformer3DModel
from animatrix.model.vae import AutoencoderNano

log = logging.getLogger(__name__)
Picture = PIL.Image.Image | np.ndarray
STOCK = ("WanPipeline", "WanImageToVideoPipeline")  # folders that are opened without a tag encoder
TEXT_SLOTS = 512  # of every Wan
WAN_STEPS, WAN_GUIDANCE = 50, 5.0  # defaults of diffusers' pipelines of it

# diffusers refuses components of libraries it does not know; this names ours (guarded by a test: private
# API).
LOADABLE_CLASSES.setdefault("animatrix", {})


class AniMatrixPipeline(WanPipeline):
    """Text-, tag- and picture-conditioned video generation.

    Components: Wan's, plus ``tag_encoder`` (:class:`~animatrix.model.TagEncoder`; without one, tags are said
    in the prompt), for a model on a stand ``layout_artist`` (:class:`~animatrix.model.layout.LayoutArtist`)
    and ``draft_artist`` (:class:`~animatrix.model.draft.DraftArtist`), and, for Wan 2.1 I2V,
    ``image_encoder`` and ``image_processor``.
    """

    _optional_components: ClassVar[list[str]] = [
        *WanPipeline._optional_components,
        "tag_encoder",
        "layout_artist",
        "draft_artist",
        "image_encoder",
        "image_processor",
    ]
    model_cpu_offload_seq = (
        "text_encoder->tag_encoder->layout_artist->draft_artist->image_encoder->"
        "transformer->transformer_2->vae"
    )

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        text_encoder: T5EncoderModel,
        vae: Any,
        scheduler: FlowMatchEulerDiscreteScheduler,
        transformer: AniMatrixTransformer3DModel | None = None,
        transformer_2: AniMatrixTransformer3DModel | None = None,
        tag_encoder: TagEncoder | None = None,
        image_encoder: CLIPVisionModel | None = None,
        image_processor: CLIPImageProcessor | None = None,
        layout_artist: LayoutArtist | None = None,
        draft_artist: DraftArtist | None = None,
        boundary_ratio: float | None = None,
        expand_timesteps: bool = False,
        usual_steps: int = 24,
        usual_guidance: float = 3.0,
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
        self.register_modules(
            tag_encoder=tag_encoder,
            layout_artist=layout_artist,
            draft_artist=draft_artist,
            image_encoder=image_encoder,
            image_processor=image_processor,
        )
        self.register_to_config(usual_steps=usual_steps, usual_guidance=usual_guidance)
        self._told_of_prose = False

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **options: Any) -> AniMatrixPipeline:
        """A saved AniMatrix pipeline, or a plain Wan folder or hub id.

        A plain Wan has no tag channel: its transformers are taken as they are, and tags are said in the
        prompt. Arguments as ``DiffusionPipeline.from_pretrained``.
        """
        asked = {
            k: options[k] for k in ("cache_dir", "local_files_only", "revision", "token") if k in options
        }
        kind = cls.load_config(pretrained_model_name_or_path, **asked).get("_class_name")
        if kind not in STOCK:
            return super().from_pretrained(pretrained_model_name_or_path, **options)
        return cls.from_wan(
            getattr(diffusers, kind).from_pretrained(pretrained_model_name_or_path, **options)
        )

    @classmethod
    def from_wan(
        cls, pipe: Any, tag_encoder: TagEncoder | None = None, **tag_options: Any
    ) -> AniMatrixPipeline:
        """Adopt the components of diffusers' ``WanPipeline`` or ``WanImageToVideoPipeline``, weights shared.

        Args:
            tag_encoder: gives the model a tag channel, fresh and without effect until it is trained.
            tag_options: arguments of ``AniMatrixTransformer3DModel.from_wan``.
        """
        tags = (
            dict.fromkeys(TAG_PATHS.values(), False)
            if tag_encoder is None
            else {"tag_dim": tag_encoder.config.dim}
        )
        parts = dict(pipe.components)
        for name in ("transformer", "transformer_2"):
            if parts.get(name) is not None:
                parts[name] = AniMatrixTransformer3DModel.from_wan(parts[name], **{**tags, **tag_options})
        return cls(
            **parts,
            tag_encoder=tag_encoder,
            boundary_ratio=pipe.config.boundary_ratio,
            expand_timesteps=pipe.config.expand_timesteps,
            usual_steps=WAN_STEPS,
            usual_guidance=WAN_GUIDANCE,
        )

    def with_parts(self, **parts: Any) -> AniMatrixPipeline:
        """The same pipeline with other components, the rest of them shared, and its settings."""
        names = ("boundary_ratio", "expand_timesteps", "usual_steps", "usual_guidance")
        return type(self)(**(self.components | parts), **{name: self.config[name] for name in names})

    def open_tag_channel(self, tag_encoder: TagEncoder) -> None:
        """Give the channel to a pipeline without: fresh projections, without effect until weights come."""
        options = {**dict.fromkeys(TAG_PATHS.values(), True), "tag_dim": tag_encoder.config.dim}
        for name in ("transformer", "transformer_2"):
            if (model := getattr(self, name)) is not None:
                self.register_modules(**{name: AniMatrixTransformer3DModel.from_wan(model, **options)})
        self.register_modules(tag_encoder=tag_encoder)

    @property
    def any_expert(self) -> AniMatrixTransformer3DModel:
        """The transformer whose config stands for both: the high-noise one where it is there."""
        return self.transformer if self.transformer is not None else self.transformer_2

    @torch.no_grad()
    def __call__(
        self,
        directive: Directive | Sequence[Directive],
        *,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        tag_guidance_scale: float | None = None,
        guidance_scale_2: float | None = None,
        tag_guidance_scale_2: float | None = None,
        batch_guidance: bool = False,
        negative_prompt: str = "",
        sigmas: Sequence[float] | None = None,
        keyframes: Mapping[int, Picture] | None = None,
        layout: Tensor | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
        callback_on_step_end: Callable[[Any, int, int, dict], dict] | None = None,
    ) -> WanPipelineOutput | tuple:
        """Generate one clip per directive; all of a call share their length.

        Args:
            directive: what to make; ``frames`` must be 4n+1.
            height, width: in pixels, multiples of the VAE's scale times the patch (nano: 16); by default
                160x96 for nano and 832x480 for Wan.
            num_inference_steps, guidance_scale: by default what the model is usually sampled with
                (``usual_steps`` and ``usual_guidance`` of its config; Wan's published 50 and 5).
            guidance_scale, tag_guidance_scale: s_text and s_tag; the second defaults to the first.
            guidance_scale_2, tag_guidance_scale_2: the same for the low-noise expert of Wan 2.2; they
                default to the first two.
            batch_guidance: run the passes of a step as one batch: more memory, fewer launches.
            negative_prompt: what ``v_none`` is told instead of nothing.
            sigmas: noise levels of the steps, falling from 1, instead of the scheduler's own.
            keyframes: pictures [H,W,3] uint8 (or PIL) by frame index, shared by the batch.
            layout: [B,T,LAYOUT] what stands where in each frame (:mod:`animatrix.model.stand`), for a model
                on a stand; by default its layout artist draws one, and where pictures are given, several, of
                which the one is taken that fits them.
            generator: one, or one per directive: then each clip is what it would be alone.
            callback_on_step_end: called with (pipeline, step, timestep, {"latents"}); what it returns under
                ``latents`` is used. Setting ``pipeline._interrupt`` ends the request after the step.
        Returns:
            ``.frames``: float32 [B,T,H,W,3] in [0,1] for ``output_type="np"``; "pil", "pt" and "latent" as in
            diffusers.
        Raises:
            AniMatrixError: BAD_OPTION for a length, size, keyframe or schedule the model cannot make;
                MODEL_MISMATCH for components that do not belong together; NOT_FINITE when numbers overflow.
        """
        directives = [directive] if isinstance(directive, Directive) else list(directive)
        check_parts(self)
        model = self.any_expert
        kind = layout_of(model, self.vae, self.config.expand_timesteps)
        usual = usual_size(type(self.vae).__name__)
        width, height = usual[0] if width is None else width, usual[1] if height is None else height
        steps = self.config.usual_steps if num_inference_steps is None else num_inference_steps
        guidance_scale = self.config.usual_guidance if guidance_scale is None else guidance_scale
        frames = check_request(self, directives, height, width, keyframes)
        device, dtype = self._execution_device, model.dtype
        self._interrupt, self._guidance_scale, self._attention_kwargs = (
            False,
            guidance_scale,
            attention_kwargs,
        )

        tag_scale = guidance_scale if tag_guidance_scale is None else tag_guidance_scale
        high = (guidance_scale, tag_scale)
        low = (
            guidance_scale if guidance_scale_2 is None else guidance_scale_2,
            (tag_scale if guidance_scale_2 is None else guidance_scale_2)
            if tag_guidance_scale_2 is None
            else tag_guidance_scale_2,
        )
        text, null_text, tags = self._encode(directives, negative_prompt)
        told = any(d.narrative for d in directives) or (tags is None and any(d.tags for d in directives))
        passes = [
            list(guidance_weights(*scales, has_text=told, has_tags=tags is not None))
            for scales in (high, low)
        ]
        pictures = {i: self._picture(p, height, width).to(device) for i, p in (keyframes or {}).items()}
        image = self._image_embeds(keyframes or {}, len(directives), dtype)
        timesteps = checked_schedule(self.scheduler, steps, sigmas, device)
        shape = (
            len(directives),
            self.vae.config.z_dim,
            (frames - 1) // self.vae_scale_factor_temporal + 1,
            height // self.vae_scale_factor_spatial,
            width // self.vae_scale_factor_spatial,
        )
        if layout is not None:
            check_layout(model, layout, len(directives), frames)
        if latents is None:
            latents = randn_tensor(shape, generator=generator, device=device, dtype=torch.float32)
        else:
            latents = latents.to(device, torch.float32)
        given = given_pictures(kind, self.vae, pictures, latents, frames)
        ground = laid(self, layout, given, text, tags, directives, latents, timesteps[0], generator)

        states = {"none": (null_text, None), "text": (text, None), "full": (text, tags)}
        conditions: dict[tuple[int, str], Any] = {}
        boundary = self.config.boundary_ratio
        with self.progress_bar(total=len(timesteps)) as bar:
            for i, t in enumerate(timesteps):
                late = boundary is not None and t < boundary * self.scheduler.config.num_train_timesteps
                expert = self.transformer_2 if late or self.transformer is None else self.transformer
                names, scales = (passes[1], low) if late else (passes[0], high)
                x = given.model_input(latents).to(dtype)
                when = given.timestep(t, latents, expert.config.patch_size, kind == "expand")
                context = {
                    "step_index": i,
                    "sigma": float(self.scheduler.sigmas[i]),
                    "num_inference_steps": len(timesteps),
                }
                if batch_guidance and len(names) > 1:
                    key = (late, "+".join(names))
                    if key not in conditions:
                        conditions[key] = expert.prepare(
                            *_stacked([states[n] for n in names], image),
                            **ground.told(len(names)),
                        )
                    count = len(names)
                    with expert.cache_context(key[1], **context):
                        v = expert(
                            x.repeat(count, 1, 1, 1, 1),
                            when.repeat(count, *[1] * (when.ndim - 1)),
                            conditions[key],
                            attention_kwargs=attention_kwargs,
                            return_dict=False,
                        )[0]
                    velocity = dict(zip(names, v.chunk(count), strict=True))
                else:
                    velocity = {}
                    for name in names:
                        if (late, name) not in conditions:
                            conditions[late, name] = expert.prepare(
                                *_stacked([states[name]], image), **ground.told()
                            )
                        with expert.cache_context(name, **context):
                            velocity[name] = expert(
                                x,
                                when,
                                conditions[late, name],
                                attention_kwargs=attention_kwargs,
                                return_dict=False,
                            )[0]
                latents = self.scheduler.step(guided(velocity, *scales), t, latents, return_dict=False)[0]
                if callback_on_step_end is not None:
                    answer = callback_on_step_end(self, i, int(t), {"latents": latents})
                    latents = (answer or {}).get("latents", latents)
                bar.update()
                if self._interrupt:
                    break
        latents = given.kept(latents)
        check_finite(latents, dtype)
        if pictures and isinstance(self.vae, AutoencoderNano):
            latents = settled(self.vae, latents, pictures).to(latents)
        if pictures:  # what was given counts, not what was laid out for it
            ground = Ground()
        kept = next(reversed(conditions.values())).matte  # of the pass that is told most
        kept = None if kept is None else kept[-len(directives) :]
        video = latents if output_type == "latent" else self._decoded(latents, output_type, ground, kept)
        self.maybe_free_model_hooks()
        return WanPipelineOutput(frames=video) if return_dict else (video,)

    def _decoded(
        self,
        latents: Tensor,
        output_type: str,
        ground: Ground | None = None,
        matte: Tensor | None = None,
    ) -> Any:
        """Pixels of final latents, by the operations and in the order of Wan's pipelines; finished over a
        draft by its matte [B,C,F,h,w], where there are both.
        """
        pixels = self._pixels(latents)
        if ground is not None and ground.latents is not None and matte is not None:
            returned = self._pixels(ground.latents.nan_to_num()).to(pixels)
            pixels = finish(pixels.float(), ground, returned.float(), matte.float())
        return self.video_processor.postprocess_video(pixels.float(), output_type=output_type)

    def _pixels(self, latents: Tensor) -> Tensor:
        latents = latents.to(self.vae.device, self.vae.dtype)
        mean, inverse = latent_statistics(self.vae, latents)
        return self.vae.decode(latents / inverse + mean, return_dict=False)[0]

    def _encode(
        self, directives: list[Directive], negative_prompt: str
    ) -> tuple[Tensor, Tensor, TagEmbeds | None]:
        """Text states and those of the negative prompt [B,S,D], and tag embeddings if any directive has
        tags."""
        model = self.any_expert
        device, config = self._execution_device, model.config
        tags, room = None, config.get("text_len", TEXT_SLOTS)
        slots = room
        texts = [d.narrative for d in directives]
        if self.tag_encoder is not None:
            # Tags live in the last slots. They are kept free whether used or not, so that the number of
            # tags never decides where the narrative is cut.
            room -= config.tag_slots
            if any(d.tags for d in directives):
                tags = self.tag_encoder(
                    self.tag_encoder.tokenize(directives, limit=config.tag_slots).to(device)
                )
        elif any(d.tags for d in directives):
            texts = [d.describe() for d in directives]
            if not self._told_of_prose:
                log.warning("this model has no tag encoder: tags are said in the prompt")
                self._told_of_prose = True
        cleaned = [prompt_clean(text) for text in (*texts, negative_prompt)]
        states = encode_text(cleaned, self.tokenizer, self.text_encoder, room).to(device, model.dtype)
        states = torch.nn.functional.pad(states, (0, 0, 0, slots - room))
        return states[:-1], states[-1:].expand(len(texts), -1, -1), tags

    def _image_embeds(
        self, keyframes: Mapping[int, Picture], batch: int, dtype: torch.dtype
    ) -> Tensor | None:
        """CLIP embeddings [B,N,D] of the first picture (and the last, for models of first and last frame)."""
        model = self.any_expert
        if model.config.image_dim is None:
            return None
        if self.image_encoder is None or self.image_processor is None:
            raise AniMatrixError(
                Code.MODEL_MISMATCH,
                "this model reads a picture through CLIP, but has no image_encoder and image_processor",
                "add them to its folder",
            )
        if not keyframes:
            raise AniMatrixError(
                Code.BAD_OPTION, "this model starts from a picture", "give a keyframe, --keyframe 0=first.png"
            )
        chosen = [_pil(keyframes[min(keyframes)])]
        if model.config.pos_embed_seq_len is not None and len(keyframes) > 1:
            chosen.append(_pil(keyframes[max(keyframes)]))
        pixels = self.image_processor(images=chosen, return_tensors="pt").to(self.image_encoder.device)
        hidden = self.image_encoder(**pixels, output_hidden_states=True).hidden_states[-2]
        return hidden.to(self._execution_device).repeat(batch, 1, 1).to(dtype)

    def _picture(self, image: Picture, height: int, width: int) -> Tensor:
        """A picture [3,H,W] in [-1,1], resized as Wan's pipelines do."""
        return self.video_processor.preprocess(_pil(image), height=height, width=width)[0].float()


def _pil(image: Picture) -> PIL.Image.Image:
    return (image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)).convert("RGB")


def _stacked(
    passes: Sequence[tuple[Tensor, TagEmbeds | None]], image: Tensor | None
) -> tuple[Tensor, Tensor | None, TagEmbeds | None]:
    """Text states, image embeds and tags of several passes as one batch; a pass without tags has zeros, which
    add nothing."""
    text = torch.cat([states for states, _ in passes])
    known = [tags for _, tags in passes if tags is not None]
    tags = None
    if known:
        blank = TagEmbeds(*(torch.zeros_like(part) for part in known[0]))
        rows = [tags if tags is not None else blank for _, tags in passes]
        tags = TagEmbeds(*(torch.cat(parts) for parts in zip(*rows, strict=True)))
    return text, None if image is None else image.repeat(len(passes), 1, 1), tags


# How diffusers finds the class of a saved pipeline: ``DiffusionPipeline.from_pretrained(folder)``.
diffusers.AniMatrixPipeline = AniMatrixPipeline
