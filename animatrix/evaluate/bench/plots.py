"""Dots with their intervals, as SVG to be put into a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from markupsafe import Markup

COLOURS = ("#1f6f8b", "#c8553d", "#6a8d3b", "#7d4f9e", "#b8860b", "#4a4a4a")
WIDE, ROW, LEFT, RIGHT = 560, 22, 10, 60


def colour_of(name: str, names: Sequence[str]) -> str:
    return COLOURS[names.index(name) % len(COLOURS)]


def dots(rows: Sequence[tuple[str, Mapping[str, Any]]], bounded: bool, names: Sequence[str]) -> Markup:
    """One row a system: a dot at its value, a line over its interval. ``bounded``: the axis is 0 to 1."""
    kept = [(name, row) for name, row in rows if row.get("value") is not None]
    if not kept:
        return Markup("")
    ends = [v for _, row in kept for v in (row["value"], row["low"], row["high"]) if v is not None]
    low, high = (0.0, 1.0) if bounded else (min(ends), max(ends))
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    scale = (WIDE - LEFT - RIGHT) / (high - low)
    height = ROW * len(kept) + 20

    def x(value: float) -> float:
        return round(LEFT + (value - low) * scale, 1)

    parts = [f'<svg viewBox="0 0 {WIDE} {height}" role="img" width="{WIDE}" height="{height}">']
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(
            f'<line x1="{x(value)}" x2="{x(value)}" y1="0" y2="{height - 16}" class="grid"/>'
            f'<text x="{x(value)}" y="{height - 3}" class="axis">{value:.3g}</text>'
        )
    for place, (name, row) in enumerate(kept):
        y, colour = place * ROW + 11, colour_of(name, names)
        if row["low"] is not None and row["high"] is not None:
            parts.append(
                f'<line x1="{x(row["low"])}" x2="{x(row["high"])}" y1="{y}" y2="{y}" '
                f'stroke="{colour}" stroke-width="2"/>'
            )
        parts.append(
            f'<circle cx="{x(row["value"])}" cy="{y}" r="5" fill="{colour}"><title>{escape(name)}</title>'
            f'</circle><text x="{WIDE - RIGHT + 14}" y="{y + 4}" class="value">{row["value"]:.3g}</text>'
        )
    return Markup("".join(parts) + "</svg>")
