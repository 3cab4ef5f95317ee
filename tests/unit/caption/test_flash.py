"""Flashes are counted a second, over a quarter of the screen."""

from __future__ import annotations

import numpy as np

from animatrix.caption.measure.flash import flashes_per_second, is_safe


def blinking(period: int, share: float = 1.0, level: int = 230) -> np.ndarray:
    frames = np.full((48, 36, 64), 40, np.uint8)
    frames[np.arange(48) % period < period // 2, :, : round(64 * share)] = level
    return frames


def test_twelve_flashes_a_second_are_unsafe():
    assert 10 <= flashes_per_second(blinking(2), 24.0) <= 12
    assert not is_safe(blinking(2), 24.0)


def test_two_flashes_a_second_are_safe():
    assert flashes_per_second(blinking(12), 24.0) <= 2
    assert is_safe(blinking(12), 24.0)


def test_a_corner_may_blink():
    assert is_safe(blinking(2, share=0.2), 24.0)


def test_a_faint_change_is_no_flash():
    assert flashes_per_second(blinking(2, level=60), 24.0) == 0


def test_a_still_has_none():
    assert flashes_per_second(np.full((5, 36, 64), 128, np.uint8), 24.0) == 0
