"""Screening by stated rules: spam found, honest raters kept, each rule on its own."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix.evaluate.statistics.screening import ScreeningRules, screen
from animatrix.evaluate.statistics.simulated import Planted
from animatrix.evaluate.statistics.simulated_raters import SPAM, study_votes
from animatrix.prefer.merits import DIMENSIONS

RULES = ScreeningRules()
PLANTED = {d: Planted((0.4, -0.4)) for d in DIMENSIONS}


def excluded(manners, seed=0):
    """Share of raters excluded, by manner."""
    verdicts = screen(study_votes(np.random.default_rng(seed), PLANTED, manners), RULES)
    found = {m: [] for m in manners}
    for manner, verdict in zip(manners, verdicts, strict=True):
        found[manner].append(verdict.excluded)
    return {m: np.mean(x) for m, x in found.items()}


def test_spam_is_found_and_honest_raters_are_kept():
    found = excluded(["honest"] * 60 + [m for m in SPAM for _ in range(12)])
    assert found.pop("honest") <= 0.05
    assert min(found.values()) >= 0.75 and np.mean(list(found.values())) >= 0.9


@pytest.mark.slow
def test_spam_is_found_over_many_raters():
    found = excluded(["honest"] * 600 + [m for m in SPAM for _ in range(100)], seed=1)
    assert found["honest"] <= 0.03
    assert all(found[m] >= 0.9 for m in SPAM)


def honest(seed=0, **changes):
    """The trials of one honest rater who passes, each changed by ``kind -> function``."""
    votes = study_votes(np.random.default_rng(seed), PLANTED, ["honest"])
    return [v.model_copy(update=changes[v.kind](v)) if v.kind in changes else v for v in votes]


def all_answers(answer):
    return lambda vote: {"choice": dict.fromkeys(vote.choice, answer)}


def wrong(vote):
    return {"choice": {d: "left" if side == "right" else "right" for d, side in vote.expected.items()}}


def unplayed(vote):
    return {"playback": vote.playback.model_copy(update={"watched_ms": type(vote.playback.watched_ms)()})}


@pytest.mark.parametrize(
    ("changes", "rule", "out"),
    [
        ({}, None, False),
        ({"gold": wrong}, "gold", True),
        ({"real": all_answers("right")}, "side", True),
        ({"real": all_answers("tie"), "repeat": all_answers("tie")}, "straight", True),
        ({"real": unplayed}, "watch", True),
        ({"identical": all_answers("left")}, "identical", False),
        ({"identical": all_answers("both_bad")}, None, False),
    ],
)
def test_each_rule_finds_what_it_is_for(changes, rule, out):
    (verdict,) = screen(honest(**changes), RULES)
    assert (rule in verdict.broken) if rule else not verdict.broken
    assert verdict.excluded is out


def turned(votes):
    """Repeats that answer the opposite of what was said before."""
    by_trial = {v.trial: v for v in votes}
    # Sides are changed, so the same side again is the other clip.
    swap = {"left": "left", "right": "right", "tie": "left", "both_bad": "right"}

    def again(vote):
        return {"choice": {d: swap[c] for d, c in by_trial[vote.repeats].choice.items()}}

    return [v.model_copy(update=again(v)) if v.kind == "repeat" else v for v in votes]


def test_weak_signs_exclude_only_together():
    (alone,) = screen(turned(honest()), RULES)
    assert list(alone.broken) == ["repeats"] and not alone.excluded
    (both,) = screen(turned(honest(identical=all_answers("left"))), RULES)
    assert set(both.broken) == {"repeats", "identical"} and both.excluded


def test_too_few_trials_say_nothing():
    votes = [v for v in honest(gold=wrong, real=all_answers("left")) if v.kind in ("real", "gold")]
    few = [v for v in votes if v.kind == "real"][:5] + [v for v in votes if v.kind == "gold"][:1]
    assert not screen(few, RULES)[0].broken


def test_every_rule_is_stated_in_words():
    said = " ".join(RULES.stated())
    assert all(f"{rule}" in said for rule in ("gold", "side", "straight", "watch", "repeats", "identical"))
    assert "30%" in said and len(RULES.stated()) == 6
