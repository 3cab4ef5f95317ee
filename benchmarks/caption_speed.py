"""What AniCaption costs: seconds to caption a 1080p film over seconds to decode it alone, on one core.

    python benchmarks/caption_speed.py [--frames 240] [--crf 20]

Films a pan with a figure on twos (tests/footage.py), encodes it as H.264 at 24 fps, then times by turns a
bare decode of every frame (no colour conversion) and a whole ``caption()``. Prints one JSON line; ``ratio``
is the median of the rounds. Grain and crf set the bit rate: the lower, the cheaper the decode it is held to.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import av
import cv2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from footage import Take, encode, film

from animatrix.caption import caption


def bare_decode(path: Path) -> int:
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--crf", type=int, default=20)
    parser.add_argument("--grain", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--look", default="painted", choices=["painted", "textured", "sparse"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    take = Take(
        "pan_left", "twos", options.look, (1920, 1080), options.frames, travel=0.8, grain=options.grain
    )
    with tempfile.TemporaryDirectory() as folder:
        path = encode(film(take), Path(folder) / "film.mp4", options.crf)
        caption(path)  # imports and caches
        decode, whole = [], []
        for _ in range(options.rounds):
            start = time.perf_counter()
            frames = bare_decode(path)
            decode.append(time.perf_counter() - start)
            start = time.perf_counter()
            shot = caption(path)[0]
            whole.append(time.perf_counter() - start)
        megabits = path.stat().st_size * 8 / (frames / 24) / 1e6
    ratio = statistics.median(w / d for w, d in zip(whole, decode, strict=True))
    print(
        json.dumps(
            {
                "frames": frames,
                "megabits_per_second": round(megabits, 2),
                "decode_ms_per_frame": round(1e3 * statistics.median(decode) / frames, 2),
                "caption_ms_per_frame": round(1e3 * statistics.median(whole) / frames, 2),
                "ratio": round(ratio, 3),
                "read": {name: [tag.value for tag in tags] for name, tags in shot.tags.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
