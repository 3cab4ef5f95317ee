"""Makes a trained recogniser say how sure it is, on held-out designs, and writes the folder that ships.

    python -m animatrix.caption.recognise.calibrate --checkpoint runs/recogniser/model/checkpoint.pt \\
        --train runs/recogniser/train --tune runs/recogniser/tune --out weights/recogniser

Per field: temperature (fields of one value; Guo et al., 2017) or Platt scaling (fields of many), then the
lowest confidence from which answers on ``tune`` are right 9 times in 10, for the most common value and for
all others by themselves. Familiarity: Mahalanobis distance of the look of training shots. Figures per field
go to ``--report``; ``tune`` chose the thresholds, so they flatter a little.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from animatrix.caption.recognise.answers import Question, Sheet
from animatrix.caption.recognise.batches import Shot, Shots, varied
from animatrix.caption.recognise.lens import from_planes
from animatrix.caption.recognise.reading import Raw, chosen_values, confidences, read
from animatrix.caption.recognise.tagger import Tagger
from animatrix.caption.recognise.weights import (
    NEVER,
    Familiarity,
    Gauge,
    Recogniser,
    Surety,
    folded,
    save,
)
from animatrix.knowledge import Taxonomy
from animatrix.media.door import written_whole
from animatrix.synthetic import RENDERABLE

PRECISION = 0.9
FEWEST = 8  # answers needed to judge a threshold; with fewer, CAUTIOUS
CAUTIOUS = 0.9
LEAST_SKILL = 0.4  # macro-F1 below which "the usual" or "nothing there" is a habit, not something seen
GATE = 0.02  # of training-like shots, about, are turned away as unfamiliar
DIRECTIONS = 64


def raw_answers(
    model: Tagger, shots: list[Shot], rng: np.random.Generator | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits ``[N,width]``, looks ``[N,K]`` and picture statistics, as :func:`recognise` gets them.

    With ``rng`` the pictures are varied as in training.
    """
    rows: list[Raw] = []
    for shot in shots:
        planes = np.asarray(shot.planes)
        planes = varied(planes, rng) if rng is not None else planes
        with torch.inference_mode():
            rows.append(read(model, from_planes(planes), 24.0 if len(planes) > 96 else shot.take.fps))
    return (
        np.stack([r.answers.mean(0) for r in rows]),
        np.concatenate([r.looks for r in rows]),
        np.concatenate([r.pictures for r in rows]),
    )


def temperature(logits: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """Scale of the logits ``[N,places]`` that makes the targets most likely."""

    def loss(scale: float) -> float:
        z = scale * logits
        z = z - z.max(1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(1, keepdims=True))
        return float(-(target * logp * weight).sum())

    return min(np.geomspace(0.3, 3, 60), key=loss)


def platt(logit: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """(scale, shift) of a logistic fit by Newton's method (Platt, 1999), with his smoothed targets."""
    positive, negative = (target * weight).sum(), ((1 - target) * weight).sum()
    if positive < 2 or negative < 2:
        return 1.0, 0.0
    y = np.where(target > 0.5, (positive + 1) / (positive + 2), 1 / (negative + 2))
    x = np.stack([logit, np.ones_like(logit)], 1)
    theta = np.array([1.0, 0.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ theta, -30, 30)))
        slope = x.T @ (weight * (p - y)) + 1e-2 * (theta - [1.0, 0.0])
        curve = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-2 * np.eye(2)
        theta = theta - np.clip(np.linalg.solve(curve, slope), -1, 1)
    return float(max(theta[0], 0.05)), float(theta[1])


def least_confidence(sure: np.ndarray, right: np.ndarray) -> float:
    """Lowest confidence from which at least ``PRECISION`` of the answers are right, or NEVER."""
    if len(sure) < FEWEST:
        return CAUTIOUS
    order = np.argsort(-sure)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((precision >= PRECISION) & (np.arange(1, len(order) + 1) >= FEWEST))
    if not len(good):
        return NEVER
    last = good[-1]
    below = sure[order[last + 1]] if last + 1 < len(order) else 0.0
    return (
        float((sure[order[last]] + below) / 2) if last + 1 < len(order) else float(sure[order[last]]) * 0.98
    )


def surety_of(q: Question, logits: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Surety:
    """Calibration and thresholds of one field from tune logits (offset taken out)."""
    own, y, w = logits[:, q.places], target[:, q.places], weight[:, q.places]
    names = np.array(q.values)
    counts = (y[:, : len(names)] > 0).sum(0)
    usual = str(names[counts.argmax()])
    if q.many:
        none = names == "none"
        a, b = platt(own[:, ~none].ravel(), y[:, ~none].ravel(), w[:, ~none].ravel())
        c, d = (
            platt(own[:, none].ravel(), y[:, none].ravel(), w[:, none].ravel()) if none.any() else (1.0, 0.0)
        )
        surety = Surety(a, b, c, d, usual)
    else:
        surety = Surety(scale=float(temperature(own, y, w)), usual=usual)
    sure = confidences(q, logits, surety)[:, : len(names)]
    if q.many:
        asked = (sure >= 0.3) & (w > 0)  # unnamed where it could be by chance counts as wrong
    else:
        asked = (sure == sure.max(1, keepdims=True)) & (w[:, : len(names)] > 0)
        asked &= sure >= confidences(q, logits, surety)[:, len(names) :]
    right = y[:, : len(names)] > 0
    common = np.broadcast_to(names == usual, asked.shape)
    rare, plain = asked & ~common, asked & common
    return Surety(
        **{
            **surety.__dict__,
            "least_usual": max(0.5, least_confidence(sure[plain], right[plain])),
            "least": max(0.5, least_confidence(sure[rare], right[rare])),
        }
    )


def gauge_of(train: np.ndarray, held_out: np.ndarray) -> Gauge:
    """Distances from training features ``[N,K]``, with the quantiles of held-out ones."""
    mean, scale = train.mean(0), train.std(0) + 0.05 * train.std(0).mean()
    centred = (train - mean) / scale
    values, vectors = np.linalg.eigh(centred.T @ centred / len(train))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    k = min(DIRECTIONS, len(values))
    spread = np.sqrt(values[:k] + 0.02 * values[:k].mean())
    rest = max(float(values[k:].sum()), 1e-3)
    mean, scale, axes, spread = (x.astype(np.float32) for x in (mean, scale, vectors[:, :k], spread))
    bare = Gauge(mean, scale, axes, spread, rest, (), ())
    shares = np.concatenate([np.linspace(1, 0.05, 20), [0.03, 0.02, 0.01, 0.005]])
    distances = np.quantile(bare.distance(held_out), 1 - shares)
    return replace(bare, distances=tuple(map(float, distances)), shares=tuple(map(float, shares)))


def figures(
    q: Question, logits: np.ndarray, target: np.ndarray, weight: np.ndarray, surety: Surety
) -> dict[str, object]:
    """Macro-F1 with and without abstaining, precision and coverage, and counts, of one field on tune.

    ``macro_f1``: best guess, no abstaining, over the values tune has at least 5 shots of, on shots whose
    directive names the field. ``precision``: of all answers given. ``coverage``: share of named shots with
    an answer; ``rare_*``: the same without the most common value.
    """
    names = q.values
    y = target[:, q.places][:, : len(names)] > 0
    w = weight[:, q.places][:, : len(names)].max(1) > 0
    named = y.any(1) & w
    sure = confidences(q, logits, surety)
    guess = np.zeros_like(y)
    if q.many:
        guess = sure >= 0.5
        top = sure.argmax(1)
        guess[np.arange(len(guess)), top] |= ~guess.any(1)
    else:
        guess[np.arange(len(guess)), sure[:, : len(names)].argmax(1)] = True
    f1, per_value = [], {}
    for k, name in enumerate(names):
        hit = (guess[:, k] & y[:, k] & named).sum()
        said, there = (guess[:, k] & named).sum(), (y[:, k] & named).sum()
        score = 2 * hit / max(said + there, 1)
        per_value[name] = {"f1": round(float(score), 3), "shots": int(there)}
        if there >= 5:
            f1.append(score)
    answers = [chosen_values(q, row, surety) for row in sure]
    flat = [(k, v) for k, a in enumerate(answers) if w[k] for v, _ in a]
    hits = [bool(y[k, names.index(v)]) for k, v in flat]
    unusual = [h for h, (_, v) in zip(hits, flat, strict=True) if v != surety.usual]
    common = names.index(surety.usual)
    odd = named & (y.sum(1) - y[:, common] > 0)
    answered = np.array([bool(a) for a in answers])
    answered_odd = np.array([any(v != surety.usual for v, _ in a) for a in answers])
    return {
        "macro_f1": round(float(np.mean(f1)), 3) if f1 else None,
        "values_scored": len(f1),
        "precision": round(float(np.mean(hits)), 3) if hits else None,
        "coverage": round(float(answered[named].mean()), 3) if named.any() else None,
        "rare_precision": round(float(np.mean(unusual)), 3) if unusual else None,
        "rare_coverage": round(float(answered_odd[odd].mean()), 3) if odd.any() else None,
        "named": int(named.sum()),
        "usual": surety.usual,
        "least_usual": round(surety.least_usual, 3),
        "least": round(surety.least, 3),
        "values": per_value,
    }


def sincere(
    q: Question, logits: np.ndarray, target: np.ndarray, weight: np.ndarray, surety: Surety
) -> Surety:
    """The same, without the field's most common value where the field is hardly told apart: an answer that
    would be given whatever is shown is right often and says nothing."""
    skill = figures(q, logits, target, weight, surety)["macro_f1"]
    blind = skill is None or float(str(skill)) < LEAST_SKILL
    return replace(surety, least_usual=NEVER) if blind else surety


def reliability(sheet: Sheet, logits, target, weight, surety: dict[str, Surety]) -> list[dict[str, float]]:
    """Stated confidence against the share that is right, over the answers of all fields in ten bins."""
    stated, right = [], []
    for q in sheet.questions:
        y, w = target[:, q.places], weight[:, q.places]
        for k, row in enumerate(confidences(q, logits, surety[q.id])):
            for value, confidence in chosen_values(q, row, surety[q.id]):
                place = q.values.index(value)
                if w[k, place] > 0:
                    stated.append(confidence)
                    right.append(y[k, place] > 0)
    s, r = np.array(stated), np.array(right, float)
    bins = np.minimum((s * 10).astype(int), 9)
    return [
        {
            "stated": round(float(s[bins == b].mean()), 3),
            "right": round(float(r[bins == b].mean()), 3),
            "answers": int((bins == b).sum()),
        }
        for b in range(10)
        if (bins == b).any()
    ]


def calibrate(checkpoint: Path, train: Path, tune: Path, out: Path, report: Path, looks: int) -> dict:
    """Fit everything, write the folder and the report, and return the report."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sheet = Sheet.of(RENDERABLE, Taxonomy.default())
    state = torch.load(checkpoint, weights_only=True)
    model = Tagger(sheet.width)
    model.load_state_dict(state["average"])
    model = folded(model).channels_last()
    for p in model.parameters():
        p.data = p.data.half().float()  # as it will be read from the folder
    held, seen = Shots(tune, sheet), Shots(train, sheet)
    held.refresh()
    seen.refresh()
    rng = np.random.default_rng(0)
    shots = [s for same in held.by_shape.values() for s in same]
    known_shots = [s for same in seen.by_shape.values() for s in same]
    some = [known_shots[i] for i in rng.permutation(len(known_shots))[:looks]]
    offset = state["weights"].log()
    logits, look, picture = raw_answers(model, shots)
    logits = logits - offset.numpy()
    _, look_varied, picture_varied = raw_answers(model, shots[:: max(1, len(shots) // 400)], rng)
    _, look_train, picture_train = raw_answers(model, some[::2])
    _, look_train_varied, picture_train_varied = raw_answers(model, some[1::2], rng)
    target = np.stack([s.answer.target for s in shots])
    weight = np.stack([s.answer.weight for s in shots])
    familiarity = Familiarity(
        gauge_of(np.concatenate([look_train, look_train_varied]), np.concatenate([look, look_varied])),
        gauge_of(
            np.concatenate([picture_train, picture_train_varied]), np.concatenate([picture, picture_varied])
        ),
    )
    surety = {q.id: surety_of(q, logits, target, weight) for q in sheet.questions}
    worlds = np.array([s.take.world for s in shots])
    surety = {q.id: sincere(q, logits, target, weight, surety[q.id]) for q in sheet.questions}
    fields = {q.id: figures(q, logits, target, weight, surety[q.id]) for q in sheet.questions}
    wide = worlds == "wide"
    for q in sheet.questions:
        alone = figures(q, logits[wide], target[wide], weight[wide], surety[q.id])
        fields[q.id]["wide_macro_f1"] = alone["macro_f1"]
    scores = [float(str(f["macro_f1"])) for f in fields.values() if f["macro_f1"] is not None]
    story = {
        "shots": len(shots),
        "trained_on": len(known_shots),
        "steps": state["step"],
        "minutes": round(state["spent"] / 60, 1),
        "mean_macro_f1": round(float(np.mean(scores)), 3),
        "reliability": reliability(sheet, logits, target, weight, surety),
        "fields": fields,
    }
    notes = {k: story[k] for k in ("shots", "trained_on", "steps", "minutes", "mean_macro_f1")}
    save(Recogniser(model, sheet, surety, familiarity, GATE, offset, notes), out)
    with written_whole(report) as temporary:
        temporary.write_text(json.dumps(story, indent=1) + "\n")
    return story


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--tune", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--report", type=Path, default=Path("runs/recogniser/tune_report.json"))
    parser.add_argument(
        "--looks", type=int, default=1500, help="training shots that familiarity is fitted on"
    )
    args = parser.parse_args()
    story = calibrate(args.checkpoint, args.train, args.tune, args.out, args.report, args.looks)
    for name, f in story["fields"].items():
        print(
            f"{name:24} macro-F1 {f['macro_f1']}  precision {f['precision']} coverage {f['coverage']}  "
            f"rare precision {f['rare_precision']} coverage {f['rare_coverage']}  ({f['named']} shots)"
        )
    print(f"mean macro-F1 {story['mean_macro_f1']} on {story['shots']} shots")


if __name__ == "__main__":
    main()
