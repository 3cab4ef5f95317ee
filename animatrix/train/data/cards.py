"""What is known of an item without its pixels: the card a sampler chooses by.

An item's *kind* is what it is there to teach. A complete directive has two dozen values and nearly always a
camera and a cadence, so the kind is told by what stands out: a value of the deformation stage that shows;
else a value of the motion stage that moves something; else style.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Tag, Taxonomy, timing
from animatrix.knowledge.versions import parse_version
from animatrix.synthetic import Truth

KINDS = ("style", "motion", "deformation")  # in the order they are learned
# Values of the motion stage that do not move anything by themselves; "*": none of the field does.
AT_REST: dict[str, frozenset[str]] = {
    "drawing_cadence": frozenset({"still", "fours_or_slower", "threes", "twos", "ones"}),
    "limited_technique": frozenset({"moving_hold", "lip_flap", "eye_blink"}),
    "spacing": frozenset({"even"}),
    "motion_energy": frozenset({"static", "subtle"}),
    "time_treatment": frozenset({"real_time"}),
    "action": frozenset({"idle", "speak", "gesture", "handle_prop", "turn"}),
    "acting_register": frozenset({"naturalistic", "everyday_subtle", "heroic_posed"}),
    "deformation_intensity": frozenset({"on_model"}),
    "background_animation": frozenset({"static_background"}),
    "camera_move": frozenset({"fix"}),
    "move_speed": frozenset("*"),
    "layer_parallax": frozenset("*"),
    "camera_shake": frozenset({"steady"}),
    "effect_design": frozenset("*"),
}
# Fields whose values show in the amplitude map; others (impact frames, speed-line grounds) fill the frame.
IN_THE_MAP = frozenset({"body_deformation", "smear_technique", "deformation_intensity"})
HARDLY_DEFORMED = 0.05  # percentile below which nobody would see it: a figure too far away, a push too small
# Amplitudes (see `amplitude`) at the percentiles 0, 10 ... 100 of the 91 deformed ones among 106 clips, train
# split, wide world, seed 7: 60 of body_deformation, 30 of smear_technique, 16 of deformation_intensity.
AMPLITUDES = (0.041, 0.171, 0.308, 0.356, 0.506, 0.609, 0.78, 0.818, 0.846, 0.895, 1.0)


@dataclass(frozen=True, slots=True)
class Card:
    """An item of a source.

    Attributes:
        index: in its source, from 0.
        name: how messages call it.
        directive: canonical JSON, of the whole clip at its own length.
        kind: one of :data:`KINDS`.
        deformation: percentile in [0, 1] of the clip's deformation among deformed clips; 0: none.
        frames, width, height: of the clip at 24 fps, as rendered or filmed.
        fault: why it cannot be shown; empty for a good one.
        layout: [frames][LAYOUT], where that is known: see :func:`animatrix.synthetic.layout.numbers_of`.
    """

    index: int
    name: str
    directive: str
    kind: str
    deformation: float
    frames: int
    width: int
    height: int
    fault: str = ""
    layout: list[list[float]] | None = None

    @property
    def keys(self) -> list[str]:
        """Its tags as ``field=value``."""
        tags = json.loads(self.directive)["tags"] if self.directive else {}
        return list(
            dict.fromkeys(f"{field}={tag['value']}" for field, found in tags.items() for tag in found)
        )

    def asked(self, first: int = 0, frames: int | None = None) -> Directive:
        """The directive of a window of the clip: see :func:`windowed`."""
        whole = read_directive(self.directive)
        if first == 0 and (frames is None or frames == whole.frames):
            return whole
        return windowed(whole, first, whole.frames - first if frames is None else frames)


def faulty(index: int, name: str, fault: str) -> Card:
    """The card of an item that could not be made."""
    return Card(index, name, "", KINDS[0], 0.0, 0, 0, 0, fault)


def as_line(card: Card) -> str:
    return json.dumps(asdict(card), ensure_ascii=False, separators=(",", ":"))


def read_line(line: str) -> Card:
    """Inverse of :func:`as_line`. Raises ValueError, KeyError or TypeError for anything else."""
    return Card(**json.loads(line))


def read_directive(text: str) -> Directive:
    """A canonical directive that was checked when it was written; 30 times faster than checking it again."""
    found = json.loads(text)
    if found["taxonomy_version"] != Taxonomy.default().version:
        return Directive.model_validate(found, context={"source": "caption"})
    tags = {
        field: tuple(Tag(tag["value"], tuple(tag["span"]) if tag["span"] else None) for tag in values)
        for field, values in found["tags"].items()
    }
    return Directive.model_construct(**{**found, "tags": tags, "fps": float(found["fps"])})


def windowed(directive: Directive, first: int, frames: int) -> Directive:
    """What a window of the shot shows: spans move and end with it, and what lies outside is not asked for.

    Args:
        directive: of the whole shot.
        first: frame of the shot, in its own rate, that the window begins with.
        frames: length of the window.
    """
    start = timing.reference_frames(first, directive.fps) if first else 0
    end = timing.reference_frames(frames, directive.fps) - 1
    tags: dict[str, tuple[Tag, ...]] = {}
    for field, found in directive.tags.items():
        kept = []
        for tag in found:
            if tag.span is None:
                kept.append(tag)
            elif tag.span[1] >= start and tag.span[0] - start <= end:
                kept.append(Tag(tag.value, (max(tag.span[0] - start, 0), min(tag.span[1] - start, end))))
        if kept:
            tags[field] = tuple(dict.fromkeys(kept))
    return directive.model_copy(update={"tags": tags, "frames": frames})


def amplitude(truth: Truth) -> float:
    """How deformed a clip is, in [0, 1]: its three strongest frames' amplitude as a share of the character.

    A smear of two drawings counts like a long squash; a figure under 1 % of the frame counts as that large.
    """
    total = truth.deformation.sum((1, 2))
    floor = 0.01 * truth.mask[0].size
    share = np.clip(total / np.maximum(truth.mask.sum((1, 2)), floor), 0, 1)
    return float(np.sort(share)[-3:].mean())


def percentile(amount: float) -> float:
    """Of an amplitude among deformed clips, in [0, 1]; 0 for an undeformed one. A fixed table: a card is the
    same whatever else is in the pool.
    """
    if amount <= 0:
        return 0.0
    return round(float(np.interp(amount, AMPLITUDES, np.linspace(0.01, 1, len(AMPLITUDES)))), 4)


def estimated(directive: Directive) -> float:
    """A percentile for footage without an amplitude map, from what its deformations are: a third for each
    step of expressiveness.
    """
    return max(
        (value.expressiveness / 3 for value in _values(directive) if value.curriculum_stage == KINDS[2]),
        default=0.0,
    )


def kind_of(directive: Directive, deformation: float) -> str:
    """What the item is there to teach.

    Args:
        deformation: percentile, as on the card.
    """
    kind = KINDS[0]
    for value in _values(directive):
        if value.curriculum_stage == KINDS[2]:
            if value.field not in IN_THE_MAP or deformation >= HARDLY_DEFORMED:
                return KINDS[2]
        elif value.curriculum_stage == KINDS[1]:
            rest = AT_REST.get(value.field, frozenset())
            if value.id not in rest and "*" not in rest:
                kind = KINDS[1]
    return kind


def _values(directive: Directive):
    fields = Taxonomy.default().fields
    for name in directive.tags:
        for value in directive.values(name):
            if value in fields[name].values:  # not `none`, not `unknown`
                yield fields[name].values[value]


def check_version(version: str, where: str) -> None:
    """Refuse data written for another major release of the taxonomy.

    Raises:
        AniMatrixError: TAXONOMY_VERSION.
    """
    ours = Taxonomy.default().version
    if parse_version(version)[0] != parse_version(ours)[0]:
        raise AniMatrixError(
            Code.TAXONOMY_VERSION,
            f"{where} is written for taxonomy {version}, but this is {ours}",
            "make it again with this release",
        )
