"""One worker process that may be killed: bounded in time and memory, and gone when its owner goes.

child = Child(limits)
answer = child.run(function, job)      # Answer(value=...) or Answer(fault="killed by signal 9")

A decoder that hangs or dies takes this process with it and nothing else. The next job gets a new one.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from animatrix.corpus.settings import Limits

_POLL = 0.2  # seconds between looks at the worker's memory
_START_SECONDS = 120.0
_LIBRARIES = 6 << 30  # bytes of address space that libraries may map beyond what a job may use
_ALONE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}  # workers fill the cores


@dataclass(frozen=True)
class Answer:
    """What became of a job: its ``value``, or the exception it ``raised``, or the ``fault`` that ended its
    worker."""

    value: Any = None
    raised: BaseException | None = None
    fault: str = ""


class ChildCannotStart(RuntimeError):
    """The worker died before it took a job: nothing is wrong with the file."""


class Child:
    """A worker process, started when first needed and again after each death."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._errors: Any = None
        self._stopping = False

    def run(self, function: Callable[[Any, Callable[[], None]], Any], job: Any) -> Answer:
        """``function(job, beat)`` in the worker; it calls ``beat()`` whenever it has got on.

        Never raises for what happens in the worker.

        Raises:
            ChildCannotStart: when no worker can be had, with the last line it wrote.
        """
        self._ensure()
        assert self._pipe is not None and self._process is not None
        started = last = time.monotonic()
        try:
            self._pipe.send((function, job))
            while True:
                if self._pipe.poll(_POLL):
                    kind, value = self._pipe.recv()
                    if kind == "beat":
                        last = time.monotonic()
                        continue
                    if kind == "unready":
                        raise ChildCannotStart(f"a worker cannot take jobs: {value}")
                    return Answer(**{kind: value})
                if self._stopping:
                    return self._ended("stopped")
                now = time.monotonic()
                if now - last > self.limits.stall_seconds:
                    return self._ended(f"made no progress for {self.limits.stall_seconds:g} s")
                if now - started > self.limits.seconds:
                    return self._ended(f"took more than {self.limits.seconds:g} s")
                if _resident(self._process.pid) > self.limits.memory:
                    return self._ended(f"took more than {self.limits.memory >> 20} MB of memory")
        except (EOFError, OSError):  # it has closed its end, so it is exiting: its status is worth the wait
            assert self._process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10.0)
            return self._ended("")

    def stop(self) -> None:
        """End the worker from another thread; whoever waits in :meth:`run` is told that it died."""
        self._stopping = True

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._kill()

    def _ended(self, why: str) -> Answer:
        status = self._kill()
        if not why:
            why = f"killed by signal {-status}" if status < 0 else f"exited with status {status}"
        return Answer(fault=why)

    def _kill(self) -> int:
        assert self._process is not None and self._pipe is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        status = self._process.wait()
        self._pipe.close()
        self._errors.close()
        self._process = self._pipe = None
        return status

    def _ensure(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None:
            self._kill()
        self._pipe, theirs = Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        environment = os.environ | _ALONE | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        code = f"from animatrix.corpus.child import serve; serve({theirs.fileno()}, {self.limits.memory})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the owner only, which then ends its workers in order
        )
        theirs.close()
        ready = False
        with contextlib.suppress(EOFError, OSError):
            ready = self._pipe.poll(_START_SECONDS) and self._pipe.recv() == ("ready", None)
        if not ready:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            self._kill()
            raise ChildCannotStart(f"a worker cannot start: {said[-1] if said else 'it said nothing'}")


def _resident(pid: int) -> int:
    """Bytes of memory a process holds; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def serve(descriptor: int, memory: int) -> None:
    """The worker's side: take jobs from the pipe until it closes."""
    import cv2

    cv2.setNumThreads(1)
    pipe = Connection(descriptor)
    _leave_with(os.getppid())
    _bound_memory(memory)
    pipe.send(("ready", None))
    while True:
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):
            os._exit(0)
        try:
            function, job = pickle.loads(message)
        except BaseException as error:
            pipe.send(("unready", f"{type(error).__name__}: {error}"))
            continue
        try:
            answer = ("value", function(job, lambda: pipe.send(("beat", None))))
        except BaseException as error:
            answer = ("raised", error)
        try:
            pipe.send(answer)
        except (TypeError, AttributeError, ValueError):  # an error that cannot be pickled
            pipe.send(("raised", RuntimeError(str(answer[1])[:200])))
        except OSError:
            os._exit(1)


def _leave_with(owner: int) -> None:
    """End this process when its owner is gone, whatever it is doing: a killed run leaves no worker behind."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _bound_memory(memory: int) -> None:
    """Cap the address space, which stops one huge allocation before the owner's next look at the memory."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            mapped = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        most = mapped + memory + _LIBRARIES
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
    except (ImportError, OSError, ValueError):
        pass  # no such limit here; the owner still looks at the resident memory
