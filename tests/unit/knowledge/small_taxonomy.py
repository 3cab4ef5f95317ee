"""A taxonomy of a few fields whose rules the tests own, so that the packaged one can change its mind."""

from __future__ import annotations

import copy
from typing import Any

from animatrix.knowledge import Directive, Taxonomy, Violation, check
from animatrix.knowledge.taxonomy_file import taxonomy_from_mapping


def field(
    name: str, values: str, cardinality: str = "one", scope: str = "span", none: bool = False
) -> dict[str, Any]:
    return {
        "id": name,
        "label": {"en": f"{name} en", "ja": f"{name} ja", "zh": f"{name} zh"},
        "definition": name,
        "cardinality": cardinality,
        "scope": scope,
        "allows_none": none,
        "values": [
            {
                "id": value,
                "label": {"en": f"{value} en", "ja": f"{value} ja", "zh": f"{value} zh"},
                "definition": value,
                "observable": "semantic",
                "curriculum_stage": "style",
            }
            for value in values.split()
        ],
    }


def rule(name: str, kind: str, severity: str, **content: Any) -> dict[str, Any]:
    return {"id": name, "kind": kind, "severity": severity, "message": f"{name} says so.", **content}


DOCUMENT: dict[str, Any] = {
    "version": "1.2.3",
    "axes": [
        {
            "id": "axis",
            "label": {"en": "a", "ja": "a", "zh": "a"},
            "fields": [
                field("move", "fix left right truck", "many"),
                field("speed", "slow fast"),
                field("layers", "flat deep"),
                field("cadence", "still ones"),
                field("energy", "calm wild"),
                field("freeze", "frozen", "many"),
                field("act", "run swarm", "many"),
                field("effect", "trail spark", "many", none=True),
                field("look", "ink cel", scope="shot"),
                field("flash", "white black", "many", scope="frame", none=True),
            ],
        }
    ],
    "constraints": [
        rule(
            "fix_is_fix",
            "excludes",
            "error",
            when=["move.fix"],
            targets=["move.left", "move.right", "speed.*"],
        ),
        rule("one_way", "exclusive_group", "error", members=["move.left", "move.right"]),
        rule("truck_needs_layers", "requires_any", "error", when=["move.truck"], targets=["layers.deep"]),
        rule("still_is_calm", "implies", "error", when=["cadence.still"], targets=["energy.calm"]),
        rule(
            "frozen_stops", "implies", "error", when=["freeze.frozen"], targets=["cadence.still", "move.fix"]
        ),
        rule("swarm_trails", "implies", "error", when=["act.swarm"], targets=["effect.trail"]),
        rule("swarm_sparks", "suggests", "info", when=["act.swarm"], targets=["effect.spark", "speed.*"]),
        rule("ink_is_calm", "excludes", "warn", when=["look.ink"], targets=["energy.wild"]),
        rule("brief", "limit", "warn", when=["effect.spark"], metric="frames_per_instance", min=2, max=4),
        rule("strobe", "limit", "error", when=["flash.*"], metric="flashes_per_second", min=0, max=3),
        rule("area", "limit", "warn", when=["effect.trail"], metric="area", min=0, max=1),
    ],
}

TAXONOMY: Taxonomy = taxonomy_from_mapping(DOCUMENT, source="small")


def changed(edit) -> Taxonomy:
    """The small taxonomy after ``edit(document)``."""
    document = copy.deepcopy(DOCUMENT)
    edit(document)
    return taxonomy_from_mapping(document, source="changed")


def ask(tags: Any, **more: Any) -> Directive:
    return Directive.model_validate({"narrative": "n", "tags": tags, **more}, context={"taxonomy": TAXONOMY})


def seen(tags: Any) -> list[Violation]:
    """What the rules say of tags read from a clip, where nothing is implied or refused."""
    context = {"taxonomy": TAXONOMY, "source": "caption"}
    return check(Directive.model_validate({"narrative": "n", "tags": tags}, context=context), TAXONOMY)
