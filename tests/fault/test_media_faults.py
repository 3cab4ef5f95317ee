"""Foreign video files: whatever is handed in, one clear line comes out, and nothing is fetched."""

from __future__ import annotations

import os
import struct
import wave

import cv2
import numpy as np
import pytest

from animatrix.errors import AniMatrixError, Code
from animatrix.media import Clip, probe, read_clip, scan, stream_frames, write_video


@pytest.fixture
def film(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (24, 12, 20, 3)).astype(np.uint8)
    return write_video(Clip(frames.repeat(8, 1).repeat(8, 2), 24.0), tmp_path / "film.mp4")


def missing(folder, film):
    return folder / "none.mp4"


def below_a_file(folder, film):
    return film / "clip.mp4"


def directory(folder, film):
    return folder


def empty(folder, film):
    path = folder / "empty.mp4"
    path.write_bytes(b"")
    return path


def text(folder, film):
    path = folder / "text.mp4"
    path.write_text("not a film at all\n" * 100)
    return path


def random_bytes(folder, film):
    path = folder / "random.mp4"
    path.write_bytes(np.random.default_rng(1).bytes(20_000))
    return path


def hls_playlist(folder, film):
    path = folder / "playlist.mp4"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{film}\n#EXT-X-ENDLIST\n")
    return path


def concat_playlist(folder, film):
    path = folder / "concat.mp4"
    path.write_text(f"ffconcat version 1.0\nfile {film.name}\n")
    return path


def dash_manifest(folder, film):
    path = folder / "manifest.mp4"
    path.write_text(
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>'
        f"<Representation><BaseURL>{film}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    return path


def image(folder, film):
    path = folder / "image.mp4"
    path.write_bytes(cv2.imencode(".png", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    return path


def sound(folder, film):
    path = folder / "sound.mp4"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(struct.pack("<8000h", *range(8000)))
    return path


def pipe(folder, film):
    path = folder / "pipe.mp4"
    os.mkfifo(path)
    return path


def device(folder, film):
    return "/dev/zero"


def url(folder, film):
    return "http://127.0.0.1:9/film.mp4"


def protocol(folder, film):
    return f"concat:{film}|{film}"


def null_byte(folder, film):
    return "film\0.mp4"


def without_index(folder, film):
    path = folder / "header_only.mp4"
    path.write_bytes(film.read_bytes()[:300])
    return path


CASES = [
    (missing, Code.FILE_MISSING, "no such file"),
    (below_a_file, Code.FILE_MISSING, "no such file"),
    (directory, Code.FILE_NOT_A_FILE, "is a directory"),
    (empty, Code.NOT_A_VIDEO, "the file is empty"),
    (text, Code.NOT_A_VIDEO, "is not a video"),
    (random_bytes, Code.NOT_A_VIDEO, "is not a video"),
    (hls_playlist, Code.NOT_A_VIDEO, "is not a video"),
    (concat_playlist, Code.NOT_A_VIDEO, "is not a video"),
    (dash_manifest, Code.NOT_A_VIDEO, "is not a video"),
    (image, Code.NOT_A_VIDEO, "is not a video"),
    (sound, Code.NOT_A_VIDEO, "is not a video"),
    (pipe, Code.FILE_NOT_A_FILE, "is not a regular file"),
    (device, Code.FILE_NOT_A_FILE, "is not a regular file"),
    (url, Code.FILE_MISSING, "no such file"),
    (protocol, Code.FILE_MISSING, "no such file"),
    (null_byte, Code.FILE_UNREADABLE, "not a file name"),
    (without_index, Code.NOT_A_VIDEO, "is not a video"),
]


@pytest.mark.parametrize(("make", "code", "words"), CASES, ids=[c[0].__name__ for c in CASES])
@pytest.mark.parametrize(
    "read",
    [
        probe,
        read_clip,
        lambda p: list(stream_frames(p)),
        lambda p: list(scan(p)),
        lambda p: list(scan(p, guarded=True, strict=False)),
    ],
    ids=["probe", "read", "stream", "scan", "guarded"],
)
def test_what_is_no_film_gives_one_line(tmp_path, film, make, code, words, read):
    with pytest.raises(AniMatrixError) as error:
        read(make(tmp_path, film))
    assert error.value.code is code
    assert words in str(error.value)
    assert "\n" not in str(error.value) and "\0" not in str(error.value)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_a_truncated_film_is_said_to_be_one(tmp_path, suffix, share):
    frames = np.random.default_rng(0).integers(0, 256, (48, 12, 20, 3)).astype(np.uint8)
    whole = write_video(
        Clip(frames.repeat(8, 1).repeat(8, 2), 24.0), tmp_path / f"whole{suffix}"
    ).read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(AniMatrixError, match="is damaged or cut off after") as error:
        read_clip(path)
    assert error.value.code is Code.NOT_A_VIDEO


@pytest.mark.parametrize("seed", range(24))
def test_flipped_bytes_never_raise_anything_else(tmp_path, film, seed):
    rng = np.random.default_rng(seed)
    data = bytearray(film.read_bytes())
    for position in rng.integers(0, len(data), 1 + seed):
        data[position] = int(rng.integers(0, 256))
    path = tmp_path / "flipped.mp4"
    path.write_bytes(bytes(data))
    try:
        clip = read_clip(path)
    except AniMatrixError as error:
        assert error.code in (Code.NOT_A_VIDEO, Code.FILE_TOO_LARGE)
        assert "\n" not in str(error)
    else:
        assert clip.frames.dtype == np.uint8


def test_a_name_that_looks_like_a_protocol_is_only_a_name(tmp_path, film, monkeypatch):
    monkeypatch.chdir(tmp_path)
    film.rename(tmp_path / "concat:a|b.mp4")
    assert len(read_clip("concat:a|b.mp4")) == 24


def test_frames_beyond_the_limit_are_refused_before_they_are_decoded(film):
    with pytest.raises(AniMatrixError, match="has frames of 160x96 pixels") as error:
        next(stream_frames(film, max_pixels=10_000))
    assert error.value.code is Code.FILE_TOO_LARGE


def test_a_clip_beyond_memory_is_refused(film, monkeypatch):
    monkeypatch.setattr("animatrix.media.read.MAX_CLIP_BYTES", 160 * 96 * 3 * 10)
    with pytest.raises(AniMatrixError, match="too long to hold in memory") as error:
        read_clip(film)
    assert error.value.code is Code.FILE_TOO_LARGE


def test_decoding_stops_at_its_time_limit(film):
    with pytest.raises(AniMatrixError, match="takes longer than 0 s"):
        list(stream_frames(film, max_seconds=0.0))


@pytest.mark.parametrize("target", ["nowhere/clip.mp4", "."])
def test_an_impossible_target_is_refused(tmp_path, target):
    clip = Clip(np.zeros((2, 16, 16, 3), np.uint8), 24.0)
    (tmp_path / "folder.mp4").mkdir()
    path = tmp_path / ("folder.mp4" if target == "." else target)
    with pytest.raises(AniMatrixError) as error:
        write_video(clip, path)
    assert error.value.code is Code.NOT_WRITABLE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.mp4"]
