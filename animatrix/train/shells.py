"""Whole modules out of sharded ones, to be written out."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from animatrix.errors import AniMatrixError, Code
from animatrix.train.distributed import whole


class Shells:
    """Copies of modules on the CPU without memory for their parameters, made before these are sharded.

    Buffers are kept, also those that no state dict holds.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self._shells = {name: _shell(module) for name, module in modules.items()}

    def filled(self, modules: Mapping[str, nn.Module], first: bool) -> dict[str, nn.Module]:
        """Whole modules with the present weights on the first rank, nothing on others; all have to call."""
        found = {}
        for name, module in modules.items():
            state: dict[str, Tensor] = {}
            for key, tensor in module.state_dict().items():
                value = whole(tensor)  # together with the other ranks
                if first:
                    state[key] = value.detach().to("cpu", copy=True)
            if first:
                found[name] = copy.deepcopy(self._shells[name])
                found[name].load_state_dict(state, assign=True)
                found[name].eval()
        return found


def _shell(module: nn.Module) -> nn.Module:
    parameters: dict[int, Any] = {
        id(p): nn.Parameter(torch.empty_like(p, device="meta"), requires_grad=p.requires_grad)
        for p in module.parameters()
    }
    shell = copy.deepcopy(module, parameters)
    for part in shell.modules():
        for name, buffer in part.named_buffers(recurse=False):
            part._buffers[name] = buffer.cpu()
    return shell


@contextmanager
def folder_whole(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its place when the block succeeds, else vanishes.

    Raises:
        AniMatrixError: NOT_WRITABLE; what was there before is untouched.
    """
    unfinished, old = (folder.with_name(f"{folder.name}{suffix}") for suffix in (".tmp", ".old"))
    try:
        for left in (unfinished, old):
            shutil.rmtree(left, ignore_errors=True)
        unfinished.mkdir()
        yield unfinished
        if folder.exists():
            folder.rename(old)
        unfinished.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise AniMatrixError(
            Code.NOT_WRITABLE,
            f"cannot write {folder}: {reason}",
            "make room and run the same command again: the training itself is saved",
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
