"""Constraints between tags, judged per span: only tags whose frames overlap meet each other.

The rules are data in the taxonomy; here they are compiled once into bit sets per value, so that judging a
directive costs microseconds. Order of the taxonomy's ``evaluation_order``: implications are applied first
(:meth:`RuleSet.complete`, which never adds what contradicts something asked), then the rest is judged
(:meth:`RuleSet.judge`). The result never depends on the order tags were written in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from animatrix.knowledge.limits import judge_limit
from animatrix.knowledge.tags import Span, Tag
from animatrix.knowledge.taxonomy import RESERVED, SEVERITIES, Constraint, Taxonomy

if TYPE_CHECKING:
    from animatrix.knowledge.directive import Directive

Tags = Mapping[str, Sequence[Tag]]
_WHOLE_SHOT = (0, 1 << 40)
_MAX_LISTED = 4


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken or worth a hint: ``severity`` error|warn|info, ``tags`` as ``field=value[@a-b]``."""

    rule: str
    severity: str
    tags: tuple[str, ...]
    message: str
    remedy: str


class Placed(NamedTuple):
    """A tag with its value's index and its inclusive frame range (the whole shot where it has no span)."""

    value: int  # index of the value, its bit in the sets below
    first: int
    last: int
    field: str
    tag: Tag

    @property
    def text(self) -> str:
        return f"{self.field}={self.tag}"


def check(directive: Directive, taxonomy: Taxonomy | None = None) -> list[Violation]:
    """Everything the constraints say about a directive, errors first.

    A valid directive has no ``error`` left (construction refuses them); one read from a caption may.
    Metrics that need pixels are reported as ``info``, not judged.
    """
    rules = (taxonomy or Taxonomy.default()).rules
    return rules.check(directive.tags)


class RuleSet:
    """The taxonomy's constraints, compiled."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._values = tuple(taxonomy.values())
        count = len(self._values)
        self._rank = {rule.id: rank for rank, rule in enumerate(taxonomy.constraints)}
        self._conflicts = [0] * count  # bit j of entry i: values i and j may not meet
        self._fatal = [0] * count  # the same, of severity error only
        self._pair_rules: dict[tuple[int, int], list[Constraint]] = {}
        self._needs: list[list[tuple[Constraint, int]]] = [[] for _ in range(count)]
        self._implied: list[list[tuple[Constraint, int]]] = [[] for _ in range(count)]
        self._limits: list[list[Constraint]] = [[] for _ in range(count)]
        for rule in taxonomy.constraints:
            self._compile(rule)
        self._implying = _mask(index for index in range(count) if self._implied[index])

    def _compile(self, rule: Constraint) -> None:
        when, targets = self._expand(rule.when), self._expand(rule.targets)
        if rule.kind == "excludes":
            for one in when:
                for other in targets:
                    self._forbid(one, other, rule)
        elif rule.kind == "exclusive_group":
            members = self._expand(rule.members)
            for position, one in enumerate(members):
                for other in members[position + 1 :]:
                    self._forbid(one, other, rule)
        elif rule.kind in ("requires_any", "suggests"):
            for index in when:
                self._needs[index].append((rule, _mask(targets)))
        elif rule.kind == "implies":
            for index in when:
                self._implied[index].extend((rule, target) for target in targets)
        else:
            for index in when:
                self._limits[index].append(rule)

    def _forbid(self, one: int, other: int, rule: Constraint) -> None:
        if one == other:
            return
        for here, there in ((one, other), (other, one)):
            self._conflicts[here] |= 1 << there
            if rule.severity == "error":
                self._fatal[here] |= 1 << there
        self._pair_rules.setdefault((min(one, other), max(one, other)), []).append(rule)

    def _expand(self, keys: Iterable[str]) -> list[int]:
        found: list[int] = []
        for key in keys:
            field_id, _, value_id = key.partition(".")
            values = self._taxonomy.fields[field_id].values
            chosen = values.values() if value_id == "*" else (values[value_id],)
            found.extend(value.index for value in chosen)
        return found

    def place(self, tags: Tags) -> list[Placed]:
        """The tags that take part in rules, with their frame ranges; reserved words do not."""
        fields = self._taxonomy.fields
        placed = []
        for field_id, items in tags.items():
            values = fields[field_id].values
            for tag in items:
                if tag.value in RESERVED:
                    continue
                first, last = tag.span or _WHOLE_SHOT
                placed.append(Placed(values[tag.value].index, first, last, field_id, tag))
        return placed

    def check(self, tags: Tags) -> list[Violation]:
        """Broken and unmet rules, contradictions and hints; errors first, then in the taxonomy's order."""
        placed = self.place(tags)
        found: list[Violation] = []
        present = _present(placed)
        if present & self._implying:
            added, found = self.complete(tags)
            found += [
                Violation(
                    rule.id,
                    "info",
                    (cause.text,),
                    f"{cause.text} implies {field_id}={tag}: {rule.message}",
                    f"add {field_id}={tag}",
                )
                for rule, cause, field_id, tag in added
            ]
        found += self.judge(placed, present)
        if len(found) > 1:
            found.sort(key=self._sort_key)
        return found

    def refusals(self, found: dict[str, list[Tag]]) -> list[Violation]:
        """Add what ``found`` implies to it (its tags in canonical order); return what the rules then say."""
        placed = self.place(found)
        present = _present(placed)
        broken: list[Violation] = []
        if present & self._implying:
            added, broken = self.complete(found)
            if added:
                for _, _, field_id, tag in added:
                    found.setdefault(field_id, []).append(tag)
                placed = self.place(found)
                present = _present(placed)
        broken += self.judge(placed, present)
        if len(broken) > 1:
            broken.sort(key=self._sort_key)
        return broken

    def _sort_key(self, item: Violation) -> tuple[int, int, tuple[str, ...]]:
        return SEVERITIES.index(item.severity), self._rank[item.rule], item.tags

    def complete(self, tags: Tags) -> tuple[list[tuple[Constraint, Placed, str, Tag]], list[Violation]]:
        """Additions the tags imply, as (rule, cause, field, tag), and implications that contradict a tag.

        Additions are followed to the end (a freeze holds the drawing, a held drawing is static).
        """
        placed = self.place(tags)
        queue = list(placed)
        added: list[tuple[Constraint, Placed, str, Tag]] = []
        broken: list[Violation] = []
        position = 0
        while position < len(queue):
            cause = queue[position]
            position += 1
            for rule, target in self._implied[cause.value]:
                value = self._values[target]
                opponents = self._opponents(cause, target, queue, tags)
                if opponents:
                    broken.append(_contradiction(rule, cause, f"{value.field}={value.id}", opponents))
                    continue
                if any(item.value == target and _overlap(item, cause) for item in queue):
                    continue
                scope = self._taxonomy.fields[value.field].scope
                span: Span | None = None if scope == "shot" else cause.tag.span
                if scope == "frame" and span is None:
                    continue  # a frame-scope value cannot be placed without knowing where
                tag = Tag(value.id, span)
                first, last = span or _WHOLE_SHOT
                queue.append(Placed(target, first, last, value.field, tag))
                added.append((rule, cause, value.field, tag))
        return added, broken

    def _opponents(self, cause: Placed, target: int, queue: Sequence[Placed], tags: Tags) -> list[str]:
        """Tags meeting ``cause`` that the implied value could not stand beside."""
        value = self._values[target]
        field = self._taxonomy.fields[value.field]
        single, fatal = field.cardinality == "one", self._fatal[target]
        found = [
            item.text
            for item in queue
            if item.value != target
            and _overlap(item, cause)
            and ((single and item.field == field.id) or (fatal >> item.value) & 1)
        ]
        if any(tag.value == "none" for tag in tags.get(field.id, ())):
            found.append(f"{field.id}=none")
        return found

    def judge(self, placed: Sequence[Placed], present: int) -> list[Violation]:
        """Everything but implications, over tags already completed."""
        found: list[Violation] = []
        conflicts, needs, limits = self._conflicts, self._needs, self._limits
        limited: dict[str, tuple[Constraint, list[Placed]]] = {}
        for item in placed:
            index = item.value
            if conflicts[index] & present:
                found += self._meetings(item, placed)
            for rule, targets in needs[index]:
                met = targets & present
                if not met or not any((met >> other.value) & 1 and _overlap(item, other) for other in placed):
                    found.append(self._unmet(rule, item))
            for rule in limits[index]:
                limited.setdefault(rule.id, (rule, []))[1].append(item)
        for rule, items in limited.values():
            for finding in judge_limit(rule, [(one.field, one.tag) for one in items], self._taxonomy):
                found.append(Violation(rule.id, *finding))
        return found

    def _meetings(self, item: Placed, placed: Sequence[Placed]) -> Iterable[Violation]:
        for other in placed:
            if other.value <= item.value or not (self._conflicts[item.value] >> other.value) & 1:
                continue
            if _overlap(item, other):
                for rule in self._pair_rules[item.value, other.value]:
                    yield self._conflict(rule, item, other)

    def _conflict(self, rule: Constraint, one: Placed, other: Placed) -> Violation:
        fields = self._taxonomy.fields
        movable = fields[one.field].scope != "shot" and fields[other.field].scope != "shot"
        return Violation(
            rule.id,
            rule.severity,
            (one.text, other.text),
            f"{one.text} and {other.text} cannot share frames: {rule.message}",
            "keep one, or give them ranges that do not overlap" if movable else "keep one",
        )

    def _unmet(self, rule: Constraint, item: Placed) -> Violation:
        names = [_request(key) for key in rule.targets]
        listed = " or ".join(names[:_MAX_LISTED])
        more = f" (or {len(names) - _MAX_LISTED} more)" if len(names) > _MAX_LISTED else ""
        verb = "goes well with" if rule.kind == "suggests" else "needs"
        return Violation(
            rule.id,
            rule.severity,
            (item.text,),
            f"{item.text} {verb} {listed}{more}: {rule.message}",
            f"add {listed}{more}" if rule.kind == "suggests" else f"add {listed}{more}, or drop {item.text}",
        )


def _request(key: str) -> str:
    """``field.value`` as the tag to write, ``field.*`` in words."""
    field_id, _, value_id = key.partition(".")
    return f"any {field_id}" if value_id == "*" else f"{field_id}={value_id}"


def _contradiction(rule: Constraint, cause: Placed, implied: str, opponents: Sequence[str]) -> Violation:
    others = " and ".join(opponents)
    return Violation(
        rule.id,
        rule.severity,
        (cause.text, *opponents),
        f"{cause.text} implies {implied}, which {others} contradicts: {rule.message}",
        f"keep {cause.text} or {others}",
    )


def _overlap(one: Placed, other: Placed) -> bool:
    return one.first <= other.last and other.first <= one.last


def _mask(indices: Iterable[int]) -> int:
    mask = 0
    for index in indices:
        mask |= 1 << index
    return mask


def _present(placed: Iterable[Placed]) -> int:
    mask = 0
    for item in placed:
        mask |= 1 << item.value
    return mask
