"""The last step of a diffusion model, for a decoder to finish.

What a sampler hands to the decoder is not a clip's latents but the mean of what they may be: fine and fast
things are faint in it, and neighbours disagree. A decoder that learns from such latents what the clip shows
takes the last step itself (LTX-Video, 2501.00103, has its decoder do so). Here they are what the diffusion
model makes, in one step, of the noisy latents of clips it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from animatrix.model.keyframes import empty_condition
from animatrix.train import draws
from animatrix.train.conditions import Place
from animatrix.train.data.encoders import NanoEncoder
from animatrix.train.data.samples import Item
from animatrix.train.recipe import Section


class Finishes(Section):
    """Whose last step is finished.

    pipeline: folder of a pipeline of nano's kind, on the latents of this autoencoder.
    sources: those of the data that it knows.
    noise: levels that its last step starts from, from and to, in [0, 1].
    """

    pipeline: Path
    sources: tuple[str, ...] = Field(min_length=1)
    noise: tuple[float, float] = (0.9, 1.0)

    @model_validator(mode="after")
    def _noise_is_an_interval(self) -> Finishes:
        if not 0 < self.noise[0] <= self.noise[1] <= 1:
            raise ValueError("finishes.noise is two numbers from 0 to 1, the smaller first")
        return self


class LastStep:
    """The diffusion model of ``finishes``, told all of each directive, with its usual guidance."""

    def __init__(self, finishes: Finishes, vae: Path, seed: int, device: torch.device) -> None:
        from animatrix import AniMatrixPipeline

        self.noise, self.seed, self.device = finishes.noise, seed, device
        pipe = AniMatrixPipeline.from_pretrained(finishes.pipeline)
        self.transformer = pipe.transformer.to(device).eval().requires_grad_(False)
        self.tag_encoder = pipe.tag_encoder.to(device).eval().requires_grad_(False)
        self.guidance = float(pipe.config.usual_guidance)
        self.encoder = NanoEncoder.load(vae, finishes.pipeline)

    @torch.no_grad()
    def predicted(self, items: Sequence[Item], at: Sequence[Place]) -> Tensor:
        """Clean latents [B,C,F,h,w] as the model predicts them of the items' noisy ones.

        Args:
            at: (step, place) of each: its noise and the level of it follow from these.
        """
        z = torch.stack([item.latents for item in items]).float()
        low, high = self.noise
        level = [low + (high - low) * draws.uniform(self.seed, "last step", *place) for place in at]
        noise = [torch.randn(z.shape[1:], generator=draws.generator(self.seed, "last noise", *p)) for p in at]
        t = torch.tensor(level).view(-1, 1, 1, 1, 1)
        x = (1 - t) * z + t * torch.stack(noise)
        config = self.transformer.config
        tags = self.tag_encoder.tokenize([item.directive for item in items], config.tag_slots)
        text = torch.stack([item.text for item in items])
        shown = torch.cat([x, empty_condition(x)], 1).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            told = self._velocity(shown, t, text, self.tag_encoder(tags.to(self.device)))
            if self.guidance != 1:
                plain = self._velocity(shown, t, self.encoder.text([""]).expand_as(text), None)
                told = plain + self.guidance * (told - plain)
        return x - t * told.cpu()

    def _velocity(self, shown: Tensor, t: Tensor, text: Tensor, tags) -> Tensor:
        slots = self.transformer.config.text_len - text.shape[1]
        states = nn.functional.pad(text.to(self.device).float(), (0, 0, 0, slots))
        when = t.flatten().to(self.device) * 1000
        return self.transformer(shown, when, states, tags=tags, return_dict=False)[0].float()
