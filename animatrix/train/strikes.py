"""What strikes frames in nano's draft artist: the impact frames, learned.

A frame of a drawn clip and its figure's mask are shown, and what the renderer's impact frame makes of them is
asked for. Loss: the mean absolute error of the pixels. Everything else of the artist stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from animatrix.model.draft import IMPACT, DraftArtist, Strikes
from animatrix.model.parts import with_part
from animatrix.synthetic.effects import IMPACTS, impact
from animatrix.train import draws
from animatrix.train.drafts import ArtistTask, DraftData, corpus_of
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Recipe, Section, TaskKind
from animatrix.train.task import Losses

if TYPE_CHECKING:
    from animatrix.synthetic import Corpus

VALUES = tuple(IMPACTS)
HELD_OUT = 28  # clips
EACH = 2  # frames of a clip
SEARCHED = 100  # items looked through for each clip


class StrikeModel(Section):
    """start: folder of the draft artist that is to strike frames; width: channels of what does."""

    start: Path
    width: PositiveInt = 32


@dataclass
class StrikeBatch:
    """Frames and what they are struck to [N,3,H,W] in [0,1], cover of the figure [N,1,H,W], values [N,V]."""

    names: list[str]
    frames: Tensor
    cover: Tensor
    values: Tensor
    struck: Tensor


class StrikeTask(ArtistTask):
    """See the module's text."""

    name = "strikes"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        model, data = recipe.model, recipe.data
        torch.manual_seed(recipe.seed)
        started = DraftArtist.from_pretrained(model.start)
        self.artist = with_part(started, "strikes", impacts=list(VALUES), strike_width=model.width)
        self.artist.requires_grad_(False)
        _strikes(self.modules()).requires_grad_(True)
        self.frames, self.masks = _frames(corpus_of(data, "train"), data.clips)
        self.held = _frames(corpus_of(data, "tune"), HELD_OUT)

    def plan(self, step: int) -> StepPlan:
        rng = draws.rng(self.recipe.seed, "strikes", step)
        picks = rng.integers(len(self.frames), size=self.recipe.batch)
        found = tuple(Draw(step, place, "frames", int(i)) for place, i in enumerate(picks))
        return StepPlan(step, "", Bucket(1, *self.recipe.data.size), found)

    def load(self, plan: StepPlan, draws_: Sequence[Draw]) -> StrikeBatch:
        rngs = [draws.rng(self.recipe.seed, "struck", d.step, d.place) for d in draws_]
        rows = [(d.index, int(rng.integers(len(VALUES)))) for d, rng in zip(draws_, rngs, strict=True)]
        return _batch(self.frames, self.masks, rows, rngs)

    def loss(self, modules: Mapping[str, nn.Module], batch: StrikeBatch) -> Losses:
        found = _strikes(modules)(batch.frames, batch.cover, batch.values)
        return Losses((found - batch.struck).abs().flatten(1).mean(1), {})

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """Error on held-out frames in levels, by value."""
        found = {}
        for number, value in enumerate(VALUES):
            batch = self._held([(i, number) for i in range(len(self.held[0]))])
            found[f"held_out/{value}"] = 255 * float(self.loss(modules, batch).each.mean())
        return found | {"held_out/levels": float(np.mean(list(found.values())))}

    def _held(self, rows: list[tuple[int, int]]) -> StrikeBatch:
        rngs = [draws.rng(self.recipe.seed, "held", i, value) for i, value in rows]
        return _batch(*self.held, rows, rngs)

    @torch.no_grad()
    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Held-out frames, struck by the renderer and by this."""
        batch = self._held([(i % len(self.held[0]), i) for i in range(len(VALUES))])
        found = _strikes(modules)(batch.frames, batch.cover, batch.values)
        strips = [torch.cat(list(part.clamp(0, 1)), 2) for part in (batch.frames, batch.struck, found)]
        folder.mkdir(parents=True, exist_ok=True)
        whole = (255 * torch.cat(strips, 1)).byte().permute(1, 2, 0).numpy()
        cv2.imwrite(str(folder / f"{step:06d}.png"), whole[..., ::-1])


def _strikes(modules: Mapping[str, nn.Module]) -> Strikes:
    artist = modules["draft_artist"]
    assert isinstance(artist, DraftArtist) and artist.strikes is not None
    return artist.strikes


def _frames(corpus: Corpus, clips: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 [N,H,W,3] of clips without impact frames, and the figure's masks bool [N,H,W]."""
    frames: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for number in range(SEARCHED * clips):
        if len(frames) == EACH * clips:
            break
        if any(value != "none" for value in corpus.request(number).values(IMPACT)):
            continue
        sample = corpus[number]
        at = draws.rng(corpus.seed, "frames", number).choice(len(sample.clip.frames), EACH, replace=False)
        frames += list(sample.clip.frames[at])
        masks += list(sample.truth.mask[at])
    return np.stack(frames), np.stack(masks)


def _batch(
    frames: np.ndarray,
    masks: np.ndarray,
    rows: Sequence[tuple[int, int]],
    rngs: Sequence[np.random.Generator],
) -> StrikeBatch:
    """(frame, value) pairs, struck."""
    at = [i for i, _ in rows]
    struck: list[np.ndarray] = []
    for (i, value), rng in zip(rows, rngs, strict=True):
        cover = masks[i].astype(np.float32)
        y, x = np.nonzero(masks[i])
        h, w = cover.shape
        middle = (x.mean(), y.mean()) if len(x) else (w / 2, h / 2)
        struck.append(impact(VALUES[value], frames[i], cover, middle, rng))
    plain, target = (
        torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255 for part in (frames[at], np.stack(struck))
    )
    cover = torch.from_numpy(masks[at]).float()[:, None]
    values = F.one_hot(torch.tensor([value for _, value in rows]), len(VALUES)).float()
    return StrikeBatch([f"frame {i}, {VALUES[v]}" for i, v in rows], plain, cover, values, target)


TASK = TaskKind(StrikeTask, StrikeModel, DraftData)
