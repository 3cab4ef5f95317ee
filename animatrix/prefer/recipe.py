"""The ``data`` section of a preference recipe.

data:
  vae: weights/nano/vae
  size: [128, 80]
  sets: {train: 1536, tune: 128}
  cache: runs/reward/pairs
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PositiveInt, model_validator

from animatrix.train.recipe import Section


class SetCounts(Section):
    """Sets of each split that are prepared."""

    train: PositiveInt = 1536
    tune: PositiveInt = 128
    report: int = Field(default=0, ge=0)


class VotesRecipe(Section):
    """People's votes: the study's JSONL, the folder of its clips, and their share of the samples."""

    file: Path
    clips: Path
    share: float = Field(default=0.3, gt=0, lt=1)


class CloseRecipe(Section):
    """Close-ups: the takes of many sets, cut alike to a small window of picture and time, most often about a
    failing place. They teach the failure map and the answer at a fraction of what whole clips cost.

    Args:
        share: of the steps that show close-ups; the rest show whole clips. It goes evenly to ``last_share``
            over the run, if that is given: close-ups teach to see, whole clips to judge.
        batch: sets a step.
        size: (width, height), multiples of 16; frames: 4n+1.
        failing: share of the windows that are laid about a failing cell, the rest anywhere.
    """

    share: float = Field(default=0.0, ge=0, le=1)
    last_share: float | None = Field(default=None, ge=0, le=1)
    batch: PositiveInt = 24
    size: tuple[PositiveInt, PositiveInt] = (48, 48)
    frames: PositiveInt = 13
    failing: float = Field(default=0.85, ge=0, le=1)

    @model_validator(mode="after")
    def _fits(self) -> CloseRecipe:
        if self.size[0] % 16 or self.size[1] % 16 or self.frames % 4 != 1:
            raise ValueError("sides are multiples of 16, frames are 4n+1")
        return self

    def share_at(self, done: float) -> float:
        """The share where ``done``, in [0,1], of the run is over."""
        last = self.share if self.last_share is None else self.last_share
        return self.share + (last - self.share) * done


class PairData(Section):
    """Sets that pairs are made of; see :mod:`animatrix.prefer.sets`.

    Args:
        seed, size, frames: of the renderer; sides are multiples of 16.
        sets: how many of each split.
        vae: nano's autoencoder, which members pass through; null: codecs only.
        noise, codecs: see :class:`animatrix.prefer.passage.Passage`.
        members: of a set shown together in one sample, drawn anew each time.
        thin: share of samples whose directive keeps only some of its tags besides the deformation.
        disguise: share of samples that are mirrored and recoloured, their directive cut to the deformation.
        close: close-ups beside whole clips.
        cache: folder of shards.
        workers: processes of ``animatrix prefer pairs``.
        votes: None: the renderer only.
    """

    seed: int = Field(default=0, ge=0)
    size: tuple[PositiveInt, PositiveInt] = (128, 80)
    frames: int = Field(default=33, ge=5)
    sets: SetCounts = SetCounts()
    vae: Path | None = None
    noise: float = Field(default=0.08, ge=0)
    codecs: float = Field(default=0.35, ge=0, le=1)
    members: int = Field(default=4, ge=2)
    thin: float = Field(default=0.5, ge=0, le=1)
    disguise: float = Field(default=0.0, ge=0, le=1)
    close: CloseRecipe = CloseRecipe()
    cache: Path = Path("runs/reward/pairs")
    workers: int = Field(default=1, ge=0)
    votes: VotesRecipe | None = None

    @model_validator(mode="after")
    def _fits(self) -> PairData:
        if self.size[0] % 16 or self.size[1] % 16:
            raise ValueError("sides are multiples of 16")
        close = self.close
        large = close.frames > self.frames or close.size[0] > self.size[0] or close.size[1] > self.size[1]
        if max(close.share, close.last_share or 0) and large:
            raise ValueError("close-ups are no larger than the clips")
        return self
