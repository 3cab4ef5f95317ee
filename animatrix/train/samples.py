"""Pictures of what a model makes while it trains: the same held-out directives and noise every time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from animatrix.media import contact_sheet

if TYPE_CHECKING:
    from animatrix.train.flow import FlowTask

STEPS = 16
GUIDANCE = 3.0


@torch.no_grad()
def show(task: FlowTask, modules: Mapping[str, nn.Module], folder: Path, step: int, count: int = 8) -> Path:
    """A contact sheet ``step-N.png`` of ``count`` held-out directives. Rank 0 writes; the folder is made."""
    from animatrix.generate.run import clip_of
    from animatrix.train.flow_model import pipeline

    directives = task.samples.held_out_directives(count)
    pipe = pipeline(task.parts, modules, task.shift)
    pipe.set_progress_bar_config(disable=True)
    made: Any = pipe(
        directives,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=[torch.Generator().manual_seed(i) for i in range(count)],
    )
    clips = [clip_of(frames) for frames in made.frames]
    folder.mkdir(parents=True, exist_ok=True)
    words = [" ".join(f"{f}={t.value}" for f, tags in d.tags.items() for t in tags) for d in directives]
    return contact_sheet(clips, folder / f"step-{step:07d}.png", captions=words)
