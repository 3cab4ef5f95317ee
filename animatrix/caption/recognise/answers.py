"""Every question the recogniser is asked, and how a directive answers it.

A row holds one number per value of every field. A field of one value at a time also has a place ``open``: the
directive does not say, and neither should the recogniser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from animatrix.knowledge import Directive, Taxonomy

# Fields of drawn things: what a directive of the corpus does not name is not in the picture.
NOTHING_UNSAID = frozenset(
    {"manga_symbol", "power_effect", "light_effect", "transition", "limited_technique"}
)
WEAK = 0.25  # weight of "not named" in the other fields of many values: it may be there by chance
# kind of a renderer's event -> field whose value (the event's detail, or the kind itself) it times
EVENT_FIELDS = {
    "impact_frame": "impact_frame",
    "smear_technique": "smear_technique",
    "body_deformation": "body_deformation",
    "effect": "natural_effect",
    "power": "power_effect",
    "sign": "manga_symbol",
    "light": "light_effect",
    "filter": "finish",
}
# Fields whose spans are learned well enough to be told: those that the renderer times by itself.
TIMED = frozenset({*EVENT_FIELDS.values(), "transition"})
MIRRORED = {
    ("camera_move", "pan_left"): "pan_right",
    ("camera_move", "truck_left"): "truck_right",
}


@dataclass(frozen=True)
class Question:
    """One field: values in row order from ``first``; ``many`` at once or one; ``timed`` if it has spans."""

    id: str
    values: tuple[str, ...]
    first: int
    many: bool
    timed: bool

    @property
    def places(self) -> slice:
        """Places of the values, and of ``open`` for a field of one value."""
        return slice(self.first, self.first + len(self.values) + (not self.many))


@dataclass(frozen=True)
class Sheet:
    """All questions in order, and the version of the taxonomy they are from."""

    questions: tuple[Question, ...]
    version: str

    @classmethod
    def of(cls, values: Mapping[str, Sequence[str]], taxonomy: Taxonomy) -> Sheet:
        """Questions for these values of the taxonomy's fields."""
        rows = {
            name: {
                "many": taxonomy.fields[name].cardinality == "many",
                "timed": taxonomy.fields[name].scope != "shot",
                "values": options,
            }
            for name, options in values.items()
        }
        return cls.read(rows, taxonomy.version)

    @classmethod
    def read(cls, rows: Mapping[str, Mapping[str, Any]], version: str) -> Sheet:
        """Questions as they lie beside the weights: ``{field: {many, timed, values}}``, in row order."""
        questions, first = [], 0
        for name, row in rows.items():
            q = Question(name, tuple(row["values"]), first, bool(row["many"]), bool(row["timed"]))
            questions.append(q)
            first = q.places.stop
        return cls(tuple(questions), version)

    @property
    def width(self) -> int:
        return self.questions[-1].places.stop

    @cached_property
    def by_field(self) -> dict[str, Question]:
        return {q.id: q for q in self.questions}

    @cached_property
    def mirror(self) -> np.ndarray:
        """Place each answer goes to when the picture is mirrored; ``int [width]``."""
        order = np.arange(self.width)
        for (name, one), other in MIRRORED.items():
            q = self.by_field.get(name)
            if q and one in q.values and other in q.values:
                a, b = q.first + q.values.index(one), q.first + q.values.index(other)
                order[a], order[b] = b, a
        return order

    def place(self, name: str, value: str) -> int | None:
        q = self.by_field.get(name)
        return q.first + q.values.index(value) if q and value in q.values else None


@dataclass(frozen=True)
class Answer:
    """Truth of one shot: ``target``, ``weight`` float32 [width]; ``spans`` place -> (first, last) frame."""

    target: np.ndarray
    weight: np.ndarray
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)


def answer(sheet: Sheet, directive: Directive, events: list) -> Answer:
    """What the row should be for a complete directive, and when its timed values are to be seen."""
    target, weight = np.zeros(sheet.width, np.float32), np.ones(sheet.width, np.float32)
    spans: dict[int, tuple[int, int]] = {}
    for q in sheet.questions:
        tags = [t for t in directive.tags.get(q.id, ()) if t.value in q.values]
        for tag in tags:
            place = q.first + q.values.index(tag.value)
            target[place] = 1.0
            if tag.span is not None:
                spans[place] = directive.span_frames(tag)
        if tags:
            if not q.many:  # values one after the other share the shot
                target[q.places] /= target[q.places].sum()
        elif q.id in directive.tags:  # a value that nobody asks about
            weight[q.places] = 0.0
        elif not q.many:
            target[q.places.stop - 1] = 1.0
        elif q.id in NOTHING_UNSAID:
            target[q.first + q.values.index("none")] = 1.0
        else:
            weight[q.places] = WEAK
            if "none" in q.values:
                weight[q.first + q.values.index("none")] = 0.0
    happened: dict[int, tuple[int, int]] = {}  # what the renderer timed goes before what was asked for
    for kind, first, last, detail in events:
        name, value = EVENT_FIELDS.get(kind), detail
        if name is None and sheet.place("transition", kind) is not None:
            name, value = "transition", kind
        at = sheet.place(name, value) if name else None
        if at is not None and target[at] > 0:
            a, b = happened.get(at, (first, last))
            happened[at] = (min(a, first), max(b, last))
    return Answer(target, weight, spans | happened)
