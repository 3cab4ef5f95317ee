"""An endless, indexable corpus of labelled shots: item i of a seed and split is the same bytes anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Directive
from animatrix.media.clip import Clip
from animatrix.synthetic.acting import TRAVELS
from animatrix.synthetic.drawable import RENDERABLE
from animatrix.synthetic.effects import IMPACTS
from animatrix.synthetic.mixture import PAIRS, together
from animatrix.synthetic.narrative import narrate
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

WORLDS = ("everyday", "wide", "varied", "little")
# What the little world leaves alone, and the nearest of its actions for those it has not.
_LEFT_ALONE = {
    "shot_scale": "full",
    "line_style": "clean_uniform",
    "shading_steps": "one_step",
    "layer_parallax": "single_plane",
    "graphic_device": "none",
    "natural_effect": "none",
    "finish": "none",
}
_LITTLE_ACTIONS = {"dash": "run", "speak": "gesture", "react": "gesture", "turn": "idle"}
_SCENES = 7  # key of the stream of scenes that items share

_STILL_ACTIONS = ("idle", "gesture")
_ACTIONS = (
    "idle",
    "speak",
    "speak",
    "gesture",
    "gesture",
    "react",
    "turn",
    "walk",
    "walk",
    "walk",
    "run",
    "run",
    "run",
    "dash",
    "jump",
    "jump",
)
_MOVES = ("fix", "pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back", "follow")
_CADENCES = ("ones", "twos", "threes", "fours_or_slower", "still")


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


def _pick(rng: np.random.Generator, options):
    return options[int(rng.integers(len(options)))]


def draw_tags(rng: np.random.Generator, frames: int, fps: float) -> dict[str, object]:
    """Balanced tags of one shot: camera move and cadence uniform, the rest plausible for them."""
    move, cadence = _pick(rng, _MOVES), _pick(rng, _CADENCES)
    if cadence == "still":
        action = _pick(rng, _STILL_ACTIONS)
    elif move == "follow":
        action = _pick(rng, ("walk", "run", "run", "dash"))
    elif move in ("track_up", "track_back"):
        action = _pick(rng, ("idle", "speak", "gesture", "react", "turn", "jump", "walk"))
    else:
        action = _pick(rng, _ACTIONS)
    scales: tuple[str, ...]
    if action in TRAVELS:
        scales = ("full", "full", "medium_long", "medium") if move == "follow" else ("full", "full", "long")
    elif action == "jump":
        scales = ("full", "full", "long")
    else:
        scales = ("full", "full", "medium_long", "medium", "medium_close", "close_up", "close_up")
    tags: dict[str, object] = {
        "camera_move": move,
        "drawing_cadence": cadence,
        "action": action,
        "shot_scale": _pick(rng, scales),
        "camera_shake": "steady",
        "layer_parallax": "single_plane",
        "palette": _pick(
            rng, ("natural",) * 14 + ("vivid", "vivid", "pastel", "pastel", "muted", "monochrome")
        ),
        "line_style": _pick(rng, ("clean_uniform",) * 9 + ("bold_outline", "hairline", "lineless")),
        "shading_steps": _pick(rng, ("one_step",) * 6 + ("no_shadow", "two_step")),
        "graphic_device": "none",
        "natural_effect": "none",
        "finish": "none",
        "impact_frame": "none",
    }
    if move == "follow":
        tags["move_speed"] = (
            {"walk": "medium_move"}.get(action, "quick") if cadence != "still" else "medium_move"
        )
    elif move != "fix":
        tags["move_speed"] = _pick(rng, ("slow_move", "medium_move", "medium_move", "quick"))
        if move.startswith(("pan", "tilt")) and rng.random() < 0.12:
            tags["layer_parallax"] = _pick(rng, ("contact_multi", "multiplane"))
    last = round(frames * 24 / fps) - 1
    if last >= 8 and rng.random() < 0.36:
        span = int(rng.integers(1, 4))
        lo, hi = max(2, int(0.3 * last)), max(3, int(0.8 * last) - span)
        first = int(rng.integers(lo, max(lo + 1, hi)))
        tags["impact_frame"] = f"{_pick(rng, tuple(IMPACTS))}@{first}-{first + span - 1}"
        if rng.random() < 0.15:
            tags["camera_shake"] = "screen_shake"
    elif rng.random() < 0.08:
        tags["camera_shake"] = "handheld"
    r = rng.random()
    if r < 0.07 and cadence != "still":
        tags["graphic_device"] = "focus_lines"
    elif r < 0.11 and action in ("run", "dash") and move in ("follow", "fix"):
        tags["graphic_device"] = "speed_line_background"
    r = rng.random()
    if r < 0.12 and cadence != "still":
        tags["natural_effect"] = _pick(rng, ("petals_leaves", "snow", "rain"))
    r = rng.random()
    if r < 0.10:
        tags["finish"] = _pick(rng, ("film_grain", "vignette", "para"))
    if tags["palette"] == "natural" and rng.random() < 0.06:
        tags["lighting"] = "backlight"
    if action == "jump" and cadence != "still" and rng.random() < 0.5:
        tags["body_deformation"] = "squash_stretch"
    if tags["palette"] == "monochrome":
        tags["lighting"] = "flat_even"
    return tags


def told(scene: Scene, directive: Directive, rng: np.random.Generator, whole: bool = False) -> Directive:
    """The directive with a sentence about the scene, or about the whole of it."""
    return directive.model_copy(update={"narrative": narrate(scene, directive, rng, whole=whole)})


class Corpus:
    """Infinite corpus: ``corpus[i]`` for any i from 0.

    Args:
        seed: corpus seed, 0 or more.
        world: ``everyday`` draws balanced camera moves and cadences over a narrow set of values; ``wide``
            shows every drawable value of every field, fields and values uniform: one staged value an item,
            the rest chosen by the seed; ``varied`` asks one or two drawable values, all alike often, of an
            everyday shot; ``little`` is everyday reduced to whole figures, five actions, and the variables
            that :mod:`animatrix.caption` measures: camera, cadence, shake, impact frames, palette.
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
            shot_seed = int(np.random.default_rng([self.seed, _SCENES, i % self.scenes]).integers(1 << 48))
        if self.world == "varied":
            for _ in range(4):
                asked = self._varied(rng)
                try:
                    return Shot(asked, shot_seed, self.size, cast), rng
                except AniMatrixError:  # values that do not go together after all
                    continue
        return Shot(self._asked(rng), shot_seed, self.size, cast), rng

    def _varied(self, rng: np.random.Generator) -> Directive:
        ground = draw_tags(rng, self.frames, self.fps)
        count = int(rng.integers(1, 3))
        return together(rng, PAIRS, count, self.frames, self.fps, ground) or self._asked(rng)

    def _asked(self, rng: np.random.Generator) -> Directive:
        if self.world == "wide":
            name = self.field or _pick(rng, tuple(RENDERABLE))
            return staged(name, _pick(rng, RENDERABLE[name]), self.frames, self.fps)
        tags = draw_tags(rng, self.frames, self.fps)
        if self.world == "little":
            tags |= _LEFT_ALONE | {"action": _LITTLE_ACTIONS.get(str(tags["action"]), tags["action"])}
        return Directive.model_validate(
            {"narrative": "", "tags": tags, "frames": self.frames, "fps": self.fps}
        )

    def __getitem__(self, i: int) -> Sample:
        shot, rng = self._shot(int(i))
        clip, truth = shot.film()
        truth.directive = told(shot.scene, truth.directive, rng, self.scenes > 0)
        return Sample(truth.directive, clip, truth, shot.scene)

    def request(self, i: int) -> Directive:
        """The complete, told directive of item i, without drawing anything."""
        shot, rng = self._shot(int(i))
        return told(shot.scene, complete(shot.directive, shot.scene), rng, self.scenes > 0)

    def still(self, i: int) -> Still:
        """One frame of item i at a fraction of its cost; the frame is chosen by the item's own stream."""
        shot, rng = self._shot(int(i))
        directive = told(shot.scene, complete(shot.directive, shot.scene), rng, self.scenes > 0)
        free = [t for t in range(self.frames) if not any(a <= t <= b for _, a, b in shot.scene.impacts)]
        return Still(directive, shot.still(free[int(rng.integers(len(free)))]), shot.scene)
