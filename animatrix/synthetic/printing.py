"""The optical printer: what is done to the exposed picture as a whole, after the stand.

Every pass takes a :class:`Take` and changes it in place, truth included. :data:`PASSES` is their order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from animatrix.synthetic import joins, optics
from animatrix.synthetic.takes import Take
from animatrix.synthetic.truth import Truth

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot

PASSES: tuple[tuple[str, str, Callable[[Take], None]], ...] = (
    ("lens_perspective", "fisheye", optics.fisheye),
    ("lens_perspective", "wide", optics.wide),
    ("focus", "rack_focus", optics.rack_focus),
    ("focus", "full_defocus", optics.full_defocus),
    ("framing", "split_screen", joins.split_screen),
    ("framing", "cut_in_panel", joins.cut_in_panel),
    ("horizon", "inverted", optics.inverted),
    ("time_treatment", "repeated_action", joins.repeated),
    ("transition", "punch_cut", joins.punch_cut),
    ("transition", "dissolve", joins.dissolve),
    ("transition", "wipe", joins.wipe),
    ("transition", "swish_transition", joins.swish),
    ("transition", "flash_cut", joins.flash_cut),
    ("time_treatment", "freeze_frame", joins.freeze),
    ("transition", "iris", joins.iris),
    ("transition", "fade_in", joins.fade_in),
    ("transition", "fade_out", joins.fade_out),
    ("transition", "white_fade", joins.white_fade),
)


def needs_print(shot: Shot) -> bool:
    """Whether the picture is changed after the stand."""
    s = shot.scene
    return (s.move_speed == "whip" and any(m != "fix" for m in s.camera_moves)) or any(
        s.direction.has(name, value) for name, value, _ in PASSES
    )


def strike_print(shot: Shot, frames: np.ndarray, truth: Truth) -> tuple[np.ndarray, Truth]:
    """Apply every pass that the scene asks for."""
    take = Take(shot, frames, truth)
    if shot.scene.move_speed == "whip":
        optics.whip_blur(take)
    for name, value, work in PASSES:
        if shot.scene.direction.has(name, value):
            work(take)
    return take.frames, take.truth


__all__ = ["PASSES", "Take", "needs_print", "strike_print"]
