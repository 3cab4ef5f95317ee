"""The local engine: one thread a worker process, on this machine."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Iterator, Sequence

from animatrix.corpus.attend import Job, Outcome, attend
from animatrix.corpus.child import Child
from animatrix.corpus.settings import Limits


def run_locally(jobs: Sequence[Job], limits: Limits, workers: int) -> Iterator[Outcome]:
    """Outcomes of the jobs as they come. Leaving the iterator early ends the workers."""
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
    given_up = threading.Event()
    run = uuid.uuid4().hex
    children = [Child(limits) for _ in range(min(workers, len(jobs)))]

    def look_after(child: Child) -> None:
        while not given_up.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put(attend(job, child, run, given_up))
            except BaseException as error:  # a defect of ours: hand it to the caller instead of hanging it
                done.put(error)

    threads = [threading.Thread(target=look_after, args=(child,), daemon=True) for child in children]
    for thread in threads:
        thread.start()
    try:
        for _ in jobs:
            outcome = done.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        given_up.set()
        for child in children:
            child.stop()
        for thread in threads:
            thread.join()
        for child in children:
            child.close()
