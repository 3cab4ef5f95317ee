"""Nano's layout artist, from the studio's layouts: nothing is drawn for it, only laid out. Camera shake is
taken off what the network learns, and kept as tracks (:mod:`animatrix.model.shake`).

A sample is the layout of a whole shot or of its first frames (as the flow task shows shots in shorter
buckets), with parts of its directive left out as there. Loss: the mean absolute error of the standardised
poses and of their steps, and of the places that steps lead to: a held drawing is held exactly, and a camera
that stands still must not tremble by what hardly shows in a mean square. Of the steps of places, however, the
mean square: medians of steps do not add up to the middle of where they may lead.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from animatrix.knowledge import Directive
from animatrix.model.layout import PLACES, LayoutArtist, statistics
from animatrix.model.parts import with_part
from animatrix.model.shake import SHAKE, onset, shaken
from animatrix.model.stand import LAYOUT
from animatrix.model.tags import TagBatch
from animatrix.model.text import states_of
from animatrix.model.vae import TEMPORAL
from animatrix.train import draws
from animatrix.train.conditions import Told, told_tags
from animatrix.train.data.cards import windowed
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Recipe, Section, TaskKind
from animatrix.train.task import Losses, to_device

STEPS_WEIGH = 4.0  # of the error of what changes from frame to frame, beside that of what is there
PLACES_WEIGH = 3.0  # of the numbers of places beside those of poses: a pixel of the set is seen everywhere
HELD_OUT = 256  # layouts of the tune split
SHORTEST = 9  # frames that are shown of a shot
WHOLE = 0.4  # share of samples that show all of it
SLOTS = 64  # of a narrative
TRACKS = 16  # most of each shake that are kept


class LayoutModel(Section):
    """The network, and what it is told.

    Args:
        width, depth: see :class:`LayoutArtist`.
        text: folder of ``tokenizer`` and ``text_encoder``.
        start: of a layout artist to go on from.
        told: shares of samples that are told only part of their directive; no pictures.
        crossed: share of those told all of their tags whose narrative is another shot's of the same scene:
            what it says besides who and where contradicts the tags, which are right.
        tag_slots: most tags of a directive.
    """

    width: PositiveInt = 96
    depth: PositiveInt = 3
    text: Path
    start: Path | None = None
    told: Told = Told()
    crossed: float = Field(default=0.0, ge=0, le=1)
    tag_slots: PositiveInt = 32


class LayoutWorld(Section):
    """A world of the studio: see :class:`animatrix.synthetic.Corpus`."""

    world: str
    seed: int = Field(default=0, ge=0)
    scenes: int = Field(default=0, ge=0)
    count: PositiveInt


class LayoutData(Section):
    """What is laid out: worlds, size of the picture in pixels, and frames of a shot."""

    worlds: list[LayoutWorld] = Field(min_length=1)
    size: tuple[PositiveInt, PositiveInt] = (160, 96)
    frames: PositiveInt = 33

    @model_validator(mode="after")
    def _frames_fit(self) -> LayoutData:
        if self.frames % TEMPORAL != 1 or self.frames < SHORTEST:
            raise ValueError(f"frames are {TEMPORAL}n+1, at least {SHORTEST}")
        return self


@dataclass
class Laid:
    """Shots: steady layouts [N,T,LAYOUT] and their shake [N,T,2], text states [N,S,D], their directives, and
    which share a scene.
    """

    layouts: Tensor
    shakes: Tensor
    text: Tensor
    directives: list[Directive]
    scenes: list[tuple[int, ...]]


@dataclass
class LayoutBatch:
    """Standardised layouts and noise [B,T,LAYOUT], level [B], text [B,S,D], tags."""

    names: list[str]
    layouts: Tensor
    noise: Tensor
    level: Tensor
    text: Tensor
    tags: TagBatch


class LayoutTask:
    """See the module's text."""

    name = "layout"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.model: LayoutModel = recipe.model
        self.shots = self._laid("train")
        torch.manual_seed(recipe.seed)
        if self.model.start is not None:
            artist = LayoutArtist.from_pretrained(self.model.start, torch_dtype=torch.float32)
        else:
            known = statistics(self.shots.layouts)
            artist = LayoutArtist(
                self.model.width, self.model.depth, text_dim=self.shots.text.shape[2], **known
            )
        self.artist = with_tracks(artist, tracks_of(self.shots.directives, self.shots.shakes))

    def _laid(self, split: str) -> Laid:
        """The shots of a split that have a layout."""
        data: LayoutData = self.recipe.data
        layouts: list[Tensor] = []
        shakes: list[Tensor] = []
        directives: list[Directive] = []
        scenes: list[tuple[int, ...]] = []
        for world in data.worlds:
            count = world.count if split == "train" else HELD_OUT // len(data.worlds)
            for index, directive, layout, shake in shots_of(world, split, data, count):
                layouts.append(layout)
                shakes.append(shake)
                directives.append(directive)
                # Without shared scenes every shot has its own.
                scenes.append((world.seed, index % world.scenes) if world.scenes else (len(scenes),))
        text = self._states([d.narrative for d in directives])
        return Laid(torch.stack(layouts), torch.stack(shakes), text, directives, scenes)

    def _states(self, texts: Sequence[str]) -> Tensor:
        return states_of(texts, self.model.text, SLOTS).to(torch.bfloat16)

    @functools.cached_property
    def _silence(self) -> Tensor:
        """States [S,D] of a narrative that says nothing."""
        return self._states([""])[0]

    def modules(self) -> dict[str, nn.Module]:
        return {"layout_artist": self.artist}

    @functools.cached_property
    def _lengths(self) -> list[int]:
        return list(range(SHORTEST, self.recipe.data.frames + 1, TEMPORAL))

    def plan(self, step: int) -> StepPlan:
        rng = draws.rng(self.recipe.seed, "layout", step)
        picks = rng.integers(len(self.shots.directives), size=self.recipe.batch)
        shorter = self._lengths[int(rng.integers(len(self._lengths)))]
        frames = self.recipe.data.frames if rng.random() < WHOLE else shorter
        drawn = tuple(Draw(step, place, "layouts", int(i)) for place, i in enumerate(picks))
        return StepPlan(step, "", Bucket(frames, 1, 1), drawn)

    def load(self, plan: StepPlan, draws_: Sequence[Draw]) -> LayoutBatch:
        at, seed = [(plan.step, d.place) for d in draws_], self.recipe.seed
        level = torch.tensor([draws.uniform(seed, "level", *place) for place in at])
        return self._batch(
            self.shots, [d.index for d in draws_], plan.bucket.frames, at, level, self.model.told
        )

    def _batch(
        self,
        shots: Laid,
        rows: Sequence[int],
        frames: int,
        at: Sequence[tuple[int, int]],
        level: Tensor,
        told: Told,
    ) -> LayoutBatch:
        asked = [shots.directives[row] for row in rows]
        if frames < shots.layouts.shape[1]:
            asked = [windowed(d, 0, frames) for d in asked]
        whole = self.artist.tags.tokenize(asked, self.model.tag_slots)
        tags, with_text = told_tags(whole, told, self.recipe.seed, at)
        complete = (tags.mask == whole.mask).all(1).tolist()
        said = [
            self._crossed(shots, row, place) if all_told else row
            for row, place, all_told in zip(rows, at, complete, strict=True)
        ]
        text = torch.stack(
            [shots.text[r] if kept else self._silence for r, kept in zip(said, with_text, strict=True)]
        )
        layouts = self.artist.standard(shots.layouts[list(rows), :frames])
        noise = torch.stack(
            [
                torch.randn(frames, LAYOUT, generator=draws.generator(self.recipe.seed, "noise", *place))
                for place in at
            ]
        )
        return LayoutBatch([f"layout {row}" for row in rows], layouts, noise, level, text.float(), tags)

    def _crossed(self, shots: Laid, row: int, place: tuple[int, int]) -> int:
        """The shot whose narrative is told: now and then another one's of the same scene."""
        rng = draws.rng(self.recipe.seed, "crossed", *place)
        if rng.random() >= self.model.crossed:
            return row
        others = self._by_scene[shots.scenes[row]] if shots is self.shots else [row]
        return others[int(rng.integers(len(others)))]

    @functools.cached_property
    def _by_scene(self) -> dict[tuple[int, ...], list[int]]:
        found: dict[tuple[int, ...], list[int]] = {}
        for row, scene in enumerate(self.shots.scenes):
            found.setdefault(scene, []).append(row)
        return found

    def loss(self, modules: Mapping[str, nn.Module], batch: LayoutBatch) -> Losses:
        level = batch.level[:, None, None]
        x = (1 - level) * batch.layouts + level * batch.noise
        off = modules["layout_artist"](x, batch.level, batch.text, batch.tags) - batch.layouts
        places, poses = off.split([PLACES, LAYOUT - PLACES], 2)

        # How far the steps lead astray, beside how much framings differ.
        _, spread = self.artist._statistics(off)
        _, first = self.artist._first(off)
        path = torch.cat([places[:, :1] * first, places[:, 1:] * spread[:PLACES]], 1).cumsum(1) / first
        parts = {
            "places": places.square().flatten(1).mean(1),
            "path": path.abs().flatten(1).mean(1),
            "poses": poses.abs().flatten(1).mean(1),
            "steps": poses.diff(dim=1).abs().flatten(1).mean(1),
        }
        weigh = {"places": PLACES_WEIGH, "path": 1.0, "poses": 1.0, "steps": STEPS_WEIGH}
        loss = sum(weigh[name] * part for name, part in parts.items())
        return Losses(torch.as_tensor(loss), {name: part.detach() for name, part in parts.items()})

    @functools.cached_property
    def _held_out(self) -> Laid:
        return self._laid("tune")

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """Held-out loss at three levels; and of layouts that are drawn: how far the middle of the picture
        is off on the set and on the figure, in pixels of its width (median over steady shots of the mean over
        frames), and by how much more it trembles than it should from one frame to the next (95th percentile);
        and how much it shakes where it should, drawn and asked (mean second difference, in pixels).
        """
        held, found = self._held_out, {}
        rows = list(range(len(held.directives)))
        at = [(-1, row) for row in rows]
        for level in (0.95, 0.5, 0.1):
            batch = self._batch(
                held, rows, held.layouts.shape[1], at, torch.full((len(rows),), level), Told()
            )
            each = self.loss(modules, to_device(batch, self.device)).each
            found[f"held_out/loss_{level}"] = each.mean().item()
        artist = modules["layout_artist"]
        assert isinstance(artist, LayoutArtist)
        generator = draws.generator(self.recipe.seed, "drawn")
        drawn = artist.draw(held.text.float(), held.directives, held.layouts.shape[1], generator).cpu()
        size = torch.tensor([float(n) for n in self.recipe.data.size])
        shaking = held.shakes.flatten(1).any(1)
        for n, name in enumerate(("set", "figure")):
            off = (drawn - held.layouts)[~shaking, :, 3 * n : 3 * n + 2] * size
            found[f"off/{name}"] = off.norm(dim=2).mean(1).median().item()
            found[f"trembles/{name}"] = off.diff(dim=1).norm(dim=2).mean(1).quantile(0.95).item()
        for name, layouts in (("drawn", drawn), ("asked", shaken(held.layouts, held.shakes))):
            second = (layouts[shaking, :, :2] * size).diff(n=2, dim=1)
            found[f"shake/{name}"] = second.norm(dim=2).mean().item()
        poses = (drawn - held.layouts)[..., PLACES:]
        found["off/pose"] = poses.abs().mean((1, 2)).median().item()
        return found

    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """There is nothing to see before a model has painted it."""

    def export(self, modules: Mapping[str, nn.Module], folder: Path) -> None:
        artist = modules["layout_artist"]
        assert isinstance(artist, LayoutArtist)
        artist.eval().save_pretrained(folder / "layout_artist", safe_serialization=True)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


def tracks_of(directives: Sequence[Directive], shakes: Tensor) -> dict[str, Tensor]:
    """The first of the shakes [N,T,2] of each value of the tag [K,T,2], from where they set in."""
    found: dict[str, list[Tensor]] = {}
    for directive, shake in zip(directives, shakes, strict=True):
        if shake.any():
            start = onset(directive, len(shake))
            track = torch.cat([shake[start:], shake.new_zeros(start, 2)])
            found.setdefault(directive.values(SHAKE)[0], []).append(track)
    return {value: torch.stack(tracks[:TRACKS]) for value, tracks in sorted(found.items())}


def with_tracks(artist: LayoutArtist, tracks: Mapping[str, Tensor]) -> LayoutArtist:
    """The layout artist with these shakes, as many of each, in place of its own."""
    if not tracks:
        return artist
    count = min(len(each) for each in tracks.values())
    frames = next(iter(tracks.values())).shape[1]
    found = with_part(artist, "shaking", shakes=list(tracks), shake_tracks=[count, frames])
    assert found.shaking is not None
    found.shaking.tracks.copy_(torch.stack([each[:count] for each in tracks.values()]))
    return found


def shots_of(
    world: LayoutWorld, split: str, data: LayoutData, count: int
) -> Iterator[tuple[int, Directive, Tensor, Tensor]]:
    """The first ``count`` shots: number, directive, steady layout [T,LAYOUT], shake [T,2]; without those
    whose layout is not known.
    """
    from animatrix.synthetic import Corpus

    corpus = Corpus(world.seed, split, data.size, data.frames, 24.0, world.world, scenes=world.scenes)
    for index in range(count):
        directive, layout = corpus.laid_out(index)
        if layout is not None:
            whole = torch.from_numpy(layout).float()
            shake = torch.zeros(len(whole), 2)
            if directive.values(SHAKE) not in ((), ("steady",)):
                shake = torch.from_numpy(corpus.shake(index)).float()
            yield index, directive, shaken(whole[None], -shake[None])[0], shake


TASK = TaskKind(LayoutTask, LayoutModel, LayoutData)
