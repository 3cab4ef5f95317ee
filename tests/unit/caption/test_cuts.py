"""Shots are parted where a picture is replaced for good, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from footage import MOVES, Take, film
from montage import GRADUAL, montage

from animatrix.caption import read_shots
from animatrix.caption.cuts import CutFinder
from animatrix.media import Clip, Frame
from animatrix.media.frames import scan_clip


def found(frames: np.ndarray, fps: float = 24.0) -> tuple[list[int], CutFinder]:
    finder = CutFinder(fps)
    cuts = [cut for frame in scan_clip(Clip(frames, fps)) for cut in finder.feed(frame)]
    return cuts + finder.finish(), finder


def shot(seed: int, look: str = "painted", frames: int = 33, **more) -> np.ndarray:
    return film(Take(look=look, seed=seed, frames=frames, **more)).frames


def three(kind: str, seed: int = 0, rate: float = 1.0):
    shots = [shot(11, frames=36), shot(12, "textured", frames=36), shot(13, "sparse", frames=36)]
    return montage(shots, [kind, kind], np.random.default_rng(seed), rate)


def test_a_hard_cut_is_found_on_its_frame():
    assert found(three("cut").frames)[0] == [36, 72]


@pytest.mark.parametrize("fps", [12.0, 30.0, 60.0])
def test_cuts_are_found_at_any_rate(fps):
    shown = np.floor(np.arange(round(36 * fps / 24)) * 24 / fps).astype(int)
    shots = [shot(14, frames=36)[shown], shot(15, "textured", frames=36)[shown]]
    assert found(np.concatenate(shots), fps)[0] == [len(shown)]


def test_a_cut_to_the_same_place_in_another_framing_is_found():
    wide = film(Take(seed=16, size=(320, 192), frames=24, figure=0.6)).frames
    near = wide[:, 40:136, 90:250]
    assert found(np.concatenate([wide[:, ::2, ::2], np.ascontiguousarray(near)]))[0] == [24]


def test_a_shot_of_four_frames_is_a_shot():
    frames = np.concatenate(
        [shot(17, frames=20), shot(18, "textured", frames=4), shot(19, "sparse", frames=20)]
    )
    assert found(frames)[0] == [20, 24]


@pytest.mark.parametrize("move", MOVES)
def test_a_move_is_no_cut(move):
    assert found(shot(21, move=move, travel=0.4))[0] == []


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("kind", ["white", "black", "negative"])
def test_an_impact_frame_is_no_cut(kind, count):
    frames = shot(22, move="pan_left").copy()
    hit = slice(15, 15 + count)
    frames[hit] = {"white": 255, "black": 0, "negative": 255 - frames[hit]}[kind]
    assert found(frames)[0] == []


def test_a_flash_cut_is_no_cut():
    frames = shot(23).copy()
    frames[14:18] = shot(24, "textured")[14:18]
    assert found(frames)[0] == []


def test_a_new_ground_behind_a_figure_that_stays_is_no_cut():
    """The figure fills much of the frame, its lines stay where they are; only the plate is replaced."""
    frames = shot(25, cadence="still", figure=1.6).copy()
    plate = film(Take(seed=25, figure=0.0, cadence="still")).frames
    figure = np.abs(frames.astype(int) - plate).max(-1, keepdims=True) > 12
    streaks = np.random.default_rng(0).integers(120, 256, (1, 96, 1, 3)) * np.ones((1, 1, 160, 1))
    frames[16:] = np.where(figure, frames, streaks.astype(np.uint8))[16:]
    assert found(frames)[0] == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["flash", *GRADUAL])
def test_a_join_that_takes_time_is_one_boundary_within_it(kind, seed):
    joined = three(kind, seed)
    cuts, _ = found(joined.frames)
    assert len(cuts) == 2
    for cut, splice in zip(cuts, joined.splices, strict=True):
        assert splice.first - 2 <= cut <= splice.last + 2


@pytest.mark.parametrize("kind", ["dissolve", "wipe"])
def test_the_finder_says_what_joined_two_shots(kind):
    joined = three(kind, 1)
    joins = found(joined.frames)[1].joins
    assert [join.kind for join in joins] == [kind, kind]
    for join, splice in zip(joins, joined.splices, strict=True):
        assert abs(join.at - splice.at) <= 3


def test_a_dissolve_has_the_frames_that_show_both_pictures():
    joined = three("dissolve", 1)
    for join, splice in zip(found(joined.frames)[1].joins, joined.splices, strict=True):
        assert abs(join.first - splice.first) <= 3 and abs(join.last - splice.last) <= 3


def test_shots_carry_their_joins_and_hold_every_frame():
    joined = three("dissolve", 2)
    shots = list(read_shots(Clip(joined.frames, 24.0)))
    assert sum(len(s.gray) for s in shots) == len(joined.frames)
    assert [len(s.joins) for s in shots] == [1, 2, 1]
    assert shots[0].joins[0].at == len(shots[0].gray) and shots[1].joins[0].at == 0


@pytest.mark.parametrize("value", [0, 255, None])
def test_blank_and_noisy_films_have_no_cuts(value):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 48, 64, 3), np.uint8)
    assert found(noise if value is None else np.full_like(noise, value))[0] == []


def test_one_frame_has_no_cuts():
    assert found(shot(31, frames=1))[0] == []


def test_what_is_held_does_not_grow_with_the_film():
    finder = CutFinder(24.0)
    frame = Frame(0.0, np.zeros((90, 160), np.uint8), np.zeros((45, 80, 3), np.uint8))
    sizes = []
    for _ in range(600):
        finder.feed(frame)
        sizes.append(len(finder._looks))
    assert max(sizes) == sizes[200] < 150
