"""What stays the same over the steps of a request: computed once, by the first forward that needs it.

    conditions = transformer.prepare(text, tags=tag_embeds)
    for t in timesteps:
        velocity = transformer(x, t, conditions).sample

:class:`Conditions` takes the place of the text states. The first forward fills it: embedded text with the tag
tokens, tag shift, span track and places, and each block's cross-attention keys and values. Filling happens
*inside* the forward, never in ``prepare``, so that every hook that moves, casts or gathers weights has fired.

The blocks stay diffusers' own. They hand their ``encoder_hidden_states`` to the attention processor
untouched, so a :class:`BlockContext` travels through them in the tensor's place. Nothing is looked up by the
identity or address of a tensor, and a compiled block sees ordinary attributes.

Adapters and their scales are baked into what is kept: prepare again after changing them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from torch import Tensor, nn

from animatrix.model.cleanup import Sheet
from animatrix.model.tags import TagEmbeds


@dataclass(eq=False)
class BlockContext:
    """Text [B,S,D] of one block, whose first ``images`` slots are image embeds, and the keys and values
    [B,S',H,d] kept of it.
    """

    text: Tensor
    images: int = 0
    key: Tensor | None = None
    value: Tensor | None = None
    image_key: Tensor | None = None
    image_value: Tensor | None = None


class Terms(NamedTuple):
    """What is added to the tokens [B,D,F,h,w], and the sheet of the clean-up."""

    added: Tensor | None
    sheet: Sheet | None


@dataclass(eq=False)
class Conditions:
    """Text states [B,S,text_dim], image embeds, tags, layout [B,T,LAYOUT] and draft [B,C,F,H,W] of one pass,
    for the model ``owner``.

    The rest is filled by the first forward without gradients: text [B,S,D], shift [B,D], the terms of
    tokens and latents of ``terms_shape``.
    """

    owner: nn.Module
    states: Tensor
    image: Tensor | None = None
    tags: TagEmbeds | None = None
    keep_keys: bool = True
    prepared: bool = True  # outlives one forward
    layout: Tensor | None = None
    draft: Tensor | None = None
    text: Tensor | None = None
    shift: Tensor | None = None
    terms: Terms | None = None
    terms_shape: tuple[int, ...] = ()
    blocks: list[BlockContext] | None = None
    matte: Tensor | None = None  # of the last forward: how far the draft stays, [B,C,F,h,w] in [0,1]

    def afresh(self) -> Conditions:
        """The same conditions, for one forward, nothing of it kept."""
        return Conditions(
            self.owner,
            self.states,
            self.image,
            self.tags,
            prepared=False,
            layout=self.layout,
            draft=self.draft,
        )


class KeptKeysAttnProcessor(WanAttnProcessor):
    """Wan's attention, which reads keys and values from a :class:`BlockContext` where it is given one.

    The operations and their order are Wan's, so the result is the same to the bit.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | BlockContext | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        if not isinstance(encoder_hidden_states, BlockContext):
            return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, rotary_emb)
        key, value, image_key, image_value = self._keys_values(
            attn, encoder_hidden_states, hidden_states.device
        )
        query = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        output = self._attend(query, key, value, attention_mask)
        if image_key is not None:
            output = output + self._attend(query, image_key, image_value, None)
        return attn.to_out[1](attn.to_out[0](output))

    def _attend(self, query: Tensor, key: Tensor, value: Tensor | None, mask: Tensor | None) -> Tensor:
        out = dispatch_attention_fn(
            query, key, value, attn_mask=mask, dropout_p=0.0, is_causal=False,
            backend=self._attention_backend, parallel_config=None,
        )  # fmt: skip
        return out.flatten(2, 3).type_as(query)

    @staticmethod
    def _keys_values(
        attn: Any, context: BlockContext, device: torch.device
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        if context.key is not None:
            return context.key, context.value, context.image_key, context.image_value
        fused = getattr(attn, "fused_projections", False)
        both = context.text.to(device)  # blocks may lie on several devices
        text, image = both[:, context.images :], both[:, : context.images]
        key, value = attn.to_kv(text).chunk(2, dim=-1) if fused else (attn.to_k(text), attn.to_v(text))
        key, value = (t.unflatten(2, (attn.heads, -1)) for t in (attn.norm_k(key), value))
        image_key = image_value = None
        if attn.add_k_proj is not None:
            if fused:
                image_key, image_value = attn.to_added_kv(image).chunk(2, dim=-1)
            else:
                image_key, image_value = attn.add_k_proj(image), attn.add_v_proj(image)
            image_key = attn.norm_added_k(image_key).unflatten(2, (attn.heads, -1))
            image_value = image_value.unflatten(2, (attn.heads, -1))
        context.key, context.value = key, value
        context.image_key, context.image_value = image_key, image_value
        return key, value, image_key, image_value


def prefetches_leaves(model: Any) -> bool:
    """Whether leaf-level group offload with streams is on: each layer then loads the next one of the first
    forward, and a layer that is skipped leaves its successor unloaded. Nothing may be kept then.
    """
    leaf = model.condition_embedder.text_embedder.linear_1
    leaf = getattr(leaf, "base_layer", leaf)  # under LoRA
    registry = getattr(leaf, "_diffusers_hook", None)
    hook = None if registry is None else registry.get_hook("group_offloading")
    return hook is not None and hook.group.stream is not None
