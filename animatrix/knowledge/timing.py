"""Frames at one rate to frames at another, exactly.

Spans are stored at the reference rate, 24 frames a second: inclusive, from 0. A frame range is an interval
of time, ``[first / rate, (last + 1) / rate)``; converting rounds both *boundaries* half up, so ranges that
touched still touch and never overlap, and no range vanishes (it keeps at least one frame). Going to a rate
at least as high and back is the identity.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

REFERENCE_RATE = 24
MAX_RATE = 1000.0


@lru_cache(maxsize=256)
def exact_rate(fps: float) -> Fraction:
    """The rate as a fraction; 23.976 and 29.97 become the broadcast rates 24000/1001 and 30000/1001."""
    broadcast = Fraction(round(fps * 1.001) * 1000, 1001)
    if fps != int(fps) and abs(float(broadcast) - fps) < 5e-3 and broadcast > 0:
        return broadcast
    return Fraction(fps).limit_denominator(10_000)


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def convert_range(first: int, last: int, source: float, target: float) -> tuple[int, int]:
    """The inclusive range ``first..last`` at ``source`` fps, counted at ``target`` fps."""
    if source == target:
        return first, last
    ratio = exact_rate(target) / exact_rate(source)
    start = _half_up(first * ratio)
    return start, max(start, _half_up((last + 1) * ratio) - 1)


def to_reference(first: int, last: int, fps: float) -> tuple[int, int]:
    """A range counted at ``fps``, counted at 24 fps."""
    return convert_range(first, last, fps, REFERENCE_RATE)


def from_reference(first: int, last: int, fps: float) -> tuple[int, int]:
    """A range counted at 24 fps, counted at ``fps``."""
    return convert_range(first, last, REFERENCE_RATE, fps)


def convert_length(frames: int, source: float, target: float) -> int:
    """How many frames at ``target`` fps last as long as ``frames`` at ``source``; at least one, half up."""
    if source == target:
        return frames
    return max(1, _half_up(frames * exact_rate(target) / exact_rate(source)))


@lru_cache(maxsize=4096)
def reference_frames(frames: int, fps: float) -> int:
    """How many frames at 24 fps a shot touches: its duration, rounded up. Spans lie in ``0 .. this - 1``."""
    if fps == REFERENCE_RATE:
        return frames
    duration = frames * REFERENCE_RATE / exact_rate(fps)
    return max(1, -(-duration.numerator // duration.denominator))
