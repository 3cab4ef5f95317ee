"""What a page sends with a vote, checked against the trial it answers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animatrix.errors import AniMatrixError
from animatrix.evaluate.study.definition import Study
from animatrix.evaluate.study.records import Choice, Note, Playback, Presence, Reading, Side
from animatrix.evaluate.study.store import Trial
from animatrix.knowledge import Taxonomy
from animatrix.knowledge.documents import parse_json
from animatrix.prefer.merits import DIMENSIONS

MOST_NOTES = 100


class Wrong(Exception):
    """What is wrong with a body, and where."""

    def __init__(self, error: str, where: str = "") -> None:
        super().__init__(error)
        self.error, self.where = error, where


class _Answers(BaseModel):
    model_config = ConfigDict(extra="forbid")

    choice: dict[str, Choice] = {}
    score: dict[str, Annotated[int, Field(ge=1, le=5)]] = {}
    tags: dict[Side, dict[str, Presence]] = {}
    art: dict[Side, dict[str, Reading]] = {}
    notes: Annotated[list[Note], Field(max_length=MOST_NOTES)] = []


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
    answers: _Answers
    playback: Playback


def parsed(raw: bytes) -> dict[str, Any]:
    """A body's JSON object. Raises Wrong."""
    try:
        document = parse_json(raw.decode("utf-8"), "body", "study")
    except UnicodeDecodeError:
        raise Wrong("not UTF-8") from None
    except AniMatrixError as error:
        raise Wrong(error.message) from None
    if not isinstance(document, dict):
        raise Wrong("not a JSON object")
    return document


def checked(raw: bytes, study: Study, trial: Trial, least_ms: float) -> _Body:
    """The vote in a body: every question of the trial answered, nothing else, and the clips watched.

    Raises:
        Wrong: naming the place.
    """
    try:
        body = _Body.model_validate(parsed(raw), strict=True)
    except ValidationError as error:
        mistake = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Wrong(mistake["msg"], ".".join(map(str, mistake["loc"]))) from None
    sides: list[Side] = ["left"] if trial.right_system is None else ["left", "right"]
    asked, other = ("choice", "score") if trial.right_system else ("score", "choice")
    given = getattr(body.answers, asked)
    for dimension in DIMENSIONS:
        if dimension not in given:
            raise Wrong("not answered", f"answers.{asked}.{dimension}")
    if len(given) > len(DIMENSIONS) or getattr(body.answers, other):
        raise Wrong("not asked", f"answers.{other if getattr(body.answers, other) else asked}")
    _check_tags(body.answers, study, trial, sides)
    length = study.clip(trial.item, trial.left_system).frames
    for n, note in enumerate(body.answers.notes):
        if note.side not in sides or note.frame >= length:
            raise Wrong("no such frame", f"answers.notes.{n}")
    for side in sides:
        if getattr(body.playback.watched_ms, side) < least_ms:
            raise Wrong("watch the clip to its end first", f"playback.watched_ms.{side}")
    return body


def _check_tags(answers: _Answers, study: Study, trial: Trial, sides: list[Side]) -> None:
    """Every tag ticked on every side, and every deformation that is there answered as art or failure."""
    tags = tags_of(study, trial.item)
    for name, given in (("tags", answers.tags), ("art", answers.art)):
        for side, ticks in given.items():
            if side not in sides:
                raise Wrong("no such side", f"answers.{name}.{side}")
            for mark in ticks:
                if mark not in tags:
                    raise Wrong("no such tag", f"answers.{name}.{side}.{mark}"[:80])
                if name == "art" and not tags[mark][1]:
                    raise Wrong("not asked", f"answers.art.{side}.{mark}")
    for side in sides:
        for mark, (_, deformation) in tags.items():
            ticked = answers.tags.get(side, {}).get(mark)
            if ticked is None:
                raise Wrong("not answered", f"answers.tags.{side}.{mark}")
            if deformation and ticked != "absent" and mark not in answers.art.get(side, {}):
                raise Wrong("not answered", f"answers.art.{side}.{mark}")


def tags_of(study: Study, item: str) -> dict[str, tuple[str, bool]]:
    """Tag id -> how it is written in a directive, and whether it is asked as art or failure."""
    directive = study.directive(item)
    keys = [f"{field}.{tag.value}" for field, tags in directive.tags.items() for tag in tags]
    written = zip(directive.tag_strings(), keys, strict=True)
    return {str(n): (text, _is_deformation(key)) for n, (text, key) in enumerate(written)}


def _is_deformation(key: str) -> bool:
    field, _, value = key.partition(".")
    known = Taxonomy.default().field(field).values.get(value)
    return known is not None and known.deformation and known.failure_lookalike is not None
