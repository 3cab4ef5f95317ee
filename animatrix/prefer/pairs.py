"""A pair: two clips under one directive, who won in a dimension, and where all that came from.

A manifest is JSONL, one pair a line. Clips and directives are named by their content (BLAKE2b), so that a
pair says the same thing wherever its clips lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animatrix.errors import AniMatrixError, Code, first_mistake
from animatrix.knowledge import Directive
from animatrix.media.door import regular_file, written_whole
from animatrix.prefer.merits import HEADS, TAKES, Head, Label, Wanted, fails, verdict

Row = TypeVar("Row", bound=BaseModel)
MATCHED = 0.1  # |ln| of two amplitudes below which how much moves tells nothing


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Provenance(_Row):
    """Where a pair comes from.

    Args:
        source: drawn by the renderer, people's votes, or a model's own samples.
        seed, number: of the renderer's stream and the set in it; -1 where nothing was drawn.
        split, family: see :mod:`animatrix.prefer.splits`.
        failure: kind of the collapsed take; empty where none is in the pair.
        asked: the deformation that was asked for, ``field=value``; empty for none.
        study: of votes.
    """

    source: Literal["synthetic", "votes", "samples"] = "synthetic"
    seed: int = -1
    number: int = -1
    split: Literal["train", "tune", "report"] = "train"
    family: str = ""
    failure: str = ""
    asked: str = ""
    study: str = ""


class Member(_Row):
    """One clip of a set.

    Args:
        clip: name of its content.
        row: where it lies in its shard; -1: in a file of its own.
        kind: a take, ``again``, or a negative; ``base``: the take that a negative was made of.
        energy: mean absolute change from frame to frame, in levels.
    """

    clip: str
    row: int = -1
    kind: str = ""
    base: str = ""
    energy: float = Field(default=0.0, ge=0)


class Pair(_Row):
    """Two members under one directive; ``label`` is who won in ``dimension``.

    ``directive`` is the name of its content. ``wanted`` says which way the labels lean; empty for votes.
    """

    directive: str
    wanted: Wanted | Literal[""] = ""
    first: Member
    second: Member
    dimension: Head
    label: Label
    weight: float = Field(default=1.0, gt=0)
    provenance: Provenance

    @property
    def gap(self) -> float:
        """ln of the first member's energy over the second's."""
        return float(np.log((self.first.energy + 1e-3) / (self.second.energy + 1e-3)))

    @property
    def matched(self) -> bool:
        """Whether both move equally much (training.md: |ln| < 0.1)."""
        return abs(self.gap) < MATCHED


def clip_name(frames: np.ndarray) -> str:
    """Name of frames by their content and shape."""
    digest = hashlib.blake2b(str(frames.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(frames).data)
    return digest.hexdigest()


def directive_name(directive: Directive) -> str:
    """Name of a directive by its canonical form."""
    return hashlib.blake2b(directive.canonical_json().encode(), digest_size=16).hexdigest()


def pairs_of(members: list[Member], directive: str, wanted: Wanted, provenance: Provenance) -> list[Pair]:
    """Every pair of members about which something follows from how they were made."""
    found = []
    for i, a in enumerate(members):
        for b in members[i + 1 :]:
            base = next((m.base for m in (b, a) if m.base and m.kind != "moment"), b.base or a.base)
            for dimension in HEADS:
                label = verdict(wanted, dimension, a.kind, b.kind, base)
                if label is None:
                    continue
                here = "collapsed" in (a.kind, b.kind)
                place = provenance if here else provenance.model_copy(update={"failure": ""})
                found.append(
                    Pair(
                        directive=directive,
                        wanted=wanted,
                        first=a,
                        second=b,
                        dimension=dimension,
                        label=label,
                        # a tie says little: the clips were not made to differ in that dimension
                        weight=0.5 if label in ("tie", "both_bad") else 1.0,
                        provenance=place,
                    )
                )
    return found


def answer_of(wanted: Wanted, member: Member) -> float:
    """1 for a failure, 0 for none, NaN where the question does not arise."""
    answer = fails(wanted, member.kind)
    return float("nan") if answer is None else float(answer)


def has_map(member: Member) -> bool:
    """Whether where the member fails is known: takes are drawn with a map, negatives are not."""
    return member.kind in TAKES or member.kind == "again"


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(pair.model_dump_json() + "\n" for pair in pairs)


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a manifest. Raises as :func:`read_rows`."""
    return read_rows(path, Pair)


def read_rows(path: Path, model: type[Row]) -> list[Row]:
    """JSONL, each line as ``model``.

    Raises:
        AniMatrixError: FILE_UNREADABLE, naming the line.
    """
    found = []
    for number, line in enumerate(regular_file(path).read_text("utf-8").splitlines(), 1):
        try:
            found.append(model.model_validate_json(line))
        except ValidationError as error:
            raise AniMatrixError(
                Code.FILE_UNREADABLE, f"{path} line {number}: {first_mistake(error)}"
            ) from None
    return found


def by_directive(pairs: Iterable[Pair]) -> Mapping[tuple[int, str], list[Pair]]:
    """Pairs that share a set and a directive: they are judged together, each clip once."""
    found: dict[tuple[int, str], list[Pair]] = {}
    for pair in pairs:
        found.setdefault((pair.provenance.number, pair.directive), []).append(pair)
    return found
