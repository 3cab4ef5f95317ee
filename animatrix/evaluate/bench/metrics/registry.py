"""The register of metrics: what each measures, what it needs, which way is better.

A metric is one function under :func:`metric`, in one file a family. It gets the sightings of one unit (one
clip, or the clips of a group) and returns a number, a truth value, or why there is none. It never returns
zero for something that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.evaluate.bench.sighting import Sighting

Need = Literal["directive", "group", "keyframes", "reference", "reward"]
Value = bool | float | tuple[float, ...]


@dataclass(frozen=True)
class Skipped:
    """Why a unit has no score."""

    because: str


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
        version: goes up when scores may change, so that kept ones are not taken for new ones.
        needs: what a unit must have; ``group``: it is scored on the clips of a group together.
        unit: share (of truth values, with a Wilson interval), 0..1, dB, frames, levels, rank, ratio.
        combine: of a set metric, how the values of all units become one figure; None: their mean.
        foil: a measure that the field uses and that is wrong for animation, shown so that it can be seen.
        proven: it moves the right way in at least 0.95 of known cases (``benchmarks/metric_tests.py``). What
            is not, or was not tried, is shown, but counts in no ranking.
    """

    id: str
    about: str
    needs: tuple[Need, ...]
    higher_is_better: bool
    unit: str
    score: Callable[[Sequence[Sighting]], Value | Skipped]
    version: int = 1
    combine: Callable[[Sequence[Any]], float] | None = None
    foil: bool = False
    proven: bool = True

    @property
    def is_set_metric(self) -> bool:
        return self.combine is not None

    @property
    def grouped(self) -> bool:
        return "group" in self.needs

    def over(self, values: Sequence[Any]) -> float:
        """One figure of many values; NaN of none."""
        if not len(values):
            return float("nan")
        return float(self.combine(values) if self.combine else np.mean(values))


METRICS: dict[str, Metric] = {}


def metric(
    id_: str,
    about: str,
    needs: tuple[Need, ...],
    unit: str,
    higher_is_better: bool = True,
    **more: Any,
) -> Callable[[Callable[..., Value | Skipped]], Callable[..., Value | Skipped]]:
    """Register a function of one sighting, or of the sightings of a group where ``needs`` has ``group``."""

    def register(function: Callable[..., Value | Skipped]) -> Callable[..., Value | Skipped]:
        if id_ in METRICS:
            raise ValueError(f"metric {id_} is there already: {METRICS[id_].score.__module__}")

        def score(unit_: Sequence[Sighting]) -> Value | Skipped:
            return function(unit_) if "group" in needs else function(unit_[0])

        METRICS[id_] = Metric(id_, about, needs, higher_is_better, unit, score, **more)
        return function

    return register


def metric_named(name: str) -> Metric:
    """Raises BAD_OPTION for an unknown one, with the nearest."""
    if name not in METRICS:
        raise AniMatrixError(
            Code.BAD_OPTION,
            f"unknown metric {name!r}",
            did_you_mean(name, METRICS) or f"metrics: {', '.join(METRICS)}",
        )
    return METRICS[name]


def missing(metric_: Metric, unit: Sequence[Sighting]) -> Skipped | None:
    """What of a metric's needs a unit lacks."""
    if "keyframes" in metric_.needs and not unit[0].item.keyframes:
        return Skipped("the item gives no keyframes")
    if "group" in metric_.needs and len(unit) < 2:
        return Skipped("the item has no partner to be compared with")
    if "reward" in metric_.needs and unit[0].judge is None:
        return Skipped("no trained reward model; name one with --reward")
    return None
