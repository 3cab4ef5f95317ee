"""A clip as metrics see it: everything that is read from it is read once, whoever asks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from animatrix.caption.measure import Shot, shot_of
from animatrix.caption.tag import CaptionTag
from animatrix.evaluate.bench.suite import Item
from animatrix.generate.report import read_back_shot
from animatrix.media import Clip, scan_clip

if TYPE_CHECKING:
    from animatrix.prefer.judging import JudgeOfClips, Verdict

STANDS_OUT = 18.0  # levels by which a figure differs from the plate behind it


class Sighting:
    """One clip of one item. ``judge`` is the reward model, where there is one."""

    def __init__(self, item: Item, clip: Clip, judge: JudgeOfClips | None = None) -> None:
        self.item, self.clip, self.judge = item, clip, judge

    @cached_property
    def shot(self) -> Shot:
        return shot_of(list(scan_clip(self.clip)), self.clip.fps)

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Asked against measured, by field."""
        found, self.tags = read_back_shot(self.item.directive, self.shot)
        return {row["field"]: row for row in found}

    @cached_property
    def read(self) -> dict[str, list[CaptionTag]]:
        """What AniCaption reads of the asked fields, with spans at 24 fps."""
        _ = self.rows
        return self.tags

    @cached_property
    def verdict(self) -> Verdict:
        """What the reward model thinks; ask only where ``judge`` is there."""
        assert self.judge is not None
        return self.judge.score(self.clip, self.item.directive)

    @cached_property
    def reference(self) -> Clip:
        """The studio's clip that lent the keyframes."""
        from animatrix.evaluate.bench.generators import drawn_reference

        return drawn_reference(self.item)

    def _path(self, width: int) -> np.ndarray:
        """Where the camera was at each frame, ``float32 [T,2,3]``, for pictures of this width."""
        steps = np.array(self.shot.camera.matrices, np.float32)
        steps[:, :, 2] *= width / self.shot.gray.shape[2]
        return steps

    @cached_property
    def steadied(self) -> np.ndarray:
        """The frames ``float32 [T,h,w,3]`` brought to where the camera was on the first one; NaN where a
        frame does not reach. About 160 pixels wide."""
        colour = self.shot.colour.astype(np.float32)
        height, width = colour.shape[1:3]
        found = []
        for frame, step in zip(colour, self._path(width), strict=True):
            found.append(
                cv2.warpAffine(
                    frame,
                    step,
                    (width, height),
                    flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                    borderMode=cv2.BORDER_CONSTANT,
                    borderValue=(np.nan,) * 3,
                )
            )
        return np.stack(found)

    @cached_property
    def figure(self) -> np.ndarray:
        """``bool [T,h,w]``: where the steadied picture differs from its own median over time, so what moves
        on the plate. A figure that never moves is part of the plate."""
        seen = self.steadied
        height, width = seen.shape[1:3]
        flat = seen.reshape(len(seen), -1)
        plate = np.zeros(flat.shape[1], np.float32)
        known = ~np.isnan(flat).all(0)
        plate[known] = np.nanmedian(flat[:, known], axis=0)
        apart = np.abs(seen - plate.reshape(height, width, 3)).max(-1)
        return np.nan_to_num(apart, nan=0.0) > STANDS_OUT

    @cached_property
    def figure_on_screen(self) -> np.ndarray:
        """:attr:`figure` where it is on the screen, ``bool [T,h,w]``, to look at the frames themselves."""
        height, width = self.figure.shape[1:]
        found = []
        for mask, step in zip(self.figure, self._path(width), strict=True):
            found.append(cv2.warpAffine(mask.astype(np.uint8), step, (width, height)) > 0)
        return np.stack(found)
