"""transition names the joins at the ends of a shot and inside it, with their frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from footage import MOVES, Take, film
from montage import montage

from animatrix.caption import read_shots
from animatrix.caption.measure import MEASURES, Abstention
from animatrix.media import Clip


def shots(frames: np.ndarray) -> list[list[tuple[str, tuple[int, int] | None]]]:
    read = [MEASURES["transition"](shot) for shot in read_shots(Clip(frames, 24.0))]
    return [[(finding.value, finding.span) for finding in found] for found in read]


def faded(frames: np.ndarray, count: int, ground: int, opening: bool) -> np.ndarray:
    out = frames.copy()
    for i in range(count):
        t = i if opening else len(frames) - 1 - i
        out[t] = np.rint(frames[t] * (i / count) + ground * (1 - i / count))
    return out


@pytest.mark.parametrize(
    ("value", "ground", "opening"),
    [("fade_in", 0, True), ("fade_out", 0, False), ("white_fade", 255, True), ("white_fade", 255, False)],
)
def test_a_fade_has_its_name_and_its_frames(value, ground, opening):
    ((found,),) = shots(faded(film(Take(seed=81)).frames, 12, ground, opening))
    assert found[0] == value
    first, last = (0, 11) if opening else (21, 32)
    assert abs(found[1][0] - first) <= 3 and abs(found[1][1] - last) <= 3


def test_a_closing_circle_is_an_iris():
    frames = film(Take(seed=82, look="textured")).frames.copy()
    y, x = np.mgrid[:96, :160]
    for t in range(17, 33):
        frames[t] *= (np.hypot(y - 48, x - 80) < 94 * (1 - (t - 16) / 16)).astype(np.uint8)[..., None]
    assert [value for value, _ in shots(frames)[0]] == ["iris"]


def test_a_dissolve_ends_one_shot_and_begins_the_next():
    pair = [film(Take(seed=83, frames=36)).frames, film(Take(seed=84, look="textured", frames=36)).frames]
    joined = montage(pair, ["dissolve"], np.random.default_rng(0))
    one, two = shots(joined.frames)
    assert one[0][0] == two[0][0] == "dissolve"
    assert one[0][1][0] > 0 and two[0][1][0] == 0


def test_an_enlarged_drawing_is_a_punch_cut_on_both_sides():
    frames = film(Take(seed=85, size=(320, 192), frames=32, cadence="still")).frames
    wide, near = frames[:16, ::2, ::2], frames[16:, 40:136, 80:240]
    one, two = shots(np.concatenate([wide, near]))
    assert one == [("punch_cut", (15, 15))] and two == [("punch_cut", (0, 0))]


def test_a_punch_cut_may_show_the_figure_in_another_drawing():
    frames = film(Take(seed=85, size=(320, 192), frames=32, cadence="still", look="textured")).frames.copy()
    wide, near = frames[:16, ::2, ::2].copy(), frames[16:, 40:136, 80:240].copy()
    wide[:, 34:80, 66:96], near[:, 18:96, 50:110] = (230, 60, 40), (40, 70, 210)
    one, two = shots(np.concatenate([wide, near]))
    assert one == [("punch_cut", (15, 15))] and two == [("punch_cut", (0, 0))]


def whip(seed: int) -> np.ndarray:
    """Twenty frames of a plate: a slow pan, then a flight of a twelfth of the width a frame, blurred along
    its way; run backwards it lands."""
    plate = film(Take(seed=seed, size=(480, 96), frames=1, look="textured")).frames[0]
    places = np.cumsum([2] * 12 + [14] * 8)
    clear = [plate[:, x : x + 160] for x in places[:12]]
    return np.stack([*clear, *(cv2.blur(plate[:, x : x + 160], (21, 1)) for x in places[12:])])


def test_a_cut_in_the_streaks_of_a_whip_is_a_swish():
    one, two = shots(np.concatenate([whip(91), whip(92)[::-1]]))
    assert [value for value, _ in one] == [value for value, _ in two] == ["swish_transition"]


def test_another_picture_for_four_frames_is_a_flash_cut():
    frames = film(Take(seed=86)).frames.copy()
    frames[12:16] = film(Take(seed=87, look="textured")).frames[12:16]
    assert shots(frames) == [[("flash_cut", (12, 15))]]


@pytest.mark.parametrize("move", MOVES)
def test_a_plain_shot_has_none(move):
    assert [value for value, _ in shots(film(Take(move, seed=88)).frames)[0]] == ["none"]


def test_an_impact_frame_is_no_flash_cut():
    frames = film(Take(seed=89)).frames.copy()
    frames[12:14] = 255 - frames[12:14]
    assert [value for value, _ in shots(frames)[0]] == ["none"]


@pytest.mark.parametrize("value", [0, 255])
def test_a_blank_shot_has_none(value):
    assert shots(np.full((12, 48, 64, 3), value, np.uint8)) == [[("none", None)]]


def test_one_frame_is_abstained():
    (shot,) = read_shots(Clip(film(Take(seed=90, frames=1)).frames, 24.0))
    assert isinstance(MEASURES["transition"](shot), Abstention)
