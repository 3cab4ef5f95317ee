"""From a shot to its exposure sheet: which drawing of the figure stands on each frame, reuse included.

    sheet = timesheet(shot, captioned)     # an animatrix.knowledge ExposureSheet, as ``--xdts`` writes it

A drawing that comes back gets its old number: lips that flap between three drawings read 1 2 3 1 2, and a run
cycle shows how many drawings it has.
"""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.caption.measure import Shot
from animatrix.caption.measure.alignment import compose
from animatrix.caption.measure.cadence import background, block_change, softened
from animatrix.caption.shots import ShotCaption
from animatrix.knowledge import Directive
from animatrix.knowledge.sheet import Cell, ExposureSheet, Layer, Word, sheet_of

REMEMBERED = 24  # drawings a new one is compared with: cycles are shorter, and the cost is bounded
MOST_RUNS = 240  # drawings in one shot beyond which reuse is not looked for
FIGURE, EFFECT = "A", "FX"


def drawing_numbers(shot: Shot) -> list[int]:
    """Number of the figure's drawing on each frame of the container, from 1 in order of first use."""
    runs = shot.drawings.runs
    starts = np.cumsum([0, *runs[:-1]])
    if len(runs) > MOST_RUNS:
        return np.repeat(np.arange(1, len(runs) + 1), runs).tolist()
    flash = shot.drawings.flash_frames.astype(bool)
    matrices = shot.camera.matrices
    kept = np.flatnonzero(~shot.camera.odd)
    soft = {int(t): softened(shot.gray[t]) for t in kept[_spread(len(kept))]}
    plate, placed = background(list(soft.values()), matrices[list(soft)])
    to_frame0 = cv2.invertAffineTransform(placed)

    def same(old: int, new: int) -> bool:
        step = compose(matrices[new], cv2.invertAffineTransform(matrices[old]))
        back = compose(matrices[new], to_frame0)
        pair = (softened(shot.gray[new]), softened(shot.gray[old]))
        return block_change(*pair, step, plate, back) < shot.drawings.threshold

    known: list[tuple[int, int]] = []  # (frame that shows it, number)
    numbers = []
    for start, length in zip(starts, runs, strict=True):
        frame = _clear_frame(int(start), int(length), flash)
        again = [number for old, number in known[-REMEMBERED:] if same(old, frame)]
        number = again[-1] if again else len({n for _, n in known}) + 1
        known.append((frame, number))
        numbers += [number] * length
    return numbers


def _clear_frame(start: int, length: int, flash: np.ndarray) -> int:
    """A frame of the run with no flash over it, the middle one where there is a choice."""
    run = np.arange(start, start + length)
    clear = run[~flash[run]]
    run = clear if len(clear) else run
    return int(run[len(run) // 2])


def _spread(count: int, samples: int = 25) -> np.ndarray:
    """Places of at most ``samples`` frames, evenly over ``count``."""
    return np.unique(np.linspace(0, count - 1, samples).round().astype(int))


def timesheet(shot: Shot, found: ShotCaption) -> ExposureSheet:
    """The exposure sheet of a shot, counted at 24 fps: drawings, impact frames, camera words."""
    frames = shot.span(0, len(shot.gray) - 1)[1] + 1
    figure: list[Cell] = [None] * frames
    for index, number in enumerate(drawing_numbers(shot)):
        first, last = shot.span(index, index)
        for frame in range(first, min(last, frames - 1) + 1):
            figure[frame] = number
    for frame in range(1, frames):  # a container slower than 24 fps leaves gaps: the drawing is still up
        figure[frame] = figure[frame] or figure[frame - 1]
    layers = [Layer(FIGURE, tuple(figure))]
    impacts = [tag for tag in found.tags.get("impact_frame", []) if tag.value != "none"]
    if impacts:
        cells: list[Cell] = [None] * frames
        for number, tag in enumerate(impacts, 1):
            for frame in range(tag.span[0], min(tag.span[1], frames - 1) + 1):
                cells[frame] = number
        layers.append(Layer(EFFECT, tuple(cells)))
    return ExposureSheet(frames, tuple(layers), _words(found, frames))


def _words(found: ShotCaption, frames: int) -> tuple[Word, ...]:
    """Instructions beside the cells: every tag that has a sheet word."""
    whole = (0, frames - 1)
    tags = {
        name: [
            {"value": tag.value, "span": None if tag.span == whole else list(tag.span)} for tag in answers
        ]
        for name, answers in found.tags.items()
    }
    directive = Directive.model_validate(
        {"narrative": "", "tags": tags, "frames": frames, "fps": 24}, context={"source": "caption"}
    )
    sheet, _ = sheet_of(directive)
    return sheet.words
