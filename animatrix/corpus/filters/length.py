"""Too short to hold a movement, or too long to be one shot."""

from __future__ import annotations

from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import Shot, seconds_of


def measure(shot: Shot) -> dict[str, float]:
    return {"seconds": seconds_of(shot)}


def too_short(figures: dict[str, float], limits: Thresholds) -> str | None:
    seconds = figures["seconds"]
    if seconds >= limits.least_seconds - 1e-6:
        return None
    return f"lasts {seconds:.2f} s, less than {limits.least_seconds:g}"


def too_long(figures: dict[str, float], limits: Thresholds) -> str | None:
    seconds = figures["seconds"]
    if seconds <= limits.most_seconds + 1e-6:
        return None
    return f"lasts {seconds:.1f} s, more than {limits.most_seconds:g}"
