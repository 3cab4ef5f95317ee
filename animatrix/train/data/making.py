"""Making items: drawn or read, brought to the shapes asked for, encoded, and written as a shard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import torch
from torch import Tensor

from animatrix.train.data.cards import Card, faulty
from animatrix.train.data.shards import (
    Cache,
    Damage,
    read_cards,
    read_pixels,
    write_cards,
    write_pixels,
    write_tables,
)
from animatrix.train.data.sources import KEYFRAMES, Source, items_of, key_frames, reason
from animatrix.train.plan import Bucket

if TYPE_CHECKING:
    from animatrix.train.data.encoders import Encoder, WanEncoder

Tell = Callable[
    [str, int | str], None
]  # ("item", its number) before each; ("fault", one line) after a bad one


@dataclass(frozen=True)
class Work:
    """What makers make.

    Args:
        sources: by name.
        shapes: stored shapes of every source; none: cards only.
        encoder: None to write cards and pixels only.
    """

    sources: Mapping[str, Source]
    shapes: Mapping[str, tuple[Bucket, ...]]
    encoder: Encoder | None
    cache: Cache
    keep_pixels: bool = False


def encoded(
    source: Source, card: Card, shape: Bucket, frames: np.ndarray, encoder: Encoder
) -> dict[str, Tensor]:
    """Latents of one item in one shape.

    Args:
        frames: as :meth:`Source.clip` gives them, not empty.
    Returns:
        latents bf16 [C,F,h,w] (not of a shape of one frame), keys bf16 [K,C,h,w], key_index int64 [K] in
        frames of the window; ``film`` as latents, where the encoder makes it.
    """
    if shape.frames == 1:
        index = torch.from_numpy(key_frames(card.index, card.frames))
        return {"keys": encoder.latents(frames[:, None])[:, :, 0], "key_index": index}
    chosen = key_frames(card.index, len(frames))
    found = {
        "latents": encoder.latents(frames[None])[0],
        "keys": encoder.latents(frames[chosen][:, None])[:, :, 0],
        "key_index": torch.from_numpy(chosen),
    }
    return found | ({"film": encoder.film(frames)} if makes_films(encoder) else {})


def makes_films(encoder: Encoder | None) -> TypeGuard[WanEncoder]:
    """Whether items also have what an image-to-video model is shown of their first frame."""
    return getattr(encoder, "films", False)


def made(work: Work, name: str, index: int, shape: Bucket) -> dict[str, Tensor]:
    """One item on the fly: :func:`encoded` and ``text`` [S,D].

    Raises:
        Damage: when it cannot be drawn or read, or does not fit the shape.
    """
    source, encoder = work.sources[name], work.encoder
    assert encoder is not None
    try:
        card, (frames,) = source.clip(index, [shape])
    except MemoryError:
        raise
    except Exception as error:  # whatever is wrong with one item must not end the training
        raise Damage(f"{name}/{index}: {reason(error)}") from None
    if not len(frames):
        raise Damage(f"{name}/{index} does not fit {shape}")
    text = encoder.text([card.asked().narrative])[0]
    return encoded(source, card, shape, frames, encoder) | {"text": text}


def is_made(work: Work, name: str, shard: int) -> bool:
    """Whether every file of the shard is there."""
    return not _missing(work, name, shard).anything


@dataclass(frozen=True)
class _Missing:
    cards: bool
    text: bool
    latents: tuple[Bucket, ...]
    pixels: tuple[Bucket, ...]

    @property
    def anything(self) -> bool:
        return bool(self.cards or self.text or self.latents or self.pixels)


def _missing(work: Work, name: str, shard: int) -> _Missing:
    cache, key, shapes = work.cache, work.sources[name].key, work.shapes[name]
    encodes = work.encoder is not None and bool(shapes)
    return _Missing(
        work.sources[name].known(shard) is None and not cache.cards(key, shard).exists(),
        encodes and not cache.text(key, shard).exists(),
        tuple(s for s in shapes if encodes and not cache.latents(key, shard, s).exists()),
        tuple(s for s in shapes if work.keep_pixels and not cache.pixels(key, shard, s).exists()),
    )


def make_shard(
    work: Work, name: str, shard: int, poisoned: Mapping[int, str] | None = None, tell: Tell = lambda *_: None
) -> bool:
    """Make what is missing of a shard; an item that cannot be made is told, and left out.

    Args:
        poisoned: items not to try, with the reason.
    Returns:
        False when another process is making it.
    """
    if is_made(work, name, shard):
        return True
    source = work.sources[name]
    with work.cache.claim(source.key, shard) as mine:
        if not mine:
            return False
        missing = _missing(work, name, shard)  # another process may have just finished
        if missing.anything:
            _make(work, source, shard, missing, poisoned or {}, tell)
    return True


def _make(
    work: Work, source: Source, shard: int, missing: _Missing, poisoned: Mapping[int, str], tell: Tell
) -> None:
    cache, key, encoder = work.cache, source.key, work.encoder
    shapes = tuple(dict.fromkeys((*missing.latents, *missing.pixels)))
    cards = _cards_there(cache, source, shard)
    kept = {} if cards is None else _kept(cache, source, shard, shapes, missing)
    found: list[Card] = []
    rows: dict[Bucket, list[dict[str, Tensor]]] = {shape: [] for shape in missing.latents}
    texts: list[Tensor | None] = []
    pixels: dict[Bucket, list[np.ndarray]] = {shape: [] for shape in missing.pixels}
    for row, index in enumerate(items_of(source, shard)):
        tell("item", index)
        card, clips = _one(source, index, shapes, cards[row] if cards else None, kept, row, poisoned, tell)
        found.append(card)
        clip_of = dict(zip(shapes, clips, strict=True))
        if encoder is not None:
            for shape in missing.latents:
                frames = clip_of[shape]
                rows[shape].append(encoded(source, card, shape, frames, encoder) if len(frames) else {})
            if missing.text:
                texts.append(_trimmed(encoder.text([card.asked().narrative])[0]) if not card.fault else None)
        for shape in missing.pixels:
            pixels[shape].append(clip_of[shape])
    tell("item", "written")
    for shape, frames_of in pixels.items():
        length = KEYFRAMES if shape.frames == 1 else shape.frames
        empty = np.zeros((length, shape.height, shape.width, 3), np.uint8)
        write_pixels(cache.pixels(key, shard, shape), np.stack([f if len(f) else empty for f in frames_of]))
    if missing.text and encoder is not None:
        write_tables(cache.text(key, shard), _ragged(texts, encoder.text_dim))
    for shape, tables in rows.items():
        assert encoder is not None
        write_tables(cache.latents(key, shard, shape), _stacked(tables, shape, encoder))
    if missing.cards:  # last: who finds them may wait for the rest, who misses them makes the rest again
        write_cards(cache.cards(key, shard), found)


def _one(
    source: Source,
    index: int,
    shapes: Sequence[Bucket],
    card: Card | None,
    kept: Mapping[Bucket, np.ndarray],
    row: int,
    poisoned: Mapping[int, str],
    tell: Tell,
) -> tuple[Card, list[np.ndarray]]:
    """Card and frames; of an item that cannot be made, a faulty card and no frames."""
    nothing = [np.zeros((0, s.height, s.width, 3), np.uint8) for s in shapes]
    name = f"{source.name}/{index}"
    if card is not None and card.fault:
        return card, nothing
    if index in poisoned:
        tell("fault", f"{name}: {poisoned[index]}")
        return faulty(index, name, poisoned[index]), nothing
    if card is not None and (kept or not shapes):
        return card, [np.asarray(kept[shape][row]) for shape in shapes]
    try:
        return source.clip(index, shapes)
    except MemoryError:
        raise
    except Exception as error:  # whatever is wrong with one item must not end the others
        tell("fault", f"{name}: {reason(error)}")
        return faulty(index, name, reason(error)), nothing


def _cards_there(cache: Cache, source: Source, shard: int) -> list[Card] | None:
    items = items_of(source, shard)
    known = source.known(shard)
    if known is not None:
        return known
    try:
        return read_cards(cache.cards(source.key, shard), items.start, len(items))
    except Damage:
        return None


def _kept(
    cache: Cache, source: Source, shard: int, shapes: Sequence[Bucket], missing: _Missing
) -> dict[Bucket, np.ndarray]:
    """Kept pixels of every shape, or nothing where one is not kept."""
    if missing.pixels or not shapes:
        return {}
    try:
        return {s: read_pixels(cache.pixels(source.key, shard, s)) for s in shapes}
    except Damage:
        return {}


def _trimmed(states: Tensor) -> Tensor:
    """Without the zero slots past the end of the text: of Wan's 512 slots, some 30 are used."""
    used = states.abs().amax(1).nonzero()
    return states[: int(used[-1]) + 1 if len(used) else 0]


def _ragged(texts: Sequence[Tensor | None], dim: int) -> dict[str, Tensor]:
    """states bf16 [sum of lengths, D]; row i is ``states[offset[i] : offset[i + 1]]``."""
    states = [torch.zeros(0, dim, dtype=torch.bfloat16) if text is None else text for text in texts]
    lengths = torch.tensor([0, *(len(s) for s in states)])
    return {"states": torch.cat(states).bfloat16(), "offset": lengths.cumsum(0)}


def _stacked(rows: Sequence[Mapping[str, Tensor]], shape: Bucket, encoder: Encoder) -> dict[str, Tensor]:
    """Tables of a shape, with ``good`` uint8 [N]: 0 where the item is missing, its row zero."""
    h, w = shape.height // encoder.spatial, shape.width // encoder.spatial
    f = (shape.frames - 1) // encoder.temporal + 1
    empty = {
        "keys": torch.zeros(KEYFRAMES, encoder.channels, h, w, dtype=torch.bfloat16),
        "key_index": torch.full((KEYFRAMES,), -1),
    }
    if shape.frames > 1:
        empty["latents"] = torch.zeros(encoder.channels, f, h, w, dtype=torch.bfloat16)
        if makes_films(encoder):
            empty["film"] = empty["latents"]
    found = {name: torch.stack([row.get(name, blank) for row in rows]) for name, blank in empty.items()}
    return found | {"good": torch.tensor([bool(row) for row in rows]).to(torch.uint8)}
