"""What logits are worth: one temperature a head, fitted on the ``tune`` split by likelihood.

Guo et al. 2017 (arXiv 1706.04599). Scores of a head are divided by its temperature before they become
probabilities of winning, with the tie rate that training found; the failure answer and the failure map by
theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from animatrix.prefer.measures import Row, of_wanted
from animatrix.prefer.merits import DIMENSIONS, HEADS
from animatrix.prefer.pairs import answer_of, has_map
from animatrix.prefer.ties import OUTCOMES, tie_loss

_GRID = np.geomspace(0.05, 20.0, 121)  # temperatures tried, 5 % apart


@dataclass(frozen=True)
class Calibration:
    """temperatures: by dimension, ``overall``, ``failure`` and ``where``; reference: by dimension and
    overall, the mean score of held-out takes as intended under their own directive.
    """

    temperatures: dict[str, float]
    reference: dict[str, float]

    def as_dict(self) -> dict[str, dict[str, float]]:
        return asdict(self)

    def chance(self, head: str, score: float) -> float:
        """Probability in (0, 1) of winning, ties aside, against an ordinary take as intended."""
        return _sigmoid((score - self.reference[head]) / self.temperatures[head])

    def failing(self, logit: np.ndarray | float, head: str = "failure") -> np.ndarray:
        """Probability of failing, of a logit of the answer or of the map."""
        return np.asarray(_sigmoid(np.asarray(logit, np.float64) / self.temperatures[head]))


UNFITTED = Calibration(
    dict.fromkeys((*HEADS, "failure", "where"), 1.0), dict.fromkeys((*DIMENSIONS, "overall"), 0.0)
)


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def best_temperature(loss: Callable[[float], float]) -> float:
    """The temperature of least loss; 1 where none is better than it."""
    losses = [loss(float(t)) for t in _GRID]
    best = int(np.argmin(losses))
    return float(_GRID[best]) if losses[best] < loss(1.0) else 1.0


def calibrate(rows: Sequence[Row], ln_k: torch.Tensor) -> Calibration:
    """Fit on judged sets.

    Args:
        ln_k: [6] of the tie rates.
    """
    temperatures: dict[str, float] = {}
    for number, head in enumerate(HEADS):
        told = [(row.gap(p), OUTCOMES[p.label]) for row in rows for p in row.pairs if p.dimension == head]
        temperatures[head] = _of_pairs(told, ln_k[number])
    answers = [
        (float(row.failure[i]), answer_of(row.wanted, member))  # type: ignore[arg-type]
        for row in rows
        for i, member in enumerate(row.members)
    ]
    temperatures["failure"] = _of_answers([(x, y) for x, y in answers if not np.isnan(y)])
    cells = [
        (row.where[i].ravel(), row.drawn[i].ravel())
        for row in of_wanted(rows)
        for i, member in enumerate(row.members)
        if has_map(member)
    ]
    flat = [np.concatenate(c) for c in zip(*cells, strict=True)] if cells else [np.zeros(0), np.zeros(0)]
    temperatures["where"] = _of_logits(flat[0], flat[1])
    honest = [row.scores[row.at("intended")] for row in of_wanted(rows)]
    means = np.mean(honest, 0) if honest else np.zeros(len(HEADS))
    return Calibration(
        {name: round(t, 4) for name, t in temperatures.items()},
        {head: round(float(means[i]), 4) for i, head in enumerate(HEADS)},
    )


def _of_pairs(told: Sequence[tuple[float, int]], ln_k: torch.Tensor) -> float:
    if not told:
        return 1.0
    gaps = torch.tensor([g for g, _ in told])
    outcomes = torch.tensor([o for _, o in told])
    k = ln_k.float().expand(len(gaps))
    return best_temperature(lambda t: float(tie_loss(gaps / t, k, outcomes).mean()))


def _of_answers(answers: Sequence[tuple[float, float]]) -> float:
    x, y = (np.array([a[i] for a in answers], np.float64) for i in (0, 1))
    return _of_logits(x, y)


def _of_logits(x: np.ndarray, y: np.ndarray) -> float:
    if not len(x):
        return 1.0
    return best_temperature(lambda t: float((np.logaddexp(0, x / t) - y * x / t).mean()))
