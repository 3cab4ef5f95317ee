"""Paint sets of materials, and the state of a face: what head, hair and clothes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from animatrix.synthetic.palette import Paintbox, Rgb, mix

Place = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Paints:
    """Lit, shadow, deep shadow, highlight and ink paint of one material."""

    lit: Rgb
    shade: Rgb
    deep: Rgb
    gloss: Rgb
    ink: Rgb


def paints(box: Paintbox, local: Rgb, steps: int, gloss: float = 0.5, ink: float = 0.7) -> Paints:
    """Paint set of local colour ``local``; ``steps`` 0 drops the shadow shapes by painting them as lit."""
    lit = box.figure(local)
    shade = box.shade(local) if steps >= 1 else lit
    deep = box.shade(local, 2) if steps >= 2 else shade
    light = mix(lit, (255, 255, 255), gloss) if steps >= 1 else lit
    return Paints(lit, shade, deep, light, box.ink(local, ink))


@dataclass(frozen=True)
class Look:
    """What of a face changes from drawing to drawing."""

    yaw: float
    eye: float
    mouth: float
    smile: float
    brow: float
    lashes: bool
    eye_scale: float
    light: float  # +1 light from +x, -1 from -x, in puppet space
