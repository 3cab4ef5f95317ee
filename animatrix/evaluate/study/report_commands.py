"""``animatrix evaluate study report`` and ``power``: figures of the votes, and how many a study needs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from animatrix.errors import AniMatrixError, Code, did_you_mean

REPORT_EXAMPLE = "Example: animatrix evaluate study report study --out report.html --csv report.csv"
POWER_EXAMPLE = (
    "Example: animatrix evaluate study power --effect 0.6 --ties 0.3 --per-rater 30 --design-effect 2"
)
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _one_of(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        hint = did_you_mean(given, known) or f"choose one of {', '.join(known)}"
        raise AniMatrixError(Code.BAD_OPTION, f"--{option} {given}", hint)


def report(
    source: Annotated[
        Path, typer.Argument(metavar="STUDY", help="A study, the folder of its export, or its JSONL.")
    ],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("study.html"),
    csv: Annotated[Path | None, typer.Option(help="A table of the comparisons as well.")] = None,
    ties: Annotated[str, typer.Option(help="Model of ties: davidson or rao_kupper.")] = "davidson",
    interval: Annotated[str, typer.Option(help="studentised, percentile or bca.")] = "studentised",
    resamples: Annotated[int, typer.Option(min=99, max=100_000, help="Of raters and prompts.")] = 1999,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    as_json: _Json = False,
    database: Annotated[
        str | None,
        typer.Option(
            envvar="ANIMATRIX_STUDY_DATABASE", help="postgresql://... instead of the folder's own file."
        ),
    ] = None,
) -> None:
    """Figures of a study's votes, with intervals over raters and prompts, and what may be claimed."""
    _one_of("ties", ties, ("davidson", "rao_kupper"))
    _one_of("interval", interval, ("studentised", "percentile", "bca"))
    import torch

    from animatrix.evaluate.study.analysis import Settings, analyse
    from animatrix.evaluate.study.report import as_csv, summary, votes_of, write_report
    from animatrix.media.door import written_whole

    torch.set_num_threads(1)  # small arrays: threads would only wait for each other
    read = votes_of(source, database)
    for line in read.refused:
        print(f"line {line.line} is no vote: {line.reason}", file=sys.stderr)
    settings = Settings(ties, interval, resamples, seed)  # type: ignore[arg-type]
    found = analyse(read.votes, read.rules, settings)
    found["screening"]["stated"] = read.stated
    found["refused"] = [asdict(line) for line in read.refused]
    write_report(out, found)
    if csv is not None:
        with written_whole(csv) as temporary:
            temporary.write_text(as_csv(found), "utf-8")
    if as_json:
        print(json.dumps(found, ensure_ascii=False, allow_nan=False))
        return
    from rich.console import Console
    from rich.table import Table

    counts, console = found["counts"], Console()
    columns = ("dimension", "first", "second", "difference", "percent", "95 %", "p (Holm)", "alpha", "claim")
    table = Table(*columns, title=found["scale"], title_justify="left")
    for row in summary(found):
        table.add_row(*row)
    console.print(table)
    excluded = [v for v in found["screening"]["raters"] if v["excluded"]]
    for v in excluded:
        why = "; ".join(f"{rule}: {said}" for rule, said in v["broken"].items())
        console.print(f"excluded {v['rater']}: {why}", highlight=False, markup=False)
    print(
        f"{counts['counted']} votes of {counts['raters_counted']} raters on {counts['prompts']} prompts; "
        f"{len(excluded)} of {counts['raters']} raters excluded"
    )
    print(out)


def power(
    effect: Annotated[
        float, typer.Option(help="Share of decisive votes for the better system, over 0.5.")
    ] = 0.6,
    power: Annotated[float, typer.Option(help="How surely it is to be found.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="Of the two-sided test.")] = 0.05,
    design_effect: Annotated[
        float | None, typer.Option(help="Of shared raters and prompts; the report of a pilot states it.")
    ] = None,
    rater_correlation: Annotated[float, typer.Option(help="Of two votes of one rater.")] = 0.0,
    prompt_correlation: Annotated[float, typer.Option(help="Of two votes on one prompt.")] = 0.0,
    per_prompt: Annotated[float, typer.Option(help="Votes on each prompt, with --prompt-correlation.")] = 1.0,
    ties: Annotated[float, typer.Option(help="Share of votes that are ties or both bad.")] = 0.0,
    per_rater: Annotated[int, typer.Option(help="Votes of each rater on the pair of systems.")] = 30,
    tests: Annotated[int, typer.Option(help="Dimensions x pairs of systems; Holm's first step.")] = 1,
    as_json: _Json = False,
) -> None:
    """How many votes and raters it takes to find a preference between two systems."""
    from animatrix.evaluate.statistics.power import crossed_design_effect, need

    given = (rater_correlation, prompt_correlation)
    if design_effect is not None and any(given):
        raise AniMatrixError(
            Code.BAD_OPTION, "both --design-effect and correlations", "correlations make up the design effect"
        )
    for name, value in zip(("rater-correlation", "prompt-correlation"), given, strict=True):
        if not 0 <= value <= 1:
            raise AniMatrixError(Code.BAD_OPTION, f"{name} {value}", "from 0 to 1")
    factor = crossed_design_effect(per_rater, per_prompt, *given) if design_effect is None else design_effect
    found = need(effect, power, alpha, design_effect=factor, ties=ties, per_rater=per_rater, tests=tests)
    if as_json:
        print(
            json.dumps({"effect": effect, "power": power, "alpha": alpha, "tests": tests, **found.to_json()})
        )
        return
    print(f"{found.decisive} decisive votes (design effect {found.design_effect:.2f})")
    print(f"{found.votes} votes with ties, of {found.raters} raters at {per_rater} each")
