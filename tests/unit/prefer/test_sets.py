"""Sets: aligned members through one passage, labelled pairs, and shards that give the same back."""

from __future__ import annotations

import numpy as np
import pytest
from small_sets import FRAMES, SIZE, data

from animatrix.errors import AniMatrixError, Code
from animatrix.prefer.merits import TAKES
from animatrix.prefer.pairs import Pair, read_pairs
from animatrix.prefer.passage import Passage, Way
from animatrix.prefer.recipe import PairData
from animatrix.prefer.sets import DEFORMATIONS, Sets, pooled_map
from animatrix.prefer.shards import PairStore
from animatrix.prefer.splits import SEEN


def test_a_set_has_three_takes_and_others_of_one_shape(store):
    drawn = store[0]
    assert [m.kind for m in drawn.members[:3]] == list(TAKES) and len(drawn.members) == 6
    w, h = SIZE
    assert drawn.planes.shape == (6, FRAMES, h * 3 // 2, w)
    assert drawn.maps.shape == (6, (FRAMES - 1) // 4 + 1, h // 8, w // 8)
    assert len({m.clip for m in drawn.members}) == 6


def test_only_the_collapsed_take_has_a_failure_map(store):
    for number in range(2):
        drawn = store[number]
        marked = [m.kind for m, where in zip(drawn.members, drawn.maps, strict=True) if where.any()]
        assert marked == ["collapsed"]


def test_one_directive_asks_for_the_deformation_and_the_other_for_none(store):
    drawn = store[0]
    asked = {p.wanted: drawn.directives[p.directive] for p in drawn.pairs}
    shown = {
        wanted: {t.value for f in DEFORMATIONS for t in d.tags.get(f, ())} - {"none"}
        for wanted, d in asked.items()
    }
    field, _, value = drawn.pairs[0].provenance.asked.partition("=")
    assert shown == {"deformation": {value}, "near_physical": set()} and field in DEFORMATIONS


def test_pairs_say_where_they_come_from(store):
    for pair in store[1].pairs:
        place = pair.provenance
        assert (place.source, place.seed, place.number, place.split) == ("synthetic", 0, 1, "train")
        assert place.family == "train"
        has = "collapsed" in (pair.first.kind, pair.second.kind)
        assert (place.failure in SEEN) if has else place.failure == ""


def test_the_same_number_is_the_same_set_and_other_splits_are_others(store):
    section = store.data
    again = Sets(section.seed, "train", store.passage, section.size, section.frames)[0]
    assert np.array_equal(again.planes, store[0].planes) and again.pairs == store[0].pairs
    other = Sets(section.seed, "tune", store.passage, section.size, section.frames)[0]
    assert other.pairs[0].provenance.family == "held_out"
    assert not np.array_equal(other.planes[0], again.planes[0])


def test_the_manifest_is_pairs_one_a_line(store):
    pairs = read_pairs(store.manifest(0))
    assert pairs == [p for number in range(2) for p in store[number].pairs]
    assert all(isinstance(p, Pair) for p in pairs)


def test_a_damaged_manifest_line_is_named(store, tmp_path):
    text = store.manifest(0).read_text().replace('"label":"first"', '"label":"frist"', 1)
    (tmp_path / "p.jsonl").write_text(text)
    line = next(i for i, row in enumerate(text.splitlines(), 1) if "frist" in row)
    with pytest.raises(AniMatrixError, match=f"line {line}: label: "):
        read_pairs(tmp_path / "p.jsonl")


def test_a_damaged_shard_is_named(pair_cache, tmp_path):
    import shutil

    cache = tmp_path / "cache"
    shutil.copytree(pair_cache, cache)
    store = PairStore(PairData.model_validate(data(cache), strict=False), "train")
    file = store._tables(0)
    content = bytearray(file.read_bytes())
    content[-100] ^= 255
    file.write_bytes(bytes(content))
    with pytest.raises(AniMatrixError, match=r"shard 0 of .* is damaged: .* content has changed") as caught:
        store[0]
    assert caught.value.code is Code.FILE_UNREADABLE


def test_a_failure_keeps_its_place_and_time_on_the_grid_of_latents():
    whole = np.zeros((9, 32, 48), np.float32)
    whole[6, 8:16, 40:48] = 1
    pooled = pooled_map(whole)
    assert pooled.shape == (3, 4, 6) and pooled[2, 1, 5] == 1 and pooled.sum() == 1
    first = np.zeros_like(whole)
    first[0, :8, :8] = 0.4
    assert pooled_map(first)[0, 0, 0] == pytest.approx(0.8) and pooled_map(first)[1:].sum() == 0


def test_all_members_pass_alike_with_noise_of_their_own(tmp_path):
    import torch

    from animatrix.model.vae import AutoencoderNano

    torch.manual_seed(0)
    AutoencoderNano(z_dim=4, widths=(8, 8, 8), pixel_width=0).save_pretrained(tmp_path)
    passage = Passage(tmp_path, noise=0.5, codecs=0.0)
    frames = np.random.default_rng(0).integers(0, 255, (6, 32, 48, 3), np.uint8)
    way = passage.drawn(np.random.default_rng(1))
    assert way.codec == "" and 0 < way.noise <= 0.5
    one, same, other = (passage(frames, way, seed) for seed in (1, 1, 2))
    assert one.shape == frames.shape and np.array_equal(one, same) and not np.array_equal(one, other)
    assert np.array_equal(passage(frames, Way(), 1), passage(frames, Way(), 2))


def test_a_missing_autoencoder_is_told(tmp_path):
    with pytest.raises(AniMatrixError, match="no autoencoder in"):
        Passage(tmp_path / "none")
