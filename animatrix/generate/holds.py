"""A drawing that is held is painted once.

On twos and threes a drawing lies under the camera for two or three frames, and its paint with it. A video
model paints every latent frame anew, a little differently each time: what is held flickers. Here the paint
(what a clip has over its draft) of the figure and what is around it is kept for as long as its drawing is,
and moves with it. Where something that was asked for with a span begins or ends, a deformation say, a new
drawing begins; and where the paint changes by much all the same, it was meant, and what comes after is kept
from there.

Frames that share a latent frame with an impact frame are tinted by it. They take their paint from the nearest
frame that does not: what was painted on the set moves with the set, and what was painted on the figure with
the figure, where that still shows the same drawing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from animatrix.model.draft import Draft
from animatrix.model.stand import laid, moved

AROUND = 24 / 96  # how far the paint of a figure reaches around its cel, in heights of the picture
MEANT = 30 / 127.5  # mean difference there of a change that was meant
SOFT = 5  # pixels of the edge


def held(
    pixels: Tensor,
    draft: Draft,
    layout: Tensor,
    begins: Tensor | None = None,
    tinted: Tensor | None = None,
) -> Tensor:
    """Pixels [B,3,T,H,W] in [-1,1] of clips painted over ``draft``, their paint held along ``layout``
    [B,T,LAYOUT]; as they are for clips without.

    Args:
        begins: bool [B,T], frames that are painted anew even where the drawing stands.
        tinted: bool [B,T], frames that take their paint from others.
    """
    found = laid(layout.to(pixels.device))
    out = pixels.clone()
    for row in range(len(pixels)):
        if not found.known[row]:
            continue
        clip, under = pixels[row].transpose(0, 1), draft.pixels[row].transpose(0, 1)
        area = _around(draft.cover[row].transpose(0, 1))
        poses, (ground, figure) = found.poses[row], (path[row] for path in found.paths)
        anew = (poses != poses.roll(1, 0)).any(1)
        if begins is not None:
            anew |= begins[row].to(anew.device)
        lent = torch.zeros_like(anew) if tinted is None else tinted[row].to(anew.device)
        paint = clip - under
        if lent.any() and not lent.all():
            paint = _lent(paint, area, poses, ground, figure, lent)
        kept = _kept(paint, area, anew, figure, lent)
        out[row] = (under + paint + area * (kept - paint)).transpose(0, 1)
    return out


def _lent(paint: Tensor, area: Tensor, poses: Tensor, ground: Tensor, figure: Tensor, lent: Tensor) -> Tensor:
    """Paint [T,3,H,W], that of ``lent`` frames from the frame before them that is not, or after."""
    own = (~lent).nonzero()[:, 0]
    out = paint.clone()
    for t in lent.nonzero()[:, 0].tolist():
        before = own[own < t]
        s = int(before[-1] if len(before) else own[0])
        on_set = moved((paint[s] * (1 - area[s]))[None], ground[s], ground[t])[0]
        on_figure = moved((paint[s] * area[s])[None], figure[s], figure[t])[0]
        same = torch.equal(poses[s], poses[t])
        out[t] = on_set * (1 - area[t]) + (on_figure * area[t] if same else 0)
    return out


def _kept(paint: Tensor, area: Tensor, anew: Tensor, path: Tensor, lent: Tensor) -> Tensor:
    """Paint [T,3,H,W], of frames that are not painted ``anew`` as in the last one that was; ``lent`` paint is
    not kept.
    """
    key, due, kept = 0, bool(lent[0]), [paint[0]]
    for t in range(1, len(paint)):
        due |= bool(anew[t])
        if lent[t]:
            kept.append(paint[t])
            continue
        if not due:
            along = moved(paint[key][None], path[key], path[t])[0]
            off = ((along - paint[t]).abs().amax(0) * area[t, 0]).sum() / area[t].sum().clamp(min=1)
            if off <= MEANT:
                kept.append(along)
                continue
        key, due = t, False
        kept.append(paint[t])
    return torch.stack(kept)


def _around(cover: Tensor) -> Tensor:
    """What belongs to the figure [T,1,H,W], in [0,1], of its cover."""
    reach = round(AROUND * cover.shape[-2])
    # One way after the other: of a square it is the same, and a twentieth of the work.
    high = F.max_pool2d(cover, (2 * reach + 1, 1), 1, (reach, 0))
    wide = F.max_pool2d(high, (1, 2 * reach + 1), 1, (0, reach))
    return F.avg_pool2d(wide, SOFT, 1, SOFT // 2)
