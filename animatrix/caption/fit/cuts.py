"""Fit what tells a hard cut from a change inside a shot.

    python benchmarks/cut_accuracy.py --split train --count 44    # draws the films
    python -m animatrix.caption.fit.cuts [--folder runs/cuts/films/train] [--uncut runs/cases/train]

A logistic regression over the features of ``animatrix.caption.cuts.evidence``, on every change in the films
that is worth asking about, and on those in single shots (the cases drawn so far), none of which is a cut.
Writes ``animatrix/caption/measure/fitted/cuts.json`` and prints errors of a five-fold check.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from animatrix.caption.cuts import FEATURES, FITTED, CutFinder, evidence
from animatrix.caption.joins import distance, look
from animatrix.media import probe, scan
from animatrix.media.door import written_whole

MARGIN = 2  # frames about a join that are neither a cut nor none
RIDGE = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/cuts/films/train"), nargs="+")
    parser.add_argument("--uncut", type=Path, default=Path("runs/cases/train"), help="cases of one shot")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every error of the check")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    folders = options.folder if isinstance(options.folder, list) else [options.folder]
    labels = sorted(path for folder in folders for path in folder.glob("*.json"))
    rows = [row for path in labels for row in candidates(path)]
    cases = {(path.name, path.read_text()): path for path in sorted(options.uncut.glob("*/*.json"))}
    single = [path for path in cases.values() if not _parted(path)]
    rows += [row for path in single for row in changes(path, path.with_suffix(_suffix(path)), [])]
    labels += single
    features = np.array([row[0] for row in rows])
    truth = np.array([row[1] for row in rows])
    films = np.array([row[2] for row in rows])
    held_out = np.zeros(len(rows))
    for fold in range(5):
        out = np.array([labels.index(film) % 5 == fold for film in films])
        held_out[out] = chance(features[out], *fitted(features[~out], truth[~out]))
    wrong = (held_out > 0.5) != truth
    films_cut = len(labels) - len(single)
    print(f"{films_cut} films, {len(single)} single shots, {len(rows)} changes, {truth.sum()} cuts")
    print(f"held out by film: {(wrong & truth).sum()} cuts missed, {(wrong & ~truth).sum()} changes mistaken")
    if options.verbose:
        for i in np.flatnonzero(wrong):
            print(rows[i][2], rows[i][3], bool(truth[i]), held_out[i].round(2), features[i].round(2))
    weights, bias = fitted(features, truth)
    table = {
        "command": "python -m animatrix.caption.fit.cuts",
        "films": films_cut,
        "single_shots": len(single),
        "weights": {name: round(float(w), 4) for name, w in zip(FEATURES, weights, strict=True)},
        "bias": round(bias, 4),
    }
    with written_whole(FITTED) as temporary:
        temporary.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def candidates(label: Path) -> list[tuple[np.ndarray, bool, Path, int]]:
    """(features, whether a cut, label, frame) of every change of a film that is worth asking about."""
    return changes(label, label.with_suffix(".mp4"), json.loads(label.read_text()))


def changes(label: Path, path: Path, splices: Sequence[dict]) -> list[tuple[np.ndarray, bool, Path, int]]:
    """The same of the video ``path``, given its joins."""
    finder = CutFinder(probe(path).fps)
    looks = [look(frame.luma, frame.colour) for frame in scan(path)]
    steps = [0.0, *(distance(a, b) for a, b in pairwise(looks))]
    cuts = {splice["at"] for splice in splices if splice["kind"] == "cut"}
    found = []
    for i in range(1, len(looks)):
        if looks[i].blank or looks[i - 1].blank or (i not in cuts and _near(i, splices)):
            continue
        row = evidence(looks, steps, i, finder.gap, finder.rate)
        if row is not None:
            found.append((row, i in cuts, label, i))
    return found


def _parted(label: Path) -> bool:
    """Whether a case has a join in it, or an action that is shown again."""
    tags = json.loads(label.read_text())
    values = {tag["value"] for field in ("transition", "time_treatment") for tag in tags.get(field, [])}
    return bool(values - {"none", "real_time"})


def _suffix(label: Path) -> str:
    return ".mkv" if "-ffv1-" in label.name else ".mp4"


def _near(i: int, splices: Sequence[dict]) -> bool:
    """Whether frame ``i`` is too near to a join to say that there is none."""
    return any(
        abs(i - splice["first"]) <= MARGIN or (splice["kind"] == "cut" and abs(i - splice["at"]) <= MARGIN)
        for splice in splices
    )


def fitted(features: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights [n] and bias of the regression, by Newton's method on standardised features."""
    mean, scale = features.mean(0), features.std(0) + 1e-9
    x = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    ridge = RIDGE * np.append(np.ones(len(mean)), 0.0)
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        slope = x.T @ (p - truth) + ridge * w
        curve = (x * (p * (1 - p) + 1e-6)[:, None]).T @ x + np.diag(ridge)
        w = w - np.linalg.solve(curve, slope)
    weights = w[:-1] / scale
    return weights, float(w[-1] - weights @ mean)


def chance(features: np.ndarray, weights: np.ndarray, bias: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(features @ weights + bias, -30, 30)))


if __name__ == "__main__":
    main()
