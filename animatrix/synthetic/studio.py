"""The shot on the animation stand: plates, cels and effects composited frame by frame, with their truth.

``render`` is the whole story: resolve a scene, lay it out, paint the set, trace the drawings, film them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import cv2
import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.media.clip import Clip
from animatrix.synthetic import effects
from animatrix.synthetic.acting import TRAVELS
from animatrix.synthetic.camera import PARALLAX, CameraPath, film, relative
from animatrix.synthetic.company import company_of, lay_company
from animatrix.synthetic.costume import Costume
from animatrix.synthetic.deform import Job
from animatrix.synthetic.devices import GROUNDS, Ground, motion_lines
from animatrix.synthetic.drawable import SHOT_SCALES
from animatrix.synthetic.failure import REDRAWN, Failure, figure_cel, reshoot
from animatrix.synthetic.finishing import Finishing, paintbox_of, steps_of, style_of
from animatrix.synthetic.framing import (
    LENS_ENLARGES,
    PROPORTIONS,
    aimed_at_hand,
    angle_of,
    body_of,
    compose_set,
    figure_drawn,
    heads_of,
    tilt_of,
)
from animatrix.synthetic.ink import Cel, trace
from animatrix.synthetic.modelled import Model, is_modelled
from animatrix.synthetic.overlay import Overlay
from animatrix.synthetic.palette import CLOTH
from animatrix.synthetic.performance import Performance
from animatrix.synthetic.places import PLACES, book_leaves
from animatrix.synthetic.printing import needs_print, strike_print
from animatrix.synthetic.retouch import Retouch, State, grey
from animatrix.synthetic.scene import complete, resolve, stream
from animatrix.synthetic.sheet import drawing_ids, expose
from animatrix.synthetic.smear import blur_along, stack
from animatrix.synthetic.stage import Layer, Stage
from animatrix.synthetic.stand import lay_book, lay_cel, over, shoot
from animatrix.synthetic.stunts import STUNT_EVENTS
from animatrix.synthetic.timing import boiled, direct, ids_of, moments_of, slid
from animatrix.synthetic.truth import Event, Truth

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
EVENTS = {"jump": "landing", "react": "shock", "turn": "turn", "dash": "burst"} | STUNT_EVENTS


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


@dataclass(frozen=True)
class Layout:
    """Where things stand in frame 0, in px: head, ground line, enlargement and horizon of the set."""

    head_px: float
    ground_y: float
    anchor_x: float
    zoom: float
    horizon: float
    travel: float  # screen px per head travelled


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
        self.layout = self._lay_out()
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
        self._set: list[Layer] | None = None
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

    def _lay_out(self) -> Layout:
        w, h = self.size
        s, path = self.scene, self.path
        tall, crown, zoom = SHOT_SCALES[s.shot_scale]
        if s.action == "jump" and s.shot_scale == "full":  # room for the flight
            tall, crown = tall * 0.84, crown + tall * 0.16 + 0.035
        zoom *= LENS_ENLARGES.get((*s.direction.values("lens_perspective"), "normal_lens")[0], 1.0)
        middle = 1 / float(np.sqrt(path.zoom[-1]))  # the asked framing is met half way through a zoom
        heads = heads_of(s) + 0.10
        tall = tall * (heads / 5.0 if s.shot_scale != "full" else 1.0)
        head_px = tall / heads * h * middle
        settled = path.offset[s.frames // 4 :]  # framed for the later part: a move arrives at its subject
        drift = settled.mean(0)
        ground_y = (0.5 + (crown + tall - 0.5) * middle) * h + drift[1]
        horizon = 0.5 + (angle_of(s).horizon - 0.5) * middle + drift[1] / h
        base = self.performance.pose(0.0).x
        travelled = np.array([self.performance.pose(t / s.fps).x - base for t in range(s.frames)])
        travel = head_px * s.facing
        if self.follows:
            travel = 0.0
        elif "follow_pan" in s.camera_moves and travelled[-1] > 0:  # the frame keeps to the figure
            travel = float(path.offset[-1, 0]) / float(travelled[-1])
        elif s.action in TRAVELS and travelled[-1] > 0:
            room = 0.60 * w + abs(float(path.offset[-1, 0]))
            travel *= min(1.0, room / (head_px * float(travelled[-1])))
        seen = float((travel * travelled).mean()) - (0.0 if self.follows else float(drift[0]))
        anchor = s.target * w - seen
        if s.shot_scale == "insert":
            anchor, ground_y = aimed_at_hand(
                self.performance.pose(0.5 * s.frames / s.fps), s, head_px, self.size
            )
        return Layout(head_px, ground_y, anchor, zoom * middle, horizon, travel)

    def _regions(self) -> dict[str, tuple[float, float, float, float]]:
        """Frame-0 rectangle that each layer must cover over the whole shot."""
        w, h = self.size
        out = {}
        corners = np.array([[-1.5, -1.5], [w + 0.5, -1.5], [-1.5, h + 0.5], [w + 0.5, h + 0.5]])
        for name, k in PARALLAX.items():
            m = self.path.matrices(k if self.separate or name == "book" else 1.0)
            if self.path.roll is None:
                inv = (corners[None] - m[:, None, :, 2]) / m[:, None, :1, 0]
            else:
                inv = (corners[None] - m[:, None, :, 2]) @ np.linalg.inv(m[:, :, :2]).transpose(0, 2, 1)
            lo, hi = np.floor(inv.min((0, 1))) - 1, np.ceil(inv.max((0, 1))) + 2
            out[name] = (float(lo[0]), float(lo[1]), float(hi[0]), float(hi[1]))
        return out

    @property
    def separate(self) -> bool:
        """True when the set is shot as several layers."""
        return self.scene.layer_parallax != "single_plane"

    def paint_set(self) -> list[Layer]:
        """Paint all layers of the set, back to front; the book, if any, is last."""
        s = self.scene
        stage = Stage(
            self.box,
            stream(self.seed, 4),
            self.size,
            self.layout.zoom,
            self._regions(),
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
        return self._regions_main

    # --- the stand

    def film(self) -> tuple[Clip, Truth]:
        """Expose every frame and strike the print."""
        frames, truth = self.expose()
        if needs_print(self):
            frames, truth = strike_print(self, frames, truth)
        return Clip(frames, float(self.scene.fps)), truth

    def expose(self) -> tuple[np.ndarray, Truth]:
        """Frames ``uint8 [T,H,W,3]`` as they leave the stand, with their truth."""
        s, (w, h) = self.scene, self.size
        self._regions_main = self._regions()["main"]
        if self._set is None:
            self._set = self.paint_set()
        layers = self._set
        paths = {
            layer.name: self.path.matrices(
                PARALLAX[layer.name] if self.separate or layer.name == "book" else 1.0
            )
            for layer in layers
        }
        main = self.path.matrices()
        figure_path = self._figure_path(main)
        frames = np.empty((s.frames, h, w, 3), np.uint8)
        mask = np.zeros((s.frames, h, w), bool)
        deformation = np.zeros((s.frames, h, w), np.float32)
        air_moments = self._air_moments()
        multiplier = effects.finish_map(s.finish, self.size, s.facing)
        back_key, back, shown = None, None, None
        for t in range(s.frames):
            key = tuple(p[t].tobytes() for p in paths.values())
            if key != back_key:
                back_key, back, shown = key, self._ground(layers, paths, t), None
            assert back is not None
            ground = self._device_ground(back, t)
            cel_key = (self.exposures[t], figure_path[t].tobytes(), ground is back)
            if shown is None or shown[0] != cel_key or ground is not back:
                frame = ground.copy()
                alpha = np.zeros((h, w), np.uint8)
                self.lay_figure(frame, alpha, t, figure_path[t])
                if layers[-1].name == "book":
                    lay_book(frame, alpha, layers[-1], paths["book"][t], self.size)
                if self.take.failure is not None and self.take.failure.active(t):
                    frame = reshoot(frame, self.take.failure, t, self._centre(alpha))
                if self.retouch.devices:
                    departed = self.departed(t, figure_path[t])
                shown = (cel_key, frame, alpha)
            _, frame, alpha = shown
            frame, alpha = self.overlay.dissolve(frame, alpha, ground, t, int(air_moments[t]))
            mask[t] = alpha > 127
            if s.squash_stretch and not self.take.flat:
                pose = self.performance.pose(self.moments[t] / s.fps)
                deformation[t] = mask[t] * min(1.0, abs(pose.stretch - 1) * 3.2 / 0.35)
            elif self.retouch.devices:
                deformation[t] = departed
            frames[t] = self._finish(frame, alpha, t, int(air_moments[t]), multiplier)
        camera = main.copy()
        if self.model is not None:
            camera = self.model.camera()
        elif self.path.roll is not None:
            camera = relative(main)
        elif s.camera_shake != "steady":  # frame 0 is the origin of the path
            camera[:, :, 2] -= camera[0, :, 2]
        sheet = {"A": ids_of(s, self.exposures), "BG": [1] * s.frames}
        if any(extra.acts for extra in self.company):
            sheet["B"] = ids_of(s, self.moments)
        if self.model is not None:
            sheet["BG"] = ids_of(s, self.moments) if self.model.drawn else list(range(1, s.frames + 1))
        if layers[-1].name == "book":
            sheet["BOOK"] = [1] * s.frames
        if s.plan.symbols:
            sheet["MARK"] = self.overlay.ids(s.plan.symbols, air_moments)
        if (
            self.overlay.effects
            and len(self.overlay.effects) == len(s.natural) + len(s.plan.powers)
            and not s.devices
        ):
            sheet["FX"] = self.overlay.ids(self.overlay.effects, air_moments)
        elif s.natural or s.devices or s.plan.powers:
            sheet["FX"] = drawing_ids(air_moments)
        truth = Truth(complete(self.directive, s), camera, sheet, mask, deformation, self._events())
        return frames, truth

    def still(self, t: int = 0) -> np.ndarray:
        """Frame ``t`` alone, ``uint8 [H,W,3]``, at the cost of one drawing; the same as in the clip."""
        if needs_print(self):
            return self.film()[0].frames[t]
        self._regions_main = self._regions()["main"]
        w, h = self.size
        layers = self.paint_set()
        paths = {
            layer.name: self.path.matrices(
                PARALLAX[layer.name] if self.separate or layer.name == "book" else 1.0
            )
            for layer in layers
        }
        frame, alpha = (
            self._device_ground(self._ground(layers, paths, t), t).copy(),
            np.zeros((h, w), np.uint8),
        )
        self.lay_figure(frame, alpha, t, self._figure_path(self.path.matrices())[t])
        if layers[-1].name == "book":
            lay_book(frame, alpha, layers[-1], paths["book"][t], self.size)
        air = self._air_moments()
        if self.overlay.active:
            ground = self._device_ground(self._ground(layers, paths, t), t)
            frame, alpha = self.overlay.dissolve(frame, alpha, ground, t, int(air[t]))
        return self._finish(
            frame, alpha, t, int(air[t]), effects.finish_map(self.scene.finish, self.size, self.scene.facing)
        )

    def _air_moments(self) -> np.ndarray:
        """Effects share the figure's sheet: one rhythm a shot; over a held figure they go on twos."""
        s = self.scene
        if all(c == "still" for c, _, _ in s.cadence):
            return expose([("twos", 0, s.frames - 1)], s.frames, s.fps)
        return self.cadenced

    def _figure_path(self, main: np.ndarray) -> np.ndarray:
        path = self.path
        if not self.follows:
            return slid(self, main if path.spread is None else path.figure_matrices())
        fixed = CameraPath(np.zeros_like(path.offset), path.zoom, path.shake, self.size, path.roll)
        return slid(self, fixed.figure_matrices())

    def _ground(self, layers: list[Layer], paths: dict[str, np.ndarray], t: int) -> np.ndarray:
        out = None
        for layer in layers:
            if layer.name == "book":
                continue
            seen = shoot(layer, paths[layer.name][t], self.size)
            out = seen[..., :3].copy() if out is None else over(out, seen)
        assert out is not None
        return self.finishing.ground(out)

    def _active(self, spans, t: int) -> list[str]:
        return [v for v, a, b in spans if a <= t <= b]

    def _device_ground(self, back: np.ndarray, t: int) -> np.ndarray:
        s = self.scene
        if self.model is not None:
            back = self.model.framed(t)
        for device in self._active(s.devices, t):
            if device == "speed_line_background":
                return effects.speed_lines(
                    self.size, self.box, 0.085 * t * 24 / s.fps, s.facing, self.seed & 0xFFFF
                )
            if device == "color_field":
                return effects.colour_field(self.size, self.box, CLOTH[s.accessory_color])
            if device in GROUNDS:
                first = next(a for v, a, b in s.devices if v == device and a <= t <= b)
                age = (max(int(self._air_moments()[t]), first) - first) / s.fps + (0.7 if first == 0 else 0.0)
                middle = (s.target * self.size[0], 0.44 * self.size[1])
                accent = CLOTH[s.accessory_color]
                return GROUNDS[device](Ground(back, age, middle, self.box, accent, self.seed & 0xFFFFFF))
        return back

    def _centre(self, alpha: np.ndarray) -> tuple[float, float]:
        """Chest of the figure in the frame, for what converges on it."""
        w, h = self.size
        rows, cols = np.flatnonzero(alpha.max(1) > 127), np.flatnonzero(alpha.max(0) > 127)
        if not len(rows):
            return (w / 2, h / 2)
        return (float(cols.mean()), float(rows[0] + 0.35 * (rows[-1] - rows[0])))

    def _finish(self, frame: np.ndarray, alpha: np.ndarray, t: int, air: int, multiplier) -> np.ndarray:
        s = self.scene
        out = frame
        if self.overlay.active:
            out = self.overlay.lay(out, alpha, t, air)
        if "motion_lines" in self._active(s.devices, t):
            way = self._velocity(int(self.moments[t]))
            out = motion_lines(out, alpha.astype(np.float32) / 255, way, self.box, self.seed + air)
        natural = [v for v in self._active(s.natural, t) if v in effects.NATURAL]
        if natural:
            out = out.copy()
            petal = {"snowfield": (250, 250, 255), "school": (252, 176, 200), "shrine": (252, 176, 200)}.get(
                s.place, (236, 178, 70)
            )
            for kind in natural:
                effects.fall(
                    kind,
                    out,
                    air / s.fps + 3.0,
                    self.path.offset[t],
                    self.box,
                    s.beat.wind * s.facing,
                    petal,
                    self.seed & 0xFFFFFF,
                )
        if "focus_lines" in self._active(s.devices, t):
            rng = np.random.default_rng([self.seed & 0xFFFFFF, 5, air % 3])
            out = effects.focus_lines(out, self._centre(alpha), self.box, rng)
        if self.overlay.active:
            out = self.overlay.light(out, alpha, t, air)
        for kind in self._active(s.impacts, t):
            rng = np.random.default_rng([self.seed & 0xFFFFFF, 6, t])
            out = effects.impact(kind, out, alpha.astype(np.float32) / 255, self._centre(alpha), rng)
        laid = self._active(s.plan.finish, t)
        if len(laid) < len(s.finish):
            multiplier = effects.finish_map(tuple(laid), self.size, s.facing)
        grain = np.random.default_rng([self.seed & 0xFFFFFF, 7, t]) if "film_grain" in laid else None
        return self.finishing.film(effects.finish(out, multiplier, grain), t, laid)

    def _velocity(self, moment: int) -> np.ndarray:
        """Way of the figure over the ground in px per 24th of a second, just before ``moment``."""
        s, lay = self.scene, self.layout
        now, before = self.performance.pose(moment / s.fps), self.performance.pose(moment / s.fps - 1 / 24)
        along = lay.travel if lay.travel else lay.head_px * s.facing
        return np.array([along * (now.x - before.x), -lay.head_px * (now.lift - before.lift)])

    def _events(self) -> list[Event]:
        s = self.scene
        out = [Event("impact_frame", a, b, v) for v, a, b in s.impacts] + self.retouch.events(self.moments)
        out += [Event(kind, a, b, v) for kind, v, a, b in s.plan.events(s.natural)]
        if s.action in EVENTS:
            out.append(
                Event(
                    EVENTS[s.action],
                    s.hit,
                    s.hit,
                )
            )
        if s.blinks:
            a = round(s.beat.blink * s.fps)
            out.append(Event("blink", a, min(s.frames - 1, round((s.beat.blink + 0.17) * s.fps))))
        return sorted(out, key=lambda e: (e.first, e.kind))
