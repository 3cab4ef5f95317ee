"""The tree is the architecture: data flows down one list, and nothing reaches back up."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "animatrix"
# A module may import only from parts at or before its own in this list.
ORDER = [
    *("errors", "knowledge", "media", "synthetic", "corpus", "caption", "model", "generate", "train"),
    *("prefer", "evaluate"),
]
# A verb may put two parts together: curation takes any reader, and the command hands it the captioner, which
# stands below. Inside a function only, so that the part itself stays free of it.
HANDED_IN = {"corpus/commands.py": {"caption"}, "generate/commands.py": {"prefer"}}
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem == "errors")


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_parts(path: Path) -> set[str]:
    """Parts of animatrix imported anywhere in a module, inside functions too."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = (
                [node.module] if node.module != "animatrix" else [f"animatrix.{a.name}" for a in node.names]
            )
        parts |= {n.split(".")[1] for n in names if n.startswith("animatrix.")}
    return parts


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_parts_above_it(path):
    here = ORDER.index(part_of(path))
    handed_in = HANDED_IN.get(path.relative_to(PACKAGE).as_posix(), set())
    assert {p for p in imported_parts(path) if ORDER.index(p) > here} == handed_in


def test_what_a_verb_hands_in_is_imported_only_when_it_runs():
    for name, parts in HANDED_IN.items():
        heads = [n for n in ast.parse((PACKAGE / name).read_text()).body if isinstance(n, ast.ImportFrom)]
        assert not {n.module.split(".")[1] for n in heads if n.module.startswith("animatrix.")} & parts


def test_every_part_is_in_the_order():
    assert {part_of(p) for p in MODULES} <= set(ORDER)


def loaded_by(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in out.stdout.split()}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import animatrix", {"torch", "cv2", "av", "numpy", "pydantic", "yaml"}),
        ("import animatrix.cli", {"torch", "cv2", "av", "numpy", "typer", "rich"}),
        (
            "from animatrix import Taxonomy, Directive; Taxonomy.default()",
            {"torch", "cv2", "av", "numpy", "rich"},
        ),
        ("from animatrix.synthetic import render", {"torch", "av"}),
        ("from animatrix.caption import caption", {"torch"}),
    ],
)
def test_light_parts_stay_light(code, absent):
    assert loaded_by(code) & absent == set()
