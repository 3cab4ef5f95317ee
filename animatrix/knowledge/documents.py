"""Reading small YAML and JSON files from strangers: bounded, plain data only, one clear line when refused.

Refused before any of it is built: files over the size limit (not even read), aliases (so no alias bomb), deep
nesting, duplicate keys, control and bidirectional characters, NaN and infinity in JSON.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.terms import forbidden_character

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
_CODE_OF_KIND = {
    "directive": Code.BAD_DIRECTIVE,
    "taxonomy": Code.BAD_TAXONOMY,
    "timesheet": Code.BAD_SHEET,
    "study": Code.BAD_STUDY,
}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_bounded(path: Path, kind: str, max_bytes: int = MAX_BYTES) -> str:
    """The text of a regular file of at most ``max_bytes``; ``kind`` names it in messages.

    Raises ``file-missing``, ``not-a-file``, ``file-too-large``, ``file-unreadable``, or the kind's own code
    for a forbidden character.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise AniMatrixError(Code.FILE_MISSING, f"no such {kind} file: {path}") from None
    except (OSError, ValueError) as error:
        raise AniMatrixError(Code.FILE_UNREADABLE, f"cannot open {path}: {_reason(error)}") from None
    if stat.S_ISDIR(status.st_mode):
        raise AniMatrixError(Code.FILE_NOT_A_FILE, f"{path} is a folder, not a {kind} file")
    if not stat.S_ISREG(status.st_mode):
        raise AniMatrixError(Code.FILE_NOT_A_FILE, f"{path} is not a regular file")
    if status.st_size > max_bytes:
        raise AniMatrixError(
            Code.FILE_TOO_LARGE,
            f"{path} is {status.st_size:,} bytes; a {kind} file may have at most {max_bytes:,}",
        )
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError as error:
        raise AniMatrixError(Code.FILE_UNREADABLE, f"cannot read {path}: {_reason(error)}") from None
    if len(data) > max_bytes:
        raise AniMatrixError(Code.FILE_TOO_LARGE, f"{path} grew past {max_bytes:,} bytes while being read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AniMatrixError(
            Code.FILE_UNREADABLE, f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8"
        ) from None
    text = text.replace("\r\n", "\n")
    if found := forbidden_character(text):
        position, name = found
        line = text.count("\n", 0, position) + 1
        raise AniMatrixError(
            _CODE_OF_KIND[kind], f"{path} line {line}: forbidden control character {name}", "remove it"
        )
    return text


def read_document(path: Path, kind: str, max_bytes: int = MAX_BYTES) -> Any:
    """The plain data in a YAML or JSON file (by suffix; anything but ``.json`` is read as YAML)."""
    text = read_bounded(path, kind, max_bytes)
    parse = parse_json if path.suffix.lower() == ".json" else parse_yaml
    return parse(text, str(path), kind)


def parse_json(text: str, source: str, kind: str) -> Any:
    """JSON without duplicate keys, NaN, infinity or deep nesting."""
    fault = _faults(source, kind)

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key, value in pairs:
            if key in built:
                raise fault(f"duplicate key {key!r}", "keep one")
            built[key] = value
        return built

    def no_constants(word: str) -> Any:
        raise fault(f"{word} is not a number", "")

    try:
        return json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constants)
    except json.JSONDecodeError as error:
        raise fault(f"not valid JSON: {error.msg}", "", error.lineno) from None
    except RecursionError:
        raise fault("nested too deeply", "") from None
    except ValueError:  # integers of thousands of digits
        raise fault("a number is too long", "") from None


def parse_yaml(text: str, source: str, kind: str) -> Any:
    """YAML as plain data: no aliases, tags of other types, duplicate keys or deep nesting; one document."""
    fault = _faults(source, kind)
    try:
        depth = 0
        for event in yaml.parse(text, _Loader):
            mark: Any = event.start_mark
            if isinstance(event, yaml.AliasEvent):
                raise fault("YAML aliases are not allowed", "write the value out", mark.line + 1)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise fault(f"nested deeper than {MAX_DEPTH} levels", "", mark.line + 1)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _refuse_duplicates(node, fault)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        place: Any = error.problem_mark or error.context_mark
        raise fault(
            f"not valid YAML: {error.problem or error.context}", "", place.line + 1 if place else None
        ) from None
    except yaml.YAMLError as error:
        raise fault(f"not valid YAML: {' '.join(str(error).split())}", "") from None
    except (ValueError, OverflowError, RecursionError):  # impossible dates, thousands of digits
        raise fault("a number or date in it cannot be read", "quote it") from None


def _refuse_duplicates(node: Any, fault: Callable[..., AniMatrixError]) -> None:
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, yaml.MappingNode):
            seen = set()
            for key, value in current.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        raise fault(f"duplicate key {key.value!r}", "keep one", key.start_mark.line + 1)
                    seen.add(key.value)
                stack.append(value)
        elif isinstance(current, yaml.SequenceNode):
            stack.extend(current.value)


def _faults(source: str, kind: str) -> Callable[..., AniMatrixError]:
    def fault(message: str, hint: str, line: int | None = None) -> AniMatrixError:
        place = f"{source} line {line}" if line else source
        return AniMatrixError(_CODE_OF_KIND[kind], f"{place}: {message}", hint)

    return fault


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
