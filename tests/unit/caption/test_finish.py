"""finish: filters laid on a plain shot are named; what is measured of them has the right size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from test_palette import read

from animatrix.caption.measure import Abstention, shot_of
from animatrix.caption.measure.finish import finish_numbers
from animatrix.media import Clip
from animatrix.media.frames import scan_clip
from animatrix.synthetic import Corpus, effects, filters


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    """Fourteen frames of a drawn shot without any finish."""
    return Corpus(21, "train", frames=14)[3].clip.frames


def laid(frames: np.ndarray, kind: str) -> np.ndarray:
    size = frames.shape[2], frames.shape[1]
    if kind in filters.FILTERS:
        prints = [filters.Print(t, 5, 1, (216, 62, 62)) for t in range(len(frames))]
        return np.stack([filters.FILTERS[kind](f, p) for f, p in zip(frames, prints, strict=True)])
    veil = effects.finish_map((kind,), size, 1)
    rng = np.random.default_rng(5) if kind == "film_grain" else None
    return np.stack([effects.finish(f, veil, rng) for f in frames])


@pytest.mark.parametrize(
    "kind", ["film_grain", "paper_texture", "analog_video", "chromatic_aberration", "vignette"]
)
def test_a_filter_over_the_picture_is_named(plain, kind):
    found = read(laid(plain, kind), "finish")
    assert not isinstance(found, Abstention)
    assert found[0].value == kind


def test_a_plain_shot_has_none(plain):
    found = read(plain, "finish")
    assert not isinstance(found, Abstention)
    assert found[0].value == "none"


def test_a_switch_to_a_painting_has_its_span(plain):
    still = np.repeat(plain[:1], 24, 0)
    still[10:] = laid(still[10:11], "harmony_still")
    found = read(still, "finish")
    assert not isinstance(found, Abstention)
    assert (found[0].value, found[0].span) == ("harmony_still", (10, 23))


def numbers(frames: np.ndarray) -> dict[str, float]:
    return finish_numbers(shot_of(list(scan_clip(Clip(frames, 24.0))), 24.0))


def test_grain_is_measured_in_gray_levels():
    rng = np.random.default_rng(1)
    noise = np.clip(128 + 5 * rng.standard_normal((3, 96, 160, 1)), 0, 255).astype(np.uint8).repeat(3, 3)
    found = numbers(noise)
    assert found["flicker"] == pytest.approx(5, rel=0.15)
    assert abs(found["kept"]) < 0.1


def test_fringes_are_told_by_their_sign(plain):
    apart = plain[:2].copy()
    for t in range(2):
        grown = cv2.getRotationMatrix2D((79.5, 47.5), 0, 1.03)
        apart[t, ..., 0] = cv2.warpAffine(apart[t, ..., 0], grown, (160, 96), borderMode=cv2.BORDER_REPLICATE)
    assert numbers(apart)["fringe_amount"] > 5 * abs(numbers(plain[:2])["fringe_amount"])


@pytest.mark.parametrize("level", [0, 255])
def test_an_empty_picture_is_abstained(level):
    assert isinstance(read(np.full((14, 96, 160, 3), level, np.uint8), "finish"), Abstention)


def test_noise_and_one_frame_are_survived():
    noise = np.random.default_rng(0).integers(0, 256, (13, 48, 64, 3), np.uint8)
    for frames in (noise, noise[:1]):
        found = read(frames, "finish")
        assert isinstance(found, Abstention) or all(0 <= f.confidence <= 1 for f in found)
