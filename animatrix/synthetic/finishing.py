"""Finishing of one shot: the plan of :mod:`finish_plan` carried out on plates, cels and frames.

The stand calls these in order: ``plates`` once, ``trace`` for every drawing, then for every frame ``ground``
and ``film``; effects, signs and lights between them are :mod:`overlay`. A stage that the plan does not ask
for returns what it was given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from animatrix.synthetic import plates
from animatrix.synthetic.costume import Costume
from animatrix.synthetic.filters import FILM, FILTERS, Print
from animatrix.synthetic.finish_plan import FinishPlan
from animatrix.synthetic.grades import paintbox
from animatrix.synthetic.ink import Drawing, LineStyle, line_style, trace
from animatrix.synthetic.matte import matte_of
from animatrix.synthetic.palette import CLOTH, EYES, Paintbox, Rgb
from animatrix.synthetic.stage import Layer
from animatrix.synthetic.treatment import treat

if TYPE_CHECKING:
    from animatrix.synthetic.scene import Scene

_LUMO_STEPS = ("multi_step", "continuous_tone", "no_shadow")
_FAR = ("long", "full", "medium_long", "extreme_long")


def spot_colour(scene: Scene) -> Rgb:
    """Local colour that few hues are built on: an accessory, else the outfit from afar, the eyes up close."""
    d = scene.design
    if d.accessory != "none":
        return CLOTH[d.accessory_color]
    vivid = d.outfit_color in ("red", "yellow", "teal", "green", "pink", "orange", "light blue")
    return CLOTH[d.outfit_color] if scene.shot_scale in _FAR and vivid else EYES[d.eye_color]


def paintbox_of(scene: Scene) -> Paintbox:
    """Paintbox of a scene with its colour plan."""
    plan = scene.plan
    return paintbox(
        scene.hour,
        scene.weather == "cloudy",
        plan.grade,
        "backlight" in scene.lighting,
        "high_key" if "high_key" in plan.keys else "",
        spot_colour(scene),
    )


def style_of(plan: FinishPlan) -> LineStyle:
    """How outlines are traced."""
    style = line_style(plan.line)
    if plan.weight == 1.0 and plan.ink is None:
        return style
    return replace(style, weight=style.weight * plan.weight, ink=style.ink if plan.ink is None else plan.ink)


def steps_of(plan: FinishPlan) -> int:
    """Shadow tones painted flat; rounder shading is laid over flat paint."""
    if plan.steps in _LUMO_STEPS or "underlit" in plan.cel:
        return 0
    return {"one_step": 1, "two_step": 2}[plan.steps]


class Finishing:
    """The finish of one shot."""

    def __init__(
        self,
        scene: Scene,
        box: Paintbox,
        costume: Costume,
        style: LineStyle,
        size,
        seed: int,
        oversample: float,
    ):
        self.scene, self.plan, self.box, self.costume, self.style = scene, scene.plan, box, costume, style
        self.size, self.seed, self.oversample = size, seed & 0xFFFFFF, oversample
        self._paper: tuple[np.ndarray, np.ndarray] | None = None
        if self.plan.background == "watercolor_wash":
            k = plates.veil(size, self.seed, self.plan.tradition == "ink_wash")
            self._paper = (1 - k, k * np.array(box.final(plates.PAPER), np.float32))

    # --- plates and cels

    def plates(self, layers: list[Layer]) -> None:
        """Repaint the layers of the set in the plan's manner."""
        manner = plates.MANNERS[self.plan.background]
        if manner is not None:
            ink = self.box.ink((120, 110, 120), 0.9)
            sketch = self.plan.tradition == "pencil_sketch"
            manner(layers, plates.Manner(self.box, self.size[1] * self.oversample, ink, self.seed, sketch))

    def ground(self, frame: np.ndarray) -> np.ndarray:
        """The set as shot, with bare paper towards the borders of a watercolour."""
        if self._paper is None:
            return frame
        return np.rint(frame * self._paper[0] + self._paper[1]).astype(np.uint8)

    def trace(
        self, drawing: Drawing, to_screen, line_px: float, window, unit: float, anchor, side, moment: int
    ):
        """Ink, paint and treat one drawing; arguments as for :func:`trace` and :func:`matte_of`.

        ``side`` is +1 when light comes from the right of the screen, ``unit`` one head in cel pixels.
        """
        plan = self.plan
        if plan.plain:
            glint = self.box.final((255, 255, 255))
            drawing = Drawing([o for o in drawing.ops if o[2] != glint])
        hard = 1 if "hard_lines" in plan.film else 2
        cel = trace(drawing, to_screen, line_px, window, self.style, hard, key=self.seed + 31 * moment)
        if cel is None or not plan.cel:
            return cel
        matte = matte_of(drawing, self.costume, cel, to_screen, line_px, window, self.style, unit, anchor)
        return treat(cel, matte, plan.cel, side, self.box, self.size[1] * self.oversample, self.seed + moment)

    def film(self, frame: np.ndarray, t: int, laid: list[str]) -> np.ndarray:
        """Filters in force at frame ``t``, then what the film stock itself does."""
        stock = [v for v in self.plan.film if v in FILM]
        if not stock and not set(laid) & set(FILTERS):
            return frame
        frame_print = Print(t, self.seed, self.scene.facing, CLOTH[self.scene.accessory_color])
        for name, lay in FILTERS.items():
            if name in laid:
                frame = lay(frame, frame_print)
        for name in stock:
            frame = FILM[name](frame, frame_print)
        return frame


__all__ = ["Finishing", "paintbox_of", "spot_colour", "steps_of", "style_of"]
