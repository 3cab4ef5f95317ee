"""A dataset's folder: what lies where, and how it gets there whole.

DATASET/
  dataset.json       schema version, settings, counts
  manifest.parquet   one row a kept shot
  rejects.parquet    one row a refused shot or file, with its reason
  clips/aa/*.mp4     the kept shots, named by their content
  work/              what was read of each file and what went wrong; may be deleted, then it is read again
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animatrix.errors import AniMatrixError, Code
from animatrix.media.door import written_whole


class OutOfSpace(OSError):
    """The disk is full; the run stops, and goes on when it is called again."""


@dataclass(frozen=True)
class Store:
    """Paths of a dataset. Every file in it is written under a temporary name first."""

    root: Path

    @property
    def notes(self) -> Path:
        return self.root / "work" / "sources.json"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.parquet"

    @property
    def rejects(self) -> Path:
        return self.root / "rejects.parquet"

    @property
    def summary(self) -> Path:
        return self.root / "dataset.json"

    def record(self, kind: str, key: str) -> Path:
        """Of ``kind`` read, cut or attempts."""
        return self.root / "work" / kind / key[:2] / f"{key}.json"

    def clip(self, key: str) -> Path:
        return self.root / "clips" / key[:2] / f"{key}.mp4"

    def load(self, kind: str, key: str) -> dict[str, Any] | None:
        """A record, or None when there is none (a damaged one counts as none: it is made again)."""
        try:
            found = json.loads(self.record(kind, key).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def save(self, kind: str, key: str, document: dict[str, Any]) -> None:
        path = self.record(kind, key)
        self.write(path, json.dumps(document, sort_keys=True, ensure_ascii=False))

    def forget(self, kind: str, key: str) -> None:
        self.record(kind, key).unlink(missing_ok=True)

    def write(self, path: Path, text: str | bytes) -> None:
        """Put a file in place whole; folders are made.

        Raises:
            OutOfSpace, AniMatrixError: NOT_WRITABLE.
        """
        data = text.encode() if isinstance(text, str) else text
        with space_minded(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as temporary:
                temporary.write_bytes(data)

    def write_if_changed(self, path: Path, data: bytes) -> bool:
        try:
            if path.read_bytes() == data:
                return False
        except OSError:
            pass
        self.write(path, data)
        return True

    def sweep(self) -> None:
        """Remove temporary files that a killed run has left."""
        for folder in (self.root / "work", self.root / "clips"):
            for path in sorted(folder.rglob(".*")):
                if path.is_file():
                    path.unlink(missing_ok=True)
        for name in ("manifest", "rejects", "dataset"):
            for path in self.root.glob(f".{name}.*"):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """The dataset for one run alone.

        Raises:
            AniMatrixError: NOT_WRITABLE when the folder cannot be made or another run works on it.
        """
        lock = self.root / "work" / "lock"
        with space_minded(lock):
            try:
                lock.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                raise AniMatrixError(
                    Code.NOT_WRITABLE, f"cannot write the dataset {self.root}: {error.strerror}"
                ) from None
        try:
            try:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:  # no such locks on this system
                pass
            except OSError:
                raise AniMatrixError(
                    Code.NOT_WRITABLE, f"another run is working on {self.root}", "wait until it has ended"
                ) from None
            yield
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def space_minded(path: Path) -> Iterator[None]:
    """Turn every form in which a full disk shows itself into :class:`OutOfSpace`, naming the file."""
    try:
        yield
    except OutOfSpace:
        raise
    except (OSError, AniMatrixError) as error:
        if _is_full(error):
            raise OutOfSpace(errno.ENOSPC, "no space left on the disk", str(path)) from None
        raise


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return True
        error = error.__cause__ or error.__context__
    return False
