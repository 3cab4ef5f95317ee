"""Sets: one shot as intended, flat and collapsed, and what else can be made of it; drawn by number.

Set ``i`` of a seed and split is the same anywhere. Half of the sets say when the deformation happens, and
those have a member that does it at another moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.prefer.merits import AGAIN, TAKES, Wanted
from animatrix.prefer.negatives import NEGATIVES
from animatrix.prefer.pairs import Member, Pair, Provenance, clip_name, directive_name, pairs_of
from animatrix.prefer.passage import Passage
from animatrix.prefer.splits import family_of, kinds_of
from animatrix.synthetic.corpus import SPLITS
from animatrix.synthetic.everyday import draw_exaggeration, draw_tags
from animatrix.synthetic.studio import render
from animatrix.synthetic.triplet import render_triplet
from animatrix.train.draws import number as seed_of

CELL, SLOT = 8, 4  # pixels a side, and frames, of one cell of a failure map: those of nano's latents
DEFORMATIONS = ("body_deformation", "smear_technique")
OTHERS = 3  # members of a set besides its three takes
LEAST_SEEN = 0.15  # levels by which intended and flat must differ: what nobody sees, nobody can be asked for
_TRIES = 12  # shots drawn before a set counts as undrawable


@dataclass(frozen=True)
class Drawn:
    """A set: members in row order, their planes ``uint8 [N,T,H*3/2,W]`` (I420) and failure maps
    ``uint8 [N,T',H/8,W/8]`` in 255ths, its directives by name and by what they want, and its pairs.
    """

    members: list[Member]
    planes: np.ndarray
    maps: np.ndarray
    directives: dict[str, Directive]
    pairs: list[Pair]


def to_planes(frames: np.ndarray) -> np.ndarray:
    """``uint8 [T,H,W,3]`` as I420 ``uint8 [T,H*3/2,W]``."""
    return np.stack([cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2YUV_I420) for f in frames])


def pooled_map(values: np.ndarray) -> np.ndarray:
    """A failure map ``float [T,H,W]`` on the grid of latents: ``float32 [T',H/8,W/8]``.

    A cell counts as failing as much as twice its mean in its worst frame. Frame 0 has a slot of its own, then
    every four frames share one, as in nano's autoencoder.
    """
    t, h, w = values.shape
    cells = values.reshape(t, h // CELL, CELL, w // CELL, CELL).mean((2, 4))
    padded = np.concatenate([np.repeat(cells[:1], SLOT - 1, 0), cells])
    missing = -len(padded) % SLOT
    padded = np.concatenate([padded, np.repeat(padded[-1:], missing, 0)])
    return np.clip(2 * padded.reshape(-1, SLOT, *cells.shape[1:]).max(1), 0, 1).astype(np.float32)


def energy(frames: np.ndarray) -> float:
    """Mean absolute change from frame to frame, in levels."""
    moved = [cv2.norm(b, a, cv2.NORM_L1) for a, b in pairwise(frames)]
    return float(np.mean(moved)) / frames[0].size if moved else 0.0


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of two clips, in levels."""
    return float(cv2.absdiff(a.reshape(len(a), -1), b.reshape(len(b), -1)).mean())


class Sets:
    """Draws sets.

    Args:
        seed, split, size, frames: as of ``TripletCorpus``; 24 frames a second.
        passage: that all members go through.
        others: members besides the takes; None: every one there is.
    """

    def __init__(
        self,
        seed: int,
        split: str,
        passage: Passage,
        size: tuple[int, int] = (160, 96),
        frames: int = 33,
        others: int | None = OTHERS,
    ) -> None:
        kinds_of(split, 0)
        if size[0] % (2 * CELL) or size[1] % (2 * CELL):
            raise AniMatrixError(
                Code.BAD_OPTION, f"size {size[0]}x{size[1]} does not fit", "sides are multiples of 16"
            )
        self.seed, self.split, self.passage, self.others = seed, split, passage, others
        self.size, self.frames = size, frames

    def _rng(self, number: int, attempt: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, SPLITS[self.split][0], number, 0x9A1F, attempt])

    def __getitem__(self, number: int) -> Drawn:
        for attempt in range(_TRIES):
            try:
                return self._drawn(number, self._rng(number, attempt))
            except AniMatrixError:  # values that do not go together after all
                continue
        raise AniMatrixError(Code.UNSUPPORTED_VALUE, f"set {number} could not be drawn in {_TRIES} tries")

    def _drawn(self, number: int, rng: np.random.Generator) -> Drawn:
        tags = draw_exaggeration(rng, draw_tags(rng, self.frames, 24.0))
        shot_seed, kinds = int(rng.integers(1 << 48)), kinds_of(self.split, number)
        kind, severity = kinds[int(rng.integers(len(kinds)))], float(rng.uniform(0.35, 0.65))
        field = next(f for f in DEFORMATIONS if tags.get(f, "none") != "none")
        asked = f"{field}={tags[field]}"
        moments = self._moments(rng) if rng.random() < 0.5 else None
        if moments:
            tags[field] = f"{tags[field]}@{moments[0][0]}-{moments[0][1]}"
        cast = family_of(self.split)
        triplet = render_triplet(self._directive(tags), shot_seed, kind, severity, self.size, cast)
        takes = {n: getattr(triplet, n).clip.frames for n in TAKES}
        if _apart(takes["intended"], takes["flat"]) < LEAST_SEEN:
            raise AniMatrixError(Code.UNSUPPORTED_VALUE, f"{asked} of set {number} cannot be seen")
        wrong = None
        if moments:
            elsewhere = {**tags, field: f"{asked.partition('=')[2]}@{moments[1][0]}-{moments[1][1]}"}
            wrong = render(self._directive(elsewhere), shot_seed, self.size, cast)[0].frames
        made = [(n, n, takes[n]) for n in TAKES] + self._others(takes, wrong, rng)
        way = self.passage.drawn(rng)
        passed = [
            self.passage(frames, way, seed_of(self.seed, "passage", SPLITS[self.split][0], number, row))
            for row, (_, _, frames) in enumerate(made)
        ]
        members = [
            Member(
                clip=clip_name(shown),
                row=row,
                kind=name,
                base=base if name in NEGATIVES else "",
                energy=round(energy(shown), 4),
            )
            for row, ((name, base, _), shown) in enumerate(zip(made, passed, strict=True))
        ]
        return self._told(triplet, members, passed, kind, asked, number)

    def _told(self, triplet, members, passed, kind, asked, number) -> Drawn:
        w, h = self.size
        maps = np.zeros((len(members), -(-(self.frames - 1) // SLOT) + 1, h // CELL, w // CELL), np.uint8)
        failing = triplet.collapsed.truth.failure_map
        if failing is not None:
            maps[TAKES.index("collapsed")] = np.rint(255 * pooled_map(failing))
        wants: dict[Wanted, Directive] = {
            "deformation": triplet.directive,
            "near_physical": triplet.flat.truth.directive,
        }
        provenance = Provenance(
            seed=self.seed,
            number=number,
            split=self.split,  # type: ignore[arg-type]
            family=family_of(self.split),
            failure=kind,
            asked=asked,
        )
        names = {wanted: directive_name(d) for wanted, d in wants.items()}
        pairs = [p for wanted in wants for p in pairs_of(members, names[wanted], wanted, provenance)]
        planes = np.stack([to_planes(frames) for frames in passed])
        return Drawn(members, planes, maps, {names[n]: d for n, d in wants.items()}, pairs)

    def _directive(self, tags: dict[str, object]) -> Directive:
        doc = {"narrative": "", "tags": tags, "frames": self.frames, "fps": 24.0}
        return Directive.model_validate(doc)

    def _moments(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Two spans that do not meet, in random order, in frames."""
        half = self.frames // 2
        spans = []
        for start in (0, half):
            first = start + int(rng.integers(1, max(2, half // 4)))
            spans.append(
                (
                    first,
                    min(first + int(rng.integers(half // 2, max(half // 2 + 1, half - 3))), start + half - 2),
                )
            )
        return spans[:: 1 if rng.random() < 0.5 else -1]

    def _others(
        self, takes: dict[str, np.ndarray], wrong: np.ndarray | None, rng: np.random.Generator
    ) -> list[tuple[str, str, np.ndarray]]:
        """(kind, base, frames) of what a set has besides its takes."""
        names = [AGAIN, *(n for n, made in NEGATIVES.items() if made.done is not None)]
        chosen = [names[int(i)] for i in rng.permutation(len(names))]
        if self.others is not None:
            chosen = chosen[: self.others - (wrong is not None)]
        found = [("moment", "intended", wrong)] if wrong is not None else []
        for name in chosen:
            base = "intended" if name == AGAIN or rng.random() < 0.6 else "flat"
            done = None if name == AGAIN else NEGATIVES[name].done
            found.append((name, base, takes[base] if done is None else done(takes[base], rng)))
        return found
