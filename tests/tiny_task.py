"""A task small enough to train in milliseconds, for tests of the engine, and processes to train it in."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from animatrix.train import draws as random
from animatrix.train import recipe as recipes
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Section, TaskKind, check_recipe
from animatrix.train.task import Losses


class Sides(Section):
    width: int = 8
    dropout: float = 0.0


class Points(Section):
    broken_step: int = -1
    """From this step on, the sample at place 1 is not a number."""
    unreadable_step: int = -1
    workers: int = 1
    seconds: float = 0.0
    stuck_step: int = -1


class Pace(Section):
    paced: bool = False


class Net(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.enter = nn.Linear(4, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.leave = nn.Linear(width, 1)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("scale", torch.tensor([2.0]), persistent=False)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
        x = self.enter(x)
        for block in self.blocks:
            x = x + torch.tanh(block(self.dropout(x)))
        return self.leave(x)[:, 0] * self.scale


@dataclass
class PointBatch:
    names: list[str]
    x: Tensor
    y: Tensor


class TinyTask:
    name = "tiny"

    def __init__(self, recipe) -> None:
        self.recipe, self.probes = recipe, 0
        torch.manual_seed(recipe.seed)
        self.net = Net(recipe.model.width, recipe.model.dropout)
        self.gain = nn.Linear(1, 1, bias=False)

    def modules(self):
        return {"net": self.net, "gain": self.gain}

    def plan(self, step):
        draws = tuple(
            Draw(step, place, "points", random.number(self.recipe.seed, "draw", step, place) % 1000)
            for place in range(self.recipe.batch)
        )
        stage = f"after {self.probes} probes" if self.recipe.curriculum.paced else ""
        return StepPlan(step, stage, Bucket(1, 2, 2), draws)

    def load(self, plan, draws):
        data = self.recipe.data
        if plan.step == data.unreadable_step:
            raise KeyError("no such point")
        time.sleep(3600 if plan.step == data.stuck_step else data.seconds)
        x = torch.stack(
            [torch.randn(4, generator=random.generator(self.recipe.seed, "x", d.index)) for d in draws]
        )
        y = x.sum(1).sin() + self.probes
        for i, draw in enumerate(draws):
            if 0 <= data.broken_step <= plan.step and draw.place == 1:
                y[i] = float("nan")
        return PointBatch([draw.name for draw in draws], x, y)

    def loss(self, modules, batch):
        out = modules["gain"](modules["net"](batch.x)[:, None])[:, 0].float()
        each = (out - batch.y).square()
        small = torch.where(batch.y.abs() < 0.5, each.detach(), torch.nan)
        return Losses(each, {"small": small, "size": out.detach().abs().mean()})

    def probe(self, modules):
        self.probes += 1
        return {"one": float(modules["gain"](modules["net"](torch.ones(1, 4))[:, None]).float())}

    def show(self, modules, folder: Path, step):
        modules["net"](torch.ones(1, 4))
        (folder / f"{step:06d}.txt").write_text("picture")

    def export(self, modules, folder: Path):
        for name, module in modules.items():
            save_file(
                {k: v.contiguous() for k, v in module.state_dict().items()}, folder / f"{name}.safetensors"
            )
        out = modules["gain"](modules["net"](torch.ones(1, 4))[:, None])
        (folder / "says.json").write_text(json.dumps(float(out.detach())))

    def state_dict(self):
        return {"probes": self.probes}

    def load_state_dict(self, state):
        self.probes = state["probes"]


TASK = TaskKind(build=lambda recipe, device: TinyTask(recipe), model=Sides, data=Points, curriculum=Pace)
# Known to every process that imports this: the tests' own and their children.
recipes.TASKS["tiny"] = __name__

RECIPE = {
    "task": "tiny",
    "seed": 3,
    "steps": 12,
    "batch": 8,
    "optimiser": {"lr": 0.01, "warmup": 2, "decay_from": 8},
    "ema": 0.9,
    "precision": "fp32",
    "checkpoint": {"every": 6},
    "log": {"every": 4, "probe_every": 5, "tensorboard": False, "shown": True},
}


def recipe(out: Path, **changed):
    """The tiny recipe, with sections merged and other keys replaced."""
    data = {key: dict(value) if isinstance(value, dict) else value for key, value in RECIPE.items()}
    for key, value in changed.items():
        data[key] = {**data.get(key, {}), **value} if isinstance(value, dict) else value
    return check_recipe({**data, "out": str(out)})


def trainer(out: Path, world=None, **changed):
    from animatrix.train.engine import Trainer

    read = recipe(out, **changed)
    return Trainer(read, TASK.build(read, torch.device("cpu")), world)


def rows(out: Path, file: str = "log.jsonl") -> list[dict]:
    """Rows of a log without what the clock decides."""
    read = [json.loads(line) for line in (out / file).read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "wall"} for row in read]


def state(trained) -> dict[str, Tensor]:
    """Everything a checkpoint holds, whole."""
    from animatrix.train.distributed import whole

    return {name: whole(tensor).clone() for name, tensor in trained.tensors().items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def _train(out: Path, changed: dict, until: int | None, cut: str | None = None) -> None:
    """One rank of a training, in its own process. ``cut``: kill it at this moment (see :func:`cut_at`)."""
    from animatrix.train.distributed import joined

    torch.set_num_threads(1)
    with (
        open(out.parent / f"{out.name}.said", "a") as sys.stderr,
        joined(recipe(out, **changed).parallel) as w,
    ):
        if cut:
            cut_at(cut)
        one = trainer(out, w, **changed)
        one.run(until=until)
        whole = state(one)
        if w.first:
            torch.save(whole, out.parent / f"{out.name}.pt")


def _rank(rank: int, size: int, port: int, *args) -> None:
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    _train(*args)


def start(out: Path, changed: dict, until: int | None = None, cut: str | None = None, size: int = 1):
    """Start a training in ``size`` processes, as torchrun would. They fork from a server that has everything
    imported: torch takes seconds to import.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tiny_task", "animatrix.train.engine", "torch.distributed.tensor", "torch._dynamo"]
    )
    paths = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        context.Process(target=_rank, args=(rank, size, port, out, changed, until, cut), daemon=True)
        for rank in range(size)
    ]
    for rank in ranks:
        rank.start()
    if paths is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = paths
    return ranks


def train_on(size: int, out: Path, changed: dict, until: int | None = None) -> tuple[dict[str, Tensor], str]:
    """Train in ``size`` processes to the end; the whole state, and what was said."""
    for rank in start(out, changed, until, size=size):
        rank.join(120)
        said = (out.parent / f"{out.name}.said").read_text()
        assert rank.exitcode == 0, said
    return torch.load(out.parent / f"{out.name}.pt", weights_only=True), said


def cut_at(moment: str) -> None:
    """Arrange for this process to be killed: ``written:2`` at the second time a saving reaches that phase,
    ``fsync:5`` before the fifth file is synced, ``step:7`` in step 7, ``row:3`` before the third log row.
    """
    from animatrix.train import checkpoint, engine

    place, number = moment.split(":")
    left = int(number)

    def count(function):
        def counted(*args, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return counted

    if place == "fsync":
        os.fsync = count(os.fsync)
    elif place == "step":
        engine.finish_gradients = count(engine.finish_gradients)
    elif place == "row":
        engine.RunLog.write = count(engine.RunLog.write)
    elif place == "export":
        TinyTask.export = count(TinyTask.export)
    else:
        only = count(checkpoint.reached)
        checkpoint.reached = lambda phase: only(phase) if phase == place else None
