"""The moving average of the weights: what is probed, shown and exported.

    average <- average + (1 - d) (weights - average),   d = min(decay, (1 + n) / (10 + n)) after n steps

Kept as tensors of the same layout as the weights (sharded weights have a sharded average), so that it is
saved, loaded and resharded like them. The growing d keeps the first, random weights from lingering.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """Average of named weights; starts as a copy of them."""

    @torch.no_grad()
    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        self.weights = dict(weights)
        self.decay = decay
        self.values = {name: weight.detach().clone() for name, weight in self.weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After ``step`` steps (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        weights = [weight.detach() for weight in self.weights.values()]
        torch._foreach_lerp_(list(self.values.values()), weights, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the modules have the averaged weights; afterwards their own, bit for bit."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, weight in self.weights.items():
            kept = weight.detach().clone()
            weight.detach().copy_(self.values[name])
            self.values[name].copy_(kept)
