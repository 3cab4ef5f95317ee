"""Duplicates are told by their drawings, whatever the coding; runs of shots by their order."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from films import drawn
from test_filters import noisy, shot_of

from animatrix.corpus.duplicates import (
    Look,
    alike,
    alike_pairs,
    likely_pairs,
    near_duplicates,
    repeated_sequences,
)
from animatrix.corpus.fingerprint import Fingerprint, fingerprint
from animatrix.corpus.settings import Thresholds

LIMITS = Thresholds()


def prints(frames: np.ndarray) -> Fingerprint:
    return fingerprint(shot_of(frames))


def coded(frames: np.ndarray, quality: int, size: tuple[int, int]) -> np.ndarray:
    small = [cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames]
    kept = [cv2.imencode(".jpg", f, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for f in small]
    return np.stack([cv2.imdecode(k, 1) for k in kept])


@pytest.mark.parametrize("seed", range(4))
def test_another_coding_size_or_length_is_the_same_shot(seed):
    frames = drawn(seed, frames=36)
    assert alike(prints(frames), prints(coded(frames, 30, (240, 180))), LIMITS)
    assert alike(prints(frames), prints(noisy(frames, 3)), LIMITS)
    assert alike(prints(frames), prints(frames[1:]), LIMITS)


def test_another_action_in_the_same_place_is_another_shot():
    one = drawn(1, frames=36)
    other = drawn(1, frames=36, still=True)
    for t in range(36):
        cv2.rectangle(other[t], (200 - 4 * t, 40), (290 - 4 * t, 150), (240, 240, 60), -1)
    assert not alike(prints(one), prints(other), LIMITS)
    assert not alike(prints(one), prints(drawn(2, frames=36)), LIMITS)


def test_a_blank_shot_is_like_nothing():
    blank = prints(np.zeros((24, 240, 320, 3), np.uint8))
    assert len(blank.hashes) == 0 and not alike(blank, blank, LIMITS)


def test_fingerprints_survive_writing_down():
    one = prints(drawn(1))
    again = Fingerprint.from_json(one.to_json())
    assert (again.hashes == one.hashes).all() and (again.thumbs == one.thumbs).all()


def test_the_index_finds_every_pair_that_comparing_all_would():
    rng = np.random.default_rng(0)
    hashes = [int(h) for h in rng.integers(0, 1 << 62, 40)]
    for i in range(30):
        flips = rng.choice(63, int(rng.integers(0, LIMITS.hash_bits + 1)), replace=False)
        hashes.append(hashes[i] ^ sum(1 << int(b) for b in flips))
    found = likely_pairs([Fingerprint(np.array([h], np.uint64), np.zeros((1, 9, 16, 3))) for h in hashes])
    near = {
        (i, j)
        for i in range(70)
        for j in range(i + 1, 70)
        if (hashes[i] ^ hashes[j]).bit_count() <= LIMITS.hash_bits
    }
    assert len(near) >= 30 and near <= found


def looks_of(*files: list[int]) -> list[Look]:
    """Shots by a number each: equal numbers look alike."""
    cache: dict[int, Fingerprint] = {}
    return [
        Look(f, place, 4.0, cache.setdefault(n, prints(drawn(n, frames=12))))
        for f, numbers in enumerate(files)
        for place, n in enumerate(numbers)
    ]


def repeated(*files: list[int]) -> dict[tuple[int, int], tuple[int, int]]:
    looks = looks_of(*files)
    found = repeated_sequences(looks, alike_pairs(looks, LIMITS), LIMITS)
    return {(looks[i].file, looks[i].place): where for i, where in found.items()}


def test_an_opening_stays_in_the_first_file_that_has_it():
    opening = [1, 2, 3, 4]
    found = repeated([*opening, 10, 11], [12, *opening, 13], [*opening, 14])
    assert set(found) == {(1, 1), (1, 2), (1, 3), (1, 4), (2, 0), (2, 1), (2, 2), (2, 3)}
    assert found[1, 2] == (0, 1) and found[2, 3] == (0, 3)


def test_a_shot_that_differs_inside_a_run_goes_with_it():
    found = repeated([1, 2, 20, 3, 4], [1, 2, 21, 3, 4])
    assert set(found) == {(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)}


def test_few_shots_or_shots_in_another_order_are_no_sequence():
    assert repeated([1, 2, 3, 10], [1, 2, 3, 11]) == {}
    assert repeated([1, 2, 3, 4], [4, 3, 2, 1]) == {}


def test_near_duplicates_keep_the_best_and_do_not_chain():
    looks = looks_of([1, 2, 3])
    pairs = {(0, 1), (1, 2)}  # the first and the last do not look alike
    worth = {0: (0,), 1: (1,), 2: (2,)}
    assert near_duplicates(looks, pairs, [0, 1, 2], lambda i: worth[i]) == {1: 0}
    worth = {0: (2,), 1: (0,), 2: (1,)}
    assert near_duplicates(looks, pairs, [0, 1, 2], lambda i: worth[i]) == {0: 1, 2: 1}
