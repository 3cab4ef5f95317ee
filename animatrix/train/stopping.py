"""When a leg ends early, and that one folder is trained in by one run at a time."""

from __future__ import annotations

import fcntl
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.train.distributed import World


class Stop:
    """Asks the loop to end after its step: SIGTERM, SIGINT (the second one interrupts), or time is up."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._signal = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self._signal = signal.Signals(number).name
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, self._before[signal.SIGINT])

    @property
    def asked(self) -> bool:
        return bool(self._signal) or time.monotonic() >= self._deadline

    @property
    def reason(self) -> str:
        return f"by {self._signal}" if self._signal else "because its time was up"


@contextmanager
def sole_run(out: Path, world: World) -> Iterator[None]:
    """Make the folder of a run and hold it; the lock goes with the process, however it ends.

    Raises:
        AniMatrixError: NOT_WRITABLE, when it cannot be made or another process trains in it.
    """
    error, lock = None, None
    if world.first:
        try:
            out.mkdir(parents=True, exist_ok=True)
            lock = open(out / ".lock", "w")  # noqa: SIM115 (held as long as the run)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            error = AniMatrixError(Code.NOT_WRITABLE, f"{out} is being trained in by another process")
        except OSError as problem:
            reason = (problem.strerror or "failed").lower()
            error = AniMatrixError(Code.NOT_WRITABLE, f"cannot write {out}: {reason}")
    try:
        world.agree(error)
        yield
    finally:
        if lock is not None:
            lock.close()
