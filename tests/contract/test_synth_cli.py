"""`animatrix synth`: files written, both or neither, and one line for every mistake."""

from __future__ import annotations

import json

import pytest

from animatrix.cli import main
from animatrix.media import read_clip
from animatrix.synthetic import Truth

SHOT = """narrative: A girl runs.
tags:
  camera_move: pan_left
  impact_frame: white_frame@3
frames: 7
fps: 24
"""


@pytest.fixture
def shot(tmp_path):
    path = tmp_path / "shot.yaml"
    path.write_text(SHOT)
    return path


def test_render_writes_a_clip_and_its_truth(shot, tmp_path, capsys):
    out, truth = tmp_path / "clip.mp4", tmp_path / "truth.json"
    args = [
        "synth",
        "render",
        "--directive",
        str(shot),
        "--seed",
        "3",
        "--out",
        str(out),
        "--truth",
        str(truth),
    ]
    assert main([*args, "--size", "128x80", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["size"], report["seed"]) == (7, [128, 80], 3)
    clip = read_clip(out)
    known = Truth.from_json(truth.read_text())
    assert clip.size == (128, 80) and known.mask.shape == (7, 80, 128)
    assert known.directive.values("camera_move") == ("pan_left",)
    assert known.directive.narrative == "A girl runs."


def test_the_same_request_writes_the_same_bytes(shot, tmp_path):
    for name in ("a", "b"):
        assert (
            main(
                [
                    "synth",
                    "render",
                    "--directive",
                    str(shot),
                    "--seed",
                    "3",
                    "--out",
                    str(tmp_path / f"{name}.mp4"),
                    "--truth",
                    str(tmp_path / f"{name}.json"),
                ]
            )
            == 0
        )
    for suffix in ("mp4", "json"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (["--out", "clip.gif"], "unsupported-output"),
        (["--out", "missing/clip.mp4"], "not-writable"),
        (["--truth", "missing/truth.json"], "not-writable"),
        (["--truth", "clip.mp4"], "bad-option"),
        (["--size", "160"], "bad-option"),
        (["--size", "1x1"], "bad-option"),
        (["--seed", "-4"], "bad-option"),
        (["--directive", "gone.yaml"], "file-missing"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_neither_file(shot, tmp_path, monkeypatch, capsys, change, code):
    monkeypatch.chdir(tmp_path)
    given = {"--directive": str(shot), "--out": "clip.mp4", "--truth": "truth.json"} | {change[0]: change[1]}
    assert main(["synth", "render", *[x for pair in given.items() for x in pair]]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error[{code}]: ") and err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shot.yaml"]


def test_what_cannot_be_drawn_is_named(tmp_path, capsys):
    path = tmp_path / "shot.yaml"
    path.write_text("narrative: x\ntags: {camera_angle: overhead}\nframes: 5\nfps: 24\n")
    args = [
        "synth",
        "render",
        "--directive",
        str(path),
        "--out",
        str(tmp_path / "c.mp4"),
        "--truth",
        str(tmp_path / "t.json"),
    ]
    assert main(args) == 2
    assert (
        "error[unsupported-value]: the renderer cannot draw camera_angle=overhead; drawable: eye_level"
        in capsys.readouterr().err
    )


def test_corpus_writes_shots_with_truth_and_an_index(tmp_path, capsys):
    out = tmp_path / "set"
    assert (
        main(["synth", "corpus", "--count", "2", "--seed", "5", "--out", str(out), "--frames", "5", "--json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["count"] == 2
    assert sorted(p.name for p in out.iterdir()) == [
        "00000.mp4",
        "00000.truth.json",
        "00001.mp4",
        "00001.truth.json",
        "index.jsonl",
    ]
    rows = [json.loads(line) for line in (out / "index.jsonl").read_text().splitlines()]
    assert [r["index"] for r in rows] == [0, 1] and all(r["narrative"] for r in rows)
    assert Truth.from_json((out / "00001.truth.json").read_text()).directive.narrative == rows[1]["narrative"]


def test_a_failure_is_rendered_with_its_label_and_map(shot, tmp_path, capsys):
    out, truth = tmp_path / "clip.mp4", tmp_path / "truth.json"
    args = ["synth", "render", "--directive", str(shot), "--failure", "boil", "--severity", "0.8"]
    assert main([*args, "--out", str(out), "--truth", str(truth), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failure"] == "boil"
    known = Truth.from_json(truth.read_text())
    assert known.failure_label == "boil" and known.failure_map is not None and known.failure_map.any()


def test_a_triplet_is_three_clips_with_truth(shot, tmp_path, capsys):
    out = tmp_path / "set"
    args = [
        "synth",
        "triplet",
        "--directive",
        str(shot),
        "--seed",
        "2",
        "--failure",
        "melt",
        "--size",
        "96x64",
    ]
    assert main([*args, "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failure"] == "melt"
    names = [
        "col.mp4",
        "col.truth.json",
        "flat.mp4",
        "flat.truth.json",
        "int.mp4",
        "int.truth.json",
        "triplet.json",
    ]
    assert sorted(p.name for p in out.iterdir()) == names
    assert Truth.from_json((out / "col.truth.json").read_text()).failure_label == "melt"
    assert json.loads((out / "triplet.json").read_text())["directive"]["frames"] == 7


def test_an_unknown_failure_is_one_line(shot, tmp_path, capsys):
    args = [
        "synth",
        "triplet",
        "--directive",
        str(shot),
        "--failure",
        "mellt",
        "--out",
        str(tmp_path / "set"),
    ]
    assert main(args) == 2
    assert "error[bad-option]: unknown failure 'mellt'; did you mean 'melt'?" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
