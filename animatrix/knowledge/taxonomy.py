"""The Production Knowledge System: what a director decides, as fields and values.

``Taxonomy.default()`` is the packaged ``taxonomy.yaml``. A :class:`Field` belongs to one of four axes
(style, motion, camera, vfx); a :class:`Value` is one choice in it. This module holds the data; building one
from its file is in ``taxonomy_file``, looking words up in ``lookup``, rules between tags in ``rules``,
release comparison in ``versions``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
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
SEVERITIES = ("error", "warn", "info")
# Far above any real taxonomy; a guard against loading something else by mistake.
MAX_TAXONOMY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Value:
    """One choice of a field. ``curriculum_stage``: style, motion or deformation; ``expressiveness``: 0..3."""

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
    """One decision of an axis. ``cardinality``: one or many values at once; ``scope``: shot, span, frame."""

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
        from animatrix.knowledge.taxonomy_file import taxonomy_from_mapping

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
        if self is _packaged():  # worker processes load their own copy instead of receiving one
            return _packaged, ()
        from animatrix.knowledge.taxonomy_file import taxonomy_from_mapping

        return taxonomy_from_mapping, (dict(self.raw), self.source)


@lru_cache(maxsize=1)
def _packaged() -> Taxonomy:
    from animatrix.knowledge.taxonomy_file import taxonomy_from_mapping

    text = Path(__file__).with_name("taxonomy.yaml").read_text(encoding="utf-8")
    # Our own file: the plain C loader is enough, and four times faster than the guarded one.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return taxonomy_from_mapping(yaml.load(text, loader), source="taxonomy.yaml")
