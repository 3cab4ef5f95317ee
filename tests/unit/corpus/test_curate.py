"""A folder becomes a dataset that depends on the folder and the settings alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import READER, content, drawn, film

from animatrix.corpus import Manifest, Reader, Settings, Thresholds, curate
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Taxonomy
from animatrix.media import probe, read_clip


def boxed(frames: np.ndarray) -> np.ndarray:
    frames = frames.copy()
    frames[:, :40], frames[:, -40:] = 0, 0
    return frames


def enlarged(frames: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(f, (480, 360), interpolation=cv2.INTER_CUBIC) for f in frames])


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    (folder / "season").mkdir()
    first = film(folder / "one.mp4", [drawn(1), drawn(2), drawn(3, frames=8)])
    shutil.copy(first, folder / "season" / "copy of one.mkv")
    film(folder / "season" / "zwei ä.mp4", [boxed(drawn(4, size=(480, 360))), enlarged(drawn(1))])
    (folder / "notes.txt").write_text("not a video")
    (folder / ".hidden.mp4").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def made(footage, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "dataset"
    return out, curate(footage, out, READER, workers=2)


def test_each_shot_is_kept_or_refused_with_its_reason(made):
    out, done = made
    rows = {(row.source, row.shot): row for row in Manifest(out)}
    assert list(rows) == [("one.mp4", 1), ("season/zwei ä.mp4", 0), ("season/zwei ä.mp4", 1)]
    refused = {(r["source"], r["shot"]): r for r in Manifest(out).rejects()}
    assert {key: r["reason"] for key, r in refused.items()} == {
        ("one.mp4", 0): "near_duplicate",  # the copy of more pixels is kept
        ("one.mp4", 2): "too_short",
        ("season/copy of one.mkv", -1): "duplicate_file",
    }
    assert refused["one.mp4", 0]["text"] == "looks like shot 1 of season/zwei ä.mp4 (1.00 s)"
    assert refused["one.mp4", 2]["text"] == "lasts 0.33 s, less than 0.5"
    assert done.refused == {"duplicate_file": 1, "near_duplicate": 1, "too_short": 1}
    assert (done.files, done.kept, done.files_read, done.clips_cut) == (3, 3, 2, 3)


def test_a_row_tells_everything_of_its_clip(made, footage):
    out, _ = made
    row = Manifest(out)[1]
    assert (row.fps, row.frames, row.start, row.end) == (24.0, 24, 0.0, 1.0)
    assert row.crop is not None and row.crop[0] == 0 and row.crop[2] == 480
    assert row.crop[1] == pytest.approx(41, abs=2) and row.crop[3] == pytest.approx(278, abs=4)
    assert hashlib.sha256(row.clip.read_bytes()).hexdigest() == row.clip_sha256
    assert row.source_sha256 == hashlib.sha256((footage / row.source).read_bytes()).hexdigest()
    info = probe(row.clip)
    assert (info.width, info.height) == (row.width, row.height) == (row.crop[2], row.crop[3])
    assert info.fps == 24
    directive = row.directive
    assert directive.frames == 24 and directive.taxonomy_version == Taxonomy.default().version
    (tag,) = directive.tags["palette"]
    assert row.confidence == {"palette": {tag.value: 0.9}} and row.narrative == directive.narrative
    assert row.abstained == ("camera_move",)


def test_a_clip_holds_the_frames_of_its_shot(made, footage):
    out, _ = made
    row = Manifest(out)[0]
    clip = read_clip(row.clip).frames.astype(int)
    shot = drawn(2).astype(int)
    assert clip.shape == shot.shape
    assert np.abs(clip - shot).mean() < 6
    assert np.abs(clip[1] - shot[5]).mean() > np.abs(clip[5] - shot[5]).mean()


def test_a_second_run_does_nothing_and_says_so(made, footage):
    out, _ = made
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    again = curate(footage, out, READER)
    assert (again.changed, again.files_read, again.clips_cut, again.kept) == (False, 0, 0, 3)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()} == before


def test_a_lost_clip_is_cut_again_to_the_same_bytes(made, footage, tmp_path):
    out = shutil.copytree(made[0], tmp_path / "copy")
    next(out.glob("clips/*/*.mp4")).unlink()
    done = curate(footage, out, READER)
    assert (done.clips_cut, done.files_read) == (1, 0)
    assert content(out) == content(made[0])


def test_what_was_added_later_gives_the_dataset_of_all_at_once(made, footage, tmp_path):
    """The same folder in two steps, another file order, and the working notes deleted in between."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(footage / "one.mp4", folder)
    assert curate(folder, out, READER).kept == 2
    shutil.copytree(footage / "season", folder / "season")
    curate(folder, out, READER)
    assert content(out) == content(made[0])
    shutil.rmtree(folder / "season")
    assert curate(folder, out, READER).kept == 2
    assert len(list(out.glob("clips/*/*.mp4"))) == 2  # clips that no row names are gone


def test_another_version_of_the_reader_reads_again_but_cuts_nothing(made, footage, tmp_path):
    out = shutil.copytree(made[0], tmp_path / "copy")
    done = curate(footage, out, Reader(READER.read, READER.describe, "test-2"))
    assert (done.files_read, done.clips_cut) == (2, 0)
    assert {row.key for row in Manifest(out)}.isdisjoint(row.key for row in Manifest(made[0]))


def test_thresholds_decide_and_are_written_down(footage, tmp_path):
    settings = Settings(Thresholds(least_seconds=0.2, clip_side=160))
    curate(footage, tmp_path / "out", READER, settings)
    assert all(max(row.width, row.height) == 160 for row in Manifest(tmp_path / "out"))
    assert not any(r["reason"] == "too_short" for r in Manifest(tmp_path / "out").rejects())
    written = json.loads((tmp_path / "out" / "dataset.json").read_text())["settings"]
    assert (written["least_seconds"], written["clip_side"]) == (0.2, 160)


def test_a_dataset_of_other_videos_is_not_overwritten(made, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    film(folder / "other.mp4", [drawn(99)])
    before = content(made[0])
    with pytest.raises(AniMatrixError, match="a dataset of other videos") as caught:
        curate(folder, made[0], READER)
    assert caught.value.code is Code.BAD_OPTION and content(made[0]) == before


def test_the_dataset_may_lie_inside_its_source(footage, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(footage / "one.mp4", folder)
    curate(folder, folder / "dataset", READER)
    again = curate(folder, folder / "dataset", READER)
    assert (again.files, again.changed) == (1, False)


@pytest.mark.parametrize("name", ["manifest.parquet", "dataset.json"])
def test_a_damaged_dataset_gives_one_line(made, tmp_path, name):
    out = shutil.copytree(made[0], tmp_path / "copy")
    (out / name).write_bytes(b"PAR1 no more")
    with pytest.raises(AniMatrixError) as caught:
        Manifest(out)
    assert caught.value.code is Code.FILE_UNREADABLE and "\n" not in str(caught.value)
