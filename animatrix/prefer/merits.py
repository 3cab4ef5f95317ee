"""Which of two takes is better, dimension by dimension, by what the directive asked for.

With the deformation asked for, intended > flat > collapsed; with near-physical motion asked for, flat >
intended > collapsed. Nobody can then learn that deformation is always good, or always bad. A negative is a
clip with something done to it: it loses to the clip it was made of, and to anything at least as good as that
one, in the dimensions where it was harmed. Where nothing follows from how the clips were made, nothing is
said.
"""

from __future__ import annotations

from typing import Literal

from animatrix.prefer.negatives import NEGATIVES

Label = Literal["first", "second", "tie", "both_bad"]
Head = Literal[
    "prompt_understanding",
    "artistic_motion",
    "design_consistency",
    "camera_layout",
    "finish_stability",
    "overall",
]
Wanted = Literal["deformation", "near_physical"]
DIMENSIONS: tuple[Head, ...] = (
    "prompt_understanding",
    "artistic_motion",
    "design_consistency",
    "camera_layout",
    "finish_stability",
)
OVERALL: Head = "overall"
HEADS: tuple[Head, ...] = (*DIMENSIONS, OVERALL)

TAKES = ("intended", "flat", "collapsed")
AGAIN = "again"  # the intended clip, through the same passage with other noise: as good as itself

# wanted -> dimension -> merit of (intended, flat, collapsed); None: not known from how it was made.
_MERITS: dict[str, dict[str, tuple[float | None, float | None, float | None]]] = {
    "deformation": {
        "prompt_understanding": (2, 1, 1),
        "artistic_motion": (2, 1, 0),
        "design_consistency": (1, 1, 0),
        "camera_layout": (1, 1, None),
        "finish_stability": (1, 1, 0),
        "overall": (2, 1, 0),
    },
    "near_physical": {
        "prompt_understanding": (1, 2, None),
        "artistic_motion": (1, 2, 0),
        "design_consistency": (1, 2, 0),
        "camera_layout": (1, 1, None),
        "finish_stability": (1, 1, 0),
        "overall": (1, 2, 0),
    },
}


def merit(wanted: Wanted, dimension: str, kind: str) -> float | None:
    """Merit of a take (or of it ``again``); None where it is not known."""
    return _MERITS[wanted][dimension][TAKES.index("intended" if kind == AGAIN else kind)]


def verdict(wanted: Wanted, dimension: str, first: str, second: str, base: str = "") -> Label | None:
    """Who wins in a dimension, or None where nothing follows.

    Args:
        first, second: kinds of the members: takes, ``again``, or names of negatives. At most the second is a
            negative, unless both fail.
        base: take that a negative was made of.
    """
    if wanted == "near_physical":  # where no deformation is asked for, no moment of it is the wrong one
        first, second = (AGAIN if kind == "moment" else kind for kind in (first, second))
    if first in NEGATIVES and second not in NEGATIVES:
        turned = verdict(wanted, dimension, second, first, base)
        return "second" if turned == "first" else turned
    if second in NEGATIVES:
        done = NEGATIVES[second]
        if first in NEGATIVES or first == "collapsed":
            other = NEGATIVES[first].failure if first in NEGATIVES else True
            return "both_bad" if dimension == OVERALL and other and done.failure else None
        if dimension != OVERALL and dimension not in done.lowers:
            return None
        mine, its = merit(wanted, dimension, first), merit(wanted, dimension, base)
        return "first" if mine is not None and its is not None and mine >= its else None
    a, b = merit(wanted, dimension, first), merit(wanted, dimension, second)
    if a is None or b is None:
        return None
    return "tie" if a == b else ("first" if a > b else "second")


def fails(wanted: Wanted, kind: str) -> bool | None:
    """Whether the clip is a failure, for the art/failure answer; None where the question does not arise.

    A deformation that nobody asked for is a wrong answer, but no collapse: of it, nothing is said.
    """
    if kind in NEGATIVES:
        return True if NEGATIVES[kind].failure else None
    if kind == "collapsed":
        return True
    return None if wanted == "near_physical" and kind != "flat" else False
