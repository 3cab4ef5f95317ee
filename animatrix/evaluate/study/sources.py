"""Folders of clips, one a system, read side by side: every fault is named before a study is made of them.

A folder has ``ITEM.mp4`` beside ``ITEM.json``, or ``ITEM/clip.mp4`` beside ``ITEM/clip.json``. The JSON is a
directive, or what ``animatrix generate`` writes, with the directive in it; ``narratives`` may hold the
narrative in further languages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.study.rubric import Words
from animatrix.knowledge import Directive
from animatrix.knowledge.documents import read_document
from animatrix.media import Clip, probe, read_clip
from animatrix.media.door import regular_file

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")
_NAME = re.compile(r"[\w.:-]{1,64}$")
MOST_NAMED = 20  # faults spelt out in one message
MOST_BYTES = 1 << 29  # of one clip's frames: what a browser can hold of two of them
RATE_SLACK = 1e-3  # relative: containers round 24000/1001


@dataclass(frozen=True)
class Asked:
    """What all systems were asked for in an item: the directive, and its narrative in every language."""

    directive: Directive
    narratives: Words


@dataclass(frozen=True)
class Form:
    """Length, size and rate that two clips must share to be compared."""

    frames: int
    width: int
    height: int
    fps: float

    def __str__(self) -> str:
        return f"{self.frames} frames of {self.width}x{self.height} at {self.fps:g} fps"

    @classmethod
    def of(cls, clip: Clip) -> Form:
        return cls(len(clip), *clip.size, clip.fps)

    def same_as(self, other: Form) -> bool:
        alike = (self.frames, self.width, self.height) == (other.frames, other.width, other.height)
        return alike and abs(self.fps / other.fps - 1) <= RATE_SLACK


@dataclass(frozen=True)
class Source:
    """A clip's file and how it was encoded."""

    path: Path
    form: Form
    codec: str


@dataclass
class Sources:
    """What was found: item -> system -> source, and what each item asks."""

    systems: tuple[str, ...]
    clips: dict[str, dict[str, Source]] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)

    @property
    def codecs(self) -> set[str]:
        return {source.codec for systems in self.clips.values() for source in systems.values()}


def read_sources(systems: Mapping[str, Path]) -> Sources:
    """The clips of each system's folder, checked against each other; each is decoded once, to its end.

    Raises:
        AniMatrixError: BAD_STUDY naming every fault: fewer than two systems, a missing pair, an id given
            twice, a clip or directive that cannot be read, unequal directive, length, size or rate.
    """
    faults = [f"a system cannot be called {name!r}" for name in systems if not _NAME.match(name)]
    if len(systems) < 2:
        faults.append(f"a study compares two systems or more, not {len(systems)}")
    found = Sources(tuple(systems))
    named: dict[str, dict[str, tuple[Path, Path]]] = {}
    for system, folder in systems.items():
        for item, files in _listed(folder, system, faults).items():
            named.setdefault(item, {})[system] = files
    for item in sorted(named):
        lacking = [s for s in systems if s not in named[item]]
        if lacking:
            faults.append(f"item {item} has no clip of {' and '.join(lacking)}")
        for system, files in named[item].items():
            _read(found, item, system, files, faults)
        forms = {s: source.form for s, source in found.clips.get(item, {}).items()}
        first = next(iter(forms), None)
        faults += [
            f"item {item} is {forms[first]} of {first} but {form} of {system}"
            for system, form in forms.items()
            if first is not None and not form.same_as(forms[first])
        ]
    if not named and not faults:
        faults.append("there are no clips in the folders")
    complain(faults)
    return found


def complain(faults: list[str]) -> None:
    """Raise BAD_STUDY that names the faults, if there are any."""
    if faults:
        told = faults[:MOST_NAMED] + (
            [f"and {len(faults) - MOST_NAMED} more"] if len(faults) > MOST_NAMED else []
        )
        count = f"{len(faults)} faults: " if len(faults) > 1 else ""
        raise AniMatrixError(
            Code.BAD_STUDY, f"no study can be made of this: {count}{'; '.join(told)}", "nothing was written"
        )


def _listed(folder: Path, system: str, faults: list[str]) -> dict[str, tuple[Path, Path]]:
    """Clip and JSON of every item in a folder."""
    if not folder.is_dir():
        faults.append(f"the folder of {system} is missing: {folder}")
        return {}
    found: dict[str, tuple[Path, Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            inner = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        else:
            inner = [path] if path.suffix.lower() in SUFFIXES else []
        item = path.name if path.is_dir() else path.stem
        for clip in inner:
            if item in found:
                faults.append(f"item {item} is given twice by {system}: {found[item][0].name}, {clip.name}")
            elif not _NAME.match(item):
                faults.append(f"an item cannot be called {item!r}")
            else:
                found[item] = clip, clip.with_suffix(".json")
    return found


def _read(found: Sources, item: str, system: str, files: tuple[Path, Path], faults: list[str]) -> None:
    clip_file, asked_file = files
    try:
        asked = read_asked(asked_file)
        before = found.asked.setdefault(item, asked)
        if before.directive != asked.directive:
            faults.append(f"item {item} asks something else of {system} than of the systems before it")
    except AniMatrixError as error:
        faults.append(f"item {item} of {system}: {error.message}")
    try:
        found.clips.setdefault(item, {})[system] = read_source(clip_file)
    except AniMatrixError as error:
        faults.append(f"item {item} of {system}: {error.message}")


def read_source(path: Path) -> Source:
    """A clip's form, read from all its frames: what a header promises is not what a rater sees."""
    codec = probe(path).codec
    clip = read_clip(path)
    if clip.frames.nbytes > MOST_BYTES:
        raise AniMatrixError(
            Code.FILE_TOO_LARGE, f"{path.name} has {clip.frames.nbytes >> 20} MB of frames, more than a page"
        )
    return Source(path, Form.of(clip), codec)


def read_asked(path: Path) -> Asked:
    """The directive of an item.

    Raises:
        AniMatrixError: as ``Directive``; BAD_STUDY for a rubric of another version, or narratives that are
            not texts.
    """
    document = read_document(regular_file(path), kind="directive")
    whole = document if isinstance(document, dict) else {}
    rest: Any = whole.get("narratives", {})
    if "directive" in whole or "narratives" in whole:
        document = whole.get("directive", {k: v for k, v in whole.items() if k != "narratives"})
    directive = Directive.model_validate(document)
    texts = {language: directive.narrative for language in Words.model_fields}
    if not isinstance(rest, dict) or not all(isinstance(t, str) and k in texts for k, t in rest.items()):
        raise AniMatrixError(Code.BAD_STUDY, f"{path.name}: narratives are texts by {', '.join(texts)}")
    return Asked(directive, Words(**(texts | rest)))


def liveliness(frames: np.ndarray) -> float:
    """Mean change between neighbouring frames, in levels of 255."""
    return float(np.abs(np.diff(frames.astype(np.int16), axis=0)).mean()) if len(frames) > 1 else 0.0
