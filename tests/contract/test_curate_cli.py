"""``animatrix curate`` and ``animatrix dataset show``: documents, one line for a mistake, statuses."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from films import drawn, film

from animatrix.cli import main
from animatrix.corpus import Manifest


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("footage")
    film(folder / "a.mp4", [drawn(1, frames=30), drawn(2, frames=30)])
    (folder / "b.mp4").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def dataset(footage, tmp_path_factory):
    """Curated by the real captioner, through the command."""
    out = tmp_path_factory.mktemp("made") / "dataset"
    command = [sys.executable, "-m", "animatrix.cli", "curate", str(footage), "--out", str(out), "--json"]
    done = subprocess.run([*command, "--workers", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout), done.stderr


def test_the_document_counts_what_was_kept_and_refused(dataset):
    out, document, said = dataset
    assert document["dataset"] == str(out) and document["files"] == 2
    assert document["kept"] == len(Manifest(out)) > 0
    assert document["refused"]["not_a_video"] == 1
    assert document["changed"] and document["files_read"] == 2
    assert "reading: 2 done" in said and "cutting: 1 done" in said  # plain lines, no terminal


def test_rows_carry_the_captioners_tags(dataset):
    row = Manifest(dataset[0])[0]
    assert row.confidence and set(row.confidence) == set(row.directive.tags)
    assert all(0 <= sure <= 1 for values in row.confidence.values() for sure in values.values())


def test_a_second_run_says_that_there_is_nothing_to_do(dataset, footage, capsys):
    assert main(["curate", str(footage), "--out", str(dataset[0])]) == 0
    out, err = capsys.readouterr()
    assert "is up to date: nothing to do" in err and out.startswith("2 files: ")


def test_show_counts_values_refusals_and_gaps(dataset, capsys):
    assert main(["dataset", "show", str(dataset[0]), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = list(Manifest(dataset[0]))
    assert document["clips"] == len(rows)
    assert document["seconds"] == pytest.approx(sum(r.end - r.start for r in rows), abs=1e-3)
    assert document["refused"]["not_a_video"]["count"] == 1
    assert set(document["axes"]) == {"style", "motion", "camera", "vfx"}
    for field, values in document["values"].items():
        for value, count in values.items():
            assert count == sum(value in row.directive.values(field) for row in rows)
    camera = document["axes"]["camera"]
    assert 0 <= camera["evenness"] <= 1 and 0 <= camera["share"] <= 1
    named = {f"{f}={v}" for f, values in document["values"].items() for v in values}
    assert not named & set(camera["none"]) and camera["none"]


def test_show_prints_tables(dataset, capsys):
    assert main(["dataset", "show", str(dataset[0])]) == 0
    out, _ = capsys.readouterr()
    assert "not_a_video" in out and "evenness" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none", "--out", "d"], "error[file-missing]: no such folder: none"),
        (["a.mp4", "--out", "d"], "error[not-a-file]: a.mp4 is not a folder; give the folder of the videos"),
        (
            ["empty", "--out", "d"],
            "error[file-missing]: no video file in empty; videos are told by their suffix, such as .mp4",
        ),
        (
            [".", "--out", "d", "--engine", "rai"],
            "error[bad-option]: unknown engine 'rai'; did you mean 'ray'?",
        ),
        ([".", "--out", "d", "--workers", "-1"], "error[bad-option]: --workers -1 is less than 0"),
        (
            [".", "--out", "d", "--set", "least_second=2"],
            "error[bad-option]: --set: unknown threshold 'least_second'; did you mean 'least_seconds'?",
        ),
        (
            [".", "--out", "d", "--set", "least_side=big"],
            "error[bad-option]: --set least_side: 'big' is not a whole number",
        ),
        ([".", "--out", "a.mp4"], "error[not-writable]: cannot write the dataset a.mp4: Not a directory"),
    ],
)
def test_a_mistake_gives_one_line_and_status_2(capsys, monkeypatch, tmp_path, footage, arguments, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_bytes((footage / "a.mp4").read_bytes())
    (tmp_path / "empty").mkdir()
    assert main(["curate", *arguments, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.strip() == line
    assert not (tmp_path / "d").exists()


def test_show_without_a_dataset_gives_one_line_and_status_2(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["dataset", "show", "none"]) == 2
    _, err = capsys.readouterr()
    assert err.strip() == (
        "error[file-missing]: no dataset in none; `animatrix curate SOURCE --out DATASET` makes one"
    )


def test_a_full_disk_is_one_line_and_status_1(footage, tmp_path):
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); "
        "from animatrix.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "curate", str(footage), "--out", str(tmp_path / "d")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("error[os]: [Errno 28] no space left on the disk: ")
    assert not [p for p in (tmp_path / "d").rglob("*.parquet")]
