"""time_treatment: a complete stop of a moving shot is a freeze frame, a shot that never moves is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from footage import Take, film

from animatrix.caption.measure.registry import Abstention
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.time_treatment import time_treatment


def shot(frames: np.ndarray, fps: float = 24.0) -> Shot:
    gray = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    return Shot(gray, frames, np.arange(len(frames)) / fps, fps)


def stopped(move: str, first: int, length: int, frames: int = 40) -> np.ndarray:
    moving = film(Take(move, "twos", "painted", seed=41, frames=frames)).frames
    story = np.concatenate([np.arange(first + 1), np.full(length - 1, first), np.arange(first + 1, frames)])
    return moving[story[:frames]]


@pytest.mark.parametrize("move", ["pan_left", "track_up"])
@pytest.mark.parametrize("first", [8, 13])
def test_a_stop_of_camera_and_figure_is_a_freeze_frame_with_its_span(move, first):
    found = time_treatment(shot(stopped(move, first, 16)))
    assert [f.value for f in found] == ["freeze_frame"]
    a, b = found[0].span
    assert abs(a - first) <= 1 and abs(b - (first + 15)) <= 1


def test_the_taxonomys_twelve_frames_are_counted_at_24_fps():
    assert isinstance(time_treatment(shot(stopped("pan_left", 8, 9))), Abstention)
    assert isinstance(time_treatment(shot(stopped("pan_left", 8, 14), fps=30.0)), Abstention)
    assert time_treatment(shot(stopped("pan_left", 8, 9), fps=12.0))[0].value == "freeze_frame"


@pytest.mark.parametrize("move", ["pan_left", "fix"])
def test_a_pose_held_while_the_camera_moves_is_no_freeze_and_a_still_is_left_open(move):
    found = time_treatment(shot(film(Take(move, "still", "painted", seed=42, frames=36)).frames))
    assert isinstance(found, Abstention)


def test_a_freeze_survives_the_noise_of_a_codec():
    frames = stopped("pan_left", 10, 18).astype(np.int16)
    rng = np.random.default_rng(1)
    noisy = np.clip(frames + rng.normal(0, 1.0, frames.shape), 0, 255).astype(np.uint8)
    assert time_treatment(shot(noisy))[0].value == "freeze_frame"


@pytest.mark.parametrize("frames", [1, 2, 30])
@pytest.mark.parametrize("fill", ["black", "white", "noise"])
def test_nothing_is_claimed_of_empty_pictures_and_noise(frames, fill):
    rng = np.random.default_rng(0)
    made = {"black": np.zeros, "white": lambda s: np.full(s, 255), "noise": lambda s: rng.integers(0, 256, s)}
    assert isinstance(time_treatment(shot(made[fill]((frames, 32, 48, 3)).astype(np.uint8))), Abstention)
