"""What a model is asked about a shot: the fields, the schema of the answer, and the prompt with the facts.

Pixels decide timing and camera: what was measured goes into the prompt as a fact. The model is asked for what
only looking and understanding tell: the story, and the semantic fields.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from animatrix.caption.measure import Shot
from animatrix.caption.narrate.pictures import Picture
from animatrix.caption.tag import CaptionTag, written
from animatrix.knowledge import Field, Taxonomy
from animatrix.knowledge.schema import directive_schema
from animatrix.knowledge.tags import tag_text
from animatrix.knowledge.taxonomy import RESERVED

LONGEST_NARRATIVE = 800  # characters: the 512 text tokens of the generator hold no more
MOST_PER_FIELD = 4

SYSTEM = (
    "You annotate shots of 2D animation for a production database. You see drawings of one shot in order of "
    "time. Write what happens, then choose values from the lists given; never invent a value. Answer "
    '"unknown" wherever the pictures do not show it. Name no real person, artist, studio or title.'
)

Part = str | np.ndarray  # text, or a picture uint8 [h,w,3] RGB


@dataclass(frozen=True)
class Turn:
    """One message of the conversation: ``role`` system, user or assistant; ``parts`` in reading order."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Question:
    """``turns`` to send; ``schema`` the answer must follow; ``fields`` that are asked."""

    turns: tuple[Turn, ...]
    schema: dict[str, Any]
    fields: tuple[str, ...]

    @property
    def prompt_hash(self) -> str:
        return digest([part for turn in self.turns for part in turn.parts if isinstance(part, str)])

    @property
    def schema_hash(self) -> str:
        return digest(self.schema)


def digest(content: Any) -> str:
    """First 16 hex digits of the SHA-256 of the content as JSON."""
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


def asked_fields(tags: Mapping[str, Sequence[CaptionTag]]) -> tuple[str, ...]:
    """Fields a model is asked by default: what needs eyes and sense, where pixels have not settled it.

    Fields that are pixel-measured throughout are left to the measures, but for style, which a still shows.
    """
    return tuple(
        field.id
        for field in Taxonomy.default().fields.values()
        if (field.measurement != "pixel" or field.axis == "style") and not _settled(field, tags)
    )


def _settled(field: Field, tags: Mapping[str, Sequence[CaptionTag]]) -> bool:
    return field.cardinality == "one" and any(t.source == "measured" for t in tags.get(field.id, ()))


def answer_schema(fields: Sequence[str]) -> dict[str, Any]:
    """JSON Schema of an answer: the captioner's schema of the taxonomy, cut to the narrative and ``fields``.

    Only keywords that servers compile for constrained decoding are kept (``uniqueItems`` and ``prefixItems``
    are widely refused); what they said is checked when the answer is read.
    """
    whole = directive_schema(Taxonomy.default(), "caption")
    tags = {name: _portable(whole["properties"]["tags"]["properties"][name], name) for name in fields}
    return {
        "type": "object",
        "properties": {
            "narrative": {"type": "string", "minLength": 1, "maxLength": LONGEST_NARRATIVE},
            "tags": _closed_object(tags),
        },
        "required": ["narrative", "tags"],
        "additionalProperties": False,
    }


def _portable(full: dict[str, Any], name: str) -> dict[str, Any]:
    """A field's list of tags; only a value that is there has a range, and a frame-scope value always has."""
    words = full["items"]["properties"]["value"]["enum"]
    span = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}
    null: dict[str, Any] = {"type": "null"}
    spans: dict[str, dict[str, Any]] = {"shot": null, "span": {"anyOf": [null, span]}, "frame": span}
    seen = _tag(
        [word for word in words if word not in RESERVED], spans[Taxonomy.default().fields[name].scope]
    )
    unseen = _tag([word for word in words if word in RESERVED], null)
    most = min(full.get("maxItems", MOST_PER_FIELD), MOST_PER_FIELD)
    return {"type": "array", "items": {"anyOf": [seen, unseen]}, "minItems": 1, "maxItems": most}


def _tag(words: list[str], span: dict[str, Any]) -> dict[str, Any]:
    return _closed_object({"value": {"type": "string", "enum": words}, "span": span})


def _closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def question(
    shot: Shot,
    pictures: Sequence[Picture],
    tags: Mapping[str, Sequence[CaptionTag]],
    fields: Sequence[str],
) -> Question:
    """Everything to send about a shot. ``tags`` are what is known of it so far."""
    parts: list[Part] = [facts(shot, tags)]
    for picture in pictures:
        parts += [picture.says, picture.rgb]
    parts.append(_choices(fields))
    return Question(
        (Turn("system", (SYSTEM,)), Turn("user", tuple(parts))), answer_schema(fields), tuple(fields)
    )


def repair(asked: Question, answer: str, faults: Sequence[str]) -> Question:
    """The question again with the answer that failed and what was wrong with it."""
    listed = "\n".join(f"- {fault}" for fault in faults)
    again = (
        f"That answer cannot be used:\n{listed}\nAnswer again, whole, as one JSON object with these mended."
    )
    turns = (*asked.turns, Turn("assistant", (answer[:4000] or "(nothing)",)), Turn("user", (again,)))
    return Question(turns, asked.schema, asked.fields)


def facts(shot: Shot, tags: Mapping[str, Sequence[CaptionTag]]) -> str:
    """What pixels say of the shot, as lines a model can lean on."""
    whole = shot.span(0, len(shot.gray) - 1)
    seconds = float(shot.pts[-1] + 1 / shot.fps)
    lines = [
        f"The shot lasts {seconds:.2f} s: frames 0 to {whole[1]}, counted at 24 a second.",
        "Measured from the pixels; take these as true and do not contradict them:",
    ]
    guesses: list[str] = []
    for name, found in tags.items():
        for tag in found:
            line = f"- {tag_text(name, written(name, tag, whole))}"
            (lines if tag.source == "measured" else guesses).append(line)
    if len(shot.gray) > 1:
        holds = Counter(shot.drawings.runs).most_common(3)
        said = ", ".join(f"{n} held {frames} frame{'s' * (frames > 1)}" for frames, n in holds)
        lines.append(f"- {len(shot.drawings.runs)} drawings: {said}")
    if guesses:
        lines += ["Guessed by a small model; confirm or correct:", *guesses]
    return "\n".join(lines)


def _choices(fields: Sequence[str]) -> str:
    """The fields asked, each value with its meaning, and how to write the answer."""
    taxonomy = Taxonomy.default()
    lines = [
        f'Answer with one JSON object: "narrative", plain English of at most {LONGEST_NARRATIVE} characters, '
        'and "tags" with exactly the fields below. Each field is a list of {"value", "span"}; "span" is '
        "[first, last] in frames, or null for the whole shot. Fields and their values:"
    ]
    for name in fields:
        field = taxonomy.fields[name]
        rule = "one value at a time" if field.cardinality == "one" else f"up to {MOST_PER_FIELD} values"
        when = {"shot": "span null", "span": "span optional", "frame": "span needed"}[field.scope]
        absent = '; "none" where absent' if field.allows_none else ""
        lines.append(f"{name} ({rule}, {when}{absent}): {field.definition}")
        lines += [f"  {value.id}: {value.definition}" for value in field.values.values()]
    return "\n".join(lines)
