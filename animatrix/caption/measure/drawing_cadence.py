"""drawing_cadence: on ones, twos, threes, fours or slower, modulated, or held still; read at 24 fps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from animatrix.caption.measure.cadence import Drawings, drawing_starts
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import DRAWING_CADENCE, CadenceTagThresholds
from animatrix.caption.measure.transition import fades

NAMES = {1: "ones", 2: "twos", 3: "threes", 4: "fours_or_slower"}


@measures("drawing_cadence")
def drawing_cadence(shot: Shot, limits: CadenceTagThresholds = DRAWING_CADENCE) -> list[Finding] | Abstention:
    """The most frequent hold of the figure's drawings, after the camera's move is taken out."""
    if len(shot.gray) < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    if not any(cv2.meanStdDev(frame)[1][0, 0] >= limits.least_detail for frame in shot.gray):
        return Abstention("the picture is empty")
    drawings = _outside_joins(shot)
    numbers: dict[str, Any] = {
        "new_drawings": int(drawings.new.sum()) + 1,
        "threshold": round(drawings.threshold, 3),
        "contrast": round(drawings.contrast, 2),
        "picture_noise": round(drawings.noise, 3),
    }
    if drawings.noise > limits.most_noise:
        return Abstention("the whole picture changes on every frame", numbers)
    if shot.drawings.flash.mean() > limits.most_flash:
        return Abstention("most frames flash", numbers)
    if drawings.flash.mean() > limits.most_joined:
        return Abstention("most of the shot is fades and joins", numbers)
    if not drawings.new.any():
        worst = float(np.percentile(drawings.change[~drawings.flash], 75)) / drawings.threshold
        numbers["change_over_threshold"] = round(worst, 3)
        hidden = float(np.clip(1.1 - 2.5 * drawings.noise, 0.4, 1.0))  # what small motion the noise may cover
        hidden *= limits.doubted if drawings.beat else 1.0
        return [Finding("still", hidden * float(np.clip(1.3 - 0.9 * worst, 0.0, 0.97)), None, numbers)]
    restless = not drawings.by_beat and drawings.new.mean() > limits.restless
    if restless and shot.depth.evenly < limits.least_even:
        return Abstention("a set in depth moves on every frame, as a figure on ones would", numbers)
    starts, countable = drawing_starts(drawings.new, shot.pts, shot.fps, shot.vfr)
    runs = np.diff(np.append(starts, shot.span(0, len(shot.gray) - 1)[1] + 1))
    numbers["runs_at_24fps"] = runs.tolist() if len(runs) <= 64 else [*runs[:64].tolist(), "..."]
    # A drawing behind a flash is seen for a part of its run only.
    whole = np.add.reduceat(drawings.flash_frames, np.flatnonzero(np.append(True, drawings.new))) == 0
    runs = runs[whole & (runs > 0)]
    if not len(runs):
        return Abstention("no drawing is seen for the whole of its run", numbers)
    if not countable and np.median(runs) < 4:
        reason = f"a container of {shot.fps:g} fps cannot show a count of 24 fps drawings"
        return Abstention(reason, numbers, for_all=True)
    if shot.fps < 23.0 and not shot.vfr:
        runs = _evened(runs, round(24 / shot.fps))
    found = _name(runs, drawings, numbers, limits)
    if isinstance(found, list) and found[0].value == "ones" and shot.depth.layers and not drawings.by_beat:
        # under a moving camera a prop at its own depth slides on every frame, by as much as faint acting
        level = float(np.median(drawings.change[drawings.new]))
        numbers["change"] = round(level, 3)
        sure = found[0].confidence * min(1.0, level / limits.plain_change)
        return [replace(found[0], confidence=sure)]
    return found


def _outside_joins(shot: Shot) -> Drawings:
    """The shot's drawings; a step within a fade, a dissolve or a wipe says nothing of them, as one of a
    flash."""
    drawings = shot.drawings
    joined = np.zeros(len(drawings.new), bool)
    gradual = [(join.first, join.last) for join in shot.joins if join.last > join.first]
    for first, last in gradual + [(first, last) for _, first, last, _, _ in fades(shot)]:
        joined[max(first - 1, 0) : max(last + 1, 0)] = True
    return replace(drawings, new=drawings.new & ~joined, flash=drawings.flash | joined)


def _evened(runs: np.ndarray, frame: int) -> np.ndarray:
    """Runs counted at 24 fps where a container's frame lasts ``frame`` of them: at 12 fps threes show as two
    frames and one in turn, 4 2 4 2, of which each pair is two threes."""
    gap = np.abs(np.diff(runs))
    return np.where(gap == frame, (runs[:-1] + runs[1:]) // 2, runs[:-1]) if len(runs) > 2 else runs


def _name(runs, drawings, numbers, limits: CadenceTagThresholds) -> list[Finding] | Abstention:
    """Name the most frequent run; the first and the last one may be cut by the shot's ends."""
    inner = runs[1:-1] if len(runs) > 3 else runs[:-1] if len(runs) > 1 else runs
    active = inner[inner < limits.hold] if (inner < limits.hold).sum() >= 3 else inner
    kinds = np.minimum(active, 4)
    share = {k: float((kinds == k).mean()) for k in NAMES}
    kind = max(share, key=lambda k: share[k])
    numbers["share_of_runs"] = round(share[kind], 3)
    modulated = _modulated(kinds, limits) if share[kind] < limits.pure else None
    if modulated is not None:
        numbers["modulation"] = modulated
        return [Finding("modulated", 0.75 * _clear(drawings, kind), None, numbers)]
    if share[kind] < limits.majority:
        return Abstention("no hold length prevails", numbers)
    sure = min(1.0, 0.35 + 0.65 * share[kind]) * _clear(drawings, kind) * min(1.0, 0.36 + 0.12 * len(active))
    return [Finding(NAMES[kind], float(min(sure, 0.99)), None, numbers)]


def _clear(drawings, kind: int) -> float:
    """How plainly new drawings stand out, in [0.4, 1]."""
    change, new = drawings.change, drawings.new
    if drawings.by_beat:
        return float(np.clip(0.35 + 0.05 * drawings.beat, 0.4, 0.9))
    if drawings.bimodal:
        return float(np.clip(0.4 + 0.4 * (drawings.contrast - 1.2), 0.4, 1.0))
    # Nearly every step is a new drawing: what counts is how far the steps lie above the threshold.
    above = float(np.median(change[new]) / max(drawings.threshold, 1e-6))
    near = float(((change > 0.75 * drawings.threshold) & (change < 1.25 * drawings.threshold)).mean())
    return float(np.clip(0.5 + 0.5 * (above - 1), 0.4, 1.0) * (1 - 0.5 * near))


def _modulated(kinds: np.ndarray, limits: CadenceTagThresholds) -> list[str] | None:
    """The cadences of the parts when one or two cuts in time part the runs into pure kinds."""
    best, names = 0.0, None
    last = len(kinds)
    for first in range(limits.part, last - limits.part + 1):
        for second in (last, *range(first + limits.part, last - limits.part + 1)):
            parts = [part for part in (kinds[:first], kinds[first:second], kinds[second:]) if len(part)]
            tops = [int(np.bincount(p, minlength=5).argmax()) for p in parts]
            purity = min(float((p == top).mean()) for p, top in zip(parts, tops, strict=True))
            purity -= 0.02 * (len(parts) - 2)  # two parts rather than three where both explain the runs
            if all(a != b for a, b in pairwise(tops)) and purity > best:
                best, names = purity, [NAMES[top] for top in tops]
    return names if best >= limits.part_purity else None
