"""``animatrix taxonomy`` and ``animatrix directive``: look up, compare, check and convert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import reports
from animatrix.knowledge.taxonomy import LANGUAGES, Taxonomy

taxonomy_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Look up, check and compare production variables, in English, Japanese and Chinese.",
)
directive_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Check and convert directive files.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Lang = Annotated[str, typer.Option("--lang", help="Language of labels: en, ja or zh.")]


@taxonomy_app.command(
    epilog="Example: animatrix taxonomy show camera_move --lang ja",
)
def show(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Fields, values (field.value) or any word for one. None: all fields."),
    ] = None,
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Show all fields, one field with its values, or one value in full."""
    _check_language(lang)
    taxonomy = Taxonomy.default()
    if not names:
        _emit(reports.overview(taxonomy, lang), as_json, reports.print_overview)
        return
    shown = [reports.describe(taxonomy, name, lang) for name in names]
    _emit(shown[0] if len(shown) == 1 else shown, as_json, reports.print_described)


@taxonomy_app.command(
    epilog='Example: animatrix taxonomy search 作画 集中線 "speed lines" 一拍二',
)
def search(
    terms: Annotated[
        list[str], typer.Argument(help="Words in English, Japanese or Chinese; quote those with spaces.")
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Hits per word.")] = 8,
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """What each word means exactly (all its readings when it is ambiguous), and what is near it."""
    _check_language(lang)
    taxonomy = Taxonomy.default()
    _emit([reports.look_up(taxonomy, term, limit, lang) for term in terms], as_json, reports.print_searches)


@taxonomy_app.command(epilog="Example: animatrix taxonomy check my_taxonomy.yaml")
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A taxonomy file; the packaged one when left out.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check a taxonomy: structure, words with two meanings, dangling rules. Exit status 2 on any fault."""
    from animatrix.knowledge.audit import audit

    taxonomy = Taxonomy.default() if file is None else Taxonomy.load(file)
    faults = audit(taxonomy)
    report = {
        "source": taxonomy.source,
        "version": taxonomy.version,
        "fields": len(taxonomy.fields),
        "values": sum(1 for _ in taxonomy.values()),
        "constraints": len(taxonomy.constraints),
        "faults": faults,
    }
    _emit(report, as_json, reports.print_audit)
    return 2 if faults else 0


@taxonomy_app.command(epilog="Example: animatrix taxonomy diff taxonomy-1.0.0.yaml taxonomy-1.1.0.yaml")
def diff(
    old: Annotated[Path, typer.Argument(help="The earlier release.")],
    new: Annotated[Path | None, typer.Argument(help="The later one; the packaged one when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Classify every change between two releases as patch, minor or major."""
    found = Taxonomy.load(old).diff(Taxonomy.default() if new is None else Taxonomy.load(new))
    report = {
        "old": found.old_version,
        "new": found.new_version,
        "level": found.level,
        "released_as": found.released_as,
        "version_is_enough": found.version_is_enough,
        "changes": [{"level": c.level, "key": c.key, "message": c.message} for c in found.changes],
    }
    _emit(report, as_json, reports.print_diff)


@taxonomy_app.command(epilog="Example: animatrix taxonomy schema --form canonical > directive.schema.json")
def schema(
    form: Annotated[str, typer.Option("--form", help="input, canonical or caption.")] = "input",
    lang: Lang = "en",
) -> None:
    """Print a directive's JSON Schema with every field and value, for editors and constrained decoding."""
    from animatrix.knowledge.schema import directive_schema

    _check_language(lang)
    typer.echo(json.dumps(directive_schema(Taxonomy.default(), form, lang), ensure_ascii=False, indent=2))


@directive_app.command("check", epilog="Example: animatrix directive check shot.yaml --lang ja")
def check_directive(
    file: Annotated[Path, typer.Argument(help="A directive in YAML or JSON.")],
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Check a directive; show what it asks for, with warnings and hints. Exit status 2 when not valid."""
    from animatrix.knowledge.directive import Directive
    from animatrix.knowledge.rules import check as check_rules

    _check_language(lang)
    directive = Directive.from_file(file)
    report = {
        "file": str(file),
        "ok": True,
        "directive": directive.canonical(),
        "violations": [
            {
                "rule": v.rule,
                "severity": v.severity,
                "tags": list(v.tags),
                "message": v.message,
                "remedy": v.remedy,
            }
            for v in check_rules(directive)
        ],
        "prose": directive.describe(lang),
    }
    _emit(report, as_json, reports.print_directive)


@directive_app.command(epilog="Example: animatrix directive convert shot.yaml --out shot.xdts")
def convert(
    source: Annotated[Path, typer.Argument(help="A directive (.yaml, .json) or a timesheet (.xdts).")],
    out: Annotated[Path, typer.Option("--out", help="Where to write: .json, .yaml or .xdts.")],
    as_json: AsJson = False,
) -> None:
    """Convert between directive files and timesheets; says what the target cannot hold."""
    from animatrix.knowledge.convert import convert_file

    directive, notes = convert_file(source, out)
    report = {"source": str(source), "out": str(out), "directive": directive.canonical(), "notes": notes}
    _emit(report, as_json, reports.print_conversion)


def _emit(report: Any, as_json: bool, show: Any) -> None:
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        show(report)


def _check_language(lang: str) -> None:
    if lang not in LANGUAGES:
        raise AniMatrixError(
            Code.BAD_OPTION, f"unknown language {lang!r}", f"choose one of {', '.join(LANGUAGES)}"
        )
