"""Words against a tag: which of the two shows?"""

from __future__ import annotations

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting


@metric("tag_won", "the tag's value is read, not the one in words", ("directive",), "share")
def tag_won(sighting: Sighting) -> bool | Skipped:
    field = sighting.item.judged[0]
    ok = sighting.rows[field]["ok"]
    return Skipped(f"AniCaption abstains on {field}") if ok is None else bool(ok)


@metric("text_won", "the value in words is read instead", ("directive",), "share", higher_is_better=False)
def text_won(sighting: Sighting) -> bool | Skipped:
    item = sighting.item
    if not item.text:
        return Skipped("the narrative contradicts nothing")
    read = sighting.rows[item.judged[0]]["measured"]
    return Skipped(f"AniCaption abstains on {item.judged[0]}") if read is None else read == [item.text]
