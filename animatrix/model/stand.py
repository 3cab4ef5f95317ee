"""The animation stand: where tokens look on the sheets of set and figure that lie under a moving camera.

Wan's rotary positions are relative, and at t = 1 there is nothing but noise to be relative to: that the sky
is above must be found out from the picture's edges, by attention, and where a panning camera has got to by
then from nothing at all. A small model never does. So motion as a whole is learned as such: tags, their
tracks and the narrative drive two planes over the picture from frame to frame, and a token is told the place
on each that it looks at. Left to themselves planes do not find out what they are for (decision 009); where
footage knows how it lies over set and figure (``Truth.planes``), they learn that (:func:`off`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from animatrix.model.tags import TagEmbeds

WAVES = 4  # octaves of the features of a place in the picture, from half a period a side
PLANE_WAVES = 7  # and of a place on a plane: three more; 5 pixels, so that what passes by stays sharp
QUESTIONS = 6  # that a plane asks of the tags: camera, speed, action and the like
DRIVER = 128  # width of what drives a plane
PACE = 0.05  # sides of the picture a frame that a driver of 1 goes: nearly four times a quick pan's
SHEETS = 4  # of art, on each plane
DEPTH = 16  # features of a place on a sheet
CELLS = (40, 24)  # of a sheet, as much of it as is in the picture at rest: 4 pixels each at 160x96
REACHES = (1.0, 0.25)  # of the sheets of set and figure beyond the picture, in its sides each way
FAR, WIDE = 4.0, 2.0  # how far a path goes at most, in sides of the picture, and in the log of what one sees
NEAR = 0.02  # sides of the picture: what a path may be off by before it looks elsewhere
START = 0.25  # sides of the picture that a start of 1 is away


class Window(NamedTuple):
    """Where pictures are cut from larger ones: tokens above and to the left of each int64 [B], and the
    larger one's height and width in tokens.
    """

    top: Tensor
    left: Tensor
    height: int
    width: int


class Plane(nn.Module):
    """A plane that moves as a whole, like a cel on the animation stand: where on it each token looks.

    Args:
        width: of the tokens.
        text_dim: of the narrative's states; tag_dim: of a tag token.
        scale: frames of a latent frame.
    """

    def __init__(self, width: int, text_dim: int, tag_dim: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        # One camera among two dozen tags is little in their sum: so tags are asked one by one.
        self.questions = nn.Parameter(torch.empty(QUESTIONS, tag_dim))
        self.heard = nn.LayerNorm(tag_dim)
        self.answers_to_driver = nn.Linear(QUESTIONS * tag_dim, DRIVER, bias=False)
        self.tags_to_driver = nn.Linear(width, DRIVER)
        self.text_to_driver = nn.Linear(text_dim, DRIVER, bias=False)
        self.driver = nn.Linear(DRIVER, 3 * scale)
        self.start = nn.Linear(DRIVER, 3)
        self.hidden = nn.Linear(8 * PLANE_WAVES, width)
        self.out = nn.Linear(width, width)
        self.ask()

    def ask(self) -> None:
        """Questions as new."""
        nn.init.normal_(self.questions, std=self.questions.shape[1] ** -0.5)

    def path(self, drive_BFD: Tensor, text_BSE: Tensor, tags: TagEmbeds | None = None) -> Tensor:
        """Its path ``[B,T,3]``, frame by frame: right and down in sides of the picture, log of how much of it
        one sees.
        """
        said = self.text_to_driver(text_BSE.to(drive_BFD.dtype).mean(1))[:, None]
        if tags is not None:
            said = said + self.answers_to_driver(self._answers(tags, drive_BFD.dtype))[:, None]
        driven = nn.functional.silu(self.tags_to_driver(drive_BFD) + said)
        start = START * self.start(driven[:, :1]).float()
        steps = PACE * self.driver(driven[:, 1:]).float().unflatten(2, (self.scale, 3)).flatten(1, 2)
        path = torch.cat([start, start + steps.cumsum(1)], 1)
        # A path that nothing holds must not run away: e to the size has no end.
        return torch.cat([path[..., :2].clamp(-FAR, FAR), path[..., 2:].clamp(-WIDE, WIDE)], 2)

    def _answers(self, tags: TagEmbeds, dtype: torch.dtype) -> Tensor:
        """What the tags say to each question ``[B,QUESTIONS*tag_dim]``; nothing where there are none."""
        heard = self.heard(tags.tokens.to(dtype))
        match = torch.einsum("qd,btd->bqt", self.questions.to(dtype), heard).float()
        share = match.masked_fill(~tags.mask[:, None], -1e4).softmax(2) * tags.mask[:, None]
        return torch.einsum("bqt,btd->bqd", share.to(dtype), heard).flatten(1)

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


class Stand(nn.Module):
    """Where each token stands, as a term of its embedding: in the picture, and on the planes of set and
    figure. The term is zero at first.

    Args:
        width: of the tokens.
        text_dim: of the narrative's states; tag_dim: of a tag token.
        scale: frames of a latent frame.
    """

    def __init__(self, width: int, text_dim: int, tag_dim: int = 128, scale: int = 4) -> None:
        super().__init__()
        self.hidden = nn.Linear(8 * WAVES, width)
        self.out = nn.Linear(width, width)
        self.planes = nn.ModuleList(Plane(width, text_dim, tag_dim, scale) for _ in REACHES)

    @property
    def _planes(self) -> tuple[Plane, ...]:
        return cast(tuple[Plane, ...], tuple(self.planes))

    def silence(self) -> None:
        """Make the term zero. What drives the planes is not silenced: two zero factors in series would never
        wake.
        """
        for layer in (self.out, *(plane.out for plane in self._planes)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def reset_parameters(self) -> None:
        """As new."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.LayerNorm):
                layer.reset_parameters()
        for plane in self._planes:
            plane.ask()
        self.silence()

    def paths(self, drive_BFD: Tensor, text_BSE: Tensor, tags: TagEmbeds | None = None) -> list[Tensor]:
        """The paths of the planes ``[B,T,3]``.

        Args:
            drive_BFD: what drives the planes in each latent frame: tag shift, span track and clock together.
            text_BSE: the narrative's states; tags: what is asked for.
        """
        return [plane.path(drive_BFD, text_BSE, tags) for plane in self._planes]

    def forward(
        self, paths: Sequence[Tensor], height: int, width: int, window: Window | None = None
    ) -> Tensor:
        """The term ``[B,D,F,h,w]`` of a picture of ``height`` x ``width`` tokens, cut from a larger one where
        there is a ``window``.
        """
        still = paths[0].new_zeros(1, 1, 3)
        seen = waves(*seen_at(still, height, width, window), WAVES)
        term = self.out(nn.functional.silu(self.hidden(seen.to(self.hidden.weight.dtype))))
        for plane, path in zip(self._planes, paths, strict=True):
            term = term + plane(path, height, width, window)
        return term.permute(0, 4, 1, 2, 3)


def by_latent(path: Tensor, scale: int) -> Tensor:
    """A path ``[B,T,3]`` by latent frames, ``[B,F,scale,3]``; the first frame has one alone."""
    first = path[:, :1].expand(-1, scale, -1)
    return torch.cat([first, path[:, 1:]], 1).unflatten(1, (-1, scale))


def off(paths: Sequence[Tensor], known: Tensor) -> Tensor:
    """How far paths ``[B,T,3]`` are off the known ones ``[B,P,T,3]``, NaN where nothing is known: [B], 0 for
    those; the mean of Huber's error (beyond :data:`NEAR`, its size) in units of :data:`NEAR`.
    """
    gap = torch.stack(list(paths), 1) - known.nan_to_num()
    each = nn.functional.smooth_l1_loss(gap, torch.zeros_like(gap), reduction="none", beta=NEAR) / NEAR
    there = known.isfinite()
    return (each * there).flatten(1).sum(1) / there.flatten(1).sum(1).clamp(min=1)


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
