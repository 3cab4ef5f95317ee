"""Training survives: killed at any moment, a disk that is full, folders that are damaged."""

from __future__ import annotations

import inspect
import random
import re
import resource
import shutil
import signal

import pytest
from tiny_task import equal, rows, start, state, train_on, trainer

from animatrix.errors import AniMatrixError, Code

PHASES = ("begun", "written", "synced", "described", "agreed", "renamed", "pruned")
# Saves every second step, so that pruning takes part too.
OFTEN = {"checkpoint": {"every": 2}}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The same training, never cut off: in a process like those of the others, with one thread."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    end, _ = train_on(1, out, OFTEN)
    return end, rows(out), rows(out, "shown.jsonl")


def cut_off(out, moments):
    """Train, killed at each moment in turn; returns the state at the end, and how often it was."""
    kills = 0
    for moment in moments:
        (process,) = start(out, OFTEN, cut=moment)
        process.join(60)
        assert process.exitcode in (-signal.SIGKILL, 0), (out.parent / f"{out.name}.said").read_text()
        kills += process.exitcode != 0
    return train_on(1, out, OFTEN)[0], kills


def check(out, end, undisturbed):
    whole, log, shown = undisturbed
    assert equal(end, whole)
    assert rows(out) == log and rows(out, "shown.jsonl") == shown
    assert sorted(f.name for f in (out / "checkpoints").iterdir()) == ["step-00000010", "step-00000012"]
    assert {f.name for f in (out / "export").iterdir()} == {
        "net.safetensors",
        "gain.safetensors",
        "says.json",
    }
    assert not [f for f in out.iterdir() if f.name.endswith((".tmp", ".old")) or f.name.startswith(".log")]


MOMENTS = {
    "saving": ["begun:1", "written:2", "described:2", "agreed:1", "renamed:2", "row:3"],
    "tidying": ["synced:1", "fsync:9", "pruned:2", "step:3", "fsync:2", "export:1"],
}


@pytest.mark.parametrize(
    "moments", [MOMENTS["saving"], pytest.param(MOMENTS["tidying"], marks=pytest.mark.slow)]
)
def test_killed_at_any_moment_it_goes_on_to_the_same_end(tmp_path, moments, undisturbed):
    end, kills = cut_off(tmp_path / "run", moments)
    assert kills == len(moments)
    check(tmp_path / "run", end, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_thirty_random_moments(tmp_path, seed, undisturbed):
    """Five times six kills: at a phase of saving, a sync, a step or a row, each at a random count. A run that
    gets through before the sixth is checked, and another begun.
    """
    chance = random.Random(seed)
    places = [*PHASES, "fsync", "fsync", "step", "row"]
    kills, run = 0, 0
    while kills < 6:
        out = tmp_path / f"run{run}"
        (process,) = start(out, OFTEN, cut=f"{chance.choice(places)}:{chance.randint(1, 3)}")
        process.join(60)
        kills += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0:
            check(out, *train_on(1, out, OFTEN)[:1], undisturbed)
            run += 1
    out = tmp_path / f"run{run}"
    check(out, *train_on(1, out, OFTEN)[:1], undisturbed)


@pytest.mark.slow
def test_killed_by_the_clock(tmp_path, undisturbed):
    """No moment chosen at all: killed after random milliseconds, until it gets through."""
    chance = random.Random(7)
    for _ in range(12):
        (process,) = start(tmp_path / "run", OFTEN)
        process.join(chance.uniform(0.05, 1.2))
        process.kill()
        process.join()
    end, _ = train_on(1, tmp_path / "run", OFTEN)
    check(tmp_path / "run", end, undisturbed)


@pytest.mark.slow
def test_one_of_two_killed_while_saving(tmp_path):
    sharded = {**OFTEN, "parallel": {"shard": "fsdp"}}
    whole, _ = train_on(2, tmp_path / "whole", sharded)
    first, second = start(tmp_path / "run", sharded, cut="described:2", size=2)  # which rank 0 alone reaches
    first.join(60)
    second.kill()
    second.join()
    assert first.exitcode == -signal.SIGKILL
    end, said = train_on(2, tmp_path / "run", sharded)
    assert "passed over step-00000004.tmp" in said and "going on from step 2" in said
    assert equal(whole, end) and rows(tmp_path / "whole") == rows(tmp_path / "run")


def test_folders_passed_over_are_named(tmp_path, capsys):
    trainer(tmp_path, checkpoint={"every": 2, "keep": 9}).run(until=8)
    root = tmp_path / "checkpoints"
    shutil.copytree(root / "step-00000008", root / "step-00000010.tmp")
    (root / "step-00000008" / "manifest.json").unlink()
    data = next((root / "step-00000006").glob("*.distcp"))
    data.write_bytes(data.read_bytes()[:-1])
    (root / "step-00000004" / "manifest.json").write_text("{")
    capsys.readouterr()
    again = trainer(tmp_path, checkpoint={"every": 2, "keep": 9})
    said = capsys.readouterr().err
    assert again.step == 2
    for words in (
        "010.tmp: saving or removing it was cut off",
        "008: it has no manifest",
        "006: __0_0.distcp has",
        "004: its manifest cannot be read",
        "going on from step 2",
    ):
        assert words in said
    again.run()
    whole = trainer(tmp_path / "whole")
    whole.run()
    assert equal(state(again), state(whole))


def test_a_checkpoint_whose_bytes_are_spoilt_is_named(tmp_path):
    trainer(tmp_path).run(until=6)
    data = next(tmp_path.rglob("*.distcp"))
    data.write_bytes(b"\0" * data.stat().st_size)
    with pytest.raises(AniMatrixError, match=r"cannot read checkpoint .*step-00000006") as caught:
        trainer(tmp_path)
    assert caught.value.code is Code.BAD_CHECKPOINT and "remove that folder" in caught.value.hint


@pytest.fixture
def full_disk(request):
    """No file may grow past so many bytes: what a full disk does, as far as a file is concerned."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_clear_line_and_the_last_checkpoint_stays(tmp_path, full_disk):
    one = trainer(tmp_path)
    one.run(until=6)
    before = {f.name: f.read_bytes() for f in (tmp_path / "checkpoints" / "step-00000006").iterdir()}
    full_disk(8192)  # logs still fit, tensors do not
    with pytest.raises(AniMatrixError, match=r"cannot save step 12 to .*: file too large") as caught:
        one.run()
    full_disk(resource.RLIM_INFINITY)
    assert caught.value.code is Code.NOT_WRITABLE and "step-00000006, is whole" in caught.value.hint
    assert "\n" not in str(caught.value)
    assert [f.name for f in (tmp_path / "checkpoints").iterdir()] == ["step-00000006"]
    assert before == {f.name: f.read_bytes() for f in (tmp_path / "checkpoints" / "step-00000006").iterdir()}
    again = trainer(tmp_path)
    again.run()
    whole = trainer(tmp_path / "whole")
    whole.run()
    assert equal(state(again), state(whole)) and rows(tmp_path) == rows(tmp_path / "whole")


def test_a_log_that_cannot_grow_is_one_clear_line(tmp_path, full_disk):
    one = trainer(tmp_path, log={"every": 1, "shown": False})
    one.run(until=8)
    log, recipe = ((tmp_path / name).stat().st_size for name in ("log.jsonl", "recipe.yaml"))
    assert log > recipe  # so that the log is the first that is too large
    full_disk(log + 10)
    with pytest.raises(AniMatrixError, match=r"cannot write .*log\.jsonl: file too large"):
        one.run()


def test_an_export_that_does_not_fit_leaves_the_old_one(tmp_path, monkeypatch):
    trainer(tmp_path).run()
    kept = (tmp_path / "export" / "net.safetensors").read_bytes()
    more = trainer(tmp_path, steps=13)

    def full(modules, folder):
        (folder / "net.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    more.task.export = full
    with pytest.raises(AniMatrixError, match=r"cannot write .*export: no space left"):
        more.run()
    assert (tmp_path / "export" / "net.safetensors").read_bytes() == kept
    assert trainer(tmp_path, steps=13).step == 13 and not (tmp_path / "export.tmp").exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AniMatrixError, match="cannot write") as caught:
        trainer(tmp_path / "file" / "run").run()
    assert caught.value.code is Code.NOT_WRITABLE


def test_every_phase_of_saving_is_one_that_power_is_cut_at():
    from animatrix.train import checkpoint

    passed = re.findall(r'reached\("(\w+)"\)', inspect.getsource(checkpoint.save))
    assert tuple(passed) == PHASES
