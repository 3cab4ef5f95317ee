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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from animatrix.knowledge import Directive, Tag
from animatrix.prefer.merits import AGAIN, HEADS, OVERALL, TAKES
from animatrix.prefer.pairs import Member, Pair, answer_of, has_map
from animatrix.prefer.recipe import CloseRecipe, PairData
from animatrix.prefer.reward import Judgement, RewardModel
from animatrix.prefer.sets import CELL, DEFORMATIONS, SLOT, Drawn, pooled_map
from animatrix.prefer.shards import PairStore
from animatrix.prefer.ties import OUTCOMES, log_k, parity_tie_rate, tie_loss
from animatrix.prefer.voted import VotedPairs
from animatrix.train import draws
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Recipe, Section, TaskKind
from animatrix.train.task import Losses, to_device

WANTS = ("deformation", "near_physical")
KEPT_TAGS = frozenset({*DEFORMATIONS, "deformation_intensity"})  # what decides the labels is never left out
SETS, VOTES = "sets", "votes"
CLOSE = "close"  # kind of the draws of close-ups
FAILING = 0.3  # of a map's cell: it fails
HEAVY = 3.0  # a failing cell counts as so many sound ones
UNSEEN, PLAIN = 8.0, 64.0  # levels between takes: what the passage may add, and beyond that, plain to see


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


@dataclass
class Shown:
    """One sample: a directive, its members with their planes and maps, and the pairs among them."""

    name: str
    directive: Directive
    members: list[Member]
    planes: np.ndarray
    maps: np.ndarray
    pairs: list[Pair]
    wanted: str = ""
    close: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


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


def map_holds(shown: Shown, member: Member) -> bool:
    """Whether the map of a member holds under what was asked: an unasked deformation has none."""
    return shown.wanted == "deformation" or member.kind in ("flat", "collapsed")


def chosen(drawn: Drawn, count: int, rng: np.random.Generator) -> list[int]:
    """Rows of the members shown together: the three takes as far as they fit, and others."""
    takes = [m.row for m in drawn.members if m.kind in TAKES]
    others = [m.row for m in drawn.members if m.kind not in TAKES]
    if count < len(takes):
        return sorted(int(r) for r in rng.permutation(takes)[:count])
    left = [int(r) for r in rng.permutation(others)[: count - len(takes)]]
    return [*takes, *left]


def under(drawn: Drawn, wanted: str, rows: Sequence[int] | None = None) -> Shown:
    """Members (all, or some rows) of a set under the directive that wants the deformation, or none."""
    pairs = [p for p in drawn.pairs if p.wanted == wanted]
    members = drawn.members if rows is None else [drawn.members[r] for r in rows]
    at = [m.row for m in members]
    number = pairs[0].provenance.number if pairs else -1
    directive = drawn.directives[pairs[0].directive]
    return Shown(f"set {number}", directive, members, drawn.planes[at], drawn.maps[at], pairs, wanted)


def cut(shown: Shown, close: CloseRecipe, rng: np.random.Generator) -> Shown:
    """A sample cut to a window of whole cells and slots, most often about a failing cell."""
    slots, rows, columns = shown.maps.shape[1:]
    size = (close.frames // SLOT + 1, close.size[1] // CELL, close.size[0] // CELL)
    failing = np.argwhere(shown.maps.max(0) > FAILING * 255)
    if len(failing) and rng.random() < close.failing:
        place = failing[rng.integers(len(failing))] - rng.integers(0, size)
    else:
        place = rng.integers(0, (slots, rows, columns))
    t, y, x = (int(np.clip(p, 0, n - s)) for p, n, s in zip(place, (slots, rows, columns), size, strict=True))
    frames = slice(t * SLOT, t * SLOT + close.frames)
    height = shown.planes.shape[2] * 2 // 3
    top, left, (w, h) = y * CELL, x * CELL, close.size
    planes = shown.planes[:, frames]
    luma = planes[:, :, top : top + h, left : left + w]
    chroma = planes[:, :, height:].reshape(*planes.shape[:2], 2, height // 2, -1)
    chroma = chroma[..., top // 2 : (top + h) // 2, left // 2 : (left + w) // 2]
    shown.planes = np.concatenate([luma, chroma.reshape(*planes.shape[:2], h // 2, w)], 2)
    shown.maps = shown.maps[:, t : t + size[0], y : y + size[1], x : x + size[2]]
    return shown


def purpose_of(shown: Shown) -> tuple[np.ndarray, list[bool]]:
    """Where members are deformed on purpose ``float32 [N,T',h,w]`` in [0,1], and of which it is known.

    Takes are aligned: intended and flat differ in the deformation alone. The passage changes a few levels.
    """
    at = {m.kind: i for i, m in enumerate(shown.members)}
    found = np.zeros(shown.maps.shape, np.float32)
    if not shown.wanted or "intended" not in at or "flat" not in at:
        return found, [False] * len(found)
    a, b = (shown.planes[at[kind]] for kind in ("intended", "flat"))
    gap = cv2.absdiff(a.reshape(len(a), -1), b.reshape(len(b), -1)).reshape(a.shape).astype(np.float32)
    height = a.shape[1] * 2 // 3
    chroma = gap[:, height:].reshape(len(gap), 2, height // 2, -1).max(1).repeat(2, 1).repeat(2, 2)
    change = np.maximum(gap[:, :height], chroma)
    where = pooled_map(np.clip((change - UNSEEN) / PLAIN, 0, 1))
    for kind in ("intended", AGAIN):
        if kind in at:
            found[at[kind]] = where
    return found, [m.kind in TAKES or m.kind == AGAIN for m in shown.members]


def disguised(shown: Shown, rng: np.random.Generator) -> Shown:
    """All members mirrored (half of the time) and in other colours and brightness; of the tags, those of the
    deformation alone, because others may no longer hold.
    """
    shown.directive = thinned(shown.directive, rng, most=0.0)
    n, t, rows, width = shown.planes.shape
    height = rows * 2 // 3
    luma = shown.planes[:, :, :height]
    chroma = shown.planes[:, :, height:].reshape(n, t, 2, height // 2, width // 2)
    if rng.random() < 0.5:
        luma, chroma, shown.maps = luma[..., ::-1], chroma[..., ::-1], shown.maps[..., ::-1]
    gain, lift = rng.uniform(0.7, 1.2), rng.uniform(-20, 20)
    tones = np.clip((np.arange(256) - 128) * gain + 128 + lift, 0, 255).astype(np.uint8)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.2)
    c, s = strength * np.cos(angle), strength * np.sin(angle)
    turned = np.einsum(
        "ij,ntjhw->ntihw", np.array([[c, -s], [s, c]], np.float32), chroma.astype(np.float32) - 128
    )
    chroma = np.clip(np.rint(turned + 128), 0, 255).astype(np.uint8)
    shown.planes = np.concatenate([tones[luma], chroma.reshape(n, t, height // 2, width)], 2)
    return shown


def answers_of(shown: Shown) -> list[float]:
    """Whether each member fails (1) or not (0); NaN where nothing is known of it."""
    if not shown.wanted:
        return [float("nan")] * len(shown.members)
    if not shown.close:
        return [answer_of(shown.wanted, m) for m in shown.members]  # type: ignore[arg-type]
    seen = [float(m.max() > FAILING * 255) for m in shown.maps]
    return [s if map_holds(shown, m) else float("nan") for s, m in zip(seen, shown.members, strict=True)]


def thinned(directive: Directive, rng: np.random.Generator, most: float = 1.0) -> Directive:
    """The directive with some of its tags only, as people write them, at ``most`` that share of them;
    deformations stay.
    """
    share = most * rng.random()
    kept: dict[str, tuple[Tag, ...]] = {
        name: tags for name, tags in directive.tags.items() if name in KEPT_TAGS or rng.random() < share
    }
    return directive.model_copy(update={"tags": kept})


def at_most(directive: Directive, count: int) -> Directive:
    """The directive with no more tags than a model takes; deformations stay."""
    kept: dict[str, tuple[Tag, ...]] = {}
    for name, tags in sorted(directive.tags.items(), key=lambda row: row[0] not in KEPT_TAGS):
        if count >= len(tags):
            kept[name], count = tags, count - len(tags)
    return directive.model_copy(update={"tags": {n: t for n, t in directive.tags.items() if n in kept}})


def to_frames(planes: np.ndarray) -> np.ndarray:
    """I420 ``uint8 [T,H*3/2,W]`` as ``uint8 [T,H,W,3]``."""
    return np.stack([cv2.cvtColor(p, cv2.COLOR_YUV2RGB_I420) for p in planes])


def _mean_of(values: Tensor, of: Tensor, count: int, weight: Tensor | None = None) -> Tensor:
    """Mean over the values of each sample [count]; 0 where it has none."""
    weight = torch.ones_like(values) if weight is None else weight
    total = values.new_zeros(count).index_add(0, of, values)
    size = values.new_zeros(count).index_add(0, of, weight.to(values.dtype))
    return total / size.clamp(min=1e-6)


TASK = TaskKind(RewardTask, RewardRecipe, PairData)
