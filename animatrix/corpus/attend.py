"""A job looked after: run in a killable worker, tried again after a death, quarantined after the last try.

The ledger of attempts lies in the store. Only a death that this run has seen counts against a file: a run
that is itself killed says nothing about the file it was reading.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from animatrix.corpus.analyse import ReadJob, read_file
from animatrix.corpus.child import Child, ChildCannotStart
from animatrix.corpus.cut import CutJob, cut_file
from animatrix.corpus.store import OutOfSpace
from animatrix.errors import AniMatrixError, Code

Job = ReadJob | CutJob
_WORK: dict[str, Any] = {"read": read_file, "cut": cut_file}
QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Outcome:
    """What became of a job: ``fault`` why its file was given up, ``stop`` why the run cannot go on."""

    name: str
    fault: str = ""
    stop: BaseException | None = None


def attend(job: Job, child: Child, run: str, given_up: Any = None) -> Outcome:
    """See a job to its end; never raises for what a file does.

    Args:
        run: names this run. A try that this run began and nobody finished took its attendant down with it.
        given_up: an event; once set, a death counts for nothing (the run itself ends its workers).
    """
    try:
        if job.done():
            return Outcome(job.name)
        return _attend(job, child, run, given_up)
    except (OSError, AniMatrixError, ChildCannotStart) as error:
        return Outcome(job.name, stop=error)


def _attend(job: Job, child: Child, run: str, given_up: Any) -> Outcome:
    store, ledger = job.store, f"{job.key}-{job.kind}"
    found = store.load("attempts", ledger) or {}
    failures = list(found.get("failures", []))
    if found.get("begun_by") == run:
        failures.append("ended its worker and whoever started it")
    while len(failures) < child.limits.tries:
        store.save("attempts", ledger, {"file": job.name, "failures": failures, "begun_by": run})
        last = len(failures) + 1 == child.limits.tries
        answer = child.run(_WORK[job.kind], replace(job, last=last))
        if given_up is not None and given_up.is_set():
            return Outcome(job.name)
        fault = answer.fault
        if answer.raised is not None:
            if _stops(answer.raised):
                store.forget("attempts", ledger)
                return Outcome(job.name, stop=answer.raised)
            child.close()  # after an error nobody foresaw, a worker with clean memory
            fault = _one_line(answer.raised)
        if not fault:
            store.forget("attempts", ledger)
            return Outcome(job.name)
        failures.append(fault)
    job.refused(QUARANTINED, f"the worker reading it {failures[-1]}, {len(failures)} times")
    store.forget("attempts", ledger)
    return Outcome(job.name, fault=failures[-1])


def _stops(error: BaseException) -> bool:
    """Whether an error is of the machine and not of the file."""
    return isinstance(error, OutOfSpace | ImportError) or (
        isinstance(error, AniMatrixError)
        and error.code in (Code.NOT_WRITABLE, Code.MODEL_MISSING, Code.MODEL_MISMATCH, Code.BAD_OPTION)
    )


def _one_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "ran out of memory"
    text = " ".join(str(error).split())[:160]
    return f"failed: {type(error).__name__}{': ' + text if text else ''}"
