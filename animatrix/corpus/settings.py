"""Every threshold of curation in one table, and the limits a worker lives under.

The thresholds decide what is in a dataset, so they are written into it and are part of every key: another
threshold is another dataset. The limits are not: they say what a machine can bear.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1  # of the tables and of dataset.json
FILTERS_VERSION = 1  # raised when a filter measures differently at equal thresholds
CUTTER_VERSION = 1  # raised when equal frames would be written as another clip


@dataclass(frozen=True)
class Thresholds:
    """What is kept. Lengths in seconds, areas and travels as shares of the frame, levels of 0..255."""

    # length
    least_seconds: float = 0.5
    most_seconds: float = 60.0
    # frozen: one drawing under a camera that stays, for so long that nobody would hold it
    frozen_seconds: float = 6.0
    frozen_travel: float = 0.004  # of the frame's width, camera
    frozen_levels: float = 10.0  # largest change of a softened pixel
    # bars
    bar_level: float = 20.0  # brightest a row of a bar gets
    bar_least: float = 0.015  # of the frame's side
    bar_most: float = 0.36
    bar_uneven: float = 0.02  # largest difference of the two bars
    bar_edge: float = 40.0  # level the picture reaches right beside a bar
    # text
    text_glyphs: int = 7  # on one line
    text_width: float = 0.08  # of the frame's width
    text_share: float = 0.34  # of the pictures looked at
    # quality
    least_side: int = 240  # pixels of the shorter side, after the bars are cut off
    most_edge_width: float = 5.5  # pixels of the source, the sharpest drawing's sharpest edges
    most_blockiness: float = 0.45  # how much stronger steps are on the 8-pixel grid than off it
    # duplicates
    hash_bits: int = 7  # of 63 may differ
    cell_levels: float = 14.0  # a cell of the thumbnail may differ by so much
    cells_alike: float = 0.97  # share of the cells that must not
    drawings_alike: float = 0.75  # share of the drawings of each shot that the other has
    # openings and endings
    sequence_shots: int = 4
    sequence_seconds: float = 12.0
    sequence_gap: int = 1  # shots that may differ in a row: credits change
    # clips
    clip_side: int = 1280  # pixels of the longer side


@dataclass(frozen=True)
class Limits:
    """What one video may cost. A worker beyond it is ended; after ``tries`` the file is quarantined."""

    seconds: float = 7200.0  # for the whole file
    stall_seconds: float = 900.0  # without finishing a shot
    memory: int = 6 << 30  # bytes of one worker
    tries: int = 2


@dataclass(frozen=True)
class Settings:
    """Thresholds and limits of one run."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    limits: Limits = field(default_factory=Limits)

    def document(self) -> dict[str, Any]:
        """What of the settings decides the dataset's content."""
        return {"filters_version": FILTERS_VERSION, "cutter_version": CUTTER_VERSION} | asdict(
            self.thresholds
        )


def digest(*parts: object) -> str:
    """40 hex digits that name this content: SHA-256 of the parts as canonical JSON."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:40]
