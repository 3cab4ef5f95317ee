"""``animatrix train``: one line per mistake, one command to start and to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_task
import yaml

from animatrix.cli import main

TESTS = Path(tiny_task.__file__).parent


@pytest.fixture
def recipe(tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump({**tiny_task.RECIPE, "out": str(tmp_path / "run")}, sort_keys=False))
    return file


def test_it_trains_and_the_same_command_goes_on(recipe, tmp_path, capsys):
    assert main(["train", str(recipe), "--stop-after", "0"]) == 0
    assert (
        "stopped because its time was up at step 1, saved; to go on, run the same command"
        in capsys.readouterr().err
    )
    assert main(["train", str(recipe)]) == 0
    said = capsys.readouterr()
    assert "going on from step 1" in said.err and "finished: 12 steps" in said.err and said.out == ""
    assert (tmp_path / "run" / "export" / "net.safetensors").exists()
    assert main(["train", str(recipe)]) == 0


def test_keys_can_be_changed_on_the_command_line(recipe, tmp_path):
    assert main(["train", str(recipe), "steps=2", f"out={tmp_path}/other", "optimiser.lr=1e-4"]) == 0
    written = yaml.safe_load((tmp_path / "other" / "recipe.yaml").read_text())
    assert written["steps"] == 2 and float(written["optimiser"]["lr"]) == 1e-4


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["stepz=2"], "error[bad-recipe]: command line: unknown key 'stepz'; did you mean 'steps'?"),
        (["steps=x"], "error[bad-recipe]: command line: steps: "),
        (["--stop-after", "-1"], "error[usage]: "),
        (["data.broken_step=3"], "error[not-finite]: step 3: the loss is not finite; samples: points/"),
        (["optimiser.decay_from=1", "out=/dev/null/x"], "error[not-writable]: cannot write /dev/null/x"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(recipe, capsys, args, said):
    assert main(["train", str(recipe), *args]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith(said)


def test_a_changed_recipe_is_refused_and_harmless_changes_are_said(recipe, capsys):
    assert main(["train", str(recipe), "--stop-after", "0"]) == 0
    assert main(["train", str(recipe), "batch=4"]) == 2
    assert "error[recipe-changed]: " in (said := capsys.readouterr().err) and "another batch" in said
    assert main(["train", str(recipe), "log.every=2"]) == 0
    assert "log.every is 2 now, it was 4" in capsys.readouterr().err


def test_unknown_key_in_the_file_is_told_with_its_line(recipe, capsys):
    recipe.write_text(recipe.read_text().replace("optimiser:", "optimizer:"))
    assert main(["train", str(recipe)]) == 2
    line = 1 + recipe.read_text().splitlines().index("optimizer:")
    assert capsys.readouterr().err == (
        f"error[bad-recipe]: tiny.yaml line {line}: unknown key 'optimizer'; did you mean 'optimiser'?\n"
    )


def test_the_whole_recipe_can_be_shown(recipe, tmp_path, capsys):
    assert main(["train", str(recipe), "--show-recipe"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["optimiser"]["clip"] == 1.0 and not (tmp_path / "run").exists()


def test_help_has_an_example(capsys):
    assert main(["train", "--help"]) == 0
    assert "animatrix train recipes/" in capsys.readouterr().out


# What the installed command does, with the tests' task known to it.
COMMAND = [sys.executable, "-c", "import sys, tiny_task, animatrix.cli as c; sys.exit(c.main(sys.argv[1:]))"]


@pytest.fixture
def environment():
    return os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def terminated(recipe, tmp_path, environment):
    """terminated(changes, rows, after): train, send SIGTERM once the log has so many rows and ``after`` more
    seconds have passed; exit status and what was said.
    """

    def run(changes: list[str], rows: int, after: float = 0.0) -> tuple[int, str]:
        args = [*COMMAND, "train", str(recipe), *changes]
        process = subprocess.Popen(args, env=environment, stderr=subprocess.PIPE, text=True)
        log = tmp_path / "run" / "log.jsonl"
        try:
            deadline = time.monotonic() + 120
            while not (log.exists() and log.read_text().count("\n") >= rows) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(after)
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=120)[1]
        finally:
            process.kill()
        return process.returncode, said

    return run


@pytest.mark.slow
def test_sigterm_ends_the_command_with_a_checkpoint_and_exit_status_0(terminated, tmp_path):
    status, said = terminated(["data.seconds=0.3", "log.every=1"], rows=0)
    assert status == 0 and "stopped by SIGTERM at step" in said
    assert list((tmp_path / "run" / "checkpoints").iterdir())


@pytest.mark.slow
def test_sigterm_is_heard_while_samples_are_waited_for(terminated):
    """The third step's samples take an hour: the two before are saved."""
    status, said = terminated(["data.stuck_step=2", "log.every=1", "prefetch=2"], rows=2, after=0.3)
    assert status == 0 and "stopped by SIGTERM at step 2, saved" in said


@pytest.mark.slow
def test_torchrun_is_all_it_takes_for_two_processes(recipe, tmp_path, environment):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    args = [*torchrun, "--no-python", *COMMAND, "train", str(recipe), "parallel.shard=fsdp"]
    done = subprocess.run(args, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("finished: 12 steps") == 1
    assert (tmp_path / "run" / "export" / "net.safetensors").exists()
