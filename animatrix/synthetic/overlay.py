"""Effects, signs and lights of a shot laid over its frames, drawing by drawing of the effects sheet."""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from animatrix.synthetic import light_fx
from animatrix.synthetic.finish_plan import DEFAULT_DESIGN, Spans
from animatrix.synthetic.fx import DESIGNS, Fx
from animatrix.synthetic.ink import Cel, Drawing, trace
from animatrix.synthetic.nature import NATURE
from animatrix.synthetic.pose import Pose, solve
from animatrix.synthetic.powers import POWERS, loss
from animatrix.synthetic.stand import lay_cel
from animatrix.synthetic.symbols import FACES, SYMBOLS, Sign

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot

HEAD = 1.12  # drawn heads are a little larger than the unit they are counted in
# effects with a place of their own: they stay there while the figure moves on
ROOTED = ("fire", "explosion", "smoke", "water_splash", "debris", "cube_debris", "lightning", "mist_steam")
# running already when the shot opens on them; the others begin with the shot
RUNNING = ("fire", "smoke", "wind_streaks", "mist_steam", "aura", "light_particles")
PAINTERS = NATURE | POWERS


@dataclass(frozen=True)
class Placed:
    """One drawing of the figure: pose, head centre and joints in heads, and how they map to plane px."""

    pose: Pose
    head: np.ndarray
    turn: np.ndarray
    joints: dict[str, np.ndarray]
    to_screen: object
    line_px: float
    window: tuple[int, int, int, int]


class Overlay:
    """What is animated over figure and set in one shot."""

    def __init__(self, shot: Shot) -> None:
        self.shot, self.scene, self.plan = shot, shot.scene, shot.scene.plan
        self.seed = shot.seed & 0xFFFFFF
        natural = tuple(s for s in self.scene.natural if s[0] in NATURE)
        self.effects: Spans = (*natural, *self.plan.powers)
        self.active = bool(
            self.effects or self.plan.symbols or self.plan.lights or set(self.plan.keys) & set(light_fx.KEYS)
        )
        self._placed: dict[int, Placed] = {}
        self._signs: dict[tuple, Cel | None] = {}
        self._last: tuple | None = None

    # --- where things are

    def note(self, moment: int, pose: Pose, drawing: Drawing, to_screen, line_px: float, window) -> None:
        """Remember how the figure of ``moment`` was placed, for what is anchored to it."""
        if not self.active:
            return
        j = solve(pose, self.shot.costume.body)
        tilt = j.tilt + pose.spin
        c, s = np.cos(tilt), np.sin(tilt)
        bones = drawing.bones
        head = np.asarray(bones.get("head", np.stack([j.head])))[0] + (0.0, 0.03 * pose.nod)
        joints = {
            "feet": np.array([0.0, 0.0]),
            "chest": np.asarray(bones.get("torso", np.stack([j.pelvis, j.chest])))[-1],
            "head": head,
            "hand": np.asarray(bones.get("arm_n", j.arm_n))[-1],
        }
        self._placed[moment] = Placed(
            pose, head, np.array([[c, s], [-s, c]]), joints, to_screen, line_px, window
        )

    def ids(self, spans: Spans, air: np.ndarray) -> list[int]:
        """Drawing number per frame of the layer ``spans`` are drawn on; equal numbers: the same drawing."""
        keys: list[tuple] = []
        for t, moment in enumerate(air):
            on = tuple((v, max(int(moment), a)) for v, a, b in spans if a <= t <= b)
            keys.append(on)
        steps = [0, *(int(a != b) for a, b in zip(keys[1:], keys[:-1], strict=True))]
        return [int(n) for n in 1 + np.cumsum(steps)]

    def acted(self, pose: Pose, moment: int) -> Pose:
        """The pose with the face that goes with the signs of this moment."""
        for name, first, last in self.plan.symbols:
            if first <= moment <= last and name in FACES:
                pose = pose.but(**FACES[name])
        return pose

    def _matrix(self, t: int) -> np.ndarray:
        return self.shot.figure_path[t]

    def _points(self, t: int, moment: int) -> dict[str, np.ndarray]:
        """Feet, chest, head and hand on the screen at frame ``t``."""
        k, m = self.shot.oversample, self._matrix(t)
        placed = self._placed.get(moment)
        if placed is None:
            w, h = self.shot.size
            return {
                n: np.array([w / 2, h * y])
                for n, y in (("feet", 0.95), ("chest", 0.5), ("head", 0.3), ("hand", 0.6))
            }
        out = {}
        for name, p in placed.joints.items():
            q = (np.asarray(placed.to_screen(p[None]))[0] - (k - 1) / 2) / k  # type: ignore[operator]
            out[name] = m[:, :2] @ q + m[:, 2]
        return out

    def _rooted(self, points: dict[str, np.ndarray], t: int, first: int, last: int) -> dict[str, np.ndarray]:
        """The points as they were when the effect began, carried on by the camera only."""
        shot, lay = self.shot, self.shot.layout
        start = shot.performance.pose(first / shot.scene.fps).x - shot.performance.pose(0.0).x
        m = self._matrix(t)
        feet = m[:, :2] @ np.array([lay.anchor_x + lay.travel * start, lay.ground_y]) + m[:, 2]
        if shot.follows:  # the figure keeps its place and the ground runs: passed half way through the effect
            plane = shot.path.matrices()[:, :, 2]
            feet = feet + plane[t] - plane[(first + last) // 2]
        return {n: p + (feet[0] - points["feet"][0], feet[1] - points["feet"][1]) for n, p in points.items()}

    def _env(self, t: int, first: int, last: int, grow: float = 0.3, fade: float = 0.3) -> float:
        """Growth at the onset, dissipation at the end; open where the span touches an end of the shot."""
        fps, length = self.scene.fps, (last - first + 1) / self.scene.fps
        up = 1.0 if first == 0 else (t - first + 1) / fps / min(grow, 0.4 * length)
        down = 1.0 if last >= self.scene.frames - 1 else (last - t + 1) / fps / min(fade, 0.4 * length)
        e = min(1.0, up) * min(1.0, down)
        return float(e * e * (3 - 2 * e))

    def _fx(self, name: str, t: int, air: int, first: int, last: int, points, alpha, sheets) -> Fx:
        s = self.scene
        drawn = max(air, first)
        before = 2.0 if first == 0 and name in RUNNING else 0.0
        age = (drawn - first) / s.fps + before
        if name in ROOTED:
            points = self._rooted(points, t, first, last)
        design = next((v for v, a, b in self.plan.designs if a <= t <= b), DEFAULT_DESIGN)
        back, front, glow = sheets
        key = self.seed * 31 + sum(name.encode())
        head = self.shot.layout.head_px * float(np.hypot(*self._matrix(t)[:, 0]))
        life = (
            (last - first + 1) / s.fps + before + (2.0 if last >= s.frames - 1 and name in RUNNING else 0.0)
        )
        return Fx(
            self.shot.size, age, life, self._env(drawn, first, last), drawn, key, s.facing, head, points,
            alpha, self.shot.box, DESIGNS[design], back, front, glow, self.shot.follows and name in ROOTED,
        )  # fmt: skip

    # --- per frame

    def dissolve(self, frame: np.ndarray, alpha: np.ndarray, ground: np.ndarray, t: int, air: int):
        """Take from the picture what a disintegration has eaten of the figure. -> (frame, alpha)."""
        span = next((s for s in self.plan.powers if s[0] == "disintegration" and s[1] <= t), None)
        if span is None:
            return frame, alpha
        _, first, last = span
        moment = int(self.shot.moments[t])
        cover = alpha.astype(np.float32) / 255
        f = self._fx(
            "disintegration", t, air, first, last, self._points(t, moment), cover, (None, None, None)
        )
        gone = loss(f)[..., None]
        out = np.rint(frame * (1 - gone) + ground * gone).astype(np.uint8)
        return out, np.rint(alpha * (1 - gone[..., 0])).astype(np.uint8)

    def lay(self, frame: np.ndarray, alpha: np.ndarray, t: int, air: int) -> np.ndarray:
        """Effects behind the figure, its signs, effects before it."""
        effects = [s for s in self.effects if s[1] <= t <= s[2]]
        signs = [s for s in self.plan.symbols if s[1] <= t <= s[2]]
        if not effects and not signs:
            return frame
        key = (air, tuple(effects), tuple(signs), self._matrix(t).tobytes())
        if self._last is not None and self._last[0] is frame and self._last[1] == key:
            return self._last[2]
        moment = int(self.shot.moments[t])
        h, w = alpha.shape
        out = frame
        if effects:
            cover = alpha.astype(np.float32) / 255
            back, front = np.zeros((h, w, 4), np.uint8), np.zeros((h, w, 4), np.uint8)
            glow = np.zeros((h, w, 3), np.float32)
            points, lit = self._points(t, moment), 0.0
            for name, first, last in effects:
                f = self._fx(name, t, air, first, last, points, cover, (back, front, glow))
                PAINTERS[name](f)
                lit += sum(f.lit)
            out = _over(out, back, (255 - alpha[..., None].astype(np.float32)) / 255)
            if signs:
                out = out.astype(np.uint8)
                self._lay_signs(out, signs, t, air, moment)
            out = _over(out, front, None)
            light = np.clip(glow + lit * 255, 0, 255)
            out = np.rint(out + light - out * light / 255).astype(np.uint8)
        else:
            out = out.copy()
            self._lay_signs(out, signs, t, air, moment)
        self._last = (frame, key, out)
        return out

    def _lay_signs(self, frame: np.ndarray, signs, t: int, air: int, moment: int) -> None:
        placed = self._placed.get(moment)
        if placed is None:
            return
        key = (moment, air, tuple(signs))
        if key not in self._signs:
            self._signs[key] = self._trace_signs(placed, signs, air)
        cel = self._signs[key]
        if cel is not None:
            lay_cel(frame, np.zeros(frame.shape[:2], np.uint8), cel, self._matrix(t), self.shot.oversample)

    def _trace_signs(self, placed: Placed, signs, air: int) -> Cel | None:
        sheet, s, costume = Drawing(), self.scene, self.shot.costume
        for name, first, last in signs:
            drawn = max(air, first)
            left = 1.0 if last >= s.frames - 1 else (last - drawn + 1) / s.fps
            sign = Sign(
                (drawn - first) / s.fps, left, drawn, placed.pose, self.shot.box, costume.eye_scale,
                costume.lashes, s.facing < 0, self.seed,
            )  # fmt: skip
            SYMBOLS[name](sheet, sign)

        def put(p):
            return None if p is None else (np.asarray(p) * HEAD) @ placed.turn + placed.head

        ops = [(o[0], put(o[1]), o[2], o[3], put(o[4])) for o in sheet.ops]
        style = replace(self.shot.style, pen="", contour=0.0, outlines=True)
        return trace(Drawing(ops), placed.to_screen, placed.line_px, placed.window, style)  # type: ignore[arg-type]

    def light(self, frame: np.ndarray, alpha: np.ndarray, t: int, air: int) -> np.ndarray:
        """The light situation of the shot, then the lights added in compositing."""
        lights = [s for s in self.plan.lights if s[1] <= t <= s[2]]
        keys = [light_fx.KEYS[v] for v in self.plan.keys if v in light_fx.KEYS]
        if not lights and not keys:
            return frame
        s = self.scene
        points = self._points(t, int(self.shot.moments[t]))
        cover = alpha.astype(np.float32) / 255
        head = self.shot.layout.head_px * float(np.hypot(*self._matrix(t)[:, 0]))

        def light(first: int, last: int) -> light_fx.Light:
            return light_fx.Light(
                (t - first) / s.fps, (last - first + 1) / s.fps, self._env(t, first, last), points, cover,
                self.shot.box, self.seed, s.facing, head,
            )  # fmt: skip

        out = frame
        for key in keys:
            out = key(out, light(0, s.frames - 1))
        for name, first, last in lights:
            out = light_fx.LIGHTS[name](out, light(first, last))
        return out


def _over(below: np.ndarray, above: np.ndarray, where: np.ndarray | None) -> np.ndarray:
    """Premultiplied ``above`` over ``below`` as float; ``where`` ``[H,W,1]`` limits it."""
    a, c = above[..., 3:].astype(np.float32) / 255, above[..., :3].astype(np.float32)
    if where is not None:
        a, c = a * where, c * where
    return below * (1 - a) + c


__all__ = ["PAINTERS", "Overlay"]
