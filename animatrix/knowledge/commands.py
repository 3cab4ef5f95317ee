"""``animatrix taxonomy`` and ``animatrix directive``: look up, compare, check and convert."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.taxonomy import LANGUAGES, Field, Taxonomy, Value

if TYPE_CHECKING:
    from animatrix.knowledge.lookup import Resolution

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
        _emit(_overview(taxonomy, lang), as_json, _print_overview)
        return
    shown = [_describe(taxonomy, name, lang) for name in names]
    _emit(shown[0] if len(shown) == 1 else shown, as_json, _print_described)


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
    _emit([_look_up(taxonomy, term, limit, lang) for term in terms], as_json, _print_searches)


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
    _emit(report, as_json, _print_audit)
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
    _emit(report, as_json, _print_diff)


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
    _emit(report, as_json, _print_directive)


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
    _emit(report, as_json, _print_conversion)


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


def _overview(taxonomy: Taxonomy, lang: str) -> dict[str, Any]:
    return {
        "version": taxonomy.version,
        "axes": [
            {
                "id": axis.id,
                "label": axis.label[lang],
                "fields": [
                    {
                        "id": name,
                        "label": taxonomy.fields[name].label[lang],
                        "values": list(taxonomy.fields[name].values),
                    }
                    for name in axis.fields
                ],
            }
            for axis in taxonomy.axes.values()
        ],
    }


def _print_overview(report: dict[str, Any]) -> None:
    typer.echo(f"taxonomy {report['version']}")
    for axis in report["axes"]:
        typer.echo(f"\n{axis['label']} ({axis['id']})")
        _print_table((f"  {f['id']}", f["label"], f"{len(f['values'])} values") for f in axis["fields"])


def _describe(taxonomy: Taxonomy, name: str, lang: str) -> dict[str, Any]:
    found = taxonomy.fields.get(name)
    if found is not None:
        return _field_report(found, lang)
    try:
        resolution = taxonomy.resolve(name)
    except AniMatrixError as unknown:
        # A field is more often meant here than a value: name the nearest of either.
        hint = unknown.hint
        try:
            taxonomy.resolve_field(name)
        except AniMatrixError as no_field:
            hint = no_field.hint if no_field.hint.startswith("did you mean") else hint
        raise AniMatrixError(Code.UNKNOWN_FIELD, f"no field or value is called {name!r}", hint) from None
    if resolution.field is not None:
        return _field_report(resolution.field, lang)
    if len(resolution.values) == 1:
        return _value_report(taxonomy, resolution.values[0], lang)
    if resolution.kind == "ambiguous":
        raise resolution.ambiguity()
    return _resolution_report(resolution, lang)


def _field_report(field: Field, lang: str) -> dict[str, Any]:
    return {
        "field": field.id,
        "axis": field.axis,
        "label": dict(field.label),
        "definition": field.definition,
        "cardinality": field.cardinality,
        "scope": field.scope,
        "allows_none": field.allows_none,
        "ordinal": field.ordinal,
        "measurement": field.measurement,
        "values": [
            {"id": value.id, "label": value.label[lang], "definition": value.definition}
            for value in field.values.values()
        ],
    }


def _value_report(taxonomy: Taxonomy, value: Value, lang: str) -> dict[str, Any]:
    # Eponyms are accepted as input but never shown.
    rules = [rule for rule in taxonomy.constraints if value.key in rule.when + rule.targets + rule.members]
    return {
        "value": value.id,
        "field": value.field,
        "label": dict(value.label),
        "definition": value.definition,
        "observable": value.observable,
        "deformation": value.deformation,
        "curriculum_stage": value.curriculum_stage,
        "expressiveness": value.expressiveness,
        "aliases": list(value.aliases),
        "sheet_code": value.sheet_code,
        "failure_lookalike": value.failure_lookalike,
        "constraints": {rule.id: f"{rule.kind}: {rule.message}" for rule in rules},
    }


def _resolution_report(resolution: Resolution, lang: str) -> dict[str, Any]:
    return {
        "term": resolution.term,
        "kind": resolution.kind,
        "sets": [f"{value.field}={value.id}" for value in resolution.values],
        "still_open": resolution.ask,
    }


def _print_described(report: Any) -> None:
    for item in report if isinstance(report, list) else [report]:
        if "values" in item:
            traits = [item["axis"], f"{item['cardinality']} at a time", f"per {item['scope']}"]
            traits += ["may be none"] * item["allows_none"] + ["ordered"] * item["ordinal"]
            typer.echo(f"{item['field']}  {' / '.join(item['label'].values())}")
            typer.echo(f"  {item['definition']}")
            typer.echo(f"  {', '.join(traits)}\n")
            _print_table((f"  {v['id']}", v["label"], v["definition"]) for v in item["values"])
        else:
            for key, content in item.items():
                if isinstance(content, dict):
                    content = "; ".join(f"{name}: {text}" for name, text in content.items())
                elif isinstance(content, list):
                    content = ", ".join(map(str, content))
                if content not in (None, ""):
                    typer.echo(f"{key:>18}  {content}")
        typer.echo()


def _look_up(taxonomy: Taxonomy, term: str, limit: int, lang: str) -> dict[str, Any]:
    report: dict[str, Any] = {"term": term, "kind": "unknown", "readings": [], "hits": []}
    try:
        found = taxonomy.resolve(term)
    except AniMatrixError as unknown:
        report["hint"] = unknown.hint
    else:
        report["kind"] = found.kind
        report["readings"] = [_reading(value, lang) for value in found.values or found.candidates]
        if found.field is not None:
            report["readings"] = [
                {
                    "key": found.field.id,
                    "label": found.field.label[lang],
                    "definition": found.field.definition,
                }
            ]
        if found.default is not None:
            report["usual"] = found.default.key
        if found.ask:
            report["still_open"] = found.ask
        if found.note:
            report["note"] = found.note
    known = {reading["key"] for reading in report["readings"]}
    for hit in taxonomy.search(term, limit + len(known)):
        if hit.key not in known and len(report["hits"]) < limit:
            owner = taxonomy.fields[hit.key] if hit.key in taxonomy.fields else taxonomy.value(hit.key)
            # An eponym may find a value, but the name itself is never shown.
            matched = "" if hit.matched_in.startswith(("eponym", "definition")) else hit.matched
            report["hits"].append(
                {
                    "key": hit.key,
                    "label": owner.label[lang],
                    "score": hit.score,
                    "matched": matched,
                    "matched_in": hit.matched_in.replace("eponym", "alias"),
                }
            )
    return report


def _reading(value: Value, lang: str) -> dict[str, str]:
    return {"key": value.key, "label": value.label[lang], "definition": value.definition}


_KINDS = {
    "value": "one value",
    "field": "a field",
    "compound": "several tags at once",
    "ambiguous": "several readings, write the one you mean",
    "unknown": "no exact meaning",
}


def _print_searches(reports: list[dict[str, Any]]) -> None:
    for report in reports:
        typer.echo(f"{report['term']}: {_KINDS[report['kind']]}")
        usual = report.get("usual")
        _print_table(
            (f"  {'*' if r['key'] == usual else '='} {r['key']}", r["label"], r["definition"])
            for r in report["readings"]
        )
        if usual:
            typer.echo("  (* is what most people mean)")
        if report.get("still_open"):
            typer.echo(f"  still to say: {report['still_open']}")
        if report.get("note"):
            typer.echo(f"  {report['note']}")
        _print_table((f"  ~ {h['key']}", h["label"], h["matched"]) for h in report["hits"])
        if not report["readings"] and not report["hits"]:
            typer.echo(f"  nothing near it{'; ' + report['hint'] if report.get('hint') else ''}")
        typer.echo()


def _print_audit(report: dict[str, Any]) -> None:
    for fault in report["faults"]:
        typer.echo(f"fault: {fault}")
    counts = f"{report['fields']} fields, {report['values']} values, {report['constraints']} constraints"
    verdict = f"{len(report['faults'])} faults" if report["faults"] else "no faults"
    typer.echo(f"{report['source']} {report['version']}: {counts}; {verdict}")


def _print_diff(report: dict[str, Any]) -> None:
    _print_table((change["level"], change["key"], change["message"]) for change in report["changes"])
    typer.echo(f"{report['old']} -> {report['new']}: {report['level'] or 'no change'}")
    if not report["version_is_enough"]:
        typer.echo(f"the version number does not announce a {report['level']} change")


def _print_directive(report: dict[str, Any]) -> None:
    directive = report["directive"]
    typer.echo(f"{report['file']}: ok, {directive['frames']} frames at {directive['fps']} fps")
    for field_id, tags in directive["tags"].items():
        spans = [f"{t['value']}@{t['span'][0]}-{t['span'][1]}" if t["span"] else t["value"] for t in tags]
        typer.echo(f"  {field_id}={'+'.join(spans)}")
    for violation in report["violations"]:
        typer.echo(
            f"{violation['severity']}[{violation['rule']}]: {violation['message']}; {violation['remedy']}"
        )
    typer.echo(report["prose"])


def _print_conversion(report: dict[str, Any]) -> None:
    for note in report["notes"]:
        typer.echo(f"note: {note}", err=True)
    typer.echo(report["out"])


def _print_table(rows: Any) -> None:
    """Left-aligned columns; East Asian characters are two cells wide."""
    rows = [tuple(row) for row in rows]
    if not rows:
        return
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
