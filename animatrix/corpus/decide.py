"""What is kept of everything that was read. Depends on the records alone, not on the order they came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from animatrix.corpus.analyse import SELF
from animatrix.corpus.duplicates import Look, alike_pairs, near_duplicates, repeated_sequences
from animatrix.corpus.fingerprint import Fingerprint
from animatrix.corpus.settings import Thresholds
from animatrix.corpus.sources import Source


@dataclass(frozen=True)
class Taken:
    """A shot of a source: ``index`` its place in it, from 0; ``record`` as ``analyse`` has written it;
    ``notes`` what is unusual about its file."""

    source: Source
    index: int
    record: dict[str, Any]
    notes: list[str]


@dataclass(frozen=True)
class Refusal:
    """Why a shot, or a whole file (``index`` -1), is not kept; the first reason is the one counted."""

    source: Source
    index: int
    start: float
    end: float
    reasons: list[tuple[str, str]]


@dataclass
class Decision:
    kept: list[Taken] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def decide(sources: Sequence[Source], records: dict[str, dict[str, Any]], limits: Thresholds) -> Decision:
    """Keep or refuse every shot.

    Args:
        sources: in order of their names.
        records: by SHA-256 of the file.
    """
    result = Decision()
    shots: list[Taken] = []
    looks: list[Look] = []
    owners: dict[str, str] = {}
    for number, source in enumerate(sources):
        if source.fault:
            result.refused.append(_of_file(source, "file_unreadable", source.fault))
            continue
        if source.sha256 in owners:
            text = f"holds the same bytes as {owners[source.sha256]}"
            result.refused.append(_of_file(source, "duplicate_file", text))
            continue
        owners[source.sha256] = source.name
        record = records[source.sha256]
        if faults := record["faults"]:
            found = [(fault["reason"], fault["text"].replace(SELF, source.name)) for fault in faults]
            result.refused.append(Refusal(source, -1, 0.0, 0.0, found))
        for index, shot in enumerate(record["shots"]):
            shots.append(Taken(source, index, shot, record["notes"]))
            seconds = shot["end"] - shot["start"]
            looks.append(Look(number, index, seconds, Fingerprint.from_json(shot["fingerprint"])))
    _judge(shots, looks, sources, limits, result)
    result.refused.sort(key=lambda r: (r.source.name, r.index))
    return result


def _of_file(source: Source, reason: str, text: str) -> Refusal:
    return Refusal(source, -1, 0.0, 0.0, [(reason, text)])


def _judge(
    shots: list[Taken], looks: list[Look], sources: Sequence[Source], limits: Thresholds, result: Decision
) -> None:
    pairs = alike_pairs(looks, limits)
    repeated = repeated_sequences(looks, pairs, limits)
    reasons: dict[int, list[tuple[str, str]]] = {}
    for i, shot in enumerate(shots):
        reasons[i] = [(code, text) for code, text in shot.record["reasons"]]
        if i in repeated:
            file, place = repeated[i]
            said = f"in a sequence that {sources[file].name} has, too (there shot {place})"
            reasons[i].append(("repeated_sequence", said))

    def worth(i: int) -> tuple:
        width, height = (
            shots[i].record["crop"][2:] if shots[i].record["crop"] else shots[i].record["source_size"]
        )
        return (-width * height, -shots[i].record["frames"], shots[i].source.name, shots[i].index)

    candidates = [i for i, found in reasons.items() if not found]
    for i, j in near_duplicates(looks, pairs, candidates, worth).items():
        twin = shots[j]
        said = f"looks like shot {twin.index} of {twin.source.name} ({twin.record['start']:.2f} s)"
        reasons[i].append(("near_duplicate", said))
    for i, shot in enumerate(shots):
        if reasons[i]:
            span = shot.record["start"], shot.record["end"]
            result.refused.append(Refusal(shot.source, shot.index, *span, reasons[i]))
        else:
            result.kept.append(shot)
