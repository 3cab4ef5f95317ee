"""Small films for curation, and a reader that needs no captioner: it cuts where the whole picture changes."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animatrix.caption.measure.shot import Shot, Still
from animatrix.corpus import Reader
from animatrix.media import Clip, stream_frames, write_video

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
    """Shots of a film, cut where a tenth of the range changes on average at once."""
    held: list[np.ndarray] = []
    start = 0.0
    for seconds, picture in stream_frames(path):
        if held and np.abs(picture.astype(int) - held[-1]).mean() > 25:
            yield _shot(held, start)
            held, start = [], seconds
        held.append(picture)
    if held:
        yield _shot(held, start)


def _shot(pictures: list[np.ndarray], start: float) -> Shot:
    gray = np.stack([cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in pictures])
    colour = np.stack([cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for p in pictures])
    stills = tuple(Still(i, pictures[i]) for i in range(0, len(pictures), 12))
    return Shot(gray, colour, np.arange(len(pictures)) / 24.0, 24.0, stills, start)


def content(dataset: Path) -> dict[str, str]:
    """Hash of every file of a dataset but its working notes."""
    return {
        path.relative_to(dataset).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(dataset.rglob("*"))
        if path.is_file() and path.relative_to(dataset).parts[0] != "work"
    }


def describe(shot: Shot) -> dict[str, Any]:
    """A caption with one tag, made up from the picture so that different shots differ."""
    value = "vivid" if shot.colour[0].std() > 45 else "muted"
    last = shot.span(0, len(shot.gray) - 1)[1]
    tag = {"value": value, "confidence": 0.9, "span": [0, last], "source": "measured", "evidence": {}}
    return {"tags": {"palette": [tag]}, "abstained": ["camera_move"], "narrative": f"A {value} shot."}


READER = Reader(read, describe, "test-1")


def poisoned(path: Path) -> Iterator[Shot]:
    """``read``, but a file's name may say what happens to whoever reads it."""
    shots = read(path)
    yield next(shots)
    word = path.stem.split("_")[0]
    if word in _POISON:
        _POISON[word](path)
    yield from shots


def _once(path: Path) -> None:
    mark = path.with_suffix(".tried")
    if not mark.exists():
        mark.touch()
        os._exit(3)


_POISON: dict[str, Callable[[Path], Any]] = {
    "exits": lambda _: os._exit(7),
    "killed": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "hangs": lambda _: time.sleep(3600),
    "hogs": lambda _: [np.ones(1 << 24) for _ in range(10_000)],
    "huge": lambda _: np.ones(1 << 40),
    "raises": lambda _: {}["no such drawing"],
    "once": _once,
    "patricide": lambda _: (os.kill(os.getppid(), signal.SIGKILL), time.sleep(60)),
}
POISONED = Reader(poisoned, describe, "test-1")


def slowed(path: Path) -> Iterator[Shot]:
    """``read``, with time between the shots for a test to kill the run."""
    for shot in read(path):
        time.sleep(0.1)
        yield shot


SLOWED = Reader(slowed, describe, "test-1")
