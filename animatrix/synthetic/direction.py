"""What a directive says about camera, framing and timing beyond the common choices, and what that needs.

:data:`DIRECTED` is the table of the values; :data:`WANTS` fills in what such a value needs and nobody asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from animatrix.knowledge import Directive, Tag

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
    "framing": (),
    "limited_technique": (),
    "spacing": (),
    "motion_principle": (),
    "motion_energy": (),
    "time_treatment": ("freeze_frame",),
    "acting_register": (),
}

# (field, value) -> what it needs of fields that the directive leaves open
_LAYERED = {"layer_parallax": "contact_multi"}
WANTS: dict[tuple[str, str], dict[str, str]] = {
    **{
        ("camera_move", m): _LAYERED
        for m in ("truck_left", "truck_right", "crane_up", "crane_down", "dolly_in", "dolly_out", "dolly_zoom")
    },
    ("camera_move", "dolly_zoom"): {**_LAYERED, "shot_scale": "medium", "action": "react"},
    ("camera_move", "follow_pan"): {"action": "run"},
    ("transition", "swish_transition"): {"camera_move": "pan_right", "move_speed": "whip"},
    ("focus", "foreground_blur"): {"shot_scale": "full"},
    ("focus", "rack_focus"): {"shot_scale": "medium_long"},
}


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
    return directive.model_copy(update={"tags": {**directive.tags, **added}}) if added else directive


__all__ = ["DIRECTED", "WANTS", "Direction", "Span", "with_needs"]
