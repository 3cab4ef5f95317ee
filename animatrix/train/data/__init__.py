"""What a training shows: sources, shards of encoded items, and the samples of each step.

from animatrix.train.data import Samples
samples = Samples(recipe, encoder)
plan = samples.plan(step)
items = samples.load(plan, plan.draws)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from animatrix.train.data.recipe import DataRecipe
    from animatrix.train.data.samples import Item, Samples

_HOMES = {"DataRecipe": "recipe", "Item": "samples", "Samples": "samples"}

__all__ = ["DataRecipe", "Item", "Samples"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
