"""Which shots show the same: near-duplicates, and the openings and endings of every episode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from animatrix.corpus.fingerprint import Fingerprint
from animatrix.corpus.settings import Thresholds

_BANDS = 4  # of 16 bits: hashes at most 7 bits apart agree in one of them but for one bit


@dataclass(frozen=True)
class Look:
    """A shot as it is compared: ``file`` its file's place in the order of names, ``place`` its own there."""

    file: int
    place: int
    seconds: float
    prints: Fingerprint


def alike(a: Fingerprint, b: Fingerprint, limits: Thresholds) -> bool:
    """Whether each of two shots shows most drawings of the other."""
    if not len(a.hashes) or not len(b.hashes):
        return False
    bits = np.bitwise_count(a.hashes[:, None] ^ b.hashes[None])
    far = np.abs(a.thumbs[:, None] - b.thumbs[None]).max(-1) > limits.cell_levels  # [A,B,9,16]
    same = (bits <= limits.hash_bits) & (1 - far.mean((2, 3)) >= limits.cells_alike)
    return bool(min(same.any(1).mean(), same.any(0).mean()) >= limits.drawings_alike)


def likely_pairs(prints: Sequence[Fingerprint]) -> set[tuple[int, int]]:
    """Pairs (i < j) that share a drawing's hash but for a few bits, without comparing all with all."""
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    pairs: set[tuple[int, int]] = set()
    for index, one in enumerate(prints):
        own: set[tuple[int, int]] = set()
        for value in one.hashes:
            for band in range(_BANDS):
                word = (int(value) >> (16 * band)) & 0xFFFF
                own.add((band, word))
                for near in (word, *(word ^ (1 << bit) for bit in range(16))):
                    pairs.update((other, index) for other in buckets.get((band, near), ()))
        for key in own:
            buckets[key].append(index)
    return pairs


def alike_pairs(looks: Sequence[Look], limits: Thresholds) -> set[tuple[int, int]]:
    """Pairs (i < j) of shots that look alike."""
    likely = likely_pairs([look.prints for look in looks])
    return {(i, j) for i, j in likely if alike(looks[i].prints, looks[j].prints, limits)}


def repeated_sequences(
    looks: Sequence[Look], pairs: set[tuple[int, int]], limits: Thresholds
) -> dict[int, tuple[int, int]]:
    """Shots that belong to a run of shots an earlier file has in the same order: {shot: (file, place there)}.

    ``looks`` in order of file and place. The first file with a run keeps it. A run may hold shots that differ
    (credits change), up to ``sequence_gap`` at once; such a shot goes with its run.
    """
    where = {(look.file, look.place): index for index, look in enumerate(looks)}
    between: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    for i, j in pairs:
        first, later = sorted((looks[i], looks[j]), key=lambda look: (look.file, look.place))
        if first.file != later.file:
            between[first.file, later.file].add((first.place, later.place))
    repeated: dict[int, tuple[int, int]] = {}
    for (first_file, later_file), places in sorted(between.items()):
        for run in _runs(places, limits.sequence_gap):
            matched = [looks[where[later_file, b]] for _, b in run]
            if len(run) < limits.sequence_shots:
                continue
            if sum(look.seconds for look in matched) < limits.sequence_seconds:
                continue
            offset = run[0][0] - run[0][1]
            for place in range(run[0][1], run[-1][1] + 1):
                repeated.setdefault(where[later_file, place], (first_file, place + offset))
    return repeated


def _runs(places: set[tuple[int, int]], gap: int) -> list[list[tuple[int, int]]]:
    """Chains of (a, b) that both rise by one, or by up to 1 + ``gap`` together; a pair is in one chain."""
    left = set(places)
    runs = []
    for start in sorted(places):
        if start not in left:
            continue
        run = [start]
        left.discard(start)
        while True:
            a, b = run[-1]
            after = next(((a + k, b + k) for k in range(1, gap + 2) if (a + k, b + k) in left), None)
            if after is None:
                break
            run.append(after)
            left.discard(after)
        runs.append(run)
    return runs


def near_duplicates(
    looks: Sequence[Look],
    pairs: set[tuple[int, int]],
    candidates: Sequence[int],
    worth: Callable[[int], tuple],
) -> dict[int, int]:
    """Candidates that look like a better one: {shot: the one that is kept}.

    The best by ``worth`` (smaller is better) comes first, and each is held against those kept so far, never
    against one refused: a chain of small differences does not swallow what lies at its end.
    """
    neighbours: dict[int, set[int]] = defaultdict(set)
    for i, j in pairs:
        neighbours[i].add(j)
        neighbours[j].add(i)
    kept: set[int] = set()
    refused: dict[int, int] = {}
    for index in sorted(candidates, key=worth):
        twins = neighbours[index] & kept
        if twins:
            refused[index] = min(twins, key=worth)
        else:
            kept.add(index)
    return refused
