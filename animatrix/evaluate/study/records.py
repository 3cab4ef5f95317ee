"""One answered trial of a study, as ``study_votes.jsonl`` holds it and the statistics read it.

read = read_study_votes("study_votes.jsonl")
read.votes, read.refused          # [StudyVote], [Refused(line, reason)]
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from animatrix.media.door import regular_file
from animatrix.prefer.merits import DIMENSIONS, Head
from animatrix.prefer.votes import LONGEST, RUBRIC_VERSIONS, Refused

Mode = Literal["pair", "score"]
Kind = Literal["real", "calibration", "gold", "repeat", "identical"]
Side = Literal["left", "right"]
Choice = Literal["left", "right", "tie", "both_bad"]
Presence = Literal["present", "absent", "wrong"]
Reading = Literal["art", "failure", "unsure"]
Id = Annotated[str, Field(pattern=r"^[\w.:-]{1,64}$")]
BROKEN = "(broken)"  # stands as the system of a gold trial's damaged copy; no system can be called so


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(_Record):
    """What stood on a side: the system, and the clip by the SHA-256 of its source file."""

    system: Annotated[str, Field(min_length=1, max_length=64)]
    clip: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Note(_Record):
    """What a rater pinned to a frame (from 0)."""

    side: Side
    frame: Annotated[int, Field(ge=0, le=1_000_000)]
    text: Annotated[str, Field(max_length=2000)]


class Watched(_Record):
    """Milliseconds of playback a side."""

    left: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    right: Annotated[float, Field(ge=0, le=1e9)] = 0.0


class Playback(_Record):
    """What the page says of how the clips were looked at; times in milliseconds.

    ``opened_ms``: on the page until the vote; ``hidden_ms`` of it in the background; ``tools`` used.
    """

    opened_ms: Annotated[float, Field(ge=0, le=1e9)]
    watched_ms: Watched = Watched()
    loops: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    steps: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    speed_changes: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    tools: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z_]{1,24}$")]],
        Field(max_length=32),
    ] = []
    hidden_ms: Annotated[float, Field(ge=0, le=1e9)] = 0.0


class StudyVote(_Record):
    """One rater's answers to one trial; withdrawn ones stand in the database only.

    Args:
        trial: id of the trial, of this rater alone.
        kind: real trials count; calibration: the first ones, the same pairs for every rater; gold: a clip
            against a damaged copy of itself; repeat: an earlier pair with its sides changed; identical: one
            clip on both sides.
        number: place in the rater's order, from 1.
        repeats: the trial shown again, for ``repeat``.
        expected: the side known to be better, in the dimensions where it is known; ``gold`` only.
        rater: pseudonym. item: what was asked, the same for all systems.
        right: None in score mode, as ``choice`` is empty then and ``score`` where pairs are compared.
        tags: side -> ``field=value[@a-b]`` -> whether it is there.
        art: side -> the same -> whether the deformation is art or failure.
        given, voted: times by the server's clock when the trial was first given, and answered.
        revision: 1, or more where votes on the trial were withdrawn before.
    """

    study: Id
    rubric: Literal["1"]
    mode: Mode
    trial: Id
    kind: Kind
    number: Annotated[int, Field(ge=1)]
    repeats: Id | None = None
    expected: dict[Head, Side] = {}
    rater: Id
    item: Id
    left: Shown
    right: Shown | None = None
    choice: dict[Head, Choice] = {}
    score: dict[Head, Annotated[int, Field(ge=1, le=5)]] = {}
    tags: dict[Side, dict[str, Presence]] = {}
    art: dict[Side, dict[str, Reading]] = {}
    notes: list[Note] = []
    playback: Playback
    given: AwareDatetime
    voted: AwareDatetime
    revision: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _whole(self) -> StudyVote:
        answered = self.choice if self.mode == "pair" else self.score
        if set(answered) != set(DIMENSIONS):
            raise ValueError(f"a {self.mode} trial answers each of {', '.join(DIMENSIONS)}")
        if (self.score if self.mode == "pair" else self.choice) or (self.right is None) != (
            self.mode == "score"
        ):
            raise ValueError(f"answers of another mode than {self.mode}")
        return self


@dataclass(frozen=True)
class ReadStudyVotes:
    """The votes of a file, and what was refused."""

    votes: list[StudyVote]
    refused: list[Refused]


def read_study_votes(path: str | Path) -> ReadStudyVotes:
    """Read ``study_votes.jsonl``; a damaged line is refused with its number, the others count.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_NOT_A_FILE, FILE_UNREADABLE; an empty file has no votes.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size == 0:
        return ReadStudyVotes([], [])
    votes: list[StudyVote] = []
    refused: list[Refused] = []
    seen: dict[str, int] = {}
    with regular_file(path).open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            vote, reason = _vote(raw)
            if vote is None:
                refused.append(Refused(number, reason))
            elif vote.trial in seen:
                refused.append(Refused(number, f"answers the trial of line {seen[vote.trial]} again"))
            else:
                seen[vote.trial] = number
                votes.append(vote)
    return ReadStudyVotes(votes, refused)


def _vote(raw: bytes) -> tuple[StudyVote | None, str]:
    if len(raw) > 4 * LONGEST:
        return None, f"longer than {4 * LONGEST} bytes"
    try:
        document = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None, "not UTF-8"
    except (ValueError, RecursionError) as error:
        return None, f"not JSON: {str(error).splitlines()[0][:80]}"
    if not isinstance(document, dict):
        return None, "not a JSON object"
    if document.get("rubric") not in RUBRIC_VERSIONS:
        known = ", ".join(RUBRIC_VERSIONS)
        return None, f"rubric {str(document.get('rubric'))[:20]!r} is not known; known: {known}"
    try:
        return StudyVote.model_validate(document), ""
    except ValidationError as error:
        return None, fault_of(error)


def fault_of(error: ValidationError) -> str:
    """The first mistake of a document, as ``where: what``."""
    mistake = error.errors(include_url=False)[0]
    where = ".".join(map(str, mistake["loc"])) or "vote"
    what = mistake["msg"].removeprefix("Value error, ")
    return f"{where}: {what[:1].lower()}{what[1:]}".replace("\n", " ")[:200]
