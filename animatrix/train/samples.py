"""Pictures of what a model makes while it trains: the same held-out directives and noise every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from animatrix.media import contact_sheet
from animatrix.train.data.recipe import parse_bucket
from animatrix.train.distributed import ends_whole

if TYPE_CHECKING:
    from animatrix.train.flow import FlowTask
    from animatrix.train.plan import Bucket

STEPS = 16
NANO, WAN = 8, 2  # clips; Wan's take minutes each


@torch.no_grad()
def show(task: FlowTask, modules: Mapping[str, nn.Module], folder: Path, step: int) -> Path:
    """A contact sheet ``step-N.png`` of held-out directives: of nano eight clips at once, of Wan two, one by
    one, of the smallest bucket. All ranks call, as their weights may be divided; rank 0 writes.
    """
    from animatrix.generate.run import clip_of
    from animatrix.train.flow_model import pipeline

    nano = task.model.backbone == "nano"
    bucket = _bucket(task)
    directives = task.samples.held_out_directives(NANO if nano else WAN, bucket)
    pipe = pipeline(task.model, task.parts, modules, task.shift)
    pipe.set_progress_bar_config(disable=True)
    clips = []
    at_once = NANO if nano else 1
    mixed = not nano and task.recipe.precision == "bf16"
    with (
        ends_whole(modules.values()),
        _lent(task.parts.encoder.vae, task.device),
        torch.autocast(task.device.type, torch.bfloat16, enabled=mixed),
    ):
        for first in range(0, len(directives), at_once):
            batch = directives[first : first + at_once]
            made: Any = pipe(
                batch,
                height=bucket.height,
                width=bucket.width,
                num_inference_steps=STEPS,
                generator=[torch.Generator().manual_seed(first + i) for i in range(len(batch))],
            )
            clips += [clip_of(frames) for frames in made.frames]
    folder.mkdir(parents=True, exist_ok=True)
    words = [" ".join(f"{f}={t.value}" for f, tags in d.tags.items() for t in tags) for d in directives]
    return contact_sheet(clips, folder / f"step-{step:07d}.png", captions=words)


def _bucket(task: FlowTask) -> Bucket:
    """Of nano's the longest and largest, of Wan's the cheapest that moves."""
    buckets = [parse_bucket(text) for text in task.recipe.data.buckets]
    if task.model.backbone == "nano":
        return max(buckets, key=lambda b: (b.frames, b.width))
    moving = [b for b in buckets if b.frames > 1] or buckets
    return min(moving, key=lambda b: b.frames * b.width * b.height)


@contextmanager
def _lent(module: nn.Module, device: torch.device) -> Iterator[None]:
    """A frozen part on another device for a while."""
    home = next(module.parameters()).device
    module.to(device)
    try:
        yield
    finally:
        module.to(home)
