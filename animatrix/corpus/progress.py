"""How far a run is: a bar with the time left on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

_EVERY = 10.0  # seconds between plain lines


class Progress:
    """One phase after another: ``phase(name, total)``, then ``step(text)`` for each thing done."""

    def __init__(self, out: TextIO | None = None, quiet: bool = False) -> None:
        self.out = out or sys.stderr
        self.quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._name, self._total, self._done = "", 0, 0
        self._began = self._said = 0.0

    def phase(self, name: str, total: int) -> None:
        """Begin a phase of ``total`` steps."""
        self.close()
        self._name, self._total, self._done = name, total, 0
        self._began = time.monotonic()
        self._said = self._began
        if self.quiet or not total or not self.out.isatty():
            return
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[text]}"),
            console=Console(file=self.out),
        )
        self._bar.start()
        self._task = self._bar.add_task(name, total=total, text="")

    def step(self, text: str = "") -> None:
        """One more is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, text=text[:40])
            return
        now = time.monotonic()
        if self.quiet or (now - self._said < _EVERY and self._done < self._total):
            return
        self._said = now
        left = (now - self._began) / self._done * (self._total - self._done)
        line = f"{self._name}: {self._done} of {self._total}, about {_span(left)} left"
        print(line if self._done < self._total else f"{self._name}: {self._total} done", file=self.out)

    def note(self, text: str) -> None:
        """A line that stays."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        elif not self.quiet:
            print(text, file=self.out)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _span(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
    )
