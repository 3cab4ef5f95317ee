"""How sure a figure is: intervals of shares and means, and of the difference between two systems.

Every random draw comes from a seed that is an argument, so the same values give the same interval anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

RESAMPLES = 2000
SEED = 20_240_805
T = TypeVar("T")


class Difference(NamedTuple):
    """First minus second over what both have: ``low`` and ``high`` of the 95 % interval, two-sided ``p``."""

    value: float
    low: float
    high: float
    p: float
    units: int


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927); the whole range where there is nothing to share."""
    if not count:
        return 0.0, 1.0
    share, square = right / count, z * z / count
    middle = (share + square / 2) / (1 + square)
    reach = z * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def bootstrap(
    values: Sequence[T], combine: Callable[[Sequence[T]], float], seed: int = SEED, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % percentile interval of ``combine`` over values drawn with replacement (Efron 1979).

    Draws on which ``combine`` is not finite are left out; NaN where none is left.
    """
    if not len(values):
        return math.nan, math.nan
    rng = np.random.default_rng([seed, len(values)])
    drawn = rng.integers(0, len(values), (resamples, len(values)))
    found = np.array([combine([values[i] for i in row]) for row in drawn])
    found = found[np.isfinite(found)]
    if not len(found):
        return math.nan, math.nan
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def paired(
    first: Sequence[T],
    second: Sequence[T],
    combine: Callable[[Sequence[T]], float],
    seed: int = SEED,
    resamples: int = RESAMPLES,
) -> Difference:
    """The difference of two systems on the same items, resampled item by item.

    ``p``: twice the smaller share of resamples on either side of no difference, at least 1/resamples.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values against {len(second)}")
    if not len(first):
        return Difference(math.nan, math.nan, math.nan, 1.0, 0)
    value = combine(first) - combine(second)
    rng = np.random.default_rng([seed, len(first)])
    drawn = rng.integers(0, len(first), (resamples, len(first)))
    found = np.array([combine([first[i] for i in row]) - combine([second[i] for i in row]) for row in drawn])
    found = found[np.isfinite(found)]
    if not len(found):
        return Difference(value, math.nan, math.nan, 1.0, len(first))
    low, high = np.percentile(found, [2.5, 97.5])
    side = min(float((found <= 0).mean()), float((found >= 0).mean()))
    return Difference(value, float(low), float(high), min(1.0, max(2 * side, 1 / resamples)), len(first))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = worst
    return adjusted
