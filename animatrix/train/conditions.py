"""What of a sample's directive and frames the model is told in a training step.

Guidance needs a model that also knows what it does *without* tags, without text and without both
(classifier-free guidance, Ho & Salimans 2207.12598), and a user asks for a handful of tags out of the two
dozen that a complete directive has. So conditions are left out at random: the whole channel, or single tags
at a random rate. Keyframes are shown for some samples, at random frames: one model for text-to-video,
image-to-video and any set of keyframes.

Every choice is a function of (seed, step, place): see :mod:`animatrix.train.draws`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor

from animatrix.knowledge import Directive
from animatrix.model.keyframes import empty_condition, place_keyframes
from animatrix.model.tags import TagBatch
from animatrix.model.vae import TEMPORAL
from animatrix.train import draws
from animatrix.train.recipe import Section, Share

Place = tuple[int, int]  # the step and the place in its batch that a sample was drawn for


class Told(Section):
    """Shares of samples, in [0, 1].

    neither, text_only, tags_only: which channels are left out; the rest is told both.
    thin: samples that lose single tags, each at a rate drawn from [0, 1].
    first_frame: samples that are shown their first frame; keyframes: that are shown one to three random ones
    (independently of the first).
    """

    neither: Share = 0.1
    text_only: Share = 0.1
    tags_only: Share = 0.15
    thin: Share = 0.7
    first_frame: Share = 0.2
    keyframes: Share = 0.2

    @model_validator(mode="after")
    def _leaves_both(self) -> Told:
        if self.neither + self.text_only + self.tags_only > 1:
            raise ValueError(
                "neither, text_only and tags_only are shares of the same samples: at most 1 together"
            )
        return self


def told_tags(tags: TagBatch, told: Told, seed: int, at: Sequence[Place]) -> tuple[TagBatch, list[bool]]:
    """The tags left to each sample [B,T], and whether its text is left.

    Args:
        tags: of the complete directives.
        at: (step, place) of each sample.
    """
    mask, texts = tags.mask.clone(), []
    for row, (step, place) in enumerate(at):
        rng = draws.rng(seed, "told", step, place)
        u, thinned, rate = rng.random(), rng.random() < told.thin, rng.random()
        keep = rng.random(mask.shape[1]) >= (rate if thinned else 0.0)
        no_tags = u < told.neither + told.text_only
        silent = told.neither + told.text_only + told.tags_only
        no_text = u < told.neither or told.neither + told.text_only <= u < silent
        mask[row] &= tags.mask.new_tensor(keep) & (not no_tags)
        texts.append(not no_text)
    return tags._replace(mask=mask), texts


def first_frame_given(latents: Tensor, told: Told, seed: int, at: Sequence[Place]) -> list[bool]:
    """Which samples of latents [B,C,F,h,w] are shown their first frame; one picture never is."""
    if latents.shape[2] == 1:
        return [False] * len(at)
    return [draws.rng(seed, "keyframes", step, place).random() < told.first_frame for step, place in at]


def film_condition(films: Tensor, given: Sequence[bool]) -> Tensor:
    """Mask and condition [B,4+C,F,h,w] as Wan's image-to-video models take them: ones on the first latent
    frame where it is given, and the latents of a film [B,C,F,h,w] that shows it and is grey elsewhere.
    """
    condition = torch.cat([torch.zeros_like(films[:, :1]).expand(-1, TEMPORAL, -1, -1, -1), films], 1)
    condition[:, :TEMPORAL, 0] = torch.tensor(given).to(films)[:, None, None, None]
    return condition


def first_frame_held(
    x: Tensor, clean: Tensor, t: Tensor, given: Tensor, patch: tuple[int, int, int]
) -> tuple[Tensor, Tensor]:
    """Input and timesteps of Wan 2.2 TI2V: a given first latent frame is clean, and its tokens are at 0.

    Args:
        x, clean: noisy and clean latents [B,C,F,h,w]; t: [B] in [0, 1]; given: bool [B].
    Returns:
        x with those frames replaced, and timesteps [B,L] in [0, 1000], one per token.
    """
    held = given.view(-1, 1, 1, 1, 1) & (torch.arange(x.shape[2], device=x.device) == 0).view(1, 1, -1, 1, 1)
    free = (~held).expand(-1, 1, -1, *x.shape[3:])[:, 0, :: patch[0], :: patch[1], :: patch[2]]
    return torch.where(held, clean, x), (free * t.view(-1, 1, 1, 1) * 1000).flatten(1)


def in_words(directive: Directive, told: Sequence[bool], narrative: bool = True) -> str:
    """The narrative and the told tags as one text, short enough for a small text encoder.

    Each tag is its value's name, and the frames of its span: "two step, no finish, white frame 14-15".

    Args:
        told: of each tag, in the order of :meth:`TagEncoder.tokenize`; more at the end are padding.
        narrative: whether the narrative is told.
    """
    words = []
    tags = [(field, tag) for field, found in directive.tags.items() for tag in found]
    for (field, tag), kept in zip(tags, told, strict=False):
        if kept:
            word = f"no {field}" if tag.value == "none" else tag.value
            words.append(word.replace("_", " ") + (f" {tag.span[0]}-{tag.span[1]}" if tag.span else ""))
    listed = ", ".join(words) + "." if words else ""
    return f"{directive.narrative if narrative else ''} {listed}".strip()


def shown_keyframes(
    latents: Tensor, keys: Tensor, index: Tensor, told: Told, seed: int, at: Sequence[Place]
) -> Tensor:
    """Mask and condition [B,4+C,F,h,w] of Wan's image-to-video layout.

    Args:
        latents: clean latents [B,C,F,h,w]; latent frame 0 is that of frame 0 alone.
        keys, index: single-picture latents [B,K,C,h,w] of some frames and which these are [B,K], -1 for one
            that lies past the end.
        at: (step, place) of each sample.
    """
    condition = empty_condition(latents)
    if latents.shape[2] == 1:  # one picture: showing it would leave nothing to make
        return condition
    for row, (step, place) in enumerate(at):
        rng = draws.rng(seed, "keyframes", step, place)
        first, some = rng.random() < told.first_frame, rng.random() < told.keyframes
        order = rng.permutation(index.shape[1])[: int(rng.integers(1, 4))]
        if first:
            given = latents[row : row + 1, :, 0]
            place_keyframes(condition, index.new_tensor([row]), index.new_tensor([0]), given)
        chosen = [int(k) for k in np.sort(order) if some and index[row, k] > 0]
        if chosen:
            rows = index.new_tensor([row] * len(chosen))
            place_keyframes(condition, rows, index[row, chosen], keys[row, chosen].to(condition))
    return condition
