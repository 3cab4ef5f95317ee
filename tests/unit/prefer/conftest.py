"""One cache of small sets for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_sets import data

from animatrix.prefer.recipe import PairData
from animatrix.prefer.shards import PairStore


@pytest.fixture(scope="session")
def pair_cache(tmp_path_factory) -> Path:
    """Shards of the recipe of small_sets, drawn."""
    cache = tmp_path_factory.mktemp("pairs")
    section = PairData.model_validate(data(cache), strict=False)
    for split in ("train", "tune"):
        assert PairStore(section, split).make(0)
    return cache


@pytest.fixture
def store(pair_cache) -> PairStore:
    return PairStore(PairData.model_validate(data(pair_cache), strict=False), "train")
