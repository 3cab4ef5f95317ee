"""An endless, indexable corpus of labelled shots: item i of a seed and split is the same bytes anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Directive
from animatrix.media.clip import Clip
from animatrix.synthetic.drawable import RENDERABLE
from animatrix.synthetic.everyday import draw_exaggeration, draw_moment, draw_tags, pick, reduced
from animatrix.synthetic.layout import numbers_of, planes_of, poses_of
from animatrix.synthetic.mixture import PAIRS, together
from animatrix.synthetic.narrative import narrate
from animatrix.synthetic.printing import needs_print
from animatrix.synthetic.scene import Scene, complete
from animatrix.synthetic.staging import staged
from animatrix.synthetic.studio import Shot
from animatrix.synthetic.truth import Truth

# split -> (key of its random stream, families it may show)
SPLITS: dict[str, tuple[int, str]] = {
    "train": (0, "train"),
    "tune": (1, "held_out"),
    "report": (2, "held_out"),
}

WORLDS = ("everyday", "wide", "varied", "little", "deformed")
# How often values are drawn that may not go together, before an everyday shot stands in.
_TRIES = {"varied": 4, "deformed": 12}
_SCENES = 7  # key of the stream of scenes that items share


@dataclass(frozen=True)
class Sample:
    """One labelled shot: the complete directive with its narrative, the clip, the truth and the scene."""

    directive: Directive
    clip: Clip
    truth: Truth
    scene: Scene


@dataclass(frozen=True)
class Still:
    """One labelled picture ``uint8 [H,W,3]`` (no impact frame in it) with the directive of its shot."""

    directive: Directive
    image: np.ndarray
    scene: Scene


def told(scene: Scene, directive: Directive, rng: np.random.Generator, whole: bool = False) -> Directive:
    """The directive with a sentence about the scene, or about the whole of it."""
    return directive.model_copy(update={"narrative": narrate(scene, directive, rng, whole=whole)})


def scene_seed(seed: int, number: int) -> int:
    """Shot seed of scene ``number`` of those that items of corpus ``seed`` share."""
    return int(np.random.default_rng([seed, _SCENES, number]).integers(1 << 48))


class Corpus:
    """Infinite corpus: ``corpus[i]`` for any i from 0.

    Args:
        seed: corpus seed, 0 or more.
        world: ``everyday`` draws balanced camera moves and cadences over a narrow set of values; ``wide``
            shows every drawable value of every field, fields and values uniform: one staged value an item,
            the rest chosen by the seed; ``varied`` asks one or two drawable values, all alike often, of an
            everyday shot; ``little`` is everyday reduced to whole figures, five actions, and the variables
            that :mod:`animatrix.caption` measures: camera, cadence, shake, impact frames, palette;
            ``deformed`` is the little world with a body deformation or a smear in every item, in half of
            them at a moment of its own.
        field: in the wide world, the field whose values are staged, instead of any.
        split: ``train`` never shows the held-out families; ``tune`` and ``report`` show only those designs,
            with seeds of their own.
        size: (width, height) in pixels.
        frames, fps: length and rate of every shot.
        scenes: 0: every item has a scene of its own. Else items show so many scenes by turns, the same in all
            splits, of families that are not held out: what splits hold out then are directives. Narratives
            then say who, where and when: which of the scenes is meant.
    """

    def __init__(
        self,
        seed: int,
        split: str = "train",
        size: tuple[int, int] = (160, 96),
        frames: int = 33,
        fps: float = 24.0,
        world: str = "everyday",
        field: str | None = None,
        scenes: int = 0,
    ):
        if split not in SPLITS:
            raise AniMatrixError(
                Code.BAD_OPTION, f"unknown split '{split}'", did_you_mean(split, SPLITS) or ", ".join(SPLITS)
            )
        if world not in WORLDS:
            raise AniMatrixError(
                Code.BAD_OPTION, f"unknown world '{world}'", did_you_mean(world, WORLDS) or ", ".join(WORLDS)
            )
        self.seed, self.split, self.size, self.frames, self.fps = seed, split, size, frames, fps
        if field is not None and (world != "wide" or field not in RENDERABLE):
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"cannot stage field '{field}' in the {world} world",
                did_you_mean(field, RENDERABLE) or "a drawable field, in the wide world",
            )
        self.world, self.field, self.scenes = world, field, scenes

    def _shot(self, i: int) -> tuple[Shot, np.random.Generator]:
        key, cast = SPLITS[self.split]
        root = np.random.SeedSequence([self.seed, key, i])
        rng = np.random.Generator(np.random.PCG64(root))
        shot_seed = int(rng.integers(1 << 48))
        if self.scenes:
            cast = SPLITS["train"][1]
            shot_seed = scene_seed(self.seed, i % self.scenes)
        for _ in range(_TRIES.get(self.world, 0)):
            try:
                return Shot(self._tried(rng), shot_seed, self.size, cast), rng
            except AniMatrixError:  # values that do not go together after all
                continue
        return Shot(self._asked(rng), shot_seed, self.size, cast), rng

    def _tried(self, rng: np.random.Generator) -> Directive:
        ground = draw_tags(rng, self.frames, self.fps)
        if self.world == "deformed":
            return self._directive(draw_moment(rng, reduced(draw_exaggeration(rng, ground)), self.frames))
        count = int(rng.integers(1, 3))
        return together(rng, PAIRS, count, self.frames, self.fps, ground) or self._asked(rng)

    def _asked(self, rng: np.random.Generator) -> Directive:
        if self.world == "wide":
            name = self.field or pick(rng, tuple(RENDERABLE))
            return staged(name, pick(rng, RENDERABLE[name]), self.frames, self.fps)
        tags = draw_tags(rng, self.frames, self.fps)
        return self._directive(reduced(tags) if self.world in ("little", "deformed") else tags)

    def _directive(self, tags: dict[str, object]) -> Directive:
        return Directive.model_validate(
            {"narrative": "", "tags": tags, "frames": self.frames, "fps": self.fps}
        )

    def __getitem__(self, i: int) -> Sample:
        shot, rng = self._shot(int(i))
        clip, truth = shot.film()
        truth.directive = told(shot.scene, truth.directive, rng, self.scenes > 0)
        return Sample(truth.directive, clip, truth, shot.scene)

    def _told(self, shot: Shot, rng: np.random.Generator) -> Directive:
        """The complete directive of a shot, with its narrative; draws no picture."""
        return told(shot.scene, complete(shot.directive, shot.scene), rng, self.scenes > 0)

    def request(self, i: int) -> Directive:
        """The complete, told directive of item i, without drawing anything."""
        shot, rng = self._shot(int(i))
        return self._told(shot, rng)

    def laid_out(self, i: int) -> tuple[Directive, np.ndarray | None]:
        """The complete, told directive of item i and its layout ``float [T,6+len(POSE)]``
        (:func:`animatrix.synthetic.layout.numbers_of`), without drawing anything.
        """
        shot, rng = self._shot(int(i))
        directive = self._told(shot, rng)
        planes, poses = (None, None) if needs_print(shot) else (planes_of(shot), poses_of(shot))
        return directive, numbers_of(planes, poses)

    def shake(self, i: int) -> np.ndarray:
        """How far the camera's shake moves the picture of item i in each frame ``float [T,2]``: right and
        down, in sides of the picture.
        """
        shot, _ = self._shot(int(i))
        return shot.path.shake / np.array(shot.size, float)

    def still(self, i: int) -> Still:
        """One frame of item i at a fraction of its cost; the frame is chosen by the item's own stream."""
        shot, rng = self._shot(int(i))
        directive = self._told(shot, rng)
        free = [t for t in range(self.frames) if not any(a <= t <= b for _, a, b in shot.scene.impacts)]
        return Still(directive, shot.still(free[int(rng.integers(len(free)))]), shot.scene)
