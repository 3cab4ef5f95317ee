"""Contact sheets: clips as labelled strips of frames in one PNG, for documents and for looking at results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.media.clip import Clip
from animatrix.media.door import written_whole

_PAPER, _INK, _GAP, _CAPTION_HEIGHT = 250, 40, 6, 18


def contact_sheet(
    clips: Sequence[Clip],
    path: str | os.PathLike[str],
    *,
    columns: int = 1,
    captions: Sequence[str] | None = None,
    frames_per_clip: int = 6,
    scale: float = 1.0,
    smooth: bool = True,
) -> Path:
    """Write a PNG or JPEG with one strip of evenly spaced frames per clip, ``columns`` strips side by side.

    Args:
        captions: one line above each strip (ASCII: OpenCV's stroke font has no other letters).
        scale: enlargement of the frames, cubic if ``smooth``, else nearest.

    Raises:
        AniMatrixError: BAD_OPTION without clips or with an unequal number of captions; NOT_WRITABLE.
    """
    if not clips or columns < 1 or frames_per_clip < 1 or not scale > 0:
        raise AniMatrixError(Code.BAD_OPTION, "a contact sheet needs clips, and positive columns and scale")
    if captions is not None and len(captions) != len(clips):
        raise AniMatrixError(Code.BAD_OPTION, f"{len(captions)} captions for {len(clips)} clips")
    lines = captions if captions is not None else [""] * len(clips)
    strips = [
        _strip(clip, line if captions is not None else None, frames_per_clip, scale, smooth)
        for clip, line in zip(clips, lines, strict=True)
    ]
    height = max(s.shape[0] for s in strips)
    width = max(s.shape[1] for s in strips)
    rows = -(-len(strips) // columns)
    sheet = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), _PAPER, np.uint8)
    for index, strip in enumerate(strips):
        y = _GAP + (index // columns) * (height + _GAP)
        x = _GAP + (index % columns) * (width + _GAP)
        sheet[y : y + strip.shape[0], x : x + strip.shape[1]] = strip
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".png", ".jpg"):
        raise AniMatrixError(Code.UNSUPPORTED_OUTPUT, f"a contact sheet is a .png or .jpg, not {path.name}")
    with written_whole(path) as temporary:
        ok, picture = cv2.imencode(kind, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
        assert ok
        temporary.write_bytes(picture.tobytes())
    return path


def _strip(clip: Clip, caption: str | None, count: int, scale: float, smooth: bool) -> np.ndarray:
    chosen = np.unique(np.linspace(0, len(clip) - 1, count).round().astype(int))
    width, height = (max(1, round(side * scale)) for side in clip.size)
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    tiles = [cv2.resize(clip.frames[i], (width, height), interpolation=shrink) for i in chosen]
    gap = np.full((height, 2, 3), _PAPER, np.uint8)
    strip = np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1)
    if caption is None:
        return strip
    label = np.full((_CAPTION_HEIGHT, strip.shape[1], 3), _PAPER, np.uint8)
    plain = caption.encode("ascii", "replace").decode()
    cv2.putText(label, plain, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (_INK,) * 3, 1, cv2.LINE_AA)
    return np.concatenate([label, strip], axis=0)
