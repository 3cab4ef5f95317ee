"""Renders labelled, degraded, reduced shots into shards on disk, for the trainer to read as they appear.

    python -m animatrix.caption.recognise.shards --out runs/recogniser/train --split train --count 16384
    python -m animatrix.caption.recognise.shards --out runs/recogniser/tune --split tune --count 3072

Shard k holds items ``k*64 .. k*64+63``: ``shard-K.npy`` (I420 planes ``uint8 [sum of T,H*3/2,W]``, all of one
frame shape) and ``shard-K.jsonl`` (one :class:`Take` per line). An item follows from seed, split and number
alone. Shards that are there are kept, so the same command continues where it stopped. ``tune`` shows the
designs that ``train`` never does.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing as mp
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from animatrix.caption.recognise.lens import fitted, to_planes
from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive
from animatrix.media import Clip
from animatrix.media.door import written_whole
from animatrix.synthetic import Corpus, Truth, render
from animatrix.synthetic.corpus import SPLITS
from animatrix.synthetic.mixture import PAIRS, together
from animatrix.synthetic.staging import staged

SHARD_ITEMS = 64
# what any shot has unless it is asked for something else
_PLAIN = """cel_anime clean_uniform one_step natural painted_poster four_five_heads six_heads none
static_background eye_level level_horizon fix single_plane steady deep_focus medium_move twos threes
golden_hour night_blue flat_even idle gesture walk run full eye_blink"""
PLAIN = frozenset(_PLAIN.split())
# how items are asked for: the corpus's own worlds, and several values at once, so that rare ones meet others
WORLDS = {
    "train": (("wide", 0.15), ("everyday", 0.07), ("mixed", 0.18), ("rich", 0.6)),
    "tune": (("wide", 0.3), ("everyday", 0.2), ("mixed", 0.5)),
}
# rendered (width, height), share; the look of a line depends on the size it was drawn at
SIZES_WIDE = (
    ((160, 96), 0.55),
    ((320, 180), 0.24),
    ((240, 136), 0.12),
    ((480, 270), 0.06),
    ((640, 360), 0.03),
)
SIZES_TALL = (((144, 112), 0.5), ((320, 240), 0.4), ((480, 360), 0.1))
TALL_EVERY = 8  # one shard in so many has frames of 4:3
RATES = ((24.0, 0.66), (12.0, 0.1), (25.0, 0.06), (30.0, 0.18))
CODECS = (("", 0.35), ("libx264", 0.45), ("libx265", 0.2))


@dataclass(frozen=True)
class Take:
    """One item: canonical directive, where its frames lie in the shard, what happens when, how it was made.

    ``events``: (kind, first, last, detail) in frames of the item.
    """

    directive: dict
    first: int
    frames: int
    fps: float
    events: list
    world: str
    size: list[int]
    codec: str
    crf: int


def _drawn(rng: np.random.Generator, table):
    shares = np.array([row[1] for row in table])
    return table[int(rng.choice(len(table), p=shares / shares.sum()))][0]


def mixed(rng: np.random.Generator, frames: int, fps: float, rich: bool = False) -> Directive:
    """Two to four drawable values together, as far as they go together; one in three with a span.

    ``rich``: three to seven values, none of them plain.
    """
    pairs = tuple(p for p in PAIRS if p[1] not in PLAIN) if rich else PAIRS
    count = int(rng.integers(3, 8)) if rich else int(rng.integers(2, 5))
    return together(rng, pairs, count, frames, fps) or staged("action", "idle", frames, fps)


def degraded(frames: np.ndarray, fps: float, codec: str, crf: int) -> np.ndarray:
    """The frames ``uint8 [T,H,W,3]`` through a codec in memory; unchanged for codec ''."""
    if not codec:
        return frames
    options = {"crf": str(crf), "preset": "veryfast" if codec == "libx264" else "ultrafast"}
    if codec == "libx265":
        options["x265-params"] = "log-level=none:pools=1:frame-threads=1"
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=round(fps), options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        out = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(out) == len(frames), (len(out), len(frames))
    return np.stack(out)


def reduced(frames: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """As the captioner hands shots over (longer side at most 160, area average), then fitted to ``shape``."""
    height, width = frames.shape[1:3]
    scale = min(1.0, 160 / max(width, height))
    small = (round(width * scale), round(height * scale))
    return fitted(fitted(frames, small), shape)


def item(seed: int, split: str, index: int, shape: tuple[int, int]) -> tuple[np.ndarray, Take]:
    """Planes ``uint8 [T,H*3/2,W]`` and take (``first`` 0) of one item."""
    key, cast = SPLITS[split]
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, key, index, 77])))
    world = _drawn(rng, WORLDS[split])
    size = _drawn(rng, SIZES_WIDE if shape == (160, 96) else SIZES_TALL)
    fps = _drawn(rng, RATES)
    seconds = 33 / 24 if rng.random() < 0.5 else float(rng.uniform(0.5, 2.5))
    frames = int(np.clip(round(seconds * fps), 9, 65))
    codec, crf = _drawn(rng, CODECS), int(rng.integers(18, 35))
    clip, truth = _filmed(rng, world, seed, split, index, size, frames, fps, cast)
    planes = to_planes(reduced(degraded(clip.frames, fps, codec, crf), shape))
    events = [[e.kind, int(e.first), int(e.last), e.detail] for e in truth.events]
    take = Take(truth.directive.canonical(), 0, len(planes), clip.fps, events, world, list(size), codec, crf)
    return planes, take


def _filmed(rng, world, seed, split, index, size, frames, fps, cast) -> tuple[Clip, Truth]:
    if world in ("mixed", "rich"):
        for _ in range(4):
            try:
                return render(
                    mixed(rng, frames, fps, world == "rich"), int(rng.integers(1 << 48)), size, cast
                )
            except AniMatrixError:  # values that do not go together after all
                continue
        world = "wide"
    try:
        sample = Corpus(seed, split, size, frames, fps, world=world)[index]
    except AniMatrixError:  # too short for what was drawn
        sample = Corpus(seed, split, size, 33, 24.0, world=world)[index]
    return sample.clip, sample.truth


def shard_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """(planes, takes) of one shard."""
    return folder / f"shard-{number:06d}.npy", folder / f"shard-{number:06d}.jsonl"


def write_shard(folder: Path, number: int, seed: int, split: str) -> None:
    """Render one shard; does nothing if it is there already."""
    pictures, lines = shard_paths(folder, number)
    if pictures.exists():
        return
    shape = (144, 112) if number % TALL_EVERY == TALL_EVERY - 1 else (160, 96)
    planes, takes, first = [], [], 0
    for k in range(SHARD_ITEMS):
        p, take = item(seed, split, number * SHARD_ITEMS + k, shape)
        takes.append(json.dumps({**asdict(take), "first": first}, separators=(",", ":")))
        planes.append(p)
        first += len(p)
    with written_whole(lines) as temporary:
        temporary.write_text("\n".join(takes))
    with written_whole(pictures) as temporary, temporary.open("wb") as file:  # last: now the shard is whole
        np.save(file, np.concatenate(planes))


def read_shard(folder: Path, number: int) -> tuple[np.ndarray, list[Take]]:
    """Planes (mapped, not read) and takes of one shard."""
    pictures, lines = shard_paths(folder, number)
    return np.load(pictures, mmap_mode="r"), [Take(**json.loads(x)) for x in lines.read_text().splitlines()]


def present(folder: Path) -> list[int]:
    """Numbers of the shards that are complete, ascending."""
    return sorted(int(p.stem.removeprefix("shard-")) for p in folder.glob("shard-*.npy"))


def _worker(rank: int, args: argparse.Namespace) -> None:
    cv2.setNumThreads(1)
    for number in range(rank, args.count // SHARD_ITEMS, args.workers):
        write_shard(args.out, number, args.seed, args.split)
        print(f"shard {number}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="train", choices=("train", "tune"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=16384)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    workers = [mp.Process(target=_worker, args=(rank, args)) for rank in range(args.workers)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    if any(w.exitcode for w in workers):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
