"""A fresh AniMatrix transformer computes what diffusers' Wan computes, to the bit, tags or not."""

from __future__ import annotations

import pytest
import torch
from backbones import tiny_inputs, tiny_tags, tiny_wan

from animatrix.model import AniMatrixTransformer3DModel
from animatrix.model.presets import PRESETS


def as_loaded(wan, dtype):
    """As diffusers loads it: norms, time embedder and modulation stay in float32."""
    keep = set(wan._keep_in_fp32_modules)
    for name, parameter in wan.named_parameters():
        if not keep & set(name.split(".")):
            parameter.data = parameter.data.to(dtype)
    return wan


CASTS = {
    "float32": (torch.float32, lambda wan: wan),
    "bfloat16": (torch.bfloat16, lambda wan: wan.to(torch.bfloat16)),
    "bfloat16_as_loaded": (torch.bfloat16, lambda wan: as_loaded(wan, torch.bfloat16)),
}


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize("name", PRESETS)
def test_fresh_model_is_bit_equal_to_wan(name, cast):
    dtype, to = CASTS[cast]
    inputs, tags = tiny_inputs(name, dtype), tiny_tags()
    for expert in range(PRESETS[name].experts):
        wan = to(tiny_wan(name, seed=expert))
        model = AniMatrixTransformer3DModel.from_wan(wan, tag_dim=16)
        with torch.no_grad():
            expected = wan(**inputs).sample
            assert expected.isfinite().all() and expected.abs().max() > 1e-3
            assert torch.equal(model(**inputs).sample, expected)
            assert torch.equal(model(**inputs, tags=tags).sample, expected)


def test_training_gradients_of_wans_weights_are_wans(name="wan2.1-i2v-14b"):
    wan, inputs = tiny_wan(name), tiny_inputs(name)
    model = AniMatrixTransformer3DModel.from_wan(tiny_wan(name), tag_dim=16)
    wan(**inputs).sample.square().sum().backward()
    model(**inputs, tags=tiny_tags()).sample.square().sum().backward()
    ours = dict(model.named_parameters())
    for key, parameter in wan.named_parameters():
        assert torch.equal(ours[key].grad, parameter.grad), key
