"""The process that opens and decodes foreign files for another, and may hang, burst or die over them.

Started by :mod:`animatrix.media.guard`, one file after another, until its socket closes. It writes no file,
loads no torch, and counts what libav complains of: those lines go to its own stderr, a pipe it reads itself
(a log callback in Python can deadlock with the decoder's locks).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import threading
import time
from typing import Any

import av
import cv2

from animatrix.errors import AniMatrixError
from animatrix.media.faults import FilmError
from animatrix.media.read import VideoInfo
from animatrix.media.ring import SLOTS, Ring, document
from animatrix.media.scanning import Complaints, Limits, prints

_STARVED = (b"allocate memory", b"get_buffer() failed")
_MOST_TEXT = 120  # characters of libav's first complaint


def main(handle: int, memory: int, parent: int) -> None:
    """Serve requests on the socket ``handle``, with frames in the shared memory ``memory``."""
    channel = socket.socket(fileno=handle)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    complaints = _Stderr()
    cv2.setNumThreads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    ring = Ring(memory)
    start = _address_space()
    pending = b""
    while True:
        while b"\n" not in pending:
            data = channel.recv(1 << 16)
            if not data:
                return
            pending += data
        line, _, pending = pending.partition(b"\n")
        request = json.loads(line[line.index(b"{") :])  # before it may lie slots given back too late
        most = start + request["limits"]["memory"]
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        used = sum(os.times()[:2])
        resource.setrlimit(
            resource.RLIMIT_CPU, (int(used + request["limits"]["seconds"]) + 60, resource.RLIM_INFINITY)
        )
        _serve(channel, ring, complaints, request)


def _serve(channel: socket.socket, ring: Ring, complaints: _Stderr, request: dict[str, Any]) -> None:
    """Decode one file: its info, its frames, and how it ended."""
    ring.restart()
    complaints.reset()
    try:
        os.chdir(request["folder"])
        found = prints(request["path"], Limits(**request["limits"]), request["frames"], complaints.read)
        free = SLOTS
        for item in found:
            if isinstance(item, VideoInfo):
                _send(channel, {"info": vars(item)})
                continue
            while not free or _readable(channel):
                data = channel.recv(1 << 16)
                if not data:
                    os._exit(0)
                if b"s" in data:
                    found.close()
                    _send(channel, {"end": [None, ""]})
                    return
                free += len(data)
            free -= 1
            message = ring.put(item.frame, item.errors or 0, item.interlaced, item.combed)
            channel.sendall(message.packed())
        answer: dict[str, Any] = {"end": complaints.read()}
    except FilmError as error:
        fault = error.fault
        answer = {"fault": [fault.kind, fault.message, fault.frame], "end": complaints.read()}
    except AniMatrixError as error:
        answer = {"error": [error.code, error.message, error.hint]}
    except MemoryError:
        answer = {"unforeseen": "out of memory"}
    except Exception as error:  # a defect of ours or of the decoder's binding, met by this file
        answer = {"unforeseen": f"{type(error).__name__}: {error}"[:_MOST_TEXT]}
    if complaints.starved():
        answer = {"unforeseen": "out of memory"}
    _send(channel, answer)


def _send(channel: socket.socket, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    channel.sendall(document(len(body)).packed() + body)


def _readable(channel: socket.socket) -> bool:
    try:
        return bool(channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False


class _Stderr:
    """libav's error lines, counted. The pipe never blocks its writer: past 64 KB unread, lines are lost."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(write, False)
        os.dup2(write, 2)
        os.close(write)
        av.logging.restore_default_callback()
        av.logging.set_libav_level(av.logging.ERROR)
        self.reset()

    def reset(self) -> None:
        self._lines, self._first, self._starved = 0, "", False
        self.read()  # what came after the last film
        self._lines, self._first, self._starved = 0, "", False

    def read(self) -> Complaints:
        while True:
            try:
                data = os.read(self._read, 1 << 16)
            except BlockingIOError:
                return Complaints(self._lines, self._first)
            if not self._lines:
                line = data.decode("utf-8", "replace").splitlines()[0]
                self._first = "".join(c for c in line if c.isprintable())[:_MOST_TEXT]
            self._lines += data.count(b"\n")
            self._starved |= any(words in data for words in _STARVED)

    def starved(self) -> bool:
        """Whether a decoder could not get memory: some say so only here, and call the data invalid."""
        self.read()
        return self._starved


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _leave_with(parent: int) -> None:
    """End when the parent has ended, even inside a decoder that never returns."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:4]))
