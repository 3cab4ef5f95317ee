"""How many directives one core validates a second: ``Directive.model_validate`` and then ``check``.

Run: ``python benchmarks/validate_directives.py [--count 4000] [--seed 0]``. Prints one JSON line. The
directives are random but valid ones of six tags, a third of them with frame ranges, as a captioned corpus
or an editor sends them.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from typing import Any

from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive, Taxonomy, check


def sample(count: int, seed: int, tags: int = 6) -> list[dict[str, Any]]:
    """``count`` valid directives of ``tags`` tags, as plain data."""
    rng = random.Random(seed)
    taxonomy = Taxonomy.default()
    fields = list(taxonomy.fields.values())
    found: list[dict[str, Any]] = []
    while len(found) < count:
        chosen: dict[str, str] = {}
        for field in rng.sample(fields, tags):
            value = rng.choice(list(field.values))
            span = field.scope == "frame" or (field.scope == "span" and rng.random() < 0.33)
            first = rng.randrange(0, 28)
            chosen[field.id] = f"{value}@{first}-{first + rng.randrange(1, 4)}" if span else value
        data = {"narrative": "A girl runs over a rooftop.", "tags": chosen, "frames": 33, "fps": 24}
        try:
            Directive.model_validate(data)
        except AniMatrixError:
            continue
        found.append(data)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    taxonomy = Taxonomy.default()
    data = sample(arguments.count, arguments.seed)
    rates = []
    for _ in range(arguments.rounds):
        start = time.perf_counter()
        for item in data:
            check(Directive.model_validate(item), taxonomy)
        rates.append(len(data) / (time.perf_counter() - start))
    print(
        json.dumps(
            {
                "directives_per_second": round(statistics.median(rates)),
                "best": round(max(rates)),
                "count": len(data),
                "tags_each": 6,
                "rounds": arguments.rounds,
                "seed": arguments.seed,
            }
        )
    )


if __name__ == "__main__":
    main()
