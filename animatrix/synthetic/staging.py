"""Staging: for every drawable value, a directive that shows it well, for gallery and wide corpus."""

from __future__ import annotations

from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive
from animatrix.synthetic.direction import WANTS
from animatrix.synthetic.drawable import check_drawable
from animatrix.synthetic.exaggerate import ENVELOPES, SMEARS

# value -> tags that give it room
SHOWN_WITH: dict[str, dict[str, str]] = {
    **{v: {"action": "react", "shot_scale": "full"} for v in ENVELOPES},
    "squash_stretch": {"action": "jump", "shot_scale": "full", "deformation_intensity": "extreme"},
    "face_exaggeration": {"action": "react", "shot_scale": "medium_close"},
    "limb_elongation": {"action": "strike", "shot_scale": "full"},
    "forced_foreshortening": {"action": "strike", "shot_scale": "full"},
    "rubber_limb": {"action": "dance", "shot_scale": "full"},
    "melting_wobble": {"action": "idle", "shot_scale": "full"},
    "broken_silhouette": {"action": "slash", "shot_scale": "full"},
    **{v: {"action": "dash", "shot_scale": "full"} for v in SMEARS},
    "multiples": {"action": "strike", "shot_scale": "full"},
    "dry_brush_smear": {"action": "slash", "shot_scale": "full"},
    "arc_fill_smear": {"action": "slash", "shot_scale": "full"},
    "shape_abstraction": {"action": "run", "shot_scale": "full"},
    "afterimage_ghost": {"action": "dodge_guard", "shot_scale": "full"},
}
STAGED: dict[tuple[str, str], dict[str, str]] = {
    ("body_deformation" if value in ENVELOPES else "smear_technique", value): {
        "drawing_cadence": "twos",
        **tags,
    }
    for value, tags in SHOWN_WITH.items()
}
# field -> tags that make its values easy to see; a value's own row comes on top
STAGING: dict[str, dict[str, str]] = {
    "action": {"shot_scale": "full", "drawing_cadence": "twos"},
    "camera_move": {"shot_scale": "full", "action": "idle"},
    "move_speed": {"camera_move": "pan_left", "action": "idle"},
    "layer_parallax": {"camera_move": "pan_left", "move_speed": "quick", "action": "idle"},
    "impact_frame": {"action": "jump", "shot_scale": "full"},
    "manga_symbol": {"shot_scale": "medium_close", "action": "idle"},
    "shot_scale": {"action": "idle"},
    "focus": {"action": "idle", "shot_scale": "medium"},
    "line_style": {"shot_scale": "medium", "action": "idle", "camera_move": "fix"},
    "shading_steps": {"shot_scale": "medium", "action": "idle", "camera_move": "fix"},
    "shading_treatment": {"shot_scale": "medium", "action": "idle", "camera_move": "fix"},
    "palette": {"shot_scale": "medium", "action": "idle", "camera_move": "fix"},
    "lighting": {"shot_scale": "medium_long", "action": "idle", "camera_move": "fix"},
    "spacing": {"shot_scale": "full"},
}
STAGING_OF: dict[tuple[str, str], dict[str, str]] = {
    ("background_animation", "scrolled_background"): {"camera_move": "follow", "action": "run"},
    ("move_speed", "whip"): {"camera_move": "pan_right", "action": "idle"},
    ("camera_move", "follow"): {"action": "run"},
    ("camera_move", "follow_pan"): {"action": "run"},
    ("camera_move", "dolly_zoom"): {"action": "react", "shot_scale": "medium"},
    ("transition", "swish_transition"): {"camera_move": "pan_right", "move_speed": "whip", "action": "idle"},
    ("time_treatment", "freeze_frame"): {
        "time_treatment": "freeze_frame@10-24",
        "drawing_cadence": "still@10-24",
        "action": "run",
    },
    ("camera_shake", "steady"): {"camera_move": "pan_left"},
    **STAGED,
}
INSTANT = frozenset({"impact_frame"})  # fields whose values last a few frames and are asked for with a span


def staged(name: str, value: str, frames: int = 33, fps: float = 24.0) -> Directive:
    """A directive of ``frames`` at ``fps`` that shows one value well."""
    text = value
    middle = round(frames * 24 / fps) // 2  # ranges are counted at 24 fps
    if name in INSTANT and value != "none":
        text = f"{value}@{middle}-{middle + 1}"
    needs = WANTS.get((name, value), {})
    full = {
        "camera_move": "fix",
        **STAGING.get(name, {}),
        **needs,
        name: text,
        **STAGING_OF.get((name, value), {}),
    }
    loose = {
        k: v for k, v in full.items() if k != "camera_move"
    }  # some values do not go with a locked-off frame
    for tags in (full, loose, {**needs, name: text}):
        request = {"narrative": "A shot.", "tags": tags, "frames": frames, "fps": fps}
        try:
            directive = Directive.model_validate(request)
            check_drawable(directive)
            return directive
        except AniMatrixError as e:
            fault = e
    raise fault
