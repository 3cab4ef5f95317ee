"""Nano's video autoencoder: both ways learned from windows of clips, starting at their principal components.

Loss of a sample: the logarithms of the squared error (frames unlike their neighbours count up to twice) and
of the absolute errors of pixels and of their differences along width and height, and of every step from one
frame to the next: lines are thin, drawings are held and change abruptly, and plain squares are content to
soften them all. Logarithms, because a flat sky should not be ignored beside a crowd of petals, nor a held
drawing beside a pan. Latents carry a little noise, so that the decoder forgives the small errors a diffusion
model leaves in them. There is no adversary and no perceptual loss: there are no photographs here to be
perceptual about.

What is exported has its latents turned to their own principal axes. With ``frozen_encoder`` only the decoder
learns, and latents made before stay valid.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from animatrix.media import Clip, contact_sheet
from animatrix.model.vae import SPATIAL, TEMPORAL, AutoencoderNano, to_frames, to_pixels
from animatrix.train import draws
from animatrix.train.data import DataRecipe, Samples
from animatrix.train.data.recipe import parse_bucket
from animatrix.train.plan import Draw, StepPlan
from animatrix.train.recipe import Recipe, Section, TaskKind
from animatrix.train.task import Losses

STATISTICS_CLIPS = 48  # from whose frames components and statistics are taken
ALIGNED = 0.75  # share of windows that begin where a whole clip's latent frames do


class VaeModel(Section):
    """The network, and the windows it learns from.

    Args:
        z_dim, widths, encoder_widths, blocks, norm, holds: see :class:`AutoencoderNano`.
        window: width, height and frames (4n+1) cut from a clip.
        noise: the largest noise on the normalised latents.
        start: folder of an autoencoder to go on from, instead of principal components; where it has more
            channels than ``z_dim``, of its first ones.
        frozen_encoder: train the decoder of ``start`` only.
    """

    z_dim: PositiveInt = 64
    widths: tuple[PositiveInt, PositiveInt, PositiveInt] = (192, 96, 64)
    encoder_widths: tuple[PositiveInt, PositiveInt, PositiveInt] = (48, 96, 192)
    blocks: PositiveInt = 1
    norm: bool = True
    holds: bool = True
    window: tuple[PositiveInt, PositiveInt, PositiveInt] = (96, 64, 9)
    noise: float = Field(default=0.08, ge=0)
    start: Path | None = None
    frozen_encoder: bool = False

    @model_validator(mode="after")
    def _fits(self) -> VaeModel:
        width, height, frames = self.window
        if width % SPATIAL or height % SPATIAL or frames % TEMPORAL != 1:
            raise ValueError(f"a window has sides that are multiples of {SPATIAL} and {TEMPORAL}n+1 frames")
        if self.frozen_encoder and self.start is None:
            raise ValueError("a frozen encoder needs a start")
        return self


@dataclass
class VaeBatch:
    """Pixels [B,3,T,H,W] in [-1,1], and noise [B,C,F,h,w] at the scale of the normalised latents."""

    names: list[str]
    pixels: Tensor
    noise: Tensor


class NoisyRoundTrip(nn.Module):
    """Pixels through latents with noise on them, and back."""

    def __init__(self, vae: AutoencoderNano) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        z = self.vae.normalise(self.vae.encode(x).latents) + noise
        return self.vae.decode(self.vae.denormalise(z)).sample


def psnr(y: Tensor, x: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of pixels in [-1,1], [B]."""
    mse = (y.clamp(-1, 1) - x).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / mse.clamp(min=1e-10))


def reconstruction_loss(y: Tensor, x: Tensor) -> Tensor:
    """The loss of the module's text; y, x [B,3,T,H,W] in [-1,1], T >= 2; [B]."""
    d = y - x
    step = F.pad(x.diff(dim=2).abs().mean((1, 3, 4)), (1, 1), value=2.0)  # [B,T+1]
    alone = torch.minimum(step[:, :-1], step[:, 1:])  # how unlike the nearer neighbour a frame is
    weight = 1 + (4 * alone).clamp(max=1)
    weight = weight / weight.mean(1, keepdim=True)
    squares = (d.square().mean((1, 3, 4)) * weight).mean(1)
    each = torch.log(squares + 1e-3) + 0.25 * torch.log(d.abs().flatten(1).mean(1) + 0.01)
    for dim in (-1, -2):
        each = each + 0.15 * torch.log(d.diff(dim=dim).abs().flatten(1).mean(1) + 0.01)
    # Pair by pair, so that a pair of equal pictures asks for equal pictures, whatever moves elsewhere.
    pairs = torch.log(d.diff(dim=2).abs().mean((1, 3, 4)) + 0.002)
    return each + 0.25 * pairs.mean(1)


class VaeTask:
    """See the module's text."""

    name = "autoencode"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.model: VaeModel = recipe.model
        self.samples = Samples(recipe, None)
        torch.manual_seed(recipe.seed)
        if self.model.start is not None:
            self.vae = AutoencoderNano.from_pretrained(self.model.start)
            if self.model.z_dim < self.vae.config.z_dim:
                self.vae = self.vae.leading(self.model.z_dim)
            if self.vae.config.latents_spread is None:
                self.vae.record_spread(self._statistics_clips())
        else:
            self.vae = AutoencoderNano(pixel_width=0, **self.model.model_dump(include=NETWORK))
            clips = self._statistics_clips()
            self.vae.init_components(clips)
            self.vae.record_statistics(clips)
        for name, parameter in self.vae.named_parameters():
            encodes = name.startswith(("analysis", "enc_"))
            parameter.requires_grad_(not (self.model.frozen_encoder and encodes))

    def _statistics_clips(self) -> Tensor:
        """Pixels of the first clips of the sources by turns, in the longest bucket."""
        bucket = max(map(parse_bucket, self.recipe.data.buckets), key=lambda b: b.frames)
        sources = [stream.source for stream in self.samples.streams]
        each = -(-STATISTICS_CLIPS // len(sources))
        found = [Draw(-1, i, s.name, i) for s in sources for i in range(min(each, s.count))]
        return to_pixels(self.samples.frames(StepPlan(-1, "", bucket, tuple(found)), found))

    def modules(self) -> dict[str, nn.Module]:
        return {"vae": NoisyRoundTrip(self.vae)}

    def plan(self, step: int) -> StepPlan:
        return self.samples.plan(step)

    def load(self, plan: StepPlan, draws_: Sequence[Draw]) -> VaeBatch:
        clips = self.samples.frames(plan, draws_)
        cut = [self._window(clip, plan.step, d.place) for clip, d in zip(clips, draws_, strict=True)]
        pixels = to_pixels(np.stack(cut))
        noise = [self._noise(pixels.shape, plan.step, d.place) for d in draws_]
        return VaeBatch([d.name for d in draws_], pixels, torch.stack(noise))

    def _window(self, clip: np.ndarray, step: int, place: int) -> np.ndarray:
        rng = draws.rng(self.recipe.seed, "window", step, place)
        w, h, frames = (
            min(a, b) for a, b in zip(self.model.window, (clip.shape[2], *clip.shape[1::-1]), strict=True)
        )
        t, y, x = (int(rng.integers(n + 1)) for n in np.subtract(clip.shape[:3], (frames, h, w)))
        if rng.random() < ALIGNED:
            t -= t % TEMPORAL
        return clip[t : t + frames, y : y + h, x : x + w]

    def _noise(self, shape: Sequence[int], step: int, place: int) -> Tensor:
        """[C,F,h,w]: of a strength of its own, up to the recipe's."""
        level = self.model.noise * draws.uniform(self.recipe.seed, "level", step, place)
        generator = draws.generator(self.recipe.seed, "noise", step, place)
        frames, h, w = (shape[2] - 1) // TEMPORAL + 1, shape[3] // SPATIAL, shape[4] // SPATIAL
        return level * torch.randn(self.vae.config.z_dim, frames, h, w, generator=generator)

    def loss(self, modules: Mapping[str, nn.Module], batch: VaeBatch) -> Losses:
        y = modules["vae"](batch.pixels, batch.noise).float()
        return Losses(reconstruction_loss(y, batch.pixels), {"psnr": psnr(y.detach(), batch.pixels)})

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """PSNR of held-out clips without noise, by kind and in all."""
        found: dict[str, list[float]] = {}
        for x, kind in self._held_out():
            value = psnr(self._round_trip(modules, x), x.to(self.device)).item()
            found.setdefault(f"probe/psnr_{kind}", []).append(value)
            found.setdefault("probe/psnr", []).append(value)
        return {name: sum(values) / len(values) for name, values in sorted(found.items())}

    def _held_out(self) -> list[tuple[Tensor, str]]:
        """(pixels [1,3,T,H,W], kind) of every held-out clip of more than one frame."""
        return [
            (to_pixels(self.samples.frames(plan, [draw])), draw.kind)
            for plan in self.samples.held_out()
            if plan.bucket.frames > 1
            for draw in plan.draws
        ]

    def _round_trip(self, modules: Mapping[str, nn.Module], x: Tensor) -> Tensor:
        size = (x.shape[2] - 1) // TEMPORAL + 1, x.shape[3] // SPATIAL, x.shape[4] // SPATIAL
        silence = torch.zeros(len(x), self.vae.config.z_dim, *size, device=self.device)
        return modules["vae"](x.to(self.device), silence).float()

    @torch.no_grad()
    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Held-out clips, each above what comes back of it."""
        clips = []
        for x, _ in self._held_out()[:4]:
            for pixels in (x, self._round_trip(modules, x).cpu()):
                clips.append(Clip(to_frames(pixels)[0], 24))
        if clips:
            contact_sheet(clips, folder / f"round-trip-{step:07d}.png", columns=1)

    def export(self, modules: Mapping[str, nn.Module], folder: Path) -> None:
        net = modules["vae"]
        assert isinstance(net, NoisyRoundTrip)
        vae = copy.deepcopy(net.vae).eval()
        if not self.model.frozen_encoder:
            vae.settle(self._statistics_clips())
        vae.save_pretrained(folder / "vae", safe_serialization=True)

    def state_dict(self) -> dict[str, Any]:
        return self.samples.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.samples.load_state_dict(state)


NETWORK = {"z_dim", "widths", "encoder_widths", "blocks", "norm", "holds"}
TASK = TaskKind(VaeTask, VaeModel, DataRecipe)
