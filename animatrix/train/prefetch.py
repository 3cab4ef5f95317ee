"""Loading ahead: a thread that makes the batches of the next steps while this one is computed.

Order is kept and nothing is random here, so loading ahead changes no byte. Steps are loaded up to a limit
only (the next held-out figures), because a task that paces itself by them plans what comes after from them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from animatrix.errors import AniMatrixError, Code
from animatrix.train.plan import Draw, StepPlan
from animatrix.train.task import Batch, Task


class Loaded(NamedTuple):
    """One step's plan and this rank's micro-batches."""

    plan: StepPlan
    batches: list[Batch]


def shares(draws: Sequence[Draw], rank: int, world: int, accumulate: int) -> list[Sequence[Draw]]:
    """This rank's micro-batches of the global batch: ``draws[rank::world]`` in ``accumulate`` parts."""
    mine = draws[rank::world]
    return [mine[part::accumulate] for part in range(accumulate)]


def load_step(task: Task, step: int, rank: int, world: int, accumulate: int) -> Loaded:
    """Plan and load one step. What goes wrong is told with the samples it happened to."""
    plan = task.plan(step)
    if len(plan.draws) < world * accumulate:
        raise AniMatrixError(
            Code.BAD_RECIPE,
            f"step {step} has {len(plan.draws)} samples for {world} processes x {accumulate} micro-batches",
            "raise batch, or lower accumulate",
        )
    batches = []
    for draws in shares(plan.draws, rank, world, accumulate):
        try:
            batches.append(task.load(plan, draws))
        except Exception as error:
            names = ", ".join(draw.name for draw in draws[:4]) + (", ..." if len(draws) > 4 else "")
            if isinstance(error, AniMatrixError):
                raise AniMatrixError(error.code, f"{error.message} (loading {names})", error.hint) from None
            error.add_note(f"while loading {names}")
            raise
    return Loaded(plan, batches)


def load_ahead(
    task: Task,
    steps: range,
    rank: int,
    world: int,
    accumulate: int,
    depth: int,
    leaving: Callable[[], bool] = lambda: False,
) -> Generator[Loaded, None, None]:
    """The steps in order, ``depth`` of them loaded ahead (0: when asked for). Close it to stop early.

    Args:
        leaving: whether the caller wants no more; asked while it would wait for a step, which ends it then.

    Raises:
        Whatever loading raised, when its step is asked for.
    """
    if depth == 0:
        for step in steps:
            yield load_step(task, step, rank, world, accumulate)
        return
    ready: queue.Queue[Loaded | BaseException] = queue.Queue(depth)
    stop = threading.Event()

    def put(thing: Loaded | BaseException) -> None:
        while not stop.is_set():
            try:
                return ready.put(thing, timeout=0.1)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for step in steps:
                if stop.is_set():
                    return
                put(load_step(task, step, rank, world, accumulate))
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=fill, name="prefetch", daemon=True)
    thread.start()
    try:
        for _ in steps:
            while True:
                try:
                    thing = ready.get(timeout=0.5)
                    break
                except queue.Empty:
                    if leaving():
                        return
            if isinstance(thing, BaseException):
                raise thing
            yield thing
    finally:
        stop.set()
        if not leaving():  # else what it waits for may take minutes; it ends by itself, or with the process
            thread.join()
