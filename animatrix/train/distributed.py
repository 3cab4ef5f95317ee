"""One process or many: who am I, where do weights lie, and agreeing with the others.

Without ``torchrun`` there is one process and no process group: nothing to set up, plain tensors. Under
``torchrun`` the same code runs on every rank, over gloo on CPUs and NCCL on GPUs. Weights are whole on every
rank, or sharded by FSDP2 (``fully_shard``) over all of them, or within each replica (HSDP).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from animatrix.errors import AniMatrixError, Code

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

    from animatrix.train.recipe import ParallelRecipe

CPU = torch.device("cpu")


@dataclass(frozen=True)
class World:
    """This process among all of them.

    Args:
        rank: 0 to ``size`` - 1; rank 0 writes files and speaks.
        mesh: where sharded weights lie; None where every rank holds them whole.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU
    mesh: DeviceMesh | None = None

    @property
    def first(self) -> bool:
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Sums over the ranks, in double precision."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total)
        return total.tolist()

    def gather(self, thing: Any) -> list[Any]:
        """What every rank has, on every rank. Small picklable things."""
        if self.size == 1:
            return [thing]
        things: list[Any] = [None] * self.size
        dist.all_gather_object(things, thing)
        return things

    def agree(self, error: AniMatrixError | None = None) -> None:
        """Wait for all; when one has an error, every rank raises it, so that none waits for ever."""
        for one in self.gather(error):
            if one is not None:
                raise one


@contextmanager
def joined(parallel: ParallelRecipe) -> Iterator[World]:
    """The world of this process; its process group, where there is one, ends with the block.

    Raises:
        AniMatrixError: BAD_RECIPE when the replicas do not divide the processes.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if size == 1:
        yield World(device=device)
        return
    if parallel.shard == "hsdp" and size % parallel.replicas:
        raise AniMatrixError(
            Code.BAD_RECIPE, f"parallel.replicas: {parallel.replicas} does not divide {size} processes"
        )
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", rank=rank, world_size=size)
    try:
        yield World(rank, size, device, _mesh(parallel, size, device.type))
    finally:
        dist.destroy_process_group()


def _mesh(parallel: ParallelRecipe, size: int, device: str) -> DeviceMesh | None:
    from torch.distributed.device_mesh import init_device_mesh

    if parallel.shard == "none":
        return None
    if parallel.shard == "fsdp":
        return init_device_mesh(device, (size,), mesh_dim_names=("shard",))
    shape = (parallel.replicas, size // parallel.replicas)
    return init_device_mesh(device, shape, mesh_dim_names=("replicate", "shard"))


def place(module: nn.Module, world: World, gather: str = "fp32") -> None:
    """Move a module to its device and, where the world has a mesh, shard it: every block of its lists of
    blocks by itself, then the rest. Weights stay fp32; with ``gather="bf16"`` they travel as bf16.
    """
    if world.mesh is None:
        module.to(world.device)
        return
    dtype = torch.bfloat16 if gather == "bf16" else None
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    # ``fully_shard`` moves what it shards to the device itself: never more than a block lies there whole.
    for part in [*_blocks(module), module]:
        # Resharded after the forward pass too, the root as well: a forward pass without a backward one (held-
        # out figures) must not leave whole copies behind that the next update would not reach.
        fully_shard(part, mesh=world.mesh, mp_policy=policy, reshard_after_forward=True)


@contextmanager
def ends_whole(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Keep what is in no block whole on every rank for a while: a pipeline uses it outside of ``forward``."""
    sharded = [module for module in modules if isinstance(module, FSDPModule)]
    for module in sharded:
        module.set_reshard_after_forward(False, recurse=False)
        module.unshard()
    try:
        yield
    finally:
        for module in sharded:
            module.reshard()
            module.set_reshard_after_forward(True, recurse=False)


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Members of the outermost lists of modules."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            for block in child:
                if isinstance(block, nn.ModuleList):
                    yield from _blocks(nn.ModuleList([block]))
                elif any(True for _ in block.parameters()):
                    yield block
        else:
            yield from _blocks(child)


def sync_gradients(modules: Iterable[nn.Module], last: bool) -> None:
    """Sharded gradients are exchanged with the last micro-batch of a step only."""
    for module in modules:
        if isinstance(module, FSDPModule):
            module.set_requires_gradient_sync(last)


def finish_gradients(weights: Mapping[str, nn.Parameter], world: World) -> None:
    """Gradients of the whole batch on every rank.

    A weight that this step did not touch gets a zero gradient, so that ranks and world sizes agree. Whole
    weights are summed here in one message per dtype; sharded ones have been by FSDP.
    """
    for weight in weights.values():
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    if world.size == 1 or world.mesh is not None:
        return
    by_dtype: dict[torch.dtype, list[Tensor]] = {}
    for weight in weights.values():
        assert weight.grad is not None
        by_dtype.setdefault(weight.grad.dtype, []).append(weight.grad)
    for gradients in by_dtype.values():
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


def whole(tensor: Tensor) -> Tensor:
    """The tensor on one device; every rank of a sharded one has to call."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
