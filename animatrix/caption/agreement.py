"""Whether what was measured is what was asked, where a field's values overlap in meaning."""

from __future__ import annotations

from collections.abc import Iterable

# A measured value of the key comes with one of its set: a follow is made with a pan, either is right.
_PANS = frozenset({"pan_left", "pan_right", "tilt_up", "tilt_down"})
MADE_WITH: dict[str, dict[str, frozenset[str]]] = {
    "camera_move": {"follow": _PANS, "follow_pan": _PANS},
}
# Two names of one picture, where the layers decide: over one plane a truck is a pan, and a pan over layers
# that slide at different speeds is a truck. (Sheets call the latter a multiplane pan, the taxonomy a truck.)
FLAT_NAME: dict[str, str] = {
    "truck_left": "pan_left",
    "truck_right": "pan_right",
    "crane_up": "tilt_up",
    "crane_down": "tilt_down",
    "dolly_in": "track_up",
    "dolly_out": "track_back",
}


def agrees(field: str, asked: Iterable[str], measured: Iterable[str], layers: Iterable[str] = ()) -> bool:
    """True when the measured values of a field are the asked ones, taken as sets.

    ``layers``: the asked values of ``layer_parallax``. Where they say single_plane, ``camera_move`` may be
    measured by its flat name though a travelling camera was asked for; where they say layers, by the name of
    the travelling camera though a pan was asked for. Not the other way round: with layers to be seen, a flat
    name is wrong for a truck.
    """
    wanted, found, planes = set(asked), set(measured), set(layers)
    if field == "camera_move" and planes == {"single_plane"}:
        wanted = {FLAT_NAME.get(value, value) for value in wanted}
    elif field == "camera_move" and planes and not wanted & set(FLAT_NAME):
        found = {FLAT_NAME.get(value, value) for value in found}
    if wanted == found:
        return True
    return any(
        value in found and wanted in ({value}, found - {value}) and found - {value} <= companions
        for value, companions in MADE_WITH.get(field, {}).items()
    )
