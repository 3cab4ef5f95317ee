"""From the votes of a study to its figures: one document, which the page, the table and ``--json`` all show.

    found = analyse(votes, rules)

Order: raters are screened by the rules stated beforehand; repeats, gold, identical and calibration trials
have done their work then and do not count; each dimension is estimated with intervals over raters and
prompts; p values are adjusted by Holm over all dimensions and pairs; a claim is dropped where raters agree
too little.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.intervals import holm
from animatrix.evaluate.statistics.agreement import RELIABLE, Agreement, agreement
from animatrix.evaluate.statistics.agreement import RESAMPLES as AGREEMENT_RESAMPLES
from animatrix.evaluate.statistics.bradley_terry import Comparisons, TieModel, check_connected
from animatrix.evaluate.statistics.opinion import Opinions
from animatrix.evaluate.statistics.screening import ScreeningRules, Verdict, screen
from animatrix.evaluate.statistics.tallies import (
    ANSWERS,
    BOTH_BAD,
    FIRST,
    LEVELS,
    SECOND,
    TIE,
    Tally,
    pairs_of,
    tally_levels,
    tally_pairs,
)
from animatrix.evaluate.statistics.twoway import RESAMPLES, Estimate, Method, draw, interval
from animatrix.evaluate.study.records import StudyVote
from animatrix.prefer.merits import DIMENSIONS

LEVEL = 0.95
SIGNIFICANT = 0.05
FEWEST_UNITS = 5  # judged twice, under which agreement is taken from the calibration trials
_ANSWERS = {"left": FIRST, "right": SECOND, "tie": TIE, "both_bad": BOTH_BAD}
_WORTH = np.array([2, 0, 1, 1])  # of an answer for the first clip, as a level


@dataclass(frozen=True)
class Settings:
    """How intervals are made; a report states all of it."""

    ties: TieModel = "davidson"
    method: Method = "studentised"
    resamples: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True)
class _Arrays:
    """Votes as int ``[N]``; ``right`` is -1 where a clip stood alone."""

    votes: list[StudyVote]
    systems: tuple[str, ...]
    rater: np.ndarray
    prompt: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @property
    def compared(self) -> bool:
        """Pairs, rather than clips alone."""
        return bool((self.right >= 0).all())

    def answers(self, dimension: str) -> np.ndarray:
        """Of comparisons as in the tallies; of scores from 0."""
        return np.array([
            _ANSWERS[v.choice[dimension]] if v.right else v.score[dimension] - 1  # type: ignore[index]
            for v in self.votes
        ])  # fmt: skip


def analyse(
    votes: Sequence[StudyVote],
    rules: ScreeningRules | None = None,
    settings: Settings | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """All figures of a study's votes, ready for JSON.

    Raises:
        AniMatrixError: BAD_STUDY for votes that no figure can be made of: none, of several studies, one
        system,
            one rater, one prompt, systems never compared.
    """
    rules, settings = rules or ScreeningRules(), settings or Settings()
    _check_one(votes)
    verdicts = screen(votes, rules)
    out = {v.rater for v in verdicts if v.excluded}
    kept = [v for v in votes if v.rater not in out]
    real = [v for v in kept if v.kind == "real"]
    if votes and not real:
        raise AniMatrixError(
            Code.BAD_STUDY,
            "no vote is left" if out else "no vote on a real trial",
            f"{len(out)} of {len(verdicts)} raters are screened out" if out else "raters have only begun",
        )
    systems = tuple(sorted({s.system for v in votes if v.kind == "real" for s in (v.left, v.right) if s}))
    arrays = _arrays(real, systems)
    _check_enough(arrays, len(out))
    shared = [v for v in kept if v.kind == "calibration"]
    mode = votes[0].mode
    dimensions: dict[str, Any] = {}
    for dimension in DIMENSIONS:
        say(dimension)
        dimensions[dimension] = _dimension(arrays, shared, dimension, settings)
        if out:
            everyone = _arrays([v for v in votes if v.kind == "real"], systems)
            _unscreened(dimensions[dimension], everyone, dimension, settings)
    _claims(dimensions)
    return {
        "study": votes[0].study,
        "rubric": votes[0].rubric,
        "mode": mode,
        "scale": "points of 100 against the others" if mode == "pair" else "mean of scores 1 to 5",
        "systems": list(systems),
        "settings": {**asdict(settings), "level": LEVEL, "significant": SIGNIFICANT, "least_alpha": RELIABLE},
        "counts": {
            "votes": len(votes),
            "by_kind": dict(sorted(Counter(v.kind for v in votes).items())),
            "counted": len(real),
            "raters": len(verdicts),
            "raters_counted": len({v.rater for v in real}),
            "prompts": len({v.item for v in real}),
        },
        "screening": {"version": rules.version, "rules": rules.stated(), "raters": _told(verdicts)},
        "dimensions": dimensions,
        "ticks": _ticks(arrays, settings),
    }


def _check_one(votes: Sequence[StudyVote]) -> None:
    if not votes:
        raise AniMatrixError(
            Code.BAD_STUDY, "the study has no votes yet", "raters open their invitation links"
        )
    for what, found in (("studies", {v.study for v in votes}), ("modes", {v.mode for v in votes})):
        if len(found) > 1:
            raise AniMatrixError(
                Code.BAD_STUDY,
                f"votes of several {what}: {', '.join(sorted(found))}",
                "report on one at a time",
            )


def _check_enough(arrays: _Arrays, out: int) -> None:
    after = f" after {out} are screened out" if out else ""
    for what, number, hint in (
        ("system", len(arrays.systems), "a study sets two or more against each other"),
        ("rater", len(set(arrays.rater)), "intervals are over raters and prompts, of two or more"),
        ("prompt", len(set(arrays.prompt)), "intervals are over raters and prompts, of two or more"),
    ):
        if number < 2:
            raise AniMatrixError(
                Code.BAD_STUDY, f"votes of one {what}{after if what == 'rater' else ''}", hint
            )
    judged = {arrays.systems[s] for s in (*arrays.left, *arrays.right) if s >= 0}
    if lacking := sorted(set(arrays.systems) - judged):
        raise AniMatrixError(
            Code.BAD_STUDY, f"no vote that counts on {', '.join(lacking)}", "more raters are needed"
        )
    if arrays.compared:
        check_connected(_tally(arrays, arrays.answers(DIMENSIONS[0])).totals, arrays.systems)


def _arrays(votes: Sequence[StudyVote], systems: tuple[str, ...]) -> _Arrays:
    at = {name: n for n, name in enumerate(systems)}
    _, rater = np.unique([v.rater for v in votes], return_inverse=True)
    _, prompt = np.unique([v.item for v in votes], return_inverse=True)
    left = np.array([at[v.left.system] for v in votes])
    right = np.array([at[v.right.system] if v.right else -1 for v in votes])
    return _Arrays(list(votes), systems, rater, prompt, left, right)


def _tally(arrays: _Arrays, answer: np.ndarray) -> Tally:
    a = arrays
    if a.compared:
        return tally_pairs(a.systems, a.rater, a.prompt, a.left, a.right, answer)
    return tally_levels(a.systems, a.rater, a.prompt, a.left, answer)


def _estimated(
    arrays: _Arrays, answer: np.ndarray, settings: Settings, only: Sequence[str] | None = None
) -> tuple[Tally, dict[str, Estimate]]:
    tally, n = _tally(arrays, answer), len(arrays.systems)
    compared = arrays.compared
    estimator: Comparisons | Opinions = Comparisons(n, settings.ties) if compared else Opinions(n)
    draws = draw(tally.counts, estimator, resamples=settings.resamples, seed=settings.seed, only=only)
    found = interval(draws, settings.method, LEVEL)
    return tally, {name: _shown(name, e, estimator.shown) for name, e in found.items()}


def _shown(name: str, found: Estimate, scale: Callable[[str, float], float]) -> Estimate:
    """Value and interval on the scale that is shown."""
    value, low, high = (scale(name, x) for x in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)


def _dimension(
    arrays: _Arrays, shared: Sequence[StudyVote], dimension: str, settings: Settings
) -> dict[str, Any]:
    """Means, comparisons and agreement of one dimension."""
    answer = arrays.answers(dimension)
    tally, found = _estimated(arrays, answer, settings)
    compared = arrays.compared
    mean = "points" if compared else "mean"
    ends = (0.0, 100.0) if compared else (1.0, float(LEVELS))
    means = [
        {"system": name, **_figure(found[f"{mean}:{i}"], *ends), "votes": _votes_on(tally, i, compared)}
        for i, name in enumerate(arrays.systems)
    ]
    if compared:
        for i, own in enumerate(means):
            own["score"] = _figure(found[f"score:{i}"])
    comparisons = []
    for q, (i, j) in enumerate(pairs_of(len(arrays.systems))):
        lead, ratio = found[f"lead:{i}:{j}"], found[f"ratio:{i}:{j}"]
        width = ends[1] - ends[0]
        row: dict[str, Any] = {
            "first": arrays.systems[i],
            "second": arrays.systems[j],
            "mean_first": means[i]["value"],
            "mean_second": means[j]["value"],
            "difference": _figure(lead, -width, width),
            "percent": {
                k: 100 * math.expm1(min(v, 50.0))
                for k, v in _figure(ratio).items()
                if k in ("value", "low", "high")
            },
            "p": lead.p,
            "design_effect": lead.design_effect,
        }
        if compared:
            votes = tally.totals.reshape(-1, ANSWERS)[q]
            row["log_odds"] = _figure(found[f"gap:{i}:{j}"])
            row["votes"] = int(votes.sum())
            names = ("first", "second", "tie", "both_bad")
            row["shares"] = {k: float(v / max(votes.sum(), 1)) for k, v in zip(names, votes, strict=True)}
        comparisons.append(row)
    return {
        "means": means,
        "comparisons": comparisons,
        "agreement": _agreement(arrays, shared, dimension, settings),
    }


def _votes_on(tally: Tally, system: int, compared: bool) -> int:
    if not compared:
        return int(tally.totals.reshape(-1, LEVELS)[system].sum())
    by_pair = tally.totals.reshape(-1, ANSWERS).sum(1)
    of = [q for q, pair in enumerate(pairs_of(len(tally.systems))) if system in pair]
    return int(by_pair[of].sum())


def _figure(found: Estimate, least: float = -math.inf, most: float = math.inf) -> dict[str, float]:
    """Value and interval, no end of it beyond what can be."""
    return {"value": found.value, "low": max(found.low, least), "high": min(found.high, most)}


def _unscreened(told: dict[str, Any], everyone: _Arrays, dimension: str, settings: Settings) -> None:
    """Beside each difference the one with every rater, so that it is seen what screening does."""
    leads = [f"lead:{i}:{j}" for i, j in pairs_of(len(everyone.systems))]
    _, found = _estimated(everyone, everyone.answers(dimension), settings, leads)
    for row, name in zip(told["comparisons"], leads, strict=True):
        row["unscreened"] = _figure(found[name])


def _agreement(
    arrays: _Arrays, shared: Sequence[StudyVote], dimension: str, settings: Settings
) -> dict[str, Any]:
    """Alpha and ICC over real trials; over the calibration trials where too few real ones are shared."""
    where, found = "real", _agreed(arrays, dimension, settings)
    if found[0].units < FEWEST_UNITS and shared:
        other = _agreed(_arrays(shared, arrays.systems), dimension, settings)
        if other[0].units > found[0].units:
            where, found = "calibration", other
    alpha, correlation = found
    return {
        "alpha": _agreed_figure(alpha),
        "icc": _agreed_figure(correlation),
        "units": alpha.units,
        "raters_a_unit": alpha.raters,
        "trials": where,
    }


def _agreed(arrays: _Arrays, dimension: str, settings: Settings) -> tuple[Agreement, Agreement]:
    answer = arrays.answers(dimension)
    drawn = {"seed": settings.seed, "resamples": min(settings.resamples, AGREEMENT_RESAMPLES)}
    if not arrays.compared:
        unit = arrays.prompt * len(arrays.systems) + arrays.left
        return agreement(arrays.rater, arrays.prompt, unit, answer, LEVELS, mirror=False, **drawn)
    low, high = np.minimum(arrays.left, arrays.right), np.maximum(arrays.left, arrays.right)
    n = len(arrays.systems)
    worth = np.where(arrays.left > arrays.right, 2 - _WORTH[answer], _WORTH[answer])
    return agreement(
        arrays.rater, arrays.prompt, (arrays.prompt * n + low) * n + high, worth, 3, mirror=True, **drawn
    )


def _agreed_figure(found: Agreement) -> dict[str, float | None]:
    parts = {"value": found.value, "low": found.low, "high": found.high}
    return {k: None if math.isnan(v) else v for k, v in parts.items()}


def _claims(dimensions: dict[str, Any]) -> None:
    """Holm over all dimensions and pairs; then what may be claimed, in words."""
    rows = [(d, row) for d, told in dimensions.items() for row in told["comparisons"]]
    for (dimension, row), adjusted in zip(rows, holm([row["p"] for _, row in rows]), strict=True):
        row["p_holm"] = adjusted
        alpha = dimensions[dimension]["agreement"]["alpha"]["value"]
        if alpha is None or alpha < RELIABLE:
            said = "agreement unknown" if alpha is None else f"alpha {alpha:.2f} < {RELIABLE}"
            row["claim"], row["why"] = None, f"dropped: raters agree too little ({said})"
        elif adjusted >= SIGNIFICANT:
            row["claim"], row["why"] = None, f"no difference shown (p {adjusted:.3f} after Holm)"
        else:
            ahead = row["first"] if row["difference"]["value"] > 0 else row["second"]
            row["claim"], row["why"] = ahead, f"{ahead} is ahead"


def _told(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [
        {"rater": v.rater, "trials": v.trials, "excluded": v.excluded, "broken": v.broken}
        for v in verdicts
        if v.broken
    ]


_TICKS = {  # what is counted: answers in order, worth of each for the share, what it says
    "present": ("tags", ("present", "absent", "wrong"), (1.0, 0.0, 0.0), "asked tags found present"),
    "wrong": ("tags", ("present", "absent", "wrong"), (0.0, 0.0, 1.0), "asked tags found wrong"),
    "art": ("art", ("art", "failure"), (1.0, 0.0), "deformations read as art, of art or failure"),
}  # fmt: skip


def _ticks(arrays: _Arrays, settings: Settings) -> dict[str, Any]:
    """Shares of what raters ticked, by system, with intervals."""
    found: dict[str, Any] = {}
    for name, (part, answers, worth, about) in _TICKS.items():
        cells = [
            (r, p, s, answers.index(tick))
            for r, p, *sides, vote in zip(
                arrays.rater, arrays.prompt, arrays.left, arrays.right, arrays.votes, strict=True
            )
            for side, s in zip(("left", "right"), sides, strict=True)
            for tick in getattr(vote, part).get(side, {}).values()
            if tick in answers
        ]
        if not cells:
            continue
        rater, prompt, system, level = np.array(cells).T
        tally = tally_levels(arrays.systems, rater, prompt, system, level, len(answers))
        counts = tally.totals.reshape(len(arrays.systems), -1).sum(1)
        if min(tally.counts.shape[:2]) < 2 or not counts.all():
            continue
        estimator = Opinions(len(arrays.systems), worth)
        only = [n for n in estimator.names if not n.startswith("ratio")]
        short = replace(settings, resamples=min(settings.resamples, 999))
        told = interval(draw(tally.counts, estimator, resamples=short.resamples, seed=short.seed, only=only))
        found[name] = {
            "about": about,
            "systems": [
                {"system": s, **_figure(told[f"mean:{i}"], 0.0, 1.0), "answers": int(counts[i])}
                for i, s in enumerate(arrays.systems)
            ],
        }
    return found
