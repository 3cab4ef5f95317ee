"""Graphic devices are read from what surrounds the figure, and from nothing else."""

import cv2
import numpy as np
import pytest

from animatrix.caption.measure import MEASURES, Abstention, shot_of
from animatrix.caption.measure.ground import ground_features
from animatrix.caption.measure.thresholds import GRAPHIC_DEVICE
from animatrix.media import Clip
from animatrix.media.frames import scan_clip

SIZE = (160, 96)


def shot(frames):
    return shot_of(list(scan_clip(Clip(np.stack(frames), 24.0))), 24.0)


def read(frames):
    found = MEASURES["graphic_device"](shot(frames))
    return found if isinstance(found, Abstention) else {f.value: f for f in found}


def place(size=SIZE):
    """A room: a wall, a floor, a window, a table, a figure."""
    width, height = size
    picture = np.full((height, width, 3), (205, 190, 160), np.uint8)
    cv2.rectangle(picture, (0, int(0.75 * height)), (width, height), (120, 90, 70), -1)
    for x in (0.08, 0.62):
        corner, far = (int(x * width), int(0.1 * height)), (int((x + 0.28) * width), int(0.5 * height))
        cv2.rectangle(picture, corner, far, (140, 190, 230), -1)
        cv2.rectangle(picture, corner, far, (90, 70, 60), max(1, height // 60))
    cv2.rectangle(
        picture, (int(0.7 * width), int(0.62 * height)), (width, int(0.68 * height)), (90, 60, 50), -1
    )
    return with_figure(picture)


def with_figure(picture):
    height, width = picture.shape[:2]
    cv2.ellipse(picture, (width // 2, height), (width // 9, height // 2), 0, 0, 360, (60, 70, 150), -1)
    cv2.circle(picture, (width // 2, int(0.42 * height)), height // 7, (230, 190, 160), -1)
    return picture


def focus_frame(k, size=SIZE):
    """Dark wedges from the frame's edges towards the middle, other ones on every drawing."""
    picture = place(size)
    width, height = size
    rng = np.random.default_rng(k // 2)
    for angle in np.linspace(0, 2 * np.pi, 48, endpoint=False) + rng.uniform(-0.05, 0.05, 48):
        inner, outer = rng.uniform(0.62, 0.8) * width / 2, width
        tip = (width / 2 + inner * np.cos(angle), height / 2 + 0.7 * inner * np.sin(angle))
        ends = [
            (width / 2 + outer * np.cos(angle + d), height / 2 + outer * np.sin(angle + d))
            for d in (-0.02, 0.02)
        ]
        cv2.fillPoly(picture, [np.int32([tip, *ends])], (40, 34, 60), cv2.LINE_AA)
    return picture


def field_frame(k, size=SIZE):
    width, height = size
    return with_figure(np.full((height, width, 3), (150, 200, 190), np.uint8))


@pytest.mark.parametrize("size", [SIZE, (640, 360)])
def test_lines_that_meet_in_the_middle_are_focus_lines(size):
    assert set(read([focus_frame(k, size) for k in range(24)])) == {"focus_lines"}


@pytest.mark.parametrize("size", [SIZE, (640, 360)])
def test_a_room_has_no_device(size):
    found = read([place(size)] * 24)
    assert isinstance(found, Abstention) or set(found) == {"none"}


def test_a_device_that_opens_within_the_shot_has_its_span():
    found = read([place()] * 20 + [focus_frame(k) for k in range(20, 40)])
    first, last = found["focus_lines"].span
    assert abs(first - 20) <= 1 and last == 39


def test_what_flashes_up_for_three_frames_is_not_a_ground():
    found = read([place()] * 15 + [focus_frame(k) for k in range(3)] + [place()] * 15)
    assert isinstance(found, Abstention) or set(found) == {"none"}


def test_radial_lines_are_counted_about_their_centre_only():
    focus, room = focus_frame(0), place()
    lines = ground_features(focus, focus)["radial_border"]
    assert lines > 2 * ground_features(room, room)["radial_border"]


def test_streaming_lines_are_level():
    stripes = place()
    for row in range(4, 96, 9):
        cv2.line(stripes, (0, row), (160, row), (250, 250, 255), 2)
    assert ground_features(stripes, stripes)["border_level_lines"] > 0.6


def test_too_short_or_too_small_a_shot_is_not_judged():
    assert "frames" in read([place()] * (GRAPHIC_DEVICE.min_frames - 1)).reason
    assert "small" in read([place((80, 48))] * 12).reason


@pytest.mark.parametrize("level", [0, 255])
def test_an_empty_picture_shows_no_lines(level):
    found = read([np.full((96, 160, 3), level, np.uint8)] * 12)
    assert isinstance(found, Abstention) or not {"focus_lines", "speed_line_background"} & set(found)


def test_noise_is_not_a_device():
    rng = np.random.default_rng(0)
    found = read([rng.integers(0, 256, (96, 160, 3), np.uint8) for _ in range(12)])
    assert isinstance(found, Abstention) or set(found) == {"none"}
