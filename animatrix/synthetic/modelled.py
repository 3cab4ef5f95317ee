"""A modelled setting: houses on a ground plane seen by an eye that turns, slides or travels in space.

Units: the eye is one unit above the ground; x right, y down, z into the picture; the subject stands at the
origin. Drawn smoothly on every frame it is the set of a CG camera; drawn with the figure, in wandering
outlines and flat paint, it is animated scenery.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from animatrix.synthetic.camera import SPEEDS, CameraPath
from animatrix.synthetic.palette import Rgb, mix
from animatrix.synthetic.scene import Scene, stream

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot

_SHIFT = 4
NEAR = 0.35
FOCAL = 1.15  # focal length in frame heights
WALLS: tuple[Rgb, ...] = ((236, 214, 190), (206, 224, 232), (232, 198, 186), (214, 206, 226), (240, 232, 208))
SIDES = (
    (0, 1, 5, 4),
    (1, 2, 6, 5),
    (2, 3, 7, 6),
    (3, 0, 4, 7),
    (0, 1, 2, 3),
)  # corners of a box's faces, roof last


def is_modelled(scene: Scene) -> bool:
    """Whether the setting is a model."""
    d = scene.direction
    return (
        bool(d.values("background_animation"))
        or d.has("layer_parallax", "cg_depth")
        or "orbit" in scene.camera_moves
    )


@dataclass(frozen=True)
class Box:
    """A house: corners ``[8,3]`` (four on top first), and the paint of its walls."""

    corners: np.ndarray
    paint: Rgb
    storeys: int
    bays: int


def _houses(rng: np.random.Generator, reach: float) -> list[Box]:
    """Houses on a loose ring round the subject, none in the way of an eye that circles it."""
    out = []
    count = 15
    for n in range(count):
        angle = 2 * np.pi * (n + 0.5 * rng.random()) / count
        far = reach * (2.1 + 1.5 * rng.random()) + 3.0
        wide, deep, high = 1.6 + 1.6 * rng.random(3) * (1, 1, 1.6)
        turn = angle + np.pi / 2 + 0.25 * (rng.random() - 0.5)
        c, s = np.cos(turn), np.sin(turn)
        base = np.array([(-wide, -deep), (wide, -deep), (wide, deep), (-wide, deep)])
        ground = np.stack([base[:, 0] * c - base[:, 1] * s, base[:, 0] * s + base[:, 1] * c], 1)
        ground += far * np.array([np.sin(angle), np.cos(angle)])
        top = np.stack([ground[:, 0], np.full(4, 1.0 - high), ground[:, 1]], 1)
        low = np.stack([ground[:, 0], np.full(4, 1.0), ground[:, 1]], 1)
        paint = WALLS[int(rng.integers(len(WALLS)))]
        out.append(Box(np.concatenate([top, low]), paint, 1 + int(high // 0.9), 2 + int(wide)))
    return out


def _sunlit(house: Box, face: tuple[int, ...]) -> bool:
    """Whether a wall looks to the sun, which stands still while the eye moves."""
    along = house.corners[face[1]] - house.corners[face[0]]
    return bool(0.8 * along[0] - 0.6 * along[2] > 0)


class Model:
    """The model of one shot and the path of the eye through it."""

    def __init__(self, shot: Shot) -> None:
        self.shot, scene = shot, shot.scene
        w, h = shot.size
        lay = shot.layout
        self.focal = FOCAL * h
        self.horizon = lay.horizon * h
        self.middle = lay.anchor_x if "orbit" in scene.camera_moves else w / 2
        self.reach = float(np.clip(self.focal / max(lay.ground_y - self.horizon, 0.05 * h), 0.8, 6.0))
        self.rng_key = [shot.seed & 0xFFFFFF, 61]
        self.houses = _houses(stream(shot.seed, 60), self.reach)
        self.drawn = scene.direction.has("background_animation", "drawn_background_animation")
        tick = 24 / scene.fps
        frame = np.arange(scene.frames)
        self.turn: np.ndarray = np.zeros(scene.frames)
        self.slide = shot.path.offset[:, 0] / self.focal * self.reach
        if "orbit" in scene.camera_moves:
            far = SPEEDS[scene.move_speed][0] * w / self.focal
            self.turn = frame * tick * far * scene.facing
        self.start = 2 * np.pi * stream(shot.seed, 60).random()

    def _seen(self, points: np.ndarray, t: int) -> np.ndarray:
        """Points ``[N,3]`` in the eye's own axes at frame ``t``."""
        a = self.start + self.turn[t]
        c, s = np.cos(a), np.sin(a)
        x, z = points[:, 0] * c - points[:, 2] * s, points[:, 0] * s + points[:, 2] * c
        return np.stack([x - self.slide[t], points[:, 1], z + self.reach], 1)

    def _flat(self, seen: np.ndarray) -> np.ndarray:
        """Frame px ``[N,2]`` of points before the eye."""
        z = np.maximum(seen[:, 2], NEAR)
        return np.stack(
            [self.middle + self.focal * seen[:, 0] / z, self.horizon + self.focal * seen[:, 1] / z], 1
        )

    def picture(self, t: int) -> np.ndarray:
        """The setting at frame ``t``, ``uint8 [H,W,3]``."""
        if self.drawn:
            t = int(self.shot.moments[t])
        (w, h), box, k = self.shot.size, self.shot.box, 2
        out = np.empty((h * k, w * k, 3), np.uint8)
        top, middle, bottom = box.sky()
        edge = int(np.clip(self.horizon * k, 1, h * k - 1))
        u = np.linspace(0, 2, edge)
        sky = np.stack([np.interp(u, [0, 1, 2], [top[c], middle[c], bottom[c]]) for c in range(3)], 1)
        out[:edge] = np.rint(sky)[:, None]
        ground = box.ground((196, 188, 176))
        out[edge:] = ground
        wander = np.random.default_rng([*self.rng_key, t]) if self.drawn else None
        self._paving(out, t, k, ground)
        jobs = []
        for house in self.houses:
            seen = self._seen(house.corners, t)
            for face in SIDES:
                if seen[list(face), 2].min() > NEAR:
                    jobs.append((float(seen[list(face), 2].mean()), house, face, seen))
        for depth, house, face, seen in sorted(jobs, key=lambda j: -j[0]):
            self._face(
                out, k, depth, house, seen[list(face)], face == SIDES[-1], _sunlit(house, face), wander
            )
        return cv2.resize(out, (w, h), interpolation=cv2.INTER_AREA)

    def framed(self, t: int) -> np.ndarray:
        """The setting under the shake and the lean of the frame."""
        path, size = self.shot.path, self.shot.size
        still = np.zeros_like(path.offset)
        m = CameraPath(still, np.ones_like(path.zoom), path.shake, size, path.roll).matrices()[t]
        picture = self.picture(t)
        return (
            picture
            if np.array_equal(m, np.eye(3)[:2])
            else cv2.warpAffine(picture, m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        )

    def _paving(self, out: np.ndarray, t: int, k: int, ground: Rgb) -> None:
        line = mix(ground, (70, 60, 90), 0.28)
        n = np.arange(-14, 15) * 1.3
        for v in n:
            for row in (
                np.stack([np.full(29, v), np.ones(29), n], 1),
                np.stack([n, np.ones(29), np.full(29, v)], 1),
            ):
                seen = self._seen(row, t)
                ahead = seen[:, 2] > NEAR
                if ahead.sum() > 1:
                    pts = np.rint(self._flat(seen[ahead]) * k * (1 << _SHIFT)).astype(np.int64)
                    pts = np.clip(pts, -(2**24), 2**24).astype(np.int32)
                    cv2.polylines(
                        out, [pts], False, line, max(1, round(0.004 * len(out))), cv2.LINE_AA, _SHIFT
                    )

    def _face(
        self, out, k, depth: float, house: Box, corners: np.ndarray, top: bool, lights: bool, wander
    ) -> None:
        pts = self._flat(corners)
        across, up = corners[1] - corners[0], corners[3] - corners[0]
        normal = np.cross(across, up)
        if not top and float(normal @ corners.mean(0)) <= 0:
            return  # seen from behind
        box, h = self.shot.box, len(out) / k
        haze = float(np.clip((depth - 2 * self.reach) / (6 * self.reach + 8), 0, 0.55))
        lit = mix(box.ground(house.paint), box.sky()[2], haze)
        paint = mix(lit, (120, 70, 70), 0.4) if top else mix(lit, (58, 48, 104), 0.04 if lights else 0.30)
        ink = mix(paint, (36, 24, 50), 0.72)
        weight = max(1, round((0.0075 if self.drawn else 0.003) * h * k))

        def fixed(p: np.ndarray) -> np.ndarray:
            if wander is not None:
                p = p + wander.normal(0, 0.006 * h, p.shape)
            return np.clip(np.rint(p * k * (1 << _SHIFT)), -(2**24), 2**24).astype(np.int32)

        shape = fixed(pts)
        cv2.fillPoly(out, [shape], paint, cv2.LINE_AA, _SHIFT)
        if not top:
            glass = mix(mix(paint, (60, 92, 130), 0.62), box.sky()[1], 0.25)
            if box.hour.lamps:
                glass = mix((255, 226, 150), paint, 0.25)
            for row in range(house.storeys):
                for bay in range(house.bays):
                    u = (bay + np.array([0.26, 0.74, 0.74, 0.26])) / house.bays
                    v = (row + np.array([0.24, 0.24, 0.76, 0.76])) / house.storeys
                    window = corners[0] + np.outer(u, across) + np.outer(v, up)
                    pane = fixed(self._flat(window))
                    cv2.fillPoly(out, [pane], glass, cv2.LINE_AA, _SHIFT)
                    if self.drawn:
                        cv2.polylines(out, [pane], True, ink, max(1, weight // 2), cv2.LINE_AA, _SHIFT)
        cv2.polylines(out, [shape], True, ink, weight, cv2.LINE_AA, _SHIFT)

    def camera(self) -> np.ndarray:
        """``float [T,2,3]``: the affine motion of the far houses in view, chained from frame to frame."""
        w, h = self.shot.size
        points = np.concatenate([b.corners for b in self.houses])
        whole, out = np.eye(3), [np.eye(3)[:2]]
        moments = self.shot.moments if self.drawn else np.arange(self.shot.scene.frames)
        for t in range(1, self.shot.scene.frames):
            a, b = self._seen(points, int(moments[t - 1])), self._seen(points, int(moments[t]))
            p, q = self._flat(a), self._flat(b)
            keep = (a[:, 2] > 2 * NEAR) & (b[:, 2] > 2 * NEAR) & (np.abs(p - (w / 2, h / 2)) < (w, h)).all(1)
            step = np.eye(3)
            if keep.sum() >= 3:
                rows = np.concatenate([p[keep], np.ones((int(keep.sum()), 1))], 1)
                step[:2] = np.linalg.lstsq(rows, q[keep], rcond=None)[0].T
            whole = step @ whole
            out.append(whole[:2].copy())
        return np.stack(out)
