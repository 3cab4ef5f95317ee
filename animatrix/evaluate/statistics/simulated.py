"""Studies with a known answer, to test the statistics on.

A vote follows Bradley-Terry with ties; the gap of two systems is the planted one plus what this rater and
this prompt make of it. What a study can find out is the score that its whole population of raters and prompts
would give (:func:`population`): with raters who differ it lies nearer 0 than the planted one of a single
rater.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from animatrix.evaluate.statistics.bradley_terry import LIKELIHOODS, TieModel
from animatrix.evaluate.statistics.tallies import (
    ANSWERS,
    BOTH_BAD,
    LEVELS,
    TIE,
    Tally,
    pairs_of,
    tally_levels,
    tally_pairs,
)


@dataclass(frozen=True)
class Planted:
    """What holds for a simulated study.

    Args:
        scores: log-odds of the systems.
        tie: ln nu (Davidson) or ln k (Rao-Kupper).
        rater_spread, prompt_spread: standard deviation, in log-odds, of what a rater or a prompt adds to a
            system's score.
        both_bad: share of ties that are called "both bad".
    """

    scores: tuple[float, ...]
    tie: float = -0.3
    rater_spread: float = 0.5
    prompt_spread: float = 0.5
    both_bad: float = 0.2
    model: TieModel = "davidson"

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple("abcdefgh"[: len(self.scores)])

    def chances(self, gap: np.ndarray) -> np.ndarray:
        """Of (first, second, tie), ``[...,3]``."""
        gaps = torch.from_numpy(np.asarray(gap, float))
        return LIKELIHOODS[self.model](gaps, torch.full_like(gaps, self.tie)).exp().numpy()


@dataclass(frozen=True)
class Shown:
    """A study's trials, int ``[N]`` each."""

    rater: np.ndarray
    prompt: np.ndarray
    left: np.ndarray
    right: np.ndarray


def assign(rng: np.random.Generator, systems: int, raters: int, prompts: int, trials: int) -> Shown:
    """Trials of each rater: prompts no oftener than they must come, pairs in turn, sides by lot."""
    pairs = np.array(pairs_of(systems))
    prompt = np.concatenate(
        [
            np.concatenate([rng.permutation(prompts) for _ in range(-(-trials // prompts))])[:trials]
            for _ in range(raters)
        ]
    )
    pair = np.concatenate([rng.permutation(np.arange(trials) + r) % len(pairs) for r in range(raters)])
    turn = rng.random(raters * trials) < 0.5
    first, second = pairs[pair].T
    return Shown(
        np.repeat(np.arange(raters), trials),
        prompt,
        np.where(turn, second, first),
        np.where(turn, first, second),
    )


def answers(rng: np.random.Generator, planted: Planted, shown: Shown) -> np.ndarray:
    """An answer a trial, int ``[N]``."""
    systems = len(planted.scores)
    of_rater = rng.normal(0, planted.rater_spread, (shown.rater.max() + 1, systems))
    of_prompt = rng.normal(0, planted.prompt_spread, (shown.prompt.max() + 1, systems))

    def worth(system: np.ndarray) -> np.ndarray:
        score = np.array(planted.scores)[system]
        return score + of_rater[shown.rater, system] + of_prompt[shown.prompt, system]

    chances = planted.chances(worth(shown.left) - worth(shown.right))
    answer = (rng.random(len(chances))[:, None] > chances.cumsum(1)[:, :2]).sum(1)
    bad = (answer == TIE) & (rng.random(len(answer)) < planted.both_bad)
    return np.where(bad, BOTH_BAD, answer)


def simulate(
    rng: np.random.Generator, planted: Planted, raters: int = 20, prompts: int = 40, trials: int = 30
) -> Tally:
    """The votes of a whole study, counted."""
    shown = assign(rng, len(planted.scores), raters, prompts, trials)
    found = answers(rng, planted, shown)
    return tally_pairs(planted.systems, shown.rater, shown.prompt, shown.left, shown.right, found)


def population(planted: Planted) -> np.ndarray:
    """Expected votes ``[K]`` of endlessly many raters and prompts, every pair as often (Gauss-Hermite)."""
    at, weight = np.polynomial.hermite_e.hermegauss(61)
    spread = np.sqrt(2 * (planted.rater_spread**2 + planted.prompt_spread**2))
    first, second = (list(side) for side in zip(*pairs_of(len(planted.scores)), strict=True))
    gap = np.array(planted.scores)[first] - np.array(planted.scores)[second]
    chances = np.einsum("qno,n->qo", planted.chances(gap[:, None] + spread * at), weight / weight.sum())
    bad = chances[:, TIE] * planted.both_bad
    votes = np.zeros((len(first), ANSWERS))
    votes[:, :TIE], votes[:, TIE], votes[:, BOTH_BAD] = chances[:, :TIE], chances[:, TIE] - bad, bad
    return votes.ravel() * 1e9


def simulate_scores(
    rng: np.random.Generator,
    means: tuple[float, ...],
    raters: int = 20,
    prompts: int = 40,
    trials: int = 30,
    rater_spread: float = 0.5,
    prompt_spread: float = 0.5,
    noise: float = 0.8,
) -> Tally:
    """Scores 1..5: rounded means plus what rater, prompt, each with a system, and chance add."""
    systems = len(means)
    rater = np.repeat(np.arange(raters), trials)
    prompt = np.concatenate([rng.permutation(np.arange(trials) + r) % prompts for r in range(raters)])
    system = np.concatenate([rng.permutation(np.arange(trials) % systems) for _ in range(raters)])
    worth = np.array(means)[system] + rng.normal(0, noise, len(rater))
    worth += rng.normal(0, rater_spread, (raters, 1))[rater, 0]
    worth += rng.normal(0, rater_spread, (raters, systems))[rater, system] / 2
    worth += rng.normal(0, prompt_spread, (prompts, 1))[prompt, 0]
    worth += rng.normal(0, prompt_spread, (prompts, systems))[prompt, system] / 2
    score = np.clip(np.rint(worth), 1, LEVELS).astype(int) - 1
    return tally_levels(tuple("abcdefgh"[:systems]), rater, prompt, system, score)


def population_mean(
    mean: float, rater_spread: float = 0.5, prompt_spread: float = 0.5, noise: float = 0.8
) -> float:
    """Expected rounded and clipped score of :func:`simulate_scores`."""
    from statistics import NormalDist

    spread = NormalDist(mean, float(np.sqrt(noise**2 + 1.25 * (rater_spread**2 + prompt_spread**2))))
    return LEVELS - sum(spread.cdf(level + 0.5) for level in range(1, LEVELS))
