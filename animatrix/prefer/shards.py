"""Sets in files: a shard of them drawn once, read many times.

    <cache>/pairs/<key>/shard-000000.jsonl         one pair a line: the manifest
    <cache>/pairs/<key>/shard-000000.sets.jsonl    one set a line: its members, its directives
    <cache>/<fingerprint>/<key>/shard-000000.safetensors    planes, maps

The file layer is that of :mod:`animatrix.train.data.shards`: files appear whole, carry the hash of their
content, and a lock keeps two processes from doing the same work. KEY says everything a set follows from.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.media.door import written_whole
from animatrix.prefer.pairs import Member, Pair, write_pairs
from animatrix.prefer.passage import Passage
from animatrix.prefer.recipe import PairData
from animatrix.prefer.sets import Drawn, Sets
from animatrix.train.data.cards import read_directive
from animatrix.train.data.shards import Cache, Damage, read_rows, read_tables, write_tables

logger = logging.getLogger("animatrix.prefer")
SHARD_SETS = 16
FORMAT = 2  # of what is drawn: raised when the same number no longer gives the same set
_AGAIN = 1.0  # seconds until a shard that another process is making is looked at again


@dataclass(frozen=True)
class _Listed:
    """What is known of a set without its pixels; its pairs as lines, read when they are needed."""

    members: list[Member]
    directives: dict[str, Directive]
    pairs: list[str]
    rows: slice


class PairStore:
    """The sets of one split, made when they are missing.

    Raises:
        AniMatrixError: MODEL_MISSING, as :class:`Passage`.
    """

    def __init__(self, data: PairData, split: str) -> None:
        self.data, self.split = data, split
        self.count = int(getattr(data.sets, split))
        self.passage = Passage(data.vae, data.noise, data.codecs)
        self.sets = Sets(data.seed, split, self.passage, data.size, data.frames)
        w, h = data.size
        self.key = f"{split}-s{data.seed}-{w}x{h}x{data.frames}-f{FORMAT}"
        self.fingerprint = self.passage.fingerprint
        self.cache = Cache(Path(data.cache), self.fingerprint)
        self._lock = threading.Lock()
        self._lists: dict[int, dict[int, _Listed]] = {}

    @property
    def shards(self) -> int:
        return -(-self.count // SHARD_SETS)

    def numbers(self, shard: int) -> range:
        return range(shard * SHARD_SETS, min(self.count, (shard + 1) * SHARD_SETS))

    def manifest(self, shard: int) -> Path:
        return self.cache.root / "pairs" / f"{self.key}-{self.fingerprint}" / f"shard-{shard:06d}.jsonl"

    def _sets_file(self, shard: int) -> Path:
        return self.manifest(shard).with_suffix(".sets.jsonl")

    def _tables(self, shard: int) -> Path:
        return self.cache.root / self.fingerprint / self.key / f"shard-{shard:06d}.safetensors"

    def is_made(self, shard: int) -> bool:
        return all(f(shard).exists() for f in (self._tables, self._sets_file, self.manifest))

    def make(self, shard: int) -> bool:
        """Draw a shard; False when another process is at it."""
        if self.is_made(shard):
            return True
        with self.cache.claim(f"{self.key}-{self.fingerprint}", shard) as mine:
            if not mine:
                return False
            if not self.is_made(shard):
                self._write(shard, {n: self.sets[n] for n in self.numbers(shard)})
        return True

    def _write(self, shard: int, drawn: dict[int, Drawn]) -> None:
        planes = torch.from_numpy(np.concatenate([d.planes for d in drawn.values()]))
        maps = torch.from_numpy(np.concatenate([d.maps for d in drawn.values()]))
        write_tables(self._tables(shard), {"planes": planes, "maps": maps})
        rows = [
            {
                "number": number,
                "members": [m.model_dump() for m in d.members],
                "pairs": len(d.pairs),
                "directives": {name: asked.canonical() for name, asked in d.directives.items()},
            }
            for number, d in drawn.items()
        ]
        self._sets_file(shard).parent.mkdir(parents=True, exist_ok=True)
        with written_whole(self._sets_file(shard)) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        write_pairs(self.manifest(shard), (p for d in drawn.values() for p in d.pairs))

    def _read(self, shard: int) -> dict[int, _Listed]:
        """What a shard lists, its tables checked once."""
        with self._damage(shard):
            rows = len(read_tables(self._tables(shard))["planes"])
            lines = self.manifest(shard).read_text("utf-8").splitlines()
            found, row, line = {}, 0, 0
            for text in self._sets_file(shard).read_text("utf-8").splitlines():
                one = json.loads(text)
                members = [Member(**m) for m in one["members"]]
                directives = {name: _directive(d) for name, d in one["directives"].items()}
                mine = lines[line : line + one["pairs"]]
                found[one["number"]] = _Listed(members, directives, mine, slice(row, row + len(members)))
                row, line = row + len(members), line + one["pairs"]
            if list(found) != list(self.numbers(shard)) or (row, line) != (rows, len(lines)):
                raise ValueError("its files do not belong together")
            return found

    @contextmanager
    def _damage(self, shard: int) -> Iterator[None]:
        try:
            yield
        except (Damage, OSError, ValueError, KeyError, TypeError) as error:
            raise AniMatrixError(
                Code.FILE_UNREADABLE,
                f"shard {shard} of {self.key} is damaged: {str(error).splitlines()[0][:400]}",
                f"remove {self._tables(shard)} and run the same command again",
            ) from None

    def __getitem__(self, number: int) -> Drawn:
        """A set, drawn now if its shard is not there. Safe for threads.

        Raises:
            AniMatrixError: FILE_UNREADABLE, naming the shard.
        """
        shard = number // SHARD_SETS
        with self._lock:
            if shard not in self._lists:
                while not self.make(shard):
                    time.sleep(_AGAIN)
                self._lists[shard] = self._read(shard)
            listed = self._lists[shard][number]
        with self._damage(shard):
            tables = read_rows(self._tables(shard), listed.rows, ["planes", "maps"])
            pairs = [Pair.model_validate_json(line) for line in listed.pairs]
        planes, maps = tables["planes"].numpy(), tables["maps"].numpy()
        return Drawn(listed.members, planes, maps, listed.directives, pairs)

    def __iter__(self) -> Iterator[Drawn]:
        for number in range(self.count):
            yield self[number]


def _directive(document: dict) -> Directive:
    return read_directive(json.dumps(document))


def make_one(data: PairData, split: str, shard: int) -> bool:
    """Make one shard in this process."""
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return PairStore(data, split).make(shard)


def prepare(data: PairData, tell=lambda line: None) -> int:
    """Make every shard of the recipe that is missing; returns how many were. Two at once share the work."""
    missing = [
        (split, shard)
        for split in ("tune", "train", "report")
        if getattr(data.sets, split)
        for store in [PairStore(data, split)]
        for shard in range(store.shards)
        if not store.is_made(shard)
    ]
    tell(f"{len(missing)} shards of {SHARD_SETS} sets to make")
    began = time.monotonic()

    def done(number: int, job: tuple[str, int]) -> None:
        left = (time.monotonic() - began) / number * (len(missing) - number)
        tell(f"{job[0]} shard {job[1]} ({number} of {len(missing)}, {left / 60:.0f} min left)")

    if data.workers < 2:
        for number, (split, shard) in enumerate(missing, 1):
            make_one(data, split, shard)
            done(number, (split, shard))
        return len(missing)
    with ProcessPoolExecutor(data.workers, mp_context=get_context("spawn")) as pool:
        jobs = [(job, pool.submit(make_one, data, *job)) for job in missing]
        for number, (job, future) in enumerate(jobs, 1):
            future.result()
            done(number, job)
    return len(missing)
