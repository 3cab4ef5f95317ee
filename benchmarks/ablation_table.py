"""Means, intervals and the Markdown table of an ablation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ablation_classifier import QUESTIONS, credit

EVENTS = ("impact_frame", "impact_time", "body_deformation", "graphic_device")
KINDS = ("style", "motion", "deformation")
BASE = "all"
DRAWS = 2000
# Two-sided 95 % quantiles of Student's t by degrees of freedom.
STUDENT = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}

Runs = Mapping[str, Mapping[int, Mapping[str, Any]]]  # variant -> seed -> what a run has found


def seed_interval(values: Sequence[float]) -> list[float] | None:
    """95 % interval of the mean over seeds, or None for a single one."""
    if len(values) < 2:
        return None
    half = STUDENT.get(len(values) - 1, 1.96) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    mean = float(np.mean(values))
    return [mean - half, mean + half]


def clip_interval(columns: Sequence[np.ndarray]) -> list[float]:
    """95 % bootstrap interval of the mean over questions of their means over clips.

    Args:
        columns: of each question, a number per clip [N].
    """
    rng = np.random.default_rng(0)
    means = [column[rng.integers(len(column), size=(DRAWS, len(column)))].mean(1) for column in columns]
    low, high = np.percentile(np.mean(means, axis=0), [2.5, 97.5])
    return [float(low), float(high)]


def accuracy(runs: Mapping[int, Mapping[str, Any]], questions: Sequence[str]) -> dict[str, Any]:
    """Mean over seeds, questions and clips, with both intervals."""
    credits = {s: [credit(run["losses"][q]) for q in questions] for s, run in runs.items()}
    seeds = [float(np.mean([c.mean() for c in found])) for found in credits.values()]
    over_seeds = [np.mean(found, axis=0) for found in zip(*credits.values(), strict=True)]
    return {
        "mean": float(np.mean(seeds)),
        "seeds": seeds,
        "seed_interval": seed_interval(seeds),
        "clip_interval": clip_interval(over_seeds),
    }


def difference(runs: Runs, variant: str, questions: Sequence[str]) -> dict[str, Any]:
    """Accuracy of a variant less that of ``all``, same seeds, same clips. ``claimed``: outside of both
    intervals.
    """
    seeds = sorted(set(runs[variant]) & set(runs[BASE]))
    each = [
        [
            credit(runs[variant][s]["losses"][q]) - credit(runs[BASE][s]["losses"][q])
            for q in questions
        ]
        for s in seeds
    ]  # fmt: skip
    means = [float(np.mean([d.mean() for d in found])) for found in each]
    clips = clip_interval([np.mean(found, axis=0) for found in zip(*each, strict=True)])
    return _told(means, [clips])


def loss_difference(runs: Runs, variant: str, kind: str) -> dict[str, Any]:
    """Held-out loss of a variant over that of ``all``, less 1, same seeds."""
    seeds = sorted(set(runs[variant]) & set(runs[BASE]))
    return _told(
        [runs[variant][s]["held_out"][kind] / runs[BASE][s]["held_out"][kind] - 1 for s in seeds], []
    )


def _told(means: list[float], intervals: list[list[float]]) -> dict[str, Any]:
    of_seeds = seed_interval(means)
    every = [*intervals, *([of_seeds] if of_seeds else [])]
    claimed = of_seeds is not None and (
        all(low > 0 for low, _ in every) or all(high < 0 for _, high in every)
    )
    return {
        "mean": float(np.mean(means)),
        "seeds": means,
        "seed_interval": of_seeds,
        "clip_interval": intervals[0] if intervals else None,
        "claimed": claimed,
    }


def summary(runs: Runs, labels: Mapping[str, str]) -> dict[str, Any]:
    """Everything the tables say, JSON-able."""
    found: dict[str, Any] = {}
    groups = {**{q: (q,) for q in QUESTIONS}, "mean": tuple(QUESTIONS), "events": EVENTS}
    for variant, of_seed in runs.items():
        kinds = [kind for kind in KINDS if all(kind in run["held_out"] for run in of_seed.values())]
        losses = {kind: [run["held_out"][kind] for run in of_seed.values()] for kind in kinds}
        row: dict[str, Any] = {
            "label": labels[variant],
            "seeds": sorted(of_seed),
            "parameters": next(iter(of_seed.values()))["parameters"],
            "seconds": float(np.mean([run["seconds"] for run in of_seed.values()])),
            "accuracy": {name: accuracy(of_seed, questions) for name, questions in groups.items()},
            "loss": {
                k: {"mean": float(np.mean(v)), "seed_interval": seed_interval(v)} for k, v in losses.items()
            },
        }
        if variant != BASE and set(of_seed) & set(runs.get(BASE, {})):
            row["against_all"] = {name: difference(runs, variant, group) for name, group in groups.items()}
            row["loss_against_all"] = {kind: loss_difference(runs, variant, kind) for kind in kinds}
        found[variant] = row
    clips = (
        {q: len(next(iter(next(iter(runs.values())).values()))["losses"][q]) for q in QUESTIONS}
        if runs
        else {}
    )
    return {"clips": clips, "chance": chance(runs), "variants": found}


def chance(runs: Runs) -> dict[str, float]:
    for of_seed in runs.values():
        for run in of_seed.values():
            return {q: 1 / run["losses"][q].shape[1] for q in QUESTIONS}
    return {}


def markdown(found: Mapping[str, Any]) -> str:
    """Three tables: accuracies, held-out losses, differences to ``all``."""
    rows, chances = found["variants"], found["chance"]
    if not rows:
        return "no run is finished"
    names = list(QUESTIONS)
    lines = ["| variant | " + " | ".join(names) + " | mean | events |", "|---|" + "---|" * (len(names) + 2)]
    events = sum(chances[q] for q in EVENTS) / len(EVENTS)
    every = sum(chances.values()) / len(chances)
    lines.append(
        "| chance | " + " | ".join(f"{chances[q]:.3f}" for q in names) + f" | {every:.3f} | {events:.3f} |"
    )
    for row in rows.values():
        cells = [f"{row['accuracy'][q]['mean']:.3f}" for q in names]
        cells += [
            _with(row["accuracy"][g]["mean"], row["accuracy"][g]["clip_interval"]) for g in ("mean", "events")
        ]
        lines.append(f"| {row['label']} (n={len(row['seeds'])}) | " + " | ".join(cells) + " |")
    lines += ["", "| variant | parameters | seconds | " + " | ".join(f"{k} loss" for k in KINDS) + " |"]
    lines.append("|---|---|---|" + "---|" * len(KINDS))
    for row in rows.values():
        cells = [
            _with(row["loss"][k]["mean"], row["loss"][k]["seed_interval"]) for k in KINDS if k in row["loss"]
        ]
        lines.append(
            f"| {row['label']} | {row['parameters'] / 1e6:.2f} M | {row['seconds']:.0f} | "
            + " | ".join(cells)
            + " |"
        )
    lines += [
        "",
        "Against `all` (accuracy: points; loss: per cent), same seeds; * outside of every interval:",
        "",
    ]
    columns = ["mean", "over seeds", "over clips", "events", "over seeds", "over clips"]
    columns += [f"{kind} loss" for kind in KINDS]
    lines += ["| variant | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for row in rows.values():
        if "against_all" not in row:
            continue
        cells = []
        for group in ("mean", "events"):
            d = row["against_all"][group]
            cells += [
                f"{100 * d['mean']:+.1f}{_star(d)}",
                _span(d["seed_interval"]),
                _span(d["clip_interval"]),
            ]
        for d in row["loss_against_all"].values():
            cells.append(f"{100 * d['mean']:+.2f}{_star(d)} {_span(d['seed_interval'], 2)}")
        lines.append(f"| {row['label']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _star(d: Mapping[str, Any]) -> str:
    return "*" if d["claimed"] else ""


def _with(mean: float, interval: Sequence[float] | None) -> str:
    return f"{mean:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def _span(interval: Sequence[float] | None, digits: int = 1) -> str:
    if interval is None:
        return "-"
    return f"[{100 * interval[0]:+.{digits}f}, {100 * interval[1]:+.{digits}f}]"
