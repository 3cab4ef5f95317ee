"""The report of a study: where its votes are read from, and the page, the table and the rows made of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.statistics.screening import ScreeningRules
from animatrix.evaluate.study.records import StudyVote, read_study_votes
from animatrix.media.door import written_whole
from animatrix.prefer.votes import Refused

VOTES = "study_votes.jsonl"
_COLUMNS = (
    *("dimension", "first", "second", "mean_first", "mean_second", "difference", "low", "high"),
    *("percent", "percent_low", "percent_high", "p", "p_holm", "design_effect", "alpha", "icc", "votes"),
    *("share_first", "share_second", "share_tie", "share_both_bad", "claim", "why"),
)


@dataclass(frozen=True)
class Votes:
    """The votes of a study, the rules its definition states, its dimensions' names, and lines that are no
    votes."""

    votes: list[StudyVote]
    rules: ScreeningRules
    refused: list[Refused]
    stated: bool


def votes_of(source: Path, database: str | None = None) -> Votes:
    """The votes of a study folder, of a folder that ``study export`` wrote, or of its ``study_votes.jsonl``.

    Raises:
        AniMatrixError: BAD_STUDY where no line can be read, or the folder is neither; FILE_MISSING.
    """
    if (source / "study.json").is_file():
        from animatrix.evaluate.study.commands import open_store
        from animatrix.evaluate.study.export import study_votes

        study, store = open_store(source, database)
        return Votes(study_votes(study, store), study.definition.screening, [], True)
    if source.is_dir():
        if not (source / VOTES).is_file():
            raise AniMatrixError(
                Code.BAD_STUDY,
                f"{source} is no study: it has neither study.json nor {VOTES}",
                "name a folder of study create or of study export, or the file",
            )
        source = source / VOTES
    read = read_study_votes(source)
    if read.refused and not read.votes:
        first = read.refused[0]
        raise AniMatrixError(
            Code.BAD_STUDY,
            f"{source}: none of {len(read.refused)} lines is a vote; line {first.line}: {first.reason}",
            "study export writes them",
        )
    return Votes(read.votes, ScreeningRules(), read.refused, False)


def write_report(path: Path, found: Mapping[str, Any]) -> Path:
    """Write the page of an analysis: one HTML file, nothing fetched. Raises AniMatrixError NOT_WRITABLE."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    from animatrix.evaluate.study.plots import answers, differences

    pages = Environment(
        loader=PackageLoader("animatrix.evaluate.study", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = labels()
    pairs = []
    for n, (first, second) in enumerate(_pairs(found)):
        rows = [(names[d], told["comparisons"][n]) for d, told in found["dimensions"].items()]
        shares = answers(rows, first, second) if "shares" in rows[0][1] else ""
        agreed = [told["agreement"] for told in found["dimensions"].values()]
        plot = differences(rows, first, second)
        pairs.append((first, second, plot, shares, list(zip(rows, agreed, strict=True))))
    html = pages.get_template("report.html").render(found=found, labels=names, pairs=pairs)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        temporary.write_text(html, "utf-8")
    return path


def labels() -> dict[str, str]:
    """Dimension id -> its English name in the rubric."""
    from animatrix.evaluate.study.rubric import load_rubric

    return {d: told.label.en for d, told in load_rubric().dimensions.items()}


def _pairs(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = next(iter(found["dimensions"].values()))
    return [(row["first"], row["second"]) for row in told["comparisons"]]


def rows_of(found: Mapping[str, Any]) -> list[list[Any]]:
    """One row a dimension and pair of systems, in the order of the columns of :func:`as_csv`."""
    rows = []
    for dimension, told in found["dimensions"].items():
        agreed = told["agreement"]
        for row in told["comparisons"]:
            shares = row.get("shares", {})
            difference, percent = row["difference"], row["percent"]
            rows.append(
                [
                    *(dimension, row["first"], row["second"], row["mean_first"], row["mean_second"]),
                    *(difference["value"], difference["low"], difference["high"]),
                    *(percent["value"], percent["low"], percent["high"]),
                    *(row["p"], row["p_holm"], row["design_effect"]),
                    *(agreed["alpha"]["value"], agreed["icc"]["value"], row.get("votes")),
                    *(shares.get(k) for k in ("first", "second", "tie", "both_bad")),
                    *(row["claim"], row["why"]),
                ]
            )
    return rows


def as_csv(found: Mapping[str, Any]) -> str:
    """The comparisons as a table; a cell that nothing is known of is empty."""
    from animatrix.evaluate.study.export import _plain

    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(_COLUMNS)
    for row in rows_of(found):
        table.writerow([f"{x:.6g}" if isinstance(x, float) else _plain(x) for x in row])
    return out.getvalue()


def summary(found: Mapping[str, Any]) -> list[list[str]]:
    """For a terminal: dimension, both means, difference, percent, interval, p, alpha, claim."""
    names, lines = labels(), []
    for dimension, told in found["dimensions"].items():
        alpha = told["agreement"]["alpha"]["value"]
        for row in told["comparisons"]:
            difference = row["difference"]
            lines.append(
                [
                    names[dimension],
                    f"{row['first']} {row['mean_first']:.2f}",
                    f"{row['second']} {row['mean_second']:.2f}",
                    f"{difference['value']:+.2f}",
                    f"{row['percent']['value']:+.1f} %",
                    f"{difference['low']:+.2f} to {difference['high']:+.2f}",
                    f"{row['p_holm']:.3f}",
                    "-" if alpha is None else f"{alpha:.2f}",
                    row["why"],
                ]
            )
    return lines
