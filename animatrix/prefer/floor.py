"""Expressiveness held by a constraint: the amplitude of every deformation stays at its floor.

A term in the loss has a price at which flatness is worth it. A constraint has none: with the retention ER of
a deformation (amplitude of the model's clips over the reference's), the multiplier of ER >= keep follows
projected dual ascent,

    lambda <- clip(lambda + rate (keep - ER), 0, most)

and raises the share of that deformation's intended-over-flat pairs by 1 + lambda. Where that does not hold
it, the run ends (:attr:`Floor.breach`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from animatrix.prefer.policy_recipe import FloorRecipe

WORSE = 0.1  # probability of failing above the reference's at which a clip's amplitude no longer counts


def change(clip: np.ndarray, plain: np.ndarray) -> float:
    """Amplitude of a deformation: mean absolute difference, in levels, of frames ``uint8 [T,H,W,3]`` made
    with it and, from the same noise, without.
    """
    return float(np.abs(clip.astype(np.int16) - plain.astype(np.int16)).mean())


def passes(failure: float | None, reference: float | None) -> bool:
    """Whether a clip is sound enough for its amplitude to count: jitter is not paid for."""
    if failure is None or reference is None:
        return True
    return failure < 0.5 or failure <= reference + WORSE


def retention(amplitudes: Sequence[tuple[float, float]]) -> float:
    """Median of model over reference, of (model, reference) amplitudes of the same directives and noise; NaN
    where there are none.
    """
    ratios = [a / b for a, b in amplitudes if b > 0]
    return float(np.median(ratios)) if ratios else math.nan


class Floor:
    """The state of the constraint: part of the checkpoint.

    Attributes:
        average: moving average of the retention, by deformation; multiplier: by deformation.
        below: probes in a row at which it was beyond the tolerance.
        breach: why the run ends; empty while it goes on.
    """

    def __init__(self, recipe: FloorRecipe) -> None:
        self.recipe = recipe
        self.average: dict[str, float] = {}
        self.multiplier: dict[str, float] = {}
        self.below: dict[str, int] = {}
        self.breach = ""

    def heed(self, found: Mapping[str, float]) -> None:
        """Take in the retention of a probe, by deformation; NaN says nothing."""
        r = self.recipe
        for tag, value in sorted(found.items()):
            if not math.isfinite(value):
                continue
            past = self.average.get(tag, value)
            now = self.average[tag] = r.average * past + (1 - r.average) * value
            raised = self.multiplier.get(tag, 0.0) + r.rate * (r.keep - now)
            self.multiplier[tag] = min(max(raised, 0.0), r.most)
            self.below[tag] = self.below.get(tag, 0) + 1 if now < r.keep - r.tolerance else 0
        lost = [tag for tag, count in sorted(self.below.items()) if count >= r.patience]
        if lost and not self.breach:
            told = ", ".join(f"{tag} {self.average[tag]:.2f}" for tag in lost)
            self.breach = f"expressiveness is lost at {r.patience} probes in a row: {told} of the reference"

    def state_dict(self) -> dict[str, Any]:
        return {
            "average": dict(self.average),
            "multiplier": dict(self.multiplier),
            "below": dict(self.below),
            "breach": self.breach,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.average, self.multiplier = dict(state["average"]), dict(state["multiplier"])
        self.below = {tag: int(count) for tag, count in state["below"].items()}
        self.breach = str(state["breach"])
