"""Labels follow the directive; what cannot be known from how clips were made is not said."""

from __future__ import annotations

import pytest

from animatrix.prefer.merits import DIMENSIONS, HEADS, OVERALL, TAKES, fails, verdict
from animatrix.prefer.negatives import NEGATIVES
from animatrix.prefer.splits import LEFT_OUT, SEEN, kinds_of
from animatrix.synthetic import FAILURES


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        ("deformation", ["intended", "flat", "collapsed"]),
        ("near_physical", ["flat", "intended", "collapsed"]),
    ],
)
def test_the_order_of_takes_flips_with_what_is_asked(wanted, order):
    for better, worse in [(0, 1), (0, 2), (1, 2)]:
        assert verdict(wanted, OVERALL, order[better], order[worse]) == "first"
        assert verdict(wanted, OVERALL, order[worse], order[better]) == "second"


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (w, n)
        for w in ("deformation", "near_physical")
        for n in NEGATIVES
        if (w, n) != ("near_physical", "moment")
    ],
)
def test_a_negative_loses_to_the_clip_it_was_made_of(wanted, name):
    for base in ("intended", "flat"):
        for head in HEADS:
            expected = "first" if head == OVERALL or head in NEGATIVES[name].lowers else None
            assert verdict(wanted, head, base, name, base) == expected
            assert verdict(wanted, head, name, base, base) == (expected and "second")


def test_no_moment_is_wrong_for_a_deformation_that_nobody_asked_for():
    assert verdict("deformation", OVERALL, "intended", "moment", "intended") == "first"
    assert verdict("near_physical", OVERALL, "intended", "moment", "intended") == "tie"
    assert verdict("near_physical", OVERALL, "flat", "moment", "intended") == "first"
    assert verdict("near_physical", OVERALL, "moment", "frozen", "intended") == "first"


def test_a_negative_is_not_compared_with_a_worse_take_than_its_own():
    assert verdict("deformation", OVERALL, "intended", "frozen", "flat") == "first"
    assert verdict("deformation", OVERALL, "flat", "frozen", "intended") is None
    assert verdict("near_physical", OVERALL, "flat", "frozen", "intended") == "first"


def test_equals_tie_and_two_failures_are_both_bad():
    assert verdict("deformation", OVERALL, "intended", "again") == "tie"
    assert verdict("deformation", OVERALL, "collapsed", "shuffled", "flat") == "both_bad"
    assert verdict("deformation", OVERALL, "collapsed", "frozen", "flat") is None


def test_a_collapse_is_a_failure_whatever_was_asked_and_an_unasked_deformation_is_no_collapse():
    assert [fails("deformation", take) for take in TAKES] == [False, False, True]
    assert [fails("near_physical", take) for take in TAKES] == [None, False, True]


def test_every_dimension_a_negative_lowers_is_one_of_the_five():
    assert {d for made in NEGATIVES.values() for d in made.lowers} <= set(DIMENSIONS)


def test_left_out_kinds_are_met_in_the_report_only():
    assert set(LEFT_OUT) | set(SEEN) == set(FAILURES) and not set(LEFT_OUT) & set(SEEN)
    assert LEFT_OUT == ("boil", "ghosting", "limb_duplication", "tearing")
    for split in ("train", "tune"):
        assert all(set(kinds_of(split, n)) == set(SEEN) for n in range(4))
    assert set(kinds_of("report", 1)) == set(LEFT_OUT) and set(kinds_of("report", 2)) == set(SEEN)
