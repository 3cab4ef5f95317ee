"""Which item a sample shows: pure in the seed, the step, the place and the cards of the pool at that step.

A source's pool grows with the step: ``first + fresh * step`` items, by whole shards. Nothing is remembered
from one step to the next, so any step can be planned at any time, on any process, and gives the same draws.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.train import draws
from animatrix.train.data.balance import balanced, said
from animatrix.train.data.cards import KINDS, Card
from animatrix.train.data.shards import SHARD_ITEMS
from animatrix.train.data.sources import Source, shards_of
from animatrix.train.plan import Bucket, Draw

_TABLES = 24  # kept: sources x buckets, at the last sizes of their pools


@dataclass(frozen=True)
class Stream:
    """A source as the recipe mixes it: its weight, and how its pool grows."""

    source: Source
    weight: float
    first: int
    fresh: float

    def shards(self, step: int) -> int:
        """Shards in the pool at a step, at least one."""
        items = min(self.source.count, self.first + int(self.fresh * step))
        if items >= self.source.count:
            return shards_of(self.source)
        return max(1, items // SHARD_ITEMS)

    def first_step(self, shard: int) -> int:
        """The step from which the shard is in the pool (any step of no use: 0)."""
        items = min(self.source.count, (shard + 1) * SHARD_ITEMS)
        if shard == 0 or items <= self.first or self.fresh <= 0:
            return 0
        return int((items - self.first) / self.fresh)


@dataclass(frozen=True)
class _Table:
    """Items of one kind, the running sums of their weights, and their share of the pool's items that fit."""

    index: np.ndarray
    sums: np.ndarray
    share: float

    def at(self, u: float) -> int:
        return int(self.index[np.searchsorted(self.sums, u * self.sums[-1], side="right")])


class _Columns:
    """The cards of a shard as columns: index, kinds (numbers), good, values (see :func:`said`)."""

    def __init__(self, cards: Sequence[Card]) -> None:
        self.cards = cards
        self.index = np.array([card.index for card in cards], np.int64)
        self.kinds = np.array([KINDS.index(card.kind) for card in cards], np.int8)
        self.good = np.array([not card.fault for card in cards], bool)
        self.values = said(cards)
        self._fits: dict[Bucket, np.ndarray] = {}

    def fits(self, source: Source, bucket: Bucket) -> np.ndarray:
        """bool: which can be shown in the bucket."""
        if bucket not in self._fits:
            fits = [not card.fault and source.fits(card, bucket) for card in self.cards]
            self._fits[bucket] = np.array(fits, bool)
        return self._fits[bucket]


class Sampler:
    """Draws items.

    Args:
        cards: (source name, shard) -> its cards; may wait until they are made; none for a damaged shard.
        power, cap: see :func:`balanced`.
    """

    def __init__(
        self,
        seed: int,
        streams: Sequence[Stream],
        cards: Callable[[str, int], Sequence[Card]],
        power: float = 0.5,
        cap: float = 8.0,
    ) -> None:
        self.seed, self.streams, self.cards = seed, tuple(streams), cards
        self.power, self.cap = power, cap
        self._tables: OrderedDict[tuple[str, int, Bucket], dict[str, _Table]] = OrderedDict()
        self._columns: dict[tuple[str, int], _Columns | None] = {}
        self._weights: dict[str, tuple[int, list[_Columns], np.ndarray]] = {}

    def draw(self, step: int, place: int, bucket: Bucket, mix: Sequence[float], attempt: int = 0) -> Draw:
        """The sample at a place of a step. ``attempt`` counts the draws that turned out not to be readable.

        Raises:
            AniMatrixError: BAD_RECIPE when no item of the pool fits the bucket.
        """
        rng = draws.rng(self.seed, "draw", step, place, attempt)
        of_kind, of_source, of_item = rng.random(3)
        tables = [(stream, self._tables_of(stream, step, bucket)) for stream in self.streams]
        wanted = KINDS[min(int(np.searchsorted(np.cumsum(mix), of_kind * sum(mix), side="right")), 2)]
        kind = next((k for k in _nearest(wanted) if any(k in found for _, found in tables)), None)
        if kind is None:
            raise AniMatrixError(
                Code.BAD_RECIPE,
                f"no item of the pool at step {step} fits the bucket {bucket}",
                "check the sizes and lengths of the sources",
            )
        holding = [(stream, found[kind]) for stream, found in tables if kind in found]
        # A source that has few items of the kind gives few: they would be shown over and over.
        sums = np.cumsum([stream.weight * table.share for stream, table in holding])
        stream, table = holding[
            min(int(np.searchsorted(sums, of_source * sums[-1], side="right")), len(sums) - 1)
        ]
        return Draw(step, place, stream.source.name, table.at(float(of_item)), kind)

    def again(self, draw: Draw, bucket: Bucket, attempt: int) -> Draw:
        """The draw in place of one that cannot be read: of its kind, with its step and place."""
        only = tuple(float(kind == draw.kind) for kind in KINDS)
        return self.draw(draw.step, draw.place, bucket, only if any(only) else (1.0, 1.0, 1.0), attempt)

    def _tables_of(self, stream: Stream, step: int, bucket: Bucket) -> dict[str, _Table]:
        shards = stream.shards(step)
        key = (stream.source.name, shards, bucket)
        if key not in self._tables:
            self._tables[key] = self._made(stream, shards, bucket)
            while len(self._tables) > _TABLES:
                self._tables.popitem(last=False)
        self._tables.move_to_end(key)
        return self._tables[key]

    def _made(self, stream: Stream, shards: int, bucket: Bucket) -> dict[str, _Table]:
        columns, weights = self._pool(stream, shards)
        if not columns:
            return {}
        fits = np.concatenate([c.fits(stream.source, bucket) for c in columns]) & (weights > 0)
        kinds = np.concatenate([c.kinds for c in columns])
        index = np.concatenate([c.index for c in columns])
        if bucket.frames == 1:  # a single picture of a moving shot shows no motion: it teaches style
            kinds = np.where(kinds == KINDS.index("motion"), KINDS.index("style"), kinds)
        found = {}
        for number, kind in enumerate(KINDS):
            chosen = fits & (kinds == number)
            if chosen.any():
                share = chosen.sum() / fits.sum()
                found[kind] = _Table(index[chosen], np.cumsum(weights[chosen]), float(share))
        return found

    def _pool(self, stream: Stream, shards: int) -> tuple[list[_Columns], np.ndarray]:
        """Columns and weights of the pool's first shards."""
        name = stream.source.name
        kept = self._weights.get(name)
        if kept is None or kept[0] != shards:
            columns = [c for shard in range(shards) if (c := self._columns_of(name, shard)) is not None]
            starts = np.cumsum([0, *(len(c.index) for c in columns)])
            values = [c.values + np.array([start, 0]) for c, start in zip(columns, starts, strict=False)]
            good = [c.good for c in columns]
            weights = np.zeros(0)
            if columns:
                weights = balanced(np.concatenate(values), np.concatenate(good), self.power, self.cap)
            kept = (shards, columns, weights)
            self._weights[name] = kept
        return kept[1], kept[2]

    def _columns_of(self, source: str, shard: int) -> _Columns | None:
        """None for a shard whose cards are damaged."""
        if (source, shard) not in self._columns:
            cards = self.cards(source, shard)
            self._columns[source, shard] = _Columns(cards) if cards else None
        return self._columns[source, shard]


def _nearest(kind: str) -> list[str]:
    """Kinds to fall back to: earlier ones first."""
    at = KINDS.index(kind)
    return [*reversed(KINDS[: at + 1]), *KINDS[at + 1 :]]
