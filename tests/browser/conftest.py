"""The rating page in headless Chromium, against the real server on loopback."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from seat import FRAMES, Seat, drawn

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
TAGS = {"drawing_cadence": "twos", "camera_move": "fix", "smear_technique": "multiples@3-6"}


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Serving:
    """A study being served: its folder's store, and where it is reached."""

    url: str
    study: object
    store: object

    def link(self) -> str:
        token = self.store.invite(1)[0]
        return token if token.startswith("http") else f"{self.url}/r/{token}"

    def votes(self) -> list[dict]:
        """Answers of the votes that count, oldest first."""
        return [answers for _, answers, *_ in self.store.votes()]


@pytest.fixture(scope="session")
def serve(tmp_path_factory) -> Iterator[Callable[..., Serving]]:
    """serve(trials=3, mode="pair", narrative=...) -> a fresh study on a free port."""
    pytest.importorskip("fastapi", reason="the evaluate extra is not installed")
    import socket

    import uvicorn

    from animatrix.evaluate.study.commands import open_store
    from animatrix.evaluate.study.definition import create
    from animatrix.evaluate.study.server import study_app
    from animatrix.media import Clip, write_video

    running = []

    def start(
        trials: int = 3, mode: str = "pair", narrative: str = "A ball rolls.", items: int = 4
    ) -> Serving:
        folder = tmp_path_factory.mktemp("study")
        told = {"narrative": narrative, "tags": TAGS, "frames": FRAMES, "fps": 24}
        for system in ("ours", "theirs"):
            (folder / system).mkdir()
            for item in range(max(4, trials)):
                frames = drawn(2 * item + (system == "ours"))
                write_video(Clip(frames, 24.0), folder / system / f"item{item}.mp4")
                (folder / system / f"item{item}.json").write_text(json.dumps(told))
        systems = {name: folder / name for name in ("ours", "theirs")}
        anchors = {n: folder / "ours" / "item0.mp4" for n in (1, 3, 5)} if mode == "score" else None
        create(systems, folder / "made", mode=mode, raters=2, trials=trials, anchors=anchors)
        study, store = open_store(folder / "made")
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # connections wait from here on, not only when the server has started
        server = uvicorn.Server(uvicorn.Config(study_app(study, store), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        running.append((server, thread))
        return Serving(f"http://127.0.0.1:{listening.getsockname()[1]}", study, store)

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(5)


@pytest.fixture
def seat(chromium) -> Iterator[Seat]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(15_000)
    yield Seat(context.new_page())
    context.close()
