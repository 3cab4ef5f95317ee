"""What is in a dataset, asked of its Parquet files with DuckDB: values, refusals, gaps, balance by axis."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from animatrix.corpus.manifest import dataset_summary, open_dataset
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Taxonomy

FEW = 5  # clips: a value with fewer is a gap


def describe_dataset(path: Path, few: int = FEW) -> dict[str, Any]:
    """Counts of a dataset as one document.

    ``values`` {field: {value: clips}}; ``axes`` {axis: {"clips": clips with a tag in it, "share": of all
    clips, "evenness": how evenly its values are used, 0 one value to 1 all alike (mean over its fields of
    entropy over its maximum), "none": values without a clip, "few": values with fewer than ``few``}}.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_UNREADABLE; BAD_OPTION when DuckDB is not installed.
    """
    store = open_dataset(path)
    summary = dataset_summary(store)
    try:
        import duckdb
    except ImportError:
        raise AniMatrixError(
            Code.BAD_OPTION, "`dataset show` needs DuckDB", 'pip install "animatrix[curate]"'
        ) from None
    with duckdb.connect() as database:

        def rows(query: str, file: Path) -> list[tuple]:
            return database.execute(query, [str(file)]).fetchall()

        try:
            clips, seconds, size, files, fewest, most = rows(
                'SELECT count(*), coalesce(sum("end" - "start"), 0), coalesce(sum(clip_bytes), 0), '
                'count(DISTINCT source), min("end" - "start"), max("end" - "start") FROM read_parquet(?)',
                store.manifest,
            )[0]
            labels = rows(
                "SELECT label, count(*) FROM (SELECT DISTINCT key, unnest(labels) AS label "
                "FROM read_parquet(?)) GROUP BY label ORDER BY label",
                store.manifest,
            )
            fields = rows(
                "SELECT list(DISTINCT split_part(label, '=', 1)) FROM (SELECT key, unnest(labels) AS label "
                "FROM read_parquet(?)) GROUP BY key",
                store.manifest,
            )
            abstained = rows(
                "SELECT field, count(*) FROM (SELECT unnest(abstained) AS field FROM read_parquet(?)) "
                "GROUP BY field ORDER BY field",
                store.manifest,
            )
            refused = rows(
                'SELECT reason, count(*), sum("end" - "start") FROM read_parquet(?) GROUP BY reason '
                "ORDER BY count(*) DESC, reason",
                store.rejects,
            )
        except duckdb.Error as error:
            said = str(error).splitlines()[0][:120]
            raise AniMatrixError(
                Code.FILE_UNREADABLE, f"cannot read {path}: {said}", "curate again"
            ) from None
    counts = {tuple(label.split("=", 1)): count for label, count in labels}
    return {
        "dataset": str(path),
        "taxonomy_version": summary["taxonomy_version"],
        "clips": clips,
        "files": files,
        "seconds": round(seconds, 3),
        "bytes": int(size),
        "shortest": round(fewest, 3) if fewest is not None else None,
        "longest": round(most, 3) if most is not None else None,
        "refused": {reason: {"count": n, "seconds": round(s, 3)} for reason, n, s in refused},
        "values": _by_field(counts),
        "abstained": dict(abstained),
        "axes": _by_axis(counts, [set(found) for (found,) in fields], clips, few),
    }


def _by_field(counts: dict[tuple[str, ...], int]) -> dict[str, dict[str, int]]:
    values: dict[str, dict[str, int]] = {}
    for (field, value), count in counts.items():
        values.setdefault(field, {})[value] = count
    return values


def _by_axis(
    counts: dict[tuple[str, ...], int], fields_of_clips: list[set[str]], clips: int, few: int
) -> dict[str, Any]:
    taxonomy = Taxonomy.default()
    axes: dict[str, Any] = {}
    for axis in taxonomy.axes.values():
        tagged = sum(bool(found & set(axis.fields)) for found in fields_of_clips)
        evenness, none, scarce = [], [], []
        for field in axis.fields:
            numbers = {value: counts.get((field, value), 0) for value in taxonomy.fields[field].values}
            total = sum(numbers.values())
            if total and len(numbers) > 1:
                parts = [n / total for n in numbers.values() if n]
                evenness.append(-sum(p * math.log(p) for p in parts) / math.log(len(numbers)))
            else:
                evenness.append(0.0)
            none += [f"{field}={value}" for value, n in numbers.items() if n == 0]
            scarce += [f"{field}={value}" for value, n in numbers.items() if 0 < n < few]
        axes[axis.id] = {
            "clips": tagged,
            "share": round(tagged / clips, 3) if clips else 0.0,
            "evenness": round(sum(evenness) / len(evenness), 3) if evenness else 0.0,
            "none": none,
            "few": scarce,
        }
    return axes
