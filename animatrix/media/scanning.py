"""One decode for every analyser: each frame reduced to what looking at animation needs, in constant memory.

with scan("episode.mkv", guarded=True, strict=False) as film:
    for frame in film:
        print(frame.seconds, frame.luma.shape, frame.colour.shape)
print([fault.message for fault in film.report.faults])

*Guarded*, the file is opened and decoded in a child process (:mod:`animatrix.media.guard`) that may hang,
burst or die without taking this one along, and works while this one measures. The frames are the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import av

from animatrix.media.door import MAX_PIXELS
from animatrix.media.faults import FilmError, ScanReport, Trouble
from animatrix.media.fields import is_combed, taken_apart
from animatrix.media.frames import PLANAR, Frame, planes, reduced_frame
from animatrix.media.read import MAX_SECONDS, Decoding, VideoInfo

COMB_EVERY = 48  # frames; looking for woven fields costs as much as reducing two frames
_COMB_LINES = (240, 1152)  # frames of other heights were never interlaced


@dataclass(frozen=True)
class Limits:
    """What reading a file may cost.

    ``seconds`` of decoding; ``pixels`` a frame; and of a guarded decode ``stall`` seconds for one frame,
    and ``memory`` bytes beyond what the child has when it starts.
    """

    seconds: float = MAX_SECONDS
    pixels: int = MAX_PIXELS
    stall: float = 30.0
    memory: int = 3 << 30  # 8K in 10 bits, with sixteen frames to refer to, takes 2 GB


class Print(NamedTuple):
    """A reduced frame and what the decoder said of it: ``errors`` lines so far (None: not counted),
    ``combed`` None where nobody looked."""

    frame: Frame
    errors: int | None
    interlaced: bool
    combed: bool | None


class Complaints(NamedTuple):
    """Lines of error the decoder has written, None where they are not counted, and the first of them."""

    lines: int | None
    first: str


Printing = Generator[VideoInfo | Print, None, Complaints]  # what the file is, then its frames


class Scan(Iterator[Frame]):
    """The frames of a film, once. ``report`` is complete when they have ended; ``info`` may be asked before.

    Raises:
        AniMatrixError: while iterating, as :func:`scan`.
    """

    def __init__(self, path: str | os.PathLike[str], source: Printing, strict: bool) -> None:
        self.path, self.strict = path, strict
        self.report = ScanReport()
        self._source = source
        self._info: VideoInfo | None = None

    @property
    def info(self) -> VideoInfo:
        """What the file is, after its first frame was decoded."""
        if self._info is None:
            found = next(self._source)
            assert isinstance(found, VideoInfo)
            self._info = found
            self.report.rotation = found.rotation
        return self._info

    def __next__(self) -> Frame:
        try:
            _ = self.info
            found = next(self._source)
        except StopIteration as end:
            if end.value is not None:
                self.report.error_lines, self.report.first_error = end.value
                self._finish()
            raise StopIteration from None
        except FilmError as error:
            if self.strict or not self.report.frames:
                raise
            self.report.faults.append(error.fault)
            if error.complaints is not None:
                self.report.error_lines, self.report.first_error = error.complaints
            self._finish()
            raise StopIteration from None
        assert isinstance(found, Print)
        frame = found.frame
        self.report.count(frame.seconds, frame.damaged, found.interlaced, found.combed)
        self.report.error_lines = found.errors
        return frame

    def _finish(self) -> None:
        self.report.finish()
        if self.strict:
            for fault in self.report.faults:
                if fault.kind is Trouble.DAMAGED:
                    raise FilmError(self.path, fault)

    def close(self) -> None:
        """Stop reading; the report stays as it is."""
        self._source.close()

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def scan(
    path: str | os.PathLike[str],
    *,
    guarded: bool = False,
    strict: bool = True,
    max_frames: int | None = None,
    limits: Limits | None = None,
) -> Scan:
    """Decode a file once, each frame reduced as :class:`Frame` says.

    Args:
        guarded: decode in a child process.
        strict: raise on damage, instead of ending before it or reading on and naming it in ``report``.
        max_frames: stop after this many.

    Raises:
        AniMatrixError: as :func:`animatrix.media.stream_frames`; guarded also DECODER_FAILED.
    """
    limits = limits or Limits()
    if guarded:
        from animatrix.media.guard import guarded_prints

        return Scan(path, guarded_prints(path, limits, max_frames), strict)
    return Scan(path, prints(path, limits, max_frames), strict)


def prints(
    path: str | os.PathLike[str],
    limits: Limits,
    max_frames: int | None,
    complaints: Callable[[], Complaints] | None = None,
) -> Printing:
    """The decode itself, in this process; ``complaints`` tells what the decoder has said so far."""
    film = Decoding(
        path, max_frames=max_frames, max_pixels=limits.pixels, max_seconds=limits.seconds, mend=True
    )
    for index, (seen, frame, interlaced) in enumerate(taken_apart(_seen(film, complaints))):
        info = film.info
        assert info is not None
        if index == 0:
            yield info
        combed = None
        if index % COMB_EVERY == 0 and not interlaced and _COMB_LINES[0] <= frame.height <= _COMB_LINES[1]:
            combed = is_combed(planes(frame)[0]) if frame.format.name in PLANAR else None
        reduced = reduced_frame(index, seen.seconds, frame, info.rotation // 90, seen.damaged)
        yield Print(reduced, seen.errors, interlaced, combed)
    return complaints() if complaints else Complaints(None, "")


class _Seen(NamedTuple):
    seconds: float
    damaged: bool
    errors: int | None


def _seen(
    film: Decoding, complaints: Callable[[], Complaints] | None
) -> Iterator[tuple[_Seen, av.VideoFrame]]:
    """Decoded frames, damaged from a complaint or a corrupt flag to the next key frame without either."""
    damaged, before = False, None
    for seconds, frame in film:
        errors = complaints().lines if complaints else None
        wrong = (errors or 0) + film.lost
        fresh = frame.is_corrupt or (before is not None and wrong > before)
        damaged = fresh or (damaged and not frame.key_frame)
        before = wrong
        yield _Seen(seconds, damaged, errors), frame
