"""Agreement: values from the literature, and what they must do at the ends."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix.evaluate.statistics.agreement import agreement, icc, krippendorff_alpha, mirrored

N = np.nan
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", example C: 4 observers, 12 units, gaps.
EXAMPLE = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)
# Shrout & Fleiss (1979), table 2: 6 targets, 4 judges.
JUDGED = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7.0]])


def counted(said, levels=5):
    return np.stack([(said == level).sum(0) for level in range(1, levels + 1)], 1).astype(float)


@pytest.mark.parametrize(("scale", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_krippendorffs_example(scale, value):
    assert krippendorff_alpha(counted(EXAMPLE), scale) == pytest.approx(value, abs=5e-4)


def test_icc_of_shrout_and_fleiss():
    assert icc(JUDGED) == (pytest.approx(0.29, abs=5e-3), pytest.approx(0.62, abs=5e-3))


def test_icc_with_gaps_finds_the_planted_variances():
    rng = np.random.default_rng(0)
    unit, rater = rng.normal(0, 1.0, (3000, 1)), rng.normal(0, 0.5, (1, 60))
    said = 3 + unit + rater + rng.normal(0, 0.8, (3000, 60))
    said[rng.random(said.shape) < 0.9] = np.nan
    alone, together = icc(said)
    assert alone == pytest.approx(1 / (1 + 0.25 + 0.64), abs=0.05)
    assert together > alone


def test_perfect_agreement_is_one_chance_is_zero_and_contradiction_below():
    rng = np.random.default_rng(0)
    units = rng.integers(0, 5, 400)
    same, chance = np.eye(5)[units] * 3, np.zeros((400, 5))
    for _ in range(3):
        chance += np.eye(5)[rng.integers(0, 5, 400)]
    against = np.tile([1.0, 0, 0, 0, 1], (400, 1))
    assert krippendorff_alpha(same) == 1
    assert abs(krippendorff_alpha(chance)) < 0.08
    assert krippendorff_alpha(against) < 0


def test_an_order_lost_by_name_only_does_not_lower_alpha():
    # One system wins nearly always; which of the two is called the first must not matter.
    counts = np.tile([4.0, 0, 0], (20, 1))
    counts[0] = [3, 1, 0]
    swapped = counts.copy()
    swapped[::2] = swapped[::2, ::-1]
    assert krippendorff_alpha(mirrored(counts)) == pytest.approx(krippendorff_alpha(mirrored(swapped)))
    assert krippendorff_alpha(mirrored(counts)) > 0.9 > 0.1 > krippendorff_alpha(counts)


def test_nothing_judged_twice_or_all_alike_says_nothing():
    assert np.isnan(krippendorff_alpha(np.eye(5)))
    assert np.isnan(krippendorff_alpha(np.array([[3.0, 0], [2, 0]])))
    one = np.arange(4)
    alpha, correlation = agreement(one, one, one, one, 5, mirror=False)
    assert np.isnan(alpha.value) and np.isnan(correlation.value) and alpha.units == 0


def test_intervals_hold_the_value_and_narrow_with_prompts():
    rng = np.random.default_rng(0)
    widths = []
    for prompts in (10, 80):
        prompt, rater = (x.ravel() for x in np.meshgrid(np.arange(prompts), np.arange(6)))
        level = np.clip(rng.integers(0, 5, prompts)[prompt] + rng.integers(-1, 2, len(prompt)), 0, 4)
        for found in agreement(rater, prompt, prompt, level, 5, mirror=False, resamples=199):
            assert found.low < found.value < found.high
        widths.append(found.high - found.low)
        assert found.units == prompts and found.raters == 6
    assert widths[1] < widths[0]
