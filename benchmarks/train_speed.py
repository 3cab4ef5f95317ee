"""What the training engine costs over a bare forward, backward, step loop of the same model.

    python benchmarks/train_speed.py [RECIPE [key=value ...]] [--steps 12] [--rounds 3] [--threads 1]

Without a recipe: a transformer of nano's kind (3 blocks, width 256, image-to-video layout) on random latents
of a nano clip (7 latent frames of 12x20), batch 4, which cost nothing to load. The bare loop has the same
model, precision and fused AdamW, and its batches lie ready; it does not clip, check, average, log or load.
Each round runs both, in turn. One JSON line:

* ``engine_over_bare``: steps a second of the engine over those of the bare loop, with data loaded as the
  recipe says. Aim: 0.9 on a CPU, 0.95 on a GPU.
* ``preloaded_over_bare``: the same with the bare loop's batches handed to the engine: its own cost alone.
* each by ``wall`` and by ``cpu`` seconds of this process (all its threads: data loaded in a thread counts in
  it), as the median over rounds. Where other programs compete for the cores, only ``cpu`` means something.
* ``steps_per_second``: the medians behind them, by the clock.

Checkpoints, held-out figures and pictures are left out: how often they come is the recipe's choice.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from animatrix.train import recipe as recipes
from animatrix.train.engine import Trainer
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.prefetch import load_step
from animatrix.train.recipe import Recipe, TaskKind, check_recipe, load_recipe, task_kind
from animatrix.train.task import Losses, Task, to_device


@dataclass
class Noises:
    names: list[str]
    x: Tensor
    t: Tensor
    text: Tensor


class NanoLike:
    """Flow matching of random latents by a small transformer of nano's layout."""

    name = "nano-like"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        from animatrix.model.transformer import AniMatrixTransformer3DModel

        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.model = AniMatrixTransformer3DModel(
            num_attention_heads=4, attention_head_dim=64, in_channels=36, out_channels=16, text_dim=256,
            freq_dim=256, ffn_dim=768, num_layers=3, rope_max_seq_len=64, tag_dim=256, text_len=80,
            tag_slots=32,
        )  # fmt: skip
        g = torch.Generator().manual_seed(1)
        n = recipe.batch
        self.x, self.text = torch.randn(n, 36, 7, 12, 20, generator=g), torch.randn(n, 80, 256, generator=g)

    def modules(self) -> dict[str, nn.Module]:
        return {"transformer": self.model}

    def plan(self, step: int) -> StepPlan:
        draws = tuple(Draw(step, place, "random", place) for place in range(self.recipe.batch))
        return StepPlan(step, "", Bucket(25, 160, 96), draws)

    def load(self, plan: StepPlan, draws: Any) -> Noises:
        rows = [draw.index for draw in draws]
        return Noises(
            [draw.name for draw in draws], self.x[rows], torch.full((len(rows),), 500.0), self.text[rows]
        )

    def loss(self, modules: Any, batch: Noises) -> Losses:
        v = modules["transformer"](batch.x, batch.t, batch.text, return_dict=False)[0]
        return Losses((v.float() - batch.x[:, :16]).square().flatten(1).mean(1))

    def export(self, modules: Any, folder: Path) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Any) -> None: ...


TASK = TaskKind(build=NanoLike)
DEFAULT = {
    "task": "nano-like", "out": "unused", "steps": 1000, "batch": 4, "precision": "fp32",
    "optimiser": {"lr": 1e-4}, "log": {"tensorboard": False},
}  # fmt: skip


class Clock:
    """Seconds by the wall and of this process since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {"wall": time.perf_counter() - self._began[0], "cpu": time.process_time() - self._began[1]}


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def bare(recipe: Recipe, device: torch.device, steps: int, warm: int) -> dict[str, float]:
    """Seconds of a plain loop over batches that lie ready."""
    task = task_kind(recipe.task).build(recipe, device)
    modules = {name: module.to(device).train() for name, module in task.modules().items()}
    weights = [p for module in modules.values() for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.optimiser.lr, betas=recipe.optimiser.betas, fused=True)
    ready = [
        [to_device(batch, device) for batch in load_step(task, step, 0, 1, recipe.accumulate).batches]
        for step in range(min(4, warm + steps))
    ]
    clock = Clock()
    for step in range(warm + steps):
        if step == warm:
            wait(device)
            clock = Clock()
        for batch in ready[step % len(ready)]:
            bf16 = recipe.precision == "bf16"
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                losses = task.loss(modules, batch)
            (losses.each.float().mean() / recipe.accumulate).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    wait(device)
    return clock.read()


def engine(recipe: Recipe, device: torch.device, steps: int, warm: int, preloaded: bool) -> dict[str, float]:
    """Seconds of the engine from the start of one step to the start of another, all between included."""
    from animatrix.train.distributed import World

    task = task_kind(recipe.task).build(recipe, device)
    if preloaded:
        hand_ready_batches(task, recipe, device)
    with tempfile.TemporaryDirectory() as folder:
        own = recipe.model_copy(
            update={
                "out": Path(folder),
                "steps": warm + steps + 2,
                "checkpoint": recipe.checkpoint.model_copy(update={"every": 10**9}),
                "log": recipe.log.model_copy(update={"probe_every": 0, "show_every": 0}),
            }
        )
        trainer = Trainer(own, task, World(device=device))
        trainer.speaker.loud = False
        take: Callable[..., Any] = trainer.take_step
        clock, seconds = Clock(), {}

        def timed(*args: Any, **kwargs: Any) -> Any:
            nonlocal clock
            if trainer.step in (warm, warm + steps):
                wait(device)
                seconds.update(clock.read())
                clock = Clock()
            return take(*args, **kwargs)

        trainer.take_step = timed  # type: ignore[method-assign]
        trainer.run(until=warm + steps + 1)
        return seconds


def hand_ready_batches(task: Task, recipe: Recipe, device: torch.device) -> None:
    steps = [load_step(task, step, 0, 1, recipe.accumulate) for step in range(4)]
    ready = [to_device(batch, device) for step in steps for batch in step.batches]
    plans, turn = [step.plan for step in steps], iter(range(10**12))
    task.plan = lambda step: plans[step % 4]  # type: ignore[method-assign]
    task.load = lambda plan, draws: ready[next(turn) % len(ready)]  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path, nargs="?")
    parser.add_argument("changes", nargs="*")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--warm", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recipes.TASKS["nano-like"] = __name__
    recipe = load_recipe(args.recipe, args.changes) if args.recipe else check_recipe(DEFAULT)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ways: dict[str, Callable[[], dict[str, float]]] = {
        "bare": lambda: bare(recipe, device, args.steps, args.warm),
        "preloaded": lambda: engine(recipe, device, args.steps, args.warm, preloaded=True),
        "engine": lambda: engine(recipe, device, args.steps, args.warm, preloaded=False),
    }
    rounds = []
    for number in range(args.rounds):
        order = list(ways)[number % 3 :] + list(ways)[: number % 3]
        rounds.append({name: ways[name]() for name in order})
    found: dict[str, Any] = {
        f"{name}_over_bare": {
            kind: round(statistics.median(r["bare"][kind] / r[name][kind] for r in rounds), 3)
            for kind in ("wall", "cpu")
        }
        for name in ("engine", "preloaded")
    }
    speed = {name: round(args.steps / statistics.median(r[name]["wall"] for r in rounds), 3) for name in ways}
    found |= {"steps_per_second": speed, "task": recipe.task, "batch": recipe.batch, "rounds": args.rounds}
    found |= {"device": str(device), "threads": args.threads, "precision": recipe.precision}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
