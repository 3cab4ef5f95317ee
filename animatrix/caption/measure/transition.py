"""transition: the joins that are more than a cut, inside a shot and at its ends.

A join of two shots parts them (``caption/cuts.py``), and both are said to have it: a dissolve, a wipe or a
punch cut is the last of the one and the first of the other, with the frames of it that each shot holds. Fades
and irises to black or white are read from the shot itself; the shots meet in the middle of the blank.
"""

from __future__ import annotations

import numpy as np

from animatrix.caption.joins import Look, likeness, palette_distance, ramp
from animatrix.caption.measure.impact_frame import named, tones_of
from animatrix.caption.measure.interruption import interruptions
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import REFERENCE_FPS, Shot
from animatrix.caption.measure.thresholds import TRANSITION, TransitionThresholds


@measures("transition")
def transition(shot: Shot, limits: TransitionThresholds = TRANSITION) -> list[Finding] | Abstention:
    """Every join with its span, or none."""
    if len(shot.gray) < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    found = _at_the_ends(shot) + _faded(shot, limits) + _flash_cuts(shot, limits)
    return found or [Finding("none", 0.93)]


def _at_the_ends(shot: Shot) -> list[Finding]:
    """The joins that the cut finder saw."""
    last = len(shot.gray) - 1
    found = []
    for join in shot.joins:
        a, b = max(join.first, 0), min(join.last, last)
        if join.kind == "punch_cut":
            a = b = min(max(join.at, 0), last)
        evidence = {"join_first": join.first, "join_last": join.last}
        found.append(Finding(join.kind, 0.9, shot.span(min(a, last), max(b, 0)), evidence))
    return found


def _faded(shot: Shot, limits: TransitionThresholds) -> list[Finding]:
    """Fades and irises at the start and at the end."""
    return [
        Finding(value, sure, shot.span(first, last), evidence)
        for value, first, last, sure, evidence in fades(shot, limits)
    ]


def fades(
    shot: Shot, limits: TransitionThresholds = TRANSITION
) -> list[tuple[str, int, int, float, dict[str, float]]]:
    """The same as value, first and last frame of the container, certainty, evidence."""
    found = []
    for looks, opening in ((shot.looks, True), (shot.looks[::-1], False)):
        best = _rise(looks, shot.fps, limits)
        if best is None:
            continue
        value, first, last, sure, evidence = best
        if value == "fade":
            value = "fade_in" if opening else "fade_out"
        if not opening:
            first, last = len(looks) - 1 - last, len(looks) - 1 - first
        found.append((value, first, last, sure, evidence))
    return found


def _rise(
    looks: list[Look], fps: float, limits: TransitionThresholds
) -> tuple[str, int, int, float, dict[str, float]] | None:
    """How a picture comes out of black or white at the start of ``looks``: 'fade', 'white_fade' or 'iris',
    first and last frame of it, and how surely."""
    rate = max(fps / REFERENCE_FPS, 0.5)
    best = None
    for ground, blended_name in ((0.0, "fade"), (255.0, "white_fade")):
        blank = np.full_like(looks[0].coarse, ground)
        start = np.abs(looks[0].coarse - ground).mean()
        for frames in limits.windows:
            stop = min(round(frames * rate), len(looks) - 1)
            whole = np.abs(looks[stop].coarse - ground).mean()
            if whole < limits.least_change or start > limits.most_left * whole:
                continue
            pictures = np.stack([blank, blank, blank, *(seen.coarse for seen in looks[: stop + 1])])
            lie = ramp(pictures, round(limits.longest * rate))
            if lie is None:
                continue
            first, last = max(lie.first - 2, 0), min(lie.last - 2, stop)
            if last - first + 1 < limits.least_length * rate:
                continue
            # an opening circle gains area faster and faster, and lays the picture over the black
            is_iris = not ground and lie.laid < min(limits.most_laid, lie.blended)
            if is_iris:
                fits = lie.error < limits.most_uneven_iris
            else:
                fits = lie.error < limits.most_uneven and lie.blended < limits.most_blended
            if not fits:
                continue
            sure = float(
                np.clip(1.0 - 2.0 * lie.error - (lie.laid if is_iris else 0.5 * lie.blended), 0.4, 0.98)
            )
            if best is None or sure > best[3]:
                evidence = {"uneven": lie.error, "blended": lie.blended, "laid": lie.laid}
                evidence = {name: round(number, 3) for name, number in evidence.items()}
                best = ("iris" if is_iris else blended_name, first, last, sure, evidence)
            if stop == len(looks) - 1:
                break
    return best


def _flash_cuts(shot: Shot, limits: TransitionThresholds) -> list[Finding]:
    """Interruptions by another picture, with tones of its own and not those of an impact frame."""
    events = interruptions(shot)
    if len(events) > limits.most_flashes:
        return []  # a shaken picture keeps returning
    found = []
    for event in events:
        if event.returned > limits.most_returned or named(tones_of(shot, event.fullest, event.first - 1))[0]:
            continue
        before, other = shot.looks[event.first - 1], shot.looks[event.fullest]
        if other.blank:
            continue
        alike, palette = likeness(before, other), palette_distance(before, other)
        if alike.ncc > limits.flash_ncc or alike.together > limits.flash_together:
            continue
        sure = float(np.clip(0.95 - 0.5 * event.returned - max(0.0, 0.15 - palette), 0.4, 0.95))
        evidence = {"returned": round(event.returned, 3), "palette": round(palette, 3)}
        found.append(Finding("flash_cut", sure, shot.span(event.first, event.last), evidence))
    return found
