"""Odd films for the tests: any pixel format, flags, times and rhythm, encoded by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT = 320, 240


def moving(count: int, width: int = WIDTH, height: int = HEIGHT, speed: int = 6) -> np.ndarray:
    """uint8 ``[T,H,W,3]``: a dark bar and a disc that cross a coloured plate, each frame a new drawing."""
    rng = np.random.default_rng(4)
    plate = cv2.resize(rng.integers(60, 220, (6, 8, 3)).astype(np.uint8), (width, height))
    out = np.repeat(plate[None], count, 0)
    for t in range(count):
        x = (speed * t) % width
        cv2.rectangle(out[t], (x, 0), (x + 18, height), (15, 10, 20), -1)
        cv2.circle(out[t], (width - x, height // 2), height // 6, (240, 230, 90), -1)
    return out


def encode(
    pictures: np.ndarray,
    path: Path,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: Fraction | int = 24,
    times: list[int] | None = None,
    options: dict[str, str] | None = None,
    full_range: bool = False,
    muxer: str | None = None,
) -> Path:
    """Frames uint8 ``[T,H,W,3]`` RGB (``[T,H,W,4]`` RGBA) as a film; ``times`` in milliseconds."""
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = pixels
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if full_range:
            stream.codec_context.color_range = 2
        kind = "rgba" if pictures.shape[-1] == 4 else "rgb24"
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kind)
            frame = frame.reformat(format=pixels, dst_color_range=2 if full_range else None)
            frame.pts = index if times is None else times[index]
            frame.time_base = 1 / Fraction(rate) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def woven(pictures: np.ndarray) -> np.ndarray:
    """Two successive pictures in one frame: the first's even lines, the second's odd ones."""
    out = pictures[0::2].copy()
    out[:, 1::2] = pictures[1::2][: len(out), 1::2]
    return out


def pulled_down(pictures: np.ndarray, cycle: tuple[int, ...] = (0, 1, 2, 3, 3)) -> np.ndarray:
    """Film shown by a cycle that repeats frames: (0,1,2,3,3) makes 30 of 24, (0,0,0,1,1) makes 60 of 24."""
    step = max(cycle) + 1
    return np.stack([pictures[i + k] for i in range(0, len(pictures) - step + 1, step) for k in cycle])
