"""What the recogniser looks at: frame shapes, planes, chosen frames, the variations it is trained with."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix.caption.recognise.batches import mirrored, varied
from animatrix.caption.recognise.lens import SHAPES, fitted, from_planes, shape_for, to_planes
from animatrix.caption.recognise.picture import picture_statistics
from animatrix.caption.recognise.sight import change, chosen_frames, look_at, split_planes


@pytest.fixture
def frames() -> np.ndarray:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (12, 12, 20, 3), np.uint8)
    return np.repeat(np.repeat(blocks, 8, 1), 8, 2)  # [12,96,160,3]


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((1920, 1080), (160, 96)),
        ((160, 96), (160, 96)),
        ((640, 480), (144, 112)),
        ((500, 500), (128, 128)),
        ((90, 160), (96, 160)),
        ((160, 67), (192, 80)),
    ],
)
def test_a_frame_goes_to_the_shape_nearest_its_aspect(size, shape):
    assert shape_for(*size) == shape


@pytest.mark.parametrize("shape", SHAPES)
def test_the_network_can_halve_every_shape_four_times(shape):
    assert shape[0] % 16 == shape[1] % 16 == 0


def test_fitting_keeps_the_colour_of_a_flat_picture():
    flat = np.full((2, 90, 160, 3), (200, 40, 90), np.uint8)
    out = fitted(flat, (160, 96))
    assert out.shape == (2, 96, 160, 3) and (out == flat[0, 0, 0]).all()


def test_planes_keep_luma_and_blocks_of_colour(frames):
    back = from_planes(to_planes(frames))
    assert back.shape == frames.shape
    assert np.abs(back[:, 3::8, 3::8].astype(int) - frames[:, 3::8, 3::8]).mean() < 8


def test_the_frame_that_changes_most_is_chosen():
    moved = np.ones(40)
    moved[[0, 23]] = 0, 30
    assert 23 in chosen_frames(moved, even=4, lively=1)


def test_chosen_frames_are_in_order_and_inside_even_a_single_frame():
    for t in (1, 2, 5, 60):
        picks = chosen_frames(change(np.zeros((t, 16, 16), np.uint8)), 6, 4)
        assert len(picks) == 10 and (np.diff(picks) >= 0).all() and picks.min() >= 0 and picks.max() < t


def test_change_is_the_mean_difference_to_the_frame_before():
    luma = np.zeros((3, 8, 8), np.uint8)
    luma[1] = 10
    assert change(luma).tolist() == [0, 10, 10]


def test_a_look_has_the_differences_of_its_frames(frames):
    luma, chroma, small = look_at(to_planes(frames), np.array([0, 5]))
    y, _ = split_planes(to_planes(frames))
    assert luma.shape == (2, 3, 96, 160) and chroma.shape == (2, 2, 48, 80) and small.shape == (12, 5, 24, 40)
    assert (luma[0, 1] == 0).all(), "nothing comes before the first frame"
    np.testing.assert_allclose(luma[1, 1] * 32, y[5].astype(float) - y[4])
    np.testing.assert_allclose(luma[1, 2] * 32, y[8].astype(float) - y[5])


def test_mirroring_twice_is_nothing_and_once_is_the_mirror_image(frames):
    planes = to_planes(frames)
    assert (mirrored(mirrored(planes)) == planes).all()
    assert (mirrored(planes)[:, :96] == planes[:, :96, ::-1]).all()


def test_picture_statistics_are_finite_for_any_picture_and_tell_noise_from_flat_paint(frames):
    noise = np.random.default_rng(0).integers(0, 256, frames.shape, np.uint8)
    black = np.zeros((1, 96, 160, 3), np.uint8)
    paint, wild, dark = (picture_statistics(to_planes(x)) for x in (frames, noise, black))
    assert paint.shape == wild.shape == dark.shape and np.isfinite([paint, wild, dark]).all()
    assert paint[2] > wild[2] + 2, "share of flat pixels"
    assert np.abs(paint - wild).max() > 3


@pytest.mark.parametrize("seed", range(12))
def test_variations_keep_shape_and_stay_near_the_picture(frames, seed):
    planes = to_planes(frames)
    out = varied(planes, np.random.default_rng(seed))
    assert out.shape == planes.shape and out.dtype == np.uint8
    moved_on_average = abs(out[:, :96].astype(float).mean() - planes[:, :96].mean())
    assert moved_on_average < 40
