"""Labelled pictures to fit measures of line and shading on: single frames of the train split.

    python -m animatrix.caption.fit.stills --count 700 [--folder runs/stills/train] [--part 0 --parts 2]

A picture with files is not drawn again. Larger than 160x96, it has been through JPEG at qualities 40 to 92,
which wears lines as a film's key frames are worn. Pictures of 160x96 come from the recogniser's shards.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from animatrix.errors import AniMatrixError
from animatrix.media.door import written_whole
from animatrix.synthetic import Corpus

FOLDER = Path("runs/stills/train")
SHARDS = Path("runs/recogniser/train")
SMALL = 96
QUALITY = (40, 93)
PLAIN_SHARE = 0.3  # of the shards' takes with nothing but the usual line and no treatment


@dataclass(frozen=True)
class Batch:
    """Pictures from number ``first`` on: sizes in turn, one a row, and in a row one for each staged field
    (None stages any value, ``everyday`` none)."""

    seed: int
    first: int
    sizes: tuple[tuple[int, int], ...]
    fields: tuple[str | None, ...]


_LARGE = ((640, 360), (1280, 720), (854, 480), (640, 360), (1920, 1080))
_MIXED = ((160, 96), *_LARGE[:2], (160, 96), *_LARGE[2:4], (160, 96), _LARGE[4], _LARGE[0], (160, 96))
_FIELDS = ("line_style", "shading_treatment", "graphic_device", "line_style", "background_style")
BATCHES = (
    Batch(4_150_000, 10_000, _LARGE, ("line_style", "shading_treatment") * 2 + ("line_style", None)),
    Batch(4_100_000, 0, _MIXED, (*_FIELDS, None, "everyday")),
)


@dataclass(frozen=True)
class LabelledStill:
    """``rgb`` uint8 ``[H,W,3]``; ``tags`` field -> values; ``number`` of its shot."""

    rgb: np.ndarray
    tags: dict[str, list[str]]
    number: int

    def one(self, field: str) -> str | None:
        """The one value of a field; no shading treatment is none, as the studio adds none unasked."""
        values = self.tags.get(field) or (["none"] if field == "shading_treatment" else [])
        return values[0] if len(values) == 1 else None


def draw(batch: Batch, nth: int, folder: Path) -> None:
    """Draw picture ``nth`` of a batch and its label, unless they are there. None of 160x96 is drawn."""
    i = batch.first + nth
    label = folder / f"{i:05d}.json"
    size, field = batch.sizes[i // len(batch.fields) % len(batch.sizes)], batch.fields[i % len(batch.fields)]
    if label.exists() or size[1] <= SMALL:
        return
    world, staged = ("everyday", None) if field == "everyday" else ("wide", field)
    try:
        still = Corpus(batch.seed, "train", size, world=world, field=staged).still(i)
    except AniMatrixError as error:  # a staged value that this cast cannot play
        print(f"picture {i}: {error}")
        return
    quality = int(np.random.default_rng([i, 5]).integers(*QUALITY))
    bgr = cv2.cvtColor(still.image, cv2.COLOR_RGB2BGR)
    with written_whole(label.with_suffix(".jpg")) as temporary:
        temporary.write_bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    tags = {name: list(still.directive.values(name)) for name in still.directive.tags}
    with written_whole(label) as temporary:
        temporary.write_text(json.dumps(tags), encoding="utf-8")


def drawn(folder: Path) -> Iterator[LabelledStill]:
    """The pictures of :func:`draw` in a folder."""
    for label in sorted(folder.glob("*.json")):
        bgr = cv2.imread(str(label.with_suffix(".jpg")))
        yield LabelledStill(
            cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), json.loads(label.read_text()), int(label.stem)
        )


def small(folder: Path) -> Iterator[LabelledStill]:
    """The middle frames of the takes of 160x96 in the recogniser's shards."""
    rng, number = np.random.default_rng(1), 0
    for path in sorted(folder.glob("shard-*.jsonl")):
        planes = np.load(path.with_suffix(".npy"), mmap_mode="r")
        for line in path.read_text().splitlines():
            take, number = json.loads(line), number + 1
            if take["size"] != [160, 96] or planes.shape[2] != 160:
                continue
            found = {name: [tag["value"] for tag in tags] for name, tags in take["directive"]["tags"].items()}
            plain = found.get("line_style") == ["clean_uniform"] and found.get(
                "shading_treatment", ["none"]
            ) == ["none"]
            if plain and rng.random() > PLAIN_SHARE:
                continue
            middle = np.ascontiguousarray(planes[take["first"] + take["frames"] // 2])
            yield LabelledStill(cv2.cvtColor(middle, cv2.COLOR_YUV2RGB_I420), found, number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--count", type=int, default=700)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    for nth in range(options.part, options.count, options.parts):
        for batch in BATCHES:
            draw(batch, nth, options.folder)


if __name__ == "__main__":
    main()
