"""From a measure's own score to the chance that it is right, and when it had better say nothing.

The table (``calibration.json``) is fitted by ``python -m animatrix.caption.fit.calibration`` on the ``tune``
split, which no threshold was fitted on. "Nothing there" and "this is there" fail for different reasons, so
``none`` has a curve of its own. A field without a row keeps its measure's own score.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

LEAST_CONFIDENCE = 0.5  # a field without a row abstains below it: a wrong tag costs more than a missing one


@dataclass(frozen=True)
class Curve:
    """``raw`` scores, rising, and the chance ``sure`` of being right at each; ``least`` raw score that
    answers."""

    raw: tuple[float, ...]
    sure: tuple[float, ...]
    least: float

    def __call__(self, raw: float) -> float:
        return float(np.interp(raw, self.raw, self.sure))


@lru_cache(1)
def curves() -> dict[str, dict[str, Curve]]:
    """The fitted curves: field -> kind of answer (see :func:`kind_of`) -> curve."""
    table = json.loads((files("animatrix.caption") / "calibration.json").read_text("utf-8"))
    return {
        name: {
            kind: Curve(tuple(row["raw"]), tuple(row["sure"]), row["least"]) for kind, row in kinds.items()
        }
        for name, kinds in table["fields"].items()
    }


def kind_of(value: str) -> str:
    """``none`` for an answer that nothing is there, else ``some``."""
    return "none" if value == "none" else "some"


def calibrated(name: str, value: str, raw: float) -> tuple[float, bool]:
    """Chance that an answer is right, and whether it is good enough to be given."""
    curve = curves().get(name, {}).get(kind_of(value))
    if curve is None:
        return raw, raw >= LEAST_CONFIDENCE
    return curve(raw), raw >= curve.least


def isotonic(
    raw: Sequence[float], right: Sequence[bool], prior: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Rising step function nearest to the outcomes: (scores, chances), one point per pool.

    Pool adjacent violators (Ayer et al. 1955). Each pool is drawn towards the overall share of right answers
    by ``prior`` pseudo-answers, so that a few lucky ones do not read as certainty.
    """
    order = np.argsort(raw, kind="stable")
    scores, wins = np.asarray(raw, float)[order], np.asarray(right, float)[order]
    pools: list[list[float]] = []  # sum of scores, wins, count
    for score, win in zip(scores, wins, strict=True):
        pools.append([score, win, 1.0])
        while len(pools) > 1 and pools[-2][1] / pools[-2][2] >= pools[-1][1] / pools[-1][2]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    base = float(wins.mean())
    x = np.array([total / count for total, _, count in pools])
    y = np.array([(won + prior * base) / (count + prior) for _, won, count in pools])
    # Means of equal scores differ in their last bits.
    return np.maximum.accumulate(x), np.maximum.accumulate(y)


def least_score(
    raw: Sequence[float], right: Sequence[bool], precision: float = 0.95, fewest: float = 0.6
) -> float | None:
    """Lowest score from which answers are right at least ``precision`` of the time, or None.

    None when that would leave less than ``fewest`` of the answers: the field is then not that good.
    """
    order = np.argsort(raw, kind="stable")[::-1]
    wins = np.cumsum(np.asarray(right, float)[order])
    count = np.arange(1, len(order) + 1)
    scores = np.asarray(raw, float)[order]
    last_of_tie = np.append(scores[1:] != scores[:-1], True)
    good = np.flatnonzero((wins / count >= precision) & (count >= fewest * len(order)) & last_of_tie)
    return float(scores[good[-1]]) if len(good) else None
