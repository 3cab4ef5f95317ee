"""Narrative encoding: a frozen T5 encoder; the slots past the end of the text are exact zeros, as Wan was
trained.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def encode_text(texts: Sequence[str], tokenizer, text_encoder, slots: int) -> Tensor:
    """Narratives to [B,slots,text_dim]; longer ones are cut at ``slots`` tokens, the rest is zero."""
    batch = tokenizer(
        list(texts),
        padding="max_length",
        max_length=slots,
        truncation=True,
        return_attention_mask=True,
        return_tensors="pt",
    )
    ids = batch.input_ids.to(text_encoder.device)
    mask = batch.attention_mask.to(text_encoder.device)
    states = text_encoder(ids, mask).last_hidden_state
    return states * mask[..., None].to(states.dtype)
