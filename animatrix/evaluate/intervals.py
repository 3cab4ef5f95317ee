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
    values: Sequence[T],
    combine: Callable[[Sequence[T]], float] | None = None,
    seed: int = SEED,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """95 % percentile interval over values drawn with replacement (Efron 1979).

    Args:
        combine: makes one figure of many values; None: their mean. Draws on which it is not finite are left
            out; NaN where none is left, and of a single value, which says nothing of its spread.
    """
    if len(values) < 2:
        return math.nan, math.nan
    rng = np.random.default_rng([seed, len(values)])
    found = _resampled(values, combine, rng.integers(0, len(values), (resamples, len(values))))
    found = found[np.isfinite(found)]
    if not len(found):
        return math.nan, math.nan
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _resampled(
    values: Sequence[T], combine: Callable[[Sequence[T]], float] | None, rows: np.ndarray
) -> np.ndarray:
    """The figure of each row of indices."""
    if combine is None:
        return np.array(values, float)[rows].mean(1)
    return np.array([combine([values[i] for i in row]) for row in rows])


def share_draws(
    values: Sequence[bool | float], rng: np.random.Generator, count: int = RESAMPLES
) -> np.ndarray:
    """Plausible shares ``[count]``: of the Beta posterior under Jeffreys' prior. Resampling would say that
    three of three are always three of three.
    """
    right = sum(map(bool, values))
    return rng.beta(right + 0.5, len(values) - right + 0.5, count)


def share_gap_draws(gaps: Sequence[int], rng: np.random.Generator, count: int = RESAMPLES) -> np.ndarray:
    """Plausible differences of two shares ``[count]`` from what each pair says (-1, 0 or 1): of the Dirichlet
    posterior under Jeffreys' prior.
    """
    cells = [sum(gap == value for gap in gaps) + 0.5 for value in (-1, 0, 1)]
    drawn = rng.dirichlet(cells, count)
    return drawn[:, 2] - drawn[:, 0]


def paired(
    first: Sequence[T],
    second: Sequence[T],
    combine: Callable[[Sequence[T]], float] | None = None,
    seed: int = SEED,
    resamples: int = RESAMPLES,
) -> Difference:
    """The difference of two systems on the same items.

    The interval: of truth values by :func:`share_gap_draws`, of anything else bootstrapped item by item.
    ``p``: of a permutation test that exchanges the systems item by item (Fisher 1935), which holds for few
    items, too: of three items, none is ever significant.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values against {len(second)}")
    if not len(first):
        return Difference(math.nan, math.nan, math.nan, 1.0, 0)
    rng, count = np.random.default_rng([seed, len(first)]), len(first)
    whole = np.arange(count)[None]
    value = float((_resampled(first, combine, whole) - _resampled(second, combine, whole))[0])
    if all(isinstance(v, bool) for v in (*first, *second)):
        gaps = [int(bool(a)) - int(bool(b)) for a, b in zip(first, second, strict=True)]
        found = share_gap_draws(gaps, rng, resamples)
    else:
        drawn = rng.integers(0, count, (resamples, count))
        found = _resampled(first, combine, drawn) - _resampled(second, combine, drawn)
        found = found[np.isfinite(found)]
    if count < 2:
        found = found[:0]
    low, high = np.percentile(found, [2.5, 97.5]) if len(found) else (math.nan, math.nan)
    both = [*first, *second]
    swapped = count * (rng.random((resamples, count)) < 0.5)
    ones = np.arange(count) + swapped
    exchanged = _resampled(both, combine, ones) - _resampled(both, combine, (ones + count) % (2 * count))
    ends = float(min(low, value)), float(max(high, value))  # NaN stays
    return Difference(value, *ends, extreme(value, exchanged), count)


def extreme(value: float, under_exchange: Sequence[float] | np.ndarray) -> float:
    """Two-sided p: the share of exchanges that give at least as large a difference, the one seen included."""
    if not math.isfinite(value):
        return 1.0
    found = np.abs(np.asarray(under_exchange))
    found = found[np.isfinite(found)]
    return float((1 + (found >= abs(value) - 1e-9).sum()) / (1 + len(found)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = worst
    return adjusted
