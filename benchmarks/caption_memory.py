"""Whether captioning a long film takes more memory than a short one.

    python benchmarks/caption_memory.py [--minutes 60] [--size 1280x720] [--what scan] [--every 10]

Films ten seconds with two cuts, encodes them as H.264, and loops the *packets* into a film of the wanted
length (no frame is encoded twice), then reads its shots, guarded, and captions them (``--what caption``), or
only cuts them (``shots``), or only scans (``scan``). Every ``--every`` seconds of the film the resident
memory of this process and of its decode child is taken. Prints one JSON line: the samples, MiB by minute of
film, and ``grows``: the median of the last fifth over that of the second fifth, 1.0 when flat.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from footage import Take, film

from animatrix.caption import read_shots
from animatrix.media import scan

FPS = 24


def ten_seconds(size: tuple[int, int]) -> np.ndarray:
    """uint8 ``[240,H,W,3]``: three shots."""
    takes = [("pan_left", "twos", 80), ("fix", "threes", 96), ("track_up", "ones", 64)]
    shots = [
        film(Take(move, cadence, "painted", size, frames, seed=seed, travel=0.3)).frames
        for seed, (move, cadence, frames) in enumerate(takes)
    ]
    return np.concatenate(shots)


def looped(pictures: np.ndarray, path: Path, minutes: float) -> Path:
    """The pictures, encoded once, over and over: their packets with later times."""
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "crf": "21"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        frames = (av.VideoFrame.from_ndarray(picture, format="rgb24") for picture in pictures)
        packets = [packet for frame in frames for packet in stream.encode(frame)] + stream.encode()
        base = packets[0].time_base or Fraction(1, FPS)
        kept = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in packets]
        length = round(len(pictures) / FPS / base)
        for turn in range(max(1, round(minutes * 60 * FPS / len(pictures)))):
            for data, pts, dts, key in kept:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = stream, base, key
                packet.pts, packet.dts = pts + turn * length, dts + turn * length
                container.mux(packet)
    return path


def resident() -> tuple[float, float]:
    """MiB of this process and of its children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    sizes = []
    for process in ["self", *children]:
        status = Path(f"/proc/{process}/status").read_text()
        sizes.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
    return sizes[0], sum(sizes[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--what", default="caption", choices=["scan", "shots", "caption"])
    parser.add_argument("--every", type=float, default=10.0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(side) for side in options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        path = looped(ten_seconds((width, height)), Path(folder) / "film.mp4", options.minutes)
        began = time.perf_counter()
        samples = sampled(path, options)
        taken = time.perf_counter() - began
        megabytes = path.stat().st_size / 1e6
    own = [sample[1] for sample in samples]
    fifth = max(1, len(own) // 5)
    grows = statistics.median(own[-fifth:]) / statistics.median(own[fifth : 2 * fifth] or own)
    document = {
        "what": options.what,
        "size": options.size,
        "minutes": round(samples[-1][0], 2),
        "file_megabytes": round(megabytes, 1),
        "seconds": round(taken, 1),
        "peak_mib": round(max(own)),
        "peak_child_mib": round(max(sample[2] for sample in samples)),
        "grows": round(grows, 3),
        "mib_by_minute": [[round(minute, 2), round(a), round(b)] for minute, a, b in samples],
    }
    print(json.dumps(document))


def sampled(path: Path, options: argparse.Namespace) -> list[tuple[float, float, float]]:
    """(minute of the film, MiB here, MiB in the child) as reading goes on."""
    samples: list[tuple[float, float, float]] = []
    due = 0.0

    def look(seconds: float) -> None:
        nonlocal due
        if seconds >= due:
            samples.append((seconds / 60, *resident()))
            due = seconds + options.every

    if options.what == "scan":
        for frame in scan(path, guarded=True):
            look(frame.seconds)
        return samples
    if options.what == "caption":
        from animatrix.caption.shots import Captioner

        captioner = Captioner()
    for shot in read_shots(path):
        if options.what == "caption":
            captioner.read(shot)
        look(shot.start + len(shot.gray) / shot.fps)
    return samples


if __name__ == "__main__":
    main()
