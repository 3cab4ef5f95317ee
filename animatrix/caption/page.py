"""The caption as a page: one self-contained HTML file that an animator reads at a glance.

    page = ReportPage("episode.mkv")
    for shot in read_shots("episode.mkv"):
        page.add(shot, caption_shot(shot))
    page.write("episode.html")

Every shot shows its unique drawings, its exposure sheet, the camera's path, what happens when, and each tag
with its confidence and source. Nothing is loaded from anywhere: pictures and script are in the file.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animatrix.caption.measure import Shot
from animatrix.caption.shots import CaptionTag, ShotCaption
from animatrix.caption.timesheet import timesheet
from animatrix.knowledge import Taxonomy
from animatrix.media.door import written_whole

MOST_DRAWINGS = 24  # thumbnails in the strip; more are counted, not shown
MOST_FRAMES = 240  # frames in the viewer of one shot; a longer shot shows every second, third ... one
THUMB = 160
SOURCES = {"measured": "measured from pixels", "recognised": "recognised", "narrated": "told by the narrator"}


@dataclass(frozen=True)
class Bar:
    """A stretch of the timeline, in frames at 24 fps: ``first`` to ``last`` inclusive."""

    text: str
    first: int
    last: int
    tone: int = 0
    note: str = ""

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class ReportPage:
    """Collects shots, keeping their pictures small; ``write`` makes the file."""

    def __init__(self, video: str, taxonomy: Taxonomy | None = None):
        self.video = video
        self.taxonomy = taxonomy or Taxonomy.default()
        self.shots: list[dict[str, Any]] = []

    def add(self, shot: Shot, found: ShotCaption) -> None:
        """Put one shot and what was read of it on the page."""
        sheet = timesheet(shot, found)
        numbers = shot.numbers
        step = max(1, -(-len(shot.gray) // MOST_FRAMES))
        shown = list(range(0, len(shot.gray), step))
        self.shots.append(
            {
                "number": len(self.shots) + 1,
                "start": _clock(found.start),
                "end": _clock(found.end),
                "frames": found.frames,
                "fps": f"{found.fps:g}",
                "length": sheet.frames,
                "narrative": found.narrative,
                "drawings": _drawings(shot, numbers),
                "more": max(0, len(set(numbers)) - MOST_DRAWINGS),
                "unique": len(set(numbers)),
                "layers": [{"name": layer.name, "bars": _cells(layer.cells)} for layer in sheet.layers],
                "words": [Bar(word.text, word.first, word.last) for word in sheet.words],
                "events": self._events(found, sheet.frames),
                "change": _curve(shot.drawings.change, sheet.frames, 30.0),
                "camera": _camera(shot, sheet.frames),
                "tags": self._tags(found),
                "abstained": [(name, found.reasons.get(name, "")) for name in found.abstained],
                "film": _film(shot, shown),
                "film_columns": len(shown),
                "film_step": step,
                "rate": 24 / shot.fps,
                "thumb": shot.colour.shape[1:3],
            }
        )

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page whole or not at all.

        Raises:
            AniMatrixError: NOT_WRITABLE.
        """
        path = Path(path)
        with written_whole(path) as temporary:
            temporary.write_text(self.html(), encoding="utf-8")
        return path

    def html(self) -> str:
        """The page; every text from the film or a model is escaped."""
        from jinja2 import Environment, StrictUndefined

        environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        template = environment.from_string((files("animatrix.caption") / "page.html").read_text("utf-8"))
        version = self.taxonomy.version
        return template.render(
            video=Path(self.video).name, shots=self.shots, version=version, sources=SOURCES
        )

    def _events(self, found: ShotCaption, frames: int) -> list[dict[str, Any]]:
        """Rows of the effect timeline: fields with a tag that holds for a part of the shot."""
        rows = []
        for name, tags in found.tags.items():
            bars = [
                Bar(
                    self._label(name, tag.value), tag.span[0], min(tag.span[1], frames - 1), n % 4, tag.source
                )
                for n, tag in enumerate(tags)
                if tag.value != "none" and tag.span != (0, frames - 1) and tag.span[0] < frames
            ]
            if bars:
                rows.append({"name": name, "bars": bars})
        return rows

    def _tags(self, found: ShotCaption) -> list[dict[str, Any]]:
        """Tags by axis, in the order of the taxonomy."""
        rows = []
        present = [field for field in self.taxonomy.fields.values() if field.id in found.tags]
        for axis, members in groupby(present, key=lambda field: field.axis):
            fields = [
                {
                    "name": field.id,
                    "label": field.label["en"],
                    "tags": [self._row(field.id, tag) for tag in found.tags[field.id]],
                }
                for field in members
            ]
            rows.append({"axis": axis, "fields": fields})
        return rows

    def _row(self, name: str, tag: CaptionTag) -> dict[str, Any]:
        evidence = ", ".join(f"{k} {v}" for k, v in tag.evidence.items() if not isinstance(v, list | dict))
        return {
            "value": tag.value,
            "label": self._label(name, tag.value),
            "sure": round(100 * tag.confidence),
            "source": tag.source,
            "span": f"{tag.span[0]}–{tag.span[1]}",
            "evidence": evidence,
        }

    def _label(self, name: str, value: str) -> str:
        values = self.taxonomy.fields[name].values
        return values[value].label["en"] if value in values else value


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:05.2f}"


def _cells(cells: tuple[Any, ...]) -> list[Bar]:
    """Runs of one drawing; neighbours differ in tone so that each exposure is seen."""
    bars: list[Bar] = []
    frame = 0
    for number, run in groupby(cells):
        count = len(list(run))
        if number is not None:
            bars.append(Bar(str(number), frame, frame + count - 1, len(bars) % 2))
        frame += count
    return bars


def _jpeg(rgb: np.ndarray, quality: int) -> str:
    ok, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def _drawings(shot: Shot, numbers: list[int]) -> list[dict[str, Any]]:
    """The first frame of each drawing."""
    first: dict[int, int] = {}
    for frame, number in enumerate(numbers):
        first.setdefault(number, frame)
    held = {number: numbers.count(number) for number in first}
    return [
        {"number": number, "frame": frame, "held": held[number], "image": _jpeg(shot.colour[frame], 85)}
        for number, frame in list(first.items())[:MOST_DRAWINGS]
    ]


def _film(shot: Shot, shown: list[int]) -> str:
    """The frames side by side in one picture, for the viewer; rows of 16."""
    height, width = shot.colour.shape[1:3]
    rows = -(-len(shown) // 16)
    board = np.zeros((rows * height, min(16, len(shown)) * width, 3), np.uint8)
    for place, frame in enumerate(shown):
        y, x = place // 16 * height, place % 16 * width
        board[y : y + height, x : x + width] = shot.colour[frame]
    return _jpeg(board, 80)


def _curve(values: np.ndarray, frames: int, height: float) -> str:
    """Points of an SVG polyline over ``frames`` units, highest value at the top of ``height``."""
    if not len(values):
        return ""
    top = float(np.percentile(values, 98)) + 1e-6
    x = np.linspace(1, frames, len(values) + 1)[:-1]
    y = height - height * np.clip(values / top, 0, 1)
    return " ".join(f"{a:.2f},{b:.2f}" for a, b in zip(x, y, strict=True))


def _camera(shot: Shot, frames: int) -> dict[str, Any]:
    """What the frame covers of the plate: its outlines over time, and the path of its centre."""
    width, height = shot.camera.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    inverse = [cv2.invertAffineTransform(m) for m in shot.camera.matrices]
    outlines = np.stack([corners @ m[:, :2].T + m[:, 2] for m in inverse])
    centres = outlines.mean(1)
    low, high = outlines.min((0, 1)), outlines.max((0, 1))
    room = 0.04 * float(max(high - low))
    keys = sorted({0, len(outlines) // 2, len(outlines) - 1})
    sizes = np.array([np.hypot(*m[:, 0]) for m in shot.camera.matrices])
    moved = np.abs(outlines - outlines[:1]).max() / width
    return {
        "box": f"{low[0] - room:.1f} {low[1] - room:.1f} {np.ptp([low[0], high[0]]) + 2 * room:.1f} "
        f"{np.ptp([low[1], high[1]]) + 2 * room:.1f}",
        "frames": [" ".join(f"{x:.1f},{y:.1f}" for x, y in outlines[k]) for k in keys],
        "names": [("start", "middle", "end")[-1 if k == keys[-1] and k else keys.index(k)] for k in keys],
        "path": " ".join(f"{x:.1f},{y:.1f}" for x, y in centres),
        "unit": f"{max(high - low) / 200:.2f}",
        "zoom": f"{100 * sizes[-1]:.0f}",
        "moves": bool(moved > 0.01),
        "trusted": round(100 * shot.camera.trusted),
    }
