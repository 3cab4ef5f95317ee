"""The study server under raters: the time to the first frame of a trial, and of a vote, on loopback.

    python benchmarks/study_load.py [--raters 50] [--trials 6] [--think 3.0] [--out load.json]

Every rater is a thread with one connection that thinks for ``--think`` seconds (and half of that more or
less) a trial, far less than a person does, and sends each vote once. The server is a process of its own, as
`animatrix evaluate study serve` starts it; raters share the machine with it. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from studies import Browser, Serving, ballot, noise_clip

from animatrix.evaluate.study.definition import create
from animatrix.evaluate.study.frames import unpacked
from animatrix.knowledge import Directive
from animatrix.media import write_video

FRAMES, SIZE = 33, (160, 96)


def study_of(folder: Path, items: int, trials: int) -> Path:
    """Two systems' clips of nano's form, drawn alike."""
    rng = np.random.default_rng(0)
    systems = {name: folder / name for name in ("a", "b")}
    for path in systems.values():
        path.mkdir()
        for n in range(items):
            write_video(noise_clip(rng, FRAMES, SIZE), path / f"{n}.mp4")
            asked = Directive.model_validate({"narrative": "x", "tags": {"camera_move": "pan_left"}})
            (path / f"{n}.json").write_text(asked.canonical_json())
    return create(systems, folder / "study", trials=trials).folder


def rate(browser: Browser, token: str, think: float, seed: int, times: dict[str, list[float]]) -> None:
    """One rater to the end; seconds of each step go into ``times``."""
    rng = random.Random(seed)
    time.sleep(rng.random() * think)
    browser.enter(token)
    while True:
        begun = time.perf_counter()
        trial = browser.trial()
        if trial is None:
            return
        told = time.perf_counter()
        packs = [browser.ask("GET", clip["frames_url"]).body for clip in trial["clips"]]
        times["trial"].append(told - begun)
        times["first_frame"].append(time.perf_counter() - begun)
        assert all(len(pack) % 65536 == 0 for pack in packs)
        time.sleep(max(trial["min_watch_s"], think * rng.uniform(0.5, 1.5)))
        begun = time.perf_counter()
        reply = browser.ask("POST", f"/api/trial/{trial['trial']}/vote", ballot(trial, rng=rng))
        times["vote"].append(time.perf_counter() - begun)
        assert reply.status == 200, reply


def percentiles(seconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    most = max(seconds) * 1000
    return {"count": len(seconds), "p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "max_ms": round(most, 1)}


def run(raters: int, trials: int, think: float) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = study_of(Path(name), items=trials + 2, trials=trials)
        pack = next((folder / "clips").iterdir()).read_bytes()
        begun = time.perf_counter()
        assert len(unpacked(pack)) == FRAMES
        decode = time.perf_counter() - begun
        found = {"raters": raters, "trials": trials, "think_s": think, "clip": f"{FRAMES} of {SIZE}"}
        found["decode_pack_ms"] = round(decode * 1000, 1)
        for count in (1, raters):
            (Path(name) / str(count)).mkdir()
            copy = Path(name) / str(count) / "study"
            shutil.copytree(folder, copy)
            times: dict[str, list[float]] = {"trial": [], "first_frame": [], "vote": []}
            with Serving(copy) as server:
                tokens = server.start(invite=count)
                threads = [
                    threading.Thread(target=rate, args=(Browser(server.port), token, think, n, times))
                    for n, token in enumerate(tokens)
                ]
                begun = time.perf_counter()
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                seconds = time.perf_counter() - begun
            assert len(times["vote"]) == count * trials
            found[f"at_{count}"] = {
                **{step: percentiles(values) for step, values in times.items()},
                "votes_a_second": round(count * trials / seconds, 2),
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--think", type=float, default=3.0, help="seconds a trial, on average")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    text = json.dumps(run(args.raters, args.trials, args.think), indent=1)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
