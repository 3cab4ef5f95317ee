"""``animatrix caption``: read production variables from video files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from animatrix.caption import ShotCaption
    from animatrix.caption.shots import Captioner

EXAMPLE = "Example: animatrix caption cut_012.mp4 --report cut_012.html --xdts cut_012.xdts"


def caption(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Video files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    field: Annotated[list[str] | None, typer.Option(help="Read only this field; may be repeated.")] = None,
    narrator: Annotated[
        str, typer.Option(help="Who writes the narrative: none, transformers:ID or openai:URL#MODEL.")
    ] = "none",
    report: Annotated[Path | None, typer.Option(help="Write a page to look at (one video).")] = None,
    xdts: Annotated[
        Path | None, typer.Option(help="Write a timesheet, a table per shot (one video).")
    ] = None,
) -> None:
    """Read camera moves, drawing cadence and other production variables from video files."""
    import cv2

    from animatrix.caption.shots import Captioner
    from animatrix.errors import AniMatrixError, Code
    from animatrix.knowledge import Taxonomy

    for option, target in (("--report", report), ("--xdts", xdts)):
        if target is not None and len(videos) > 1:
            raise AniMatrixError(Code.BAD_OPTION, f"{option} takes one video, not {len(videos)}")
        if target is not None and not target.absolute().parent.is_dir():
            raise AniMatrixError(Code.NOT_WRITABLE, f"no such folder: {target.absolute().parent}")
    cv2.setNumThreads(1)  # frames are small: more threads cost more than they give
    captioner = Captioner(field or None, narrator)
    version = Taxonomy.default().version
    documents: list[dict[str, Any]] = []
    for index, video in enumerate(videos, 1):
        if len(videos) > 1:
            print(f"[{index}/{len(videos)}] {video}", file=sys.stderr)
        shots, faults = _read(video, captioner, report, xdts)
        documents.append({"video": str(video), "taxonomy_version": version, "shots": shots, "faults": faults})
        for fault in faults:
            print(f"{fault['severity']}: {video} is {fault['message']}", file=sys.stderr)
    if as_json:
        plain = [{**d, "shots": [shot.to_json() for shot in d["shots"]]} for d in documents]
        print(json.dumps(plain[0] if len(plain) == 1 else plain, ensure_ascii=False))
        return
    _print_tables(documents)


def _read(
    video: Path, captioner: Captioner, report: Path | None, xdts: Path | None
) -> tuple[list[ShotCaption], list[dict[str, Any]]]:
    """The shots of one video, and what was wrong with it; and the files that show them."""
    from animatrix.caption.page import ReportPage
    from animatrix.caption.reading import read_shots
    from animatrix.caption.timesheet import timesheet
    from animatrix.knowledge.xdts import write_xdts

    page = ReportPage(str(video)) if report else None
    sheets = {}
    shots = []
    film = read_shots(video, strict=False)
    for number, shot in enumerate(film, 1):
        found = captioner.read(shot)
        shots.append(found)
        if page:
            page.add(shot, found)
        if xdts:
            sheets[f"{number:03d}"] = timesheet(shot, found)
    if page and report:
        page.write(report)
        print(report, file=sys.stderr)
    if xdts:
        write_xdts(sheets, xdts)
        print(xdts, file=sys.stderr)
    return shots, [fault.to_json() for fault in film.report.faults]


def _print_tables(documents: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for document in documents:
        for shot in document["shots"]:
            length = f"{shot.start:.2f}-{shot.end:.2f} s, {shot.frames} frames, {shot.fps:g} fps"
            title = f"{document['video']}  {length}"
            table = Table(
                "field", "value", "sure", "frames at 24 fps", "from", title=title, title_justify="left"
            )
            for name, tags in shot.tags.items():
                for tag in tags:
                    span = f"{tag.span[0]}-{tag.span[1]}"
                    table.add_row(name, tag.value, f"{tag.confidence:.2f}", span, tag.source)
            console.print(table)
            console.print(shot.narrative)
            if shot.abstained:
                console.print(f"[dim]nothing said about {len(shot.abstained)} fields; --json tells why[/dim]")
