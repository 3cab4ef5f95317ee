"""Does the statistics of the human study find what was planted? One JSON document.

    python benchmarks/study_recovery.py --studies 500 --seed 0

Three parts. Coverage: the share of simulated studies whose 95 % interval holds the truth, for every way to
make an interval, with raters and prompts that differ little or much. Recovery: five dimensions with planted
differences in one study of three systems, and how often each is found, or found where there is none, after
Holm. Screening: the share of raters excluded, honest and not.

The truth is what all raters and prompts together would say; with raters who differ it lies nearer 0 than the
planted score of a single rater (see ``animatrix.evaluate.statistics.simulated``).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict

import numpy as np
import torch

from animatrix.evaluate.intervals import holm, wilson
from animatrix.evaluate.statistics.bradley_terry import Comparisons
from animatrix.evaluate.statistics.opinion import Opinions
from animatrix.evaluate.statistics.screening import ScreeningRules, screen
from animatrix.evaluate.statistics.simulated import (
    Planted,
    population,
    population_mean,
    simulate,
    simulate_scores,
)
from animatrix.evaluate.statistics.simulated_raters import SPAM, Manner, study_votes
from animatrix.evaluate.statistics.twoway import METHODS, draw, interval
from animatrix.prefer.merits import DIMENSIONS

TWO, THREE = (0.4, -0.4), (0.5, 0.0, -0.5)
# name -> planted, raters, prompts, real trials of a rater
STUDIES = {
    "20 raters, 40 prompts, both differ": (Planted(TWO), 20, 40, 30),
    "20 raters, 40 prompts, only chance": (Planted(TWO, rater_spread=0, prompt_spread=0), 20, 40, 30),
    "20 raters, 40 prompts, no difference": (Planted((0.0, 0.0)), 20, 40, 30),
    "40 raters, 30 prompts, both differ much": (
        Planted(TWO, rater_spread=0.8, prompt_spread=0.8),
        40,
        30,
        20,
    ),
    "8 raters, 30 prompts": (Planted(TWO, rater_spread=0.6, prompt_spread=0.3), 8, 30, 30),
    "5 raters, 40 prompts": (Planted(TWO, rater_spread=0.5, prompt_spread=0.3), 5, 40, 40),
    "20 raters, 8 prompts": (Planted(TWO), 20, 8, 8),
    "three systems": (Planted(THREE), 20, 40, 30),
    "three systems, Rao-Kupper": (Planted(THREE, tie=0.5, model="rao_kupper"), 20, 40, 30),
}
# Scores 1 to 5: means of raters' scales, raters, prompts, trials
OPINIONS = {"scores, 20 raters": ((3.6, 3.1), 20, 40, 30), "scores, 8 raters": ((3.6, 3.1), 8, 30, 30)}
DIFFERENCES = dict(zip(DIMENSIONS, (0.6, 1.0, 0.0, 0.3, 0.0), strict=True))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def coverage(studies: int, resamples: int, seed: int) -> dict:
    """By kind of study and estimate: truth, mean and spread of the estimates, and each method's coverage."""
    found = {}
    for name, case in {**STUDIES, **OPINIONS}.items():
        rng = np.random.default_rng([seed, len(found)])
        wanted = "lead:0:1"
        if name in STUDIES:
            planted, *size = case
            estimator = Comparisons(len(planted.scores), planted.model)
            whole = dict(zip(estimator.names, estimator(population(planted)[None])[0][0], strict=True))
            only = ["gap:0:1", wanted]
            truth = {n: float(whole[n]) for n in only}
        else:
            means, *size = case
            estimator, only = Opinions(2), [wanted]
            truth = {wanted: population_mean(means[0]) - population_mean(means[1])}
        values, held, width = defaultdict(list), Counter(), defaultdict(list)
        for n in range(studies):
            tally = simulate(rng, planted, *size) if name in STUDIES else simulate_scores(rng, means, *size)
            draws = draw(tally.counts, estimator, resamples=resamples, seed=n, only=only)
            for method in METHODS:
                for key, e in interval(draws, method).items():
                    held[method, key] += e.low <= truth[key] <= e.high
                    width[method, key].append(e.high - e.low)
                    if method == "studentised":
                        values[key].append(e.value)
        found[name] = {
            key: {
                "truth": round(truth[key], 4),
                "mean": round(float(np.mean(values[key])), 4),
                "spread": round(float(np.std(values[key])), 4),
                **{
                    method: {
                        "coverage": held[method, key] / studies,
                        "interval": [round(x, 3) for x in wilson(held[method, key], studies)],
                        "width": round(float(np.mean(width[method, key])), 3),
                    }
                    for method in METHODS
                },
            }
            for key in only
        }
        say(f"{name}: {json.dumps(found[name])}")
    return found


def recovery(studies: int, resamples: int, seed: int) -> dict:
    """Five dimensions of one study of three systems: bias, coverage and how often a difference is found."""
    estimator, name = Comparisons(3), "gap:0:2"
    planted = {d: Planted((x / 2, 0.0, -x / 2)) for d, x in DIFFERENCES.items()}
    at = estimator.names.index(name)
    truth = {d: float(estimator(population(p)[None])[0][0][at]) for d, p in planted.items()}
    rng = np.random.default_rng([seed, 100])
    values, held, told, false_family = defaultdict(list), Counter(), Counter(), 0
    for n in range(studies):
        found = {}
        for d, p in planted.items():
            draws = draw(simulate(rng, p).counts, estimator, resamples=resamples, seed=n, only=[name])
            found[d] = interval(draws)[name]
            values[d].append(found[d].value)
            held[d] += found[d].low <= truth[d] <= found[d].high
        for d, p_value in zip(DIMENSIONS, holm([found[d].p for d in DIMENSIONS]), strict=True):
            told[d] += p_value < 0.05
        adjusted = holm([found[d].p for d in DIMENSIONS])
        false_family += any(
            p < 0.05 and not DIFFERENCES[d] for d, p in zip(DIMENSIONS, adjusted, strict=True)
        )
    rows = {
        d: {
            "planted": DIFFERENCES[d],
            "truth": round(truth[d], 4),
            "mean": round(float(np.mean(values[d])), 4),
            "spread": round(float(np.std(values[d])), 4),
            "coverage": held[d] / studies,
            "found_after_holm": told[d] / studies,
        }
        for d in DIMENSIONS
    }
    return {"dimensions": rows, "studies_with_a_false_claim": false_family / studies}


def screening(raters: int, seed: int) -> dict:
    """Share of raters excluded by manner, and by which rule."""
    planted = {d: Planted((x / 2, -x / 2)) for d, x in DIFFERENCES.items()}
    manners: list[Manner] = ["honest"] * (10 * raters) + [m for m in SPAM for _ in range(raters)]
    votes = study_votes(np.random.default_rng([seed, 200]), planted, manners)
    out, rules = Counter(), defaultdict(Counter)
    for manner, verdict in zip(manners, screen(votes, ScreeningRules()), strict=True):
        out[manner] += verdict.excluded
        rules[manner].update(list(verdict.broken))
    return {
        m: {
            "raters": n,
            "excluded": out[m] / n,
            "interval": [round(x, 3) for x in wilson(out[m], n)],
            "rules": {rule: round(k / n, 3) for rule, k in rules[m].most_common()},
        }
        for m, n in Counter(manners).items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument(
        "--raters", type=int, default=100, help="of each kind of spam; honest ones: ten times"
    )
    parser.add_argument("--part", action="append", choices=("coverage", "recovery", "screening"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    parts = {
        "coverage": lambda: coverage(args.studies, args.resamples, args.seed),
        "recovery": lambda: recovery(args.studies, args.resamples, args.seed),
        "screening": lambda: screening(args.raters, args.seed),
    }
    found = {name: part() for name, part in parts.items() if args.part is None or name in args.part}
    print(json.dumps({**vars(args), "seconds": round(time.perf_counter() - began), **found}, indent=1))


if __name__ == "__main__":
    main()
