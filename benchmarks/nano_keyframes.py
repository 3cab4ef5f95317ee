"""Does a model keep the pictures it is given, and move between them?

    python benchmarks/nano_keyframes.py --model nano --count 12

Held-out clips of the corpus (``report`` split) lend their frames: the first one (image-to-video), the first
and the last, and one in the middle. Per setting, over clips:

* **at the keys**: PSNR of the generated frame against the given picture, beside the autoencoder's *ceiling*
(the
  same pictures encoded as keyframes are, and decoded);
* **between**: mean absolute change from frame to frame, over that of the drawn clip (1 is as lively as
drawn, 0 is
  frozen), and the largest single step at a key over the median step (a key that jumps in and out is not kept
  in the motion, it is pasted).

Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from animatrix.generate.run import clip_of, load
from animatrix.media import Clip, contact_sheet
from animatrix.model.vae import to_frames, to_pixels
from animatrix.synthetic import Corpus

SEED = 8_000_000


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB, of pictures uint8 [H,W,3]."""
    return float(10 * np.log10(255**2 / max(np.square(a.astype(float) - b).mean(), 1e-3)))


def settings(frames: int) -> dict[str, tuple[int, ...]]:
    return {"first": (0,), "first_and_last": (0, frames - 1), "middle": (frames // 2,)}


@torch.no_grad()
def ceiling(pipe, picture: np.ndarray) -> float:
    """PSNR of a picture that is encoded as a keyframe is, held over its latent frame, and decoded."""
    held = to_pixels(np.stack([picture] * 5)[None]).to(pipe.vae.dtype)
    y = pipe.vae.decode(pipe.vae.encode(held).latents).sample.float()
    return psnr(to_frames(y)[0, 2], picture)


def steps_of(frames: np.ndarray) -> np.ndarray:
    """Mean absolute change from frame to frame, in levels [T-1]."""
    return np.abs(np.diff(frames.astype(np.int16), axis=0)).mean((1, 2, 3))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--split", default="report", choices=("tune", "report"))
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--frames", type=int, default=25)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    pipe = load(args.model)
    pipe.set_progress_bar_config(disable=True)
    corpus = Corpus(SEED, args.split, frames=args.frames)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in settings(args.frames)}
    shown: list[Clip] = []
    for i in range(args.count):
        sample = corpus[i]
        drawn = sample.clip.frames
        for name, keys in settings(args.frames).items():
            made = pipe(
                sample.directive,
                keyframes={k: Image.fromarray(drawn[k]) for k in keys},
                num_inference_steps=args.steps,
                guidance_scale=args.guidance,
                generator=torch.Generator().manual_seed(i),
            ).frames[0]
            made = clip_of(made).frames
            steps = steps_of(made)
            near = [s for k in keys for s in (k - 1, k) if 0 <= s < len(steps)]
            rows[name].append(
                {
                    "at_keys": float(np.mean([psnr(made[k], drawn[k]) for k in keys])),
                    "ceiling": float(np.mean([ceiling(pipe, drawn[k]) for k in keys])),
                    "liveliness": float(steps.mean() / max(steps_of(drawn).mean(), 0.05)),
                    "jump": float(max(steps[s] for s in near) / max(float(np.median(steps)), 0.05)),
                }
            )
            if i < 6 and name == "first":
                shown += [Clip(drawn, 24), Clip(made, 24)]
    if args.sheet:
        contact_sheet(shown, args.sheet, columns=1)
    found = {
        name: {key: round(float(np.median([row[key] for row in these])), 2) for key in these[0]}
        for name, these in rows.items()
    }
    told = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()}
    print(json.dumps({"settings": told, "median": found}, indent=1))


if __name__ == "__main__":
    main()
