"""The Production Knowledge System: what a director decides, as fields and values.

``Taxonomy.default()`` is the packaged ``taxonomy.yaml``. A :class:`Field` belongs to one of four axes (style,
motion, camera, vfx); a :class:`Value` is one choice in it. This module holds the data and checks its shape;
looking words up is in ``lookup``, rules between tags in ``rules``, release comparison in ``versions``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from animatrix.errors import AniMatrixError, Code, did_you_mean

if TYPE_CHECKING:
    from animatrix.knowledge.lookup import Hit, Resolution, TermIndex
    from animatrix.knowledge.rules import RuleSet
    from animatrix.knowledge.versions import TaxonomyDiff

LANGUAGES = ("en", "ja", "zh")
RESERVED = ("unspecified", "none", "unknown")
SCOPES = ("shot", "span", "frame")
RULE_KINDS = ("excludes", "exclusive_group", "requires_any", "implies", "limit", "suggests")
SEVERITIES = ("error", "warn", "info")
# Far above any real taxonomy; a guard against loading something else by mistake.
MAX_TAXONOMY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Value:
    """One choice of a field. ``curriculum_stage`` is style, motion or deformation; ``expressiveness`` 0..3."""

    id: str
    field: str
    index: int  # position in the taxonomy, for stable order only: weights are keyed by id
    label: Mapping[str, str]
    definition: str
    observable: str
    deformation: bool
    curriculum_stage: str
    expressiveness: int
    aliases: tuple[str, ...] = ()
    eponym_aliases: tuple[str, ...] = ()
    sheet_code: str | None = None
    failure_lookalike: str | None = None

    @property
    def key(self) -> str:
        """``field.value``, the name constraints use."""
        return f"{self.field}.{self.id}"


@dataclass(frozen=True, slots=True)
class Field:
    """One decision of an axis. ``cardinality`` is 'one' or 'many' (values at a time); ``scope`` shot|span|frame."""

    id: str
    axis: str
    index: int
    label: Mapping[str, str]
    definition: str
    cardinality: str
    scope: str
    allows_none: bool
    ordinal: bool
    order: tuple[str, ...]
    default: str
    unspecified_means: str
    measurement: str
    pixel_share: float
    values: Mapping[str, Value]

    def value(self, value_id: str) -> Value:
        """The value with this id; raises ``unknown-value`` with the nearest id."""
        found = self.values.get(value_id)
        if found is None:
            raise AniMatrixError(
                Code.UNKNOWN_VALUE,
                f"unknown value {value_id!r} for {self.id}",
                did_you_mean(value_id, self.values) or f"choose one of {', '.join(self.values)}",
            )
        return found


@dataclass(frozen=True, slots=True)
class Axis:
    """Style, motion, camera or vfx, with the ids of its fields in order."""

    id: str
    label: Mapping[str, str]
    definition: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule as written: ``when``/``targets``/``members`` are ``field.value`` or ``field.*``."""

    id: str
    kind: str
    severity: str
    message: str
    when: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    metric: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class CompoundTerm:
    """A studio word that means several tags at once; ``ask`` names what it still leaves open."""

    term: str
    also: tuple[str, ...]
    sets: tuple[str, ...]
    ask: str | None


@dataclass(frozen=True, slots=True)
class AmbiguousTerm:
    """A word with several readings. ``default`` is what most people mean; it is shown, never assumed."""

    term: str
    candidates: tuple[str, ...]
    default: str | None
    note: str


@dataclass(frozen=True)
class Taxonomy:
    """All fields and values, their words in three languages, and the rules between them."""

    version: str
    axes: Mapping[str, Axis]
    fields: Mapping[str, Field]
    constraints: tuple[Constraint, ...]
    compound_terms: tuple[CompoundTerm, ...]
    ambiguous_terms: tuple[AmbiguousTerm, ...]
    migrations: tuple[Mapping[str, Any], ...]
    frame_rate_reference: int = 24
    source: str = "taxonomy.yaml"
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @staticmethod
    def default() -> Taxonomy:
        """The packaged taxonomy, loaded once per process."""
        return _packaged()

    @staticmethod
    def load(path: str | Path) -> Taxonomy:
        """Read and validate a taxonomy file.

        Raises ``file-missing``, ``not-a-file``, ``file-too-large``, ``file-unreadable`` or ``bad-taxonomy``.
        """
        from animatrix.knowledge.documents import read_document

        document = read_document(Path(path), kind="taxonomy", max_bytes=MAX_TAXONOMY_BYTES)
        return taxonomy_from_mapping(document, source=str(path))

    def field(self, field_id: str) -> Field:
        """The field with this exact id; raises ``unknown-field`` with the nearest id."""
        found = self.fields.get(field_id)
        if found is None:
            raise AniMatrixError(
                Code.UNKNOWN_FIELD,
                f"unknown field {field_id!r}",
                did_you_mean(field_id, self.fields) or "`animatrix taxonomy show` lists the fields",
            )
        return found

    def value(self, key: str) -> Value:
        """The value named ``field.value``."""
        field_id, _, value_id = key.partition(".")
        return self.field(field_id).value(value_id)

    def values(self) -> Iterator[Value]:
        """Every value, in taxonomy order."""
        for item in self.fields.values():
            yield from item.values.values()

    def resolve(self, term: str, field: str | None = None) -> Resolution:
        """What exactly a word means, in any of the three languages; see :meth:`TermIndex.resolve`."""
        return self.words.resolve(term, field)

    def resolve_field(self, term: str) -> Field:
        """The field an id or label names; raises ``unknown-field`` with the nearest one."""
        return self.fields.get(term) or self.words.resolve_field(term)

    def search(self, query: str, limit: int = 10) -> list[Hit]:
        """Ranked hits over ids, labels, aliases and definitions of every language."""
        return self.words.search(query, limit)

    def diff(self, new: Taxonomy) -> TaxonomyDiff:
        """What changed from this taxonomy to ``new``; also callable as ``Taxonomy.diff(old, new)``."""
        from animatrix.knowledge.versions import diff

        return diff(self, new)

    @cached_property
    def words(self) -> TermIndex:
        """The look-up tables, built on first use."""
        from animatrix.knowledge.lookup import TermIndex

        return TermIndex(self)

    @cached_property
    def rules(self) -> RuleSet:
        """The compiled constraints, built on first use."""
        from animatrix.knowledge.rules import RuleSet

        return RuleSet(self)

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self):
        return taxonomy_from_mapping, (dict(self.raw), self.source)


@lru_cache(maxsize=1)
def _packaged() -> Taxonomy:
    text = resources.files("animatrix.knowledge").joinpath("taxonomy.yaml").read_text(encoding="utf-8")
    # Our own file: the plain C loader is enough, and four times faster than the guarded one.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return taxonomy_from_mapping(yaml.load(text, loader), source="taxonomy.yaml")


def taxonomy_from_mapping(document: Any, source: str = "taxonomy") -> Taxonomy:
    """Build a :class:`Taxonomy` from the parsed file, raising ``bad-taxonomy`` at the first structural fault."""
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
