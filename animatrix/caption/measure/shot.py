"""A shot as the measures see it: reduced frames from one decode, and what the measures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from animatrix.caption.joins import Join, Look, look
from animatrix.caption.measure.cadence import Drawings, read_drawings
from animatrix.caption.measure.camera import CameraPath, measure_path
from animatrix.caption.measure.depth import Depth, depth_of
from animatrix.caption.measure.inking import mean_features
from animatrix.caption.measure.layers import LayerSpeeds, held_pairs, layer_speeds, other_layers
from animatrix.caption.measure.reuse import drawing_numbers
from animatrix.caption.measure.subject import subject_track
from animatrix.media import Frame, Whole

REFERENCE_FPS = 24.0  # the rate at which animation is timed, and at which spans are counted
MAX_STILLS = 8  # 6 MB each at 1080p


@dataclass(frozen=True)
class Still:
    """A frame kept whole: ``index`` its place in the shot; ``picture`` as it was read, and ``rgb`` uint8
    ``[H,W,3]`` of it, longer side at most 1920; ``twin`` uint8 ``[H,W]`` the luma of the frame after it, or
    None."""

    index: int
    picture: Whole | np.ndarray
    twin: np.ndarray | None = None

    @property
    def rgb(self) -> np.ndarray:
        return self.picture if isinstance(self.picture, np.ndarray) else self.picture.rgb

    @property
    def height(self) -> int:
        return self.picture.shape[0] if isinstance(self.picture, np.ndarray) else self.picture.height


@dataclass(frozen=True)
class Shot:
    """``gray`` uint8 ``[T,h,w]`` full range, longer side at most 320; ``colour`` uint8 ``[T,h,w,3]`` RGB,
    longer side at most 160; ``pts`` seconds [T] from the shot's first frame; ``fps`` of the container;
    ``start`` seconds of the first frame in its file; ``vfr`` when the container's rate varies; ``joins`` what
    joins it to its neighbours where that is more than a hard cut, in frames of the shot."""

    gray: np.ndarray
    colour: np.ndarray
    pts: np.ndarray
    fps: float
    stills: tuple[Still, ...] = field(default=(), repr=False)
    start: float = 0.0
    vfr: bool = False
    joins: tuple[Join, ...] = ()

    @cached_property
    def detail(self) -> float:
        """Largest standard deviation of a frame's luma, gray levels: near 0 where all of them are empty."""
        return max(float(cv2.meanStdDev(luma)[1][0, 0]) for luma in self.gray)

    @cached_property
    def looks(self) -> list[Look]:
        """Every frame reduced further, to be compared with others at little cost."""
        return [look(luma, colour) for luma, colour in zip(self.gray, self.colour, strict=True)]

    @cached_property
    def camera(self) -> CameraPath:
        return measure_path(self.gray)

    @cached_property
    def drawings(self) -> Drawings:
        path = self.camera
        flat = read_drawings(self.gray, path.matrices, same=path.same, fps=self.fps)
        layers = [] if flat.plain else other_layers(self.layers)
        if not layers:
            return flat
        return read_drawings(self.gray, path.matrices, same=path.same, layers=layers, fps=self.fps)

    @cached_property
    def layers(self) -> LayerSpeeds:
        return layer_speeds(self.gray, self.camera, self.fps)

    @cached_property
    def held_layers(self) -> LayerSpeeds:
        """The same between frames that show one and the same drawing of the figure."""
        pairs = held_pairs(self.camera, self.drawings.new)
        return layer_speeds(self.gray, self.camera, self.fps, pairs)

    @cached_property
    def inking(self) -> dict[str, float]:
        """Features of the lines and the paint of its whole pictures; it must have one."""
        return mean_features(self.stills)

    @cached_property
    def depth(self) -> Depth:
        return depth_of(self.layers, self.held_layers)

    @cached_property
    def subject(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the subject is on the screen, and how large (see :func:`subject_track`)."""
        return subject_track(self)

    @cached_property
    def numbers(self) -> list[int]:
        """Number of the figure's drawing on each frame, from 1; one that comes back keeps its number."""
        return drawing_numbers(self)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Container frames first..last (inclusive) as a span counted at 24 fps."""
        rate = REFERENCE_FPS / self.fps if not 23.0 <= self.fps <= 25.5 else 1.0
        end = max(int(np.ceil((last + 1) * rate - 1e-6)) - 1, 0)
        return min(int(first * rate + 1e-6), end), end


def shot_of(frames: Sequence[Frame], fps: float, vfr: bool = False, joins: tuple[Join, ...] = ()) -> Shot:
    """The shot that consecutive frames of one size make. At most ``MAX_STILLS`` pictures are kept, evenly."""
    start = frames[0].seconds
    stills = [
        Still(i, frame.whole, frames[i + 1].twin if i + 1 < len(frames) else None)
        for i, frame in enumerate(frames)
        if frame.whole is not None
    ]
    if len(stills) > MAX_STILLS:
        kept = np.linspace(0, len(stills) - 1, MAX_STILLS).round().astype(int)
        stills = [stills[int(k)] for k in kept]
    return Shot(
        gray=np.stack([frame.luma for frame in frames]),
        colour=np.stack([frame.colour for frame in frames]),
        pts=np.array([frame.seconds - start for frame in frames]),
        fps=fps,
        stills=tuple(stills),
        start=start,
        vfr=vfr,
        joins=joins,
    )
