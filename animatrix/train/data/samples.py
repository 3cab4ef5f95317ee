"""The data of a training: plans of steps, and the items that they show.

samples = Samples(recipe, encoder)
plan = samples.plan(step)
items = samples.load(plan, plan.draws)       # [Item]: latents, key latents, text states, directive
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.train.curriculum import Control, Curriculum, CurriculumRecipe
from animatrix.train.data.cards import KINDS, Card
from animatrix.train.data.makers import Job, Makers
from animatrix.train.data.making import Work, makes_films
from animatrix.train.data.recipe import DataRecipe, SourceRecipe, parse_bucket
from animatrix.train.data.sampling import Sampler, Stream
from animatrix.train.data.shards import SHARD_ITEMS, Cache, Damage, read_cards, read_pixels
from animatrix.train.data.shelf import Shelf
from animatrix.train.data.sources import Source, SyntheticSource, items_of, reason, shards_of
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Recipe

if TYPE_CHECKING:
    from animatrix.train.data.encoders import Encoder

logger = logging.getLogger("animatrix.train")
HELD_OUT = "held-out"
HELD_OUT_SHIFT = 1.0  # quantiles of t itself, the same all through a training
_ATTEMPTS = 64  # draws in place of unreadable ones before the data counts as lost


@dataclass(frozen=True)
class Item:
    """One sample, encoded; bf16.

    Attributes:
        name: how messages call it.
        directive: of the frames shown, spans counted within them.
        latents: [C,F,h,w]; F is 1 in a bucket of one frame.
        keys, key_index: [K,C,h,w] single-image latents of frames ``key_index`` [K]; -1: not among those
            shown. None of them in a bucket of one frame: K is 0.
        text: [S,D], zero past the end.
        film: [C,F,h,w] latents of the first frame followed by grey, where the encoder makes them.
        layout: float32 [T,LAYOUT] of the frames shown, where known: see ``Card``.
        key: its source and number in it, the same whenever it is shown.
    """

    name: str
    directive: Directive
    latents: Tensor
    keys: Tensor
    key_index: Tensor
    text: Tensor
    film: Tensor | None = None
    layout: Tensor | None = None
    key: str = ""


class Samples:
    """See the module's text.

    Args:
        recipe: with the sections :class:`DataRecipe` and :class:`CurriculumRecipe`.
        encoder: None where frames are trained on: then :meth:`frames` is what loads.

    Raises:
        AniMatrixError: BAD_RECIPE, TAXONOMY_VERSION, FILE_MISSING for sources that cannot be used.
    """

    def __init__(self, recipe: Recipe, encoder: Encoder | None) -> None:
        data: DataRecipe = recipe.data
        curriculum = (
            recipe.curriculum if isinstance(recipe.curriculum, CurriculumRecipe) else CurriculumRecipe()
        )
        self.recipe, self.data, self.seed, self.encoder = recipe, data, recipe.seed, encoder
        self.streams = [Stream(source_of(s), s.weight, s.first, s.fresh) for s in data.sources]
        self.held: list[Source] = held_out_sources(data) if data.held_out else []
        self.curriculum = Curriculum(curriculum, recipe.steps, recipe.seed, data.buckets)
        self.control = (
            Control(curriculum.control, recipe.seed, recipe.steps, recipe.batch)
            if curriculum.control
            else None
        )
        # Cards are needed to draw by, even where nothing encoded is kept.
        root = Path(data.cache) if data.cache else recipe.out / "data"
        cache = Cache(root, encoder.fingerprint if encoder is not None else "")
        sources = {s.name: s for s in [*(stream.source for stream in self.streams), *self.held]}
        buckets = [parse_bucket(text) for text in data.buckets]
        shapes = {name: stored_shapes(s, buckets) for name, s in sources.items()}
        if not data.cache or (encoder is None and not data.keep_pixels):
            shapes = dict.fromkeys(sources, ())
        self.work = Work(sources, shapes, encoder, cache, data.keep_pixels and bool(data.cache))
        self.makers = Makers(self.work, data.workers)
        self.shelf = Shelf(cache, int(data.memory * (1 << 30)))
        self.sampler = Sampler(recipe.seed, self.streams, self.cards, data.balance.power, data.balance.cap)
        self._cards: dict[tuple[str, int], list[Card]] = {}
        self._named: set[str] = set()
        self._there: set[Job] = set()
        self._lock = threading.Lock()
        self._planned = -1
        self._tickets = 0
        self._scheduled = False

    # What a step shows

    def plan(self, step: int) -> StepPlan:
        """The global batch of a step; waits for the cards of its pool."""
        self._schedule()
        self._planned = max(self._planned, step)
        if self.control is not None:
            return self.control.plan(step)
        setting = self.curriculum.setting(step)
        found = tuple(
            self.sampler.draw(step, place, setting.bucket, setting.mix) for place in range(self.recipe.batch)
        )
        return StepPlan(step, setting.stage, setting.bucket, found, setting.shift, setting.notes)

    def cards(self, source: str, shard: int) -> list[Card]:
        """The cards of a shard, made if they must be; none of a damaged one."""
        key = (source, shard)
        if key not in self._cards:
            found = self.work.sources[source].known(shard)
            if found is None:
                self._wait(Job(source, shard))
                items = items_of(self.work.sources[source], shard)
                path = self.work.cache.cards(self.work.sources[source].key, shard)
                try:
                    found = read_cards(path, items.start, len(items))
                except Damage as error:
                    self._damaged(error)
                    found = []
            self._cards[key] = found
        return self._cards[key]

    def _wait(self, job: Job) -> None:
        """Until a shard is there."""
        if job not in self._there:
            self.makers.wait(job)
            self._there.add(job)

    def card(self, draw: Draw) -> Card:
        """The card of a drawn item. Raises Damage where there is none."""
        shard = self.cards(draw.source, draw.index // SHARD_ITEMS)
        if not shard:
            raise Damage(f"the cards of {draw.source}/{draw.index} are damaged")
        return shard[draw.index % SHARD_ITEMS]

    def _schedule(self) -> None:
        """Have every shard made in the order in which steps come to need them."""
        if self._scheduled or self.data.workers == 0:
            return
        self._scheduled = True
        held = {Job(s.name, shard) for s in self.held for shard in range(shards_of(s))}
        jobs = [
            (stream.first_step(shard), shard, Job(stream.source.name, shard))
            for stream in self.streams
            for shard in range(stream.shards(self.recipe.steps - 1))
        ]
        jobs += [(0, job.number, job) for job in held]
        # Held-out ones come before what later steps need, but after what the first one waits for.
        self.makers.need(job for *_, job in sorted(jobs, key=lambda row: (row[0], row[2] in held, row[1])))

    # Items

    def load(self, plan: StepPlan, draws: Sequence[Draw]) -> list[Item]:
        """The items of some draws of a plan. An item that cannot be read is named, and the next draw of its
        place is shown instead.

        Raises:
            AniMatrixError: FILE_UNREADABLE with ``on_damage: stop``.
        """
        if not draws:
            return []
        asked = None if self.work.shapes[draws[0].source] else self._ask(plan.bucket, draws)
        items = []
        for number, draw in enumerate(draws):
            items.append(self._whole(plan.bucket, draw, None if asked is None else asked[number]))
        return items

    def _whole(self, bucket: Bucket, draw: Draw, job: Job | None) -> Item:
        first = draw
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._item(bucket, draw, job)
            except Damage as error:
                self._damaged(error)
            draw = self._instead(first, bucket, attempt)
            job = None if job is None else self._ask(bucket, [draw])[0]
        raise AniMatrixError(
            Code.FILE_UNREADABLE,
            f"{_ATTEMPTS} items in a row cannot be read, the last {draw.source}/{draw.index}",
        )

    def _instead(self, draw: Draw, bucket: Bucket, attempt: int) -> Draw:
        if draw.source in {source.name for source in self.held}:
            source = self.work.sources[draw.source]
            return Draw(draw.step, draw.place, draw.source, (draw.index + attempt) % source.count, draw.kind)
        return self.sampler.again(draw, bucket, attempt)

    def _item(self, bucket: Bucket, draw: Draw, job: Job | None) -> Item:
        card, source = self.card(draw), self.work.sources[draw.source]
        if card.fault:
            raise Damage(f"{card.name} cannot be shown: {card.fault}")
        shape = source.stored(bucket)
        if job is not None:
            tables = self.makers.wait(job)
        else:
            self._wait(Job(draw.source, draw.index // SHARD_ITEMS))
            assert self.encoder is not None
            films = makes_films(self.encoder)
            tables = self.shelf.item(source.key, draw.index, shape, self.encoder.slots, films)
        keys, index, film = tables["keys"], tables["key_index"], None
        if bucket.frames == 1:
            chosen = int(torch.randint(len(keys), (1,), generator=_still(self.seed, draw)))
            latents, keys, index = keys[chosen][:, None], keys[:0], index[:0]
        else:
            assert self.encoder is not None
            length = (bucket.frames - 1) // self.encoder.temporal + 1
            latents, film = tables["latents"][:, :length], tables.get("film")
            film = None if film is None else film[:, :length]
            index = torch.where(index < bucket.frames, index, -1)
        directive = source.asked(card, bucket)
        layout = None if card.layout is None else torch.tensor(card.layout)[: bucket.frames]
        return Item(
            f"{card.name} (step {draw.step}, place {draw.place})",
            directive,
            latents,
            keys,
            index,
            tables["text"],
            film,
            layout,
            f"{source.key}/{draw.index}",
        )

    def _ask(self, bucket: Bucket, draws: Sequence[Draw]) -> list[Job]:
        """Have items made on the fly."""
        jobs = []
        for draw in draws:
            with self._lock:
                self._tickets += 1
                shape = self.work.sources[draw.source].stored(bucket)
                jobs.append(Job(draw.source, draw.index, shape, self._tickets))
        self.makers.need(jobs, urgent=True)
        return jobs

    def frames(self, plan: StepPlan, draws: Sequence[Draw]) -> np.ndarray:
        """Frames ``uint8 [B,T,H,W,3]`` in the plan's bucket: kept ones, else made now."""
        return np.stack([self._frames(plan.bucket, draw) for draw in draws])

    def _frames(self, bucket: Bucket, draw: Draw) -> np.ndarray:
        first = draw
        for attempt in range(1, _ATTEMPTS):
            source = self.work.sources[draw.source]
            shape, shard = source.stored(bucket), draw.index // SHARD_ITEMS
            try:
                if self.work.keep_pixels:
                    self._wait(Job(draw.source, shard))
                    kept = read_pixels(self.work.cache.pixels(source.key, shard, shape))
                    found = np.asarray(kept[draw.index % SHARD_ITEMS])
                else:
                    _, (found,) = source.clip(draw.index, [shape])
                if bucket.frames == 1:
                    chosen = int(torch.randint(len(found), (1,), generator=_still(self.seed, draw)))
                    return found[chosen : chosen + 1]
                return found[: bucket.frames]
            except Exception as error:  # whatever is wrong with one item must not end the training
                self._damaged(Damage(f"{draw.source}/{draw.index}: {reason(error)}"))
            draw = self._instead(first, bucket, attempt)
        raise AniMatrixError(Code.FILE_UNREADABLE, f"{_ATTEMPTS} items in a row cannot be read")

    def _damaged(self, error: Damage) -> None:
        if self.data.on_damage == "stop":
            raise AniMatrixError(
                Code.FILE_UNREADABLE,
                str(error),
                "remove the file to have it made again, or set on_damage: skip",
            ) from None
        with self._lock:
            if str(error) not in self._named:
                self._named.add(str(error))
                logger.warning("%s: passed over", error)

    # What is held out

    def held_out(self) -> Iterator[StepPlan]:
        """Held-out samples, the same all through a training: style in a bucket of one frame where there
        is one, motion and deformation in the longest.
        """
        buckets = sorted(
            (parse_bucket(text) for text in self.data.buckets), key=lambda b: (b.frames, b.width * b.height)
        )
        shown = {kind: buckets[-1] for kind in KINDS}
        if buckets[0].frames == 1:
            shown[KINDS[0]] = [b for b in buckets if b.frames == 1][-1]
        place = 0
        for bucket in dict.fromkeys(shown.values()):
            found = []
            for kind in [k for k in KINDS if shown[k] == bucket]:
                for card, source in self._held(kind, bucket)[: self.data.held_out]:
                    found.append(Draw(-1, place, source.name, card.index, kind))
                    place += 1
            if found:
                yield StepPlan(-1, HELD_OUT, bucket, tuple(found), HELD_OUT_SHIFT)

    def held_out_directives(self, count: int, bucket: Bucket) -> list[Directive]:
        """Of held-out items that fit a bucket, the kinds by turns."""
        by_kind = [self._held(kind, bucket) for kind in KINDS]
        turns = [row[i] for i in range(max(map(len, by_kind), default=0)) for row in by_kind if i < len(row)]
        return [source.asked(card, bucket) for card, source in turns[:count]]

    def _held(self, kind: str, bucket: Bucket) -> list[tuple[Card, Source]]:
        """Held-out items of a kind, the sources by turns."""
        rows = [
            [
                (card, source)
                for shard in range(shards_of(source))
                for card in self.cards(source.name, shard)
                if card.kind == kind and not card.fault and source.fits(card, bucket)
            ]
            for source in self.held
        ]
        return [row[i] for i in range(max(map(len, rows), default=0)) for row in rows if i < len(row)]

    def heed(self, figures: Mapping[str, float]) -> None:
        """Pace the curriculum by held-out losses by kind; holds from the first step not planned."""
        losses = {kind: figures[kind] for kind in KINDS if kind in figures}
        if losses:
            self.curriculum.pacing.heed(self._planned + 1, losses)

    def state_dict(self) -> dict[str, Any]:
        return {"pacing": self.curriculum.pacing.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if "pacing" in state:
            self.curriculum.pacing.load_state_dict(state["pacing"])

    def close(self) -> None:
        """End the workers."""
        self.makers.close()


def source_of(recipe: SourceRecipe) -> Source:
    """The source of a recipe, to train on."""
    if recipe.curated is not None:
        from animatrix.train.data.curated import CuratedSource

        return CuratedSource(recipe.name, recipe.curated)
    r = recipe
    return SyntheticSource(r.name, r.world, r.seed, r.size, r.frames, "train", r.count, r.scenes)


def held_out_sources(data: DataRecipe) -> list[Source]:
    """A shard of the ``tune`` split of each synthetic world."""
    return [
        SyntheticSource(
            f"{HELD_OUT}.{s.name}", s.world, s.seed, s.size, s.frames, "tune", SHARD_ITEMS, s.scenes
        )
        for s in data.sources
        if s.curated is None
    ]


def stored_shapes(source: Source, buckets: Sequence[Bucket]) -> tuple[Bucket, ...]:
    return tuple(dict.fromkeys(source.stored(bucket) for bucket in buckets))


def _still(seed: int, draw: Draw) -> torch.Generator:
    from animatrix.train import draws

    return draws.generator(seed, "still", draw.step + 1, draw.place)
