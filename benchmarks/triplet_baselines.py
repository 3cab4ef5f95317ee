"""Can amplitude alone tell a meant deformation from a collapse? Linear baselines, cross-validated.

    python benchmarks/triplet_baselines.py --count 100 --seed 0

Prints one JSON document: the AUC of intended against collapsed takes for logistic regressions on
frame-difference energy, on flicker and on amplitude, each alone and all three together. 0.5 is chance. Folds
never part a triplet.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from animatrix.prefer.measures import auc
from animatrix.synthetic.triplet import TripletCorpus

FEATURES = ("energy", "flicker", "amplitude")


def features(frames: np.ndarray, flat: np.ndarray) -> list[float]:
    """Logs of frame-difference energy, second difference and change from the flat take ``[T,H,W,3]``."""
    x = frames.astype(np.float32)
    energy = np.abs(np.diff(x, axis=0)).mean()
    flicker = np.abs(np.diff(x, 2, axis=0)).mean()
    amplitude = np.abs(x - flat).mean()
    return [float(np.log(v + 1e-3)) for v in (energy, flicker, amplitude)]


def logistic(x: np.ndarray, y: np.ndarray, ridge: float = 1.0, steps: int = 25) -> np.ndarray:
    """Weights of a ridge logistic regression with intercept, by Newton's method. x ``[N,F]``, y 0/1."""
    a = np.concatenate([x, np.ones((len(x), 1))], 1)
    w = np.zeros(a.shape[1])
    penalty = ridge * np.diag([1.0] * x.shape[1] + [0.0])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(a @ w, -30, 30)))
        hessian = (a * (p * (1 - p))[:, None]).T @ a + penalty + 1e-6 * np.eye(len(w))
        w = w - np.linalg.solve(hessian, a.T @ (p - y) + penalty @ w)
    return w


def cross_validated(x: np.ndarray, y: np.ndarray, group: np.ndarray, folds: int = 5) -> float:
    """AUC of held-out scores."""
    score = np.zeros(len(y))
    for k in range(folds):
        test = group % folds == k
        mean, std = x[~test].mean(0), x[~test].std(0) + 1e-9
        w = logistic((x[~test] - mean) / std, y[~test])
        score[test] = (x[test] - mean) / std @ w[:-1] + w[-1]
    return auc(score[y == 1], score[y == 0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="train")
    parser.add_argument("--size", default="160x96")
    parser.add_argument("--rows", help="file to keep one line per triplet in")
    args = parser.parse_args()
    w, h = (int(n) for n in args.size.split("x"))
    corpus = TripletCorpus(args.seed, args.split, (w, h))
    begun, x, y, group, rows = time.time(), [], [], [], []
    for i in range(args.count):
        t = corpus[i]
        flat = t.flat.clip.frames.astype(np.float32)
        for label, take in ((0, t.intended), (1, t.collapsed)):
            x.append(features(take.clip.frames, flat))
            y.append(label)
            group.append(i)
        rows.append([t.failure, round(t.strength, 2), round(t.reach, 2), *x[-2], *x[-1]])
    xs, ys, gs = np.array(x), np.array(y), np.array(group)
    report: dict[str, object] = {"triplets": args.count}
    report |= {"seed": args.seed, "split": args.split, "size": args.size}
    report["seconds"] = round(time.time() - begun, 1)
    for k, name in enumerate(FEATURES):
        lone = auc(xs[ys == 1, k], xs[ys == 0, k])
        fitted = cross_validated(xs[:, [k]], ys, gs)
        report[name] = {"auc": round(fitted, 3), "raw": round(max(lone, 1 - lone), 3)}
    report["all"] = {"auc": round(cross_validated(xs, ys, gs), 3)}
    pairs = xs.reshape(-1, 2, len(FEATURES))
    report["collapsed_larger_share"] = {
        n: round(float((pairs[:, 1, k] > pairs[:, 0, k]).mean()), 3) for k, n in enumerate(FEATURES)
    }
    if args.rows:
        with open(args.rows, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(r) + "\n" for r in rows)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
