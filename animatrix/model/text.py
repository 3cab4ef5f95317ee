"""Narrative encoding: a frozen T5 encoder; the slots past the end of the text are exact zeros, as Wan was
trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

AT_ONCE = 64  # narratives


def load_text(folder: Path) -> tuple[Any, Any]:
    """Tokenizer and frozen T5 encoder (fp32) of nano, from a folder that holds ``tokenizer`` and
    ``text_encoder``.
    """
    from transformers import T5EncoderModel, T5Tokenizer

    tokenizer = T5Tokenizer.from_pretrained(Path(folder) / "tokenizer")
    encoder = T5EncoderModel.from_pretrained(Path(folder) / "text_encoder", dtype=torch.float32)
    return tokenizer, encoder.eval()


def states_of(texts: Sequence[str], folder: Path, slots: int) -> Tensor:
    """States [N,slots,text_dim] of many narratives, by :func:`load_text`."""
    tokenizer, encoder = load_text(folder)
    found = [
        encode_text(texts[i : i + AT_ONCE], tokenizer, encoder, slots) for i in range(0, len(texts), AT_ONCE)
    ]
    return torch.cat(found)


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
