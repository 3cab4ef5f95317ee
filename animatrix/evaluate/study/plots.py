"""Plots of a study's report, as SVG to be put into a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from markupsafe import Markup

WIDE, ROW, NAME, VALUE = 760, 26, 190, 190
SHARES = (  # key, colour, label colour
    ("first", "#1f6f8b", "#fff"),
    ("tie", "#b9c2c4", "#222"),
    ("both_bad", "#8a8577", "#fff"),
    ("second", "#c8553d", "#fff"),
)


def differences(rows: Sequence[tuple[str, Mapping[str, Any]]], first: str, second: str) -> Markup:
    """One row a dimension: the difference with its interval about a line at zero.

    A row without a claim is hollow. ``rows``: label and comparison.
    """
    ends = [abs(c["difference"][k]) for _, c in rows for k in ("low", "high")]
    most = max(*ends, 1e-6)
    power = 10.0 ** math.floor(math.log10(most))
    reach = next(n * power for n in (1, 2, 4, 6, 8, 10) if n * power >= most)
    middle, scale = NAME + (WIDE - NAME - VALUE) / 2, (WIDE - NAME - VALUE) / 2 / reach
    height = ROW * len(rows) + 40

    def x(value: float) -> float:
        return round(middle + value * scale, 1)

    parts = [_open(height, f"difference of {first} and {second} by dimension, with 95 % intervals")]
    for value in (-reach, -reach / 2, 0.0, reach / 2, reach):
        kind = "zero" if value == 0 else "grid"
        parts.append(
            f'<line x1="{x(value)}" x2="{x(value)}" y1="18" y2="{height - 18}" class="{kind}"/>'
            f'<text x="{x(value)}" y="{height - 4}" class="axis">{value:+.3g}</text>'
        )
    parts.append(
        f'<text x="{middle - 8}" y="12" class="side" text-anchor="end">{escape(second)} ahead</text>'
        f'<text x="{middle + 8}" y="12" class="side">{escape(first)} ahead</text>'
    )
    for place, (label, row) in enumerate(rows):
        y, found = 32 + place * ROW, row["difference"]
        fill = "#1f6f8b" if row["claim"] else "#fdfcf9"
        parts.append(
            f'<text x="0" y="{y + 4}" class="name">{escape(label)}</text>'
            f'<line x1="{x(found["low"])}" x2="{x(found["high"])}" y1="{y}" y2="{y}" class="span"/>'
            f'<circle cx="{x(found["value"])}" cy="{y}" r="5" fill="{fill}" class="dot">'
            f"<title>{escape(row['why'])}</title></circle>"
            f'<text x="{WIDE - VALUE + 12}" y="{y + 4}" class="value">{found["value"]:+.2f} '
            f"({found['low']:+.2f} to {found['high']:+.2f})</text>"
        )
    return Markup("".join(parts) + "</svg>")


def answers(rows: Sequence[tuple[str, Mapping[str, Any]]], first: str, second: str) -> Markup:
    """One bar a dimension: shares of first, tie, both bad and second."""
    height, across = ROW * len(rows) + 24, WIDE - NAME
    parts = [_open(height, f"shares of answers on {first} and {second} by dimension")]
    names = {"first": first, "tie": "tie", "both_bad": "both bad", "second": second}
    at = NAME
    for key, colour, _ in SHARES:
        parts.append(f'<rect x="{at}" y="0" width="11" height="11" fill="{colour}"/>')
        parts.append(f'<text x="{at + 16}" y="10" class="side">{escape(names[key])}</text>')
        at += 36 + 7 * len(names[key])
    for place, (label, row) in enumerate(rows):
        y, left = 20 + place * ROW, float(NAME)
        parts.append(f'<text x="0" y="{y + 14}" class="name">{escape(label)}</text>')
        for key, colour, ink in SHARES:
            share = row["shares"][key]
            width = round(share * across, 1)
            if width <= 0:
                continue
            parts.append(
                f'<rect x="{left}" y="{y}" width="{width}" height="{ROW - 6}" fill="{colour}">'
                f"<title>{escape(names[key])} {share:.1%}</title></rect>"
            )
            if width > 34:
                parts.append(
                    f'<text x="{round(left + width / 2, 1)}" y="{y + 14}" fill="{ink}" class="share">'
                    f"{share:.0%}</text>"
                )
            left = round(left + width, 1)
    return Markup("".join(parts) + "</svg>")


def _open(height: int, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDE} {height}" width="{WIDE}" height="{height}" role="img" '
        f'aria-label="{escape(label)}">'
    )
