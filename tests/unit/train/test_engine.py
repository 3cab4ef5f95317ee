"""The loop: exact to resume, the same on any number of processes, and stopped before it spoils anything."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_task import TASK, equal, recipe, rows, state, train_on, trainer

from animatrix.errors import AniMatrixError, Code


def trained(out, until=None, **changed):
    one = trainer(out, **changed)
    one.run(until=until)
    return one


SHAPES = {
    "plain": {},
    "accumulated": {"accumulate": 2},
    "bf16 and dropout": {"precision": "bf16", "model": {"dropout": 0.3}},
    "muon": {"optimiser": {"name": "muon"}},
    "paced by its probes": {"curriculum": {"paced": True}, "prefetch": 4},
    "not loaded ahead": {"prefetch": 0},
}


@pytest.mark.parametrize("changed", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("cut", [5, pytest.param(6, marks=pytest.mark.slow)])
def test_two_legs_are_one_run_bit_for_bit(tmp_path, changed, cut):
    whole = trained(tmp_path / "whole", **changed)
    trained(tmp_path / "legs", until=cut, **changed)
    legs = trained(tmp_path / "legs", **changed)
    assert legs.step == 12 and equal(state(whole), state(legs))
    for file in ("log.jsonl", "shown.jsonl"):
        assert rows(tmp_path / "whole", file) == rows(tmp_path / "legs", file)
    assert len(rows(tmp_path / "legs", "shown.jsonl")) == 12


def test_it_learns_and_the_log_says_so(tmp_path):
    few = {"every": 500}
    trained(
        tmp_path,
        steps=200,
        log={"every": 50, "probe_every": 0},
        optimiser={"decay_from": None},
        checkpoint=few,
    )
    losses = [row["loss"] for row in rows(tmp_path)]
    assert losses[-1] < 0.5 * losses[0]
    assert {"step", "stage", "bucket", "grad_norm", "lr", "samples", "small", "size"} <= {*rows(tmp_path)[0]}


def test_a_mean_leaves_out_what_does_not_apply(tmp_path):
    """`small` is NaN for most samples: its mean is over the others, of all steps since the last line."""
    trained(tmp_path, steps=2, log={"every": 2, "probe_every": 0}, batch=64)
    row = rows(tmp_path)[0]
    assert 0 < row["small"] < 10 and row["samples"] == 128


def test_accumulation_does_not_change_the_gradient(tmp_path):
    a, b = (trained(tmp_path / str(n), accumulate=n) for n in (1, 4))
    for name, value in state(a).items():
        if "calls" not in name:
            torch.testing.assert_close(value, state(b)[name], rtol=1e-4, atol=1e-5)


def test_loading_ahead_changes_nothing(tmp_path):
    a, b = (trained(tmp_path / str(n), prefetch=n) for n in (0, 3))
    assert equal(state(a), state(b))


def test_a_sample_that_is_not_a_number_stops_before_the_step_and_is_named(tmp_path):
    broken = trainer(tmp_path, data={"broken_step": 7})
    with pytest.raises(AniMatrixError) as caught:
        broken.run()
    assert caught.value.code is Code.NOT_FINITE
    name = next(d.name for d in broken.task.plan(7).draws if d.place == 1)
    said = str(caught.value)
    assert "step 7" in said and name in said and said.count("points/") == 1
    assert "last checkpoint is step 6" in said
    assert all(bool(torch.isfinite(v).all()) for v in state(broken).values())
    # The weights are those of seven good steps.
    good = trained(tmp_path / "good", until=7)
    assert equal({k: v for k, v in state(good).items() if "calls" not in k},
                 {k: v for k, v in state(broken).items() if "calls" not in k})  # fmt: skip


def test_a_gradient_that_is_not_finite_is_blamed_on_its_weight(tmp_path, monkeypatch):
    one = trainer(tmp_path)
    one.weights["net.enter.bias"].register_hook(lambda g: g * float("inf"))
    with pytest.raises(AniMatrixError, match=r"gradient of net.enter.bias .* samples: points/") as caught:
        one.run()
    assert caught.value.code is Code.NOT_FINITE and one.step == 0


@pytest.mark.parametrize("prefetch", [0, 2])
def test_what_goes_wrong_in_loading_names_the_samples(tmp_path, prefetch):
    with pytest.raises(KeyError) as caught:
        trained(tmp_path, data={"unreadable_step": 4}, prefetch=prefetch)
    assert "points/" in caught.value.__notes__[0] and "(step 4, place 0)" in caught.value.__notes__[0]
    assert not [t for t in threading.enumerate() if t.name == "prefetch"]


def test_sigterm_finishes_the_step_saves_and_says_how_to_go_on(tmp_path, capsys):
    one = trainer(tmp_path, data={"seconds": 0.02})
    take = one.take_step

    def signalled(loaded, stop=False):
        if one.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(loaded, stop)

    one.take_step = signalled
    before = signal.getsignal(signal.SIGTERM)
    assert one.run() is False
    assert signal.getsignal(signal.SIGTERM) is before
    assert one.saved == one.step in (5, 6)
    assert "stopped by SIGTERM" in (said := capsys.readouterr().err) and "same command" in said
    legs = trained(tmp_path, data={"seconds": 0.02})
    assert legs.step == 12 and [row["step"] for row in rows(tmp_path, "shown.jsonl")] == [*range(1, 13)]


def test_a_leg_ends_when_its_minutes_are_up(tmp_path, capsys):
    one = trainer(tmp_path)
    one.run(stop_after=0)
    assert one.step == one.saved == 1 and "time was up" in capsys.readouterr().err


def test_pictures_and_the_export_are_of_the_average(tmp_path):
    one = trained(tmp_path, log={"show_every": 6}, ema=0.5)
    assert [f.name for f in sorted((tmp_path / "samples").iterdir())] == ["000006.txt", "000012.txt"]
    saved = load_file(tmp_path / "export" / "net.safetensors")
    assert torch.equal(saved["enter.weight"], one.average.values["net.enter.weight"])
    assert not torch.equal(saved["enter.weight"], one.weights["net.enter.weight"])
    # Buffers that no state dict holds are in the exported module all the same.
    with one._averaged():
        says = float(one.modules["gain"](one.modules["net"](torch.ones(1, 4))[:, None]))
    assert json.loads((tmp_path / "export" / "says.json").read_text()) == pytest.approx(says)


def test_tensorboard_has_the_same_figures_and_none_twice(tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = {"every": 2, "tensorboard": True}
    one = trainer(tmp_path, log=log)
    one.save = lambda: None  # cut off at step 5, with nothing saved since step 0
    one.run(until=5)
    trained(tmp_path, log=log)
    events = loader.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    read = [row["loss"] for row in rows(tmp_path) if "loss" in row]
    told = {e.step: e.value for e in events.Scalars("train/loss")}
    assert [told[step] for step in range(2, 13, 2)] == pytest.approx(read)
    assert {e.step for e in events.Scalars("probe/one")} == {5, 10}


def test_a_finished_run_is_left_alone_and_a_lost_export_is_made_again(tmp_path, capsys):
    trained(tmp_path)
    log, export = (tmp_path / "log.jsonl").read_bytes(), tmp_path / "export" / "net.safetensors"
    export.write_bytes(b"mine now")
    trained(tmp_path)
    assert (tmp_path / "log.jsonl").read_bytes() == log and export.read_bytes() == b"mine now"
    for file in export.parent.iterdir():
        file.unlink()
    export.parent.rmdir()
    trained(tmp_path)
    assert load_file(export) and "finished" in capsys.readouterr().err


def test_steps_may_be_added_afterwards(tmp_path, capsys):
    trained(tmp_path)
    more = trained(tmp_path, steps=15)
    assert more.step == 15 and "steps is 15 now, it was 12" in capsys.readouterr().err


@pytest.mark.parametrize("changed", [{"seed": 4}, {"model": {"width": 16}}, {"optimiser": {"lr": 0.5}}])
def test_a_recipe_that_would_make_another_model_is_refused_on_resume(tmp_path, changed):
    trained(tmp_path, until=3)
    key, value = next(iter(changed.items()))
    key = f"{key}.{next(iter(value))}" if isinstance(value, dict) else key
    with pytest.raises(AniMatrixError, match=rf"another {key}") as caught:
        trainer(tmp_path, **changed)
    assert caught.value.code is Code.RECIPE_CHANGED


def test_two_runs_do_not_share_a_folder(tmp_path):
    with open_run(tmp_path), pytest.raises(AniMatrixError, match="by another process"):
        trainer(tmp_path).run()


def open_run(out):
    from animatrix.train.distributed import World
    from animatrix.train.stopping import sole_run

    return sole_run(out, World())


def test_more_processes_than_samples_is_an_error(tmp_path):
    with pytest.raises(AniMatrixError, match="8 samples for 1 processes x 9"):
        trained(tmp_path, accumulate=9)


def close(a, b):
    assert a.keys() == b.keys()
    for name, value in a.items():
        if "calls" not in name:
            torch.testing.assert_close(
                value, b[name], rtol=1e-3, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
            )


@pytest.mark.parametrize("shard", ["fsdp", "none"])
def test_two_processes_agree_with_one_and_hand_their_checkpoints_over(tmp_path, shard):
    parallel = {"shard": shard}
    alone = trained(tmp_path / "one", until=6)
    train_on(2, tmp_path / "two", {"parallel": parallel}, until=6)
    # The first six steps on two processes, the rest on one.
    handed = trainer(tmp_path / "two")
    assert handed.step == 6
    close(state(alone), state(handed))
    handed.run()
    # And the other way round.
    end, said = train_on(2, tmp_path / "one", {"parallel": parallel})
    assert "processes: 2 now, 1 before" in said
    close(end, state(handed))
    for a, b in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert a["step"] == b["step"] and a.get("loss", 0) == pytest.approx(b.get("loss", 0), rel=1e-3)
    assert rows(tmp_path / "one", "shown.jsonl") == rows(tmp_path / "two", "shown.jsonl")
    assert (tmp_path / "one" / "export" / "net.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"parallel": {"shard": "hsdp", "replicas": 2}},
        {"parallel": {"shard": "fsdp", "gather": "bf16"}, "precision": "bf16", "accumulate": 2},
        {"parallel": {"shard": "none"}, "optimiser": {"name": "muon"}, "batch": 7},
    ],
    ids=["hsdp", "fsdp-bf16", "replicated-muon-uneven"],
)
def test_other_ways_to_spread_agree_too(tmp_path, changed):
    end, _ = train_on(2, tmp_path / "two", changed)
    one = state(trained(tmp_path / "one", **{**changed, "parallel": {}}))
    loose = "bf16" in str(changed) or "muon" in str(changed)
    for name, value in end.items():
        if name.startswith("weights"):
            torch.testing.assert_close(value, one[name], rtol=0.05, atol=2e-2 if loose else 1e-4)


@pytest.mark.slow
def test_two_sharded_processes_are_exact_to_resume_too(tmp_path):
    changed = {"parallel": {"shard": "fsdp"}}
    a, _ = train_on(2, tmp_path / "whole", changed)
    train_on(2, tmp_path / "legs", changed, until=5)
    b, _ = train_on(2, tmp_path / "legs", changed)
    assert equal(a, b) and rows(tmp_path / "whole") == rows(tmp_path / "legs")


def test_muon_is_refused_on_sharded_weights():
    from animatrix.train.optimise import Optimiser

    read = recipe(Path("x"), optimiser={"name": "muon"})
    modules = TASK.build(read, torch.device("cpu")).modules()
    with pytest.raises(AniMatrixError, match="whole matrices"):
        Optimiser(modules, {}, read.optimiser, 10, sharded=True)
