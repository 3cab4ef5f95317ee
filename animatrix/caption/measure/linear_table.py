"""A small fitted table: chances of a field's values from named physical features, a parabola in each.

Tables lie in ``fitted/<field>.json`` and are made by ``python -m animatrix.caption.fit.<field>``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

FITTED = Path(__file__).parent / "fitted"
REACH = 4.0  # standard deviations from the middle of what was fitted; farther counts as so far


@dataclass(frozen=True)
class LinearTable:
    """Multinomial logistic regression: ``features`` F names, their ``middle`` and ``scale`` [F], ``values`` V
    names, ``weights`` [V,F] of standardised features, ``curves`` [V,F] of their squares, ``bias`` [V]."""

    features: tuple[str, ...]
    middle: np.ndarray
    scale: np.ndarray
    values: tuple[str, ...]
    weights: np.ndarray
    curves: np.ndarray
    bias: np.ndarray

    def chances(self, found: Mapping[str, float]) -> dict[str, float]:
        """Chance of each value, summing to 1."""
        z = np.clip(self._standard(found), -REACH, REACH)
        score = self.weights @ z + self.curves @ z**2 + self.bias
        power = np.exp(score - score.max())
        return {v: float(p) for v, p in zip(self.values, power / power.sum(), strict=True)}

    def strangeness(self, found: Mapping[str, float]) -> float:
        """Share of the features that lie outside the reach of what was fitted."""
        return float((np.abs(self._standard(found)) > REACH).mean())

    def _standard(self, found: Mapping[str, float]) -> np.ndarray:
        return (np.array([found[name] for name in self.features]) - self.middle) / self.scale


@lru_cache(maxsize=16)
def table(name: str) -> LinearTable:
    """The table ``fitted/<name>.json``."""
    raw = json.loads((FITTED / f"{name}.json").read_text(encoding="utf-8"))
    rows = raw["features"]
    return LinearTable(
        tuple(rows),
        np.array([row["middle"] for row in rows.values()]),
        np.array([row["scale"] for row in rows.values()]),
        tuple(raw["values"]),
        np.array([row["weights"] for row in rows.values()]).T,
        np.array([row["curves"] for row in rows.values()]).T,
        np.array(raw["bias"]),
    )
