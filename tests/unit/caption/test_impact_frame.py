"""impact_frame names the value and the frames; what is no impact frame is none."""

from __future__ import annotations

import numpy as np
import pytest
from footage import MOVES, Take, as_generated, film

from animatrix.caption.measure import MEASURES, Abstention, shot_of
from animatrix.media import Clip
from animatrix.media.frames import scan_clip

PLATE = Take("pan_left", "twos", "painted", seed=71, travel=0.1)


def read(frames: np.ndarray, fps: float = 24.0):
    return MEASURES["impact_frame"](shot_of(list(scan_clip(Clip(frames, fps))), fps))


def struck(kind: str, first: int, last: int, take: Take = PLATE) -> np.ndarray:
    frames = film(take).frames.copy()
    bare = film(Take(**{**vars(take), "figure": 0.0})).frames
    for t in range(first, last + 1):
        frames[t] = hit(kind, frames[t], bare[t])
    return frames


def hit(kind: str, frame: np.ndarray, bare: np.ndarray) -> np.ndarray:
    """A frame changed as an animator would, by means of its own."""
    luma = frame.mean(-1, keepdims=True)
    figure = np.abs(frame.astype(int) - bare).max(-1, keepdims=True) > 12
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    angle, far = np.arctan2(y - 48, x - 80), np.hypot(y - 48, x - 80)
    changed = {
        "white_frame": np.full_like(frame, 255),
        "black_frame": np.zeros_like(frame),
        "inverted_frame": 255 - frame,
        "tint_frame": np.where(luma > 128, [230, 30, 30], [20, 0, 8]),
        "silhouette_frame": np.where(figure, [12, 8, 16], [255, 244, 200]),
        "burst_frame": np.where(
            (far < 60 + 14 * np.cos(11 * angle))[..., None],
            np.where((far < 34 + 8 * np.cos(11 * angle))[..., None], [255, 250, 220], [255, 150, 30]),
            [24, 10, 50],
        ),
    }
    return changed[kind].astype(np.uint8)


KINDS = ("white_frame", "black_frame", "inverted_frame", "tint_frame", "silhouette_frame", "burst_frame")


@pytest.mark.parametrize("kind", KINDS)
def test_each_value_is_named_with_its_frames(kind):
    (finding,) = read(struck(kind, 14, 15))
    assert (finding.value, finding.span) == (kind, (14, 15))


@pytest.mark.parametrize("kind", ["white_frame", "inverted_frame"])
@pytest.mark.parametrize("count", [1, 3])
def test_the_span_is_that_of_the_frames(kind, count):
    (finding,) = read(struck(kind, 10, 9 + count))
    assert finding.span == (10, 9 + count)


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_read_from_a_generated_picture(kind):
    clip = as_generated(Clip(struck(kind, 14, 15), 24.0))
    (finding,) = read(clip.frames)
    assert (finding.value, finding.span) == (kind, (14, 15))


def test_two_hits_are_two_findings():
    frames = struck("white_frame", 8, 8)
    frames[20:22] = 255 - frames[20:22]
    assert [(f.value, f.span) for f in read(frames)] == [
        ("white_frame", (8, 8)),
        ("inverted_frame", (20, 21)),
    ]


def test_spans_count_film_frames_at_other_rates():
    frames = struck("inverted_frame", 5, 5, Take(seed=72, frames=16, fps=12.0))
    (finding,) = read(frames, 12.0)
    assert finding.span == (10, 11)


@pytest.mark.parametrize("move", MOVES)
def test_a_shot_without_a_hit_has_none(move):
    assert [f.value for f in read(film(Take(move, seed=73)).frames)] == ["none"]


def test_a_lightning_stroke_through_which_the_picture_is_seen_is_none():
    frames = film(PLATE).frames.copy()
    frames[15] = np.clip(frames[15] * 0.6 + 90, 0, 255)
    assert [f.value for f in read(frames)] == ["none"]


def test_a_flash_of_another_picture_is_none():
    frames = film(PLATE).frames.copy()
    frames[14:17] = film(Take(seed=74, look="textured")).frames[14:17]
    assert [f.value for f in read(frames)] == ["none"]


def test_too_few_frames_are_abstained():
    assert isinstance(read(film(PLATE).frames[:1]), Abstention)


@pytest.mark.parametrize("size", [(32, 32), (64, 36)])
def test_small_blank_and_noisy_shots_are_read(size):
    noise = np.random.default_rng(0).integers(0, 256, (8, size[1], size[0], 3), np.uint8)
    for frames in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        assert read(frames)
