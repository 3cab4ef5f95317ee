"""Places: a learned term of where a token stands in the picture, and on the planes that move behind it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

WAVES = 4  # octaves of the features of a place in the picture, from half a period a side
PLANE_WAVES = 7  # and of a place on a plane: three more; 5 pixels, so that what passes by stays sharp
DRIVER = 64  # width of what drives a plane
PACE = 0.05  # sides of the picture a latent frame that a driver of 1 goes: about a quick pan's
START = 0.25  # sides of the picture that a start of 1 is away


class Plane(nn.Module):
    """A plane that moves as a whole, like a cel on the animation stand: where on it each token looks.

    Args:
        width: of the tokens.
        text_dim: of the narrative's states.
        starts: whether it may start anywhere; else it starts where the picture is.
    """

    def __init__(self, width: int, text_dim: int, starts: bool) -> None:
        super().__init__()
        self.tags_to_driver = nn.Linear(width, DRIVER)
        self.text_to_driver = nn.Linear(text_dim, DRIVER, bias=False)
        self.driver = nn.Linear(DRIVER, 3)
        self.start = nn.Linear(DRIVER, 3) if starts else None
        self.hidden = nn.Linear(8 * PLANE_WAVES, width)
        self.out = nn.Linear(width, width)

    def path(self, drive_BFD: Tensor, text_BSE: Tensor) -> Tensor:
        """Its path ``[B,F,3]``: right and down in sides of the picture, log of how much of it one sees."""
        said = self.text_to_driver(text_BSE.to(drive_BFD.dtype).mean(1))[:, None]
        driven = nn.functional.silu(self.tags_to_driver(drive_BFD) + said)
        steps = PACE * self.driver(driven[:, 1:]).float()
        start = torch.zeros_like(driven[:, :1, :3]).float()
        if self.start is not None:
            start = START * self.start(driven[:, :1]).float()
        return torch.cat([start, start + steps.cumsum(1)], 1)

    def forward(self, path: Tensor, down: Tensor, across: Tensor) -> Tensor:
        """The term ``[B,F,h,w,D]`` of tokens ``down`` [h] and ``across`` [w] in the picture."""
        right, below, size = path[..., None, None, :].unbind(-1)
        down = 0.5 + below + (down[:, None] - 0.5) * size.exp()
        across = 0.5 + right + (across - 0.5) * size.exp()
        return _term(self.hidden, self.out, down, across, PLANE_WAVES)


class Places(nn.Module):
    """Where each token stands, as a term of its embedding: in the picture, and on two planes that move.

    Wan's rotary positions are relative, and at t = 1 there is nothing but noise to be relative to: that the
    sky is above must be found out from the picture's edges, by attention, and where a panning camera has got
    to by then from nothing at all. A small model never does. So motion as a whole is learned as such: tags,
    their tracks and the narrative drive one plane over the picture from latent frame to latent frame and a
    second one over the first, and a token is told the place on each that it looks at. Nothing says what they
    are for. The first starts at rest, as scenery under a camera; the second anywhere, as a figure in it. The
    term is zero at first.

    Args:
        width: of the tokens.
        text_dim: of the narrative's states.
    """

    def __init__(self, width: int, text_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(8 * WAVES, width)
        self.out = nn.Linear(width, width)
        self.planes = nn.ModuleList(Plane(width, text_dim, starts) for starts in (False, True))

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
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        self.silence()

    def forward(self, drive_BFD: Tensor, text_BSE: Tensor, height: int, width: int) -> Tensor:
        """The term ``[B,D,F,h,w]``.

        Args:
            drive_BFD: what drives the planes in each latent frame: tag shift, span track and clock together.
            text_BSE: the narrative's states.
            height, width: of the picture, in tokens.
        """
        down, across = ((torch.arange(n, device=drive_BFD.device) + 0.5) / n for n in (height, width))
        term = _term(self.hidden, self.out, down[:, None], across, WAVES)
        path = torch.zeros(1, device=drive_BFD.device)
        for plane in self._planes:
            path = path + plane.path(drive_BFD, text_BSE)
            term = term + plane(path, down, across)
        return term.permute(0, 4, 1, 2, 3)


def _term(hidden: nn.Linear, out: nn.Linear, down: Tensor, across: Tensor, octaves: int) -> Tensor:
    """``[...,D]`` of places, broadcast: two layers over sines and cosines of both and their products, which
    say what neither axis tells alone.
    """
    angles = torch.pi * 2.0 ** torch.arange(octaves, device=down.device)
    d, a = (
        torch.cat([(at[..., None] * angles).sin(), (at[..., None] * angles).cos()], -1)
        for at in torch.broadcast_tensors(down, across)
    )
    waves = torch.cat([d, a, d * a, d * a.roll(octaves, -1)], -1)
    return out(nn.functional.silu(hidden(waves.to(hidden.weight.dtype))))
