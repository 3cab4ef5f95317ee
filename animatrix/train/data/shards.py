"""Encoded items on disk, in shards of 64: what lies where, how it gets there whole, and how damage is told.

CACHE/
  cards/SOURCE/shard-000000.jsonl                one card a line; says nothing of any model
  pixels/SOURCE/shard-000000.33x160x96.npy       uint8 [64,T,H,W,3], only where they are kept
  FINGERPRINT/SOURCE/shard-000000.text.safetensors          text states, ragged
  FINGERPRINT/SOURCE/shard-000000.160x96x33.safetensors     latents, key latents

FINGERPRINT is that of VAE and text encoder: other weights, other folder. SOURCE says everything an item
follows from. A file appears under its final name only when it is whole, so two processes that make the same
shard do not harm each other; a lock keeps them from doing the work twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from animatrix.media.door import written_whole
from animatrix.train.data.cards import Card, as_line, read_line
from animatrix.train.plan import Bucket

SHARD_ITEMS = 64
FORMAT = "1"


class Damage(Exception):
    """A file of the cache that cannot be read, or an item that could not be made."""


@dataclass(frozen=True)
class Cache:
    """The files of a cache. ``fingerprint`` is empty where nothing is encoded (pixels only)."""

    root: Path
    fingerprint: str = ""

    def cards(self, source: str, shard: int) -> Path:
        return self.root / "cards" / source / f"shard-{shard:06d}.jsonl"

    def text(self, source: str, shard: int) -> Path:
        return self.root / self.fingerprint / source / f"shard-{shard:06d}.text.safetensors"

    def latents(self, source: str, shard: int, shape: Bucket) -> Path:
        return self.root / self.fingerprint / source / f"shard-{shard:06d}.{shape}.safetensors"

    def pixels(self, source: str, shard: int, shape: Bucket) -> Path:
        return self.root / "pixels" / source / f"shard-{shard:06d}.{shape}.npy"

    @contextlib.contextmanager
    def claim(self, source: str, shard: int) -> Iterator[bool]:
        """Whether this process has the shard for itself while the block runs. A lock of a process that has
        ended, however, is gone.
        """
        lock = self.root / "locks" / f"{source}-{shard:06d}"
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield _locked(descriptor)
        finally:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks on this system: the work may be done twice, to the same bytes
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_cards(path: Path, cards: Sequence[Card]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(as_line(card) for card in cards), "utf-8")


def read_cards(path: Path, first: int, count: int) -> list[Card]:
    """The cards of a shard whose items are ``first .. first + count - 1``.

    Raises:
        Damage: naming the file.
    """
    try:
        cards = [read_line(line) for line in path.read_text("utf-8").splitlines()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damage(f"{path} is damaged: {str(error)[:80]}") from None
    if [card.index for card in cards] != list(range(first, first + count)):
        raise Damage(f"{path} is damaged: it does not hold the items {first} to {first + count - 1}")
    return cards


def write_tables(path: Path, tables: Mapping[str, Tensor]) -> None:
    """Tensors as one safetensors file that carries the hash of its content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: table.detach().cpu().contiguous() for name, table in tables.items()}
    with written_whole(path) as temporary:
        # One entry: several are written in any order, and equal items have to give equal bytes.
        save_file(whole, temporary, {"animatrix": f"{FORMAT} {_digest(whole)}"})


def read_tables(path: Path) -> dict[str, Tensor]:
    """Every tensor of the file, checked against its hash.

    Raises:
        Damage: naming the file.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise Damage(f"{path} is damaged: {str(error).splitlines()[0][:80]}") from None
    form, _, digest = metadata.get("animatrix", "").partition(" ")
    if form != FORMAT:
        raise Damage(f"{path} is damaged: it is not of format {FORMAT}")
    if digest != _digest(found):
        raise Damage(f"{path} is damaged: its content has changed since it was written")
    return found


def read_rows(path: Path, row: int | slice, names: Sequence[str]) -> dict[str, Tensor]:
    """One row (or some) of some tables, the rest unread. Raises Damage, naming the file."""
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_slice(name)[row] for name in names}
    except (OSError, SafetensorError, ValueError, RuntimeError, IndexError) as error:
        raise Damage(f"{path} is damaged: {str(error).splitlines()[0][:80]}") from None


def _digest(tables: Mapping[str, Tensor]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(tables):
        table = tables[name].contiguous()
        found.update(f"{name} {table.dtype} {tuple(table.shape)}".encode())
        found.update(table.flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def write_pixels(path: Path, frames: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.save(file, frames)


def read_pixels(path: Path) -> np.ndarray:
    """``uint8 [N,T,H,W,3]``, mapped, not read. Raises Damage, naming the file."""
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise Damage(f"{path} is damaged: {str(error)[:80]}") from None
