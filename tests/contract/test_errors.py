"""Every error code is raised by something a user can do, and every raised one is in the list."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import pytest

from animatrix import AniMatrixError, Directive, Taxonomy
from animatrix.errors import Code, did_you_mean

PACKAGE = Path(__file__).parents[2] / "animatrix"


def directive(frames=33, **tags):
    return Directive.model_validate({"narrative": "x", "tags": tags, "frames": frames, "fps": 24})


def not_a_video(folder):
    from animatrix.media import probe

    file = folder / "a.mp4"
    file.write_bytes(b"not a video" * 100)
    probe(file)


def dead_decoder(folder):
    import numpy as np

    from animatrix.media import Clip, Limits, scan, write_video

    # Large frames: small ones fit into what a warm decoder has already been given.
    film = write_video(Clip(np.zeros((3, 1440, 2560, 3), np.uint8), 24), folder / "a.mp4")
    list(scan(film, guarded=True, limits=Limits(memory=1 << 20)))


def old_weights(_):
    from animatrix import TagEncoder

    rows = {"field_rows": ["palette"], "value_rows": ["palette=vivid"], "taxonomy_version": "0.1.0"}
    TagEncoder(dim=8, num_layers=1, num_heads=1, **rows).tokenize([directive(camera_move="fix")])


def broken_model(folder):
    from animatrix.generate.run import load

    (folder / "model_index.json").write_text("{}")
    load(str(folder))


def overflowing(_):
    import torch

    from animatrix.generate.requests import check_finite

    check_finite(torch.tensor([1.0, float("inf")]), torch.float16)


def too_large(_):
    from animatrix.generate.memory import Need, check_fit

    check_fit(Need({"transformer": 28 << 30}, 4 << 30, 32 << 30), 16 << 30, "cpu", "none")


def undrawable(_):
    from animatrix.synthetic import render

    render(directive(rendering_tradition="woodblock_scroll"), seed=0)


def sheet(folder):
    from animatrix.knowledge.xdts import read_xdts

    file = folder / "a.xdts"
    file.write_text("not a sheet")
    read_xdts(file)


def unsupported_output(folder):
    import numpy as np

    from animatrix.media import Clip, write_video

    write_video(Clip(np.zeros((1, 32, 32, 3), np.uint8), 24), folder / "a.txt")


def big_file(folder):
    file = folder / "a.yaml"
    file.write_bytes(b"#" * 2_000_000)
    Directive.from_file(file)


def bad_taxonomy(folder):
    file = folder / "t.yaml"
    file.write_text("version: 1\n")
    Taxonomy.load(file)


def nothing_asked(_):
    from animatrix.generate.commands import generate

    generate()


def bad_bytes(folder):
    file = folder / "a.yaml"
    file.write_bytes(b"narrative: \xff\xfe\x00")
    Directive.from_file(file)


def unknown_key(folder):
    from animatrix.train.recipe import load_recipe

    file = folder / "a.yaml"
    file.write_text("task: flows\n")
    load_recipe(file)


def another_recipe(folder):
    from tiny_task import trainer

    trainer(folder, steps=1, batch=2).run()
    trainer(folder, steps=1, batch=2, seed=9)


def damaged_checkpoint(folder):
    from tiny_task import trainer

    trainer(folder, steps=1, batch=2).run()
    data = next(folder.rglob("*.distcp"))
    data.write_bytes(b"\0" * data.stat().st_size)
    trainer(folder, steps=1, batch=2)


def study_of_nothing(folder):
    from animatrix.evaluate.study.sources import read_sources

    read_sources({"a": folder, "b": folder / "none"})


def expressiveness_lost(_):
    from types import SimpleNamespace

    from animatrix.prefer.floor import Floor
    from animatrix.prefer.policy_recipe import FloorRecipe
    from animatrix.prefer.policy_task import PolicyTask

    floor = Floor(FloorRecipe(patience=1))
    floor.heed({"body_deformation=squash_stretch": 0.1})
    PolicyTask.plan(SimpleNamespace(floor=floor, breach=floor.breach), 5)


RAISES = {
    Code.UNKNOWN_FIELD: lambda _: directive(camera_mov="fix"),
    Code.UNKNOWN_VALUE: lambda _: directive(camera_move="pan_lft"),
    Code.AMBIGUOUS_TERM: lambda _: directive(camera_move="PAN"),
    Code.TOO_MANY_VALUES: lambda _: directive(palette="vivid+pastel"),
    Code.RESERVED_VALUE: lambda _: directive(palette="unknown"),
    Code.BAD_TAG_SYNTAX: lambda _: Directive.parse_tag("camera_move"),
    Code.BAD_SPAN: lambda _: directive(impact_frame="white_frame@90-91"),
    Code.CONSTRAINT: lambda _: directive(camera_move="pan_left+pan_right"),
    Code.BAD_DIRECTIVE: lambda _: directive(frames=0),
    Code.BAD_TAXONOMY: bad_taxonomy,
    Code.TAXONOMY_VERSION: old_weights,
    Code.BAD_SHEET: sheet,
    Code.FILE_MISSING: lambda folder: Directive.from_file(folder / "none.yaml"),
    Code.FILE_NOT_A_FILE: lambda folder: Directive.from_file(folder),
    Code.FILE_TOO_LARGE: big_file,
    Code.FILE_UNREADABLE: bad_bytes,
    Code.NOT_WRITABLE: lambda folder: __import__("animatrix.generate.commands", fromlist=["x"]).generate(
        "x", out=folder / "none" / "a.mp4"
    ),
    Code.NOT_A_VIDEO: not_a_video,
    Code.DECODER_FAILED: dead_decoder,
    Code.UNSUPPORTED_OUTPUT: unsupported_output,
    Code.BAD_OPTION: lambda _: __import__("animatrix.generate.commands", fromlist=["x"]).generate(
        "x", steps=0
    ),
    Code.NOT_FINITE: overflowing,
    Code.OUT_OF_MEMORY: too_large,
    Code.UNSUPPORTED_VALUE: undrawable,
    Code.MODEL_MISSING: lambda folder: __import__("animatrix.generate.run", fromlist=["x"]).load(str(folder)),
    Code.MODEL_MISMATCH: broken_model,
    Code.BAD_RECIPE: unknown_key,
    Code.RECIPE_CHANGED: another_recipe,
    Code.BAD_CHECKPOINT: damaged_checkpoint,
    Code.FLOOR_BREACHED: expressiveness_lost,
    Code.BAD_STUDY: study_of_nothing,
}


@pytest.mark.parametrize("code", list(Code), ids=str)
def test_every_code_is_raised_with_one_clear_line(code, tmp_path):
    with pytest.raises(AniMatrixError) as caught:
        RAISES[code](tmp_path)
    assert caught.value.code is code
    assert "\n" not in str(caught.value) and len(str(caught.value)) > 15


def test_every_code_used_in_the_package_is_in_the_list():
    used = {
        node.attr
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code"
    }
    assert used == {code.name for code in Code}


def test_errors_cross_process_boundaries_whole():
    error = AniMatrixError(Code.BAD_SPAN, "what", "hint")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, str(again)) == (Code.BAD_SPAN, "what; hint")


def test_nearest_choice_is_offered_only_when_it_is_near():
    assert did_you_mean("pan_lft", ["pan_left", "fix"]) == "did you mean 'pan_left'?"
    assert did_you_mean("zzz", ["pan_left", "fix"]) == ""
