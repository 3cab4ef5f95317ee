"""What a caption is made of: a value read from the picture, and the sentences that say a shot's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from animatrix.knowledge import Directive, Tag, Taxonomy
from animatrix.knowledge.taxonomy import RESERVED
from animatrix.knowledge.timing import REFERENCE_RATE

Span = tuple[int, int]


@dataclass(frozen=True)
class CaptionTag:
    """A value read from the picture.

    ``confidence`` in [0,1]; ``span`` first and last frame from the shot's start, inclusive, counted at 24
    fps; ``source`` 'measured', 'recognised' or 'narrated'; ``evidence`` what it was decided on.
    """

    value: str
    confidence: float
    span: Span
    source: str = "measured"
    evidence: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "confidence": round(self.confidence, 3),
            "span": list(self.span),
            "source": self.source,
            "evidence": self.evidence,
        }


def prose(tags: Mapping[str, Sequence[CaptionTag]], whole: Span) -> str:
    """Sentences that say the tags; the narrative where no model has looked at the picture.

    ``whole`` is the shot's own span at 24 fps; a tag that fills it is said without its time. What is not
    there is not told: a narrative that lists absences describes nothing.
    """
    present = {name: [tag for tag in found if tag.value != "none"] for name, found in tags.items()}
    return as_directive({name: found for name, found in present.items() if found}, whole).describe()


def as_directive(tags: Mapping[str, Sequence[CaptionTag]], whole: Span) -> Directive:
    """The tags as a directive of a caption at 24 fps, the rate their spans are counted at.

    Raises:
        AniMatrixError: as ``Directive`` with the context of a caption: a span outside ``whole``, say.
    """
    listed = {name: [written(name, tag, whole) for tag in found] for name, found in tags.items()}
    data = {"narrative": "", "tags": listed, "frames": whole[1] + 1, "fps": REFERENCE_RATE}
    return Directive.model_validate(data, context={"source": "caption"})


def written(field_id: str, tag: CaptionTag, whole: Span) -> Tag:
    """The tag as a directive writes it: without a range where it fills the shot, or cannot have one."""
    scope = Taxonomy.default().fields[field_id].scope
    if tag.value in RESERVED or scope == "shot" or (scope != "frame" and tag.span == whole):
        return Tag(tag.value)
    return Tag(tag.value, tag.span)  # a frame-scope value carries its range even where it fills the shot
