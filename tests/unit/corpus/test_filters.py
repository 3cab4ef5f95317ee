"""What is refused and what is not: a hold is no fault, a still under a moving camera neither."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from films import drawn

from animatrix.caption.measure.shot import Shot, Still
from animatrix.corpus.filters import FILTERS, judged
from animatrix.corpus.filters.bars import picture_box
from animatrix.corpus.filters.quality import blockiness, edge_width
from animatrix.corpus.filters.text import longest_line
from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import cropped

LIMITS = Thresholds()


def shot_of(frames: np.ndarray, fps: float = 24.0) -> Shot:
    height, width = frames.shape[1:3]
    small = (min(width, 320), round(height * min(width, 320) / width))
    gray = np.stack([cv2.resize(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), small) for f in frames])
    colour = np.stack([cv2.resize(f, (small[0] // 2, small[1] // 2)) for f in frames])
    stills = tuple(Still(i, frames[i]) for i in range(0, len(frames), 12))
    return Shot(gray, colour, np.arange(len(frames)) / fps, fps, stills)


def codes(frames: np.ndarray, fps: float = 24.0) -> set[str]:
    size = (frames.shape[2], frames.shape[1])
    return {code for code, _ in judged(shot_of(frames, fps), size, LIMITS)[1]}


def noisy(frames: np.ndarray, amount: float = 2.5) -> np.ndarray:
    grain = np.random.default_rng(0).normal(0, amount, frames.shape[:3])[..., None]
    return np.clip(frames + grain, 0, 255).astype(np.uint8)


def test_every_reason_can_be_given_and_a_plain_shot_gets_none():
    assert codes(drawn(1, frames=48)) == set()
    assert list(FILTERS) == [
        "too_short",
        "too_long",
        "too_small",
        "frozen",
        "burnt_text",
        "blurred",
        "blocky",
    ]


@pytest.mark.parametrize(("frames", "expected"), [(11, {"too_short"}), (12, set())])
def test_length(frames, expected):
    assert codes(drawn(1, frames=frames)) == expected


def test_too_long_at_a_low_rate():
    assert codes(drawn(1, frames=62), fps=1.0) == {"too_long"}


def test_too_small():
    assert codes(drawn(1, size=(320, 200))) == {"too_small"}


class TestFrozen:
    def test_one_drawing_for_a_whole_long_shot_is_frozen(self):
        assert codes(noisy(drawn(1, frames=156, still=True))) == {"frozen"}

    def test_a_hold_as_long_as_anime_holds_is_not(self):
        assert codes(noisy(drawn(1, frames=120, still=True))) == set()

    def test_a_still_under_a_moving_camera_is_not(self):
        wide = drawn(1, frames=1, size=(480, 240), still=True)[0]
        pan = np.stack([wide[:, t // 2 : t // 2 + 320] for t in range(156)])
        assert codes(pan) == set()

    def test_a_mouth_that_moves_is_not(self):
        frames = drawn(1, frames=156, still=True)
        for t in range(156):
            cv2.ellipse(frames[t], (160, 120), (7, 2 + 3 * (t // 3 % 2)), 0, 0, 360, (90, 20, 30), -1)
        assert codes(noisy(frames)) == set()

    def test_a_long_hold_that_ends_in_a_new_drawing_is_not(self):
        frames = np.concatenate([drawn(1, frames=150, still=True), drawn(1, frames=12)])
        assert codes(frames) == set()


class TestBars:
    @pytest.mark.parametrize(("axis", "breadth"), [(1, 30), (2, 40), (1, 8)])
    @pytest.mark.parametrize("black", [0, 16])
    def test_bars_are_found_to_the_pixel_or_two(self, axis, breadth, black):
        frames = noisy(drawn(3, frames=24, size=(640, 360)), 1.0)
        inside = [slice(None)] * 4
        for part in (slice(0, breadth), slice(-breadth, None)):
            inside[axis] = part
            frames[tuple(inside)] = black
        box = picture_box(shot_of(frames), LIMITS)
        assert box is not None
        left, top, right, bottom = box.pixels(640, 360)
        found = (top, 360 - bottom) if axis == 1 else (left, 640 - right)
        other = (left, 640 - right) if axis == 1 else (top, 360 - bottom)
        assert all(breadth <= n <= breadth + 3 for n in found) and other == (0, 0)
        assert cropped(shot_of(frames), box).gray.min(axis=(0, 1 if axis == 2 else 2)).size

    def test_both_kinds_at_once(self):
        frames = drawn(3, frames=24, size=(640, 360))
        frames[:, :40], frames[:, -40:], frames[:, :, :60], frames[:, :, -60:] = 0, 0, 0, 0
        box = picture_box(shot_of(frames), LIMITS)
        assert box is not None and box.pixels(640, 360) == pytest.approx((61, 41, 579, 319), abs=2)

    def test_no_bars_in_a_plain_shot_a_black_one_or_a_night_sky(self):
        assert picture_box(shot_of(drawn(3)), LIMITS) is None
        assert picture_box(shot_of(np.zeros((24, 240, 320, 3), np.uint8)), LIMITS) is None
        night = drawn(3)
        night[:, :60] = 4  # dark above, but not below
        assert picture_box(shot_of(night), LIMITS) is None
        soft = drawn(3).astype(float)  # dark above and below without an edge
        soft *= np.clip(np.minimum(np.arange(240), 239 - np.arange(240)) / 90 - 0.3, 0, 1)[:, None, None]
        assert picture_box(shot_of(soft.astype(np.uint8)), LIMITS) is None

    def test_a_bar_that_the_picture_crosses_once_is_none(self):
        frames = drawn(3)
        frames[:, :40], frames[:, -40:] = 0, 0
        frames[12, :40] = 200
        assert picture_box(shot_of(frames), LIMITS) is None

    def test_the_cropped_shot_has_no_bars(self):
        frames = drawn(3, size=(640, 360))
        frames[:, :44], frames[:, -44:] = 0, 0
        shot = shot_of(frames)
        inside = cropped(shot, picture_box(shot, LIMITS))
        assert picture_box(inside, LIMITS) is None
        assert inside.stills[0].rgb.shape[:2] == pytest.approx((270, 640), abs=4)
        assert len(inside.gray) == len(shot.gray) and inside.camera.size[1] < shot.gray.shape[1]


def lettered(frames: np.ndarray, text: str, shown=slice(None), paint=(250, 250, 250)) -> np.ndarray:
    frames = frames.copy()
    height, width = frames.shape[1:3]
    scale, font = height / 480, cv2.FONT_HERSHEY_DUPLEX
    (breadth, _), _ = cv2.getTextSize(text, font, scale, 2)
    mask = np.zeros((height, width), np.uint8)
    cv2.putText(mask, text, ((width - breadth) // 2, int(height * 0.92)), font, scale, 255, 2, cv2.LINE_AA)
    outline = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    for frame in frames[shown]:
        frame[outline > 100] = 10
        frame[mask > 100] = paint
    return frames


class TestText:
    @pytest.mark.parametrize("paint", [(250, 250, 250), (250, 225, 60)])
    @pytest.mark.parametrize("seed", range(3))
    def test_subtitles_are_found(self, paint, seed):
        frames = drawn(seed, frames=36, size=(640, 360))
        assert codes(lettered(frames, "We meet again at last", paint=paint)) == {"burnt_text"}

    def test_in_half_of_the_shot_as_well(self):
        frames = drawn(1, frames=48, size=(640, 360))
        assert codes(lettered(frames, "We meet again at last", slice(24, None))) == {"burnt_text"}

    def test_a_word_on_a_sign_is_no_subtitle(self):
        assert codes(lettered(drawn(1, frames=36, size=(640, 360)), "OPEN")) == set()

    @pytest.mark.parametrize("what", ["fence", "rain", "windows"])
    def test_patterns_of_strokes_are_no_letters(self, what):
        picture = drawn(1, frames=1, size=(640, 360))[0]
        rng = np.random.default_rng(1)
        if what == "fence":
            for x in range(20, 620, 14):
                cv2.line(picture, (x, 250), (x, 280), (245, 245, 245), 3)
        elif what == "windows":
            for x in range(100, 540, 30):
                cv2.rectangle(picture, (x, 200), (x + 12, 216), (250, 240, 200), -1)
        else:
            for x, y in rng.integers(0, [640, 360], (150, 2)):
                cv2.line(picture, (int(x), int(y)), (int(x) + 3, int(y) + 14), (235, 240, 250), 1)
        found = longest_line(picture)
        assert found is None or found[0] < LIMITS.text_glyphs


class TestQuality:
    def test_edges_grow_wider_with_enlargement(self):
        sharp = drawn(1, frames=1, size=(960, 540))[0]
        widths = []
        for scale in (1, 2, 4, 8):
            small = cv2.resize(sharp, (960 // scale, 540 // scale), interpolation=cv2.INTER_AREA)
            widths.append(edge_width(cv2.resize(small, (960, 540), interpolation=cv2.INTER_CUBIC)))
        assert all(a < b for a, b in pairwise(widths))
        assert widths[1] < LIMITS.most_edge_width < widths[3]

    def test_a_flat_picture_has_no_edges_to_judge(self):
        assert edge_width(np.full((240, 320, 3), 120, np.uint8)) is None

    def test_one_sharp_drawing_saves_a_shot_that_is_out_of_focus_else(self):
        frames = drawn(1, frames=36)
        for t in range(12, 36):
            frames[t] = cv2.GaussianBlur(frames[t], (0, 0), 6)
        assert codes(frames) == set()
        frames[:12] = [cv2.GaussianBlur(f, (0, 0), 6) for f in frames[:12]]
        assert codes(frames) == {"blurred"}

    @pytest.mark.parametrize(("quality", "refused"), [(95, False), (8, True)])
    @pytest.mark.parametrize("shift", [0, 3])
    def test_coding_blocks_wherever_the_grid_lies(self, quality, refused, shift):
        soft = cv2.GaussianBlur(noisy(drawn(2, frames=1, size=(640, 360)), 6)[0], (0, 0), 2)
        coded = cv2.imdecode(cv2.imencode(".jpg", soft, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
        assert (blockiness(coded[shift:, shift:]) > LIMITS.most_blockiness) is refused
