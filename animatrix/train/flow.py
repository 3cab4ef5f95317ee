"""Flow matching of an AniMatrix transformer and its tag encoder.

    x_t = (1 - t) x_0 + t eps,   v = eps - x_0,   loss = mean |v_hat - v|^2 per sample

(Lipman et al. 2210.02747). Text encoder and autoencoder are frozen and live with the data; what is trained
is the transformer, whole or by LoRA, and the tag encoder. Noise, timestep, left-out conditions and shown
keyframes of a sample are functions of (seed, step, place), drawn on the CPU, so that a step is the same on
any number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from animatrix.model.stand import LAYOUT, Window
from animatrix.model.tags import TagBatch
from animatrix.model.vae import SPATIAL, TEMPORAL
from animatrix.train import draws
from animatrix.train.attention import quick_attention
from animatrix.train.conditions import (
    Place,
    film_condition,
    first_frame_given,
    first_frame_held,
    in_words,
    shown_keyframes,
    told_tags,
)
from animatrix.train.curriculum import CurriculumRecipe
from animatrix.train.data.drafted import Drafts
from animatrix.train.data.recipe import DataRecipe
from animatrix.train.data.samples import Item, Samples
from animatrix.train.flow_model import FlowModel, Parts, build, export
from animatrix.train.plan import Draw, StepPlan
from animatrix.train.recipe import Recipe, TaskKind
from animatrix.train.task import Losses, to_device
from animatrix.train.timesteps import QUANTILES, timestep
from animatrix.train.wan import check_fits, grey_film

PATCH = 2  # latents a side of a token of nano's
MOST_MOVING = 6.0  # times the mean change that counts for the weight of what moves
PROBE_STEP = -1  # the "step" of held-out samples: their noise never changes


@dataclass
class FlowBatch:
    """Clean latents and noise [B,C,F,h,w], condition [B,4+C,F,h,w] or None, t [B], text [B,S,D], tags.

    held: bool [B], samples whose first latent frame is given clean (Wan 2.2 TI2V); None where none is.
    weight: [B,1,F,h,w] of the errors, None: 1; window: where the latents are cut from, None: they are whole;
    layout: [B,T,LAYOUT] what stands where, draft: [B,C,F,h,w] rough pictures, NaN for samples that are not
    told.
    """

    names: list[str]
    latents: Tensor
    noise: Tensor
    condition: Tensor | None
    t: Tensor
    text: Tensor
    tags: TagBatch
    held: Tensor | None = None
    weight: Tensor | None = None
    window: Window | None = None
    layout: Tensor | None = None
    draft: Tensor | None = None


class FlowTask:
    """See the module's text."""

    name = "flow"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.model: FlowModel = recipe.model
        self.parts: Parts = build(self.model, recipe.seed, recipe.precision)
        check_fits(recipe, self.parts)
        if self.model.compile:
            torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
            self.parts.transformer.compile_repeated_blocks(dynamic=False)
        self.samples = Samples(recipe, self.parts.encoder)
        cache = self.samples.work.cache.root
        self.drafts = Drafts.of(self.parts.draft_artist, self.parts.encoder, cache)
        self._grey: dict[tuple[int, ...], Tensor] = {}
        if self.parts.fixed_tags is not None:
            self.parts.fixed_tags.to(device)
        self.null_text = self.parts.encoder.text([""])[0]

    def modules(self) -> dict[str, nn.Module]:
        found: dict[str, nn.Module] = {"transformer": self.parts.transformer}
        if self.parts.tag_encoder is not None:
            found["tag_encoder"] = self.parts.tag_encoder
        return found

    def plan(self, step: int) -> StepPlan:
        return self.samples.plan(step)

    def load(self, plan: StepPlan, draws_: Sequence[Draw]) -> FlowBatch:
        items = self.samples.load(plan, draws_)
        # Not the plan's step: a control shows draws again at other steps, with the noise they had.
        at = [(d.step, d.place) for d in draws_]
        uniform = float(plan.notes.get("uniform_share", 0.0))
        seed, part = self.recipe.seed, self.model.part_of_noise
        t = [timestep(seed, step, place, plan.shift, uniform, part) for step, place in at]
        batch = self.batch(items, at, t)
        if self.model.moving:
            batch.weight = moving_weight(batch.latents, self.model.moving)
        return batch if self.model.window is None else windowed(batch, self._window(plan), seed, at)

    def _window(self, plan: StepPlan) -> tuple[int, int]:
        """Height and width of what is shown, in latents, no more than there is."""
        assert self.model.window is not None
        w, h = (n // SPATIAL for n in self.model.window)
        bucket = plan.bucket
        return min(h, bucket.height // SPATIAL), min(w, bucket.width // SPATIAL)

    def batch(self, items: Sequence[Item], at: Sequence[Place], t: Sequence[float]) -> FlowBatch:
        """The samples at timesteps ``t``, with the noise and the left-out conditions of their places."""
        seed, told = self.recipe.seed, self.model.told
        latents = torch.stack([item.latents for item in items]).float()
        tags = self._tags(items, still=latents.shape[2] == 1)
        tags, with_text = told_tags(tags, told, seed, at)
        if self.model.tags_as == "text":
            text = self._written(items, tags, with_text)
        else:
            text = torch.stack(
                [item.text if kept else self.null_text for item, kept in zip(items, with_text, strict=True)]
            )
        noise = torch.stack(
            [torch.randn(latents.shape[1:], generator=draws.generator(seed, "noise", *place)) for place in at]
        )
        condition = held = None
        if self.parts.layout == "expand":
            given = first_frame_given(latents, told, seed, at)
            held = torch.tensor(given) if any(given) else None
        elif self.parts.layout == "concat":
            condition = self._film(items, first_frame_given(latents, told, seed, at))
        elif self.parts.layout == "nano":
            keys = torch.stack([item.keys for item in items]).float()
            index = torch.stack([item.key_index for item in items])
            condition = shown_keyframes(latents, keys, index, told, seed, at)
        layout = self._layout(items, condition, at)
        return FlowBatch(
            [item.name for item in items],
            latents,
            noise,
            condition,
            torch.tensor(t),
            self._padded(text),
            tags,
            held,
            layout=layout,
            draft=None if layout is None or self.drafts is None else self._draft(items, layout, self.drafts),
        )

    def _draft(self, items: Sequence[Item], layouts: Tensor, drafts: Drafts) -> Tensor:
        """Drafts of those that are told their layout."""
        found = []
        for item, layout in zip(items, layouts, strict=True):
            draft = torch.full(item.latents.shape, float("nan"))
            if layout.isfinite().all():
                size = (item.latents.shape[2], item.latents.shape[3])
                draft = drafts.latents(item.key, item.directive, item.text, layout, size).float()
            found.append(draft)
        return torch.stack(found)

    def _layout(self, items: Sequence[Item], condition: Tensor | None, at: Sequence[Place]) -> Tensor | None:
        """The layouts of those that are told theirs. Where pictures are given, half as often: what is
        generated from a picture has to find its layout there.
        """
        share = self.model.layout
        if not share or items[0].latents.shape[1] == 1:
            return None
        frames = self.parts.encoder.temporal * (items[0].latents.shape[1] - 1) + 1
        unknown = torch.full((frames, LAYOUT), float("nan"))
        found = []
        for row, (item, place) in enumerate(zip(items, at, strict=True)):
            pictures = condition is not None and bool(condition[row, :TEMPORAL].any())
            heard = draws.rng(self.recipe.seed, "layout", *place).random() < share * (0.5 if pictures else 1)
            found.append(item.layout if item.layout is not None and heard else unknown)
        return torch.stack(found).float()

    def _written(self, items: Sequence[Item], tags: TagBatch, with_text: Sequence[bool]) -> Tensor:
        """States [B,S,D] of the narratives, where told, and after them the told tags in words."""
        texts = [
            in_words(item.directive, mask, narrative)
            for item, mask, narrative in zip(items, tags.mask.tolist(), with_text, strict=True)
        ]
        return self.parts.encoder.text(texts, self.parts.transformer.config.text_len)

    def _film(self, items: Sequence[Item], given: Sequence[bool]) -> Tensor:
        films = []
        for item, shown in zip(items, given, strict=True):
            if not shown:
                shape = tuple(item.latents.shape[1:])
                if shape not in self._grey:
                    self._grey[shape] = grey_film(self.parts.encoder, shape)
                films.append(self._grey[shape])
            else:
                assert item.film is not None
                films.append(item.film)
        return film_condition(torch.stack(films).float(), given)

    def _tags(self, items: Sequence[Item], still: bool) -> TagBatch:
        encoder = self.parts.rows
        tags = encoder.tokenize([item.directive for item in items], self.model.tag_slots)
        # A single picture shows no timing: tags that hold for some frames only are not claimed of it.
        return tags._replace(mask=tags.mask & tags.whole) if still else tags

    def _padded(self, text: Tensor) -> Tensor:
        slots = self.parts.transformer.config.text_len - text.shape[1]
        return nn.functional.pad(text.float(), (0, 0, 0, slots))

    def loss(self, modules: Mapping[str, nn.Module], batch: FlowBatch) -> Losses:
        error = self._error(modules, batch)
        if batch.weight is not None:
            error = error * batch.weight
        return Losses(error.flatten(1).mean(1), {})

    def _error(self, modules: Mapping[str, nn.Module], batch: FlowBatch) -> Tensor:
        """Squared error of the velocity [B,C,F,h,w]."""
        t = batch.t.view(-1, 1, 1, 1, 1)
        x, when = (1 - t) * batch.latents + t * batch.noise, batch.t * 1000
        if batch.condition is not None:
            x = torch.cat([x, batch.condition], 1)
        if batch.held is not None:
            patch = self.parts.transformer.config.patch_size
            x, when = first_frame_held(x, batch.latents, batch.t, batch.held, patch)
        encoder = modules.get("tag_encoder", self.parts.fixed_tags)
        tags = encoder(batch.tags) if encoder is not None else None
        # Recomputing happens outside of this context, and must find the kernels of the first time.
        with nullcontext() if self.model.checkpointing else quick_attention(x.device):
            shown: dict[str, Any] = {} if batch.window is None else {"window": batch.window}
            if batch.layout is not None:
                shown["layout"] = batch.layout
            if batch.draft is not None:
                shown["draft"] = batch.draft
            (v,) = modules["transformer"](x, when, batch.text, tags=tags, return_dict=False, **shown)
        error = (v.float() - (batch.noise - batch.latents)).square()
        return error if batch.held is None else _of_free_frames(error, batch.held)

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """Loss on held-out samples at nine fixed timesteps and fixed noise, per kind and per timestep. An
        expert's timesteps are of its part of the noise.
        """
        found: dict[str, list[float]] = {}
        for group in self.samples.held_out():
            kinds, items = [d.kind for d in group.draws], self.samples.load(group, group.draws)
            for i, t in enumerate(self.quantiles):
                at = [(PROBE_STEP, 1000 * i + d.place) for d in group.draws]
                batch = to_device(self.batch(items, at, [t] * len(items)), self.device)
                with torch.compiler.set_stance("force_eager"):  # of few shapes, each seen once in a while
                    each = self._error(modules, batch).flatten(1).mean(1).tolist()
                for kind, value in zip(kinds, each, strict=True):
                    found.setdefault(kind, []).append(value)
                    found.setdefault(f"q{i}", []).append(value)
        figures = {name: sum(values) / len(values) for name, values in sorted(found.items())}
        self.samples.heed(figures)
        return figures

    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        from animatrix.train.samples import show

        with torch.compiler.set_stance("force_eager"):
            show(self, modules, folder, step)

    def export(self, modules: Mapping[str, nn.Module], folder: Path) -> None:
        export(self.model, self.parts, modules, folder, self.shift)

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Timesteps of held-out losses."""
        if self.parts.expert is None:
            return QUANTILES
        low, high = self.model.part_of_noise
        return tuple(low + (high - low) * q for q in QUANTILES)

    @property
    def shift(self) -> float:
        """Of the last stage: what sampling should use."""
        return self.recipe.curriculum.stages[-1].shift

    def state_dict(self) -> dict[str, Any]:
        return self.samples.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.samples.load_state_dict(state)


def _of_free_frames(error: Tensor, held: Tensor) -> Tensor:
    """Squared errors [B,C,F,h,w] with a mean over those of latent frames that were not given."""
    frames = error.shape[2]
    weight = error.new_ones(len(error), frames)
    weight[held] = frames / (frames - 1)
    weight[held, 0] = 0
    return error * weight[:, None, :, None, None]


def windowed(batch: FlowBatch, size: tuple[int, int], seed: int, at: Sequence[Place]) -> FlowBatch:
    """The batch cut to windows of ``size`` latents, whole tokens from the corner, each sample elsewhere."""
    (height, width), (h, w) = batch.latents.shape[-2:], size
    rows, columns = [], []
    for step, place in at:
        rng = draws.rng(seed, "window", step, place)
        rows.append(int(rng.integers((height - h) // PATCH + 1)))
        columns.append(int(rng.integers((width - w) // PATCH + 1)))

    def cut(x: Tensor) -> Tensor:
        found = [
            one[..., PATCH * r : PATCH * r + h, PATCH * c : PATCH * c + w]
            for one, r, c in zip(x, rows, columns, strict=True)
        ]
        return torch.stack(found)

    return replace(
        batch,
        latents=cut(batch.latents),
        noise=cut(batch.noise),
        condition=None if batch.condition is None else cut(batch.condition),
        weight=None if batch.weight is None else cut(batch.weight),
        draft=None if batch.draft is None else cut(batch.draft),
        window=Window(torch.tensor(rows), torch.tensor(columns), height // PATCH, width // PATCH),
    )


def moving_weight(latents: Tensor, extra: float) -> Tensor:
    """Weight [B,1,F,h,w] of the errors of clean latents [B,C,F,h,w], 1 in the mean of each sample: before
    that, 1 where nothing changes and 1 + ``extra`` where as much does as in the mean, at most
    :data:`MOST_MOVING` times as much. A picture weighs 1.
    """
    b, _, f, h, w = latents.shape
    if f == 1:
        return latents.new_ones(b, 1, 1, h, w)
    change = latents.diff(dim=2).square().mean(1)  # [B,F-1,h,w]
    change = torch.maximum(torch.cat([change[:, :1], change], 1), torch.cat([change, change[:, -1:]], 1))
    mean = change.flatten(1).mean(1).clamp(min=1e-6).view(-1, 1, 1, 1)
    weight = 1 + extra * (change / mean).clamp(max=MOST_MOVING)
    return (weight / weight.flatten(1).mean(1).view(-1, 1, 1, 1))[:, None]


TASK = TaskKind(FlowTask, FlowModel, DataRecipe, CurriculumRecipe)
