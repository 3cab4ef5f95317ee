"""Small films for curation, and a reader that needs no captioner: it cuts where the whole picture changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animatrix.caption.measure.shot import Shot, shot_of
from animatrix.corpus import Reader
from animatrix.media import Clip, Frame, scan, write_video

SIZE = (320, 240)


def drawn(seed: int, frames: int = 24, size: tuple[int, int] = SIZE, hold: int = 2, still: bool = False):
    """A shot uint8 ``[T,H,W,3]``: a place of patches and lines, and a ball that crosses it on twos."""
    rng = np.random.default_rng(seed)
    width, height = size
    coarse = rng.integers(30, 226, (5, 7, 3)).astype(np.uint8)
    place = cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST)
    for _ in range(10):
        a, b = (tuple(int(v) for v in rng.integers(0, [width, height])) for _ in range(2))
        cv2.line(place, a, b, tuple(int(v) for v in rng.integers(0, 60, 3)), 2, cv2.LINE_AA)
    shot = np.repeat(place[None], frames, 0)
    for t in range(0 if still else frames):
        centre = (int(width * (0.15 + 0.7 * (t - t % hold) / frames)), int(height * 0.6))
        cv2.circle(shot[t], centre, height // 6, (240, 120, 90), -1, cv2.LINE_AA)
        cv2.circle(shot[t], centre, height // 6, (30, 20, 40), 2, cv2.LINE_AA)
    return shot


def film(path: Path, shots: Sequence[np.ndarray], fps: float = 24.0) -> Path:
    return write_video(Clip(np.concatenate(list(shots)), fps), path)


def read(path: Path) -> Iterator[Shot]:
    """Shots of a film, cut where a sixth of the range changes on average at once."""
    held: list[Frame] = []
    for frame in scan(path):
        if held and np.abs(frame.luma.astype(int) - held[-1].luma).mean() > 25:
            yield shot_of(held, 24.0)
            held = []
        held.append(frame)
    if held:
        yield shot_of(held, 24.0)


def describe(shot: Shot) -> dict[str, Any]:
    """A caption with one tag, made up from the picture so that different shots differ."""
    value = "vivid" if shot.colour[0].std() > 45 else "muted"
    last = shot.span(0, len(shot.gray) - 1)[1]
    tag = {"value": value, "confidence": 0.9, "span": [0, last], "source": "measured", "evidence": {}}
    return {"tags": {"palette": [tag]}, "abstained": ["camera_move"], "narrative": f"A {value} shot."}


READER = Reader(read, describe, "test-1")
