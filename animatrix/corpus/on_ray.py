"""The Ray engine: one row a video, on one machine or a cluster that shares the dataset's folder.

A row never raises (Ray would drop the whole job) and never takes its Ray worker down (Ray would retry it for
ever): each decodes in a killable child, deaths go into the ledger of attempts, and what lies in the store is
the truth that a resumed run starts from, not Ray's own checkpoints.
"""

from __future__ import annotations

import logging
import pickle
import sys
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, cast

from animatrix.corpus.attend import Job, Outcome, attend
from animatrix.corpus.child import Child
from animatrix.corpus.settings import Limits
from animatrix.errors import AniMatrixError, Code


class Attendant:
    """An actor of Ray Data: takes a row that holds a job, gives a row that holds its outcome."""

    def __init__(self, limits: Limits, run: str) -> None:
        self.child = Child(limits)
        self.run = run

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            outcome = attend(pickle.loads(row["job"]), self.child, self.run)
        except BaseException as error:
            outcome = Outcome("?", stop=RuntimeError(f"{type(error).__name__}: {error}"))
        return {"outcome": pickle.dumps(outcome)}


def run_on_ray(jobs: Sequence[Job], limits: Limits, workers: int) -> Iterator[Outcome]:
    """Outcomes of the jobs as they come.

    Raises:
        AniMatrixError: BAD_OPTION when Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise AniMatrixError(
            Code.BAD_OPTION, "--engine ray needs Ray", 'pip install "animatrix[ray]", or --engine local'
        ) from None
    ours = not ray.is_initialized()
    if ours:
        paths = {"env_vars": {"PYTHONPATH": ":".join(p for p in sys.path if p)}}
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=paths,
        )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    try:
        rows = [{"job": pickle.dumps(job)} for job in jobs]
        held = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            cast(Any, Attendant),
            fn_constructor_args=(limits, uuid.uuid4().hex),
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
            num_cpus=1,
        )
        for row in held.iter_rows():
            yield pickle.loads(row["outcome"])
    finally:
        if ours:
            ray.shutdown()
