"""Frames a second the renderer draws on one core, plates, drawings and truth included.

Run: ``python benchmarks/render_speed.py [--clips 24] [--size 160x96]``. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time

import cv2

from animatrix.synthetic import Corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--size", default="160x96")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = map(int, args.size.split("x"))
    corpus = Corpus(args.seed, size=(width, height))
    corpus[0]
    wall, cpu, frames = time.perf_counter(), time.process_time(), 0
    for i in range(args.clips):
        frames += len(corpus[i].clip)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    begun = time.process_time()
    for i in range(args.clips):
        corpus.still(i)
    stills = args.clips / (time.process_time() - begun)
    print(
        json.dumps(
            {
                "size": args.size,
                "clips": args.clips,
                "frames": frames,
                "frames_per_cpu_second": round(frames / cpu, 1),
                "frames_per_wall_second": round(frames / wall, 1),
                "stills_per_cpu_second": round(stills, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
