"""What a worker does with one file, without the worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from films import READER, describe, drawn, film, read

from animatrix.corpus import Reader, Thresholds
from animatrix.corpus.analyse import DecoderGaveUp, ReadJob, read_file
from animatrix.corpus.cut import Cut, _pictures
from animatrix.corpus.store import Store
from animatrix.media import Fault, ScanReport, Trouble


class Told:
    """A reading with a report, as the captioner's: ``damage`` says what each shot adds to it."""

    def __init__(self, shots, damage, faults) -> None:
        self.report = ScanReport(faults=[])
        self._shots, self._damage, self._faults = shots, damage, faults

    def __iter__(self):
        for shot, damaged in zip(self._shots, self._damage, strict=True):
            self.report.damaged += damaged
            yield shot
        self.report.faults.extend(self._faults)


def record(folder: Path, damage, faults, last: bool = True) -> dict:
    path = film(folder / "film.mp4", [drawn(1), drawn(2), drawn(3)])
    reader = Reader(lambda p: Told(list(read(p)), damage, faults), describe, "t")
    job = ReadJob("a" * 40, "film.mp4", path, Store(folder / "out"), reader, Thresholds(), last)
    read_file(job, lambda: None)
    found = job.store.load("read", job.key)
    assert found is not None
    return found


def codes(found: dict) -> list[list[str]]:
    return [[code for code, _ in shot["reasons"]] for shot in found["shots"]]


def test_a_shot_with_mended_frames_is_refused_and_its_neighbours_are_not(tmp_path):
    found = record(tmp_path, [0, 4, 0], [Fault(Trouble.DAMAGED, "damaged: 4 of 72 frames", 30)])
    assert codes(found) == [[], ["damaged"], []]
    assert found["faults"] == [{"reason": "damaged", "text": "{source} is damaged: 4 of 72 frames"}]


def test_a_film_that_breaks_off_loses_its_last_shot_only(tmp_path):
    found = record(tmp_path, [0, 0, 0], [Fault(Trouble.CUT_OFF, "cut off after 72 frames", 72)])
    assert codes(found) == [[], [], ["cut_off"]] and found["faults"][0]["reason"] == "cut_off"


def test_woven_fields_refuse_every_shot(tmp_path):
    found = record(tmp_path, [0, 0, 0], [Fault(Trouble.COMBED, "combed")])
    assert codes(found) == [["combed"]] * 3 and found["notes"] == ["combed"] and not found["faults"]


def test_what_was_handled_is_a_note(tmp_path):
    found = record(tmp_path, [0, 0, 0], [Fault(Trouble.INTERLACED, "interlaced")])
    assert codes(found) == [[], [], []] and found["notes"] == ["interlaced"] and not found["faults"]


@pytest.mark.parametrize("kind", [Trouble.STALLED, Trouble.CRASHED])
def test_a_decoder_that_gave_up_gets_another_try_and_then_keeps_what_it_had(tmp_path, kind):
    with pytest.raises(DecoderGaveUp):
        record(tmp_path, [0, 0, 0], [Fault(kind, "stuck")], last=False)
    found = record(tmp_path, [0, 0, 0], [Fault(kind, "stuck")])
    assert codes(found) == [[], [], ["cut_off"]]


def test_shots_that_are_refused_are_not_described(tmp_path):
    path = film(tmp_path / "film.mp4", [drawn(1, frames=6), drawn(2)])
    job = ReadJob("b" * 40, "film.mp4", path, Store(tmp_path / "out"), READER, Thresholds())
    assert read_file(job, lambda: None) == 2
    found = job.store.load("read", job.key)
    assert found is not None
    assert [shot["caption"] is None for shot in found["shots"]] == [True, False]


def cut(times, fps: float, start: float, end: float, vfr: bool, frames: int, crop=None, side=64):
    """Which source frames a clip shows; frame i is a picture of level i."""
    film = iter([(t, lambda i=i: np.full((8, 16, 3), i, np.uint8)) for i, t in enumerate(times)])
    pictures = list(_pictures(Cut("k", start, end, fps, frames, vfr, crop), film, side))
    return [int(p[0, 0, 0]) for p in pictures], pictures[0].shape[:2], [t for t, _ in film]


def test_a_clip_takes_its_frames_and_no_more():
    shown, _, left = cut([i / 24 for i in range(10)], 24, 3 / 24, 7 / 24, False, 4)
    assert shown == [3, 4, 5, 6] and len(left) == 3


def test_a_clip_of_variable_rate_keeps_the_time():
    shown, _, _ = cut([0, 0.1, 0.15, 0.4], 10, 0, 0.5, True, 4)
    assert shown == [0, 1, 2, 2, 3]


def test_a_clip_is_cropped_and_reduced_to_even_sides():
    _, size, _ = cut([0.0], 24, 0, 1 / 24, False, 1, crop=(2, 0, 12, 8))
    assert size == (8, 12)
    _, size, _ = cut([0.0], 24, 0, 1 / 24, False, 1, side=9)
    assert size == (4, 8)
