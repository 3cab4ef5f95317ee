"""Who and what shares the frame with the figure: a second actor, a shoulder, own hands, a dark foreground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from animatrix.synthetic.acting import Beat
from animatrix.synthetic.backview import draw_from_behind
from animatrix.synthetic.costume import Costume
from animatrix.synthetic.design import PEOPLE, cast_design
from animatrix.synthetic.figure import draw_figure
from animatrix.synthetic.ink import Cel, Drawing, curve, limb, trace
from animatrix.synthetic.palette import mix
from animatrix.synthetic.performance import Performance
from animatrix.synthetic.scene import stream
from animatrix.synthetic.stand import lay_cel

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot


@dataclass
class Extra:
    """One more cel in the shot.

    Attributes:
        draw: drawing at a time in seconds, in heads.
        at: ground point in frame-0 px; ``head_px`` px per head; ``side`` +1 or -1.
        front: before the figure, which it then hides; else behind it.
        acts: counts as a character in the mask.
        dark: 0..1 how far it falls into shade; ``soft`` blur in frame heights.
        fixed: rides with the frame instead of the set.
    """

    draw: Callable[[float], Drawing]
    at: tuple[float, float]
    head_px: float
    side: int
    front: bool
    acts: bool = True
    dark: float = 0.0
    soft: float = 0.0
    fixed: bool = False
    cels: dict[int, Cel | None] = field(default_factory=dict)

    def cel(self, shot: Shot, moment: int) -> Cel | None:
        """The traced drawing of a moment."""
        if moment not in self.cels:
            k, (w, h) = shot.oversample, shot.size
            at = np.array(self.at) * k + (k - 1) / 2
            factor = np.array([self.side * self.head_px * k, self.head_px * k])
            x0, y0, x1, y1 = (-0.6 * w, -0.6 * h, 1.6 * w, 1.6 * h)
            cel = trace(
                self.draw(moment / shot.scene.fps),
                lambda p: p * factor + at,
                max(0.55, 0.022 * self.head_px + 0.12) * k,
                (int(x0 * k), int(y0 * k), int(x1 * k), int(y1 * k)),
                shot.style,
            )
            self.cels[moment] = None if cel is None else self._shaded(cel, h * k)
        return self.cels[moment]

    def _shaded(self, cel: Cel, height: float) -> Cel:
        rgba, (x, y) = cel.rgba, cel.origin
        if self.dark:
            rgba = rgba.copy()
            keep = np.array([1 - self.dark, 1 - self.dark, 1 - 0.8 * self.dark])
            rgba[..., :3] = np.rint(rgba[..., :3] * keep).astype(np.uint8)
        if self.soft:
            pad = int(np.ceil(3 * self.soft * height))
            rgba = cv2.copyMakeBorder(
                rgba, pad, pad, pad, pad, cv2.BORDER_REPLICATE if self.fixed else cv2.BORDER_CONSTANT
            )
            rgba = cv2.GaussianBlur(rgba, (0, 0), self.soft * height)
            x, y = x - pad, y - pad
        return Cel(rgba, (x, y))


def _another(shot: Shot, concern: int) -> tuple[Costume, Performance]:
    """A second character: another design of the same set of families, standing and breathing out of step."""
    rng = stream(shot.seed, concern)
    mine = shot.scene.design
    for _ in range(40):
        design = cast_design(rng, shot.cast)
        if design.hair_color != mine.hair_color and design.outfit_color != mine.outfit_color:
            break
    steps = 0 if shot.costume.skin.shade == shot.costume.skin.lit else 1
    costume = Costume.make(design, shot.box, steps, 1.0, shot.style.ink)
    beat: Beat = replace(shot.scene.beat, phase=float(rng.random()), seed=int(rng.integers(1 << 30)))
    return costume, Performance("idle", beat)


def _actor(shot: Shot, concern: int, draw=draw_figure) -> tuple[Callable[[float], Drawing], float]:
    """Drawing function of a second character, and how many heads tall it is."""
    costume, performance = _another(shot, concern)

    def at(t: float) -> Drawing:
        return draw(costume, performance.pose(t), performance.locks(t), 1.0)

    return at, PEOPLE[costume.design.noun].heads


def _two_shot(shot: Shot) -> Extra:
    lay, (w, _) = shot.layout, shot.size
    draw, _ = _actor(shot, 51)
    return Extra(draw, ((1 - shot.scene.target) * w, lay.ground_y), lay.head_px, -shot.scene.facing, False)


def _deep(shot: Shot) -> Extra:
    lay, (w, h) = shot.layout, shot.size
    draw, _ = _actor(shot, 52)
    share = 0.36
    horizon = lay.horizon * h
    feet = min(horizon + max(0.06 * h, (lay.ground_y - horizon) * share), 0.94 * h)
    return Extra(draw, ((1 - shot.scene.target) * w, feet), lay.head_px * share, -shot.scene.facing, False)


def _shoulder(shot: Shot) -> Extra:
    (w, h), side = shot.size, -shot.scene.facing
    draw, heads = _actor(shot, 53, draw_from_behind)
    head_px = max(0.46 * h, 1.5 * shot.layout.head_px)
    x = 0.5 * w - side * 0.34 * w
    return Extra(
        draw,
        (x, 0.56 * h + (heads - 0.55) * head_px),
        head_px,
        -side,
        True,
        acts=False,
        dark=0.42,
        soft=0.004,
    )


def _own_hands(shot: Shot) -> Extra:
    """Two forearms reaching in from below the frame: the viewer's own."""
    (w, h), k = shot.size, shot.costume
    top, skin = k.trim if k.trim.lit != k.top.lit else k.extra, k.skin
    phase = shot.scene.beat.phase

    def draw(t: float) -> Drawing:
        d = Drawing()
        bob = 0.05 * np.sin(2 * np.pi * (0.8 * t + phase))
        for side in (-1, 1):
            wrist = np.array([side * 0.95, -1.05 + bob + 0.04 * side])
            elbow = np.array([side * 1.75, 0.6])
            fore = (wrist - elbow) / np.hypot(*(wrist - elbow))
            across = np.array([-fore[1], fore[0]]) * side
            palm = wrist + fore * 0.26
            parts = [(limb(np.stack([wrist - fore * 0.1, palm]), [0.32, 0.42], 4), skin.lit)]
            for n, (spread, reach) in enumerate(((-0.20, 0.30), (-0.07, 0.40), (0.07, 0.39), (0.19, 0.30))):
                curl = 0.06 * np.sin(2 * np.pi * (0.8 * t + phase) + n)
                root = palm + across * spread * 0.9 + fore * 0.10
                tip = root + fore * (reach + curl) - across * side * 0.02 + across * spread * 0.25
                parts.append(
                    (limb(np.stack([root, (root + tip) / 2, tip]), [0.12, 0.115, 0.09], 4), skin.lit)
                )
            thumb = palm - fore * 0.06 + across * -0.20
            tip = thumb + fore * 0.22 + across * -0.16
            parts.append((limb(np.stack([thumb, tip]), [0.14, 0.10], 4), skin.lit))
            d.outlined(parts, skin.ink)
            d.inside(parts[0][0], limb(np.stack([wrist, palm]) + across * 0.14, [0.16, 0.2], 3), skin.shade)
            sleeve = limb(np.stack([elbow, wrist - fore * 0.06]), [0.62, 0.46], 4)
            d.outlined([(sleeve, top.lit)], top.ink)
            d.inside(sleeve, sleeve + across * 0.16, top.shade)
        return d

    return Extra(draw, (0.5 * w, 1.0 * h), 0.30 * h, 1, True, acts=False, fixed=True)


def _foreground(shot: Shot) -> Extra:
    """Dark leaves round the border of the frame."""
    (w, h), box = shot.size, shot.box
    rng = stream(shot.seed, 54)
    dark = mix(box.ground((44, 66, 52)), (12, 14, 30), 0.62)
    darker = mix(dark, (6, 8, 20), 0.5)
    aspect = w / h
    jobs: list[tuple[np.ndarray, tuple[int, int, int]]] = []
    for _ in range(58):
        edge, u = int(rng.integers(4)), float(rng.random())
        x, y = ((u, -0.01), (u, 1.01), (-0.01, u), (1.01, u))[edge]
        if edge < 2 and abs(u - 0.5) < 0.16:
            continue
        a = np.arctan2(0.5 - y, (0.5 - x) * aspect) + rng.normal() * 0.7
        r = 0.16 + 0.15 * float(rng.random())
        leaf = np.array([(-0.7, 0), (-0.2, 0.26), (0.45, 0.2), (1.0, 0), (0.45, -0.2), (-0.2, -0.26)]) * r
        c, s = np.cos(a), np.sin(a)
        pts = np.stack([leaf[:, 0] * c - leaf[:, 1] * s + x * aspect, leaf[:, 0] * s + leaf[:, 1] * c + y], 1)
        jobs.append((curve(pts, 4), dark if rng.random() < 0.6 else darker))

    def draw(t: float) -> Drawing:
        d = Drawing()
        for pts, paint in jobs:
            d.fill(pts, paint)
        return d

    return Extra(draw, (0.0, 0.0), float(h), 1, True, acts=False, soft=0.014, fixed=True)


COMPANY: dict[tuple[str, str], Callable[[Shot], Extra]] = {
    ("framing", "two_shot"): _two_shot,
    ("framing", "deep_staging"): _deep,
    ("framing", "over_shoulder"): _shoulder,
    ("framing", "pov"): _own_hands,
    ("framing", "foreground_framing"): _foreground,
    ("focus", "foreground_blur"): _foreground,
}


def company_of(shot: Shot) -> list[Extra]:
    """Everything that shares the frame, back to front; empty unless asked for."""
    asked: dict[Callable, Extra] = {}
    for (name, value), make in COMPANY.items():
        if shot.scene.direction.has(name, value) and make not in asked:
            asked[make] = make(shot)
    return list(asked.values())


def lay_company(
    shot: Shot,
    extras: list[Extra],
    front: bool,
    frame: np.ndarray,
    alpha: np.ndarray,
    t: int,
    matrix: np.ndarray,
) -> None:
    """Lay the extras behind or before the figure; ``alpha`` is the characters' coverage."""
    still = np.eye(3)[:2]
    for extra in extras:
        if extra.front != front:
            continue
        cel = extra.cel(shot, 0 if extra.soft and extra.fixed else int(shot.moments[t]))
        if cel is None:
            continue
        own = np.zeros_like(alpha)
        lay_cel(frame, own, cel, still if extra.fixed else matrix, shot.oversample)
        if extra.acts:
            np.maximum(alpha, own, out=alpha)
        elif front:
            alpha[:] = (alpha.astype(np.uint16) * (255 - own) // 255).astype(np.uint8)


__all__ = ["Extra", "company_of", "lay_company"]
