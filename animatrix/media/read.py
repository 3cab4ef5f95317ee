"""Decoding: what a file says of itself, its frames one by one, or a whole clip. Every read is bounded."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from animatrix.errors import AniMatrixError, Code
from animatrix.media.clip import Clip
from animatrix.media.door import MAX_PIXELS, not_a_video, open_video, reason_of
from animatrix.media.faults import Fault, FilmError, Trouble

MAX_CLIP_BYTES = 4 << 30  # what read_clip keeps in memory
MAX_SECONDS = 3600.0  # of decoding for one file: a feature film at 1080p takes a quarter of it

_DEFAULT_FPS = 24.0


@dataclass(frozen=True)
class VideoInfo:
    """What the container declares; nothing is decoded for it.

    ``width`` and ``height`` as displayed (after ``rotation``, clockwise degrees in 0, 90, 180, 270);
    ``fps`` the average rate; ``frames`` the declared count or None; ``duration`` in seconds or None;
    ``vfr`` when the average and the base rate differ by more than 1%.
    """

    width: int
    height: int
    fps: float
    frames: int | None
    duration: float | None
    codec: str
    rotation: int
    vfr: bool


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Size, rate, length and codec of a video file, from its header and its first frame.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_NOT_A_FILE, FILE_UNREADABLE, NOT_A_VIDEO, FILE_TOO_LARGE.
    """
    film = Decoding(path, max_frames=1)
    frames = iter(film)
    try:
        next(frames)
    except FilmError as error:
        raise not_a_video(path, error.fault.message.rpartition(": ")[2]) from None
    finally:
        frames.close()
    assert film.info is not None
    return film.info


def stream_frames(
    path: str | os.PathLike[str],
    *,
    max_side: int | None = None,
    gray: bool = False,
    max_frames: int | None = None,
    max_pixels: int = MAX_PIXELS,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[tuple[float, np.ndarray]]:
    """Decode a file once, frame by frame, in constant memory.

    Args:
        max_side: reduce (area average) so that the longer side has at most this many pixels; never enlarges.
        gray: yield luma ``uint8 [H,W]`` instead of RGB; far cheaper, the colour conversion is skipped.
        max_frames: stop after this many.
        max_pixels: refuse larger frames.
        max_seconds: wall time the decoder may take for the whole file.

    Yields:
        ``(pts, frame)``: seconds from the first frame, and ``uint8 [H,W,3]`` RGB, upright.

    Raises:
        AniMatrixError: as :func:`probe`; NOT_A_VIDEO also when the file breaks off or changes its frame size.
    """
    film = Decoding(path, max_frames=max_frames, max_pixels=max_pixels, max_seconds=max_seconds)
    for seconds, frame in film:
        yield seconds, _picture(frame, max_side, gray)


class Decoding:
    """Iterating decodes a film once: seconds from the first frame, and each frame in the decoder's own
    memory, good until the next one.

    ``info`` is known from the first frame on. ``max_seconds`` counts the decoder's time, not its caller's.
    With ``mend`` packets that cannot be decoded are passed over, and counted in ``lost``; else they end it.

    Raises:
        AniMatrixError: while iterating, as :func:`stream_frames`; :class:`FilmError` once a frame was read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_frames: int | None = None,
        max_pixels: int = MAX_PIXELS,
        max_seconds: float = MAX_SECONDS,
        mend: bool = False,
    ) -> None:
        self.path, self.max_frames = path, max_frames
        self.max_pixels, self.max_seconds = max_pixels, max_seconds
        self.mend, self.lost = mend, 0
        self.info: VideoInfo | None = None

    def __iter__(self) -> Generator[tuple[float, av.VideoFrame], None, None]:
        spent, begun = 0.0, time.monotonic()
        with open_video(self.path, self.max_pixels) as container:
            stream = container.streams.video[0]
            rate = _rate(stream)
            declared = _declared_seconds(stream, None)
            count, start, ends, shape = 0, None, 0.0, None
            frames = self._frames(container)
            while self.max_frames is None or count < self.max_frames:
                try:
                    frame = next(frames, None)
                except (av.FFmpegError, ValueError, MemoryError) as error:
                    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
                        text = f"not read further: out of memory at frame {count}"
                        raise self._fault(Trouble.CRASHED, count, text) from None
                    raise self._fault(Trouble.CUT_OFF, count, _cut_off(count, reason_of(error))) from None
                if frame is None:
                    if count == 0:
                        raise not_a_video(self.path, "not one frame can be decoded")
                    if declared is not None and declared - ends > max(0.05 * declared, 2.5 / rate):
                        reason = f"its header promises {declared:.1f} seconds"
                        raise self._fault(Trouble.CUT_OFF, count, _cut_off(count, reason))
                    return
                spent += time.monotonic() - begun
                if spent > self.max_seconds:
                    text = f"too slow to read: decoding takes longer than {self.max_seconds:g} s"
                    raise self._fault(Trouble.TOO_SLOW, count, text)
                if shape not in (None, (frame.height, frame.width)):
                    text = _cut_off(count, "the frame size changes")
                    raise self._fault(Trouble.SIZE_CHANGE, count, text)
                shape = (frame.height, frame.width)
                if frame.time is not None:
                    start = frame.time if start is None else start
                    seconds = frame.time - start
                else:
                    seconds = count / rate
                lasts = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
                ends = seconds + max(lasts, 1 / rate)
                if count == 0:
                    self.info = _info(container, frame)
                count += 1
                yield seconds, frame
                begun = time.monotonic()

    def _frames(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        for packet in container.demux(container.streams.video[0]):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                if not self.mend:
                    raise
                self.lost += 1

    def _fault(self, kind: Trouble, count: int, message: str) -> FilmError:
        return FilmError(self.path, Fault(kind, message, count))


def _cut_off(count: int, reason: str) -> str:
    return f"damaged or cut off after {count} frames: {reason}"


def _info(container: InputContainer, first: av.VideoFrame) -> VideoInfo:
    stream = container.streams.video[0]
    turns = quarter_turns(first)
    width, height = (first.height, first.width) if turns % 2 else (first.width, first.height)
    average, base = stream.average_rate, stream.base_rate
    return VideoInfo(
        width=width,
        height=height,
        fps=_rate(stream),
        frames=stream.frames or None,
        duration=_declared_seconds(stream, container.duration),
        codec=stream.codec_context.name,
        rotation=turns * 90,
        vfr=bool(average and base and abs(average / base - 1) > Fraction(1, 100)),
    )


def read_clip(
    path: str | os.PathLike[str], *, max_frames: int | None = None, max_side: int | None = None
) -> Clip:
    """The whole file as a :class:`Clip` (``uint8 [T,H,W,3]`` RGB, upright, at the average rate).

    Args:
        max_frames: keep only the first so many frames.
        max_side: reduce so that the longer side has at most this many pixels.

    Raises:
        AniMatrixError: as :func:`stream_frames`; FILE_TOO_LARGE when the clip would not fit in 4 GiB.
    """
    with open_video(path) as container:
        fps = _rate(container.streams.video[0])
    kept: list[np.ndarray] = []
    size = 0
    for _, frame in stream_frames(path, max_side=max_side, max_frames=max_frames):
        size += frame.nbytes
        if size > MAX_CLIP_BYTES:
            raise AniMatrixError(
                Code.FILE_TOO_LARGE,
                f"{os.fspath(path)} is too long to hold in memory ({len(kept)} frames read)",
                "pass max_frames or max_side, or stream its frames",
            )
        kept.append(frame)
    return Clip(np.stack(kept), fps)


def _rate(stream: VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(rate) if rate and 0 < rate <= 1000 else _DEFAULT_FPS


def _declared_seconds(stream: VideoStream, container_duration: int | None) -> float | None:
    """Length of the picture track; Matroska keeps it as a tag, other files in the header."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")
    try:
        hours, minutes, rest = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)
    except ValueError:
        return container_duration / av.time_base if container_duration else None


def quarter_turns(frame: av.VideoFrame) -> int:
    """Clockwise quarter turns that show the frame upright. The display matrix counts counter-clockwise."""
    return round(-frame.rotation / 90) % 4


def _picture(frame: av.VideoFrame, max_side: int | None, gray: bool) -> np.ndarray:
    picture = plane = _luma(frame) if gray else frame.to_ndarray(format="rgb24", threads=1)
    height, width = picture.shape[:2]
    if max_side is not None and max(height, width) > max_side:
        scale = max_side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    turns = quarter_turns(frame)
    if turns:
        picture = np.ascontiguousarray(np.rot90(picture, -turns))
    return picture.copy() if picture is plane and gray else picture  # the decoder reuses its planes


def _luma(frame: av.VideoFrame) -> np.ndarray:
    """Y plane in the decoder's memory where the format has one of 8 bits, else FFmpeg's gray."""
    if frame.format.name in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12"):
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: frame.height, : frame.width]
    return frame.to_ndarray(format="gray", threads=1)
