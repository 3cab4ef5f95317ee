"""What a judge of sets is worth: pairs told right, tags flipped, failures ranked and found.

The same figures follow a training (on ``tune``) and make the final table (on ``report``); a judge is anything
that gives every member of a set a score under a directive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from animatrix.prefer.merits import DIMENSIONS, HEADS, OVERALL
from animatrix.prefer.pairs import Member, Pair

if TYPE_CHECKING:
    from animatrix.prefer.reward import Judgement
    from animatrix.prefer.sets import Drawn
    from animatrix.prefer.shown import Shown

SURE = 0.5  # probability from which a cell counts as failing
DRAWN = 0.25  # level from which a cell of the drawn map does


@dataclass(frozen=True)
class Row:
    """One set under one directive: members and pairs, logits of the judge by member, and the maps.

    scores [M,6] by ``HEADS``; failure [M]; where, drawn [M,T',h,w] (logits, and levels in [0,1]).
    """

    number: int
    wanted: str
    failure_kind: str
    asked: str
    members: Sequence[Member]
    pairs: Sequence[Pair]
    scores: np.ndarray
    failure: np.ndarray
    where: np.ndarray
    drawn: np.ndarray

    def at(self, kind: str) -> int:
        """Place of the member of that kind; -1 where there is none."""
        return next((i for i, m in enumerate(self.members) if m.kind == kind), -1)

    def gap(self, pair: Pair) -> float:
        """First minus second score in the pair's dimension."""
        place = {m.row: i for i, m in enumerate(self.members)}
        head = HEADS.index(pair.dimension)
        a, b = place[pair.first.row], place[pair.second.row]
        return float(self.scores[a, head] - self.scores[b, head])


def judged(sets: Iterable[Drawn], judge: Callable[[Shown], Judgement]) -> list[Row]:
    """Every set under both of its directives."""
    from animatrix.prefer.shown import WANTS, under

    rows = []
    for drawn in sets:
        where_from = drawn.pairs[0].provenance
        kind = next(p.provenance.failure for p in drawn.pairs if p.provenance.failure)
        for wanted in WANTS:
            shown = under(drawn, wanted)
            said = judge(shown)
            rows.append(
                Row(
                    where_from.number,
                    wanted,
                    kind,
                    where_from.asked,
                    shown.members,
                    shown.pairs,
                    said.by_head().numpy(),
                    said.failure.numpy(),
                    said.where.numpy(),
                    shown.maps / 255,
                )
            )
    return rows


def auc(bad: Sequence[float], good: Sequence[float]) -> float:
    """Share of (bad, good) pairs in which bad is larger; ties count half; NaN where one is empty."""
    if not len(bad) or not len(good):
        return float("nan")
    gap = np.asarray(bad)[:, None] - np.asarray(good)[None]
    return float((gap > 0).mean() + 0.5 * (gap == 0).mean())


def right(rows: Sequence[Row], head: str, keep: Callable[[Pair], bool] = lambda pair: True) -> float:
    """Share of decided pairs of a dimension that are told right."""
    told = [
        (row.gap(pair) > 0) == (pair.label == "first")
        for row in rows
        for pair in row.pairs
        if pair.dimension == head and pair.label in ("first", "second") and keep(pair)
    ]
    return float(np.mean(told)) if told else float("nan")


def of_wanted(rows: Sequence[Row], wanted: str = "deformation") -> list[Row]:
    return [row for row in rows if row.wanted == wanted]


def failure_auc(rows: Sequence[Row]) -> float:
    """AUC of the failure answer, collapsed against intended, with the deformation asked for."""
    asked = of_wanted(rows)
    return auc([r.failure[r.at("collapsed")] for r in asked], [r.failure[r.at("intended")] for r in asked])


def score_auc(rows: Sequence[Row]) -> float:
    """AUC of the overall score, intended against collapsed, with the deformation asked for."""
    asked = of_wanted(rows)
    return auc(
        [r.scores[r.at("intended"), -1] for r in asked], [r.scores[r.at("collapsed"), -1] for r in asked]
    )


def flips(rows: Sequence[Row]) -> dict[str, float]:
    """Tag flips: intended over flat where it is asked for, flat over intended where it is not, and both."""
    won: dict[int, dict[str, bool]] = {}
    for row in rows:
        gap = row.scores[row.at("intended"), -1] - row.scores[row.at("flat"), -1]
        won.setdefault(row.number, {})[row.wanted] = bool(gap > 0 if row.wanted == "deformation" else gap < 0)
    both = [w for w in won.values() if len(w) == 2]
    if not both:
        return {}
    return {
        "flip_asked": float(np.mean([w["deformation"] for w in both])),
        "flip_unasked": float(np.mean([w["near_physical"] for w in both])),
        "flip_both": float(np.mean([all(w.values()) for w in both])),
    }


def localised(rows: Sequence[Row]) -> dict[str, float]:
    """Of collapsed takes: does the likeliest cell lie in the failure (pointing game), and IoU at
    :data:`SURE`; of intended takes, the share of cells said to fail.
    """
    pointed, overlaps, false = [], [], []
    for row in of_wanted(rows):
        k = row.at("collapsed")
        drawn, said = row.drawn[k] >= DRAWN, row.where[k] > np.log(SURE / (1 - SURE))
        if drawn.any():
            pointed.append(bool(drawn.flat[int(row.where[k].argmax())]))
            overlaps.append(float((drawn & said).sum() / (drawn | said).sum()))
        false.append(float((row.where[row.at("intended")] > 0).mean()))
    if not pointed:
        return {}
    return {
        "pointing": float(np.mean(pointed)),
        "iou": float(np.mean(overlaps)),
        "false_cells": float(np.mean(false)),
    }


def beaten(rows: Sequence[Row], kind: str) -> tuple[float, int]:
    """Share of the negatives of a kind that score below the clip they were made of, overall, and how many."""
    told = []
    for row in rows:
        k = row.at(kind)
        if k >= 0 and (kind != "moment" or row.wanted == "deformation"):
            told.append(row.scores[k, -1] < row.scores[row.at(row.members[k].base), -1])
    return (float(np.mean(told)), len(told)) if told else (float("nan"), 0)


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """What is followed while training."""
    found = {"right": right(rows, OVERALL)}
    found |= {f"right_{head}": right(rows, head) for head in DIMENSIONS}
    found |= {"auc": failure_auc(rows), "auc_score": score_auc(rows)} | flips(rows) | localised(rows)
    return {name: value for name, value in found.items() if np.isfinite(value)}
