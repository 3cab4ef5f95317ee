"""motion_energy: the two ends of the scale are named, what lies between is left open."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from footage import Take, film

from animatrix.caption.measure.motion_energy import motion_energy
from animatrix.caption.measure.registry import Abstention
from animatrix.caption.measure.shot import Shot


def shot(frames: np.ndarray, fps: float = 24.0) -> Shot:
    gray = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    return Shot(gray, frames, np.arange(len(frames)) / fps, fps)


def runner(step: float, frames: int = 25) -> np.ndarray:
    """A large drawn figure whose parts jump about on every frame, by ``step`` pixels of 96."""
    plate = film(Take("fix", "still", "painted", seed=5, figure=0, frames=1)).frames[0]
    rng = np.random.default_rng(3)
    at, out = np.array([[60.0, 40.0], [90.0, 60.0], [75.0, 25.0]]), []
    way = rng.uniform(-1, 1, (3, 2))
    for t in range(frames):
        picture = plate.copy()
        swing = step / (2 * np.pi / 8) * np.sin(2 * np.pi * (t / 8 + np.arange(3) / 3))[:, None]
        for x, y in at + swing * way / np.linalg.norm(way, axis=1, keepdims=True):
            cv2.circle(picture, (round(x), round(y)), 17, (230, 120, 60), -1, cv2.LINE_AA)
            cv2.circle(picture, (round(x), round(y)), 17, (30, 20, 30), 2, cv2.LINE_AA)
            cv2.line(picture, (round(x) - 9, round(y)), (round(x) + 9, round(y) + 4), (30, 20, 30), 2)
        out.append(picture)
    return np.stack(out)


@pytest.mark.parametrize("move", ["fix", "pan_left"])
def test_a_held_drawing_is_static_even_under_a_moving_camera(move):
    found = motion_energy(shot(film(Take(move, "still", "painted", seed=31)).frames))
    assert [(f.value, f.span) for f in found] == [("static", None)]


def test_a_figure_that_jumps_a_twentieth_of_the_height_each_frame_is_explosive():
    found = motion_energy(shot(runner(6.0)))
    assert [f.value for f in found] == ["explosive"]
    assert found[0].evidence["percent_of_height_per_frame"] > 3


@pytest.mark.parametrize("cadence", ["twos", "threes"])
def test_ordinary_acting_is_not_called_static_or_explosive(cadence):
    assert isinstance(motion_energy(shot(film(Take("fix", cadence, seed=32)).frames)), Abstention)


def test_a_long_hold_is_static_over_its_own_frames():
    moving = runner(4.0, 4)
    frames = np.concatenate([moving, np.repeat(moving[-1:], 28, 0)])
    found = motion_energy(shot(frames))
    assert [f.value for f in found] == ["static"]
    assert found[0].span[0] in (2, 3) and found[0].span[1] == 31


@pytest.mark.parametrize("frames", [1, 2, 9])
@pytest.mark.parametrize("size", [(16, 16), (96, 160)])
@pytest.mark.parametrize("fill", ["black", "white", "noise"])
def test_nothing_is_claimed_of_empty_pictures_and_noise(frames, size, fill):
    rng = np.random.default_rng(0)
    made = {"black": np.zeros, "white": lambda s: np.full(s, 255), "noise": lambda s: rng.integers(0, 256, s)}
    picture = made[fill]((frames, *size, 3)).astype(np.uint8)
    assert isinstance(motion_energy(shot(picture)), Abstention)
