"""One file read: its shots judged, fingerprinted and, where kept so far, described. Runs in a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animatrix.corpus.filters import judged
from animatrix.corpus.filters.bars import picture_box
from animatrix.corpus.fingerprint import fingerprint
from animatrix.corpus.settings import Thresholds
from animatrix.corpus.shot import Box, Reader, cropped, seconds_of
from animatrix.corpus.store import Store
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.knowledge.timing import reference_frames
from animatrix.media import Fault, Trouble, probe

SELF = "{source}"  # stands for the file's name in a record: equal files share one


# After these the last shot ends where reading did, not where the film cuts.
_ENDINGS = (Trouble.CUT_OFF, Trouble.SIZE_CHANGE, Trouble.TOO_SLOW, Trouble.STALLED, Trouble.CRASHED)
_MAY_PASS = (Trouble.STALLED, Trouble.CRASHED)  # of the machine as likely as of the file: worth a second try
# Other errors are of the captioner or of the machine, and are not written down against the file.
_OF_THE_FILE = (
    Code.FILE_MISSING,
    Code.FILE_NOT_A_FILE,
    Code.FILE_TOO_LARGE,
    Code.FILE_UNREADABLE,
    Code.NOT_A_VIDEO,
    Code.DECODER_FAILED,
)


class DecoderGaveUp(RuntimeError):
    """The decoder hung or died; the file is tried again."""


@dataclass(frozen=True)
class ReadJob:
    """Read the file at ``path`` and put what was found into the store under ``key``; ``last`` when no further
    try follows."""

    key: str
    name: str
    path: Path
    store: Store
    reader: Reader
    thresholds: Thresholds
    last: bool = False

    kind = "read"

    def refused(self, reason: str, text: str) -> None:
        """Note that the file cannot be read, for good."""
        fault = {"reason": reason, "text": text}
        self.store.save("read", self.key, {"shots": [], "faults": [fault], "notes": []})

    def done(self) -> bool:
        return self.store.load("read", self.key) is not None


def read_file(job: ReadJob, beat: Callable[[], None]) -> int:
    """Read one file and write its record; gives the number of shots.

    A file that breaks off keeps the shots that were whole before the damage, and its faults are on record.

    Raises:
        OutOfSpace: the record could not be written.
        DecoderGaveUp: the decoder hung or died, and another try follows.
    """
    shots: list[dict[str, Any]] = []
    faults: list[dict[str, str]] = []
    notes: list[str] = []
    try:
        info = probe(job.path)
        film = job.reader.read(job.path)
        report = getattr(film, "report", None)
        damaged = 0
        for shot in film:
            shots.append(_looked_at(shot, (info.width, info.height), job))
            if report is not None:
                if report.damaged > damaged:
                    shots[-1]["reasons"].append(_MENDED)
                damaged = report.damaged
            beat()
        if report is not None:
            faults, notes = _told(report.faults, shots, job)
    except AniMatrixError as error:
        if error.code not in _OF_THE_FILE:
            raise
        if error.code is Code.DECODER_FAILED and not job.last:
            raise DecoderGaveUp(error.message) from None
        text = str(error).replace(str(job.path), SELF).replace(job.path.name, SELF)
        faults.append({"reason": str(error.code).replace("-", "_") if not shots else "cut_off", "text": text})
    job.store.save("read", job.key, {"shots": shots, "faults": faults, "notes": notes})
    return len(shots)


_MENDED = ["damaged", "the decoder had to guess parts of its frames"]


def _told(
    found: list[Fault], shots: list[dict[str, Any]], job: ReadJob
) -> tuple[list[dict[str, str]], list[str]]:
    """The film's faults of severity error, and the kinds of the others; marks the shots they spoil."""
    faults, notes = [], []
    for fault in found:
        if fault.kind in _MAY_PASS and not job.last:
            raise DecoderGaveUp(fault.message)
        if fault.severity == "error":
            faults.append({"reason": str(fault.kind), "text": f"{SELF} is {fault.message}"})
        else:
            notes.append(str(fault.kind))
        if fault.kind in _ENDINGS and shots:
            shots[-1]["reasons"].append(["cut_off", "the film breaks off in it"])
        if fault.kind is Trouble.COMBED:
            for shot in shots:
                shot["reasons"].append(["combed", "two fields are woven into one frame"])
    return faults, notes


def _looked_at(shot: Any, size: tuple[int, int], job: ReadJob) -> dict[str, Any]:
    width, height = size
    box = picture_box(shot, job.thresholds)
    crop = None
    if box is not None:
        left, top, right, bottom = box.pixels(width, height)
        left, top = left + left % 2, top + top % 2  # chroma is stored for pairs of pixels
        right, bottom = right - (right - left) % 2, bottom - (bottom - top) % 2
        crop = [left, top, right - left, bottom - top]
        shot = cropped(shot, Box(left / width, top / height, right / width, bottom / height))
        width, height = crop[2:]
    figures, reasons = judged(shot, (width, height), job.thresholds)
    start = float(shot.start)
    caption = None if reasons else job.reader.describe(shot)
    return {
        "start": round(start, 6),
        "end": round(start + seconds_of(shot), 6),
        "fps": round(float(shot.fps), 6),
        "frames": len(shot.gray),
        "vfr": bool(shot.vfr),
        "source_size": list(size),
        "crop": crop,
        "figures": {name: round(value, 4) for name, value in figures.items()},
        "reasons": [list(reason) for reason in reasons],
        "fingerprint": fingerprint(shot).to_json(),
        "caption": caption,
        "directive": None if caption is None else _directive(caption, len(shot.gray), float(shot.fps)),
    }


def _directive(caption: dict[str, Any], frames: int, fps: float) -> dict[str, Any]:
    """The caption as a canonical directive.

    Animation is timed at 24 frames a second; containers near that rate hold its frames one to one, and the
    captioner counts them so. A span that covers the shot is no span.
    """
    rate = 24.0 if 23.0 <= fps <= 25.5 else round(fps, 6)
    whole = reference_frames(frames, rate) - 1
    tags = {}
    for field, found in caption["tags"].items():
        tags[field] = [
            {
                "value": tag["value"],
                "span": None if first == 0 and last >= whole else [first, min(last, whole)],
            }
            for tag in found
            for first, last in [tag["span"]]
        ]
    written = {"narrative": caption["narrative"], "tags": tags, "frames": frames, "fps": rate}
    return Directive.model_validate(written, context={"source": "caption"}).canonical()
