"""Generates clips of held-out directives with nano and reads them back: asked against measured.

    python benchmarks/nano_readback.py --count 24 --sheet runs/readback.png

Directives are items 0..count-1 of the corpus' `report` split (held-out designs, seeds of their own), cut down
to the tags an animator would write. Nothing is picked by hand. Prints one JSON document: per field the share
of clips that came back as asked, among those AniCaption judged, with a 95 % Wilson interval, and how many it
abstained from.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from reliability import wilson

from animatrix.generate.report import read_back
from animatrix.generate.run import load
from animatrix.knowledge import Directive
from animatrix.media import Clip, contact_sheet
from animatrix.synthetic import Corpus

WRITTEN = ("action", "shot_scale", "camera_move", "move_speed", "drawing_cadence", "impact_frame")


def directives(count: int, frames: int) -> list[Directive]:
    corpus = Corpus(seed=0, split="report", frames=frames)
    whole = [json.loads(corpus.request(i).canonical_json()) for i in range(count)]
    return [
        Directive.model_validate(w | {"tags": {f: t for f, t in w["tags"].items() if f in WRITTEN}})
        for w in whole
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--frames", type=int, default=25)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--tag-guidance", type=float)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    asked = directives(args.count, args.frames)
    pipe = load(args.model)
    pipe.set_progress_bar_config(disable=True)
    clips: list[Clip] = []
    began = time.perf_counter()
    for start in range(0, len(asked), args.batch):
        block = asked[start : start + args.batch]
        frames = pipe(
            block,
            num_inference_steps=args.steps,
            guidance_scale=args.guidance,
            tag_guidance_scale=args.tag_guidance,
            generator=[torch.Generator().manual_seed(start + i) for i in range(len(block))],
        ).frames
        clips += [Clip(np.round(f * 255).astype(np.uint8), 24) for f in frames]
    seconds = time.perf_counter() - began
    judged: dict[str, list[bool]] = defaultdict(list)
    abstained: dict[str, int] = defaultdict(int)
    for directive, clip in zip(asked, clips, strict=True):
        for row in read_back(directive, clip):
            if row["ok"] is None:
                abstained[row["field"]] += 1
            else:
                judged[row["field"]].append(row["ok"])
    fields = {
        field: {
            "as_asked": sum(oks),
            "judged": len(oks),
            "abstained": abstained[field],
            "share": round(sum(oks) / len(oks), 3),
            "interval": [round(x, 3) for x in wilson(sum(oks), len(oks))],
        }
        for field, oks in judged.items()
    }
    if args.sheet:
        captions = [
            " ".join(v for f in ("camera_move", "drawing_cadence", "action") for v in d.values(f))
            for d in asked
        ]
        contact_sheet(clips, args.sheet, columns=3, captions=captions, frames_per_clip=4, scale=1)
    options = {k: v for k, v in vars(args).items() if k != "sheet"}
    print(
        json.dumps({"options": options, "seconds_per_clip": round(seconds / len(clips), 2), "fields": fields})
    )


if __name__ == "__main__":
    main()
