"""Scores from comparisons with ties: planted ones found, orders and names of no account, extremes finite."""

from __future__ import annotations

import math

import numpy as np
import pytest

from animatrix import AniMatrixError
from animatrix.evaluate.statistics.bradley_terry import Comparisons, check_connected, fit, tie_rate
from animatrix.evaluate.statistics.simulated import Planted, answers, assign, population
from animatrix.evaluate.statistics.tallies import BOTH_BAD, TIE, tally_pairs

MODELS = ["davidson", "rao_kupper"]


def estimates(totals, systems, model="davidson"):
    estimator = Comparisons(systems, model)
    values = estimator(np.asarray(totals, float)[None])[0][0]
    return {name: estimator.shown(name, v) for name, v in zip(estimator.names, values, strict=True)}


@pytest.mark.parametrize("model", MODELS)
def test_planted_scores_and_ties_are_found(model):
    planted = Planted((0.7, 0.1, -0.8), 0.4, rater_spread=0, prompt_spread=0, model=model)
    found = fit(population(planted)[None], 3, model)
    assert found.converged.all()
    np.testing.assert_allclose(found.scores[0], planted.scores, atol=1e-4)
    assert float(found.tie[0]) == pytest.approx(0.4, abs=1e-4)
    assert tie_rate(0.4, model) == pytest.approx(planted.chances(np.array([0.0]))[0, TIE])


def test_davidson_is_its_closed_form_for_two_systems():
    # ln(W/L) is the gap, T / sqrt(W L) is nu (Davidson 1970); the prior's half vote is nothing here.
    found = fit(np.array([[6e6, 2e6, 1.5e6, 0.5e6]]), 2)
    assert float(found.scores[0, 0] - found.scores[0, 1]) == pytest.approx(math.log(3), abs=1e-6)
    assert float(found.tie[0]) == pytest.approx(math.log(2 / math.sqrt(12)), abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("votes", [[40, 0, 0, 0], [0, 0, 40, 0], [20, 20, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
def test_one_sided_votes_have_a_finite_score(model, votes):
    found = fit(np.array([votes], float), 2, model)
    assert found.converged.all() and found.scores.isfinite().all() and found.scores.abs().max() < 6


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_is_its_fits_one_by_one(model):
    totals = np.random.default_rng(3).integers(0, 40, (12, 24)).astype(float)
    together = Comparisons(4, model)(totals)
    for n in range(12):
        for whole, one in zip(together, Comparisons(4, model)(totals[n : n + 1]), strict=True):
            np.testing.assert_allclose(whole[n], one[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_influence_is_what_one_more_vote_does(model):
    totals = np.random.default_rng(0).integers(20, 60, 12).astype(float)
    value, moved = Comparisons(3, model)(totals[None])
    for kind in range(12):
        more = totals.copy()
        more[kind] += 0.01
        change = (Comparisons(3, model)(more[None])[0] - value)[0] / 0.01
        np.testing.assert_allclose(change, moved[0, :, kind], rtol=0.02, atol=1e-4)


def test_names_sides_and_order_of_votes_do_not_matter():
    rng = np.random.default_rng(1)
    planted = Planted((0.5, 0.0, -0.5))
    shown = assign(rng, 3, 6, 10, 20)
    given = answers(rng, planted, shown)
    parts = (shown.rater, shown.prompt, shown.left, shown.right, given)
    plain = estimates(tally_pairs("abc", *parts).totals, 3)
    order = rng.permutation(len(given))
    mixed = estimates(tally_pairs("abc", *(p[order] for p in parts)).totals, 3)
    turned = np.where(given < TIE, 1 - given, given)
    sides = estimates(
        tally_pairs("abc", shown.rater, shown.prompt, shown.right, shown.left, turned).totals, 3
    )
    other = [np.array([2, 0, 1])[s] for s in (shown.left, shown.right)]
    named = estimates(tally_pairs("bca", shown.rater, shown.prompt, *other, given).totals, 3)
    for name, value in plain.items():
        assert mixed[name] == pytest.approx(value, abs=1e-6)
        assert sides[name] == pytest.approx(value, abs=1e-6)
    assert named["score:2"] == pytest.approx(plain["score:0"], abs=1e-6)
    assert named["gap:0:2"] == pytest.approx(-plain["gap:0:1"], abs=1e-6)


def test_both_bad_counts_as_a_tie_and_is_kept_apart():
    bad, tie = np.zeros(4), np.zeros(4)
    bad[:3], tie[:3] = (30, 20, 5), (30, 20, 15)
    bad[BOTH_BAD] = 10
    assert estimates(bad, 2) == pytest.approx(estimates(tie, 2))
    one = np.zeros(1, int)
    assert tally_pairs("ab", one, one, one, one + 1, one + BOTH_BAD).totals.tolist() == [0, 0, 0, 1]


def test_points_of_two_systems_are_shares_of_a_hundred():
    found = estimates([300, 100, 150, 50], 2)
    assert found["points:0"] + found["points:1"] == pytest.approx(100)
    assert found["points:0"] == pytest.approx(100 * (300 + 100) / 600, abs=0.1)
    assert found["lead:0:1"] == pytest.approx(found["points:0"] - found["points:1"])


def test_systems_never_compared_are_named():
    totals = np.zeros(24)
    totals[0] = 5  # a against b
    totals[20] = 5  # c against d
    with pytest.raises(AniMatrixError, match="c, d: never compared with a"):
        check_connected(totals, ("a", "b", "c", "d"))
    totals[8] = 1  # a against d
    check_connected(totals, ("a", "b", "c", "d"))
