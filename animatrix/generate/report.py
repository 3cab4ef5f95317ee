"""Asked against measured: the generated clip is read back by AniCaption."""

from __future__ import annotations

from typing import Any

from animatrix.caption import caption
from animatrix.caption.agreement import agrees
from animatrix.knowledge import Directive
from animatrix.media import Clip


def read_back(directive: Directive, clip: Clip) -> list[dict[str, Any]]:
    """One row per asked field: ``{"field", "asked", "measured", "confidence", "ok"}``.

    ``ok`` is None where AniCaption abstains or has no measure for the field; nothing is claimed there.
    """
    measured = caption(clip)[0].tags
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
    return rows
