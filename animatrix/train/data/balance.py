"""Weights that show the axes, and the values within them, more evenly than the pool holds them.

A value that a share f of the pool's items have is worth (median f / f)^power: with power 1/2, a value a
hundred times rarer than another is shown ten times as rarely instead. An axis counts likewise, by how many
items say anything beyond the plain in it. An item is worth the mean over its axes of the worth of the rarest
value it has there: a clip with one rare smear among two dozen plain tags is a clip of a smear. Weights are
capped, so that a value that one item has is not shown all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from animatrix.knowledge import Taxonomy
from animatrix.train.data.cards import Card

PLAIN = 0.5  # a value that more of the pool than this has is what a shot is like when nobody asks


@lru_cache(maxsize=1)
def _numbers() -> tuple[dict[str, int], np.ndarray]:
    """Number of every ``field=value``, and the number of its axis."""
    numbers: dict[str, int] = {}
    axes: list[int] = []
    taxonomy = Taxonomy.default()
    for at, axis in enumerate(taxonomy.axes.values()):
        for name in axis.fields:
            for value in [*taxonomy.fields[name].values, "none"]:
                numbers[f"{name}={value}"] = len(axes)
                axes.append(at)
    return numbers, np.array(axes)


def said(cards: Sequence[Card]) -> np.ndarray:
    """What the cards say, as numbers: ``int64 [R,2]``, a row for each (place in the list, value)."""
    numbers, _ = _numbers()
    rows = [
        (i, numbers[key])
        for i, card in enumerate(cards)
        if not card.fault
        for key in card.keys
        if key in numbers
    ]
    return np.array(rows, np.int64).reshape(-1, 2)


def balanced(values: np.ndarray, good: np.ndarray, power: float = 0.5, cap: float = 8.0) -> np.ndarray:
    """Weights ``float64 [N]``, median about 1, within [1/cap, cap]; 0 for a faulty item.

    Args:
        values: ``int64 [R,2]``, as :func:`said`.
        good: ``bool [N]``, false for a faulty item.
        power: 0 leaves all equal, 1 evens values out as far as the items allow.
        cap: how many times likelier than the median, or less likely, an item may become.
    """
    if power == 0 or not good.any() or not len(values):
        return good.astype(float)
    items, value = values[:, 0], values[:, 1]
    axes = _numbers()[1]
    share = np.bincount(value, minlength=len(axes)) / good.sum()
    seen = share > 0
    worth = np.ones(len(axes))
    worth[seen] = (np.median(share[seen]) / share[seen]) ** power
    # axis by axis: the rarest value of each item, [N, axes]; -inf where it says nothing in the axis
    rarest = np.full((len(good), axes.max() + 1), -np.inf)
    np.maximum.at(rarest, (items, axes[value]), worth[value])
    telling = np.zeros(rarest.shape, bool)
    rare = share[value] <= PLAIN
    telling[items[rare], axes[value[rare]]] = True
    told = telling.sum(0)
    importance = np.ones(len(told))
    if told.any():
        importance = np.where(told > 0, np.median(told[told > 0]) / np.maximum(told, 1), 1.0) ** power
    present = np.isfinite(rarest)
    summed = np.where(present, rarest * importance, 0).sum(1)
    total = np.where(present.any(1), summed / np.maximum((present * importance).sum(1), 1e-9), 1.0)
    return np.where(good, np.clip(total / np.median(total[good]), 1 / cap, cap), 0.0)
