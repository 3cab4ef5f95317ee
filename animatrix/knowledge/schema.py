"""JSON Schema of a directive, listing every field and value: for editors, and for constrained decoding.

``canonical`` describes exactly what ``Directive.canonical_json`` writes and nothing else, so a language
model decoded against it can only say what the taxonomy knows. ``input`` also takes the short forms people
write. Rules between tags (constraints, spans inside the shot) are beyond JSON Schema: validate with
``Directive`` as well.
"""

from __future__ import annotations

import re
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.directive import MAX_FRAMES, MAX_NARRATIVE, MIN_FPS
from animatrix.knowledge.taxonomy import Field, Taxonomy
from animatrix.knowledge.timing import MAX_RATE

FORMS = ("input", "canonical", "caption")


def directive_schema(taxonomy: Taxonomy, form: str = "input", lang: str = "en") -> dict[str, Any]:
    """Draft 2020-12 schema.

    Args:
        form: ``input`` (what may be written), ``canonical`` (what is stored), or ``caption`` (canonical,
        where a
            captioner may also answer ``unknown``).
        lang: language of titles and labels: en, ja or zh.
    """
    if form not in FORMS:
        raise AniMatrixError(
            Code.BAD_OPTION, f"unknown schema form {form!r}", f"choose one of {', '.join(FORMS)}"
        )
    fields = {item.id: _field_schema(item, form, lang) for item in taxonomy.fields.values()}
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "AniMatrix directive",
        "type": "object",
        "properties": {
            "narrative": {
                "type": "string",
                "maxLength": MAX_NARRATIVE,
                "description": "What happens, in prose.",
            },
            "tags": {"type": "object", "properties": fields, "additionalProperties": False},
            "frames": {"type": "integer", "minimum": 1, "maximum": MAX_FRAMES},
            "fps": {"type": "number", "minimum": MIN_FPS, "maximum": MAX_RATE},
            "taxonomy_version": {"const": taxonomy.version}
            if form != "input"
            else {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        },
        "additionalProperties": False,
        "required": ["narrative", "tags", "frames", "fps", "taxonomy_version"]
        if form != "input"
        else ["tags"],
        "$defs": {
            "span": {
                "description": "First and last frame, inclusive, from 0, counted at 24 fps.",
                "type": "array",
                "prefixItems": [{"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 0}],
                "items": False,
                "minItems": 2,
            }
        },
    }
    if form == "input":
        schema["anyOf"] = [{"required": ["narrative"]}, {"required": ["tags"]}]
        del schema["required"]
    return schema


def _field_schema(field: Field, form: str, lang: str) -> dict[str, Any]:
    words = [*field.values]
    if field.allows_none:
        words.append("none")
    if form == "caption":
        words.append("unknown")
    if form == "input":
        words.append("unspecified")
    tag = {
        "type": "object",
        "properties": {"value": {"enum": words}, "span": _span_schema(field)},
        "required": ["value", "span"] if form != "input" or field.scope == "frame" else ["value"],
        "additionalProperties": False,
    }
    # Distinct spans let even a one-at-a-time field hold several tags; a whole-shot field cannot.
    items: dict[str, Any] = {"type": "array", "items": tag, "minItems": 1, "uniqueItems": True}
    if field.cardinality == "one" and field.scope == "shot":
        items["maxItems"] = 1
    described = {
        "title": field.label[lang],
        "description": field.definition,
        "x-values": {value.id: f"{value.label[lang]}: {value.definition}" for value in field.values.values()},
    }
    if form != "input":
        return {**described, **items}
    texts = _text_forms(field, words)
    listed = {"type": "array", "items": {"anyOf": [*texts, tag]}, "minItems": 1}
    return {**described, "anyOf": [*texts, tag, listed]}


def _span_schema(field: Field) -> dict[str, Any]:
    if field.scope == "frame":
        # 'none' has no frames, so null stays allowed where the field can be explicitly absent.
        return (
            {"anyOf": [{"$ref": "#/$defs/span"}, {"type": "null"}]}
            if field.allows_none
            else {"$ref": "#/$defs/span"}
        )
    if field.scope == "shot":
        return {"type": "null"}
    return {"anyOf": [{"$ref": "#/$defs/span"}, {"type": "null"}]}


def _text_forms(field: Field, words: list[str]) -> list[dict[str, Any]]:
    """A bare value as an enum (editors complete it), and the short syntax with ranges as a pattern."""
    value = "(?:" + "|".join(re.escape(word) for word in words) + ")"
    ranged = value + (r"@\d+(?:-\d+)?" if field.scope == "frame" else r"(?:@\d+(?:-\d+)?)?")
    forms: list[dict[str, Any]] = []
    if field.scope != "frame":
        forms.append({"enum": words})
    elif field.allows_none:
        forms.append({"enum": ["none", "unspecified"]})
    if field.scope == "shot" and field.cardinality == "one":
        return forms
    body = value if field.scope == "shot" else ranged
    forms.append({"type": "string", "pattern": rf"^(?:{body})(?:\+(?:{body}))*$"})
    return forms
