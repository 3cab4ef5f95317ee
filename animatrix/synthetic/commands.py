"""``animatrix synth``: render one directive, or write part of the corpus to disk."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from animatrix.errors import AniMatrixError, Code

synth_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Draw synthetic cel animation with exact ground truth.",
)

Size = Annotated[str, typer.Option("--size", help="Width x height in pixels.")]
Severity = Annotated[
    float, typer.Option("--severity", help="0 to 1; 0.5 is as large as the deformation asked for.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def parse_size(text: str) -> tuple[int, int]:
    """``160x96`` -> (160, 96). Raises AniMatrixError(BAD_OPTION)."""
    found = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
    if not found:
        raise AniMatrixError(Code.BAD_OPTION, f"--size {text!r} is not WIDTHxHEIGHT", "for example 160x96")
    return int(found[1]), int(found[2])


@synth_app.command(
    epilog="Example: animatrix synth render --directive shot.yaml --seed 7 --out clip.mp4 --truth truth.json"
)
def render(
    directive: Annotated[Path, typer.Option("--directive", help="Directive file, YAML or JSON.")],
    out: Annotated[Path, typer.Option("--out", help="Video to write.")],
    truth: Annotated[Path, typer.Option("--truth", help="Ground truth to write, JSON.")],
    seed: Annotated[int, typer.Option("--seed", help="Decides everything the directive leaves open.")] = 0,
    size: Size = "160x96",
    failure: Annotated[
        str | None, typer.Option("--failure", help="Let this go wrong, for example melt.")
    ] = None,
    severity: Severity = 0.5,
    as_json: AsJson = False,
) -> None:
    """Render one directive to a clip and its ground truth: both files or neither."""
    from animatrix.knowledge import Directive
    from animatrix.media.door import written_whole
    from animatrix.media.write import write_video
    from animatrix.synthetic import render as draw

    if out.absolute() == truth.absolute():
        raise AniMatrixError(Code.BAD_OPTION, f"--out and --truth are the same file: {out}")
    asked, shape = Directive.from_file(directive), parse_size(size)
    if failure is None:
        clip, known = draw(asked, seed, shape)
    else:
        from animatrix.synthetic.triplet import render_triplet

        wrong = render_triplet(asked, seed, failure, severity, shape).collapsed
        clip, known = wrong.clip, wrong.truth
    with written_whole(truth) as temporary:
        temporary.write_text(known.to_json(), encoding="utf-8")
        write_video(clip, out)
    report = {
        "clip": str(out),
        "truth": str(truth),
        "frames": len(clip),
        "fps": clip.fps,
        "size": list(clip.size),
        "seed": seed,
        "failure": known.failure_label,
    }
    typer.echo(
        json.dumps(report)
        if as_json
        else f"{out} and {truth}: {len(clip)} frames of {clip.size[0]}x{clip.size[1]}"
    )


@synth_app.command(epilog="Example: animatrix synth corpus --count 16 --seed 0 --out samples")
def corpus(
    count: Annotated[int, typer.Option("--count", min=1, help="How many shots.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made when missing.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Corpus seed.")] = 0,
    split: Annotated[str, typer.Option("--split", help="train, tune or report.")] = "train",
    world: Annotated[
        str, typer.Option("--world", help="everyday, or wide: every drawable value.")
    ] = "everyday",
    size: Size = "160x96",
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames a shot.")] = 33,
    as_json: AsJson = False,
) -> None:
    """Write items 0 .. count-1 of a corpus: NNNNN.mp4 with NNNNN.truth.json, and index.jsonl."""
    from animatrix.media.door import written_whole
    from animatrix.media.write import write_video
    from animatrix.synthetic import Corpus

    shots = Corpus(seed, split, parse_size(size), frames, world=world)
    if out.exists() and not out.is_dir():
        raise AniMatrixError(Code.NOT_WRITABLE, f"{out} is not a folder")
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(count):
        sample = shots[i]
        with written_whole(out / f"{i:05d}.truth.json") as temporary:
            temporary.write_text(sample.truth.to_json(), encoding="utf-8")
            write_video(sample.clip, out / f"{i:05d}.mp4")
        rows.append(
            {
                "index": i,
                "clip": f"{i:05d}.mp4",
                "narrative": sample.directive.narrative,
                "place": sample.scene.place,
            }
        )
    with written_whole(out / "index.jsonl") as temporary:
        temporary.write_text(
            "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8"
        )
    report = {"out": str(out), "count": count, "seed": seed, "split": split}
    typer.echo(json.dumps(report) if as_json else f"{count} shots in {out}")


@synth_app.command(epilog="Example: animatrix synth coverage --json")
def coverage(as_json: AsJson = False) -> None:
    """Say which values of the taxonomy can be drawn, field by field."""
    from dataclasses import asdict

    from animatrix.synthetic.coverage import coverage as measure
    from animatrix.synthetic.coverage import totals

    rows = measure()
    total = totals(rows)
    if as_json:
        typer.echo(json.dumps({"fields": [asdict(r) for r in rows], "total": total}))
        return
    for r in rows:
        typer.echo(f"{r.field} ({r.measurement}): {len(r.drawn)} of {len(r.drawn) + len(r.missing)}")
        if r.missing:
            typer.echo(f"    not drawn: {', '.join(r.missing)}")
    typer.echo(
        f"{total['drawn']} of {total['values']} values are drawn; "
        f"{total['pixel_drawn']} of {total['pixel_values']} in fields measured from pixels"
    )


@synth_app.command(epilog="Example: animatrix synth gallery --out docs/gallery --field camera_move")
def gallery(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made when missing.")],
    field: Annotated[str | None, typer.Option("--field", help="Only this sheet; 'wall' is the wall.")] = None,
    size: Size = "320x192",
    quality: Annotated[int, typer.Option("--quality", min=1, max=100, help="JPEG quality.")] = 74,
    fresh: Annotated[bool, typer.Option("--fresh", help="Draw sheets again that are there already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw contact sheets: every drawn value of every field, and a wall of random shots."""
    from animatrix.synthetic.gallery import write_gallery

    written = []
    for path in write_gallery(out, field, parse_size(size), quality, fresh):
        written.append(path.name)
        if not as_json:
            typer.echo(f"{path}: {path.stat().st_size // 1024} KiB")
    if as_json:
        typer.echo(json.dumps({"out": str(out), "written": written}))


@synth_app.command(
    epilog="Example: animatrix synth triplet --directive shot.yaml --failure melt --seed 7 --out triplet"
)
def triplet(
    directive: Annotated[Path, typer.Option("--directive", help="Directive file, YAML or JSON.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made when missing.")],
    seed: Annotated[int, typer.Option("--seed", help="Decides everything the directive leaves open.")] = 0,
    failure: Annotated[str, typer.Option("--failure", help="What goes wrong in the third take.")] = "melt",
    severity: Severity = 0.5,
    size: Size = "160x96",
    as_json: AsJson = False,
) -> None:
    """Write one shot as intended, flat and collapsed: int, flat and col, each .mp4 and .truth.json."""
    from animatrix.knowledge import Directive
    from animatrix.media.door import written_whole
    from animatrix.media.write import write_video
    from animatrix.synthetic.triplet import render_triplet

    takes = render_triplet(Directive.from_file(directive), seed, failure, severity, parse_size(size))
    if out.exists() and not out.is_dir():
        raise AniMatrixError(Code.NOT_WRITABLE, f"{out} is not a folder")
    out.mkdir(parents=True, exist_ok=True)
    for name, (clip, known) in zip(("int", "flat", "col"), takes, strict=True):
        with written_whole(out / f"{name}.truth.json") as temporary:
            temporary.write_text(known.to_json(), encoding="utf-8")
            write_video(clip, out / f"{name}.mp4")
    report = {
        "out": str(out),
        "seed": seed,
        "failure": takes.failure,
        "severity": takes.severity,
        "strength": round(takes.strength, 4),
        "reach": round(takes.reach, 4),
    }
    doc = report | {"directive": json.loads(takes.directive.canonical_json())}
    with written_whole(out / "triplet.json") as temporary:
        temporary.write_text(json.dumps(doc, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    typer.echo(json.dumps(report) if as_json else f"int, flat and col ({takes.failure}) in {out}")
