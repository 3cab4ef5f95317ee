"""Narrators: what writes a shot's narrative, and the one way in.

    tell = narrator("openai:http://localhost:8000/v1#Qwen/Qwen3-VL-8B-Instruct")
    narration = tell.narrate(shot, tags)

A narrator never fails a caption: whatever goes wrong with a model or its server ends in a ``Narration``
without a narrative and with the reason.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from animatrix.caption.measure import Shot
from animatrix.caption.narrate.answer import MOST_FAULTS, Answer, read_answer
from animatrix.caption.narrate.pictures import chosen_pictures
from animatrix.caption.narrate.question import Question, asked_fields, question, repair
from animatrix.caption.tag import CaptionTag, prose
from animatrix.errors import AniMatrixError, Code, did_you_mean

KINDS = ("none", "transformers", "openai")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+$")
Tags = Mapping[str, Sequence[CaptionTag]]


@dataclass(frozen=True)
class Narration:
    """What a narrator says of one shot.

    ``narrative`` English prose, or None when there is none; ``tags`` by field, all of source 'narrated';
    ``rejected`` one line for each thing refused, or for why there is nothing; ``provenance`` JSON-ready:
    model, prompt and schema hashes, seconds, and what was shown.
    """

    narrative: str | None
    tags: dict[str, list[CaptionTag]] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)


class Narrator(Protocol):
    """Anything that narrates; ``spec`` is how the user named it."""

    spec: str

    def narrate(self, shot: Shot, tags: Tags) -> Narration: ...


class NarratorFault(Exception):
    """Why a model gave no answer; one line."""


@dataclass(frozen=True)
class Reply:
    """``text`` of the model; ``cut`` when it ran out of tokens; ``constrained`` how the schema was enforced:
    'structured_outputs', 'response_format', 'grammar' or 'none'."""

    text: str
    cut: bool
    constrained: str


class Model(Protocol):
    """A vision-language model behind whatever door: ``name``, and a reply or :class:`NarratorFault`."""

    name: str

    def ask(self, asked: Question) -> Reply: ...


def narrator(spec: str, fields: Sequence[str] | None = None, timeout: float = 120.0) -> Narrator:
    """The narrator a command line names.

    Args:
        spec: ``none``, ``transformers:ID`` (a local folder or a hub id) or ``openai:URL#MODEL``.
        fields: taxonomy fields to stay within; what is asked is always what needs eyes and is not measured.
        timeout: seconds one answer may take.

    Raises:
        AniMatrixError: BAD_OPTION for a spec that cannot be read; MODEL_MISSING and MODEL_MISMATCH for a
            local model that is not there or is no vision-language model; UNKNOWN_FIELD.
    """
    for name in fields or ():
        from animatrix.knowledge import Taxonomy

        Taxonomy.default().field(name)
    kind, _, rest = spec.partition(":")
    if spec == "none":
        return Proser()
    if kind == "openai":
        from animatrix.caption.narrate.server import ServedModel

        return ModelNarrator(spec, ServedModel.from_spec(rest, timeout), fields)
    if kind == "transformers":
        _check_name(rest)
        from animatrix.caption.narrate.local import LocalModel

        return ModelNarrator(spec, LocalModel(rest, timeout), fields)
    raise AniMatrixError(
        Code.BAD_OPTION,
        f"unknown narrator {spec[:80]!r}",
        did_you_mean(kind, KINDS) or "write none, transformers:ID or openai:URL#MODEL",
    )


def _check_name(name: str) -> None:
    """Refuse a local model's name that can be no folder and no hub id, before anything heavy is loaded."""
    if not name:
        raise AniMatrixError(
            Code.BAD_OPTION, "which model?", "write transformers:FOLDER or transformers:HUB_ID"
        )
    if not Path(name).is_dir() and not _HUB_ID.match(name):
        raise AniMatrixError(Code.MODEL_MISSING, f"no folder {name[:80]!r}", "a hub id is written OWNER/NAME")


class Proser:
    """No model: the tags said in sentences."""

    spec = "none"

    def narrate(self, shot: Shot, tags: Tags) -> Narration:
        whole = shot.span(0, len(shot.gray) - 1)
        return Narration(prose(tags, whole), provenance={"narrator": "none"})


class ModelNarrator:
    """Asks a model, reads the answer, asks once more quoting what was wrong, and takes what is left."""

    def __init__(self, spec: str, model: Model, fields: Sequence[str] | None = None) -> None:
        self.spec = spec
        self._model = model
        self._fields = tuple(fields) if fields is not None else None

    def narrate(self, shot: Shot, tags: Tags) -> Narration:
        began = time.monotonic()
        whole = shot.span(0, len(shot.gray) - 1)
        pictures = chosen_pictures(shot, tags)
        fields = [name for name in asked_fields(tags) if self._fields is None or name in self._fields]
        asked = question(shot, pictures, tags, fields)
        provenance: dict[str, Any] = {
            "narrator": self.spec.partition(":")[0],
            "model": self._model.name,
            "prompt_hash": asked.prompt_hash,
            "schema_hash": asked.schema_hash,
            "frames": [picture.frame for picture in pictures],
            "requests": 0,
        }
        answer, rejected = self._answered(asked, tags, whole, provenance)
        provenance["seconds"] = round(time.monotonic() - began, 3)
        return Narration(answer.narrative, answer.tags, rejected, provenance)

    def _answered(
        self, asked: Question, tags: Tags, whole: tuple[int, int], provenance: dict[str, Any]
    ) -> tuple[Answer, list[str]]:
        """The best of at most two answers, and what was refused of it."""
        best: Answer | None = None
        current = asked
        for attempt in (1, 2):
            try:
                provenance["requests"] = attempt
                reply = self._model.ask(current)
            except NarratorFault as fault:
                said = f"no {'repaired ' * (attempt - 1)}answer: {fault}"
                return best or Answer(), [*(best.faults if best else []), said]
            provenance["constrained"] = reply.constrained
            read = read_answer(reply.text, asked.fields, tags, whole, self._model.name)
            if reply.cut:
                read.faults.insert(0, "the answer was cut off for length: write less")
            # The repaired answer counts, unless it is worse: no story where there was one.
            if best is None or read.narrative is not None or best.narrative is None:
                best = read
            if not read.faults:
                break
            if attempt == 1:
                provenance["repaired"] = read.faults[:MOST_FAULTS]
                current = repair(asked, reply.text, read.faults[:MOST_FAULTS])
        assert best is not None
        return best, best.faults[:MOST_FAULTS]
