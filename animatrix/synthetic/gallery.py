"""Contact sheets: every value that can be drawn as a labelled strip of frames, and a wall of random shots."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Directive, Taxonomy
from animatrix.synthetic.corpus import Corpus
from animatrix.synthetic.drawable import RENDERABLE
from animatrix.synthetic.exhibits import triplet_sheet
from animatrix.synthetic.staging import staged
from animatrix.synthetic.studio import render

FRAME = (320, 192)
LENGTH = 33
PAPER, INK = 246, 40


def _telling_frames(events, length: int, count: int) -> list[int]:
    """``count`` frames spread over the shot, moved to where something happens."""
    picks = np.linspace(0, length - 1, count + 2)[1:-1].round().astype(int)
    picks[0], picks[-1] = min(2, length - 1), max(0, length - 3)
    for event in events:
        if event.kind != "blink" and 0 < event.first < length:
            at = min(length - 1, (event.first + min(event.last, length - 1)) // 2)
            picks[int(np.argmin(np.abs(picks - at)))] = at
    return sorted({int(p) for p in picks} | set(range(count - len(set(picks.tolist())))))[:count]


def strip(
    directive: Directive, seed: int, size: tuple[int, int] = FRAME, count: int = 4, cast: str = "any"
) -> np.ndarray:
    """Frames of one shot side by side, ``uint8 [H,count*W,3]``."""
    clip, truth = render(directive, seed, size, cast)
    picks = _telling_frames(truth.events, len(clip), count)
    while len(picks) < count:
        picks.append(picks[-1])
    gap = np.full((size[1], 4, 3), PAPER, np.uint8)
    parts: list[np.ndarray] = []
    for t in picks:
        parts += [clip.frames[t], gap]
    return np.concatenate(parts[:-1], 1)


def labelled(row: np.ndarray, text: str) -> np.ndarray:
    """A strip with its name above."""
    head = np.full((22, row.shape[1], 3), PAPER, np.uint8)
    cv2.putText(head, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (INK,) * 3, 1, cv2.LINE_AA)
    return np.concatenate([head, row], 0)


def sheet(name: str, seed: int | None = None, size: tuple[int, int] = FRAME, count: int = 4) -> np.ndarray:
    """Contact sheet of one field. Raises AniMatrixError(BAD_OPTION) for a field that is not drawn."""
    if name not in RENDERABLE:
        raise AniMatrixError(
            Code.BAD_OPTION,
            f"there is no sheet of '{name}'",
            did_you_mean(name, RENDERABLE) or ", ".join(RENDERABLE),
        )
    if seed is None:  # one actor and place a sheet, another for the next
        seed = zlib.crc32(name.encode()) % 9973
    rows = [
        labelled(strip(staged(name, value), seed, size, count), f"{name} = {value}")
        for value in RENDERABLE[name]
    ]
    return np.concatenate(rows, 0)


def wall(seed: int = 0, size: tuple[int, int] = FRAME, side: int = 4) -> np.ndarray:
    """``side`` x ``side`` random corpus shots, one frame each."""
    corpus = Corpus(seed, "train", size, LENGTH)
    stills = [corpus.still(i).image for i in range(side * side)]
    return np.concatenate([np.concatenate(stills[r * side : (r + 1) * side], 1) for r in range(side)], 0)


# sheets that are of no field
SPECIAL: dict[str, Callable[[tuple[int, int]], np.ndarray]] = {
    "wall": lambda size: wall(0, size),
    "triplets": triplet_sheet,
}


def fields_in_order() -> Iterator[str]:
    """Drawn fields in the order of the taxonomy."""
    known = Taxonomy.default().fields
    yield from (name for name in known if name in RENDERABLE)


def write_gallery(
    out: Path, only: str | None = None, size: tuple[int, int] = FRAME, quality: int = 74, fresh: bool = False
) -> Iterator[Path]:
    """Write the missing sheets (all of them with ``fresh``) as JPEG and yield each path.

    Raises:
        AniMatrixError: NOT_WRITABLE when ``out`` is no folder, BAD_OPTION for an unknown field.
    """
    from animatrix.media.door import written_whole

    if out.exists() and not out.is_dir():
        raise AniMatrixError(Code.NOT_WRITABLE, f"{out} is not a folder")
    if only is not None and only not in SPECIAL and only not in RENDERABLE:
        sheet(only)
    out.mkdir(parents=True, exist_ok=True)
    for name in [only] if only else [*SPECIAL, *fields_in_order()]:
        path = out / f"{name}.jpg"
        if path.exists() and not fresh:
            continue
        picture = SPECIAL[name](size) if name in SPECIAL else sheet(name, size=size)
        done, data = cv2.imencode(
            ".jpg",
            cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
            [
                cv2.IMWRITE_JPEG_QUALITY,
                quality,
                cv2.IMWRITE_JPEG_OPTIMIZE,
                1,
                cv2.IMWRITE_JPEG_PROGRESSIVE,
                1,
            ],
        )
        assert done
        with written_whole(path) as temporary:
            temporary.write_bytes(data.tobytes())
        yield path


__all__ = ["fields_in_order", "labelled", "sheet", "staged", "strip", "wall", "write_gallery"]
