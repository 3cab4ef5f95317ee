"""``animatrix generate``: a narrative and tags in, a clip and its report out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from animatrix.errors import AniMatrixError, Code
from animatrix.synthetic.commands import parse_size

EXAMPLE = """\b
Example:
  animatrix generate "A young woman in a pink dress waves a hand in a snowfield by day." \\
    --tag camera_move=pan_left --tag drawing_cadence=twos --tag impact_frame=white_frame@14-15 --out clip.mp4
"""
SUFFIXES = (".mp4", ".mkv", ".mov", ".webm")


def _keyframe(text: str) -> tuple[int, Path]:
    index, eq, path = text.partition("=")
    if not (eq and index.isdecimal() and path):
        raise AniMatrixError(
            Code.BAD_OPTION, f"--keyframe {text!r} is not INDEX=IMAGE", "for example --keyframe 0=first.png"
        )
    return int(index), Path(path)


def _range(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise AniMatrixError(
            Code.BAD_OPTION, f"--{name} {value:g} is out of range", f"use {low:g} to {high:g}"
        )


def _directive(narrative: str, tags: list[str], file: Path | None, frames: int | None) -> Any:
    """The directive asked for: the file's, with narrative, tags and length of the command line on top."""
    from animatrix.knowledge import Directive

    if file is None and not narrative.strip() and not tags:
        raise AniMatrixError(
            Code.BAD_DIRECTIVE,
            "nothing was asked for",
            'give a narrative, --tag or --directive, e.g. animatrix generate "A girl waves."',
        )
    content: dict[str, Any] = {"narrative": "", "tags": {}, "frames": 33, "fps": 24}
    if file is not None:
        content = json.loads(Directive.from_file(file).canonical_json())
    if narrative:
        content["narrative"] = narrative
    if frames is not None:
        content["frames"] = frames
    asked: dict[str, list[dict[str, Any]]] = {}
    for text in tags:
        for name, parsed in Directive.parse_tag(text).items():
            asked.setdefault(name, []).extend({"value": t.value, "span": t.span} for t in parsed)
    content["tags"] |= asked
    return Directive.model_validate(content)


def generate(
    narrative: Annotated[str, typer.Argument(help="What happens, in a sentence or two.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="field=value[@first-last]; repeat for more.")] = None,
    directive: Annotated[
        Path | None, typer.Option(help="A directive file (YAML or JSON); a list of them makes a clip each.")
    ] = None,
    model: Annotated[str, typer.Option(help="'nano', the path of a saved pipeline, or a hub id.")] = "nano",
    seed: Annotated[int, typer.Option(help="Same directive and seed, same bytes.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps (default: the model's own).")] = None,
    guidance: Annotated[
        float | None, typer.Option(help="How strongly the narrative is followed (default: the model's own).")
    ] = None,
    tag_guidance: Annotated[
        float | None, typer.Option(help="How strongly the tags are followed (default: as --guidance).")
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Length in frames, 4n+1 (default 33).")] = None,
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT in pixels (default: the model's own).")
    ] = None,
    keyframe: Annotated[
        list[str] | None,
        typer.Option(help="INDEX=IMAGE: a given picture at an exact frame; repeat for more."),
    ] = None,
    negative: Annotated[str, typer.Option(help="What the clip should not show.")] = "",
    sigmas: Annotated[
        str, typer.Option(help="Noise levels of the steps, e.g. 1,0.75,0.5,0.25, instead of --steps.")
    ] = "",
    scheduler: Annotated[str, typer.Option(help="own (the model's), euler or unipc.")] = "own",
    flow_shift: Annotated[float | None, typer.Option(help="Shift of the scheduler towards noise.")] = None,
    lora: Annotated[list[str] | None, typer.Option(help="An adapter to load; repeat for more.")] = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    offload: Annotated[str, typer.Option(help="none, model or group: less GPU memory, slower.")] = "none",
    batch_guidance: Annotated[bool, typer.Option(help="Run the passes of a step as one batch.")] = False,
    lossless: Annotated[bool, typer.Option(help="FFV1, every value kept (.mkv).")] = False,
    candidates: Annotated[
        int, typer.Option(help="Make so many clips, of the seeds from --seed on; needs --pick.")
    ] = 1,
    pick: Annotated[str, typer.Option(help="reward: keep the candidate that the reward likes best.")] = "",
    out: Annotated[
        Path,
        typer.Option(help="The clip to write, or a folder name for PNGs; its report is written beside it."),
    ] = Path("clip.mp4"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON document.")] = False,
) -> None:
    """Make an anime clip from a narrative and tags, and read it back: asked against measured."""
    if out.suffix and out.suffix.lower() not in SUFFIXES:
        raise AniMatrixError(
            Code.UNSUPPORTED_OUTPUT,
            f"--out {out} is not a video file name",
            f"end it in {', '.join(SUFFIXES)}, or in nothing for a folder of PNGs",
        )
    if lossless and out.suffix.lower() != ".mkv":
        raise AniMatrixError(
            Code.UNSUPPORTED_OUTPUT, f"--lossless cannot be written as {out.name}", "use .mkv"
        )
    if not out.absolute().parent.is_dir():
        raise AniMatrixError(Code.NOT_WRITABLE, f"folder {out.parent} does not exist", "create it first")
    if out.is_dir():
        raise AniMatrixError(Code.NOT_WRITABLE, f"--out {out} is a folder", "name a file, or a new folder")
    _range("steps", steps, 1, 200)
    _range("guidance", guidance, 0, 30)
    _range("tag-guidance", tag_guidance, 0, 30)
    _range("flow-shift", flow_shift, 0.01, 100)
    _range("seed", seed, 0, 2**63 - 1)
    _range("candidates", candidates, 1, 64)
    judge = _judge(candidates, pick)
    listed = _listed(directive)
    if listed is not None and (narrative or tag or frames is not None):
        raise AniMatrixError(
            Code.BAD_OPTION,
            f"{directive} is a list of directives",
            "leave out the narrative, --tag and --frames",
        )
    asked = listed or [_directive(narrative, tag or [], directive, frames)]

    from animatrix.generate.run import Engine, Request, load, model_path
    from animatrix.generate.run import generate as make

    model_path(model)
    engine = Engine(dtype, offload, tuple(lora or ()), scheduler, flow_shift)
    requests = [
        Request(
            directive=one,
            model=model,
            seed=seed + number * candidates,
            steps=steps,
            guidance=guidance,
            tag_guidance=tag_guidance,
            size=None if size is None else parse_size(size),
            keyframes=dict(_keyframe(k) for k in keyframe or []),
            negative_prompt=negative,
            sigmas=_sigmas(sigmas),
            batch_guidance=batch_guidance,
        )
        for number, one in enumerate(asked)
    ]
    longest = max(requests, key=lambda request: request.directive.frames)
    pipe = load(model, engine, longest) if len(requests) > 1 else None
    results = []
    for number, request in enumerate(requests):
        place = out if len(requests) == 1 else out.with_name(f"{out.stem}-{number:03d}{out.suffix}")
        bar = _bar if sys.stderr.isatty() else None
        results.append(
            make(
                request,
                place,
                on_step=bar,
                pipe=pipe,
                engine=engine,
                lossless=lossless,
                candidates=candidates,
                judge=judge,
            )
        )
        if not as_json:
            _print(results[-1])
    if as_json:
        typer.echo(json.dumps(results[0] if len(results) == 1 else results, ensure_ascii=False))


def _judge(candidates: int, pick: str) -> Any:
    """What the reward thinks of a clip, as a function; None where nothing is to be picked.

    Raises:
        AniMatrixError: BAD_OPTION; MODEL_MISSING before anything is made.
    """
    if pick and pick != "reward":
        raise AniMatrixError(Code.BAD_OPTION, f"--pick {pick!r} is not known", "use --pick reward")
    if not pick:
        if candidates > 1:
            raise AniMatrixError(
                Code.BAD_OPTION, "--candidates needs a way to choose among them", "add --pick reward"
            )
        return None
    from animatrix.prefer.judging import load_judge
    from animatrix.prefer.samples import reward_of

    judge = load_judge()

    def judged(clip: Any, directive: Any) -> dict[str, Any]:
        verdict = judge.score(clip, directive)
        return {"score": round(reward_of(verdict), 4), **verdict.to_json()}

    return judged


def _listed(file: Path | None) -> list[Any] | None:
    """The directives of a file that holds a list of them, else None."""
    from animatrix.knowledge import Directive
    from animatrix.knowledge.documents import read_document

    if file is None:
        return None
    content = read_document(file, "directive")
    if not isinstance(content, list):
        return None
    if not content:
        raise AniMatrixError(Code.BAD_DIRECTIVE, f"{file}: the list of directives is empty")
    found = []
    for number, item in enumerate(content):
        try:
            found.append(Directive.model_validate(item))
        except AniMatrixError as error:
            message = f"{file}, directive {number}: {error.message}"
            raise AniMatrixError(error.code, message, error.hint) from None
    return found


def _sigmas(text: str) -> tuple[float, ...] | None:
    if not text:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise AniMatrixError(
            Code.BAD_OPTION, f"--sigmas {text!r} is not a list of numbers", "for example 1,0.75,0.5,0.25"
        ) from None


def _bar(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    print(f"\rdenoising {done}/{total}", end=end, file=sys.stderr, flush=True)


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("field", "asked", "measured", "confidence", "", title="asked against measured")
    marks = {True: "[green]as asked", False: "[red]differs", None: "[dim]not judged"}
    for row in result["report"]:
        table.add_row(
            row["field"],
            " + ".join(row["asked"]),
            " + ".join(row["measured"] or ["-"]),
            "-" if row["confidence"] is None else f"{row['confidence']:.2f}",
            marks[row["ok"]],
        )
    console = Console()
    if result["report"]:
        console.print(table)
    spent = ", ".join(f"{k} {v:.1f} s" for k, v in result["seconds"].items())
    console.print(f"[dim]{spent}", highlight=False)
    # The path comes last and alone on its line: scripts and people look for it there.
    print(result["clip"])
