"""Kept shots cut out of their file in one pass, each a clip named by its content. Runs in a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from av import VideoFrame

from animatrix.corpus.settings import CUTTER_VERSION, digest
from animatrix.corpus.store import Store, space_minded
from animatrix.errors import AniMatrixError, Code
from animatrix.media import write_frames
from animatrix.media.fields import taken_apart
from animatrix.media.read import Decoding


@dataclass(frozen=True)
class Cut:
    """A shot to cut out: ``frames`` of the source from ``start`` to ``end`` seconds; ``crop`` left, top,
    width, height in source pixels or None."""

    key: str
    start: float
    end: float
    fps: float
    frames: int
    vfr: bool
    crop: tuple[int, int, int, int] | None


def cut_key(sha256: str, start: float, end: float, crop: list[int] | None, side: int) -> str:
    """Name of a clip: of its source's bytes, its place in it, and how it is cut, but of no caption."""
    return digest("clip", CUTTER_VERSION, sha256, start, end, crop, side)


@dataclass(frozen=True)
class CutJob:
    """Cut these shots, in order of time, out of the file; ``side``: most pixels of a clip's longer one."""

    key: str
    name: str
    path: Path
    store: Store
    cuts: tuple[Cut, ...]
    side: int
    seconds: float
    last: bool = False

    kind = "cut"

    def missing(self) -> list[Cut]:
        return [cut for cut in self.cuts if not is_cut(self.store, cut.key)]

    def refused(self, reason: str, text: str) -> None:
        """Note that what is still missing cannot be cut, for good."""
        for cut in self.missing():
            self.store.save("cut", cut.key, {"fault": {"reason": reason, "text": text}})

    def done(self) -> bool:
        return not self.missing()


def is_cut(store: Store, key: str) -> bool:
    """Whether a clip is there whole, or is known to be impossible."""
    record = store.load("cut", key)
    if record is None:
        return False
    if "fault" in record:
        return True
    try:
        return store.clip(key).stat().st_size == record["bytes"]
    except OSError:
        return False


def cut_file(job: CutJob, beat: Callable[[], None]) -> int:
    """Write the clips that are missing; gives their number.

    Raises:
        OutOfSpace: a clip or its record could not be written, for want of space.
        AniMatrixError: NOT_WRITABLE, for another reason. Everything else is a fault of the file.
    """
    missing = job.missing()
    film = _film(job.path, job.seconds)
    for done, cut in enumerate(missing):
        path = job.store.clip(cut.key)
        pictures = _pictures(cut, film, job.side)
        try:
            first = next(pictures)
            with space_minded(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_frames(_counted(first, pictures, beat), cut.fps, path)
        except (AniMatrixError, StopIteration) as error:
            # No fault of the film: of the disk, or a later run swept what this one, killed, was writing.
            if isinstance(error, AniMatrixError) and error.code is Code.NOT_WRITABLE:
                raise
            text = str(error).replace(str(job.path), job.name) or "the file ends before the shot"
            for left in missing[done:]:
                job.store.save("cut", left.key, {"fault": {"reason": "cannot_cut", "text": text}})
            return done
        data = path.read_bytes()
        height, width = (side + side % 2 for side in first.shape[:2])
        record = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "width": width,
            "height": height,
        }
        job.store.save("cut", cut.key, record)
        beat()
    return len(missing)


def _counted(first: np.ndarray, rest: Iterator[np.ndarray], beat: Callable[[], None]) -> Iterator[np.ndarray]:
    yield first
    for count, picture in enumerate(rest, 1):
        if count % 100 == 0:
            beat()
        yield picture


def _film(path: Path, seconds: float) -> Iterator[tuple[float, Callable[[], np.ndarray]]]:
    """Seconds of each frame and how to get its picture uint8 ``[H,W,3]`` RGB, upright, fields taken apart.

    Frames between the shots that are kept are decoded but never converted.
    """
    film = Decoding(path, max_seconds=seconds)
    for t, frame, _ in taken_apart(iter(film)):
        assert film.info is not None
        yield t, partial(_picture, frame, film.info.rotation)


def _picture(frame: VideoFrame, rotation: int) -> np.ndarray:
    picture = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(picture, -(rotation // 90))) if rotation else picture


def _pictures(
    cut: Cut, film: Iterator[tuple[float, Callable[[], np.ndarray]]], side: int
) -> Iterator[np.ndarray]:
    """The clip's frames at a steady rate, cropped and reduced; reads no further than its last one."""
    half = 0.5 / cut.fps
    shown = ((t - cut.start, picture) for t, picture in film if t > cut.start - half)
    taken = ((t, _fit(picture(), cut.crop, side)) for t, picture in islice(shown, cut.frames))
    if not cut.vfr:
        yield from (picture for _, picture in taken)
        return
    # A frame is shown until the next one comes: repeat or skip it so that the clip keeps the source's time.
    count, before = 0, None
    for t, picture in taken:
        while before is not None and count < round(t * cut.fps):
            yield before
            count += 1
        before = picture
    while before is not None and count < max(round((cut.end - cut.start) * cut.fps), 1):
        yield before
        count += 1


def _fit(picture: np.ndarray, crop: tuple[int, int, int, int] | None, side: int) -> np.ndarray:
    if crop is not None:
        left, top, width, height = crop
        picture = picture[top : top + height, left : left + width]
    height, width = picture.shape[:2]
    if max(height, width) > side:
        scale = side / max(height, width)
        size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return picture
