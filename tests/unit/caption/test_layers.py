"""Layers at different speeds make a pan a truck; a flat plate never does; a carried camera sways."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from animatrix.caption.agreement import agrees
from animatrix.caption.measure import MEASURES, Abstention, Shot

SIZE = (160, 96)
FRAMES = 33


def texture(seed: int, width: int = 480, height: int = 288) -> np.ndarray:
    """Blots of many greys, uint8 [H,W]: corners everywhere."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width), 128, np.uint8)
    for _ in range(900):
        at = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        cv2.circle(picture, at, int(rng.uniform(2, 9)), int(rng.uniform(20, 235)), -1, cv2.LINE_AA)
    return picture


def window(plate: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The middle of a plate with its content moved by ``shift`` (x, y) pixels, uint8 [96,160]."""
    motion = np.array([[1.0, 0, shift[0] - 160], [0, 1.0, shift[1] - 96]])
    return cv2.warpAffine(plate, motion, SIZE, flags=cv2.INTER_LINEAR)


def shot_of(frames: list[np.ndarray], fps: float = 24.0) -> Shot:
    gray = np.stack(frames)
    return Shot(gray, np.repeat(gray[..., None], 3, axis=3), np.arange(len(gray)) / fps, fps)


def filmed(per_frame: tuple[float, float], far: float | None) -> Shot:
    """A plate under a moving frame; ``far`` times as fast above the middle, where given."""
    near, sky = texture(1), texture(2)
    frames = []
    for t in range(FRAMES):
        shift = t * np.array(per_frame)
        picture = window(near, shift)
        if far is not None:
            picture[:44] = window(sky, far * shift)[:44]
        frames.append(picture)
    return shot_of(frames)


def names(shot: Shot, field: str) -> list[str]:
    found = MEASURES[field](shot)
    return [] if isinstance(found, Abstention) else [f.value for f in found if f.confidence >= 0.5]


@pytest.mark.parametrize(
    ("per_frame", "flat", "deep"),
    [
        ((1.2, 0.0), "pan_left", "truck_left"),
        ((-1.2, 0.0), "pan_right", "truck_right"),
        ((0.0, 1.0), "tilt_up", "crane_up"),
    ],
)
def test_layers_tell_a_travelling_camera_from_a_flat_move(per_frame, flat, deep):
    assert names(filmed(per_frame, None), "camera_move") == [flat]
    assert names(filmed(per_frame, 0.5), "camera_move") == [deep]


def test_layer_parallax_needs_a_move():
    assert names(filmed((1.2, 0.0), None), "layer_parallax") == ["single_plane"]
    assert isinstance(MEASURES["layer_parallax"](filmed((0.0, 0.0), None)), Abstention)


def test_a_figure_that_stands_on_the_screen_is_followed():
    plate, figure = texture(3), texture(4)[100:160, 200:240]
    frames = []
    for t in range(FRAMES):
        picture = window(plate, np.array([-2.0 * t, 0.0]))
        picture[20:80, 60:100] = figure
        frames.append(picture)
    assert names(shot_of(frames), "camera_move") == ["pan_right", "follow"]
    assert names(shot_of(frames), "background_animation") == ["scrolled_background"]


def test_a_carried_camera_sways_in_both_axes():
    plate, time = texture(5), np.arange(48) / 24
    sway = np.stack([np.sin(2 * np.pi * (1.9 * time)), np.cos(2 * np.pi * (1.6 * time))], 1) * 0.25
    assert names(shot_of([window(plate, s) for s in sway]), "camera_shake") == ["handheld"]
    assert names(shot_of([window(plate, np.zeros(2))] * 48), "camera_shake") == ["steady"]


@pytest.mark.parametrize("field", ["camera_move", "layer_parallax", "background_animation", "camera_shake"])
@pytest.mark.parametrize("frames", [1, 2, 24])
def test_noise_and_empty_pictures_do_no_harm(field, frames):
    rng = np.random.default_rng(6)
    noise = [rng.integers(0, 256, (96, 160), dtype=np.uint8) for _ in range(frames)]
    for pictures in (
        noise,
        [np.zeros((96, 160), np.uint8)] * frames,
        [np.full((32, 40), 255, np.uint8)] * frames,
    ):
        assert isinstance(MEASURES[field](shot_of(pictures)), list | Abstention)


@pytest.mark.parametrize(
    ("asked", "measured", "layers", "expected"),
    [
        (["pan_left"], ["truck_left"], ["contact_multi"], True),
        (["pan_left"], ["truck_left"], ["single_plane"], False),
        (["truck_left"], ["pan_left"], ["single_plane"], True),
        (["truck_left"], ["pan_left"], ["multiplane"], False),
        (["truck_left"], ["pan_left"], [], False),
        (["pan_left"], ["truck_right"], ["contact_multi"], False),
        (["follow_pan"], ["pan_left", "follow_pan"], [], True),
    ],
)
def test_flat_and_deep_names_agree_only_where_the_layers_make_them_one_picture(
    asked, measured, layers, expected
):
    assert agrees("camera_move", asked, measured, layers) is expected
