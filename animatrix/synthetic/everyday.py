"""What shots ask for: balanced tags of an everyday shot, one deformed, and one reduced to a little world."""

from __future__ import annotations

import numpy as np

from animatrix.synthetic.acting import TRAVELS
from animatrix.synthetic.effects import IMPACTS
from animatrix.synthetic.exaggerate import ENVELOPES, SMEARS

_STILL_ACTIONS = ("idle", "gesture")
_ACTIONS = (
    "idle",
    "speak",
    "speak",
    "gesture",
    "gesture",
    "react",
    "turn",
    "walk",
    "walk",
    "walk",
    "run",
    "run",
    "run",
    "dash",
    "jump",
    "jump",
)
MOVES = ("fix", "pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back", "follow")
CADENCES = ("ones", "twos", "threes", "fours_or_slower", "still")
_LEVELS = ("pronounced", "pronounced", "pronounced", "extreme", "extreme", "subtle_push")
_FAST = ("strike", "slash", "dash", "jump", "dodge_guard", "fall", "dance", "run", "react", "cast")
# What the little world leaves alone, and the nearest of its actions for those it has not.
_LEFT_ALONE = {
    "shot_scale": "full",
    "line_style": "clean_uniform",
    "shading_steps": "one_step",
    "layer_parallax": "single_plane",
    "graphic_device": "none",
    "natural_effect": "none",
    "finish": "none",
}
_LITTLE_ACTIONS = {
    "dash": "run",
    "speak": "gesture",
    "react": "gesture",
    "turn": "idle",
    "strike": "run",
    "slash": "run",
    "dodge_guard": "jump",
    "fall": "jump",
    "dance": "jump",
    "cast": "gesture",
}


def pick(rng: np.random.Generator, options):
    """One of ``options``, each as likely."""
    return options[int(rng.integers(len(options)))]


def draw_tags(rng: np.random.Generator, frames: int, fps: float) -> dict[str, object]:
    """Balanced tags of one shot: camera move and cadence uniform, the rest plausible for them."""
    move, cadence = pick(rng, MOVES), pick(rng, CADENCES)
    if cadence == "still":
        action = pick(rng, _STILL_ACTIONS)
    elif move == "follow":
        action = pick(rng, ("walk", "run", "run", "dash"))
    elif move in ("track_up", "track_back"):
        action = pick(rng, ("idle", "speak", "gesture", "react", "turn", "jump", "walk"))
    else:
        action = pick(rng, _ACTIONS)
    scales: tuple[str, ...]
    if action in TRAVELS:
        scales = ("full", "full", "medium_long", "medium") if move == "follow" else ("full", "full", "long")
    elif action == "jump":
        scales = ("full", "full", "long")
    else:
        scales = ("full", "full", "medium_long", "medium", "medium_close", "close_up", "close_up")
    tags: dict[str, object] = {
        "camera_move": move,
        "drawing_cadence": cadence,
        "action": action,
        "shot_scale": pick(rng, scales),
        "camera_shake": "steady",
        "layer_parallax": "single_plane",
        "palette": pick(
            rng, ("natural",) * 14 + ("vivid", "vivid", "pastel", "pastel", "muted", "monochrome")
        ),
        "line_style": pick(rng, ("clean_uniform",) * 9 + ("bold_outline", "hairline", "lineless")),
        "shading_steps": pick(rng, ("one_step",) * 6 + ("no_shadow", "two_step")),
        "graphic_device": "none",
        "natural_effect": "none",
        "finish": "none",
        "impact_frame": "none",
    }
    if move == "follow":
        tags["move_speed"] = (
            {"walk": "medium_move"}.get(action, "quick") if cadence != "still" else "medium_move"
        )
    elif move != "fix":
        tags["move_speed"] = pick(rng, ("slow_move", "medium_move", "medium_move", "quick"))
        if move.startswith(("pan", "tilt")) and rng.random() < 0.12:
            tags["layer_parallax"] = pick(rng, ("contact_multi", "multiplane"))
    last = round(frames * 24 / fps) - 1
    if last >= 8 and rng.random() < 0.36:
        span = int(rng.integers(1, 4))
        lo, hi = max(2, int(0.3 * last)), max(3, int(0.8 * last) - span)
        first = int(rng.integers(lo, max(lo + 1, hi)))
        tags["impact_frame"] = f"{pick(rng, tuple(IMPACTS))}@{first}-{first + span - 1}"
        if rng.random() < 0.15:
            tags["camera_shake"] = "screen_shake"
    elif rng.random() < 0.08:
        tags["camera_shake"] = "handheld"
    r = rng.random()
    if r < 0.07 and cadence != "still":
        tags["graphic_device"] = "focus_lines"
    elif r < 0.11 and action in ("run", "dash") and move in ("follow", "fix"):
        tags["graphic_device"] = "speed_line_background"
    r = rng.random()
    if r < 0.12 and cadence != "still":
        tags["natural_effect"] = pick(rng, ("petals_leaves", "snow", "rain"))
    r = rng.random()
    if r < 0.10:
        tags["finish"] = pick(rng, ("film_grain", "vignette", "para"))
    if tags["palette"] == "natural" and rng.random() < 0.06:
        tags["lighting"] = "backlight"
    if action == "jump" and cadence != "still" and rng.random() < 0.5:
        tags["body_deformation"] = "squash_stretch"
    if tags["palette"] == "monochrome":
        tags["lighting"] = "flat_even"
    return tags


def draw_exaggeration(rng: np.random.Generator, tags: dict[str, object]) -> dict[str, object]:
    """The tags of a corpus shot turned into a shot with one deformation or smear in it."""
    tags = dict(tags)
    action = _FAST[int(rng.integers(len(_FAST)))]
    value_index = float(rng.random())
    if rng.random() < 0.62:
        names = tuple(ENVELOPES)
        tags["body_deformation"] = names[int(value_index * len(names))]
    else:
        names = tuple(SMEARS)
        tags["smear_technique"] = names[int(value_index * len(names))]
        tags.pop("body_deformation", None)
    tags["deformation_intensity"] = _LEVELS[int(rng.integers(len(_LEVELS)))]
    tags |= {"action": action, "impact_frame": "none", "graphic_device": "none", "camera_shake": "steady"}
    if tags["drawing_cadence"] == "still":
        tags["drawing_cadence"] = "twos"
    if tags["camera_move"] == "follow" and action not in ("run", "dash"):
        tags["camera_move"] = "fix"
        tags.pop("move_speed", None)
    tags["shot_scale"] = "full"
    if tags.get("body_deformation") == "face_exaggeration":
        tags["shot_scale"] = ("medium", "medium_close", "close_up")[int(rng.integers(3))]
        tags["action"] = "react"
    return tags


def draw_moment(rng: np.random.Generator, tags: dict[str, object], frames: int) -> dict[str, object]:
    """The tags with their deformation, in half of the cases, in a part of the shot only."""
    if rng.random() < 0.5:
        return tags
    field = "smear_technique" if "smear_technique" in tags else "body_deformation"
    first, last = moment(rng.random(), rng.uniform(0.4, 0.6), frames)
    return tags | {field: f"{tags[field]}@{first}-{last}"}


def moment(first: float, length: float, frames: int) -> tuple[int, int]:
    """First and last frame of ``length`` (0..1) of a shot, ``first`` (0..1) of the way to as late as it fits;
    never its first or last frame.
    """
    count = max(4, round(length * frames))
    start = 1 + int(first * max(1, frames - count - 2))
    return start, min(frames - 2, start + count)


def reduced(tags: dict[str, object]) -> dict[str, object]:
    """The tags with what the little world leaves alone as it has it."""
    return tags | _LEFT_ALONE | {"action": _LITTLE_ACTIONS.get(str(tags["action"]), tags["action"])}
