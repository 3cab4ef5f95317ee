"""Style, then motion, then deformation: what is shown when, and the controls that test whether it helps.

    curriculum:
      stages:
        - {name: style, share: 0.3, mix: {style: .85, motion: .15}, buckets: {160x96x1: 1}}
        - {name: motion, share: 0.4, mix: {style: .3, motion: .6, deformation: .1}, shift: 5}
        - name: deformation
          share: 0.3
          mix: {style: .15, motion: .3, deformation: .55}
          shift: 5
          timesteps: {uniform_share: .3}
      transition: 0.05
      replay: 0.15
      pacing: fixed

Stages take their share of the recipe's steps (``fixed``), or last until the held-out loss of what they
teach stops falling (``competence``). Losses are compared with themselves only, never between kinds. A run
whose steps were logged can be shown again in another order (``control``): the same samples with the same
timesteps and noise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveInt, model_validator

from animatrix.errors import AniMatrixError, Code
from animatrix.train import draws
from animatrix.train.data.cards import KINDS
from animatrix.train.data.recipe import BucketText, parse_bucket
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Section


class MixRecipe(Section):
    """Shares of the kinds of items, relative to each other."""

    style: float = Field(default=0.0, ge=0)
    motion: float = Field(default=0.0, ge=0)
    deformation: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _something(self) -> MixRecipe:
        if not sum(self.shares):
            raise ValueError("a mix needs at least one kind")
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        return (self.style, self.motion, self.deformation)


class TimestepRecipe(Section):
    """uniform_share: of samples whose timestep is not shifted (smear edges are decided at low t)."""

    uniform_share: float = Field(default=0.0, ge=0, le=1)


class StageRecipe(Section):
    """One stage.

    Args:
        share: of the recipe's steps; all stages' add up to 1.
        buckets: bucket -> share of the steps; nothing: all of the data's alike.
        shift: of the timesteps, t = s u / (1 + (s - 1) u); still_shift: of buckets of one frame, which far
            less noise hides.
    """

    name: str
    share: float = Field(gt=0, le=1)
    mix: MixRecipe
    buckets: dict[BucketText, float] = Field(default_factory=dict)
    shift: float = Field(default=3.0, gt=0)
    still_shift: float = Field(default=1.5, gt=0)
    timesteps: TimestepRecipe = TimestepRecipe()

    @property
    def axis(self) -> str:
        """The kind that the stage teaches: the one it shows most."""
        return max(KINDS, key=lambda kind: self.mix.shares[KINDS.index(kind)])


class CompetenceRecipe(Section):
    """When a stage has taught what it can.

    Args:
        average: weight of the past in the moving average of held-out losses.
        flat: a relative fall between evaluations below this counts as flat.
        evaluations: flat ones in a row that end a stage.
        patience: a stage ends at this multiple of its share at the latest.
        regress: an earlier kind whose average loss rises by more than this is shown more.
        more: added to its least share, each time; at most: the least share it may reach.
    """

    average: float = Field(default=0.5, ge=0, lt=1)
    flat: float = Field(default=0.005, ge=0)
    evaluations: PositiveInt = 3
    patience: float = Field(default=1.25, ge=1)
    regress: float = Field(default=0.02, gt=0)
    more: float = Field(default=0.05, gt=0, lt=1)
    at_most: float = Field(default=0.3, gt=0, lt=0.5)


class ControlRecipe(Section):
    """A logged run shown again: its steps shuffled, or from the last to the first."""

    log: Path
    order: Literal["shuffled", "reversed"] = "shuffled"


class CurriculumRecipe(Section):
    """See the module's text. ``replay``: no kind of an earlier stage is shown less; ``transition``: share of
    the steps over which one stage turns into the next.
    """

    stages: tuple[StageRecipe, ...] = (
        StageRecipe(name="all", share=1.0, mix=MixRecipe(style=1, motion=1, deformation=1)),
    )
    transition: float = Field(default=0.05, ge=0, le=0.5)
    replay: float = Field(default=0.15, ge=0, le=0.3)
    pacing: Literal["fixed", "competence"] = "fixed"
    competence: CompetenceRecipe = CompetenceRecipe()
    control: ControlRecipe | None = None

    @model_validator(mode="after")
    def _shares(self) -> CurriculumRecipe:
        if not self.stages:
            raise ValueError("a curriculum needs a stage")
        if abs(sum(stage.share for stage in self.stages) - 1) > 1e-6:
            raise ValueError("the stages' shares do not add up to 1")
        return self


@dataclass(frozen=True)
class Setting:
    """What holds at a step: mix sums to 1 over :data:`KINDS`."""

    stage: str
    bucket: Bucket
    mix: tuple[float, ...]
    shift: float
    uniform_share: float

    @property
    def notes(self) -> dict[str, Any]:
        return {
            "mix": {kind: round(share, 4) for kind, share in zip(KINDS, self.mix, strict=True)},
            "uniform_share": self.uniform_share,
        }


class Curriculum:
    """Settings by step: pure in the recipe, the step and the pacing's state.

    Args:
        steps: of the whole training.
        buckets: for stages that name none.

    Raises:
        AniMatrixError: BAD_RECIPE for a bucket that the data does not have.
    """

    def __init__(self, recipe: CurriculumRecipe, steps: int, seed: int, buckets: tuple[str, ...]) -> None:
        self.recipe, self.steps, self.seed = recipe, steps, seed
        self.pacing = Pacing(recipe, steps)
        self.buckets: list[dict[Bucket, float]] = []
        for stage in recipe.stages:
            unknown = next((name for name in stage.buckets if name not in buckets), None)
            if unknown is not None:
                raise AniMatrixError(
                    Code.BAD_RECIPE,
                    f"stage {stage.name!r} has the bucket {unknown}, which data.buckets has not",
                    f"there are {', '.join(buckets)}",
                )
            shares = stage.buckets or dict.fromkeys(buckets, 1.0)
            self.buckets.append({parse_bucket(name): share for name, share in shares.items() if share > 0})

    def setting(self, step: int) -> Setting:
        """What holds at ``step``. Within a transition each step belongs to the old or the new stage, the new
        one ever more often, while the mix goes over evenly.
        """
        number, start = self.pacing.stage(step)
        mix, chosen = self.mix(number, step), number
        width = self.recipe.transition * self.steps
        if number and step - start < width:
            done = (step - start + 0.5) / width
            before = self.mix(number - 1, step)
            mix = tuple((1 - done) * a + done * b for a, b in zip(before, mix, strict=True))
            if draws.uniform(self.seed, "transition", step) >= done:
                chosen = number - 1
        stage, buckets = self.recipe.stages[chosen], self.buckets[chosen]
        bucket = _drawn(buckets, draws.uniform(self.seed, "bucket", step))
        shift = stage.still_shift if bucket.frames == 1 else stage.shift
        return Setting(self.recipe.stages[number].name, bucket, mix, shift, stage.timesteps.uniform_share)

    def mix(self, number: int, step: int) -> tuple[float, ...]:
        """Shares of the kinds in a stage, none of an earlier kind under its floor."""
        stage = self.recipe.stages[number]
        total = sum(stage.mix.shares)
        shares = {kind: share / total for kind, share in zip(KINDS, stage.mix.shares, strict=True)}
        # What the stages before have taught, and this one does not teach.
        earlier = {before.axis for before in self.recipe.stages[:number]} - {stage.axis}
        floors = {kind: self.pacing.floor(kind, step) for kind in KINDS if kind in earlier}
        held: set[str] = set()
        while low := {kind for kind in floors if kind not in held and shares[kind] < floors[kind] - 1e-12}:
            held |= low
            free = 1 - sum(floors[kind] for kind in held)
            rest = sum(shares[kind] for kind in KINDS if kind not in held)
            shares = {kind: floors[kind] if kind in held else shares[kind] * free / rest for kind in KINDS}
        return tuple(shares[kind] for kind in KINDS)


def _drawn(shares: Mapping[Bucket, float], u: float) -> Bucket:
    total, passed = sum(shares.values()), 0.0
    for bucket, share in shares.items():
        passed += share / total
        if u < passed:
            return bucket
    return list(shares)[-1]


class Pacing:
    """Where stages begin. With ``fixed`` pacing that follows from the recipe; with ``competence`` it is
    decided as held-out losses come in, and the decisions are the state.
    """

    def __init__(self, recipe: CurriculumRecipe, steps: int) -> None:
        self.recipe, self.steps = recipe, steps
        self.begun: list[int] = [0]  # first steps of the stages decided so far
        self.floors: list[tuple[int, str, float]] = []  # (from step, kind, least share)
        self.average: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self.flat = 0

    @cached_property
    def _fixed(self) -> list[int]:
        starts, passed = [], 0.0
        for stage in self.recipe.stages:
            starts.append(round(passed * self.steps))
            passed += stage.share
        return starts

    def starts(self) -> list[int]:
        """First steps of all stages: those decided, then at the latest possible."""
        if self.recipe.pacing == "fixed":
            return self._fixed
        starts = list(self.begun)
        for stage in self.recipe.stages[len(starts) - 1 : -1]:
            last = max(1, round(self.recipe.competence.patience * stage.share * self.steps))
            starts.append(starts[-1] + last)
        return starts

    def stage(self, step: int) -> tuple[int, int]:
        """Number and first step of the stage that ``step`` is in."""
        found = [(i, start) for i, start in enumerate(self.starts()) if start <= step]
        return found[-1]

    def floor(self, kind: str, step: int) -> float:
        """The least share of an earlier kind at a step."""
        raised = [share for start, name, share in self.floors if name == kind and start <= step]
        return max([self.recipe.replay, *raised])

    def heed(self, step: int, losses: Mapping[str, float]) -> None:
        """Take in held-out losses by kind; what follows from them holds from ``step`` on."""
        if self.recipe.pacing == "fixed":
            return
        settings = self.recipe.competence
        self.begun = [start for start in self.starts() if start <= step]
        number = len(self.begun) - 1
        axis = self.recipe.stages[number].axis
        before = dict(self.average)
        for kind, loss in losses.items():
            past = self.average.get(kind, loss)
            self.average[kind] = settings.average * past + (1 - settings.average) * loss
        for kind in {stage.axis for stage in self.recipe.stages[:number]} - {axis}:
            now = self.average.get(kind)
            if now is not None and now > self.best.get(kind, now) * (1 + settings.regress):
                share = min(settings.at_most, self.floor(kind, step) + settings.more)
                self.floors.append((step, kind, share))
                self.best[kind] = now  # the same fall is answered once
        for kind, now in self.average.items():
            self.best[kind] = min(now, self.best.get(kind, now))
        if axis in before and axis in losses:
            falls = (before[axis] - self.average[axis]) / max(before[axis], 1e-12)
            self.flat = self.flat + 1 if falls < settings.flat else 0
        if self.flat >= settings.evaluations and number < len(self.recipe.stages) - 1:
            self.begun.append(step)
            self.flat = 0

    def state_dict(self) -> dict[str, Any]:
        return {
            "begun": list(self.begun),
            "floors": [list(row) for row in self.floors],
            "average": dict(self.average),
            "best": dict(self.best),
            "flat": self.flat,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.begun = [int(step) for step in state["begun"]]
        self.floors = [(int(step), str(kind), float(share)) for step, kind, share in state["floors"]]
        self.average, self.best = dict(state["average"]), dict(state["best"])
        self.flat = int(state["flat"])


class Control:
    """The steps of a logged run in another order.

    A draw keeps the step and place it was first shown at: noise, timestep and everything else that is drawn
    for a sample follow from them, so that the two runs see the same multiset, and cost the same.

    Raises:
        AniMatrixError: FILE_MISSING and the like; BAD_RECIPE when the log is damaged, or of another seed,
            batch or number of steps.
    """

    def __init__(self, recipe: ControlRecipe, seed: int, steps: int, batch: int) -> None:
        from animatrix.media.door import regular_file

        path = regular_file(recipe.log)
        try:
            lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            plans = {int(line["at"]): _plan_of(line) for line in lines}  # a step may have been shown twice
            seeds = {line["seed"] for line in lines}
        except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise AniMatrixError(
                Code.BAD_RECIPE, f"{path} is not a log of what was shown: {str(error)[:60]}"
            ) from None
        if seeds != {seed}:
            raise AniMatrixError(
                Code.BAD_RECIPE,
                f"{path} was logged with seed {', '.join(map(str, seeds))}, the recipe has seed {seed}",
                "noise follows from the seed: use the same",
            )
        if sorted(plans) != list(range(steps)):
            raise AniMatrixError(
                Code.BAD_RECIPE, f"{path} holds {len(plans)} steps, the recipe has {steps}", "use as many"
            )
        other = next((p for p in plans.values() if len(p.draws) != batch), None)
        if other is not None:
            raise AniMatrixError(
                Code.BAD_RECIPE, f"{path} was logged with batch {len(other.draws)}, the recipe has {batch}"
            )
        self.plans = [plans[step] for step in range(steps)]
        self.order = list(reversed(range(steps)))
        if recipe.order == "shuffled":
            self.order = [int(i) for i in draws.rng(seed, "control").permutation(steps)]

    def plan(self, step: int) -> StepPlan:
        """What the run shows at ``step``."""
        shown = self.plans[self.order[step]]
        return StepPlan(step, shown.stage, shown.bucket, shown.draws, shown.shift, shown.notes)


def _plan_of(line: Mapping[str, Any]) -> StepPlan:
    found = tuple(
        Draw(int(step), int(place), str(source), int(index), str(kind))
        for step, place, source, index, kind in line["draws"]
    )
    bucket = parse_bucket(line["bucket"])
    return StepPlan(int(line["at"]), line["stage"], bucket, found, float(line["shift"]), line["notes"])
