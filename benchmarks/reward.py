"""Does the reward model tell art from failure? Sets that it never saw: other seeds, casts, failure kinds.

    python benchmarks/reward.py --weights weights/reward --vae weights/nano/vae --count 200 [--json]
    python benchmarks/reward.py --baselines --count 40        # the baselines alone, no weights needed

Every second set shows a failure kind that training left out. Prints a table (or one JSON document): AUC of
intended against collapsed by failure kind (seen, left out) and by deformation, tag flips, shuffled frames,
pairs of equal amplitude, where failures are, and what is meant to fool a judge; with 95 % intervals by
bootstrap over sets. Baselines stand beside it where they apply. They ignore the directive: flicker, the
motion-compensated residual, and a score without reference (sharpness and smoothness together).

The split is ``report``: look at it when the model is finished. ``--split tune`` is for working.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from animatrix.prefer.judging import load_judge
from animatrix.prefer.measures import (
    Row,
    auc,
    beaten,
    failure_auc,
    flips,
    judged,
    localised,
    of_wanted,
    right,
    score_auc,
)
from animatrix.prefer.merits import DIMENSIONS, OVERALL
from animatrix.prefer.negatives import NEGATIVES
from animatrix.prefer.passage import Passage
from animatrix.prefer.recipe import PairData
from animatrix.prefer.reward import Judgement
from animatrix.prefer.sets import Drawn, Sets
from animatrix.prefer.shown import Shown, to_frames
from animatrix.prefer.splits import LEFT_OUT, SEEN

RESAMPLES = 1000
FEWEST = 5  # sets below which a row of the table says too little


def luma_of(planes: np.ndarray) -> np.ndarray:
    """Luma ``uint8 [T,H,W]`` of I420 planes."""
    return np.ascontiguousarray(planes[:, : planes.shape[1] * 2 // 3])


def flicker(planes: np.ndarray) -> float:
    """Badness: mean second difference in time, in levels."""
    return float(np.abs(np.diff(luma_of(planes).astype(np.float32), 2, axis=0)).mean())


def residual(planes: np.ndarray) -> float:
    """Badness: what is left of each frame after the one before was moved onto it (Farneback flow); the worst
    tenth of pixels, the median over frames.
    """
    luma = luma_of(planes)
    h, w = luma.shape[1:]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    left = []
    for a, b in pairwise(luma):
        flow = cv2.calcOpticalFlowFarneback(b, a, None, 0.5, 3, 11, 3, 5, 1.1, 0)
        moved = cv2.remap(a, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
        gap = cv2.absdiff(moved, b).ravel()
        left.append(float(np.sort(gap)[-len(gap) // 10 :].mean()))
    return float(np.median(left))


def no_reference(planes: np.ndarray) -> float:
    """Badness without reference or directive: minus log sharpness, plus log roughness in time."""
    luma = luma_of(planes).astype(np.float32)
    sharp = float(np.mean([cv2.Laplacian(f, cv2.CV_32F).std() for f in luma]))
    rough = float(np.abs(np.diff(luma, 2, axis=0)).mean())
    return float(np.log(rough + 0.1) - np.log(sharp + 0.1))


BASELINES: dict[str, Callable[[np.ndarray], float]] = {
    "flicker": flicker,
    "residual": residual,
    "no_reference": no_reference,
}


def of_baseline(badness: Callable[[np.ndarray], float]) -> Callable[[Shown], Judgement]:
    """A judge that knows only the clip: the same score in every dimension, no idea of where."""

    def judge(shown: Shown) -> Judgement:
        bad = torch.tensor([badness(p) for p in shown.planes])
        nowhere = torch.full(shown.maps.shape, -9.0)
        return Judgement(-bad[:, None].repeat(1, len(DIMENSIONS)), bad, nowhere, nowhere)

    return judge


def of_model(folder: Path) -> Callable[[Shown], Judgement]:
    net: Any = load_judge(folder).net

    def judge(shown: Shown) -> Judgement:
        clips = [to_frames(p) for p in shown.planes]
        with torch.inference_mode():
            return net(net.prepare([shown.directive] * len(clips), clips))

    return judge


def interval(rows: Sequence[Row], figure: Callable[[Sequence[Row]], float], seed: int = 0) -> list[float]:
    """The figure and its 95 % interval by bootstrap over sets, to three digits; the number of sets last."""
    by_set: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_set[row.number].append(row)
    numbers = list(by_set)
    if len(numbers) < FEWEST:
        return []
    rng, found = np.random.default_rng(seed), []
    for _ in range(RESAMPLES if len(numbers) < 400 else RESAMPLES // 4):
        some = [r for n in rng.integers(len(numbers), size=len(numbers)) for r in by_set[numbers[n]]]
        found.append(figure(some))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return [round(float(x), 3) for x in (figure(rows), low, high)] + [len(numbers)]


def share(rows: Sequence[Row], name: str, measure: Callable[[Sequence[Row]], dict[str, float]]) -> float:
    return measure(rows).get(name, float("nan"))


def table(rows: Sequence[Row], localises: bool) -> dict[str, list[float]]:
    """Every figure of the benchmark as [value, low, high, sets]."""
    seen = [r for r in rows if r.failure_kind in SEEN]
    left_out = [r for r in rows if r.failure_kind in LEFT_OUT]
    found: dict[str, list[float]] = {}
    for name, part in (("seen", seen), ("left out", left_out)):
        found[f"AUC int/col, {name} kinds, failure answer"] = interval(part, failure_auc)
        found[f"AUC int/col, {name} kinds, score"] = interval(part, score_auc)
    for kind in (*SEEN, *LEFT_OUT):
        mark = " (left out)" if kind in LEFT_OUT else ""
        part = [r for r in rows if r.failure_kind == kind]
        found[f"AUC int/col, {kind}{mark}"] = interval(part, failure_auc)
    for asked in sorted({r.asked for r in rows}):
        # Few sets show a value, so that its intended takes stand against the collapsed ones of all.
        found[f"AUC int/col, {asked}"] = interval(
            [r for r in rows if r.asked == asked], lambda part: against_all(part, rows)
        )
    for name in ("flip_asked", "flip_unasked", "flip_both"):
        found[f"tag flip, {name[5:]}"] = interval(rows, lambda part, n=name: share(part, n, flips))
    found["pairs told right, overall"] = interval(rows, lambda part: right(part, OVERALL))
    found["pairs of equal amplitude told right"] = interval(
        rows, lambda part: right(part, OVERALL, lambda pair: pair.matched)
    )
    found["int > col, equal amplitude"] = interval(of_wanted(rows), matched_collapse)
    for head in DIMENSIONS:
        found[f"pairs told right, {head}"] = interval(rows, lambda part, h=head: right(part, h))
    for kind in NEGATIVES:
        some = [r for r in rows if r.at(kind) >= 0]
        found[f"scores below its clip: {kind}"] = interval(some, lambda part, k=kind: beaten(part, k)[0])
    if localises:
        for name in ("pointing", "iou", "false_cells"):
            found[f"where, {name}, seen"] = interval(seen, lambda part, n=name: share(part, n, localised))
            found[f"where, {name}, left out"] = interval(
                left_out, lambda part, n=name: share(part, n, localised)
            )
    return found


def against_all(part: Sequence[Row], rows: Sequence[Row]) -> float:
    """AUC of the failure answer: intended takes of some sets against the collapsed takes of all."""
    good = [r.failure[r.at("intended")] for r in of_wanted(part)]
    return auc([r.failure[r.at("collapsed")] for r in of_wanted(rows)], good)


def matched_collapse(rows: Sequence[Row]) -> float:
    """Share of intended takes above a collapsed one that moves as much (the same set's)."""

    def keep(pair) -> bool:
        return pair.matched and {pair.first.kind, pair.second.kind} == {"intended", "collapsed"}

    return right(rows, OVERALL, keep)


def draw(args: argparse.Namespace) -> list[Drawn]:
    w, h = (int(n) for n in args.size.split("x"))
    passage = Passage(args.vae, PairData().noise, PairData().codecs)
    sets = Sets(args.seed, args.split, passage, (w, h), args.frames, others=None)
    return [sets[number] for number in range(args.first, args.first + args.count)]


def hidden(story: Path) -> tuple[str, int]:
    """Size and frames that a judge was trained at."""
    told = json.loads(story.read_text())
    return f"{told['size'][0]}x{told['size'][1]}", int(told["frames"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, default=Path("weights/reward"))
    parser.add_argument("--baselines", action="store_true", help="the baselines alone")
    parser.add_argument("--vae", type=Path, help="autoencoder that sets pass through; default: codecs only")
    parser.add_argument("--split", default="report", choices=("tune", "report"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", default="128x80")
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    judges: dict[str, Callable[[Shown], Judgement]] = {}
    if not args.baselines:
        judges["reward"] = of_model(args.weights)
        args.size, args.frames = hidden(args.weights / "reward.json")
    judges |= {name: of_baseline(badness) for name, badness in BASELINES.items()}
    began = time.time()
    sets = draw(args)
    report: dict[str, Any] = {
        "split": args.split,
        "seed": args.seed,
        "sets": args.count,
        "size": args.size,
        "left_out": list(LEFT_OUT),
        "seconds_to_draw": round(time.time() - began, 1),
    }
    report["figures"] = {
        name: table(judged(sets, judge), localises=name == "reward") for name, judge in judges.items()
    }
    if args.json:
        print(json.dumps(report))
        return
    print({k: v for k, v in report.items() if k != "figures"})
    names = list(judges)
    print(f"{'':52}" + "".join(f"{n:>30}" for n in names))
    for line in report["figures"][names[0]]:
        cells = [report["figures"][n].get(line, []) for n in names]
        shown = [f"{c[0]:.3f} [{c[1]:.3f}, {c[2]:.3f}] n={c[3]}" if c else "-" for c in cells]
        print(f"{line:52}" + "".join(f"{s:>30}" for s in shown))


if __name__ == "__main__":
    main()
