"""A checkpoint is whole or not there; the newest whole one counts, and few are kept."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from animatrix.errors import AniMatrixError, Code
from animatrix.train import checkpoint
from animatrix.train.checkpoint import Manifest, latest, read_manifest
from animatrix.train.distributed import World


def save(root, step, keep=2, **tensors):
    manifest = Manifest(
        step=step, world=1, recipe={"seed": 1}, task={"stage": "s1"}, progress={"x": 0.1 + 0.2}
    )
    return checkpoint.save(root, manifest, tensors or {"a": torch.arange(5.0)}, World(), keep)


def test_what_is_saved_is_loaded(tmp_path):
    folder = save(
        tmp_path, 3, a=torch.randn(4, 3), b=torch.tensor(2.0), c=torch.ones(2, dtype=torch.bfloat16)
    )
    assert folder.name == "step-00000003" and latest(tmp_path) == (folder, [])
    found = {"a": torch.zeros(4, 3), "b": torch.tensor(0.0), "c": torch.zeros(2, dtype=torch.bfloat16)}
    held = dict(found)
    checkpoint.load(folder, found)
    assert found["b"] == 2 and found["c"].sum() == 2 and found["a"].abs().sum() > 0
    assert all(found[name] is held[name] for name in held)  # filled in place
    manifest = read_manifest(folder)
    assert (manifest.step, manifest.task, manifest.progress) == (3, {"stage": "s1"}, {"x": 0.1 + 0.2})
    assert set(manifest.files) == {".metadata", "__0_0.distcp"}


def test_only_the_newest_are_kept_and_nothing_else_is_touched(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for step in (1, 2, 10, 9):
        save(tmp_path, step, keep=3)
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "notes.txt", "step-00000002", "step-00000009", "step-00000010",
    ]  # fmt: skip


def spoil(folder, how):
    if how == "tmp":
        folder.rename(folder.with_name(f"{folder.name}.tmp"))
    elif how == "no manifest":
        (folder / "manifest.json").unlink()
    elif how == "no metadata":
        (folder / ".metadata").unlink()
    elif how == "short":
        file = folder / "__0_0.distcp"
        file.write_bytes(file.read_bytes()[:-8])
    elif how == "other format":
        data = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(data | {"format": 99}))
    else:
        (folder / "manifest.json").write_text(how)


@pytest.mark.parametrize(
    "how", ["tmp", "no manifest", "no metadata", "short", "other format", "{", "[]", "{}", "7"]
)
def test_a_spoilt_one_is_passed_over_and_named(tmp_path, how):
    good = save(tmp_path, 1)
    spoil(save(tmp_path, 2), how)
    found, passed = latest(tmp_path)
    assert found == good
    assert len(passed) == 1 and passed[0].startswith("passed over step-00000002")


def test_a_spoilt_one_does_not_count_as_kept_and_is_replaced(tmp_path):
    save(tmp_path, 1)
    save(tmp_path, 2)
    spoil(save(tmp_path, 3), "short")
    assert latest(tmp_path)[0].name == "step-00000002"
    save(tmp_path, 3)
    found, passed = latest(tmp_path)
    assert found.name == "step-00000003" and not passed
    assert (tmp_path / "step-00000002").exists()


def test_left_overs_of_a_cut_off_saving_go_with_the_next_whole_one(tmp_path):
    spoil(save(tmp_path, 2), "tmp")
    save(tmp_path, 4)
    assert [f.name for f in tmp_path.iterdir()] == ["step-00000004"]


def test_no_folder_is_no_checkpoint(tmp_path):
    assert latest(tmp_path / "none") == (None, []) == latest(tmp_path)


@pytest.mark.parametrize("place", ["written", "described", "agreed"])
def test_a_failing_disk_leaves_the_last_one_and_no_half_one(tmp_path, monkeypatch, place):
    save(tmp_path, 1)

    def full(phase):
        if phase == place:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "reached", full)
    with pytest.raises(AniMatrixError) as caught:
        save(tmp_path, 2)
    assert caught.value.code is Code.NOT_WRITABLE
    assert "cannot save step 2" in str(caught.value) and "no space left on device" in str(caught.value)
    assert "step-00000001, is whole" in caught.value.hint
    assert [f.name for f in tmp_path.iterdir()] == ["step-00000001"]


def test_other_tensors_than_were_saved_are_an_error(tmp_path):
    folder = save(tmp_path, 1)
    for wrong in ({"b": torch.zeros(5)}, {"a": torch.zeros(6)}):
        with pytest.raises(AniMatrixError) as caught:
            checkpoint.load(folder, wrong)
        assert caught.value.code is Code.BAD_CHECKPOINT and "\n" not in str(caught.value)


def test_the_place_is_not_part_of_a_checkpoint(tmp_path):
    folder = save(tmp_path / "a", 1)
    moved = shutil.move(folder, tmp_path / "step-00000001")
    found = {"a": torch.zeros(5)}
    checkpoint.load(moved if not isinstance(moved, str) else tmp_path / "step-00000001", found)
    assert torch.equal(found["a"], torch.arange(5.0))
