"""Which samples a step shows: plain facts, without pixels.

A plan is a pure function of the recipe and the step (and, for competence pacing, of the task's small state).
It covers the *global* batch: which rank loads which draw is the engine's business, so that one process and
many show the same samples with the same noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Bucket:
    """Shape of the samples of one step: frames, and width and height in pixels."""

    frames: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.frames}"


@dataclass(frozen=True, slots=True)
class Draw:
    """One sample of a step.

    Args:
        step: from 0.
        place: position in the global batch; noise and timestep are functions of (seed, step, place).
        source: name of the source in the recipe.
        index: the item of the source.
        kind: "style", "motion" or "deformation"; empty where a task has no kinds.
    """

    step: int
    place: int
    source: str
    index: int
    kind: str = ""

    @property
    def name(self) -> str:
        """How messages call it, e.g. ``synthetic/1204 (step 310, place 3)``."""
        return f"{self.source}/{self.index} (step {self.step}, place {self.place})"


@dataclass(frozen=True, slots=True)
class StepPlan:
    """The global batch of one step.

    Args:
        step: from 0.
        stage: name of the curriculum's stage; empty where a task has none.
        bucket: one shape for the whole step.
        draws: one per sample, ``draws[i].place == i``.
        shift: timestep shift s in t = s u / (1 + (s - 1) u); 1 leaves u alone.
        notes: JSON-able facts for the log, e.g. the mix of kinds.
    """

    step: int
    stage: str
    bucket: Bucket
    draws: tuple[Draw, ...]
    shift: float = 1.0
    notes: Mapping[str, Any] = field(default_factory=dict)


def shown_row(plan: StepPlan, seed: int) -> dict[str, Any]:
    """A row of the log of what was shown: everything that a control needs to show it again."""
    return {
        "at": plan.step,
        "seed": seed,
        "stage": plan.stage,
        "bucket": str(plan.bucket),
        "shift": plan.shift,
        "notes": dict(plan.notes),
        "draws": [[d.step, d.place, d.source, d.index, d.kind] for d in plan.draws],
    }
