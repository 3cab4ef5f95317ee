"""caption(): a video file or clip to tags with confidence and evidence, or an abstention."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from animatrix.caption.measure import MEASURES, Abstention, Shot
from animatrix.caption.reading import read_shots
from animatrix.caption.tag import CaptionTag, prose
from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Taxonomy
from animatrix.media import Clip

LEAST_CONFIDENCE = 0.5  # below it a measure abstains: a wrong tag costs more than a missing one
LEAST_SIDE = 32  # pixels; blocks and corners need a few dozen lines


@dataclass(frozen=True)
class ShotCaption:
    """One shot. ``start`` and ``end`` in seconds; ``reasons`` says why a field is abstained."""

    start: float
    end: float
    fps: float
    frames: int
    tags: dict[str, list[CaptionTag]]
    abstained: list[str]
    narrative: str
    reasons: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The shot as ``animatrix caption --json`` prints it."""
        return {
            "start": round(self.start, 6),
            "end": round(self.end, 6),
            "fps": round(self.fps, 6),
            "frames": self.frames,
            "tags": {name: [tag.to_json() for tag in tags] for name, tags in self.tags.items()},
            "abstained": self.abstained,
            "narrative": self.narrative,
        }


def caption(source: str | os.PathLike[str] | Clip, fields: Sequence[str] | None = None) -> list[ShotCaption]:
    """Read production variables from a video file or a clip, shot by shot.

    Args:
        source: a local video file, or a :class:`animatrix.media.Clip`.
        fields: taxonomy fields to measure; all that have a measure by default.

    Raises:
        AniMatrixError: as ``media.scan``; UNKNOWN_FIELD for a field without a measure.
    """
    chosen = _chosen(fields)
    return [_captioned(shot, chosen) for shot in read_shots(source)]


def caption_shot(shot: Shot, fields: Sequence[str] | None = None) -> ShotCaption:
    """The same of one shot of :func:`animatrix.caption.read_shots`."""
    return _captioned(shot, _chosen(fields))


def _chosen(fields: Sequence[str] | None) -> list[str]:
    """The fields asked for, in the order of the taxonomy."""
    order = {name: index for index, name in enumerate(Taxonomy.default().fields)}
    chosen = list(MEASURES) if fields is None else list(dict.fromkeys(fields))
    for name in chosen:
        if name not in MEASURES:
            raise AniMatrixError(
                Code.UNKNOWN_FIELD,
                f"no measure for field {name!r}",
                did_you_mean(name, MEASURES) or f"measured fields: {', '.join(sorted(MEASURES))}",
            )
    return sorted(chosen, key=lambda name: order[name])


def _captioned(shot: Shot, chosen: Sequence[str]) -> ShotCaption:
    tags: dict[str, list[CaptionTag]] = {}
    reasons: dict[str, str] = {}
    for name in chosen:
        found = _measured(shot, name)
        if isinstance(found, str):
            reasons[name] = found
        else:
            tags[name] = found
    frames = len(shot.gray)
    end = shot.start + float(shot.pts[-1] + 1 / shot.fps)
    narrative = prose(tags, shot.span(0, frames - 1))
    return ShotCaption(shot.start, end, shot.fps, frames, tags, list(reasons), narrative, reasons)


def _measured(shot: Shot, name: str) -> list[CaptionTag] | str:
    """The field's tags, or why there are none."""
    height, width = shot.gray.shape[1:]
    if min(height, width) < LEAST_SIDE:
        return f"a picture of {width}x{height} is too small to measure"
    found = MEASURES[name](shot)
    if isinstance(found, Abstention):
        return found.reason
    sure = [f for f in found if f.confidence >= LEAST_CONFIDENCE]
    if not sure:
        guess = max(found, key=lambda f: f.confidence)
        return f"{guess.value} at a confidence of only {guess.confidence:.2f}"
    whole = shot.span(0, len(shot.gray) - 1)
    return [CaptionTag(f.value, f.confidence, f.span or whole, "measured", f.evidence) for f in sure]
