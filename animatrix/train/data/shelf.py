"""Encoded shards at hand: read whole and checked the first time, kept as far as memory is given."""

from __future__ import annotations

import threading
from pathlib import Path

import torch
from torch import Tensor

from animatrix.train.data.shards import SHARD_ITEMS, Cache, Damage, read_rows, read_tables
from animatrix.train.plan import Bucket


class Shelf:
    """Items of the cache. What does not fit into ``memory`` bytes is read row by row; nothing is thrown out,
    because a pool is drawn from evenly and the oldest is as likely as the newest. Safe for threads.
    """

    def __init__(self, cache: Cache, memory: int) -> None:
        self.cache, self.memory, self.used = cache, memory, 0
        self._kept: dict[Path, dict[str, Tensor]] = {}
        self._checked: set[Path] = set()
        self._bad: dict[Path, str] = {}
        self._lock = threading.Lock()

    def item(
        self, source: str, index: int, shape: Bucket, slots: int, films: bool = False
    ) -> dict[str, Tensor]:
        """Tables of one item: keys, key_index, text [slots,D], and latents where the shape has more than one
        frame, with ``films`` also film.

        Args:
            source: key of the source.
        Raises:
            Damage: naming the file or the item.
        """
        shard, row = divmod(index, SHARD_ITEMS)
        names = ["keys", "key_index", "good", *(["latents"] if shape.frames > 1 else [])]
        names += ["film"] if films and shape.frames > 1 else []
        found = self._row(self.cache.latents(source, shard, shape), row, names)
        if not found.pop("good"):
            raise Damage(f"{source}/{index} could not be made in {shape}")
        path = self.cache.text(source, shard)
        tables = self._open(path)
        first, last = (tables or read_rows(path, slice(row, row + 2), ["offset"]))["offset"][
            slice(row, row + 2) if tables else slice(None)
        ].tolist()
        states = (
            tables["states"][first:last]
            if tables
            else read_rows(path, slice(first, last), ["states"])["states"]
        )
        text = torch.zeros(slots, states.shape[1], dtype=states.dtype)
        text[: len(states)] = states
        return found | {"text": text}

    def _row(self, path: Path, row: int, names: list[str]) -> dict[str, Tensor]:
        tables = self._open(path)
        if tables is None:
            return read_rows(path, row, names)
        if not all(name in tables and row < len(tables[name]) for name in names):
            raise Damage(f"{path} is damaged: it has no row {row} of {', '.join(names)}")
        return {name: tables[name][row] for name in names}

    def _open(self, path: Path) -> dict[str, Tensor] | None:
        """The file's tables where they are kept, else None; checked either way."""
        with self._lock:
            if path in self._bad:
                raise Damage(self._bad[path])
            if path in self._kept:
                return self._kept[path]
            if path in self._checked:
                return None
            try:
                tables = read_tables(path)
            except Damage as error:
                self._bad[path] = str(error)
                raise
            size = sum(table.nbytes for table in tables.values())
            if self.used + size > self.memory:
                self._checked.add(path)
                return None
            self._kept[path] = tables
            self.used += size
            return tables
