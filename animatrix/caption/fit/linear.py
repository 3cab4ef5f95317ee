"""Fitting of linear tables: multinomial logistic regression with a ridge, checked by folds over shots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from animatrix.caption.measure.linear_table import FITTED, REACH, LinearTable
from animatrix.media.door import written_whole

RIDGE = 1e-3
STEPS = 300
RATE = 0.02
EVEN = 0.5  # exponent of the weight of rare values: 0 as they come, 1 all alike


def fit_table(
    features: Sequence[Mapping[str, float]],
    truth: Sequence[str],
    curved: bool = False,
    even: float = EVEN,
    ridge: float = RIDGE,
) -> LinearTable:
    """The table that gives ``truth`` its best chances on ``features``, and their squares when ``curved``."""
    names = tuple(features[0])
    values = tuple(sorted(set(truth)))
    x = np.array([[row[name] for name in names] for row in features], np.float64)
    middle, scale = x.mean(0), x.std(0) + 1e-6
    z = np.clip((x - middle) / scale, -REACH, REACH)
    hot = np.eye(len(values))[[values.index(v) for v in truth]]
    importance = (len(truth) / np.maximum(hot.sum(0), 1)) ** even @ hot.T
    importance /= importance.sum()
    ones = np.column_stack([z, z**2 if curved else np.zeros_like(z), np.ones(len(z))])
    theta = np.zeros((ones.shape[1], len(values)))
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, STEPS + 1):  # Adam (Kingma and Ba, 2015) with its own defaults
        score = ones @ theta
        power = np.exp(score - score.max(1, keepdims=True))
        slope = ones.T @ ((power / power.sum(1, keepdims=True) - hot) * importance[:, None])
        slope[:-1] += 2 * ridge * theta[:-1]
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        theta -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    count = len(names)
    return LinearTable(names, middle, scale, values, theta[:count].T, theta[count:-1].T, theta[-1])


def held_out(
    features: Sequence[Mapping[str, float]],
    truth: Sequence[str],
    shots: Sequence[int],
    curved: bool = False,
    folds: int = 3,
    even: float = EVEN,
    ridge: float = RIDGE,
) -> list[dict[str, float]]:
    """The chances of every row by a table that has not seen its shot."""
    out: list[dict[str, float]] = [{}] * len(truth)
    for fold in range(folds):
        kept = [i for i, shot in enumerate(shots) if shot % folds != fold]
        made = fit_table([features[i] for i in kept], [truth[i] for i in kept], curved, even, ridge)
        for i, shot in enumerate(shots):
            if shot % folds == fold:
                out[i] = made.chances(features[i])
    return out


def report(chances: Sequence[Mapping[str, float]], truth: Sequence[str]) -> None:
    """Print precision and coverage at several confidences, and where each value goes."""
    tops = [max(row, key=lambda v: row[v]) for row in chances]
    sure = np.array([row[top] for row, top in zip(chances, tops, strict=True)])
    right = np.array([top == true for top, true in zip(tops, truth, strict=True)])
    for level in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9):
        said = sure >= level
        print(f"  from {level:.1f}: precision {right[said].mean():.3f} coverage {said.mean():.3f}")
    values = sorted(set(truth))
    for value in values:
        row = [sum(t == value and g == other for t, g in zip(truth, tops, strict=True)) for other in values]
        print(f"  {value:24s}", row)


def write_table(name: str, made: LinearTable, command: str, shots: int) -> None:
    """Write ``measure/fitted/<name>.json``."""
    rows = {
        feature: {
            "middle": round(float(made.middle[i]), 4),
            "scale": round(float(made.scale[i]), 4),
            "weights": [round(float(w), 3) for w in made.weights[:, i]],
            "curves": [round(float(w), 3) for w in made.curves[:, i]],
        }
        for i, feature in enumerate(made.features)
    }
    head = {
        "command": command,
        "rows": shots,
        "values": list(made.values),
        "bias": [round(float(b), 3) for b in made.bias],
    }
    lines = [f"  {json.dumps(feature)}: {json.dumps(row)}" for feature, row in rows.items()]
    text = json.dumps(head)[:-1] + ', "features": {\n' + ",\n".join(lines) + "\n}}"
    with written_whole(FITTED / f"{name}.json") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
