"""Progress is a bar on a terminal and few plain lines elsewhere."""

from __future__ import annotations

import io

from animatrix.corpus import progress
from animatrix.corpus.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_come_rarely_and_tell_the_time_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    shown = Progress(out)
    shown.phase("reading", 40)
    for _ in range(40):
        now[0] += 3.0
        shown.step("a.mp4")
    lines = out.getvalue().splitlines()
    assert lines[0] == "reading: 4 of 40, about 1 min 48 s left"
    assert lines[-1] == "reading: 40 done" and len(lines) <= 11


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    shown = Progress(out)
    shown.phase("reading", 2)
    shown.step("first.mp4")
    shown.note("quarantined x")
    shown.step("second.mp4")
    shown.close()
    assert "2/2" in out.getvalue() and "quarantined x" in out.getvalue() and "\n" in out.getvalue()


def test_quiet_says_nothing():
    out = io.StringIO()
    shown = Progress(out, quiet=True)
    shown.phase("reading", 1)
    shown.step()
    shown.note("x")
    assert out.getvalue() == ""
