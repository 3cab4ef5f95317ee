"""Frames reduced to what looking at animation needs: small luma and colour, now and then a whole picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from animatrix.media.clip import Clip

LUMA_SIDE = 320  # longer side; finer detail costs time and gains nothing for rigid motion
COLOUR_SIDE = 160
PICTURE_SIDE = 1920
PICTURE_EVERY = 12  # frames, half a second at 24 fps: the longest a drawing passes without being kept whole

PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_BT601 = (4, 5, 6)  # FCC, BT.470 BG, SMPTE 170M of H.273
_UNSPECIFIED = 2
_STRETCH = np.clip((np.arange(256) - 16) * (255 / 219) + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Whole:
    """A whole picture, longer side at most 1920, turned to RGB when somebody looks at it: a shot keeps more
    pictures than its measures look at.

    ``data`` uint8: upright RGB ``[H,W,3]``, or the planes of yuv420p as the decoder gave them ``[3H/2,W]``,
    then with the colour ``space`` and ``range`` of H.273 and the clockwise quarter ``turns`` that show it
    upright.
    """

    data: np.ndarray
    space: int = 0
    range: int = 0
    turns: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, not turned."""
        height, width = self.data.shape[:2]
        return (height, width) if self.data.ndim == 3 else (height * 2 // 3, width)

    @property
    def height(self) -> int:
        """Of the upright picture."""
        return self.size[self.turns % 2]

    @cached_property
    def rgb(self) -> np.ndarray:
        """Uint8 ``[H,W,3]``, upright."""
        if self.data.ndim == 3:
            return self.data
        frame = av.VideoFrame.from_ndarray(self.data, format="yuv420p")
        frame.colorspace, frame.color_range = self.space, self.range
        return _upright(_rgb(frame), self.turns)


@dataclass(frozen=True)
class Frame:
    """One frame of a film, upright.

    ``seconds`` from the first frame; ``luma`` uint8 ``[h,w]`` full range, longer side at most 320; ``colour``
    uint8 ``[h,w,3]`` RGB, longer side at most 160; ``whole`` the frame at up to 1920 pixels, on every twelfth
    frame, else None, and ``picture`` its uint8 ``[H,W,3]`` RGB; ``twin`` uint8 ``[H,W]`` the luma of the
    frame right after one with a picture, at the same size: two prints of one drawing show its grain;
    ``damaged`` when the decoder had to guess parts of it, or of a frame it was made from.
    """

    seconds: float
    luma: np.ndarray
    colour: np.ndarray
    whole: Whole | None = None
    twin: np.ndarray | None = None
    damaged: bool = False

    @property
    def picture(self) -> np.ndarray | None:
        return None if self.whole is None else self.whole.rgb


def reduced_frame(
    index: int, seconds: float, decoded: av.VideoFrame, turns: int, damaged: bool = False
) -> Frame:
    """Frame number ``index`` of a film as measures see it, turned upright by ``turns`` quarters clockwise."""
    yuv = _yuv(decoded)
    luma, colour = _reduced(yuv)
    whole = twin = None
    if index % PICTURE_EVERY == 0:
        whole = _whole(decoded, turns)
    elif index % PICTURE_EVERY == 1:
        twin = _upright(_fit(_full(planes(yuv)[0], yuv), PICTURE_SIDE), turns)
        twin = twin.copy() if twin.base is not None else twin  # the decoder reuses its planes
    return Frame(seconds, _upright(luma, turns), _upright(colour, turns), whole, twin, damaged)


def scan_clip(clip: Clip) -> Iterator[Frame]:
    """The frames of a clip in memory, reduced as those of a file are."""
    for index, rgb in enumerate(clip.frames):
        luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        whole = Whole(_fit(rgb, PICTURE_SIDE)) if index % PICTURE_EVERY == 0 else None
        twin = _fit(luma, PICTURE_SIDE) if index % PICTURE_EVERY == 1 else None
        yield Frame(index / clip.fps, _fit(luma, LUMA_SIDE), _fit(rgb, COLOUR_SIDE), whole, twin)


def _whole(frame: av.VideoFrame, turns: int) -> Whole:
    """The whole frame, its planes as they are where they can be kept so."""
    even = frame.width % 2 == 0 == frame.height % 2
    if frame.format.name == "yuv420p" and even and max(frame.width, frame.height) <= PICTURE_SIDE:
        return Whole(frame.to_ndarray(), int(frame.colorspace), int(frame.color_range), turns)
    return Whole(_upright(_fit(_rgb(frame), PICTURE_SIDE), turns))


def _reduced(frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray]:
    """Luma and colour of a decoded frame, without converting it at full size."""
    plane, *chroma = planes(frame)
    luma = _fit(plane, LUMA_SIDE)
    small = _fit(luma, COLOUR_SIDE)
    size = (small.shape[1], small.shape[0])
    colour = cv2.transform(cv2.merge([small, *(_shrunk(c, size) for c in chroma)]), _to_rgb(frame))
    full = _full(luma, frame)
    return (full.copy() if full is plane else full), colour


def _yuv(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame as planes of 8 bits: itself where it is so, else converted."""
    if frame.format.name in PLANAR:
        return frame
    space = Colorspace.ITU601 if frame.format.is_rgb else None
    range_ = ColorRange.MPEG if frame.format.is_rgb else None
    yuv = frame.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=range_, threads=1)
    if frame.format.is_rgb:
        yuv.colorspace, yuv.color_range = _BT601[-1], ColorRange.MPEG
    return yuv


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    """The whole picture; lies in the converted frame, which lives as long as it does."""
    rgb = frame.reformat(format="rgb24", threads=1)
    plane = rgb.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: rgb.height, : 3 * rgb.width].reshape(rgb.height, rgb.width, 3)


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Y, U and V planes in the frame's own memory."""
    shapes = []
    for plane in frame.planes[:3]:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        shapes.append(rows[: plane.height, : plane.width])
    return shapes


def _fit(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture reduced, never enlarged, so that its longer side has at most ``side`` pixels."""
    height, width = picture.shape[:2]
    if max(height, width) <= side:
        return picture
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _shrunk(picture, size)


def _shrunk(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Area average at ``size`` (width, height). Halving first, which OpenCV does with vector instructions,
    takes a third of the time of one large step; the odd last row or column is left out. For a third, every
    third value of a blur, which OpenCV does so as well, is the same to the last bit."""
    while picture.shape[1] >= 4 * size[0] and picture.shape[0] >= 4 * size[1]:
        height, width = picture.shape[0] // 2, picture.shape[1] // 2
        even = picture[: 2 * height, : 2 * width]
        picture = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
    if picture.shape[1] == 3 * size[0] and picture.shape[0] == 3 * size[1]:
        return np.ascontiguousarray(cv2.blur(picture, (3, 3))[1::3, 1::3])
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _full(luma: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """Luma stretched from 16..235 to 0..255, unless it has the full range already."""
    return luma if _is_full(frame) else np.asarray(cv2.LUT(luma, _STRETCH))


def _is_full(frame: av.VideoFrame) -> bool:
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL_RANGE


def _to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """Matrix ``[3,4]`` from Y, Cb, Cr (8 bits) to R, G, B. BT.709 unless tagged BT.601, or untagged and below
    720 lines."""
    space = int(frame.colorspace)
    old = space in _BT601 or (space == _UNSPECIFIED and min(frame.width, frame.height) < 720)
    return _matrix(old, _is_full(frame))


@cache
def _matrix(old: bool, full: bool) -> np.ndarray:
    red, blue = (0.299, 0.114) if old else (0.2126, 0.0722)
    green = 1 - red - blue
    matrix = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    gains, zero = ((1.0, 1.0, 1.0), 0.0) if full else ((255 / 219, 255 / 224, 255 / 224), 16.0)
    matrix = matrix * np.array(gains)
    return np.column_stack([matrix, -matrix @ np.array([zero, 128.0, 128.0])])


def _upright(picture: np.ndarray, turns: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(picture, -turns)) if turns else picture
