"""`animatrix generate`: files written, the JSON contract, and one line for every mistake."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

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


def test_what_is_not_said_is_the_models_own(tiny_pipeline, tmp_path, capsys):
    known = {name: tiny_pipeline.config[name] for name in ("usual_steps", "usual_guidance")}
    tiny_pipeline.register_to_config(usual_steps=3, usual_guidance=1.5)
    try:
        tiny_pipeline.save_pretrained(tmp_path / "model", safe_serialization=True)
    finally:
        tiny_pipeline.register_to_config(**known)
    args = ["generate", "A girl runs.", "--frames", "5", "--model", str(tmp_path / "model"), "--json"]
    other = ["--steps", "2", "--guidance", "4", "--size", "32x48"]
    for said, steps, guidance, size in ([], 3, 1.5, [160, 96]), (other, 2, 4, [32, 48]):
        assert main([*args, *said, "--out", str(tmp_path / "clip.mp4")]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert (printed["steps"], printed["guidance"], printed["tag_guidance"]) == (steps, guidance, guidance)
        assert printed["size"] == size


def test_same_bytes_in_separate_processes(tiny_model, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        args = ["generate", "A girl runs.", *BASE, "--model", str(tiny_model), "--out", str(tmp_path / name)]
        command = [sys.executable, "-m", "animatrix.cli", *args]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stderr == "", "libraries keep quiet where nothing is wrong"
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


def made(model, out, *args) -> dict | list:
    """What a run prints; it must succeed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["generate", *args, "--model", str(model), "--out", str(out), "--json"]) == 0
    return json.loads(said.getvalue())


def refused(capsys, *args) -> str:
    """The line of a run that must end as the user's mistake, with nothing on stdout."""
    assert main(["generate", *map(str, args)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err.rstrip()


TWO = """\
- {narrative: A girl runs., tags: {camera_move: pan_left}, frames: 9, fps: 24}
- {narrative: A boy waves., frames: 5, fps: 24}
"""


def test_a_list_of_directives_makes_a_clip_each(tiny_model, tmp_path):
    (tmp_path / "scene.yaml").write_text(TWO)
    base = ["--size", "32x32", "--steps", "2"]
    args = ["--directive", str(tmp_path / "scene.yaml"), *base, "--seed", "3"]
    printed = made(tiny_model, tmp_path / "clip.mp4", *args)
    assert sorted(p.name for p in tmp_path.glob("clip*")) == [
        f"clip-{number}.{kind}" for number in ("000", "001") for kind in ("json", "mp4")
    ]
    for number, (one, frames) in enumerate(zip(printed, (9, 5), strict=True)):
        clip = tmp_path / f"clip-{number:03d}.mp4"
        assert one["clip"] == str(clip) and one["seed"] == 3 + number
        assert json.loads(clip.with_suffix(".json").read_text()) == one
        assert len(read_clip(clip)) == frames
    alone = ["A boy waves.", "--frames", "5", *base, "--seed", "4"]
    made(tiny_model, tmp_path / "alone.mp4", *alone)
    assert (tmp_path / "alone.mp4").read_bytes() == (tmp_path / "clip-001.mp4").read_bytes()


@pytest.mark.parametrize(
    ("content", "args", "line"),
    [
        ("[]", [], "error[bad-directive]: {file}: the list of directives is empty"),
        (
            TWO.replace("pan_left", "pan_lft"),
            [],
            "error[unknown-value]: {file}, directive 0: unknown value 'pan_lft' for camera_move",
        ),
        (TWO, ["--tag", "palette=vivid"], "error[bad-option]: {file} is a list of directives"),
        (TWO, ["--frames", "9"], "error[bad-option]: {file} is a list of directives"),
    ],
)
def test_a_list_with_a_mistake_makes_nothing(content, args, line, tiny_model, tmp_path, capsys):
    file = tmp_path / "scene.yaml"
    file.write_text(content)
    rest = ["--model", tiny_model, "--out", tmp_path / "clip.mp4"]
    assert refused(capsys, "--directive", file, *args, *rest).startswith(line.format(file=file))
    assert list(tmp_path.iterdir()) == [file]


def test_pngs_and_lossless_video_hold_the_same_frames(tiny_model, tmp_path):
    made(tiny_model, tmp_path / "shot", "A girl runs.", *BASE)
    made(tiny_model, tmp_path / "shot_too.mkv", "A girl runs.", *BASE, "--lossless")
    names = [p.name for p in sorted((tmp_path / "shot").iterdir())]
    assert names == [f"frame_{index:04d}.png" for index in range(9)]
    drawn = np.stack([cv2.imread(str(tmp_path / "shot" / name))[..., ::-1] for name in names])
    assert np.array_equal(read_clip(tmp_path / "shot_too.mkv").frames, drawn)
    assert json.loads((tmp_path / "shot.json").read_text())["clip"] == str(tmp_path / "shot")


def test_what_changes_the_bytes_changes_them_and_is_recorded(tiny_model, tmp_path):
    picture = tmp_path / "first.png"
    cv2.imwrite(str(picture), np.full((32, 32, 3), (0, 0, 255), np.uint8))
    ways = {
        "plain": ([], {"scheduler": "FlowMatchEulerDiscreteScheduler", "steps": 3}),
        "euler": (["--scheduler", "euler"], {"scheduler": "FlowMatchEulerDiscreteScheduler"}),
        "unipc": (["--scheduler", "unipc"], {"scheduler": "UniPCMultistepScheduler"}),
        "sigmas": (["--sigmas", "1,0.6"], {"sigmas": [1.0, 0.6], "steps": 2}),
        "unipc_sigmas": (["--scheduler", "unipc", "--sigmas", "1,0.6"], {"steps": 2}),
        "shift": (["--flow-shift", "7"], {"scheduler": "FlowMatchEulerDiscreteScheduler"}),
        "negative": (["--negative", "rain"], {"negative": "rain"}),
        "keyframe": (["--keyframe", f"0={picture}"], {"keyframes": {"0": str(picture)}}),
        "bfloat16": (["--dtype", "bfloat16"], {"dtype": "bfloat16"}),
    }
    seen = {}
    for name, (args, record) in ways.items():
        out = tmp_path / f"{name}.mkv"
        base = ["A girl runs.", "--size", "32x32", "--frames", "5", "--steps", "3", "--lossless"]
        printed = made(tiny_model, out, *base, *args)
        assert {key: printed[key] for key in record} == record
        seen[name] = out.read_bytes()
    assert seen["euler"] == seen.pop("plain"), "the tiny model's own scheduler is Euler with the same shift"
    assert len(set(seen.values())) == len(seen)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            ["--dtype", "bfloat61"],
            "error[bad-option]: --dtype 'bfloat61' is not known; did you mean 'bfloat16'?",
        ),
        (["--offload", "modle"], "error[bad-option]: --offload 'modle' is not known; did you mean 'model'?"),
        (
            ["--scheduler", "unipic"],
            "error[bad-option]: --scheduler 'unipic' is not known; did you mean 'unipc'?",
        ),
        (
            ["--scheduler", "ddim"],
            "error[bad-option]: --scheduler 'ddim' is not known; use own, euler, unipc",
        ),
        (["--offload", "model"], "error[bad-option]: --offload model needs a GPU; leave it out"),
        (["--sigmas", "1,half"], "error[bad-option]: --sigmas '1,half' is not a list of numbers"),
        (["--sigmas", "0.5,1"], "error[bad-option]: sigmas [0.5, 1.0] do not fall within (0,1]"),
        (["--keyframe", "33=first.png"], "error[bad-option]: keyframe 33 is outside the shot of 33 frames"),
        (["--flow-shift", "0"], "error[bad-option]: --flow-shift 0 is out of range"),
        (["--lora", "none.safetensors"], "error[file-missing]: weights none.safetensors do not exist"),
        (["--lossless"], "error[unsupported-output]: --lossless cannot be written as clip.mp4; use .mkv"),
        (["--out", "there"], "error[not-writable]: --out there is a folder"),
    ],
)
def test_bad_engine_options_are_one_line(args, line, tiny_model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    cv2.imwrite("first.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "there").mkdir()
    assert refused(capsys, "x", *args, "--model", tiny_model).startswith(line)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.png", "there"]


@pytest.mark.parametrize(
    ("index", "line"),
    [
        ("{}", "error[model-mismatch]: model '{model}' does not say its class"),
        ('{"_class_name": "FluxPipeline"}', "error[model-mismatch]: model '{model}' is a FluxPipeline"),
        ("[1]", "error[file-unreadable]: {model}/model_index.json is not a pipeline's index"),
        ("{", "error[file-unreadable]: {model}/model_index.json is not a pipeline's index"),
    ],
)
def test_a_folder_of_another_kind_is_refused(index, line, tmp_path, capsys):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model_index.json").write_text(index)
    got = refused(capsys, "x", "--model", model, "--out", tmp_path / "clip.mp4")
    assert got.startswith(line.format(model=model))


@pytest.mark.parametrize("component", ["transformer", "text_encoder", "vae", "tag_encoder"])
def test_damaged_weights_are_refused(component, tiny_model, tmp_path, capsys):
    broken = tmp_path / "model"
    shutil.copytree(tiny_model, broken)
    file = next((broken / component).glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:1000])
    line = refused(capsys, "x", "--model", broken, "--out", tmp_path / "c.mp4")
    assert line.startswith(f"error[file-unreadable]: {file} is damaged or cut short")
    assert not (tmp_path / "c.mp4").exists()


def test_a_model_that_cannot_fit_is_refused_before_it_is_read(tiny_model, tmp_path, capsys, monkeypatch):
    huge = tmp_path / "model"
    shutil.copytree(tiny_model, huge)
    file = next((huge / "transformer").glob("*.safetensors"))
    size = 200 << 30
    head = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    file.write_bytes(struct.pack("<Q", len(head)) + head)
    os.truncate(file, 8 + len(head) + size)  # sparse: a header, and room that is never written
    monkeypatch.setattr("animatrix.generate.memory.available_on", lambda device: 16 << 30)
    monkeypatch.setattr("animatrix.AniMatrixPipeline.from_pretrained", lambda *a, **k: pytest.fail("loaded"))
    line = refused(capsys, "x", "--model", huge, "--out", tmp_path / "c.mp4", "--dtype", "float32")
    assert line == (
        "error[out-of-memory]: this needs about 200.0 GiB (transformer 200.0), cpu has 16.0 free; "
        "try --dtype bfloat16, or a smaller model, size or length"
    )
    assert not (tmp_path / "c.mp4").exists()


def test_memory_that_runs_out_on_the_way_is_one_line(tiny_model, tmp_path, capsys, monkeypatch):
    def full(*_args, **_options):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 9 GiB.")

    monkeypatch.setattr("animatrix.AniMatrixPipeline.__call__", full)
    line = refused(capsys, "x", *BASE, "--model", tiny_model, "--out", tmp_path / "c.mp4")
    assert line.startswith("error[out-of-memory]: memory ran out while 9 frames of 32x32 were made; try")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def stock_wan(tiny_pipeline, tmp_path_factory):
    """A folder as Wan is published: no tag encoder, diffusers' own classes."""
    from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel

    vae = AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )  # fmt: skip
    transformer = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16, freq_dim=16,
        ffn_dim=32, num_layers=1, rope_max_seq_len=32,
    )  # fmt: skip
    parts = {name: getattr(tiny_pipeline, name) for name in ("tokenizer", "text_encoder", "scheduler")}
    folder = tmp_path_factory.mktemp("stock") / "wan"
    WanPipeline(**parts, vae=vae, transformer=transformer).save_pretrained(folder, safe_serialization=True)
    return folder


def test_a_plain_wan_folder_is_told_tags_in_prose_and_says_so_once(stock_wan, tmp_path, caplog):
    (tmp_path / "scene.yaml").write_text(TWO.replace("waves., ", "waves., tags: {palette: vivid}, "))
    args = ["--directive", str(tmp_path / "scene.yaml"), "--size", "32x32", "--steps", "1"]
    printed = made(stock_wan, tmp_path / "clip.mp4", *args)
    assert [one["tags_as_prose"] for one in printed] == [True, True]
    assert sum("tags are said in the prompt" in record.message for record in caplog.records) == 1
