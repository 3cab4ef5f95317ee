"""The camera above the stand: what is laid out, exposed frame by frame, with its truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from animatrix.knowledge.exposure import drawing_ids
from animatrix.synthetic import effects
from animatrix.synthetic.camera import PARALLAX, relative
from animatrix.synthetic.devices import GROUNDS, Ground, motion_lines
from animatrix.synthetic.failure import reshoot
from animatrix.synthetic.layout import planes_of, poses_of
from animatrix.synthetic.palette import CLOTH
from animatrix.synthetic.scene import complete
from animatrix.synthetic.stand import lay_book, over, shoot
from animatrix.synthetic.stunts import STUNT_EVENTS
from animatrix.synthetic.timing import ids_of
from animatrix.synthetic.truth import Event, Truth

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot

EVENTS = {"jump": "landing", "react": "shock", "turn": "turn", "dash": "burst"} | STUNT_EVENTS


class Exposure:
    """A shot whose set is painted, ready to expose any frame.

    Args:
        shot: whose figure, effects and finish are laid on it.
    """

    def __init__(self, shot: Shot) -> None:
        self.shot, self.layers = shot, shot.painted
        self.paths = {
            layer.name: shot.path.matrices(
                PARALLAX[layer.name] if shot.separate or layer.name == "book" else 1.0
            )
            for layer in self.layers
        }

    def film(self) -> tuple[np.ndarray, Truth]:
        """Every frame, ``uint8 [T,H,W,3]``, and their truth."""
        shot = self.shot
        s, (w, h) = shot.scene, shot.size
        figure_path, air_moments = shot.figure_path, shot.air_moments
        frames = np.empty((s.frames, h, w, 3), np.uint8)
        mask = np.zeros((s.frames, h, w), bool)
        deformation = np.zeros((s.frames, h, w), np.float32)
        multiplier = effects.finish_map(s.finish, shot.size, s.facing)
        back_key, back, shown = None, None, None
        for t in range(s.frames):
            key = tuple(p[t].tobytes() for p in self.paths.values())
            if key != back_key:
                back_key, back, shown = key, self._ground(t), None
            assert back is not None
            ground = self._device_ground(back, t)
            cel_key = (shot.exposures[t], figure_path[t].tobytes(), ground is back)
            if shown is None or shown[0] != cel_key or ground is not back:
                frame, alpha = self._laid(ground, t)
                if shot.take.failure is not None and shot.take.failure.active(t):
                    frame = reshoot(frame, shot.take.failure, t, self._centre(alpha))
                if shot.retouch.devices:
                    departed = shot.departed(t, figure_path[t])
                shown = (cel_key, frame, alpha)
            _, frame, alpha = shown
            frame, alpha = shot.overlay.dissolve(frame, alpha, ground, t, int(air_moments[t]))
            mask[t] = alpha > 127
            if s.squash_stretch and not shot.take.flat:
                pose = shot.performance.pose(shot.moments[t] / s.fps)
                deformation[t] = mask[t] * min(1.0, abs(pose.stretch - 1) * 3.2 / 0.35)
            elif shot.retouch.devices:
                deformation[t] = departed
            frames[t] = self._finish(frame, alpha, t, int(air_moments[t]), multiplier)
        truth = Truth(
            complete(shot.directive, s), self._camera(), self._sheet(), mask, deformation, self._events()
        )
        truth.planes, truth.poses = planes_of(shot), poses_of(shot)
        return frames, truth

    def _camera(self) -> np.ndarray:
        """Path of the camera ``float [T,2,3]``, frame 0 its origin."""
        shot, main = self.shot, self.shot.path.matrices()
        if shot.model is not None:
            return shot.model.camera()
        if shot.path.roll is not None:
            return relative(main)
        if shot.scene.camera_shake != "steady":
            main[:, :, 2] -= main[0, :, 2]
        return main

    def _sheet(self) -> dict[str, list[int]]:
        """Drawing numbers per frame of every layer."""
        shot, s, air_moments = self.shot, self.shot.scene, self.shot.air_moments
        sheet = {"A": ids_of(s, shot.exposures), "BG": [1] * s.frames}
        if any(extra.acts for extra in shot.company):
            sheet["B"] = ids_of(s, shot.moments)
        if shot.model is not None:
            sheet["BG"] = ids_of(s, shot.moments) if shot.model.drawn else list(range(1, s.frames + 1))
        if self.layers[-1].name == "book":
            sheet["BOOK"] = [1] * s.frames
        if s.plan.symbols:
            sheet["MARK"] = shot.overlay.ids(s.plan.symbols, air_moments)
        if (
            shot.overlay.effects
            and len(shot.overlay.effects) == len(s.natural) + len(s.plan.powers)
            and not s.devices
        ):
            sheet["FX"] = shot.overlay.ids(shot.overlay.effects, air_moments)
        elif s.natural or s.devices or s.plan.powers:
            sheet["FX"] = drawing_ids(air_moments)
        return sheet

    def still(self, t: int) -> np.ndarray:
        """Frame ``t`` alone, ``uint8 [H,W,3]``; the same as in the film."""
        shot = self.shot
        ground = self._device_ground(self._ground(t), t)
        frame, alpha = self._laid(ground, t)
        air = int(shot.air_moments[t])
        if shot.overlay.active:
            frame, alpha = shot.overlay.dissolve(frame, alpha, ground, t, air)
        multiplier = effects.finish_map(shot.scene.finish, shot.size, shot.scene.facing)
        return self._finish(frame, alpha, t, air, multiplier)

    def _laid(self, ground: np.ndarray, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Figure and book over the ground, and their coverage ``uint8 [H,W]``."""
        shot, frame = self.shot, ground.copy()
        alpha = np.zeros(frame.shape[:2], np.uint8)
        shot.lay_figure(frame, alpha, t, shot.figure_path[t])
        if self.layers[-1].name == "book":
            lay_book(frame, alpha, self.layers[-1], self.paths["book"][t], shot.size)
        return frame, alpha

    def _ground(self, t: int) -> np.ndarray:
        shot, out = self.shot, None
        for layer in self.layers:
            if layer.name == "book":
                continue
            seen = shoot(layer, self.paths[layer.name][t], shot.size)
            out = seen[..., :3].copy() if out is None else over(out, seen)
        assert out is not None
        return shot.finishing.ground(out)

    def _active(self, spans, t: int) -> list[str]:
        return [v for v, a, b in spans if a <= t <= b]

    def _device_ground(self, back: np.ndarray, t: int) -> np.ndarray:
        shot, s = self.shot, self.shot.scene
        if shot.model is not None:
            back = shot.model.framed(t)
        for device in self._active(s.devices, t):
            if device == "speed_line_background":
                return effects.speed_lines(
                    shot.size, shot.box, 0.085 * t * 24 / s.fps, s.facing, shot.seed & 0xFFFF
                )
            if device == "color_field":
                return effects.colour_field(shot.size, shot.box, CLOTH[s.accessory_color])
            if device in GROUNDS:
                first = next(a for v, a, b in s.devices if v == device and a <= t <= b)
                age = (max(int(shot.air_moments[t]), first) - first) / s.fps
                age += 0.7 if first == 0 else 0.0
                middle = (s.target * shot.size[0], 0.44 * shot.size[1])
                accent = CLOTH[s.accessory_color]
                return GROUNDS[device](Ground(back, age, middle, shot.box, accent, shot.seed & 0xFFFFFF))
        return back

    def _centre(self, alpha: np.ndarray) -> tuple[float, float]:
        """Chest of the figure in the frame, for what converges on it."""
        w, h = self.shot.size
        rows, cols = np.flatnonzero(alpha.max(1) > 127), np.flatnonzero(alpha.max(0) > 127)
        if not len(rows):
            return (w / 2, h / 2)
        return (float(cols.mean()), float(rows[0] + 0.35 * (rows[-1] - rows[0])))

    def _finish(self, frame: np.ndarray, alpha: np.ndarray, t: int, air: int, multiplier) -> np.ndarray:
        shot, s = self.shot, self.shot.scene
        out = frame
        if shot.overlay.active:
            out = shot.overlay.lay(out, alpha, t, air)
        if "motion_lines" in self._active(s.devices, t):
            way = self._velocity(int(shot.moments[t]))
            out = motion_lines(out, alpha.astype(np.float32) / 255, way, shot.box, shot.seed + air)
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
                    shot.path.offset[t],
                    shot.box,
                    s.beat.wind * s.facing,
                    petal,
                    shot.seed & 0xFFFFFF,
                )
        if "focus_lines" in self._active(s.devices, t):
            rng = np.random.default_rng([shot.seed & 0xFFFFFF, 5, air % 3])
            out = effects.focus_lines(out, self._centre(alpha), shot.box, rng)
        if shot.overlay.active:
            out = shot.overlay.light(out, alpha, t, air)
        for kind in self._active(s.impacts, t):
            rng = np.random.default_rng([shot.seed & 0xFFFFFF, 6, t])
            out = effects.impact(kind, out, alpha.astype(np.float32) / 255, self._centre(alpha), rng)
        laid = self._active(s.plan.finish, t)
        if len(laid) < len(s.finish):
            multiplier = effects.finish_map(tuple(laid), shot.size, s.facing)
        grain = np.random.default_rng([shot.seed & 0xFFFFFF, 7, t]) if "film_grain" in laid else None
        return shot.finishing.film(effects.finish(out, multiplier, grain), t, laid)

    def _velocity(self, moment: int) -> np.ndarray:
        """Way of the figure over the ground in px per 24th of a second, just before ``moment``."""
        shot, s, lay = self.shot, self.shot.scene, self.shot.layout
        now, before = (shot.performance.pose(moment / s.fps - back) for back in (0, 1 / 24))
        along = lay.travel if lay.travel else lay.head_px * s.facing
        return np.array([along * (now.x - before.x), -lay.head_px * (now.lift - before.lift)])

    def _events(self) -> list[Event]:
        shot, s = self.shot, self.shot.scene
        out = [Event("impact_frame", a, b, v) for v, a, b in s.impacts] + shot.retouch.events(shot.moments)
        out += [Event(kind, a, b, v) for kind, v, a, b in s.plan.events(s.natural)]
        if s.action in EVENTS:
            out.append(Event(EVENTS[s.action], s.hit, s.hit))
        if s.blinks:
            a = round(s.beat.blink * s.fps)
            out.append(Event("blink", a, min(s.frames - 1, round((s.beat.blink + 0.17) * s.fps))))
        return sorted(out, key=lambda e: (e.first, e.kind))
