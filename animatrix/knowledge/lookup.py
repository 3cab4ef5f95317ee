"""Words to values: exact resolution that never guesses, and ranked search that may.

``resolve`` answers what a word *is*: one value, several tags at once (a compound studio term), or several
readings it refuses to choose between. ``search`` answers what a word is *near*.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge.terms import fold, fold_kana, shown

if TYPE_CHECKING:
    from animatrix.knowledge.taxonomy import AmbiguousTerm, CompoundTerm, Field, Taxonomy, Value

# Search scores: how much a match is worth by where it was found and how much of the word it covers.
_KIND_WEIGHT = {"id": 1.0, "label": 1.0, "alias": 0.95, "eponym": 0.9, "definition": 0.45}
_EXACT, _PREFIX, _INSIDE, _FUZZY = 100.0, 80.0, 60.0, 50.0
_FUZZY_CUTOFF = 0.7
# Spelling neighbours of anything longer are not worth their quadratic cost.
_LONGEST_TERM = 80


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a word means.

    kind: ``value`` (one value), ``compound`` (several tags; ``ask`` names what is still open), ``ambiguous``
    (``candidates`` lists the readings, ``default`` what most people mean; nothing is chosen) or ``field``.
    """

    term: str
    kind: str
    values: tuple[Value, ...] = ()
    candidates: tuple[Value, ...] = ()
    field: Field | None = None
    ask: str | None = None
    default: Value | None = None
    note: str = ""

    def readings(self) -> tuple[str, ...]:
        """``field=value`` for each value or candidate."""
        return tuple(f"{value.field}={value.id}" for value in self.values or self.candidates)

    def ambiguity(self, place: str = "") -> AniMatrixError:
        """The error that lists the readings instead of guessing one."""
        usual = f" (most people mean {self.default.field}={self.default.id})" if self.default else ""
        return AniMatrixError(
            Code.AMBIGUOUS_TERM,
            f"{self.term!r}{f' for {place}' if place else ''} has {len(self.candidates)} readings: "
            + ", ".join(self.readings()),
            f"write the one you mean{usual}",
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: ``key`` is ``field`` or ``field.value``; ``matched`` is the text that matched."""

    key: str
    score: float
    matched: str
    matched_in: str


@dataclass(frozen=True, slots=True)
class _Entry:
    folded: str
    text: str
    place: str
    key: str


class TermIndex:
    """Look-up tables over one taxonomy."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._by_field: dict[str, dict[str, list[Value]]] = {}
        self._everywhere: dict[str, list[Value]] = {}
        self._field_names: dict[str, Field] = {}
        self._compound: dict[str, CompoundTerm] = {}
        self._ambiguous: dict[str, AmbiguousTerm] = {}
        self._entries: list[_Entry] | None = None
        for item in taxonomy.fields.values():
            names = self._by_field[item.id] = {}
            for word in (item.id, *item.label.values()):
                self._field_names.setdefault(fold(word), item)
            for value in item.values.values():
                for word in (value.id, *value.label.values(), *value.aliases, *value.eponym_aliases):
                    for table in (names, self._everywhere):
                        owners = table.setdefault(fold(word), [])
                        if value not in owners:
                            owners.append(value)
        for term in taxonomy.compound_terms:
            for word in (term.term, *term.also):
                self._compound[fold(word)] = term
        for ambiguous in taxonomy.ambiguous_terms:
            self._ambiguous[fold(ambiguous.term)] = ambiguous

    def resolve(self, term: str, field: str | None = None) -> Resolution:
        """What exactly ``term`` means, in ``field`` when one is given.

        Ids, labels and aliases of all languages match without regard to case, width, spaces, underscores and
        hyphens. Inside a field its own ids always mean themselves, and a field settles an ambiguity when only
        one reading is left. Raises ``unknown-value`` or ``unknown-field`` with the nearest choice.
        """
        if field is not None:
            return self._resolve_in(term, self._taxonomy.resolve_field(field))
        head, dot, tail = term.partition(".")
        if dot and head in self._taxonomy.fields and tail in self._taxonomy.fields[head].values:
            return Resolution(term, "value", (self._taxonomy.fields[head].values[tail],))
        key = fold(term)
        if compound := self._compound.get(key):
            return self._as_compound(term, compound)
        if ambiguous := self._ambiguous.get(key):
            return self._as_ambiguous(term, ambiguous)
        owners = self._everywhere.get(key)
        if owners:
            return self._as_owners(term, owners)
        if named := self._field_names.get(key):
            return Resolution(term, "field", field=named)
        raise AniMatrixError(
            Code.UNKNOWN_VALUE, f"unknown term {shown(term)}", self._suggest(term, self._everywhere)
        )

    def knows(self, term: str, field: str) -> bool:
        """Whether the whole of ``term`` is a word that ``field`` can be given."""
        key = fold(term)
        return key in self._by_field[field] or key in self._compound or key in self._ambiguous

    def resolve_field(self, term: str) -> Field:
        """The field whose id or label ``term`` is; raises ``unknown-field`` with the nearest one."""
        key = fold(term)
        found = self._field_names.get(key)
        if found is not None:
            return found
        hint = ""
        if owners := self._everywhere.get(key):
            hint = f"it is a value: {owners[0].field}={owners[0].id}"
        elif len(term) <= _LONGEST_TERM:
            hint = did_you_mean(term, self._taxonomy.fields)
            if not hint and (near := difflib.get_close_matches(key, self._field_names, n=1)):
                hint = f"did you mean {self._field_names[near[0]].id!r}?"
        raise AniMatrixError(
            Code.UNKNOWN_FIELD,
            f"unknown field {shown(term)}",
            hint or "`animatrix taxonomy show` lists the fields",
        )

    def _resolve_in(self, term: str, field: Field) -> Resolution:
        own = field.values.get(term)
        if own is not None:
            return Resolution(term, "value", (own,))
        if term.startswith(f"{field.id}.") and (own := field.values.get(term[len(field.id) + 1 :])):
            return Resolution(term, "value", (own,))
        key = fold(term)
        compound = self._compound.get(key)
        if compound is not None:
            axes = {self._taxonomy.fields[name.partition(".")[0]].axis for name in compound.sets}
            if field.axis in axes:
                return self._as_compound(term, compound)
        ambiguous = self._ambiguous.get(key)
        if ambiguous is not None:
            inside = [name for name in ambiguous.candidates if name.partition(".")[0] == field.id]
            if len(inside) == 1:
                return Resolution(term, "value", (self._taxonomy.value(inside[0]),), note=ambiguous.note)
            if inside:
                return self._as_ambiguous(term, ambiguous, inside)
        owners = self._by_field[field.id].get(key)
        if owners:
            return self._as_owners(term, owners)
        raise AniMatrixError(
            Code.UNKNOWN_VALUE,
            f"unknown value {shown(term)} for {field.id}",
            self._suggest_in(term, key, field),
        )

    def _as_owners(self, term: str, owners: list[Value]) -> Resolution:
        if len(owners) == 1:
            return Resolution(term, "value", (owners[0],))
        return Resolution(term, "ambiguous", candidates=tuple(owners), note="not declared ambiguous")

    def _as_compound(self, term: str, compound: CompoundTerm) -> Resolution:
        values = tuple(self._taxonomy.value(name) for name in compound.sets)
        return Resolution(term, "compound", values, ask=compound.ask)

    def _as_ambiguous(
        self, term: str, ambiguous: AmbiguousTerm, names: Iterable[str] | None = None
    ) -> Resolution:
        names = tuple(names or ambiguous.candidates)
        default = self._taxonomy.value(ambiguous.default) if ambiguous.default in names else None
        candidates = tuple(self._taxonomy.value(name) for name in names)
        return Resolution(term, "ambiguous", candidates=candidates, default=default, note=ambiguous.note)

    def _suggest_in(self, term: str, key: str, field: Field) -> str:
        if len(term) > _LONGEST_TERM:
            return f"choose one of {', '.join(field.values)}"
        if near := difflib.get_close_matches(term, field.values, n=1):
            return f"did you mean {near[0]!r}?"
        elsewhere = self._everywhere.get(key)
        if elsewhere:
            return f"it belongs to another field: {elsewhere[0].field}={elsewhere[0].id}"
        if compound := self._compound.get(key):
            return "it means " + ", ".join(name.replace(".", "=") for name in compound.sets)
        if near := difflib.get_close_matches(key, self._by_field[field.id], n=1):
            return f"did you mean {self._by_field[field.id][near[0]][0].id!r}?"
        return f"choose one of {', '.join(field.values)}"

    def _suggest(self, term: str, table: dict[str, list[Value]]) -> str:
        if len(term) > _LONGEST_TERM:
            return "try `animatrix taxonomy search`"
        near = difflib.get_close_matches(fold(term), table, n=3, cutoff=0.6)
        names = dict.fromkeys(f"{value.field}={value.id}" for word in near for value in table[word])
        return f"did you mean {' or '.join(list(names)[:3])}?" if names else "try `animatrix taxonomy search`"

    def search(self, query: str, limit: int = 10) -> list[Hit]:
        """Hits ranked by how much of a word the query covers and where; ties in taxonomy order.

        Only when nothing contains the query are spelling neighbours returned.
        """
        wanted = fold_kana(query)
        if not wanted or limit < 1:
            return []
        entries = self._entries = self._entries or list(self._build_entries())
        best: dict[str, Hit] = {}
        for entry in entries:
            score = _overlap(wanted, entry)
            if score and (entry.key not in best or score > best[entry.key].score):
                best[entry.key] = Hit(entry.key, round(score, 2), entry.text, entry.place)
        if not best and len(wanted) <= _LONGEST_TERM:
            best = self._neighbours(wanted, entries)
        return sorted(best.values(), key=lambda hit: -hit.score)[:limit]

    def _build_entries(self) -> Iterable[_Entry]:
        for item in self._taxonomy.fields.values():
            yield from _entries_of(item.id, item.id, item.label, item.definition)
            for value in item.values.values():
                yield from _entries_of(value.key, value.id, value.label, value.definition)
                for place, words in (("alias", value.aliases), ("eponym", value.eponym_aliases)):
                    for word in words:
                        yield _Entry(fold_kana(word), word, place, value.key)

    def _neighbours(self, wanted: str, entries: list[_Entry]) -> dict[str, Hit]:
        words: dict[str, _Entry] = {}
        for entry in entries:
            if entry.place != "definition":
                words.setdefault(entry.folded, entry)
        best: dict[str, Hit] = {}
        for word in difflib.get_close_matches(wanted, words, n=20, cutoff=_FUZZY_CUTOFF):
            entry = words[word]
            ratio = difflib.SequenceMatcher(None, wanted, word).ratio()
            best.setdefault(
                entry.key, Hit(entry.key, round(_FUZZY * ratio, 2), entry.text, f"{entry.place}~")
            )
        return best


def _entries_of(key: str, name: str, label: Mapping[str, str], definition: str) -> Iterable[_Entry]:
    yield _Entry(fold_kana(name), name, "id", key)
    for language, word in label.items():
        yield _Entry(fold_kana(word), word, f"label.{language}", key)
    yield _Entry(fold_kana(definition), definition, "definition", key)


def _overlap(wanted: str, entry: _Entry) -> float:
    position = entry.folded.find(wanted)
    if position < 0:
        return 0.0
    if len(wanted) == len(entry.folded):
        base = _EXACT
    else:
        covered = len(wanted) / len(entry.folded)
        base = (_PREFIX if position == 0 else _INSIDE) + 10.0 * covered
    return base * _KIND_WEIGHT[entry.place.partition(".")[0]]
