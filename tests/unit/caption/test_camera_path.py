"""The camera's path is found under every look, figure and drawing cadence, and in the caller's pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from footage import LOOKS, MOVES, Take, as_generated, camera_matrix, film

from animatrix.caption.measure.alignment import IDENTITY, Tracks, compose, refine
from animatrix.caption.measure.camera import _root, estimate_path, measure_path, odd_frames, to_gray

CORNERS = np.array([[0, 0, 1], [159, 0, 1], [0, 95, 1], [159, 95, 1]], float)


def worst_error(path: np.ndarray, take: Take) -> float:
    """Largest distance in pixels, over frames and corners, between the measured path and the filmed one."""
    true = [camera_matrix(take, t, take.size) for t in range(take.frames)]
    return max(np.abs(CORNERS @ m.T - CORNERS @ p.T).max() for m, p in zip(true, path, strict=True))


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("move", MOVES)
def test_path_matches_the_filmed_camera(move, look):
    take = Take(move, "twos", look, seed=31, figure=0.7, travel=0.15)
    assert worst_error(estimate_path(film(take).frames), take) < 1.0


@pytest.mark.parametrize("look", LOOKS)
def test_path_survives_a_soft_shimmering_picture(look):
    take = Take("pan_right", "threes", look, seed=32, figure=0.7, travel=0.2)
    assert worst_error(estimate_path(as_generated(film(take)).frames), take) < 2.0


@pytest.mark.parametrize("cadence", ["ones", "twos", "still"])
@pytest.mark.parametrize("rides", ["plate", "screen", "walks"])
def test_a_large_figure_does_not_take_the_camera_along(cadence, rides):
    take = Take("pan_left", cadence, "painted", seed=33, figure=1.5, rides=rides, travel=0.2)
    assert worst_error(estimate_path(film(take).frames), take) < 2.0


def test_a_walking_figure_over_a_fixed_plate_leaves_the_path_at_rest():
    take = Take("fix", "ones", "painted", seed=34, figure=1.2, rides="walks")
    path = estimate_path(film(take).frames)
    assert np.abs(path - IDENTITY).max() < 0.3


def test_path_is_in_the_pixels_of_the_frames_given():
    take = Take("track_up", "still", "textured", size=(640, 384), seed=35, travel=0.2, frames=12)
    frames = film(take).frames
    large = estimate_path(frames)
    true = camera_matrix(take, 11, take.size)
    assert np.allclose(large[-1], true, atol=1.0)
    assert large.shape == (12, 2, 3)
    assert (large[0] == IDENTITY).all()


def test_flashes_are_stepped_over():
    take = Take("pan_left", "twos", "painted", seed=36, travel=0.2)
    frames = film(take).frames.copy()
    frames[10:12] = 255 - frames[10:12]
    frames[20] = 250
    gray = to_gray(frames)
    assert np.flatnonzero(odd_frames(gray)).tolist() == [10, 11, 20]
    path = measure_path(gray)
    assert worst_error(path.matrices, take) < 1.0
    assert path.seen.all()


def test_a_move_is_no_flash_and_neither_is_a_cut():
    frames = film(Take("pan_left", "ones", "painted", seed=37, travel=0.8, rides="walks")).frames
    assert not odd_frames(to_gray(frames)).any()
    cut = np.concatenate([frames[:10], 255 - frames[10:20]])
    assert not odd_frames(to_gray(cut)).any()


def test_an_empty_picture_is_not_trusted():
    path = measure_path(np.full((12, 96, 160), 128, np.uint8))
    assert path.trusted == 0.0
    assert (path.matrices == IDENTITY).all()


def test_one_frame_has_the_identity_for_a_path():
    assert (measure_path(np.zeros((1, 96, 160), np.uint8)).matrices == IDENTITY[None]).all()


def test_refining_ignores_a_third_of_outliers():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 160, (90, 2))
    angle, scale = 0.02, 1.03
    true = np.array(
        [
            [scale * np.cos(angle), -scale * np.sin(angle), 3.0],
            [scale * np.sin(angle), scale * np.cos(angle), -2.0],
        ]
    )
    moved = points @ true[:, :2].T + true[:, 2] + rng.normal(0, 0.05, points.shape)
    moved[:30] += rng.uniform(4, 9, (30, 2))
    tracks = Tracks(points, moved, np.full(90, 1 / 90))
    near = true + np.array([[0, 0, 0.8], [0, 0, -0.8]])
    assert np.allclose(refine(tracks, near, 0.4, rounds=10), true, atol=0.05)
    shift = refine(tracks, IDENTITY, 5.0, shift_only=True)
    assert (shift[:, :2] == np.eye(2)).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_root_of_a_motion_applied_again_and_again_is_the_motion(count):
    motion = cv2.getRotationMatrix2D((80, 48), 7.0, 1.1) + np.array([[0, 0, 4.0], [0, 0, -3.0]])
    whole = IDENTITY
    for _ in range(count):
        whole = compose(_root(motion, count), whole)
    assert np.allclose(whole, motion, atol=1e-9)
