"""Limits that a directive alone can break: how long a device lasts, and how often the picture flashes.

Metrics that need pixels (how much of the screen a pattern covers) are reported as not judged: AniCaption
measures them on the finished clip. A tag without a range says "somewhere in this shot", so its length is
not judged either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from animatrix.knowledge.tags import Tag
from animatrix.knowledge.taxonomy import Constraint, Taxonomy
from animatrix.knowledge.timing import REFERENCE_RATE

# severity, tags, message, remedy: the tail of a Violation
Finding = tuple[str, tuple[str, ...], str, str]
Tagged = tuple[str, Tag]
# A range this short is one flash; a longer one flickers at a rate that only pixels tell.
_LONGEST_FLASH = 4


def judge_limit(rule: Constraint, items: Sequence[Tagged], taxonomy: Taxonomy) -> Iterable[Finding]:
    """Findings of one ``limit`` rule over the tags it watches."""
    metric = _METRICS.get(rule.metric or "")
    if metric is None:
        yield _not_judged(rule, items, f"{rule.metric} is measured on pixels")
        return
    yield from metric(rule, items, taxonomy)


def _instance_length(rule: Constraint, items: Sequence[Tagged], taxonomy: Taxonomy) -> Iterable[Finding]:
    low, high = rule.minimum or 0, rule.maximum if rule.maximum is not None else float("inf")
    for field_id, tag in items:
        if tag.span is None:
            continue
        first, last = tag.span
        length = last - first + 1
        if not low <= length <= high:
            text = f"{field_id}={tag}"
            end = first + int(low if length < low else high) - 1
            keep = f"{low:g} to {high:g} frames" if high != float("inf") else f"at least {low:g} frames"
            yield (
                rule.severity,
                (text,),
                f"{text} lasts {length} frames, not {keep}: {rule.message}",
                f"give it {keep}, e.g. {field_id}={Tag(tag.value, (first, end))}",
            )


def _flash_rate(rule: Constraint, items: Sequence[Tagged], taxonomy: Taxonomy) -> Iterable[Finding]:
    """Flashes in any one second, where a flash is a pair of opposing changes (WCAG 2.3.1, ITU-R BT.1702).

    An isolated impact frame is two changes, so one flash; impact frames back to back share the change
    between them.
    """
    counted: list[Tagged] = []
    open_items: list[Tagged] = []
    for field_id, tag in items:
        short = tag.span is not None and tag.span[1] - tag.span[0] < _LONGEST_FLASH
        frame_scope = taxonomy.fields[field_id].scope == "frame"
        (counted if tag.span is not None and (short or frame_scope) else open_items).append((field_id, tag))
    if open_items:
        yield _not_judged(rule, open_items, "a flicker's rate is measured on pixels")
    changes = sorted({point for _, tag in counted if tag.span for point in (tag.span[0], tag.span[1] + 1)})
    start = 0
    worst: tuple[float, int] = (0.0, 0)
    for end, point in enumerate(changes):
        while point - changes[start] >= REFERENCE_RATE:
            start += 1
        worst = max(worst, ((end - start + 1) / 2, -changes[start]))
    flashes, begin = worst[0], -worst[1]
    if rule.maximum is not None and flashes > rule.maximum:
        involved = tuple(
            f"{field_id}={tag}"
            for field_id, tag in counted
            if tag.span and tag.span[0] < begin + REFERENCE_RATE and tag.span[1] >= begin - 1
        )
        yield (
            rule.severity,
            involved,
            f"{flashes:g} flashes in the second from frame {begin}: {', '.join(involved)}: {rule.message}",
            f"keep at most {rule.maximum:g} in any {REFERENCE_RATE} frames",
        )


def _not_judged(rule: Constraint, items: Sequence[Tagged], why: str) -> Finding:
    texts = tuple(f"{field_id}={tag}" for field_id, tag in items)
    return (
        "info",
        texts,
        f"{', '.join(texts)}: {rule.id} not judged, {why}",
        "caption the finished clip to judge it",
    )


_METRICS: dict[str, Callable[[Constraint, Sequence[Tagged], Taxonomy], Iterable[Finding]]] = {
    "frames_per_instance": _instance_length,
    "flashes_per_second": _flash_rate,
}
