"""The draft artist's training: what is painted, measured and cut out, and that it learns to draw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from animatrix.model.draft import DraftArtist
from animatrix.synthetic import Corpus
from animatrix.train import drafts
from animatrix.train.data.drafted import Drafts
from animatrix.train.data.encoders import NanoEncoder
from animatrix.train.drafts import DraftTask, everyday
from animatrix.train.engine import Trainer
from animatrix.train.recipe import check_recipe

NANO = Path(__file__).parents[3] / "weights" / "nano"


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    for name, value in {"GRADED_CLIPS": 1, "HELD_OUT": 1, "NARRATIVES": 256, "LESSONS": 80}.items():
        patch.setattr(drafts, name, value)
    document = {
        "task": "draft",
        "out": str(tmp_path_factory.mktemp("draft") / "run"),
        "steps": 24,
        "batch": 8,
        "precision": "fp32",
        "ema": 0.5,
        "optimiser": {"lr": 3e-3},
        "log": {"every": 4, "probe_every": 24, "show_every": 24, "tensorboard": False},
        "model": {"width": 16, "hidden": 32, "text": str(NANO)},
        "data": {"world": "little", "seed": 51, "scenes": 2, "clips": 2, "frames": 17},
    }
    yield DraftTask(check_recipe(document), torch.device("cpu"))
    patch.undo()


@pytest.fixture(scope="module")
def corpus():
    return Corpus(51, "train", (160, 96), 17, 24.0, "little", scenes=2)


def test_everyday_clips_are_as_many_of_each_action_in_each_scene_and_plain(corpus):
    found = list(everyday(corpus, 2))
    cells = {}
    for number in found:
        d = corpus.request(number)
        assert d.values("palette") == ("natural",) and d.values("impact_frame") == ("none",)
        cells.setdefault((number % 2, d.values("action")[0]), []).append(number)
    assert len(cells) == 10 and all(len(numbers) == 2 for numbers in cells.values())


def test_a_draft_with_the_drawn_clips_own_layout_is_nearly_its_set(task, corpus):
    number = next(n for n in everyday(corpus, 1))
    sample, layout = corpus[number], corpus.laid_out(number)[1]
    scene = torch.eye(2)[number % 2][None]
    path = torch.from_numpy(layout[None, :, :3]).float()
    plate = 255 * task.artist.plates(scene, path, (96, 160))[0].permute(0, 2, 3, 1).numpy()
    off = np.abs(plate - sample.clip.frames)[~sample.truth.mask]
    assert np.median(off) < 4 and off.mean() < 12
    wrong = 255 * task.artist.plates(1 - scene, path, (96, 160))[0].permute(0, 2, 3, 1).numpy()
    assert np.abs(wrong - sample.clip.frames)[~sample.truth.mask].mean() > 2 * off.mean()


def test_cels_laid_along_the_layout_are_the_figure_that_was_cut_out(task, corpus, monkeypatch):
    number = next(n for n in everyday(corpus, 1))
    sample, layout = corpus[number], corpus.laid_out(number)[1]
    cut = drafts.cut(
        sample.clip.frames, sample.truth.mask, layout, number, task.artist.sheet, task.recipe.data
    )
    row = torch.from_numpy(layout[:1]).float()[None]
    assert torch.equal(cut.poses[0], row[0, 0, 6:])
    monkeypatch.setattr(task.artist, "forward", lambda poses, scenes: cut.cels[:1].float() / 255)
    laid = task.artist.cels_laid(torch.eye(2)[:1], row[..., 3:6], row[..., 6:], (96, 160))[0, 0]
    mask = torch.from_numpy(sample.truth.mask[0])
    covered = laid[3] > 0.5
    assert (covered & mask).sum() / (covered | mask).sum() > 0.9
    inside = mask & (laid[3] > 0.95)
    off = (255 * laid[:3] - torch.from_numpy(sample.clip.frames[0]).permute(2, 0, 1)).abs().mean(0)
    assert off[inside].mean() < 12


def test_grades_say_what_palettes_do_to_colours(task, corpus):
    grades = dict(zip(task.artist.config.palettes, task.artist.grades[0], strict=True))
    grey = torch.full((3,), 0.5)
    colour = torch.tensor([0.6, 0.5, 0.4])

    def spread(name):
        grade = grades[name]
        return (grade[:, :3] @ (colour - grey)).norm().item()

    assert spread("natural") == pytest.approx((colour - grey).norm().item(), rel=0.1)
    assert spread("muted") < 0.7 * spread("natural") and spread("vivid") > spread("natural")
    assert task.chosen["scene"] > 0.95 and task.chosen["palette"] > 0.6


def test_it_learns_to_draw_and_is_exported_as_the_pipeline_reads_it(task):
    Trainer(task.recipe, task).run()
    out = Path(task.recipe.out)
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < 0.7 * losses[0]
    again = DraftArtist.from_pretrained(out / "export/draft_artist")
    assert torch.equal(again.painted, task.artist.painted)
    assert len(again.config.mean) == task.cut.poses.shape[1]
    assert list((out / "samples").glob("*.png"))


def test_drafts_of_items_are_kept_and_shared_and_told_apart_by_their_artist(task, corpus, tmp_path):
    encoder = NanoEncoder.load(NANO / "vae", NANO)
    number = next(n for n in everyday(corpus, 1))
    directive, layout = corpus.laid_out(number)
    rest = (directive, encoder.text([directive.narrative])[0], torch.tensor(layout).float(), (12, 20))
    first = Drafts(task.artist, encoder, tmp_path)
    made = first.latents("little/3", *rest)
    assert made.shape == (64, 5, 12, 20) and made.dtype == torch.bfloat16 and made.isfinite().all()
    kept = list(tmp_path.rglob("*.safetensors"))
    assert len(kept) == 1
    second = Drafts(task.artist, encoder, tmp_path)
    second.artist = None  # nothing is drawn again
    assert torch.equal(second.latents("little/3", *rest), made)
    painted = task.artist.painted.clone()
    task.artist.painted.fill_(0)
    other = Drafts(task.artist, encoder, tmp_path)
    assert other.folder != first.folder
    assert not torch.equal(other.latents("little/3", *rest), made)
    task.artist.painted.copy_(painted)
