"""Clips as packs of lossless frames: nothing but pixels, and all of a study of one length in bytes.

pack = ``AMFP1\\0`` + count + count byte lengths (uint32, little-endian) + that many PNG files + zeros
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from pathlib import Path

import cv2
import numpy as np

from animatrix.caption.measure.cadence import drawing_runs
from animatrix.media import Clip, read_clip, write_video

MAGIC = b"AMFP1\0"
BLOCK = 1 << 16  # packs end at a multiple of this


def packed(frames: np.ndarray) -> bytes:
    """Frames ``uint8 [T,H,W,3]`` RGB as a pack without its zeros. The same frames give the same bytes."""
    pictures = []
    for frame in frames:
        # One filter and level for all; OpenCV writes header, pixels and end, and no text or time.
        done, data = cv2.imencode(
            ".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 6]
        )
        assert done
        pictures.append(data.tobytes())
    lengths = struct.pack(f"<I{len(pictures)}I", len(pictures), *map(len, pictures))
    return MAGIC + lengths + b"".join(pictures)


def unpacked(data: bytes) -> np.ndarray:
    """The frames of a pack, ``uint8 [T,H,W,3]`` RGB. Raises ValueError for anything else."""
    start = len(MAGIC) + 4
    if data[: len(MAGIC)] != MAGIC or len(data) < start:
        raise ValueError("not a pack of frames")
    (count,) = struct.unpack_from("<I", data, len(MAGIC))
    if not 1 <= count <= (len(data) - start) // 4:
        raise ValueError("a pack of frames that is cut off")
    lengths = struct.unpack_from(f"<{count}I", data, start)
    at, frames = start + 4 * count, []
    for length in lengths:
        picture = cv2.imdecode(np.frombuffer(data[at : at + length], np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise ValueError("a pack of frames that is cut off")
        frames.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        at += length
    return np.stack(frames)


def fill(path: Path, size: int) -> None:
    """Fill a pack up with zeros to ``size`` bytes, so that its length says nothing of the clip."""
    os.truncate(path, size)


def common_size(lengths: list[int]) -> int:
    """Bytes that every pack of a study has: the longest, rounded up to whole blocks."""
    return -(-max(lengths) // BLOCK) * BLOCK


def holds(frames: np.ndarray) -> list[list[int]]:
    """First and last frame of each held drawing, in order: ``[[0, 1], [2, 3], ...]``, camera moves aside."""
    runs = drawing_runs(frames) if len(frames) > 2 else [1] * len(frames)
    ends = np.cumsum(runs)
    return [[int(end - run), int(end - 1)] for run, end in zip(runs, ends, strict=True)]


def name_of(pack: bytes) -> str:
    """File name of a pack: of what is in it, so that it says no more than the pixels do."""
    return hashlib.sha256(pack).hexdigest()[:32] + ".amfp"


def through_codec(clip: Clip) -> Clip:
    """The clip encoded and decoded once as every other clip, where the sources were not encoded alike."""
    with tempfile.TemporaryDirectory() as folder:
        even = clip.frames[:, : clip.frames.shape[1] // 2 * 2, : clip.frames.shape[2] // 2 * 2]
        return read_clip(write_video(Clip(np.ascontiguousarray(even), clip.fps), Path(folder) / "clip.mp4"))
