"""The training loop: one code path from one CPU process to many nodes.

    with joined(recipe.parallel) as world:
        Trainer(recipe, kind.build(recipe, world.device), world).run()

A step: plan it, load this rank's part, losses and gradients micro-batch by micro-batch, check that everything
is finite, step, average. The gradient is the mean over the global batch whatever the number of processes. All
randomness is a function of the step, so the whole state is: step, weights, average, optimiser, and the task's
few numbers. To resume, make the same Trainer again.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.media.door import written_whole
from animatrix.train import checkpoint, draws
from animatrix.train.average import Average
from animatrix.train.distributed import World, finish_gradients, place, sync_gradients
from animatrix.train.optimise import Optimiser
from animatrix.train.plan import StepPlan, shown_row
from animatrix.train.prefetch import Loaded, load_ahead
from animatrix.train.progress import Board, RunLog, Speaker, Sums
from animatrix.train.recipe import Recipe, as_yaml, changes, is_harmless
from animatrix.train.shells import Shells, folder_whole
from animatrix.train.stopping import Stop, sole_run
from animatrix.train.task import Task, to_device


class Taken(NamedTuple):
    """What one step measured: sums over the global batch, and whether any rank was asked to stop."""

    loss: float
    samples: int
    norm: float
    parts: dict[str, tuple[float, float]]
    stop: bool


class Trainer:
    """Trains a task as its recipe says, from its newest checkpoint if there is one.

    Args:
        recipe: of :func:`animatrix.train.recipe.load_recipe`.
        task: its modules are moved and sharded in place.
        world: of :func:`animatrix.train.distributed.joined`.

    Raises:
        AniMatrixError: RECIPE_CHANGED, naming the key; BAD_CHECKPOINT; BAD_RECIPE for what does not fit.
    """

    def __init__(self, recipe: Recipe, task: Task, world: World | None = None) -> None:
        self.recipe, self.task, self.world = recipe, task, world or World()
        self.out = recipe.out
        self.speaker = Speaker(recipe.steps, self.world.first)
        self.modules = task.modules()
        self._check_alike()
        self._shells = Shells(self.modules)
        for module in self.modules.values():
            place(module, self.world, recipe.parallel.gather)
            module.train()
        self.weights = {
            f"{name}.{inner}": weight
            for name, module in self.modules.items()
            for inner, weight in module.named_parameters()
            if weight.requires_grad
        }
        sharded = self.world.mesh is not None
        self.optimiser = Optimiser(self.modules, self.weights, recipe.optimiser, recipe.steps, sharded)
        self.average = Average(self.weights, recipe.ema)
        self.step, self.samples, self.seconds, self.sums = 0, 0, 0.0, Sums()
        self.saved = 0
        self._resume()

    # The loop

    def run(self, until: int | None = None, stop_after: float = math.inf) -> bool:
        """Train to the recipe's last step; returns whether it was reached.

        Args:
            until: end this leg at that step, with a checkpoint.
            stop_after: end this leg after so many minutes, with a checkpoint. SIGTERM and SIGINT do the same.

        Raises:
            AniMatrixError: NOT_FINITE before the step that would spoil the weights, naming the samples;
                NOT_WRITABLE; OUT_OF_MEMORY; what the task raises.
        """
        last = min(until or self.recipe.steps, self.recipe.steps)
        with sole_run(self.out, self.world), Stop(stop_after * 60) as stop:
            self._open()
            try:
                if self.step < last:
                    self._leg(last, stop)
                new = not (self._finished and (self.out / "export").exists())
                if self.step >= self.recipe.steps and new:
                    self.export(self.out / "export")
            except torch.OutOfMemoryError as error:
                raise AniMatrixError(
                    Code.OUT_OF_MEMORY,
                    f"step {self.step}: {str(error).splitlines()[0]}",
                    "raise accumulate, or shard the weights with parallel.shard=fsdp",
                ) from None
            finally:
                self.log.close()
                self.shown.close()
                self.board.close()
        self._say_end(stop)
        return self.step >= self.recipe.steps

    def _leg(self, last: int, stop: Stop) -> None:
        began, before, first = time.monotonic(), self.seconds, self.step
        with closing(self._loaded(last, stop)) as steps:
            for loaded in steps:
                taken = self.take_step(loaded, stop.asked)
                self.seconds = before + time.monotonic() - began
                self.step += 1
                self._note(loaded.plan, taken, (self.step - first) / max(self.seconds - before, 1e-9))
                if self._due(self.recipe.log.probe_every):
                    self.probe()
                if self._due(self.recipe.log.show_every):
                    self.show()
                if taken.stop or self.step == last or self._due(self.recipe.checkpoint.every):
                    self.save()
                if taken.stop:
                    return
        if self.step < last and self.step > self.saved:  # asked to end while it waited for samples
            self.save()

    def _loaded(self, last: int, stop: Stop) -> Generator[Loaded, None, None]:
        """Steps from here on, loaded ahead up to the next held-out figures: pacing may change the rest."""
        recipe, world = self.recipe, self.world
        # Ranks can only leave together, after a step.
        leaving = (lambda: stop.asked) if world.size == 1 else (lambda: False)
        while self.step < last:
            every = recipe.log.probe_every or last
            end = min(last, (self.step // every + 1) * every)
            steps = range(self.step, end)
            ahead = load_ahead(
                self.task, steps, world.rank, world.size, recipe.accumulate, recipe.prefetch, leaving
            )
            with closing(ahead):
                yield from ahead
            if self.step < end:
                return

    def take_step(self, loaded: Loaded, stop: bool = False) -> Taken:
        """Losses, gradients, checks, step, average: one step of all ranks."""
        plan, world = loaded.plan, self.world
        total = len(plan.draws)
        # Whatever draws from torch's own streams (dropout) is a function of the step, too.
        torch.manual_seed(draws.number(self.recipe.seed, "step", self.step, world.rank))
        scale = (world.size if world.mesh is not None else 1) / total  # FSDP takes the mean over ranks
        each: list[Tensor] = []
        parts: dict[str, list[Tensor]] = {}
        for k, batch in enumerate(loaded.batches):
            sync_gradients(self.modules.values(), last=k == len(loaded.batches) - 1)
            with self._precision():
                losses = self.task.loss(self.modules, to_device(batch, world.device))
            loss = losses.each.float()
            (loss.sum() * scale).backward()
            each.append(loss.detach())
            for name, part in losses.parts.items():
                parts.setdefault(name, []).append(part.detach().float().expand(len(loss)))
        finish_gradients(self.weights, world)
        norm = self.optimiser.norm()
        taken = self._measure(torch.cat(each), parts, norm, stop, loaded)
        self.optimiser.step(self.step, norm)
        self.average.update(self.step + 1)
        return taken

    def _measure(
        self, each: Tensor, parts: dict[str, list[Tensor]], norm: Tensor, stop: bool, loaded: Loaded
    ) -> Taken:
        """Sums over all ranks in one message, and the finite check. One wait for the device per step."""
        names = sorted(parts)
        columns = [torch.cat(parts[name]) for name in names]
        numbers = [each.sum(), (~torch.isfinite(each)).sum(), norm]
        numbers += [n for column in columns for n in (column.nansum(), (~column.isnan()).sum())]
        mine = torch.stack([n.double() for n in numbers]).tolist()
        length = mine.pop(2)
        loss, bad, stops, *rest = self.world.sum([*mine[:2], float(stop), *mine[2:]])
        if bad:
            # Only now, and only once: which samples.
            finite = torch.isfinite(each).tolist()
            blamed = [n for n, ok in zip(_names(loaded), finite, strict=True) if not ok]
            raise self._not_finite("the loss", [n for part in self.world.gather(blamed) for n in part])
        if not math.isfinite(length):
            weights = self.optimiser.blame()
            samples = [n for part in self.world.gather(_names(loaded)) for n in part]
            raise self._not_finite(f"the gradient of {_some(weights, 3)}", samples)
        sums = {name: (rest[2 * i], rest[2 * i + 1]) for i, name in enumerate(names)}
        return Taken(loss, len(loaded.plan.draws), length, sums, stops > 0)

    def _not_finite(self, what: str, samples: list[str]) -> AniMatrixError:
        last = f"the last checkpoint is step {self.saved}" if self.saved else "nothing was saved yet"
        return AniMatrixError(
            Code.NOT_FINITE,
            f"step {self.step}: {what} is not finite; samples: {_some(samples, 8)}",
            f"stopped before the step, {last}; look at these samples, or lower optimiser.lr",
        )

    # What is written down

    def _note(self, plan: StepPlan, taken: Taken, speed: float) -> None:
        self.samples += taken.samples
        self.sums.add("loss", taken.loss, taken.samples)
        self.sums.add("grad_norm", taken.norm, 1)
        for name, (total, count) in taken.parts.items():
            self.sums.add(name, total, count)
        if self.recipe.log.shown and self.world.first:
            self.shown.write({"step": self.step, **shown_row(plan, self.recipe.seed)})
        if not (self._due(self.recipe.log.every) or self.step == self.recipe.steps):
            return
        means, rate = self.sums.means(), self.optimiser.rate(self.step - 1)
        self.sums = Sums()
        row = {"step": self.step, "stage": plan.stage, "bucket": str(plan.bucket), **means, "lr": rate}
        row |= {"samples": self.samples, **({"notes": dict(plan.notes)} if plan.notes else {})}
        self._row(row, "train", {**means, "lr": rate}, speed)
        self.speaker.show(self.step, means["loss"], rate, speed)

    def _row(self, row: dict[str, Any], group: str, numbers: dict[str, Any], speed: float = 0.0) -> None:
        if not self.world.first:
            return
        wall = {"seconds": round(self.seconds, 2)} | ({"steps_per_second": round(speed, 4)} if speed else {})
        self.log.write(row | {"wall": wall})
        self.log.flush()
        self.board.write(self.step, group, numbers)

    def _due(self, every: int) -> bool:
        return bool(every) and self.step % every == 0

    def probe(self) -> dict[str, float]:
        """Held-out figures of the averaged weights, into the log. The task may pace itself by them."""
        with self._averaged():
            figures = self.task.probe(self.modules)
        # Every rank has computed the same; that the state is the same to the last bit is made sure of.
        state = self.world.gather(self.task.state_dict() if self.world.first else None)[0]
        if not self.world.first:
            self.task.load_state_dict(state)
        self._row({"step": self.step, "probe": figures}, "probe", figures)
        told = "  ".join(f"{name} {value:.4f}" for name, value in list(figures.items())[:6])
        self.speaker.say(f"step {self.step}/{self.recipe.steps}  held out: {told}")
        return figures

    def show(self) -> None:
        """Pictures of the averaged weights into ``samples``."""
        with tempfile.TemporaryDirectory() as elsewhere:
            folder = self.out / "samples" if self.world.first else Path(elsewhere)
            folder.mkdir(exist_ok=True)
            with self._averaged():
                self.task.show(self.modules, folder, self.step)

    def export(self, folder: Path) -> None:
        """The averaged modules, whole, by :meth:`Task.export`; the folder appears when complete."""
        with self.average.in_place():
            modules = self._shells.filled(self.modules, self.world.first)
        error = None
        if self.world.first:
            try:
                with folder_whole(folder) as unfinished:
                    self.task.export(modules, unfinished)
            except AniMatrixError as problem:
                error = problem
        self.world.agree(error)
        self.speaker.say(f"exported to {folder}")

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        for module in self.modules.values():
            module.eval()
        try:
            with torch.no_grad(), self._precision(), self.average.in_place():
                yield
        finally:
            for module in self.modules.values():
                module.train()

    def _precision(self) -> AbstractContextManager:
        """fp32 weights; with bf16, matrix products are computed in it."""
        bf16 = self.recipe.precision == "bf16"
        return torch.autocast(self.world.device.type, dtype=torch.bfloat16, enabled=bf16)

    # State

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    def tensors(self) -> dict[str, Tensor]:
        """Everything a checkpoint holds as tensors: trained weights, buffers, averages, optimiser."""
        trained = {name: weight.detach() for name, weight in self.weights.items()}
        state = {f"weights/{name}": weight for name, weight in trained.items()}
        for name, module in self.modules.items():
            parameters = {inner for inner, _ in module.named_parameters(remove_duplicate=False)}
            buffers = {k: v for k, v in module.state_dict().items() if k not in parameters}
            state |= {f"buffers/{name}.{inner}": value for inner, value in buffers.items()}
        state |= {f"average/{name}": value for name, value in self.average.values.items()}
        return state | {f"optimiser/{name}": value for name, value in self.optimiser.tensors().items()}

    def save(self) -> None:
        """A checkpoint of this step, unless it is there already."""
        if self.saved == self.step:
            return
        for log in (self.log, self.shown):
            log.flush(sync=True)
        progress = {"sums": self.sums.state_dict(), "samples": self.samples, "seconds": self.seconds}
        manifest = checkpoint.Manifest(
            step=self.step,
            world=self.world.size,
            recipe=self.recipe.model_dump(mode="json"),
            task=self.task.state_dict(),
            progress=progress,
        )
        checkpoint.save(self.checkpoints, manifest, self.tensors(), self.world, self.recipe.checkpoint.keep)
        self.saved = self.step

    def _resume(self) -> None:
        folder, passed = checkpoint.latest(self.checkpoints)
        for line in passed:
            self.speaker.say(line)
        self._finished = False
        if folder is None:
            return
        manifest = checkpoint.read_manifest(folder)
        self._compare(manifest)
        checkpoint.load(folder, self.tensors())
        self.task.load_state_dict(manifest.task)
        self.step = self.saved = manifest.step
        self.samples, self.seconds = manifest.progress["samples"], manifest.progress["seconds"]
        self.sums = Sums(manifest.progress["sums"])
        self._finished = self.step >= self.recipe.steps
        self.speaker.say(f"going on from step {self.step} ({folder})")

    def _compare(self, manifest: checkpoint.Manifest) -> None:
        """Refuse a recipe that would make another model; say what else is different."""
        changed = changes(manifest.recipe, self.recipe.model_dump(mode="json"))
        refused = [key for key in changed if not is_harmless(key)]
        if refused:
            raise AniMatrixError(
                Code.RECIPE_CHANGED,
                f"{self.out} was trained with another {_some(refused, 4)}",
                "undo the change, or give another `out`",
            )
        for key in changed:
            before, now = (_at(r, key) for r in (manifest.recipe, self.recipe.model_dump(mode="json")))
            self.speaker.say(f"{key} is {now} now, it was {before}")
        if manifest.world != self.world.size:
            self.speaker.say(f"processes: {self.world.size} now, {manifest.world} before; going on the same")

    def _open(self) -> None:
        """Logs, cut back to the step that training goes on from, and the recipe with everything filled in."""
        self.log, self.shown = RunLog(self.out / "log.jsonl"), RunLog(self.out / "shown.jsonl")
        wanted = self.recipe.log.tensorboard and self.world.first and self.step < self.recipe.steps
        if self.world.first:
            for log in (self.log, self.shown):
                log.cut(self.step)
            with written_whole(self.out / "recipe.yaml") as temporary:
                temporary.write_text(as_yaml(self.recipe), "utf-8")
        self.board = Board(self.out / "tensorboard", self.step, wanted)

    def _check_alike(self) -> None:
        """Every rank must have begun with the same weights; averaging their gradients would hide it."""
        if self.world.size > 1:
            weights = [p for m in self.modules.values() for p in m.parameters() if p.requires_grad]
            sums = self.world.gather([float(p.detach().double().sum()) for p in weights])
            assert all(one == sums[0] for one in sums), "modules() must not depend on the rank"

    def _say_end(self, stop: Stop) -> None:
        if self.step >= self.recipe.steps:
            self.speaker.say(f"finished: {self.step} steps in {self.out}")
        elif stop.asked:
            saved = ", saved" if self.saved == self.step else ""
            self.speaker.say(
                f"stopped {stop.reason} at step {self.step}{saved}; to go on, run the same command"
            )


def _names(loaded: Loaded) -> list[str]:
    return [name for batch in loaded.batches for name in batch.names]


def _some(names: list[str], n: int) -> str:
    return ", ".join(names[:n]) + (f" and {len(names) - n} more" if len(names) > n else "")


def _at(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data
