"""Several drawable values asked of one shot together, so that rare ones meet others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive, Taxonomy
from animatrix.synthetic.drawable import RENDERABLE, check_drawable
from animatrix.synthetic.staging import STAGING_OF, WANTS

PAIRS = tuple((name, value) for name, values in RENDERABLE.items() for value in values)


def together(
    rng: np.random.Generator,
    pairs: Sequence[tuple[str, str]],
    count: int,
    frames: int,
    fps: float,
    ground: Mapping[str, object] | None = None,
) -> Directive | None:
    """Up to ``count`` (field, value) of ``pairs`` in one directive, as far as they go together.

    A value of frame scope, and one in three of span scope, is asked for with a span of frames.

    Args:
        ground: tags of the shot that the values are asked on; where a value does not go with them, it is
            asked without them.
    Returns:
        None when none of the values can be drawn.
    """
    taxonomy, last = Taxonomy.default(), round(frames * 24 / fps) - 1
    grounds: tuple[Mapping[str, object], ...] = (ground, {}) if ground else ({},)
    tags: dict[str, object] = {}
    directive: Directive | None = None
    for k in rng.permutation(len(pairs))[:count]:
        name, value = pairs[int(k)]
        if name in tags:
            continue
        texts = [value]
        scope = taxonomy.fields[name].scope
        if value != "none" and last >= 6 and (scope == "frame" or (scope == "span" and rng.random() < 0.35)):
            length = int(rng.integers(1, 4)) if scope == "frame" else int(rng.integers(last // 3, last))
            start = int(rng.integers(0, last - length + 1))
            texts.insert(0, f"{value}@{start}-{start + length - (scope == 'frame')}")
        needs = {**WANTS.get((name, value), {}), **STAGING_OF.get((name, value), {})}
        for under, text in [(under, text) for under in grounds for text in texts]:
            trial = {**needs, **tags, name: text}
            try:
                found = Directive.model_validate(
                    {"narrative": "A shot.", "tags": {**under, **trial}, "frames": frames, "fps": fps}
                )
                check_drawable(found)
            except AniMatrixError:
                continue
            tags, directive = trial, found
            grounds = grounds[grounds.index(under) :]
            break
    return directive
