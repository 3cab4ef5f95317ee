"""Expressiveness as a constraint: what raises a multiplier, what it does, and when a run ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from animatrix.prefer.aligned import ASKED
from animatrix.prefer.amplitude import amplitude, deformation_map
from animatrix.prefer.floor import Floor, change, passes, retention
from animatrix.prefer.policy_data import cells_of
from animatrix.prefer.policy_recipe import FloorRecipe, SetShares
from animatrix.prefer.samples import conflicts, logit

A, B = ASKED[0], ASKED[1]


def floor(**more) -> Floor:
    return Floor(FloorRecipe(**{"average": 0.0, "rate": 2.0, "most": 3.0, **more}))


def test_a_multiplier_rises_below_the_floor_and_falls_above_it_to_nothing():
    held = floor()
    held.heed({A: 0.45, B: 1.0})
    assert held.multiplier[A] == pytest.approx(1.0) and held.multiplier[B] == 0
    held.heed({A: 1.2})
    assert held.multiplier[A] == pytest.approx(0.5)
    held.heed({A: 2.0})
    assert held.multiplier[A] == 0
    for _ in range(9):
        held.heed({A: 0.0})
    assert held.multiplier[A] == 3.0


def test_the_share_of_a_deformations_own_pairs_follows_its_multiplier():
    plain, raised = (cells_of(SetShares(), 40, m) for m in ({}, {A: 2.0}))
    assert raised["expression", A] == pytest.approx(3 * plain["expression", A])
    assert {k: v for k, v in raised.items() if k != ("expression", A)} == {
        k: v for k, v in plain.items() if k != ("expression", A)
    }
    assert sum(plain.values()) == pytest.approx(1)


def test_without_flips_there_are_none():
    cells = cells_of(SetShares(flip=0, flat=0), 40, {})
    assert {kind for kind, _ in cells} == {"collapse", "expression"}


def test_a_run_ends_only_after_enough_probes_in_a_row():
    held = floor(patience=2, tolerance=0.2)
    for value in (0.5, 0.9, 0.5):
        held.heed({A: value})
    assert not held.breach
    held.heed({A: math.nan})  # says nothing, forgives nothing
    held.heed({A: 0.5, B: 1.0})
    assert A in held.breach and "0.50" in held.breach and B not in held.breach


def test_a_moving_average_is_what_is_compared():
    held = floor(average=0.75, patience=1, tolerance=0.2)
    held.heed({A: 1.0})
    held.heed({A: 0.4})
    assert held.average[A] == pytest.approx(0.85) and not held.breach


def test_the_state_is_the_whole_state():
    one, other = floor(patience=2), floor(patience=2)
    one.heed({A: 0.3, B: 1.1})
    other.load_state_dict(one.state_dict())
    for each in (one, other):
        each.heed({A: 0.3, B: 0.2})
    assert one.state_dict() == other.state_dict() and one.breach


def test_retention_is_the_median_ratio():
    assert retention([(1.0, 2.0), (3.0, 2.0), (2.0, 2.0)]) == 1.0
    assert math.isnan(retention([])) and math.isnan(retention([(1.0, 0.0)]))


def test_amplitude_counts_only_where_the_clip_is_sound():
    assert passes(0.3, 0.2) and passes(0.9, 0.85) and passes(None, None)
    assert not passes(0.9, 0.2)


def test_change_is_the_mean_difference_in_levels():
    a = np.zeros((3, 4, 4, 3), np.uint8)
    assert change(a + 200, a) == 200 and change(a, a + 200) == 200 and change(a, a) == 0


@pytest.mark.parametrize(
    ("integrity", "movement", "verdict"),
    [(1.0, -0.5, True), (-1.0, 0.5, True), (1.0, 0.5, False), (0.1, -0.5, False), (1.0, -0.05, False)],
)
def test_pairs_that_part_in_opposite_senses_are_conflicts(integrity, movement, verdict):
    assert conflicts(integrity, movement) is verdict


def test_log_odds_stay_finite():
    assert logit(0.5) == 0 and math.isfinite(logit(0.0)) and math.isfinite(logit(1.0))


def textured(shift: float = 0.0, stretch: float = 0.0, seed: int = 0) -> np.ndarray:
    """Frames of a still, moved, or locally stretched picture."""
    import cv2

    rng = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(rng.integers(0, 255, (96, 160, 3)).astype(np.uint8), (0, 0), 2)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    y, x = np.mgrid[0:96, 0:160].astype(np.float32)
    near = np.exp(-((x - 80) ** 2 + (y - 48) ** 2) / (2 * 14.0**2))
    frames = []
    for t in range(9):
        moved_x = x + shift * t
        moved_y = y + stretch * np.sin(t) * (y - 48) * near
        frames.append(
            cv2.remap(picture, moved_x, moved_y.astype(np.float32), 1, borderMode=cv2.BORDER_REFLECT)
        )
    return np.stack(frames)


def test_a_camera_does_not_deform_and_a_stretch_does():
    still, panned, stretched, more = (
        amplitude(f) for f in (textured(), textured(1.5), textured(0, 0.25), textured(0, 0.5))
    )
    assert still == 0 and panned < 0.5 * stretched < stretched < more


def test_a_map_shows_where():
    found = deformation_map(textured(0, 0.5))
    assert found.shape == (3, 12, 20) and found.max() <= 1
    assert found[1:, 4:8, 7:13].mean() > 3 * found[1:, :2].mean()
