"""``animatrix evaluate``: the benchmark, the human study, and reports of both."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.study.commands import study

evaluate_app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Measure clips against what was asked, and ask people.",
)
evaluate_app.add_typer(study, name="study")
BENCH_EXAMPLE = """\b
Example:
  animatrix evaluate bench --generator ours:nano --generator "ours:nano?tags=off" --items 4 --out runs/bench
  animatrix evaluate bench --generator folder:clips --suite swap_one --compare runs/bench
"""


@evaluate_app.command(epilog=BENCH_EXAMPLE)
def bench(
    generator: Annotated[
        list[str] | None,
        typer.Option(
            help="ours:MODEL[?tags=off|shuffled], diffusers:PATH, folder:PATH or studio; repeat for more."
        ),
    ] = None,
    suite: Annotated[list[str] | None, typer.Option(help="A suite; repeat for more (default: all).")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only these metrics; repeat for more.")] = None,
    items: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many items or pairs of each suite.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the narratives: en, ja or zh.")] = "en",
    processes: Annotated[
        int | None, typer.Option(min=1, help="Worker processes (default: cores). Results do not change.")
    ] = None,
    reward: Annotated[
        Path | None, typer.Option(help="Folder of a reward model (default: the shipped one, if any).")
    ] = None,
    compare: Annotated[
        list[Path] | None, typer.Option(help="Folder of an earlier run to set beside this one; repeat.")
    ] = None,
    clips: Annotated[int, typer.Option(min=0, help="Clips of each suite and system in the report.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder of the run; the same command goes on in it.")] = Path(
        "runs/bench"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as one JSON document.")] = False,
) -> None:
    """Make the clips of fixed directives and measure them: results.json and report.html in --out."""
    from animatrix.evaluate.bench.generators import KINDS
    from animatrix.evaluate.bench.metrics import metric_named
    from animatrix.evaluate.bench.results import (
        check_comparable,
        document,
        read_results,
        write_results,
    )
    from animatrix.evaluate.bench.runner import Plan, plain_line, run
    from animatrix.evaluate.bench.suite import load_suites

    if not generator:
        raise AniMatrixError(
            Code.BAD_OPTION, "no --generator is named", f"use {', '.join(KINDS)}, e.g. --generator ours:nano"
        )
    for name in metric or ():
        metric_named(name)
    suites = load_suites(suite, language)
    plan = Plan(
        specs=tuple(dict.fromkeys(generator)),
        suites=tuple(s.name for s in suites),
        items=items,
        language=language,
        metrics=tuple(metric or ()),
        cache=out / "cache",
        reward=reward,
    )
    earlier = {str(path): read_results(path) for path in compare or ()}
    found = run(plan, processes or os.cpu_count() or 1, plain_line)
    from animatrix.knowledge import Taxonomy

    version = Taxonomy.default().version
    content = document(suites, found["systems"], language, version)
    write_results(out / "results.json", content)
    write_results(out / "clips.json", found["clips"])
    write_results(out / "timing.json", found["timing"])
    shown = content
    if earlier:
        for name, other in earlier.items():
            check_comparable(content, other, name)
        systems = found["systems"] + [
            {"name": f"{s['name']} ({name})", "scores": s["scores"]}
            for name, other in earlier.items()
            for s in other["systems"]
        ]
        shown = document(suites, systems, language, version)
        write_results(out / "compared.json", shown)
    from animatrix.evaluate.bench.report import write_report

    write_report(out / "report.html", shown, [out, *(compare or ())], clips, found["timing"])
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))
        return
    _print(shown)
    print(out / "report.html")


@evaluate_app.command(epilog="Example: animatrix evaluate report runs/bench runs/other --out report.html")
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of benchmark runs.")],
    clips: Annotated[int, typer.Option(min=0, help="Clips of each suite and system.")] = 3,
    out: Annotated[Path, typer.Option(help="The report to write.")] = Path("report.html"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the comparison as one JSON document.")
    ] = False,
) -> None:
    """Set finished runs of the benchmark side by side, without making or measuring anything again."""
    from animatrix.evaluate.bench.report import write_report
    from animatrix.evaluate.bench.results import check_comparable, document, read_results
    from animatrix.evaluate.bench.suite import load_suites

    read = [read_results(path) for path in runs]
    for path, other in zip(runs[1:], read[1:], strict=True):
        check_comparable(read[0], other, str(path))
    named = len(runs) > 1
    systems = [
        {"name": f"{s['name']} ({path})" if named else s["name"], "scores": s["scores"]}
        for path, content in zip(runs, read, strict=True)
        for s in content["systems"]
    ]
    names = [name for name in read[0]["suites"] if all(name in other["suites"] for other in read)]
    language = read[0]["language"]
    shown = document(load_suites(names, language), systems, language, read[0]["taxonomy_version"])
    write_report(out, shown, runs, clips, None)
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))
        return
    _print(shown)
    print(out)


def _print(content: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    systems = [system["name"] for system in content["systems"]]
    table = Table("suite", "metric", *systems, title="95 % intervals; units judged", title_justify="left")

    def cell(one: dict | None) -> str:
        if one is None or one["value"] is None:
            return "-"
        span = "" if one["low"] is None else f"{one['low']:.2f} to {one['high']:.2f}; "
        return f"{one['value']:.2f} ({span}{one['count']})"

    for suite in content["suites"]:
        names = dict.fromkeys(n for s in content["systems"] for n in s["summary"].get(suite, {}))
        for name in names:
            cells = [cell(s["summary"].get(suite, {}).get(name)) for s in content["systems"]]
            table.add_row(suite, name, *cells)
    console.print(table)
    ranked = sorted(content["headline"], key=lambda row: -(row["value"] or 0))
    for place, row in enumerate(ranked, 1):
        if row["value"] is not None:
            span = "" if row["low"] is None else f" ({row['low']:.3f} to {row['high']:.3f})"
            console.print(f"{place}. {row['system']} {row['value']:.3f}{span}", highlight=False)
