"""Muon: momentum whose matrices are made orthogonal before each step (Jordan et al., 2024).

For hidden matrices and convolutions; a small network learns from far fewer shots with it than with AdamW.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

# of the quintic whose five-fold iteration brings every singular value near 1
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly: singular values in about [0.7, 1.2]; ``[M,N]``."""
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = _A * x + (_B * square + _C * square @ square) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised per weight seen as ``[out, everything else]``; decoupled decay."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                moment = state.setdefault("momentum", torch.zeros_like(p))
                moment.lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(moment, group["momentum"])
                flat = ahead.reshape(len(p), -1)
                size = max(1.0, flat.shape[0] / flat.shape[1]) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(orthogonal(flat).view_as(p), alpha=-group["lr"] * size)
