"""What a finish needs to be seen: what it fills in where nobody asked, and what is refused."""

from __future__ import annotations

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.synthetic.symbols import ON_THE_EYES, SYMBOLS

# effects whose shapes the effect_design decides
DESIGNED = (
    "fire",
    "explosion",
    "smoke",
    "dust_cloud",
    "water_splash",
    "energy_sphere",
)
MOVING = ("walk", "run", "dash", "jump")
_FACED = ("none", "profile_view", "symmetrical", "negative_space", "cut_in_panel")
_NEAR = ("medium_long", "medium", "medium_close", "close_up")

# (field, value) -> what it chooses of fields that the directive leaves open
WANTS: dict[tuple[str, str], dict[str, str]] = {
    **{("manga_symbol", v): {"shot_scale": "medium_close"} for v in SYMBOLS},
    ("manga_symbol", "sleep_bubble"): {"shot_scale": "medium_close", "action": "idle"},
    ("manga_symbol", "soul_leaving"): {"shot_scale": "medium_close", "action": "idle"},
    ("graphic_device", "motion_lines"): {"action": "run", "shot_scale": "full"},
    ("power_effect", "disintegration"): {"action": "idle"},
    ("natural_effect", "dust_cloud"): {"shot_scale": "full"},
    ("finish", "harmony_still"): {"drawing_cadence": "still", "action": "idle"},
}
# (field, value) drawable only with one of these values of another field, where that field is asked for
FINISH_NEEDS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    *(("manga_symbol", v, "shot_scale", _NEAR) for v in ON_THE_EYES),
    *(("manga_symbol", v, "shot_scale", ("full", *_NEAR)) for v in SYMBOLS if v not in ON_THE_EYES),
    *(("manga_symbol", v, "framing", _FACED) for v in SYMBOLS),
    ("lighting", "high_key", "lighting", ("high_key", "golden_hour", "backlight", "underlight")),
    ("graphic_device", "motion_lines", "action", (*MOVING, "speak", "gesture")),
    ("finish", "harmony_still", "drawing_cadence", ("still",)),
)


def finish_wants(directive: Directive) -> dict[str, str]:
    """Values of open fields that the finish asked for needs."""
    out: dict[str, str] = {}
    for (name, value), needs in WANTS.items():
        if value in directive.values(name):
            for other, choice in needs.items():
                out.setdefault(other, choice)
    if directive.values("effect_design") and not directive.values("power_effect"):
        out.setdefault("natural_effect", "explosion")
    return {n: v for n, v in out.items() if n not in directive.tags}


def check_finish(directive: Directive) -> None:
    """Raise AniMatrixError(UNSUPPORTED_VALUE) for a design of effects with no effect that shows it."""
    designs = directive.values("effect_design")
    shown = {*directive.values("natural_effect"), *directive.values("power_effect")}
    if designs and shown and not shown & set(DESIGNED):
        raise AniMatrixError(
            Code.UNSUPPORTED_VALUE,
            f"the renderer cannot draw effect_design={designs[0]} with none of the effects that show it",
            f"with it, ask for one of {', '.join(DESIGNED)}",
        )


__all__ = ["DESIGNED", "FINISH_NEEDS", "check_finish", "finish_wants"]
