"""Intervals over raters and prompts: coverage on simulated studies, and the laws they keep."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix import AniMatrixError
from animatrix.evaluate.statistics.bradley_terry import Comparisons
from animatrix.evaluate.statistics.opinion import Opinions
from animatrix.evaluate.statistics.simulated import (
    Planted,
    population,
    population_mean,
    simulate,
    simulate_scores,
)
from animatrix.evaluate.statistics.tallies import tally_levels
from animatrix.evaluate.statistics.twoway import METHODS, draw, interval

CASES = {  # planted, raters, prompts, trials
    "raters and prompts differ": (Planted((0.4, -0.4)), 20, 40, 30),
    "nothing but chance": (Planted((0.4, -0.4), rater_spread=0, prompt_spread=0), 20, 40, 30),
    "few raters": (Planted((0.4, -0.4), rater_spread=0.6, prompt_spread=0.3), 8, 30, 30),
}


def coverage(planted, raters, prompts, trials, count, seed, name="gap:0:1"):
    """Share of intervals that hold the population's value, and the mean of the estimates less it."""
    estimator = Comparisons(len(planted.scores), planted.model)
    truth = estimator(population(planted)[None])[0][0][estimator.names.index(name)]
    rng = np.random.default_rng(seed)
    held, off = [], []
    for n in range(count):
        counts = simulate(rng, planted, raters, prompts, trials).counts
        found = interval(draw(counts, estimator, resamples=399, seed=n, only=[name]))[name]
        held.append(found.low <= truth <= found.high)
        off.append(found.value - truth)
    return np.mean(held), np.mean(off)


@pytest.mark.parametrize("case", CASES)
def test_intervals_hold_the_truth_about_as_often_as_they_say(case):
    held, off = coverage(*CASES[case], count=40, seed=5)
    assert held >= 0.8  # of 40: grossly short intervals only; the slow test is the sharp one
    assert abs(off) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_95_percent_intervals_cover_92_to_98_percent_of_500_studies(case):
    held, off = coverage(*CASES[case], count=500, seed=11)
    assert 0.92 <= held <= 0.98
    assert abs(off) < 0.05


def test_mean_scores_cover_too():
    means = (3.6, 3.1)
    truth = population_mean(means[0]) - population_mean(means[1])
    rng = np.random.default_rng(0)
    held = []
    for n in range(60):
        counts = simulate_scores(rng, means).counts
        found = interval(draw(counts, Opinions(2), resamples=399, seed=n))["lead:0:1"]
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.82


def test_no_difference_is_rarely_called_one():
    planted = Planted((0.0, 0.0))
    rng = np.random.default_rng(2)
    p = [
        interval(draw(simulate(rng, planted).counts, Comparisons(2), resamples=199, seed=n))["gap:0:1"].p
        for n in range(40)
    ]
    assert np.mean(np.array(p) < 0.05) <= 0.15
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.2)


def test_shared_raters_widen_the_interval_beyond_independent_votes():
    rng = np.random.default_rng(4)
    effects = []
    for spread in (0.0, 1.0):
        planted = Planted((0.3, -0.3), rater_spread=spread, prompt_spread=0)
        counts = simulate(rng, planted, raters=20, prompts=40, trials=40).counts
        effects.append(interval(draw(counts, Comparisons(2), resamples=199))["gap:0:1"].design_effect)
    assert effects[0] < 2 < 5 < effects[1]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_interval_and_a_wider_level_a_wider_one(method):
    counts = simulate(np.random.default_rng(1), Planted((0.4, -0.4)), 8, 10, 10).counts
    first, again = (interval(draw(counts, Comparisons(2), resamples=199, seed=3), method) for _ in range(2))
    assert first == again
    draws = draw(counts, Comparisons(2), resamples=199, seed=3)
    narrow, wide = (interval(draws, method, level)["gap:0:1"] for level in (0.8, 0.95))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_means_are_the_plain_means():
    rng = np.random.default_rng(0)
    score, system = rng.integers(1, 6, 200), np.arange(200) % 2
    tally = tally_levels("ab", np.arange(200) // 20, np.arange(200) % 20 // 2, system, score - 1)
    found = interval(draw(tally.counts, Opinions(2), resamples=99))
    assert found["mean:0"].value == pytest.approx(score[::2].mean())
    assert found["lead:0:1"].value == pytest.approx(score[::2].mean() - score[1::2].mean())
    assert np.exp(found["ratio:0:1"].value) == pytest.approx(score[::2].mean() / score[1::2].mean())


def test_one_rater_or_one_prompt_has_no_interval():
    for shape, said in (((1, 5, 4), "one rater"), ((5, 1, 4), "one prompt"), ((0, 0, 4), "no rater")):
        with pytest.raises(AniMatrixError, match=said):
            draw(np.ones(shape), Comparisons(2))
