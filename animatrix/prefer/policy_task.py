"""Task ``policy``: a video model learns from pairs of clips which of two is the better one.

    animatrix prefer optimize recipes/nano_prefer.yaml

A sample is a pair under one directive: winner and loser with the same noise and timestep, seen by the policy
and by its frozen reference (:mod:`animatrix.prefer.policy_loss`). At probes clips of held-out directives are
made and measured (:mod:`animatrix.prefer.monitors`); expressiveness is held by a constraint that decides what
is shown next, and ends the run where it cannot be held (:mod:`animatrix.prefer.floor`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from animatrix.errors import AniMatrixError, Code
from animatrix.generate.run import model_path, revision
from animatrix.media import contact_sheet
from animatrix.model.keyframes import empty_condition
from animatrix.model.stand import LAYOUT
from animatrix.model.tags import TagBatch
from animatrix.prefer.floor import Floor
from animatrix.prefer.monitors import Monitor, Sample
from animatrix.prefer.policy import export, open_policy
from animatrix.prefer.policy_data import KINDS, PairItem, Pairs, SetPairs
from animatrix.prefer.policy_loss import Errors, Told, policy_loss
from animatrix.prefer.policy_recipe import PolicyData, PolicyModel
from animatrix.prefer.samples import PipelineSampler
from animatrix.prefer.shown import at_most, thinned
from animatrix.train import draws
from animatrix.train.attention import quick_attention
from animatrix.train.conditions import Place, film_condition
from animatrix.train.data.drafted import Drafts
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Recipe, TaskKind
from animatrix.train.task import Losses, to_device
from animatrix.train.timesteps import timestep
from animatrix.train.wan import grey_film

PROBE_STEP = -1  # the "step" of held-out pairs: their noise never changes
QUANTILES = (0.2, 0.5, 0.8)  # timesteps at which held-out pairs are told apart
PROBED = 8  # held-out pairs at once


@dataclass
class PolicyBatch:
    """Winners and losers [B,C,F,h,w], noise of the same shape, condition [B,4+C,F,h,w] or None, t [B], text
    [B,S,D], tags; and what is known of the pairs, see :class:`Told`.
    """

    names: list[str]
    win: Tensor
    lose: Tensor
    noise: Tensor
    condition: Tensor | None
    t: Tensor
    text: Tensor
    tags: TagBatch
    labels: Tensor
    maps: Tensor
    gap: Tensor
    scores: Tensor
    layout: Tensor | None
    draft: Tensor | None = None


class PolicyTask:
    """See the module's text.

    Raises:
        AniMatrixError: BAD_RECIPE for a floor that nothing measures; what models and data raise.
    """

    name = "policy"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.model: PolicyModel = recipe.model
        self.data: PolicyData = recipe.data
        self._check()
        torch.manual_seed(recipe.seed)
        self.policy = open_policy(self.model, recipe.precision)
        frozen: list[nn.Module] = [*self.policy.reference.values(), self.policy.tag_encoder]
        for module in frozen:
            module.to(device)
        ours = self.model.objective.name == "ours"
        encoder = self.policy.encoder
        drafts = Drafts.of(self.policy.pipe.draft_artist, encoder, Path(self.data.cache))
        self.pairs = Pairs(self.data, encoder, recipe.seed, not ours, drafts)
        self.tune = SetPairs(self.data, "tune", encoder, drafts)
        judge = None
        if self.model.reward is not None:
            from animatrix.prefer.judging import load_judge

            judge = load_judge(self.model.reward)
        self.floor = Floor(self.model.floor) if self.model.floor is not None else None
        slots = self.policy.transformer.config.tag_slots
        self.monitor = Monitor(self.data, self.model.probe, recipe.seed, slots, judge)
        self.shift = self.model.shift or self.policy.shift
        self.figures: dict[str, float] = {}
        self._null_text: Tensor | None = None
        self._grey: Tensor | None = None

    def _check(self) -> None:
        floor, log = self.model.floor, self.recipe.log
        if floor is None:
            return
        if not log.probe_every or not self.model.probe.clips:
            raise AniMatrixError(
                Code.BAD_RECIPE,
                "model.floor is measured at probes, and there are none",
                "set log.probe_every and model.probe.clips, or model.floor=null",
            )
        if floor.stop and log.probe_every % self.recipe.checkpoint.every:
            raise AniMatrixError(
                Code.BAD_RECIPE,
                f"log.probe_every: {log.probe_every} is no multiple of checkpoint.every, "
                f"{self.recipe.checkpoint.every}: a run that ends itself would lose steps",
            )

    def modules(self) -> dict[str, nn.Module]:
        return self.policy.modules()

    @property
    def breach(self) -> str:
        """Why the run ended itself; empty where it did not."""
        stops = self.floor is not None and self.floor.recipe.stop
        return self.floor.breach if self.floor is not None and stops else ""

    # What a step shows

    def plan(self, step: int) -> StepPlan:
        """Raises AniMatrixError FLOOR_BREACHED once expressiveness is lost: the checkpoint of that probe is
        kept.
        """
        if self.breach:
            raise AniMatrixError(
                Code.FLOOR_BREACHED,
                self.breach,
                "stopped; the checkpoint is kept. Lower optimiser.lr or model.objective.beta, or raise "
                "data.shares.expression, in another `out`",
            )
        multipliers = self.floor.multiplier if self.floor is not None else {}
        found = self.pairs.draws(step, self.recipe.batch, multipliers)
        notes = {tag: round(value, 3) for tag, value in sorted(multipliers.items()) if value > 0}
        return StepPlan(step, "", Bucket(self.data.frames, *self.data.size), found, self.shift, notes)

    def load(self, plan: StepPlan, draws_: Sequence[Draw]) -> PolicyBatch:
        items, at = [], [(d.step, d.place) for d in draws_]
        for draw in draws_:
            item = self.pairs.load(draw)
            item.name = f"{item.name}, step {draw.step}, place {draw.place}"
            rng = draws.rng(self.recipe.seed, "told", draw.step, draw.place)
            thin, silent = rng.random(2)
            if thin < self.data.thin:
                item.directive = thinned(item.directive, rng)
            if silent < self.data.silent:
                item.text = self.null_text
            items.append(item)
        share = self.model.uniform_share
        t = [timestep(self.recipe.seed, step, place, plan.shift, share) for step, place in at]
        return self.batch(items, at, t)

    def batch(self, items: Sequence[PairItem], at: Sequence[Place], t: Sequence[float]) -> PolicyBatch:
        """Pairs at timesteps ``t``, with the noise of their places."""
        win, lose = (torch.stack([getattr(i, side) for i in items]).float() for side in ("win", "lose"))
        seed = self.recipe.seed
        noise = torch.stack(
            [torch.randn(win.shape[1:], generator=draws.generator(seed, "noise", *place)) for place in at]
        )
        config = self.policy.transformer.config
        text = torch.stack([i.text for i in items]).float()
        slots = config.get("text_len", 512)
        return PolicyBatch(
            [i.name for i in items],
            win,
            lose,
            noise,
            self._condition(win),
            torch.tensor(t),
            nn.functional.pad(text, (0, 0, 0, slots - text.shape[1])),
            self.policy.tag_encoder.tokenize(
                [at_most(i.directive, config.tag_slots) for i in items], config.tag_slots
            ),
            torch.stack([i.labels for i in items]),
            torch.stack([i.maps for i in items]),
            torch.tensor([i.gap for i in items]),
            torch.tensor([i.scores for i in items]),
            self._layout(items),
            self._draft(items),
        )

    def _layout(self, items: Sequence[PairItem]) -> Tensor | None:
        """What stands where in both of a pair [B,T,LAYOUT], for a model on a stand."""
        if not self.policy.transformer.config.on_stand:
            return None
        unknown = torch.full((self.data.frames, LAYOUT), float("nan"))
        return torch.stack([unknown if i.layout is None else i.layout for i in items])

    def _draft(self, items: Sequence[PairItem]) -> Tensor | None:
        """Rough pictures of both of a pair [B,C,F,h,w], for a model that takes drafts."""
        if not self.policy.transformer.config.takes_draft:
            return None
        unknown = torch.full(items[0].win.shape, float("nan"))
        return torch.stack([unknown if i.draft is None else i.draft.float() for i in items])

    def _condition(self, latents: Tensor) -> Tensor | None:
        """That no picture is given, in the backbone's own way."""
        if self.policy.layout == "nano":
            return empty_condition(latents)
        if self.policy.layout != "concat":
            return None
        if self._grey is None:
            self._grey = grey_film(self.policy.encoder, tuple(latents.shape[2:]))
        films = self._grey.float().expand(len(latents), -1, -1, -1, -1)
        return film_condition(films, [False] * len(latents))

    @property
    def null_text(self) -> Tensor:
        if self._null_text is None:
            self._null_text = self.policy.encoder.text([""])[0]
        return self._null_text

    # What is learned

    def loss(self, modules: Mapping[str, nn.Module], batch: PolicyBatch) -> Losses:
        with torch.no_grad(), self.policy.as_reference(modules) as reference:
            before = self._velocity(reference, batch)
        now = self._velocity(modules, batch)
        each, parts = policy_loss(self.model.objective, errors(batch, now, before), known(batch))
        return Losses(each, parts)

    def _velocity(self, modules: Mapping[str, nn.Module], batch: PolicyBatch) -> Tensor:
        """Of winners, then losers [2B,C,F,h,w], in one pass of each module."""
        t = torch.cat([batch.t, batch.t])
        x = _noisy(torch.cat([batch.win, batch.lose]), torch.cat([batch.noise, batch.noise]), t)
        if batch.condition is not None:
            x = torch.cat([x, torch.cat([batch.condition, batch.condition])], 1)
        tags = TagBatch(*(torch.cat([part, part]) for part in batch.tags))
        embeds = self.policy.tags_of(modules)(tags)
        text = torch.cat([batch.text, batch.text])
        when = t * 1000
        if self.policy.layout == "expand":  # one timestep a token
            patch = self.policy.transformer.config.patch_size
            tokens = x[:, 0, :: patch[0], :: patch[1], :: patch[2]].flatten(1).shape[1]
            when = when[:, None].expand(-1, tokens)
        # Recomputing happens outside of this context, and must find the kernels of the first time.
        told = {
            name: torch.cat([each, each])
            for name, each in (("layout", batch.layout), ("draft", batch.draft))
            if each is not None
        }
        with nullcontext() if self.model.checkpointing else quick_attention(x.device):
            return modules["transformer"](x, when, text, tags=embeds, return_dict=False, **told)[0].float()

    # What is followed

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        figures = self._told_apart(modules)
        if self.model.probe.clips:
            if not self.monitor.reference:
                with self.policy.as_reference(modules) as reference:
                    self.monitor.reference = self.monitor.watch(self._sample(reference))
            seen = self.monitor.watch(self._sample(modules))
            figures |= self.monitor.figures(seen)
            if self.floor is not None:
                self.floor.heed(self.monitor.retained(seen))
                figures |= {f"multiplier/{tag}": value for tag, value in self.floor.multiplier.items()}
        self.figures = figures
        return figures

    def _told_apart(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """On held-out sets at fixed noise and timesteps: share of pairs told right, in all and by kind, and
        how far the velocity has drifted from the reference's.
        """
        kinds = [kind for kind in KINDS if getattr(self.data.shares, kind) > 0]
        numbers = range(min(self.model.probe.pairs, len(self.tune.sets)))
        jobs = [(n, k, q) for n in numbers for k in range(len(kinds)) for q in range(len(QUANTILES))]
        right: dict[str, list[float]] = {kind: [] for kind in kinds}
        drifts: list[float] = []
        for start in range(0, len(jobs), PROBED):
            some = jobs[start : start + PROBED]
            items = [self.tune.pair(n, kinds[k]) for n, k, _ in some]
            at = [(PROBE_STEP, len(QUANTILES) * n + q) for n, _, q in some]
            batch = to_device(self.batch(items, at, [QUANTILES[q] for *_, q in some]), self.device)
            with self.policy.as_reference(modules) as reference:
                before = self._velocity(reference, batch)
            now = self._velocity(modules, batch)
            e = Errors(*(x.flatten(1).mean(1) for x in errors(batch, now, before)))
            margin = (e.win - e.ref_win) - (e.lose - e.ref_lose)
            for (_, k, _), value in zip(some, (margin < 0).tolist(), strict=True):
                right[kinds[k]].append(float(value))
            drifts += (now - before).square().flatten(1).mean(1).tolist()
        values = [v for row in right.values() for v in row]
        found = {"accuracy": sum(values) / len(values), "drift": sum(drifts) / len(drifts)}
        return found | {f"accuracy/{kind}": sum(row) / len(row) for kind, row in right.items()}

    def _sample(self, modules: Mapping[str, nn.Module]) -> Sample:
        probe = self.model.probe
        pipe = self.policy.pipeline(modules)
        return PipelineSampler(pipe, self.data.size, probe.steps, probe.guidance, probe.batch)

    @torch.no_grad()
    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """A contact sheet of held-out directives."""
        count = min(8, len(self.monitor.asked))
        clips = self._sample(modules)(self.monitor.asked[:count], self.monitor.seeds[:count])
        if clips:
            contact_sheet(clips, folder / f"step-{step:07d}.png", captions=self.monitor.tags[:count])

    def export(self, modules: Mapping[str, nn.Module], folder: Path) -> None:
        start = model_path(str(self.model.start))
        story = {
            "objective": self.model.objective.model_dump(mode="json"),
            "start": {"id": str(self.model.start), "revision": revision(start)},
            "steps": self.recipe.steps,
            "batch": self.recipe.batch,
            "seed": self.recipe.seed,
            "floor": self.floor.state_dict() if self.floor is not None else None,
            "held_out": {name: round(value, 5) for name, value in self.figures.items()},
        }
        export(self.policy, modules, folder, story)

    def state_dict(self) -> dict[str, Any]:
        return {
            "floor": self.floor.state_dict() if self.floor is not None else None,
            "reference": self.monitor.state_dict(),
            "figures": dict(self.figures),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.floor is not None and state["floor"] is not None:
            self.floor.load_state_dict(state["floor"])
        self.monitor.load_state_dict(state["reference"])
        self.figures = dict(state["figures"])


def _noisy(latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    t = t.view(-1, 1, 1, 1, 1)
    return (1 - t) * latents + t * noise


def errors(batch: PolicyBatch, now: Tensor, before: Tensor) -> Errors:
    """Squared errors of velocities of winners, then losers [2B,C,F,h,w], by policy and reference."""
    target = torch.cat([batch.noise - batch.win, batch.noise - batch.lose])
    win, lose = (now - target).square().mean(1).chunk(2)
    ref_win, ref_lose = (before - target).square().mean(1).chunk(2)
    return Errors(win, lose, ref_win, ref_lose)


def known(batch: PolicyBatch) -> Told:
    return Told(*(getattr(batch, f) for f in ("labels", "maps", "gap", "scores")))


TASK = TaskKind(PolicyTask, PolicyModel, PolicyData)
