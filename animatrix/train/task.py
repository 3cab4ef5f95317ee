"""What the engine trains: the contract between the loop and a task.

The engine owns steps, ranks, gradients, the average, checkpoints, the log and stopping. A task owns its
modules, its data and its loss. It never sees ranks: it is given the draws it has to load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from animatrix.train.plan import Draw, StepPlan


@runtime_checkable
class Batch(Protocol):
    """Data of some draws of one step. May live on the CPU: :func:`to_device` moves it."""

    names: list[str]
    """One per sample, so that a sample whose loss is not a number can be named."""


@dataclass
class Losses:
    """Losses of a micro-batch.

    Args:
        each: [B] loss per sample, with its graph. The mean over the global batch is the engine's to take.
        parts: name -> [B] or scalar, without graph: means go into the log, leaving out NaN, which stands for
            "does not apply to this sample". The same names for every batch.
    """

    each: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)


@runtime_checkable
class Task(Protocol):
    """One thing to train. Built by a factory of :mod:`animatrix.train.recipe` from a recipe and a device."""

    name: str

    def modules(self) -> dict[str, nn.Module]:
        """Trained modules by name, fp32, initialised from the recipe's seed, on the CPU or the task's device.

        The engine moves, shards, averages and saves them; parameters that do not require gradients are left
        alone. Frozen parts (VAE, text encoder) are the task's own and not listed here.
        """
        ...

    def plan(self, step: int) -> StepPlan:
        """The global batch of ``step`` (from 0): pure in the recipe, the step and the task's state."""
        ...

    def load(self, plan: StepPlan, draws: Sequence[Draw]) -> Batch:
        """Data of these draws of the plan; called ahead of the step, from another thread."""
        ...

    def loss(self, modules: Mapping[str, nn.Module], batch: Any) -> Losses:
        """Loss per sample. Call each module at most once per call of this method where it is sharded."""
        ...

    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """Held-out figures of the averaged modules at fixed noise and fixed quantiles of t.

        Called on every rank with the same modules; the task may then change its state (pacing), and must do
        so alike on every rank.
        """
        ...

    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Sample grids as pictures into ``folder``, named by the step. Every rank runs it, since sharded
        modules gather; the folder of every rank but the first is thrown away.
        """
        ...

    def export(self, modules: Mapping[str, nn.Module], folder: Path) -> None:
        """The averaged modules in the diffusers layout. Called on rank 0 with whole CPU modules."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Small JSON-able state besides the weights, e.g. pacing. Empty for most."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


def to_device(batch: Any, device: torch.device) -> Any:
    """The same batch with every tensor on the device: dataclasses, named tuples, lists, dicts, tensors."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(part, device) for part in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(part, device) for part in batch)
    if isinstance(batch, dict):
        return {key: to_device(part, device) for key, part in batch.items()}
    if hasattr(batch, "__dataclass_fields__"):
        moved = {name: to_device(getattr(batch, name), device) for name in batch.__dataclass_fields__}
        return type(batch)(**moved)
    return batch
