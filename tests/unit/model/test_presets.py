"""The published backbones: their size, and how little the tag channel adds."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from diffusers import WanTransformer3DModel

from animatrix import AniMatrixError, AniMatrixTransformer3DModel, TagEncoder
from animatrix.model.presets import PRESETS, backbone
from animatrix.model.transformer import parameter_count

BILLIONS = {
    "wan2.1-t2v-1.3b": 1.42,
    "wan2.1-t2v-14b": 14.29,
    "wan2.1-i2v-14b": 16.39,
    "wan2.2-t2v-a14b": 14.29,
    "wan2.2-i2v-a14b": 14.29,
    "wan2.2-ti2v-5b": 5.00,
}


@cache
def counts(items) -> tuple[int, int]:
    with torch.device("meta"):
        return tuple(
            parameter_count(c(**dict(items))) for c in (WanTransformer3DModel, AniMatrixTransformer3DModel)
        )


@pytest.mark.parametrize("name", PRESETS)
def test_true_configs_have_the_published_number_of_parameters_and_tags_add_under_one_percent(name):
    wan, ours = counts(tuple(PRESETS[name].transformer.items()))
    assert wan / 1e9 == pytest.approx(BILLIONS[name], rel=1e-3)
    added = ours - wan + parameter_count(TagEncoder())
    assert 0 < added < 0.01 * wan


def test_only_the_backbones_with_two_experts_have_a_boundary():
    assert {n for n, p in PRESETS.items() if p.experts == 2} == {
        n for n, p in PRESETS.items() if p.boundary is not None
    }


def test_unknown_backbone_names_the_nearest():
    with pytest.raises(AniMatrixError, match=r"unknown backbone 'wan2\.1-t2v-13b'; did you mean"):
        backbone("wan2.1-t2v-13b")
