"""Which pictures of a shot a model is shown: unique drawings with their time, and dense strips of events.

Held drawings repeat, so a picture every half second shows a hold three times and misses a two-frame smear.
Here each picture is another drawing, and short events come as a strip of every frame round them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.caption.measure import Shot
from animatrix.caption.tag import CaptionTag

MOST_DRAWINGS = 8  # a picture costs a model some hundreds of tokens
MOST_STRIPS = 2
STRIP_FRAMES = 6
EVENT_FRAMES = 8  # a span longer than this is shown by its drawings
SIDE = 768  # pixels of the longer side; more is cut into tiles or scaled down by the models anyway


@dataclass(frozen=True)
class Picture:
    """``rgb`` uint8 ``[h,w,3]``; ``frame`` the first frame shown, counted at 24 fps; ``says`` its caption."""

    rgb: np.ndarray
    frame: int
    says: str


def chosen_pictures(shot: Shot, tags: Mapping[str, Sequence[CaptionTag]]) -> list[Picture]:
    """The drawings of a shot in order of time, then a strip of frames round each of its short events."""
    pictures = [_drawing(shot, index) for index in drawing_frames(shot)]
    return pictures + [_strip(shot, name, value, span) for name, value, span in _events(tags)]


def drawing_frames(shot: Shot, most: int = MOST_DRAWINGS) -> list[int]:
    """A frame of each drawing; with more drawings than ``most``, of the longest held in each equal stretch.

    A frame that was kept whole is preferred to the reduced ones of its drawing.
    """
    count = len(shot.gray)
    runs = shot.drawings.runs if count > 1 else [1]
    ends = np.cumsum(runs)
    starts = ends - np.array(runs)
    whole = [still.index for still in shot.stills]
    inside = [next((i for i in whole if a <= i < b), None) for a, b in zip(starts, ends, strict=True)]
    stretch = (starts * most // count) if len(runs) > most else np.arange(len(runs))
    chosen = []
    for part in np.unique(stretch):
        members = np.flatnonzero(stretch == part)
        best = max(members, key=lambda m: (inside[m] is not None, runs[m], -m))
        middle = int(starts[best] + ends[best] - 1) // 2
        kept = inside[best]
        chosen.append(middle if kept is None else kept)
    return chosen


def _drawing(shot: Shot, index: int) -> Picture:
    still = next((s for s in shot.stills if s.index == index), None)
    rgb = shot.colour[index] if still is None else still.rgb
    frame = shot.span(index, index)[0]
    return Picture(_reduced(rgb), frame, f"Drawing at {shot.pts[index]:.2f} s (frame {frame}):")


def _events(tags: Mapping[str, Sequence[CaptionTag]]) -> list[tuple[str, str, tuple[int, int]]]:
    """The surest short spans among the tags, at most ``MOST_STRIPS``, none showing the same frames again."""
    short = [
        (-tag.confidence, tag.span, name, tag.value)
        for name, found in tags.items()
        for tag in found
        if tag.value != "none" and tag.span[1] - tag.span[0] < EVENT_FRAMES and tag.span[1] > 0
    ]
    chosen: list[tuple[str, str, tuple[int, int]]] = []
    for _, span, name, value in sorted(short):
        near = any(span[0] - 2 <= s[1] and s[0] - 2 <= span[1] for _, _, s in chosen)
        if len(chosen) < MOST_STRIPS and not near:
            chosen.append((name, value, span))
    return sorted(chosen, key=lambda event: event[2])


def _strip(shot: Shot, name: str, value: str, span: tuple[int, int]) -> Picture:
    """Consecutive frames round a span, side by side."""
    at = np.array([shot.span(i, i)[0] for i in range(len(shot.gray))])
    first = max(int(np.searchsorted(at, span[0])) - 1, 0)
    last = min(int(np.searchsorted(at, span[1], side="right")), len(at) - 1)
    shown = range(first, min(last + 1, first + STRIP_FRAMES))
    rgb = np.concatenate([shot.colour[i] for i in shown], axis=1)
    says = f"Consecutive frames {at[shown[0]]} to {at[shown[-1]]}, left to right, round {name}={value}:"
    return Picture(_reduced(rgb, SIDE * 2), int(at[first]), says)


def _reduced(rgb: np.ndarray, side: int = SIDE) -> np.ndarray:
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
