"""How far raters agree: Krippendorff's alpha and the intraclass correlation, for designs with gaps.

Both take what each rater said of each unit, and give an interval by resampling units (whole prompts, where a
prompt has several). Raters are not resampled here: a rater drawn twice would agree with itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Scale = Literal["nominal", "ordinal", "interval"]
RELIABLE = 0.667  # least alpha for tentative conclusions (Krippendorff 2004, p. 241)
RESAMPLES = 999


@dataclass(frozen=True)
class Agreement:
    """A coefficient with its 95 % interval over prompts, and what it rests on.

    NaN where nothing can be said: no unit judged twice, or never two different answers.
    """

    value: float
    low: float
    high: float
    units: int
    raters: float


def krippendorff_alpha(counts: np.ndarray, scale: Scale = "ordinal") -> float:
    """Alpha of ``counts`` ``[U,L]``: how many raters gave unit u level l (Krippendorff 2011).

    Units with less than two answers say nothing and are left out.
    """
    counts = counts[counts.sum(1) > 1]
    if not len(counts):
        return float("nan")
    size = counts.sum(1)
    coincidence = np.einsum("uc,uk,u->ck", counts, counts, 1 / (size - 1))
    coincidence -= np.diag((counts / (size - 1)[:, None]).sum(0))
    of_level = coincidence.sum(0)
    apart = _distance(of_level, scale)
    expected = (np.outer(of_level, of_level) * apart).sum() / (of_level.sum() - 1)
    return 1.0 - float((coincidence * apart).sum() / expected) if expected > 0 else float("nan")


def _distance(of_level: np.ndarray, scale: Scale) -> np.ndarray:
    """Squared distance ``[L,L]`` of levels."""
    level = np.arange(len(of_level))
    if scale == "nominal":
        return 1.0 - np.eye(len(level))
    if scale == "interval":
        return (level[:, None] - level[None]) ** 2.0
    middle = of_level.cumsum() - of_level / 2  # all from c to k, less half of each end
    return (middle[:, None] - middle[None]) ** 2


def icc(said: np.ndarray) -> tuple[float, float]:
    """ICC(2,1) and ICC(2,k): absolute agreement of one rater, and of the mean of k (Shrout & Fleiss 1979).

    Variances of units, raters and the rest from three sums of squares and their expectations (Henderson 1953,
    method 1), which with no gaps is the usual analysis of variance. k is the harmonic mean of answers a unit.

    Args:
        said: ``[U,R]``, NaN where a rater did not judge a unit.
    """
    said = said[np.isfinite(said).sum(1) > 1]
    given = np.isfinite(said)
    given, said = given[:, given.any(0)], said[:, given.any(0)]
    if said.shape[0] < 2 or said.shape[1] < 2:
        return float("nan"), float("nan")
    centred = np.where(given, said - np.nanmean(said), 0.0)
    n_unit, n_rater, n = given.sum(1), given.sum(0), given.sum()
    of_units = (centred.sum(1) ** 2 / n_unit).sum()
    of_raters = (centred.sum(0) ** 2 / n_rater).sum()
    units, raters = said.shape
    u, r = (n_unit**2).sum() / n, (n_rater**2).sum() / n
    expected = np.array(
        [[n - u, units - r, units - 1], [raters - u, n - r, raters - 1], [n - u, n - r, n - 1]]
    )
    try:
        found = np.linalg.solve(expected, [of_units, of_raters, (centred**2).sum()])
    except np.linalg.LinAlgError:
        return float("nan"), float("nan")
    unit, rater, rest = found[0], max(found[1], 0.0), max(found[2], 0.0)
    k = len(n_unit) / (1 / n_unit).sum()
    alone, together = unit + rater + rest, unit + (rater + rest) / k
    if alone <= 0 or together <= 0:
        return float("nan"), float("nan")
    return float(unit / alone), float(unit / together)


def mirrored(counts: np.ndarray) -> np.ndarray:
    """Each unit both ways round, ``[2U,L]``.

    Which of two clips is called the first is arbitrary. Seen one way only, a system that nearly always wins
    leaves little to disagree about, and alpha falls although raters agree; mirrored, it does not depend on
    names.
    """
    return np.concatenate([counts, counts[:, ::-1]])


def agreement(
    rater: np.ndarray,
    prompt: np.ndarray,
    unit: np.ndarray,
    level: np.ndarray,
    levels: int,
    *,
    mirror: bool,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Agreement, Agreement]:
    """Ordinal alpha and ICC(2,k) of judgements, int ``[N]`` each; ``level`` from 0.

    Args:
        prompt: that a unit belongs to; whole prompts are resampled.
        mirror: levels are of comparisons, worst to best for the first clip (:func:`mirrored`).
    """
    units, at = np.unique(unit, return_inverse=True)
    raters, who = np.unique(rater, return_inverse=True)
    counts = np.zeros((len(units), levels))
    np.add.at(counts, (at, level), 1.0)
    said = np.full((len(units), len(raters)), np.nan)
    said[at, who] = level
    judged = counts.sum(1) > 1
    if not judged.any():
        nan = float("nan")
        nothing = Agreement(nan, nan, nan, 0, 0.0)
        return nothing, nothing
    home = np.zeros(len(units), int)
    home[at] = prompt
    groups = [np.flatnonzero(judged & (home == p)) for p in np.unique(home[judged])]

    def alpha(rows: np.ndarray) -> float:
        return krippendorff_alpha(mirrored(counts[rows]) if mirror else counts[rows])

    def correlation(rows: np.ndarray) -> float:
        turned = levels - 1 - said[rows]
        return icc(np.concatenate([said[rows], turned]) if mirror else said[rows])[1]

    size = float(len(counts[judged]) / (1 / counts[judged].sum(1)).sum())
    return tuple(  # type: ignore[return-value]
        Agreement(of(np.concatenate(groups)), *_over(groups, of, seed, resamples), int(judged.sum()), size)
        for of in (alpha, correlation)
    )


def _over(
    groups: list[np.ndarray], of: Callable[[np.ndarray], float], seed: int, resamples: int
) -> tuple[float, float]:
    """95 % percentile interval over prompts; NaN with less than two."""
    if len(groups) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(groups), (resamples, len(groups)))
    found = np.array([of(np.concatenate([groups[g] for g in row])) for row in drawn])
    found = found[np.isfinite(found)]
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
