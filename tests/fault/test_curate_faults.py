"""Curation under faults: a bad file costs that file only, a killed run goes on to the same bytes, a full disk
leaves nothing half written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from films import POISONED, READER, content, drawn, film

from animatrix.corpus import Limits, Settings, curate
from animatrix.corpus.attend import QUARANTINED
from animatrix.corpus.manifest import Manifest
from animatrix.corpus.store import OutOfSpace, Store

TESTS = Path(__file__).parents[1]
ONCE = Settings(limits=Limits(tries=1))


def leftovers(dataset: Path) -> list[Path]:
    return [p for p in dataset.rglob(".*") if p.is_file()]


def reasons(dataset: Path) -> dict[str, tuple[str, str]]:
    return {r["source"]: (r["reason"], r["text"]) for r in Manifest(dataset).rejects() if r["shot"] == -1}


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    film(folder / "first.mp4", [drawn(1), drawn(2)])
    film(folder / "second.mp4", [drawn(3), drawn(4), drawn(5)])
    return folder


@pytest.fixture(scope="module")
def undisturbed(footage, tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("undisturbed") / "dataset"
    curate(footage, out, READER, workers=2)
    return content(out)


def broken_files(folder: Path, whole: bytes) -> dict[str, tuple[str, str]]:
    """Files that are no good, and the reason and a word of the text expected of each."""
    (folder / "zero.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("no film\n" * 200)
    (folder / "cut_in_header.mp4").write_bytes(whole[:100])
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{folder}/good.mp4\n#EXT-X-ENDLIST\n"
    (folder / "playlist.mp4").write_text(playlist)
    with wave.open(str(folder / "sound.mp4"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\1" * 8000)
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    return {
        "zero.mp4": ("not_a_video", "empty"),
        "text.mp4": ("not_a_video", "invalid data"),
        "cut_in_header.mp4": ("not_a_video", ""),
        "playlist.mp4": ("not_a_video", "invalid data"),
        "sound.mp4": ("not_a_video", ""),
        "truncated.mp4": ("cut_off", "cut off"),
    }


def test_bad_files_cost_themselves_only_and_are_named(tmp_path, footage):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(footage / "second.mp4", folder / "good.mp4")
    other = film(tmp_path / "other.mp4", [drawn(11), drawn(12), drawn(13)])
    expected = broken_files(folder, other.read_bytes())
    done = curate(folder, out, READER, workers=2)
    found = reasons(out)
    assert set(found) == set(expected)
    for name, (reason, word) in expected.items():
        assert found[name][0] == reason and word in found[name][1]
        assert found[name][1].startswith(name) and str(tmp_path) not in found[name][1]
    kept = [(row.source, row.shot) for row in Manifest(out)]
    assert [k for k in kept if k[0] == "good.mp4"] == [("good.mp4", 0), ("good.mp4", 1), ("good.mp4", 2)]
    # What was whole before the damage is kept.
    assert {k[0] for k in kept} <= {"good.mp4", "truncated.mp4"} and done.kept == len(kept)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 10))])
def test_flipped_bits_never_end_the_run(tmp_path, footage, seed):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(footage / "first.mp4", folder / "good.mp4")
    data = np.frombuffer((footage / "second.mp4").read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(seed)
    for position in rng.integers(0, len(data), 8):
        data[position] ^= 1 << int(rng.integers(8))
    (folder / "flipped.mp4").write_bytes(data.tobytes())
    curate(folder, out, READER)
    assert sum(row.source == "good.mp4" for row in Manifest(out)) == 2
    named = {row.source for row in Manifest(out)} | {r["source"] for r in Manifest(out).rejects()}
    assert named == {"flipped.mp4", "good.mp4"}


POISONS = {
    "exits": "exited with status 7",
    "killed": "killed by signal 9",
    "raises": "failed: KeyError: 'no such drawing'",
}


def poisoned_folder(folder: Path, words) -> Path:
    folder.mkdir()
    film(folder / "good.mp4", [drawn(21), drawn(22)])
    for index, word in enumerate(words):
        film(folder / f"{word}_file.mp4", [drawn(30 + index), drawn(60 + index)])
    return folder


def test_a_file_that_ends_its_worker_is_quarantined_and_the_rest_complete(tmp_path):
    folder, out = poisoned_folder(tmp_path / "in", POISONS), tmp_path / "out"
    done = curate(folder, out, POISONED, workers=2)
    assert done.refused == {QUARANTINED: len(POISONS)} and done.kept == 2
    for name, (reason, text) in reasons(out).items():
        assert reason == QUARANTINED
        assert text == f"the worker reading it {POISONS[name.split('_')[0]]}, 2 times"
    before = content(out)
    again = curate(folder, out, POISONED, workers=2)
    assert (again.changed, again.files_read) == (False, 0) and content(out) == before


@pytest.mark.parametrize(
    ("word", "limits", "text"),
    [
        ("hangs", Limits(stall_seconds=5.0, tries=1), "made no progress for 5 s"),
        pytest.param("hangs", Limits(seconds=5.0, tries=1), "took more than 5 s", marks=pytest.mark.slow),
        pytest.param(
            "hogs",
            Limits(memory=700 << 20, tries=1),
            "took more than 700 MB of memory",
            marks=pytest.mark.slow,
        ),
        pytest.param("huge", Limits(tries=1), "ran out of memory", marks=pytest.mark.slow),
    ],
)
def test_a_worker_is_ended_at_its_limits(tmp_path, word, limits, text):
    folder, out = poisoned_folder(tmp_path / "in", [word]), tmp_path / "out"
    done = curate(folder, out, POISONED, Settings(limits=limits))
    assert done.refused == {QUARANTINED: 1} and done.kept == 2
    assert text in reasons(out)[f"{word}_file.mp4"][1]


def test_a_file_that_fails_once_is_read_at_the_second_try(tmp_path):
    folder, out = poisoned_folder(tmp_path / "in", ["once"]), tmp_path / "out"
    done = curate(folder, out, POISONED)
    assert done.refused == {} and done.kept == 4
    assert not list((out / "work" / "attempts").rglob("*.json"))


@pytest.mark.slow
def test_a_quarantined_file_is_read_again_when_asked(tmp_path):
    folder, out = poisoned_folder(tmp_path / "in", ["raises"]), tmp_path / "out"
    assert curate(folder, out, POISONED, ONCE).refused == {QUARANTINED: 1}
    done = curate(folder, out, READER, ONCE, retry=True)  # the same version: a reader that was repaired
    assert done.refused == {} and done.kept == 4


RUN = """
import sys
from pathlib import Path
from films import SLOWED
from animatrix.corpus import curate
curate(Path(sys.argv[1]), Path(sys.argv[2]), SLOWED, workers=2)
"""


def start(footage: Path, out: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    return subprocess.Popen([sys.executable, "-c", RUN, str(footage), str(out)], env=environment)


def kill_when(process: subprocess.Popen, reached, patience: float = 120.0) -> None:
    """SIGKILL the run as soon as ``reached()``; a run that is through by then was not interrupted."""
    deadline = time.monotonic() + patience
    while process.poll() is None and not reached() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert process.poll() is None, "the run ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()


MOMENTS = {
    "hashed": lambda out: (out / "work" / "sources.json").exists(),
    "attempted": lambda out: any(out.glob("work/attempts/*/*.json")),
    "read_one": lambda out: any(out.glob("work/read/*/*.json")),
    "cutting": lambda out: any(out.glob("clips/*/.*.mp4")) or any(out.glob("clips/*/*.mp4")),
    "cut_two": lambda out: len(list(out.glob("work/cut/*/*.json"))) >= 2,
    "tables": lambda out: (out / "rejects.parquet").exists(),
}


def test_a_run_killed_again_and_again_goes_on_to_the_same_bytes(tmp_path, footage, undisturbed):
    out = tmp_path / "dataset"
    for moment in ("attempted", "read_one", "cutting"):
        process = start(footage, out)
        kill_when(process, lambda moment=moment: MOMENTS[moment](out))
    curate(footage, out, READER, workers=2)
    assert content(out) == undisturbed
    assert not leftovers(out)
    assert not curate(footage, out, READER).changed


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_killed_at_any_moment_goes_on_to_the_same_bytes(tmp_path, footage, undisturbed, moment):
    out = tmp_path / "dataset"
    process = start(footage, out)
    try:
        kill_when(process, lambda: MOMENTS[moment](out))
    except AssertionError:
        assert moment == "tables"  # the last instant of a run
    curate(footage, out, READER, workers=2)
    assert content(out) == undisturbed
    assert not leftovers(out)


@pytest.mark.slow
def test_killed_runs_do_not_count_against_the_file_they_were_reading(tmp_path, footage):
    out = tmp_path / "dataset"
    for _ in range(3):
        process = start(footage, out)
        kill_when(process, lambda: MOMENTS["attempted"](out))
    assert curate(footage, out, READER, workers=2).refused == {}


def test_workers_go_when_the_run_is_killed(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    film(folder / "hangs_file.mp4", [drawn(1)])
    code = RUN.replace("SLOWED", "POISONED")
    environment = os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    process = subprocess.Popen([sys.executable, "-c", code, str(folder), str(out)], env=environment)
    children = Path(f"/proc/{process.pid}/task")
    if not children.exists():
        process.kill()
        pytest.skip("no /proc")
    workers: list[int] = []
    kill_when(process, lambda: bool(workers.extend(_children(process.pid)) or workers))
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(_alive(pid) for pid in workers)


def _children(pid: int) -> list[int]:
    return [int(c) for t in Path(f"/proc/{pid}/task").glob("*/children") for c in t.read_text().split()]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_second_run_on_one_dataset_is_refused(tmp_path, footage):
    out = tmp_path / "dataset"
    with Store(out).locked(), pytest.raises(Exception, match="another run is working"):
        curate(footage, out, READER)


@pytest.mark.parametrize("phase", [pytest.param("read", marks=pytest.mark.slow), "cut", "tables"])
def test_a_full_disk_stops_the_run_and_the_next_goes_on(tmp_path, footage, undisturbed, phase, monkeypatch):
    """A limit on the size of files stands in for the disk: it is kept by workers, too."""
    out = tmp_path / "dataset"
    real = Store.write

    def full(self, path, text):
        if phase in path.as_posix() or (phase == "tables" and path.suffix == ".parquet"):
            from animatrix.corpus import store

            with store.space_minded(path):
                raise OSError(28, "No space left on device")
        real(self, path, text)

    if phase == "tables":
        monkeypatch.setattr(Store, "write", full)
        with pytest.raises(OutOfSpace):
            curate(footage, out, READER)
        monkeypatch.undo()
    else:
        most = {"read": 2_000, "cut": 9_000}[phase]
        environment = os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
        code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))
{RUN.replace("SLOWED", "READER")}
"""
        done = subprocess.run(
            [sys.executable, "-c", code, str(footage), str(out)],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1 and "OutOfSpace" in done.stderr.splitlines()[-1]
    assert not any(p.suffix == ".parquet" for p in out.iterdir())
    assert not [p for p in leftovers(out)]
    curate(footage, out, READER, workers=2)
    assert content(out) == undisturbed
