"""What AniCaption costs: seconds to scan and to caption a 1080p film over seconds to decode it alone.

    python benchmarks/caption_speed.py [--frames 240] [--megabits 0.5 2 8 20] [--only scan]

Films a pan with a figure on twos and grain (tests/footage.py), encodes it as H.264 at 24 fps at each bit
rate, and times by turns: a bare decode of every frame on one thread (no conversion), ``scan()`` (every frame
reduced for the measures) and the whole caption of its shots, recogniser and all, the last two in this process
and *guarded*, with the decoder in a child. Each process works on one thread. One JSON line per bit rate:
milliseconds a frame, by the clock (``wall``) and of processor time (``cpu``, of both processes), the medians
of the rounds; ``ratio`` the median of each round's time over its own bare decode. Where other programs
compete for the cores, only ``cpu`` means something.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from footage import Take, film

from animatrix.caption import read_shots
from animatrix.media import scan


def encode(pictures: np.ndarray, path: Path, megabits: float) -> Path:
    """H.264 at a bit rate, as a streaming site would hand it over."""
    rate = str(int(megabits * 1e6))
    options = {"preset": "veryfast", "b": rate, "maxrate": rate, "bufsize": rate}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options=options)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def bare(path: Path) -> int:
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def scanned(path: Path, guarded: bool) -> int:
    return sum(1 for _ in scan(path, guarded=guarded))


def captioned(path: Path, guarded: bool) -> int:
    from animatrix.caption.shots import Captioner

    captioner = Captioner()
    return sum(captioner.read(shot).frames for shot in read_shots(path, guarded=guarded))


def processor_seconds() -> float:
    """Of this process and its living children."""
    tick = os.sysconf("SC_CLK_TCK")
    spent = time.process_time()
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        user, system = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]
        spent += (int(user) + int(system)) / tick
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--megabits", type=float, nargs="+", default=[0.5, 2, 8, 20])
    parser.add_argument("--grain", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--look", default="painted", choices=["painted", "textured", "sparse"])
    parser.add_argument("--only", choices=["scan", "caption"], help="leave the other out")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # threads that wait for each other count as processor time
    ways: dict[str, Callable[[Path], int]] = {"decode": bare}
    for name, way in (("scan", scanned), ("caption", captioned)):
        if options.only in (None, name):
            ways[name] = lambda path, way=way: way(path, False)
            ways[f"{name}_guarded"] = lambda path, way=way: way(path, True)
    take = Take(
        "pan_left", "twos", options.look, (1920, 1080), options.frames, travel=0.8, grain=options.grain
    )
    pictures = film(take).frames
    with tempfile.TemporaryDirectory() as folder:
        for megabits in options.megabits:
            print(json.dumps(measured(encode(pictures, Path(folder) / "film.mp4", megabits), ways, options)))
            sys.stdout.flush()


def measured(path: Path, ways: dict[str, Callable[[Path], int]], options: argparse.Namespace) -> dict:
    for way in ways.values():
        way(path)  # imports, caches, the child
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), processor_seconds()
            frames = way(path)
            rounds[name].append((time.perf_counter() - wall, processor_seconds() - cpu))
            assert frames == options.frames
    seconds = options.frames / 24
    document: dict = {"megabits_per_second": round(path.stat().st_size * 8e-6 / seconds, 2)}
    for name, taken in rounds.items():
        document[name] = {}
        for index, clock in enumerate(("wall", "cpu")):
            mine = [one[index] for one in taken]
            ratios = [one / base[index] for one, base in zip(mine, rounds["decode"], strict=True)]
            document[name][f"{clock}_ms"] = round(1e3 * statistics.median(mine) / options.frames, 2)
            document[name][f"{clock}_ratio"] = round(statistics.median(ratios), 3)
    return document


if __name__ == "__main__":
    main()
