"""One answer per field from three readers: measured > recognised > narrated where they can all see.

    tags, abstained, reasons = reconcile(measured, recognised, narrated, whole=(0, 32))

Within a field the highest reader that answered speaks alone; in a field of many values a lower one may add
what the higher cannot see. Between fields the rules of severity error hold: of two tags that cannot
stand together the stronger stays, where rank comes before confidence. Limits (flashes a second, frames of
an impact) are facts about the footage and no contradiction, so they drop nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from animatrix.caption.tag import CaptionTag, Span, written
from animatrix.knowledge import Field, Tag, Taxonomy, Violation
from animatrix.knowledge.tags import tag_text

READERS = ("measured", "recognised", "narrated")  # highest first


class NotThere(str):
    """A reason why a reader says nothing that holds for the readers below it too."""


# field -> its tags, or the reason why the reader says nothing
Answers = Mapping[str, "Sequence[CaptionTag] | str"]
# reader -> field -> the values that reader can tell; a field not listed is seen whole
Sight = Mapping[str, Mapping[str, Collection[str]]]


class Reconciled(NamedTuple):
    """``tags`` by field in taxonomy order; ``abstained`` fields that were read but have no tag; ``reasons``
    by field: why it is abstained, or what was dropped from it and for what."""

    tags: dict[str, list[CaptionTag]]
    abstained: list[str]
    reasons: dict[str, str]


@dataclass(frozen=True)
class _Claim:
    """A tag in the running: ``rank`` 0 for the highest reader, ``text`` as rules name it."""

    field: str
    tag: CaptionTag
    rank: int
    written: Tag

    @property
    def text(self) -> str:
        return tag_text(self.field, self.written)


def reconcile(
    measured: Answers, recognised: Answers, narrated: Answers, whole: Span, sees: Sight | None = None
) -> Reconciled:
    """The tags of a shot from its readers' answers.

    Args:
        measured, recognised, narrated: answers of each reader; a text instead of tags says why it abstains,
            a :class:`NotThere` silences the readers after it as well.
        whole: the shot's span, (0, last frame) at 24 fps. Ranges are clipped to it.
        sees: for readers that know only some values of a field: which. A reader may add values to a field of
            many values when no higher reader that answered could have seen them.

    Returns:
        Tags that make a valid ``Directive`` (see ``caption.tag.as_directive``). Each keeps its source and
        evidence; ``evidence["agreed"]`` lists the lower readers that say the same.
    """
    taxonomy = Taxonomy.default()
    notes: dict[str, list[str]] = {}
    readings = []
    closed: set[str] = set()
    for reader, answers in zip(READERS, (measured, recognised, narrated), strict=True):
        answers = {name: content for name, content in answers.items() if name not in closed}
        readings.append(_heard(answers, reader, whole, taxonomy, notes))
        closed |= {name for name, content in answers.items() if isinstance(content, NotThere)}
    claims: list[_Claim] = []
    for field in taxonomy.fields.values():
        said = [(rank, reading[field.id]) for rank, reading in enumerate(readings) if reading.get(field.id)]
        for rank, tag in _chosen(field, said, sees or {}, notes):
            claims.append(_Claim(field.id, tag, rank, written(field.id, tag, whole)))
    kept = _obeying(claims, taxonomy, notes)
    tags: dict[str, list[CaptionTag]] = {}
    for claim in sorted(kept, key=lambda c: (taxonomy.fields[c.field].index, c.tag.span, c.tag.value)):
        tags.setdefault(claim.field, []).append(claim.tag)
    read = {name for reading in readings for name in reading}
    abstained = [name for name in taxonomy.fields if name in read and name not in tags]
    reasons = {name: "; ".join(dict.fromkeys(found)) for name, found in notes.items()}
    for name in abstained:
        reasons.setdefault(name, "no reader answered")
    return Reconciled(tags, abstained, reasons)


def _heard(
    answers: Answers, reader: str, whole: Span, taxonomy: Taxonomy, notes: dict[str, list[str]]
) -> dict[str, list[CaptionTag]]:
    """A reader's answers, each right by itself: known values, inside the shot, one at a time where one is."""
    heard: dict[str, list[CaptionTag]] = {}
    for name, content in answers.items():
        field = taxonomy.fields.get(name)
        if field is None:
            notes.setdefault(name, []).append(f"{reader}: no such field")
            continue
        heard[name] = []
        if isinstance(content, str):
            notes.setdefault(name, []).append(f"{reader}: {content}")
            continue
        fitting = []
        for tag in content:
            fitted = _fitted(tag, field, whole)
            if isinstance(fitted, str):
                notes.setdefault(name, []).append(f"{reader}: {fitted}")
            else:
                fitting.append(fitted)
        # The most confident first, so that what is dropped gives way to something surer.
        for tag in sorted(fitting, key=lambda t: (-t.confidence, t.span, t.value)):
            rival = next((other for other in heard[name] if _rivals(tag, other, field)), None)
            if rival is None:
                heard[name].append(tag)
            elif rival.value != tag.value:
                notes.setdefault(name, []).append(f"{reader}: {tag.value} gives way to {rival.value}")
    return heard


def _fitted(tag: CaptionTag, field: Field, whole: Span) -> CaptionTag | str:
    """The tag with a range it may have, or why it cannot stand."""
    if tag.value == "unknown":
        return "cannot tell"
    if tag.value not in field.values and not (tag.value == "none" and field.allows_none):
        return f"{field.id} has no value {tag.value!r}"
    if field.scope == "shot" or tag.value == "none":
        return replace(tag, span=whole)
    first, last = max(tag.span[0], whole[0]), min(tag.span[1], whole[1])
    if first > last:
        return f"{tag.value}@{tag.span[0]}-{tag.span[1]} lies outside the shot"
    return replace(tag, span=(first, last))


def _rivals(one: CaptionTag, other: CaptionTag, field: Field) -> bool:
    """Whether two tags of one field cannot both be said; the same value over the same frames is one tag."""
    if one.value == other.value:
        return one.span == other.span
    if "none" in (one.value, other.value):
        return True
    return field.cardinality == "one" and _meet(one.span, other.span)


def _chosen(
    field: Field, said: Sequence[tuple[int, list[CaptionTag]]], sees: Sight, notes: dict[str, list[str]]
) -> list[tuple[int, CaptionTag]]:
    """The field's tags with the rank of who said them: the highest reader's, and what it could not see."""
    chosen: list[tuple[int, CaptionTag]] = []
    spoken: list[int] = []  # ranks that have answered so far
    for rank, tags in said:
        for tag in tags:
            same = [i for i, (_, t) in enumerate(chosen) if t.value == tag.value and _meet(t.span, tag.span)]
            if spoken and same:
                for i in same:
                    chosen[i] = (chosen[i][0], _agreed(chosen[i][1], READERS[rank]))
            elif not spoken or _adds(field, tag, spoken, chosen, sees):
                chosen.append((rank, tag))
            else:
                says = " and ".join(dict.fromkeys(t.value for _, t in chosen))
                over = READERS[spoken[0]]
                note = f"{READERS[rank]} said {tag.value}; {over} {says} stands"
                notes.setdefault(field.id, []).append(note)
        spoken.append(rank)
    return chosen


def _adds(
    field: Field,
    tag: CaptionTag,
    spoken: Iterable[int],
    chosen: Sequence[tuple[int, CaptionTag]],
    sees: Sight,
) -> bool:
    """Whether a lower reader's value may join: many values fit, and nobody above could have seen it."""
    if field.cardinality == "one" or "none" in (tag.value, *(t.value for _, t in chosen)):
        return False
    return all(tag.value not in sees.get(READERS[rank], {}).get(field.id, field.values) for rank in spoken)


def _agreed(tag: CaptionTag, reader: str) -> CaptionTag:
    agreed = [*tag.evidence.get("agreed", []), reader]
    return replace(tag, evidence={**tag.evidence, "agreed": list(dict.fromkeys(agreed))})


def _obeying(claims: list[_Claim], taxonomy: Taxonomy, notes: dict[str, list[str]]) -> list[_Claim]:
    """The claims that can stand together, strongest first; each one dropped leaves a note in its field.

    A claim joins unless it contradicts what is already in, so only a stronger one can keep it out. A claim
    whose need nobody meets (a speed without a move) is struck, and the rest is judged again without it.
    """
    kinds = {rule.id: rule.kind for rule in taxonomy.constraints}
    ranked = sorted(
        claims,
        key=lambda c: (
            c.rank,
            -c.tag.confidence,
            taxonomy.fields[c.field].index,
            c.written.span or (),
            c.text,
        ),
    )
    struck: dict[str, str] = {}
    while True:
        kept: list[_Claim] = []
        refused: dict[str, str] = dict(struck)
        for claim in ranked:
            if claim.text in struck:
                continue
            against = [
                v for v in _errors([*kept, claim], taxonomy) if kinds[v.rule] not in ("requires_any", "limit")
            ]
            if against:
                refused[claim.text] = against[0].message
            else:
                kept.append(claim)
        unmet = [v for v in _errors(kept, taxonomy) if kinds[v.rule] == "requires_any"]
        if not unmet:
            break
        for violation in unmet:
            for text in _owners(violation, kept, taxonomy):
                struck[text] = violation.message
    for claim in ranked:
        if claim.text in refused:
            note = f"{READERS[claim.rank]} {claim.written} dropped: {refused[claim.text]}"
            notes.setdefault(claim.field, []).append(note)
    return kept


def _errors(claims: Iterable[_Claim], taxonomy: Taxonomy) -> list[Violation]:
    return [v for v in taxonomy.rules.refusals(_as_tags(claims, taxonomy)) if v.severity == "error"]


def _as_tags(claims: Iterable[_Claim], taxonomy: Taxonomy) -> dict[str, list[Tag]]:
    """The claims in the order of a directive, so that the rules judge them as they would judge one."""

    def place(claim: _Claim) -> tuple[int, int, Span]:
        field = taxonomy.fields[claim.field]
        value = field.values.get(claim.written.value)
        return field.index, value.index if value else -1, claim.written.span or (-1, -1)

    tags: dict[str, list[Tag]] = {}
    for claim in sorted(claims, key=place):
        tags.setdefault(claim.field, []).append(claim.written)
    return tags


def _owners(violation: Violation, kept: Sequence[_Claim], taxonomy: Taxonomy) -> set[str]:
    """Texts of the claims behind an unmet need: those named, or those that imply what is named."""
    texts = {claim.text for claim in kept}
    named = set(violation.tags)
    added, _ = taxonomy.rules.complete(_as_tags(kept, taxonomy))
    for _, cause, field_id, tag in reversed(added):  # an implied tag may imply the next
        if tag_text(field_id, tag) in named:
            named.add(cause.text)
    return (named & texts) or {kept[-1].text}


def _meet(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
