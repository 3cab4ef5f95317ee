"""Does nano keep the pictures it is given, and does it move between them?

    python benchmarks/nano_keyframes.py [--model weights/nano] [--count 24]

Directives of its scenes (the ``report`` split of :mod:`nano_adherence`) are drawn by the studio; some of the
drawn frames are given to nano with the directive: none, the first (image-to-video), the first and last, or
the first, middle and last. Of each clip: PSNR at the given frames, in dB, against the ``ceiling`` that the
autoencoder leaves of the same frames of the drawn clip; PSNR of the frames that are not given; and how much
it moves, as the ratio of its mean change from frame to frame to the drawn clip's (frames beside an impact
frame left out), median over clips; and the change from the frame before the last given one into it, as the
ratio to the drawn clip's there (``step``), median too: a picture that is kept must not be jumped to.
Intervals are 95 %, by bootstrap over directives. Prints one JSON
document.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nano_adherence import add_world, corpora, unseen
from vae_roundtrip import decibels

from animatrix.evaluate.intervals import bootstrap
from animatrix.generate.run import clip_of, load
from animatrix.knowledge import Directive
from animatrix.media import contact_sheet
from animatrix.model.vae import to_frames, to_pixels


def given_at(frames: int) -> dict[str, tuple[int, ...]]:
    last = frames - 1
    return {"none": (), "first": (0,), "ends": (0, last), "three": (0, last // 2, last)}


def moving(frames: np.ndarray, asked: Directive) -> float:
    """Mean change from frame to frame in levels, without what an impact frame changes."""
    if len(frames) < 2:
        return float("nan")
    change = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean((1, 2, 3))
    for tag in asked.tags.get("impact_frame", ()):
        if tag.span:
            change[max(0, tag.span[0] - 1) : tag.span[1] + 1] = np.nan
    return float(np.nanmean(change))


def at_frames(a: np.ndarray, b: np.ndarray, which: list[int]) -> float:
    return decibels(a[which], b[which])[0] if which else float("nan")


def figure(values: list[float], combine: Any = None) -> dict[str, Any]:
    seen = [v for v in values if np.isfinite(v)]
    if not seen:
        return {"value": None}
    low, high = bootstrap(seen, combine)
    middle = float(np.mean(seen) if combine is None else combine(seen))
    return {"value": round(middle, 3), "interval": [round(low, 3), round(high, 3)]}


def median(values: Any) -> float:
    return float(np.median(values))


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="weights/nano")
    parser.add_argument("--count", type=int, default=24)
    add_world(parser)
    parser.add_argument("--sheet", type=Path, help="contact sheet (.png): drawn, then as given, of four")
    args = parser.parse_args()
    corpus, trained = corpora(args)
    pipe = load(args.model)
    pipe.set_progress_bar_config(disable=True)
    ways = given_at(args.frames)
    rows: dict[str, dict[str, list[float]]] = {
        way: {"given": [], "ceiling": [], "others": [], "movement": [], "step": []} for way in ways
    }
    clips, said = [], []
    for i, asked in itertools.islice(unseen(corpus, trained, args.shown), args.count):
        drawn = corpus[i].clip.frames
        kept = to_frames(pipe.vae(to_pixels(drawn[None])))[0]
        for way, at in ways.items():
            noise = torch.Generator().manual_seed(i)
            made = pipe(asked, keyframes={k: drawn[k] for k in at}, generator=noise).frames[0]
            frames = clip_of(made).frames
            row, rest = rows[way], [k for k in range(args.frames) if k not in at]
            row["given"].append(at_frames(frames, drawn, list(at)))
            row["ceiling"].append(at_frames(kept, drawn, list(at)))
            row["others"].append(at_frames(frames, drawn, rest))
            row["movement"].append(moving(frames, asked) / max(moving(drawn, asked), 1e-3))
            into = slice(max(at) - 1, max(at) + 1) if at and max(at) else slice(0)
            row["step"].append(moving(frames[into], asked) / max(moving(drawn[into], asked), 0.5))
            if len(clips) < 20:
                clips.append(clip_of(made))
                said.append(f"{way} given: {asked.narrative}")
        if len(clips) < 20:
            clips.append(corpus[i].clip)
            said.append("drawn")
    table = {
        way: {
            name: figure(values, median if name in ("movement", "step") else None)
            for name, values in row.items()
        }
        for way, row in rows.items()
    }
    print(json.dumps({"model": args.model, "directives": args.count, "given": table}, indent=1))
    if args.sheet is not None:
        contact_sheet(clips, args.sheet, captions=said)


if __name__ == "__main__":
    main()
