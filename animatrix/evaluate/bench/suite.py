"""Suites: fixed directives, versioned and kept as data; what is asked never depends on who is asked.

A suite is one YAML file of ``animatrix/evaluate/suites``. Narratives are put together from ``scenes.yaml``: a
scene and an action in English, Japanese or Chinese. Items that belong together (before and after a swap)
share a ``group``; metrics of groups see all of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animatrix.errors import AniMatrixError, Code, did_you_mean, first_mistake
from animatrix.knowledge import Directive, Taxonomy
from animatrix.knowledge.documents import parse_yaml, read_bounded
from animatrix.knowledge.taxonomy import LANGUAGES

FOLDER = Path(__file__).resolve().parents[1] / "suites"
SCENES = "scenes"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asked(_Data):
    """One item as written in a suite's file.

    Args:
        id: unique in all suites, so that a folder of clips made elsewhere can be named by it.
        group, role: items of a group are judged together; the role says which one it is.
        seed: of the noise.
        scene, action: of ``scenes.yaml``; the action is said, and what it is stands in ``tags`` where asked.
        says: a sentence more, by language: where the narrative repeats or contradicts a tag.
        judged: fields that the suite is about; the first names the row of the table.
        text: of a contradiction: the value that the narrative says.
        keyframes: frames that are given, drawn by the studio from the same directive and seed.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    group: str = ""
    role: str = ""
    seed: int = Field(ge=0)
    scene: str
    action: str
    says: Mapping[str, str] = Field(default_factory=dict)
    tags: Mapping[str, Any]
    judged: tuple[str, ...] = Field(min_length=1)
    text: str = ""
    row: str = ""
    keyframes: tuple[int, ...] = ()


class SuiteFile(_Data):
    """A suite as written."""

    suite: str
    version: int = Field(ge=1)
    about: Mapping[str, str]
    frames: int
    fps: float
    metrics: tuple[str, ...] = Field(min_length=1)
    primary: str
    items: tuple[Asked, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Item:
    """One clip to make. ``directive`` is complete with its narrative; the rest as of :class:`Asked`."""

    suite: str
    id: str
    group: str
    role: str
    seed: int
    directive: Directive
    judged: tuple[str, ...]
    row: str
    text: str = ""
    keyframes: tuple[int, ...] = ()

    @property
    def tags_key(self) -> str:
        return json.dumps(self.directive.canonical()["tags"], sort_keys=True)


@dataclass(frozen=True)
class Suite:
    """A suite in one language. ``fingerprint`` changes when anything asked in it does."""

    name: str
    version: int
    about: Mapping[str, str]
    metrics: tuple[str, ...]
    primary: str
    items: tuple[Item, ...]
    fingerprint: str

    @property
    def groups(self) -> dict[str, tuple[Item, ...]]:
        """Items by group, in the order of the file."""
        found: dict[str, list[Item]] = {}
        for item in self.items:
            found.setdefault(item.group, []).append(item)
        return {name: tuple(items) for name, items in found.items()}

    def first(self, count: int | None) -> tuple[Item, ...]:
        """The items of the first ``count`` groups; files are ordered so that few cover much."""
        kept = list(self.groups.values())[:count]
        return tuple(item for group in kept for item in group)


def suite_names() -> list[str]:
    return sorted(p.stem for p in FOLDER.glob("*.yaml") if p.stem != SCENES)


def load_suites(names: Sequence[str] | None = None, language: str = "en") -> list[Suite]:
    """Suites by name; all of them where none is named.

    Raises:
        AniMatrixError: BAD_OPTION for an unknown suite or language, with the nearest one.
    """
    known = suite_names()
    for name in names or ():
        if name not in known:
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"unknown suite {name!r}",
                did_you_mean(name, known) or f"suites: {', '.join(known)}",
            )
    if language not in LANGUAGES:
        raise AniMatrixError(
            Code.BAD_OPTION, f"unknown language {language!r}", f"narratives are in {', '.join(LANGUAGES)}"
        )
    return [read_suite(FOLDER / f"{name}.yaml", language) for name in dict.fromkeys(names or known)]


@lru_cache(maxsize=64)
def read_suite(path: Path, language: str) -> Suite:
    """A suite of a file, its narratives in one language.

    Raises:
        AniMatrixError: BAD_DIRECTIVE naming file and item for anything that is not a suite, or not in the
            taxonomy.
    """
    text = read_bounded(path, "directive")
    data = parse_yaml(text, str(path), "directive")
    try:
        written = SuiteFile.model_validate(data)
    except ValidationError as error:
        raise AniMatrixError(Code.BAD_DIRECTIVE, f"{path.name}: {first_mistake(error)}") from None
    scenes = _scenes()
    items = tuple(_item(written, asked, scenes, language) for asked in written.items)
    told = json.dumps([[i.id, i.seed, i.directive.canonical(), i.judged, i.text, i.keyframes] for i in items])
    return Suite(
        written.suite,
        written.version,
        written.about,
        written.metrics,
        written.primary,
        items,
        hashlib.sha256(told.encode()).hexdigest()[:16],
    )


def _item(suite: SuiteFile, asked: Asked, scenes: Mapping[str, Any], language: str) -> Item:
    def wrong(what: str, hint: str = "") -> AniMatrixError:
        return AniMatrixError(Code.BAD_DIRECTIVE, f"suite {suite.suite}, item {asked.id}: {what}", hint)

    for kind, key in (("scenes", asked.scene), ("actions", asked.action)):
        if key not in scenes[kind]:
            raise wrong(f"unknown {kind[:-1]} {key!r}", did_you_mean(key, scenes[kind]))
    narrative = scenes["scenes"][asked.scene][language].format(a=scenes["actions"][asked.action][language])
    if asked.says:
        space = " " if language == "en" else ""
        narrative = f"{narrative}{space}{asked.says[language]}"
    content = {"narrative": narrative, "tags": dict(asked.tags), "frames": suite.frames, "fps": suite.fps}
    try:
        directive = Directive.model_validate(content)
    except AniMatrixError as error:
        raise wrong(error.message, error.hint) from None
    for field in asked.judged:
        Taxonomy.default().field(field)
    return Item(
        suite=suite.suite,
        id=asked.id,
        group=asked.group or asked.id,
        role=asked.role,
        seed=asked.seed,
        directive=directive,
        judged=asked.judged,
        row=asked.row or asked.judged[0],
        text=asked.text,
        keyframes=asked.keyframes,
    )


@lru_cache(maxsize=1)
def _scenes() -> Mapping[str, Any]:
    path = FOLDER / f"{SCENES}.yaml"
    return parse_yaml(read_bounded(path, "directive"), str(path), "directive")


def shuffled_donor(suite: Suite, item: Item) -> Item:
    """The item whose tags ``item`` gets in the shuffled control: the same for every selection of a suite.

    Half a suite further on, in the same role; then the next one whose tags differ.
    """
    groups = list(suite.groups.values())
    place = next(i for i, group in enumerate(groups) if item in group)
    for step in range(len(groups) - 1):
        other = groups[(place + len(groups) // 2 + step) % len(groups)]
        donor = next((o for o in other if o.role == item.role), other[0])
        if donor.group != item.group and donor.tags_key != item.tags_key:
            return donor
    raise AniMatrixError(
        Code.BAD_OPTION, f"suite {suite.name} has no other tags to give item {item.id}", "use more items"
    )
