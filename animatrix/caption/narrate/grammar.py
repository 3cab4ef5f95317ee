"""Which texts a JSON Schema allows, character by character: what constrained decoding asks at every step.

The schema of an answer is closed (no free keys, no recursion), so its texts form a regular language and a set
of automaton states says all there is to know of a beginning. Written compactly: keys in the schema's order,
at most one space after a colon or comma. Schemas may use object (all properties required), array (minItems,
maxItems), string (enum, minLength, maxLength), integer, null and anyOf.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

States = frozenset[int]
_DIGITS = 5  # of an integer: frame numbers of an hour have five
_UNESCAPED = frozenset('"\\\ufffd')  # U+FFFD stands for half a character in a token


class Grammar:
    """The texts of one schema. ``start`` is the state before the first character."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._edges: list[list[tuple[Callable[[str], bool], int]]] = []
        self._skips: list[list[int]] = []
        self._closures: dict[int, States] = {}
        first = self._state()
        self._last = self._schema(schema, first)
        self.start = self._closure(first)

    def advance(self, states: States, text: str) -> States:
        """The states after ``text``; empty when no allowed text begins so."""
        for character in text:
            states = frozenset().union(
                *(
                    self._closure(target)
                    for state in states
                    for allows, target in self._edges[state]
                    if allows(character)
                )
            )
            if not states:
                break
        return states

    def complete(self, states: States) -> bool:
        """Whether the text so far is a whole answer."""
        return self._last in states

    def _state(self) -> int:
        self._edges.append([])
        self._skips.append([])
        return len(self._edges) - 1

    def _closure(self, state: int) -> States:
        """The state and what follows it without a character."""
        if state not in self._closures:
            reached, waiting = {state}, [state]
            while waiting:
                for target in self._skips[waiting.pop()]:
                    if target not in reached:
                        reached.add(target)
                        waiting.append(target)
            self._closures[state] = frozenset(reached)
        return self._closures[state]

    def _schema(self, schema: Mapping[str, Any], at: int) -> int:
        """Add the schema's texts from state ``at``; the state after them."""
        if "anyOf" in schema:
            return self._either(schema["anyOf"], at)
        if "enum" in schema:
            return self._either([{"const": value} for value in schema["enum"]], at)
        if "const" in schema:
            return self._text(json.dumps(schema["const"], ensure_ascii=False), at)
        build = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "null": lambda _, state: self._text("null", state),
        }.get(schema.get("type", ""))
        if build is None:
            raise ValueError(f"a schema this grammar does not know: {str(schema)[:80]}")
        return build(schema, at)

    def _either(self, schemas: list[Mapping[str, Any]], at: int) -> int:
        end = self._state()
        for schema in schemas:
            self._skips[self._schema(schema, at)].append(end)
        return end

    def _object(self, schema: Mapping[str, Any], at: int) -> int:
        at = self._text("{", at)
        for position, (name, value) in enumerate(schema["properties"].items()):
            if position:
                at = self._spaced(",", at)
            at = self._spaced(json.dumps(name, ensure_ascii=False) + ":", at)
            at = self._schema(value, at)
        return self._text("}", at)

    def _array(self, schema: Mapping[str, Any], at: int) -> int:
        least, most = schema.get("minItems", 0), schema["maxItems"]
        end = self._state()
        at = self._text("[", at)
        for count in range(most + 1):
            if count >= least:
                self._skips[at].append(end)
            if count < most:
                at = self._schema(schema["items"], self._spaced(",", at) if count else at)
        return self._text("]", end)

    def _string(self, schema: Mapping[str, Any], at: int) -> int:
        least, most = schema.get("minLength", 0), schema["maxLength"]
        end = self._state()
        at = self._text('"', at)
        for count in range(most + 1):
            if count >= least:
                self._skips[at].append(end)
            if count < most:
                after, escape = self._state(), self._state()
                self._edges[at].append((_plain, after))
                self._edges[at].append(("\\".__eq__, escape))
                self._edges[escape].append((frozenset('"\\/n').__contains__, after))
                at = after
        return self._text('"', end)

    def _integer(self, schema: Mapping[str, Any], at: int) -> int:
        end, digit = self._state(), frozenset("0123456789")
        self._edges[at].append(("0".__eq__, end))
        for count in range(_DIGITS):
            after = self._state()
            self._edges[at].append(((digit - {"0"} if not count else digit).__contains__, after))
            self._skips[after].append(end)
            at = after
        return end

    def _text(self, text: str, at: int) -> int:
        for character in text:
            after = self._state()
            self._edges[at].append((character.__eq__, after))
            at = after
        return at

    def _spaced(self, text: str, at: int) -> int:
        """The text and perhaps a space."""
        before = self._text(text, at)
        after = self._text(" ", before)
        self._skips[before].append(after)
        return after


def _plain(character: str) -> bool:
    return character.isprintable() and character not in _UNESCAPED
