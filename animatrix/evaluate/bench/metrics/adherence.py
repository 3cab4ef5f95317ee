"""Asked against measured: what AniCaption reads back of the tags. Where it abstains, nothing is claimed."""

from __future__ import annotations

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting


def _judged(sighting: Sighting) -> list[bool]:
    rows = [sighting.rows[name] for name in sighting.item.judged if name in sighting.rows]
    return [row["ok"] for row in rows if row["ok"] is not None]


def _nothing(sighting: Sighting) -> Skipped:
    return Skipped(f"AniCaption abstains on {', '.join(sighting.item.judged)}")


@metric("adherence", "the judged field reads back as asked", ("directive",), "share")
def adherence(sighting: Sighting) -> bool | Skipped:
    found = _judged(sighting)
    return all(found) if found else _nothing(sighting)


@metric("tags_shown", "share of the judged fields that read back as asked", ("directive",), "0..1")
def tags_shown(sighting: Sighting) -> float | Skipped:
    found = _judged(sighting)
    return sum(found) / len(found) if found else _nothing(sighting)
