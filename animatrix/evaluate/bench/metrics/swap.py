"""One tag changed, words and noise kept: that field must follow, the others must stay."""

from __future__ import annotations

from collections.abc import Sequence

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting


@metric("swap_followed", "the changed field reads back as asked before and after", ("group",), "share")
def swap_followed(pair: Sequence[Sighting]) -> bool | Skipped:
    field = pair[0].item.judged[0]
    answers = [sighting.rows[field]["ok"] for sighting in pair]
    if False in answers:  # one wrong answer settles it, whatever the other one is
        return False
    return Skipped(f"AniCaption abstains on {field}") if None in answers else True


@metric("others_kept", "share of the other fields that read alike before and after", ("group",), "0..1",
        proven=False)  # fmt: skip
def others_kept(pair: Sequence[Sighting]) -> float | Skipped:
    field = pair[0].item.judged[0]
    both = [name for name in pair[0].rows if name in pair[1].rows and name != field]
    read = [tuple(sighting.rows[name]["measured"] for sighting in pair) for name in both]
    alike = [one == other for one, other in read if one is not None and other is not None]
    return sum(alike) / len(alike) if alike else Skipped("AniCaption reads none of the other fields twice")
