"""The run to look at: one HTML file with plots as SVG and clips to play; nothing is fetched."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from animatrix.errors import AniMatrixError
from animatrix.evaluate.bench.plots import dots
from animatrix.evaluate.bench.suite import load_suites
from animatrix.media import Clip, read_clip, write_video
from animatrix.media.door import written_whole


def write_report(
    path: Path,
    content: Mapping[str, Any],
    runs: Sequence[Path],
    clips: int,
    timing: Mapping[str, Any] | None,
) -> Path:
    """Write the report of a results document.

    Args:
        runs: folders whose caches hold clips of the document's systems; what is not there is not shown.
        clips: of each suite and system.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    pages = Environment(
        loader=PackageLoader("animatrix.evaluate.bench", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = [system["name"] for system in content["systems"]]
    suites = [_suite(name, content, runs, clips) for name in content["suites"]]
    html = pages.get_template("report.html").render(
        content=content,
        ranked=sorted(content["headline"], key=lambda row: -(row["value"] or 0)),
        headline=dots([(row["system"], row) for row in content["headline"]], True, names),
        names=names,
        suites=suites,
        foils=[n for n, m in content["metrics"].items() if m["foil"]],
        timing=timing,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        temporary.write_text(html, "utf-8")
    return path


def _suite(name: str, content: Mapping[str, Any], runs: Sequence[Path], clips: int) -> dict[str, Any]:
    """What the template shows of a suite."""
    systems = content["systems"]
    metrics = []
    for metric in dict.fromkeys(m for s in systems for m in s["summary"].get(name, {})):
        told = content["metrics"][metric]
        figures = [(s["name"], s["summary"].get(name, {}).get(metric)) for s in systems]
        rows = dict.fromkeys(r for _, f in figures if f for r in f.get("rows", {}))
        metrics.append(
            {
                "id": metric,
                **told,
                "figures": figures,
                "plot": dots([(n, f) for n, f in figures if f], told["unit"] in ("share", "0..1"),
                             [s["name"] for s in systems]),
                "rows": {row: [f["rows"].get(row) if f and "rows" in f else None for _, f in figures]
                         for row in rows},
                "primary": metric == content["suites"][name]["primary"],
            }
        )  # fmt: skip
    return {
        "id": name,
        **content["suites"][name],
        "metrics": metrics,
        "clips": _clips(name, content, runs, clips),
    }


def _clips(name: str, content: Mapping[str, Any], runs: Sequence[Path], count: int) -> list[dict[str, Any]]:
    """The first clips of a suite, a cell for each system."""
    suite = load_suites([name], content["language"])[0]
    judged = {unit for s in content["systems"] for m in s["scores"].get(name, {}).values() for unit in m}
    shown: list[dict[str, Any]] = []
    for item in suite.items:
        if len(shown) == count:
            break
        if item.id not in judged and item.group not in judged:
            continue
        cells = []
        for system in content["systems"]:
            film = _film(system["name"], item.id, runs)
            said = {
                metric: units.get(item.id, units.get(item.group))
                for metric, units in system["scores"].get(name, {}).items()
            }
            cells.append({"film": film and _playable(film), "said": {k: _said(v) for k, v in said.items()}})
        if any(cell["film"] for cell in cells):
            d = item.directive
            shown.append({"id": item.id, "told": d.narrative, "tags": d.tag_strings(), "cells": cells})
    return shown


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "skipped: " + value["skipped"]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(f"{n:.3g}" for n in value) if isinstance(value, list) else f"{value:.3g}"


def _film(system: str, item: str, runs: Sequence[Path]) -> Path | None:
    """The clip in the cache of a run. Systems of an earlier run are named with it in brackets."""
    for run in runs:
        try:
            named = json.loads((run / "clips.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        own = system.removesuffix(f" ({run})")
        key = named.get(own, {}).get(item)
        film = run / "cache" / "clips" / f"{key}.mkv"
        if key and film.exists():
            return film
    return None


def _playable(film: Path) -> str:
    """A clip as a data URI that browsers play, in VP9."""
    try:
        clip = read_clip(film)
        with tempfile.TemporaryDirectory() as folder:
            file = write_video(Clip(clip.frames, clip.fps), Path(folder) / "clip.webm")
            return "data:video/webm;base64," + base64.b64encode(file.read_bytes()).decode("ascii")
    except AniMatrixError:
        return ""
