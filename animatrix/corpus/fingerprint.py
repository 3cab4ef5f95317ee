"""What a shot looks like, small enough to compare with every other: hashes and thumbnails of its drawings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from animatrix.corpus.shot import Shot

DRAWINGS = 8  # looked at in a shot, evenly spread
THUMB = (16, 9)
_FLAT = 6.0  # levels of spread: below it a picture says nothing of which shot it is of


@dataclass(frozen=True)
class Fingerprint:
    """``hashes`` uint64 [N] (63 bits used) and ``thumbs`` int16 ``[N,9,16,3]`` of the distinct drawings."""

    hashes: np.ndarray
    thumbs: np.ndarray

    def to_json(self) -> dict[str, Any]:
        return {
            "hashes": [f"{int(h):016x}" for h in self.hashes],
            "thumbs": [t.astype(np.uint8).tobytes().hex() for t in self.thumbs],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Fingerprint:
        hashes = np.array([int(h, 16) for h in found["hashes"]], np.uint64)
        thumbs = [np.frombuffer(bytes.fromhex(t), np.uint8) for t in found["thumbs"]]
        shape = (len(thumbs), THUMB[1], THUMB[0], 3)
        return cls(hashes, np.array(thumbs, np.int16).reshape(shape))


def fingerprint(shot: Shot) -> Fingerprint:
    """Of the drawings shown at evenly spread moments; a blank picture is left out."""
    count = len(shot.gray)
    moments = np.unique(((np.arange(DRAWINGS) + 0.5) / DRAWINGS * count).astype(int))
    hashes: list[int] = []
    thumbs: list[np.ndarray] = []
    for t in moments:
        if shot.gray[t].std() < _FLAT:
            continue
        found = phash(shot.gray[t])
        if found in hashes:
            continue
        hashes.append(found)
        thumbs.append(cv2.resize(shot.colour[t], THUMB, interpolation=cv2.INTER_AREA))
    shape = (len(thumbs), THUMB[1], THUMB[0], 3)
    return Fingerprint(np.array(hashes, np.uint64), np.array(thumbs, np.int16).reshape(shape))


def phash(gray: np.ndarray) -> int:
    """Perceptual hash of a picture uint8 ``[h,w]``: signs of the 63 lowest DCT terms against their median."""
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(small))[:8, :8].ravel()[1:]  # the first is the mean brightness
    bits = low > np.median(low)
    return int(sum(1 << i for i, bit in enumerate(bits) if bit))
