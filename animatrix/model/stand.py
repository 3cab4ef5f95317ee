"""The animation stand: where tokens look on the sheets of set and figure that lie under a moving camera.

Wan's rotary positions are relative, and at t = 1 there is nothing but noise to be relative to: that the sky
is above must be found out from the picture's edges, by attention, and where a panning camera has got to by
then, or in which phase of a run a figure is, from nothing at all. A small model draws the mean of all that
may be: a blur. In a studio nobody starts so. A *layout* fixes framing, camera and where the figure stands,
key poses and the timesheet what is drawn of it in which frame; only then is anything painted. So it is here:
a token is told the place that it looks at on the set and on the figure, and every latent frame which poses
it shows. The renderer knows a layout (:func:`animatrix.synthetic.layout.numbers_of`); for what is generated,
:class:`~animatrix.model.layout.LayoutArtist` draws one from the directive.

A layout is ``[B,T,LAYOUT]``: in each frame, how it lies over set and figure (right and down of the middle of
the sheet, in sides of the picture, and the log of how much one sees), then the figure's pose. Not a number
(NaN) for a sample of which it is not known: nothing is said of that.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

WAVES = 4  # octaves of the features of a place in the picture, from half a period a side
PLANE_WAVES = 7  # and of a place on a plane: three more; 5 pixels, so that what passes by stays sharp
PLANES = 2  # set and figure
POSE = 29  # numbers of a pose: animatrix.synthetic.layout.POSE
LAYOUT = 3 * PLANES + POSE  # numbers that a layout has for each frame
FAR, WIDE = 4.0, 2.0  # how far a path goes at most, in sides of the picture, and in the log of what one sees


class Window(NamedTuple):
    """Where pictures are cut from larger ones: tokens above and to the left of each int64 [B], and the
    larger one's height and width in tokens.
    """

    top: Tensor
    left: Tensor
    height: int
    width: int


class Laid(NamedTuple):
    """A layout as the stand reads it: paths of the planes [B,T,3] each, poses [B,T,POSE], and which samples
    have one, float [B].
    """

    paths: list[Tensor]
    poses: Tensor
    known: Tensor


def laid(layout: Tensor) -> Laid:
    """What a layout ``[B,T,LAYOUT]`` says; zeros for samples of which it is not known."""
    known = layout.isfinite().all(2).all(1)
    numbers = torch.where(known[:, None, None], layout, torch.zeros_like(layout)).float()
    *planes, poses = numbers.split([3] * PLANES + [POSE], 2)
    # A path that somebody made up must not run away: e to the size has no end.
    paths = [torch.cat([p[..., :2].clamp(-FAR, FAR), p[..., 2:].clamp(-WIDE, WIDE)], 2) for p in planes]
    return Laid(paths, poses, known.float())


class Plane(nn.Module):
    """A plane that moves as a whole, like a cel on the animation stand: where on it each token looks.

    Args:
        width: of the tokens.
        scale: frames of a latent frame.
    """

    def __init__(self, width: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.hidden = nn.Linear(8 * PLANE_WAVES, width)
        self.out = nn.Linear(width, width)

    def forward(self, path: Tensor, height: int, width: int, window: Window | None = None) -> Tensor:
        """The term ``[B,F,h,w,D]`` of ``height`` x ``width`` tokens, in the middle of each latent frame."""
        seen = waves(*seen_at(by_latent(path, self.scale).mean(2), height, width, window), PLANE_WAVES)
        return self.out(nn.functional.silu(self.hidden(seen.to(self.hidden.weight.dtype))))


class Stand(nn.Module):
    """Where each token stands, as a term of its embedding: in the picture, and on the planes of set and
    figure. The term is zero at first.

    Args:
        width: of the tokens.
        scale: frames of a latent frame.
    """

    def __init__(self, width: int, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.hidden = nn.Linear(8 * WAVES, width)
        self.out = nn.Linear(width, width)
        self.planes = nn.ModuleList(Plane(width, scale) for _ in range(PLANES))
        self.pose = nn.Linear(scale * POSE, width)
        self.pose_out = nn.Linear(width, width)

    @property
    def _planes(self) -> tuple[Plane, ...]:
        return cast(tuple[Plane, ...], tuple(self.planes))

    def silence(self) -> None:
        """Make the term zero."""
        for layer in (self.out, self.pose_out, *(plane.out for plane in self._planes)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def reset_parameters(self) -> None:
        """As new."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        self.silence()

    def acting(self, found: Laid) -> Tensor:
        """What a latent frame's poses add to all of its tokens ``[B,F,D]``."""
        poses = by_latent(found.poses, self.scale).flatten(2).to(self.pose.weight.dtype)
        term = self.pose_out(nn.functional.silu(self.pose(poses)))
        return term * found.known[:, None, None].to(term.dtype)

    def forward(
        self, found: Laid | None, like: Tensor, height: int, width: int, window: Window | None = None
    ) -> Tensor:
        """The term ``[B|1,D,F|1,h,w]`` of a picture of ``height`` x ``width`` tokens, cut from a larger one
        where there is a ``window``; on the device of ``like``.
        """
        still = torch.zeros(1, 1, 3, device=like.device)
        seen = waves(*seen_at(still, height, width, window), WAVES)
        term = self.out(nn.functional.silu(self.hidden(seen.to(self.hidden.weight.dtype))))
        if found is not None:
            known = found.known[:, None, None, None, None].to(term.dtype)
            for plane, path in zip(self._planes, found.paths, strict=True):
                term = term + plane(path, height, width, window) * known
        return term.permute(0, 4, 1, 2, 3)


def by_latent(path: Tensor, scale: int) -> Tensor:
    """A path ``[B,T,3]`` by latent frames, ``[B,F,scale,3]``; the first frame has one alone."""
    first = path[:, :1].expand(-1, scale, -1)
    return torch.cat([first, path[:, 1:]], 1).unflatten(1, (-1, scale))


def seen_at(
    path: Tensor, height: int, width: int, window: Window | None = None, fine: int = 1
) -> tuple[Tensor, Tensor]:
    """Where on a plane of ``path`` [B,F,3] the places of a picture look: down and across, ``[B,F,h,w]``, in
    sides of the picture.

    Args:
        height, width: of the picture, in places.
        window: of a larger picture that it is cut from, whose sides then count.
        fine: places a token, in either direction.
    """
    down, across = (torch.arange(n, device=path.device) + 0.5 for n in (height, width))
    if window is None:
        down, across = (down / height)[:, None], across / width
    else:
        top, left = (fine * at[:, None, None, None].float() for at in (window.top, window.left))
        down, across = (top + down[:, None]) / (fine * window.height), (left + across) / (fine * window.width)
    right, below, size = path[..., None, None, :].unbind(-1)
    down = 0.5 + below + (down - 0.5) * size.exp()
    across = 0.5 + right + (across - 0.5) * size.exp()
    down, across = torch.broadcast_tensors(down, across)
    return down, across


def waves(down: Tensor, across: Tensor, octaves: int) -> Tensor:
    """Features ``[...,8*octaves]`` of places: sines and cosines of both and their products, which say what
    neither axis tells alone.
    """
    angles = torch.pi * 2.0 ** torch.arange(octaves, device=down.device)
    d, a = (
        torch.cat([(at[..., None] * angles).sin(), (at[..., None] * angles).cos()], -1)
        for at in (down, across)
    )
    return torch.cat([d, a, d * a, d * a.roll(octaves, -1)], -1)


def shown_at(down: Tensor, across: Tensor, path: Tensor) -> Tensor:
    """The way back of :func:`seen_at`: where pictures of a plane's ``path`` [N,3] show places of it, ``down``
    and ``across``, that broadcast to [N,h,w]. Across and down, from -1 to 1 over the picture: ``[N,h,w,2]``.
    """
    right, below, size = path[:, None, None].unbind(-1)
    y, x = (2 * (at - 0.5 - away) * (-size).exp() for at, away in ((down, below), (across, right)))
    return torch.stack(torch.broadcast_tensors(x, y), -1)


def moved(pictures: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Pictures [N,C,H,W] of a plane that lay at ``before`` [3], as it lies at ``after``; edges repeated."""
    down, across = seen_at(after[None, None], *pictures.shape[-2:])
    at = shown_at(down[0], across[0], before[None])
    at = at.expand(len(pictures), -1, -1, -1).to(pictures)
    return nn.functional.grid_sample(pictures, at, padding_mode="border", align_corners=False)
