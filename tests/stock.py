"""A stock of small clips that cost nothing, and recipes over them, for tests of training data."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from animatrix.knowledge import Directive
from animatrix.train.data.cards import KINDS, Card
from animatrix.train.data.framing import fitted
from animatrix.train.data.sources import key_frames
from animatrix.train.plan import Bucket

if TYPE_CHECKING:  # a worker process that only wants the stock starts sooner without
    from animatrix.train.data import Samples

FRAMES, SIZE = 9, (48, 32)
TAGS: dict[str, dict[str, Any]] = {
    "style": {"camera_move": "fix", "palette": "pastel"},
    "motion": {"camera_move": "pan_left", "palette": "vivid"},
    "deformation": {"camera_move": "fix", "impact_frame": "white_frame@4-5"},
}


class Stock:
    """Clips of plain colours. ``broken``: items that raise; ``deadly``: that end their process."""

    def __init__(self, name: str = "stock", count: int = 192, broken=(), deadly=(), split: str = "train"):
        self.name, self.count, self.key = name, count, f"{name}-{split}"
        self.broken, self.deadly = frozenset(broken), frozenset(deadly)

    def kind(self, index: int) -> str:
        return KINDS[(index * 7 + index // 5) % 3]

    def known(self, shard: int):
        return None

    def card(self, index: int) -> Card:
        kind = self.kind(index)
        directive = Directive.model_validate(
            {"narrative": f"Shot {index}.", "tags": TAGS[kind], "frames": FRAMES, "fps": 24}
        )
        return Card(index, f"{self.name}/{index}", directive.canonical_json(), kind, 0.0, FRAMES, *SIZE)

    def clip(self, index: int, shapes):
        if index in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if index in self.broken:
            raise ValueError(f"item {index} is broken")
        rng = np.random.default_rng(index)
        frames = rng.integers(0, 256, (FRAMES, SIZE[1], SIZE[0], 3)).astype(np.uint8)
        keys = frames[key_frames(index, FRAMES)]
        return self.card(index), [
            np.stack([fitted(f, s.width, s.height) for f in (keys if s.frames == 1 else frames)])
            for s in shapes
        ]

    def stored(self, bucket: Bucket) -> Bucket:
        return bucket if bucket.frames == 1 else Bucket(FRAMES, bucket.width, bucket.height)

    def fits(self, card: Card, bucket: Bucket) -> bool:
        return bucket.frames <= FRAMES

    def asked(self, card: Card, bucket: Bucket) -> Directive:
        return card.asked(0, bucket.frames if bucket.frames > 1 else None)


class Averages:
    """An encoder of means: 3 channels, 4 frames and 8x8 pixels to a position, as nano's."""

    channels, text_dim, slots, temporal, spatial = 3, 4, 6, 4, 8

    def __init__(self, fingerprint: str = "averages", scale: float = 1.0):
        self.fingerprint, self.scale = fingerprint, scale

    def latents(self, frames):
        x = torch.from_numpy(np.array(frames)).float().permute(0, 4, 1, 2, 3) / 127.5 - 1
        x = torch.cat([x[:, :, :1].expand(-1, -1, 3, -1, -1), x], 2)
        return (torch.nn.functional.avg_pool3d(x, (4, 8, 8)) * self.scale).bfloat16()

    def text(self, texts):
        states = torch.zeros(len(texts), self.slots, self.text_dim, dtype=torch.bfloat16)
        for i, text in enumerate(texts):
            for j, word in enumerate(text.split()[: self.slots]):
                states[i, j] = hashlib.blake2b(word.encode(), digest_size=2).digest()[0] / 256 + 0.5
        return states


def recipe(folder: Path, steps: int = 40, batch: int = 4, seed: int = 0, **changes: Any):
    """A recipe over one source named ``stock``; ``curriculum`` and entries of ``data`` as changes."""
    from animatrix.train.curriculum import CurriculumRecipe
    from animatrix.train.data import DataRecipe
    from animatrix.train.recipe import OptimiserRecipe, Recipe

    curriculum = changes.pop("curriculum", {})
    data = {
        "sources": [{"name": "stock", "count": 192, "first": 64, "fresh": 4, "frames": FRAMES}],
        "buckets": ["48x32x1", "48x32x5", "48x32x9"],
        "cache": str(folder / "cache"),
        "workers": 0,
        "held_out": 0,
        **changes,
    }
    return Recipe(
        task="flow",
        out=folder,
        steps=steps,
        batch=batch,
        seed=seed,
        optimiser=OptimiserRecipe(lr=1e-3),
        model=None,
        data=DataRecipe.model_validate(data),
        curriculum=CurriculumRecipe.model_validate(curriculum),
    )


def stocked(made, encoder=None, source: Stock | None = None) -> Samples:
    """Samples of a recipe whose sources are stocks."""
    import animatrix.train.data.samples as module

    real = module.source_of, module.held_out_sources
    module.source_of = lambda s: source or Stock(s.name, s.count)
    module.held_out_sources = lambda data: [Stock("held-out.stock", 64, split="tune")]
    try:
        return module.Samples(made, encoder or Averages())
    finally:
        module.source_of, module.held_out_sources = real
