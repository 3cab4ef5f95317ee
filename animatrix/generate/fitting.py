"""Which layout do given pictures show? Several are drawn, each is looked at once, and the nearest is kept.

A layout that contradicts a picture would be painted over it. So the model's first guess under each of a few
drawn layouts, from the request's noise and without being shown the pictures, is compared with them; a guess
without any layout takes part, and wins where none of the drawn ones comes nearer.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CANDIDATES = 6  # layouts drawn for a request with pictures


def fitting_layout(
    draw: Callable[[], Tensor], guess: Callable[[Tensor], Tensor], wanted: Tensor, there: Tensor
) -> Tensor:
    """The layout [B,T,LAYOUT] of each clip that comes nearest to what is given; NaN where none does.

    Args:
        draw: draws layouts [B,T,LAYOUT].
        guess: clean latents [B,C,F,h,w] as the model would guess them under layouts.
        wanted: latents of the given pictures, of the same shape or one for all; there: bool [B|1,1,F,h,w],
            where any is.
    """
    first = draw()
    layouts = [torch.full_like(first, float("nan")), first, *(draw() for _ in range(CANDIDATES - 1))]
    errors = []
    for layout in layouts:
        off = (guess(layout) - wanted).square() * there
        errors.append(off.flatten(1).sum(1))
    best = torch.stack(errors).argmin(0)
    return torch.stack(layouts)[best, torch.arange(len(best))]
