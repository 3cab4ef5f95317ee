"""Why a shot is not kept. One module a reason: ``measure`` looks, ``refuse`` says why by the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from animatrix.corpus.filters import frozen, length, quality, text
from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import Shot


@dataclass(frozen=True)
class Filter:
    """``measure(shot)`` gives figures; ``refuse(figures, thresholds)`` a sentence, or None to keep."""

    measure: Callable[[Shot], dict[str, float]]
    refuse: Callable[[dict[str, float], Thresholds], str | None]


# In the order in which a shot's reasons are listed: the first is the one it is counted under.
FILTERS: dict[str, Filter] = {
    "too_short": Filter(length.measure, length.too_short),
    "too_long": Filter(length.measure, length.too_long),
    "too_small": Filter(length.measure, quality.too_small),
    "frozen": Filter(frozen.measure, frozen.refuse),
    "burnt_text": Filter(text.measure, text.refuse),
    "blurred": Filter(quality.measure_edges, quality.blurred),
    "blocky": Filter(quality.measure_blocks, quality.blocky),
}


def judged(
    shot: Shot, size: tuple[int, int], thresholds: Thresholds
) -> tuple[dict[str, float], list[tuple[str, str]]]:
    """All figures of a shot, and its reasons for being refused as (code, sentence).

    ``size``: width and height of the picture in pixels of the source, bars cut off, as the shot's are.
    """
    figures = {"short_side": float(min(size))}
    reasons: list[tuple[str, str]] = []
    done = set()
    for code, one in FILTERS.items():
        if one.measure not in done:
            done.add(one.measure)
            figures |= one.measure(shot)
        if sentence := one.refuse(figures, thresholds):
            reasons.append((code, sentence))
    return figures, reasons
