"""``animatrix curate`` and ``animatrix dataset``: footage to a dataset, and what is in one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLE = "Example: animatrix curate episodes/ --out dataset --workers 4"

dataset_app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Look into curated datasets."
)


@dataclass(frozen=True)
class AniCaption:
    """The captioner as curation's reader. The only place of ``corpus`` that knows it: the verb puts the two
    together, curation itself takes any reader."""

    narrator: str = "none"

    def read(self, path: Path) -> Iterator[Any]:
        """Tolerant: damage costs the shots it lies in. Repeats of a pulldown stay: clips are cut by frame."""
        from animatrix.caption import read_shots

        return read_shots(path, strict=False, even=False)

    def describe(self, shot: Any) -> dict[str, Any]:
        return _captioner(self.narrator).read(shot).to_json()

    @property
    def version(self) -> str:
        """Of everything that decides a caption: the package's release, its captioning code, its taxonomy and
        the narrator. Changed code reads again; nobody has to remember a number."""
        import hashlib
        from importlib.metadata import version

        import animatrix

        root = Path(animatrix.__file__).parent
        said = hashlib.sha256(self.narrator.encode())
        parts = [root / "caption", root / "knowledge", root / "media", root.parent / "weights" / "recogniser"]
        for path in sorted(path for part in parts for path in part.rglob("*")):
            if path.suffix in (".py", ".yaml", ".json", ".safetensors"):
                said.update(path.relative_to(root.parent).as_posix().encode() + path.read_bytes())
        return f"anicaption-{version('animatrix')}-{said.hexdigest()[:12]}"


@lru_cache(maxsize=1)
def _captioner(narrator: str) -> Any:
    from animatrix.caption.shots import Captioner

    return Captioner(tell=narrator)


def curate(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder of videos.")],
    out: Annotated[Path, typer.Option("--out", help="Dataset to make or bring up to date.")],
    engine: Annotated[str, typer.Option("--engine", help="local or ray.")] = "local",
    workers: Annotated[int, typer.Option("--workers", help="Processes; 0: one a core.")] = 0,
    narrator: Annotated[
        str, typer.Option("--narrator", help="none, transformers:ID or openai:URL#MODEL.")
    ] = "none",
    threshold: Annotated[
        list[str] | None, typer.Option("--set", help="A threshold, as least_seconds=1; may be repeated.")
    ] = None,
    memory: Annotated[float, typer.Option("--memory", help="Most memory of a worker in GB.")] = 6.0,
    stall: Annotated[float, typer.Option("--stall", help="Seconds a worker may make no progress.")] = 900.0,
    retry: Annotated[bool, typer.Option("--retry", help="Read quarantined files again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Turn a folder of videos into captioned shots: a Parquet manifest, clips, each refusal with its reason.

    Stop it whenever you like; the same command goes on where it was."""
    import os

    from animatrix.corpus.curation import curate as run
    from animatrix.corpus.progress import Progress
    from animatrix.corpus.settings import Limits, Settings
    from animatrix.corpus.shot import Reader

    if not (memory > 0 and stall > 0):
        raise _bad_option("--memory and --stall are positive numbers")
    if workers < 0:
        raise _bad_option(f"--workers {workers} is less than 0")
    settings = Settings(
        thresholds=_thresholds(threshold or []),
        limits=Limits(stall_seconds=stall, memory=int(memory * (1 << 30))),
    )
    captioner = AniCaption(narrator)
    if not narrator.startswith("transformers:"):  # which would load the model here as well
        _captioner(narrator)  # a spec that cannot be read is said now, before any work
    reader = Reader(captioner.read, captioner.describe, captioner.version)
    count = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or 1
    done = run(source, out, reader, settings, engine, count, retry, Progress())
    document = {"dataset": str(out)} | done.to_json()
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    refused = ", ".join(f"{n} {reason}" for reason, n in done.refused.items()) or "nothing"
    if not done.changed:
        print(f"{out} is up to date: nothing to do", file=sys.stderr)
    print(f"{done.files} files: {done.kept} clips, {done.seconds:.1f} s kept; refused: {refused}")


def _thresholds(written: list[str]) -> Any:
    from animatrix.corpus.settings import Thresholds
    from animatrix.errors import did_you_mean

    known: dict[str, Any] = {f.name: type(f.default) for f in fields(Thresholds)}
    chosen: dict[str, Any] = {}
    for text in written:
        name, _, value = text.partition("=")
        if name not in known:
            raise _bad_option(
                f"--set: unknown threshold {name!r}",
                did_you_mean(name, known) or f"thresholds: {', '.join(known)}",
            )
        try:
            chosen[name] = known[name](value)
        except ValueError:
            kind = "whole number" if known[name] is int else "number"
            raise _bad_option(f"--set {name}: {value!r} is not a {kind}") from None
        if not 0 <= chosen[name] < float("inf"):
            raise _bad_option(f"--set {name}: {value} is out of range", "give a number of at least 0")
    if chosen.get("clip_side", 16) < 16:
        raise _bad_option("--set clip_side: a clip's longer side has at least 16 pixels")
    return Thresholds(**chosen)


def _bad_option(message: str, hint: str = "") -> Exception:
    from animatrix.errors import AniMatrixError, Code

    return AniMatrixError(Code.BAD_OPTION, message, hint)


@dataset_app.callback()
def _dataset() -> None:
    """Look into curated datasets."""


@dataset_app.command("show", epilog="Example: animatrix dataset show dataset --json")
def show(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder that `curate` made.")],
    few: Annotated[int, typer.Option("--few", help="A value with fewer clips is a gap.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Count clips per value, refusals by reason, and what the dataset lacks on each axis."""
    from animatrix.corpus.show import describe_dataset

    document = describe_dataset(dataset, few)
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        _print(document)


def _print(document: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    minutes, size = document["seconds"] / 60, document["bytes"] / 1e6
    console.print(
        f"{document['dataset']}: {document['clips']} clips of {document['files']} files, "
        f"{minutes:.1f} minutes, {size:.1f} MB",
        markup=False,
    )
    refused = Table("refused", "count", "seconds")
    for reason, found in document["refused"].items():
        refused.add_row(reason, str(found["count"]), f"{found['seconds']:.1f}")
    axes = Table("axis", "clips with a tag", "share", "evenness", "values without a clip", "with few")
    for axis, found in document["axes"].items():
        axes.add_row(
            axis,
            str(found["clips"]),
            f"{found['share']:.2f}",
            f"{found['evenness']:.2f}",
            str(len(found["none"])),
            str(len(found["few"])),
        )
    values = Table("field", "values (clips)", "abstained")
    for field, counts in document["values"].items():
        shown = ", ".join(f"{value} {n}" for value, n in sorted(counts.items(), key=lambda v: (-v[1], v[0])))
        values.add_row(field, shown, str(document["abstained"].get(field, 0)))
    for table in (refused, axes, values):
        if table.row_count:
            console.print(table)
