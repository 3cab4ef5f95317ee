"""Task ``reward``: the reward model learned from pairs.

A sample is a few members of one set under one of its directives, drawn anew each time, each looked at once
and compared with all the others. Its loss: Bradley-Terry with ties over the pairs, dimension by dimension and
overall; the art/failure answer; the renderer's failure map, where the renderer drew one; and where the
intended take differs from the flat one: art. Some steps show close-ups instead: small windows of many sets,
which have no pairs. Some samples are disguised, all members alike: mirrored, and in other colours.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from animatrix.prefer.merits import HEADS, OVERALL, TAKES
from animatrix.prefer.pairs import has_map
from animatrix.prefer.recipe import PairData
from animatrix.prefer.reward import Judgement, RewardModel
from animatrix.prefer.shards import PairStore
from animatrix.prefer.shown import (
    WANTS,
    Shown,
    answers_of,
    chosen,
    cut,
    disguised,
    map_holds,
    purpose_of,
    thinned,
    to_frames,
    under,
)
from animatrix.prefer.ties import OUTCOMES, log_k, parity_tie_rate, tie_loss
from animatrix.prefer.voted import VotedPairs
from animatrix.train import draws
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Recipe, Section, TaskKind
from animatrix.train.task import Losses, to_device

SETS, VOTES = "sets", "votes"
CLOSE = "close"  # kind of the draws of close-ups
HEAVY = 3.0  # a failing cell counts as so many sound ones


class RewardRecipe(Section):
    """The network, and the weights of its losses.

    Args:
        backbone: the small model, or ``vlm``: a vision-language model at ``vlm_name`` with LoRA of rank
            ``lora``.
        start: folder of a trained small model to go on from, whose sizes then count.
        near, far, told, width, layers: of the small one.
        answer, where, art: weights of the art/failure answer, of the failure map and of the map of what is
            deformed on purpose, beside the pairs'.
    """

    backbone: Literal["small", "vlm"] = "small"
    vlm_name: str = ""
    lora: int = Field(default=16, ge=0)
    start: Path | None = None
    near: PositiveInt = 48
    far: PositiveInt = 96
    told: PositiveInt = 96
    width: PositiveInt = 128
    layers: PositiveInt = 2
    answer: float = Field(default=1.0, ge=0)
    where: float = Field(default=1.0, ge=0)
    art: float = Field(default=1.0, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> RewardRecipe:
        if self.start is not None and self.backbone == "vlm":
            raise ValueError("start is of the small model; a vision-language model has vlm_name")
        return self


@dataclass
class RewardBatch:
    """Clips of some samples, one after the other, and what is known of them.

    seen: the model's inputs of N clips; first, second: int64 [P] clips of the pairs; head, outcome: int64
    [P]; weight: [P]; of: int64 [P] sample of a pair; clip_of: int64 [N] sample of a clip; answer: [N], NaN
    where there is none; where: [N,T',h,w]; mapped: bool [N].
    """

    names: list[str]
    seen: Any
    first: Tensor
    second: Tensor
    head: Tensor
    outcome: Tensor
    weight: Tensor
    of: Tensor
    clip_of: Tensor
    answer: Tensor
    where: Tensor
    mapped: Tensor
    art: Tensor
    deformed: Tensor


class RewardTask:
    """See the module's text."""

    name = "reward"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.model: RewardRecipe = recipe.model
        self.data: PairData = recipe.data
        self.train, self.tune = PairStore(self.data, "train"), PairStore(self.data, "tune")
        self.voted = VotedPairs(self.data.votes, self.data) if self.data.votes else None
        torch.manual_seed(recipe.seed)
        self.net = _network(self.model)

    def modules(self) -> dict[str, nn.Module]:
        return {"reward": self.net}

    # What a step shows

    @functools.cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self.data.frames, *self.data.size)

    def plan(self, step: int) -> StepPlan:
        rng = draws.rng(self.recipe.seed, "pairs", step)
        close = self.data.close
        share = close.share_at((step - 1) / max(1, self.recipe.steps))
        if draws.rng(self.recipe.seed, "close", step).random() < share:
            items = rng.integers(self.train.count * len(WANTS), size=close.batch)
            found = [Draw(step, place, SETS, int(item), CLOSE) for place, item in enumerate(items)]
            return StepPlan(step, CLOSE, Bucket(close.frames, *close.size), tuple(found))
        items = rng.integers(self.train.count * len(WANTS), size=self.recipe.batch)
        votes = np.zeros(self.recipe.batch, bool)
        if self.voted is not None and len(self.voted):
            assert self.data.votes is not None
            votes = rng.random(self.recipe.batch) < self.data.votes.share
            items = np.where(votes, rng.integers(len(self.voted), size=len(items)), items)
        found = [
            Draw(step, place, VOTES if vote else SETS, int(item))
            for place, (item, vote) in enumerate(zip(items, votes, strict=True))
        ]
        return StepPlan(step, "", self._bucket, tuple(found))

    def load(self, plan: StepPlan, draws_: Sequence[Draw]) -> RewardBatch:
        return self.batch([self._close(d) if d.kind == CLOSE else self._shown(d) for d in draws_])

    def _close(self, draw: Draw) -> Shown:
        """The takes of a set in one window. A take fails there as far as its map says so."""
        rng = draws.rng(self.recipe.seed, "window", draw.step, draw.place)
        drawn = self.train[draw.index // len(WANTS)]
        takes = [m.row for m in drawn.members if m.kind in TAKES]
        shown = under(drawn, WANTS[draw.index % len(WANTS)], takes)
        shown.name, shown.pairs, shown.close = draw.name, [], True
        return self._retold(cut(shown, self.data.close, rng), rng)

    def _shown(self, draw: Draw) -> Shown:
        rng = draws.rng(self.recipe.seed, "members", draw.step, draw.place)
        if draw.source == VOTES:
            assert self.voted is not None
            shown = self.voted[draw.index]
        else:
            drawn = self.train[draw.index // len(WANTS)]
            shown = under(drawn, WANTS[draw.index % len(WANTS)], chosen(drawn, self.data.members, rng))
        shown.name = draw.name
        return self._retold(shown, rng)

    def _retold(self, shown: Shown, rng: np.random.Generator) -> Shown:
        """The sample with fewer of its tags, or disguised, or as it is."""
        if rng.random() < self.data.thin:
            shown.directive = thinned(shown.directive, rng)
        return disguised(shown, rng) if rng.random() < self.data.disguise else shown

    def batch(self, shown: Sequence[Shown]) -> RewardBatch:
        """Samples as the loss takes them."""
        planes = np.concatenate([s.planes for s in shown])
        clips = [to_frames(p) for p in planes] if self.model.backbone == "vlm" else None
        directives = [s.directive for s in shown for _ in s.members]
        net = self.net
        seen = net.prepare(directives, clips) if clips is not None else net.prepare_planes(directives, planes)
        rows: list[tuple] = []
        answers: list[float] = []
        mapped: list[bool] = []
        art = [purpose_of(s) for s in shown]
        clip_of: list[int] = []
        for sample, s in enumerate(shown):
            at = {m.clip + str(m.row): len(clip_of) + i for i, m in enumerate(s.members)}
            clip_of += [sample] * len(s.members)
            answers += answers_of(s)
            mapped += [bool(s.wanted) and has_map(m) and map_holds(s, m) for m in s.members]
            for p in s.pairs:
                a, b = (at.get(m.clip + str(m.row), -1) for m in (p.first, p.second))
                if a >= 0 and b >= 0:
                    rows.append((a, b, HEADS.index(p.dimension), OUTCOMES[p.label], p.weight, sample))
        columns = list(zip(*rows, strict=True)) if rows else [()] * 6
        first, second, head, outcome, of = (
            torch.tensor(columns[i], dtype=torch.long) for i in (0, 1, 2, 3, 5)
        )
        return RewardBatch(
            [s.name for s in shown],
            seen,
            first,
            second,
            head,
            outcome,
            torch.tensor(columns[4], dtype=torch.float32),
            of,
            torch.tensor(clip_of),
            torch.tensor(answers),
            torch.from_numpy(np.concatenate([s.maps for s in shown]).astype(np.float32) / 255),
            torch.tensor(mapped),
            torch.from_numpy(np.concatenate([maps for maps, _ in art])),
            torch.tensor([known for _, row in art for known in row]),
        )

    # What is learned

    def loss(self, modules: Mapping[str, nn.Module], batch: RewardBatch) -> Losses:
        net = modules["reward"]
        said: Judgement = net(batch.seen)
        samples, ties = len(batch.names), net.ties
        assert isinstance(ties, torch.Tensor)
        scores = said.by_head().float()
        gap = scores[batch.first, batch.head] - scores[batch.second, batch.head]
        each = tie_loss(gap, log_k(ties)[batch.head], batch.outcome) * batch.weight
        pairs = _mean_of(each, batch.of, samples, batch.weight)
        asked = ~batch.answer.isnan()
        answers = F.binary_cross_entropy_with_logits(
            said.failure, batch.answer.nan_to_num(), reduction="none"
        )
        answer = _mean_of(answers * asked, batch.clip_of, samples, asked.float())

        def cells(logits: Tensor, drawn: Tensor, known: Tensor) -> Tensor:
            each = F.binary_cross_entropy_with_logits(
                logits, drawn, 1 + (HEAVY - 1) * drawn, reduction="none"
            )
            return _mean_of(each.flatten(1).mean(1) * known, batch.clip_of, samples, known.float())

        where, art = (
            cells(said.where, batch.where, batch.mapped),
            cells(said.art, batch.art, batch.deformed),
        )
        decided = batch.outcome < 2
        right = ((gap > 0) == (batch.outcome == 0)) & decided
        nothing = torch.full_like(pairs, float("nan"))
        parts = {
            "pairs": pairs if len(gap) else nothing,
            "answer": answer,
            "where": where,
            "art": art,
            "right": right.float().sum() / decided.sum() if len(gap) else nothing,
            "tie_rate": parity_tie_rate(ties)[HEADS.index(OVERALL)],
        }
        # A little weight on the scores themselves: only their differences are told by pairs.
        held = _mean_of(scores.square().mean(1), batch.clip_of, samples)
        maps = self.model.where * where + self.model.art * art
        return Losses(
            pairs + self.model.answer * answer + maps + 1e-3 * held,
            {name: part.detach() for name, part in parts.items()},
        )

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """On the ``tune`` split: loss, decided pairs told right in all and by head, tag flips, and the AUC
        of the failure answer.
        """
        from animatrix.prefer.measures import figures, judged

        rows = judged(self.tune, lambda shown: self.judge(modules["reward"], shown))
        return {f"held_out/{name}": value for name, value in figures(rows).items()}

    def judge(self, net: nn.Module, shown: Shown) -> Judgement:
        """The judgement of a sample's members, on the CPU."""
        batch = to_device(self.batch([shown]), self.device)
        return Judgement(*(x.float().cpu() for x in net(batch.seen)))

    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Collapsed takes of held-out sets, with the failure map that was drawn (green) and the one found
        (red).
        """
        from animatrix.prefer.overlay import painted

        rows = []
        for number in range(min(4, self.tune.count)):
            shown = under(self.tune[number], WANTS[0])
            k = next(i for i, m in enumerate(shown.members) if m.kind == "collapsed")
            with torch.no_grad():
                said = self.judge(modules["reward"], shown)
            frames = to_frames(shown.planes[k])
            found = said.where[k].sigmoid().numpy()
            rows.append(painted(frames, found, shown.maps[k] / 255))
        if rows:
            cv2.imwrite(str(folder / f"failures-{step:07d}.png"), np.vstack(rows)[..., ::-1])

    def export(self, modules: Mapping[str, nn.Module], folder: Path) -> None:
        from animatrix.prefer.judging import export

        export(modules["reward"], self, folder)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


def _network(model: RewardRecipe) -> Any:
    if model.start is not None:
        from animatrix.prefer.judging import load_judge

        return load_judge(model.start).net
    if model.backbone == "vlm":
        from animatrix.prefer.vlm import VlmReward

        return VlmReward.load(model.vlm_name, model.lora)
    return RewardModel(model.near, model.far, model.told, model.width, model.layers)


def _mean_of(values: Tensor, of: Tensor, count: int, weight: Tensor | None = None) -> Tensor:
    """Mean over the values of each sample [count]; 0 where it has none."""
    weight = torch.ones_like(values) if weight is None else weight
    total = values.new_zeros(count).index_add(0, of, values)
    size = values.new_zeros(count).index_add(0, of, weight.to(values.dtype))
    return total / size.clamp(min=1e-6)


TASK = TaskKind(RewardTask, RewardRecipe, PairData)
