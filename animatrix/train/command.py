"""``animatrix train``: run a recipe, or go on with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = (
    "Example: animatrix train recipes/nano_flow.yaml steps=2000 optimiser.lr=1e-3   To resume, run the same "
    "command again. On several processes: torchrun --nproc-per-node 2 -m animatrix.cli train RECIPE"
)


Changes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Changes to the recipe, keys dotted: optimiser.lr=1e-3."),
]
StopAfter = Annotated[
    float,
    typer.Option(
        metavar="MINUTES", min=0.0, help="End this leg then, with a checkpoint.", show_default=False
    ),
]


def train(
    recipe: Path = typer.Argument(..., help="A YAML recipe; see the folder recipes/."),
    changes: Changes = None,
    stop_after: StopAfter = math.inf,
    show_recipe: bool = typer.Option(False, help="Print the recipe with everything filled in, and stop."),
    estimate: bool = typer.Option(
        False, help="Print the memory that it needs on each of 1 to 16 GPUs, and stop; loads no weights."
    ),
    export: Path = typer.Option(
        None, metavar="FOLDER", help="Write the newest checkpoint's model there, and stop."
    ),
) -> None:
    """Train by a recipe. The same command resumes from the newest whole checkpoint."""
    from animatrix.train.recipe import as_yaml, load_recipe, task_kind

    read = load_recipe(recipe, changes or [])
    if show_recipe:
        print(as_yaml(read), end="")
        return
    if estimate:
        from animatrix.train.estimate import table

        print(table(read))
        return
    from animatrix.train.distributed import joined
    from animatrix.train.engine import Trainer

    with joined(read.parallel) as world:
        task = task_kind(read.task).build(read, world.device)
        trainer = Trainer(read, task, world)
        if export is not None:
            trainer.export(export)
            return
        trainer.run(stop_after=stop_after)
