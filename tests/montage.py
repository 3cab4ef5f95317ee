"""Films cut from shots by script: hard cuts, flashes, fades, dissolves, wipes and irises, and where they are.

Shares no code with the cut finder or with ``animatrix.synthetic``: it only joins pictures it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GRADUAL = ("fade", "white_fade", "dissolve", "wipe", "iris")
KINDS = ("cut", "flash", *GRADUAL)


@dataclass(frozen=True)
class Splice:
    """A join of two shots: ``first`` to ``last``, inclusive, are the frames of the film that it touches (for
    a hard cut the first frame of the new shot alone); ``at`` is the frame that begins the new shot."""

    kind: str
    first: int
    last: int
    at: int


@dataclass(frozen=True)
class Montage:
    """``frames`` uint8 ``[T,H,W,3]`` RGB and the joins between its shots, in order."""

    frames: np.ndarray
    splices: tuple[Splice, ...]


def montage(
    shots: Sequence[np.ndarray], kinds: Sequence[str], rng: np.random.Generator, rate: float = 1.0
) -> Montage:
    """Join shots uint8 ``[T,H,W,3]`` of one size, ``kinds[i]`` between shot i and i+1; lengths of the joins
    are drawn from ``rng`` as far as the shots allow. ``rate``: frames shown per frame of film.

    Raises:
        ValueError: for a kind that is not one of ``KINDS``.
    """
    film = list(shots[0])
    splices = []
    for kind, shot in zip(kinds, shots[1:], strict=True):
        # half the shots at most, or joins would run into each other
        room = min(len(shot), len(film) - (splices[-1].last + 1 if splices else 0)) // 2
        if kind not in KINDS:
            raise ValueError(kind)
        if kind in GRADUAL and room < 6 * rate:
            kind = "cut"
        film, splice = _joined(film, list(shot), kind, room, rng, rate)
        splices.append(splice)
    return Montage(np.stack(film), tuple(splices))


def _joined(
    film: list, shot: list, kind: str, room: int, rng: np.random.Generator, rate: float
) -> tuple[list, Splice]:
    end = len(film)

    def length(least: int, most: int, limit: int) -> int:
        """Frames shown, of ``least`` to ``most`` frames of film, at most ``limit`` shown."""
        return max(1, min(round(rate * rng.integers(least, most + 1)), limit))

    if kind == "cut":
        return film + shot, Splice(kind, end, end, end)
    if kind == "flash":
        count = length(1, 4, 20)
        after = length(0, 4, room) if room else 0
        white = [np.full_like(shot[0], int(rng.integers(235, 256)))] * count
        decay = [_mix(shot[i], white[0], 1 - (i + 1) / (after + 1)) for i in range(after)]
        film = film + white + decay + shot[after:]
        return film, Splice(kind, end, end + count + max(after - 1, 0), end + count // 2)
    if kind in ("fade", "white_fade"):
        ground = np.full_like(shot[0], 0 if kind == "fade" else 255)
        out, into, held = length(6, 16, room), length(6, 16, room), length(1, 8, 40)
        film = film[:-out] + [_mix(f, ground, (i + 1) / (out + 1)) for i, f in enumerate(film[-out:])]
        shot = [_mix(f, ground, 1 - (i + 1) / (into + 1)) for i, f in enumerate(shot[:into])] + shot[into:]
        film = film + [ground] * held + shot
        return film, Splice(kind, end - out, end + held + into - 1, end + held // 2)
    if kind == "iris":
        closing, opening, held = length(8, 16, room), length(8, 16, room), length(1, 6, 40)
        middle = rng.uniform(0.35, 0.65, 2)
        film = film[:-closing] + [
            _iris(f, middle, 1 - (i + 1) / (closing + 1)) for i, f in enumerate(film[-closing:])
        ]
        shot = [_iris(f, middle, (i + 1) / (opening + 1)) for i, f in enumerate(shot[:opening])] + shot[
            opening:
        ]
        film = film + [np.zeros_like(shot[0])] * held + shot
        return film, Splice(kind, end - closing, end + held + opening - 1, end + held // 2)
    count = length(6, 24, room)
    start = end - count
    shares = [(i + 1) / (count + 1) for i in range(count)]
    if kind == "dissolve":
        middle = [_mix(a, b, u) for a, b, u in zip(film[start:], shot[:count], shares, strict=True)]
    else:
        way = rng.normal(0, 1, 2)
        middle = [_wiped(a, b, u, way) for a, b, u in zip(film[start:], shot[:count], shares, strict=True)]
    return film[:start] + middle + shot[count:], Splice(kind, start, end - 1, start + count // 2)


def _mix(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    return np.rint(a * (1 - share) + b * share).astype(np.uint8)


def _iris(frame: np.ndarray, middle: np.ndarray, share: float) -> np.ndarray:
    height, width = frame.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    far = np.hypot((x - middle[0] * width), (y - middle[1] * height))
    return frame * (far < share * far.max())[..., None].astype(np.uint8)


def _wiped(a: np.ndarray, b: np.ndarray, share: float, way: np.ndarray) -> np.ndarray:
    height, width = a.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    place = way[0] * x / width + way[1] * y / height
    place = (place - place.min()) / np.ptp(place)
    return np.where((place < share)[..., None], b, a)
