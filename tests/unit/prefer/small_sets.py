"""Sets small enough to draw in a second, through codecs only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIZE, FRAMES = (64, 48), 17


def data(cache: Path, **more: Any) -> dict[str, Any]:
    """The data section of a recipe of two sets to train on and one to tune."""
    found = {"size": list(SIZE), "frames": FRAMES, "sets": {"train": 2, "tune": 1}, "cache": str(cache)}
    return found | {"workers": 0, "codecs": 1.0} | more


def recipe(folder: Path, cache: Path, **more: Any) -> dict[str, Any]:
    """A recipe of a reward model of few weights."""
    return {
        "task": "reward",
        "out": str(folder),
        "steps": 4,
        "batch": 2,
        "precision": "fp32",
        "ema": 0.5,
        "optimiser": {"name": "adamw", "lr": 2e-3},
        "checkpoint": {"every": 2},
        "log": {"every": 1, "tensorboard": False},
        "model": {"near": 8, "far": 8, "told": 8, "width": 16, "layers": 1},
        "data": data(cache),
        **more,
    }
