"""Fixtures: a pipeline of the true structure with tiny random weights."""

from __future__ import annotations

import string
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_pipeline():
    """AniMatrixPipeline with every component of nano's layout, a few thousand random weights each."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    from animatrix import AniMatrixPipeline, AniMatrixTransformer3DModel, AutoencoderNano, TagEncoder
    from animatrix.model.transformer import TAG_PATHS

    torch.manual_seed(0)
    letters = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters += [(c, -3.0) for c in string.ascii_letters + string.punctuation]
    tokenizer = T5Tokenizer(vocab=[*letters, ("<extra_id_0>", 0.0)], extra_ids=1)
    text = T5EncoderModel(
        T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    )
    tags = TagEncoder(dim=16, num_layers=1, num_heads=2)
    vae = AutoencoderNano(z_dim=4, widths=(8, 8, 8), pixel_width=4)
    transformer = AniMatrixTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=12,
        out_channels=4,
        text_dim=16,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
        tag_dim=16,
        text_len=56,
        tag_slots=24,
    )
    # Tag paths start at zero; random ones make every test of their effect mean something.
    for name in TAG_PATHS:
        torch.nn.init.normal_(getattr(transformer, name).weight, std=0.2)
    pipe = AniMatrixPipeline(
        tokenizer=tokenizer,
        text_encoder=text.eval(),
        vae=vae.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=transformer.eval(),
        tag_encoder=tags.eval(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def tiny_model(tiny_pipeline, tmp_path_factory) -> Path:
    """The same pipeline saved in the diffusers layout."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
