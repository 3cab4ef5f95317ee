"""Reading a dataset back: its rows, their clips and their directives.

for row in Manifest("dataset"):
    print(row.clip, row.directive.tag_strings())
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from animatrix.corpus.settings import FORMAT
from animatrix.corpus.store import Store
from animatrix.corpus.tables import need_parquet
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive


@dataclass(frozen=True)
class Row:
    """A kept shot; the columns are told in docs/curation.md.

    ``clip`` is where the clip lies; ``crop`` left, top, width, height in source pixels or None;
    ``confidence`` {field: {value: share in [0,1]}}; ``frames`` and ``fps`` of the shot as filmed.
    """

    key: str
    source: str
    source_sha256: str
    shot: int
    start: float
    end: float
    fps: float
    frames: int
    width: int
    height: int
    crop: tuple[int, int, int, int] | None
    abstained: tuple[str, ...]
    narrative: str
    clip: Path
    clip_sha256: str
    confidence: dict[str, dict[str, float]]
    directive_json: str

    @cached_property
    def directive(self) -> Directive:
        """Narrative and tags, checked; of an older taxonomy they are migrated."""
        return Directive.model_validate(json.loads(self.directive_json), context={"source": "caption"})


class Manifest:
    """The kept shots of a dataset, in order of source and start.

    Raises:
        AniMatrixError: FILE_MISSING when there is no dataset; FILE_UNREADABLE when it is damaged or newer
            than this release; BAD_OPTION without pyarrow.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        need_parquet()
        self.store = Store(open_dataset(Path(path)).root)
        self.summary = dataset_summary(self.store)
        self._rows = _read(self.store.manifest)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Row:
        found = self._rows[index]
        plain = {f.name: found[f.name] for f in fields(Row) if f.name in found}
        return Row(
            **plain
            | {
                "crop": tuple(found["crop"]) if found["crop"] else None,
                "abstained": tuple(found["abstained"]),
                "clip": self.store.root / found["clip"],
                "confidence": json.loads(found["confidence"]),
                "directive_json": found["directive"],
            }
        )

    def rejects(self) -> list[dict[str, Any]]:
        """The refused shots and files, each with ``reason`` and ``text``."""
        return _read(self.store.rejects)


def open_dataset(path: Path) -> Store:
    """The dataset in a folder.

    Raises:
        AniMatrixError: FILE_MISSING.
    """
    store = Store(path)
    if not store.manifest.is_file() or not store.summary.is_file():
        raise AniMatrixError(
            Code.FILE_MISSING, f"no dataset in {path}", "`animatrix curate SOURCE --out DATASET` makes one"
        )
    return store


def dataset_summary(store: Store) -> dict[str, Any]:
    """dataset.json. Raises AniMatrixError FILE_UNREADABLE when it is damaged or newer than this release."""
    try:
        found = json.loads(store.summary.read_text())
        version = int(found["format"])
    except (OSError, ValueError, KeyError, TypeError):
        raise AniMatrixError(Code.FILE_UNREADABLE, f"{store.summary} is damaged", "curate again") from None
    if version > FORMAT:
        raise AniMatrixError(
            Code.FILE_UNREADABLE,
            f"{store.summary} has format {version}, this release reads up to {FORMAT}",
            "update animatrix",
        )
    return found


def _read(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        said = str(error).splitlines()[0][:120]
        raise AniMatrixError(Code.FILE_UNREADABLE, f"cannot read {path}: {said}", "curate again") from None
