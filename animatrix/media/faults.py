"""What is wrong with a film, or unusual, and what was done about it.

film = scan("episode.mkv", strict=False)
shots = [frame for frame in film]
for fault in film.report.faults:
    print(fault.severity, fault.message)

A file of which not one frame can be decoded is refused (:class:`AniMatrixError`). Of any other, the frames
before the damage are good, and the reader chooses: *strict* (the default) raises on every fault of severity
``error``, since whoever takes no report must not lose frames unawares; *tolerant* ends there, or reads on,
and names the fault. Captions and curation are tolerant, a model's own clips are read strictly.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from animatrix.errors import AniMatrixError, Code


class Trouble(StrEnum):
    """The kinds of fault. The value is what captions and manifests write."""

    CUT_OFF = "cut_off"  # frames the header promises are not there, or the stream cannot be followed
    SIZE_CHANGE = "size_change"  # what follows has another size, and is not read
    TOO_SLOW = "too_slow"  # the time allowed for decoding was over
    STALLED = "stalled"  # the decoder gave no frame for too long, and was killed
    CRASHED = "crashed"  # the decoder died, or ran into its memory limit
    DAMAGED = "damaged"  # the decoder mended broken data: frames are there, parts of them are guessed
    COMBED = "combed"  # two fields woven into one frame without a flag that says so
    VARIABLE_RATE = "variable_rate"
    INTERLACED = "interlaced"
    PULLDOWN = "pulldown"
    ROTATED = "rotated"


SEVERITY: dict[Trouble, str] = {
    Trouble.CUT_OFF: "error",
    Trouble.SIZE_CHANGE: "error",
    Trouble.TOO_SLOW: "error",
    Trouble.STALLED: "error",
    Trouble.CRASHED: "error",
    Trouble.DAMAGED: "error",
    Trouble.COMBED: "warning",  # read as it is: measures of edges and new drawings are in doubt
    Trouble.VARIABLE_RATE: "note",  # handled: times are those of the frames
    Trouble.INTERLACED: "note",  # handled: fields are taken apart
    Trouble.PULLDOWN: "note",  # handled: repeats are dropped
    Trouble.ROTATED: "note",  # handled: frames are turned upright
}
_CODES = {
    Trouble.TOO_SLOW: (Code.FILE_TOO_LARGE, "cut it into shorter shots"),
    Trouble.STALLED: (Code.DECODER_FAILED, "repair or encode it again"),
    Trouble.CRASHED: (Code.DECODER_FAILED, "repair or encode it again"),
}


@dataclass(frozen=True)
class Fault:
    """``message`` one line without the file's name; ``frame`` the first frame concerned, from 0, or None for
    the whole film."""

    kind: Trouble
    message: str
    frame: int | None = None

    @property
    def severity(self) -> str:
        """'error' (frames lost or guessed), 'warning' (read, in doubt) or 'note' (handled)."""
        return SEVERITY[self.kind]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": str(self.kind),
            "severity": self.severity,
            "message": self.message,
            "frame": self.frame,
        }


class FilmError(AniMatrixError):
    """A fault that ended the reading of ``path``, as an error; ``complaints`` as the decoder counted them:
    lines and the first of them."""

    complaints: tuple[int, str] | None = None

    def __init__(self, path: str | os.PathLike[str], fault: Fault) -> None:
        code, hint = _CODES.get(fault.kind, (Code.NOT_A_VIDEO, "repair or encode it again"))
        self.path, self.fault = os.fspath(path), fault
        super().__init__(code, f"{self.path} is {fault.message}", hint)

    def __reduce__(self):
        return type(self), (self.path, self.fault)


@dataclass
class ScanReport:
    """What one decode of a film found; complete once the film has been read to its end.

    ``error_lines`` the decoder's own complaints, None when decoding ran in this process, where they are not
    counted; ``damaged`` frames from a complaint or a corrupt flag to the next clean key frame; ``interlaced``
    frames flagged so; ``combed`` of ``looked`` sampled frames show woven fields; ``rotation`` in degrees,
    clockwise.
    """

    frames: int = 0
    error_lines: int | None = None
    first_error: str = ""
    damaged: int = 0
    interlaced: int = 0
    combed: int = 0
    looked: int = 0
    rotation: int = 0
    faults: list[Fault] = field(default_factory=list)

    _intervals: Counter[int] = field(default_factory=Counter, repr=False)
    _last: float | None = field(default=None, repr=False)
    _first_damaged: int | None = field(default=None, repr=False)

    def count(self, seconds: float, damaged: bool, interlaced: bool, combed: bool | None) -> None:
        """Take note of the next frame."""
        if self._last is not None and len(self._intervals) < 1000:
            self._intervals[round(1e4 * (seconds - self._last))] += 1
        self._last = seconds
        if damaged and self._first_damaged is None:
            self._first_damaged = self.frames
        self.frames += 1
        self.damaged += damaged
        self.interlaced += interlaced
        self.combed += bool(combed)
        self.looked += combed is not None

    @property
    def variable_rate(self) -> bool:
        """More than 1% of the frames (10% of a damaged film's) last longer or shorter than the others, beyond
        rounding."""
        if not self._intervals:
            return False
        usual = self._intervals.most_common(1)[0][0]
        slack = max(15, 0.1 * usual)  # tenths of a millisecond: Matroska counts whole ones
        odd = sum(n for interval, n in self._intervals.items() if abs(interval - usual) > slack)
        lossy = any(fault.severity == "error" for fault in self.faults)  # frames are missing here and there
        return odd > (0.1 if lossy else 0.01) * self._intervals.total()

    def finish(self) -> None:
        """Add the faults that only the whole film tells."""
        if self.damaged or self.error_lines:
            said = f", first: {self.first_error}" if self.first_error else ""
            lines = f"; {self.error_lines} lines of decoder errors{said}" if self.error_lines else ""
            text = f"damaged: {self.damaged} of {self.frames} frames{lines}"
            self.faults.append(Fault(Trouble.DAMAGED, text, self._first_damaged))
        if self.interlaced:
            text = f"interlaced: {self.interlaced} of {self.frames} frames, taken apart into one field each"
            self.faults.append(Fault(Trouble.INTERLACED, text))
        if self.looked and self.combed >= max(2, 0.2 * self.looked):
            text = f"combed without a flag: {self.combed} of {self.looked} sampled frames show two fields"
            self.faults.append(Fault(Trouble.COMBED, text))
        if self.variable_rate:
            self.faults.append(Fault(Trouble.VARIABLE_RATE, "of variable rate: frames keep their times"))
        if self.rotation:
            text = f"rotated: turned upright by {self.rotation} degrees clockwise"
            self.faults.append(Fault(Trouble.ROTATED, text))
