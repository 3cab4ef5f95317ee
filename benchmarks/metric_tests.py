"""Does each metric of the benchmark move the right way? Pairs of clips whose better one is known.

    python benchmarks/metric_tests.py --split tune --count 12
    python benchmarks/metric_tests.py --split report --count 24 --json runs/metric_tests.json

Every row alters clips of the synthetic studio in one way: another cadence, camera move or moment of an
event, cross-fades in place of drawings, a frozen clip, a changed tag that does not show, the deformation left
out or gone wrong. A metric is right where it prefers the clip as asked; a tie is not right; a pair that it
does not judge is counted apart. Beside it, what a flicker and an interpolation-smoothness measure say of the
same pairs. Prints one table, and one JSON document with --json.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from animatrix.errors import AniMatrixError
from animatrix.evaluate.bench.metrics import METRICS, Skipped, missing
from animatrix.evaluate.bench.sighting import Sighting
from animatrix.evaluate.bench.suite import Item
from animatrix.evaluate.intervals import wilson
from animatrix.knowledge import Directive
from animatrix.media import Clip
from animatrix.media.door import written_whole
from animatrix.prefer.judging import JudgeOfClips, load_judge
from animatrix.synthetic import render, render_triplet
from animatrix.synthetic.corpus import SPLITS
from animatrix.synthetic.effects import IMPACTS
from animatrix.synthetic.everyday import draw_exaggeration, draw_tags
from animatrix.synthetic.failure import FAILURES
from animatrix.synthetic.triplet import LASTING, Triplet

SEED, FRAMES, SIZE = 9_000_000, 25, (160, 96)
FOILS = ("flicker", "smoothness")
CADENCES = ("ones", "twos", "threes", "fours_or_slower")
MOVES = ("fix", "pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back")
PALETTES = ("natural", "pastel", "monochrome")  # as the suites ask: vivid is read as natural too often
Rng = np.random.Generator


@dataclass(frozen=True)
class Case:
    """Items of a unit, its clips as asked and altered, and the clip that lent keyframes."""

    items: Sequence[Item]
    good: Sequence[Clip]
    bad: Sequence[Clip]
    lent: Clip | None = None


class Stage:
    """Draws shots of one split."""

    def __init__(self, split: str) -> None:
        self.split, self.cast = split, SPLITS[split][1]

    def rng(self, row: str, number: int, attempt: int) -> Rng:
        return np.random.default_rng([SEED, SPLITS[self.split][0], zlib.crc32(row.encode()), number, attempt])

    def tags(self, rng: Rng, **fixed: Any) -> dict[str, Any]:
        """Tags of an everyday shot, some of them fixed; nothing that hides what is altered."""
        tags = draw_tags(rng, FRAMES, 24.0)
        plain = {"impact_frame": "none", "camera_shake": "steady", "graphic_device": "none",
                 "natural_effect": "none", "finish": "none", "layer_parallax": "single_plane"}  # fmt: skip
        tags |= plain | fixed
        tags.pop("move_speed", None)  # of the move that was drawn, not of the one asked for
        return tags

    def shot(self, tags: dict[str, Any], seed: int) -> Clip:
        return render(directive(tags), seed, SIZE, self.cast)[0]


def directive(tags: dict[str, Any]) -> Directive:
    return Directive.model_validate({"narrative": "", "tags": tags, "frames": FRAMES, "fps": 24})


def item(tags: dict[str, Any], *judged: str, **more: Any) -> Item:
    asked = more.pop("asked", None) or directive(tags)
    return Item("", "case", "case", more.pop("role", ""), 0, asked, judged, judged[0], **more)


def other(rng: Rng, options: Sequence[str], than: str) -> str:
    left = [o for o in options if o != than]
    return left[int(rng.integers(len(left)))]


def acting(rng: Rng) -> dict[str, Any]:
    """An action that goes on, seen whole."""
    actions = ("gesture", "walk", "run", "dance")
    return {"action": actions[int(rng.integers(4))], "shot_scale": "full", "camera_move": "fix"}


def cross_faded(frames: np.ndarray) -> np.ndarray:
    """Cross-fades in place of held drawings: what a smoother in-between machine makes."""
    new = np.abs(np.diff(frames.astype(np.int16), axis=0)).mean((1, 2, 3)) > 0.05
    keys = [0, *(np.flatnonzero(new) + 1).tolist()]
    out = frames.copy()
    for a, b in pairwise(keys):
        for t in range(a, b):
            w = (t - a) / (b - a)
            out[t] = cv2.addWeighted(frames[a], 1 - w, frames[b], w, 0)
    return out


# --- rows -----------------------------------------------------------------------------------------------


def another_cadence(stage: Stage, rng: Rng, number: int) -> Case:
    asked = CADENCES[number % 4]
    tags = stage.tags(rng, **acting(rng), drawing_cadence=asked)
    seed = int(rng.integers(1 << 48))
    altered = {**tags, "drawing_cadence": other(rng, CADENCES, asked)}
    return Case([item(tags, "drawing_cadence")], [stage.shot(tags, seed)], [stage.shot(altered, seed)])


def in_betweened(stage: Stage, rng: Rng, number: int) -> Case:
    tags = stage.tags(rng, **acting(rng), drawing_cadence=CADENCES[1 + number % 3])
    clip = stage.shot(tags, int(rng.integers(1 << 48)))
    return Case([item(tags, "drawing_cadence")], [clip], [Clip(cross_faded(clip.frames), 24)])


def frozen(stage: Stage, rng: Rng, number: int) -> Case:
    tags = stage.tags(rng, **acting(rng), drawing_cadence=CADENCES[number % 4])
    clip = stage.shot(tags, int(rng.integers(1 << 48)))
    still = Clip(np.repeat(clip.frames[:1], FRAMES, 0), 24)
    return Case([item(tags, "drawing_cadence")], [clip], [still])


def another_move(stage: Stage, rng: Rng, number: int) -> Case:
    move = MOVES[number % 7]
    tags = stage.tags(rng, action="gesture", shot_scale="full", camera_move=move, drawing_cadence="twos")
    seed = int(rng.integers(1 << 48))
    altered = {**tags, "camera_move": other(rng, MOVES, move)}
    asked = item(tags, "camera_move", text=altered["camera_move"])
    return Case([asked], [stage.shot(tags, seed)], [stage.shot(altered, seed)])


def _with_event(stage: Stage, rng: Rng) -> tuple[dict[str, Any], int, int]:
    kinds = tuple(IMPACTS)
    at = int(rng.integers(4, FRAMES - 6))
    event = f"{kinds[int(rng.integers(len(kinds)))]}@{at}-{at + 1}"
    tags = stage.tags(rng, **acting(rng), impact_frame=event, drawing_cadence="twos")
    return tags, at, int(rng.integers(1 << 48))


def moved_event(stage: Stage, rng: Rng, number: int) -> Case:
    tags, at, seed = _with_event(stage, rng)
    places = [k for k in range(3, FRAMES - 4) if abs(k - at) >= 4]
    to = places[int(rng.integers(len(places)))]
    altered = {**tags, "impact_frame": f"{tags['impact_frame'].partition('@')[0]}@{to}-{to + 1}"}
    return Case([item(tags, "impact_frame")], [stage.shot(tags, seed)], [stage.shot(altered, seed)])


def missing_event(stage: Stage, rng: Rng, number: int) -> Case:
    tags, _, seed = _with_event(stage, rng)
    altered = {**tags, "impact_frame": "none"}
    return Case([item(tags, "impact_frame")], [stage.shot(tags, seed)], [stage.shot(altered, seed)])


def second_event(stage: Stage, rng: Rng, number: int) -> Case:
    tags, at, seed = _with_event(stage, rng)
    clip = stage.shot(tags, seed)
    to = 2 if at > 9 else FRAMES - 4
    altered = clip.frames.copy()
    altered[to : to + 2] = altered[at : at + 2]
    return Case([item(tags, "impact_frame")], [clip], [Clip(altered, 24)])


def _pair(stage: Stage, rng: Rng, number: int) -> tuple[list[Item], list[dict[str, Any]], int]:
    """A swap of camera, cadence or palette, with a ground that goes with all of it."""
    field, options = (("camera_move", MOVES), ("drawing_cadence", CADENCES), ("palette", PALETTES))[
        number % 3
    ]
    before = options[int(rng.integers(len(options)))]
    ground = {"action": "gesture", "shot_scale": "full", "camera_move": "fix", "palette": "natural",
              "drawing_cadence": "twos", "lighting": "flat_even"}  # fmt: skip
    first = {**ground, field: before}
    second = {**ground, field: other(rng, options, before)}
    items = [item(t, field, role=role) for t, role in ((first, "before"), (second, "after"))]
    return items, [first, second], int(rng.integers(1 << 48))


def swap_unheard(stage: Stage, rng: Rng, number: int) -> Case:
    items, tags, seed = _pair(stage, rng, number)
    before, after = (stage.shot(t, seed) for t in tags)
    return Case(items, [before, after], [before, before])


def swap_spills(stage: Stage, rng: Rng, number: int) -> Case:
    items, tags, seed = _pair(stage, rng, number)
    field = items[0].judged[0]
    spilt = {
        "camera_move": {"drawing_cadence": "threes"},
        "drawing_cadence": {"camera_move": "pan_left"},
        "palette": {"camera_move": "tilt_up"},
    }[field]
    before, after = (stage.shot(t, seed) for t in tags)
    return Case(items, [before, after], [before, stage.shot({**tags[1], **spilt}, seed)])


def another_prompt(stage: Stage, rng: Rng, number: int) -> Case:
    def drawn() -> dict[str, Any]:
        return stage.tags(
            rng, camera_move=MOVES[int(rng.integers(7))], drawing_cadence=CADENCES[int(rng.integers(4))],
            palette=PALETTES[int(rng.integers(3))], action="gesture", shot_scale="full", lighting="flat_even",
        )  # fmt: skip

    mine, its = drawn(), drawn()
    seed = int(rng.integers(1 << 48))
    judged = ("camera_move", "drawing_cadence", "palette", "impact_frame", "camera_shake")
    if all(mine[name] == its[name] for name in judged[:3]):
        its["camera_move"] = other(rng, MOVES, mine["camera_move"])
    return Case([item(mine, *judged)], [stage.shot(mine, seed)], [stage.shot(its, seed)])


class _Given(Sighting):
    """A sighting whose keyframes were lent by a clip at hand."""

    reference: Any = None


def blurred_key(stage: Stage, rng: Rng, number: int) -> Case:
    tags = stage.tags(rng, **acting(rng), drawing_cadence="twos")
    clip = stage.shot(tags, int(rng.integers(1 << 48)))
    key = (0, FRAMES // 2, FRAMES - 1)[number % 3]
    grain = rng.normal(0, 2, clip.frames.shape)
    near = np.clip(clip.frames + grain, 0, 255).astype(np.uint8)
    soft = near.copy()
    soft[key] = cv2.GaussianBlur(soft[key], (0, 0), 2.0)
    return Case([item(tags, "action", keyframes=(key,))], [Clip(near, 24)], [Clip(soft, 24)], clip)


def pasted_key(stage: Stage, rng: Rng, number: int) -> Case:
    tags = stage.tags(rng, **acting(rng), drawing_cadence=("ones", "twos")[number % 2])
    clip = stage.shot(tags, int(rng.integers(1 << 48)))
    key = int(rng.integers(4, FRAMES - 4))
    shift = np.roll(clip.frames[key], int(rng.integers(4, 9)), axis=1)
    pasted = clip.frames.copy()
    pasted[key] = shift
    return Case([item(tags, "action", keyframes=(key,))], [clip], [Clip(pasted, 24)])


def _triplet(stage: Stage, rng: Rng, kinds: Sequence[str], span: str = "") -> tuple[Triplet, str]:
    tags = draw_exaggeration(rng, draw_tags(rng, FRAMES, 24.0))
    kind = kinds[int(rng.integers(len(kinds)))]
    field = next(f for f in ("body_deformation", "smear_technique") if tags.get(f, "none") != "none")
    tags[field] = f"{tags[field]}{span}"
    severity = float(rng.uniform(0.35, 0.65))
    shown = render_triplet(directive(tags), int(rng.integers(1 << 48)), kind, severity, SIZE, stage.cast)
    return shown, field


def flattened(stage: Stage, rng: Rng, number: int) -> Case:
    shown, field = _triplet(stage, rng, FAILURES)
    asked = item({}, field, asked=shown.directive)
    return Case([asked], [shown.intended.clip], [shown.flat.clip])


def collapsed(stage: Stage, rng: Rng, number: int) -> Case:
    shown, field = _triplet(stage, rng, FAILURES)
    asked = item({}, field, asked=shown.directive)
    return Case([asked], [shown.intended.clip], [shown.collapsed.clip])


def off_model(stage: Stage, rng: Rng, number: int) -> Case:
    shown, field = _triplet(stage, rng, sorted(LASTING), "@8-14")  # then it should be back on model
    asked = item({}, field, asked=shown.directive)
    return Case([asked], [shown.intended.clip], [shown.collapsed.clip])


def unheard_deformation(stage: Stage, rng: Rng, number: int) -> Case:
    shown, field = _triplet(stage, rng, FAILURES)
    pair = [item({}, field, asked=shown.directive, role="asked"),
            item({}, field, asked=shown.flat.truth.directive, role="plain")]  # fmt: skip
    flat = shown.flat.clip
    return Case(pair, [shown.intended.clip, flat], [flat, flat])


# row -> how a case is made, and the metrics that answer for it
ROWS: dict[str, tuple[Callable[[Stage, Rng, int], Case], tuple[str, ...]]] = {
    "another cadence": (another_cadence, ("hold_fidelity", "adherence")),
    "cross-faded drawings": (in_betweened, ("hold_fidelity",)),
    "frozen": (frozen, ("hold_fidelity", "adherence")),
    "another camera move": (another_move, ("adherence", "tag_won", "text_won")),
    "event moved": (moved_event, ("event_recall", "span_error")),
    "event missing": (missing_event, ("event_recall",)),
    "event twice": (second_event, ("events_alone",)),
    "swap not followed": (swap_unheard, ("swap_followed",)),
    "swap changes another field": (swap_spills, ("others_kept",)),
    "another prompt": (another_prompt, ("tags_shown",)),
    "keyframe blurred": (blurred_key, ("keyframe_psnr",)),
    "keyframe pasted": (pasted_key, ("keyframe_jump",)),
    "deformation flattened": (flattened, ("expressiveness", "preference")),
    "deformation not followed": (unheard_deformation, ("expressiveness_follows",)),
    "collapse, any kind": (collapsed, ("collapse", "preference")),
    "off model for good": (off_model, ("design_kept", "collapse")),
}


def cases(stage: Stage, row: str, count: int) -> Iterator[Case]:
    for number in range(count):
        for attempt in range(12):
            try:
                yield ROWS[row][0](stage, stage.rng(row, number, attempt), number)
                break
            except AniMatrixError:  # values that do not go together after all
                continue


def sightings(case: Case, clips: Sequence[Clip], judge: JudgeOfClips | None) -> list[Sighting]:
    found = [_Given(i, clip, judge) for i, clip in zip(case.items, clips, strict=True)]
    for one in found:
        one.reference = case.lent
    return found


def prefers(name: str, good: Sequence[Sighting], bad: Sequence[Sighting]) -> bool | None:
    """Whether a metric likes the first better; None where it judges one of them not."""
    metric = METRICS[name]
    units = [list(u) if metric.grouped else [u[-1]] for u in (good, bad)]
    found = [missing(metric, unit) or metric.score(unit) for unit in units]
    if any(isinstance(one, Skipped) for one in found):
        return None
    gap = float(found[0]) - float(found[1])  # type: ignore[arg-type]
    return gap > 0 if metric.higher_is_better else gap < 0


def share(answers: Sequence[bool | None]) -> dict[str, Any]:
    judged = [a for a in answers if a is not None]
    low, high = wilson(sum(judged), len(judged))
    return {
        "right": sum(judged),
        "judged": len(judged),
        "asked": len(answers),
        "share": round(sum(judged) / len(judged), 3) if judged else None,
        "interval": [round(low, 3), round(high, 3)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", default="tune", choices=tuple(SPLITS))
    parser.add_argument("--count", type=int, default=12, help="pairs a row")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--reward", type=Path, help="a reward model; the shipped one if there is one")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        judge = load_judge(args.reward)
    except AniMatrixError:
        if args.reward:
            raise
        judge = None
    stage, table = Stage(args.split), {}
    print(f"{'altered':28} {'metric':22} {'right':>9} {'share':>6}  interval      " + "  ".join(FOILS))
    for row in args.rows:
        answers: dict[str, list[bool | None]] = {name: [] for name in (*ROWS[row][1], *FOILS)}
        for case in cases(stage, row, args.count):
            good, bad = (sightings(case, clips, judge) for clips in (case.good, case.bad))
            for name in answers:
                answers[name].append(prefers(name, good, bad))
        table[row] = {name: share(found) for name, found in answers.items()}
        foils = "  ".join(f"{table[row][n]['share'] or 0:{len(n)}.2f}" for n in FOILS)
        for name in ROWS[row][1]:
            one = table[row][name]
            said = "     -" if one["share"] is None else f"{one['share']:6.2f}"
            print(f"{row:28} {name:22} {one['right']:4}/{one['judged']:<4} {said}  "
                  f"{one['interval'][0]:.2f} to {one['interval'][1]:.2f}  {foils}", flush=True)  # fmt: skip
    if args.json:
        with written_whole(args.json) as temporary:
            temporary.write_text(json.dumps({"split": args.split, "rows": table}, indent=1) + "\n")
    sys.exit(0)


if __name__ == "__main__":
    main()
