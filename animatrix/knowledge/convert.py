"""Between directive files and timesheets, by suffix."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.directive import Directive
from animatrix.knowledge.xdts import read_xdts, write_whole, write_xdts

WRITABLE = (".json", ".yaml", ".yml", ".xdts")


def convert_file(source: Path, out: Path) -> tuple[Directive, list[str]]:
    """Read a directive or timesheet, write it in the form ``out``'s suffix names, and say what was lost.

    Raises ``unsupported-output`` for another suffix, and what reading and checking raise.
    """
    suffix = out.suffix.lower()
    if suffix not in WRITABLE:
        raise AniMatrixError(
            Code.UNSUPPORTED_OUTPUT, f"cannot write {out.name!r}", f"end it in {', '.join(WRITABLE)}"
        )
    notes: list[str] = []
    if source.suffix.lower() == ".xdts":
        sheet = read_xdts(source)
        tags, notes = sheet.tags()
        directive = Directive.model_validate(
            {"narrative": "", "tags": tags, "frames": sheet.exposure().frames}
        )
        if sheet.tables > 1:
            notes.append(f"only the first of {sheet.tables} time tables is read")
    else:
        directive = Directive.from_file(source)
    if suffix == ".xdts":
        notes += write_xdts(directive, out, name=out.stem)
    elif suffix == ".json":
        write_whole(out, directive.canonical_json(indent=2) + "\n")
    else:
        plain = json.loads(directive.canonical_json())
        write_whole(out, yaml.safe_dump(plain, allow_unicode=True, sort_keys=False))
    return directive, notes
