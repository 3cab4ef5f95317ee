"""The shot on the animation stand: plates, cels and effects composited frame by frame, with their truth.

``render`` is the whole story: resolve a scene, lay it out, paint the set, trace the drawings, film them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.knowledge.exposure import expose
from animatrix.media.clip import Clip
from animatrix.synthetic.camera import CameraPath, film
from animatrix.synthetic.company import company_of, lay_company
from animatrix.synthetic.costume import Costume
from animatrix.synthetic.deform import Job
from animatrix.synthetic.drawable import SHOT_SCALES
from animatrix.synthetic.exposure import Exposure
from animatrix.synthetic.failure import REDRAWN, Failure, figure_cel
from animatrix.synthetic.finishing import Finishing, paintbox_of, steps_of, style_of
from animatrix.synthetic.framing import (
    PROPORTIONS,
    angle_of,
    body_of,
    compose_set,
    figure_drawn,
    tilt_of,
)
from animatrix.synthetic.ink import Cel, trace
from animatrix.synthetic.layout import lay_out, regions
from animatrix.synthetic.modelled import Model, is_modelled
from animatrix.synthetic.overlay import Overlay
from animatrix.synthetic.performance import Performance
from animatrix.synthetic.places import PLACES, book_leaves
from animatrix.synthetic.printing import needs_print, strike_print
from animatrix.synthetic.retouch import Retouch, State, grey
from animatrix.synthetic.scene import resolve, stream
from animatrix.synthetic.smear import blur_along, stack
from animatrix.synthetic.stage import Layer, Stage
from animatrix.synthetic.stand import lay_cel
from animatrix.synthetic.timing import boiled, direct, moments_of, slid
from animatrix.synthetic.truth import Truth

SIZES = (16, 4096)
MAX_FRAMES = 2400


@dataclass(frozen=True)
class Take:
    """How a shot is filmed: as intended, ``flat`` without deformations and smears, or going wrong."""

    flat: bool = False
    failure: Failure | None = None

    def numbered(self, exposures: np.ndarray) -> np.ndarray:
        """Drawing numbers with every frame of the failure a drawing of its own."""
        f = self.failure
        if f is None:
            return exposures
        own = int(exposures.max(initial=0)) + 1 + np.arange(len(exposures))
        return np.where([f.active(t) for t in range(len(exposures))], own, exposures)


AS_INTENDED = Take()


def render(
    directive: Directive, seed: int, size: tuple[int, int] = (160, 96), cast: str = "any"
) -> tuple[Clip, Truth]:
    """Draw a directive.

    Args:
        directive: what is asked; fields it leaves open are chosen by the seed. The narrative is not read.
        seed: 0 or more; the same directive, seed and size give the same bytes anywhere.
        size: (width, height) in pixels, 16..4096 each.
        cast: design and place families to draw from: ``any``, ``train`` or ``held_out``.

    Returns:
        The clip (``directive.frames`` frames at ``directive.fps``) and its truth.

    Raises:
        AniMatrixError: UNSUPPORTED_VALUE for a tag that cannot be drawn, BAD_OPTION for seed, size or length.
    """
    return Shot(directive, seed, size, cast).film()


class Shot:
    """One shot being made: scene, layout, set and costume, ready to expose any frame."""

    def __init__(
        self,
        directive: Directive,
        seed: int,
        size: tuple[int, int] = (160, 96),
        cast: str = "any",
        take: Take = AS_INTENDED,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise AniMatrixError(Code.BAD_OPTION, f"seed must be a whole number from 0, not {seed!r}")
        if not all(SIZES[0] <= n <= SIZES[1] for n in size):
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"size {size[0]}x{size[1]} is out of range",
                f"{SIZES[0]} to {SIZES[1]} pixels a side",
            )
        if directive.frames > MAX_FRAMES:
            raise AniMatrixError(
                Code.BAD_OPTION, f"{directive.frames} frames are too many", f"at most {MAX_FRAMES}"
            )
        self.directive, self.seed, self.size, self.cast = directive, seed, size, cast
        self.scene = scene = resolve(directive, seed, cast)
        self.box = paintbox_of(scene)
        self.path = film(
            list(scene.moves),
            scene.move_speed,
            scene.camera_shake,
            scene.frames,
            scene.fps,
            size,
            stream(seed, 6),
            scene.facing,
            scene.hit if scene.camera_shake == "screen_shake" and scene.impacts else None,
            tilt_of(scene),
        )
        self.performance = direct(
            scene,
            Performance(scene.action, scene.beat, scene.talks, scene.waves),
            body_of(scene),
            SHOT_SCALES[scene.shot_scale][0] / 5.0,
        )
        self.follows = "follow" in scene.camera_moves
        self.cadenced = expose(list(scene.cadence), scene.frames, scene.fps, scene.slow_hold)
        self.moments = moments_of(scene, self.cadenced)
        self.oversample = 2.0 if max(size) <= 320 else 1.5
        self.style = style_of(scene.plan)
        self.layout = lay_out(self)
        small = self.layout.head_px < 22
        self.costume = Costume.make(
            scene.design, self.box, steps_of(scene.plan), 1.16 if small else 1.0, self.style.ink
        )
        if scene.direction.has("character_proportion", *PROPORTIONS):
            self.costume = replace(self.costume, body=body_of(scene))
        self.finishing = Finishing(scene, self.box, self.costume, self.style, size, seed, self.oversample)
        self.overlay = Overlay(self)
        self.take = take
        self.retouch = Retouch.of(scene, self.performance, self.costume.body, self.moments, take.flat)
        self.exposures = take.numbered(self.retouch.exposures(self.moments))
        self.company = company_of(self)
        self.model = Model(self) if is_modelled(scene) else None
        self._cels: dict[tuple[int, State, int | None], Cel | None] = {}
        self._maps: dict[tuple[int, State], Cel | None] = {}

    def again(self, take: Take) -> Shot:
        """The same shot filmed another way; the set and the clean drawings made so far are used again."""
        other = copy.copy(self)
        other.take = take
        scene = self.scene
        other.retouch = Retouch.of(scene, self.performance, self.costume.body, self.moments, take.flat)
        other.exposures = take.numbered(other.retouch.exposures(self.moments))
        clean = {} if scene.squash_stretch else self._cels  # a plain squash is in every drawing
        other._cels = {key: cel for key, cel in clean.items() if key[1:] == ((), None)}
        other._maps = {}
        return other

    # --- layout

    @cached_property
    def regions(self) -> dict[str, tuple[float, float, float, float]]:
        """Frame-0 rectangle that each layer must cover over the whole shot."""
        return regions(self)

    @property
    def separate(self) -> bool:
        """True when the set is shot as several layers."""
        return self.scene.layer_parallax != "single_plane"

    @cached_property
    def painted(self) -> list[Layer]:
        """All layers of the set, back to front; the book, if any, is last."""
        s = self.scene
        stage = Stage(
            self.box,
            stream(self.seed, 4),
            self.size,
            self.layout.zoom,
            self.regions,
            self.separate,
            self.oversample,
            self.layout.horizon,
        )
        PLACES[s.place].paint(stage)
        if s.book and s.plan.background != "blank_void":
            book_leaves(stage)
        self.finishing.plates(stage.layers)
        if s.blurred:
            soft = 0.010 * self.size[1] * self.oversample
            for layer in stage.layers:
                if layer.name != "book" and not (self.separate and layer.name == "main"):
                    layer.rgba[:] = cv2.GaussianBlur(layer.rgba, (0, 0), soft)
        compose_set(s, stage.layers, self.size)
        return stage.layers

    # --- drawings

    def _wind(self) -> float:
        """Head wind of a followed runner in heads per second: the plate runs, the puppet does not."""
        if not self.follows:
            return 0.0
        speed = abs(float(self.path.offset[-1, 0])) / max(1, self.scene.frames - 1) * self.scene.fps
        natural = {"walk": 3.2, "run": 7.8, "dash": 14.0}.get(self.scene.action, 0.0)
        return speed / self.layout.head_px - natural if natural == 0 else 0.0

    def cel(self, moment: int, state: State = (), broken_at: int | None = None) -> Cel | None:
        """The traced drawing of frame ``moment``, at the oversampled scale of the plates.

        ``state`` is drawn into it; with ``broken_at`` the take's failure has it as on that frame.
        """
        key = (moment, state, broken_at)
        if key not in self._cels:
            self._cels[key] = self._trace(moment, state, broken_at)
        return self._cels[key]

    def _trace(self, moment: int, state: State, broken_at: int | None = None) -> Cel | None:
        s, lay, k = self.scene, self.layout, self.oversample
        t = moment / s.fps
        pose = self.performance.pose(t)
        if s.squash_stretch and not self.take.flat:
            pose = pose.but(stretch=1 + (pose.stretch - 1) * 3.2)
        pose = self.overlay.acted(pose, moment)
        light = (1.0 if stream(self.seed, 5).random() < 0.5 else -1.0) * s.facing
        locks = self.performance.locks(t, self._wind())
        draw = figure_drawn(s)
        drawing = draw(self.costume, pose, locks, light)
        x = lay.anchor_x + lay.travel * (pose.x - self.performance.pose(0.0).x)
        at = np.array([x, lay.ground_y]) * k + (k - 1) / 2
        factor = np.array([s.facing * lay.head_px * k, lay.head_px * k])
        angle, boils = angle_of(s), s.direction.has("limited_technique", "line_boil")
        x0, y0, x1, y1 = self._figure_window()
        window = (int(x0 * k), int(y0 * k), int(x1 * k), int(y1 * k))
        line_px = max(0.55, 0.022 * lay.head_px + 0.12) * k

        def to_screen(p: np.ndarray) -> np.ndarray:
            return angle.seen(boiled(p, self.seed, moment) if boils else p) * factor + at

        if state or broken_at is not None:
            job = Job(
                drawing, pose, self.costume, lambda p, c: draw(c, p, locks, light), self.performance.pose, t,
                s.action, s.facing, self.seed,
            )  # fmt: skip
        if broken_at is not None and self.take.failure is not None:
            REDRAWN[self.take.failure.kind](job, self.take.failure, broken_at)
            drawing = job.drawing
        if state:
            ratio = 1.0 if self.follows else abs(lay.travel) / lay.head_px
            levels = self.retouch.redraw(job, state, ratio)
            drawing = job.drawing
            self._maps[moment, state] = trace(grey(drawing, levels), to_screen, line_px, window)
        self.overlay.note(moment, pose, drawing, to_screen, line_px, window)
        cel = self.finishing.trace(
            drawing, to_screen, line_px, window, lay.head_px * k, at, light * s.facing, moment
        )
        for name, a in self.retouch.composited(state):
            cel = self._composited(name, a, cel, job, moment, state, ratio, factor)
        return cel

    def _composited(
        self, name: str, a: float, cel: Cel | None, job: Job, moment: int, state: State, ratio: float, factor
    ) -> Cel | None:
        """Afterimages or blur on a traced cel; its map is the cel's own coverage where it changed."""
        if cel is None:
            return None
        trail = self.retouch.trail(job, ratio)
        _, gone, _ = trail.lead()
        if name == "digital_motion_blur":
            gone = gone * min(1.0, 0.8 / max(float(np.hypot(*gone)), 1e-6))
            out = blur_along(cel, gone * factor * (0.6 + 0.5 * a))
        else:
            earlier = [int(m) for m in self.retouch.moments[self.retouch.moments < moment][-3:]]
            then = [
                (self.cel(m), 0.46 * o, m)
                for m, o in zip(earlier, (0.36, 0.66, 1.0)[3 - len(earlier) :], strict=True)
            ]
            ghosts = []
            for ghost, opacity, m in then:
                gap = self.performance.pose(m / self.scene.fps).x - job.pose.x if self.follows else 0.0
                if ghost is not None:
                    ghosts.append((ghost, min(0.49, opacity * (0.6 + 0.4 * a)), (round(gap * factor[0]), 0)))
            out = stack([*ghosts, (cel, 1.0, (0, 0))])
        level = (out.rgba[..., 3:] > 8) * np.uint8(min(255, round(255 * min(1.0, a))))
        if name == "afterimage_ghost":
            level[(out.rgba[..., 3:] > 127)] = 0
        self._maps[moment, state] = Cel(
            np.concatenate([level.repeat(3, 2), np.full_like(level, 255)], 2), out.origin
        )
        return out

    def lay_figure(self, frame: np.ndarray, alpha: np.ndarray, t: int, matrix: np.ndarray) -> None:
        """Lay the figure's cel of frame ``t`` over ``frame``; its coverage goes to ``alpha``."""
        behind = np.zeros_like(alpha)
        if self.company:
            lay_company(self, self.company, False, frame, behind, t, matrix)
        moment, failure = int(self.moments[t]), self.take.failure
        if failure is not None and failure.active(t):
            cel = figure_cel(self, failure, t, moment)
        else:
            cel = self.cel(moment, self.retouch.state(t, moment))
        if cel is not None:
            lay_cel(frame, alpha, cel, matrix, self.oversample)
        if self.company:
            np.maximum(alpha, behind, out=alpha)
            lay_company(self, self.company, True, frame, alpha, t, matrix)

    def departed(self, t: int, matrix: np.ndarray) -> np.ndarray:
        """``float32 [H,W]`` 0..1: how far the drawing of frame ``t`` leaves the model, where it does."""
        w, h = self.size
        moment = int(self.moments[t])
        known = self._maps.get((moment, self.retouch.state(t, moment)))
        out, cover = np.zeros((h, w, 3), np.uint8), np.zeros((h, w), np.uint8)
        if known is not None:
            lay_cel(out, cover, known, matrix, self.oversample)
        return out[..., 0].astype(np.float32) / 255

    def _figure_window(self) -> tuple[float, float, float, float]:
        if self.follows:
            w, h = self.size
            return (-8.0, -8.0, w + 8.0, h + 8.0)
        return self.regions["main"]

    # --- the stand

    @cached_property
    def air_moments(self) -> np.ndarray:
        """Effects share the figure's sheet: one rhythm a shot; over a held figure they go on twos."""
        s = self.scene
        if all(c == "still" for c, _, _ in s.cadence):
            return expose([("twos", 0, s.frames - 1)], s.frames, s.fps)
        return self.cadenced

    @cached_property
    def figure_path(self) -> np.ndarray:
        """Matrices ``float [T,2,3]`` of the figure's plane."""
        path = self.path
        if not self.follows:
            return slid(self, path.matrices() if path.spread is None else path.figure_matrices())
        fixed = CameraPath(np.zeros_like(path.offset), path.zoom, path.shake, self.size, path.roll)
        return slid(self, fixed.figure_matrices())

    def film(self) -> tuple[Clip, Truth]:
        """Expose every frame and strike the print."""
        frames, truth = self.expose()
        if needs_print(self):
            frames, truth = strike_print(self, frames, truth)
            truth.planes = truth.poses = None
        return Clip(frames, float(self.scene.fps)), truth

    def expose(self) -> tuple[np.ndarray, Truth]:
        """Frames ``uint8 [T,H,W,3]`` as they leave the stand, with their truth."""
        return Exposure(self).film()

    def still(self, t: int = 0) -> np.ndarray:
        """Frame ``t`` alone, ``uint8 [H,W,3]``, at the cost of one drawing; the same as in the clip."""
        if needs_print(self):
            return self.film()[0].frames[t]
        return Exposure(self).still(t)
