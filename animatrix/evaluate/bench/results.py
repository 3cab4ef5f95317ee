"""Figures out of single scores: intervals on everything, rows, a headline, and systems against each other.

A document holds every single score, so that runs can be compared from their files alone. It holds no time, no
path and nothing else that another machine would write otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.bench.metrics import METRICS, Metric
from animatrix.evaluate.bench.suite import Suite
from animatrix.evaluate.intervals import (
    RESAMPLES,
    SEED,
    Difference,
    bootstrap,
    extreme,
    holm,
    paired,
    share_draws,
    share_gap_draws,
    wilson,
)
from animatrix.media.door import regular_file, written_whole

FORMAT = 1
BOUNDED = ("share", "0..1")
Scores = Mapping[str, Mapping[str, Mapping[str, Any]]]  # suite -> metric -> unit -> value or {"skipped": why}


def rounded(value: float) -> float | None:
    """Six digits, or None for what is no number: JSON has no NaN."""
    return round(float(value), 6) if math.isfinite(value) else None


def is_value(found: Any) -> bool:
    return not isinstance(found, Mapping)


def figure(metric: Metric, values: Sequence[Any]) -> dict[str, Any]:
    """Value, 95 % interval and count: Wilson for shares, bootstrap over units for anything else."""
    if metric.unit == "share":
        low, high = wilson(sum(map(bool, values)), len(values))
    else:
        low, high = bootstrap(values, metric.combine)
    return {
        "value": rounded(metric.over(values)),
        "low": rounded(low),
        "high": rounded(high),
        "count": len(values),
    }


def summary(suites: Sequence[Suite], scores: Scores) -> dict[str, dict[str, Any]]:
    """Suite -> metric -> figure, with its rows and why units were skipped."""
    found: dict[str, dict[str, Any]] = {}
    for suite in suites:
        rows = {item.id: item.row for item in suite.items} | {item.group: item.row for item in suite.items}
        found[suite.name] = {}
        for name, units in scores.get(suite.name, {}).items():
            metric = METRICS[name]
            good = {unit: value for unit, value in units.items() if is_value(value)}
            skipped: dict[str, int] = {}
            for value in units.values():
                if not is_value(value):
                    skipped[value["skipped"]] = skipped.get(value["skipped"], 0) + 1
            by_row: dict[str, list[Any]] = {}
            for unit, value in good.items():
                by_row.setdefault(rows[unit], []).append(value)
            one = figure(metric, list(good.values())) | {"skipped": dict(sorted(skipped.items()))}
            if len(by_row) > 1 and not metric.is_set_metric:
                one["rows"] = {row: figure(metric, values) for row, values in sorted(by_row.items())}
            found[suite.name][name] = one
    return found


def primaries(suites: Sequence[Suite]) -> dict[str, str]:
    """Suite -> its primary metric, where that is proven, lies in 0..1, and more is better."""
    return {
        s.name: s.primary
        for s in suites
        if s.primary in METRICS
        and METRICS[s.primary].unit in BOUNDED
        and METRICS[s.primary].higher_is_better
        and METRICS[s.primary].proven
        and not METRICS[s.primary].foil
    }


def _strata(primary: Mapping[str, str], scores: Scores) -> dict[str, dict[str, bool | float]]:
    """Suite -> unit -> value of the primary metric, where there are any."""
    found = {
        suite: {u: v for u, v in scores.get(suite, {}).get(name, {}).items() if is_value(v)}
        for suite, name in primary.items()
    }
    return {suite: units for suite, units in found.items() if units}


def _mean_draws(values: Sequence[bool | float], rng: np.random.Generator) -> np.ndarray:
    """Plausible means ``[RESAMPLES]`` of a stratum."""
    if all(isinstance(v, bool) for v in values):
        return share_draws(values, rng)
    if len(values) < 2:  # says nothing of its spread
        return np.full(RESAMPLES, np.nan)
    given = np.array(values, float)
    return given[rng.integers(0, len(given), (RESAMPLES, len(given)))].mean(1)


def headline(primary: Mapping[str, str], systems: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mean of the primary metrics of the suites that all systems have, by system; every suite counts
    alike."""
    strata = [_strata(primary, system["scores"]) for system in systems]
    shared = sorted(set.intersection(*(set(s) for s in strata))) if strata else []
    found = []
    for system, units in zip(systems, strata, strict=True):
        values = [list(units[suite].values()) for suite in shared]
        rng = np.random.default_rng([SEED, len(shared)])
        drawn = [_mean_draws(v, rng) for v in values]
        low, high = np.percentile(np.mean(drawn, 0), [2.5, 97.5]) if drawn else (math.nan, math.nan)
        value = float(np.mean([np.mean(v) for v in values])) if values else math.nan
        found.append(
            {
                "system": system["name"],
                "value": rounded(value),
                "low": rounded(min(low, value)),
                "high": rounded(max(high, value)),
                "suites": shared,
            }
        )
    return found


def against(
    primary: Mapping[str, str], first: Mapping[str, Any], second: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Two systems on the units that both have a score for: one row per suite and metric, and the headline."""
    rows: list[dict[str, Any]] = []
    for suite in sorted(set(first["scores"]) & set(second["scores"])):
        for name in first["scores"][suite]:
            if name not in second["scores"][suite] or name not in METRICS:
                continue
            a, b = first["scores"][suite][name], second["scores"][suite][name]
            both = [u for u in a if u in b and is_value(a[u]) and is_value(b[u])]
            if both:
                said = paired([a[u] for u in both], [b[u] for u in both], METRICS[name].combine)
                rows.append({"suite": suite, "metric": name, **_difference(said)})
    one, other = _strata(primary, first["scores"]), _strata(primary, second["scores"])
    strata = []
    for suite in sorted(set(one) & set(other)):
        both = [u for u in one[suite] if u in other[suite]]
        if both:
            strata.append([(one[suite][u], other[suite][u]) for u in both])
    if strata:
        rows.insert(0, {"suite": "", "metric": "headline", **_difference(_stratified(strata))})
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = rounded(p)
    return rows


def _stratified(strata: Sequence[Sequence[tuple[bool | float, bool | float]]]) -> Difference:
    """As ``paired``, of the mean over strata of the mean difference in each."""
    rng = np.random.default_rng([SEED, len(strata)])
    drawn, turned, means = [], [], []
    for units in strata:
        gaps = np.array([float(a) - float(b) for a, b in units])
        means.append(gaps.mean())
        if all(isinstance(v, bool) for unit in units for v in unit):
            drawn.append(share_gap_draws(gaps.astype(int).tolist(), rng))
        elif len(gaps) < 2:
            drawn.append(np.full(RESAMPLES, np.nan))
        else:
            drawn.append(gaps[rng.integers(0, len(gaps), (RESAMPLES, len(gaps)))].mean(1))
        turned.append((gaps * rng.choice([-1, 1], (RESAMPLES, len(gaps)))).mean(1))
    value = float(np.mean(means))
    low, high = np.percentile(np.mean(drawn, 0), [2.5, 97.5])
    p = extreme(value, np.mean(turned, 0))
    return Difference(value, min(float(low), value), max(float(high), value), p, sum(map(len, strata)))


def _difference(said: Difference) -> dict[str, Any]:
    return {
        "difference": rounded(said.value),
        "low": rounded(said.low),
        "high": rounded(said.high),
        "p": rounded(said.p),
        "count": said.units,
    }


def comparisons(primary: Mapping[str, str], systems: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every pair of systems, the earlier one first."""
    return [
        {"first": a["name"], "second": b["name"], "rows": against(primary, a, b)}
        for i, a in enumerate(systems)
        for b in systems[i + 1 :]
    ]


def document(
    suites: Sequence[Suite], systems: Sequence[Mapping[str, Any]], language: str, taxonomy_version: str
) -> dict[str, Any]:
    """Everything a run found, ready for JSON. ``systems``: name, spec, identity, scores."""
    used = sorted({name for system in systems for units in system["scores"].values() for name in units})
    primary = primaries(suites)
    return {
        "format": FORMAT,
        "taxonomy_version": taxonomy_version,
        "language": language,
        "suites": {
            s.name: {"version": s.version, "fingerprint": s.fingerprint, "primary": s.primary,
                     "about": dict(s.about)}
            for s in suites
        },
        "metrics": {
            name: {
                "version": METRICS[name].version,
                "about": METRICS[name].about,
                "unit": METRICS[name].unit,
                "higher_is_better": METRICS[name].higher_is_better,
                "needs": list(METRICS[name].needs),
                "is_set_metric": METRICS[name].is_set_metric,
                "foil": METRICS[name].foil,
                "proven": METRICS[name].proven,
            }
            for name in used
        },
        "headline": headline(primary, systems),
        "systems": [{**system, "summary": summary(suites, system["scores"])} for system in systems],
        "comparisons": comparisons(primary, systems),
    }  # fmt: skip


def write_results(path: Path, content: Mapping[str, Any]) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def read_results(run: Path) -> dict[str, Any]:
    """``results.json`` of a run's folder, or the file itself.

    Raises:
        AniMatrixError: FILE_MISSING; FILE_UNREADABLE for anything else, or an unknown metric.
    """
    path = regular_file(run / "results.json" if run.is_dir() else run)
    try:
        content = json.loads(path.read_text("utf-8"))
        good = (
            content["format"] == FORMAT
            and bool(content["metrics"])
            and all(s["name"] and s["scores"] for s in content["systems"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise AniMatrixError(
            Code.FILE_UNREADABLE, f"{path} holds no results of a benchmark", "give the folder of a run"
        )
    unknown = sorted(set(content["metrics"]) - set(METRICS))
    if unknown:
        raise AniMatrixError(
            Code.FILE_UNREADABLE,
            f"{path} was measured by {unknown[0]}, which is not known here",
            "run it again",
        )
    return content


def check_comparable(mine: Mapping[str, Any], other: Mapping[str, Any], name: str) -> None:
    """Raises BAD_OPTION where two runs share no suite, or were asked or measured by other versions."""
    shared = set(mine["suites"]) & set(other["suites"])
    if not shared:
        raise AniMatrixError(Code.BAD_OPTION, f"{name} ran none of these suites")
    for suite in sorted(shared):
        if mine["suites"][suite]["fingerprint"] != other["suites"][suite]["fingerprint"]:
            raise AniMatrixError(
                Code.BAD_OPTION, f"{name} ran another version of suite {suite}", "run it again"
            )
    for metric in sorted(set(mine["metrics"]) & set(other["metrics"])):
        if mine["metrics"][metric]["version"] != other["metrics"][metric]["version"]:
            raise AniMatrixError(
                Code.BAD_OPTION, f"{name} was measured by another version of {metric}", "run it again"
            )
