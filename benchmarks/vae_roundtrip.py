"""What nano's autoencoder keeps of a clip: its pixels, and what AniCaption reads in it.

    python benchmarks/vae_roundtrip.py [--vae weights/nano/vae] [--split tune] [--count 40] [--clips 24] [-v]

Pixels: PSNR of whole clips of held-out designs in [0, 255] (mean of the clips' dB; ``worst_frame``: of each
clip's worst frame), without noise and with some on the normalised latents, as a diffusion model leaves it.
Reading: cases of 160x96 whose field AniCaption's measures read right are sent through the autoencoder and
read again: ``kept`` of ``right``, with a 95 % Wilson interval; ``staged`` counts those in which something
happens (an impact frame, a camera that moves, a drawing held or not) and not only its absence. Latents: each
channel's spread in the normalised space, and how alike neighbours are (correlation to the right, below and in
the next latent frame, channels weighted by their energy). Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from animatrix.caption import caption_shot
from animatrix.caption.cases import NANO, Case, score
from animatrix.caption.cases import cases as draw_cases
from animatrix.caption.measure import shot_of
from animatrix.evaluate.intervals import wilson
from animatrix.media import Clip, read_clip, scan_clip
from animatrix.model.vae import AutoencoderNano, to_frames, to_pixels
from animatrix.synthetic import Corpus

FIELDS = ("impact_frame", "drawing_cadence", "camera_move", "camera_shake")
NOTHING = {"none", "fix", "steady"}  # the values that say that nothing happens
NOISE = 0.1  # of the normalised latents


def decibels(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """PSNR of a clip and of its worst frame; uint8 [T,H,W,3] each."""
    frames = np.maximum(np.square(a.astype(np.float32) - b).mean((1, 2, 3)), 1e-3)
    return float(10 * np.log10(255**2 / frames.mean())), float(10 * np.log10(255**2 / frames.max()))


def alike(z: Tensor, dim: int) -> float:
    """Correlation of neighbours along ``dim`` of normalised latents [N,C,F,h,w], weighted by energy."""
    size = z.shape[dim] - 1
    a, b = z.narrow(dim, 0, size), z.narrow(dim, 1, size)
    return round(float((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()), 3)


@torch.no_grad()
def kept_pixels(vae: AutoencoderNano, split: str, count: int) -> dict:
    table, latents, seconds = {}, [], []
    for world in ("everyday", "wide"):
        corpus = Corpus(seed=1, split=split, world=world)
        clear, noisy = [], []
        for i in range(count):
            frames = corpus[i].clip.frames
            began = time.perf_counter()
            z = vae.normalise(vae.encode(to_pixels(frames[None])).latents)
            y = vae.decode(vae.denormalise(z)).sample
            seconds.append(time.perf_counter() - began)
            clear.append(decibels(to_frames(y)[0], frames))
            noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(i))
            again = vae.decode(vae.denormalise(z + NOISE * noise)).sample
            noisy.append(decibels(to_frames(again)[0], frames))
            latents.append(z)
        table[world] = {
            "clips": count,
            "psnr": round(float(np.mean(clear, 0)[0]), 2),
            "worst_frame": round(float(np.mean(clear, 0)[1]), 2),
            "psnr_noisy": round(float(np.mean(noisy, 0)[0]), 2),
        }
    z = torch.cat(latents)
    std = z.std((0, 2, 3, 4))
    return table | {
        "psnr": round(float(np.mean([t["psnr"] for t in table.values()])), 2),
        "seconds_a_clip": round(float(np.median(seconds)), 2),
        "latents": {
            "channels": len(std),
            "std": [round(float(x), 2) for x in std],
            "mean": round(float(z.mean((0, 2, 3, 4)).abs().max()), 3),
            "alike": {"right": alike(z, 4), "below": alike(z, 3), "next": alike(z, 2)},
        },
    }


def reading(case: Case, clip: Clip, field: str) -> str:
    return score(
        case, caption_shot(shot_of(list(scan_clip(clip)), clip.fps), [field], recogniser=False), field
    )


@torch.no_grad()
def kept_reading(vae: AutoencoderNano, field: str, options: argparse.Namespace) -> dict:
    right = kept = staged = staged_kept = 0
    for case in draw_cases(options.split, field, options.count, options.folder, (NANO,)):
        clip = read_clip(case.path)
        if reading(case, clip, field) != "right":
            continue
        back = Clip(to_frames(vae(to_pixels(clip.frames[None])))[0], clip.fps)
        outcome = reading(case, back, field)
        happens = not set(case.values(field) or []) <= NOTHING
        right, kept = right + 1, kept + (outcome == "right")
        staged, staged_kept = staged + happens, staged_kept + (happens and outcome == "right")
        if options.verbose and outcome != "right":
            print(
                f"  {field}: {case.path} {case.truth.get(field)} is {outcome} after the round trip",
                flush=True,
            )
    share = round(kept / right, 3) if right else None
    interval = [round(x, 3) for x in wilson(kept, right)] if right else None
    return {
        "cases": options.count,
        "right": right,
        "kept": kept,
        "share": share,
        "interval": interval,
        "staged": {"right": staged, "kept": staged_kept},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vae", default="weights/nano/vae")
    parser.add_argument("--split", default="tune", choices=["train", "tune", "report"])
    parser.add_argument("--count", type=int, default=40, help="cases of each field")
    parser.add_argument("--clips", type=int, default=24, help="clips of each world whose pixels are compared")
    parser.add_argument("--fields", default=",".join(FIELDS))
    parser.add_argument("--folder", type=Path, default=Path("runs/cases/nano"))
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    vae = AutoencoderNano.from_pretrained(options.vae).eval()
    document = {
        "split": options.split,
        "parameters": sum(p.numel() for p in vae.parameters()),
        "pixels": kept_pixels(vae, options.split, options.clips),
        "reading": {f: kept_reading(vae, f, options) for f in options.fields.split(",") if f},
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
