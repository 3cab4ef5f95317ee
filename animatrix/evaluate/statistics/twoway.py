"""Intervals and p values for votes that share raters and share prompts.

Default: the studentised two-way bootstrap. Raters and prompts are drawn with replacement, independently; a
vote counts as often as its rater times as often as its prompt (the pigeonhole bootstrap of Owen 2007). Each
draw's distance from the estimate is divided by its own two-way cluster-robust standard error (Cameron,
Gelbach & Miller 2011), and the quantile of that ratio's size takes the place of 1.96.

Why not plain percentiles: drawing both ways counts the noise of single votes three times over (Owen 2007), so
percentiles are too wide where raters and prompts differ little, and too narrow with few raters. Dividing by a
standard error that errs in the same way cancels both; ``benchmarks/study_recovery.py`` shows the coverage of
all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, Protocol

import numpy as np

from animatrix.errors import AniMatrixError, Code

Method = Literal["studentised", "percentile", "bca"]
METHODS: tuple[Method, ...] = ("studentised", "percentile", "bca")
RESAMPLES = 1999
CHUNK = 2_000_000  # numbers in the largest array of a chunk


class Estimator(Protocol):
    """What is estimated from the votes of each kind."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def prior(self) -> np.ndarray: ...

    def __call__(self, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Totals ``[B,K]`` to estimates ``[B,E]`` and influences ``[B,E,K]``."""
        ...


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; ``p`` is two-sided against ``value`` = 0; ``design_effect``: its variance
    over that of as many votes without shared raters and prompts.
    """

    value: float
    error: float
    low: float
    high: float
    p: float
    design_effect: float


@dataclass(frozen=True)
class Draws:
    """Estimates ``[E]`` by name, their standard errors, and both again for each resample, ``[B,E]``."""

    names: tuple[str, ...]
    value: np.ndarray
    error: np.ndarray
    design: np.ndarray
    skew: np.ndarray
    found: np.ndarray
    spread: np.ndarray


def draw(
    counts: np.ndarray,
    estimator: Estimator,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    only: Sequence[str] | None = None,
) -> Draws:
    """Estimate from votes ``counts`` ``[R,P,K]``, and again from raters and prompts drawn with replacement.

    Args:
        only: names of the estimates wanted; all by default.

    Raises:
        AniMatrixError: BAD_OPTION with less than two raters or prompts; NOT_FINITE where a fit fails.
    """
    raters, prompts, _ = counts.shape
    for what, n in (("rater", raters), ("prompt", prompts)):
        if n < 2:
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"votes of {'one' if n else 'no'} {what}",
                f"an interval over raters and prompts needs two {what}s at least",
            )
    wanted = [i for i, name in enumerate(estimator.names) if only is None or name in only]
    cells = _Cells(counts, estimator.prior)
    one = np.ones((1, raters)), np.ones((1, prompts))
    value, moved = (part[:, wanted] for part in estimator(cells.totals(*one)))
    if not np.isfinite(value).all():
        raise AniMatrixError(
            Code.NOT_FINITE, "the scores of these votes have no finite estimate", "more votes are needed"
        )
    rng = np.random.default_rng(seed)
    r, p = (rng.multinomial(n, np.full(n, 1 / n), resamples).astype(float) for n in (raters, prompts))
    several = (np.count_nonzero(r, 1) > 1) & (np.count_nonzero(p, 1) > 1)
    r, p = r[several], p[several]
    found, spread = [], []
    size = max(1, CHUNK // max(1, len(wanted) * cells.count))
    for start in range(0, len(r), size):
        part = slice(start, start + size)
        again, its = (x[:, wanted] for x in estimator(cells.totals(r[part], p[part])))
        found.append(again)
        spread.append(cells.error(r[part], p[part], its))
    every = np.concatenate(found)
    whole = np.isfinite(every).all(1)
    return Draws(
        tuple(estimator.names[i] for i in wanted),
        value[0],
        cells.error(*one, moved)[0],
        cells.design_effect(moved[0]),
        cells.skew(moved[0]),
        every[whole],
        np.concatenate(spread)[whole],
    )


def interval(draws: Draws, method: Method = "studentised", level: float = 0.95) -> dict[str, Estimate]:
    """Every estimate with its interval and its p value.

    Args:
        method: ``studentised`` as above; ``percentile`` of the two-way draws; ``bca`` (Efron 1987),
        percentiles
            corrected for bias and acceleration.
    """
    value, found, count = draws.value, draws.found, len(draws.found)
    if method == "studentised":
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.nan_to_num(np.abs(found - value) / draws.spread, nan=0.0, posinf=np.inf)
            at = np.nan_to_num(np.abs(value) / draws.error, nan=0.0, posinf=np.inf)
        reach = np.quantile(size, level, axis=0, method="higher") * draws.error
        low, high = value - reach, value + reach
        p = (1 + (size >= at).sum(0)) / (count + 1)
    else:
        normal, tail = NormalDist(), (1 - level) / 2
        quantiles = np.tile([[tail], [1 - tail]], len(value))
        if method == "bca":
            below = ((found < value).sum(0) + 0.5) / (count + 1)
            for e in range(len(value)):
                bias = normal.inv_cdf(float(below[e]))
                for k, z in enumerate((normal.inv_cdf(tail), normal.inv_cdf(1 - tail))):
                    quantiles[k, e] = normal.cdf(bias + (bias + z) / (1 - draws.skew[e] * (bias + z)))
        ends = [np.quantile(found[:, e], quantiles[:, e]) for e in range(len(value))]
        low, high = np.array(ends).T
        p = 2 * np.minimum((found <= 0).sum(0) + 1, (found >= 0).sum(0) + 1) / (count + 1)
    rows = zip(value, draws.error, low, high, np.minimum(p, 1.0), draws.design, strict=True)
    return {name: Estimate(*map(float, row)) for name, row in zip(draws.names, rows, strict=True)}


class _Cells:
    """Votes by rater and prompt, with the sums that resampling needs."""

    def __init__(self, counts: np.ndarray, prior: np.ndarray) -> None:
        self.counts, self.prior = counts, prior
        self.rater, self.prompt = np.nonzero(counts.sum(2))
        self.cell = counts[self.rater, self.prompt]  # [C,K]
        self.count = max(len(self.cell), counts.shape[0] * counts.shape[2])

    def totals(self, r: np.ndarray, p: np.ndarray) -> np.ndarray:
        """``[B,K]`` from how often each rater ``[B,R]`` and prompt ``[B,P]`` was drawn."""
        return (r[:, self.rater] * p[:, self.prompt]) @ self.cell

    def sums(self, r: np.ndarray, p: np.ndarray, moved: np.ndarray):
        """What raters ``[B,E,R]``, prompts ``[B,E,P]`` and cells ``[B,E,C]`` add to the estimates."""
        raters, prompts, kinds = self.counts.shape
        by_rater = (p @ self.counts.transpose(1, 0, 2).reshape(prompts, -1)).reshape(-1, raters, kinds)
        by_prompt = (r @ self.counts.reshape(raters, -1)).reshape(-1, prompts, kinds)
        return moved @ by_rater.transpose(0, 2, 1), moved @ by_prompt.transpose(0, 2, 1), moved @ self.cell.T

    def error(self, r: np.ndarray, p: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Two-way cluster-robust standard errors ``[B,E]``: raters + prompts - cells, each part enlarged by
        n / (n - 1).

        The sum may lie rightly below every part, where a rater's leniency cancels in a difference; it may be
        negative by chance. The floor, half the lesser of raters and prompts, is low enough to leave the
        former alone: at the larger of the two, intervals of votes that share nothing were too wide (coverage
        0.984).
        """
        of_rater, of_prompt, of_cell = self.sums(r, p, moved)
        raters, prompts, _ = self.counts.shape
        by_rater = (of_rater**2 @ r[..., None])[..., 0] * raters / (raters - 1)
        by_prompt = (of_prompt**2 @ p[..., None])[..., 0] * prompts / (prompts - 1)
        weight = r[:, self.rater] * p[:, self.prompt]
        by_cell = (of_cell**2 @ weight[..., None])[..., 0]
        least = np.minimum(by_rater, by_prompt) / 2
        return np.sqrt(np.maximum(by_rater + by_prompt - by_cell, least) + moved**2 @ self.prior)

    def design_effect(self, moved: np.ndarray) -> np.ndarray:
        """Two-way variance over that of single votes, ``[E]``."""
        one = np.ones((1, self.counts.shape[0])), np.ones((1, self.counts.shape[1]))
        plain = moved**2 @ (self.counts.sum((0, 1)) + self.prior)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.error(*one, moved[None])[0] ** 2 / plain

    def skew(self, moved: np.ndarray) -> np.ndarray:
        """Acceleration ``[E]`` of BCa from what each rater and each prompt adds."""
        one = np.ones((1, self.counts.shape[0])), np.ones((1, self.counts.shape[1]))
        of_rater, of_prompt, _ = self.sums(*one, moved[None])
        both = np.concatenate([of_rater[0], of_prompt[0]], 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = (both**3).sum(1) / (6 * (both**2).sum(1) ** 1.5)
        return np.where(np.isfinite(found), found, 0.0)
