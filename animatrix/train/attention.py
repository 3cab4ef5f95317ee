"""Attention for training on a CPU: plain products instead of the fused kernel.

torch's fused attention for CPUs computes its backward pass three to five times slower than four matrix
products do at the lengths of small models (measured: 32.4 against 8.6 ms at 16 x 4 heads x 135 x 64 in
bfloat16, 127 against 85 at 420), and was a third of a step. On other devices nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

LONGEST = 1024  # tokens; beyond, the matrix of scores costs more memory than time is won


class PlainAttention(TorchFunctionMode):
    """Within it, attention without mask or dropout over short bfloat16 sequences is plain products."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention and _takes(*args, **kwargs):
            query, key, value = _named(*args, **kwargs)
            scores = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
            return torch.softmax(scores, -1).to(value.dtype) @ value
        return func(*args, **kwargs)


def _named(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor, Tensor]:
    return query, key, value


def _takes(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **rest: Any,
) -> bool:
    plain = attn_mask is None and dropout_p == 0 and not is_causal
    plain = plain and rest.get("scale") is None and not rest.get("enable_gqa", False)
    return plain and query.dtype == torch.bfloat16 and query.shape[-2] <= LONGEST >= key.shape[-2]


def quick_attention(device: torch.device) -> AbstractContextManager:
    """The context a training step computes its attention in, on this device."""
    return PlainAttention() if device.type == "cpu" else nullcontext()
