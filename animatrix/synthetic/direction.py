"""What a directive says about camera, framing and timing beyond the common choices, and what that needs.

:data:`DIRECTED` is the table of the values; :data:`WANTS` fills in what such a value needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Tag
from animatrix.synthetic.finish_rules import finish_wants

Span = tuple[str, int, int]

# field -> values that this module's readers draw
DIRECTED: dict[str, tuple[str, ...]] = {
    "horizon": ("dutch_tilt", "inverted"),
    "camera_angle": ("low_angle", "high_angle"),
    "lens_perspective": ("normal_lens", "telephoto", "wide", "fisheye"),
    "focus": ("foreground_blur", "rack_focus", "full_defocus"),
    "transition": (
        "fade_in",
        "fade_out",
        "white_fade",
        "dissolve",
        "wipe",
        "iris",
        "swish_transition",
        "punch_cut",
        "flash_cut",
        "none",
    ),
    "framing": (
        "over_shoulder",
        "pov",
        "foreground_framing",
        "two_shot",
        "profile_view",
        "back_view",
        "symmetrical",
        "negative_space",
        "deep_staging",
        "split_screen",
        "cut_in_panel",
        "none",
    ),
    "character_proportion": ("two_heads", "three_heads", "seven_heads", "eight_plus"),
    "drawing_cadence": ("modulated",),
    "limited_technique": ("moving_hold", "cel_slide", "cycle_loop", "wind_sway", "tremble", "line_boil"),
    "background_animation": ("drawn_background_animation", "cg_camera_background"),
    "layer_parallax": ("cg_depth",),
    "spacing": ("even", "slow_out", "slow_in", "slow_in_out", "pop", "hold_and_burst"),
    "motion_principle": (
        "anticipation",
        "follow_through",
        "overlapping_action",
        "drag",
        "overshoot_settle",
        "arcs",
        "secondary_action",
        "weight_shift",
        "hit_stop",
        "none",
    ),
    "motion_energy": ("subtle", "moderate", "dynamic", "explosive"),
    "time_treatment": ("real_time", "slow_motion", "speed_ramp", "freeze_frame", "repeated_action"),
    "acting_register": ("everyday_subtle", "comedic", "theatrical", "heroic_posed"),
}
# character_proportion -> whether an adult is drawn; the others suit anyone
TALL = {"four_five_heads": False, "six_heads": True, "seven_heads": True, "eight_plus": True}
# framing or shot_scale -> where the figure stands, from the middle against its facing, in frame widths
PLACED = {
    "two_shot": -0.17,
    "deep_staging": -0.20,
    "over_shoulder": -0.19,
    "negative_space": -0.30,
    "symmetrical": 1e-9,
    "pov": 1e-9,
    "extreme_close_up": -0.20,
}
HOLDING = ("moving_hold", "cel_slide", "tremble", "line_boil", "wind_sway")
CHANGING = ("ones", "twos", "threes", "fours_or_slower", "modulated")
_KEYED = ("gesture", "turn")
_LIVELY = ("walk", "run", "dash", "jump")

# (field, value) -> what it needs of fields that the directive leaves open
_LAYERED = {"layer_parallax": "contact_multi"}
_MODELLED = {"background_animation": "cg_camera_background", "layer_parallax": "cg_depth"}
WANTS: dict[tuple[str, str], dict[str, str]] = {
    **{
        ("camera_move", m): _LAYERED
        for m in (
            "truck_left",
            "truck_right",
            "crane_up",
            "crane_down",
            "dolly_in",
            "dolly_out",
            "dolly_zoom",
        )
    },
    ("camera_move", "dolly_zoom"): {**_LAYERED, "shot_scale": "medium", "action": "react"},
    ("camera_move", "orbit"): {**_MODELLED, "action": "idle", "move_speed": "quick"},
    ("background_animation", "cg_camera_background"): {
        **_MODELLED,
        "camera_move": "orbit",
        "action": "gesture",
    },
    ("background_animation", "drawn_background_animation"): {"camera_move": "follow", "action": "run"},
    ("layer_parallax", "cg_depth"): {**_MODELLED, "camera_move": "truck_right", "action": "idle"},
    ("camera_move", "follow_pan"): {"action": "run"},
    ("transition", "swish_transition"): {"camera_move": "pan_right", "move_speed": "whip"},
    **{
        ("spacing", v): {"action": "gesture", "drawing_cadence": "twos"}
        for v in ("even", "slow_out", "slow_in", "slow_in_out", "pop", "hold_and_burst")
    },
    **{
        ("motion_principle", v): {"action": "gesture", "drawing_cadence": "twos"}
        for v in DIRECTED["motion_principle"]
        if v != "hit_stop"
    },
    ("motion_principle", "hit_stop"): {"action": "jump", "drawing_cadence": "twos"},
    ("limited_technique", "moving_hold"): {"action": "gesture", "drawing_cadence": "still"},
    ("limited_technique", "cel_slide"): {"action": "idle", "drawing_cadence": "still"},
    ("limited_technique", "tremble"): {"action": "react", "drawing_cadence": "ones"},
    ("limited_technique", "line_boil"): {"action": "idle", "drawing_cadence": "threes"},
    ("limited_technique", "wind_sway"): {"action": "idle", "drawing_cadence": "threes"},
    ("limited_technique", "cycle_loop"): {"action": "walk", "drawing_cadence": "threes"},
    ("motion_energy", "subtle"): {"action": "idle", "drawing_cadence": "threes"},
    ("motion_energy", "moderate"): {"action": "gesture", "drawing_cadence": "twos"},
    ("motion_energy", "dynamic"): {"action": "dance", "drawing_cadence": "twos", "shot_scale": "full"},
    ("motion_energy", "explosive"): {
        "action": "dash",
        "drawing_cadence": "ones",
        "shot_scale": "medium_long",
    },
    ("time_treatment", "slow_motion"): {"action": "run"},
    ("time_treatment", "speed_ramp"): {"action": "run"},
    ("time_treatment", "repeated_action"): {"action": "strike", "camera_move": "fix", "shot_scale": "full"},
    ("acting_register", "comedic"): {"action": "gesture", "drawing_cadence": "twos"},
    ("acting_register", "theatrical"): {"action": "gesture"},
    ("acting_register", "heroic_posed"): {"action": "idle", "shot_scale": "full"},
    ("acting_register", "everyday_subtle"): {"action": "handle_prop", "shot_scale": "medium"},
    ("framing", "two_shot"): {"action": "idle", "shot_scale": "full", "camera_move": "fix"},
    ("framing", "deep_staging"): {"action": "idle", "shot_scale": "medium_long", "camera_move": "fix"},
    ("framing", "over_shoulder"): {"action": "speak", "shot_scale": "medium", "camera_move": "fix"},
    ("framing", "pov"): {"action": "speak", "shot_scale": "medium", "camera_move": "fix"},
    ("framing", "foreground_framing"): {"action": "idle", "shot_scale": "full"},
    ("framing", "profile_view"): {"action": "idle", "shot_scale": "medium_close"},
    ("framing", "back_view"): {"action": "idle", "shot_scale": "medium_long"},
    ("framing", "symmetrical"): {"action": "idle", "shot_scale": "full", "camera_move": "fix"},
    ("framing", "negative_space"): {"action": "idle", "shot_scale": "long", "camera_move": "fix"},
    ("framing", "split_screen"): {"action": "idle", "shot_scale": "medium_close", "camera_move": "fix"},
    ("framing", "cut_in_panel"): {"shot_scale": "full"},
    **{
        ("character_proportion", v): {"shot_scale": "full"}
        for v in ("two_heads", "three_heads", "seven_heads", "eight_plus")
    },
    ("shot_scale", "extreme_close_up"): {"action": "idle", "camera_move": "fix"},
    ("shot_scale", "insert"): {"action": "handle_prop", "camera_move": "fix"},
    ("focus", "foreground_blur"): {"shot_scale": "full"},
    ("focus", "rack_focus"): {"shot_scale": "medium", "action": "idle"},
}

# (field, value) drawable only with one of these values of another field, where that field is asked for
DIRECTED_NEEDS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    *(("spacing", v, "action", _KEYED) for v in DIRECTED["spacing"]),
    *(("motion_principle", v, "action", _KEYED) for v in DIRECTED["motion_principle"] if v != "hit_stop"),
    *(("motion_principle", v, "drawing_cadence", CHANGING) for v in DIRECTED["motion_principle"]),
    ("motion_principle", "hit_stop", "action", ("jump", "react", "turn", "strike", "slash", "fall", "cast")),
    *(("limited_technique", v, "limited_technique", (v,)) for v in HOLDING),
    *(("limited_technique", v, "motion_energy", ("static", "subtle")) for v in HOLDING),
    *(
        ("limited_technique", v, other, ())
        for v in HOLDING
        for other in ("spacing", "motion_principle", "time_treatment", "acting_register")
    ),
    *(
        (
            "limited_technique",
            v,
            "action",
            (
                "idle",
                "gesture",
                "react",
                "walk",
                "run",
                "dash",
                "jump",
                "strike",
                "slash",
                "fall",
                "dance",
                "cast",
                "dodge_guard",
            ),
        )
        for v in HOLDING
    ),
    *(
        ("limited_technique", v, "drawing_cadence", CHANGING)
        for v in ("cycle_loop", "line_boil", "wind_sway")
    ),
    ("limited_technique", "tremble", "drawing_cadence", ("ones",)),
    ("limited_technique", "cycle_loop", "action", ("idle", "gesture", "walk", "run", "dance")),
    *(
        ("limited_technique", "cycle_loop", other, ())
        for other in ("spacing", "motion_principle", "time_treatment", "acting_register", "motion_energy")
    ),
    *(
        ("framing", v, "action", ("idle", "speak", "gesture", "react", "handle_prop"))
        for v in (
            "two_shot",
            "deep_staging",
            "over_shoulder",
            "pov",
            "symmetrical",
            "negative_space",
            "split_screen",
        )
    ),
    ("framing", "profile_view", "action", ("idle", "speak", "gesture", "walk", "run", "handle_prop")),
    ("framing", "back_view", "action", ("idle", "gesture", "walk", "run")),
    ("framing", "back_view", "limited_technique", ("none", *HOLDING, "cycle_loop")),
    *(("framing", v, "limited_technique", ("none", "lip_flap", "eye_blink")) for v in ("symmetrical",)),
    *(
        ("framing", v, "camera_move", ("fix",))
        for v in ("two_shot", "symmetrical", "negative_space", "split_screen")
    ),
    *(("framing", v, "shot_scale", ("full", "medium_long", "medium")) for v in ("two_shot", "deep_staging")),
    ("framing", "over_shoulder", "shot_scale", ("medium_long", "medium", "medium_close")),
    ("framing", "pov", "shot_scale", ("full", "medium_long", "medium", "medium_close")),
    ("framing", "negative_space", "shot_scale", ("long", "extreme_long")),
    *(
        ("character_proportion", v, "shot_scale", ("full", "long", "extreme_long"))
        for v in ("two_heads", "three_heads", "seven_heads", "eight_plus")
    ),
    ("shot_scale", "extreme_close_up", "action", ("idle", "speak")),
    ("shot_scale", "insert", "action", ("handle_prop",)),
    *(
        ("acting_register", v, "action", ("idle", "gesture", "speak"))
        for v in ("comedic", "theatrical", "heroic_posed")
    ),
    ("acting_register", "everyday_subtle", "action", ("idle", "gesture", "speak", "turn", "handle_prop")),
    *(("motion_energy", "static", other, ()) for other in ("spacing", "motion_principle", "acting_register")),
    ("motion_energy", "static", "time_treatment", ("real_time", "freeze_frame")),
    ("camera_move", "orbit", "background_animation", ("cg_camera_background",)),
    ("camera_move", "orbit", "layer_parallax", ("cg_depth",)),
    ("camera_move", "orbit", "camera_move", ("orbit",)),
    ("camera_move", "orbit", "action", ("idle", "speak", "gesture")),
    ("background_animation", "cg_camera_background", "camera_move", ("orbit", "truck_left", "truck_right")),
    ("background_animation", "cg_camera_background", "layer_parallax", ("cg_depth",)),
    ("background_animation", "drawn_background_animation", "camera_move", ("follow",)),
    ("background_animation", "drawn_background_animation", "layer_parallax", ("single_plane",)),
    ("background_animation", "drawn_background_animation", "drawing_cadence", CHANGING),
    ("layer_parallax", "cg_depth", "camera_move", ("orbit", "truck_left", "truck_right")),
    ("layer_parallax", "cg_depth", "background_animation", ("cg_camera_background",)),
    *(
        (name, value, other, fitting)
        for name, value in (
            ("camera_move", "orbit"),
            ("background_animation", "cg_camera_background"),
            ("background_animation", "drawn_background_animation"),
            ("layer_parallax", "cg_depth"),
        )
        for other, fitting in (
            ("camera_angle", ("eye_level",)),
            ("background_style", ()),
            ("rendering_tradition", ("cel_anime",)),
            ("lens_perspective", ("normal_lens", "fisheye")),
            ("focus", ("deep_focus", "full_defocus")),
            ("framing", ("none", "profile_view", "back_view", "two_shot", "foreground_framing")),
        )
    ),
    *(("motion_energy", v, "drawing_cadence", CHANGING) for v in DIRECTED["motion_energy"]),
    *(
        ("motion_energy", v, "limited_technique", ("lip_flap", "eye_blink", "none"))
        for v in DIRECTED["motion_energy"]
    ),
    *(
        ("motion_energy", v, other, ())
        for v in DIRECTED["motion_energy"]
        for other in ("spacing", "motion_principle", "time_treatment", "acting_register")
    ),
    ("motion_energy", "subtle", "action", ("idle", "gesture", "speak", "turn", "react")),
    ("motion_energy", "moderate", "action", ("gesture", "turn", "react", "walk", "dance")),
    ("motion_energy", "dynamic", "action", (*_LIVELY, "dance", "strike", "slash", "fall")),
    ("motion_energy", "explosive", "action", ("run", "dash")),
    ("motion_energy", "explosive", "shot_scale", ("full", "medium_long", "medium")),
    ("motion_energy", "dynamic", "shot_scale", ("full", "medium_long", "medium")),
    ("time_treatment", "slow_motion", "drawing_cadence", CHANGING),
    ("time_treatment", "speed_ramp", "drawing_cadence", CHANGING),
    ("time_treatment", "repeated_action", "drawing_cadence", CHANGING),
    ("time_treatment", "repeated_action", "camera_move", ("fix",)),
    ("time_treatment", "repeated_action", "transition", ("none",)),
    ("time_treatment", "repeated_action", "framing", ("none",)),
    ("time_treatment", "repeated_action", "impact_frame", ("none",)),
    (
        "time_treatment",
        "repeated_action",
        "action",
        ("strike", "slash", "jump", "react", "turn", "gesture", "fall", "cast", "dodge_guard"),
    ),
    *(("acting_register", v, "drawing_cadence", CHANGING) for v in DIRECTED["acting_register"]),
    *(
        ("acting_register", v, other, ())
        for v in DIRECTED["acting_register"]
        for other in ("spacing", "motion_principle")
    ),
)


# field -> values that hold for the whole shot or not at all; None: every value of the field
WHOLE: dict[str, tuple[str, ...] | None] = {
    **dict.fromkeys(
        (
            "horizon",
            "camera_angle",
            "lens_perspective",
            "layer_parallax",
            "camera_shake",
            "move_speed",
            "shot_scale",
            "acting_register",
            "background_animation",
            "action",
        )
    ),
    "motion_energy": DIRECTED["motion_energy"],
    "camera_move": ("orbit",),
    "time_treatment": ("real_time", "repeated_action"),
    "framing": tuple(v for v in DIRECTED["framing"] if v != "cut_in_panel"),
    "focus": ("deep_focus", "background_blur", "foreground_blur"),
    "motion_principle": tuple(v for v in DIRECTED["motion_principle"] if v != "hit_stop"),
    "limited_technique": ("lip_flap", "eye_blink", "none"),
}


def check_spans(directive: Directive) -> None:
    """Raise AniMatrixError(UNSUPPORTED_VALUE) for a value given part of a shot that can only fill it."""
    for name, values in WHOLE.items():
        for tag in directive.tags.get(name, ()):
            if tag.span is None or (values is not None and tag.value not in values):
                continue
            first, last = directive.span_frames(tag)
            if first > 0 or last < directive.frames - 1:
                raise AniMatrixError(
                    Code.UNSUPPORTED_VALUE,
                    f"the renderer cannot draw {name}={tag.value} in part of a shot",
                    "ask for it without frames",
                )


def stops_blinks(directive: Directive) -> bool:
    """Whether the clock or the acting is directed, so that nobody can say when an eye would close."""
    return any(
        name in directive.tags and set(directive.values(name)) & set(DIRECTED[name])
        for name in (
            "limited_technique",
            "time_treatment",
            "motion_energy",
            "acting_register",
            "motion_principle",
        )
    )


def opened(cadence: tuple[Span, ...], hit: int) -> tuple[Span, ...]:
    """``modulated`` rows opened into threes, ones about the hit, and twos."""
    out: list[Span] = []
    for value, a, b in cadence:
        if value != "modulated":
            out.append((value, a, b))
            continue
        n = b - a + 1
        first = min(max(hit - n // 8, a + n // 3), a + 2 * n // 3)
        first = a + (first - a) // 3 * 3
        last = min(b, first + max(1, n // 4))
        out += [("threes", a, first - 1), ("ones", first, last), ("twos", last + 1, b)]
    return tuple(row for row in out if row[2] >= row[1])


@dataclass(frozen=True)
class Direction:
    """Asked values of the directed fields with their frames; ``None`` spans became the whole shot."""

    tags: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    whole: frozenset[tuple[str, str]] = frozenset()  # (field, value) asked for without a span

    @classmethod
    def of(cls, directive: Directive) -> Direction:
        """Read the directed fields of ``directive``."""
        tags: dict[str, tuple[Span, ...]] = {}
        whole = set()
        for name in DIRECTED:
            rows = []
            for tag in directive.tags.get(name, ()):
                if tag.value in DIRECTED[name]:
                    rows.append((tag.value, *directive.span_frames(tag)))
                    if tag.span is None:
                        whole.add((name, tag.value))
            if rows:
                tags[name] = tuple(rows)
        return cls(tags, frozenset(whole))

    def values(self, name: str) -> tuple[str, ...]:
        """Asked values of a field, ``none`` left out."""
        return tuple(v for v, _, _ in self.tags.get(name, ()) if v != "none")

    def has(self, name: str, *values: str) -> bool:
        """Whether one of ``values`` is asked for."""
        return bool(set(values) & set(self.values(name)))

    def span(self, name: str, value: str) -> tuple[int, int] | None:
        """First and last frame of a value given with frames; None when it is not asked or has none."""
        for v, a, b in self.tags.get(name, ()):
            if v == value and (name, v) not in self.whole:
                return a, b
        return None


def with_needs(directive: Directive) -> Directive:
    """The directive with what its values need, where the field is left open; itself when nothing is."""
    added: dict[str, tuple[Tag, ...]] = {}
    for (name, value), needs in WANTS.items():
        if value in directive.values(name):
            for other, choice in needs.items():
                if other not in directive.tags:
                    added.setdefault(other, (Tag(choice, None),))
    for other, choice in finish_wants(directive).items():
        added.setdefault(other, (Tag(choice, None),))
    return directive.model_copy(update={"tags": {**directive.tags, **added}}) if added else directive


def modelled(tags: Mapping[str, object]) -> bool:
    """Whether directed ``tags`` ask for a setting in three dimensions."""
    return "background_animation" in tags or "layer_parallax" in tags


__all__ = ["DIRECTED", "WANTS", "Direction", "Span", "with_needs"]
