"""Fit palette and finish: labelled pictures and shots of the train split, their numbers, tables of them.

    python -m animatrix.caption.fit.tone [--fields palette,finish] [--count 2400] [--shots 230]

Numbers are kept as lines of JSON in --folder, and what is there is not drawn again (delete the file after
a change of what is measured). Palettes are read from single frames. For finishes every shot is drawn once and
filtered several ways by the studio's own filters and lights, the lights counting as none; the larger ones
then go through H.264 or HEVC at CRF 18 to 32. Prints a three-fold check over whole shots and writes
``animatrix/caption/measure/fitted/<field>.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animatrix.caption.fit.linear import fit_table, held_out, report, write_table
from animatrix.caption.measure.finish import finish_numbers
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.tone import colour_numbers
from animatrix.caption.reading import read_shots
from animatrix.errors import AniMatrixError
from animatrix.media import Clip, write_video
from animatrix.media.write import Encoding
from animatrix.synthetic import Corpus, effects, filters, light_fx
from animatrix.synthetic.palette import CLOTH, Paintbox

COMMAND = "python -m animatrix.caption.fit.tone"
STILLS = (
    4_200_000,
    ("palette", "palette", None, "everyday", "lighting", "shading_steps", "everyday", "palette"),
)
SHOTS = (4_300_000, ("palette", "camera_move", "action", "lighting", "background_style"))
SIZES = ((160, 96), (480, 270), (160, 96), (640, 360))
WAYS = 4  # filters laid on one shot
# What belongs to the scene more than to the print, though chance made it tell in the fit.
LEFT_OUT = (
    "chroma_most",
    "switch_at",
    "rise_amount",
    "rise_fit",
    "rise_least",
    "twist_amount",
    "soft_all",
    "flat_share",
    "edge_strength",
)
WAYS_TO_FIT: dict[str, dict[str, Any]] = {"palette": {"curved": True}, "finish": {"even": 0.0, "ridge": 3e-3}}
FINISHES = ("none", *filters.FILTERS, *effects.FINISHES, "none")


def stills(count: int) -> Iterator[dict[str, Any]]:
    """Palette and colour statistics of single frames, half of them larger and through JPEG."""
    seed, fields = STILLS
    for i in range(count):
        field, rng = fields[i % len(fields)], np.random.default_rng([i, 11])
        size = (160, 96) if rng.random() < 0.5 else (320, 180)
        world, staged = ("everyday", None) if field == "everyday" else ("wide", field)
        try:
            still = Corpus(seed, "train", size, world=world, field=staged).still(i)
        except AniMatrixError as error:  # a staged value that this cast cannot play
            print(f"still {i}: {error}")
            continue
        # Exposed for the shadows, natural colour is a pastel to the eye: neither example nor counter-example.
        if "high_key" in still.directive.values("lighting"):
            continue
        picture = still.image
        if size[0] > 160:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
            coded = cv2.imencode(".jpg", picture[..., ::-1], quality)
            decoded = np.asarray(cv2.imdecode(coded[1], cv2.IMREAD_COLOR))[..., ::-1]
            picture = cv2.resize(decoded, (160, 90), interpolation=cv2.INTER_AREA)
        value = still.directive.values("palette")[0]
        yield {"shot": i, "value": value, "numbers": colour_numbers(np.ascontiguousarray(picture)[None])}


def shots(count: int) -> Iterator[dict[str, Any]]:
    """Finish and its numbers of shots, each filtered ``WAYS`` ways."""
    seed, fields = SHOTS
    kinds = (*FINISHES, *light_fx.LIGHTS)
    for i in range(count):
        size = SIZES[i % len(SIZES)]
        world, staged = ("everyday", None) if i % 2 else ("wide", fields[i % len(fields)])
        try:
            sample = Corpus(seed, "train", size, 33 if size[0] == 160 else 14, world=world, field=staged)[i]
        except AniMatrixError as error:
            print(f"shot {i}: {error}")
            continue
        if sample.directive.values("finish") not in ((), ("none",)):
            continue
        for way in range(WAYS):
            kind = kinds[(WAYS * i + way) % len(kinds)]
            rng = np.random.default_rng([i, way, 6])
            shot = _developed(Clip(filtered(kind, sample.clip.frames, rng), 24.0), rng)
            value = kind if kind in FINISHES else "none"
            yield {"shot": i, "value": value, "numbers": finish_numbers(shot)}


def filtered(kind: str, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The frames uint8 ``[T,H,W,3]`` with one of the studio's finishes or lights on them, or as they are."""
    count, height, width = frames.shape[:3]
    seed, side, head = int(rng.integers(1 << 24)), int(rng.choice((-1, 1))), float(rng.uniform(0.2, 0.4))
    out = frames.copy()
    if kind == "harmony_still":
        switch = int(rng.integers(3, count - 4))
        out[:] = frames[0]
        out[switch:] = filters.FILTERS[kind](frames[0], filters.Print(switch, seed, side, CLOTH["red"]))
    elif kind in filters.FILTERS:
        for t in range(count):
            out[t] = filters.FILTERS[kind](frames[t], filters.Print(t, seed, side, CLOTH["red"]))
    elif kind in effects.FINISHES:
        veil = effects.finish_map((kind,), (width, height), side)
        for t in range(count):
            grain = np.random.default_rng([seed, 7, t]) if kind == "film_grain" else None
            out[t] = effects.finish(frames[t], veil, grain)
    elif kind in light_fx.LIGHTS:
        size = np.array([width, height])
        points = {name: rng.uniform(0.2, 0.8, 2) * size for name in ("hand", "head")}
        for t in range(count):
            light = light_fx.Light(
                age=t / 24,
                life=count / 24,
                env=1.0,
                points=points,
                alpha=np.ones((height, width), np.float32),
                box=Paintbox("day"),
                seed=seed,
                facing=side,
                head=head * height,
            )
            out[t] = light_fx.LIGHTS[kind](frames[t], light)
    return out


def _developed(clip: Clip, rng: np.random.Generator) -> Shot:
    """The longest shot of a clip, after a codec unless it is as small as what nano makes."""
    if clip.frames.shape[2] <= 160:
        return max(read_shots(clip), key=lambda shot: len(shot.gray))
    codec, crf = ("libx265" if rng.random() < 0.3 else "libx264"), int(rng.integers(18, 33))
    options = {"crf": str(crf), "preset": "veryfast"}
    if codec == "libx265":
        options["x265-params"] = "log-level=none:pools=none"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shot.mp4"
        write_video(clip, path, lossless=False, encoding=Encoding("mp4", codec, "yuv420p", options, {}))
        return max(read_shots(path), key=lambda shot: len(shot.gray))


def _used(numbers: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if name not in LEFT_OUT}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", default="palette,finish")
    parser.add_argument("--count", type=int, default=2400, help="pictures for the palette")
    parser.add_argument("--shots", type=int, default=230, help="shots for the finish")
    parser.add_argument("--folder", type=Path, default=Path("runs/tone"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    pools = {"palette": lambda: stills(options.count), "finish": lambda: shots(options.shots)}
    for field in options.fields.split(","):
        kept = options.folder / f"{field}.jsonl"
        if not kept.exists():
            with kept.open("w", encoding="utf-8") as lines:
                for row in pools[field]():
                    print(json.dumps(row), file=lines, flush=True)
        rows = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
        numbers = [_used(row["numbers"]) for row in rows]
        truth = [row["value"] for row in rows]
        ways = WAYS_TO_FIT[field]
        print(f"{field}: {len(rows)} examples")
        report(held_out(numbers, truth, [row["shot"] for row in rows], **ways), truth)
        write_table(field, fit_table(numbers, truth, **ways), COMMAND, len(rows))


if __name__ == "__main__":
    main()
