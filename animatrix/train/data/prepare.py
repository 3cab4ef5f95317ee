"""Makes a recipe's shards in advance.

    python -m animatrix.train.data.prepare RECIPE [key=value ...]

Run it again to go on where it stopped. Two at once share the work; a training may start meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from animatrix.errors import EXIT_STATUS, AniMatrixError, Code
from animatrix.train.data.makers import Job
from animatrix.train.data.making import is_made
from animatrix.train.data.samples import Samples
from animatrix.train.data.sources import shards_of
from animatrix.train.recipe import Recipe, load_recipe


def prepare(recipe: Recipe) -> int:
    """Make every shard that the recipe's steps will draw from, and those held out; returns how many were
    missing.

    Raises:
        AniMatrixError: BAD_RECIPE for a recipe without a cache.
    """
    if not recipe.data.cache:
        raise AniMatrixError(Code.BAD_RECIPE, "the recipe keeps no cache", "set data.cache to a folder")
    encoder = recipe.model.encoder() if hasattr(recipe.model, "encoder") else None
    samples = Samples(recipe, encoder)
    try:
        jobs = [Job(s.name, shard) for s in samples.held for shard in range(shards_of(s))]
        for stream in samples.streams:
            jobs += [Job(stream.source.name, shard) for shard in range(stream.shards(recipe.steps - 1))]
        missing = [job for job in jobs if not is_made(samples.work, job.source, job.number)]
        print(f"{len(jobs)} shards, {len(missing)} to make", flush=True)
        samples.makers.need(missing)
        began = time.monotonic()
        for number, job in enumerate(missing, 1):
            samples.makers.wait(job)
            left = (time.monotonic() - began) / number * (len(missing) - number)
            print(f"{job} ({number} of {len(missing)}, {left / 60:.0f} min left)", flush=True)
    finally:
        samples.close()
    return len(missing)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("changes", nargs="*", metavar="key=value")
    given = parser.parse_args(arguments)
    try:
        prepare(load_recipe(given.recipe, given.changes))
    except AniMatrixError as error:
        print(f"error[{error.code}]: {error}", file=sys.stderr)
        return EXIT_STATUS
    return 0


if __name__ == "__main__":
    sys.exit(main())
