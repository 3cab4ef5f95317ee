"""Where items come from: the synthetic corpus, and datasets that ``animatrix curate`` made.

A source is a numbered list of clips. Item i is the same frames anywhere, any time; a source has no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive
from animatrix.synthetic import Corpus
from animatrix.train import draws
from animatrix.train.data.cards import Card, amplitude, kind_of, percentile
from animatrix.train.data.framing import fitted, kept_share
from animatrix.train.data.shards import SHARD_ITEMS, Damage
from animatrix.train.plan import Bucket

KEYFRAMES = 3  # random frames of each clip kept as single-image latents
LEAST_KEPT = 0.6  # share of the picture a bucket may leave; a wider crop shows another shot


class Source(Protocol):
    """A numbered list of clips.

    Attributes:
        name: in the recipe and in messages.
        key: of the folder of its shards: everything its items follow from.
        count: of items.
    """

    name: str
    key: str
    count: int

    def known(self, shard: int) -> list[Card] | None:
        """The cards of a shard where they can be told without making any clip, else None."""
        ...

    def clip(self, index: int, shapes: Sequence[Bucket]) -> tuple[Card, list[np.ndarray]]:
        """Its card, and its frames ``uint8 [T,H,W,3]`` in each of the shapes; of a shape of one frame, its
        key frames instead (see :func:`key_frames`); none, [0,H,W,3], where it does not fit.

        Raises:
            AniMatrixError, Damage: when the clip cannot be drawn or read.
        """
        ...

    def stored(self, bucket: Bucket) -> Bucket:
        """The shape whose frames serve a bucket: clips that may be cut short are stored whole."""
        ...

    def fits(self, card: Card, bucket: Bucket) -> bool:
        """Whether the item can be shown in the bucket."""
        ...

    def asked(self, card: Card, bucket: Bucket) -> Directive:
        """What the item's frames in the bucket show."""
        ...


def key_frames(index: int, frames: int) -> np.ndarray:
    """Numbers ``int64 [KEYFRAMES]``, ascending, of an item's key frames among ``frames``."""
    return np.sort(draws.rng(0, "keys", index, frames).integers(0, frames, KEYFRAMES))


def items_of(source: Source, shard: int) -> range:
    """Numbers of the items of a shard."""
    return range(shard * SHARD_ITEMS, min(source.count, (shard + 1) * SHARD_ITEMS))


def shards_of(source: Source) -> int:
    return -(-source.count // SHARD_ITEMS)


class SyntheticSource:
    """Shots of the synthetic corpus, rendered at one size and length.

    Args:
        name: in the recipe.
        world, seed, size, frames, scenes: of :class:`Corpus`; 24 frames a second.
        split: ``train`` to train on; ``tune`` for held-out figures.
        count: items it has.
    """

    def __init__(
        self,
        name: str,
        world: str = "everyday",
        seed: int = 0,
        size: tuple[int, int] = (160, 96),
        frames: int = 33,
        split: str = "train",
        count: int = 4096,
        scenes: int = 0,
    ) -> None:
        self.name, self.count, self.size, self.frames = name, count, size, frames
        self.key = f"{world}-{split}-s{seed}-{size[0]}x{size[1]}x{frames}"
        self.key += f"-of{scenes}" if scenes else ""
        self.corpus = Corpus(seed, split, size, frames, 24.0, world, scenes=scenes)

    def known(self, shard: int) -> list[Card] | None:
        return None

    def clip(self, index: int, shapes: Sequence[Bucket]) -> tuple[Card, list[np.ndarray]]:
        sample = self.corpus[index]
        deformation = percentile(amplitude(sample.truth))
        layout = sample.truth.layout
        card = Card(
            index,
            f"{self.name}/{index}",
            sample.directive.canonical_json(),
            kind_of(sample.directive, deformation),
            deformation,
            len(sample.clip),
            *sample.clip.size,
            layout=None if layout is None else layout.tolist(),
        )
        frames = sample.clip.frames
        keys = frames[key_frames(index, len(frames))]
        return card, [
            np.stack([fitted(f, s.width, s.height) for f in (keys if s.frames == 1 else frames)])
            if self.fits(card, s)
            else np.zeros((0, s.height, s.width, 3), np.uint8)
            for s in shapes
        ]

    def stored(self, bucket: Bucket) -> Bucket:
        return bucket if bucket.frames == 1 else Bucket(self.frames, bucket.width, bucket.height)

    def fits(self, card: Card, bucket: Bucket) -> bool:
        return bucket.frames <= self.frames and _shows_enough(card, bucket)

    def asked(self, card: Card, bucket: Bucket) -> Directive:
        return card.asked(0, bucket.frames if bucket.frames > 1 else None)


def _shows_enough(card: Card, bucket: Bucket) -> bool:
    return kept_share(card.width, card.height, bucket.width / bucket.height) >= LEAST_KEPT


def reason(error: Exception) -> str:
    """One line of why an item could not be made."""
    text = error.message if isinstance(error, AniMatrixError) else str(error) or type(error).__name__
    kind = "" if isinstance(error, AniMatrixError | Damage) else f"{type(error).__name__}: "
    return f"{kind}{text}".splitlines()[0][:160]


def home(path: Path) -> str:
    """A folder's name as part of a key."""
    return "".join(c if c.isalnum() else "-" for c in path.resolve().name)[:40] or "dataset"
