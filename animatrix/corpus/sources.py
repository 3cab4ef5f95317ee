"""The video files of a folder, each named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from animatrix.corpus.store import Store
from animatrix.errors import AniMatrixError, Code

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".flv"}
    | {".ogv", ".gif", ".mxf", ".wmv", ".asf", ".3gp", ".3g2", ".nut", ".ivf", ".y4m"}
)


@dataclass(frozen=True)
class Source:
    """A file of the source folder: ``name`` relative to it with forward slashes, always printable text;
    ``sha256`` of its bytes, empty when they cannot be read, then ``fault`` says why."""

    name: str
    path: Path
    sha256: str
    fault: str = ""


def find_sources(folder: Path, leave_out: Path) -> list[tuple[str, Path]]:
    """(name, path) of every video file below a folder, sorted by name; hidden ones and ``leave_out`` are
    skipped.

    Raises:
        AniMatrixError: FILE_MISSING when there is no such folder or no video in it; FILE_NOT_A_FILE when it
            is no folder.
    """
    if not folder.exists():
        raise AniMatrixError(Code.FILE_MISSING, f"no such folder: {folder}")
    if not folder.is_dir():
        raise AniMatrixError(
            Code.FILE_NOT_A_FILE, f"{folder} is not a folder", "give the folder of the videos"
        )
    root, apart = folder.resolve(), leave_out.resolve()
    found = []
    for here, folders, names in os.walk(root):
        folders[:] = [d for d in folders if not d.startswith(".") and Path(here, d) != apart]
        for name in names:
            path = Path(here, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and _regular(path):
                shown = path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()
                found.append((shown, path))
    if not found:
        raise AniMatrixError(
            Code.FILE_MISSING, f"no video file in {folder}", "videos are told by their suffix, such as .mp4"
        )
    return sorted(found)


def _regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def hashed(
    found: list[tuple[str, Path]], store: Store, progress: Callable[[int, int], None] = lambda *_: None
) -> list[Source]:
    """The files with their hashes. One whose size, times and inode are as noted last time is not read again.

    The change time is part of the note: no program can set it back, so a swapped file is seen.
    """
    try:
        notes = json.loads(store.notes.read_text())
    except (OSError, ValueError):
        notes = {}
    sources, fresh = [], {}
    for index, (name, path) in enumerate(found):
        try:
            info = path.stat()
            state = [info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino]
            noted = notes.get(name)
            sha = noted["sha256"] if noted and noted["state"] == state else _sha256(path)
        except OSError as error:
            sources.append(Source(name, path, "", f"it cannot be read: {error.strerror}"))
            continue
        fresh[name] = {"state": state, "sha256": sha}
        sources.append(Source(name, path, sha))
        progress(index + 1, len(found))
    if fresh != notes:
        store.write(store.notes, json.dumps(fresh, indent=0, sort_keys=True))
    return sources


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
