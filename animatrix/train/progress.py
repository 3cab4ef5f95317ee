"""What a training writes down: ``log.jsonl``, TensorBoard, and a line for whoever watches.

A row of the log is the same whether the run was cut off in between or not, except for what stands under its
key ``wall`` (seconds, speed). On resume, rows past the checkpoint are taken out: those steps are yet to come.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from animatrix.errors import AniMatrixError, Code
from animatrix.media.door import written_whole


class RunLog:
    """A file of JSON lines, each with its ``step``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def cut(self, step: int) -> None:
        """Keep the rows up to ``step``; a torn last line goes too."""
        if not self.path.exists():
            return
        kept = [line for line in self.path.read_text("utf-8").splitlines() if 0 <= _step_of(line) <= step]
        with written_whole(self.path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept), "utf-8")

    def write(self, row: Mapping[str, Any]) -> None:
        try:
            if self._file is None:
                self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 (open as long as the run)
            self._file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise self._not_writable(error) from None

    def flush(self, sync: bool = False) -> None:
        """To the file; with ``sync`` to the disk."""
        if self._file is None:
            return
        try:
            self._file.flush()
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._not_writable(error) from None

    def close(self) -> None:
        """What could not be written by now has been told by :meth:`flush`, or is past the last checkpoint."""
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):
                file.close()

    def _not_writable(self, error: OSError) -> AniMatrixError:
        return AniMatrixError(
            Code.NOT_WRITABLE,
            f"cannot write {self.path}: {(error.strerror or 'failed').lower()}",
            "make room and run the same command again",
        )


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return -1


class Sums:
    """Running means between two log lines, as plain numbers: part of the checkpoint."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.totals: dict[str, float] = dict(state.get("totals", {}))
        self.counts: dict[str, float] = dict(state.get("counts", {}))

    def add(self, name: str, total: float, count: float) -> None:
        self.totals[name] = self.totals.get(name, 0.0) + total
        self.counts[name] = self.counts.get(name, 0.0) + count

    def means(self) -> dict[str, float]:
        return {name: total / self.counts[name] for name, total in self.totals.items() if self.counts[name]}

    def state_dict(self) -> dict[str, Any]:
        return {"totals": dict(self.totals), "counts": dict(self.counts)}


class Board:
    """TensorBoard, where it is installed; silent where it is not wanted."""

    def __init__(self, folder: Path, step: int, wanted: bool) -> None:
        self._writer: Any = None
        if wanted:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                print("TensorBoard is not installed: only log.jsonl is written", file=sys.stderr)
            else:
                # Events of steps that are yet to come again are hidden.
                self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def write(self, step: int, group: str, numbers: Mapping[str, Any]) -> None:
        if self._writer is not None:
            with suppress(OSError):  # log.jsonl holds the same, and says when the disk is full
                for name, value in numbers.items():
                    if isinstance(value, int | float):
                        self._writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()


class Speaker:
    """One line on a terminal that changes in place; elsewhere a plain line per log row. Rank 0 only."""

    def __init__(self, steps: int, loud: bool, stream: IO[str] | None = None) -> None:
        self.steps, self.loud, self.stream = steps, loud, stream or sys.stderr
        self._open = False

    def say(self, text: str) -> None:
        """A line that stays."""
        if self.loud:
            end = "\r\x1b[K" if self._open else ""
            print(f"{end}{text}", file=self.stream, flush=True)
            self._open = False

    def show(self, step: int, loss: float, rate: float, speed: float) -> None:
        """Where the training is. ``speed`` in steps per second."""
        left = duration((self.steps - step) / speed) if speed > 0 else "?"
        text = f"step {step}/{self.steps}  loss {loss:.4f}  lr {rate:.2e}  {speed:.2f} steps/s  {left} left"
        if self.loud and self.stream.isatty():
            print(f"\r\x1b[K{text}", end="", file=self.stream, flush=True)
            self._open = True
        else:
            self.say(text)


def duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
