"""Weights as exports keep them: bfloat16, but for what a model wants in fp32."""

from __future__ import annotations

import copy
from collections.abc import Collection

import torch
from torch import nn


def halve(module: nn.Module, kept: Collection[str] = ()) -> None:
    """Floating-point weights and buffers to bfloat16, in place, and frozen.

    Args:
        kept: parts of names whose weights stay as they are (``_keep_in_fp32_modules`` of a Wan).
    """
    module.requires_grad_(False)
    for name, weight in [*module.named_parameters(), *module.named_buffers()]:
        if weight.is_floating_point() and not set(name.split(".")) & set(kept):
            weight.data = weight.data.to(torch.bfloat16)


def halved(module: nn.Module, kept: Collection[str] = ()) -> nn.Module:
    """A copy on the CPU, ready for use, halved as by :func:`halve`."""
    found = copy.deepcopy(module).cpu().eval()
    halve(found, kept)
    return found
