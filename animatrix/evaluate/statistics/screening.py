"""Which raters count, by rules that a study states before its first vote.

A rule of :data:`ALONE` excludes a rater by itself. The others are weak evidence on a rater who may only be
tired or strict: two of them together exclude. Nobody is excluded for disagreeing with the others, or with a
result.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from animatrix.evaluate.study.records import BROKEN, StudyVote

ALONE = ("gold", "side", "straight", "watch")
TOGETHER = ("repeats", "identical")
_Share = Annotated[float, Field(ge=0, le=1)]


class ScreeningRules(BaseModel):
    """Limits, as the study's definition states them.

    Args:
        gold_right: least share of right answers on gold trials, over the dimensions whose answer is known. A
            damaged clip scored alone is answered right by 2 or less, an intact one by 3 or more.
        side_p: two-sided binomial p value under which one side is preferred too often to be chance.
        straight: share of trials with the same answer in all dimensions, or of answers that are one and the
            same, from which a rater is not looking.
        watched_ms, unwatched: share of trials in which a side was played for less than so many milliseconds.
        repeats_agree: least share of answers that a repeated pair gets again ("tie" and "both bad" alike; of
            scores, within one).
        identical_preferred: share of answers preferring one of two identical clips, from which it counts.
        least: trials (of gold: 2; of repeats: 2) under which a rule says nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    gold_right: _Share = 0.5
    side_p: _Share = 0.001
    straight: _Share = 0.95
    watched_ms: Annotated[float, Field(ge=0)] = 500.0
    unwatched: _Share = 0.2
    repeats_agree: _Share = 0.3
    identical_preferred: _Share = 0.6
    least: Annotated[int, Field(ge=1)] = 10

    def stated(self) -> list[str]:
        """The rules in words."""
        return [
            f"gold: less than {self.gold_right:.0%} of the answers right on 2 or more gold trials",
            f"side: one side preferred, two-sided binomial p < {self.side_p:g} over trials",
            f"straight: the same answer in all dimensions, or one answer throughout, in {self.straight:.0%} "
            f"of {self.least} or more trials",
            f"watch: a side played for less than {self.watched_ms / 1000:g} s in more than "
            f"{self.unwatched:.0%} of trials",
            f"repeats (only with another): less than {self.repeats_agree:.0%} of answers given again on 2 or "
            "more repeated trials",
            f"identical (only with another): one of two identical clips preferred in "
            f"{self.identical_preferred:.0%} or more of answers",
        ]


@dataclass(frozen=True)
class Verdict:
    """A rater (pseudonym), the rules broken with what was found, and whether the rater's votes count."""

    rater: str
    broken: dict[str, str]
    trials: int

    @property
    def excluded(self) -> bool:
        alone = any(rule in ALONE for rule in self.broken)
        return alone or sum(rule in TOGETHER for rule in self.broken) > 1


def screen(votes: Sequence[StudyVote], rules: ScreeningRules) -> list[Verdict]:
    """Every rater of the votes, in the order of the pseudonyms."""
    by_rater: dict[str, list[StudyVote]] = defaultdict(list)
    for vote in votes:
        by_rater[vote.rater].append(vote)
    checks = (_gold, _side, _straight, _watch, _repeats, _identical)
    found = []
    for rater, own in sorted(by_rater.items()):
        broken = {check.__name__[1:]: said for check in checks if (said := check(own, rules))}
        found.append(Verdict(rater, broken, len(own)))
    return found


def _of(votes: Iterable[StudyVote], *kinds: str) -> list[StudyVote]:
    return [v for v in votes if v.kind in kinds]


def _gold(votes: list[StudyVote], rules: ScreeningRules) -> str:
    right = every = trials = 0
    for vote in _of(votes, "gold"):
        if vote.mode == "score":
            given = [s for d, s in vote.score.items() if d in vote.expected or not vote.expected]
            told = [s <= 2 if vote.left.system == BROKEN else s >= 3 for s in given]
        else:
            told = [vote.choice[dimension] == side for dimension, side in vote.expected.items()]
        right, every, trials = right + sum(told), every + len(told), trials + bool(told)
    if trials < 2 or right >= rules.gold_right * every:
        return ""
    return f"{right} of {every} answers right on {trials} gold trials"


def _side(votes: list[StudyVote], rules: ScreeningRules) -> str:
    left = right = 0
    for vote in votes:  # one side a trial: dimensions of a trial are not independent
        count = Counter(vote.choice.values())
        left += count["left"] > count["right"]
        right += count["right"] > count["left"]
    if left + right < rules.least or _two_sided(max(left, right), left + right) >= rules.side_p:
        return ""
    return f"{'left' if left > right else 'right'} preferred in {max(left, right)} of {left + right} trials"


def _two_sided(most: int, n: int) -> float:
    """Exact binomial p value of ``most`` or more on either side, at one half."""
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(most, n + 1)) / 2**n)


def _straight(votes: list[StudyVote], rules: ScreeningRules) -> str:
    real = _of(votes, "real", "repeat")
    if len(real) < rules.least:
        return ""
    answers = [list((v.choice or v.score).values()) for v in real]
    lines = sum(len(set(a)) == 1 for a in answers)
    if lines >= rules.straight * len(real):
        return f"the same answer in all dimensions in {lines} of {len(real)} trials"
    answer, often = Counter(str(x) for a in answers for x in a).most_common(1)[0]
    every = sum(map(len, answers))
    return f"{often} of {every} answers are {answer!r}" if often >= rules.straight * every else ""


def _watch(votes: list[StudyVote], rules: ScreeningRules) -> str:
    little = 0
    for vote in votes:
        played = vote.playback.watched_ms
        shortest = played.left if vote.right is None else min(played.left, played.right)
        little += shortest < rules.watched_ms
    if little <= rules.unwatched * len(votes):
        return ""
    return f"played for less than {rules.watched_ms / 1000:g} s in {little} of {len(votes)} trials"


_TURNED = {"left": "right", "right": "left", "tie": "none", "both_bad": "none"}
_KEPT = {"left": "left", "right": "right", "tie": "none", "both_bad": "none"}


def _repeats(votes: list[StudyVote], rules: ScreeningRules) -> str:
    before = {v.trial: v for v in votes}
    again = [(v, before[v.repeats]) for v in _of(votes, "repeat") if v.repeats in before]
    if len(again) < 2:
        return ""
    same = every = 0
    for vote, first in again:
        turn = _KEPT if vote.left.clip == first.left.clip else _TURNED
        for dimension in vote.choice:
            same += turn[vote.choice[dimension]] == _KEPT[first.choice[dimension]]
        for dimension in vote.score:
            same += abs(vote.score[dimension] - first.score[dimension]) <= 1
        every += len(vote.choice) + len(vote.score)
    if same >= rules.repeats_agree * every:
        return ""
    return f"{same} of {every} answers given again on {len(again)} repeated trials"


def _identical(votes: list[StudyVote], rules: ScreeningRules) -> str:
    answers = [choice for v in _of(votes, "identical") for choice in v.choice.values()]
    preferred = sum(choice in ("left", "right") for choice in answers)
    if not answers or preferred < rules.identical_preferred * len(answers):
        return ""
    return f"one of two identical clips preferred in {preferred} of {len(answers)} answers"
