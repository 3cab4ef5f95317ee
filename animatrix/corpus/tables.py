"""The dataset's Parquet files: what their columns are, and bytes that depend on the rows alone."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from animatrix.corpus.decide import Refusal, Taken
from animatrix.corpus.settings import digest
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive

# column -> Arrow type; see docs/curation.md for what each holds
MANIFEST = {
    "key": "string",
    "source": "string",
    "source_sha256": "string",
    "shot": "int32",
    "start": "float64",
    "end": "float64",
    "fps": "float64",
    "frames": "int32",
    "vfr": "bool",
    "width": "int32",
    "height": "int32",
    "source_width": "int32",
    "source_height": "int32",
    "crop": "list<int32>",
    "directive": "string",
    "labels": "list<string>",
    "confidence": "string",
    "provenance": "string",
    "abstained": "list<string>",
    "narrative": "string",
    "taxonomy_version": "string",
    "analyser": "string",
    "clip": "string",
    "clip_sha256": "string",
    "clip_bytes": "int64",
    "phash": "list<string>",
    "figures": "string",
    "notes": "list<string>",
}
REJECTS = {
    "source": "string",
    "source_sha256": "string",
    "shot": "int32",
    "start": "float64",
    "end": "float64",
    "reason": "string",
    "text": "string",
    "all_reasons": "list<string>",
}


def kept_row(shot: Taken, clip: dict[str, Any], clip_key: str, analyser: str) -> dict[str, Any]:
    """A row of the manifest. Tags are the canonical directive; ``labels`` repeats them as field=value."""
    record, caption = shot.record, shot.record["caption"]
    directive = Directive.model_validate(record["directive"], context={"source": "caption"})
    sure = {field: {t["value"]: t["confidence"] for t in found} for field, found in caption["tags"].items()}
    told_by = {field: {t["value"]: t["source"] for t in found} for field, found in caption["tags"].items()}
    width, height = record["source_size"]
    return {
        "key": digest(shot.source.sha256, record["start"], record["end"], analyser),
        "source": shot.source.name,
        "source_sha256": shot.source.sha256,
        "shot": shot.index,
        **{name: record[name] for name in ("start", "end", "fps", "frames", "vfr", "crop")},
        "width": clip["width"],
        "height": clip["height"],
        "source_width": width,
        "source_height": height,
        "directive": directive.canonical_json(),
        "labels": sorted(f"{field}={value}" for field in directive.tags for value in directive.values(field)),
        "confidence": _json(sure),
        "provenance": _json(told_by),
        "abstained": caption["abstained"],
        "narrative": caption["narrative"],
        "taxonomy_version": directive.taxonomy_version,
        "analyser": analyser,
        "clip": f"clips/{clip_key[:2]}/{clip_key}.mp4",
        "clip_sha256": clip["sha256"],
        "clip_bytes": clip["bytes"],
        "phash": record["fingerprint"]["hashes"],
        "figures": _json(record["figures"]),
        "notes": sorted(shot.notes),
    }


def refused_row(refusal: Refusal) -> dict[str, Any]:
    reason, text = refusal.reasons[0]
    return {
        "source": refusal.source.name,
        "source_sha256": refusal.source.sha256,
        "shot": refusal.index,
        "start": refusal.start,
        "end": refusal.end,
        "reason": reason,
        "text": text,
        "all_reasons": [f"{code}: {said}" for code, said in refusal.reasons],
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def parquet(rows: Sequence[dict[str, Any]], columns: dict[str, str]) -> bytes:
    """The rows as a Parquet file; equal rows give equal bytes (with one release of Arrow)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "list<int32>": pa.list_(pa.int32()),
        "list<string>": pa.list_(pa.string()),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(list(rows), schema=schema)
    pq.write_table(table, buffer, compression="zstd", row_group_size=50_000)
    return buffer.getvalue()


def need_parquet() -> None:
    """Raises AniMatrixError BAD_OPTION when pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise AniMatrixError(
            Code.BAD_OPTION, "datasets need pyarrow", 'pip install "animatrix[curate]"'
        ) from None
