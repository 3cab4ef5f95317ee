"""Whether what was measured is what was asked, where a field's values overlap in meaning."""

from __future__ import annotations

from collections.abc import Iterable

# A measured value of the key comes with one of its set: a follow is made with a pan, either is right.
MADE_WITH: dict[str, dict[str, frozenset[str]]] = {
    "camera_move": {"follow": frozenset({"pan_left", "pan_right", "tilt_up", "tilt_down"})},
}


def agrees(field: str, asked: Iterable[str], measured: Iterable[str]) -> bool:
    """True when the measured values of a field are the asked ones, taken as sets."""
    wanted, found = set(asked), set(measured)
    if wanted == found:
        return True
    return any(
        value in found and wanted in ({value}, found - {value}) and found - {value} <= companions
        for value, companions in MADE_WITH.get(field, {}).items()
    )
