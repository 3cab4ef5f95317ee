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
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.transformers.transformer_wan import WanTimeTextImageEmbedding, WanTransformer3DModel
from diffusers.utils import apply_lora_scale
from torch import Tensor, nn

from animatrix.model.tags import TagEmbeds


class TimeTextTagEmbedding(WanTimeTextImageEmbedding):
    """Wan's condition embedder, same parameters, with a tag shift on the time embedding before it is
    projected.
    """

    def forward(
        self,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_image: Tensor | None = None,
        timestep_seq_len: int | None = None,
        tag_shift: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        if tag_shift is None:
            return super().forward(
                timestep, encoder_hidden_states, encoder_hidden_states_image, timestep_seq_len
            )
        freqs = self.timesteps_proj(timestep)
        if timestep_seq_len is not None:
            freqs = freqs.unflatten(0, (-1, timestep_seq_len))
            tag_shift = tag_shift.unsqueeze(1)
        dtype = next(iter(self.time_embedder.parameters())).dtype
        if freqs.dtype != dtype and dtype != torch.int8:
            freqs = freqs.to(dtype)
        temb = self.time_embedder(freqs).type_as(encoder_hidden_states) + tag_shift
        timestep_proj = self.time_proj(self.act_fn(temb))
        text = self.text_embedder(encoder_hidden_states)
        image = encoder_hidden_states_image
        return temb, timestep_proj, text, None if image is None else self.image_embedder(image)


class AniMatrixTransformer3DModel(WanTransformer3DModel):
    """Wan transformer that also takes :class:`~animatrix.model.tags.TagEmbeds`.

    Args (beyond Wan's):
        tag_dim: width of the tag encoder's tokens.
        tag_cross_attention, tag_adaln, tag_track: switch each path, for ablations.
        tag_temporal_scale: frames per latent frame of the VAE (Wan and nano: 4).
        text_len: text slots the model was trained with (Wan: 512), narrative and tags together.
        tag_slots: how many of them, at the end, a narrative leaves to tags; the largest tag set of a request.
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
        tag_temporal_scale: int = 4,
        text_len: int = 512,
        tag_slots: int = 64,
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
        self.init_tag_paths()

    def init_tag_paths(self) -> None:
        """Zero the projections: the model then equals Wan whatever the tags. One zero factor per path, never
        two.
        """
        for path in self._tag_paths():
            nn.init.zeros_(path.weight)

    def _tag_paths(self) -> list[nn.Linear]:
        return [p for p in (self.tag_to_text, self.tag_to_time, self.tag_to_frames) if p is not None]

    @classmethod
    def from_wan(cls, wan: WanTransformer3DModel, **tag_options: Any) -> AniMatrixTransformer3DModel:
        """Adopt the weights of a Wan transformer (shared, not copied) and add fresh, zeroed tag paths.

        Args:
            wan: any Wan 2.1/2.2 transformer, already loaded.
            tag_options: the arguments this class adds to Wan's.
        Raises:
            ValueError: if a weight of ``wan`` has no place here, or one here was not filled.
        """
        config = {k: v for k, v in wan.config.items() if not k.startswith("_")}
        with torch.device("meta"):
            model = cls(**{**config, **tag_options})
        missing, unexpected = model.load_state_dict(wan.state_dict(), strict=False, assign=True)
        missing = [k for k in missing if not k.startswith("tag_")]
        if missing or unexpected:
            raise ValueError(f"not the weights of this Wan config: {(missing + unexpected)[0]}")
        model.rope = wan.rope  # its buffers are not in the state dict
        for path in model._tag_paths():
            path.to_empty(device=wan.device)
            path.to(wan.dtype)
        model.init_tag_paths()
        return model.train(wan.training)

    def _add_tag_tokens(self, text_BSD: Tensor, tags: TagEmbeds) -> Tensor:
        count = tags.tokens.shape[1]
        if count > text_BSD.shape[1]:
            raise ValueError(f"{count} tags do not fit into {text_BSD.shape[1]} text slots")
        assert self.tag_to_text is not None
        tokens = self.tag_to_text(tags.tokens.to(text_BSD.dtype))
        return torch.cat([text_BSD[:, :-count], text_BSD[:, -count:] + tokens], dim=1)

    def _frame_track(self, tags: TagEmbeds, latent_frames: int, dtype: torch.dtype) -> Tensor:
        """[B,F,D]: per latent frame, the sum of the tags with a span, weighted by the cover of each of its
        subframes.
        """
        assert self.tag_to_frames is not None
        scale = self.config.tag_temporal_scale
        frames = scale * (latent_frames - 1) + 1
        # Frame 0 owns latent frame 0 alone, so its subframes are all frame 0.
        index = torch.arange(scale * latent_frames, device=tags.span.device) - (scale - 1)
        left = index.clamp(min=0).float() / frames
        right = left + 1.0 / frames
        start, end = tags.span[..., 0:1].float(), tags.span[..., 1:2].float()
        cover_BTG = (torch.minimum(right, end) - torch.maximum(left, start)).clamp(min=0) * frames
        cover_BTG = cover_BTG * tags.spanned[..., None]
        track = torch.einsum("btg,btd->bgd", cover_BTG.to(dtype), tags.tokens.to(dtype))
        return self.tag_to_frames(track.unflatten(1, (latent_frames, scale)).flatten(2))

    @apply_lora_scale("attention_kwargs")
    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_image: Tensor | None = None,
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
        tags: TagEmbeds | None = None,
    ) -> Transformer2DModelOutput | tuple[Tensor]:
        """Velocity of the noisy latents.

        Shapes: hidden_states [B,C_in,F,H,W]; timestep [B], or [B,L] per token (Wan 2.2 TI2V);
            encoder_hidden_states
        [B,S,text_dim]; result [B,C_out,F,H,W].
        """
        b, _, f, h, w = hidden_states.shape
        p_t, p_h, p_w = self.config.patch_size
        rotary_emb = self.rope(hidden_states)
        x_BDFHW = self.patch_embedding(hidden_states)
        if tags is not None and self.tag_to_frames is not None:
            if p_t != 1:
                raise ValueError("the span track needs a temporal patch size of 1")
            track_BFD = self._frame_track(tags, f, x_BDFHW.dtype)
            x_BDFHW = x_BDFHW + track_BFD.transpose(1, 2)[..., None, None]
        x_BLD = x_BDFHW.flatten(2).transpose(1, 2).contiguous()

        seq_len = timestep.shape[1] if timestep.ndim == 2 else None
        tag_shift = None
        if tags is not None and self.tag_to_time is not None:
            tag_shift = self.tag_to_time(tags.pooled.to(encoder_hidden_states.dtype))
        temb, time_proj, text, image = self.condition_embedder(
            timestep.flatten(), encoder_hidden_states, encoder_hidden_states_image, seq_len, tag_shift
        )
        time_proj = time_proj.unflatten(1 if seq_len is None else 2, (6, -1))
        if tags is not None and self.tag_to_text is not None:
            text = self._add_tag_tokens(text, tags)
        if image is not None:
            text = torch.cat([image, text], dim=1)

        for block in self.blocks:
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                x_BLD = self._gradient_checkpointing_func(block, x_BLD, text, time_proj, rotary_emb)
            else:
                x_BLD = block(x_BLD, text, time_proj, rotary_emb)

        table = self.scale_shift_table.to(temb.device)
        if temb.ndim == 3:
            shift, scale = (table.unsqueeze(0) + temb.unsqueeze(2)).unbind(2)
        else:
            shift, scale = (table + temb.unsqueeze(1)).chunk(2, dim=1)
        shift, scale = shift.to(x_BLD.device), scale.to(x_BLD.device)
        x_BLD = (self.norm_out(x_BLD.float()) * (1 + scale) + shift).type_as(x_BLD)
        x = self.proj_out(x_BLD).reshape(b, f // p_t, h // p_h, w // p_w, p_t, p_h, p_w, -1)
        output = x.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return Transformer2DModelOutput(sample=output) if return_dict else (output,)


def parameter_count(model: nn.Module) -> int:
    """Number of parameters."""
    return sum(math.prod(p.shape) for p in model.parameters())
