"""Whole trials of simulated raters, honest and not, to test screening and the report on.

An honest rater answers each dimension by Bradley-Terry with ties, as in :mod:`.simulated`; the dimensions of
a trial share part of what the rater and the prompt make of it, and some answers are lapses, given by lot.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal

import numpy as np

from animatrix.evaluate.statistics.simulated import Planted, assign
from animatrix.evaluate.study.records import BROKEN, StudyVote
from animatrix.prefer.negatives import NEGATIVES

Manner = Literal["honest", "random", "left", "straight", "lined", "hasty"]
SPAM: tuple[Manner, ...] = ("random", "left", "straight", "lined", "hasty")
ANSWERS = ("left", "right", "tie", "both_bad")
KNOWN = NEGATIVES["shuffled"].lowers  # dimensions in which a damaged copy is known to be worse
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Habits:
    """Of honest raters: log-odds of a damaged clip's loss, share of lapses, spread of what one trial's
    dimensions share, and the trials of each kind beside the real ones.
    """

    gold_gap: float = 3.5
    lapses: float = 0.05
    halo: float = 0.5
    gold: int = 3
    repeats: int = 2
    identical: int = 1
    calibration: int = 4


def study_votes(
    rng: np.random.Generator,
    planted: dict[str, Planted],
    raters: list[Manner],
    prompts: int = 40,
    trials: int = 30,
    habits: Habits = Habits(),
) -> list[StudyVote]:
    """The votes of a study in pairs.

    Args:
        planted: by dimension; systems are those of the first.
        raters: manner of each: ``random`` answers by lot; ``left`` always the left; ``straight`` one answer
        by lot
            for all dimensions of a trial; ``lined`` one answer throughout; ``hasty`` by lot, without playing.
        trials: real ones of each rater.
    """
    one = next(iter(planted.values()))
    systems = len(one.scores)
    shown = assign(rng, systems, len(raters), prompts, trials)
    plan: list[_Trial] = []
    for r in range(len(raters)):
        own = [
            _Trial(r, "real", *(int(x[n]) for x in (shown.prompt, shown.left, shown.right)))
            for n in np.flatnonzero(shown.rater == r)
        ]
        own += [_Trial(r, "repeat", t.prompt, t.right, t.left) for t in own[: habits.repeats]]
        own += [
            _Trial(r, "gold", int(p), 0, 0, int(rng.integers(2)))
            for p in rng.integers(0, prompts, habits.gold)
        ]
        own += [_Trial(r, "identical", int(p), 0, 0) for p in rng.integers(0, prompts, habits.identical)]
        own += [_Trial(r, "calibration", n % prompts, 0, 1) for n in range(habits.calibration)]
        plan += own
    answered = _answers(rng, planted, raters, plan, prompts, habits)
    first = {r: next(n for n, t in enumerate(plan) if t.rater == r) for r in range(len(raters))}
    return [
        _vote(
            t,
            n - first[t.rater],
            trials,
            one.systems,
            dict(zip(planted, answer, strict=True)),
            raters[t.rater],
        )
        for n, (t, answer) in enumerate(zip(plan, answered, strict=True))
    ]


@dataclass(frozen=True)
class _Trial:
    """``broken``: the damaged side of a gold trial, 0 left, 1 right."""

    rater: int
    kind: str
    prompt: int
    left: int
    right: int
    broken: int = -1


def _answers(
    rng: np.random.Generator,
    planted: dict[str, Planted],
    raters: list[Manner],
    plan: list[_Trial],
    prompts: int,
    habits: Habits,
) -> list[tuple[str, ...]]:
    """One answer a dimension for every trial."""
    rater, prompt, left, right, broken = (
        np.array([getattr(t, name) for t in plan]) for name in ("rater", "prompt", "left", "right", "broken")
    )
    gold, same = broken >= 0, np.array([t.kind == "identical" for t in plan])
    manner = np.array(raters)[rater]
    halo = rng.normal(0, habits.halo, len(plan))
    whole, throughout = rng.integers(0, 4, len(plan)), rng.integers(0, 4, len(raters))[rater]
    found = []
    for p in planted.values():
        worth = np.array(p.scores)[None, None] + rng.normal(
            0, p.rater_spread, (len(raters), 1, len(p.scores))
        )
        worth = worth + rng.normal(0, p.prompt_spread, (1, prompts, len(p.scores)))
        gap = halo + worth[rater, prompt, left] - worth[rater, prompt, right]
        gap = np.where(gold, habits.gold_gap * np.where(broken == 1, 1, -1), gap)
        chances = np.where(same[:, None], [0.1, 0.1, 0.8], p.chances(gap))  # nothing to see: mostly ties
        answer = (rng.random(len(plan))[:, None] > chances.cumsum(1)[:, :2]).sum(1)
        answer += (answer == 2) & (rng.random(len(plan)) < p.both_bad)
        by_lot = rng.integers(0, 4, len(plan))
        answer = np.where(rng.random(len(plan)) < habits.lapses, by_lot, answer)
        instead = {"left": 0, "straight": whole, "lined": throughout, "random": by_lot, "hasty": by_lot}
        for name, other in instead.items():
            answer = np.where(manner == name, other, answer)
        found.append([ANSWERS[a] for a in answer])
    return list(zip(*found, strict=True))


def _vote(
    trial: _Trial, n: int, trials: int, systems: tuple[str, ...], choice: dict[str, str], manner: Manner
) -> StudyVote:
    names = [systems[trial.left], systems[trial.right]]
    if trial.broken >= 0:
        names[trial.broken] = BROKEN
    left, right = (
        {"system": x, "clip": "sha256:" + sha256(f"{trial.prompt}/{x}".encode()).hexdigest()} for x in names
    )
    played = 50.0 if manner == "hasty" else 2500.0
    given = START + timedelta(minutes=n, days=trial.rater)
    return StudyVote.model_validate(
        {
            "study": "simulated",
            "rubric": "1",
            "mode": "pair",
            "trial": f"t{trial.rater}-{n}",
            "kind": trial.kind,
            "number": n + 1,
            "repeats": f"t{trial.rater}-{n - trials}" if trial.kind == "repeat" else None,
            "expected": dict.fromkeys(KNOWN, ("right", "left")[trial.broken]) if trial.broken >= 0 else {},
            "rater": f"rater-{trial.rater:04d}",
            "item": f"item-{trial.prompt:03d}",
            "left": left,
            "right": right,
            "choice": choice,
            "playback": {"opened_ms": played * 3, "watched_ms": {"left": played, "right": played}},
            "given": given,
            "voted": given + timedelta(seconds=30),
        }
    )
