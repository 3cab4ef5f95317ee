"""Worker processes that make shards ahead of need, and items on the fly.

A foreman thread hands out jobs, one at a time to each worker. A worker that ends is replaced; an item that
two workers ended at is named and left out. Workers are polite (nice 5, one thread each), ignore the
keyboard's interrupt, and end with the process that started them.
"""

from __future__ import annotations

import logging
import multiprocessing as mp
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from animatrix.train.data.making import Work, is_made, made, make_shard
from animatrix.train.data.shards import Damage
from animatrix.train.plan import Bucket

logger = logging.getLogger("animatrix.train")
TRIES = 2  # workers that may end at an item before it is left out
STARTS = 3  # in a row that may fail before nothing can be made
_AGAIN = 0.5  # seconds until a shard that another process is making is looked at again
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Job(NamedTuple):
    """A shard of a source, or, where there is a shape, one item of it for request ``ticket``."""

    source: str
    number: int
    shape: Bucket | None = None
    ticket: int = 0

    def __str__(self) -> str:
        return f"{self.source}/{self.number}" if self.shape else f"shard {self.number} of {self.source}"


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    job: Job | None = None
    at: int | str = ""  # the item it is making
    ready: bool = False


@dataclass
class _Board:
    """What is to be made, guarded by the makers' condition."""

    waiting: deque[Job] = field(default_factory=deque)
    later: list[tuple[float, Job]] = field(default_factory=list)
    known: set[Job] = field(default_factory=set)
    results: dict[Job, Any] = field(default_factory=dict)


class Makers:
    """See the module's text. With no workers, jobs are done when they are waited for.

    Args:
        work: what is made; it travels to the workers.
        workers: processes.
    """

    def __init__(self, work: Work, workers: int) -> None:
        self.work, self.workers = work, workers
        self._board, self._turn = _Board(), threading.Condition()
        self._foreman: threading.Thread | None = None
        self._crew: list[_Worker] = []
        self._deaths: Counter[tuple[str, int | str]] = Counter()
        self._failed_starts = 0
        self._closed = False
        self._fault: BaseException | None = None
        self._here = threading.Lock()
        self.poisoned: dict[str, dict[int, str]] = {name: {} for name in work.sources}

    def need(self, jobs: Iterable[Job], urgent: bool = False) -> None:
        """Put jobs on the list, in their order; urgent ones before all others."""
        new = [job for job in jobs if job.shape is not None or not is_made(self.work, job.source, job.number)]
        if not new or self.workers == 0:
            return
        with self._turn:
            if urgent:
                self._board.waiting.extendleft(reversed([job for job in new if self._moved_up(job)]))
            else:
                self._board.waiting.extend(job for job in new if job not in self._board.known)
            self._board.known.update(new)
            if self._foreman is None and not self._closed:
                self._foreman = threading.Thread(target=self._lead, name="foreman", daemon=True)
                self._foreman.start()
            self._turn.notify_all()

    def _moved_up(self, job: Job) -> bool:
        """Whether the job is to be put first: it is new, or was taken from further back."""
        if job not in self._board.known:
            return True
        try:
            self._board.waiting.remove(job)
        except ValueError:
            return False  # being made
        return True

    def wait(self, job: Job) -> Any:
        """The job's result, when it is done: nothing for a shard, tables for an item.

        Raises:
            What went wrong with it: Damage for an item, AniMatrixError or OSError where it cannot be written.
        """
        if self.workers == 0:
            with self._here:
                return self._do_here(job)
        if job.shape is None and is_made(self.work, job.source, job.number):
            return None
        self.need([job], urgent=True)
        with self._turn:
            while job not in self._board.results:
                if self._fault is not None:
                    raise self._fault
                if self._closed:
                    raise RuntimeError(f"{job} is not made: the makers were closed")
                self._turn.wait(1.0)
                if job.shape is None and is_made(self.work, job.source, job.number):
                    return None
            result = self._board.results[job]
            if job.shape is not None or isinstance(result, BaseException):
                del self._board.results[job]
                self._board.known.discard(job)
        if isinstance(result, BaseException):
            raise result
        return result if result is None else _unpacked(result)

    def _do_here(self, job: Job) -> Any:
        if job.shape is not None:
            return made(self.work, job.source, job.number, job.shape)
        while not make_shard(self.work, job.source, job.number, tell=_told):
            time.sleep(_AGAIN)
        return None

    def close(self) -> None:
        """End the workers. Shards they were making are made again another time."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        if self._foreman is not None:
            self._foreman.join()
        for worker in self._crew:
            self._end(worker)
        self._crew.clear()

    def pids(self) -> list[int]:
        """Of the workers alive."""
        return [worker.process.pid for worker in self._crew if worker.process.is_alive()]

    # the foreman's thread

    def _lead(self) -> None:
        try:
            while not self._closed:
                self._staff()
                self._hand_out()
                busy = [w for w in self._crew if w.job is not None or not w.ready]
                for pipe in wait([w.pipe for w in busy], 0.1) if busy else []:
                    self._hear(next(w for w in self._crew if w.pipe is pipe))
                if not busy:
                    with self._turn:
                        self._turn.wait(0.1)
        except BaseException as error:  # whoever waits must learn of it
            self._give_up(error)

    def _staff(self) -> None:
        """Fill the crew while there is work."""
        with self._turn:
            work = bool(self._board.waiting or self._board.later)
        while work and len(self._crew) < self.workers and not self._closed:
            self._crew.append(_start(self.work))

    def _hand_out(self) -> None:
        now = time.monotonic()
        for worker in self._crew:
            if worker.job is not None or not worker.ready:
                continue
            with self._turn:
                due = [job for when, job in self._board.later if when <= now]
                self._board.later = [(when, job) for when, job in self._board.later if when > now]
                self._board.waiting.extend(due)
                if not self._board.waiting:
                    continue
                worker.job, worker.at = self._board.waiting.popleft(), ""
            try:
                worker.pipe.send((worker.job, dict(self.poisoned[worker.job.source])))
            except OSError:
                self._lost(worker)
                return

    def _hear(self, worker: _Worker) -> None:
        try:
            word, what = worker.pipe.recv()
        except (EOFError, OSError):
            self._lost(worker)
            return
        if word == "ready":
            worker.ready, self._failed_starts = True, 0
        elif word == "item":
            worker.at = what
        elif word == "fault":
            _told(word, what)
        elif word == "busy":
            assert worker.job is not None
            with self._turn:
                self._board.later.append((time.monotonic() + _AGAIN, worker.job))
            worker.job = None
        else:  # done, or an exception
            assert worker.job is not None
            with self._turn:
                self._board.results[worker.job] = what
                self._turn.notify_all()
            worker.job = None

    def _lost(self, worker: _Worker) -> None:
        """A worker has ended: blame the item it was at, give its job to another."""
        self._end(worker)
        self._crew.remove(worker)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= STARTS:
                raise RuntimeError("the processes that make shards end as soon as they start; see above")
        job = worker.job
        if job is None:
            return
        item: tuple[str, int | str] = (job.source, job.number if job.shape else worker.at)
        self._deaths[item] += 1
        code = worker.process.exitcode
        logger.warning("the process making %s ended (%s) at item %s: it is made again", job, code, item[1])
        if self._deaths[item] >= TRIES:
            if isinstance(item[1], int) and job.shape is None:
                self.poisoned[job.source][item[1]] = f"ended the process that made it {TRIES} times"
            else:
                with self._turn:
                    text = f"the process making {job} ended {TRIES} times"
                    self._board.results[job] = Damage(text) if job.shape else RuntimeError(text)
                    self._turn.notify_all()
                return
        with self._turn:
            self._board.waiting.appendleft(job)

    def _give_up(self, error: BaseException) -> None:
        with self._turn:
            self._fault = error
            self._turn.notify_all()

    @staticmethod
    def _end(worker: _Worker) -> None:
        worker.pipe.close()
        if worker.process.is_alive():
            worker.process.terminate()
        worker.process.join(5)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _packed(tables: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """For the pipe: torch would send handles to shared memory, which run out."""
    return {k: (v.view(torch.int16) if v.dtype == torch.bfloat16 else v).numpy() for k, v in tables.items()}


def _unpacked(tables: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    found = {k: torch.from_numpy(v) for k, v in tables.items()}
    return {k: v.view(torch.bfloat16) if v.dtype == torch.int16 else v for k, v in found.items()}


def _told(word: str, what: int | str) -> None:
    if word == "fault":
        logger.warning("left out: %s", what)


_starting = threading.Lock()


def _start(work: Work) -> _Worker:
    context = mp.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_maker, args=(there, work, os.getpid()), daemon=True)
    with _starting:
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))  # read when the child first loads its libraries
        try:
            process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
    there.close()
    return _Worker(process, here)


def _maker(pipe: Connection, work: Work, parent: int) -> None:
    """A worker: makes what comes through the pipe until nobody is at its other end."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    def tell(word: str, what: int | str) -> None:
        if os.getppid() != parent:  # killed: nobody waits for this any more
            raise SystemExit(0)
        pipe.send((word, what))

    try:
        pipe.send(("ready", ""))
        while True:
            job, poisoned = pipe.recv()
            try:
                if job.shape is not None:
                    pipe.send(("done", _packed(made(work, job.source, job.number, job.shape))))
                elif make_shard(work, job.source, job.number, poisoned, tell):
                    pipe.send(("done", None))
                else:
                    pipe.send(("busy", ""))
            except Exception as error:
                pipe.send(("failed", error))
    except (EOFError, OSError, KeyboardInterrupt):
        return
