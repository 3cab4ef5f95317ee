"""What the ``taxonomy`` and ``directive`` verbs say: each report as plain data, and as lines of text."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import typer

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.taxonomy import Field, Taxonomy, Value

if TYPE_CHECKING:
    from animatrix.knowledge.lookup import Resolution


def overview(taxonomy: Taxonomy, lang: str) -> dict[str, Any]:
    """Every axis with its fields and their value ids."""
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


def print_overview(report: dict[str, Any]) -> None:
    typer.echo(f"taxonomy {report['version']}")
    for axis in report["axes"]:
        typer.echo(f"\n{axis['label']} ({axis['id']})")
        print_table((f"  {f['id']}", f["label"], f"{len(f['values'])} values") for f in axis["fields"])


def describe(taxonomy: Taxonomy, name: str, lang: str) -> dict[str, Any]:
    """One field, value or compound term in full, by any word for it; raises for none or several."""
    found = taxonomy.fields.get(name)
    if found is not None:
        return field_report(found, lang)
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
        return field_report(resolution.field, lang)
    if len(resolution.values) == 1:
        return value_report(taxonomy, resolution.values[0])
    if resolution.kind == "ambiguous":
        raise resolution.ambiguity()
    return resolution_report(resolution)


def field_report(field: Field, lang: str) -> dict[str, Any]:
    """A field with its values."""
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


def value_report(taxonomy: Taxonomy, value: Value) -> dict[str, Any]:
    """A value with everything known of it; eponyms are accepted as input but never shown."""
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


def resolution_report(resolution: Resolution) -> dict[str, Any]:
    """What a compound term sets."""
    return {
        "term": resolution.term,
        "kind": resolution.kind,
        "sets": [f"{value.field}={value.id}" for value in resolution.values],
        "still_open": resolution.ask,
    }


def print_described(report: Any) -> None:
    for item in report if isinstance(report, list) else [report]:
        if "values" in item:
            traits = [item["axis"], f"{item['cardinality']} at a time", f"per {item['scope']}"]
            traits += ["may be none"] * item["allows_none"] + ["ordered"] * item["ordinal"]
            typer.echo(f"{item['field']}  {' / '.join(item['label'].values())}")
            typer.echo(f"  {item['definition']}")
            typer.echo(f"  {', '.join(traits)}\n")
            print_table((f"  {v['id']}", v["label"], v["definition"]) for v in item["values"])
        else:
            for key, content in item.items():
                if isinstance(content, dict):
                    content = "; ".join(f"{name}: {text}" for name, text in content.items())
                elif isinstance(content, list):
                    content = ", ".join(map(str, content))
                if content not in (None, ""):
                    typer.echo(f"{key:>18}  {content}")
        typer.echo()


def look_up(taxonomy: Taxonomy, term: str, limit: int, lang: str) -> dict[str, Any]:
    """What a term means exactly, then what is near it."""
    report: dict[str, Any] = {"term": term, "kind": "unknown", "readings": [], "hits": []}
    try:
        found = taxonomy.resolve(term)
    except AniMatrixError as unknown:
        report["hint"] = unknown.hint
    else:
        report["kind"] = found.kind
        report["readings"] = [reading(value, lang) for value in found.values or found.candidates]
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


def reading(value: Value, lang: str) -> dict[str, str]:
    """One reading of a term."""
    return {"key": value.key, "label": value.label[lang], "definition": value.definition}


_KINDS = {
    "value": "one value",
    "field": "a field",
    "compound": "several tags at once",
    "ambiguous": "several readings, write the one you mean",
    "unknown": "no exact meaning",
}


def print_searches(reports: list[dict[str, Any]]) -> None:
    for report in reports:
        typer.echo(f"{report['term']}: {_KINDS[report['kind']]}")
        usual = report.get("usual")
        print_table(
            (f"  {'*' if r['key'] == usual else '='} {r['key']}", r["label"], r["definition"])
            for r in report["readings"]
        )
        if usual:
            typer.echo("  (* is what most people mean)")
        if report.get("still_open"):
            typer.echo(f"  still to say: {report['still_open']}")
        if report.get("note"):
            typer.echo(f"  {report['note']}")
        print_table((f"  ~ {h['key']}", h["label"], h["matched"]) for h in report["hits"])
        if not report["readings"] and not report["hits"]:
            typer.echo(f"  nothing near it{'; ' + report['hint'] if report.get('hint') else ''}")
        typer.echo()


def print_audit(report: dict[str, Any]) -> None:
    for fault in report["faults"]:
        typer.echo(f"fault: {fault}")
    counts = f"{report['fields']} fields, {report['values']} values, {report['constraints']} constraints"
    verdict = f"{len(report['faults'])} faults" if report["faults"] else "no faults"
    typer.echo(f"{report['source']} {report['version']}: {counts}; {verdict}")


def print_diff(report: dict[str, Any]) -> None:
    print_table((change["level"], change["key"], change["message"]) for change in report["changes"])
    typer.echo(f"{report['old']} -> {report['new']}: {report['level'] or 'no change'}")
    if not report["version_is_enough"]:
        typer.echo(f"the version number does not announce a {report['level']} change")


def print_directive(report: dict[str, Any]) -> None:
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


def print_conversion(report: dict[str, Any]) -> None:
    for note in report["notes"]:
        typer.echo(f"note: {note}", err=True)
    typer.echo(report["out"])


def print_table(rows: Any) -> None:
    """Left-aligned columns; East Asian characters are two cells wide."""
    rows = [tuple(row) for row in rows]
    if not rows:
        return
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell + " " * (width - display_width(cell)) for cell, width in zip(row, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def display_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
