"""How often AniCaption is right: per-field precision, coverage and macro-F1 on shots with known answers.

    python benchmarks/caption_accuracy.py [--split tune] [--fields palette,camera_move] [--count 60] [-v]

Shots are drawn, encoded (H.264 and HEVC, several qualities, rates and sizes: animatrix/caption/cases.py)
and kept under --folder. precision = right answers among answers; coverage = answers among shots with a claim;
macro-F1 over values, an abstention counting as a miss. ``-v`` prints every wrong answer. Figures for docs are
those of --split report.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from pathlib import Path

import cv2

from animatrix.caption import caption
from animatrix.caption.cases import NANO, PROFILES, cases, score
from animatrix.caption.measure import MEASURES
from animatrix.synthetic import RENDERABLE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="tune", choices=["train", "tune", "report"])
    parser.add_argument("--fields", default="", help="comma-separated; all measured fields by default")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path("runs/cases"))
    parser.add_argument("--only", choices=["nano", "files"], help="only the 160x96 clips, or only the others")
    parser.add_argument(
        "--readers", default="measured", choices=["measured", "all"], help="all: recogniser, too"
    )
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--json", type=Path, help="write the outcomes, with confidences, here")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    usual = sorted(MEASURES) if options.readers == "measured" else list(RENDERABLE)
    fields = options.fields.split(",") if options.fields else usual
    profiles = {
        "nano": (NANO,),
        "files": tuple(p for p in PROFILES if p.size[1] > 96),
        None: PROFILES,
    }[options.only]
    rows = []
    start = time.perf_counter()
    for field in fields:
        rows += [{"field": field, **row} for row in outcomes(options, field, profiles)]
        print(table_row(field, [row for row in rows if row["field"] == field]), flush=True)
    print(f"{len(rows)} shots in {time.perf_counter() - start:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(rows))


def outcomes(options: argparse.Namespace, field: str, profiles: tuple) -> list[dict]:
    rows = []
    folder = options.folder if options.only is None else options.folder / options.only
    for case in cases(options.split, field, options.count, folder, profiles):
        shots = caption(case.path, [field], recogniser=options.readers == "all")
        whole = case.caption(shots, field)
        found = whole or max(shots, key=lambda shot: shot.frames)
        outcome = score(case, found, field) if whole or case.values(field) is None else "wrong"
        read = [(t.value, t.span, round(t.confidence, 3)) for t in found.tags.get(field, [])]
        row = {
            "outcome": outcome,
            "true": case.values(field),
            "read": [value for value, _, _ in read],
            "confidence": min((c for _, _, c in read), default=0.0),
            "profile": case.profile.name,
            "source": found.tags[field][0].source if field in found.tags else None,
        }
        rows.append(row)
        if options.verbose and outcome in ("wrong", "abstained"):
            why = found.reasons.get(field, "") if outcome == "abstained" else ""
            cut = f" [{len(shots)} shots]" if len(shots) > 1 else ""
            print(f"  {outcome}: {case.path}{cut} true {case.truth.get(field)} read {read} {why}")
    return rows


def table_row(field: str, rows: list[dict]) -> str:
    counts = Counter(row["outcome"] for row in rows)
    answered = counts["right"] + counts["wrong"]
    claimed = answered + counts["abstained"]
    precision = counts["right"] / answered if answered else float("nan")
    coverage = answered / claimed if claimed else float("nan")
    return (
        f"{field:24s} n {claimed:4d}  precision {precision:.3f}  coverage {coverage:.3f}  "
        f"macro-F1 {macro_f1(rows):.3f}"
    )


def macro_f1(rows: list[dict]) -> float:
    """Mean F1 over the values that occur in the truth."""
    hit: dict[str, int] = defaultdict(int)
    false: dict[str, int] = defaultdict(int)
    missed: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["outcome"] == "unknown":
            continue
        true = set(row["true"])
        read = true if row["outcome"] == "right" else set(row["read"])
        for value in true & read:
            hit[value] += 1
        for value in true - read:
            missed[value] += 1
        for value in read - true:
            false[value] += 1
    scores = [2 * hit[v] / (2 * hit[v] + false[v] + missed[v]) for v in set(hit) | set(missed)]
    return sum(scores) / len(scores) if scores else float("nan")


if __name__ == "__main__":
    main()
