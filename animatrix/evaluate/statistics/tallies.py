"""Votes counted by rater, prompt and kind of vote: all that scores and their intervals depend on.

A *kind* is what a vote can be: for comparisons, a pair of systems and an answer; for scores, a system and a
score. Every estimate is a function of how many votes of each kind there are, so a resample is a new count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

FIRST, SECOND, TIE, BOTH_BAD = range(4)
ANSWERS = 4
LEVELS = 5  # scores 1..5


@dataclass(frozen=True)
class Tally:
    """Counts float64 ``[R,P,K]`` of votes by rater, prompt and kind; ``systems`` by name."""

    systems: tuple[str, ...]
    counts: np.ndarray

    @property
    def totals(self) -> np.ndarray:
        """Votes of each kind, ``[K]``."""
        return self.counts.sum((0, 1))

    @property
    def votes(self) -> int:
        return int(self.counts.sum())


def pairs_of(systems: int) -> list[tuple[int, int]]:
    """Pairs of systems (i < j) in the order of a tally's kinds."""
    return list(combinations(range(systems), 2))


def tally_pairs(
    systems: Sequence[str],
    rater: np.ndarray,
    prompt: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    answer: np.ndarray,
) -> Tally:
    """Count comparisons; kinds are pairs x (first, second, tie, both bad), first being the lower index.

    Args:
        rater, prompt, left, right: int ``[N]``, from 0; left and right index ``systems`` and differ.
        answer: int ``[N]``: FIRST where the left was better, SECOND the right, TIE or BOTH_BAD.
    """
    place = np.full((len(systems), len(systems)), -1)
    for q, (i, j) in enumerate(pairs_of(len(systems))):
        place[i, j] = place[j, i] = q
    turned = (left > right) & (answer < TIE)
    kind = place[left, right] * ANSWERS + np.where(turned, 1 - answer, answer)
    if len(kind) and kind.min() < 0:
        raise ValueError("a system is compared with itself")
    return Tally(tuple(systems), _count(rater, prompt, kind, ANSWERS * len(pairs_of(len(systems)))))


def tally_levels(
    systems: Sequence[str],
    rater: np.ndarray,
    prompt: np.ndarray,
    system: np.ndarray,
    level: np.ndarray,
    levels: int = LEVELS,
) -> Tally:
    """Count judgements of single clips; kinds are systems x levels.

    All arguments int ``[N]``; ``level`` from 0, which is score 1.
    """
    if len(level) and not (level.min() >= 0 and level.max() < levels):
        raise ValueError(f"levels go from 0 to {levels - 1}")
    return Tally(tuple(systems), _count(rater, prompt, system * levels + level, levels * len(systems)))


def _count(rater: np.ndarray, prompt: np.ndarray, kind: np.ndarray, kinds: int) -> np.ndarray:
    """Votes by rater, prompt and kind; raters and prompts without a vote take no place."""
    _, r = np.unique(rater, return_inverse=True)
    _, p = np.unique(prompt, return_inverse=True)
    counts = np.zeros((r.max() + 1 if len(r) else 0, p.max() + 1 if len(p) else 0, kinds))
    np.add.at(counts, (r, p, kind), 1.0)
    return counts
