"""What the runs of an ablation share: a text encoder that can read tags, and latents made once."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch

from animatrix.synthetic import Corpus
from animatrix.train import draws
from animatrix.train.conditions import in_words
from animatrix.train.data.prepare import prepare
from animatrix.train.engine import Trainer
from animatrix.train.recipe import Recipe, load_recipe
from animatrix.train.text import TextTask

WORLDS = ("everyday", "varied", "wide")


class WrittenTask(TextTask):
    """A text encoder that reads narratives, tags in words, and both: told as the flow task tells them."""

    def texts(self, count: int, seed: int) -> list[str]:
        worlds = itertools.cycle([Corpus(seed, "train", world=world) for world in WORLDS])
        found = []
        for i, corpus in zip(range(count), worlds, strict=False):
            rng = draws.rng(seed, "written", i)
            directive = corpus.request(i)
            rate = rng.random() * (rng.random() < 0.5)
            told = rng.random(64) >= (1 if i % 4 == 0 else rate)
            found.append(in_words(directive, told.tolist(), narrative=bool(i % 4 == 0 or rng.random() < 0.9)))
        return [text for text in found if text]


def make_text_encoder(path: Path) -> bool:
    """Train it, or go on; returns whether it is there. One that is there is left alone."""
    recipe = load_recipe(path)
    if (recipe.out / "export").exists():
        return True
    return Trainer(recipe, WrittenTask(recipe, torch.device("cpu"))).run()


def make_shared(recipe: Recipe, text_recipe: Path) -> bool:
    """Everything that runs share; false when it was asked to stop before it was done."""
    if not make_text_encoder(text_recipe):
        return False
    prepare(recipe)
    return True
