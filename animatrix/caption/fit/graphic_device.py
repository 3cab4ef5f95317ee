"""Fit which graphic device a frame shows from the features of its ground.

    python -m animatrix.caption.recognise.shards --out runs/recogniser/train --split train --count 8192
    python -m animatrix.caption.fit.graphic_device [--folder runs/recogniser/train]

Writes ``animatrix/caption/measure/fitted/graphic_device.json`` and prints a three-fold check over shots.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from animatrix.caption.fit.linear import fit_table, held_out, report, write_table
from animatrix.caption.measure.ground import ground_features
from animatrix.caption.recognise.shards import SHARD_ITEMS

COMMAND = "python -m animatrix.caption.fit.graphic_device"
FRAMES = 4  # looked at in a shot with a device
PLAIN_SHARE = 0.25  # of the shots without one, two frames each: there are thirty times as many


def rows(folder: Path) -> Iterator[tuple[dict[str, float], str, int]]:
    """(features, the device shown, number of the shot) of frames in which a device is plainly on or off."""
    rng = np.random.default_rng(0)
    for path in sorted(folder.glob("shard-*.jsonl")):
        planes = np.load(path.with_suffix(".npy"), mmap_mode="r")
        shard = int(path.stem.removeprefix("shard-"))
        for number, line in enumerate(path.read_text().splitlines()):
            take = json.loads(line)
            tags = take["directive"]["tags"].get("graphic_device")
            if not tags:
                continue
            devices = [tag for tag in tags if tag["value"] != "none"]
            if not devices and rng.random() > PLAIN_SHARE:
                continue
            last = take["frames"] - 1
            for k in np.unique(np.linspace(2, last - 3, FRAMES if devices else 2).astype(int)):
                shown = _shown(devices, k * 24 / take["fps"])
                if k < 0 or shown is None:
                    continue
                now, later = (
                    cv2.cvtColor(np.ascontiguousarray(planes[take["first"] + j]), cv2.COLOR_YUV2RGB_I420)
                    for j in (int(k), min(int(k) + max(1, round(take["fps"] / 8)), last))
                )
                yield ground_features(now, later), shown, shard * SHARD_ITEMS + number


def _shown(devices: list[dict], at: float) -> str | None:
    """The one device open at a 24 fps frame, ``none``, or None where it opens, closes or has company."""
    open_ = []
    for tag in devices:
        if tag["span"] is None:
            open_.append(tag["value"])
            continue
        first, last = tag["span"]
        if min(abs(at - first), abs(at - last)) <= 1:
            return None
        if first < at < last:
            open_.append(tag["value"])
    return None if len(open_) > 1 else open_[0] if open_ else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/recogniser/train"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    features, truth, shots = zip(*rows(options.folder), strict=True)
    print(f"{len(truth)} frames of {len(set(shots))} shots")
    report(held_out(features, truth, shots), truth)
    write_table(
        "graphic_device",
        fit_table(features, truth),
        "python -m animatrix.caption.fit.graphic_device",
        len(truth),
    )


if __name__ == "__main__":
    main()
