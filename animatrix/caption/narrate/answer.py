"""Reading a model's answer: what of it can be used, and what is wrong with the rest, in its own words.

An answer is text from outside: it is parsed strictly, mapped to the taxonomy's ids (studio words are
understood), checked tag by tag, and held against what the pixels say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from animatrix.caption.narrate.question import LONGEST_NARRATIVE
from animatrix.caption.reconcile import reconcile
from animatrix.caption.tag import CaptionTag, Span
from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive, Taxonomy
from animatrix.knowledge.documents import parse_json
from animatrix.knowledge.tags import collect
from animatrix.knowledge.terms import forbidden_character, shown
from animatrix.knowledge.timing import REFERENCE_RATE

# What a model says of its own certainty is not calibrated, so every tag it gives weighs the same. [P]
CONFIDENCE = 0.5
MOST_FAULTS = 12  # quoted back; more would only repeat themselves
_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)


@dataclass
class Answer:
    """``narrative`` or None; ``tags`` by field; ``faults`` one line each for what could not be used."""

    narrative: str | None = None
    tags: dict[str, list[CaptionTag]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def read_answer(
    text: str, fields: Sequence[str], known: Mapping[str, Sequence[CaptionTag]], whole: Span, model: str
) -> Answer:
    """The usable part of an answer and its faults; never raises.

    Args:
        text: what the model wrote.
        fields: the fields that were asked.
        known: tags read from the pixels so far; those measured overrule the answer.
        whole: the shot's span at 24 fps.
        model: goes into the evidence of each tag.
    """
    answer = Answer()
    try:
        document = parse_json(_bare(text), "the answer", "directive")
    except AniMatrixError as error:
        answer.faults.append(str(error))
        return answer
    if not isinstance(document, dict):
        answer.faults.append("the answer is not a JSON object")
        return answer
    answer.narrative = _narrative(document.get("narrative"), answer.faults)
    tags = document.get("tags")
    if not isinstance(tags, dict):
        answer.faults.append('"tags" is missing or not an object')
        tags = {}
    extra = [key for key in document if key not in ("narrative", "tags")]
    if extra:
        answer.faults.append(f"unknown key {shown(extra[0])}")
    for name, content in tags.items():
        _read_field(name, content, {*fields, *_measured(known)}, whole, model, answer)
    missing = [name for name in fields if name not in tags]
    if tags and missing:
        answer.faults.append(f"fields are missing: {', '.join(missing)}")
    _hold_against_pixels(answer, known, whole)
    return answer


def _bare(text: str) -> str:
    """The text without a reasoning preamble and a code fence, which chat models like to add."""
    text = _THOUGHT.sub("", text, count=1)
    fenced = _FENCED.match(text)
    return fenced[1] if fenced else text


def _narrative(raw: Any, faults: list[str]) -> str | None:
    if not isinstance(raw, str) or not raw.strip():
        faults.append('"narrative" is missing or empty')
        return None
    if found := forbidden_character(raw):
        faults.append(f"narrative: forbidden control character {found[1]}")
        return None
    if len(raw) > LONGEST_NARRATIVE:
        faults.append(f"narrative has {len(raw)} characters; at most {LONGEST_NARRATIVE} are allowed")
        return None
    if name := _named_person(raw):
        faults.append(f"narrative: write what is seen instead of {name!r}")
        return None
    return " ".join(raw.split())


@lru_cache(maxsize=1)
def _eponyms() -> tuple[str, ...]:
    return tuple(alias.casefold() for value in Taxonomy.default().values() for alias in value.eponym_aliases)


def _named_person(text: str) -> str:
    """A technique called by a person's name in the text; captions never carry one."""
    folded = text.casefold()
    return next((alias for alias in _eponyms() if alias in folded), "")


def _read_field(name: str, content: Any, welcome: set[str], whole: Span, model: str, answer: Answer) -> None:
    """One field's tags, item by item, so that a bad one costs only itself.

    ``welcome`` are the fields asked, and those measured, which an answer may confirm.
    """
    taxonomy = Taxonomy.default()
    items = content if isinstance(content, list) else [content]
    if len(items) > 100:
        answer.faults.append(f"{shown(name)} has {len(items)} tags")
        return
    good: dict[str, list[Any]] = {}
    for item in items:
        try:
            for owner, tags in collect({name: item}, taxonomy).items():
                if owner not in welcome:
                    answer.faults.append(f"{owner} was not asked")
                    continue
                scope = taxonomy.fields[owner].scope
                plain = [{"value": t.value, "span": None if scope == "shot" else t.span} for t in tags]
                # Beside the good ones: whether it fits the shot, the field's scope, and the tags before it.
                _validate({owner: [*good.get(owner, []), *plain]}, whole)
                good.setdefault(owner, []).extend(plain)
        except AniMatrixError as error:
            answer.faults.append(str(error))
    for owner, found in good.items():
        for tag in found:
            if tag["value"] != "unknown":
                span = tuple(tag["span"]) if tag["span"] else whole
                said = CaptionTag(tag["value"], CONFIDENCE, span, "narrated", {"model": model})
                answer.tags.setdefault(owner, []).append(said)


def _validate(tags: dict[str, list[Any]], whole: Span) -> None:
    data = {"narrative": "", "tags": tags, "frames": whole[1] + 1, "fps": REFERENCE_RATE}
    Directive.model_validate(data, context={"source": "caption"})


def _hold_against_pixels(answer: Answer, known: Mapping[str, Sequence[CaptionTag]], whole: Span) -> None:
    """Take out tags that contradict what was measured, or each other, by the taxonomy's rules."""
    measured = _measured(known)
    asked = {name: tags for name, tags in answer.tags.items() if name in measured}
    for name, tags in asked.items():
        one = Taxonomy.default().fields[name].cardinality == "one"
        for tag in list(tags):
            rivals = [m.value for m in measured[name] if m.value != tag.value and _meet(m.span, tag.span)]
            absent = "none" in (tag.value, *rivals)
            if rivals and (one or absent):
                answer.faults.append(f"{name}={tag.value} contradicts the pixels, which show {rivals[0]}")
                tags.remove(tag)
    # Within fields that pixels answered, adding is judged where all readers meet; here only across fields.
    free = {name: tags for name, tags in answer.tags.items() if name not in measured}
    guessed = {name: tags for name, tags in known.items() if name not in measured and name not in free}
    settled = reconcile(measured, guessed, free, whole)
    for name, tags in free.items():
        kept = [t for t in settled.tags.get(name, []) if t.source == "narrated"]
        if len(kept) < len(tags):
            answer.faults.append(
                settled.reasons.get(name, f"{name}: said twice").replace("narrated ", f"{name}=")
            )
        answer.tags[name] = kept
    answer.tags = {name: tags for name, tags in answer.tags.items() if tags}


def _measured(known: Mapping[str, Sequence[CaptionTag]]) -> dict[str, list[CaptionTag]]:
    measured = {name: [tag for tag in tags if tag.source == "measured"] for name, tags in known.items()}
    return {name: tags for name, tags in measured.items() if tags}


def _meet(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
