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
from animatrix.errors import AniMatrixError
from animatrix.media import probe

SELF = "{source}"  # stands for the file's name in a record: equal files share one


@dataclass(frozen=True)
class ReadJob:
    """Read the file at ``path`` and put what was found into the store under ``key``."""

    key: str
    name: str
    path: Path
    store: Store
    reader: Reader
    thresholds: Thresholds

    kind = "read"

    def refused(self, reason: str, text: str) -> None:
        """Note that the file cannot be read, for good."""
        self.store.save("read", self.key, {"shots": [], "fault": {"reason": reason, "text": text}})

    def done(self) -> bool:
        return self.store.load("read", self.key) is not None


def read_file(job: ReadJob, beat: Callable[[], None]) -> int:
    """Read one file and write its record; gives the number of shots.

    A file that breaks off keeps the shots that were whole before the damage, and its fault is on record.

    Raises:
        OutOfSpace: the record could not be written. Everything else is a fault of the file.
    """
    shots: list[dict[str, Any]] = []
    record: dict[str, Any] = {"shots": shots, "fault": None}
    try:
        info = probe(job.path)
        for shot in job.reader.read(job.path):
            shots.append(_looked_at(shot, (info.width, info.height), job))
            beat()
    except AniMatrixError as error:
        reason = str(error.code).replace("-", "_") if not shots else "damaged"
        text = str(error).replace(str(job.path), SELF).replace(job.path.name, SELF)
        record["fault"] = {"reason": reason, "text": text}
    job.store.save("read", job.key, record)
    return len(shots)


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
        "caption": None if reasons else job.reader.describe(shot),
    }
