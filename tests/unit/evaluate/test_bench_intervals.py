"""Intervals: known values, the same every time, and coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from animatrix.evaluate.intervals import bootstrap, holm, paired, share_draws, share_gap_draws, wilson


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(0, 0, 0.0, 1.0), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775)],
)
def test_wilson_has_the_values_of_the_literature(right, count, low, high):
    assert wilson(right, count) == pytest.approx((low, high), abs=2e-4)


def test_a_bootstrap_is_the_same_every_time_and_covers_the_mean():
    rng, hits = np.random.default_rng(3), 0
    for _ in range(200):
        values = rng.normal(1.0, 2.0, 40).tolist()
        low, high = bootstrap(values, resamples=200)
        hits += low <= 1.0 <= high
    assert 0.88 <= hits / 200 <= 0.99
    assert bootstrap(values) == bootstrap(values) == pytest.approx(bootstrap(values, np.mean))


def test_a_bootstrap_of_nothing_is_no_number():
    assert all(math.isnan(end) for end in bootstrap([], np.mean))


def test_a_paired_difference_sees_what_is_the_same_on_every_item():
    base = np.random.default_rng(0).normal(0, 5, 30)
    said = paired((base + 0.5).tolist(), base.tolist(), np.mean)
    assert said.value == pytest.approx(0.5) and said.low > 0.4 and said.p < 0.01 and said.units == 30
    turned = paired(base.tolist(), (base + 0.5).tolist(), np.mean)
    assert turned.value == pytest.approx(-0.5) and turned.p < 0.01


def test_no_difference_is_not_significant():
    values = [0.0, 1.0] * 12
    assert paired(values, values, np.mean).p == 1.0


def test_three_items_are_never_significant_and_three_of_three_is_no_certainty():
    said = paired([True] * 3, [False] * 3, np.mean)
    assert said.value == 1 and said.p == pytest.approx(0.25, abs=0.05) and -0.3 < said.low < 0.6
    low, high = np.percentile(share_draws([True] * 3, np.random.default_rng(0)), [2.5, 97.5])
    assert low < 0.6 and high > 0.95


def test_share_gaps_cover_the_truth():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(300):
        gaps = rng.choice([-1, 0, 1], 16, p=[0.1, 0.5, 0.4]).tolist()
        low, high = np.percentile(share_gap_draws(gaps, rng, 400), [2.5, 97.5])
        hits += low <= 0.3 <= high
    assert 0.90 <= hits / 300 <= 0.99


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
