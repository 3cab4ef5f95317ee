"""What can be drawn: the table of values, the combinations they need, and the refusal of anything else."""

from __future__ import annotations

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Directive
from animatrix.knowledge.exposure import HOLDS
from animatrix.synthetic.actions import ACTIONS
from animatrix.synthetic.camera import FOLLOW_SPEEDS, MOVES, SHAKES
from animatrix.synthetic.devices import GROUNDS
from animatrix.synthetic.direction import DIRECTED, DIRECTED_NEEDS, check_spans
from animatrix.synthetic.effects import DEVICES, FINISHES, IMPACTS, NATURAL
from animatrix.synthetic.exaggerate import (
    ENVELOPES,
    EXAGGERATION_NEEDS,
    INTENSITIES,
    SMEARS,
    check_exaggeration,
)
from animatrix.synthetic.filters import FILTERS
from animatrix.synthetic.finish_plan import ERAS, SHADING, TRADITIONS
from animatrix.synthetic.finish_rules import FINISH_NEEDS, check_finish
from animatrix.synthetic.fx import DESIGNS
from animatrix.synthetic.grades import PALETTES
from animatrix.synthetic.ink import LINE_STYLES
from animatrix.synthetic.light_fx import LIGHTS
from animatrix.synthetic.nature import NATURE
from animatrix.synthetic.plates import MANNERS
from animatrix.synthetic.powers import POWERS
from animatrix.synthetic.symbols import SYMBOLS

# shot_scale -> (figure height in frame heights, crown of the head from the top, enlargement of the set)
SHOT_SCALES: dict[str, tuple[float, float, float]] = {
    "long": (0.42, 0.42, 0.92),
    "extreme_long": (0.085, 0.575, 0.80),
    "full": (0.77, 0.130, 1.0),
    "medium_long": (1.14, 0.115, 1.25),
    "medium": (1.55, 0.125, 1.5),
    "medium_close": (2.05, 0.13, 1.75),
    "close_up": (3.05, 0.13, 2.1),
    "extreme_close_up": (11.2, -1.27, 3.0),
    "insert": (8.5, 0.0, 3.0),
}
STEPS = ("no_shadow", "one_step", "two_step", "multi_step", "continuous_tone")
HOUR_OF_LIGHT = {"golden_hour": "sunset", "night_blue": "night"}

# What can be drawn. A directive that asks for anything else is refused.
RENDERABLE: dict[str, tuple[str, ...]] = {
    "rendering_tradition": tuple(TRADITIONS),
    "era_look": tuple(ERAS),
    "line_style": tuple(LINE_STYLES),
    "shading_steps": STEPS,
    "shading_treatment": (*SHADING, "none"),
    "palette": PALETTES,
    "lighting": (
        "flat_even",
        "golden_hour",
        "night_blue",
        "backlight",
        "high_key",
        "low_key",
        "local_source",
        "underlight",
    ),
    "background_style": tuple(MANNERS),
    "character_proportion": ("four_five_heads", "six_heads"),
    "drawing_cadence": tuple(HOLDS),
    "limited_technique": ("lip_flap", "eye_blink", "none"),
    "motion_energy": ("static",),
    "action": tuple(ACTIONS),
    "smear_technique": ("none", *SMEARS),
    "body_deformation": ("none", *ENVELOPES),
    "deformation_intensity": tuple(INTENSITIES),
    "background_animation": ("static_background", "scrolled_background"),
    "shot_scale": tuple(SHOT_SCALES),
    "camera_angle": ("eye_level",),
    "horizon": ("level_horizon",),
    "camera_move": tuple(MOVES),
    "move_speed": tuple(FOLLOW_SPEEDS),
    "layer_parallax": ("single_plane", "contact_multi", "multiplane"),
    "camera_shake": tuple(SHAKES),
    "focus": ("deep_focus", "background_blur"),
    "graphic_device": (*DEVICES, "motion_lines", *GROUNDS, "none"),
    "manga_symbol": (*SYMBOLS, "none"),
    "impact_frame": (*IMPACTS, "none"),
    "natural_effect": (*NATURAL, *NATURE, "none"),
    "power_effect": (*POWERS, "none"),
    "effect_design": tuple(DESIGNS),
    "light_effect": (*LIGHTS, "none"),
    "finish": (*FINISHES, *FILTERS, "none"),
}

# (field, value) drawable only with one of these values of another field, where that field is asked for.
NEEDS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("motion_energy", "static", "drawing_cadence", ("still",)),
    ("motion_energy", "static", "limited_technique", ("none", "moving_hold", "cel_slide")),
    ("background_animation", "scrolled_background", "camera_move", ("follow",)),
    ("limited_technique", "lip_flap", "drawing_cadence", ("ones", "twos", "threes", "fours_or_slower")),
    ("limited_technique", "eye_blink", "drawing_cadence", ("ones", "twos", "threes")),
    ("limited_technique", "eye_blink", "action", tuple(a for a in ACTIONS if a not in ("react", "turn"))),
    ("limited_technique", "lip_flap", "shot_scale", ("medium_long", "medium", "medium_close", "close_up")),
    ("limited_technique", "eye_blink", "shot_scale", ("medium", "medium_close", "close_up")),
    ("limited_technique", "none", "action", tuple(a for a in ACTIONS if a != "speak")),
)


for _name, _values in DIRECTED.items():
    RENDERABLE[_name] = tuple(dict.fromkeys((*RENDERABLE.get(_name, ()), *_values)))
RENDERABLE = {name: values for name, values in RENDERABLE.items() if values}


def check_drawable(directive: Directive) -> None:
    """Raise AniMatrixError(UNSUPPORTED_VALUE) for the first tag that cannot be drawn."""
    for name, tags in directive.tags.items():
        known = RENDERABLE.get(name)
        if known is None:
            raise AniMatrixError(
                Code.UNSUPPORTED_VALUE,
                f"the renderer cannot draw {name}",
                f"drawable fields: {', '.join(RENDERABLE)}",
            )
        for tag in tags:
            if tag.value not in known:
                near = did_you_mean(tag.value, known)
                raise AniMatrixError(
                    Code.UNSUPPORTED_VALUE,
                    f"the renderer cannot draw {name}={tag.value}",
                    f"drawable: {', '.join(known)}" + (f"; {near}" if near else ""),
                )
    check_finish(directive)
    check_exaggeration(directive)
    check_spans(directive)
    for name, value, other, fitting in (*NEEDS, *EXAGGERATION_NEEDS, *DIRECTED_NEEDS, *FINISH_NEEDS):
        asked = directive.values(other)
        if value in directive.values(name) and asked and not set(asked) <= set(fitting):
            raise AniMatrixError(
                Code.UNSUPPORTED_VALUE,
                f"the renderer cannot draw {name}={value} with {other}={'+'.join(asked)}",
                f"with it, {other} can be {', '.join(fitting)}" if fitting else "ask for one of the two",
            )
