"""From a shot to its exposure sheet: which drawing of the figure stands on each frame, reuse included.

    sheet = timesheet(shot, captioned)     # an animatrix.knowledge ExposureSheet, as ``--xdts`` writes it

A drawing that comes back gets its old number: lips that flap between three drawings read 1 2 3 1 2, and a run
cycle shows how many drawings it has.
"""

from __future__ import annotations

from animatrix.caption.measure import Shot
from animatrix.caption.shots import ShotCaption
from animatrix.caption.tag import as_directive
from animatrix.knowledge.sheet import Cell, ExposureSheet, Layer, Word, sheet_of

FIGURE, EFFECT = "A", "FX"


def timesheet(shot: Shot, found: ShotCaption) -> ExposureSheet:
    """The exposure sheet of a shot, counted at 24 fps: drawings, impact frames, camera words."""
    frames = shot.span(0, len(shot.gray) - 1)[1] + 1
    figure: list[Cell] = [None] * frames
    for index, number in enumerate(shot.numbers):
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
    sheet, _ = sheet_of(as_directive(found.tags, (0, frames - 1)))
    return sheet.words
