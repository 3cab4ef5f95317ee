"""The sections of a policy recipe: what is tuned, by which loss, on which pairs, and what must not be lost.

task: policy
model:
  start: weights/nano
  reward: weights/reward
  objective: {name: ours, beta: 1000}
  floor: {keep: .95}
  probe: {clips: 36}
data: {size: [160, 96], frames: 33, sets: {train: 540, tune: 36}, cache: runs/policy/pairs}
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from animatrix.train.flow_model import LoraRecipe
from animatrix.train.recipe import Section, Share

Objective = Literal["ours", "flow_dpo", "gapo"]


class ObjectiveRecipe(Section):
    """The loss; formulas in :mod:`animatrix.prefer.policy_loss`.

    Args:
        name: ``ours``, or one of two baselines that look at whole clips: ``flow_dpo``, ``gapo``.
        beta: how far a pair pulls, the same at every timestep; of errors that are means over a clip.
        tokens: ``deformation`` weighs tokens by 1 + ``deformation`` * map (mean 1); ``uniform``: all alike.
        winner: weight of the winner's own error beside the preference.
        protect: share of its reference error by which a winner may get worse until its loser's gradient has
            been scaled down to nothing; 0: no protection.
    """

    name: Objective = "ours"
    beta: float = Field(default=1000.0, gt=0)
    tokens: Literal["deformation", "uniform"] = "deformation"
    deformation: float = Field(default=3.0, ge=0)
    winner: float = Field(default=50.0, ge=0)
    protect: float = Field(default=0.01, ge=0)


class FloorRecipe(Section):
    """Expressiveness as a constraint: per deformation, the amplitude of generated clips over the reference's.

    Args:
        keep: the floor.
        average: weight of the past in each deformation's moving average over probes.
        rate: of the multiplier's ascent: multiplier += rate * (keep - retention), within [0, ``most``]. The
            share of a deformation's intended-over-flat pairs grows by 1 + multiplier.
        tolerance, patience: a run ends when a deformation is below keep - tolerance at so many probes in a
            row; ``stop: false`` only says so.
    """

    keep: float = Field(default=0.95, gt=0)
    average: Share = 0.5
    rate: float = Field(default=4.0, ge=0)
    most: float = Field(default=4.0, ge=0)
    tolerance: float = Field(default=0.2, ge=0)
    patience: PositiveInt = 3
    stop: bool = True


class ProbeRecipe(Section):
    """What is looked at on the way.

    Args:
        clips: held-out directives that clips are made of, the deformations by turns.
        steps, guidance, batch: of the making; nothing: as the model's clips are usually made.
        pairs: held-out sets whose pairs are told apart, and on which the drift is measured.
    """

    clips: int = Field(default=36, ge=0)
    steps: PositiveInt | None = None
    guidance: float | None = Field(default=None, ge=0)
    batch: PositiveInt = 6
    pairs: PositiveInt = 12


class PolicyModel(Section):
    """What is tuned.

    Args:
        start: folder of a pipeline with a tag encoder; it stays as the reference.
        start_lora: an adapter folded into it first (Wan: the export of the fine-tuning).
        lora: train adapters only; the tag encoder then stays as it is.
        reward: folder of the reward model; null: no win rate and no collapse rate at probes.
        floor: null: expressiveness is watched, not held.
        shift: of the timesteps; null: that of the pipeline's scheduler. ``uniform_share``: of pairs whose
            timestep is not shifted (the sharp edges of smears are decided at low noise).
        checkpointing: recompute activations in the backward pass.
    """

    start: Path
    start_lora: Path | None = None
    lora: LoraRecipe | None = None
    reward: Path | None = None
    objective: ObjectiveRecipe = ObjectiveRecipe()
    floor: FloorRecipe | None = FloorRecipe()
    probe: ProbeRecipe = ProbeRecipe()
    shift: float | None = Field(default=None, gt=0)
    uniform_share: Share = 0.3
    checkpointing: bool = False


class SetShares(Section):
    """Shares of the kinds of pairs of the renderer's sets, relative to each other.

    collapse: intended over collapsed; expression: intended over flat; both with the deformation asked for.
    flip: flat over intended; flat: flat over collapsed; both with near-physical motion asked for.
    """

    collapse: float = Field(default=0.4, ge=0)
    expression: float = Field(default=0.3, ge=0)
    flip: float = Field(default=0.15, ge=0)
    flat: float = Field(default=0.15, ge=0)

    @model_validator(mode="after")
    def _something(self) -> SetShares:
        if not self.collapse + self.expression + self.flip + self.flat:
            raise ValueError("at least one kind of pairs needs a share")
        return self


class PolicySets(Section):
    """Sets of each split, the deformations by turns."""

    train: PositiveInt = 540
    tune: PositiveInt = 36


class SamplesRecipe(Section):
    """The model's own samples: ``animatrix prefer samples`` makes them, in ``folder``.

    Args:
        directives, candidates: how many, and how many clips of each.
        steps, guidance, seed: of the making; nothing: as the model's clips are usually made.
        least: gap of calibrated rewards below which best and worst make no pair.
        share: of the pairs of a step.
    """

    folder: Path
    directives: PositiveInt = 200
    candidates: int = Field(default=4, ge=2)
    steps: PositiveInt | None = None
    guidance: float | None = Field(default=None, ge=0)
    seed: int = Field(default=0, ge=0)
    least: float = Field(default=0.2, ge=0)
    share: float = Field(default=0.4, gt=0, lt=1)


class PolicyVotes(Section):
    """People's votes: the study's JSONL, the folder of its clips, and their share of the pairs."""

    file: Path
    clips: Path
    share: float = Field(default=0.2, gt=0, lt=1)


class SharedScenes(Section):
    """The scenes of a model that knows few: ``count`` of them by turns, those of corpus ``seed``, whole
    figures and little else varied, as in the ``deformed`` world; the narrative says which is meant. They are
    then the same in all splits: what is held out are directives.
    """

    count: PositiveInt
    seed: int = Field(default=0, ge=0)


class PolicyData(Section):
    """Pairs; see :mod:`animatrix.prefer.policy_data`.

    Args:
        size, frames: of all clips; frames are 4n+1.
        thin: share of pairs whose directive keeps only some of its tags besides the deformation.
        silent: share of pairs whose narrative is left out.
        scenes: that sets share; None: each has its own, of the cast of its split.
        cache: folder of encoded pairs.
        workers: processes of ``animatrix prefer pairs``.
    """

    seed: int = Field(default=0, ge=0)
    size: tuple[PositiveInt, PositiveInt] = (160, 96)
    frames: PositiveInt = 33
    sets: PolicySets = PolicySets()
    shares: SetShares = SetShares()
    scenes: SharedScenes | None = None
    samples: SamplesRecipe | None = None
    votes: PolicyVotes | None = None
    thin: Share = 0.5
    silent: Share = 0.15
    cache: Path = Path("runs/policy/pairs")
    workers: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> PolicyData:
        if self.size[0] % 16 or self.size[1] % 16:
            raise ValueError("sides are multiples of 16")
        if self.frames % 4 != 1 or self.frames < 5:
            raise ValueError("frames are 4n+1, 5 or more")
        both = sum(part.share for part in (self.samples, self.votes) if part is not None)
        if both >= 1:
            raise ValueError("samples and votes are shares of the same pairs: less than 1 together")
        return self
