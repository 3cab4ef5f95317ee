"""Calibrated confidence: rising, honest, and silent where a field is not good enough."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from animatrix.caption.calibration import Curve, curves, isotonic, least_score
from animatrix.knowledge import Taxonomy

scored = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(scored)
@example([(0.49977900683356113, False)] * 3 + [(0.49977900683356113, True)])
def test_chances_rise_with_the_score_and_stay_within_bounds(pairs):
    raw, right = zip(*pairs, strict=True)
    x, y = isotonic(raw, right)
    assert (np.diff(x) >= 0).all() and (np.diff(y) >= 0).all()
    assert y.min() >= 0 and y.max() <= 1


def test_chances_are_the_shares_of_right_answers():
    rng = np.random.default_rng(0)
    raw = rng.uniform(0, 1, 4000)
    right = rng.uniform(0, 1, 4000) < raw**2
    x, y = isotonic(raw, right)
    assert np.abs(np.interp([0.3, 0.5, 0.7, 0.9], x, y) - np.array([0.3, 0.5, 0.7, 0.9]) ** 2).max() < 0.06


@given(scored)
def test_answers_from_the_least_score_up_are_precise_enough(pairs):
    raw, right = zip(*pairs, strict=True)
    least = least_score(raw, right, precision=0.9, fewest=0.3)
    if least is None:
        return
    kept = [good for score, good in pairs if score >= least]
    assert np.mean(kept) >= 0.9 and len(kept) >= 0.3 * len(pairs)


def test_a_field_that_is_never_good_has_no_least_score():
    assert least_score([0.1, 0.5, 0.9, 0.95], [False, True, False, False]) is None


def test_a_curve_reads_between_its_points():
    assert round(Curve((0.2, 0.6), (0.5, 0.9), 0.3)(0.4), 9) == 0.7


def test_the_shipped_table_names_fields_of_the_taxonomy_and_rises():
    for name, kinds in curves().items():
        assert name in Taxonomy.default().fields and set(kinds) <= {"some", "none"}
        for curve in kinds.values():
            assert list(curve.raw) == sorted(curve.raw) and list(curve.sure) == sorted(curve.sure)
