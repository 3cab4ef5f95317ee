"""Tags: one field=value each, optionally with a frame range, in every form people write them.

Text form: ``impact_frame=inverted_frame@14-15``, ``camera_move=pan_left+track_up``,
``action=run@0-20+jump@21-32``. Ranges count from 0, inclusive, at 24 fps. A range after ``a+b`` holds for
every value since the last range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.taxonomy import RESERVED, Field, Taxonomy
from animatrix.knowledge.terms import fold, forbidden_character, shown

Span = tuple[int, int]
MAX_TAGS = 1_000  # of one field
SYNTAX = "write field=value or field=value@first-last"
_RANGE = re.compile(r"@\s*(\d{1,9})\s*(?:[-\u2013~]\s*(\d{1,9})\s*)?$")
_SPAN_TEXT = re.compile(r"\s*(\d{1,9})\s*(?:[-\u2013~]\s*(\d{1,9})\s*)?$")
_WIDE_SYNTAX = str.maketrans("＝＋＠", "=+@")
_RESERVED_BY_FOLD = {fold(word): word for word in RESERVED}


@dataclass(frozen=True, slots=True)
class Tag:
    """One value of a field. ``span``: inclusive frames from 0 at 24 fps, or None for the whole shot."""

    value: str
    span: Span | None = None

    def __str__(self) -> str:
        if self.span is None:
            return self.value
        first, last = self.span
        return f"{self.value}@{first}-{last}"


def tag_text(field: str, tag: Tag) -> str:
    """``field=value[@first-last]``, which :func:`parse_tag_text` reads back."""
    return f"{field}={tag}"


def parse_tag_text(text: str, taxonomy: Taxonomy) -> dict[str, list[Tag]]:
    """Tags written as ``field=value...``; a compound studio term may set several fields.

    Raises ``bad-tag-syntax``, ``unknown-field``, ``unknown-value``, ``ambiguous-term`` or ``bad-span``.
    """
    if not isinstance(text, str):
        raise AniMatrixError(Code.BAD_TAG_SYNTAX, f"a tag must be text, not {kind_of(text)}", SYNTAX)
    _refuse_controls(text, "a tag")
    name, equals, rest = text.translate(_WIDE_SYNTAX).partition("=")
    if not equals or not name.strip() or not rest.strip():
        raise AniMatrixError(Code.BAD_TAG_SYNTAX, f"cannot read the tag {shown(text)}", SYNTAX)
    field = taxonomy.resolve_field(name.strip())
    return collect({field.id: rest.strip()}, taxonomy)


def collect(raw: Any, taxonomy: Taxonomy) -> dict[str, list[Tag]]:
    """Tags in any input form, resolved to ids but not yet checked against each other.

    ``raw``: a mapping of field to text, list of texts, or list of ``{"value", "span"}``; or a list of tag
    texts. ``unspecified`` and null are dropped: nobody asked.
    """
    found: dict[str, list[Tag]] = {}
    if raw is None:
        return found
    if isinstance(raw, (list, tuple)):
        _refuse_crowds(raw)
        for text in raw:
            for field_id, tags in parse_tag_text(text, taxonomy).items():
                found.setdefault(field_id, []).extend(tags)
        return found
    if not isinstance(raw, Mapping):
        raise AniMatrixError(
            Code.BAD_DIRECTIVE, f"tags must be a mapping of field to value, not {kind_of(raw)}", SYNTAX
        )
    for name, content in raw.items():
        field = taxonomy.fields.get(name) if isinstance(name, str) else None
        if field is None:
            if not isinstance(name, str):
                raise AniMatrixError(Code.UNKNOWN_FIELD, f"a field must be text, not {kind_of(name)}")
            _refuse_controls(name, "a field name")
            field = taxonomy.resolve_field(name)
        if type(content) is str and content in field.values:  # the common case, kept cheap
            found.setdefault(field.id, []).append(Tag(content))
            continue
        open_questions: list[AniMatrixError] = []
        for term, span in _refuse_crowds(_items(content, field, taxonomy)):
            for field_id, tag in _resolve(term, span, field, taxonomy, open_questions):
                found.setdefault(field_id, []).append(tag)
        if open_questions and field.id not in found:
            raise open_questions[0]
    return found


def _refuse_crowds(items: Iterable[Any]) -> list[Any]:
    """The items as a list; refused when there are more than any shot has, before they cost anything."""
    found = list(islice(items, MAX_TAGS + 1))
    if len(found) > MAX_TAGS:
        raise AniMatrixError(Code.BAD_DIRECTIVE, f"more than {MAX_TAGS} tags", "split the shot")
    return found


def _resolve(
    term: str, span: Span | None, field: Field, taxonomy: Taxonomy, open_questions: list[AniMatrixError]
) -> Iterable[tuple[str, Tag]]:
    if term in field.values:
        yield field.id, Tag(term, span)
        return
    reserved = _RESERVED_BY_FOLD.get(fold(term))
    if reserved is not None:
        if reserved != "unspecified":
            yield field.id, Tag(reserved, span)
        return
    resolution = taxonomy.words.resolve(term, field.id)
    if resolution.kind == "ambiguous":
        raise resolution.ambiguity(field.id)
    if resolution.ask:
        open_questions.append(
            AniMatrixError(
                Code.AMBIGUOUS_TERM,
                f"{term!r} for {field.id} sets {', '.join(resolution.readings())}"
                f" and leaves the {resolution.ask} open",
                f"add a value to {field.id}",
            )
        )
    for value in resolution.values:
        yield value.field, Tag(value.id, span)


def _items(content: Any, field: Field, taxonomy: Taxonomy) -> Iterable[tuple[str, Span | None]]:
    """(term, span) pairs in one field's content, whatever its form."""
    if content is None:
        return
    if isinstance(content, str):
        yield from _split(content, field, taxonomy)
    elif isinstance(content, Tag):
        yield content.value, _span(content.span, field.id, content.value)
    elif isinstance(content, Mapping):
        unknown = [key for key in content if key not in ("value", "span")]
        if unknown or "value" not in content:
            keys = ", ".join(" ".join(str(key)[:40].split()) for key in [*content][:4])
            raise AniMatrixError(
                Code.BAD_TAG_SYNTAX,
                f"{field.id}: a tag is {{value, span}}, not {{{keys}}}",
                'write {"value": "...", "span": [first, last]}',
            )
        term = _text(content["value"], field)
        yield term, _span(content.get("span"), field.id, term)
    elif isinstance(content, (list, tuple)):
        for item in content:
            if isinstance(item, (list, tuple)):
                raise AniMatrixError(Code.BAD_TAG_SYNTAX, f"{field.id}: a list of tags cannot hold a list")
            yield from _items(item, field, taxonomy)
    else:
        yield from _split(_text(content, field), field, taxonomy)


def _text(content: Any, field: Field) -> str:
    # YAML reads some studio words as numbers; a bare true or false is a mistake worth naming.
    if isinstance(content, int) and not isinstance(content, bool) and abs(content) < 10**9:
        return str(content)
    if not isinstance(content, str):
        raise AniMatrixError(
            Code.BAD_TAG_SYNTAX, f"{field.id}: a value must be text, not {kind_of(content)}", "quote it"
        )
    _refuse_controls(content, field.id)
    return content


def _split(content: str, field: Field, taxonomy: Taxonomy) -> Iterable[tuple[str, Span | None]]:
    if content in field.values:
        yield content, None
        return
    _refuse_controls(content, field.id)
    content = content.translate(_WIDE_SYNTAX).strip()
    head, at, _ = content.partition("@")
    if not content or not head.strip():
        raise AniMatrixError(Code.BAD_TAG_SYNTAX, f"{field.id}: empty value in {shown(content)}", SYNTAX)
    # Some studio terms are spelt with a plus.
    spelt_with_plus = "+" in head and taxonomy.words.knows(head, field.id)
    pieces = [content] if spelt_with_plus else content.split("+")
    waiting: list[str] = []
    for piece in pieces:
        term, at, _ = piece.partition("@")
        term = term.strip()
        if not term:
            raise AniMatrixError(Code.BAD_TAG_SYNTAX, f"{field.id}: empty value in {shown(content)}", SYNTAX)
        waiting.append(term)
        if at:
            match = _RANGE.search(piece)
            if match is None or match.start() != piece.index("@"):
                raise AniMatrixError(
                    Code.BAD_TAG_SYNTAX,
                    f"{field.id}: cannot read the frame range in {shown(piece.strip())}",
                    f"write value@first-last, e.g. {term[:40]}@14-15",
                )
            span = _checked(int(match[1]), int(match[2] or match[1]), field.id, term)
            yield from ((name, span) for name in waiting)
            waiting.clear()
    yield from ((name, None) for name in waiting)


def _span(raw: Any, field_id: str, term: str) -> Span | None:
    if raw is None:
        return None
    if isinstance(raw, str) and (match := _SPAN_TEXT.match(raw)):
        return _checked(int(match[1]), int(match[2] or match[1]), field_id, term)
    if isinstance(raw, (list, tuple)) and len(raw) == 2 and all(type(end) is int for end in raw):
        return _checked(raw[0], raw[1], field_id, term)
    raise AniMatrixError(
        Code.BAD_SPAN,
        f"{field_id}={term}: a span is [first, last], not {shown(raw)}",
        "two whole frame numbers",
    )


def _checked(first: int, last: int, field_id: str, term: str) -> Span:
    if first < 0 or last < first:
        what = "starts before frame 0" if first < 0 else "ends before it starts"
        raise AniMatrixError(Code.BAD_SPAN, f"{field_id}={term}@{first}-{last} {what}", "frames count from 0")
    return first, last


def _refuse_controls(text: str, where: str) -> None:
    if found := forbidden_character(text):
        raise AniMatrixError(
            Code.BAD_TAG_SYNTAX, f"{where}: forbidden control character {found[1]}", "remove it"
        )


def kind_of(item: Any) -> str:
    """What to call a wrong thing in a message."""
    return "null" if item is None else type(item).__name__
