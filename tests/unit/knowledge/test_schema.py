"""The JSON Schema says what Directive accepts, value by value."""

from __future__ import annotations

import json
import re

import pytest
from directive_strategies import directives
from hypothesis import given

from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive, Taxonomy
from animatrix.knowledge.schema import directive_schema

TAXONOMY = Taxonomy.default()
SCHEMAS = {form: directive_schema(TAXONOMY, form) for form in ("input", "canonical", "caption")}
_TYPES = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "null": type(None)
}  # fmt: skip
_KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "x-values", "type", "properties", "required", "enum",
    "additionalProperties", "const", "anyOf", "items", "prefixItems", "minItems", "maxItems", "uniqueItems",
    "minimum", "maximum", "maxLength", "pattern",
}  # fmt: skip


def fits(schema, data, root) -> bool:
    """JSON Schema for the keywords used here; an unknown keyword fails, so that none goes unchecked."""
    assert set(schema) <= _KNOWN, set(schema) - _KNOWN
    if "$ref" in schema:
        return fits(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], data, root)
    if "type" in schema and (isinstance(data, bool) or not isinstance(data, _TYPES[schema["type"]])):
        return False
    if "enum" in schema and data not in schema["enum"]:
        return False
    if "const" in schema and data != schema["const"]:
        return False
    if "anyOf" in schema and not any(fits(option, data, root) for option in schema["anyOf"]):
        return False
    if isinstance(data, dict):
        known = schema.get("properties", {})
        if not set(schema.get("required", ())) <= set(data):
            return False
        if schema.get("additionalProperties") is False and not set(data) <= set(known):
            return False
        return all(fits(known[key], item, root) for key, item in data.items() if key in known)
    if isinstance(data, list):
        if not schema.get("minItems", 0) <= len(data) <= schema.get("maxItems", len(data)):
            return False
        if schema.get("uniqueItems") and len({json.dumps(item, sort_keys=True) for item in data}) != len(
            data
        ):
            return False
        first = schema.get("prefixItems", [])
        if not all(fits(option, item, root) for option, item in zip(first, data, strict=False)):
            return False
        rest = schema.get("items", {})
        return (
            not data[len(first) :] if rest is False else all(fits(rest, i, root) for i in data[len(first) :])
        )
    if isinstance(data, str):
        if len(data) > schema.get("maxLength", len(data)):
            return False
        return re.search(schema["pattern"], data) is not None if "pattern" in schema else True
    if isinstance(data, (int, float)):
        return schema.get("minimum", data) <= data <= schema.get("maximum", data)
    return True


@given(directives())
def test_every_canonical_directive_fits_the_canonical_schema(directive):
    data = directive.canonical()
    assert fits(SCHEMAS["canonical"], data, SCHEMAS["canonical"])
    assert fits(SCHEMAS["caption"], data, SCHEMAS["caption"])


def test_every_value_is_listed_under_its_field_and_in_no_other():
    properties = SCHEMAS["canonical"]["properties"]["tags"]["properties"]
    assert list(properties) == list(TAXONOMY.fields)
    for field in TAXONOMY.fields.values():
        listed = properties[field.id]["items"]["properties"]["value"]["enum"]
        assert listed == [*field.values, *(["none"] if field.allows_none else [])]


@pytest.mark.parametrize("form", ["input", "canonical", "caption"])
def test_only_a_caption_may_say_unknown(form):
    data = {
        "narrative": "n", "tags": {"palette": [{"value": "unknown", "span": None}]}, "frames": 9, "fps": 24,
        "taxonomy_version": TAXONOMY.version,
    }  # fmt: skip
    assert fits(SCHEMAS[form], data, SCHEMAS[form]) is (form == "caption")


@pytest.mark.parametrize(
    "tags",
    [
        {"camera_move": "pan_left"},
        {"camera_move": "pan_left+track_up@3-9"},
        {"camera_move": ["pan_left", {"value": "track_up", "span": [3, 9]}]},
        {"impact_frame": "inverted_frame@14-15"},
        {"impact_frame": "none"},
        {"palette": "vivid"},
        {"palette": "unspecified"},
        {"drawing_cadence": "twos@0-9+ones@10-20"},
    ],
)
def test_the_short_forms_fit_the_input_schema_and_the_directive(tags):
    data = {"narrative": "n", "tags": tags, "frames": 33, "fps": 24}
    assert fits(SCHEMAS["input"], data, SCHEMAS["input"])
    Directive.model_validate(data)


@pytest.mark.parametrize(
    "tags",
    [
        {"camera_move": "pan_lft"},
        {"camera_moves": "pan_left"},
        {"impact_frame": "inverted_frame"},
        {"palette": "vivid+muted"},
        {"palette": {"value": "vivid", "span": [0, 3]}},
        {"palette": "none"},
        {"palette": "unknown"},
        {"camera_move": {"value": "pan_left", "span": [1, 2, 3]}},
        {"camera_move": {"value": "pan_left", "at": 3}},
    ],
)
def test_what_the_schema_refuses_the_directive_refuses_too(tags):
    data = {"narrative": "n", "tags": tags, "frames": 33, "fps": 24}
    assert not fits(SCHEMAS["input"], data, SCHEMAS["input"])
    with pytest.raises(AniMatrixError):
        Directive.model_validate(data)


def test_titles_come_in_the_asked_language_and_an_unknown_form_is_refused():
    tags = directive_schema(TAXONOMY, "canonical", lang="ja")["properties"]["tags"]
    assert tags["properties"]["camera_move"]["title"] == "カメラワーク"
    assert Directive.json_schema() == SCHEMAS["input"]
    with pytest.raises(
        AniMatrixError, match="unknown schema form 'yaml'; choose one of input, canonical, caption"
    ):
        directive_schema(TAXONOMY, "yaml")
