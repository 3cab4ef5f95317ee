"""Who sees what: seeds, design families and failure kinds of each split.

Three things are held out at once. *Seeds*: every split has a random stream of its own. *Families*: ``tune``
and ``report`` show only designs of the casts that ``train`` never draws. *Failure kinds*: the first of every
four in alphabetical order is left out of training and calibration and is met in ``report`` only, where every
second set shows one. (That rule leaves out none of the kinds that :mod:`animatrix.prefer.negatives` makes
again in pixels, whose clips would give them away.)
"""

from __future__ import annotations

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.synthetic.corpus import SPLITS
from animatrix.synthetic.failure import FAILURES

LEFT_OUT: tuple[str, ...] = tuple(sorted(FAILURES)[::4])
SEEN: tuple[str, ...] = tuple(kind for kind in sorted(FAILURES) if kind not in LEFT_OUT)


def kinds_of(split: str, number: int) -> tuple[str, ...]:
    """Failure kinds that set ``number`` of a split may show.

    Raises:
        AniMatrixError: BAD_OPTION for an unknown split.
    """
    if split not in SPLITS:
        raise AniMatrixError(
            Code.BAD_OPTION, f"unknown split '{split}'", did_you_mean(split, SPLITS) or ", ".join(SPLITS)
        )
    return LEFT_OUT if split == "report" and number % 2 else SEEN


def family_of(split: str) -> str:
    """The cast of a split: ``train`` or ``held_out``."""
    return SPLITS[split][1]
