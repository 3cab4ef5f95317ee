"""Nano's video autoencoder: both ways learned from windows of clips, starting at their principal components.

Loss of a sample: the logarithms of the squared error (frames unlike their neighbours count up to twice) and
of the absolute errors of pixels and of their differences along width and height, and of every step from one
frame to the next: lines are thin, drawings are held and change abruptly, and plain squares are content to
soften them all. Logarithms, because a flat sky should not be ignored beside a crowd of petals, nor a held
drawing beside a pan. Latents carry a little noise, so that the decoder forgives the small errors a diffusion
model leaves in them. There is no adversary and no perceptual loss: there are no photographs here to be
perceptual about.

What is exported has its latents turned to their own principal axes. With ``frozen_encoder`` only the decoder
learns, and latents made before stay valid. It may then also learn to finish what a diffusion model on these
latents leaves (:mod:`animatrix.train.last_step`).
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
from animatrix.train.data.samples import HELD_OUT
from animatrix.train.last_step import Finishes, LastStep
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
        finishes: a diffusion model whose last step the decoder learns to take; clips of the sources it knows
            are then decoded from what it predicts. Needs a frozen encoder.
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
    finishes: Finishes | None = None

    @model_validator(mode="after")
    def _fits(self) -> VaeModel:
        width, height, frames = self.window
        if width % SPATIAL or height % SPATIAL or frames % TEMPORAL != 1:
            raise ValueError(f"a window has sides that are multiples of {SPATIAL} and {TEMPORAL}n+1 frames")
        if self.frozen_encoder and self.start is None:
            raise ValueError("a frozen encoder needs a start")
        if self.finishes is not None and not self.frozen_encoder:
            raise ValueError("finishes needs a frozen encoder: a diffusion model knows its latents only")
        return self


@dataclass
class VaeBatch:
    """Pixels [B,3,T,H,W] in [-1,1], and noise [B,C,F,h,w] at the scale of the normalised latents.

    predicted, given: normalised latents [B,C,F,h,w] that stand in place of the encoder's where ``given`` [B].
    """

    names: list[str]
    pixels: Tensor
    noise: Tensor
    predicted: Tensor | None = None
    given: Tensor | None = None


class NoisyRoundTrip(nn.Module):
    """Pixels through latents with noise on them, or others where they are given, and back."""

    def __init__(self, vae: AutoencoderNano) -> None:
        super().__init__()
        self.vae = vae

    def forward(
        self, x: Tensor, noise: Tensor, predicted: Tensor | None = None, given: Tensor | None = None
    ) -> Tensor:
        z = self.vae.normalise(self.vae.encode(x).latents) + noise
        if predicted is not None and given is not None:
            z = torch.where(given.view(-1, 1, 1, 1, 1), predicted.to(z), z)
        return self.vae.decode(self.vae.denormalise(z)).sample


def latent_window(place: tuple[slice, slice, slice]) -> tuple[slice, ...]:
    """Of a whole clip's latents [C,F,h,w], those of a window of its frames on whole latents."""
    t, y, x = place
    first = t.start // TEMPORAL
    frames = slice(first, first + (t.stop - t.start - 1) // TEMPORAL + 1)
    return (slice(None), frames, *(slice(s.start // SPATIAL, s.stop // SPATIAL) for s in (y, x)))


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
        self.last_step = None
        if self.model.finishes is not None:
            assert self.model.start is not None
            self.last_step = LastStep(self.model.finishes, self.model.start, recipe.seed, device)
        self.samples = Samples(recipe, None if self.last_step is None else self.last_step.encoder)
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
        known = [self._known(d.source) for d in draws_]
        places = [
            self._window(clip.shape, plan.step, d.place, whole)
            for clip, d, whole in zip(clips, draws_, known, strict=True)
        ]
        pixels = to_pixels(np.stack([clip[place] for clip, place in zip(clips, places, strict=True)]))
        noise = torch.stack([self._noise(pixels.shape, plan.step, d.place) for d in draws_])
        predicted = given = None
        if any(known):
            predicted, given = torch.zeros_like(noise), torch.tensor(known)
            found = self._predicted(plan, [d for d, k in zip(draws_, known, strict=True) if k])
            at = [place for place, k in zip(places, known, strict=True) if k]
            predicted[given] = torch.stack(
                [z[latent_window(place)] for z, place in zip(found, at, strict=True)]
            )
        return VaeBatch([d.name for d in draws_], pixels, noise, predicted, given)

    def _known(self, source: str) -> bool:
        """Whether clips of a source are decoded from what the diffusion model predicts."""
        finishes = self.model.finishes
        return finishes is not None and source.removeprefix(f"{HELD_OUT}.") in finishes.sources

    def _predicted(self, plan: StepPlan, draws_: Sequence[Draw]) -> Tensor:
        """Latents [B,C,F,h,w] of whole clips."""
        assert self.last_step is not None
        items = self.samples.load(plan, draws_)
        return self.last_step.predicted(items, [(d.step, d.place) for d in draws_])

    def _window(
        self, shape: Sequence[int], step: int, place: int, on_latents: bool
    ) -> tuple[slice, slice, slice]:
        """Frames, rows and columns of a clip [T,H,W,...]; with ``on_latents`` those of whole latents."""
        rng = draws.rng(self.recipe.seed, "window", step, place)
        w, h, frames = (min(a, b) for a, b in zip(self.model.window, (*shape[2:0:-1], shape[0]), strict=True))
        t, y, x = (int(rng.integers(n + 1)) for n in np.subtract(shape[:3], (frames, h, w)))
        if on_latents or rng.random() < ALIGNED:
            t -= t % TEMPORAL
        if on_latents:
            y, x = y - y % SPATIAL, x - x % SPATIAL
        return slice(t, t + frames), slice(y, y + h), slice(x, x + w)

    def _noise(self, shape: Sequence[int], step: int, place: int) -> Tensor:
        """[C,F,h,w]: of a strength of its own, up to the recipe's."""
        level = self.model.noise * draws.uniform(self.recipe.seed, "level", step, place)
        generator = draws.generator(self.recipe.seed, "noise", step, place)
        frames, h, w = (shape[2] - 1) // TEMPORAL + 1, shape[3] // SPATIAL, shape[4] // SPATIAL
        return level * torch.randn(self.vae.config.z_dim, frames, h, w, generator=generator)

    def loss(self, modules: Mapping[str, nn.Module], batch: VaeBatch) -> Losses:
        y = modules["vae"](batch.pixels, batch.noise, batch.predicted, batch.given).float()
        return Losses(reconstruction_loss(y, batch.pixels), {"psnr": psnr(y.detach(), batch.pixels)})

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """PSNR of held-out clips without noise, by kind and in all; of those that a diffusion model knows
        also from what it predicts of them.
        """
        found: dict[str, list[float]] = {}
        for x, predicted, kind in self._held_out():
            value = psnr(self._round_trip(modules, x), x.to(self.device)).item()
            found.setdefault(f"probe/psnr_{kind}", []).append(value)
            found.setdefault("probe/psnr", []).append(value)
            if predicted is not None:
                value = psnr(self._round_trip(modules, x, predicted), x.to(self.device)).item()
                found.setdefault("probe/psnr_finished", []).append(value)
        return {name: sum(values) / len(values) for name, values in sorted(found.items())}

    def _held_out(self) -> list[tuple[Tensor, Tensor | None, str]]:
        """(pixels [1,3,T,H,W], what is predicted of its latents, kind) of every held-out clip of more than
        one frame.
        """
        return [
            (
                to_pixels(self.samples.frames(plan, [draw])),
                self._predicted(plan, [draw]) if self._known(draw.source) else None,
                draw.kind,
            )
            for plan in self.samples.held_out()
            if plan.bucket.frames > 1
            for draw in plan.draws
        ]

    def _round_trip(
        self, modules: Mapping[str, nn.Module], x: Tensor, predicted: Tensor | None = None
    ) -> Tensor:
        size = (x.shape[2] - 1) // TEMPORAL + 1, x.shape[3] // SPATIAL, x.shape[4] // SPATIAL
        silence = torch.zeros(len(x), self.vae.config.z_dim, *size, device=self.device)
        given = None if predicted is None else torch.ones(len(x), dtype=torch.bool, device=self.device)
        latents = None if predicted is None else predicted.to(self.device)
        return modules["vae"](x.to(self.device), silence, latents, given).float()

    @torch.no_grad()
    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Held-out clips, each above what comes back of it."""
        clips = []
        for x, predicted, _ in self._held_out()[:4]:
            for pixels in (x, self._round_trip(modules, x, predicted).cpu()):
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
