"""A small study, its real server in a process of its own, and raters that talk to it over a socket."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from animatrix.evaluate.study.definition import Study, create
from animatrix.knowledge import Directive
from animatrix.media import Clip, write_video
from animatrix.prefer.merits import DIMENSIONS

SYSTEMS = ("aka-model-of-ours", "blue-model-of-theirs")
FRAMES = 3


def noise_clip(rng: np.random.Generator, frames: int = FRAMES, size: tuple[int, int] = (48, 32)) -> Clip:
    """Blobs that move: pictures of one distribution, whatever the seed."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    out = np.zeros((frames, height, width, 3), np.float64)
    for _ in range(4):
        at, step = rng.uniform(0, [width, height]), rng.uniform(-3, 3, 2)
        paint, radius = rng.uniform(40, 255, 3), rng.uniform(4, 10)
        for t in range(frames):
            cx, cy = at + t * step
            out[t][(x - cx) ** 2 + (y - cy) ** 2 < radius**2] = paint
    return Clip(out.astype(np.uint8), 24.0)


def make_folders(folder: Path, items: int, systems=SYSTEMS, seed: int = 0, frames: int = FRAMES) -> dict:
    """A folder of clips for each system, all drawn alike; ids, names and dates of files differ as in life."""
    rng = np.random.default_rng(seed)
    for s, system in enumerate(systems):
        (folder / system).mkdir(parents=True)
        for n in range(items):
            file = folder / system / f"item{n:03}.mp4"
            write_video(noise_clip(rng, frames), file)
            os.utime(file, (1.6e9 + 1e6 * s, 1.6e9 + 1e6 * s))
            tags = {"camera_move": "pan_left", "smear_technique": "multiples@1-1"}
            asked = Directive.model_validate(
                {"narrative": f"Shot {n} <b>", "tags": tags, "frames": frames, "fps": 24}
            )
            file.with_suffix(".json").write_text(json.dumps({"directive": asked.canonical()}))
    return {system: folder / system for system in systems}


def make_study(folder: Path, items: int = 16, trials: int = 12, raters: int = 10, **options) -> Study:
    systems = make_folders(folder / "clips", items)
    return create(systems, folder / "study", trials=trials, raters=raters, **options)


class Serving:
    """``animatrix evaluate study serve`` in a process; started again on the same port after a kill."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.folder, self.database, self.port = folder, database, 0
        self.process: subprocess.Popen | None = None
        self.log = folder.parent / "server.log"

    def start(self, invite: int = 0) -> list[str]:
        """Tokens of new invitations."""
        code = "from animatrix.evaluate.study.commands import study; study()"
        command = [sys.executable, "-c", code, "serve", str(self.folder), "--port", str(self.port)]
        command += ["--invite", str(invite)]
        command += ["--database", self.database] if self.database else []
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        links = [self.process.stdout.readline().strip() for _ in range(invite)]
        if not self.port:
            while " on http://" not in self.log.read_text():
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
            self.port = int(self.log.read_text().rpartition(":")[2].split()[0])
        self.wait()
        return [link.rpartition("/")[2] for link in links]

    def wait(self) -> None:
        for _ in range(600):
            try:
                http.client.HTTPConnection("127.0.0.1", self.port, timeout=5).request("GET", "/")
                return
            except OSError:
                assert self.process is not None and self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
        raise AssertionError("the server does not start")

    def start_with_a_rater(self) -> Browser:
        (token,) = self.start(invite=1)
        return Browser(self.port).enter(token)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float = 0.0

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Browser:
    """Cookies, and the page's manners; ``ask`` sends one request."""

    port: int
    cookie: str = ""
    csrf: str = ""
    patience: float = 0.0  # seconds to go on trying while the server is away
    connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def ask(self, method: str, path: str, body=None, headers=None) -> Reply:
        given = {"Host": f"127.0.0.1:{self.port}"}
        if self.cookie:
            given["Cookie"] = self.cookie
        if method != "GET":
            given |= {"Origin": f"http://127.0.0.1:{self.port}", "X-Study": self.csrf}
        given |= headers or {}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        until = time.monotonic() + self.patience
        while True:
            try:
                begun = time.perf_counter()
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.connection.request(method, path, data, {k: v for k, v in given.items() if v is not None})
                answer = self.connection.getresponse()
                content = answer.read()
                found = {k.lower(): v for k, v in answer.getheaders()}
                if "set-cookie" in found:
                    self.cookie = found["set-cookie"].split(";")[0]
                return Reply(answer.status, found, content, time.perf_counter() - begun)
            except (OSError, http.client.HTTPException):
                self.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def enter(self, token: str) -> Browser:
        reply = self.ask("GET", f"/r/{token}")
        assert reply.status == 303, reply
        self.csrf = self.ask("GET", "/api/session").json["csrf"]
        return self

    def trial(self):
        reply = self.ask("GET", "/api/trial")
        return reply.json if reply.status == 200 else None


def answers(trial: dict, rng: random.Random | None = None, note: str = "", choice: str = "") -> dict:
    """Every question of a trial answered."""
    rng = rng or random.Random(0)
    sides = [clip["side"] for clip in trial["clips"]]
    marks = [tag["id"] for tag in trial["directive"]["tags"]]
    asked = [tag["id"] for tag in trial["directive"]["tags"] if tag["art_or_failure"]]
    found = {
        "tags": {side: {mark: rng.choice(["present", "wrong"]) for mark in marks} for side in sides},
        "art": {side: {mark: rng.choice(["art", "failure", "unsure"]) for mark in asked} for side in sides},
        "notes": [{"side": "left", "frame": 1, "text": note}] if note else [],
    }
    if trial["mode"] == "pair":
        options = [choice] if choice else ["left", "right", "tie", "both_bad"]
        found["choice"] = {d: rng.choice(options) for d in DIMENSIONS}
    else:
        found["score"] = {d: rng.randint(1, 5) for d in DIMENSIONS}
    return found


def playback(trial: dict) -> dict:
    watched = trial["min_watch_s"] * 1000 + 10
    sides = {clip["side"]: watched for clip in trial["clips"]}
    return {"opened_ms": watched * 2, "watched_ms": sides, "loops": 1, "tools": ["onion"]}


def ballot(trial: dict, key: str | None = None, **options) -> dict:
    """A vote as the page sends it."""
    return {
        "key": key or str(uuid.uuid4()),
        "answers": answers(trial, **options),
        "playback": playback(trial),
    }


def copied(study: Study, folder: Path, trials: int | None = None) -> Path:
    """A study of its own with the same clips and no votes."""
    shutil.copytree(study.folder, folder / "study", ignore=shutil.ignore_patterns("study.sqlite*"))
    if trials is not None:
        document = json.loads((folder / "study" / "study.json").read_text())
        (folder / "study" / "study.json").write_text(json.dumps(document | {"trials": trials}))
    return folder / "study"
