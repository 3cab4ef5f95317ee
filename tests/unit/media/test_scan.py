"""One decode: reduced frames, the same in this process and in a child, from every kind of picture."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest
from odd_films import encode, moving, pulled_down, woven

from animatrix.caption import read_shots
from animatrix.media import Trouble, read_clip, scan
from animatrix.media.fields import is_combed

PARTS = ("seconds", "luma", "colour", "picture", "twin", "damaged")
INTERLACED = {"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "12"}


def kinds(film) -> list[Trouble]:
    return [fault.kind for fault in film.report.faults]


def test_a_child_gives_the_very_same_frames(tmp_path):
    path = encode(moving(40, 640, 352), tmp_path / "film.mp4")
    near, far = scan(path), scan(path, guarded=True)
    assert near.info == far.info
    for one, other in zip(near, far, strict=True):
        for part in PARTS:
            a, b = getattr(one, part), getattr(other, part)
            assert (a is None) == (b is None)
            assert a is None or np.array_equal(a, b), part
    assert (near.report.error_lines, far.report.error_lines) == (None, 0)
    assert near.report.frames == far.report.frames == 40
    assert near.report.faults == far.report.faults == []


def test_a_frame_is_small_and_now_and_then_whole(tmp_path):
    pictures = moving(26, 640, 360)
    frames = list(scan(encode(pictures, tmp_path / "film.mp4", options={"crf": "10"})))
    assert {f.luma.shape for f in frames} == {(180, 320)}
    assert {f.colour.shape for f in frames} == {(90, 160, 3)}
    assert [i for i, f in enumerate(frames) if f.picture is not None] == [0, 12, 24]
    assert [i for i, f in enumerate(frames) if f.twin is not None] == [1, 13, 25]
    assert frames[12].picture.shape == (360, 640, 3) and frames[13].twin.shape == (360, 640)
    expected = cv2.resize(pictures[7], (160, 90), interpolation=cv2.INTER_AREA)
    assert np.abs(frames[7].colour.astype(int) - expected).mean() < 6
    assert [f.seconds for f in frames] == pytest.approx(np.arange(26) / 24)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixels", "size"),
    [
        (".mp4", "libx264", "yuv420p", (322, 242)),
        (".mp4", "libx264", "yuv422p", (320, 240)),
        (".mp4", "libx264", "yuv444p", (320, 240)),
        (".mkv", "libx264", "yuv420p10le", (320, 240)),
        (".mkv", "libx264rgb", "rgb24", (320, 240)),
        (".mkv", "ffv1", "yuv420p", (321, 243)),
        (".mkv", "ffv1", "yuv422p10le", (321, 243)),
        (".mkv", "ffv1", "bgr0", (97, 33)),
        (".mkv", "ffv1", "bgra", (320, 240)),
        (".mkv", "ffv1", "yuva420p", (320, 240)),
        (".mkv", "ffv1", "gbrp10le", (320, 240)),
        (".avi", "mjpeg", "yuvj420p", (320, 240)),
        (".mov", "prores_ks", "yuv422p10le", (320, 240)),
        (".webm", "libvpx-vp9", "yuv420p", (321, 241)),
        (".gif", "gif", "rgb8", (320, 240)),
    ],
)
def test_every_kind_of_picture_keeps_its_colours(tmp_path, suffix, codec, pixels, size):
    pictures = moving(4, *size)
    film = list(scan(encode(pictures, tmp_path / f"film{suffix}", codec=codec, pixels=pixels)))
    assert len(film) == 4
    for frame, picture in zip(film, pictures, strict=True):
        height, width = frame.colour.shape[:2]
        expected = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        assert np.abs(frame.colour.astype(int) - expected).mean() < (24 if codec == "gif" else 12)
    assert np.abs(film[0].picture.astype(int) - pictures[0]).mean() < (24 if codec == "gif" else 12)


@pytest.mark.parametrize("full", [False, True])
def test_black_is_black_in_either_range(tmp_path, full):
    pictures = np.zeros((3, 64, 64, 3), np.uint8)
    pictures[:, 32:] = 255
    path = encode(pictures, tmp_path / "film.mkv", codec="ffv1", full_range=full)
    luma = list(scan(path))[2].luma
    assert luma[:30].max() <= 3 and luma[34:].min() >= 252


def test_an_animated_gif_keeps_its_times(tmp_path):
    times = [0, 100, 200, 500, 600]
    path = encode(moving(5), tmp_path / "film.gif", codec="gif", pixels="rgb8", times=times)
    film = scan(path)
    assert [round(1e3 * frame.seconds) for frame in film] == times
    assert kinds(film) == [Trouble.VARIABLE_RATE]


def test_a_variable_rate_is_named_and_times_are_kept(tmp_path):
    times = [0, 42, 84, 250, 292, 334, 700, 742, 784, 826]
    film = scan(encode(moving(10), tmp_path / "film.mkv", times=times), guarded=True)
    assert [round(1e3 * frame.seconds) for frame in film] == times
    assert kinds(film) == [Trouble.VARIABLE_RATE]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001)])
def test_a_container_that_counts_milliseconds_is_not_of_variable_rate(tmp_path, rate):
    film = scan(encode(moving(48), tmp_path / "film.mkv", rate=rate))
    assert len(list(film)) == 48 and kinds(film) == []


def test_flagged_fields_are_taken_apart(tmp_path):
    fields = moving(48, speed=12)
    path = encode(woven(fields), tmp_path / "film.mp4", rate=25, options=INTERLACED)
    film = scan(path)
    frames = list(film)
    assert len(frames) == 24 and kinds(film) == [Trouble.INTERLACED] and film.report.interlaced == 24
    assert [f.seconds for f in frames] == pytest.approx(np.arange(24) / 25)
    assert is_combed(cv2.cvtColor(read_clip(path).frames[12], cv2.COLOR_RGB2GRAY))
    assert not is_combed(cv2.cvtColor(frames[12].picture, cv2.COLOR_RGB2GRAY))
    small = [cv2.resize(field, (160, 120), interpolation=cv2.INTER_AREA) for field in fields[24:26]]
    far, near = sorted(
        (np.abs(frames[12].colour.astype(int) - field).mean() for field in small), reverse=True
    )
    assert near < 0.4 * far  # one moment, not a blend of two


def test_woven_fields_without_a_flag_are_named(tmp_path):
    film = scan(encode(woven(moving(200, speed=12)), tmp_path / "film.mp4", options={"crf": "16"}))
    assert len(list(film)) == 100 and kinds(film) == [Trouble.COMBED]
    film = scan(encode(moving(100, speed=12), tmp_path / "plain.mp4"))
    assert len(list(film)) == 100 and kinds(film) == []


def drawn_on(count: int, hold: int) -> np.ndarray:
    return moving(-(-count // hold)).repeat(hold, 0)[:count]


@pytest.mark.parametrize("hold", [1, 2, 3])
@pytest.mark.parametrize(
    ("rate", "cycle"),
    [
        (Fraction(30000, 1001), (0, 1, 2, 3, 3)),
        (30, (0, 0, 1, 2, 3)),
        (Fraction(60000, 1001), (0, 0, 0, 1, 1)),
    ],
    ids=["30", "30 from the start", "60"],
)
def test_pulled_down_film_is_read_as_film(tmp_path, hold, rate, cycle):
    film = drawn_on(24 * hold + 24, hold)
    path = encode(pulled_down(film, cycle), tmp_path / "film.mp4", rate=rate)
    reading = read_shots(path)
    (shot,) = reading
    assert shot.fps == pytest.approx(24, rel=2e-3) and len(shot.gray) == len(film)
    steps = np.array([np.abs(a.astype(int) - b).mean() for a, b in pairwise(shot.gray)])
    begins = np.flatnonzero(steps > 0.5 * np.median(steps[steps > 1])) + 1
    assert set(np.diff(begins)) == {hold}
    assert kinds(reading) == [Trouble.PULLDOWN]


# On fives of 30 is what fours of 24 give by pulldown: nothing in the picture tells them apart.
@pytest.mark.parametrize("hold", [1, 2, 3, 4])
@pytest.mark.parametrize("rate", [24, 30, 60])
def test_other_rhythms_are_left_alone(tmp_path, hold, rate):
    path = encode(drawn_on(26 * hold, hold), tmp_path / "film.mp4", rate=rate)
    reading = read_shots(path)
    shots = list(reading)
    assert sum(len(shot.gray) for shot in shots) == 26 * hold and shots[0].fps == pytest.approx(rate)
    assert kinds(reading) == []


def test_soft_pulldown_is_only_retimed(tmp_path):
    fields = np.cumsum([0] + [2, 3] * 19 + [2])
    times = [round(1001 * int(field) / 60) for field in fields]
    reading = read_shots(encode(moving(40), tmp_path / "film.mkv", rate=30, times=times))
    (shot,) = reading
    assert len(shot.gray) == 40 and shot.fps == pytest.approx(23.976, rel=5e-3)
    assert np.diff(shot.pts) == pytest.approx(1 / shot.fps, rel=1e-6)
    assert Trouble.PULLDOWN in kinds(reading)


def test_a_child_serves_film_after_film_wherever_its_parent_stands(tmp_path, monkeypatch):
    path = encode(moving(12), tmp_path / "film.mp4")
    (tmp_path / "av.py").write_text("raise SystemExit('a file beside the film was imported')")
    (tmp_path / "deep").mkdir()
    for folder, name in ((tmp_path, "film.mp4"), (tmp_path / "deep", "../film.mp4"), (tmp_path, path)):
        monkeypatch.chdir(folder)
        assert len(list(scan(name, guarded=True))) == 12


def test_a_film_left_early_costs_the_next_one_nothing(tmp_path):
    path = encode(moving(60), tmp_path / "film.mp4")
    for count in (0, 1, 30, 59):
        with scan(path, guarded=True) as film:
            for _ in range(count):
                next(film)
        assert len(list(scan(path, guarded=True))) == 60
    assert len(list(scan(path, guarded=True, max_frames=7))) == 7
    one, other = scan(path, guarded=True), scan(path, guarded=True)  # side by side, each with its child
    assert [np.array_equal(a.luma, b.luma) for a, b in zip(one, other, strict=True)] == [True] * 60


def test_a_forked_worker_starts_a_child_of_its_own(tmp_path):
    path = encode(moving(12), tmp_path / "film.mp4")
    assert len(list(scan(path, guarded=True))) == 12
    worker = os.fork()
    if not worker:
        os._exit(0 if len(list(scan(path, guarded=True))) == 12 else 1)
    assert os.waitpid(worker, 0)[1] == 0
    assert len(list(scan(path, guarded=True))) == 12


def test_the_child_loads_no_model_library():
    code = "import sys, animatrix.media.child; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.split(".")[0] for name in loaded.split()} & {"torch", "pydantic", "yaml", "rich"} == set()
