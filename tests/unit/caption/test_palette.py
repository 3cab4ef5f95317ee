"""palette: known colour plans are named, empty pictures and single frames are survived."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from footage import Take, film

from animatrix.caption.measure import MEASURES, Abstention, shot_of
from animatrix.caption.measure.tone import colour_numbers
from animatrix.media import Clip
from animatrix.media.frames import scan_clip
from animatrix.synthetic import Corpus


def read(frames: np.ndarray, field: str = "palette"):
    return MEASURES[field](shot_of(list(scan_clip(Clip(frames, 24.0))), 24.0))


def staged(value: str, seed: int) -> np.ndarray:
    """One frame of a shot staged with the value."""
    corpus = Corpus(seed, "train", world="wide", field="palette")
    for i in range(200):
        if corpus.request(i).values("palette") == (value,):
            return corpus.still(i).image
    raise LookupError(value)


@pytest.mark.parametrize("value", ["natural", "pastel", "monochrome", "spot_color", "neon"])
def test_a_staged_plan_is_named(value):
    found = read(np.repeat(staged(value, 11)[None], 3, 0))
    assert [f.value for f in found] == [value]
    assert 0.5 < found[0].confidence <= 1


def test_grey_film_of_any_look_is_monochrome():
    frames = film(Take("fix", "twos", "painted", seed=3)).frames[:5]
    grey = np.stack([cv2.cvtColor(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) for f in frames])
    found = read(grey)
    assert [f.value for f in found] == ["monochrome"]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_is_abstained(level):
    assert isinstance(read(np.full((4, 96, 160, 3), level, np.uint8)), Abstention)


def test_one_frame_and_noise_are_survived():
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 48, 3), np.uint8)
    for frames in (noise, noise[:1]):
        found = read(frames)
        assert isinstance(found, Abstention) or all(0 <= f.confidence <= 1 for f in found)


def test_saturation_and_hues_of_known_paint():
    halves = np.zeros((1, 64, 96, 3), np.uint8)
    halves[:, :, :48], halves[:, :, 48:] = (255, 0, 0), (128, 128, 128)
    numbers = colour_numbers(halves)
    assert numbers["saturation"] == pytest.approx(0.5, abs=0.02)
    assert numbers["grey_share"] == pytest.approx(0.5, abs=0.03)
    assert numbers["one_hue"] == pytest.approx(1.0, abs=0.01)
