"""Each negative does what its name says, keeps the shape, and is the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix.prefer.negatives import NEGATIVES

DONE = {name: made.done for name, made in NEGATIVES.items() if made.done is not None}


@pytest.fixture(scope="module")
def clip():
    """A block that moves over stripes; every frame is different."""
    frames = np.zeros((12, 48, 64, 3), np.uint8)
    frames[:, ::4] = 90
    for t, frame in enumerate(frames):
        frame[10:30, 3 * t : 3 * t + 14] = (200, 40, 20 + 10 * t)
    return frames


@pytest.mark.parametrize("name", DONE)
def test_it_changes_the_clip_keeps_its_shape_and_is_repeatable(name, clip):
    before = clip.copy()
    made = DONE[name](clip, np.random.default_rng(3))
    assert made.shape == clip.shape and made.dtype == np.uint8 and not np.array_equal(made, clip)
    assert np.array_equal(made, DONE[name](clip, np.random.default_rng(3)))
    assert np.array_equal(clip, before)


def test_a_repeated_frame_does_not_move_and_is_one_of_the_clip(clip):
    made = DONE["repeated"](clip, np.random.default_rng(0))
    assert (made == made[0]).all() and any(np.array_equal(made[0], f) for f in clip)


def test_a_frozen_clip_stops_within_its_first_third(clip):
    for seed in range(8):
        made = DONE["frozen"](clip, np.random.default_rng(seed))
        assert (made[4:] == made[4]).all()


def test_shuffled_frames_are_all_there_and_none_in_its_place(clip):
    for seed in range(20):
        made = DONE["shuffled"](clip, np.random.default_rng(seed))
        assert not any(np.array_equal(a, b) for a, b in zip(made, clip, strict=True))
        assert sorted(f.tobytes() for f in made) == sorted(f.tobytes() for f in clip)


def test_slow_motion_shows_at_most_half_of_the_clip(clip):
    made = DONE["slowed"](clip, np.random.default_rng(0))
    assert len({f.tobytes() for f in made}) <= len(clip) // 2 and np.array_equal(made[0], clip[0])


def test_a_border_leaves_the_middle_alone(clip):
    made = DONE["bordered"](clip, np.random.default_rng(0))
    assert np.array_equal(made[:, 8:-8, 8:-8], clip[:, 8:-8, 8:-8])
    assert (made[:, 0] == made[0, 0, 0]).all()
