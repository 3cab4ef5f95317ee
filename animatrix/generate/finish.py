"""Where the picture is the draft anyway, the draft itself is shown.

An autoencoder of a few million weights softens every edge a little, each latent frame of a moving picture in
its own way, and a small model says the same place a little differently in each: what panned evenly trembles,
what was held flickers. Where the decoded picture is nearly the decoded draft, both are noise, and the draft
is there in pixels. Where the model painted something else it stays, and a frame that is another picture
altogether (an impact frame) stays whole.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

NEAR = 20 / 127.5  # mean difference from the decoded draft around a pixel at which half of either is shown
WHOLE = 25 / 127.5  # and mean amount of it over a whole frame
AROUND = 9  # pixels a side of what is around a pixel


def finished(pixels: Tensor, draft: Tensor, returned: Tensor) -> Tensor:
    """The pixels with the draft where they are nearly the draft.

    Args:
        pixels: decoded, [B,3,T,H,W] in [-1,1]; draft: the draft, NaN for clips without; returned: the draft
            after a round trip through the autoencoder.
    """
    there = draft.isfinite().flatten(1).all(1).view(-1, 1, 1, 1, 1)
    off = pixels - returned.nan_to_num()
    # An edge that is only softer is off both ways: in the mean around it, it is not.
    around = (1, AROUND, AROUND)
    near = F.avg_pool3d(off, around, 1, (0, AROUND // 2, AROUND // 2), count_include_pad=False)
    near = near.abs().amax(1, keepdim=True)
    whole = off.abs().amax(1, keepdim=True).mean((3, 4), keepdim=True)
    kept = torch.exp2(-((near / NEAR) ** 4) - (whole / WHOLE) ** 4) * there
    return pixels + kept * (draft.nan_to_num() - pixels)
