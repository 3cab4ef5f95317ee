"""focus: sharp, soft and racked pictures are told apart by the width of their edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from footage import Take, film

from animatrix.caption.measure.focus import focus, sharpness
from animatrix.caption.measure.registry import Abstention
from animatrix.caption.measure.shot import Shot


def shot(frames: np.ndarray) -> Shot:
    gray = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    return Shot(gray, frames, np.arange(len(frames)) / 24, 24.0)


def filmed(seed: int = 61, move: str = "fix", figure: float = 0.8) -> np.ndarray:
    return film(Take(move, "twos", "painted", size=(160, 96), seed=seed, figure=figure)).frames


def softened(frames: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])


def racked() -> np.ndarray:
    """The figure goes from soft to sharp while the plate behind it goes soft."""
    both, plate = filmed(), filmed(figure=0)
    out = []
    for t, (picture, ground) in enumerate(zip(both, plate, strict=True)):
        matte = (np.abs(picture.astype(int) - ground).max(2) > 8).astype(np.float32)
        matte = cv2.morphologyEx(matte, cv2.MORPH_CLOSE, np.ones((7, 7)))
        pull = float(np.clip((t / (len(both) - 1) - 0.33) / 0.34, 0, 1))
        near, far = 0.05 + 2.0 * (1 - pull), 0.05 + 2.0 * pull
        matte = cv2.GaussianBlur(matte, (0, 0), max(near, 0.6))[..., None]
        behind = cv2.GaussianBlur(ground, (0, 0), far).astype(np.float32)
        out.append(cv2.GaussianBlur(picture, (0, 0), near) * matte + behind * (1 - matte))
    return np.stack(out).round().astype(np.uint8)


def values(found) -> list[str]:
    return [] if isinstance(found, Abstention) else [f.value for f in found]


@pytest.mark.parametrize("seed", [61, 62, 63])
def test_a_soft_picture_is_out_of_focus_and_a_sharp_one_never_is(seed):
    assert values(focus(shot(softened(filmed(seed), 2.2)))) == ["full_defocus"]
    assert values(focus(shot(filmed(seed)))) in ([], ["deep_focus"])


def test_what_is_soft_at_one_end_only_has_a_span():
    frames = filmed(64)
    frames[16:] = softened(frames[16:], 2.4)
    found = focus(shot(frames))
    assert values(found) == ["full_defocus"]
    assert found[0].span == (16, 32)


def test_a_racked_picture_is_neither_deep_nor_all_soft():
    assert values(focus(shot(racked()))) in ([], ["rack_focus"])


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_the_width_of_an_edge_is_that_of_the_blur_that_made_it(sigma):
    board = np.kron(np.indices((6, 10)).sum(0) % 2, np.ones((24, 24))).astype(np.uint8) * 200 + 20
    found = sharpness(cv2.GaussianBlur(board, (0, 0), sigma))
    assert np.exp(found["edge50"]) == pytest.approx(np.hypot(sigma, 0.6), rel=0.2)


@pytest.mark.parametrize("frames", [1, 2, 13])
@pytest.mark.parametrize("size", [(16, 16), (96, 160)])
@pytest.mark.parametrize("fill", [0, 255])
def test_nothing_is_claimed_of_empty_pictures(frames, size, fill):
    assert isinstance(focus(shot(np.full((frames, *size, 3), fill, np.uint8))), Abstention)


def test_noise_has_no_focus():
    noise = np.random.default_rng(0).integers(0, 256, (5, 96, 160, 3)).astype(np.uint8)
    assert isinstance(focus(shot(noise)), Abstention)
