"""Votes out of a study: for ``animatrix prefer``, for the statistics, and as a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from animatrix.evaluate.study.answers import tags_of
from animatrix.evaluate.study.definition import Study
from animatrix.evaluate.study.records import StudyVote
from animatrix.evaluate.study.store import Store
from animatrix.media.door import written_whole
from animatrix.prefer.merits import DIMENSIONS
from animatrix.prefer.votes import Vote, as_line

_SIDES = {"left": "a", "right": "b"}
_COLUMNS = (
    *("study", "rubric", "mode", "trial", "kind", "number", "rater", "item", "left", "right"),
    *("dimension", "answer", "expected", "watched_left_ms", "watched_right_ms", "given", "voted"),
)


def study_votes(study: Study, store: Store) -> list[StudyVote]:
    """Every vote that stands, of every kind of trial; by rater and number."""
    found = []
    for trial, answers, playback, voted, revision in store.votes():
        written = {mark: text for mark, (text, _) in tags_of(study, trial.item).items()}
        shown = {
            side: {"system": system, "clip": study.clip(trial.item, system).source}
            for side, system in (("left", trial.left_system), ("right", trial.right_system))
            if system is not None
        }
        document: dict[str, Any] = {
            "study": study.definition.id,
            "rubric": study.definition.rubric.version,
            "mode": study.definition.mode,
            "trial": trial.trial,
            "kind": trial.kind,
            "number": trial.number,
            "repeats": trial.repeats,
            "expected": json.loads(trial.expected),
            "rater": trial.rater,
            "item": trial.item,
            **shown,
            **{key: answers[key] for key in ("choice", "score", "notes")},
            **{
                key: {side: {written[n]: t for n, t in ticks.items()} for side, ticks in given.items()}
                for key, given in (("tags", answers["tags"]), ("art", answers["art"]))
            },
            "playback": playback,
            "given": _time(trial.given or voted),
            "voted": _time(voted),
            "revision": revision,
        }
        found.append(StudyVote.model_validate(document))
    return found


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def prefer_votes(study: Study, votes: Iterable[StudyVote]) -> list[Vote]:
    """One vote a dimension, as ``animatrix.prefer`` reads them: comparisons of two systems' clips.

    Left out: gold trials (a damaged copy is no file that anybody has), identical pairs, and repeats, whose
    first showing counts.
    """
    found = []
    for vote in votes:
        if vote.mode != "pair" or vote.kind not in ("real", "calibration") or vote.right is None:
            continue
        found += [
            Vote(
                study=vote.study,
                rubric=vote.rubric,
                trial=vote.trial,
                a=vote.left.clip,
                b=vote.right.clip,
                directive=study.directive(vote.item),
                dimension=dimension,
                choice=_SIDES.get(vote.choice[dimension], vote.choice[dimension]),  # type: ignore[arg-type]
                rater=vote.rater,
                time=vote.voted,
            )
            for dimension in DIMENSIONS
        ]
    return found


def as_csv(votes: Iterable[StudyVote]) -> str:
    """One row a vote and dimension; notes and ticks stay in the JSONL."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(_COLUMNS)
    for v in votes:
        for dimension in DIMENSIONS:
            answer: str | int = v.choice[dimension] if v.mode == "pair" else v.score[dimension]
            row = [v.study, v.rubric, v.mode, v.trial, v.kind, v.number, v.rater, v.item, v.left.system]
            row += [v.right.system if v.right else "", dimension, answer, v.expected.get(dimension, "")]
            row += [v.playback.watched_ms.left, v.playback.watched_ms.right]
            table.writerow([_plain(c) for c in [*row, v.given.isoformat(), v.voted.isoformat()]])
    return out.getvalue()


def _plain(cell: Any) -> Any:
    """No cell that a spreadsheet would run as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell


def export(study: Study, store: Store, out: Path, with_csv: bool = False) -> dict[str, int]:
    """Write ``votes.jsonl`` and ``study_votes.jsonl`` (and ``votes.csv``); returns lines by file.

    Raises:
        AniMatrixError: NOT_WRITABLE.
    """
    out.mkdir(parents=True, exist_ok=True)
    votes = study_votes(study, store)
    texts = {
        "votes.jsonl": "".join(as_line(vote) + "\n" for vote in prefer_votes(study, votes)),
        "study_votes.jsonl": "".join(
            json.dumps(vote.model_dump(mode="json"), ensure_ascii=False) + "\n" for vote in votes
        ),
    }
    if with_csv:
        texts["votes.csv"] = as_csv(votes)
    for name, text in texts.items():
        with written_whole(out / name) as temporary:
            temporary.write_text(text, "utf-8")
    return {name: text.count("\n") - name.endswith(".csv") for name, text in texts.items()}
