"""What the reward model is shown: members of a set under one directive, and what becomes of them on the way.

A sample may be cut to a window (a close-up), disguised (all members mirrored, in other colours), and told
less than all of its directive; what is known of its members goes with it: pairs, failure maps, answers, and
where the intended take differs from the flat one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from animatrix.knowledge import Directive, Tag
from animatrix.prefer.merits import AGAIN, TAKES
from animatrix.prefer.pairs import Member, Pair, answer_of
from animatrix.prefer.recipe import CloseRecipe
from animatrix.prefer.sets import CELL, DEFORMATIONS, SLOT, Drawn, pooled_map

WANTS = ("deformation", "near_physical")
KEPT_TAGS = frozenset({*DEFORMATIONS, "deformation_intensity"})  # what decides the labels is never left out
FAILING = 0.3  # of a map's cell: it fails
UNSEEN, PLAIN = 8.0, 64.0  # levels between takes: what the passage may add, and beyond that, plain to see


@dataclass
class Shown:
    """One sample: a directive, its members with their planes and maps, and the pairs among them."""

    name: str
    directive: Directive
    members: list[Member]
    planes: np.ndarray
    maps: np.ndarray
    pairs: list[Pair]
    wanted: str = ""
    close: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def map_holds(shown: Shown, member: Member) -> bool:
    """Whether the map of a member holds under what was asked: an unasked deformation has none."""
    return shown.wanted == "deformation" or member.kind in ("flat", "collapsed")


def chosen(drawn: Drawn, count: int, rng: np.random.Generator) -> list[int]:
    """Rows of the members shown together: the three takes as far as they fit, and others."""
    takes = [m.row for m in drawn.members if m.kind in TAKES]
    others = [m.row for m in drawn.members if m.kind not in TAKES]
    if count < len(takes):
        return sorted(int(r) for r in rng.permutation(takes)[:count])
    left = [int(r) for r in rng.permutation(others)[: count - len(takes)]]
    return [*takes, *left]


def under(drawn: Drawn, wanted: str, rows: Sequence[int] | None = None) -> Shown:
    """Members (all, or some rows) of a set under the directive that wants the deformation, or none."""
    pairs = [p for p in drawn.pairs if p.wanted == wanted]
    members = drawn.members if rows is None else [drawn.members[r] for r in rows]
    at = [m.row for m in members]
    number = pairs[0].provenance.number if pairs else -1
    directive = drawn.directives[pairs[0].directive]
    return Shown(f"set {number}", directive, members, drawn.planes[at], drawn.maps[at], pairs, wanted)


def cut(shown: Shown, close: CloseRecipe, rng: np.random.Generator) -> Shown:
    """A sample cut to a window of whole cells and slots, most often about a failing cell."""
    slots, rows, columns = shown.maps.shape[1:]
    size = (close.frames // SLOT + 1, close.size[1] // CELL, close.size[0] // CELL)
    failing = np.argwhere(shown.maps.max(0) > FAILING * 255)
    if len(failing) and rng.random() < close.failing:
        place = failing[rng.integers(len(failing))] - rng.integers(0, size)
    else:
        place = rng.integers(0, (slots, rows, columns))
    t, y, x = (int(np.clip(p, 0, n - s)) for p, n, s in zip(place, (slots, rows, columns), size, strict=True))
    frames = slice(t * SLOT, t * SLOT + close.frames)
    height = shown.planes.shape[2] * 2 // 3
    top, left, (w, h) = y * CELL, x * CELL, close.size
    planes = shown.planes[:, frames]
    luma = planes[:, :, top : top + h, left : left + w]
    chroma = planes[:, :, height:].reshape(*planes.shape[:2], 2, height // 2, -1)
    chroma = chroma[..., top // 2 : (top + h) // 2, left // 2 : (left + w) // 2]
    shown.planes = np.concatenate([luma, chroma.reshape(*planes.shape[:2], h // 2, w)], 2)
    shown.maps = shown.maps[:, t : t + size[0], y : y + size[1], x : x + size[2]]
    return shown


def purpose_of(shown: Shown) -> tuple[np.ndarray, list[bool]]:
    """Where members are deformed on purpose ``float32 [N,T',h,w]`` in [0,1], and of which it is known.

    Takes are aligned: intended and flat differ in the deformation alone. The passage changes a few levels.
    """
    at = {m.kind: i for i, m in enumerate(shown.members)}
    found = np.zeros(shown.maps.shape, np.float32)
    if not shown.wanted or "intended" not in at or "flat" not in at:
        return found, [False] * len(found)
    a, b = (shown.planes[at[kind]] for kind in ("intended", "flat"))
    gap = cv2.absdiff(a.reshape(len(a), -1), b.reshape(len(b), -1)).reshape(a.shape).astype(np.float32)
    height = a.shape[1] * 2 // 3
    chroma = gap[:, height:].reshape(len(gap), 2, height // 2, -1).max(1).repeat(2, 1).repeat(2, 2)
    change = np.maximum(gap[:, :height], chroma)
    where = pooled_map(np.clip((change - UNSEEN) / PLAIN, 0, 1))
    for kind in ("intended", AGAIN):
        if kind in at:
            found[at[kind]] = where
    return found, [m.kind in TAKES or m.kind == AGAIN for m in shown.members]


def disguised(shown: Shown, rng: np.random.Generator) -> Shown:
    """All members mirrored (half of the time) and in other colours and brightness; of the tags, those of the
    deformation alone, because others may no longer hold.
    """
    shown.directive = thinned(shown.directive, rng, most=0.0)
    n, t, rows, width = shown.planes.shape
    height = rows * 2 // 3
    luma = shown.planes[:, :, :height]
    chroma = shown.planes[:, :, height:].reshape(n, t, 2, height // 2, width // 2)
    if rng.random() < 0.5:
        luma, chroma, shown.maps = luma[..., ::-1], chroma[..., ::-1], shown.maps[..., ::-1]
    gain, lift = rng.uniform(0.7, 1.2), rng.uniform(-20, 20)
    tones = np.clip((np.arange(256) - 128) * gain + 128 + lift, 0, 255).astype(np.uint8)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.2)
    c, s = strength * np.cos(angle), strength * np.sin(angle)
    turned = np.einsum(
        "ij,ntjhw->ntihw", np.array([[c, -s], [s, c]], np.float32), chroma.astype(np.float32) - 128
    )
    chroma = np.clip(np.rint(turned + 128), 0, 255).astype(np.uint8)
    shown.planes = np.concatenate([tones[luma], chroma.reshape(n, t, height // 2, width)], 2)
    return shown


def answers_of(shown: Shown) -> list[float]:
    """Whether each member fails (1) or not (0); NaN where nothing is known of it."""
    if not shown.wanted:
        return [float("nan")] * len(shown.members)
    if not shown.close:
        return [answer_of(shown.wanted, m) for m in shown.members]  # type: ignore[arg-type]
    seen = [float(m.max() > FAILING * 255) for m in shown.maps]
    return [s if map_holds(shown, m) else float("nan") for s, m in zip(seen, shown.members, strict=True)]


def thinned(directive: Directive, rng: np.random.Generator, most: float = 1.0) -> Directive:
    """The directive with some of its tags only, as people write them, at ``most`` that share of them;
    deformations stay.
    """
    share = most * rng.random()
    kept: dict[str, tuple[Tag, ...]] = {
        name: tags for name, tags in directive.tags.items() if name in KEPT_TAGS or rng.random() < share
    }
    return directive.model_copy(update={"tags": kept})


def at_most(directive: Directive, count: int) -> Directive:
    """The directive with no more tags than a model takes; deformations stay."""
    kept: dict[str, tuple[Tag, ...]] = {}
    for name, tags in sorted(directive.tags.items(), key=lambda row: row[0] not in KEPT_TAGS):
        if count >= len(tags):
            kept[name], count = tags, count - len(tags)
    return directive.model_copy(update={"tags": {n: t for n, t in directive.tags.items() if n in kept}})


def to_frames(planes: np.ndarray) -> np.ndarray:
    """I420 ``uint8 [T,H*3/2,W]`` as ``uint8 [T,H,W,3]``."""
    return np.stack([cv2.cvtColor(p, cv2.COLOR_YUV2RGB_I420) for p in planes])
