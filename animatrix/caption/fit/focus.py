"""Fit which plane of a shot is in focus from the widths of its edges.

    python -m animatrix.caption.recognise.shards --out runs/recogniser/train --split train --count 8192
    python -m animatrix.caption.fit.focus [--folder runs/recogniser/train]

Writes ``animatrix/caption/measure/fitted/focus.json`` and prints a five-fold check over shots.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from animatrix.caption.fit.linear import fit_table, held_out, report, write_table
from animatrix.caption.measure.focus import over_time, sampled, sharpness
from animatrix.caption.recognise.lens import from_planes
from animatrix.caption.recognise.shards import SHARD_ITEMS

FIELD = "focus"
MOST = 1200  # shots of one value: sharp ones are thirty times as frequent as the others


def rows(folder: Path) -> Iterator[tuple[dict[str, float], str, int]]:
    """(features, the value, number of the shot)."""
    seen: Counter[str] = Counter()
    for path in sorted(folder.glob("shard-*.jsonl")):
        planes = np.load(path.with_suffix(".npy"), mmap_mode="r")
        shard = int(path.stem.removeprefix("shard-"))
        for number, line in enumerate(path.read_text().splitlines()):
            take = json.loads(line)
            tags = take["directive"]["tags"].get(FIELD, [])
            if len(tags) != 1 or seen[tags[0]["value"]] >= MOST:
                continue
            at = [take["first"] + t for t in sampled(take["frames"])]
            looks = [sharpness(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY)) for f in from_planes(planes[at])]
            kept = [look for look in looks if look is not None]
            if len(kept) >= max(1, len(at) // 2):
                seen[tags[0]["value"]] += 1
                yield over_time(kept), tags[0]["value"], shard * SHARD_ITEMS + number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/recogniser/train"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    found, truth, shots = zip(*rows(options.folder), strict=True)
    print(f"{len(truth)} shots")
    report(held_out(found, truth, shots, folds=5), truth)
    made = fit_table(found, truth)
    write_table(FIELD, made, f"python -m animatrix.caption.fit.{FIELD}", len(truth))


if __name__ == "__main__":
    main()
