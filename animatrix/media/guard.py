"""Decoding in a child process that is killed when it hangs, and whose death costs only the file it read.

The child is started by the first guarded scan (a quarter of a second) and kept for the next ones. It may be
some frames ahead, so that decoding and measuring overlap on two cores. ``Limits`` of :mod:`scanning` hold:
memory by RLIMIT_AS beyond what the child starts with, processor time by RLIMIT_CPU, and a watch on the time
that this side waits for a frame. The child may not write files.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.media.door import regular_file
from animatrix.media.faults import Fault, FilmError, Trouble
from animatrix.media.read import VideoInfo
from animatrix.media.ring import DOCUMENT, FRAME, MESSAGE_BYTES, SIZE, SLOTS, Message, Ring
from animatrix.media.scanning import Complaints, Limits, Print, Printing

_MOST_BYTES = 1 << 20  # of one document
_FILMS = 500  # read by one child before a fresh one takes over: libraries leak
_STOP_SECONDS = 2.0  # for a child to leave a film nobody wants to the end
_GIVE_BACK = SLOTS // 4  # frames taken between two words to the child


class DecodeChild:
    """A running child, with the parent's end of what they share."""

    def __init__(self) -> None:
        here, there = socket.socketpair()
        memory = os.memfd_create("animatrix-frames", os.MFD_CLOEXEC)
        try:
            os.ftruncate(memory, SIZE)
            self.ring = Ring(memory)
            handles = (there.fileno(), memory)
            paths = os.pathsep.join(os.path.abspath(p) for p in sys.path if p)
            self.process = subprocess.Popen(
                # -P and the parent's own path: a file named av.py beside the film must not be imported
                [sys.executable, "-P", "-m", "animatrix.media.child", *map(str, handles), str(os.getpid())],
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        finally:
            there.close()
            os.close(memory)
        self.channel = here
        self.owner = os.getpid()
        self.films = 0
        self._unread = b""

    def ask(self, path: str, limits: Limits, frames: int | None) -> None:
        self.ring.restart()
        self.films += 1
        folder = os.getcwd()
        request = {"path": path, "folder": folder, "limits": asdict(limits), "frames": frames}
        self.channel.sendall(json.dumps(request).encode() + b"\n")

    def hear(self, patience: float) -> Message | dict[str, Any]:
        """The next frame's message or document.

        Raises:
            TimeoutError: nothing came; EOFError: the child is dead; ValueError: it talks nonsense.
        """
        message = Message.unpacked(self._exactly(MESSAGE_BYTES, patience))
        if message.kind == FRAME:
            return message
        if message.kind != DOCUMENT or message.length > _MOST_BYTES:
            raise ValueError("an unknown message")
        answer = json.loads(self._exactly(message.length, patience))
        if not isinstance(answer, dict):
            raise ValueError("an unknown document")
        return answer

    def _exactly(self, count: int, patience: float) -> bytes:
        while len(self._unread) < count:
            ready, _, _ = select.select([self.channel], [], [], patience)
            if not ready:
                raise TimeoutError
            try:
                data = self.channel.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                raise EOFError
            self._unread += data
        data, self._unread = self._unread[:count], self._unread[count:]
        return data

    def say(self, word: bytes) -> None:
        with suppress(OSError):  # it is dead, which the next hear() tells, after what it said before
            self.channel.sendall(word)

    def end(self) -> int:
        """Kill it; how it had ended, or -SIGKILL."""
        if self.owner != os.getpid():  # inherited by a fork: the parent's to end
            self.channel.close()
            return 0
        try:
            self.process.wait(0.2)  # a crash is seen on the socket a moment before the process is gone
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.channel.close()
        return self.process.wait()


_idle: list[DecodeChild] = []
_lock = threading.Lock()


def _started() -> DecodeChild:
    """An idle child that is alive, else a new one."""
    with _lock:
        while _idle:
            child = _idle.pop()
            if child.owner == os.getpid() and child.process.poll() is None:
                return child
    return DecodeChild()


def _kept(child: DecodeChild) -> None:
    with _lock:
        if not _idle and child.films < _FILMS:
            _idle.append(child)
            return
    child.end()


@atexit.register
def _dismissed() -> None:
    while _idle:
        child = _idle.pop()
        if child.owner == os.getpid():
            child.process.kill()
            child.end()


def guarded_prints(path: str | os.PathLike[str], limits: Limits, max_frames: int | None) -> Printing:
    """As :func:`animatrix.media.scanning.prints`, decoded in a child."""
    regular_file(path)
    name = os.fspath(path)
    child = _started()
    count, usable = 0, False
    try:
        child.ask(name, limits, max_frames)
        while True:
            try:
                heard = child.hear(limits.stall)
                if not isinstance(heard, Message):
                    usable = "info" not in heard
                found = _understood(child, heard, name, count)
            except TimeoutError:
                child.process.kill()
                raise _lost(name, Trouble.STALLED, count, "stalled", f"none in {limits.stall:g} s") from None
            except EOFError:
                raise _lost(name, Trouble.CRASHED, count, "died", _cause(child.end())) from None
            except (ValueError, TypeError, KeyError) as error:
                usable = False
                raise _lost(name, Trouble.CRASHED, count, "talked nonsense", str(error)[:80]) from None
            if isinstance(found, Complaints):
                return found
            try:
                yield found
            except GeneratorExit:
                usable = _stopped(child)
                raise
            if isinstance(found, Print):
                count += 1
                if count % _GIVE_BACK == 0:
                    child.say(b"c" * _GIVE_BACK)
    finally:
        if usable:
            _kept(child)
        else:
            child.process.kill()
            child.end()


def _understood(
    child: DecodeChild, heard: Message | dict[str, Any], name: str, count: int
) -> VideoInfo | Print | Complaints:
    """What the child said, or the error it reports."""
    if isinstance(heard, Message):
        return Print(child.ring.take(heard), heard.errors, heard.interlaced, heard.combed)
    if "info" in heard:
        return VideoInfo(**heard["info"])
    if "error" in heard:
        code, message, hint = heard["error"]
        raise AniMatrixError(Code(code), message, hint)
    if "fault" in heard:
        kind, message, frame = heard["fault"]
        error = FilmError(name, Fault(Trouble(kind), message, frame))
        lines, first = heard["end"]
        error.complaints = (lines, first)
        raise error
    if "unforeseen" in heard:
        raise _lost(name, Trouble.CRASHED, count, "failed", heard["unforeseen"])
    lines, first = heard["end"]
    return Complaints(lines, first)


def _lost(name: str, kind: Trouble, count: int, what: str, why: str) -> FilmError:
    text = f"not read further: decoder {what} at frame {count} ({why})"
    return FilmError(name, Fault(kind, text, count))


def _cause(status: int) -> str:
    """Why a process ended, from its exit status."""
    if status >= 0:
        return f"exit status {status}"
    known = {signal.SIGKILL: "killed from outside or for memory", signal.SIGXCPU: "processor time used up"}
    return known.get(signal.Signals(-status), signal.Signals(-status).name)


def _stopped(child: DecodeChild) -> bool:
    """Whether the child leaves the film it is reading when told to."""
    child.say(b"s")
    try:
        while True:
            heard = child.hear(_STOP_SECONDS)
            if not isinstance(heard, Message) and "info" not in heard:
                return True
    except (TimeoutError, EOFError, ValueError):
        return False
