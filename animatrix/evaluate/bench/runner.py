"""Clips made and metrics run, kept by content: the same command again goes on where it stopped.

A unit is one item, or the items of a group. Each clip is made alone and on one thread, and every score is a
function of its unit, so neither the number of processes nor their order can show in the results. What a clock
says is kept apart from them.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import animatrix
from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.bench.generators import Folder, Generator, NotMade, generator
from animatrix.evaluate.bench.metrics import METRICS, Metric, Skipped, missing
from animatrix.evaluate.bench.sighting import Sighting
from animatrix.evaluate.bench.suite import Item, Suite, load_suites
from animatrix.media import Clip, read_clip, write_video
from animatrix.media.door import written_whole
from animatrix.prefer.judging import JudgeOfClips, load_judge
from animatrix.prefer.pairs import clip_name

READ_BY = ("caption", "evaluate/bench", "media")  # code that a score depends on
MADE_BY = ("generate", "model")  # code that a generated clip depends on


@dataclass(frozen=True)
class Plan:
    """What to run. ``items``: groups of each suite, from its beginning; None: all of them."""

    specs: tuple[str, ...]
    suites: tuple[str, ...]
    items: int | None
    language: str
    metrics: tuple[str, ...]
    cache: Path
    reward: Path | None = None


@dataclass(frozen=True)
class Unit:
    """What is judged together: the items of a group under one generator."""

    spec: str
    suite: str
    group: str


@dataclass
class Done:
    """Scores of a unit: metric -> unit name -> value or ``{"skipped": why}``; clips by item; seconds."""

    unit: Unit
    scores: dict[str, dict[str, Any]]
    clips: dict[str, str]
    seconds: dict[str, float]


@cache
def code_fingerprint(parts: Sequence[str]) -> str:
    """Changes when a source or data file of these parts of the package does."""
    root = Path(animatrix.__file__).parent
    digest = hashlib.sha256()
    for part in parts:
        for file in sorted((root / part).rglob("*")):
            if file.suffix in (".py", ".yaml", ".json") and file.is_file():
                digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@lru_cache(maxsize=4)
def _made_by(spec: str) -> Generator:
    return generator(spec)


@lru_cache(maxsize=1)
def _judge(folder: Path | None) -> tuple[JudgeOfClips | None, str]:
    """The reward model and what names it; without a named folder a missing one is no error."""
    from animatrix.generate.run import revision
    from animatrix.prefer.judging import weights_folder

    try:
        judge = load_judge(folder)
    except AniMatrixError as error:
        if folder is not None or error.code is not Code.MODEL_MISSING:
            raise
        return None, ""
    return judge, revision(folder or weights_folder())


def clip_key(made_by: Generator, item: Item) -> str:
    """Name of the clip of an item, before it is made."""
    code = "" if isinstance(made_by, Folder) else code_fingerprint(MADE_BY)
    asked = [item.directive.canonical_json(), item.seed, list(item.keyframes)]
    return _key(made_by.identity(item), code, *asked)


def _write_json(path: Path, content: Any) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content), "utf-8")


class KeptClip:
    """The clip of an item in the cache: made if it is not there, decoded only if somebody looks at it."""

    def __init__(self, made_by: Generator, item: Item, folder: Path) -> None:
        self.item, self.key, self.seconds = item, clip_key(made_by, item), 0.0
        self._made_by = made_by
        self._clip: Clip | None = None
        self._film, self._note = folder / f"{self.key}.mkv", folder / f"{self.key}.json"
        self.note = json.loads(self._note.read_text("utf-8")) if self._note.exists() else self._make()

    def _make(self) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            clip = self._made_by.make(self.item)
        except NotMade as why:
            note: dict[str, Any] = {"not_made": str(why)}
        else:
            write_video(clip, self._film, lossless=True)
            self._clip = clip
            note = {"content": clip_name(clip.frames), "fps": clip.fps}
        _write_json(self._note, note)  # last: a clip without its note is made again
        self.seconds = time.perf_counter() - began
        return note

    @property
    def clip(self) -> Clip:
        if self._clip is None:
            self._clip = Clip(read_clip(self._film).frames, self.note["fps"])
        return self._clip


def _score(metric: Metric, unit: Sequence[Sighting]) -> Any:
    found = missing(metric, unit) or metric.score(unit)
    if isinstance(found, Skipped):
        return {"skipped": found.because}
    if isinstance(found, tuple):
        return [round(float(n), 6) for n in found]
    return bool(found) if metric.unit == "share" else round(float(found), 6)


def run_unit(plan: Plan, unit: Unit) -> Done:
    """Make the clips of a unit and score them, as far as the cache does not have it."""
    suite = load_suites([unit.suite], plan.language)[0]
    kept = [KeptClip(_made_by(unit.spec), item, plan.cache / "clips") for item in suite.groups[unit.group]]
    judge, named = _judge(plan.reward)
    began = time.perf_counter()
    sightings: dict[str, Sighting] = {}

    def seen(one: KeptClip) -> Sighting:
        if one.item.id not in sightings:
            sightings[one.item.id] = Sighting(one.item, one.clip, judge)
        return sightings[one.item.id]

    scores: dict[str, dict[str, Any]] = {}
    for name in metrics_of(plan, suite):
        metric = METRICS[name]
        parts = [(unit.group, kept)] if metric.grouped else [(one.item.id, [one]) for one in kept]
        scores[name] = {part: _kept_score(plan, metric, these, named, seen) for part, these in parts}
    made = {f"clip {one.item.id}": one.seconds for one in kept if one.seconds}
    seconds = made | {"score": time.perf_counter() - began}
    return Done(unit, scores, {one.item.id: one.key for one in kept if "content" in one.note}, seconds)


def _kept_score(
    plan: Plan, metric: Metric, these: Sequence[KeptClip], judge: str, seen: Callable[[KeptClip], Sighting]
) -> Any:
    why = next((one.note["not_made"] for one in these if "not_made" in one.note), None)
    if why is not None:
        return {"skipped": why}
    asked = [
        [one.item.id, one.item.directive.canonical_json(), one.item.seed, list(one.item.judged),
         one.item.text, one.item.role, list(one.item.keyframes), one.note]
        for one in these
    ]  # fmt: skip
    judged_by = judge if "reward" in metric.needs else ""
    key = _key(metric.id, metric.version, judged_by, code_fingerprint(READ_BY), asked)
    path = plan.cache / "scores" / f"{key}.json"
    if path.exists():
        return json.loads(path.read_text("utf-8"))
    found = _score(metric, [seen(one) for one in these])
    _write_json(path, found)
    return found


def metrics_of(plan: Plan, suite: Suite) -> list[str]:
    """The metrics of a suite, of those that were asked for."""
    return [name for name in suite.metrics if not plan.metrics or name in plan.metrics]


def units_of(plan: Plan) -> list[Unit]:
    suites = load_suites(plan.suites, plan.language)
    return [
        Unit(spec, suite.name, group)
        for spec in plan.specs
        for suite in suites
        if metrics_of(plan, suite)
        for group in dict.fromkeys(item.group for item in suite.first(plan.items))
    ]


def check(plan: Plan) -> None:
    """Everything that can be wrong is said before anything is computed.

    Raises:
        AniMatrixError: as ``generator``, ``load_suites``, ``load_judge`` of a named folder.
    """
    items = [i for suite in load_suites(plan.suites, plan.language) for i in suite.first(plan.items)]
    for spec in plan.specs:
        made_by = generator(spec)
        if isinstance(made_by, Folder):
            made_by.check(items)
    if plan.reward is not None:
        load_judge(plan.reward)
    if not units_of(plan):
        raise AniMatrixError(
            Code.BAD_OPTION, f"none of these suites measures {', '.join(plan.metrics)}", "leave out --metric"
        )


def _alone() -> None:
    """One thread a process: sums then have one order, and clips and scores the same bytes everywhere."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def run(plan: Plan, processes: int = 1, said: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Run a plan.

    Returns:
        ``systems`` for ``results.document``, ``clips`` (system -> item -> name in the cache) and ``timing``.

    Raises:
        AniMatrixError: as :func:`check`, and what generators raise.
    """
    check(plan)
    for name in ("clips", "scores"):
        try:
            (plan.cache / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AniMatrixError(Code.NOT_WRITABLE, f"cannot make {plan.cache}: {error.strerror}") from None
    began, units = time.perf_counter(), units_of(plan)
    done: dict[Unit, Done] = {}
    for one in _each(plan, units, processes):
        done[one.unit] = one
        if said:
            said(f"{len(done)}/{len(units)} {one.unit.spec} {one.unit.group}")
    systems = [_system(plan, spec, [done[u] for u in units if u.spec == spec]) for spec in plan.specs]
    wall = time.perf_counter() - began
    timing = {
        "processes": processes,
        "wall": round(wall, 2),
        "seconds": {
            spec: {
                f"{unit.group}: {what}": round(s, 3)
                for unit in units
                if unit.spec == spec
                for what, s in done[unit].seconds.items()
            }
            for spec in plan.specs
        },
    }
    clips = {
        spec: {item: key for u in units if u.spec == spec for item, key in done[u].clips.items()}
        for spec in plan.specs
    }
    return {"systems": systems, "clips": clips, "timing": timing}


def _each(plan: Plan, units: Sequence[Unit], processes: int) -> Iterator[Done]:
    """Units as they are done, in any order."""
    if processes == 1:
        import cv2
        import torch

        threads = torch.get_num_threads(), cv2.getNumThreads()
        _alone()
        try:
            for unit in units:
                yield run_unit(plan, unit)
        finally:
            torch.set_num_threads(threads[0])
            cv2.setNumThreads(threads[1])
        return
    # spawn: torch's threads do not survive a fork
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_alone)
    try:
        for future in as_completed([pool.submit(run_unit, plan, unit) for unit in units]):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _system(plan: Plan, spec: str, done: Sequence[Done]) -> dict[str, Any]:
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    for one in done:
        for metric, units in one.scores.items():
            scores.setdefault(one.unit.suite, {}).setdefault(metric, {}).update(units)
    return {"name": spec, "scores": scores}


def plain_line(text: str) -> None:
    """Progress on stderr: one line that is written over on a terminal, a line each otherwise."""
    print(f"\r\033[K{text}" if sys.stderr.isatty() else text, end="" if sys.stderr.isatty() else "\n",
          file=sys.stderr, flush=True)  # fmt: skip
