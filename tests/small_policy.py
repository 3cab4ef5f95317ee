"""Sets, a reward and a recipe small enough to tune a tiny pipeline in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZE, FRAMES = (64, 48), 9


def data(cache: Path, **more: Any) -> dict[str, Any]:
    """The data section: three sets to learn from, one held out."""
    found = {"size": list(SIZE), "frames": FRAMES, "sets": {"train": 3, "tune": 1}, "cache": str(cache)}
    return found | {"workers": 0} | more


def model(start: Path, reward: Path | None = None, **more: Any) -> dict[str, Any]:
    probe = {"clips": 2, "steps": 1, "guidance": 1.0, "batch": 2, "pairs": 1}
    found: dict[str, Any] = {"start": str(start), "probe": probe, "objective": {"beta": 100.0}}
    return found | ({} if reward is None else {"reward": str(reward)}) | more


def recipe(folder: Path, start: Path, cache: Path, **more: Any) -> dict[str, Any]:
    return {
        "task": "policy",
        "out": str(folder),
        "steps": 4,
        "batch": 2,
        "precision": "fp32",
        "ema": 0.5,
        "prefetch": 0,
        "optimiser": {"name": "adamw", "lr": 1e-3},
        "checkpoint": {"every": 2},
        "log": {"every": 1, "probe_every": 2, "tensorboard": False},
        "model": model(start),
        "data": data(cache),
        **more,
    }


def save_reward(folder: Path) -> Path:
    """A reward model of random weights."""
    import torch

    from animatrix.prefer.calibration import UNFITTED
    from animatrix.prefer.reward import RewardModel

    torch.manual_seed(0)
    RewardModel(8, 8, 8, 16, 1).save_pretrained(folder)
    story = {"size": list(SIZE), "frames": FRAMES, "calibration": UNFITTED.as_dict()}
    (folder / "reward.json").write_text(json.dumps(story))
    return folder


def fill_cache(cache: Path, start: Path) -> Path:
    """Draw the sets once, for all tests of a session."""
    from animatrix.prefer.aligned import prepare
    from animatrix.prefer.policy import open_policy
    from animatrix.prefer.policy_recipe import PolicyData, PolicyModel

    encoder = open_policy(PolicyModel(start=start)).encoder
    prepare(PolicyData.model_validate(data(cache), strict=False), encoder)
    return cache


def trainer(folder: Path, start: Path, cache: Path, world: Any = None, **more: Any):
    import torch

    from animatrix.prefer.policy_task import PolicyTask
    from animatrix.train.engine import Trainer
    from animatrix.train.recipe import check_recipe

    read = check_recipe(recipe(folder, start, cache, **more))
    return Trainer(read, PolicyTask(read, torch.device("cpu")), world)


def rank(number: int, size: int, port: int, folder: Path, start: Path, cache: Path, more: dict) -> None:
    """One process of a training; the first writes its state beside the folder."""
    import os
    import sys

    import torch

    os.environ |= {
        "RANK": str(number), "WORLD_SIZE": str(size), "LOCAL_RANK": str(number),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    torch.set_num_threads(1)
    from animatrix.train.distributed import joined
    from animatrix.train.recipe import check_recipe

    with (
        open(folder.parent / f"{folder.name}-{number}.said", "w") as sys.stderr,
        joined(check_recipe(recipe(folder, start, cache, **more)).parallel) as world,
    ):
        one = trainer(folder, start, cache, world, **more)
        one.run()
        found = {name: tensor.clone() for name, tensor in one.tensors().items()}
        torch.save(found, folder.parent / f"{folder.name}-{number}.pt")
