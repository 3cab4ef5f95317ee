"""From the parsed ``taxonomy.yaml`` to a :class:`Taxonomy`, refusing the first structural fault.

Faults that still leave a usable taxonomy (a word with two owners, a missing lookalike) are ``audit``'s
business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.taxonomy import (
    LANGUAGES,
    RESERVED,
    SEVERITIES,
    AmbiguousTerm,
    Axis,
    CompoundTerm,
    Constraint,
    Field,
    Taxonomy,
    Value,
)

SCOPES = ("shot", "span", "frame")
RULE_KINDS = ("excludes", "exclusive_group", "requires_any", "implies", "limit", "suggests")


def taxonomy_from_mapping(document: Any, source: str = "taxonomy") -> Taxonomy:
    """Build a :class:`Taxonomy` from the parsed file; raises ``bad-taxonomy`` at the first fault."""
    if not isinstance(document, Mapping):
        raise _fault(source, "the file is not a mapping")
    for key in ("version", "axes"):
        if key not in document:
            raise _fault(source, f"{key!r} is missing")
    axes: dict[str, Axis] = {}
    fields: dict[str, Field] = {}
    next_value = 0
    for axis_data in document["axes"]:
        axis_id = _get(axis_data, "id", source, "an axis")
        members = []
        for field_data in _get(axis_data, "fields", source, f"axis {axis_id}"):
            built = _build_field(field_data, axis_id, len(fields), next_value, source)
            if built.id in fields:
                raise _fault(source, f"field {built.id!r} is defined twice")
            next_value += len(built.values)
            fields[built.id] = built
            members.append(built.id)
        axes[axis_id] = Axis(
            axis_id,
            _label(axis_data, source, f"axis {axis_id}"),
            axis_data.get("definition", ""),
            tuple(members),
        )
    taxonomy = Taxonomy(
        version=str(document["version"]),
        axes=axes,
        fields=fields,
        constraints=tuple(_build_constraint(item, source) for item in document.get("constraints") or ()),
        compound_terms=tuple(
            CompoundTerm(
                str(item["term"]), _strings(item.get("also")), _strings(item["sets"]), item.get("ask")
            )
            for item in document.get("compound_terms") or ()
        ),
        ambiguous_terms=tuple(
            AmbiguousTerm(
                str(item["term"]), _strings(item["candidates"]), item.get("default"), item.get("note") or ""
            )
            for item in document.get("ambiguous_terms") or ()
        ),
        migrations=tuple((document.get("versioning") or {}).get("migrations") or ()),
        frame_rate_reference=int(document.get("frame_rate_reference", 24)),
        source=source,
        raw=document,
    )
    _check_references(taxonomy)
    return taxonomy


def _fault(source: str, message: str, hint: str = "") -> AniMatrixError:
    return AniMatrixError(Code.BAD_TAXONOMY, f"{source}: {message}", hint)


def _get(data: Any, key: str, source: str, where: str) -> Any:
    if not isinstance(data, Mapping) or data.get(key) is None:
        raise _fault(source, f"{where} has no {key!r}")
    return data[key]


def _strings(items: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in items or ())


def _label(data: Mapping[str, Any], source: str, where: str) -> dict[str, str]:
    label = _get(data, "label", source, where)
    missing = [language for language in LANGUAGES if not label.get(language)]
    if missing:
        raise _fault(source, f"{where} has no label in {', '.join(missing)}")
    return {language: str(label[language]) for language in LANGUAGES}


def _build_field(data: Any, axis: str, index: int, first_value: int, source: str) -> Field:
    field_id = _get(data, "id", source, f"a field of axis {axis}")
    where = f"field {field_id}"
    values: dict[str, Value] = {}
    for value_data in _get(data, "values", source, where):
        value = _build_value(value_data, field_id, first_value + len(values), source)
        if value.id in values or value.id in RESERVED:
            raise _fault(source, f"value {value.key!r} is defined twice or is a reserved word")
        values[value.id] = value
    scope, cardinality = _get(data, "scope", source, where), _get(data, "cardinality", source, where)
    if scope not in SCOPES:
        raise _fault(source, f"{where} has scope {scope!r}", f"choose one of {', '.join(SCOPES)}")
    if cardinality not in ("one", "many"):
        raise _fault(source, f"{where} has cardinality {cardinality!r}", "choose one or many")
    order = _strings(data.get("order"))
    for value_id in order:
        if value_id not in values:
            raise _fault(source, f"{where} orders {value_id!r}, which is not one of its values")
    return Field(
        id=field_id,
        axis=axis,
        index=index,
        label=_label(data, source, where),
        definition=str(data.get("definition", "")),
        cardinality=cardinality,
        scope=scope,
        allows_none=bool(data.get("allows_none", False)),
        ordinal=bool(data.get("ordinal", False)),
        order=order,
        default=str(data.get("default", "unspecified")),
        unspecified_means=str(data.get("unspecified_means", "")),
        measurement=str(data.get("measurement", "")),
        pixel_share=float(data.get("pixel_share", 0.0)),
        values=values,
    )


def _build_value(data: Any, field_id: str, index: int, source: str) -> Value:
    value_id = str(_get(data, "id", source, f"a value of {field_id}"))
    where = f"value {field_id}.{value_id}"
    sheet_code, lookalike = data.get("sheet_code"), data.get("failure_lookalike")
    return Value(
        id=value_id,
        field=field_id,
        index=index,
        label=_label(data, source, where),
        definition=str(data.get("definition", "")),
        observable=str(data.get("observable", "")),
        deformation=bool(data.get("deformation", False)),
        curriculum_stage=str(_get(data, "curriculum_stage", source, where)),
        expressiveness=int(data.get("expressiveness", 0)),
        aliases=_strings(data.get("aliases")),
        eponym_aliases=_strings(data.get("eponym_aliases")),
        sheet_code=None if sheet_code is None else str(sheet_code),
        failure_lookalike=None if lookalike is None else str(lookalike),
    )


def _build_constraint(data: Any, source: str) -> Constraint:
    rule_id = _get(data, "id", source, "a constraint")
    kind, severity = _get(data, "kind", source, rule_id), _get(data, "severity", source, rule_id)
    if kind not in RULE_KINDS or severity not in SEVERITIES:
        raise _fault(source, f"constraint {rule_id} has kind {kind!r} and severity {severity!r}")
    return Constraint(
        id=rule_id,
        kind=kind,
        severity=severity,
        message=str(data.get("message", "")),
        when=_strings(data.get("when")),
        targets=_strings(data.get("targets")),
        members=_strings(data.get("members")),
        metric=data.get("metric"),
        minimum=data.get("min"),
        maximum=data.get("max"),
        unit=data.get("unit"),
    )


def _check_references(taxonomy: Taxonomy) -> None:
    """Every ``field.value`` a rule or term names must exist."""
    mentions = [
        (f"constraint {c.id}", key) for c in taxonomy.constraints for key in c.when + c.targets + c.members
    ]
    mentions += [(f"compound term {t.term}", key) for t in taxonomy.compound_terms for key in t.sets]
    mentions += [(f"ambiguous term {t.term}", key) for t in taxonomy.ambiguous_terms for key in t.candidates]
    for where, key in mentions:
        field_id, _, value_id = key.partition(".")
        owner = taxonomy.fields.get(field_id)
        if owner is None or (value_id != "*" and value_id not in owner.values):
            raise _fault(taxonomy.source, f"{where} names {key!r}, which does not exist")
