"""How quick the rating page is: the first frame of a trial, and a frame step, as a rater has them.

.venv/bin/python benchmarks/page_latency.py [--steps 400] [--loads 12] [--size 160x96] [--frames 33]

Serves a study of drawn shots on loopback and opens it in headless Chromium (/usr/bin/chromium, or
$CHROMIUM). Times are taken inside the page. ``step_ms``: from the key press to the animation frame in which
both canvases hold the next frame (at 60 Hz, 8 ms of it are waiting on average); ``step_to_screen_ms``: to
the animation frame after it, when it can be seen. ``first_frame_ms``: from asking for the trial to its
first picture on both canvases; ``all_frames_ms``: until every frame is decoded. Prints one JSON document.
Without a GPU the pictures are drawn by the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import uvicorn
from playwright.sync_api import sync_playwright

from animatrix.evaluate.study.commands import open_store
from animatrix.evaluate.study.definition import create
from animatrix.evaluate.study.server import study_app
from animatrix.media import write_video
from animatrix.synthetic import TripletCorpus

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

STEPS = """async (count) => {
  const canvas = document.querySelector('.view[data-view=right] canvas');
  const next = () => new Promise((done) => requestAnimationFrame(done));
  const drawn = [], seen = [];
  for (let i = 0; i < count; i++) {
    const before = canvas.dataset.frame;
    await new Promise((done) => setTimeout(done, 5 + Math.random() * 30));
    const begun = performance.now();
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '.', code: 'Period', bubbles: true }));
    while (canvas.dataset.frame === before) await next();
    drawn.push(performance.now() - begun);
    await next();
    seen.push(performance.now() - begun);
  }
  return { drawn, seen };
}"""

# Notes when a picture is first drawn into each view, and when the last one is decoded.
NOTES = """localStorage.setItem('study.greeted', '1');
window.drawn = {};
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...given) {
  const view = this.canvas.closest('.view')?.dataset.view;
  if (view) drawn[view] ??= performance.now();
  return draw.apply(this, given);
};
const look = () => {
  if (drawn.right && !document.body.classList.contains('loading-clips')) drawn.all = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);"""

LOADS = """async () => {
  while (!drawn.all) await new Promise((done) => setTimeout(done, 20));
  const asked = performance.getEntriesByType('resource').find((e) => e.name.endsWith('/api/trial')).startTime;
  return [Math.max(drawn.left, drawn.right) - asked, drawn.all - asked];
}"""


def summary(times: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times, [50, 95])
    return {"n": len(times), "p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def make_study(folder: Path, size: tuple[int, int], frames: int, trials: int):
    """Intended against collapsed takes of drawn shots."""
    corpus = TripletCorpus(seed=3, size=size, frames=frames)
    for item in range(max(4, -(-trials // 3))):
        triplet = corpus[item]
        asked = triplet.directive.canonical_json()
        for system, take in (("a", triplet.intended), ("b", triplet.collapsed)):
            (folder / system).mkdir(exist_ok=True)
            write_video(take.clip, folder / system / f"item{item}.mp4")
            (folder / system / f"item{item}.json").write_text(asked)
    create({s: folder / s for s in ("a", "b")}, folder / "made", raters=1, trials=trials)
    return open_store(folder / "made")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--loads", type=int, default=12, help="loads of a trial that are timed")
    parser.add_argument("--size", default="160x96")
    parser.add_argument("--frames", type=int, default=33)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        study, store = make_study(Path(name), (width, height), options.frames, 4)
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(study_app(study, store), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        token = store.invite(1)[0]
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.add_init_script(NOTES)
            page.goto(f"{url}/r/{token}")
            page.evaluate(LOADS)  # the first is the browser's warming up
            loads = []
            for _ in range(options.loads):
                page.goto(f"{url}/rate")
                page.wait_for_selector("body[data-phase=rating]")
                loads.append(page.evaluate(LOADS))
            page.keyboard.press("k")
            begun = time.perf_counter()
            steps = page.evaluate(STEPS, options.steps)
            took = time.perf_counter() - begun
            version = browser.version
            browser.close()
        server.should_exit = True
        thread.join(5)
    first, whole = zip(*loads, strict=True)
    print(
        json.dumps(
            {
                "clips": f"2 of {options.frames} frames, {options.size}",
                "chromium": version,
                "first_frame_ms": summary(list(first)),
                "all_frames_ms": summary(list(whole)),
                "step_ms": summary(steps["drawn"]),
                "step_to_screen_ms": summary(steps["seen"]),
                "seconds": round(took, 1),
                "load_average": [round(x, 1) for x in os.getloadavg()],
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
