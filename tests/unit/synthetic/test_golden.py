"""A hundred corpus items, byte for byte as they were when the golden file was written.

A change of the pictures that is meant is recorded by ``python tests/unit/synthetic/test_golden.py``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from animatrix.synthetic import Corpus

GOLDEN = Path(__file__).parents[2] / "golden" / "corpus.json"
COUNT, SEED, SIZE, FRAMES = 100, 20, (96, 64), 9
SPLITS = ("train", "train", "train", "report")  # of item 0, 1, 2, 3, and so on round


def item_hash(i: int) -> str:
    """Hash of the frames and the directive of item ``i``."""
    sample = Corpus(SEED, SPLITS[i % len(SPLITS)], SIZE, FRAMES)[i]
    data = sample.clip.frames.tobytes() + sample.directive.canonical_json().encode()
    return hashlib.sha256(data).hexdigest()[:20]


def test_corpus_items_are_the_bytes_they_were():
    golden = json.loads(GOLDEN.read_text())
    assert (golden["seed"], golden["size"], golden["frames"]) == (SEED, list(SIZE), FRAMES)
    changed = [i for i, known in enumerate(golden["items"]) if item_hash(i) != known]
    assert len(golden["items"]) == COUNT and changed == []


if __name__ == "__main__":
    document = {
        "what": "sha256 of frames and canonical directive of corpus items; splits go round train x3, report",
        "regenerate": "python tests/unit/synthetic/test_golden.py",
        "seed": SEED,
        "size": list(SIZE),
        "frames": FRAMES,
        "items": [item_hash(i) for i in range(COUNT)],
    }
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(document, indent=1) + "\n")
