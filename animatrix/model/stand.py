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
DRIVER = 128  # width of what chooses a sheet of art
SHEETS = 4  # of art, on each plane
DEPTH = 8  # features of a place on a sheet
CELLS = (40, 24)  # of a sheet, as much of it as is in the picture at rest: 4 pixels each at 160x96
REACHES = (0.6, 0.25)  # of the sheets of set and figure beyond the picture, in its sides each way
POSE = 29  # numbers of a pose: animatrix.synthetic.layout.POSE
LAYOUT = 3 * len(REACHES) + POSE  # numbers that a layout has for each frame
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
    *planes, poses = numbers.split([3] * len(REACHES) + [POSE], 2)
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


class Art(nn.Module):
    """What is painted on a plane: a few learned sheets of features, mixed by the narrative, to be looked at
    anywhere.

    Sines of a place say where a token looks, and what is there has to be made of them by the layers behind,
    all of it anew at every step of a pan. A sheet holds it, as background art does under a camera: feature
    grids learn detail far faster (Mueller et al. 2201.05989).

    Args:
        text_dim: of the narrative's states.
        reach: sides of the picture that a sheet goes beyond it, each way.
    """

    def __init__(self, text_dim: int, reach: float) -> None:
        super().__init__()
        self.reach = reach
        across, down = (round(n * (1 + 2 * reach)) for n in CELLS)
        self.sheets = nn.Parameter(torch.empty(SHEETS, DEPTH, down, across))
        self.choice = nn.Sequential(nn.Linear(text_dim, DRIVER), nn.SiLU(), nn.Linear(DRIVER, SHEETS))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As new."""
        nn.init.normal_(self.sheets, std=0.3)
        for layer in self.choice:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()

    def forward(self, text_BSE: Tensor, down: Tensor, across: Tensor) -> Tensor:
        """What is seen ``[B,F,h,w,DEPTH]`` at places ``[B,F,h,w]`` in sides of the picture; beyond a sheet,
        its edge.
        """
        b, f, h, w = down.shape
        share = self.choice(text_BSE.to(self.sheets.dtype).mean(1)).softmax(1)
        sheet = torch.einsum("bk,kchw->bchw", share.float(), self.sheets.float())
        side = 1 + 2 * self.reach
        at = torch.stack([2 * (n + self.reach) / side - 1 for n in (across, down)], -1).float()
        seen = nn.functional.grid_sample(
            sheet, at.reshape(b, f * h, w, 2), padding_mode="border", align_corners=False
        )
        return seen.view(b, DEPTH, f, h, w).permute(0, 2, 3, 4, 1)


class Plates(nn.Module):
    """Background plates: pictures of sets, painted beforehand, that the camera moves over, pixel by pixel.

    What lies under a moving camera changes its latents with every pixel of an offset. Sheets of features as
    coarse as :class:`Art`'s cannot follow that; a picture as fine as the frame's, looked at by every pixel,
    does (decision 010). Plates are painted from clips by their layouts (``recipes/nano_plates.py``), kept in
    8 bits and not trained, nor is which narrative means which: tried, all of them came to mean one plate in
    250 steps. What light, palette and effects make of plates is the network's.

    Args:
        text_dim: of the narrative's states.
        size: (down, across) of a plate in pixels.
        frame: (down, across) of the picture at rest, in pixels: the plate's middle.
        pixels: of a place of the latents, in either direction; scale: frames of a latent frame.
        width: of what is said of them.
    """

    painted: Tensor

    def __init__(
        self,
        text_dim: int,
        size: tuple[int, int],
        frame: tuple[int, int],
        pixels: int,
        scale: int,
        width: int,
    ) -> None:
        super().__init__()
        self.size, self.frame, self.pixels, self.scale = size, frame, pixels, scale
        self.register_buffer("painted", torch.full((SHEETS, 3, *size), 128, dtype=torch.uint8))
        self.choice = nn.Sequential(nn.Linear(text_dim, DRIVER), nn.SiLU(), nn.Linear(DRIVER, SHEETS))
        self.choice.requires_grad_(False)
        self.out = nn.Linear(3 * scale * pixels**2, width, bias=False)
        nn.init.zeros_(self.out.weight)

    def reset_parameters(self) -> None:
        """As new: nothing is said of plates."""
        for layer in self.choice:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        nn.init.zeros_(self.out.weight)

    def shown(self, text_BSE: Tensor, path: Tensor, height: int, width: int, window: Window | None) -> Tensor:
        """Pixels [B,T,3,H,W] in [-1,1] that a path [B,T,3] looks at; beyond a plate, its edge."""
        share = self.choice(text_BSE.to(self.out.weight.dtype).mean(1)).softmax(1).float()
        plates = torch.einsum("bk,kchw->bchw", share, self.painted.float() / 127.5 - 1)
        fine = 2 * self.pixels  # pixels a token, of 2x2 places
        down, across = seen_at(path, self.pixels * height, self.pixels * width, window, fine)
        at = torch.stack(
            [
                (2 * n - 1) * inside / whole
                for n, inside, whole in zip(
                    (across, down), reversed(self.frame), reversed(self.size), strict=True
                )
            ],
            -1,
        )
        b, t, h, w, _ = at.shape
        seen = nn.functional.grid_sample(
            plates, at.reshape(b, t * h, w, 2), padding_mode="border", align_corners=False
        )
        return seen.view(b, 3, t, h, w).transpose(1, 2)

    def forward(
        self, text_BSE: Tensor, path: Tensor, height: int, width: int, window: Window | None = None
    ) -> Tensor:
        """What is said of a path's frames ``[B,F,H,W,width]``, at each of H x W places of the latents."""
        frames = by_latent(path, self.scale)
        b, f = frames.shape[:2]
        seen = self.shown(text_BSE, frames.flatten(1, 2), height, width, window)
        p = self.pixels
        patches = seen.reshape(b, f, self.scale * 3, height, p, width, p).permute(0, 1, 3, 5, 2, 4, 6)
        return self.out(patches.flatten(4).to(self.out.weight.dtype))


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
        self.planes = nn.ModuleList(Plane(width, scale) for _ in REACHES)
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
