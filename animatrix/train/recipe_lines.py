"""YAML with the line of every key, so that a mistake in a recipe can be pointed at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml


class YamlMistake(Exception):
    """Not readable as YAML; ``line`` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Safe YAML in which ``1e-3`` is a number (YAML 1.1 wants 1.0e-3) and a date is text."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


@dataclass(frozen=True)
class Lines:
    """Where the keys of a YAML document stand."""

    root: yaml.Node | None

    def line(self, loc: tuple) -> int:
        """Line (from 1) of the key at a path, or of the nearest thing around it that is there."""
        node, line = self.root, 1
        for part in loc:
            found = _child(node, part)
            if found is not None:  # else a missing key, or pydantic's name for a member of a union
                line, node = found
        return line


def _child(node: yaml.Node | None, part: object) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def read_yaml(text: str) -> tuple[Any, Lines]:
    """Plain data of a YAML text, and where its keys stand.

    Raises:
        YamlMistake: it is no YAML, a key stands twice, or it holds something JSON cannot.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None, Lines(None)
        _refuse_twice(root, set())
        return loader.construct_document(root), Lines(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlMistake(error.problem or "not YAML", mark.line + 1 if mark else 1) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlMistake(str(error).splitlines()[0] if str(error) else "not YAML", 1) from None
    finally:
        loader.dispose()


def _refuse_twice(node: yaml.Node, inside: set[int]) -> None:
    if id(node) in inside:
        raise YamlMistake("an alias that holds itself", node.start_mark.line + 1)
    inside = inside | {id(node)}
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlMistake("a key is a word", line)
            if key.value in seen:
                raise YamlMistake(f"key {key.value!r} stands twice", line)
            seen.add(key.value)
            _refuse_twice(value, inside)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twice(value, inside)
