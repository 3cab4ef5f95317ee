"""A study folder: ``study.json``, the clips as packs of frames, and the secret that the server signs with.

    create(systems={"ours": Path("a"), "theirs": Path("b")}, out=Path("study"))
    study = load_study(Path("study"))

Systems are named in ``study.json`` and in the database only; nothing that is served holds a name.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.statistics.screening import ScreeningRules
from animatrix.evaluate.study.frames import common_size, fill, holds, name_of, packed, through_codec
from animatrix.evaluate.study.records import BROKEN, Id, Mode, fault_of
from animatrix.evaluate.study.rubric import ANCHORS, Rubric, Words, load_rubric
from animatrix.evaluate.study.sources import (
    Source,
    Sources,
    complain,
    liveliness,
    read_source,
    read_sources,
)
from animatrix.knowledge import Directive
from animatrix.knowledge.documents import read_document
from animatrix.media import Clip, read_clip
from animatrix.media.door import written_whole
from animatrix.prefer.negatives import NEGATIVES
from animatrix.prefer.votes import clip_id

MOST_GOLD = 12  # items of which a damaged copy is kept
LEAST_CHANGE = 0.5  # levels: a clip that hardly moves is hardly damaged by shuffling its frames
DAMAGE = "shuffled"
_ROUND_UP = 0.1  # seconds of the minimum watch


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoredClip(_Part):
    """A clip of the study: its pack, and the SHA-256 of the file it was read from."""

    pack: str
    source: str
    frames: int
    width: int
    height: int
    fps: float
    holds: list[tuple[int, int]]

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


class Item(_Part):
    """What was asked, and each system's clip; ``(broken)`` a damaged copy of the clip of ``damaged``."""

    directive: dict
    narratives: Words
    clips: dict[str, StoredClip]
    damaged: str | None = None


class Definition(_Part):
    """All that a study is, fixed before its first vote.

    Args:
        raters: how many are planned; more may be invited, the design goes on.
        trials: of each rater.
        passage: ``codec`` where all clips were encoded once more alike, as their sources were not.
        pack_bytes: length of every pack.
        screening: rules by which raters count, stated before the first vote.
    """

    format: Literal[1]
    id: Id
    created: AwareDatetime
    mode: Mode
    title: Words
    language: Literal["en", "ja", "zh"]
    seed: int
    raters: Annotated[int, Field(ge=1)]
    trials: Annotated[int, Field(ge=1)]
    rubric: Rubric
    systems: Annotated[list[str], Field(min_length=2)]
    items: dict[str, Item]
    anchors: dict[int, StoredClip] = {}
    passage: Literal["", "codec"] = ""
    pack_bytes: int
    screening: ScreeningRules = ScreeningRules()


class Study:
    """A study folder, opened. Raises AniMatrixError BAD_STUDY, FILE_MISSING."""

    def __init__(self, folder: Path, definition: Definition) -> None:
        self.folder, self.definition = folder, definition
        self.clips = folder / "clips"
        self.secret = (folder / "secret.key").read_bytes()
        # Read at once: no trial then waits for its own.
        self._asked = {name: Directive.model_validate(i.directive) for name, i in definition.items.items()}

    def clip(self, item: str, system: str) -> StoredClip:
        return self.definition.items[item].clips[system]

    def directive(self, item: str) -> Directive:
        return self._asked[item]

    def pack(self, clip: StoredClip) -> bytes:
        """What is sent of a clip; of one length for all, on the disk already."""
        return (self.clips / clip.pack).read_bytes()


def min_watch(clips: list[StoredClip]) -> float:
    """Seconds that each clip of a trial must have played: the longest of them once, rounded up to 0.1."""
    return math.ceil(max(c.seconds for c in clips) / _ROUND_UP - 1e-6) * _ROUND_UP


def load_study(folder: Path) -> Study:
    """Open a study folder and see that its parts are there."""
    path = folder / "study.json"
    try:
        definition = Definition.model_validate(read_document(path, kind="study"))
    except ValidationError as error:
        raise AniMatrixError(Code.BAD_STUDY, f"{path}: {fault_of(error)}") from None
    clips = [c for item in definition.items.values() for c in item.clips.values()]
    names = {c.pack for c in [*clips, *definition.anchors.values()]}
    lacking = sorted(n for n in names if not (folder / "clips" / n).is_file())
    if not (folder / "secret.key").is_file():
        lacking.append("secret.key")
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise AniMatrixError(Code.BAD_STUDY, f"{folder} lacks {lacking[0]}{more}", "create the study again")
    return Study(folder, definition)


def create(
    systems: Mapping[str, Path],
    out: Path,
    *,
    mode: Mode = "pair",
    raters: int = 10,
    trials: int = 40,
    seed: int = 0,
    title: str | None = None,
    language: Literal["en", "ja", "zh"] = "en",
    rubric: Path | None = None,
    anchors: Mapping[int, Path] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Study:
    """Check folders of clips against each other and make a study of them.

    Args:
        systems: name -> folder, see ``sources``.
        anchors: score -> clip, for 1, 3 and 5; score mode needs them.

    Raises:
        AniMatrixError: BAD_STUDY naming every fault; NOT_WRITABLE.
    """
    from animatrix.evaluate.study.design import enough, most_trials, units_of

    wording = load_rubric(rubric)
    if out.exists():
        raise AniMatrixError(Code.BAD_STUDY, f"{out} is there already", "a study is never written over")
    found = read_sources(systems)
    shown = _anchors(mode, anchors or {})
    store = _Packs(out / "clips", "codec" if len(found.codecs) > 1 else "")
    if not enough(trials, mode, units := len(units_of(found.clips, found.systems, mode))):
        most = most_trials(mode, units)
        complain([f"{trials} trials a rater need more clips; these are enough for {most}"])
    out.mkdir(parents=True)
    (out / "clips").mkdir()
    items = _stored(found, store, np.random.default_rng([seed, 1]), say)
    if mode == "pair" and trials >= 40 and not any(item.damaged for item in items.values()):
        say("no clip moves enough for gold trials; the study has none")
    definition = Definition(
        format=1,
        id=f"study-{secrets.token_hex(6)}",
        created=datetime.now(UTC),
        mode=mode,
        title=Words.same(title) if title else wording.title,
        language=language,
        seed=seed,
        raters=raters,
        trials=trials,
        rubric=wording,
        systems=list(found.systems),
        items=items,
        anchors={score: store.put(source) for score, source in shown.items()},
        passage=store.passage,
        pack_bytes=common_size(store.lengths),
    )
    for pack in (out / "clips").iterdir():
        fill(pack, definition.pack_bytes)
    with written_whole(out / "secret.key") as temporary:
        temporary.write_bytes(secrets.token_bytes(32))
    (out / "secret.key").chmod(0o600)
    with written_whole(out / "study.json") as temporary:  # last: a folder without it is no study
        text = json.dumps(definition.model_dump(mode="json"), ensure_ascii=False, indent=1)
        temporary.write_text(text, "utf-8")
    return load_study(out)


def _anchors(mode: Mode, anchors: Mapping[int, Path]) -> dict[int, Source]:
    wanted = set(ANCHORS) if mode == "score" else set()
    faults = [f"score mode needs an anchor clip for {n}" for n in sorted(wanted - set(anchors))]
    faults += [f"there is no anchor {n} in {mode} mode" for n in sorted(set(anchors) - wanted)]
    found = {}
    for score in sorted(wanted & set(anchors)):
        try:
            found[score] = read_source(anchors[score])
        except AniMatrixError as error:
            faults.append(f"anchor {score}: {error.message}")
    complain(faults)
    return found


class _Packs:
    """Packs being written; ``passage`` as in the definition."""

    def __init__(self, folder: Path, passage: Literal["", "codec"]) -> None:
        self.folder, self.passage = folder, passage
        self.lengths: list[int] = []

    def clip(self, source: Source) -> Clip:
        clip = read_clip(source.path)
        return through_codec(clip) if self.passage == "codec" else clip

    def put(self, source: Source) -> StoredClip:
        return self.keep(self.clip(source), clip_id(source.path))

    def keep(self, clip: Clip, source: str) -> StoredClip:
        data = packed(clip.frames)
        self.lengths.append(len(data))
        with written_whole(self.folder / name_of(data)) as temporary:
            temporary.write_bytes(data)
        return StoredClip(
            pack=name_of(data),
            source=source,
            frames=len(clip),
            width=clip.size[0],
            height=clip.size[1],
            fps=round(clip.fps, 6),
            holds=[(a, b) for a, b in holds(clip.frames)],
        )


def _stored(
    found: Sources, store: _Packs, rng: np.random.Generator, say: Callable[[str], None]
) -> dict[str, Item]:
    """Every clip as a pack, and of some items a damaged copy; systems take turns in being damaged."""
    items: dict[str, Item] = {}
    damaged = 0
    for number in rng.permutation(len(found.clips)):
        name = sorted(found.clips)[int(number)]
        clips = {system: store.put(found.clips[name][system]) for system in found.systems}
        whose = found.systems[damaged % len(found.systems)]
        clip = store.clip(found.clips[name][whose])
        lively = liveliness(clip.frames) >= LEAST_CHANGE and len(clip) > 2
        if damaged < MOST_GOLD and lively:
            done = NEGATIVES[DAMAGE].done
            assert done is not None
            broken = Clip(done(clip.frames, rng), clip.fps)
            clips[BROKEN] = store.keep(broken, clips[whose].source)
            damaged += 1
        items[name] = Item(
            directive=found.asked[name].directive.canonical(),
            narratives=found.asked[name].narratives,
            clips=clips,
            damaged=whose if BROKEN in clips else None,
        )
        say(f"{len(items)}/{len(found.clips)} items")
    return {name: items[name] for name in sorted(items)}
