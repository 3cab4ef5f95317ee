"""Exposure sheets: which drawing stands on each frame of each layer, and what of a directive fits on one.

A sheet is counted at 24 fps like spans. Of a directive it holds the drawing cadence (as cells) and every
tag that has a sheet word (``sheet_code``), written beside the cells over the frames it holds for. The rest
is said in notes, never dropped silently. What is written reads back to the same tags: a word is used only
if it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.directive import Directive
from animatrix.knowledge.tags import Tag, tag_text
from animatrix.knowledge.taxonomy import Taxonomy
from animatrix.knowledge.terms import fold

Cell = int | str | None
CADENCE = "drawing_cadence"
# Frames one drawing is held. 'still' holds to the end; 'modulated' opens from threes into ones, repeatedly.
HOLDS: dict[str, tuple[int, ...]] = {
    "ones": (1,),
    "twos": (2,),
    "threes": (3,),
    "fours_or_slower": (4,),
    "modulated": (3, 3, 2, 2, 1, 1),
}
# A single drawing at least this long among others is a hold, not a slow cadence: half a second.
_STILL_FRAMES = 12
_LAYER = "A"


@dataclass(frozen=True, slots=True)
class Layer:
    """One cel column: a name and, per frame, a drawing number (or text, '12a'), None where it is empty."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """An instruction written beside the cells, over an inclusive range of frames."""

    text: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ExposureSheet:
    """``frames`` at 24 fps, layers from the bottom up, and camera words.

    Raises ``bad-sheet`` when a layer has another number of cells than the sheet has frames.
    """

    frames: int
    layers: tuple[Layer, ...] = ()
    words: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        for layer in self.layers:
            if len(layer.cells) != self.frames:
                raise AniMatrixError(
                    Code.BAD_SHEET,
                    f"layer {layer.name!r} has {len(layer.cells)} cells, the sheet {self.frames} frames",
                )
        for word in self.words:
            if not 0 <= word.first <= word.last < self.frames:
                raise AniMatrixError(
                    Code.BAD_SHEET,
                    f"{word.text!r} on frames {word.first}-{word.last} lies outside {self.frames} frames",
                )

    def layer(self, name: str) -> Layer:
        """The bottom-most layer of that name; raises ``bad-sheet``."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise AniMatrixError(Code.BAD_SHEET, f"no layer {name!r} in the sheet", f"it has {names or 'none'}")


def sheet_of(directive: Directive, taxonomy: Taxonomy | None = None) -> tuple[ExposureSheet, list[str]]:
    """The exposure sheet of a directive, and a note for everything a sheet cannot hold."""
    taxonomy = taxonomy or Taxonomy.default()
    frames = directive.reference_frames
    notes: list[str] = []
    if directive.fps != taxonomy.frame_rate_reference:
        notes.append(
            f"the sheet has {frames} frames at 24 fps for {directive.frames} frames at {directive.fps:g} fps"
        )
    layers, words = _cadence_cells(directive, frames, taxonomy, notes)
    for field_id, tags in directive.tags.items():
        if field_id == CADENCE:
            continue
        for tag in tags:
            text = _word_for(field_id, tag.value, taxonomy)
            if text is None:
                notes.append(f"{tag_text(field_id, tag)} has no sheet word and is not on the sheet")
                continue
            first, last = tag.span or (0, frames - 1)
            words.append(Word(text, first, last))
            if tag.span == (0, frames - 1):
                notes.append(f"{tag_text(field_id, tag)} reads back as the whole shot")
    if directive.narrative:
        notes.append("the narrative is not part of a sheet")
    return ExposureSheet(frames, layers, tuple(words)), notes


def tags_of(
    sheet: ExposureSheet, taxonomy: Taxonomy | None = None
) -> tuple[dict[str, tuple[Tag, ...]], list[str]]:
    """The directive tags a sheet expresses, and a note for every word or layer that is not one.

    Give the tags to ``Directive.model_validate`` with ``frames`` and ``fps=24``; a sheet from elsewhere may
    break rules that a directive must keep, so read it with ``context={"source": "caption"}`` when it should
    not be argued with.
    """
    taxonomy = taxonomy or Taxonomy.default()
    notes: list[str] = []
    found: dict[str, list[Tag]] = {}
    for word in sheet.words:
        span = None if (word.first, word.last) == (0, sheet.frames - 1) else (word.first, word.last)
        try:
            readings = read_word(word.text, taxonomy)
        except AniMatrixError as error:
            notes.append(f"frames {word.first}-{word.last}: {error}")
            continue
        for key in readings:
            field_id, _, value_id = key.partition(".")
            scope = taxonomy.fields[field_id].scope
            whole = (0, sheet.frames - 1) if scope == "frame" else None
            if scope == "shot" and span is not None:
                notes.append(
                    f"frames {word.first}-{word.last}: {field_id}={value_id} is read for the whole shot"
                )
            tag = Tag(value_id, None if scope == "shot" else span or whole)
            found.setdefault(field_id, []).append(tag)
    if CADENCE not in found:
        cadence = _cadence_of(sheet, notes)
        if cadence:
            found[CADENCE] = cadence
    ordered = sorted(found, key=lambda name: taxonomy.fields[name].index)
    return {name: tuple(dict.fromkeys(found[name])) for name in ordered}, notes


def read_word(text: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    """``field.value`` keys a sheet word means; raises ``ambiguous-term`` or ``unknown-value``."""
    key = fold(text)
    declared = {fold(term.term) for term in taxonomy.ambiguous_terms}
    coded = [value for value in taxonomy.values() if value.sheet_code and fold(value.sheet_code) == key]
    if key not in declared and len(coded) == 1:
        return (coded[0].key,)
    if key not in declared and coded:
        raise AniMatrixError(
            Code.AMBIGUOUS_TERM,
            f"{text!r} has {len(coded)} readings: {', '.join(f'{v.field}={v.id}' for v in coded)}",
            "write the one you mean",
        )
    found = taxonomy.words.resolve(text)
    if found.kind == "ambiguous":
        raise found.ambiguity()
    if found.kind == "field":
        raise AniMatrixError(
            Code.UNKNOWN_VALUE, f"{text!r} names a field, not a value", "write one of its values"
        )
    return tuple(value.key for value in found.values)


def _word_for(field_id: str, value_id: str, taxonomy: Taxonomy) -> str | None:
    """A value's sheet code, or another of its words where the code has other readings; None if none works."""
    value = taxonomy.fields[field_id].values.get(value_id)
    # A cadence belongs on every sheet, with or without a code; other values only where studios write them.
    if value is None or (value.sheet_code is None and field_id != CADENCE):
        return None
    for text in (value.sheet_code, value.label["ja"], *value.aliases):
        if text is None:
            continue
        try:
            if read_word(text, taxonomy) == (value.key,):
                return text
        except AniMatrixError:
            continue
    return None


def _cadence_cells(
    directive: Directive, frames: int, taxonomy: Taxonomy, notes: list[str]
) -> tuple[tuple[Layer, ...], list[Word]]:
    tags = [tag for tag in directive.tags.get(CADENCE, ()) if tag.value not in ("none", "unknown")]
    if not tags:
        notes.append("drawing_cadence is not asked for, so no cel layer is written")
        return (), []
    cells: list[Cell] = [None] * frames
    drawing = 0
    for tag in sorted(tags, key=lambda item: item.span or (0, 0)):
        first, last = tag.span or (0, frames - 1)
        frame, turn = first, 0
        while frame <= last:
            drawing += 1
            holds = HOLDS.get(tag.value, (last - first + 1,))
            until = min(frame + holds[turn % len(holds)], last + 1)
            cells[frame:until] = [drawing] * (until - frame)
            frame, turn = until, turn + 1
    # An empty cel would mean that the figure is gone; where no cadence is asked its drawing just stays.
    for first, last in _gaps(cells):
        notes.append(f"no cadence is asked on frames {first}-{last}; the drawing beside them is held")
        cells[first : last + 1] = [cells[first - 1] if first else cells[last + 1]] * (last + 1 - first)
    layers = (Layer(_LAYER, tuple(cells)),)
    asked = sorted(tags, key=lambda item: item.span or (0, 0))
    read = _cadence_of(ExposureSheet(frames, layers), [])
    if [(t.value, t.span) for t in read] == [(t.value, t.span) for t in asked]:
        return layers, []
    # The cells alone would be read otherwise (a pattern cut short, two spans alike): the words say it.
    words = []
    for tag in asked:
        text = _word_for(CADENCE, tag.value, taxonomy)
        if text is None:
            notes.append(f"{tag_text(CADENCE, tag)} cannot be told from its cells and has no sheet word")
        else:
            words.append(Word(text, *(tag.span or (0, frames - 1))))
    return layers, words


def _gaps(cells: Sequence[Cell]) -> list[tuple[int, int]]:
    found, frame = [], 0
    for empty, run in groupby(cells, key=lambda cell: cell is None):
        length = sum(1 for _ in run)
        if empty:
            found.append((frame, frame + length - 1))
        frame += length
    return found


def _cadence_of(sheet: ExposureSheet, notes: list[str]) -> list[Tag]:
    """Cadence spans of the busiest layer, from how long each drawing is held."""
    if not sheet.layers:
        return []
    by_changes = sorted(sheet.layers, key=lambda layer: -len(_holds(layer.cells)))
    main = by_changes[0]
    holds = _holds(main.cells)
    if not holds:
        notes.append("every cell is empty, so the sheet says nothing of drawing_cadence")
        return []
    spans = _classify(holds, sheet.frames)
    for layer in by_changes[1:]:
        other = _holds(layer.cells)
        if other and [tag.value for tag in _classify(other, sheet.frames)] != [tag.value for tag in spans]:
            notes.append(
                f"layer {layer.name!r} has another cadence than {main.name!r}; {main.name!r} is read"
            )
    return spans


def _holds(cells: Sequence[Cell]) -> list[tuple[int, int]]:
    """(first frame, length) of each drawing's hold; empty cells are not a drawing."""
    found, frame = [], 0
    for drawing, run in groupby(cells):
        length = sum(1 for _ in run)
        if drawing is not None:
            found.append((frame, length))
        frame += length
    return found


def _classify(holds: Sequence[tuple[int, int]], frames: int) -> list[Tag]:
    if len(holds) == 1:
        first, length = holds[0]
        return [Tag("still", None if length == frames else (first, first + length - 1))]
    names = [_cadence_name(length) for _, length in holds]
    # The last hold may be cut by the end of the shot: it belongs to the pattern before it.
    first, length = holds[-1]
    if first + length == frames and length < _hold_of(names[-2]):
        names[-1] = names[-2]
    runs: list[tuple[str, int, int, int]] = []  # name, first, last, drawings
    for name, (first, length) in zip(names, holds, strict=True):
        if runs and runs[-1][0] == name and runs[-1][2] + 1 == first and name != "still":
            runs[-1] = (name, runs[-1][1], first + length - 1, runs[-1][3] + 1)
        else:
            runs.append((name, first, first + length - 1, 1))
    moving = [run for run in runs if run[0] != "still"]
    if len(moving) > 2 and sum(run[3] for run in moving) < 4 * len(moving):
        return [Tag("modulated")]
    if len(runs) == 1 and runs[0][1] == 0 and runs[0][2] == frames - 1:
        return [Tag(runs[0][0])]
    return [Tag(name, (first, last)) for name, first, last, _ in runs]


def _cadence_name(length: int) -> str:
    if length >= _STILL_FRAMES:
        return "still"
    return {1: "ones", 2: "twos", 3: "threes"}.get(length, "fours_or_slower")


def _hold_of(name: str) -> int:
    return HOLDS[name][0] if name in HOLDS else _STILL_FRAMES


def pack_words(words: Iterable[Word]) -> list[list[Word]]:
    """Words laid out in as few tracks as their ranges allow; those of one track never overlap."""
    tracks: list[list[Word]] = []
    for word in sorted(words, key=lambda item: (item.first, item.last, item.text)):
        for track in tracks:
            if track[-1].last < word.first:
                track.append(word)
                break
        else:
            tracks.append([word])
    return tracks
