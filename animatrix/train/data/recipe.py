"""The ``data`` section of a recipe.

data:
  sources:
    - {name: everyday, world: everyday, count: 20000, first: 512, fresh: 2, weight: 1}
    - {name: varied, world: varied, count: 40000, first: 512, fresh: 2, weight: 2}
    - {name: film, curated: datasets/film, weight: 1}
  buckets: [160x96x1, 160x96x25, 160x96x33]
  cache: runs/cache
  workers: 2
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from animatrix.train.plan import Bucket
from animatrix.train.recipe import Section

_BUCKET = re.compile(r"(\d{1,5})x(\d{1,5})x(\d{1,5})$")


def parse_bucket(text: str) -> Bucket:
    """``160x96x33``: width, height, frames. Raises ValueError."""
    match = _BUCKET.match(text)
    if match is None or not all(int(n) for n in match.groups()):
        raise ValueError("a bucket is WIDTHxHEIGHTxFRAMES")
    width, height, frames = (int(n) for n in match.groups())
    if width % 8 or height % 8:
        raise ValueError("a bucket's sides are multiples of 8")
    if frames % 4 != 1:
        raise ValueError("a bucket has 4n+1 frames")
    return Bucket(frames, width, height)


def _checked(text: str) -> str:
    return str(parse_bucket(text))


BucketText = Annotated[str, AfterValidator(_checked)]


class SourceRecipe(Section):
    """A synthetic world (always its ``train`` split), or a dataset that ``animatrix curate`` made.

    Args:
        name: in messages and logs.
        world, seed, size, frames, scenes: of the synthetic corpus.
        curated: folder of a dataset instead.
        count: items of a synthetic world; nothing: all of a dataset.
        first, fresh: the pool is ``first + fresh * step`` items, so that rendering streams ahead of training.
        weight: share of the samples, relative to the other sources.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    world: Literal["everyday", "wide", "varied", "little", "deformed"] = "everyday"
    seed: int = Field(default=0, ge=0)
    size: tuple[PositiveInt, PositiveInt] = (160, 96)
    frames: PositiveInt = 33
    scenes: int = Field(default=0, ge=0)
    curated: Path | None = None
    count: PositiveInt = 4096
    first: PositiveInt = 512
    fresh: float = Field(default=0.0, ge=0)
    weight: float = Field(default=1.0, gt=0)


class BalanceRecipe(Section):
    """How evenly the axes and their values are shown: see :mod:`animatrix.train.data.balance`."""

    power: float = Field(default=0.5, ge=0, le=1)
    cap: float = Field(default=8.0, ge=1)


class DataRecipe(Section):
    """What is shown.

    Args:
        buckets: shapes ``WIDTHxHEIGHTxFRAMES`` that steps may have.
        cache: folder of encoded shards; false: encode on the fly, to the same bytes.
        workers: processes that render and encode ahead of need; 0: in the training process, when needed.
        keep_pixels: keep rendered frames too, so that another VAE encodes without rendering.
        on_damage: what happens when a shard or an item cannot be read: named and passed over, or stopped on.
        memory: GiB of encoded shards kept in memory.
        held_out: held-out items of each kind whose loss is followed (``tune`` split of the synthetic worlds).
    """

    sources: tuple[SourceRecipe, ...] = Field(min_length=1)
    buckets: tuple[BucketText, ...] = Field(min_length=1)
    cache: Path | Literal[False] = Path("runs/cache")
    workers: int = Field(default=1, ge=0)
    keep_pixels: bool = False
    on_damage: Literal["skip", "stop"] = "skip"
    memory: float = Field(default=2.0, ge=0)
    balance: BalanceRecipe = BalanceRecipe()
    held_out: int = Field(default=6, ge=0)

    @model_validator(mode="after")
    def _names_and_lengths(self) -> DataRecipe:
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError("two sources have the same name")
        longest = max(parse_bucket(text).frames for text in self.buckets)
        for source in self.sources:
            if source.curated is None and source.frames < longest:
                raise ValueError(f"source {source.name} has {source.frames} frames, a bucket {longest}")
        return self
