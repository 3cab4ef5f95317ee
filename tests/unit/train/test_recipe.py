"""Recipes are strict: what is wrong, on which line, and what was probably meant."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import tiny_task
import yaml
from hypothesis import given
from hypothesis import strategies as st

from animatrix.errors import AniMatrixError, Code
from animatrix.train import recipe as recipes
from animatrix.train.recipe import Section, TaskKind, as_yaml, changes, is_harmless, load_recipe
from animatrix.train.recipe_lines import YamlMistake, read_yaml

TEXT = """\
task: tiny
out: runs/tiny
steps: 12
batch: 8
optimiser:
  lr: 1e-3
  betas: [0.9, 0.99]
model:
  width: 8
"""


def swap(old: str, new: str) -> str:
    """The recipe with one thing changed."""
    return TEXT.replace(old, new, 1)


def load(folder: Path, text: str = TEXT, *overrides: str):
    file = folder / "a.yaml"
    file.write_text(text)
    return load_recipe(file, overrides)


def error(folder: Path, text: str = TEXT, *overrides: str) -> str:
    with pytest.raises(AniMatrixError) as caught:
        load(folder, text, *overrides)
    assert caught.value.code is Code.BAD_RECIPE and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_recipe_is_read_with_its_tasks_own_sections(tmp_path):
    read = load(tmp_path)
    assert (read.optimiser.lr, read.optimiser.betas, read.out) == (1e-3, (0.9, 0.99), Path("runs/tiny"))
    assert isinstance(read.model, tiny_task.Sides) and isinstance(read.data, tiny_task.Points)
    assert read.ema == 0.999 and read.checkpoint.keep == 2


def test_what_is_printed_reads_back_the_same(tmp_path):
    read = load(tmp_path)
    assert load(tmp_path, as_yaml(read)) == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (swap("optimiser:", "optimizer:"), "a.yaml line 5: unknown key 'optimizer'; did you mean"),
        (swap("betas", "beta"), "line 7: unknown key 'beta'; did you mean 'betas'?"),
        (swap("width", "widht"), "line 9: unknown key 'widht'; did you mean 'width'?"),
        (TEXT + "data:\n  zzz: 1\n", "line 11: unknown key 'zzz'; known here: broken_step,"),
        (swap("12", "'12'"), 'line 3: steps: input should be a valid integer, not "12"'),
        (swap("12", "true"), "line 3: steps: input should be a valid integer, not true"),
        (swap("12", "0"), "line 3: steps: input should be greater than 0, not 0"),
        (swap("12", "1.5"), "line 3: steps: input should be a valid integer"),
        (swap("1e-3", "fast"), 'line 6: optimiser.lr: input should be a valid number, not "fast"'),
        (swap("[0.9, 0.99]", "[0.9, 2]"), "line 7: optimiser.betas.1: input should be less than or"),
        (swap("[0.9, 0.99]", "[0.9]"), "line 7: missing key 'optimiser.betas.1'"),
        (swap("steps: 12\n", ""), "missing key 'steps'"),
        (swap("tiny\n", "tinny\n"), "line 1: unknown task 'tinny'; did you mean 'tiny'?"),
        (swap("task: tiny\n", ""), "a recipe needs a task; tasks: "),
        (swap("tiny\n", "[tiny]\n"), "line 1: unknown task ['tiny']; tasks: "),
        (TEXT + "steps: 13\n", "line 10: key 'steps' stands twice"),
        (TEXT + "  width: 13\n", "line 10: key 'width' stands twice"),
        (TEXT + "checkpoint: {keep: 1}\n", "line 10: checkpoint.keep: input should be greater than or"),
        (TEXT + "optimiser\n", "line 11: could not find expected ':'"),
        (TEXT + "x: !!python/object:os.system\n", "line 10: could not determine a constructor"),
        (TEXT + "parallel: {shard: ddp}\n", "line 10: parallel.shard: input should be 'none',"),
        (TEXT + "minutes: 10\n", "line 10: unknown key 'minutes'"),
        (swap("lr: 1e-3", "lr: 1e-3\n  matrix_lr: 1.0"), "line 5: optimiser: matrix_lr is for muon only"),
        ("- 1\n", "a.yaml is not a recipe"),
        ("", "the file is empty"),
        ("a: &a [*a]\n", "an alias that holds itself"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path, text, said):
    if text:
        assert said in error(tmp_path, text)
    else:
        with pytest.raises(AniMatrixError, match=said):
            load(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(AniMatrixError) as caught:
        load_recipe(tmp_path / "none.yaml")
    assert caught.value.code is Code.FILE_MISSING


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"task: \xff\xfe")
    with pytest.raises(AniMatrixError, match="is not a text file"):
        load_recipe(tmp_path / "a.yaml")


def test_the_command_line_changes_keys(tmp_path):
    given = ["steps=20", "optimiser.lr=3e-4", "checkpoint.every=7", "optimiser.betas.1=0.5"]
    given += ["log.tensorboard=false"]
    read = load(tmp_path, TEXT, *given)
    assert (read.steps, read.optimiser.lr, read.checkpoint.every) == (20, 3e-4, 7)
    assert read.optimiser.betas == (0.9, 0.5) and read.log.tensorboard is False


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("stepz=20", "command line: unknown key 'stepz'; did you mean 'steps'?"),
        ("optimiser.rl=1", "command line: unknown key 'rl'"),
        ("steps=many", 'command line: steps: input should be a valid integer, not "many"'),
        ("steps", "command line: 'steps' is not key=value"),
        ("=3", "is not key=value"),
        ("a..b=3", "is not key=value"),
        ("optimiser.betas.7=1", "the recipe has no 7 there"),
        ("steps.x=1", "the recipe has no 'x' there"),
        ("steps=[1", "command line: steps: "),
    ],
)
def test_a_mistake_on_the_command_line_is_told_as_one(tmp_path, override, said):
    assert said in error(tmp_path, TEXT, override)


class Folder(Section):
    kind: Literal["folder"]
    path: str


class Drawn(Section):
    kind: Literal["drawn"]
    count: int


class Mixed(Section):
    sources: list[Folder | Drawn]


def test_keys_inside_lists_of_several_kinds_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(
        recipes, "task_kind", lambda name: TaskKind(build=None, model=tiny_task.Sides, data=Mixed)
    )
    text = TEXT + "data:\n  sources:\n  - kind: drawn\n    count: 3\n  - kind: folder\n    paht: x\n"
    assert "line 15: unknown key 'paht'; did you mean 'path'?" in error(tmp_path, text)


def test_changes_between_recipes_are_dotted_keys(tmp_path):
    a = load(tmp_path).model_dump(mode="json")
    b = load(tmp_path, TEXT, "steps=13", "optimiser.lr=1.0", "data.workers=3").model_dump(mode="json")
    assert changes(a, b) == ["data.workers", "optimiser.lr", "steps"]
    assert [is_harmless(key) for key in changes(a, b)] == [True, False, True]
    assert not is_harmless("data.workers_of_the_world") and is_harmless("parallel.shard")


plain = (
    st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False) | st.text("ab:-e1.", max_size=5)
)


@given(
    st.recursive(
        plain,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_yaml_writes_is_read_back(data):
    # A text such as 1e1 is written bare, since YAML 1.1 takes it for text; here it is a number.
    text = yaml.safe_dump(data, default_style=None)
    try:
        read, _ = read_yaml(text)
    except YamlMistake:
        pytest.fail(f"refused {text!r}")
    assert _as_numbers(read) == _as_numbers(data)


def _as_numbers(data):
    if isinstance(data, dict):
        return {key: _as_numbers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_as_numbers(value) for value in data]
    if isinstance(data, str) and "e" in data:
        try:
            return float(data)
        except ValueError:
            return data
    return data
