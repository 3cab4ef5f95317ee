"""Memory that a decode child and its parent share, and the messages that say what lies in it.

A frame's arrays are written into the next slot of a ring and a fixed-size message tells where and what; the
reader copies them out and gives the slot back by one byte. Nothing is pickled: whatever a broken child sends
is at worst a wrong picture or a message that is refused.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass

import numpy as np

from animatrix.media.frames import COLOUR_SIDE, LUMA_SIDE, PICTURE_SIDE, Frame, Whole

SLOTS = 96  # frames the child may be ahead, while a shot is measured
_PAGE = 4096
_SMALL = -(-(LUMA_SIDE * LUMA_SIDE + 3 * COLOUR_SIDE * COLOUR_SIDE) // _PAGE) * _PAGE
_LARGE_SLOTS = 20  # pictures and twins: eight of each fall within SLOTS frames, with room to spare
_LARGE = -(-3 * PICTURE_SIDE * PICTURE_SIDE // _PAGE) * _PAGE
SIZE = SLOTS * _SMALL + _LARGE_SLOTS * _LARGE  # address space; only what is written takes memory

FRAME, DOCUMENT = 1, 2  # kinds of message
_MESSAGE = struct.Struct("<BBBBIIId8H")  # as Message has them
MESSAGE_BYTES = _MESSAGE.size
_DAMAGED, _INTERLACED, _LOOKED, _COMBED, _PLANES = 1, 2, 4, 8, 16
_SPACES, _RANGES = 17, 2  # the last of H.273 that libav has a name for


@dataclass(frozen=True)
class Message:
    """A frame with its flags, or a JSON document of ``length`` bytes that follows. ``space`` and ``shown``
    (four times its range and its quarter turns) say how a picture that comes as planes is to be shown."""

    kind: int
    flags: int
    space: int
    shown: int
    errors: int
    large: int
    length: int
    seconds: float
    shapes: tuple[tuple[int, int], ...]  # of luma, colour, picture, twin; (0, 0) where there is none

    def packed(self) -> bytes:
        flat = [side for shape in self.shapes for side in shape]
        head = (self.kind, self.flags, self.space, self.shown)
        return _MESSAGE.pack(*head, self.errors, self.large, self.length, self.seconds, *flat)

    @classmethod
    def unpacked(cls, data: bytes) -> Message:
        kind, flags, space, shown, errors, large, length, seconds, *flat = _MESSAGE.unpack(data)
        shapes = tuple(zip(flat[::2], flat[1::2], strict=True))
        return cls(kind, flags, space, shown, errors, large, length, seconds, shapes)

    @property
    def interlaced(self) -> bool:
        return bool(self.flags & _INTERLACED)

    @property
    def combed(self) -> bool | None:
        return bool(self.flags & _COMBED) if self.flags & _LOOKED else None


def document(length: int) -> Message:
    return Message(DOCUMENT, 0, 0, 0, 0, 0, length, 0.0, ((0, 0),) * 4)


class Ring:
    """One side's view of the shared memory, and the number of the frame that comes next."""

    def __init__(self, handle: int) -> None:
        self._bytes = np.frombuffer(mmap.mmap(handle, SIZE), np.uint8)
        self.next = self.large = 0

    def restart(self) -> None:
        self.next = self.large = 0

    def put(self, frame: Frame, errors: int, interlaced: bool, combed: bool | None) -> Message:
        """Write a frame's arrays into the next slot."""
        at = self.next % SLOTS * _SMALL
        self.next += 1
        luma, colour = frame.luma, frame.colour
        self._bytes[at : at + luma.size].reshape(luma.shape)[:] = luma
        self._bytes[at + luma.size : at + luma.size + colour.size].reshape(colour.shape)[:] = colour
        large, whole = self.large, frame.whole
        shapes = [luma.shape, colour.shape[:2]]
        for picture in (None if whole is None else whole.data, frame.twin):
            if picture is not None:
                start = self._large_at(self.large)
                self._bytes[start : start + picture.size].reshape(picture.shape)[:] = picture
                self.large += 1
        shapes.append((0, 0) if whole is None else whole.size)
        shapes.append((0, 0) if frame.twin is None else frame.twin.shape)
        flags = frame.damaged * _DAMAGED | interlaced * _INTERLACED
        flags |= 0 if combed is None else _LOOKED | combed * _COMBED
        space = shown = 0
        if whole is not None and whole.data.ndim == 2:
            flags |= _PLANES
            space, shown = whole.space, 4 * whole.range + whole.turns
        large %= _LARGE_SLOTS
        return Message(FRAME, flags, space, shown, errors, large, 0, frame.seconds, tuple(shapes))

    def take(self, message: Message) -> Frame:
        """Copy a frame's arrays out of its slot.

        Raises:
            ValueError: when the message describes arrays that cannot be in it.
        """
        (h, w), (ch, cw), (ph, pw), (th, tw) = message.shapes
        if not (0 < max(h, w) <= LUMA_SIDE and 0 < max(ch, cw) <= COLOUR_SIDE and h and w and ch and cw):
            raise ValueError("shapes of a frame that is not one")
        if max(ph, pw, th, tw) > PICTURE_SIDE or message.large >= _LARGE_SLOTS:
            raise ValueError("shapes of a picture that is not one")
        at = self.next % SLOTS * _SMALL
        self.next += 1
        luma = self._copied(at, (h, w))
        colour = self._copied(at + h * w, (ch, cw, 3))
        large = message.large
        whole = twin = None
        if ph and message.flags & _PLANES:
            if ph % 2 or pw % 2 or message.space > _SPACES or message.shown // 4 > _RANGES:
                raise ValueError("planes of a picture that is not one")
            planes = self._copied(self._large_at(large), (ph * 3 // 2, pw))
            whole = Whole(planes, message.space, message.shown // 4, message.shown % 4)
            large += 1
        elif ph:
            whole = Whole(self._copied(self._large_at(large), (ph, pw, 3)))
            large += 1
        if th:
            twin = self._copied(self._large_at(large), (th, tw))
        return Frame(message.seconds, luma, colour, whole, twin, bool(message.flags & _DAMAGED))

    def _copied(self, start: int, shape: tuple[int, ...]) -> np.ndarray:
        return self._bytes[start : start + int(np.prod(shape))].reshape(shape).copy()

    @staticmethod
    def _large_at(slot: int) -> int:
        return SLOTS * _SMALL + slot % _LARGE_SLOTS * _LARGE
