"""`animatrix generate`: files written, the JSON contract, and one line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from animatrix.cli import main
from animatrix.media import read_clip

BASE = ["--size", "32x32", "--frames", "9", "--steps", "2"]


def test_writes_a_clip_and_the_contract_json(tiny_model, tmp_path, capsys):
    out = tmp_path / "clip.mp4"
    tags = ["--tag", "camera_move=pan_left", "--tag", "impact_frame=white_frame@5-6"]
    args = ["generate", "A girl runs.", *tags, *BASE, "--model", str(tiny_model), "--seed", "3"]
    assert main([*args, "--out", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads(out.with_suffix(".json").read_text()) == printed
    clip = read_clip(out)
    assert (len(clip), clip.size, clip.fps) == (9, (32, 32), 24)
    assert printed["directive"]["tags"]["impact_frame"] == [{"value": "white_frame", "span": [5, 6]}]
    assert printed["seed"] == 3 and printed["steps"] == 2 and printed["model"]["revision"]
    assert set(printed["seconds"]) == {"load", "generate", "caption", "write"}
    assert [row["field"] for row in printed["report"]] == ["camera_move", "impact_frame"]
    for row in printed["report"]:
        assert set(row) == {"field", "asked", "measured", "confidence", "ok"}
        assert row["ok"] in (True, False, None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.json", "clip.mp4"]


def test_same_bytes_in_separate_processes(tiny_model, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        args = ["generate", "A girl runs.", *BASE, "--model", str(tiny_model), "--out", str(tmp_path / name)]
        subprocess.run([sys.executable, "-m", "animatrix.cli", *args], check=True, capture_output=True)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_directive_file_with_tags_on_top(tiny_model, tmp_path, capsys):
    file = tmp_path / "d.yaml"
    file.write_text("narrative: A boy waves.\ntags: {camera_move: fix, palette: vivid}\nframes: 9\nfps: 24\n")
    args = [
        "generate",
        "--directive",
        str(file),
        "--tag",
        "camera_move=pan_left",
        "--size",
        "32x32",
        "--steps",
        "1",
    ]
    assert main([*args, "--model", str(tiny_model), "--out", str(tmp_path / "c.mp4"), "--json"]) == 0
    directive = json.loads(capsys.readouterr().out)["directive"]
    assert directive["narrative"] == "A boy waves."
    assert {f: [t["value"] for t in tags] for f, tags in directive["tags"].items()} == {
        "camera_move": ["pan_left"],
        "palette": ["vivid"],
    }


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ([], "error[bad-directive]: nothing was asked for"),
        (
            ["x", "--tag", "camera_move=pan_lft"],
            "error[unknown-value]: unknown value 'pan_lft' for camera_move",
        ),
        (["x", "--tag", "camera_mov=fix"], "error[unknown-field]: unknown field 'camera_mov'"),
        (["x", "--size", "big"], "error[bad-option]: --size 'big' is not WIDTHxHEIGHT"),
        (["x", "--size", "40x32"], "error[bad-option]: width=40 is not a multiple of 16"),
        (["x", "--frames", "10"], "error[bad-option]: frames=10 is not 4n+1"),
        (["x", "--steps", "0"], "error[bad-option]: --steps 0 is out of range"),
        (["x", "--seed", "-1"], "error[bad-option]: --seed -1 is out of range"),
        (["x", "--keyframe", "first.png"], "error[bad-option]: --keyframe 'first.png' is not INDEX=IMAGE"),
        (["x", "--keyframe", "0=none.png"], "error[file-missing]: keyframe picture none.png does not exist"),
        (["x", "--out", "clip.txt"], "error[unsupported-output]: --out clip.txt is not a video file name"),
        (["x", "--out", "nowhere/clip.mp4"], "error[not-writable]: folder nowhere does not exist"),
        (["x", "--model", "nowhere"], "error[model-missing]: model 'nowhere' is not a folder"),
        (["x", "--stepz", "2"], "error[usage]: No such option: --stepz"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_written(
    args, line, tiny_model, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    defaults = [] if "--model" in args else ["--model", str(tiny_model)]
    assert main(["generate", *args, *defaults]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(line) and captured.err.count("\n") == 1
    assert captured.out == "" and list(tmp_path.iterdir()) == []


def test_damaged_weights_are_refused(tiny_model, tmp_path, capsys):
    import shutil

    broken = tmp_path / "model"
    shutil.copytree(tiny_model, broken)
    file = next((broken / "transformer").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:1000])
    assert main(["generate", "x", "--model", str(broken), "--out", str(tmp_path / "c.mp4")]) == 2
    assert capsys.readouterr().err.startswith("error[model-mismatch]: model")
    assert not (tmp_path / "c.mp4").exists()
