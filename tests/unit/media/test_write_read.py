"""What goes into a video file comes out of it, in the same bytes every time, or nothing is left behind."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from animatrix.errors import AniMatrixError, Code
from animatrix.media import (
    Clip,
    contact_sheet,
    probe,
    read_clip,
    stream_frames,
    write_png_sequence,
    write_video,
)
from animatrix.media import write as writer

BARS = ((220, 30, 40), (30, 200, 60), (40, 60, 230), (250, 220, 60))


def bars(width: int = 160, height: int = 96, frames: int = 12) -> Clip:
    picture = np.zeros((frames, height, width, 3), np.uint8)
    for index, colour in enumerate(BARS):
        picture[:, :, index * width // 4 : (index + 1) * width // 4] = colour
    for t in range(frames):
        cv2.circle(picture[t], (20 + 6 * t, height // 2), 12, (20, 20, 30), -1)
    return Clip(picture, 24.0)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv", ".webm"])
def test_colours_frames_and_rate_survive(tmp_path, suffix):
    clip = bars()
    path = write_video(clip, tmp_path / f"clip{suffix}")
    back = read_clip(path)
    assert back.frames.shape == clip.frames.shape
    assert back.fps == pytest.approx(24.0)
    middles = back.frames[5, 8, [20, 60, 100, 140]].astype(int)
    assert np.abs(middles - np.array(BARS)).max() <= 5
    assert np.abs(back.frames.astype(int) - clip.frames).mean() < 2.5


def test_lossless_is_bit_exact_at_an_odd_size(tmp_path):
    noise = np.random.default_rng(3).integers(0, 256, (5, 31, 47, 3)).astype(np.uint8)
    path = write_video(Clip(noise, 12.0), tmp_path / "clip.mkv", lossless=True)
    back = read_clip(path)
    assert (back.frames == noise).all()
    assert back.fps == pytest.approx(12.0)


def test_odd_sizes_are_padded_by_the_edge(tmp_path):
    back = read_clip(write_video(bars(161, 95), tmp_path / "clip.mp4"))
    assert back.size == (162, 96)
    assert np.abs(back.frames[0, -1].astype(int) - back.frames[0, -2]).max() <= 6


@pytest.mark.parametrize("fps", [12.0, 23.976, 24.0, 29.97, 60.0])
def test_frame_rates_survive(tmp_path, fps):
    path = write_video(Clip(bars().frames, fps), tmp_path / "clip.mp4")
    assert probe(path).fps == pytest.approx(fps, rel=1e-4)
    times = [seconds for seconds, _ in stream_frames(path)]
    assert times == pytest.approx(np.arange(12) / fps, abs=2e-3)


def test_the_same_clip_gives_the_same_bytes_in_another_process(tmp_path):
    script = (
        "import sys, numpy as np; from animatrix.media import Clip, write_video\n"
        "f = np.random.default_rng(1).integers(0, 256, (8, 12, 20, 3)).astype('u1')\n"
        "f = f.repeat(8, 1).repeat(8, 2)\n"
        "[write_video(Clip(f, 24.0), sys.argv[1] + s) for s in ('.mp4', '.mkv', '.webm')]\n"
    )
    digests = []
    for run in ("a", "b", "c"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / run)], check=True)
        digests.append(
            [
                hashlib.sha256((tmp_path / f"{run}{s}").read_bytes()).hexdigest()
                for s in (".mp4", ".mkv", ".webm")
            ]
        )
    assert digests[0] == digests[1] == digests[2]


def test_a_browser_can_start_before_the_end_is_loaded(tmp_path):
    data = write_video(bars(), tmp_path / "clip.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_probe_tells_what_the_file_is(tmp_path):
    info = probe(write_video(bars(), tmp_path / "clip.mp4"))
    assert (info.width, info.height, info.codec, info.rotation, info.vfr) == (160, 96, "h264", 0, False)
    assert info.frames == 12
    assert info.duration == pytest.approx(0.5, abs=0.01)


def test_a_rotated_recording_comes_out_upright(tmp_path):
    path = write_video(bars(), tmp_path / "clip.mp4")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the display matrix is 40 bytes into the box's body
    quarter = (0, 0x10000, 0, -0x10000, 0, 0, 96 << 16, 0, 0x40000000)  # 90 degrees clockwise
    data[at : at + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in quarter)
    path.write_bytes(bytes(data))
    assert probe(path).rotation == 90
    assert (probe(path).width, probe(path).height) == (96, 160)
    back = read_clip(path)
    assert back.size == (96, 160)
    assert np.abs(back.frames[0, [20, 60, 100, 140], 90].astype(int) - np.array(BARS)).max() <= 5


def test_reading_is_bounded_and_reduced_on_request(tmp_path):
    path = write_video(bars(), tmp_path / "clip.mp4")
    assert len(read_clip(path, max_frames=5)) == 5
    assert read_clip(path, max_side=80).size == (80, 48)
    assert read_clip(path, max_side=800).size == (160, 96)
    gray = [frame for _, frame in stream_frames(path, gray=True, max_side=80)]
    assert gray[0].shape == (48, 80) and gray[0].dtype == np.uint8 and len(gray) == 12


def test_luma_follows_the_picture(tmp_path):
    path = write_video(bars(), tmp_path / "clip.mp4")
    _, luma = next(stream_frames(path, gray=True))
    _, rgb = next(stream_frames(path))
    expected = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    assert np.corrcoef(luma.ravel(), expected.ravel())[0, 1] > 0.98


def test_an_abandoned_stream_leaves_no_open_file(tmp_path):
    path = write_video(bars(), tmp_path / "clip.mp4")
    for _ in range(300):  # more than the usual limit of open files, if each stayed open
        next(stream_frames(path))
    assert len(read_clip(path)) == 12


@pytest.mark.parametrize(
    ("name", "lossless", "line"),
    [
        ("clip.avi", False, "cannot write video as '.avi': clip.avi; use .mp4, .m4v, .mov, .mkv, .webm"),
        ("clip.mp5", False, "cannot write video as '.mp5': clip.mp5; did you mean '.mp4'?"),
        (
            "clip",
            False,
            "cannot write video as 'a file without suffix': clip; use .mp4, .m4v, .mov, .mkv, .webm",
        ),
        ("clip.mp4", True, "cannot write lossless video as '.mp4': clip.mp4; use .mkv"),
    ],
)
def test_an_unsupported_suffix_is_refused(tmp_path, name, lossless, line):
    with pytest.raises(AniMatrixError) as error:
        write_video(bars(), tmp_path / name, lossless=lossless)
    assert error.value.code is Code.UNSUPPORTED_OUTPUT
    assert str(error.value) == line
    assert not any(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"the old file")

    def fails(frames: np.ndarray) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "_even", fails)
    with pytest.raises(KeyboardInterrupt):
        write_video(bars(), path)
    assert path.read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [path]


def test_a_png_sequence_is_whole_and_exact(tmp_path):
    clip = bars(frames=3)
    folder = write_png_sequence(clip, tmp_path / "frames")
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["frame_0000.png", "frame_0001.png", "frame_0002.png"]
    back = cv2.imread(str(folder / names[2]))[..., ::-1]
    assert (back == clip.frames[2]).all()
    with pytest.raises(AniMatrixError, match="exists already"):
        write_png_sequence(clip, folder)


def test_a_contact_sheet_holds_every_clip(tmp_path):
    clips = [bars(frames=4), Clip(255 - bars(frames=4).frames, 24.0), bars(frames=4)]
    path = contact_sheet(
        clips, tmp_path / "sheet.png", columns=2, captions=["one", "two", "three"], frames_per_clip=2, scale=2
    )
    sheet = cv2.imread(str(path))[..., ::-1]
    strip = 2 * 320 + 2
    assert sheet.shape[1] == 2 * (strip + 6) + 6
    assert (sheet == BARS[0]).all(-1).any() and (sheet == 255 - np.array(BARS[0])).all(-1).any()
    with pytest.raises(AniMatrixError, match="2 captions for 3 clips"):
        contact_sheet(clips, tmp_path / "other.png", captions=["one", "two"])
    assert contact_sheet(clips, tmp_path / "small.jpg").read_bytes()[:2] == b"\xff\xd8"
    with pytest.raises(AniMatrixError, match=r"png or \.jpg, not sheet\.webp"):
        contact_sheet(clips, tmp_path / "sheet.webp")
    assert not (tmp_path / "other.png").exists()


def test_a_written_file_has_ordinary_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert Path(write_video(bars(), tmp_path / "clip.mp4")).stat().st_mode == plain.stat().st_mode
