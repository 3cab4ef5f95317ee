"""What strikes frames: it is shown what the renderer does, learns it, and leaves the rest of the artist."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from animatrix.model.draft import DraftArtist
from animatrix.synthetic.effects import impact
from animatrix.train import strikes
from animatrix.train.engine import Trainer
from animatrix.train.recipe import check_recipe
from animatrix.train.strikes import VALUES, StrikeTask


@pytest.fixture
def task(tmp_path, monkeypatch):
    monkeypatch.setattr(strikes, "HELD_OUT", 2)
    torch.manual_seed(0)
    start = DraftArtist(16, 2, width=8, hidden=8)
    start.painted.random_(0, 256)
    start.save_pretrained(tmp_path / "start")
    document = {
        "task": "strikes",
        "out": str(tmp_path / "run"),
        "steps": 60,
        "batch": 4,
        "precision": "fp32",
        "ema": 0.5,
        "optimiser": {"lr": 6e-3},
        "log": {"every": 20, "probe_every": 60, "show_every": 60, "tensorboard": False},
        "model": {"start": str(tmp_path / "start"), "width": 16},
        "data": {"seed": 51, "scenes": 2, "clips": 3, "frames": 9},
    }
    return StrikeTask(check_recipe(document), torch.device("cpu"))


def test_frames_are_shown_with_what_the_renderer_makes_of_them(task):
    plan = task.plan(3)
    batch = task.load(plan, plan.draws)
    assert batch.frames.shape == batch.struck.shape == (4, 3, 96, 160) and batch.cover.shape == (
        4,
        1,
        96,
        160,
    )
    assert all(
        torch.equal(a, b) for a, b in zip(batch.struck, task.load(plan, plan.draws).struck, strict=True)
    )
    number = next(i for i in range(20) if _value(task, i) == "inverted_frame")
    batch = task.load(plan := task.plan(number), plan.draws)
    rows = batch.values.argmax(1) == VALUES.index("inverted_frame")
    torch.testing.assert_close(batch.struck[rows], 1 - batch.frames[rows], atol=3e-3, rtol=0)
    frame, mask = task.frames[0], task.masks[0]
    assert frame.shape == (96, 160, 3) and mask.any()
    y, x = np.nonzero(mask)
    dark = impact(
        "silhouette_frame", frame, mask.astype(np.float32), (x.mean(), y.mean()), np.random.default_rng()
    )
    assert dark[mask].mean() < 30 < dark[~mask].mean()


def _value(task, step):
    plan = task.plan(step)
    return VALUES[int(task.load(plan, plan.draws).values[0].argmax())]


def test_it_learns_to_strike_and_nothing_else_of_the_artist_changes(task, tmp_path):
    before = task.probe(task.modules())["held_out/levels"]
    Trainer(task.recipe, task).run()
    rows = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    (after,) = [row["probe"]["held_out/levels"] for row in rows if "probe" in row]
    assert after < 0.8 * before
    assert list((tmp_path / "run/samples").glob("*.png"))
    start, again = (
        DraftArtist.from_pretrained(Path(folder)).state_dict()
        for folder in (tmp_path / "start", tmp_path / "run/export/draft_artist")
    )
    assert all(torch.equal(weight, again[name]) for name, weight in start.items())
    assert set(again) - set(start) and all(name.startswith("strikes.") for name in set(again) - set(start))
