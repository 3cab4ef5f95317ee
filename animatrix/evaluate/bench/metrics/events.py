"""Events with a span: found where they were asked for, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting

Spans = list[tuple[int, int]]
Result = TypeVar("Result")
NEAR = 1  # frames at 24 fps that an event may begin early or late


def _judged(sighting: Sighting, judge: Callable[[Spans, Spans], Result]) -> Result | Skipped:
    """``judge(asked, found)`` of the spans of the judged fields."""
    item = sighting.item
    asked, found = [], []
    for name in item.judged:
        spans = [tag.span for tag in item.directive.tags.get(name, ()) if tag.span is not None]
        if not spans:
            continue
        if name not in sighting.read:
            return Skipped(f"AniCaption abstains on {name}")
        asked += spans
        found += [tag.span for tag in sighting.read[name] if tag.value != "none"]
    return judge(asked, found) if asked else Skipped("no event with a span is asked for")


def _near(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return abs(a[0] - b[0]) <= NEAR


@metric("event_recall", "an asked event begins within a frame of where it should", ("directive",), "share")
def event_recall(sighting: Sighting) -> bool | Skipped:
    return _judged(sighting, lambda asked, found: all(any(_near(a, f) for f in found) for a in asked))


@metric("events_alone", "no event is found that was not asked for", ("directive",), "share")
def events_alone(sighting: Sighting) -> bool | Skipped:
    return _judged(sighting, lambda asked, found: all(any(_near(a, f) for a in asked) for f in found))


@metric(
    "span_error",
    "frames between the asked and the nearest found event, both ends, mean",
    ("directive",),
    "frames",
    higher_is_better=False,
)
def span_error(sighting: Sighting) -> float | Skipped:
    return _judged(sighting, _distance)


def _distance(asked: Spans, found: Spans) -> float | Skipped:
    if not found:
        return Skipped("no event was found that could be early or late")
    off = [min((abs(a[0] - f[0]) + abs(a[1] - f[1])) / 2 for f in found) for a in asked]
    return float(sum(off) / len(off))
