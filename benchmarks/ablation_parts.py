"""What the runs of an ablation share: a text encoder that can read tags, and latents made once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from animatrix.synthetic import Corpus
from animatrix.train import draws
from animatrix.train.conditions import in_words
from animatrix.train.data.encoders import NanoEncoder
from animatrix.train.data.prepare import prepare
from animatrix.train.data.shards import Cache
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


def share_latents(recipe: Recipe, texts: Sequence[Path]) -> int:
    """Link latents that a cache already holds for another text encoder: they depend on the autoencoder alone.

    Args:
        texts: folders of other text encoders.
    Returns:
        how many files were linked.
    """
    linked = 0
    mine = Cache(Path(recipe.data.cache), NanoEncoder.load(recipe.model.vae, recipe.model.text).fingerprint)
    for text in texts:
        if not (text / "tokenizer").is_dir():
            continue
        theirs = mine.root / NanoEncoder.load(recipe.model.vae, text).fingerprint
        for source in sorted(theirs.glob("*-s*")):
            for file in sorted(source.glob("shard-*.*x*x*.safetensors")):
                target = mine.root / mine.fingerprint / source.name / file.name
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.link(file, target)
                    linked += 1
    return linked


def make_shared(recipe: Recipe, text_recipe: Path, other_texts: Sequence[Path]) -> bool:
    """Everything that runs share; false when it was asked to stop before it was done."""
    if not make_text_encoder(text_recipe):
        return False
    share_latents(recipe, other_texts)
    prepare(recipe)
    return True
