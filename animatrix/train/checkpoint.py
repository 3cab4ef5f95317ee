"""Checkpoints that are either whole or not there.

    step-00000200.tmp/   tensors (DCP: every rank its own shards), fsync, manifest.json, all ranks agree,
    step-00000200/       rank 0 renames: from here on it counts. Then older ones than ``keep`` go.

A run cut off at any moment leaves at worst a ``.tmp`` folder, which is named and passed over. A checkpoint
counts when its manifest and DCP's ``.metadata`` are there and every file has the size the manifest says.
Small state is in the manifest as JSON; tensors are read by DCP, which fits them to any number of processes.
DCP reads ``.metadata`` by pickle, so a checkpoint is trusted as much as the run that wrote it and is no way
to hand a model on: :meth:`Task.export` is.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException

from animatrix.errors import AniMatrixError, Code
from animatrix.media.door import written_whole
from animatrix.train.distributed import World

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass
class Manifest:
    """What a checkpoint says besides its tensors.

    Args:
        step: finished steps.
        world: number of processes that wrote it.
        recipe: dumped.
        task: the task's own state.
        progress: unfinished sums of the log, and samples and seconds so far.
        files: name -> bytes.
    """

    step: int
    world: int
    recipe: dict[str, Any]
    task: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT


def reached(phase: str) -> None:
    """A saving has reached a phase: begun, written, synced, described, agreed, renamed, pruned. Tests cut the
    power here.
    """


def folder_of(root: Path, step: int) -> Path:
    return root / f"step-{step:08d}"


def save(root: Path, manifest: Manifest, tensors: dict[str, Tensor], world: World, keep: int) -> Path:
    """Write a checkpoint; every rank calls it, ``root`` is seen by all of them.

    Raises:
        AniMatrixError: NOT_WRITABLE on every rank, with the reason; older checkpoints are untouched and the
            unfinished one is gone.
    """
    final = folder_of(root, manifest.step)
    temporary = final.with_name(f"{final.name}.tmp")
    error = None
    try:
        if world.first:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
    except OSError as problem:
        error = _cannot_save(root, manifest.step, problem)
    world.agree(error)
    reached("begun")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that one process is one process is no news
            dcp.save(tensors, storage_writer=dcp.FileSystemWriter(temporary, sync_files=True))
        reached("written")
        if world.first:
            _sync_folder(temporary)
            reached("synced")
            manifest.files = {file.name: file.stat().st_size for file in sorted(temporary.iterdir())}
            _write_synced(temporary / MANIFEST, json.dumps(manifest.__dict__, indent=1))
            reached("described")
    except (OSError, CheckpointException) as problem:
        error = _cannot_save(root, manifest.step, problem)
    try:
        world.agree(error)
    except AniMatrixError:
        if world.first:
            shutil.rmtree(temporary, ignore_errors=True)
        raise
    try:
        reached("agreed")
        if world.first:
            if final.exists():  # a damaged one of that step, or it would have been gone on from
                shutil.rmtree(final)
            temporary.rename(final)
            _sync_folder(root)
            reached("renamed")
            _prune(root, keep)
            reached("pruned")
    except OSError as problem:
        shutil.rmtree(temporary, ignore_errors=True)
        error = _cannot_save(root, manifest.step, problem)
    world.agree(error)
    return final


def latest(root: Path) -> tuple[Path | None, list[str]]:
    """The newest whole checkpoint, and one line for each folder passed over."""
    passed, found = [], None
    for folder in sorted(root.glob("step-*"), reverse=True) if root.is_dir() else []:
        reason = _why_torn(folder)
        if reason:
            passed.append(f"passed over {folder.name}: {reason}")
        elif found is None:
            found = folder
    return found, passed


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a whole checkpoint."""
    return Manifest(**json.loads((folder / MANIFEST).read_text("utf-8")))


def load(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Fill the tensors in place from a checkpoint; every rank calls it.

    Raises:
        AniMatrixError: BAD_CHECKPOINT when it cannot be read or holds other tensors.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dcp.load(tensors, storage_reader=dcp.FileSystemReader(folder))
    except CheckpointException as problem:
        raise AniMatrixError(
            Code.BAD_CHECKPOINT,
            f"cannot read checkpoint {folder}: {_reason(problem)}",
            "remove that folder to go on from the one before it",
        ) from problem


def _why_torn(folder: Path) -> str:
    """Why a folder is no whole checkpoint; empty when it is one."""
    if folder.suffix == ".tmp":
        return "saving or removing it was cut off"
    try:
        manifest = read_manifest(folder)
    except FileNotFoundError:
        return "it has no manifest"
    except (OSError, ValueError, TypeError):
        return "its manifest cannot be read"
    if manifest.format != FORMAT:
        return f"its format is {manifest.format}, this version reads {FORMAT}"
    for name, size in {".metadata": None, **manifest.files}.items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        if size is not None and file.stat().st_size != size:
            return f"{name} has {file.stat().st_size} bytes, not {size}"
    return ""


def _prune(root: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` whole checkpoints, and what cut-off savings left.

    A folder is renamed first: half a removal must not look like a checkpoint that was damaged.
    """
    for folder in root.glob("step-*.tmp"):
        shutil.rmtree(folder, ignore_errors=True)
    whole = [f for f in sorted(root.glob("step-*"), reverse=True) if not _why_torn(f)]
    for folder in whole[keep:]:
        going = folder.rename(folder.with_name(f"{folder.name}.tmp"))
        shutil.rmtree(going, ignore_errors=True)


def _write_synced(path: Path, text: str) -> None:
    with written_whole(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_save(root: Path, step: int, problem: BaseException) -> AniMatrixError:
    last, _ = latest(root)
    if last is None:
        hint = "nothing was saved before; make room and run the same command again"
    else:
        hint = f"the last checkpoint, {last.name}, is whole; make room and run the same command again"
    return AniMatrixError(Code.NOT_WRITABLE, f"cannot save step {step} to {root}: {_reason(problem)}", hint)


def _reason(problem: BaseException) -> str:
    """The operating system's words if they are anywhere in it, else the first line of what there is."""
    if isinstance(problem, CheckpointException):
        inner: BaseException | None = next(iter(problem.failures.values()))[0]
    else:
        inner = problem
    first = inner
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror.lower()
        inner = inner.__cause__ or inner.__context__
    return (str(first).splitlines() or [type(first).__name__])[0][:160]
