"""What of the taxonomy can be drawn, field by field."""

from __future__ import annotations

from dataclasses import dataclass

from animatrix.knowledge import Taxonomy
from animatrix.synthetic.drawable import RENDERABLE


@dataclass(frozen=True)
class FieldCoverage:
    """One field: values drawn and not drawn, and whether it is measured from pixels."""

    field: str
    axis: str
    measurement: str
    drawn: tuple[str, ...]
    missing: tuple[str, ...]


def coverage(taxonomy: Taxonomy | None = None) -> list[FieldCoverage]:
    """Coverage of every field in the order of the taxonomy; ``none`` counts for nothing."""
    out = []
    for field in (taxonomy or Taxonomy.default()).fields.values():
        known = RENDERABLE.get(field.id, ())
        drawn = tuple(v for v in field.values if v in known)
        missing = tuple(v for v in field.values if v not in known)
        out.append(FieldCoverage(field.id, field.axis, field.measurement, drawn, missing))
    return out


def totals(rows: list[FieldCoverage]) -> dict[str, int]:
    """Counts of drawn values, of all values, and of both among fields measured from pixels."""
    pixel = [r for r in rows if r.measurement == "pixel"]
    return {
        "drawn": sum(len(r.drawn) for r in rows),
        "values": sum(len(r.drawn) + len(r.missing) for r in rows),
        "pixel_drawn": sum(len(r.drawn) for r in pixel),
        "pixel_values": sum(len(r.drawn) + len(r.missing) for r in pixel),
    }


__all__ = ["FieldCoverage", "coverage", "totals"]
