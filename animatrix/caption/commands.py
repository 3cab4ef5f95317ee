"""``animatrix caption``: read production variables from video files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLE = "Example: animatrix caption shot.mp4 --json"


def caption(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Video files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    field: Annotated[list[str] | None, typer.Option(help="Measure only this field; may be repeated.")] = None,
) -> None:
    """Read camera moves, drawing cadence and other production variables from video files."""
    import cv2

    from animatrix.caption.shots import caption as read_shots
    from animatrix.knowledge import Taxonomy

    cv2.setNumThreads(1)  # frames are small: more threads cost more than they give
    version = Taxonomy.default().version
    documents: list[dict[str, Any]] = []
    for index, video in enumerate(videos, 1):
        if len(videos) > 1:
            print(f"[{index}/{len(videos)}] {video}", file=sys.stderr)
        shots = read_shots(video, field or None)
        documents.append({"video": str(video), "taxonomy_version": version, "shots": shots})
    if as_json:
        plain = [{**d, "shots": [shot.to_json() for shot in d["shots"]]} for d in documents]
        print(json.dumps(plain[0] if len(plain) == 1 else plain, ensure_ascii=False))
        return
    _print_tables(documents)


def _print_tables(documents: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for document in documents:
        for shot in document["shots"]:
            length = f"{shot.start:.2f}-{shot.end:.2f} s, {shot.frames} frames, {shot.fps:g} fps"
            title = f"{document['video']}  {length}"
            table = Table(
                "field", "value", "sure", "frames at 24 fps", "evidence", title=title, title_justify="left"
            )
            for name, tags in shot.tags.items():
                for tag in tags:
                    shown = ", ".join(f"{k} {v}" for k, v in tag.evidence.items() if not isinstance(v, list))
                    span = f"{tag.span[0]}-{tag.span[1]}"
                    table.add_row(name, tag.value, f"{tag.confidence:.2f}", span, shown)
            for name in shot.abstained:
                table.add_row(name, "-", "", "", f"abstained: {shot.reasons.get(name, '')}")
            console.print(table)
            console.print(shot.narrative)
