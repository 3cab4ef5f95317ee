"""Encoding clips: the same frames give the same bytes, and a file appears only when it is whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.media.clip import Clip
from animatrix.media.door import written_whole

_BT709 = 1  # H.273 code, the same for primaries, transfer and matrix


@dataclass(frozen=True)
class Encoding:
    """A way to write a file: muxer, codec, pixel format, and their options."""

    muxer: str
    codec: str
    pixels: str
    codec_options: dict[str, str]
    muxer_options: dict[str, str]


# yuv420p plays in every browser; crf 14 is visually lossless on flat colours and ink lines.
# mbtree=0: that pass of x264 reads uninitialised memory and gave five different files in 25 runs.
_H264 = {"crf": "14", "preset": "medium", "tune": "animation", "x264-params": "mbtree=0"}
_VP9 = {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "3", "row-mt": "0"}
ENCODINGS: dict[str, Encoding] = {
    ".mp4": Encoding("mp4", "libx264", "yuv420p", _H264, {"movflags": "+faststart"}),
    ".m4v": Encoding("mp4", "libx264", "yuv420p", _H264, {"movflags": "+faststart"}),
    ".mov": Encoding("mov", "libx264", "yuv420p", _H264, {"movflags": "+faststart"}),
    ".mkv": Encoding("matroska", "libx264", "yuv420p", _H264, {}),
    ".webm": Encoding("webm", "libvpx-vp9", "yuv420p", _VP9, {}),
}
# FFV1 keeps every RGB value. Only Matroska carries it where players look for it.
LOSSLESS: dict[str, Encoding] = {
    ".mkv": Encoding("matroska", "ffv1", "bgr0", {"level": "3", "slices": "4", "slicecrc": "1"}, {}),
}


def write_video(
    clip: Clip,
    path: str | os.PathLike[str],
    *,
    lossless: bool = False,
    encoding: Encoding | None = None,
) -> Path:
    """Encode a clip; the suffix chooses the container. Deterministic: the same clip gives the same bytes.

    Args:
        clip: odd sizes are padded by one repeated row or column, since yuv420p needs even ones.
        path: ``.mp4``, ``.m4v``, ``.mov``, ``.mkv`` (H.264) or ``.webm`` (VP9).
        lossless: FFV1 in ``.mkv``, bit-exact RGB at any size.
        encoding: another way to write it than the suffix's own, whatever the suffix.

    Returns:
        The path written.

    Raises:
        AniMatrixError: UNSUPPORTED_OUTPUT for another suffix; NOT_WRITABLE, leaving nothing behind.
    """
    return write_frames(clip.frames, clip.fps, path, lossless=lossless, encoding=encoding)


def write_frames(
    frames: Iterable[np.ndarray],
    fps: float,
    path: str | os.PathLike[str],
    *,
    lossless: bool = False,
    encoding: Encoding | None = None,
) -> Path:
    """:func:`write_video` of frames uint8 ``[H,W,3]`` RGB as they come, at least one, of one size: a shot
    need not fit in memory."""
    path = Path(path)
    table = LOSSLESS if lossless else ENCODINGS
    encoding = encoding or table.get(path.suffix.lower())
    if encoding is None:
        what = "lossless video" if lossless else "video"
        raise AniMatrixError(
            Code.UNSUPPORTED_OUTPUT,
            f"cannot write {what} as {path.suffix or 'a file without suffix'!r}: {path.name}",
            did_you_mean(path.suffix.lower(), table) or f"use {', '.join(table)}",
        )
    with written_whole(path) as temporary:
        try:
            _encode(frames, fps, temporary, encoding)
        except av.FFmpegError as error:
            raise AniMatrixError(Code.NOT_WRITABLE, f"cannot write {path}: {error.strerror}") from None
    return path


def _encode(frames: Iterable[np.ndarray], fps: float, path: Path, encoding: Encoding) -> None:
    rate = Fraction(fps).limit_denominator(1001)
    pictures = (picture if encoding.codec == "ffv1" else _even(picture) for picture in frames)
    first = next(pictures, None)
    if first is None:
        raise ValueError("a video has at least one frame")
    options = {"fflags": "+bitexact", **encoding.muxer_options}  # no version strings, no dates
    with av.open(str(path), "w", format=encoding.muxer, options=options) as container:
        stream = container.add_stream(encoding.codec, rate=rate, options=encoding.codec_options)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = encoding.pixels
        context = stream.codec_context
        context.thread_count = 1  # slices and frame threads change the bytes with the number of cores
        context.flags |= av.codec.context.Flags.bitexact
        yuv = encoding.pixels.startswith("yuv")
        if yuv:  # tagged, or players guess BT.601 for small pictures and shift the colours
            context.colorspace = context.color_primaries = context.color_trc = _BT709
        for index, picture in enumerate(chain([first], pictures)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(format=encoding.pixels, dst_colorspace=_BT709 if yuv else None)
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _even(picture: np.ndarray) -> np.ndarray:
    odd_rows, odd_columns = picture.shape[0] % 2, picture.shape[1] % 2
    if not (odd_rows or odd_columns):
        return picture
    return np.pad(picture, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")


def write_png_sequence(clip: Clip, folder: str | os.PathLike[str]) -> Path:
    """Write ``frame_0000.png`` and on into a new folder, which appears only when it is complete.

    Raises:
        AniMatrixError: NOT_WRITABLE when the folder exists and is not empty, or cannot be made.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AniMatrixError(Code.NOT_WRITABLE, f"{folder} exists already", "give a new folder name")
    if not folder.parent.is_dir():
        raise AniMatrixError(Code.NOT_WRITABLE, f"no such folder: {folder.parent}")
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", dir=folder.parent))
    except OSError as error:
        raise AniMatrixError(Code.NOT_WRITABLE, f"cannot write {folder}: {error.strerror}") from None
    try:
        for index, picture in enumerate(clip.frames):
            ok, png = cv2.imencode(".png", picture[..., ::-1])
            assert ok
            (temporary / f"frame_{index:04d}.png").write_bytes(png.tobytes())
        temporary.chmod(0o755)
        temporary.replace(folder)
    except OSError as error:
        raise AniMatrixError(Code.NOT_WRITABLE, f"cannot write {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder
