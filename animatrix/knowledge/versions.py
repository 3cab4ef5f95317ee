"""Releases of the taxonomy: what changed between two of them, and how old directives move forward.

Ids are permanent. A patch rewords; a minor release adds; a major one removes, redefines or refuses what was
accepted before, and then needs a migration entry under ``versioning.migrations`` of the file::

    - to: 1.0.0
      fields: {old_field: new_field}
      values: {field.old: [field.new], field.split: [field.a, field.b], field.gone: []}
      note: why
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.tags import Tag
from animatrix.knowledge.taxonomy import Constraint, Field, Taxonomy, Value
from animatrix.knowledge.terms import fold, shown

LEVELS = ("patch", "minor", "major")
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})$")
# What a change of each attribute means to someone who stored a directive or trained on it.
_FIELD_LEVELS = {
    "label": "patch",
    "definition": "patch",
    "unspecified_means": "patch",
    "measurement": "patch",
    "pixel_share": "patch",
    "axis": "major",
    "scope": "major",
    "ordinal": "major",
    "order": "major",
    "default": "major",
}
_VALUE_LEVELS = {
    "label": "patch",
    "definition": "patch",
    "observable": "patch",
    "failure_lookalike": "patch",
    "sheet_code": "minor",
    "curriculum_stage": "minor",
    "expressiveness": "minor",
    "deformation": "major",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: ``level`` patch|minor|major, ``key`` the field, value, rule or term it concerns."""

    level: str
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class TaxonomyDiff:
    """Every change from one taxonomy to another, worst first."""

    old_version: str
    new_version: str
    changes: tuple[Change, ...]

    @property
    def level(self) -> str | None:
        """The worst level, or None when nothing changed."""
        return max((change.level for change in self.changes), key=LEVELS.index, default=None)

    @property
    def released_as(self) -> str | None:
        """The step the two version numbers take, or None when they are equal or go backwards."""
        old, new = parse_version(self.old_version), parse_version(self.new_version)
        if new <= old:
            return None
        return "major" if new[0] > old[0] else "minor" if new[1] > old[1] else "patch"

    @property
    def version_is_enough(self) -> bool:
        """Whether the new version number announces the worst change; before 1.0.0 a minor step may break."""
        if self.level is None:
            return True
        step = self.released_as
        if step is None:
            return False
        if step == "minor" and parse_version(self.old_version)[0] == 0:
            return True
        return LEVELS.index(step) >= LEVELS.index(self.level)


def parse_version(version: Any) -> tuple[int, int, int]:
    """``1.2.3`` as integers; raises ``taxonomy-version``."""
    match = _VERSION.match(version) if isinstance(version, str) else None
    if match is None:
        raise AniMatrixError(
            Code.TAXONOMY_VERSION, f"{shown(version)} is not a taxonomy version", "write it like 0.1.0"
        )
    return int(match[1]), int(match[2]), int(match[3])


def diff(old: Taxonomy, new: Taxonomy) -> TaxonomyDiff:
    """Classify every change from ``old`` to ``new``."""
    changes = [*_diff_fields(old, new), *_diff_rules(old, new), *_diff_terms(old, new)]
    changes.sort(key=lambda change: -LEVELS.index(change.level))
    return TaxonomyDiff(old.version, new.version, tuple(changes))


def _diff_fields(old: Taxonomy, new: Taxonomy) -> Iterable[Change]:
    yield from _added_and_removed("field", old.fields, new.fields)
    for field_id in [name for name in old.fields if name in new.fields]:
        before, after = old.fields[field_id], new.fields[field_id]
        yield from _attributes(field_id, before, after, _FIELD_LEVELS)
        if before.cardinality != after.cardinality:
            level = "minor" if after.cardinality == "many" else "major"
            yield Change(level, field_id, f"cardinality {before.cardinality} -> {after.cardinality}")
        if before.allows_none != after.allows_none:
            level = "minor" if after.allows_none else "major"
            yield Change(level, field_id, f"allows_none {before.allows_none} -> {after.allows_none}")
        yield from _diff_values(before, after)


def _diff_values(before: Field, after: Field) -> Iterable[Change]:
    keyed = [{value.key: value for value in item.values.values()} for item in (before, after)]
    yield from _added_and_removed("value", *keyed)
    for key in [name for name in keyed[0] if name in keyed[1]]:
        one, other = keyed[0][key], keyed[1][key]
        yield from _attributes(key, one, other, _VALUE_LEVELS)
        known = {fold(word) for word in _words(one)}
        for word in (*other.aliases, *other.eponym_aliases):
            if fold(word) not in known:
                yield Change("patch", key, f"alias {word!r} added")


def _added_and_removed(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Change]:
    for key in old:
        if key not in new:
            yield Change("major", key, f"{what} removed")
    for key in new:
        if key not in old:
            yield Change("minor", key, f"{what} added")


def _attributes(key: str, before: Any, after: Any, levels: Mapping[str, str]) -> Iterable[Change]:
    for name, level in levels.items():
        if getattr(before, name) != getattr(after, name):
            note = " (major if the meaning changed)" if name == "definition" else ""
            yield Change(level, key, f"{name} changed{note}")


def _diff_rules(old: Taxonomy, new: Taxonomy) -> Iterable[Change]:
    before = {rule.id: rule for rule in old.constraints}
    after = {rule.id: rule for rule in new.constraints}
    for rule_id in before:
        if rule_id not in after:
            yield Change("minor", rule_id, "constraint removed")
    for rule_id, rule in after.items():
        was = before.get(rule_id)
        if was is None:
            level = "major" if rule.severity == "error" else "minor"
            yield Change(level, rule_id, f"{rule.severity} constraint added")
        elif _reach(was) != _reach(rule):
            level = (
                "major"
                if rule.severity == "error" and not _no_stricter(_spelt_out(was, old), _spelt_out(rule, new))
                else "minor"
            )
            yield Change(level, rule_id, "constraint changed")
        elif was.message != rule.message:
            yield Change("patch", rule_id, "message changed")


def _reach(rule: Constraint) -> tuple[Any, ...]:
    return (
        rule.kind,
        rule.severity,
        frozenset(rule.when),
        frozenset(rule.targets),
        frozenset(rule.members),
        rule.metric,
        rule.minimum,
        rule.maximum,
    )


def _spelt_out(rule: Constraint, taxonomy: Taxonomy) -> Constraint:
    """The rule with every ``field.*`` written as its values."""

    def values(keys: tuple[str, ...]) -> tuple[str, ...]:
        found: list[str] = []
        for key in keys:
            field_id, _, value_id = key.partition(".")
            members = taxonomy.fields[field_id].values if value_id == "*" else (value_id,)
            found.extend(f"{field_id}.{member}" for member in members)
        return tuple(found)

    return replace(rule, when=values(rule.when), targets=values(rule.targets), members=values(rule.members))


def _no_stricter(was: Constraint, now: Constraint) -> bool:
    """Whether everything the old rule accepted is still accepted."""
    if was.kind != now.kind or was.severity != now.severity or was.metric != now.metric:
        return False
    if not set(now.when) <= set(was.when) or not set(now.members) <= set(was.members):
        return False
    targets_before, targets_now = set(was.targets), set(now.targets)
    fewer_is_looser = now.kind in ("excludes", "implies")
    looser = targets_now <= targets_before if fewer_is_looser else targets_now >= targets_before
    low, high = was.minimum or 0, was.maximum if was.maximum is not None else float("inf")
    return looser and (now.minimum or 0) <= low and (now.maximum is None or now.maximum >= high)


def _diff_terms(old: Taxonomy, new: Taxonomy) -> Iterable[Change]:
    """Words that people may have stored and that now mean something else, nothing, or several things."""
    words = dict.fromkeys(
        fold(word) for item in old.fields.values() for v in item.values.values() for word in _words(v)
    )
    for written in _terms(old):
        words.setdefault(fold(written))
    labels = {
        fold(word) for item in old.fields.values() for v in item.values.values() for word in v.label.values()
    }
    for word in words:
        before, after = _meaning(old, word), _meaning(new, word)
        if before == after or before is None:
            continue
        moved = after is not None and before[0] == "value" and after[0] == "value"
        if moved or after is None:
            gone = before[1] if after is None else ()
            if any(key not in _keys(new) for key in gone):
                continue  # reported as a removed value already
            what = f"now means {', '.join(after[1])}" if after else "is no longer understood"
            # Renaming a label is a patch, although what it was called is lost unless kept as an alias.
            level = "major" if moved else "patch" if word in labels else "minor"
            yield Change(level, ", ".join(before[1]), f"{word!r} {what}")
        else:
            yield Change("minor", word, f"{before[0]} -> {after[0] if after else 'unknown'}")
    known = {fold(written) for written in _terms(old)}
    for written in _terms(new):
        if fold(written) not in known and fold(written) not in words:
            yield Change("minor", written, "term added")


def _terms(taxonomy: Taxonomy) -> list[str]:
    compound = [word for term in taxonomy.compound_terms for word in (term.term, *term.also)]
    return [*compound, *(term.term for term in taxonomy.ambiguous_terms)]


def _words(value: Value) -> tuple[str, ...]:
    return (*value.label.values(), *value.aliases, *value.eponym_aliases)


def _keys(taxonomy: Taxonomy) -> set[str]:
    return {value.key for value in taxonomy.values()}


def _meaning(taxonomy: Taxonomy, word: str) -> tuple[str, tuple[str, ...]] | None:
    try:
        found = taxonomy.words.resolve(word)
    except AniMatrixError:
        return None
    return found.kind, tuple(sorted(value.key for value in found.values or found.candidates))


def migrate_tags(raw: Any, version: Any, taxonomy: Taxonomy) -> Any:
    """Stored tags of ``version``, in terms of ``taxonomy``.

    Raises ``taxonomy-version`` for a malformed version or one of a newer major release. A newer minor one
    is read: its ids are only added to, and one that is unknown here is reported as such.
    """
    stored, here = parse_version(version), parse_version(taxonomy.version)
    if stored[0] > here[0]:
        raise AniMatrixError(
            Code.TAXONOMY_VERSION,
            f"written for taxonomy {version}, but this is {taxonomy.version}",
            "upgrade animatrix",
        )
    for migration in sorted(taxonomy.migrations, key=lambda item: parse_version(item.get("to"))):
        if stored < parse_version(migration.get("to")) <= here:
            raw = _migrate(raw, migration)
    return raw


def _migrate(raw: Any, migration: Mapping[str, Any]) -> Any:
    fields: Mapping[str, str] = migration.get("fields") or {}
    values: Mapping[str, list[str]] = migration.get("values") or {}
    if isinstance(raw, (list, tuple)):
        raw = _gather(text.partition("=")[::2] for text in raw if isinstance(text, str))
    if not isinstance(raw, Mapping):
        return raw
    moved: dict[str, list[Any]] = {}
    for name, content in raw.items():
        for item in _atoms(content):
            term, rebuild = _term_of(item)
            targets = values.get(f"{name}.{term}")
            for target in [f"{name}.{term}"] if targets is None else targets:
                field_id, _, value_id = target.partition(".")
                moved.setdefault(fields.get(field_id, field_id), []).append(rebuild(value_id))
    return moved


def _gather(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, content in pairs:
        found.setdefault(name.strip(), []).append(content.strip())
    return found


def _atoms(content: Any) -> Iterable[Any]:
    if isinstance(content, str) and "+" in content and content.count("@") <= 1:
        body, at, span = content.partition("@")
        yield from (f"{piece.strip()}{at}{span}" for piece in body.split("+"))
    elif isinstance(content, (list, tuple)):
        for item in content:
            yield from _atoms(item)
    elif isinstance(content, str):
        yield from content.split("+")
    elif content is not None:
        yield content


def _term_of(item: Any) -> tuple[str, Callable[[str], Any]]:
    """The value word in one stored tag, and how to put another in its place."""
    if isinstance(item, Tag):
        return item.value, lambda value: Tag(value, item.span)
    if isinstance(item, Mapping):
        return str(item.get("value")), lambda value: {**item, "value": value}
    body, at, span = str(item).partition("@")
    return body.strip(), lambda value: f"{value}{at}{span}"
