"""Nano's draft artist: plates are painted, grades are measured, and what draws cels is trained.

All of it from clips whose layout is known, in everyday colours, without impact frames or deformations: of
each scene as many of each action. A pixel of a *plate* is the mean of what was seen there where no figure
stood; what nobody saw is filled in from around it. A *grade* is the affine map of colours that takes the
plate nearest to clips of a palette. A *cel* is what the figure's mask cuts out of a frame, on the sheet that
moves with the figure; the network that is told the pose draws it. Loss: the mean absolute error of colour
times cover, and of cover, wherever the sheet was in the picture.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from animatrix.knowledge import Directive
from animatrix.model.draft import CEL_HIGH, CEL_LEFT, CEL_TOP, CEL_WIDE, GRADED, DraftArtist, meaning
from animatrix.model.layout import LEAST_SPREAD
from animatrix.model.stand import PLANES, shown_at
from animatrix.model.text import states_of
from animatrix.synthetic.drawable import RENDERABLE
from animatrix.train import draws
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Recipe, Section, TaskKind
from animatrix.train.task import Losses

if TYPE_CHECKING:
    from animatrix.synthetic import Corpus

EVERYDAY = {"impact_frame": "none", "body_deformation": "none", "smear_technique": "none"}
EVERY = 4  # frames that a plate is painted from, and a grade measured on
GRADED_CLIPS = 4  # of each palette in each scene
DRAWINGS = 8  # most of a clip that are drawn from
HELD_OUT = 2  # clips of each action in each scene
NARRATIVES = 2048  # that scenes and palettes are told apart by
LESSONS = 400  # steps of that
SLOTS = 64  # of a narrative
SEARCHED = 400  # items of a scene looked through for each clip that is asked for


class DraftModel(Section):
    """width, hidden: see :class:`animatrix.model.draft.Cels`; plate_size: (down, across) pixels; text: folder
    of ``tokenizer`` and ``text_encoder``.
    """

    width: PositiveInt = 48
    hidden: PositiveInt = 192
    plate_size: tuple[PositiveInt, PositiveInt] = (160, 320)
    text: Path


class DraftData(Section):
    """A world of shared scenes (:class:`animatrix.synthetic.Corpus`), and how many clips of each action in
    each scene are drawn from.
    """

    world: str = "little"
    seed: int = Field(default=0, ge=0)
    scenes: PositiveInt
    clips: PositiveInt
    size: tuple[PositiveInt, PositiveInt] = (160, 96)
    frames: PositiveInt = 33


@dataclass
class Cut:
    """Drawings: cels uint8 [N,4,h,w] (colour times cover, cover), seen uint8 [N,1,h,w] (0 or 1), poses
    [N,POSE], and the scenes they are of int64 [N].
    """

    cels: Tensor
    seen: Tensor
    poses: Tensor
    scenes: Tensor


@dataclass
class DraftBatch:
    """As :class:`Cut`, float; scenes [B,S] one-hot."""

    names: list[str]
    cels: Tensor
    seen: Tensor
    poses: Tensor
    scenes: Tensor


class ArtistTask:
    """What trainings of a draft artist share: it is trained and exported, and there is no state besides."""

    artist: DraftArtist

    def modules(self) -> dict[str, nn.Module]:
        return {"draft_artist": self.artist}

    def export(self, modules: Mapping[str, nn.Module], folder: Path) -> None:
        artist = modules["draft_artist"]
        assert isinstance(artist, DraftArtist)
        artist.eval().save_pretrained(folder / "draft_artist", safe_serialization=True)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class DraftTask(ArtistTask):
    """See the module's text."""

    name = "draft"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        model: DraftModel = recipe.model
        data: DraftData = recipe.data
        corpus = corpus_of(data, "train")
        frame = (data.size[1], data.size[0])
        torch.manual_seed(recipe.seed)
        self.artist = DraftArtist(
            json.loads((model.text / "text_encoder/config.json").read_text("utf-8"))["d_model"],
            data.scenes,
            list(RENDERABLE[GRADED]),
            model.plate_size,
            frame,
            model.width,
            model.hidden,
        )
        self.artist.requires_grad_(False)
        self.artist.cels.requires_grad_(True)
        painters = [_Painter(model.plate_size, frame) for _ in range(data.scenes)]
        found: list[Cut] = []
        for number in everyday(corpus, data.clips):
            sample = corpus[number]
            layout = sample.truth.layout
            assert layout is not None
            painters[number % data.scenes].add(sample.clip.frames, sample.truth.mask, layout)
            found.append(cut(sample.clip.frames, sample.truth.mask, layout, number, self.artist.sheet, data))
        self.cut = _joined(found)
        for scene, painter in enumerate(painters):
            self.artist.painted[scene] = torch.from_numpy(painter.plate())
        poses = self.cut.poses.double()
        self.artist.register_to_config(
            mean=poses.mean(0).tolist(), spread=poses.std(0).clamp(min=LEAST_SPREAD).tolist()
        )
        measure_grades(self.artist, corpus)
        self.chosen = teach_choices(self.artist, corpus, model.text)
        held = corpus_of(data, "tune")
        self.held = _joined(
            [
                cut(s.clip.frames, s.truth.mask, layout, n, self.artist.sheet, data)
                for n in everyday(held, HELD_OUT)
                for s, layout in [(held[n], held.laid_out(n)[1])]
                if layout is not None
            ]
        )

    def plan(self, step: int) -> StepPlan:
        rng = draws.rng(self.recipe.seed, "draft", step)
        picks = rng.integers(len(self.cut.scenes), size=self.recipe.batch)
        drawn = tuple(Draw(step, place, "drawings", int(i)) for place, i in enumerate(picks))
        return StepPlan(step, "", Bucket(1, *self.artist.sheet[::-1]), drawn)

    def load(self, plan: StepPlan, draws_: Sequence[Draw]) -> DraftBatch:
        return self._batch(self.cut, [d.index for d in draws_])

    def _batch(self, drawings: Cut, rows: Sequence[int]) -> DraftBatch:
        at = list(rows)
        return DraftBatch(
            [f"drawing {row}" for row in at],
            drawings.cels[at].float() / 255,
            drawings.seen[at].float(),
            drawings.poses[at],
            nn.functional.one_hot(drawings.scenes[at], self.recipe.data.scenes).float(),
        )

    def loss(self, modules: Mapping[str, nn.Module], batch: DraftBatch) -> Losses:
        drawn = modules["draft_artist"](batch.poses, batch.scenes)
        off = (drawn - batch.cels).abs() * batch.seen
        # A cel covers a tenth of its sheet: what is right there weighs as much as what is left free.
        weight = 1 + 4 * batch.cels[:, 3:]
        return Losses((off * weight).flatten(1).mean(1), {})

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """Held-out drawings: loss; error of colour under the drawn cel, in levels; share of it that is
        covered, over what either covers.
        """
        losses, levels, overlaps = [], [], []
        for start in range(0, len(self.held.scenes), 64):
            rows = range(start, min(start + 64, len(self.held.scenes)))
            batch = self._batch(self.held, rows)
            losses += self.loss(modules, batch).each.tolist()
            drawn = modules["draft_artist"](batch.poses, batch.scenes)
            there, covered = (batch.cels[:, 3:] * batch.seen) > 0.5, (drawn[:, 3:] * batch.seen) > 0.5
            off = 255 * (drawn[:, :3] - batch.cels[:, :3]).abs().mean(1, keepdim=True)
            levels += [each[mask].mean().item() for each, mask in zip(off, there, strict=True) if mask.any()]
            both = (there & covered).flatten(1).sum(1) / (there | covered).flatten(1).sum(1).clamp(min=1)
            overlaps += both.tolist()
        return {
            "held_out/loss": float(np.mean(losses)),
            "held_out/levels": float(np.mean(levels)),
            "held_out/cover": float(np.mean(overlaps)),
            **{f"chosen/{name}": share for name, share in self.chosen.items()},
        }

    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Held-out drawings above what is drawn of them, and the plates."""
        rows = np.linspace(0, len(self.held.scenes) - 1, 16).astype(int).tolist()
        batch = self._batch(self.held, rows)
        with torch.no_grad():
            drawn = modules["draft_artist"](batch.poses, batch.scenes).clamp(0, 1)
        folder.mkdir(parents=True, exist_ok=True)
        strips = [
            torch.cat(list((each[:, :3] + 0.8 * (1 - each[:, 3:])).clamp(0, 1)), 2).permute(1, 2, 0)
            for each in (batch.cels, drawn)
        ]
        cv2.imwrite(str(folder / f"{step:06d}.png"), (255 * torch.cat(strips)).byte().numpy()[..., ::-1])
        plates = torch.cat(list(self.artist.painted.permute(0, 2, 3, 1)))
        cv2.imwrite(str(folder / "plates.png"), plates.numpy()[..., ::-1])


def corpus_of(data: DraftData, split: str) -> Corpus:
    from animatrix.synthetic import Corpus

    return Corpus(data.seed, split, data.size, data.frames, 24.0, data.world, scenes=data.scenes)


def _plain(directive: Directive) -> bool:
    """Whether nothing is done to figure or film."""
    return all(directive.values(field) in ((), (value,)) for field, value in EVERYDAY.items())


def everyday(corpus: Corpus, clips: int) -> Iterator[int]:
    """Items in everyday colours that do nothing to figure or film, by turns of the scenes: up to ``clips`` of
    each action in each.
    """
    found: Counter[tuple[int, str]] = Counter()
    for number in range(SEARCHED * clips * corpus.scenes):
        directive = corpus.request(number)
        if directive.values(GRADED) != ("natural",):
            continue
        if not _plain(directive):
            continue
        key = (number % corpus.scenes, directive.values("action")[0])
        if found[key] < clips and corpus.laid_out(number)[1] is not None:
            found[key] += 1
            yield number
        elif found and min(found.values()) >= clips and number > 100 * corpus.scenes:
            return


class _Painter:
    """A plate in the making."""

    def __init__(self, size: tuple[int, int], frame: tuple[int, int]) -> None:
        self.size, self.frame = size, frame
        self.total, self.count = np.zeros((size[0] * size[1], 3)), np.zeros(size[0] * size[1])

    def add(self, frames: np.ndarray, mask: np.ndarray, layout: np.ndarray) -> None:
        """Frames uint8 [T,H,W,3] of a clip with the figure's masks, along its layout [T,LAYOUT]."""
        (sh, sw), (h, w) = self.size, self.frame
        down, across = (np.arange(n) + 0.5 for n in self.frame)
        for t in range(0, len(layout), EVERY):
            right, below, zoom = layout[t, :3]
            x = np.floor(sw / 2 + w * right + (across - w / 2) * np.exp(zoom)).astype(int)
            y = np.floor(sh / 2 + h * below + (down - h / 2) * np.exp(zoom)).astype(int)
            inside = ((y >= 0) & (y < sh))[:, None] & ((x >= 0) & (x < sw)) & ~mask[t]
            at = (y[:, None] * sw + x)[inside]
            self.count += np.bincount(at, minlength=sh * sw)
            for channel in range(3):
                seen = frames[t, :, :, channel][inside]
                self.total[:, channel] += np.bincount(at, seen, minlength=sh * sw)

    def plate(self) -> np.ndarray:
        """uint8 [3,h,w]."""
        mean = np.rint(self.total / np.maximum(self.count, 1)[:, None]).astype(np.uint8)
        missing = (self.count == 0).astype(np.uint8).reshape(self.size)
        whole = cv2.inpaint(mean.reshape(*self.size, 3), missing, 3, cv2.INPAINT_TELEA)
        return whole.transpose(2, 0, 1)


def cut(
    frames: np.ndarray,
    mask: np.ndarray,
    layout: np.ndarray,
    number: int,
    sheet: tuple[int, int],
    data: DraftData,
) -> Cut:
    """The drawings of a clip: frames uint8 [T,H,W,3], masks bool [T,H,W], layout [T,LAYOUT]."""
    n = 3 * PLANES
    _, first = np.unique(layout[:, n:], axis=0, return_index=True)
    chosen = np.sort(first)[np.unique(np.linspace(0, len(first) - 1, DRAWINGS).astype(int))]
    rows = torch.from_numpy(layout[chosen]).float()
    down, across = ((torch.arange(side) + 0.5) / side for side in sheet)
    down, across = CEL_TOP + CEL_HIGH * down[:, None], CEL_LEFT + CEL_WIDE * across
    at = shown_at(down, across, rows[:, 3:6])
    cover = torch.from_numpy(mask[chosen]).float()[:, None]
    colour = torch.from_numpy(frames[chosen]).permute(0, 3, 1, 2) / 255 * cover
    cels = nn.functional.grid_sample(torch.cat([colour, cover], 1), at, align_corners=False)
    seen = (at.abs() <= 1).all(3)[:, None]
    return Cut(
        (255 * cels).round().to(torch.uint8),
        seen.to(torch.uint8),
        rows[:, n:],
        torch.full((len(chosen),), number % data.scenes),
    )


def _joined(found: Sequence[Cut]) -> Cut:
    return Cut(*(torch.cat([getattr(one, name) for one in found]) for name in Cut.__dataclass_fields__))


def measure_grades(artist: DraftArtist, corpus: Corpus) -> None:
    """The affine map of colours from the plates to clips of each palette, by least squares."""
    wanted = list(itertools.product(range(corpus.scenes), range(len(artist.config.palettes))))
    pairs: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = {key: [] for key in wanted}
    for number in range(SEARCHED * GRADED_CLIPS * corpus.scenes):
        if all(len(found) >= GRADED_CLIPS for found in pairs.values()):
            break
        directive, scene = corpus.request(number), number % corpus.scenes
        if not _plain(directive):
            continue
        palette = artist.config.palettes.index(directive.values(GRADED)[0])
        if len(pairs[scene, palette]) >= GRADED_CLIPS:
            continue
        layout = corpus.laid_out(number)[1]
        if layout is None:
            continue
        sample = corpus[number]
        chosen = slice(0, None, EVERY)
        path = torch.from_numpy(layout[None, chosen, :3]).float()
        own = torch.eye(corpus.scenes)[scene][None]
        plate = artist.plates(own, path, artist.config.frame)[0].permute(0, 2, 3, 1).numpy()
        free = ~sample.truth.mask[chosen]
        pairs[scene, palette].append((plate[free], sample.clip.frames[chosen][free] / 255))
    for (scene, palette), found in pairs.items():
        if found:
            plate, clip = (np.concatenate(part) for part in zip(*found, strict=True))
            ones = np.ones((len(plate), 1))
            affine, *_ = np.linalg.lstsq(np.concatenate([plate, ones], 1), clip, rcond=None)
            artist.grades[scene, palette] = torch.from_numpy(affine.T).float()


def teach_choices(artist: DraftArtist, corpus: Corpus, folder: Path) -> dict[str, float]:
    """Learn which scene and which palette are meant. A quarter of the samples leave the palette's tag out;
    in another the narrative is another one's, and the tag is right. Returns the shares told right.
    """
    asked = [corpus.request(i) for i in range(NARRATIVES)]
    text = meaning(states_of([d.narrative for d in asked], folder, SLOTS))
    scenes = torch.arange(NARRATIVES) % corpus.scenes
    values = list(artist.config.palettes)
    palettes = torch.tensor([values.index(d.values(GRADED)[0]) for d in asked])
    said = nn.functional.one_hot(palettes, len(values)).float()
    quarter = torch.arange(NARRATIVES) // corpus.scenes % 4
    said = torch.where((quarter == 0)[:, None], torch.zeros_like(said), said)
    other = text.roll(corpus.scenes * 4, 0)
    heard = torch.cat([torch.where((quarter == 1)[:, None], other, text), said], 1)
    shares = {}
    for name, net, seen, right in (
        ("scene", artist.scene, text, scenes),
        ("palette", artist.palette, heard, palettes),
    ):
        net.requires_grad_(True)
        optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
        for _ in range(LESSONS):
            loss = nn.functional.cross_entropy(net(seen), right)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        net.requires_grad_(False)
        shares[name] = (net(seen).argmax(1) == right).float().mean().item()
    return shares


TASK = TaskKind(DraftTask, DraftModel, DraftData)
