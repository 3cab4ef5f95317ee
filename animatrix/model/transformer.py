"""AniMatrixTransformer3DModel: Wan's video transformer with a tag channel.

The blocks are diffusers' own, so caches, compilation, offload and LoRA keep working. Tags enter in three
places, each through a zero-initialised projection, so that a fresh model computes exactly what Wan computes,
tags or not:

* **path A, cross-attention (detail)**: tag token i is added to the i-th of the last T text slots, which Wan
  fills with zero padding. The sequence keeps its length and needs no mask.
* **path B, AdaLN (global)**: the pooled tag vector is added to the time embedding before ``time_proj``, and
  so reaches the modulation of every block and of the head.
* **span track (time)**: cross-attention keys carry no frame index and Wan's rotary positions are relative, so
  a token that says "frames 14-15" cannot be found by the tokens of frame 14. Each latent frame therefore
  receives the tags that are *on* during it: tokens weighted by how much of each of its four subframes their
  span covers.
* **clock (time)**: for the same reason a token cannot know the phase of its frames, which is what shooting on
  twos or threes is about. Where there are tags, each latent frame also receives where in the shot its four
  subframes stand and their phases in cycles of 2, 3, 4 and 8 frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.transformers.transformer_wan import (
    WanTimeTextImageEmbedding,
    WanTransformer3DModel,
)
from diffusers.utils import apply_lora_scale
from torch import Tensor, nn

from animatrix.model import precondition, tracks
from animatrix.model.cleanup import CleanUp
from animatrix.model.conditions import (
    BlockContext,
    Conditions,
    KeptKeysAttnProcessor,
    Terms,
    prefetches_leaves,
)
from animatrix.model.extended import ExtendedWan
from animatrix.model.precondition import Spread
from animatrix.model.stand import Stand, Window, laid
from animatrix.model.tags import TagEmbeds, no_tags

# tag path -> the argument that switches it
TAG_PATHS = {
    "tag_to_text": "tag_cross_attention",
    "tag_to_time": "tag_adaln",
    "tag_to_frames": "tag_track",
    "tag_to_clock": "tag_clock",
}


class TimeTextTagEmbedding(WanTimeTextImageEmbedding):
    """Wan's condition embedder, same parameters, with a tag shift on the time embedding before it is
    projected, and without embedding text and image again where they are known.
    """

    def forward(
        self,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_image: Tensor | None = None,
        timestep_seq_len: int | None = None,
        tag_shift: Tensor | None = None,
        embedded: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        freqs = self.timesteps_proj(timestep)
        if timestep_seq_len is not None:
            freqs = freqs.unflatten(0, (-1, timestep_seq_len))
        dtype = next(iter(self.time_embedder.parameters())).dtype
        if freqs.dtype != dtype and dtype != torch.int8:
            freqs = freqs.to(dtype)
        temb = self.time_embedder(freqs).type_as(encoder_hidden_states)
        if tag_shift is not None:
            temb = temb + (tag_shift if timestep_seq_len is None else tag_shift.unsqueeze(1))
        timestep_proj = self.time_proj(self.act_fn(temb))
        if embedded:
            return temb, timestep_proj, None, None
        text = self.text_embedder(encoder_hidden_states)
        image = encoder_hidden_states_image
        return temb, timestep_proj, text, None if image is None else self.image_embedder(image)


class AniMatrixTransformer3DModel(ExtendedWan):
    """Wan transformer that also takes :class:`~animatrix.model.tags.TagEmbeds`.

    Args (beyond Wan's):
        tag_dim: width of the tag encoder's tokens.
        tag_cross_attention, tag_adaln, tag_track, tag_clock: switch each path, for ablations.
        tag_temporal_scale: frames per latent frame of the VAE (Wan and nano: 4).
        text_len: text slots the model was trained with (Wan: 512), narrative and tags together.
        tag_slots: how many of them, at the end, a narrative leaves to tags; the largest tag set of a request.
        predicts: what the last layer says: the "velocity" as in Wan, or what a linear guess from the noisy
            latents leaves of it ("preconditioned", see :mod:`animatrix.model.precondition`). :meth:`forward`
            returns the velocity either way.
        latent_spread: standard deviations of the latents for the latter, two rows of ``out_channels``
            numbers: of the first latent frame, and of the others; None: 1.
        on_stand: tell tokens where they stand in the picture and look on set and figure (:class:`Stand`); Wan
            does not.
        cleanup_width: of the finer sheet on which what the blocks say is drawn out (:class:`CleanUp`), a
            multiple of 8; 0: none, as in Wan.
        takes_draft: show tokens and clean-up the latents of a draft (:mod:`animatrix.model.draft`).
    """

    _skip_layerwise_casting_patterns: ClassVar[list[str]] = [
        *WanTransformer3DModel._skip_layerwise_casting_patterns,
        "tag_",
    ]

    @register_to_config
    def __init__(
        self,
        patch_size: tuple[int, ...] = (1, 2, 2),
        num_attention_heads: int = 40,
        attention_head_dim: int = 128,
        in_channels: int = 16,
        out_channels: int = 16,
        text_dim: int = 4096,
        freq_dim: int = 256,
        ffn_dim: int = 13824,
        num_layers: int = 40,
        cross_attn_norm: bool = True,
        qk_norm: str | None = "rms_norm_across_heads",
        eps: float = 1e-6,
        image_dim: int | None = None,
        added_kv_proj_dim: int | None = None,
        rope_max_seq_len: int = 1024,
        pos_embed_seq_len: int | None = None,
        tag_dim: int = 128,
        tag_cross_attention: bool = True,
        tag_adaln: bool = True,
        tag_track: bool = True,
        tag_clock: bool = True,
        tag_temporal_scale: int = 4,
        text_len: int = 512,
        tag_slots: int = 64,
        predicts: str = "velocity",
        latent_spread: Spread | None = None,
        on_stand: bool = False,
        cleanup_width: int = 0,
        takes_draft: bool = False,
    ) -> None:
        super().__init__(
            patch_size=patch_size,
            num_attention_heads=num_attention_heads,
            attention_head_dim=attention_head_dim,
            in_channels=in_channels,
            out_channels=out_channels,
            text_dim=text_dim,
            freq_dim=freq_dim,
            ffn_dim=ffn_dim,
            num_layers=num_layers,
            cross_attn_norm=cross_attn_norm,
            qk_norm=qk_norm,
            eps=eps,
            image_dim=image_dim,
            added_kv_proj_dim=added_kv_proj_dim,
            rope_max_seq_len=rope_max_seq_len,
            pos_embed_seq_len=pos_embed_seq_len,
        )
        inner_dim = num_attention_heads * attention_head_dim
        self.condition_embedder = TimeTextTagEmbedding(
            dim=inner_dim,
            time_freq_dim=freq_dim,
            time_proj_dim=inner_dim * 6,
            text_embed_dim=text_dim,
            image_embed_dim=image_dim,
            pos_embed_seq_len=pos_embed_seq_len,
        )
        self.tag_to_text: nn.Linear | None = (
            nn.Linear(tag_dim, inner_dim, bias=False) if tag_cross_attention else None
        )
        self.tag_to_time: nn.Linear | None = nn.Linear(tag_dim, inner_dim, bias=False) if tag_adaln else None
        self.tag_to_frames: nn.Linear | None = (
            nn.Linear(tag_temporal_scale * tag_dim, inner_dim, bias=False) if tag_track else None
        )
        self.tag_to_clock: nn.Linear | None = (
            nn.Linear(tag_temporal_scale * tracks.CLOCK_FEATURES, inner_dim, bias=False)
            if tag_clock
            else None
        )
        self.stand = Stand(inner_dim, tag_temporal_scale) if on_stand else None
        planes = 0 if self.stand is None else len(self.stand.planes)
        patch = (patch_size[1], patch_size[2])
        if takes_draft and not cleanup_width:
            raise ValueError("a model that takes drafts has a clean-up")
        whole = (patch_size[0], *patch)
        self.draft_embedding = (
            nn.Conv3d(out_channels, inner_dim, whole, whole, bias=False) if takes_draft else None
        )
        self.cleanup = (
            CleanUp(
                inner_dim,
                cleanup_width,
                in_channels,
                out_channels,
                patch,
                planes,
                tag_temporal_scale,
                drafted=takes_draft,
            )
            if cleanup_width
            else None
        )
        if predicts not in ("velocity", "preconditioned"):
            raise ValueError(f"predicts is velocity or preconditioned, not {predicts!r}")
        if latent_spread is not None and [len(row) for row in latent_spread] != [out_channels] * 2:
            raise ValueError(f"latent_spread is two rows of {out_channels} numbers")
        if image_dim is not None and text_len != 512:
            raise ValueError(f"image embeds need Wan's 512 text slots, not text_len={text_len}")
        for block in self.blocks:
            block.attn2.set_processor(KeptKeysAttnProcessor())
        self.init_tag_paths()

    def init_tag_paths(self) -> None:
        """Zero the projections: the model then equals Wan whatever the tags. One zero factor per path, never
        two.
        """
        for path in self._tag_paths():
            nn.init.zeros_(path.weight)
        if self.draft_embedding is not None:
            nn.init.zeros_(self.draft_embedding.weight)
        if self.stand is not None:
            self.stand.silence()
        if self.cleanup is not None:
            self.cleanup.silence()

    def _tag_paths(self) -> list[nn.Linear]:
        paths = (getattr(self, name) for name in TAG_PATHS)
        return [p for p in paths if p is not None]

    def open_missing(self) -> None:
        """Make what a checkpoint lacked (still on meta) silent, beside the other weights."""
        first = self.patch_embedding.weight
        for path in self._tag_paths():
            if path.weight.is_meta:
                path.to_empty(device=first.device).to(first.dtype)
                nn.init.zeros_(path.weight)
        for part in (self.stand, self.cleanup):
            if part is not None and part.out.weight.is_meta:
                part.to_empty(device=first.device).to(first.dtype)
                part.reset_parameters()
        if self.draft_embedding is not None and self.draft_embedding.weight.is_meta:
            self.draft_embedding.to_empty(device=first.device).to(first.dtype)
            nn.init.zeros_(self.draft_embedding.weight)
        clean = self.cleanup
        if clean is not None and clean.drafted is not None and clean.drafted.weight.is_meta:
            for way in (clean.drafted, clean.matte):
                assert way is not None
                way.to_empty(device=first.device).to(first.dtype)
            clean.silence_drafts()

    def prepare(
        self,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_image: Tensor | None = None,
        tags: TagEmbeds | None = None,
        *,
        layout: Tensor | None = None,
        draft: Tensor | None = None,
        keep_keys: bool = True,
    ) -> Conditions:
        """Conditions of one guidance pass of a request, to hand to every forward of it in place of the text.

        Args:
            encoder_hidden_states, encoder_hidden_states_image, tags, layout, draft: as for :meth:`forward`.
            keep_keys: keep each block's cross-attention keys and values too: 2 x text slots x width numbers
                a block (14B in bf16: 0.4 GB a pass).
        """
        return Conditions(
            self,
            encoder_hidden_states,
            encoder_hidden_states_image,
            tags,
            keep_keys,
            layout=layout,
            draft=draft,
        )

    def _add_tag_tokens(self, text_BSD: Tensor, tags: TagEmbeds) -> Tensor:
        count = tags.tokens.shape[1]
        if count > text_BSD.shape[1]:
            raise ValueError(f"{count} tags do not fit into {text_BSD.shape[1]} text slots")
        assert self.tag_to_text is not None
        tokens = self.tag_to_text(tags.tokens.to(text_BSD.dtype))
        return torch.cat([text_BSD[:, :-count], text_BSD[:, -count:] + tokens], dim=1)

    def _tag_terms(
        self, given: Conditions, like: Tensor, size: tuple[int, int], window: Window | None
    ) -> tuple[Terms, Tensor | None, TagEmbeds | None]:
        """What is added to the tokens ``like`` [B,D,F,h,w] of latents of ``size``, and to the time embedding
        (tag shift [B,D]), kept in ``given``, and the tags they are of.
        """
        tags = given.tags
        if tags is None and prefetches_leaves(self):
            tags = no_tags(given.states.shape[0], self.config.tag_dim, given.states)
        shape = (*like.shape[2:], *size)
        terms, shift = given.terms if given.terms_shape == shape else None, given.shift
        if shift is None and tags is not None and self.tag_to_time is not None:
            shift = self.tag_to_time(tags.pooled.to(given.states.dtype))
        if terms is None:
            terms = self._terms(given, tags, shift, like, size, window)
        if self._keeps(given):
            given.terms, given.terms_shape, given.shift = terms, shape, shift
        return terms, shift, tags

    def _terms(
        self,
        given: Conditions,
        tags: TagEmbeds | None,
        shift: Tensor | None,
        like: Tensor,
        size: tuple[int, int],
        window: Window | None,
    ) -> Terms:
        """Span track and clock [B,D,F,1,1], with places [B,D,F,h,w], and the sheet of the clean-up."""
        track_BFD = None if tags is None else self._track(tags, like.shape[2], like.dtype)
        added = None if track_BFD is None else track_BFD.transpose(1, 2)[..., None, None]
        if self.stand is None and given.layout is not None:
            raise ValueError("a layout is of a model on a stand")
        if self.draft_embedding is None and given.draft is not None:
            raise ValueError("this model takes no drafts")
        if self.stand is None and self.cleanup is None:
            return Terms(added, None)
        drive_BFD = like.new_zeros(like.shape[0], like.shape[2], like.shape[1])
        drive_BFD = drive_BFD + (0 if track_BFD is None else track_BFD)
        drive_BFD = drive_BFD + (0 if shift is None else shift[:, None])
        found = None if given.layout is None else laid(given.layout.to(like.device))
        draft = None if given.draft is None else given.draft.to(like.device).nan_to_num().type_as(like)
        if self.stand is not None:
            term = self.stand(found, like, *like.shape[-2:], window)
            if found is not None:
                acting_BFD = self.stand.acting(found)
                drive_BFD = drive_BFD + acting_BFD
                term = term + acting_BFD.transpose(1, 2)[..., None, None]
            added = term.type_as(like) if added is None else term.type_as(like) + added
        if self.draft_embedding is not None and draft is not None:
            term = self.draft_embedding(draft)
            added = term if added is None else term + added
        if self.cleanup is None:
            return Terms(added, None)
        return Terms(added, self.cleanup.sheet(drive_BFD, found, draft, *size, window))

    def _track(self, tags: TagEmbeds, latent_frames: int, dtype: torch.dtype) -> Tensor | None:
        """Span track and clock [B,F,D]; the clock is silent for a sample without tags."""
        terms, scale = [], self.config.tag_temporal_scale
        if self.config.patch_size[0] != 1 and (
            self.tag_to_frames is not None or self.tag_to_clock is not None
        ):
            raise ValueError("span track and clock need a temporal patch size of 1")
        if self.tag_to_frames is not None:
            terms.append(self.tag_to_frames(tracks.tags_shown(tags, latent_frames, scale, dtype)))
        if self.tag_to_clock is not None:
            hands = self.tag_to_clock(tracks.clock(latent_frames, scale, tags.span.device).to(dtype))
            terms.append(hands * tags.mask.any(1)[:, None, None].to(dtype))
        return sum(terms[1:], terms[0]) if terms else None

    def _contexts(
        self, given: Conditions, text: Tensor | None, image: Tensor | None, tags: TagEmbeds | None
    ) -> Sequence[Tensor | BlockContext]:
        """What each block attends to: the text with its tag tokens, or a place that keeps keys and values."""
        full = given.text
        if full is None:
            assert text is not None
            full = text
            if tags is not None and self.tag_to_text is not None:
                full = self._add_tag_tokens(full, tags)
            if image is not None:
                full = torch.cat([image, full], dim=1)
            if not self._keeps(given):
                return [full] * len(self.blocks)
            given.text = full
            # Another processor set by the user knows tensors only.
            if given.keep_keys and all(
                isinstance(b.attn2.processor, KeptKeysAttnProcessor) for b in self.blocks
            ):
                images = 0 if image is None else image.shape[1]
                given.blocks = [BlockContext(full, images) for _ in self.blocks]
        return [full] * len(self.blocks) if given.blocks is None else given.blocks

    def _keeps(self, given: Conditions) -> bool:
        """Whether what this forward computes may serve the next one."""
        return given.prepared and not prefetches_leaves(self)

    @apply_lora_scale("attention_kwargs")
    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor | Conditions,
        encoder_hidden_states_image: Tensor | None = None,
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
        tags: TagEmbeds | None = None,
        window: Window | None = None,
        layout: Tensor | None = None,
        draft: Tensor | None = None,
    ) -> Transformer2DModelOutput | tuple[Tensor, ...]:
        """Velocity of the noisy latents.

        Args:
            hidden_states: [B,C_in,F,H,W].
            timestep: [B], or [B,L] per token (Wan 2.2 TI2V).
            encoder_hidden_states: text [B,S,text_dim], or what :meth:`prepare` made of text, image and tags.
            window: what the latents are cut from, while training on parts of pictures.
            layout: [B,T,LAYOUT] what stands where in each of the T = scale (F - 1) + 1 frames, NaN for
                samples of which it is not known; see :mod:`animatrix.model.stand`.
            draft: [B,C_out,F,H,W] latents of rough pictures of every frame, NaN for samples without; see
                :mod:`animatrix.model.draft`.
        Returns:
            [B,C_out,F,H,W].
        """
        given = encoder_hidden_states
        if not isinstance(given, Conditions):
            given = Conditions(
                self, given, encoder_hidden_states_image, tags, prepared=False, layout=layout, draft=draft
            )
        elif any(each is not None for each in (tags, encoder_hidden_states_image, layout, draft)):
            raise ValueError("tags, image embeds, layout and draft are part of the prepared conditions")
        elif given.owner is not self:
            raise ValueError("these conditions were prepared by another transformer")
        elif window is not None:
            raise ValueError("prepared conditions are of whole pictures")
        elif torch.is_grad_enabled():  # what is kept carries no gradients, and must not carry a spent graph
            given = given.afresh()
        b, _, f, h, w = hidden_states.shape
        p_t, p_h, p_w = self.config.patch_size
        rotary_emb = self.rope(hidden_states)
        noisy, spread = hidden_states[:, : self.config.out_channels], None
        if self.config.predicts == "preconditioned":
            spread = precondition.spread_of(self.config.latent_spread, noisy)
            shown = precondition.shown(noisy, timestep, spread)
            hidden_states = torch.cat([shown, hidden_states[:, noisy.shape[1] :]], 1)
        x_BDFHW = self.patch_embedding(hidden_states)
        terms, tag_shift, seen = self._tag_terms(given, x_BDFHW, (h, w), window)
        if terms.added is not None:
            x_BDFHW = x_BDFHW + terms.added
        x_BLD = x_BDFHW.flatten(2).transpose(1, 2).contiguous()

        seq_len = timestep.shape[1] if timestep.ndim == 2 else None
        temb, time_proj, text, image = self.condition_embedder(
            timestep.flatten(), given.states, given.image, seq_len, tag_shift, embedded=given.text is not None
        )
        time_proj = time_proj.unflatten(1 if seq_len is None else 2, (6, -1))
        contexts = self._contexts(given, text, image, seen)

        for block, context in zip(self.blocks, contexts, strict=True):
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                x_BLD = self._gradient_checkpointing_func(block, x_BLD, context, time_proj, rotary_emb)
            else:
                x_BLD = block(x_BLD, context, time_proj, rotary_emb)

        table = self.scale_shift_table.to(temb.device)
        if temb.ndim == 3:
            shift, scale = (table.unsqueeze(0) + temb.unsqueeze(2)).unbind(2)
        else:
            shift, scale = (table + temb.unsqueeze(1)).chunk(2, dim=1)
        shift, scale = shift.to(x_BLD.device), scale.to(x_BLD.device)
        x_BLD = (self.norm_out(x_BLD.float()) * (1 + scale) + shift).type_as(x_BLD)
        x = self.proj_out(x_BLD).reshape(b, f // p_t, h // p_h, w // p_w, p_t, p_h, p_w, -1)
        output = x.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        matte = None
        if self.cleanup is not None:
            if temb.ndim == 3:
                raise ValueError("a model with a clean-up takes one timestep per sample")
            assert terms.sheet is not None
            tokens = x_BLD.transpose(1, 2).unflatten(2, x_BDFHW.shape[2:])
            drawn, matte = self.cleanup(tokens, hidden_states, temb, terms.sheet)
            output = output + drawn
        if spread is not None:
            output = precondition.velocity(output, noisy, timestep, spread)
        if given.draft is not None and matte is not None:
            output = precondition.laid_over(output, given.draft.to(output.device), matte, noisy, timestep)
            if self._keeps(given):
                given.matte = matte
        if not return_dict:
            return (output,)
        return Transformer2DModelOutput(sample=output)


def parameter_count(model: nn.Module) -> int:
    """Number of parameters."""
    return sum(math.prod(p.shape) for p in model.parameters())
