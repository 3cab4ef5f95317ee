"""A design dressed in paints: all that stays the same from drawing to drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from animatrix.synthetic.design import OUTFITS, PEOPLE, Design, Outfit
from animatrix.synthetic.paints import Paints, paints
from animatrix.synthetic.palette import CLOTH, EYES, HAIR, SKIN, Paintbox, Rgb
from animatrix.synthetic.pose import Body

Locks = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Costume:
    """Everything about a design that does not change from drawing to drawing, paints included."""

    design: Design
    body: Body
    outfit: Outfit
    skin: Paints
    hair: Paints
    top: Paints
    bottom: Paints
    trim: Paints
    shoe: Paints
    extra: Paints
    eye: Rgb
    lashes: bool
    box: Paintbox
    eye_scale: float

    @classmethod
    def make(
        cls, design: Design, box: Paintbox, steps: int, eye_scale: float = 1.0, ink: float = 0.7
    ) -> Costume:
        """Dress ``design`` from ``box``; ``steps`` counts shadow tones (0..2), ``ink`` as in LineStyle."""
        outfit, person = OUTFITS[design.outfit], PEOPLE[design.noun]

        def cloth(name: str) -> Paints:
            return paints(box, CLOTH[name], steps, ink=ink)

        return cls(
            design,
            Body.of(person.heads, person.build),
            outfit,
            paints(box, SKIN[design.skin], steps, ink=ink / 2),
            paints(box, HAIR[design.hair_color], steps, 0.55, ink),
            cloth(design.outfit_color),
            cloth(outfit.bottom_colour or design.outfit_color),
            cloth(outfit.trim),
            cloth(outfit.shoe),
            cloth(design.accessory_color),
            EYES[design.eye_color],
            person.lashes,
            box,
            eye_scale,
        )
