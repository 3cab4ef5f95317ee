"""Faults of a taxonomy that do not stop it from loading: what ``animatrix taxonomy check`` reports."""

from __future__ import annotations

from collections.abc import Iterable

from animatrix.knowledge.taxonomy import LANGUAGES, Taxonomy
from animatrix.knowledge.terms import fold, forbidden_character
from animatrix.knowledge.versions import parse_version

_FIELD_KEYS = {
    "id", "label", "definition", "cardinality", "ordinal", "order", "scope", "default", "unspecified_means",
    "allows_none", "measurement", "pixel_share", "values", "note",
}  # fmt: skip
_VALUE_KEYS = {
    "id", "label", "definition", "observable", "deformation", "curriculum_stage", "expressiveness", "aliases",
    "eponym_aliases", "sheet_code", "failure_lookalike", "note",
}  # fmt: skip


def audit(taxonomy: Taxonomy) -> list[str]:
    """Every fault found, one line each, in file order; empty for a clean taxonomy."""
    return [*_words(taxonomy), *_values(taxonomy), *_rules(taxonomy), *_file(taxonomy)]


def _words(taxonomy: Taxonomy) -> Iterable[str]:
    """Each word must mean one value or be declared ambiguous."""
    ambiguous = {fold(term.term) for term in taxonomy.ambiguous_terms}
    compound = {fold(word) for term in taxonomy.compound_terms for word in (term.term, *term.also)}
    owners: dict[str, dict[str, str]] = {}
    for value in taxonomy.values():
        for word in (value.id, *value.label.values(), *value.aliases, *value.eponym_aliases):
            owners.setdefault(fold(word), {})[value.key] = word
            if not fold(word) or forbidden_character(word):
                yield f"{value.key}: the word {word!r} is empty or has control characters"
    for key, found in owners.items():
        word = next(iter(found.values()))
        if len(found) > 1 and key not in ambiguous:
            yield f"{word!r} names {' and '.join(found)} and is not declared ambiguous"
        if key in compound:
            yield f"{word!r} names {' and '.join(found)} and is a compound term too"
    for key in ambiguous & compound:
        yield f"{key!r} is both an ambiguous and a compound term"
    names: dict[str, str] = {}
    for item in taxonomy.fields.values():
        for word in (item.id, *item.label.values()):
            other = names.setdefault(fold(word), item.id)
            if other != item.id:
                yield f"{word!r} names the fields {other} and {item.id}"
            if fold(word) in owners and fold(word) not in ambiguous:
                yield f"{word!r} names the field {item.id} and the value {next(iter(owners[fold(word)]))}"
    for term in taxonomy.ambiguous_terms:
        if len(term.candidates) < 2:
            yield f"ambiguous term {term.term!r} has fewer than two candidates"
        if term.default is not None and term.default not in term.candidates:
            yield f"ambiguous term {term.term!r}: its default is not one of its candidates"


def _values(taxonomy: Taxonomy) -> Iterable[str]:
    stages = {stage.get("id") for stage in (taxonomy.raw.get("curriculum") or {}).get("stages") or ()}
    for value in taxonomy.values():
        if value.deformation and not value.failure_lookalike:
            yield f"{value.key} is a deformation without failure_lookalike"
        if stages and value.curriculum_stage not in stages:
            yield f"{value.key}: curriculum_stage {value.curriculum_stage!r} is not one of {sorted(stages)}"
        if not 0 <= value.expressiveness <= 3:
            yield f"{value.key}: expressiveness {value.expressiveness} is not 0..3"
        if not value.definition or not value.observable:
            yield f"{value.key} lacks a definition or an observable"
        shown = {fold(word) for word in value.label.values()}
        for name in value.eponym_aliases:
            if fold(name) in shown:
                yield f"{value.key}: the eponym {name!r} is shown as a label"
    for item in taxonomy.fields.values():
        if item.ordinal and len(item.order) < 2:
            yield f"{item.id} is ordinal but has no order"
        if item.default not in ("unspecified", *item.values):
            yield f"{item.id}: default {item.default!r} is neither 'unspecified' nor one of its values"


def _rules(taxonomy: Taxonomy) -> Iterable[str]:
    seen: set[str] = set()
    for rule in taxonomy.constraints:
        if rule.id in seen:
            yield f"constraint {rule.id} is defined twice"
        seen.add(rule.id)
        if not rule.message:
            yield f"constraint {rule.id} has no message"
        if rule.kind == "exclusive_group" and len(rule.members) < 2:
            yield f"constraint {rule.id} is a group of fewer than two"
        if rule.kind in ("excludes", "requires_any", "implies", "suggests") and not (
            rule.when and rule.targets
        ):
            yield f"constraint {rule.id} lacks when or targets"
        if rule.kind == "implies" and any(key.endswith(".*") for key in rule.targets):
            yield f"constraint {rule.id} implies a wildcard"
        if rule.kind == "limit" and not (rule.when and rule.metric):
            yield f"constraint {rule.id} lacks when or metric"


def _file(taxonomy: Taxonomy) -> Iterable[str]:
    raw = taxonomy.raw
    parse_version(taxonomy.version)
    counts = raw.get("counts") or {}
    actual = {
        "axes": len(taxonomy.axes),
        "fields": len(taxonomy.fields),
        "values": sum(len(item.values) for item in taxonomy.fields.values()),
        "constraints": len(taxonomy.constraints),
    }
    for name, count in counts.items():
        if actual.get(name) != count:
            yield f"counts.{name} says {count}, the file has {actual.get(name)}"
    missing = set(LANGUAGES) - set(raw.get("languages") or LANGUAGES)
    if missing:
        yield f"languages lacks {', '.join(sorted(missing))}"
    for axis in raw.get("axes") or ():
        for field in axis.get("fields") or ():
            for key in field.keys() - _FIELD_KEYS:
                yield f"{field['id']}: unknown key {key!r}"
            for value in field.get("values") or ():
                for key in value.keys() - _VALUE_KEYS:
                    yield f"{field['id']}.{value['id']}: unknown key {key!r}"
