"""camera_move names what the camera does; two values on a diagonal, spans for parts, silence without a
picture.
"""

from __future__ import annotations

import numpy as np
import pytest
from footage import LOOKS, MOVES, Take, as_generated, film

from animatrix.caption import caption
from animatrix.caption.agreement import agrees
from animatrix.caption.measure import shot_of
from animatrix.caption.measure.camera_move import legs, smoothed
from animatrix.caption.shots import measured_raw
from animatrix.media import Clip, scan_clip


def tags(clip: Clip):
    return caption(clip, ["camera_move"])[0].tags.get("camera_move", [])


def names(clip: Clip) -> list[str]:
    """What the measure itself says, sure or not."""
    found = measured_raw(shot_of(list(scan_clip(clip)), clip.fps), "camera_move")
    return [] if isinstance(found, str) else [tag.value for tag in found]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("move", MOVES)
def test_each_move_has_its_name(move, look):
    found = tags(film(Take(move, "twos", look, seed=61, figure=0.7, eased=True)))
    assert [tag.value for tag in found] == [move]
    assert found[0].confidence > 0.8
    assert found[0].span == (0, 32)


@pytest.mark.parametrize("move", MOVES)
def test_each_move_has_its_name_in_a_generated_picture(move):
    assert names(as_generated(film(Take(move, "threes", "painted", seed=62, figure=0.9)))) == [move]


def test_on_pan_left_the_content_moves_right():
    tag = tags(film(Take("pan_left", "still", "painted", seed=63, travel=0.2)))[0]
    assert tag.value == "pan_left"
    assert tag.evidence["content_moves_percent_of_width"] == pytest.approx(20, abs=1)


def shifted(shifts: np.ndarray) -> Clip:
    """Windows of 160x96 on a still painting, ``shifts`` [T,2] pixels from its middle."""
    plate = film(Take("fix", "still", "painted", size=(480, 288), seed=64, figure=0, frames=1)).frames[0]
    corner = np.round([160 - shifts[:, 0], 96 - shifts[:, 1]]).astype(int).T
    return Clip(np.stack([plate[y : y + 96, x : x + 160] for x, y in corner]), 24.0)


def test_a_diagonal_is_two_values():
    line = np.linspace(0, 1, 25)[:, None]
    assert sorted(names(shifted(line * [40, 30]))) == ["pan_left", "tilt_up"]
    assert sorted(names(shifted(line * [-40, -24]))) == ["pan_right", "tilt_down"]


def test_a_slight_slant_is_one_value():
    assert names(shifted(np.linspace(0, 1, 25)[:, None] * [48, 6])) == ["pan_left"]


def test_a_move_and_its_return_are_two_spans():
    there = np.concatenate([np.linspace(0, 48, 25), np.linspace(48, 0, 25)[1:]])
    found = tags(shifted(np.stack([there, 0 * there], 1)))
    spans = {tag.value: tag.span for tag in found}
    assert set(spans) == {"pan_left", "pan_right"}
    assert spans["pan_left"][1] <= 27 and spans["pan_right"][0] >= 21


def test_a_move_after_a_hold_has_the_span_of_the_move():
    x = np.concatenate([np.zeros(25), np.linspace(0, 48, 17)[1:]])
    found = tags(shifted(np.stack([x, 0 * x], 1)))
    assert [tag.value for tag in found] == ["pan_left"]
    assert 20 <= found[0].span[0] <= 27 and found[0].span[1] >= 38


def test_shake_is_not_a_move():
    rng = np.random.default_rng(0)
    back_and_forth = rng.integers(1, 4, (33, 2)) * (-1.0) ** np.arange(33)[:, None]
    assert names(shifted(back_and_forth)) == ["fix"]


def test_spans_are_counted_at_24_fps():
    clip = film(Take("pan_left", "still", "painted", seed=65, frames=24))
    shot = caption(Clip(clip.frames, 12.0))[0]
    assert shot.frames == 24
    assert shot.end == pytest.approx(2.0)
    assert shot.tags["camera_move"][0].span == (0, 47)


def test_a_subject_that_keeps_its_place_is_followed():
    take = Take("pan_left", "twos", "painted", seed=66, figure=0.8, travel=0.6, rides="screen")
    assert set(names(film(take))) == {"pan_left", "follow"}
    assert names(film(Take("pan_left", "twos", "painted", seed=66, figure=0.8, travel=0.6))) == ["pan_left"]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_is_abstained(level):
    shot = caption(Clip(np.full((24, 96, 160, 3), level, np.uint8), 24.0))[0]
    assert {"camera_move", "drawing_cadence"} <= set(shot.abstained)
    assert all(tag.value == "none" for tags in shot.tags.values() for tag in tags)


@pytest.mark.parametrize("size", [(2, 2), (300, 8), (16, 16)])
def test_a_picture_too_small_is_abstained(size):
    noise = np.random.default_rng(0).integers(0, 256, (24, size[1], size[0], 3)).astype(np.uint8)
    shot = caption(Clip(noise, 24.0))[0]
    assert not shot.tags and "too small" in shot.reasons["camera_move"]


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_a_few_frames_are_abstained_or_read_but_never_an_error(frames):
    clip = film(Take("pan_left", "ones", "painted", seed=67))
    shot = caption(Clip(clip.frames[:frames], 24.0))[0]
    assert shot.frames == frames
    assert set(shot.tags) | set(shot.abstained) >= {"camera_move", "drawing_cadence"}
    assert "drawing_cadence" in shot.abstained


def test_noise_alone_is_abstained():
    noise = np.random.default_rng(0).integers(0, 256, (24, 96, 160, 3)).astype(np.uint8)
    assert caption(Clip(noise, 24.0), ["camera_move"])[0].abstained == ["camera_move"]


def test_legs_split_at_turning_points_only_beyond_the_least():
    rise_and_fall = np.concatenate([np.linspace(0, 1, 11), np.linspace(1, 0.2, 9)[1:]])
    found = legs("x", rise_and_fall, 0.1)
    assert [round(leg.amount, 2) for leg in found] == [1.0, -0.8]
    assert [leg.value for leg in found] == ["pan_left", "pan_right"]
    assert [round(leg.amount, 2) for leg in legs("x", rise_and_fall, 0.9)] == [1.0]
    assert legs("x", np.zeros(10), 0.1) == []


def test_smoothing_leaves_a_steady_move_as_it_is():
    line = np.linspace(0, 3, 25)
    assert np.allclose(smoothed(line, 7), line)
    assert np.abs(smoothed((-1.0) ** np.arange(25), 7)[4:-4]).max() < 0.2


@pytest.mark.parametrize(
    ("asked", "measured", "expected"),
    [
        (["follow"], ["pan_left", "follow"], True),
        (["pan_left"], ["pan_left", "follow"], True),
        (["pan_left", "follow"], ["follow", "pan_left"], True),
        (["pan_right"], ["pan_left", "follow"], False),
        (["follow"], ["pan_left"], False),
        (["follow"], ["follow", "track_up"], False),
        (["pan_left", "tilt_up"], ["pan_left"], False),
        (["fix"], ["fix"], True),
    ],
)
def test_a_follow_agrees_under_either_name(asked, measured, expected):
    assert agrees("camera_move", asked, measured) is expected
