"""caption(): a video file or clip to shots, each with tags, confidences, evidence and a narrative."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from animatrix.caption.calibration import calibrated
from animatrix.caption.measure import MEASURES, Abstention, Shot
from animatrix.caption.narrate import Narrator, narrator
from animatrix.caption.reading import read_shots
from animatrix.caption.reconcile import NotThere, reconcile
from animatrix.caption.tag import CaptionTag, prose
from animatrix.knowledge import Taxonomy
from animatrix.media import Clip

LEAST_SIDE = 32  # pixels; blocks and corners need a few dozen lines
LEAST_SEEN = 9  # frames of the shortest shot that the recogniser was trained on


@dataclass(frozen=True)
class ShotCaption:
    """One shot. ``start`` and ``end`` in seconds; ``reasons`` by field: why it is abstained, or what was
    dropped from it; ``narration`` who wrote the narrative, and what of its answer was refused."""

    start: float
    end: float
    fps: float
    frames: int
    tags: dict[str, list[CaptionTag]]
    abstained: list[str]
    narrative: str
    reasons: dict[str, str] = field(default_factory=dict)
    narration: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The shot as ``animatrix caption --json`` prints it."""
        return {
            "start": round(self.start, 6),
            "end": round(self.end, 6),
            "fps": round(self.fps, 6),
            "frames": self.frames,
            "tags": {name: [tag.to_json() for tag in tags] for name, tags in self.tags.items()},
            "abstained": self.abstained,
            "reasons": self.reasons,
            "narrative": self.narrative,
            "narration": self.narration,
        }


class Captioner:
    """Reads shots one by one; made once for many.

    Args:
        fields: taxonomy fields to read; all by default.
        tell: a narrator, or the spec of one; ``none`` says the tags in sentences.
        recogniser: whether the learned tagger answers where no measure does.

    Raises:
        AniMatrixError: UNKNOWN_FIELD; as :func:`animatrix.caption.narrate.narrator`.
    """

    def __init__(
        self,
        fields: Sequence[str] | None = None,
        tell: str | Narrator = "none",
        recogniser: bool = True,
    ):
        taxonomy = Taxonomy.default()
        asked = {taxonomy.field(name).id for name in fields} if fields is not None else set(taxonomy.fields)
        self.fields = [name for name in taxonomy.fields if name in asked]
        # A speed stands only beside its move: what an asked field needs is read with it, and left out again.
        needed = {
            target.partition(".")[0]
            for rule in taxonomy.constraints
            if rule.kind == "requires_any" and rule.severity == "error"
            if any(term.partition(".")[0] in asked for term in rule.when)
            for target in rule.targets
        }
        self._read = [name for name in taxonomy.fields if name in asked | needed]
        self.narrator = narrator(tell, fields) if isinstance(tell, str) else tell
        self.recogniser = recogniser

    def read(self, shot: Shot) -> ShotCaption:
        """What one shot shows."""
        whole = shot.span(0, len(shot.gray) - 1)
        measured = {name: _measured(shot, name) for name in self._read if name in MEASURES}
        recognised = self._recognised(shot, whole)
        seen = reconcile(measured, recognised, {}, whole)
        narration = self.narrator.narrate(shot, seen.tags)
        if narration.tags:
            seen = reconcile(measured, recognised, narration.tags, whole)
        end = shot.start + float(shot.pts[-1] + 1 / shot.fps)
        said = {**narration.provenance, **({"rejected": narration.rejected} if narration.rejected else {})}
        return ShotCaption(
            shot.start,
            end,
            shot.fps,
            len(shot.gray),
            {name: tags for name, tags in seen.tags.items() if name in self.fields},
            [name for name in self.fields if name not in seen.tags],
            narration.narrative if narration.narrative is not None else prose(seen.tags, whole),
            {
                **{name: "nothing here reads it" for name in self.fields if name not in seen.tags},
                **{name: why for name, why in seen.reasons.items() if name in self.fields},
            },
            said,
        )

    def _recognised(self, shot: Shot, whole: tuple[int, int]) -> dict[str, list[CaptionTag] | str]:
        if not self.recogniser or min(shot.gray.shape[1:]) < LEAST_SIDE or len(shot.gray) < LEAST_SEEN:
            return {}
        from animatrix.caption.recognise import recognise

        reading = recognise(shot.colour, shot.fps)
        answers: dict[str, list[CaptionTag] | str] = {}
        for name in self._read:
            if name in reading.guesses:
                answers[name] = [
                    CaptionTag(
                        g.value,
                        g.confidence,
                        g.span or whole,
                        "recognised",
                        {"familiar": round(reading.familiar, 3)},
                    )
                    for g in reading.guesses[name]
                ]
            elif name in reading.reasons:
                answers[name] = reading.reasons[name]
        return answers


def caption(
    source: str | os.PathLike[str] | Clip,
    fields: Sequence[str] | None = None,
    *,
    tell: str | Narrator = "none",
    recogniser: bool = True,
) -> list[ShotCaption]:
    """Read production variables from a video file or a clip, shot by shot.

    Args:
        source: a local video file, or a :class:`animatrix.media.Clip`.
        fields: taxonomy fields to read; all by default.
        tell: a narrator or its spec, as ``--narrator`` takes it.
        recogniser: whether the learned tagger answers where no measure does.

    Raises:
        AniMatrixError: as ``media.scan``; as :class:`Captioner`.
    """
    reader = Captioner(fields, tell, recogniser)
    return [reader.read(shot) for shot in read_shots(source)]


def caption_shot(
    shot: Shot,
    fields: Sequence[str] | None = None,
    *,
    tell: str | Narrator = "none",
    recogniser: bool = True,
) -> ShotCaption:
    """The same of one shot of :func:`animatrix.caption.read_shots`."""
    return Captioner(fields, tell, recogniser).read(shot)


def measured_raw(shot: Shot, name: str) -> list[CaptionTag] | str:
    """A measure's own answer, its score not calibrated and nothing held back; or why there is none."""
    height, width = shot.gray.shape[1:]
    if min(height, width) < LEAST_SIDE:
        return f"a picture of {width}x{height} is too small to measure"
    found = MEASURES[name](shot)
    if isinstance(found, Abstention):
        return NotThere(found.reason) if found.for_all else found.reason
    whole = shot.span(0, len(shot.gray) - 1)
    return [CaptionTag(f.value, f.confidence, f.span or whole, "measured", f.evidence) for f in found]


def _measured(shot: Shot, name: str) -> list[CaptionTag] | str:
    """The field's tags with calibrated confidence, or why there are none."""
    found = measured_raw(shot, name)
    if isinstance(found, str):
        return found
    judged = [(tag, *calibrated(name, tag.value, tag.confidence)) for tag in found]
    sure = [replace(tag, confidence=chance) for tag, chance, good in judged if good]
    if not sure:
        guess, chance, _ = max(judged, key=lambda judgement: judgement[1])
        return f"{guess.value} at a confidence of only {chance:.2f}"
    return sure
