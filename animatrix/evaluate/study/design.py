"""Who sees what, in which order and on which side: drawn from the seed, rater by rater.

A rater takes the next free *slot*. The plan of a slot follows from the seed and the slots before it, so that
after any number of raters each unit (an item and two of its systems) was seen equally often, to one, and each
of its systems stood on the left equally often, to one. Per 40 trials: 4 calibration, 3 gold, 2 repeats and 1
identical pair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from animatrix.evaluate.study.definition import DAMAGE, Definition
from animatrix.evaluate.study.records import BROKEN, Kind, Mode
from animatrix.prefer.negatives import NEGATIVES

PER_40: dict[Kind, int] = {"calibration": 4, "gold": 3, "repeat": 2, "identical": 1}
Unit = tuple[str, ...]  # (item, system, system) of a pair, (item, system) of a score


@dataclass(frozen=True)
class Planned:
    """One trial of a slot: what stands left and right (None in score mode), as systems of the item.

    ``repeats``: place (from 1) of the trial shown again.
    """

    number: int
    kind: Kind
    item: str
    left: str
    right: str | None
    repeats: int | None = None

    @property
    def unit(self) -> Unit:
        return (self.item, *sorted(s for s in (self.left, self.right) if s is not None))

    @property
    def expected(self) -> dict[str, str]:
        """dimension -> side known to be better, of a gold pair."""
        if self.kind != "gold" or self.right is None:
            return {}
        return dict.fromkeys(NEGATIVES[DAMAGE].lowers, "left" if self.right == BROKEN else "right")


def counts(trials: int, mode: Mode, gold: bool = True) -> dict[Kind, int]:
    """How many trials of each kind; real ones are the rest. A score has no identical pair; where no clip can
    be damaged there are no gold trials, and so fewer in all.
    """
    found: dict[Kind, int] = {k: int(n * trials / 40 + 0.5) for k, n in PER_40.items()}
    if mode == "score":
        found["identical"] = 0
    found["real"] = trials - sum(found.values())
    if not gold:
        found["gold"] = 0
    return found


def units_of(items: Mapping[str, Mapping[str, Any]], systems: Sequence[str], mode: Mode) -> list[Unit]:
    """What can be asked, once each; systems that gave the same file for an item are not compared on it."""
    if mode == "score":
        return [(item, system) for item in items for system in systems]
    found: list[Unit] = []
    for item, clips in items.items():
        for a, b in combinations(sorted(systems), 2):
            if getattr(clips[a], "source", 0) != getattr(clips[b], "source", 1):
                found.append((item, a, b))
    return found


def enough(trials: int, mode: Mode, units: int) -> bool:
    """Whether no rater need see a unit twice, but for repeats."""
    found = counts(trials, mode)
    return found["real"] + found["calibration"] <= units


def most_trials(mode: Mode, units: int) -> int:
    """The most trials of a rater that so many units are enough for."""
    return max((n for n in range(2 * units + 10) if enough(n, mode, units)), default=0)


class Design:
    """The plans of all slots; :meth:`plan` of one."""

    def __init__(self, study: Definition) -> None:
        self.study = study
        clips = {name: item.clips for name, item in study.items.items()}
        units = units_of(clips, study.systems, study.mode)
        self.gold = sorted(name for name, item in study.items.items() if item.damaged)
        self.counts = counts(study.trials, study.mode, bool(self.gold))
        rng = np.random.default_rng([study.seed, 2])
        order = [units[i] for i in rng.permutation(len(units))]
        # The same for every rater, and kept out of what is measured.
        self.calibration, self.units = (
            order[: self.counts["calibration"]],
            order[self.counts["calibration"] :],
        )
        self.identical = [(item, s) for item in clips for s in study.systems]
        self._seen: Counter[Unit] = Counter()
        self._leaning: Counter[Unit] = Counter()  # first system's times on the left less those on the right
        self._gold_seen: Counter[str] = Counter()
        self._plans: list[list[Planned]] = []

    def plan(self, slot: int) -> list[Planned]:
        """The trials of a slot (from 0), in order."""
        while len(self._plans) <= slot:
            self._plans.append(self._drawn(len(self._plans)))
        return self._plans[slot]

    def _drawn(self, slot: int) -> list[Planned]:
        rng = np.random.default_rng([self.study.seed, 3, slot])
        on_left: Counter[str] = Counter()
        first = [self._sided("calibration", unit, rng, on_left) for unit in self.calibration]
        first = [first[i] for i in rng.permutation(len(first))]
        real = [self._sided("real", unit, rng, on_left) for unit in self._chosen(rng)]
        checks = self._golden(rng) + self._alike(rng)
        order = [(real + checks)[i] for i in rng.permutation(len(real) + len(checks))]
        order = first + _apart(order)
        for p in self._again(order, len(first), rng):  # the first half stays where it is
            order.insert(int(rng.integers(-(-2 * len(order) // 3), len(order) + 1)), p)
        return [replace(p, number=n) for n, p in enumerate(order, 1)]

    def _chosen(self, rng: np.random.Generator) -> list[Unit]:
        """Real units of a rater: those least seen, and among them items and pairs new to this rater."""
        chosen: list[Unit] = []
        items: Counter[str] = Counter()
        pairs: Counter[Unit] = Counter()
        rest = [self.units[i] for i in rng.permutation(len(self.units))]
        for _ in range(self.counts["real"]):
            best = min(rest, key=lambda u: (self._seen[u], items[u[0]], pairs[u[1:]]))
            rest.remove(best)
            chosen.append(best)
            items[best[0]] += 1
            pairs[best[1:]] += 1
        self._seen.update(chosen)
        return chosen

    def _sided(self, kind: Kind, unit: Unit, rng: np.random.Generator, on_left: Counter[str]) -> Planned:
        item, *systems = unit
        if len(systems) == 1:
            return Planned(0, kind, item, systems[0], None)
        a, b = systems
        lean = self._leaning[unit] or (on_left[a] - on_left[b]) or (1 if rng.random() < 0.5 else -1)
        left, right = (b, a) if lean > 0 else (a, b)
        self._leaning[unit] += 1 if left == a else -1
        on_left[left] += 1
        return Planned(0, kind, item, left, right)

    def _golden(self, rng: np.random.Generator) -> list[Planned]:
        """Clips against damaged copies of themselves; in score mode the copies alone."""
        found = []
        order = [self.gold[i] for i in rng.permutation(len(self.gold))]
        start = int(rng.integers(2))
        for n in range(self.counts["gold"]):
            item = min(order, key=lambda name: self._gold_seen[name])
            order = [name for name in order if name != item] or list(self.gold)
            self._gold_seen[item] += 1
            whole = self.study.items[item].damaged
            assert whole is not None
            sides = (whole, BROKEN) if (n + start) % 2 else (BROKEN, whole)
            left, right = sides if self.study.mode == "pair" else (BROKEN, None)
            found.append(Planned(0, "gold", item, left, right))
        return found

    def _alike(self, rng: np.random.Generator) -> list[Planned]:
        """One clip on both sides."""
        chosen = rng.permutation(len(self.identical))[: self.counts["identical"]]
        return [
            Planned(0, "identical", item, system, system)
            for item, system in (self.identical[i] for i in chosen)
        ]

    def _again(self, order: list[Planned], first: int, rng: np.random.Generator) -> list[Planned]:
        """Real trials of the first half, for the last third: shown again with their sides changed."""
        early = [
            n for n, p in enumerate(order, 1) if p.kind == "real" and n <= max(first + 1, len(order) // 2)
        ]
        chosen = sorted(rng.permutation(early)[: self.counts["repeat"]])
        found = []
        for n in chosen:
            p = order[n - 1]
            left, right = (p.left, None) if p.right is None else (p.right, p.left)
            found.append(Planned(0, "repeat", p.item, left, right, repeats=int(n)))
        return found


def _apart(order: list[Planned]) -> list[Planned]:
    """The same trials with no item twice in a row, where that can be."""
    found: list[Planned] = []
    rest = list(order)
    while rest:
        last = found[-1].item if found else None
        at = next((i for i, p in enumerate(rest) if p.item != last), 0)
        found.append(rest.pop(at))
    return found


def balance(plans: Iterable[list[Planned]]) -> tuple[int, int]:
    """Of the real trials of many slots: how much the exposures of units differ at most (units never seen are
    left out), and the most that a unit leans to one side.
    """
    seen: Counter[Unit] = Counter()
    lean: Counter[Unit] = Counter()
    for plan in plans:
        for p in plan:
            if p.kind == "real":
                seen[p.unit] += 1
                lean[p.unit] += 1 if p.left == p.unit[1] else -1
    return max(seen.values()) - min(seen.values()), max(map(abs, lean.values()))
