"""The outputs of a caption: exposure sheets with reused drawings, XDTS, and the report page."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from animatrix.caption.measure import Shot, shot_of
from animatrix.caption.measure.reuse import drawing_numbers
from animatrix.caption.page import ReportPage
from animatrix.caption.shots import ShotCaption
from animatrix.caption.tag import CaptionTag
from animatrix.caption.timesheet import timesheet
from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive
from animatrix.knowledge.xdts import read_xdts, write_xdts
from animatrix.media import Clip, scan_clip
from animatrix.synthetic import render


def filmed(tags: dict, frames: int = 36) -> tuple[Shot, dict[str, list[int]]]:
    directive = Directive.model_validate({"narrative": "", "tags": tags, "frames": frames, "fps": 24})
    clip, truth = render(directive, seed=4, size=(160, 96))
    return shot_of(list(scan_clip(clip)), clip.fps), truth.sheet


def captioned(shot: Shot, **tags: list[CaptionTag]) -> ShotCaption:
    return ShotCaption(0.0, len(shot.gray) / shot.fps, shot.fps, len(shot.gray), tags, [], "A shot.")


@pytest.fixture(scope="module")
def run() -> tuple[Shot, dict[str, list[int]]]:
    tags = {"action": "run", "drawing_cadence": "twos", "camera_move": "follow"}
    return filmed({**tags, "limited_technique": "cycle_loop"}, 48)


def test_a_cycle_reads_with_the_numbers_of_its_own_drawings(run):
    shot, sheet = run
    assert len(set(sheet["A"])) < len(sheet["A"]) // 2, "the run is a cycle, or this test shows nothing"
    assert drawing_numbers(shot) == sheet["A"]


def test_drawings_that_differ_get_numbers_of_their_own():
    shot, sheet = filmed({"action": "speak", "drawing_cadence": "threes", "shot_scale": "medium_close"})
    assert drawing_numbers(shot) == sheet["A"]


def test_impact_frames_and_camera_words_stand_on_the_sheet(run):
    shot, _ = run
    found = captioned(
        shot,
        camera_move=[CaptionTag("pan_left", 0.9, (0, 47))],
        impact_frame=[CaptionTag("white_frame", 0.9, (14, 15))],
    )
    sheet = timesheet(shot, found)
    effect = sheet.layer("FX").cells
    assert [i for i, cell in enumerate(effect) if cell is not None] == [14, 15]
    assert {(w.first, w.last) for w in sheet.words} == {(0, 47), (14, 15)}


def test_a_slow_container_fills_every_frame_of_the_sheet():
    shot, _ = filmed({"action": "walk", "drawing_cadence": "twos"}, 24)
    slow = Shot(shot.gray[::2], shot.colour[::2], np.arange(12) / 12, 12.0)
    sheet = timesheet(slow, captioned(slow))
    assert sheet.frames == 24
    assert None not in sheet.layer("A").cells


def test_a_timesheet_written_as_xdts_reads_back_with_every_cell(run, tmp_path):
    shot, _ = run
    sheet = timesheet(shot, captioned(shot, camera_move=[CaptionTag("pan_left", 0.9, (0, 47))]))
    path = tmp_path / "cut.xdts"
    write_xdts({"001": sheet, "002": sheet}, path)
    back = read_xdts(path)
    assert back.tables == 2
    assert back.exposure(1) == sheet


class _Page(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_page_holds_everything_itself_and_escapes_what_it_is_told(run, tmp_path):
    shot, _ = run
    page = ReportPage("<b>film</b>.mp4")
    found = captioned(shot, camera_move=[CaptionTag("pan_left", 0.9, (0, 47))])
    page.add(shot, ShotCaption(**{**vars(found), "narrative": "<script>alert(1)</script>"}))
    html = page.write(tmp_path / "page.html").read_text("utf-8")
    parsed = _Page(html)
    assert "<script>alert" not in html and "<b>film" not in html
    assert sum(tag == "section" for tag, _ in parsed.tags) == 1
    links = [attrs.get("src") or attrs.get("href") for _, attrs in parsed.tags]
    assert all(link.startswith("data:") for link in links if link), "nothing is loaded from elsewhere"
    drawings = [attrs for tag, attrs in parsed.tags if tag == "img" and "drawing" in attrs.get("alt", "")]
    assert len(drawings) == len(set(drawing_numbers(shot)))


def test_a_page_that_cannot_be_written_leaves_nothing(run, tmp_path):
    page = ReportPage("film.mp4")
    with pytest.raises(AniMatrixError):
        page.write(tmp_path / "none" / "page.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_the_shortest_shots_have_a_sheet_and_a_page(frames):
    clip = Clip(np.full((frames, 48, 80, 3), 120, np.uint8), 24.0)
    shot = shot_of(list(scan_clip(clip)), 24.0)
    found = captioned(shot)
    assert timesheet(shot, found).frames == frames
    page = ReportPage("grey.mp4")
    page.add(shot, found)
    assert "Shot 1" in page.html()
