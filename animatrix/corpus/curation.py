"""curate(): a folder of videos to a dataset of shots.

Four steps, each of which can be killed and gone on with: name the files by their content; read each in a
worker; decide over all records at once; cut what is kept. What was read and cut lies in the dataset under
names that follow from the content, so a second run finds it done, and the tables depend on the folder and
the settings alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animatrix.corpus.analyse import ReadJob
from animatrix.corpus.attend import QUARANTINED, Job, Outcome
from animatrix.corpus.cut import Cut, CutJob, cut_key
from animatrix.corpus.decide import Decision, Refusal, Taken, decide
from animatrix.corpus.local import run_locally
from animatrix.corpus.on_ray import run_on_ray
from animatrix.corpus.progress import Progress
from animatrix.corpus.settings import FORMAT, Limits, Settings, digest
from animatrix.corpus.shot import Reader
from animatrix.corpus.sources import Source, find_sources, hashed
from animatrix.corpus.store import Store
from animatrix.corpus.tables import MANIFEST, REJECTS, kept_row, need_parquet, parquet, refused_row
from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Taxonomy

Engine = Callable[[Sequence[Job], Limits, int], Iterator[Outcome]]
_WORTH_A_RETRY = (QUARANTINED, "stalled", "crashed", "too_slow")
ENGINES: dict[str, Engine] = {"local": run_locally, "ray": run_on_ray}


@dataclass(frozen=True)
class Curation:
    """What a run did: files, shots kept and refused, seconds kept, files read and clips cut by this run."""

    files: int
    kept: int
    seconds: float
    refused: dict[str, int] = field(default_factory=dict)
    files_read: int = 0
    clips_cut: int = 0
    changed: bool = True

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self)) | {"seconds": round(self.seconds, 3)}


def curate(
    source: Path,
    out: Path,
    reader: Reader,
    settings: Settings | None = None,
    engine: str = "local",
    workers: int = 1,
    retry: bool = False,
    progress: Progress | None = None,
) -> Curation:
    """Make or bring up to date the dataset ``out`` of the videos below ``source``.

    Args:
        reader: how shots are read and described.
        engine: ``local`` or ``ray``.
        workers: processes that read at once.
        retry: read files again that were quarantined.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_NOT_A_FILE (the source), NOT_WRITABLE (the dataset), BAD_OPTION.
        OutOfSpace: the disk is full; nothing is half written, the next run goes on.
    """
    settings, progress = settings or Settings(), progress or Progress(quiet=True)
    if engine not in ENGINES:
        raise AniMatrixError(
            Code.BAD_OPTION,
            f"unknown engine {engine!r}",
            did_you_mean(engine, ENGINES) or f"choose {' or '.join(ENGINES)}",
        )
    if workers < 1:
        raise AniMatrixError(Code.BAD_OPTION, f"--workers {workers} is less than 1")
    need_parquet()
    found = find_sources(source, out)
    store = Store(out)
    with store.locked():
        store.sweep()
        try:
            run = _Run(store, reader, settings, ENGINES[engine], workers, progress)
            return run.all(found, retry)
        except BaseException:
            store.sweep()  # of workers that were ended while they wrote
            raise
        finally:
            progress.close()


@dataclass(frozen=True)
class _Run:
    store: Store
    reader: Reader
    settings: Settings
    engine: Engine
    workers: int
    progress: Progress

    def all(self, found: list[tuple[str, Path]], retry: bool) -> Curation:
        self.progress.phase("hashing", len(found))
        sources = hashed(found, self.store, lambda *_: self.progress.step())
        self._refuse_foreign(sources)
        jobs = self._read_jobs(sources)
        if retry:
            self._forget_quarantined(jobs)
        files_read = self._work("reading", [job for job in jobs.values() if not job.done()])
        records = {sha: self.store.load("read", job.key) for sha, job in jobs.items()}
        missing = [jobs[sha].name for sha, record in records.items() if record is None]
        if missing:
            raise RuntimeError(f"no record of {missing[0]} after reading it")
        decision = decide(
            sources, {s: r for s, r in records.items() if r is not None}, self.settings.thresholds
        )
        cuts = self._cut_jobs(decision, retry)
        before = sum(len(job.missing()) for job in cuts)
        self._work("cutting", [job for job in cuts if not job.done()])
        return self._tables(sources, decision, files_read, before)

    def _work(self, name: str, jobs: Sequence[Job]) -> int:
        self.progress.phase(name, len(jobs))
        if not jobs:
            return 0
        for outcome in self.engine(jobs, self.settings.limits, self.workers):
            if outcome.stop is not None:
                raise outcome.stop
            if outcome.fault:
                self.progress.note(f"quarantined {outcome.name}: {outcome.fault}")
            self.progress.step(outcome.name)
        self.progress.close()
        return len(jobs)

    def _analyser(self) -> str:
        """Names everything that decides what is read of a file."""
        return digest(self.reader.version, self.settings.document())[:16]

    def _read_jobs(self, sources: Sequence[Source]) -> dict[str, ReadJob]:
        jobs: dict[str, ReadJob] = {}
        for source in sources:
            if source.sha256 and source.sha256 not in jobs:
                key = digest("read", FORMAT, source.sha256, self._analyser())
                jobs[source.sha256] = ReadJob(
                    key, source.name, source.path, self.store, self.reader, self.settings.thresholds
                )
        return jobs

    def _forget_quarantined(self, jobs: dict[str, ReadJob]) -> None:
        for job in jobs.values():
            record = self.store.load("read", job.key)
            if record and any(fault["reason"] in _WORTH_A_RETRY for fault in record["faults"]):
                self.store.forget("read", job.key)

    def _refuse_foreign(self, sources: Sequence[Source]) -> None:
        """A dataset of other videos is not overwritten by mistake: its clips would go."""
        known = self.store.root / "work" / "owns.json"
        try:
            owned = set(json.loads(known.read_text()))
        except (OSError, ValueError):
            owned = set()
        now = {source.sha256 for source in sources if source.sha256}
        if owned and not owned & now:
            raise AniMatrixError(
                Code.BAD_OPTION, f"{self.store.root} is a dataset of other videos", "give another --out"
            )
        self.store.write_if_changed(known, json.dumps(sorted(now)).encode())

    def _cut_jobs(self, decision: Decision, retry: bool) -> list[CutJob]:
        by_file: dict[str, list[Taken]] = {}
        for shot in decision.kept:
            by_file.setdefault(shot.source.sha256, []).append(shot)
        jobs = []
        side = self.settings.thresholds.clip_side
        for sha, shots in by_file.items():
            cuts = []
            for shot in sorted(shots, key=lambda s: s.index):
                r = shot.record
                crop = tuple(r["crop"]) if r["crop"] else None
                cuts.append(
                    Cut(self._clip_key(shot), r["start"], r["end"], r["fps"], r["frames"], r["vfr"], crop)
                )
                if retry and "fault" in (self.store.load("cut", cuts[-1].key) or {}):
                    self.store.forget("cut", cuts[-1].key)
            key = digest("cut", sha, [cut.key for cut in cuts])
            source = shots[0].source
            seconds = self.settings.limits.seconds
            jobs.append(CutJob(key, source.name, source.path, self.store, tuple(cuts), side, seconds))
        return jobs

    def _clip_key(self, shot: Taken) -> str:
        r = shot.record
        return cut_key(
            shot.source.sha256, r["start"], r["end"], r["crop"], self.settings.thresholds.clip_side
        )

    def _tables(
        self, sources: Sequence[Source], decision: Decision, files_read: int, clips_cut: int
    ) -> Curation:
        rows, refused = [], list(decision.refused)
        for shot in decision.kept:
            key = self._clip_key(shot)
            clip = self.store.load("cut", key)
            if clip is None:
                raise RuntimeError(
                    f"no clip of {shot.source.name} at {shot.record['start']} s after cutting it"
                )
            if fault := clip.get("fault"):
                reasons = [(fault["reason"], fault["text"])]
                span = shot.record["start"], shot.record["end"]
                refused.append(Refusal(shot.source, shot.index, *span, reasons))
                continue
            rows.append(kept_row(shot, clip, key, f"{self.reader.version}/{self._analyser()}"))
        rows.sort(key=lambda row: (row["source"], row["shot"]))
        refused.sort(key=lambda r: (r.source.name, r.index))
        counts = dict(sorted(Counter(r.reasons[0][0] for r in refused).items()))
        seconds = sum(row["end"] - row["start"] for row in rows)
        summary = {
            "format": FORMAT,
            "taxonomy_version": Taxonomy.default().version,
            "reader": self.reader.version,
            "settings": self.settings.document(),
            "files": len(sources),
            "kept": len(rows),
            "seconds": round(seconds, 3),
            "refused": counts,
        }
        text = json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        # The manifest goes in before clips that it no longer names go out: no row is ever without its clip.
        changed = [
            self.store.write_if_changed(
                self.store.rejects, parquet([refused_row(r) for r in refused], REJECTS)
            ),
            self.store.write_if_changed(self.store.manifest, parquet(rows, MANIFEST)),
            self.store.write_if_changed(self.store.summary, text.encode()),
            self._drop_unnamed({row["clip"] for row in rows}),
        ]
        touched = any(changed) or bool(files_read or clips_cut)
        return Curation(len(sources), len(rows), seconds, counts, files_read, clips_cut, touched)

    def _drop_unnamed(self, named: set[str]) -> bool:
        """Remove clips that no row names: of files that have gone, or of other settings."""
        dropped = False
        for path in sorted(self.store.root.glob("clips/*/*.mp4")):
            if path.relative_to(self.store.root).as_posix() not in named:
                path.unlink()
                self.store.forget("cut", path.stem)
                dropped = True
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()
        return dropped
