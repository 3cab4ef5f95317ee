"""XDTS timesheets: the exchange format of digital exposure sheets that drawing programs write.

Line 1 names the format, JSON follows. Cells are listed where they change: a drawing number,
``SYMBOL_NULL_CELL`` for empty (also closing a track), ``SYMBOL_HYPHEN`` to repeat, ``SYMBOL_TICK_1/2`` for
in-between marks over a repeat. Programs disagree with the format's text and each other: negative frames
(the drawing already up when the sheet starts), field ids nobody documented, extra keys. All of it is kept
in ``Sheet.document`` and written back unchanged.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.directive import Directive
from animatrix.knowledge.documents import parse_json, read_bounded
from animatrix.knowledge.sheet import Cell, ExposureSheet, Layer, Word, pack_words, sheet_of, tags_of
from animatrix.knowledge.tags import Tag

IDENTIFIER = "exchangeDigitalTimeSheet Save Data"
FORMAT_VERSION = 5
CELL, DIALOG, CAMERAWORK = 0, 3, 5
NULL_CELL, HYPHEN = "SYMBOL_NULL_CELL", "SYMBOL_HYPHEN"
TICKS = ("SYMBOL_TICK_1", "SYMBOL_TICK_2")
MAX_BYTES = 16_000_000
MAX_TRACKS = 1_000
MAX_FRAMES = 100_000
# A sheet of one hour has 86,400 frames; beyond this many cells a file is a mistake or an attack.
_MAX_CELLS = 5_000_000
_SYMBOL_PREFIX = "SYMBOL_"


@dataclass(frozen=True)
class Sheet:
    """One XDTS file. ``document`` is its JSON, untouched; the rest are views of one of its time tables."""

    document: Mapping[str, Any] = field(repr=False)
    source: str = "timesheet"

    @property
    def tables(self) -> int:
        """How many time tables the file holds."""
        return len(self.document["timeTables"])

    def exposure(self, table: int = 0) -> ExposureSheet:
        """Layers and camera words of a table, every frame filled in; ticks and hyphens repeat the drawing."""
        data = self._table(table)
        frames = self._duration(data)
        tracks = self._tracks(data, CELL)
        if len(tracks) * frames > _MAX_CELLS:
            raise self._fault(f"{len(tracks)} layers of {frames} frames are too many")
        names = self._names(data, CELL)
        layers = tuple(
            Layer(names.get(number, f"track {number}"), _fill(entries, frames)) for number, entries in tracks
        )
        words = [word for _, entries in self._tracks(data, CAMERAWORK) for word in _words(entries, frames)]
        return ExposureSheet(frames, layers, tuple(sorted(words, key=lambda w: (w.first, w.last, w.text))))

    def marks(self, table: int = 0) -> dict[str, dict[int, str]]:
        """In-between marks: layer name -> {frame: SYMBOL_TICK_1 or SYMBOL_TICK_2}."""
        data = self._table(table)
        names = self._names(data, CELL)
        found: dict[str, dict[int, str]] = {}
        for number, entries in self._tracks(data, CELL):
            ticks = {frame: values[0] for frame, values in entries if values and values[0] in TICKS}
            if ticks:
                found.setdefault(names.get(number, f"track {number}"), {}).update(ticks)
        return found

    def dialogue(self, table: int = 0) -> list[tuple[str, str, int, int]]:
        """(speaker, line, first frame, last frame); the speaker is empty where the file names none."""
        data = self._table(table)
        frames = self._duration(data)
        found = []
        for _, entries in self._tracks(data, DIALOG):
            lines = {frame: values for frame, values in entries if values}
            for word in _words(entries, frames):
                values = lines.get(word.first, (word.text,))
                speaker, line = (values[0], values[1]) if len(values) > 1 else ("", word.text)
                found.append((speaker, line, word.first, word.last))
        return sorted(found, key=lambda item: item[2])

    def tags(self, table: int = 0) -> tuple[dict[str, tuple[Tag, ...]], list[str]]:
        """Directive tags of one table, and notes on what is no tag; see :func:`sheet.tags_of`."""
        tags, notes = tags_of(self.exposure(table))
        notes += [
            f"dialogue on frames {first}-{last} is not a tag" for _, _, first, last in self.dialogue(table)
        ]
        known = (CELL, DIALOG, CAMERAWORK)
        notes += [
            f"field {item.get('fieldId')!r} is not documented; it is kept in the file, not read"
            for item in self._table(table).get("fields") or ()
            if item.get("fieldId") not in known
        ]
        return tags, notes

    def with_exposure(self, sheet: ExposureSheet, table: int = 0) -> Sheet:
        """This file with one table's cells and camera words replaced; everything else stays as it was."""
        document = copy.deepcopy(dict(self.document))
        data = document["timeTables"][table]
        fresh = _table_of(sheet, str(data.get("name", "sheet")))
        data["duration"] = sheet.frames
        for key in ("fields", "timeTableHeaders"):
            kept = [item for item in data.get(key) or () if item.get("fieldId") not in (CELL, CAMERAWORK)]
            data[key] = sorted([*fresh[key], *kept], key=lambda item: _sort_id(item.get("fieldId")))
        return Sheet(document, self.source)

    def _table(self, table: int) -> Mapping[str, Any]:
        if not 0 <= table < self.tables:
            raise self._fault(f"there is no time table {table}, only {self.tables}")
        return self.document["timeTables"][table]

    def _duration(self, data: Mapping[str, Any]) -> int:
        frames = data.get("duration")
        if type(frames) is not int or not 1 <= frames <= MAX_FRAMES:
            raise self._fault(f"duration must be 1 to {MAX_FRAMES} frames, not {frames!r:.40}")
        return frames

    def _names(self, data: Mapping[str, Any], field_id: int) -> dict[int, str]:
        names: list[Any] = []
        for header in data.get("timeTableHeaders") or ():
            if header.get("fieldId") == field_id:
                names.extend(header.get("names") or ())
        return {number: str(name) for number, name in enumerate(names)}

    def _tracks(
        self, data: Mapping[str, Any], field_id: int
    ) -> list[tuple[int, list[tuple[int, tuple[str, ...]]]]]:
        """(track number, [(frame, values)]) from the bottom up, frames in order."""
        found = []
        for item in data.get("fields") or ():
            if item.get("fieldId") != field_id:
                continue
            for track in item.get("tracks") or ():
                number = track.get("trackNo")
                if type(number) is not int or not 0 <= number < MAX_TRACKS:
                    raise self._fault(f"trackNo must be 0 to {MAX_TRACKS - 1}, not {number!r:.40}")
                entries = [self._entry(entry, number) for entry in track.get("frames") or ()]
                found.append((number, sorted(entries, key=lambda entry: entry[0])))
        return sorted(found, key=lambda track: track[0])

    def _entry(self, entry: Any, number: int) -> tuple[int, tuple[str, ...]]:
        frame = entry.get("frame") if isinstance(entry, Mapping) else None
        data = entry.get("data") if isinstance(entry, Mapping) else None
        if type(frame) is not int or not isinstance(data, list):
            raise self._fault(f"track {number} has an entry without frame and data")
        # Instructions with another id than 0 are undocumented extensions.
        for instruction in data:
            if isinstance(instruction, Mapping) and instruction.get("id", 0) == 0:
                return frame, tuple(str(value) for value in instruction.get("values") or ())
        return frame, ()

    def _fault(self, message: str) -> AniMatrixError:
        return AniMatrixError(Code.BAD_SHEET, f"{self.source}: {message}")


def read_xdts(path: str | Path) -> Sheet:
    """Read an XDTS file of at most 16 MB.

    Raises ``file-missing``, ``not-a-file``, ``file-too-large``, ``file-unreadable`` or ``bad-sheet``.
    """
    path = Path(path)
    text = read_bounded(path, "timesheet", MAX_BYTES)
    if not text.startswith(IDENTIFIER):
        raise AniMatrixError(
            Code.BAD_SHEET, f"{path} is not an XDTS timesheet", f"its first line must be {IDENTIFIER!r}"
        )
    return parse_xdts(text, str(path))


def parse_xdts(text: str, source: str = "timesheet") -> Sheet:
    """Read the text of an XDTS file; raises ``bad-sheet``."""
    document = parse_json(text.removeprefix(IDENTIFIER), source, "timesheet")
    tables = document.get("timeTables") if isinstance(document, Mapping) else None
    if not isinstance(tables, list) or not tables or not all(isinstance(table, Mapping) for table in tables):
        raise AniMatrixError(Code.BAD_SHEET, f"{source}: no time table in it")
    for table in tables:
        for key in ("fields", "timeTableHeaders"):
            items = table.get(key) or []
            if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
                raise AniMatrixError(Code.BAD_SHEET, f"{source}: {key} is not a list of objects")
        for item in table.get("fields") or ():
            tracks = item.get("tracks") or []
            if not isinstance(tracks, list) or not all(isinstance(track, Mapping) for track in tracks):
                raise AniMatrixError(Code.BAD_SHEET, f"{source}: tracks is not a list of objects")
    return Sheet(document, source)


def write_xdts(
    content: Directive | ExposureSheet | Sheet | Mapping[str, ExposureSheet],
    path: str | Path,
    *,
    name: str = "sheet",
    cut: str | None = None,
    scene: str | None = None,
) -> list[str]:
    """Write a timesheet and return notes on what it could not hold.

    A :class:`Sheet` read from a file is written back as it was; of several named sheets each becomes a time
    table. ``cut`` and ``scene`` are numbers of 1-4
    digits. The file appears under its name only when it is whole. Raises ``bad-sheet`` or ``not-writable``.
    """
    notes: list[str] = []
    if isinstance(content, Directive):
        content, notes = sheet_of(content)
    if isinstance(content, ExposureSheet):
        content = {name: content}
    if not isinstance(content, Sheet):
        content = sheet_from(content, cut=cut, scene=scene)
    text = f"{IDENTIFIER}\n{json.dumps(content.document, ensure_ascii=False)}\n"
    write_whole(Path(path), text)
    return notes


def sheet_from(
    tables: Mapping[str, ExposureSheet], *, cut: str | None = None, scene: str | None = None
) -> Sheet:
    """A new XDTS document: name of each time table -> its sheet."""
    document: dict[str, Any] = {}
    if cut is not None or scene is not None:
        numbers = {"cut": cut or "0", "scene": scene or "0"}
        for key, number in numbers.items():
            if not (number.isascii() and number.isdigit() and len(number) <= 4):
                raise AniMatrixError(Code.BAD_SHEET, f"{key} {number!r} is not a number of 1 to 4 digits")
        document["header"] = numbers
    document["timeTables"] = [_table_of(exposure, name) for name, exposure in tables.items()]
    document["version"] = FORMAT_VERSION
    return Sheet(document)


def _table_of(sheet: ExposureSheet, name: str) -> dict[str, Any]:
    fields = [{"fieldId": CELL, "tracks": [_cell_track(n, layer) for n, layer in enumerate(sheet.layers)]}]
    headers: list[dict[str, Any]] = [{"fieldId": CELL, "names": [layer.name for layer in sheet.layers]}]
    tracks = pack_words(sheet.words)
    if tracks:
        fields.append(
            {"fieldId": CAMERAWORK, "tracks": [_word_track(n, track) for n, track in enumerate(tracks)]}
        )
        headers.append({"fieldId": CAMERAWORK, "names": [str(n + 1) for n in range(len(tracks))]})
    return {"duration": sheet.frames, "fields": fields, "name": name, "timeTableHeaders": headers}


def _cell_track(number: int, layer: Layer) -> dict[str, Any]:
    frames = []
    previous: Cell = None
    for frame, cell in enumerate(layer.cells):
        if frame == 0 or cell != previous:
            frames.append(_entry_of(frame, _cell_text(cell, layer.name)))
            previous = cell
    if previous is not None:
        frames.append(_entry_of(len(layer.cells), NULL_CELL))
    return {"frames": frames, "trackNo": number}


def _cell_text(cell: Cell, layer: str) -> str:
    if cell is None:
        return NULL_CELL
    if isinstance(cell, str) and (not cell or cell.startswith(_SYMBOL_PREFIX) or _number(cell) != cell):
        raise AniMatrixError(Code.BAD_SHEET, f"layer {layer!r}: {cell!r} cannot be a drawing's name")
    return str(cell)


def _word_track(number: int, words: Iterable[Word]) -> dict[str, Any]:
    frames = []
    for word in words:
        if not word.text or word.text.startswith(_SYMBOL_PREFIX):
            raise AniMatrixError(Code.BAD_SHEET, f"{word.text!r} cannot be a camera instruction")
        frames.append(_entry_of(word.first, word.text))
        frames += [_entry_of(frame, HYPHEN) for frame in range(word.first + 1, word.last + 1)]
    return {"frames": frames, "trackNo": number}


def _entry_of(frame: int, value: str) -> dict[str, Any]:
    return {"data": [{"id": 0, "values": [value]}], "frame": frame}


def _fill(entries: Iterable[tuple[int, tuple[str, ...]]], frames: int) -> tuple[Cell, ...]:
    """Each frame's drawing: an entry holds until the next; a negative frame says what frame 0 starts with."""
    cells: list[Cell] = []
    current: Cell = None
    for frame, values in entries:
        if frame >= frames:
            break
        if frame > len(cells):
            cells += [current] * (frame - len(cells))
        value = values[0] if values else NULL_CELL
        if value == NULL_CELL:
            current = None
        elif value != HYPHEN and value not in TICKS:
            current = _number(value)
    return tuple(cells + [current] * (frames - len(cells)))


def _number(value: str) -> Cell:
    """``"12"`` as 12; anything that would not be written the same way (``"012"``, ``"12a"``) stays text."""
    if value.isascii() and value.isdigit() and len(value) <= 9 and str(int(value)) == value:
        return int(value)
    return value


def _words(entries: Iterable[tuple[int, tuple[str, ...]]], frames: int) -> list[Word]:
    """Instructions with the frames they hold for: the frame they stand on and the hyphens after it."""
    found: list[Word] = []
    text, first, last = "", 0, -1
    for frame, values in [*entries, (frames + 1, ())]:
        value = values[0] if values else NULL_CELL
        if text and value == HYPHEN and frame <= frames - 1:
            last = frame  # a program may list only the last hyphen
            continue
        if text and last >= 0:  # one that ended before the sheet begins is not on it
            found.append(Word(text, max(first, 0), last))
        text = ""
        if value != NULL_CELL and value != HYPHEN and value not in TICKS and frame < frames:
            text, first, last = value, frame, frame
    return found


def _sort_id(field_id: Any) -> int:
    return field_id if isinstance(field_id, int) else 1 << 30


def write_whole(path: Path, text: str) -> None:
    """Write text so that the file appears under its name only when it is whole; raises ``not-writable``."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as stream:
            temporary = Path(stream.name)
            stream.write(text)
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise AniMatrixError(Code.NOT_WRITABLE, f"cannot write {path}: {reason}") from None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
