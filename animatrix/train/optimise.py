"""Taking the step: learning rate, gradient norm and clipping, AdamW or Muon.

Nothing here has state besides the optimiser's own tensors: the rate is a function of the step. Those tensors
are named by the weight they belong to, so that a checkpoint fits any number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from animatrix.errors import AniMatrixError, Code
from animatrix.train.distributed import whole
from animatrix.train.recipe import OptimiserRecipe


def rate(step: int, steps: int, recipe: OptimiserRecipe) -> float:
    """Share (0, 1] of the learning rate at ``step`` (from 0) of ``steps``: up over ``warmup``, flat, and from
    ``decay_from`` down in a line that would reach zero one step after the last.
    """
    up = (step + 1) / recipe.warmup if step < recipe.warmup else 1.0
    if recipe.decay_from is None or step < recipe.decay_from:
        return up
    return min(up, max(steps - step, 1) / max(steps - recipe.decay_from, 1))


def matrices(modules: Mapping[str, nn.Module]) -> set[int]:
    """Ids of the weights Muon is meant for: of linear layers in lists of blocks, not embeddings or heads."""
    return {
        id(layer.weight)
        for module in modules.values()
        for blocks in module.modules()
        if isinstance(blocks, nn.ModuleList)
        for layer in blocks.modules()
        if isinstance(layer, nn.Linear)
    }


class Optimiser:
    """The optimiser of a recipe over named weights.

    Args:
        modules: looked through for the matrices of Muon.
        weights: name -> trained weight; plain tensors or sharded ones.
        steps: of the whole training, for the rate.

    Raises:
        AniMatrixError: BAD_RECIPE for Muon on sharded weights: it needs whole matrices.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        weights: Mapping[str, nn.Parameter],
        recipe: OptimiserRecipe,
        steps: int,
        sharded: bool = False,
    ) -> None:
        self.weights, self.recipe, self.steps = dict(weights), recipe, steps
        named = list(self.weights.values())
        self.parts: list[torch.optim.Optimizer] = []
        if recipe.name == "muon":
            if sharded:
                raise AniMatrixError(
                    Code.BAD_RECIPE,
                    "optimiser.name: muon works on whole matrices, and parallel.shard cuts them",
                    "use adamw, or shard: none",
                )
            ids = matrices(modules)
            chosen = [w for w in named if id(w) in ids]
            named = [w for w in named if id(w) not in ids]
            if chosen:
                muon = torch.optim.Muon(
                    chosen,
                    lr=recipe.matrix_lr or recipe.lr,
                    weight_decay=recipe.weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                )
                self.parts.append(muon)
        # Weight decay is for matrices; gains, biases and tables of one row are left alone.
        groups = [
            {"params": [w for w in named if w.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [w for w in named if w.ndim <= 1], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        if groups:
            self.parts.append(torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, fused=True))
        self._peaks = [group["lr"] for part in self.parts for group in part.param_groups]

    def rate(self, step: int) -> float:
        """AdamW's learning rate at ``step`` (from 0)."""
        return self.recipe.lr * rate(step, self.steps, self.recipe)

    def norm(self) -> Tensor:
        """Norm of the whole gradient: one number on the device, not clipped, the same on every rank."""
        gradients = [weight.grad for weight in self.weights.values() if weight.grad is not None]
        return whole(torch.nn.utils.get_total_norm(gradients))

    def step(self, step: int, norm: Tensor) -> None:
        """Clip by the norm found before, take step ``step`` (from 0), forget the gradients."""
        torch.nn.utils.clip_grads_with_norm_(self.weights.values(), self.recipe.clip, norm)
        self._take(rate(step, self.steps, self.recipe))

    def _take(self, share: float) -> None:
        groups = [group for part in self.parts for group in part.param_groups]
        for group, peak in zip(groups, self._peaks, strict=True):
            group["lr"] = peak * share
        for part in self.parts:
            part.step()
            part.zero_grad(set_to_none=True)

    def blame(self) -> list[str]:
        """Names of the weights whose gradient is not finite."""
        return [
            name
            for name, weight in self.weights.items()
            if weight.grad is not None and not bool(torch.isfinite(whole(weight.grad)).all())
        ]

    def tensors(self) -> dict[str, Tensor]:
        """``weight name:key`` -> the optimiser's own tensor, e.g. ``transformer.proj.weight:exp_avg``."""
        if not any(part.state for part in self.parts):
            self._materialise()
        names = {id(weight): name for name, weight in self.weights.items()}
        return {
            f"{names[id(weight)]}:{key}": value
            for part in self.parts
            for weight, state in part.state.items()
            for key, value in state.items()
            if isinstance(value, Tensor)
        }

    def _materialise(self) -> None:
        """Make the state's tensors, to be loaded over: a step without gradient at rate zero moves nothing."""
        for weight in self.weights.values():
            weight.grad = torch.zeros_like(weight)
        self._take(0.0)
