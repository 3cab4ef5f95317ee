"""Asked against measured: the generated clip is read back by AniCaption."""

from __future__ import annotations

from typing import Any

from animatrix.caption import caption_shot
from animatrix.caption.agreement import agrees
from animatrix.caption.measure import Shot, shot_of
from animatrix.caption.tag import CaptionTag
from animatrix.knowledge import Directive
from animatrix.media import Clip, scan_clip


def read_back(directive: Directive, clip: Clip) -> list[dict[str, Any]]:
    """One row per asked field: ``{"field", "asked", "measured", "confidence", "ok"}``. The clip is one shot.

    ``ok`` is None where AniCaption abstains or has no measure for the field; nothing is claimed there.
    """
    return read_back_shot(directive, shot_of(list(scan_clip(clip)), clip.fps))[0]


def read_back_shot(
    directive: Directive, shot: Shot
) -> tuple[list[dict[str, Any]], dict[str, list[CaptionTag]]]:
    """The same of a shot as the measures see it, and what was read, with its spans."""
    measured = caption_shot(shot, list(directive.tags)).tags if directive.tags else {}
    rows = []
    for field, asked in directive.tags.items():
        found = measured.get(field, [])
        values = sorted({tag.value for tag in found})
        wanted = sorted({tag.value for tag in asked})
        rows.append(
            {
                "field": field,
                "asked": wanted,
                "measured": values or None,
                "confidence": round(min(t.confidence for t in found), 3) if found else None,
                "ok": agrees(field, wanted, values) if found else None,
            }
        )
    return rows, measured
