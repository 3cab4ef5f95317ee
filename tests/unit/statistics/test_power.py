"""How many votes: the published table, and the laws around it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from animatrix import AniMatrixError
from animatrix.evaluate.statistics.power import crossed_design_effect, decisive_votes, need


@pytest.mark.parametrize(("effect", "votes"), [(0.55, 783), (0.60, 194), (0.65, 85), (0.70, 47)])
def test_decisive_votes_at_80_percent_power(effect, votes):
    assert need(effect).decisive == votes


def test_so_many_votes_do_find_it_four_times_in_five():
    rng = np.random.default_rng(0)
    right = rng.binomial(194, 0.6, 20000) / 194
    found = np.abs(right - 0.5) / (0.5 / math.sqrt(194)) > 1.96
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_shared_raters_ties_and_several_tests_ask_for_more():
    plain = need(0.6, per_rater=20)
    assert plain.raters == 10
    assert need(0.6, design_effect=3).decisive == math.ceil(decisive_votes(0.6) * 3)
    assert need(0.6, ties=0.5).votes == 2 * plain.decisive
    assert need(0.6, tests=5).decisive > 1.4 * plain.decisive
    assert crossed_design_effect(30, 15, of_raters=0.05, of_prompts=0.1) == pytest.approx(1 + 1.45 + 1.4)
    assert crossed_design_effect(1, 1, 0.5, 0.5) == 1


@pytest.mark.parametrize(
    "bad",
    [
        *({"effect": 0.5}, {"effect": 1.0}, {"effect": 0.4}, {"effect": float("nan")}, {"power": 1.0}),
        *({"alpha": 0.0}, {"ties": 1.0}, {"design_effect": 0.0}, {"per_rater": 0}, {"tests": 0}),
    ],
)
def test_what_cannot_be_is_named(bad):
    (name,) = bad
    with pytest.raises(AniMatrixError, match=name.replace("_", "-")):
        need(**({"effect": 0.6} | bad))
