"""The draft artist: from a layout to rough pictures of every frame, before the video model paints.

Between layout and finished picture a studio has two departments. One paints the *background plate*, once,
wider than the picture, for the camera to move over; the other draws *cels* of the figure, one for each pose
on the timesheet. Laid over each other along the layout and photographed they make a draft of the shot: right
in place, time and colour, without the light, effects and deformations that make it the shot that was asked
for. A video model told the draft (its latents, ``draft=`` of the transformer) need not find
out again, at every step of a pan, what a tree looks like from there; what the draft lacks is its work.

    artist = DraftArtist.from_pretrained(folder / "draft_artist")
    draft = artist.draft(text, directives, layout, (96, 160))        # .pixels [B,3,T,H,W] in [-1,1]
    artist.struck(draft, directives)                                 # with the impact frames asked for

An *impact frame* is a frame of the draft struck: another picture for one to three frames, which no
autoencoder that puts four frames into one latent frame keeps apart from its neighbours. It is for the
picture, not for the video model.

Plates are painted from clips by their layouts and not trained, as is the grade that each palette lays over
them; what draws cels and what strikes frames are small networks (:mod:`animatrix.train.drafts` and
:mod:`animatrix.train.strikes`). It has plates of a few scenes and the figures of those scenes: a library of a
studio's own, not a model of the world.

Shapes: B directives, T frames, H x W pixels, S scenes, P palettes, N states of the narrative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from animatrix.knowledge import Directive
from animatrix.knowledge.timing import from_reference
from animatrix.model.stand import POSE, laid, seen_at
from animatrix.model.vae import AutoencoderNano

GRADED = "palette"  # the field whose value is laid over a draft as a grade
IMPACT = "impact_frame"
CHOICE = 64  # width of what chooses scene and palette
COARSE, CELL = 16, 4  # pixels of a cel's sheet that its coarsest and its finest grid count as one
CEL_TOP, CEL_LEFT = -0.275, 0.2  # corner of a cel's sheet on the figure's plane, in sides of the picture
CEL_HIGH, CEL_WIDE = 7 / 6, 0.6  # and its sides
SMALLEST = 8  # channels a group
FINE = 2  # pixels of a frame that its one grid counts as one, where it is struck
POINTS = 13  # rays about the figure that what strikes frames is told of, and twice as many


class Draft(NamedTuple):
    """pixels [B,3,T,H,W] in [-1,1] and cover [B,1,T,H,W] of the cels, in [0,1]; NaN and zero for layouts that
    are not known.
    """

    pixels: Tensor
    cover: Tensor


class CelBlock(nn.Module):
    """x + conv(silu(film(conv(norm(x))))), 3x3, turned by the pose."""

    def __init__(self, width: int, told: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(width // SMALLEST, width)
        self.conv_in = nn.Conv2d(width, width, 3, padding=1)
        self.conv_out = nn.Conv2d(width, width, 3, padding=1)
        self.turn = nn.Linear(told, 2 * width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """x [N,C,h,w], told [N,D]."""
        scale, shift = self.turn(told)[..., None, None].chunk(2, 1)
        return x + self.conv_out(F.silu(self.conv_in(self.norm(x)) * (1 + scale) + shift))


class Cels(nn.Module):
    """Cels of poses: colour times cover, and cover, on a sheet that the figure stands in the middle of.

    Args:
        told: numbers of a pose and of whose it is; width: channels; hidden: of what is made of the numbers.
        sheet: (down, across) pixels, multiples of :data:`COARSE`.
    """

    def __init__(self, told: int, width: int, hidden: int, sheet: tuple[int, int]) -> None:
        super().__init__()
        self.grid = (sheet[0] // COARSE, sheet[1] // COARSE)
        self.rough = width // 2
        self.read = nn.Sequential(nn.Linear(told, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.spread = nn.Linear(hidden, self.rough * self.grid[0] * self.grid[1])
        self.widen = nn.Conv2d(self.rough, width, 3, padding=1)
        self.blocks = nn.ModuleList(CelBlock(width, hidden) for _ in range(4))
        self.norm = nn.GroupNorm(width // SMALLEST, width)
        self.out = nn.Conv2d(width, 4 * CELL**2, 3, padding=1)

    def forward(self, told: Tensor) -> Tensor:
        """RGBA [N,4,down,across] of [N,told]; colours are times cover, both about in [0,1]."""
        hidden = self.read(told)
        x = self.widen(self.spread(hidden).unflatten(1, (self.rough, *self.grid)))
        for number, block in enumerate(self.blocks):
            if number in (1, 2):  # 16 pixels a cell, 8, then two at 4
                x = F.interpolate(x, scale_factor=2)
            x = block(x, hidden)
        return F.pixel_shuffle(self.out(F.silu(self.norm(x))), CELL)


class Strikes(nn.Module):
    """What an impact frame makes of a frame: lines, flats, rays about the figure.

    Args:
        values: how many impact frames there are; width: channels.
    """

    def __init__(self, values: int, width: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d((4 + 7) * FINE**2, width, 3, padding=1)
        self.blocks = nn.ModuleList(CelBlock(width, values) for _ in range(3))
        self.norm = nn.GroupNorm(width // SMALLEST, width)
        self.out = nn.Conv2d(width, 3 * FINE**2, 3, padding=1)

    def forward(self, pixels: Tensor, cover: Tensor, values: Tensor) -> Tensor:
        """Pixels [N,3,H,W], about in [0,1], of such pixels, the figure's cover [N,1,H,W] and which impact
        frame, one-hot [N,V].
        """
        seen = torch.cat([2 * pixels - 1, cover, _about(cover)], 1)
        x = self.widen(F.pixel_unshuffle(seen, FINE))
        for block in self.blocks:
            x = block(x, values)
        return F.pixel_shuffle(self.out(F.silu(self.norm(x))), FINE) + 0.5


def _about(cover: Tensor) -> Tensor:
    """Where a pixel lies about the middle of what is covered [N,7,H,W]: across and down and how far, in
    heights of the picture; sines and cosines of :data:`POINTS` rays and of twice as many.
    """
    h, w = cover.shape[-2:]
    down = torch.arange(h, device=cover.device, dtype=cover.dtype)[:, None].expand(h, w)
    across = torch.arange(w, device=cover.device, dtype=cover.dtype).expand(h, w)
    # A little of everywhere: with nothing covered, the middle of the picture.
    weight = cover[:, 0] + 1e-6
    total = weight.sum((1, 2))
    y, x = ((weight * at).sum((1, 2)) / total for at in (down, across))
    y, x = (down - y[:, None, None]) / h, (across - x[:, None, None]) / h
    angle = torch.atan2(y, x)
    rays = [wave(n * angle) for n in (POINTS, 2 * POINTS) for wave in (torch.cos, torch.sin)]
    return torch.stack([x, y, (x**2 + y**2).sqrt(), *rays], 1)


class DraftArtist(ModelMixin, ConfigMixin):
    """See the module's text.

    Args:
        text_dim: of the narrative's states.
        scenes: S; palettes: values of :data:`GRADED` that have a grade, natural ones first.
        plate_size, frame: (down, across) pixels of a plate, and of the picture at rest in its middle.
        width, hidden: see :class:`Cels`.
        mean, spread: of each of a pose's numbers, over what it was trained on: lists of POSE.
        impacts: values of :data:`IMPACT` that a frame can be struck with; strike_width: channels of that.
    """

    _supports_gradient_checkpointing = False
    painted: Tensor
    grades: Tensor

    @register_to_config
    def __init__(
        self,
        text_dim: int = 128,
        scenes: int = 4,
        palettes: Sequence[str] = ("natural",),
        plate_size: tuple[int, int] = (160, 320),
        frame: tuple[int, int] = (96, 160),
        width: int = 48,
        hidden: int = 192,
        mean: list[float] | None = None,
        spread: list[float] | None = None,
        impacts: Sequence[str] = (),
        strike_width: int = 32,
    ) -> None:
        super().__init__()
        self.register_buffer("painted", torch.full((scenes, 3, *plate_size), 128, dtype=torch.uint8))
        self.register_buffer("grades", torch.eye(3, 4).repeat(scenes, len(palettes), 1, 1))
        self.scene = nn.Sequential(nn.Linear(text_dim, CHOICE), nn.SiLU(), nn.Linear(CHOICE, scenes))
        heard = text_dim + len(palettes)
        self.palette = nn.Sequential(nn.Linear(heard, CHOICE), nn.SiLU(), nn.Linear(CHOICE, len(palettes)))
        down, across = (
            round(share * side / COARSE) * COARSE
            for share, side in zip((CEL_HIGH, CEL_WIDE), frame, strict=True)
        )
        self.cels = Cels(POSE + scenes, width, hidden, (down, across))
        self.strikes = Strikes(len(impacts), strike_width) if impacts else None

    @property
    def sheet(self) -> tuple[int, int]:
        """(down, across) pixels of a cel's sheet."""
        return self.cels.grid[0] * COARSE, self.cels.grid[1] * COARSE

    def heard(self, text: Tensor, directives: Sequence[Directive]) -> Tensor:
        """What the palette is chosen by [B,text_dim+P]: narrative [B,N,text_dim], and the tag, if any."""
        values = list(self.config.palettes)
        said = text.new_zeros(len(directives), len(values), dtype=torch.float32)
        for row, directive in enumerate(directives):
            for value in directive.values(GRADED)[:1]:
                if value in values:
                    said[row, values.index(value)] = 1
        return torch.cat([meaning(text), said], 1)

    def standard(self, poses: Tensor) -> Tensor:
        """Poses [...,POSE] at mean 0 and spread 1."""
        mean, spread = self.config.mean, self.config.spread
        if mean is None or spread is None:
            return poses
        return (poses - poses.new_tensor(mean)) / poses.new_tensor(spread)

    def forward(self, poses: Tensor, scenes: Tensor) -> Tensor:
        """Cels RGBA [N,4,h,w], colours times cover, of poses [N,POSE] of the figures of scenes [N,S], shares
        that sum to one.
        """
        dtype = self.cels.out.weight.dtype
        return self.cels(torch.cat([self.standard(poses), scenes], 1).to(dtype)).float()

    def plates(self, scenes: Tensor, path: Tensor, size: tuple[int, int]) -> Tensor:
        """What of the plates of ``scenes`` [B,S] the path [B,T,3] looks at: [B,T,3,H,W] in [0,1]."""
        plates = torch.einsum("bk,kchw->bchw", scenes, self.painted.float() / 255)
        down, across = seen_at(path, *size)
        (high, wide), (h, w) = self.config.plate_size, self.config.frame
        return _looked(plates, (2 * down - 1) * h / high, (2 * across - 1) * w / wide, "border")

    def cels_laid(self, scenes: Tensor, path: Tensor, poses: Tensor, size: tuple[int, int]) -> Tensor:
        """Cels along the figure's path [B,T,3], as exposed: [B,T,4,H,W]."""
        down, across = seen_at(path, *size)
        down, across = (
            2 * (at - corner) / side - 1
            for at, corner, side in ((down, CEL_TOP, CEL_HIGH), (across, CEL_LEFT, CEL_WIDE))
        )
        found = []
        for row, own in enumerate(poses):
            # A drawing that is held is drawn once.
            drawn, number = own.unique(dim=0, return_inverse=True)
            cels = self(drawn, scenes[row].expand(len(drawn), -1))[number]
            found.append(_looked(cels, down[row][:, None], across[row][:, None], "zeros")[:, 0])
        return torch.stack(found)

    def graded(self, pixels: Tensor, scenes: Tensor, palettes: Tensor) -> Tensor:
        """Pixels [B,T,3,H,W] in [0,1] under the grades of ``palettes`` [B,P] in ``scenes`` [B,S]."""
        grade = torch.einsum("bk,bp,kpij->bij", scenes, palettes, self.grades.float())
        colour = torch.einsum("bij,btjhw->btihw", grade[:, :, :3], pixels)
        return colour + grade[:, None, :, 3, None, None]

    @torch.no_grad()
    def draft(
        self, text: Tensor, directives: Sequence[Directive], layout: Tensor, size: tuple[int, int]
    ) -> Draft:
        """The draft of layouts [B,T,LAYOUT], without impact frames.

        Args:
            text: states of the narratives [B,N,text_dim], zero past the end.
        """
        device, dtype = self.cels.out.weight.device, self.cels.out.weight.dtype
        text, found = text.to(device), laid(layout.to(device))
        scenes = self.scene(meaning(text).to(dtype)).float().softmax(1)
        palettes = self.palette(self.heard(text, directives).to(dtype)).float().softmax(1)
        plate = self.plates(scenes, found.paths[0], size)
        cel = self.cels_laid(scenes, found.paths[1], found.poses, size)
        cover = cel[:, :, 3:].clamp(0, 1)
        pixels = plate * (1 - cover) + cel[:, :, :3].clamp(0, 1)
        finished = self.graded(pixels, scenes, palettes).clamp(0, 1).transpose(1, 2) * 2 - 1
        known = found.known.bool()[:, None, None, None, None]
        return Draft(
            torch.where(known, finished, float("nan")), torch.where(known, cover.transpose(1, 2), 0.0)
        )

    @torch.no_grad()
    def struck(self, draft: Draft, directives: Sequence[Directive]) -> Tensor:
        """Pixels [B,3,T,H,W] of a draft with the impact frames that directives ask for by tag and span, as
        far as this artist knows them.
        """
        out = draft.pixels.clone()
        if self.strikes is None:
            return out
        weight, values = self.strikes.out.weight, list(self.config.impacts)
        for row, directive in enumerate(directives):
            asked = {t: v for t, v in impacts_of(directive, out.shape[2]).items() if v in values}
            if not asked:
                continue
            at = list(asked)
            which = torch.tensor([values.index(v) for v in asked.values()])
            found = self.strikes(
                ((draft.pixels[row, :, at].transpose(0, 1) + 1) / 2).to(weight),
                draft.cover[row, :, at].transpose(0, 1).to(weight),
                F.one_hot(which, len(values)).to(weight),
            )
            out[row, :, at] = found.to(out).clamp(0, 1).transpose(0, 1) * 2 - 1
        return out


def impacts_of(directive: Directive, frames: int) -> dict[int, str]:
    """The impact frame that a directive asks for by tag and span in each of its frames, where it does."""
    found: dict[int, str] = {}
    for tag in directive.tags.get(IMPACT, ()):
        if tag.value == "none" or tag.span is None:
            continue
        first, last = from_reference(*tag.span, directive.fps)
        found |= dict.fromkeys(range(first, min(last + 1, frames)), tag.value)
    return found


@torch.no_grad()
def encoded(vae: AutoencoderNano, pixels: Tensor) -> Tensor:
    """Normalised latents [B,C,F,h,w] of drafts [B,3,T,H,W], one by one; NaN for those that are not known."""
    weight = next(vae.parameters())
    drawn = pixels.nan_to_num().to(weight)
    found = torch.cat([vae.normalise(vae.encode(clip[None]).latents).float() for clip in drawn])
    known = pixels.isfinite().flatten(1).all(1)[:, None, None, None, None].to(found.device)
    return torch.where(known, found, float("nan"))


def meaning(text: Tensor) -> Tensor:
    """The mean [B,D] of a narrative's states [B,N,D], zero past the end."""
    there = (text.abs().amax(2) > 0).sum(1, keepdim=True)
    return text.float().sum(1) / there.clamp(min=1)


def _looked(sheets: Tensor, down: Tensor, across: Tensor, beyond: Any) -> Tensor:
    """Sheets [B,C,h,w] looked at in places [B,T,H,W], from -1 to 1 across each: [B,T,C,H,W]."""
    b, t, h, w = down.shape
    at = torch.stack([across, down], -1).reshape(b, t * h, w, 2)
    seen = F.grid_sample(sheets, at, padding_mode=beyond, align_corners=False)
    return seen.view(b, -1, t, h, w).transpose(1, 2)
