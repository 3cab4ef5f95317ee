"""Interlaced film: two fields, a fiftieth or sixtieth of a second apart, woven into one frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

import av
import numpy as np

_STEP = 16  # levels; a woven line differs by more from the lines above and below, and they agree
_SHARE = 0.004  # of the sampled pixels


T = TypeVar("T")  # what a caller notes of a frame


def taken_apart(frames: Iterator[tuple[T, av.VideoFrame]]) -> Iterator[tuple[T, av.VideoFrame, bool]]:
    """Decoded frames, those flagged as interlaced rebuilt from their first field by FFmpeg's ``bwdif``.

    Yields:
        The caller's note, the frame, and whether it was flagged; one frame late from the first flagged on.
    """
    weave: _Weave[T] | None = None
    for note, frame in frames:
        if weave is None and frame.interlaced_frame:
            weave = _Weave(frame)
        if weave is None:
            yield note, frame, False
        else:
            weave.waiting.append((note, frame.interlaced_frame))
            yield from weave.push(frame)
    if weave is not None:
        yield from weave.push(None)


class _Weave(Generic[T]):
    """The filter, and what is known of the frames inside it."""

    def __init__(self, first: av.VideoFrame) -> None:
        self.graph = av.filter.Graph()
        source = self.graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=first.time_base
        )
        bwdif = self.graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        source.link_to(bwdif)
        bwdif.link_to(self.graph.add("buffersink"))
        self.graph.configure()
        self.waiting: deque[tuple[T, bool]] = deque()
        self.count = 0

    def push(self, frame: av.VideoFrame | None) -> Iterator[tuple[T, av.VideoFrame, bool]]:
        """Frames that are done when ``frame`` goes in; None flushes."""
        if frame is not None:
            frame.pts = self.count  # the filter wants rising times, whatever the file has
            self.count += 1
        self.graph.push(frame)
        while self.waiting:
            try:
                done = self.graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            note, flagged = self.waiting.popleft()
            yield note, done, flagged


def is_combed(luma: np.ndarray) -> bool:
    """Whether a luma plane uint8 ``[H,W]`` shows two fields of a moving picture: pixels that differ alike
    from the lines above and below, on three lines in a row. Every eighth column is looked at."""
    lines = luma[:, ::8].astype(np.int16)
    step = np.diff(lines, axis=0)  # [H-1,w] to the next line
    large = np.abs(step) > _STEP
    turns = large[:-1] & large[1:] & ((step[:-1] > 0) != (step[1:] > 0))  # zigzag at a line
    zigzag = turns[:-2] & turns[1:-1] & turns[2:]
    agree = np.abs(lines[2:] - lines[:-2])[1:-1] < _STEP
    return bool(zigzag.size and (zigzag & agree).mean() > _SHARE)
