"""Votes of the human study: one JSON object a line, strictly of the schema below.

    read = read_votes("votes.jsonl")
    read.votes, read.refused          # [Vote], [Refused(line, reason)]

A damaged or foreign line is refused with its number and the reason; the others count. A vote on clips that
are not at hand is kept aside in a file, to be read again when they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive
from animatrix.media.door import regular_file, written_whole
from animatrix.prefer.merits import Head, Label
from animatrix.prefer.pairs import Member, Pair, Provenance, directive_name

RUBRIC_VERSIONS = ("1",)  # whose dimensions and choices mean what they mean here
LONGEST = 1 << 16  # bytes of a line
CHOICES: dict[str, Label] = {"a": "first", "b": "second", "tie": "tie", "both_bad": "both_bad"}

_Id = Annotated[str, Field(pattern=r"^[\w.:-]{1,64}$")]
ClipId = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def to_directive(document: Any) -> Any:
    """For validators: a directive of its document; a mistake is a ValueError, which pydantic reports."""
    if isinstance(document, Directive):
        return document
    try:
        return Directive.model_validate(document)
    except AniMatrixError as error:
        raise ValueError(str(error)) from None


class Vote(BaseModel):
    """One answer of one rater.

    Args:
        study: id of the study; rubric: version of the dimensions' wording.
        trial: id within the study.
        a, b: clips by the SHA-256 of their files, as they stood left and right.
        directive: canonical JSON of what was asked.
        dimension: of the rubric, or ``overall``.
        choice: a, b, tie or both_bad.
        rater: pseudonym; no names, no addresses.
        time: when it was given, with its time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    study: _Id
    rubric: Literal["1"]
    trial: _Id
    a: ClipId
    b: ClipId
    directive: Annotated[Directive, BeforeValidator(to_directive)]
    dimension: Head
    choice: Literal["a", "b", "tie", "both_bad"]
    rater: _Id
    time: AwareDatetime

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a rater can have answered once."""
        return self.study, self.trial, self.dimension, self.rater

    @model_validator(mode="after")
    def _no_address(self) -> Vote:
        if "@" in self.rater:
            raise ValueError("a rater is a pseudonym, not an address")
        return self


@dataclass(frozen=True)
class Refused:
    """A line (from 1) that is no vote, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class ReadVotes:
    """The votes of a file, the lines they stand on, and what was refused."""

    votes: list[Vote]
    lines: list[int]
    refused: list[Refused]


def read_votes(path: str | Path, study: str | None = None) -> ReadVotes:
    """Read a study's file.

    Args:
        study: take votes of this study only; others are foreign.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_NOT_A_FILE, FILE_UNREADABLE; an empty file has no votes.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size == 0:
        return ReadVotes([], [], [])
    votes: list[Vote] = []
    lines: list[int] = []
    refused: list[Refused] = []
    seen: dict[tuple[str, str, str, str], tuple[int, Vote]] = {}
    with regular_file(path).open("rb") as file:
        number = 0
        while raw := file.readline(LONGEST + 1):
            number += 1
            reason, vote = "", None
            if len(raw) > LONGEST:
                while raw and not raw.endswith(b"\n"):  # the rest of the line
                    raw = file.readline(LONGEST + 1)
                reason = f"longer than {LONGEST} bytes"
            elif raw.strip():
                vote, reason = _vote(raw, study)
            if vote is not None and vote.key in seen:
                line, before = seen[vote.key]
                same = before == vote
                reason = f"{'repeats' if same else 'contradicts'} line {line}: one answer a rater and trial"
                vote = None
            if vote is not None:
                seen[vote.key] = (number, vote)
                votes.append(vote)
                lines.append(number)
            elif reason:
                refused.append(Refused(number, reason))
    return ReadVotes(votes, lines, refused)


def _vote(raw: bytes, study: str | None) -> tuple[Vote | None, str]:
    """The vote of a line, or why it is none."""
    try:
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=_once)
    except UnicodeDecodeError:
        return None, "not UTF-8"
    except (ValueError, RecursionError) as error:
        text = str(error).splitlines()[0]
        return None, text if text.startswith("key ") else f"not JSON: {text[:80]}"
    if not isinstance(document, dict):
        return None, "not a JSON object"
    if document.get("rubric") not in RUBRIC_VERSIONS:
        return (
            None,
            f"rubric {str(document.get('rubric'))[:20]!r} is not known; known: {', '.join(RUBRIC_VERSIONS)}",
        )
    try:
        # The time comes as text; everything else is of its own type.
        vote = Vote.model_validate_json(json.dumps(document))
    except ValidationError as error:
        mistakes = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
        mistake = mistakes[0]
        where = ".".join(map(str, mistake["loc"])) or "vote"
        what = mistake["msg"].removeprefix("Value error, ")
        return None, f"{where}: {what[:1].lower()}{what[1:]}".replace("\n", " ")[:200]
    if study is not None and vote.study != study:
        return None, f"of study {vote.study}, not of {study}"
    return vote, ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(k for i, (k, _) in enumerate(pairs) if k in dict(pairs[:i]))
        raise ValueError(f"key {twice!r} is given twice")
    return found


def clip_id(path: Path) -> str:
    """A clip's id: the SHA-256 of its file."""
    with regular_file(path).open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def clips_in(folder: Path) -> dict[str, Path]:
    """The files of a folder by id. Raises AniMatrixError FILE_MISSING."""
    if not folder.is_dir():
        regular_file(folder)  # says that it is missing, or not a folder
    return {clip_id(f): f for f in sorted(folder.iterdir()) if f.is_file() and f.stat().st_size}


def set_aside(read: ReadVotes, clips: Mapping[str, Path], aside: Path) -> list[Vote]:
    """The votes whose clips are at hand; the others go whole into ``aside``, one a line.

    The file is written anew: what is still unknown now. It is removed when nothing is.
    """
    known = [v for v in read.votes if v.a in clips and v.b in clips]
    unknown = [v for v in read.votes if not (v.a in clips and v.b in clips)]
    if unknown:
        with written_whole(aside) as temporary:
            temporary.write_text("".join(as_line(v) + "\n" for v in unknown), "utf-8")
    else:
        aside.unlink(missing_ok=True)
    return known


def as_line(vote: Vote) -> str:
    """The vote as it is read."""
    document = vote.model_dump(mode="json", exclude={"directive"})
    return json.dumps(document | {"directive": vote.directive.canonical()}, ensure_ascii=False)


def pairs_of_votes(votes: Sequence[Vote]) -> list[Pair]:
    """One pair a vote; the members' clips are named as the study names them. Votes of one pair of clips
    share a number, so that both are shown once.
    """
    numbers: dict[tuple[str, str, str], int] = {}
    found = []
    for vote in votes:
        name = directive_name(vote.directive)
        a, b, choice = vote.a, vote.b, CHOICES[vote.choice]
        if a > b:  # sides were balanced in the study; here one order per pair of clips
            a, b = b, a
            choice = {"first": "second", "second": "first"}.get(choice, choice)  # type: ignore[assignment]
        number = numbers.setdefault((name, a, b), len(numbers))
        found.append(
            Pair(
                directive=name,
                first=Member(clip=a),
                second=Member(clip=b),
                dimension=vote.dimension,
                label=choice,
                provenance=Provenance(source="votes", number=number, study=vote.study),
            )
        )
    return found
