"""Side by side, for a person to judge: clips of eight deformation directives, before and after tuning.

    python benchmarks/policy_page.py --model before=weights/nano --model vanilla=runs/a/export \\
        --model ours=runs/b/export

Writes looping pictures (animated WebP, at the clips' own rate) into ``docs/preference/`` and the page
``docs/preference_clips.md`` that shows them in rows by directive and columns by model. Directives and seeds
are fixed, the first of the benchmark's that asks for each deformation, none picked by hand. ``--rate 12``
shows every second frame.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from policy import FIRST, named, shared_scenes

from animatrix.generate.run import load
from animatrix.knowledge import Directive
from animatrix.media import Clip
from animatrix.media.door import written_whole
from animatrix.prefer.aligned import ASKED, asked_of, held_out
from animatrix.prefer.samples import PipelineSampler
from animatrix.prefer.shown import at_most

SHOWN = (
    "body_deformation=squash_stretch", "body_deformation=chibi_shift", "body_deformation=limb_elongation",
    "body_deformation=face_exaggeration", "body_deformation=rubber_limb", "smear_technique=multiples",
    "smear_technique=elongated_inbetween", "smear_technique=afterimage_ghost",
)  # fmt: skip


def number_of(asked: str) -> int:
    """The first of the benchmark's directives that asks for a deformation."""
    return next(n for n in range(FIRST, FIRST + len(ASKED)) if asked_of(n) == asked)


def looping(clip: Clip, file: Path, rate: float, quality: int) -> None:
    """The clip as an animated WebP that never ends."""
    every = max(1, round(clip.fps / rate))
    pictures = [Image.fromarray(np.ascontiguousarray(f)) for f in clip.frames[::every]]
    with written_whole(file) as temporary:
        pictures[0].save(
            temporary, "WEBP", save_all=True, append_images=pictures[1:], loop=0, quality=quality,
            duration=round(1000 * every / clip.fps), method=6,
        )  # fmt: skip


def page(rows: Sequence[tuple[str, Directive]], models: Sequence[str], folder: str, notes: str) -> str:
    """The page: one row a directive, one column a model."""
    lines = [
        "# Before and after preference optimisation",
        "",
        "Every row is one directive and one noise; directives are held out, none picked by hand.",
        notes,
        "",
        "| asked for | " + " | ".join(models) + " |",
        "|---|" + "---|" * len(models),
    ]
    for asked, directive in rows:
        narrative = directive.narrative.replace("|", "/").replace("\n", " ")
        cells = [f"![{model}: {asked}]({folder}/{file_name(asked, model)})" for model in models]
        lines.append(f"| `{asked}`<br>{narrative} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def file_name(asked: str, model: str) -> str:
    return f"{asked.partition('=')[2]}-{model}.webp"


def main() -> None:
    """Make the clips and the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", action="append", type=named, required=True, metavar="NAME=FOLDER")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    parser.add_argument("--size", default="160x96")
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--scenes", type=shared_scenes, metavar="N[:SEED]", help="the N scenes a model knows")
    parser.add_argument("--steps", type=int, help="default: as the model's clips usually are")
    parser.add_argument("--guidance", type=float, help="the same")
    parser.add_argument("--rate", type=float, default=24.0)
    parser.add_argument("--quality", type=int, default=60)
    args = parser.parse_args()
    size = tuple(int(n) for n in args.size.split("x"))
    folder = args.docs / "preference"
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [number_of(asked) for asked in SHOWN]
    asked = [held_out(0, "report", n, args.frames, size, args.scenes)[0] for n in numbers]
    for name, folders in args.model:
        pipe = load(str(folders[0]))
        directives = [at_most(d, pipe.transformer.config.tag_slots) for d in asked]
        clips = PipelineSampler(pipe, size, args.steps, args.guidance, 4)(
            directives, [10 * n for n in numbers]
        )
        for what, clip in zip(SHOWN, clips, strict=True):
            looping(clip, folder / file_name(what, name), args.rate, args.quality)
    names = [name for name, _ in args.model]
    usual = "as its clips usually are" if args.steps is None else f"{args.steps} steps"
    notes = f"Sampled {usual}. Made by `python benchmarks/policy_page.py`."
    text = page(list(zip(SHOWN, asked, strict=True)), names, folder.name, notes)
    with written_whole(args.docs / "preference_clips.md") as temporary:
        temporary.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
