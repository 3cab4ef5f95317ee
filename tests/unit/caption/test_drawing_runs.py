"""Drawings are counted under a moving camera, a flash and grain, and named at 24 fps whatever the
container.
"""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest
from footage import LOOKS, Take, as_generated, film

from animatrix.caption import caption
from animatrix.caption.measure.cadence import beat_of, drawing_runs, drawing_starts
from animatrix.caption.measure.camera import estimate_path
from animatrix.media import Clip

HOLDS = {"ones": 1, "twos": 2, "threes": 3, "fours_or_slower": 4}


def named(clip: Clip) -> list[str]:
    return [tag.value for tag in caption(clip, ["drawing_cadence"])[0].tags.get("drawing_cadence", [])]


@pytest.mark.parametrize("cadence", HOLDS)
@pytest.mark.parametrize("move", ["fix", "pan_left", "tilt_up", "track_back"])
def test_runs_are_counted_after_the_camera_is_taken_out(move, cadence):
    take = Take(move, cadence, "painted", seed=41, figure=0.9)
    frames = film(take).frames
    runs = drawing_runs(frames)
    assert sum(runs) == take.frames
    inner = runs[:-1]
    assert np.mean([run == HOLDS[cadence] for run in inner]) >= 0.8
    assert drawing_runs(frames, estimate_path(frames)) == runs


def test_a_fade_does_not_put_the_drawings_on_ones():
    frames = film(Take("fix", "twos", "painted", seed=47, frames=48)).frames.astype(np.float32)
    frames[36:] *= np.linspace(0.92, 0.0, 12)[:, None, None, None]
    assert named(Clip(np.rint(frames).astype(np.uint8), 24.0)) == ["twos"]


@pytest.mark.parametrize("rides", ["plate", "screen", "walks"])
def test_a_background_on_ones_does_not_hide_a_figure_on_twos(rides):
    assert named(film(Take("pan_right", "twos", "textured", seed=42, rides=rides))) == ["twos"]


@pytest.mark.parametrize(("move", "look"), list(product(["fix", "pan_left", "track_up"], LOOKS)))
def test_a_held_drawing_is_still_however_the_camera_moves(move, look):
    assert named(film(Take(move, "still", look, seed=43, figure=0.8))) == ["still"]


@pytest.mark.parametrize("cadence", ["ones", "twos", "threes", "fours_or_slower", "still"])
def test_cadence_is_read_through_softness_and_shimmer(cadence):
    assert named(as_generated(film(Take("pan_left", cadence, "painted", seed=44, figure=1.0)))) == [cadence]


def test_a_flash_is_no_drawing():
    clip = film(Take("fix", "still", "painted", seed=45))
    frames = clip.frames.copy()
    frames[12:14] = 255 - frames[12:14]
    assert drawing_runs(frames) == [33]
    walking = film(Take("fix", "threes", "painted", seed=46, figure=1.0)).frames.copy()
    walking[15] = 255
    assert named(Clip(walking, 24.0)) == ["threes"]


def test_two_cadences_in_one_action_are_modulated():
    threes = film(Take("fix", "threes", "painted", seed=47, frames=24, figure=1.0)).frames
    ones = film(Take("fix", "ones", "painted", seed=47, frames=16, figure=1.0)).frames
    shot = caption(Clip(np.concatenate([threes, ones]), 24.0), ["drawing_cadence"])[0]
    tag = shot.tags["drawing_cadence"][0]
    assert tag.value == "modulated"
    assert tag.evidence["modulation"] == ["threes", "ones"]


def pulled_down(clip: Clip, fps: float) -> Clip:
    """The 24 fps film shown in another container: frame k holds the film frame on screen at that time."""
    count = int(len(clip) * fps / 24)
    shown = np.floor(np.arange(count) * 24 / fps + 1e-6).astype(int)
    return Clip(clip.frames[shown], fps)


@pytest.mark.parametrize("fps", [23.976, 25.0, 30.0, 48.0, 60.0])
@pytest.mark.parametrize("cadence", ["ones", "twos", "threes"])
def test_cadence_is_that_of_the_film_in_any_container(cadence, fps):
    clip = film(Take("pan_left", cadence, "painted", seed=48, frames=32, figure=1.0))
    inside = Clip(clip.frames, fps) if 23 < fps < 26 else pulled_down(clip, fps)
    assert named(inside) == [cadence]


@pytest.mark.parametrize(("fps", "expected"), [(12.0, "twos"), (8.0, "threes")])
def test_one_frame_of_a_slow_container_lasts_several_of_film(fps, expected):
    frames = film(Take("fix", "ones", "painted", seed=49, frames=24, figure=1.0)).frames
    assert named(Clip(frames, fps)) == [expected]


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_a_container_that_cannot_carry_the_count_makes_it_abstain(fps):
    frames = film(Take("fix", "ones", "painted", seed=50, frames=30, figure=1.0)).frames
    shot = caption(Clip(frames, fps), ["drawing_cadence"])[0]
    assert shot.abstained == ["drawing_cadence"]
    assert f"{fps:g} fps" in shot.reasons["drawing_cadence"]


@pytest.mark.parametrize("fps", [24.0, 30.0, 48.0, 60.0])
def test_pulldown_is_undone_exactly(fps):
    starts = np.array([0, 2, 5, 6, 7, 11, 14])
    shown = np.ceil(starts * fps / 24 - 1e-9).astype(int)
    new = np.zeros(40, bool)
    new[shown[1:] - 1] = True
    found, countable = drawing_starts(new, np.arange(41) / fps, fps, vfr=False)
    assert countable
    assert found.tolist() == starts.tolist()


def test_variable_frame_rate_counts_by_time():
    pts = np.array([0, 3, 5, 8, 12]) / 24.0
    found, countable = drawing_starts(np.ones(4, bool), pts, 15.0, vfr=True)
    assert countable and found.tolist() == [0, 3, 5, 8, 12]


def sliding(hold: int, frames: int = 33, seed: int = 51) -> Clip:
    """A pan over three planes at 1, 0.55 and 0.25 times its speed, a figure on the first of them redrawn
    every ``hold`` frames."""
    rng = np.random.default_rng(seed)
    planes = []
    for _ in range(3):
        plane = np.full((96, 480, 3), int(rng.uniform(90, 160)), np.uint8)
        for _ in range(300):
            at = (int(rng.uniform(0, 480)), int(rng.uniform(0, 96)))
            cv2.circle(plane, at, int(rng.uniform(2, 7)), rng.uniform(20, 235, 3).tolist(), -1, cv2.LINE_AA)
        planes.append(plane)
    pictures = []
    for t in range(frames):
        views = [
            cv2.warpAffine(plane, np.array([[1.0, 0, -200 + speed * 3.1 * t], [0, 1.0, 0]]), (160, 96))
            for plane, speed in zip(planes, (0.25, 0.55, 1.0), strict=True)
        ]
        picture = np.concatenate([views[0][:24], views[1][24:36], views[2][36:]])
        pose, x = np.random.default_rng(seed + t // hold), 30 + 3.1 * t
        limbs = np.array([[x, 84], [x + 4, 44], [x + 10, 42], [x + 14, 84]]) + pose.normal(0, 2.5, (4, 2))
        cv2.fillPoly(picture, [np.round(limbs * 16).astype(int)], (40, 30, 60), cv2.LINE_AA, 4)
        pictures.append(picture)
    return Clip(np.stack(pictures), 24.0)


@pytest.mark.parametrize(("hold", "cadence"), [(2, "twos"), (3, "threes"), (100, "still")])
def test_layers_that_slide_are_no_new_drawings(hold, cadence):
    assert named(sliding(hold)) == [cadence]


def test_a_set_in_depth_leaves_the_cadence_open():
    """Every row goes at a speed of its own, so that no layer explains it."""
    rng = np.random.default_rng(52)
    ground = rng.integers(0, 255, (96, 480), np.uint8)
    ground = cv2.normalize(cv2.GaussianBlur(ground, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX)
    x, y = np.meshgrid(np.arange(160, dtype=np.float32), np.arange(96, dtype=np.float32))
    frames = [
        cv2.remap(ground, 200 + x - 2.0 * t * (0.2 + 1.8 * y / 95), y, cv2.INTER_LINEAR) for t in range(33)
    ]
    gray = np.stack(frames)
    assert named(Clip(np.repeat(gray[..., None], 3, axis=3), 24.0)) != ["ones"]


def blocks(on: np.ndarray, whole: bool) -> np.ndarray:
    """Unexplained change ``[T-1, 100]`` that rises on some steps in three blocks, or in the whole picture."""
    rng = np.random.default_rng(53)
    change = rng.uniform(0.05, 0.12, (len(on), 100))
    change[:, 40:44] += 0.4  # an edge that always shows
    change[on, slice(None) if whole else slice(10, 13)] += 0.15
    return change


@pytest.mark.parametrize("fps", [24.0, 30.0])
def test_a_calm_figure_shows_by_its_beat(fps):
    shown = np.ceil(np.arange(3, 100, 3) * fps / 24).astype(int) - 1
    on = np.isin(np.arange(32), shown)
    new, certainty = beat_of(blocks(on, whole=False), np.zeros(32, bool), fps)
    assert certainty > 4 and np.mean(new == on) > 0.9


def test_a_pulse_of_the_whole_picture_is_no_beat():
    on = np.arange(32) % 4 == 3
    assert beat_of(blocks(on, whole=True), np.zeros(32, bool), 24.0) is None
    assert beat_of(blocks(np.zeros(32, bool), whole=False), np.zeros(32, bool), 24.0) is None


@pytest.mark.parametrize("cadence", ["twos", "threes", "fours_or_slower"])
def test_every_second_frame_of_the_film_still_tells_the_cadence(cadence):
    clip = film(Take("fix", cadence, "painted", seed=54, frames=72, figure=1.0))
    assert named(Clip(clip.frames[::2], 12.0)) == [cadence]
