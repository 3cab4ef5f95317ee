"""A recipe: everything that decides a training, in one strict YAML file.

    recipe = load_recipe("recipes/nano_flow.yaml", ["steps=200", "optimiser.lr=1e-3"])

Unknown keys, wrong types and duplicate keys are refused with the line they stand on. The common sections are
here; ``model``, ``data`` and ``curriculum`` belong to the task, whose module is imported only when a recipe
asks for it (:data:`TASKS`). There is no budget by time: a recipe has to give the same model twice.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, create_model, model_validator

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.train.recipe_lines import Lines, YamlMistake, read_yaml

if TYPE_CHECKING:
    import torch

    from animatrix.train.task import Task

# task -> module whose TASK is its TaskKind; imported when a recipe names the task.
TASKS: dict[str, str] = {
    "flow": "animatrix.train.flow",
    "autoencode": "animatrix.train.autoencode",
    "text": "animatrix.train.text",
    "layout": "animatrix.train.layouts",
    "draft": "animatrix.train.drafts",
    "strikes": "animatrix.train.strikes",
    "reward": "animatrix.prefer.reward_task",
    "policy": "animatrix.prefer.policy_task",
}

# What may differ between the run that wrote a checkpoint and the one that goes on from it: it changes how the
# training is carried out, not what is learned (to floating-point order). Everything else is refused.
HARMLESS = (
    "out", "steps", "accumulate", "prefetch", "log", "checkpoint", "parallel", "data.cache", "data.workers",
    "model.encode_on", "model.checkpointing", "model.compile",
)  # fmt: skip

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Base of every part of a recipe: unknown keys are refused, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OptimiserRecipe(Section):
    """AdamW (Loshchilov & Hutter 1711.05101), or Muon (K. Jordan 2024) for the blocks' matrices.

    The rate rises linearly over ``warmup`` steps, stays, and from step ``decay_from`` falls linearly towards
    zero at the recipe's last step.
    """

    name: Literal["adamw", "muon"] = "adamw"
    lr: float = Field(gt=0)
    matrix_lr: float | None = Field(default=None, gt=0)
    """Muon's rate for the matrices; the same as ``lr`` where it is not given."""
    betas: tuple[Share, Share] = (0.9, 0.95)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: int = Field(default=0, ge=0)
    decay_from: int | None = Field(default=None, ge=0)
    clip: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _matrix_rate_is_muons(self) -> OptimiserRecipe:
        if self.matrix_lr is not None and self.name != "muon":
            raise ValueError("matrix_lr is for muon only")
        return self


class CheckpointRecipe(Section):
    """Steps between checkpoints, and how many are kept; two at least, so that a damaged one is survived."""

    every: PositiveInt = 500
    keep: int = Field(default=2, ge=2)


class LogRecipe(Section):
    """Steps between log lines, held-out figures, and sample pictures (0: never)."""

    every: PositiveInt = 50
    probe_every: int = Field(default=0, ge=0)
    show_every: int = Field(default=0, ge=0)
    tensorboard: bool = True
    shown: bool = False
    """Write every step's samples to ``shown.jsonl``."""


class ParallelRecipe(Section):
    """How the weights lie on many processes: whole on each, sharded (FSDP2), or sharded within each of
    ``replicas`` groups (HSDP). ``gather``: what sharded weights travel as.
    """

    shard: Literal["none", "fsdp", "hsdp"] = "none"
    replicas: PositiveInt = 1
    gather: Literal["fp32", "bf16"] = "fp32"


class Recipe(Section):
    """The common part; :func:`load_recipe` adds the task's own sections."""

    task: str
    seed: int = Field(default=0, ge=0)
    out: Path
    steps: PositiveInt
    batch: PositiveInt
    """Samples of a step over all processes."""
    accumulate: PositiveInt = 1
    precision: Literal["bf16", "fp32"] = "bf16"
    prefetch: int = Field(default=2, ge=0)
    """Steps loaded ahead."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    optimiser: OptimiserRecipe
    checkpoint: CheckpointRecipe = CheckpointRecipe()
    log: LogRecipe = LogRecipe()
    parallel: ParallelRecipe = ParallelRecipe()
    # Narrowed to the task's own models by load_recipe.
    model: Any
    data: Any
    curriculum: Any


class NoSettings(Section):
    """A section that a task does not have."""


@dataclass(frozen=True)
class TaskKind:
    """What a task's module offers as ``TASK``.

    Args:
        build: the task of a recipe, its modules on the CPU or the given device.
        model, data, curriculum: pydantic models (subclasses of :class:`Section`) of its sections.
    """

    build: Callable[[Recipe, torch.device], Task]
    model: type[BaseModel] = NoSettings
    data: type[BaseModel] = NoSettings
    curriculum: type[BaseModel] = NoSettings


def task_kind(name: str) -> TaskKind:
    """The kind of task of that name, importing its module."""
    return cast(TaskKind, importlib.import_module(TASKS[name]).TASK)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and its command-line changes.

    Args:
        path: YAML file.
        overrides: ``dotted.key=value`` with YAML values; a number in the key is an index into a list.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_NOT_A_FILE, FILE_UNREADABLE; BAD_RECIPE naming file, line and key.
    """
    from animatrix.media.door import regular_file

    path = regular_file(path)
    try:
        data, lines = read_yaml(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise AniMatrixError(Code.BAD_RECIPE, f"{path.name} is not a text file") from None
    except YamlMistake as mistake:
        raise AniMatrixError(Code.BAD_RECIPE, f"{path.name} line {mistake.line}: {mistake}") from None
    if not isinstance(data, dict):
        raise AniMatrixError(Code.BAD_RECIPE, f"{path.name} is not a recipe", "it holds `key: value` lines")
    given = [_override(data, text) for text in overrides]
    return check_recipe(data, lambda loc: _place(path.name, lines, given, loc))


def check_recipe(data: Mapping[str, Any], place: Callable[[tuple], str] = lambda loc: "recipe") -> Recipe:
    """The recipe of plain data, e.g. of a manifest. ``place`` says where a key stands, for the message."""
    name = data.get("task")
    if not isinstance(name, str) or name not in TASKS:
        what = "a recipe needs a task" if name is None else f"unknown task {name!r}"
        hint = (did_you_mean(name, TASKS) if isinstance(name, str) else "") or f"tasks: {', '.join(TASKS)}"
        raise AniMatrixError(Code.BAD_RECIPE, f"{place(('task',))}: {what}", hint)
    model = _recipe_model(name, task_kind(name))
    try:
        # As JSON and strictly: `steps: "100"` and `steps: true` are mistakes, a list for a tuple is not.
        return model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise _explain(error, model, place) from None


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Dotted keys whose values differ between two dumped recipes."""
    found = []
    for key in sorted({*before, *now}, key=str):
        a, b = before.get(key), now.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += [f"{key}.{inner}" for inner in changes(a, b)]
        elif a != b:
            found.append(str(key))
    return found


def is_harmless(key: str) -> bool:
    """Whether a training may go on although this key has changed."""
    return any(key == safe or key.startswith(f"{safe}.") for safe in HARMLESS)


@functools.cache
def _recipe_model(name: str, kind: TaskKind) -> type[Recipe]:
    sections: dict[str, Any] = {}
    for section in ("model", "data", "curriculum"):
        model = getattr(kind, section)
        optional = not any(field.is_required() for field in model.model_fields.values())
        sections[section] = (model, Field(default_factory=model) if optional else ...)
    return create_model(f"{name.title()}Recipe", __base__=Recipe, **sections)


def _override(data: dict[str, Any], text: str) -> tuple[tuple, str]:
    """Put ``a.b=value`` into the data; returns the key's path and the text."""
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise AniMatrixError(Code.BAD_RECIPE, f"command line: {text!r} is not key=value", "e.g. steps=200")
    try:
        new = read_yaml(value)[0]
    except YamlMistake as mistake:
        raise AniMatrixError(Code.BAD_RECIPE, f"command line: {key}: {mistake}") from None
    path: tuple = ()
    here: Any = data
    *parents, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    for part in parents:
        path += (part,)
        if isinstance(here, dict) and here.get(part) is None:
            here[part] = {}
        here = _step_into(here, part, text)
    if isinstance(here, dict):
        here[last] = new
    else:
        _step_into(here, last, text)
        here[last] = new
    return (*path, last), text


def _step_into(here: Any, part: str | int, text: str) -> Any:
    try:
        return here[part]
    except (KeyError, IndexError, TypeError):
        raise AniMatrixError(
            Code.BAD_RECIPE, f"command line: {text!r}: the recipe has no {part!r} there"
        ) from None


def _place(file: str, lines: Lines, given: list[tuple[tuple, str]], loc: tuple) -> str:
    for path, _ in reversed(given):
        if loc[: len(path)] == path:
            return "command line"
    return f"{file} line {lines.line(loc)}"


def _explain(error: ValidationError, model: type[BaseModel], place: Callable[[tuple], str]) -> AniMatrixError:
    """One line for the first mistake. An unknown key comes first: it often explains a missing one."""
    mistakes = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    mistake = mistakes[0]
    loc = mistake["loc"]
    key = ".".join(str(part) for part in loc)
    where = place(loc)
    if mistake["type"] == "extra_forbidden":
        known = set(_keys(model, loc[:-1]))
        hint = did_you_mean(str(loc[-1]), known) or (
            f"known here: {', '.join(sorted(known))}" if known else ""
        )
        return AniMatrixError(Code.BAD_RECIPE, f"{where}: unknown key {str(loc[-1])!r}", hint)
    if mistake["type"] == "missing":
        return AniMatrixError(Code.BAD_RECIPE, f"{where}: missing key {key!r}")
    reason = mistake["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    shown = json.dumps(mistake["input"], default=str)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return AniMatrixError(Code.BAD_RECIPE, f"{where}: {key}: {reason}, not {shown}".replace("\n", " "))


def _keys(model: type[BaseModel], loc: tuple) -> Iterator[str]:
    """Keys known at a place of a recipe; where a union stands, those of all its members."""
    models = [model]
    for part in loc:
        fields = [m.model_fields[part] for m in models if part in m.model_fields]
        if fields:  # else an index, or pydantic's name for a member of a union
            models = [inner for field in fields for inner in _models_in(field.annotation)]
    for one in models:
        yield from one.model_fields


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def as_yaml(recipe: Recipe) -> str:
    """The recipe with everything filled in, as a file that reads back to the same one."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
