"""Fit the table of confidences on the tune split.

    python -m animatrix.caption.fit.calibration [--fields palette,finish] [--count 96] [--folder runs/cases]

Every measure reads the same cases as ``benchmarks/caption_accuracy.py`` draws; its own score is set against
whether it was right. Writes ``animatrix/caption/calibration.json``; fields not named keep their rows.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animatrix.caption.calibration import isotonic, kind_of, least_score
from animatrix.caption.cases import cases, score
from animatrix.caption.measure import MEASURES
from animatrix.caption.reading import read_shots
from animatrix.caption.shots import ShotCaption, measured_raw
from animatrix.media.door import written_whole

TABLE = Path(__file__).parent.parent / "calibration.json"
PRECISION = 0.96  # of a few dozen answers, so that 0.95 holds for others
FALLBACK = 0.7  # chance from which a field answers that cannot reach PRECISION
NEVER = 1.01  # above every score
FEWEST = 12  # answers below which nothing can be fitted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", default="", help="comma-separated; all measured fields by default")
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--folder", type=Path, default=Path("runs/cases"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    table = json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {"fields": {}}
    table["command"] = f"python -m animatrix.caption.fit.calibration --count {options.count}"
    for name in options.fields.split(",") if options.fields else sorted(MEASURES):
        rows = answers(name, options.count, options.folder)
        table["fields"].pop(name, None)
        for kind in ("some", "none"):
            mine = [(raw, right) for found, raw, right in rows if found == kind]
            row = fitted([raw for raw, _ in mine], [right for _, right in mine])
            if row is None:
                print(f"{name:24s} {kind} only {len(mine)} answers: nothing fitted")
                continue
            table["fields"].setdefault(name, {})[kind] = row
            kept = [right for raw, right in mine if raw >= row["least"]]
            share = np.mean(kept) if kept else float("nan")
            print(
                f"{name:24s} {kind} {len(mine)} answers, {len(kept)} kept at {row['least']:.3f}, "
                f"{share:.3f} right",
                flush=True,
            )
    table["fields"] = dict(sorted(table["fields"].items()))
    with written_whole(TABLE) as temporary:
        temporary.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def answers(name: str, count: int, folder: Path) -> list[tuple[str, float, bool]]:
    """Kind, score and rightness of the field's answers on tune cases."""
    rows = []
    for case in cases("tune", name, count, folder):
        shots = list(read_shots(case.path))
        longest = max(shots, key=lambda s: len(s.gray))
        parts = []
        for shot in shots if name == "transition" else [longest]:
            found = measured_raw(shot, name)
            if not isinstance(found, str):
                parts.append(ShotCaption(0.0, 1.0, shot.fps, len(shot.gray), {name: found}, [], ""))
        if not parts:
            continue
        read = case.caption(parts, name) or parts[0]
        outcome = score(case, read, name)
        if outcome in ("right", "wrong"):
            tags = read.tags[name]
            kind = "some" if any(kind_of(tag.value) == "some" for tag in tags) else "none"
            raw = min(tag.confidence for tag in tags)
            rows.append((kind, raw, outcome == "right" and len(shots) <= case.most_shots))
    return rows


def fitted(raw: list[float], right: list[bool]) -> dict[str, Any] | None:
    """A row of the table, or None where there is too little to fit."""
    if len(raw) < FEWEST:
        return None
    x, y = isotonic(raw, right)
    least = least_score(raw, right, PRECISION)
    if least is None:
        good = np.flatnonzero(y >= FALLBACK)
        least = float(x[good[0]]) if len(good) else NEVER
    down = math.floor(least * 1e6) / 1e6  # never above the score it was read from
    return {"raw": [round(v, 6) for v in x], "sure": [round(v, 4) for v in y], "least": down}


if __name__ == "__main__":
    main()
