"""Mean opinion scores: the mean of 1-5 scores of each system, and their differences."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from animatrix.evaluate.statistics.tallies import LEVELS, pairs_of


@dataclass(frozen=True)
class Opinions:
    """The estimator of scores; of a tally over other levels with ``levels``, e.g. (1, 0) for a share.

    ``names`` of the estimates, in order: ``mean:i``; ``lead:i:j``, mean of i less that of j; ``ratio:i:j``,
    ln of one mean over the other.
    """

    systems: int
    levels: tuple[float, ...] = tuple(range(1, LEVELS + 1))
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        pairs = [f"{i}:{j}" for i, j in pairs_of(self.systems)]
        names = [f"mean:{i}" for i in range(self.systems)]
        object.__setattr__(
            self, "names", tuple(names + [f"{p}:{of}" for p in ("lead", "ratio") for of in pairs])
        )

    @property
    def prior(self) -> np.ndarray:
        """None: ``[K]`` zeros."""
        return np.zeros(self.systems * len(self.levels))

    @staticmethod
    def shown(name: str, value: float) -> float:
        """Estimates are on the scale of the scores already."""
        return value

    def __call__(self, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Estimates ``[B,E]`` and what one more vote of each kind does to them, ``[B,E,K]``.

        NaN where a system has no score.
        """
        n = totals.reshape(len(totals), self.systems, len(self.levels))
        levels = np.array(self.levels, float)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = n @ levels / n.sum(2)
            each = (levels - mean[..., None]) / n.sum(2, keepdims=True)  # [B,S,5]
            by_level = np.zeros((len(totals), self.systems, self.systems, len(self.levels)))
            own = np.arange(self.systems)
            by_level[:, own, own] = each
            moved = by_level.reshape(len(totals), self.systems, -1)
            first, second = (list(side) for side in zip(*pairs_of(self.systems), strict=True))
            relative = moved / mean[..., None]
            estimates = [mean, mean[:, first] - mean[:, second], np.log(mean[:, first] / mean[:, second])]
        all_moved = [moved, moved[:, first] - moved[:, second], relative[:, first] - relative[:, second]]
        return np.concatenate(estimates, 1), np.concatenate(all_moved, 1)
