"""The grammar allows exactly the texts of a schema, and every beginning of one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animatrix import Taxonomy
from animatrix.caption.narrate.grammar import Grammar
from animatrix.caption.narrate.question import answer_schema

FIELDS = ("palette", "action", "impact_frame")
GRAMMAR = Grammar(answer_schema(FIELDS))


def allows(text, grammar=GRAMMAR):
    return grammar.complete(grammar.advance(grammar.start, text))


@st.composite
def answers(draw):
    tags = {}
    for name in FIELDS:
        field = Taxonomy.default().fields[name]
        items = []
        for _ in range(draw(st.integers(1, 1 if field.cardinality == "one" else 4))):
            value = draw(
                st.sampled_from([*field.values, "unknown", *(["none"] if field.allows_none else [])])
            )
            span = None
            if value in field.values and field.scope != "shot":
                span = draw(st.lists(st.integers(0, 9999), min_size=2, max_size=2))
                span = span if field.scope == "frame" or draw(st.booleans()) else None
            items.append({"value": value, "span": span})
        tags[name] = items
    plain = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60)
    return {"narrative": draw(plain), "tags": tags}


@settings(max_examples=50, deadline=None)
@given(answers(), st.booleans())
def test_every_answer_of_the_schema_is_allowed_and_each_beginning_can_go_on(answer, compact):
    text = json.dumps(answer, separators=(",", ":") if compact else None)
    states = GRAMMAR.start
    for character in text:
        assert not GRAMMAR.complete(states)
        states = GRAMMAR.advance(states, character)
        assert states
    assert GRAMMAR.complete(states) and not GRAMMAR.advance(states, " ")


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"vivid"', '"vvivid"'),
        ('"palette"', '"pallete"'),
        ('"narrative": "x"', '"narrative": ""'),
        ('"narrative": "x"', '"narrative": "' + "x" * 801 + '"'),
        ('"narrative": "x"', '"narrative": "\ufffd"'),
        ('"narrative": "x"', '"narrative": "a\nb"'),
        ("[14, 15]", "null"),
        ("[14, 15]", "[14]"),
        ("[14, 15]", "[014, 15]"),
        ("[14, 15]", "[-1, 15]"),
        ('"span": null}]}}', '"span": null}]}} '),
        ('{"value": "run", "span": null}', ""),
        ('{"value": "run", "span": null}', ", ".join(['{"value": "run", "span": null}'] * 5)),
    ],
)
def test_what_the_schema_forbids_is_not_allowed(was, now):
    tags = {
        "palette": [{"value": "vivid", "span": None}],
        "action": [{"value": "run", "span": None}],
        "impact_frame": [{"value": "white_frame", "span": [14, 15]}, {"value": "unknown", "span": None}],
    }
    text = json.dumps({"narrative": "x", "tags": tags})
    assert allows(text) and was in text
    assert not allows(text.replace(was, now, 1))


def test_an_unknown_kind_of_schema_is_refused_at_once():
    with pytest.raises(ValueError, match="does not know"):
        Grammar({"type": "number"})
