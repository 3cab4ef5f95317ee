"""What the renderer knows of a clip: the exact answer that captioners, rewards and tests are judged by."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.synthetic.layout import numbers_of


def encode_mask(mask: np.ndarray) -> list[int]:
    """Run lengths of a boolean array in C order, starting with a run of False."""
    flat = np.asarray(mask, bool).ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return ([0, *runs] if flat.size and flat[0] else runs) or [0]


def decode_mask(runs: list[int], shape: tuple[int, ...]) -> np.ndarray:
    """Inverse of :func:`encode_mask`; raises ValueError when the runs do not fill ``shape``."""
    values = np.arange(len(runs)) % 2 == 1
    flat = np.repeat(values, runs)
    return flat.reshape(shape)


@dataclass(frozen=True)
class Event:
    """Something that happens: ``kind`` (hit, impact_frame, blink ...), first and last frame, detail."""

    kind: str
    first: int
    last: int
    detail: str = ""


@dataclass
class Truth:
    """Ground truth of one rendered clip.

    Attributes:
        directive: complete: every tag that is visible in the picture.
        camera: ``float [T,2,3]``, background plane pixels of frame 0 -> frame t; frame 0 is identity.
        sheet: layer -> drawing number per frame (equal numbers: the same drawing).
        mask: ``bool [T,H,W]`` where the character is.
        deformation: ``float [T,H,W]`` in [0,1], amplitude of intended deformation.
        events: what happens when.
        failure_label, failure_map: None for a clip as intended.
        planes: ``float [2,T,3]``, how the picture lies over set and figure, as two sheets under a camera:
            what its middle looks at, right and down of the middle of the sheet, in sides of the picture, and
            the log of how much of the sheet it sees. The same place of a sheet is the same place of the set
            (of the figure) in every shot of a scene. None where the set turns or the print was made anew.
        poses: ``float [T,P]``, what the figure acts in each frame, as exposed, on model: joint angles in
            radians and the like, see ``animatrix.synthetic.layout.POSE``. Deformations come on top of it, so
            that a take without them has the same. None for figures that are modelled, and where the print
            was made anew.
    """

    directive: Directive
    camera: np.ndarray
    sheet: dict[str, list[int]]
    mask: np.ndarray
    deformation: np.ndarray
    events: list[Event] = field(default_factory=list)
    failure_label: str | None = None
    failure_map: np.ndarray | None = None
    planes: np.ndarray | None = None
    poses: np.ndarray | None = None

    @property
    def layout(self) -> np.ndarray | None:
        """``float [T,LAYOUT]``, planes and poses in one (:func:`animatrix.synthetic.layout.numbers_of`)."""
        return numbers_of(self.planes, self.poses)

    def to_json(self) -> str:
        """One JSON document; masks as run lengths, maps as 8-bit run lengths of their levels."""
        t, h, w = self.mask.shape
        doc: dict[str, Any] = {
            "directive": json.loads(self.directive.canonical_json()),
            "shape": [t, h, w],
            "camera": np.round(self.camera, 5).tolist(),
            "planes": None if self.planes is None else np.round(self.planes, 5).tolist(),
            "poses": None if self.poses is None else np.round(self.poses, 4).tolist(),
            "sheet": self.sheet,
            "mask": [encode_mask(m) for m in self.mask],
            "deformation": _encode_map(self.deformation),
            "events": [[e.kind, e.first, e.last, e.detail] for e in self.events],
            "failure": {"label": self.failure_label, "map": _encode_map(self.failure_map)},
        }
        return json.dumps(doc, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Truth:
        """Inverse of :meth:`to_json`. Raises AniMatrixError(BAD_DIRECTIVE) for any other document."""
        try:
            doc = json.loads(text)
            t, h, w = doc["shape"]
            return cls(
                directive=Directive.model_validate(doc["directive"]),
                camera=np.array(doc["camera"], np.float64).reshape(t, 2, 3),
                sheet={k: [int(n) for n in v] for k, v in doc["sheet"].items()},
                mask=np.stack([decode_mask(m, (h, w)) for m in doc["mask"]]),
                deformation=_decode_map(doc["deformation"], (t, h, w), np.zeros((t, h, w), np.float32)),
                events=[Event(*e) for e in doc["events"]],
                failure_label=doc["failure"]["label"],
                failure_map=_decode_map(doc["failure"]["map"], (t, h, w), None),
                planes=np.array(doc["planes"]).reshape(2, t, 3) if doc.get("planes") else None,
                poses=np.array(doc["poses"]).reshape(t, -1) if doc.get("poses") else None,
            )
        except (KeyError, ValueError, TypeError) as e:
            raise AniMatrixError(Code.BAD_DIRECTIVE, f"not a truth document: {e}") from None


def _encode_map(values: np.ndarray | None) -> list[list[int]] | None:
    """Runs of the 8-bit levels of a [0,1] map: [levels, lengths]; None when there is nothing in it."""
    if values is None or not values.any():
        return None
    flat = np.rint(values * 255).astype(np.uint8).ravel()
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.concatenate([edges, [flat.size]]))
    return [flat[edges].tolist(), lengths.tolist()]


def _decode_map(runs, shape, empty):
    if runs is None:
        return empty
    return (np.repeat(np.array(runs[0], np.float32) / 255, runs[1])).reshape(shape).astype(np.float32)
