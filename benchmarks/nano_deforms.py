"""Does nano deform? For each deformation one directive of its world, with it and without.

    python benchmarks/nano_deforms.py [--model weights/nano]

Both clips are made from the same noise and layout. Prints, for each, by how many levels they differ in the
mean, and, where the deformation has a moment, in its frames and in the others; then the median of the first.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from animatrix.generate.run import clip_of, load
from animatrix.prefer.aligned import ASKED, held_out
from animatrix.prefer.policy_recipe import SharedScenes

FRAMES, SIZE = 33, (160, 96)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="weights/nano")
    parser.add_argument("--seed", type=int, default=51, help="of the corpus whose four scenes it knows")
    args = parser.parse_args()
    pipe = load(args.model)
    pipe.set_progress_bar_config(disable=True)
    scenes, found = SharedScenes(count=4, seed=args.seed), []
    for number, name in enumerate(ASKED):
        both = held_out(0, "tune", number, FRAMES, SIZE, scenes)
        text = pipe._encode([both[0]], "")[0]
        noise = [torch.Generator().manual_seed(number) for _ in range(3)]
        layout = pipe.layout_artist.draw(text, [both[0]], FRAMES, noise[2])
        clips = [
            clip_of(pipe(d, layout=layout, generator=g).frames[0]).frames.astype(np.float32)
            for d, g in zip(both, noise, strict=False)
        ]
        apart = np.abs(clips[0] - clips[1]).mean((1, 2, 3))
        spans = [t.span for t in both[0].tags[name.partition("=")[0]] if t.span]
        row = f"{name:40s} {apart.mean():.2f}"
        if spans:
            inside = np.zeros(FRAMES, bool)
            inside[spans[0][0] : spans[0][1] + 1] = True
            row += f"   its frames {apart[inside].mean():.2f}, others {apart[~inside].mean():.2f}"
        print(row, flush=True)
        found.append(apart.mean())
    print(f"median {np.median(found):.2f}, {min(found):.2f} to {max(found):.2f}")


if __name__ == "__main__":
    main()
