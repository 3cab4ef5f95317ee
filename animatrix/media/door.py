"""Opening foreign video files safely, and putting finished files under their final name.

A video file comes from anywhere. Only regular local files are opened, only by demuxers that hold a film (a
playlist named ``.mp4`` would otherwise make FFmpeg fetch what it lists), and never by URL.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from animatrix.errors import AniMatrixError, Code

# Self-contained containers only: nothing here refers to a second file or to the network.
DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,gif,asf,mxf,ivf,nut,yuv4mpegpipe"
MAX_PIXELS = 8192 * 4352  # 8K: above it one frame alone is 100 MB
_SUFFIX_HINT = "give a video file such as .mp4, .mkv, .mov or .webm"


def regular_file(path: str | os.PathLike[str]) -> Path:
    """The path, when it is a readable regular file that is not empty.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_NOT_A_FILE, FILE_UNREADABLE, or NOT_A_VIDEO when it has no bytes.
    """
    path = Path(path)
    try:
        info = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise AniMatrixError(Code.FILE_MISSING, f"no such file: {_shown(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or "not a file name"
        raise AniMatrixError(Code.FILE_UNREADABLE, f"cannot open {_shown(path)}: {reason}") from None
    if not stat.S_ISREG(info.st_mode):
        kind = "a directory" if stat.S_ISDIR(info.st_mode) else "not a regular file"
        raise AniMatrixError(Code.FILE_NOT_A_FILE, f"{_shown(path)} is {kind}", _SUFFIX_HINT)
    if not os.access(path, os.R_OK):
        raise AniMatrixError(Code.FILE_UNREADABLE, f"cannot open {_shown(path)}: permission denied")
    if info.st_size == 0:
        raise not_a_video(path, "the file is empty")
    return path


@contextmanager
def open_video(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Iterator[InputContainer]:
    """Container of a local video file with at least one video stream, decoding on one thread.

    Raises:
        AniMatrixError: as :func:`regular_file`; NOT_A_VIDEO when no video can be found in it;
            FILE_TOO_LARGE when a frame has more than ``max_pixels`` pixels.
    """
    path = regular_file(path)
    try:
        container = av.open(
            f"file:{path}",  # the prefix keeps names such as "concat:a|b" from being read as a protocol
            options={"protocol_whitelist": "file", "format_whitelist": DEMUXERS},
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise not_a_video(path, reason_of(error)) from None
    with container:
        if not container.streams.video:
            raise not_a_video(path, "it holds no picture track")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise not_a_video(path, "its codec is not known")
        if context.width * context.height > max_pixels:
            raise AniMatrixError(
                Code.FILE_TOO_LARGE,
                f"{_shown(path)} has frames of {context.width}x{context.height} pixels",
                f"at most {max_pixels} pixels a frame are read",
            )
        context.thread_count = 1  # one decoder thread per worker: workers are what fills the cores
        context.options = {"max_pixels": str(max_pixels)}  # holds when the stream changes its size, too
        yield container


def not_a_video(path: str | os.PathLike[str], reason: str) -> AniMatrixError:
    return AniMatrixError(Code.NOT_A_VIDEO, f"{_shown(path)} is not a video: {reason}", _SUFFIX_HINT)


def reason_of(error: Exception) -> str:
    """FFmpeg's own words without its error number and the file name."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:120].lower()


def _shown(path: str | os.PathLike[str]) -> str:
    """The name in one line, whatever characters it has."""
    text = str(path)
    return text if text.isprintable() and text else repr(text)


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its name when the block succeeds, else vanishes.

    Raises:
        AniMatrixError: NOT_WRITABLE, naming the folder or file.
    """
    path = Path(path)
    if path.is_dir():
        raise AniMatrixError(Code.NOT_WRITABLE, f"{_shown(path)} is a directory", "give a file name")
    if not path.parent.is_dir():
        raise AniMatrixError(Code.NOT_WRITABLE, f"no such folder: {_shown(path.parent)}")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise AniMatrixError(Code.NOT_WRITABLE, f"cannot write {_shown(path)}: {error.strerror}") from None
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; an output is an ordinary one
        temporary.replace(path)
    except OSError as error:
        if isinstance(error, av.FFmpegError):
            raise
        raise AniMatrixError(Code.NOT_WRITABLE, f"cannot write {_shown(path)}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
