"""A directive: what a director asks of one shot, as narrative + tags + length.

Built from any of the written forms (see ``tags``), checked against the taxonomy, and kept canonical: fields
in taxonomy order, values as ids, implied tags added. Two directives that ask for the same thing are equal.
"""

from __future__ import annotations

import contextlib
import json
import operator
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import timing
from animatrix.knowledge.documents import parse_json, parse_yaml, read_document
from animatrix.knowledge.tags import Tag, collect, kind_of, parse_tag_text, tag_text
from animatrix.knowledge.taxonomy import Field, Taxonomy
from animatrix.knowledge.terms import forbidden_character, shown

DEFAULT_FRAMES = 33
DEFAULT_FPS = 24.0
MAX_FRAMES = 1_000_000
MIN_FPS = 0.1
MAX_NARRATIVE = 20_000
_RATE_TEXT = re.compile(r"\d{1,6}(?:\.\d{1,6}|/\d{1,6})?$")
_INDEX = operator.attrgetter("index")
_KEYS = ("narrative", "tags", "frames", "fps", "taxonomy_version")


class Directive(BaseModel):
    """A valid, canonical request for one shot.

    Args:
        narrative: free text in any language; may be empty when there are tags.
        tags: field id -> its tags. Written as text, lists or objects; stored as tuples of :class:`Tag`.
        frames: length in frames at ``fps``, 1..1000000.
        fps: frames a second, 0.1..1000; a fraction as text ("24000/1001") too.
        taxonomy_version: of the ids used. An older version is migrated; a newer major version is refused.

    Every fault raises :class:`AniMatrixError`. Pass ``context={"source": "caption"}`` to ``model_validate``
    for tags read from a clip: then ``unknown`` is allowed, nothing is implied and what was seen is not
    argued with; ``context={"taxonomy": t}`` judges by another taxonomy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    narrative: str
    tags: dict[str, tuple[Tag, ...]]
    frames: int
    fps: float
    taxonomy_version: str

    @model_validator(mode="before")
    @classmethod
    def _canonicalise(cls, data: Any, info: ValidationInfo) -> Any:
        if isinstance(data, cls):
            return data
        context = info.context or {}
        taxonomy = context.get("taxonomy") or Taxonomy.default()
        return canonicalise(data, taxonomy, asked=context.get("source") != "caption")

    @staticmethod
    def parse_tag(text: str) -> dict[str, tuple[Tag, ...]]:
        """``field=value[@first-last]`` as {field id: tags}. A compound studio term may set several fields."""
        found = parse_tag_text(text, Taxonomy.default())
        return {field_id: tuple(tags) for field_id, tags in found.items()}

    @classmethod
    def from_file(cls, path: str | Path, context: Mapping[str, Any] | None = None) -> Directive:
        """Read a YAML or JSON directive of at most 1 MB; see ``documents`` for what is refused."""
        return cls.model_validate(read_document(Path(path), "directive"), context=dict(context or {}))

    @classmethod
    def from_text(cls, text: str, context: Mapping[str, Any] | None = None) -> Directive:
        """Read a directive from JSON or YAML text."""
        parse = parse_json if text.lstrip().startswith("{") else parse_yaml
        return cls.model_validate(parse(text, "directive", "directive"), context=dict(context or {}))

    @staticmethod
    def json_schema(form: str = "input") -> dict[str, Any]:
        """JSON Schema (2020-12) that lists every field and value; see ``schema.directive_schema``."""
        from animatrix.knowledge.schema import directive_schema

        return directive_schema(Taxonomy.default(), form=form)

    def canonical(self) -> dict[str, Any]:
        """The canonical form as plain data; ``Directive.model_validate`` of it gives an equal directive."""
        return {
            "narrative": self.narrative,
            "tags": {
                field_id: [{"value": tag.value, "span": list(tag.span) if tag.span else None} for tag in tags]
                for field_id, tags in self.tags.items()
            },
            "frames": self.frames,
            "fps": int(self.fps) if self.fps == int(self.fps) else self.fps,
            "taxonomy_version": self.taxonomy_version,
        }

    def canonical_json(self, indent: int | None = None) -> str:
        """Canonical JSON text: the same for every directive that asks for the same thing."""
        return json.dumps(self.canonical(), ensure_ascii=False, indent=indent)

    def tag_strings(self) -> list[str]:
        """One ``field=value[@first-last]`` per tag; accepted back as ``tags``."""
        return [tag_text(field_id, tag) for field_id, tags in self.tags.items() for tag in tags]

    def values(self, field: str) -> tuple[str, ...]:
        """Distinct value ids (or ``none``) asked in a field, in taxonomy order; empty when nobody asked."""
        return tuple(dict.fromkeys(tag.value for tag in self.tags.get(field, ())))

    def span_frames(self, tag: Tag) -> tuple[int, int]:
        """First and last frame of a tag in the directive's own fps, clipped to the shot."""
        if tag.span is None:
            return 0, self.frames - 1
        first, last = timing.from_reference(*tag.span, self.fps)
        return min(first, self.frames - 1), min(last, self.frames - 1)

    @property
    def reference_frames(self) -> int:
        """Length in frames at 24 fps, rounded up: spans lie in ``0 .. reference_frames - 1``."""
        return timing.reference_frames(self.frames, self.fps)

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    def to_fps(self, fps: float) -> Directive:
        """The same shot at another rate: the same duration to half a frame, spans unchanged.

        From 24 fps to any higher rate and back is exact. A span that lay past the new end is clipped to it.
        """
        rate = _fps(fps)
        frames = timing.convert_length(self.frames, self.fps, rate)
        end = timing.reference_frames(frames, rate) - 1
        tags = {
            field_id: tuple(dict.fromkeys(_clip(tag, end) for tag in items))
            for field_id, items in self.tags.items()
        }
        return self.model_copy(update={"frames": frames, "fps": rate, "tags": tags})

    def replace(self, **changes: Any) -> Directive:
        """A checked copy with some of narrative, tags, frames or fps changed."""
        return type(self).model_validate({**self.canonical(), **changes})

    def with_tag(self, text: str) -> Directive:
        """A checked copy where the fields that ``field=value[@a-b]`` names hold just that."""
        return self.replace(tags={**self.tags, **self.parse_tag(text)})

    def without(self, field: str) -> Directive:
        """A checked copy that asks nothing in ``field``."""
        gone = Taxonomy.default().resolve_field(field).id
        return self.replace(tags={name: tags for name, tags in self.tags.items() if name != gone})

    def describe(self, lang: str = "en") -> str:
        """Narrative and tags as prose in ``en``, ``ja`` or ``zh``, for models without a tag channel."""
        from animatrix.knowledge.prose import describe

        return describe(self, Taxonomy.default(), lang)

    def __hash__(self) -> int:
        return hash(self.canonical_json())


def canonicalise(data: Any, taxonomy: Taxonomy, asked: bool = True) -> dict[str, Any]:
    """Checked, canonical constructor arguments from any input form; ``asked`` is False for captions."""
    if not isinstance(data, Mapping):
        raise AniMatrixError(
            Code.BAD_DIRECTIVE,
            f"a directive is a mapping with narrative and tags, not {kind_of(data)}",
        )
    for key in data:
        if key not in _KEYS:
            raise AniMatrixError(
                Code.BAD_DIRECTIVE,
                f"unknown key {shown(key)} in a directive",
                did_you_mean(str(key)[:40], _KEYS) or f"the keys are {', '.join(_KEYS)}",
            )
    narrative = _narrative(data.get("narrative", ""))
    frames, fps = _frames(data.get("frames", DEFAULT_FRAMES)), _fps(data.get("fps", DEFAULT_FPS))
    raw_tags = data.get("tags")
    version = data.get("taxonomy_version")
    if version is not None and version != taxonomy.version:
        from animatrix.knowledge.versions import migrate_tags

        raw_tags = migrate_tags(raw_tags, version, taxonomy)
    written = collect(raw_tags, taxonomy)
    end = timing.reference_frames(frames, fps) - 1
    # Canonical order from here on: neither what is implied nor which fault is named depends on the writing.
    found: dict[str, list[Tag]] = {}
    for field in _in_order(written, taxonomy):
        settled = _settle(_sorted(written[field.id], field), field, end, asked, frames, fps)
        if settled:
            found[field.id] = settled
    if asked:
        if not narrative and not found:
            raise AniMatrixError(
                Code.BAD_DIRECTIVE, "the directive asks for nothing", "write a narrative or tags"
            )
        _obey_rules(found, taxonomy)
    return {
        "narrative": narrative,
        "tags": {field.id: tuple(_sorted(found[field.id], field)) for field in _in_order(found, taxonomy)},
        "frames": frames,
        "fps": fps,
        "taxonomy_version": taxonomy.version,
    }


def _in_order(field_ids: Iterable[str], taxonomy: Taxonomy) -> list[Field]:
    return sorted((taxonomy.fields[field_id] for field_id in field_ids), key=_INDEX)


def _settle(tags: list[Tag], field: Field, end: int, asked: bool, frames: int, fps: float) -> list[Tag]:
    """One field's tags, each right by itself: span in the shot, scope, cardinality, reserved words."""
    if len(tags) == 1 and tags[0].span is None and tags[0].value in field.values and field.scope != "frame":
        return tags
    settled: list[Tag] = []
    for tag in tags:
        if tag.value in ("none", "unknown"):
            _check_reserved(tag, field, asked)
        elif tag.span is None:
            if field.scope == "frame":
                raise AniMatrixError(
                    Code.BAD_SPAN,
                    f"{field.id}={tag.value} lasts a few frames and needs a range",
                    f"write {field.id}={tag.value}@first-last, counted from 0 at 24 fps",
                )
        else:
            tag = _check_span(tag, field, end, frames, fps)
        if tag not in settled:
            settled.append(tag)
    reserved = next((tag.value for tag in settled if tag.value in ("none", "unknown")), None)
    if reserved is not None and len(settled) > 1:
        others = " and ".join(str(tag) for tag in _sorted(settled, field) if tag.value != reserved)
        raise AniMatrixError(
            Code.RESERVED_VALUE,
            f"{field.id}: {reserved!r} stands alone but {others} is given too",
            "keep one",
        )
    if field.cardinality == "one" and len(settled) > 1:
        _check_single(_sorted(settled, field), field)
    return settled


def _check_reserved(tag: Tag, field: Field, asked: bool) -> None:
    if tag.value == "unknown" and asked:
        raise AniMatrixError(
            Code.RESERVED_VALUE,
            f"{field.id}=unknown cannot be asked for: 'unknown' is what a captioner says when it abstains",
            f"leave {field.id} out",
        )
    if tag.value == "none" and not field.allows_none:
        raise AniMatrixError(
            Code.RESERVED_VALUE,
            f"{field.id} cannot be 'none'",
            f"leave it out, or choose one of {', '.join(field.values)}",
        )
    if tag.span is not None:
        raise AniMatrixError(
            Code.BAD_SPAN, f"{field.id}={tag} cannot have a range", f"write {field.id}={tag.value}"
        )


def _check_span(tag: Tag, field: Field, end: int, frames: int, fps: float) -> Tag:
    assert tag.span is not None
    first, last = tag.span
    if last > end:
        length = (
            f"{frames} frames long"
            if fps == timing.REFERENCE_RATE
            else (f"{frames} frames at {fps:g} fps, {end + 1} at 24 fps")
        )
        raise AniMatrixError(
            Code.BAD_SPAN,
            f"{field.id}={tag} lies outside the shot, which is {length}",
            f"ranges are counted at 24 fps and end at frame {end} or before",
        )
    if field.scope == "shot":
        if (first, last) != (0, end):
            raise AniMatrixError(
                Code.BAD_SPAN,
                f"{field.id}={tag}: {field.id} holds for the whole shot",
                f"write {field.id}={tag.value}",
            )
        return Tag(tag.value)
    return tag


def _check_single(tags: list[Tag], field: Field) -> None:
    for position, one in enumerate(tags):
        for other in tags[position + 1 :]:
            if one.value != other.value and _meet(one, other):
                raise AniMatrixError(
                    Code.TOO_MANY_VALUES,
                    f"{field.id} takes one value at a time, but {one} and {other} share frames",
                    "keep one"
                    if field.scope == "shot"
                    else "keep one, or give them ranges that do not overlap",
                )


def _obey_rules(found: dict[str, list[Tag]], taxonomy: Taxonomy) -> None:
    """Add what the tags imply; raise ``constraint`` naming every broken rule of severity error."""
    errors = [broken for broken in taxonomy.rules.refusals(found) if broken.severity == "error"]
    if errors:
        remedies = dict.fromkeys(violation.remedy for violation in errors)
        messages = dict.fromkeys(violation.message.rstrip(".") for violation in errors)
        raise AniMatrixError(Code.CONSTRAINT, "; ".join(messages), "; ".join(remedies))


def _sorted(tags: Iterable[Tag], field: Field) -> list[Tag]:
    items = list(tags)
    if len(items) < 2:
        return items
    return sorted(
        items,
        key=lambda tag: (
            field.values[tag.value].index if tag.value in field.values else -1,
            tag.span or (-1, -1),
        ),
    )


def _meet(one: Tag, other: Tag) -> bool:
    if one.span is None or other.span is None:
        return True
    return one.span[0] <= other.span[1] and other.span[0] <= one.span[1]


def _clip(tag: Tag, end: int) -> Tag:
    if tag.span is None or tag.span[1] <= end:
        return tag
    return Tag(tag.value, (min(tag.span[0], end), end))


def _narrative(raw: Any) -> str:
    if not isinstance(raw, str):
        raise AniMatrixError(
            Code.BAD_DIRECTIVE, f"narrative must be text, not {kind_of(raw)}", 'write narrative: ""'
        )
    if found := forbidden_character(raw):
        position, name = found
        raise AniMatrixError(
            Code.BAD_DIRECTIVE,
            f"narrative: forbidden control character {name} at position {position}",
            "remove it",
        )
    if len(raw) > MAX_NARRATIVE:
        raise AniMatrixError(
            Code.BAD_DIRECTIVE, f"narrative has {len(raw):,} characters; at most {MAX_NARRATIVE:,} are read"
        )
    return raw.strip()


def _frames(raw: Any) -> int:
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if type(raw) is not int or not 1 <= raw <= MAX_FRAMES:
        raise AniMatrixError(
            Code.BAD_DIRECTIVE, f"frames must be a whole number from 1 to {MAX_FRAMES}, not {shown(raw)}"
        )
    return raw


def _fps(raw: Any) -> float:
    if isinstance(raw, str):
        with contextlib.suppress(ZeroDivisionError):
            raw = float(Fraction(raw)) if _RATE_TEXT.match(raw) else raw
    # The comparison also turns away NaN and infinity.
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not MIN_FPS <= raw <= timing.MAX_RATE:
        raise AniMatrixError(
            Code.BAD_DIRECTIVE,
            f"fps must be a number from {MIN_FPS:g} to {timing.MAX_RATE:g}, not {shown(raw)}",
        )
    return float(raw)
