"""Broken films: each ends in a result or a named error, within its time, and costs nothing else."""

from __future__ import annotations

import os
import signal
import struct
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from odd_films import encode, moving

from animatrix.caption import read_shots
from animatrix.errors import AniMatrixError, Code
from animatrix.media import FilmError, Limits, Trouble, guard, ring, scan, scanning

PATIENCE = 60.0  # seconds for one file, on a busy machine


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """72 frames, a key frame in every 24."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return encode(moving(72, 160, 96), path, options={"g": "24", "crf": "20"})


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    """Longer than the child may be ahead of us, however busy the machine."""
    path = tmp_path_factory.mktemp("films") / "long.mp4"
    return encode(moving(3 * ring.SLOTS, 160, 96), path, options={"g": "24", "crf": "20"})


@pytest.fixture
def child(film, monkeypatch):
    """The decode child of the next scan."""
    with scan(film, guarded=True) as first:
        next(first)
    return guard._idle[0].process.pid


def tolerant(path, **options):
    found = scan(path, guarded=True, strict=False, **options)
    return list(found), found.report


def test_the_part_before_a_cut_off_is_kept_and_the_fault_named(tmp_path, film):
    path = encode(moving(72, 160, 96), tmp_path / "film.mkv", options={"g": "24"})
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    frames, report = tolerant(path)
    assert 10 < len(frames) < 72
    (fault, *_) = report.faults
    assert fault.kind is Trouble.CUT_OFF and fault.severity == "error" and fault.frame == len(frames)
    assert fault.to_json()["message"].startswith(f"damaged or cut off after {len(frames)} frames")
    with pytest.raises(FilmError, match=f"is damaged or cut off after {len(frames)} frames"):
        list(scan(path, guarded=True))


def test_a_shot_before_the_damage_is_read_whole(tmp_path):
    first, second = moving(40, 160, 96), 255 - moving(40, 160, 96)[::-1]
    path = encode(np.concatenate([first, second]), tmp_path / "film.mkv", options={"g": "8"})
    path.write_bytes(path.read_bytes()[: int(0.8 * path.stat().st_size)])
    reading = read_shots(path, strict=False)
    shots = list(reading)
    assert sum(len(shot.gray) for shot in shots) == reading.report.frames
    assert [fault.kind for fault in reading.report.faults][:1] == [Trouble.CUT_OFF]


def test_broken_data_that_decodes_is_counted(tmp_path, film):
    data = bytearray(film.read_bytes())
    box = data.index(b"mdat")
    size = struct.unpack(">I", data[box - 4 : box])[0]
    for at in np.random.default_rng(3).integers(box + size // 2, box + size - 4, 12):
        data[at] ^= 0xFF
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(data))
    frames, report = tolerant(path)
    assert report.error_lines and report.first_error and report.damaged
    assert sum(frame.damaged for frame in frames) == report.damaged <= len(frames)
    assert not frames[0].damaged
    (fault,) = [fault for fault in report.faults if fault.kind is Trouble.DAMAGED]
    assert f"{report.error_lines} lines of decoder errors" in fault.message
    assert frames[fault.frame].damaged and not any(f.damaged for f in frames[: fault.frame])
    with pytest.raises(FilmError, match=r"decoder errors|cut off"):
        list(scan(path, guarded=True))


def test_a_whole_film_is_without_fault(film):
    frames, report = tolerant(film)
    assert len(frames) == 72 and report.faults == [] and report.error_lines == 0 and report.damaged == 0


def flipped(film, seed: int) -> bytes:
    """One to a hundred bytes anywhere in the file, headers too."""
    rng = np.random.default_rng(seed)
    data = bytearray(film.read_bytes())
    for at in rng.integers(0, len(data), int(rng.integers(1, 100))):
        data[at] = int(rng.integers(0, 256))
    return bytes(data)


def ends_named(path) -> None:
    began = time.monotonic()
    try:
        frames, report = tolerant(path, limits=Limits(seconds=20, stall=20))
    except AniMatrixError as error:
        assert error.code in (Code.NOT_A_VIDEO, Code.FILE_TOO_LARGE, Code.DECODER_FAILED)
        assert "\n" not in str(error)
    else:
        assert frames and all(fault.message and "\n" not in fault.message for fault in report.faults)
        if len(frames) != 72:
            assert any(fault.severity == "error" for fault in report.faults)
    assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("seed", range(15))
def test_flipped_bytes_end_in_a_result_or_a_named_error(tmp_path, film, seed):
    path = tmp_path / "flipped.mp4"
    path.write_bytes(flipped(film, seed))
    ends_named(path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".ts", ".gif"])
def test_a_hundred_flipped_files_of_every_container(tmp_path, suffix):
    codec, pixels = {
        ".webm": ("libvpx-vp9", "yuv420p"),
        ".avi": ("mpeg4", "yuv420p"),
        ".gif": ("gif", "rgb8"),
    }.get(suffix, ("libx264", "yuv420p"))
    muxer = "mpegts" if suffix == ".ts" else None
    whole = encode(moving(72, 160, 96), tmp_path / f"film{suffix}", codec=codec, pixels=pixels, muxer=muxer)
    path = tmp_path / f"flipped{suffix}"
    for seed in range(100):
        path.write_bytes(flipped(whole, seed))
        began = time.monotonic()
        try:
            frames, _ = tolerant(path, limits=Limits(seconds=20, stall=20))
            assert frames
        except AniMatrixError as error:
            assert error.code in (Code.NOT_A_VIDEO, Code.FILE_TOO_LARGE, Code.DECODER_FAILED), seed
        assert time.monotonic() - began < PATIENCE, seed
    assert len(tolerant(whole)[0]) == 72


def test_a_decoder_that_hangs_is_killed_and_named(film, long_film, child):
    found = scan(long_film, guarded=True, strict=False, limits=Limits(stall=0.5))
    frames = list(islice(found, 5))
    os.kill(child, signal.SIGSTOP)
    frames += list(found)
    (fault,) = found.report.faults
    assert fault.kind is Trouble.STALLED and fault.frame == len(frames) >= 5
    assert f"decoder stalled at frame {len(frames)}" in fault.message
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert len(list(scan(film, guarded=True))) == 72  # the next film has a new child


def test_a_decoder_that_hangs_before_the_first_frame_is_an_error(film, child):
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(FilmError, match="decoder stalled at frame 0") as error:
        tolerant(film, limits=Limits(stall=0.5))
    assert error.value.code is Code.DECODER_FAILED and str(film) in str(error.value)


@pytest.mark.parametrize(
    ("death", "words"), [(signal.SIGKILL, "killed from outside or for memory"), (signal.SIGSEGV, "SIGSEGV")]
)
def test_a_decoder_that_dies_costs_only_the_rest_of_its_film(tmp_path, death, words):
    film = encode(moving(120, 160, 96), tmp_path / "film.mp4")
    list(scan(film, guarded=True, max_frames=1))
    child = guard._idle[0].process.pid
    found = scan(film, guarded=True, strict=False)
    frames = list(islice(found, 5))
    os.kill(child, death)
    frames += list(found)
    (fault,) = found.report.faults
    assert fault.kind is Trouble.CRASHED and fault.frame == len(frames) < 120 and words in fault.message
    assert len(list(scan(film, guarded=True))) == 120


def test_a_film_beyond_its_memory_is_named(tmp_path):
    path = encode(moving(4, 1920, 1088), tmp_path / "film.mp4")
    for megabytes in (1, 16):
        with pytest.raises(FilmError, match="out of memory") as error:
            tolerant(path, limits=Limits(memory=megabytes << 20))
        assert error.value.code is Code.DECODER_FAILED
    assert len(tolerant(path)[0]) == 4


def test_a_film_beyond_its_time_is_named(film):
    with pytest.raises(FilmError, match="decoding takes longer than 0 s") as error:
        tolerant(film, limits=Limits(seconds=0.0))
    assert error.value.code is Code.FILE_TOO_LARGE


def y4m_of_100000(folder, film):
    path = folder / "huge.mp4"
    path.write_bytes(b"YUV4MPEG2 W100000 H100000 F24:1 Ip A1:1 C420\nFRAME\n" + bytes(10_000))
    return path


def gif_of_65535(folder, film):
    path = folder / "huge.gif"
    head = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    block = b"," + struct.pack("<HHHH", 0, 0, 65535, 65535) + b"\0" + b"\x02\x16" + bytes(22) + b"\0;"
    path.write_bytes(head + block)
    return path


def samples_10_to_the_9(folder, film):
    data = bytearray(film.read_bytes())
    for box in (b"stts", b"stsz"):
        at = data.index(box) + 12
        data[at : at + 4] = struct.pack(">I", 10**9)
    path = folder / "huge.mp4"
    path.write_bytes(bytes(data))
    return path


def one_size_for_10_to_the_9(folder, film):
    data = bytearray(film.read_bytes())
    at = data.index(b"stsz") + 8
    data[at : at + 8] = struct.pack(">II", 1, 10**9)
    path = folder / "huge.mp4"
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("make", [y4m_of_100000, gif_of_65535, samples_10_to_the_9, one_size_for_10_to_the_9])
def test_a_header_that_claims_the_moon_is_bounded(tmp_path, film, make):
    ends_named(make(tmp_path, film))


def test_a_film_without_frames_is_refused(tmp_path, film):
    data = bytearray(film.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = bytes(len(data) - start)
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(data))
    with pytest.raises(AniMatrixError, match=r"film\.mp4") as error:
        tolerant(path)
    assert error.value.code is Code.NOT_A_VIDEO


def test_a_film_of_one_frame_is_a_shot(tmp_path):
    reading = read_shots(encode(moving(1), tmp_path / "film.mp4"))
    (shot,) = reading
    assert len(shot.gray) == 1 and reading.report.faults == []


def test_a_size_that_changes_ends_the_film_there(tmp_path, film):
    one = encode(moving(24, 160, 96), tmp_path / "one.ts", muxer="mpegts").read_bytes()
    other = encode(moving(24, 320, 192), tmp_path / "other.ts", muxer="mpegts").read_bytes()
    path = tmp_path / "film.ts"
    path.write_bytes(one + other)
    frames, report = tolerant(path)
    assert 20 <= len(frames) <= 24
    assert Trouble.SIZE_CHANGE in [fault.kind for fault in report.faults]


def test_a_child_that_talks_nonsense_is_not_believed(film, monkeypatch):
    real = guard.Message.unpacked
    count = iter(range(1000))
    monkeypatch.setattr(
        guard.Message,
        "unpacked",
        lambda data: real(bytes([1]) + b"\xff" * (len(data) - 1) if next(count) == 5 else data),
    )
    with pytest.raises(FilmError, match="talked nonsense"):
        list(scan(film, guarded=True))
    monkeypatch.undo()
    assert len(list(scan(film, guarded=True))) == 72


def test_a_child_may_not_write_files(film):
    """What keeps a decoder that was taken over from leaving anything behind."""
    with scan(film, guarded=True) as found:
        next(found)
        child = [int(line) for line in os.popen(f"pgrep -P {os.getpid()} -f animatrix.media.child")]
        limits = Path(f"/proc/{child[0]}/limits").read_text()
    assert limits.split("Max file size")[1].split()[0] == "0"
    assert scanning.Limits().memory < 4 << 30
