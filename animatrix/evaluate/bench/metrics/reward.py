"""The reward model's answers: is it art or failure, and how good under this directive.

Not proven: the reward model that ships is weak (see its card), and ``benchmarks/metric_tests.py --reward``
has not been run with it.
"""

from __future__ import annotations

import numpy as np

from animatrix.evaluate.bench.metrics.registry import Skipped, metric
from animatrix.evaluate.bench.sighting import Sighting


@metric("collapse", "probability of being a failure", ("directive", "reward"), "0..1",
        higher_is_better=False, proven=False)  # fmt: skip
def collapse(sighting: Sighting) -> float | Skipped:
    return sighting.verdict.failure


@metric("preference", "mean over the five dimensions of winning against an ordinary take",
        ("directive", "reward"), "0..1", proven=False)  # fmt: skip
def preference(sighting: Sighting) -> float | Skipped:
    return float(np.mean(list(sighting.verdict.dimensions.values())))


@metric("understanding", "the reward model's prompt_understanding", ("directive", "reward"), "0..1",
        proven=False)  # fmt: skip
def understanding(sighting: Sighting) -> float | Skipped:
    return sighting.verdict.dimensions["prompt_understanding"]
