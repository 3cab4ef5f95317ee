"""Clips of a dataset that ``animatrix curate`` made, as items: 24 frames a second, cut to a bucket's shape.

One item a kept shot; its directive is what AniCaption read. A bucket shows a window of its length: where it
begins follows from item and bucket alone. Rates are converted by taking the nearest frame in time, so that
held drawings stay held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from animatrix.corpus import Manifest
from animatrix.corpus.manifest import Row
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.media import stream_frames
from animatrix.train import draws
from animatrix.train.data.cards import Card, check_version, estimated, faulty, kind_of
from animatrix.train.data.framing import fitted, kept_share
from animatrix.train.data.shards import Damage
from animatrix.train.data.sources import LEAST_KEPT, SHARD_ITEMS, home, key_frames, reason
from animatrix.train.plan import Bucket

RATE = 24.0
_EDGE = 1e-4  # seconds: time stamps are rounded to the container's time base


class CuratedSource:
    """The kept shots of a dataset, in its order.

    Raises:
        AniMatrixError: as :class:`Manifest`; TAXONOMY_VERSION for a dataset of another major taxonomy
            release; BAD_RECIPE when it holds no shot.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        manifest = Manifest(path)
        version = str(manifest.summary.get("taxonomy_version", ""))
        if version:
            check_version(version, f"the dataset {path}")
        self.rows: list[Row] = list(manifest)
        if not self.rows:
            raise AniMatrixError(Code.BAD_RECIPE, f"the dataset {path} holds no shot", "curate more footage")
        self.count = len(self.rows)
        listed = hashlib.blake2b(digest_size=6)
        for row in self.rows:
            listed.update(f"{row.key} {row.clip_sha256} {row.directive_json}".encode())
        self.key = f"curated-{home(path)}-{listed.hexdigest()}"
        self._cards: dict[int, Card] = {}

    def known(self, shard: int) -> list[Card] | None:
        return [self.card(i) for i in range(shard * SHARD_ITEMS, min(self.count, (shard + 1) * SHARD_ITEMS))]

    def card(self, index: int) -> Card:
        if index not in self._cards:
            self._cards[index] = self._card(index)
        return self._cards[index]

    def _card(self, index: int) -> Card:
        row = self.rows[index]
        name = f"{self.name}/{row.source}#{row.shot}"
        try:
            directive = row.directive.to_fps(RATE)
        except AniMatrixError as error:
            return faulty(index, name, reason(error))
        tags = {
            field: kept for field, kept in directive.tags.items() if all(t.value != "unknown" for t in kept)
        }
        directive = directive.model_copy(update={"tags": tags})
        deformation = round(estimated(directive), 4)
        kind = kind_of(directive, deformation)
        return Card(
            index,
            name,
            directive.canonical_json(),
            kind,
            deformation,
            directive.frames,
            row.width,
            row.height,
        )

    def clip(self, index: int, shapes: Sequence[Bucket]) -> tuple[Card, list[np.ndarray]]:
        card, row = self.card(index), self.rows[index]
        if card.fault:
            raise Damage(card.fault)
        if not row.clip.is_file():
            raise Damage(f"{row.clip.name} is missing from the dataset")
        with row.clip.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != row.clip_sha256:
                raise Damage(f"{row.clip.name} is not the clip that was curated")
        wanted = [self._times(card, shape) if self.fits(card, shape) else [] for shape in shapes]
        sizes = [(shape.width, shape.height) for shape in shapes]
        return card, [
            np.stack(frames) if frames else np.zeros((0, h, w, 3), np.uint8)
            for frames, (w, h) in zip(_at(row.clip, wanted, sizes), sizes, strict=True)
        ]

    def stored(self, bucket: Bucket) -> Bucket:
        return bucket

    def fits(self, card: Card, bucket: Bucket) -> bool:
        share = kept_share(card.width, card.height, bucket.width / bucket.height)
        return card.frames >= bucket.frames and share >= LEAST_KEPT

    def asked(self, card: Card, bucket: Bucket) -> Directive:
        return card.asked(self.window(card, bucket), bucket.frames) if bucket.frames > 1 else card.asked()

    def window(self, card: Card, bucket: Bucket) -> int:
        """The frame, at 24 fps, that the bucket's window of the item begins with."""
        spare = card.frames - bucket.frames
        return draws.number(0, "window", card.index, bucket.frames) % (spare + 1) if spare > 0 else 0

    def _times(self, card: Card, shape: Bucket) -> list[float]:
        """Seconds of the frames of a shape; of a shape of one frame, of the key frames of the whole clip."""
        if shape.frames == 1:
            return [float(k) / RATE for k in key_frames(card.index, card.frames)]
        return [(self.window(card, shape) + k) / RATE for k in range(shape.frames)]


def _at(
    path: Path, times: Sequence[Sequence[float]], sizes: Sequence[tuple[int, int]]
) -> list[list[np.ndarray]]:
    """For each list of ascending times (seconds) the frames nearest to them, at its size; one decode."""
    found: list[list[np.ndarray]] = [[] for _ in times]
    for frame, until in _shown(path):
        for kept, wanted, (width, height) in zip(found, times, sizes, strict=True):
            picture = None
            while len(kept) < len(wanted) and wanted[len(kept)] < until:
                picture = fitted(frame, width, height) if picture is None else picture
                kept.append(picture)
        if all(len(kept) == len(wanted) for kept, wanted in zip(found, times, strict=True)):
            break
    return found


def _shown(path: Path) -> Iterator[tuple[np.ndarray, float]]:
    """Each frame, and the time up to which none is nearer: halfway to the next."""
    last: tuple[float, np.ndarray] | None = None
    for seconds, frame in stream_frames(path):
        if last is not None:
            yield last[1], (last[0] + seconds) / 2 + _EDGE
        last = seconds, frame
    if last is not None:
        yield last[1], float("inf")
