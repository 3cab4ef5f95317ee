"""What preference optimisation changed: models side by side on the same held-out directives and noise.

    python benchmarks/policy.py --out runs/policy_bench --model before=weights/nano \\
        --model vanilla=runs/a/export,runs/b/export --model gapo=... --model ours=runs/c/export,runs/d/export

The first model is the one that the others started from. A model may have several folders, one for each seed
of its training: noise seed k takes folder k. Directives are of the ``report`` split (held-out casts), the
deformations by turns, each with its near-physical twin from the same noise: what differs is the deformation's
amplitude. Measured are

* collapse: by the reward, and by a classifier on measures of pixels that took no part in any training (fitted
  on intended and collapsed takes of the ``tune`` split, through the autoencoder; its AUC is printed);
* expressiveness kept, per deformation: median amplitude over the first model's, over clips that did not
  collapse; ``nonrigid``: the same by non-rigid motion, which the floor of the training does not know;
* events recalled (deformations and impact frames asked for, read back by AniCaption) and how many it judged
  at all, adherence (all fields it judges), diversity (difference between the clips of one directive), win
  rate by the reward.

Intervals are 95 %, by bootstrap over prompts; ``less before`` is the paired difference. Every pair of clips
measured is a line of ``<out>/rows.jsonl``: the same command goes on where it stopped. Prints one JSON
document.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from reward import flicker, no_reference, residual
from triplet_baselines import cross_validated, logistic

from animatrix.errors import AniMatrixError
from animatrix.evaluate.intervals import bootstrap, paired
from animatrix.generate.report import read_back
from animatrix.generate.run import load, model_path, revision
from animatrix.knowledge import Directive
from animatrix.media import Clip, write_video
from animatrix.media.door import written_whole
from animatrix.prefer.aligned import asked_of, held_out
from animatrix.prefer.amplitude import amplitude
from animatrix.prefer.floor import change, passes, retention
from animatrix.prefer.judging import load_judge
from animatrix.prefer.passage import Passage, Way
from animatrix.prefer.policy_recipe import SharedScenes
from animatrix.prefer.samples import PipelineSampler, reward_of
from animatrix.prefer.sets import energy, to_planes
from animatrix.prefer.shown import at_most
from animatrix.synthetic.triplet import TripletCorpus

FIRST = 3_000_000  # number of the first directive: no training has drawn it
FEWEST = 5  # pairs below which a deformation has no row of its own
EVENTS = ("body_deformation", "smear_technique", "impact_frame")
FEATURES = ("energy", "flicker", "residual", "no_reference", "nonrigid")
Row = dict[str, Any]


# Measures that took no part in training


def features(frames: np.ndarray) -> list[float]:
    """By :data:`FEATURES`, logs where they are lengths."""
    planes = to_planes(frames)
    lengths = (energy(frames), flicker(planes), residual(planes))
    return [*(math.log(x + 1e-2) for x in lengths), no_reference(planes), math.log(amplitude(frames) + 1e-2)]


def classifier(args: argparse.Namespace, vae: Path) -> dict[str, Any]:
    """Intended against collapsed takes: weights on standardised features, and the cross-validated AUC."""
    file = args.out / "classifier.json"
    if file.exists():
        return json.loads(file.read_text())
    corpus, passage = TripletCorpus(0, "tune", args.size, args.frames), Passage(vae, 0.0, 0.0)
    x, y, group = [], [], []
    for number in range(args.triplets):
        try:
            triplet = corpus[number]
        except AniMatrixError:  # values that do not go together after all
            continue
        for label, take in ((0, triplet.intended), (1, triplet.collapsed)):
            x.append(features(passage(take.clip.frames, Way(), 0)))
            y.append(label)
            group.append(number)
        print(f"classifier: {number + 1} of {args.triplets} triplets", file=sys.stderr, flush=True)
    table, labels = np.array(x), np.array(y)
    mean, std = table.mean(0), table.std(0) + 1e-9
    found = {
        "features": list(FEATURES),
        "mean": mean.tolist(),
        "std": std.tolist(),
        "weights": logistic((table - mean) / std, labels).tolist(),
        "auc": round(cross_validated(table, labels, np.array(group)), 3),
        "triplets": len(set(group)),
    }
    with written_whole(file) as temporary:
        temporary.write_text(json.dumps(found))
    return found


def collapsing(fitted: Mapping[str, Any], frames: np.ndarray) -> float:
    """Probability of a collapse by the measures."""
    x = (np.array(features(frames)) - fitted["mean"]) / fitted["std"]
    w = np.array(fitted["weights"])
    return float(1 / (1 + np.exp(-np.clip(x @ w[:-1] + w[-1], -30, 30))))


def look(clip: Clip) -> list[int]:
    """Five frames, very small: what two clips of one directive are told apart by."""
    at = np.linspace(0, len(clip) - 1, 5).round().astype(int)
    small = [cv2.resize(clip.frames[t], (10, 6), interpolation=cv2.INTER_AREA) for t in at]
    return np.stack(small).ravel().tolist()


# Rows


def named(text: str) -> tuple[str, list[Path]]:
    name, _, folders = text.partition("=")
    if not folders:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER[,FOLDER...]")
    return name, [Path(folder) for folder in folders.split(",")]


def shared_scenes(text: str) -> SharedScenes:
    """``4:51``: four scenes of corpus seed 51."""
    count, _, seed = text.partition(":")
    return SharedScenes(count=int(count), seed=int(seed or 0))


def read_rows(file: Path) -> dict[str, Row]:
    """By key; a torn last line is passed over."""
    found = {}
    for line in file.read_text("utf-8").splitlines() if file.exists() else []:
        try:
            row = json.loads(line)
            found[row["key"]] = row
        except (ValueError, KeyError):
            continue
    return found


def measured(
    clip: Clip, twin: Clip, directive: Directive, judge: Any, fitted: Mapping[str, Any]
) -> dict[str, Any]:
    verdict = judge.score(clip, directive)
    report = read_back(directive, clip)
    return {
        "reward": round(reward_of(verdict), 4),
        "failure": round(verdict.failure, 4),
        "collapsing": round(collapsing(fitted, clip.frames), 4),
        "amplitude": round(change(clip.frames, twin.frames), 4),
        "nonrigid": round(amplitude(clip.frames), 4),
        "ok": {row["field"]: row["ok"] for row in report if row["ok"] is not None},
        "events": [f for f in EVENTS if any(t.value != "none" for t in directive.tags.get(f, ()))],
        "look": look(clip),
    }


def fill(args: argparse.Namespace, models: Sequence[tuple[str, list[Path]]]) -> list[Row]:
    """All rows, those that are missing made now; (model, number, seed) each once."""
    file = args.out / "rows.jsonl"
    kept, judge = read_rows(file), load_judge(args.reward)
    fitted = classifier(args, model_path(str(models[0][1][0])) / "vae")
    settings = f"{args.size[0]}x{args.size[1]}x{args.frames}/{args.steps}/{args.guidance}/{args.scenes}"
    rows = []
    judged_by = revision(args.reward)
    for name, folders in models:
        for seed in range(args.seeds):
            folder = folders[seed % len(folders)]
            which, pipe = revision(model_path(str(folder))), None
            for number in range(FIRST, FIRST + args.count):
                key = f"{which}/{judged_by}/{settings}/{number}/{seed}"
                if key not in kept:
                    if pipe is None:
                        pipe = load(str(folder))
                        sample = PipelineSampler(pipe, args.size, args.steps, args.guidance)
                    slots = pipe.transformer.config.tag_slots
                    both = held_out(0, "report", number, args.frames, args.size, args.scenes)
                    asked, plain = (at_most(d, slots) for d in both)
                    noise = 10 * number + seed
                    clip, twin = sample([asked, plain], [noise, noise])
                    row = {"key": key, "number": number, "seed": seed, "asked": asked_of(number)}
                    row |= measured(clip, twin, asked, judge, fitted)
                    with file.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(row) + "\n")
                    if args.keep:
                        (args.out / "clips").mkdir(exist_ok=True)
                        write_video(clip, args.out / "clips" / f"{which}-{number}-{seed}.mkv", lossless=True)
                    kept[key] = row
                    print(
                        f"{name} seed {seed}: {number - FIRST + 1}/{args.count}", file=sys.stderr, flush=True
                    )
                rows.append({**kept[key], "model": name})
    return rows


# Figures


def mean_of(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def share_ok(rows: Sequence[Row]) -> float:
    return mean_of([ok for r in rows for ok in r["ok"].values()])


def recall(rows: Sequence[Row]) -> float:
    """Of the events that were asked for and that AniCaption judges, those that are there."""
    return mean_of([r["ok"][field] for r in rows for field in r["events"] if field in r["ok"]])


def spread(rows: Sequence[Row]) -> dict[tuple[int, int], float]:
    """Of each clip, by number and seed: mean difference to the model's other clips of the directive, in
    levels.
    """
    found = {}
    for prompt in by_prompt(rows):
        looks = {r["seed"]: np.array(r["look"], float) for r in prompt}
        for r in prompt:
            gaps = [np.abs(looks[r["seed"]] - its).mean() for seed, its in looks.items() if seed != r["seed"]]
            found[r["number"], r["seed"]] = mean_of(gaps)
    return found


def win_rate(rows: Sequence[Row]) -> float:
    """Against the first model; ties count half."""
    gaps = [r["reward"] - r["first"]["reward"] for r in rows]
    return mean_of([(gap > 0) + 0.5 * (gap == 0) for gap in gaps])


FIGURES: dict[str, Callable[[Sequence[Row]], float]] = {
    "collapse, reward": lambda rows: mean_of([r["failure"] >= 0.5 for r in rows]),
    "collapse, measures": lambda rows: mean_of([r["collapsing"] >= 0.5 for r in rows]),
    "win rate": lambda rows: win_rate(rows),
    "kept": lambda rows: kept_of(rows, "amplitude"),
    "kept, nonrigid": lambda rows: kept_of(rows, "nonrigid"),
    "event recall": recall,
    "events judged": lambda rows: mean_of([field in r["ok"] for r in rows for field in r["events"]]),
    "adherence": share_ok,
    "diversity": lambda rows: mean_of([r["spread"] for r in rows]),
}  # fmt: skip
# For these, a difference to the first model is of interest; the others are already relative to it.
COMPARED = ("collapse, reward", "collapse, measures", "event recall", "adherence", "diversity")


def kept_of(rows: Sequence[Row], what: str) -> float:
    sound = [r for r in rows if passes(r["failure"], r["first"]["failure"])]
    return retention([(r[what], r["first"][what]) for r in sound])


def by_prompt(rows: Sequence[Row]) -> list[list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["number"]].append(row)
    return [found[number] for number in sorted(found)]


def over(figure: Callable[[Sequence[Row]], float]) -> Callable[[Sequence[list[Row]]], float]:
    return lambda prompts: figure([row for prompt in prompts for row in prompt])


def rounded(values: Sequence[float]) -> list[float | None]:
    return [round(v, 4) if math.isfinite(v) else None for v in values]


def figures_of(rows: Sequence[Row], first: Sequence[Row], resamples: int) -> dict[str, Any]:
    """Every figure as [value, low, high], differences as [value, low, high, p]."""
    prompts, before = by_prompt(rows), by_prompt(first)
    found: dict[str, Any] = {"prompts": len(prompts), "clips": len(rows)}
    for name, figure in FIGURES.items():
        low_high = bootstrap(prompts, over(figure), resamples=resamples)
        found[name] = rounded([figure(rows), *low_high])
        if name in COMPARED and rows is not first:
            gap = paired(prompts, before, over(figure), resamples=resamples)
            found[f"{name}, less before"] = rounded([gap.value, gap.low, gap.high, gap.p])
    found["kept by deformation"] = {}
    for tag in sorted({r["asked"] for r in rows}):
        its = [r for r in rows if r["asked"] == tag]
        if len(its) >= FEWEST:
            low_high = bootstrap(by_prompt(its), over(FIGURES["kept"]), resamples=resamples)
            found["kept by deformation"][tag] = [*rounded([FIGURES["kept"](its), *low_high]), len(its)]
    return found


def gate(found: Mapping[str, Any]) -> dict[str, bool]:
    """What a tuned model has to pass to take the first one's place (training.md)."""
    kept = [row[0] for row in found["kept by deformation"].values() if row[0] is not None]
    recall, adherence = (found[f"{n}, less before"] for n in ("event recall", "adherence"))
    less = (found[f"collapse, {n}, less before"] for n in ("reward", "measures"))
    return {
        "every deformation keeps .95": bool(kept) and min(kept) >= 0.95,
        "event recall is not lower": recall[1] is not None and recall[1] >= -0.05,
        "adherence is not lower": adherence[1] is not None and adherence[1] >= -0.05,
        "less collapse, by reward and measures": all(row[2] is not None and row[2] < 0 for row in less),
    }


def main() -> None:
    """Make, measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", action="append", type=named, required=True, metavar="NAME=FOLDER[,FOLDER]")
    parser.add_argument("--reward", type=Path, default=Path("weights/reward"))
    parser.add_argument("--out", type=Path, default=Path("runs/policy_bench"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--size", default="160x96")
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--scenes", type=shared_scenes, metavar="N[:SEED]", help="the N scenes a model knows")
    parser.add_argument("--steps", type=int, help="default: as the model's clips usually are")
    parser.add_argument("--guidance", type=float, help="the same")
    parser.add_argument(
        "--triplets", type=int, default=60, help="that the classifier on measures is fitted on"
    )
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--keep", action="store_true", help="keep the clips, too")
    args = parser.parse_args()
    args.size = tuple(int(n) for n in args.size.split("x"))
    args.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    began = time.perf_counter()
    rows = fill(args, args.model)
    started = args.model[0][0]
    first = {(r["number"], r["seed"]): r for r in rows if r["model"] == started}
    rows = [{**r, "first": first[r["number"], r["seed"]]} for r in rows]
    of = {name: [r for r in rows if r["model"] == name] for name, _ in args.model}
    for its in of.values():
        apart = spread(its)
        for row in its:
            row["spread"] = apart[row["number"], row["seed"]]
    found = {name: figures_of(its, of[started], args.resamples) for name, its in of.items()}
    fitted = json.loads((args.out / "classifier.json").read_text())
    plain = ("count", "seeds", "steps", "guidance", "size", "frames")
    settings = {name: getattr(args, name) for name in plain}
    report = {
        "settings": settings | {"models": {name: list(map(str, folders)) for name, folders in args.model}},
        "classifier": {name: fitted[name] for name in ("features", "auc", "triplets")},
        "figures": found,
        "gate": {name: gate(figures) for name, figures in found.items() if name != started},
        "seconds": round(time.perf_counter() - began),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
