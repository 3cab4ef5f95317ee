"""``animatrix prefer``: prepare pairs, train the reward model, score clips, tune a model on preferences."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from animatrix.train.command import Changes, StopAfter

if TYPE_CHECKING:
    from animatrix.train.recipe import Recipe

prefer_app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Tell art from failure: pairs, the reward model, scores of clips, preference optimisation.",
)
_Recipe = Annotated[Path, typer.Argument(help="A YAML recipe with task: reward; see recipes/reward.yaml.")]
_Policy = Annotated[Path, typer.Argument(help="A recipe with task: policy; see recipes/nano_prefer.yaml.")]


BREACHED = 3  # exit status of an optimisation that ended itself: expressiveness could not be held


def _read(recipe: Path, changes: list[str] | None, *tasks: str) -> Recipe:
    from animatrix.errors import AniMatrixError, Code
    from animatrix.train.recipe import load_recipe

    read = load_recipe(recipe, changes or [])
    tasks = tasks or ("reward",)
    if read.task not in tasks:
        raise AniMatrixError(
            Code.BAD_RECIPE, f"{recipe.name} has task {read.task!r}", f"this verb takes {' or '.join(tasks)}"
        )
    return read


@prefer_app.command(epilog="Example: animatrix prefer pairs recipes/reward.yaml data.workers=2")
def pairs(recipe: _Recipe, changes: Changes = None) -> None:
    """Draw the sets of a recipe, of either task; run it again to go on. Votes are read, too."""
    read = _read(recipe, changes, "reward", "policy")
    if read.task == "policy":
        from animatrix.prefer.aligned import prepare as prepare_aligned
        from animatrix.prefer.policy import open_policy

        encoder = open_policy(read.model).encoder
        drawn = prepare_aligned(read.data, encoder, lambda line: print(line, file=sys.stderr, flush=True))
        print(f"{drawn} sets made in {read.data.cache}", file=sys.stderr)
        return
    from animatrix.prefer.shards import prepare
    from animatrix.prefer.voted import VotedPairs

    made = prepare(read.data, lambda line: print(line, file=sys.stderr, flush=True))
    if read.data.votes:
        voted = VotedPairs(read.data.votes, read.data)
        print(f"{sum(map(len, voted.groups))} votes on {len(voted)} pairs of clips", file=sys.stderr)
    print(f"{made} shards made in {read.data.cache}", file=sys.stderr)


@prefer_app.command(epilog="Example: animatrix prefer reward recipes/reward.yaml --install weights/reward")
def reward(
    recipe: _Recipe,
    changes: Changes = None,
    stop_after: StopAfter = math.inf,
    install: Annotated[
        Path | None, typer.Option(help="When trained, put the weights into this folder.")
    ] = None,
) -> None:
    """Train the reward model; the same command resumes from the newest whole checkpoint."""
    from animatrix.train.distributed import joined
    from animatrix.train.engine import Trainer
    from animatrix.train.recipe import task_kind
    from animatrix.train.shells import folder_whole

    read = _read(recipe, changes)
    with joined(read.parallel) as world:
        task = task_kind(read.task).build(read, world.device)
        finished = Trainer(read, task, world).run(stop_after=stop_after)
        if finished and install is not None and world.first:
            with folder_whole(install) as unfinished:
                shutil.copytree(read.out / "export", unfinished, dirs_exist_ok=True)
            print(f"installed in {install}", file=sys.stderr)


@prefer_app.command(epilog="Example: animatrix prefer samples recipes/nano_prefer.yaml")
def samples(recipe: _Policy, changes: Changes = None) -> None:
    """Make the policy's own samples, judged by the reward: of each directive the best and the worst."""
    from animatrix.errors import AniMatrixError, Code
    from animatrix.generate.run import model_path, revision
    from animatrix.prefer.judging import load_judge
    from animatrix.prefer.policy import open_policy
    from animatrix.prefer.samples import PipelineSampler, make_samples

    read = _read(recipe, changes, "policy")
    wanted = read.data.samples
    if wanted is None or read.model.reward is None:
        missing = "data.samples" if wanted is None else "model.reward"
        raise AniMatrixError(Code.BAD_RECIPE, f"{recipe.name} has no {missing}", "samples need both")
    judge = load_judge(read.model.reward)
    policy = open_policy(read.model, read.precision)
    with policy.as_reference(policy.modules()) as modules:
        pipe = policy.pipeline(modules)
        made = make_samples(
            read.data,
            PipelineSampler(pipe, read.data.size, wanted.steps, wanted.guidance),
            judge,
            revision(model_path(str(read.model.start))),
            revision(read.model.reward),
            policy.transformer.config.tag_slots,
            lambda line: print(line, file=sys.stderr, flush=True),
        )
    print(f"samples of {made} directives made in {wanted.folder}", file=sys.stderr)


@prefer_app.command(epilog="Example: animatrix prefer optimize recipes/nano_prefer.yaml optimiser.lr=1e-4")
def optimize(
    recipe: _Policy,
    changes: Changes = None,
    stop_after: StopAfter = math.inf,
) -> int:
    """Tune a video model on preferences; the same command resumes. Exit status 3: it ended itself, because
    expressiveness could not be held; the checkpoint is kept.
    """
    from animatrix.errors import AniMatrixError, Code
    from animatrix.prefer.policy_task import PolicyTask
    from animatrix.train.distributed import joined
    from animatrix.train.engine import Trainer

    read = _read(recipe, changes, "policy")
    with joined(read.parallel) as world:
        task = PolicyTask(read, world.device)
        try:
            Trainer(read, task, world).run(stop_after=stop_after)
        except AniMatrixError as error:
            if error.code != Code.FLOOR_BREACHED:
                raise
            print(f"error[{error.code}]: {error}", file=sys.stderr)
            return BREACHED
        if task.breach:  # at the last step: exported, and said
            print(f"error[{Code.FLOOR_BREACHED}]: {task.breach}", file=sys.stderr)
            return BREACHED
    return 0


@prefer_app.command(epilog="Example: animatrix prefer score clip.mp4 --directive shot.yaml --json")
def score(
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP...", help="Video files.")],
    directive: Annotated[Path, typer.Option(help="What was asked: a YAML or JSON directive.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of a reward model; the shipped one where none is named.")
    ] = None,
) -> None:
    """Judge clips against a directive: five dimensions, the probability of failure, and where it lies."""
    from animatrix.knowledge import Directive
    from animatrix.prefer.judging import load_judge

    asked = Directive.from_file(directive)
    judge = load_judge(weights)
    from animatrix.media import read_clip

    found = [{"clip": str(path), **judge.score(read_clip(path), asked).to_json()} for path in clips]
    if as_json:
        print(json.dumps(found[0] if len(found) == 1 else found, ensure_ascii=False))
        return
    _print(found)


def _print(found: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for one in found:
        table = Table("dimension", "score", title=one["clip"], title_justify="left")
        for name, value in one["dimensions"].items():
            table.add_row(name, f"{value:.2f}")
        table.add_row("failure", f"{one['failure']:.2f}")
        console.print(table)
        for region in one["regions"]:
            (a, b), box = region["frames"], region["box"]
            console.print(f"frames {a}-{b}, box {box}: {region['probability']:.2f} failing")
