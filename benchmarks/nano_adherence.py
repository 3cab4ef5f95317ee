"""Does a model make what it is asked for? Clips of held-out directives, read back by AniCaption.

    python benchmarks/nano_adherence.py --model nano --out runs/adherence --per-field 16

Four tests, none picked by hand; every directive is an item of the synthetic corpus's ``report`` split
(held-out designs, seeds of their own), its tags the staged value and what it needs, its narrative the
studio's:

* **fields**: for every field that AniCaption measures, ``--per-field`` directives that stage its values.
Reported
  are the share that came back as asked among those judged, with a 95 % Wilson interval, and beside it the
  *ceiling*: the same directives drawn by the studio and judged alike (what the judge itself gets right).
* **contradiction**: the narrative says one camera move, the tag another. Who wins?
* **swap**: the same request and seed with one tag changed. The changed field must follow, the others must
stay
  what they were.
* **spans**: an impact frame asked for at frame k. Is one within a frame of k, and is there none elsewhere?

Clips are kept under ``--out`` by what was asked, so that the same command goes on where it stopped. Prints
one JSON document.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from reliability import wilson

from animatrix.caption.measure.registry import MEASURES
from animatrix.errors import AniMatrixError
from animatrix.generate.report import read_back
from animatrix.generate.run import clip_of, load
from animatrix.knowledge import Directive
from animatrix.media import Clip, contact_sheet
from animatrix.media.door import written_whole
from animatrix.synthetic import RENDERABLE, Corpus, render
from animatrix.synthetic.narrative import TAG_WORDS
from animatrix.synthetic.staging import staged

SEED = 7_000_000
# what a swap changes, and to what: pairs that leave the rest of the directive possible
SWAPS: tuple[tuple[str, str, str], ...] = (
    ("camera_move", "pan_left", "pan_right"),
    ("camera_move", "fix", "pan_left"),
    ("camera_move", "tilt_up", "tilt_down"),
    ("drawing_cadence", "ones", "threes"),
    ("drawing_cadence", "twos", "still"),
    ("palette", "natural", "monochrome"),
    ("palette", "vivid", "pastel"),
    ("impact_frame", "none", "white_frame@12-13"),
)
GROUND = {"camera_move": "fix", "drawing_cadence": "twos", "palette": "natural", "action": "gesture"}


@dataclass(frozen=True)
class Asked:
    """One clip to make: the test and the row it belongs to, the directive, the seed of the noise."""

    test: str
    row: str
    directive: Directive
    seed: int

    @property
    def key(self) -> str:
        text = f"{self.directive.canonical_json()}\n{self.seed}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def told(directive: Directive, item: int, split: str, frames: int) -> Directive:
    """The directive with the narrative of a corpus item: who, where and what, in the studio's words."""
    corpus = Corpus(SEED, split, frames=frames)
    return directive.model_copy(update={"narrative": corpus.request(item).narrative})


def of_fields(fields: Sequence[str], count: int, frames: int, split: str) -> list[Asked]:
    found = []
    for field in fields:
        values = RENDERABLE[field]
        for i in range(count):
            value = values[i % len(values)]
            try:
                directive = staged(field, value, frames)
            except AniMatrixError:  # does not fit into so few frames
                continue
            number = 1000 * fields.index(field) + i
            found.append(Asked("fields", field, told(directive, number, split, frames), number))
    return found


def of_contradictions(count: int, frames: int, split: str) -> list[Asked]:
    moves = ("pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back", "fix")
    found = []
    for i in range(count):
        tag, word = moves[i % len(moves)], moves[(i + 1 + i // len(moves) % (len(moves) - 1)) % len(moves)]
        words = TAG_WORDS["camera_move"][word]
        base = told(staged("camera_move", tag, frames), 20_000 + i, split, frames)
        narrative = f"{base.narrative} {words[i % len(words)]}"
        found.append(
            Asked("contradiction", word, base.model_copy(update={"narrative": narrative}), 20_000 + i)
        )
    return found


def of_swaps(count: int, frames: int, split: str) -> list[Asked]:
    found = []
    for i in range(count):
        field, before, after = SWAPS[i % len(SWAPS)]
        for row, value in (("before", before), ("after", after)):
            tags = {**GROUND, field: value}
            if field == "drawing_cadence" and value == "still":
                tags["action"] = "idle"
            directive = Directive.model_validate(
                {"narrative": "x", "tags": tags, "frames": frames, "fps": 24}
            )
            found.append(
                Asked("swap", f"{field}/{row}", told(directive, 30_000 + i, split, frames), 30_000 + i)
            )
    return found


def of_spans(count: int, frames: int, split: str) -> list[Asked]:
    found, values = [], [v for v in RENDERABLE["impact_frame"] if v != "none"]
    for i in range(count):
        at = 4 + (5 * i) % (frames - 8)
        tags = {
            "impact_frame": f"{values[i % len(values)]}@{at}-{at + 1}",
            "action": "jump",
            "shot_scale": "full",
        }
        directive = Directive.model_validate({"narrative": "x", "tags": tags, "frames": frames, "fps": 24})
        found.append(Asked("spans", str(at), told(directive, 40_000 + i, split, frames), 40_000 + i))
    return found


def made(asked: Sequence[Asked], args: argparse.Namespace) -> dict[str, Clip]:
    """Clips by key, generated or taken from the folder."""
    folder = args.out / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [a for a in {a.key: a for a in asked}.values() if not (folder / f"{a.key}.npy").exists()]
    if missing:
        pipe = load(args.model)
        pipe.set_progress_bar_config(disable=True)
    for start in range(0, len(missing), args.batch):
        block = missing[start : start + args.batch]
        frames = pipe(
            [a.directive for a in block],
            num_inference_steps=args.steps,
            guidance_scale=args.guidance,
            tag_guidance_scale=args.tag_guidance,
            generator=[torch.Generator().manual_seed(a.seed) for a in block],
        ).frames
        for a, f in zip(block, frames, strict=True):
            with written_whole(folder / f"{a.key}.npy") as temporary, temporary.open("wb") as file:
                np.save(file, clip_of(f).frames)
        print(f"{start + len(block)}/{len(missing)} clips", file=sys.stderr, flush=True)
    return {a.key: Clip(np.load(folder / f"{a.key}.npy"), 24) for a in asked}


def drawn(a: Asked) -> Clip | None:
    """The studio's clip of the same directive, with held-out designs."""
    try:
        return render(a.directive, a.seed, (160, 96), "held_out")[0]
    except AniMatrixError:
        return None


def row_of(directive: Directive, clip: Clip, field: str) -> dict[str, Any]:
    only = replace_tags(directive, [field])
    return read_back(only, clip)[0]


def replace_tags(directive: Directive, fields: Iterable[str]) -> Directive:
    return directive.model_copy(
        update={"tags": {f: t for f, t in directive.tags.items() if f in set(fields)}}
    )


def share(oks: Sequence[bool | None]) -> dict[str, Any]:
    """Right among the judged, with its interval; and how many were not judged."""
    judged = [ok for ok in oks if ok is not None]
    low, high = wilson(sum(judged), len(judged))
    return {
        "asked": len(oks), "judged": len(judged), "right": sum(judged),
        "share": round(sum(judged) / len(judged), 3) if judged else None,
        "interval": [round(low, 3), round(high, 3)],
    }  # fmt: skip


def score_fields(asked: Sequence[Asked], clips: dict[str, Clip], ceiling: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dict.fromkeys(a.row for a in asked):
        these = [a for a in asked if a.row == field]
        found[field] = share([row_of(a.directive, clips[a.key], field)["ok"] for a in these])
        if ceiling:
            truth = [(a, drawn(a)) for a in these]
            oks = [row_of(a.directive, clip, field)["ok"] for a, clip in truth if clip is not None]
            found[field]["ceiling"] = share(oks)
    shares = [row["share"] for row in found.values() if row["share"] is not None]
    found["macro"] = round(float(np.mean(shares)), 3) if shares else None
    return found


def score_contradictions(asked: Sequence[Asked], clips: dict[str, Clip]) -> dict[str, Any]:
    tag, text, judged = 0, 0, 0
    for a in asked:
        row = row_of(a.directive, clips[a.key], "camera_move")
        if row["ok"] is None:
            continue
        judged += 1
        tag += row["ok"]
        text += row["measured"] == [a.row]
    low, high = wilson(tag, judged)
    return {
        "asked": len(asked), "judged": judged, "tag_won": tag, "text_won": text,
        "share": round(tag / judged, 3) if judged else None, "interval": [round(low, 3), round(high, 3)],
    }  # fmt: skip


def score_swaps(asked: Sequence[Asked], clips: dict[str, Clip]) -> dict[str, Any]:
    followed: list[bool | None] = []
    stayed: list[bool | None] = []
    for before, after in zip(asked[::2], asked[1::2], strict=True):
        field = before.row.split("/")[0]
        rows = [{r["field"]: r for r in read_back(a.directive, clips[a.key])} for a in (before, after)]
        first, second = rows[0][field]["ok"], rows[1][field]["ok"]
        followed.append(None if None in (first, second) else first and second)
        for name in rows[0].keys() & rows[1].keys() - {field}:
            pair = rows[0][name]["measured"], rows[1][name]["measured"]
            stayed.append(None if None in pair else pair[0] == pair[1])
    return {"changed_field_follows": share(followed), "others_stay": share(stayed)}


def score_spans(asked: Sequence[Asked], clips: dict[str, Clip]) -> dict[str, Any]:
    from animatrix.caption import caption_shot
    from animatrix.caption.measure import shot_of
    from animatrix.media import scan_clip

    near, alone = [], []
    for a in asked:
        clip = clips[a.key]
        tags = caption_shot(shot_of(list(scan_clip(clip)), clip.fps), ["impact_frame"]).tags.get(
            "impact_frame"
        )
        if tags is None:
            near.append(None)
            continue
        starts = [tag.span[0] for tag in tags if tag.value != "none"]
        hits = [s for s in starts if abs(s - int(a.row)) <= 1]
        near.append(bool(hits))
        alone.append(len(starts) == len(hits))
    return {"within_one_frame": share(near), "none_elsewhere": share(alone)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", type=Path, default=Path("runs/adherence"))
    parser.add_argument("--split", default="report", choices=("tune", "report"))
    parser.add_argument("--fields", nargs="*", default=sorted(set(MEASURES) & set(RENDERABLE)))
    parser.add_argument("--tests", nargs="*", default=["fields", "contradiction", "swap", "spans"])
    parser.add_argument("--per-field", type=int, default=16)
    parser.add_argument("--count", type=int, default=24, help="of each of the other tests")
    parser.add_argument("--frames", type=int, default=25)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--tag-guidance", type=float)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--no-ceiling", action="store_true")
    parser.add_argument("--sheet", type=Path, help="PNG of the first 24 clips of the fields test")
    args = parser.parse_args()
    n, s = args.frames, args.split
    asked = {
        "fields": of_fields(args.fields, args.per_field, n, s),
        "contradiction": of_contradictions(args.count, n, s),
        "swap": of_swaps(args.count, n, s),
        "spans": of_spans(args.count, n, s),
    }
    asked = {name: rows for name, rows in asked.items() if name in args.tests}
    began = time.perf_counter()
    clips = made([a for rows in asked.values() for a in rows], args)
    seconds = time.perf_counter() - began
    scores = {
        "fields": lambda rows: score_fields(rows, clips, not args.no_ceiling),
        "contradiction": lambda rows: score_contradictions(rows, clips),
        "swap": lambda rows: score_swaps(rows, clips),
        "spans": lambda rows: score_spans(rows, clips),
    }
    found = {name: scores[name](rows) for name, rows in asked.items()}
    if args.sheet:
        shown = asked["fields"][:: max(1, len(asked["fields"]) // 24)][:24]
        contact_sheet([clips[a.key] for a in shown], args.sheet)
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != "fields"}
    print(json.dumps({"settings": settings, "seconds": round(seconds), **found}, indent=1))


if __name__ == "__main__":
    main()
