"""Renders the synthetic corpus into shards on disk, in parallel, for a trainer to read as they appear.

    python -m animatrix.train.shards --out runs/shards --split train --seed 0 --workers 2 --count 4096

Shard k holds items ``k*64 .. k*64+63`` of the corpus: ``shard-K.npy`` (uint8 [64,T,H,W,3]) and
``shard-K.jsonl`` (one canonical directive per line). Existing shards are kept, so the same command continues
where it stopped. A shard appears under its final name only when it is whole.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
from pathlib import Path

import numpy as np

from animatrix.knowledge import Directive
from animatrix.media.door import written_whole

SHARD_ITEMS = 64


def shard_paths(folder: Path, index: int) -> tuple[Path, Path]:
    """(frames, directives) of one shard."""
    return folder / f"shard-{index:06d}.npy", folder / f"shard-{index:06d}.jsonl"


def write_shard(
    folder: Path,
    index: int,
    seed: int,
    split: str,
    frames: int,
    size: tuple[int, int],
    world: str = "everyday",
) -> None:
    """Render one shard; does nothing if it is there already."""
    from animatrix.synthetic import Corpus

    clips, lines = shard_paths(folder, index)
    if clips.exists():
        return
    corpus = Corpus(seed=seed, split=split, size=size, frames=frames, world=world)
    samples = [corpus[index * SHARD_ITEMS + i] for i in range(SHARD_ITEMS)]
    text = "\n".join(s.directive.canonical_json() for s in samples)
    with written_whole(lines) as temporary:
        temporary.write_text(text)
    with written_whole(clips) as temporary:  # last: its presence means the shard is whole
        np.save(temporary, np.stack([s.clip.frames for s in samples]))


def read_shard(folder: Path, index: int) -> tuple[np.ndarray, list[Directive]]:
    """Frames uint8 [64,T,H,W,3] and their directives."""
    clips, lines = shard_paths(folder, index)
    directives = [Directive.model_validate(json.loads(x)) for x in lines.read_text().splitlines()]
    return np.load(clips), directives


def present(folder: Path) -> list[int]:
    """Numbers of the shards that are complete, ascending."""
    return sorted(int(p.stem.removeprefix("shard-")) for p in folder.glob("shard-*.npy"))


def _worker(rank: int, workers: int, args: argparse.Namespace) -> None:
    import cv2

    cv2.setNumThreads(1)
    for index in range(rank, args.count // SHARD_ITEMS, workers):
        write_shard(args.out, index, args.seed, args.split, args.frames, args.size, args.world)


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--world", default="everyday", help="everyday, or wide: every drawable value")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=4096)
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--size", type=_size, default=(160, 96))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    context = mp.get_context("spawn")
    workers = [context.Process(target=_worker, args=(r, args.workers, args)) for r in range(args.workers)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    if any(w.exitcode for w in workers):
        raise SystemExit("a render worker failed; see above")


if __name__ == "__main__":
    main()
