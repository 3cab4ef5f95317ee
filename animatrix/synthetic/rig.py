"""Handles on a drawing: its parts, moving their curves, and laying a limb along other bones.

A drawing is a display list, so a deformation is one function over points. These are ways of applying it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from animatrix.synthetic.ink import LINE, Drawing

Warp = Callable[[np.ndarray], np.ndarray]
LIMBS = ("arm_n", "arm_f", "leg_n", "leg_f")


def part_ranges(d: Drawing) -> list[tuple[str, int, int]]:
    """(part, first op, op after the last) in drawing order."""
    starts = [*(i for _, i in d.parts), len(d.ops)]
    return [(name, a, b) for (name, a), b in zip(d.parts, starts[1:], strict=True)]


def ops_of(d: Drawing, *parts: str) -> list:
    """The ops of some parts, in drawing order."""
    return [op for name, a, b in part_ranges(d) if name in parts for op in d.ops[a:b]]


def dense(points: np.ndarray, closed: bool, step: float = 0.09) -> np.ndarray:
    """The same line with no segment longer than ``step`` heads, so that bending it leaves no chords."""
    p = np.asarray(points, np.float64)
    q = np.roll(p, -1, 0) if closed else np.concatenate([p[1:], p[-1:]])
    lengths = np.hypot(*(q - p).T)
    count = np.clip(np.ceil(lengths / step).astype(int), 1, 40)
    if not closed:
        count[-1] = 1
    if (count == 1).all():
        return p
    start = np.repeat(np.arange(len(p)), count)
    u = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return p[start] + (q - p)[start] * (u / count[start])[:, None]


def _dense_all(lines: list[np.ndarray], closed: list[bool], step: float) -> list[np.ndarray]:
    """:func:`dense` of many lines at once."""
    p = np.concatenate(lines)
    size = np.array([len(line) for line in lines])
    stop = np.cumsum(size)
    following = np.arange(1, len(p) + 1)
    following[stop - 1] = np.where(closed, stop - size, stop - 1)
    gap = p[following] - p
    count = np.clip(np.ceil(np.hypot(gap[:, 0], gap[:, 1]) / step).astype(int), 1, 40)
    start = np.repeat(np.arange(len(p)), count)
    total = np.cumsum(count)
    u = np.arange(total[-1]) - np.repeat(total - count, count)
    out = p[start] + gap[start] * (u / count[start])[:, None]
    return np.split(out, total[stop - 1][:-1])


def move(d: Drawing, warp: Warp, parts: Iterable[str] | None = None, step: float | None = None) -> None:
    """Apply ``warp`` ``[N,2] -> [N,2]`` to the points and bones of ``parts`` (all when None).

    With ``step`` no segment stays longer than that before it is bent.
    """
    names = None if parts is None else set(parts)
    rows = [k for name, a, b in part_ranges(d) if names is None or name in names for k in range(a, b)]
    bones = [name for name in d.bones if names is None or name in names]
    lines = [np.asarray(d.ops[k][1], np.float64) for k in rows]
    closed = [d.ops[k][0] != LINE for k in rows]
    clips: dict[int, int] = {}  # a clip is shared by many ops: id -> line
    for k in rows:
        clip = d.ops[k][4]
        if clip is not None and id(clip) not in clips:
            clips[id(clip)] = len(lines)
            lines.append(np.asarray(clip, np.float64))
            closed.append(True)
    if step is not None and lines:
        lines = _dense_all(lines, closed, step)
    lines += [d.bones[name] for name in bones]
    if not lines:
        return
    moved = np.split(warp(np.concatenate(lines)), np.cumsum([len(line) for line in lines])[:-1])
    for n, k in enumerate(rows):
        kind, _, paint, width, clip = d.ops[k]
        d.ops[k] = (kind, moved[n], paint, width, None if clip is None else moved[clips[id(clip)]])
    for name, line in zip(bones, moved[len(moved) - len(bones) :], strict=True):
        d.bones[name] = line


def about(centre: np.ndarray, factor: float) -> Warp:
    """Warp that scales by ``factor`` about ``centre``."""
    return lambda p: centre + (p - centre) * factor


def reorder(d: Drawing, part: str) -> None:
    """Bring ``part`` to the front of the drawing."""
    ranges = part_ranges(d)
    order = [r for r in ranges if r[0] != part] + [r for r in ranges if r[0] == part]
    ops: list = []
    parts: list[tuple[str, int]] = []
    for name, a, b in order:
        parts.append((name, len(ops)))
        ops += d.ops[a:b]
    d.ops, d.parts = ops, parts


def drop(d: Drawing, parts: Iterable[str]) -> None:
    """Leave ``parts`` out of the drawing."""
    gone = set(parts)
    ops: list = []
    kept: list[tuple[str, int]] = []
    for name, a, b in part_ranges(d):
        if name not in gone:
            kept.append((name, len(ops)))
            ops += d.ops[a:b]
    d.ops, d.parts = ops, kept


def extent(d: Drawing) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates of the drawing, in heads."""
    points = np.concatenate([op[1] for op in d.ops])
    return points.min(0), points.max(0)


def tumble(d: Drawing, angle: float, lift: float) -> None:
    """Turn the whole figure forward about its pelvis, then set its lowest point ``lift`` above the ground."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]])
    pelvis = d.bones["torso"][0].copy()
    move(d, lambda p: (p - pelvis) @ turn + pelvis)
    low = extent(d)[1][1]
    move(d, lambda p: p - (0.0, low + lift))


def _along(line: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arc length ``[N]`` at the joints of a polyline, and direction and normal of its segments."""
    step = np.diff(line, axis=0)
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-6)
    ahead = step / length[:, None]
    return np.concatenate([[0], np.cumsum(length)]), ahead, np.stack([-ahead[:, 1], ahead[:, 0]], 1)


def rebone(old: np.ndarray, new: np.ndarray, width: Callable[[np.ndarray], np.ndarray] | float = 1.0) -> Warp:
    """Warp that carries what lies along the polyline ``old`` to the same place along ``new``.

    ``width`` scales across the bones, as a number or a function of the share of the way (past 1 at the hand).
    """
    s_old, ahead_old, normal_old = _along(np.asarray(old, np.float64))
    s_new, _, normal_new = _along(np.asarray(new, np.float64))
    mid = (s_new[1:] + s_new[:-1]) / 2
    total = s_old[-1]

    def warp(points: np.ndarray) -> np.ndarray:
        p = np.asarray(points, np.float64)
        rel = p[:, None] - old[None, :-1]
        u = (rel * ahead_old[None]).sum(2)
        lengths = np.diff(s_old)[None]
        lo = np.where(np.arange(len(lengths[0])) == 0, -np.inf, 0.0)[None]
        hi = np.where(np.arange(lengths.shape[1]) == lengths.shape[1] - 1, np.inf, lengths)
        at = np.clip(u, lo, hi)
        foot = old[None, :-1] + ahead_old[None] * at[..., None]
        best = np.hypot(*np.moveaxis(p[:, None] - foot, 2, 0)).argmin(1)
        k = np.arange(len(p))
        share = (s_old[best] + at[k, best]) / total
        across = (rel[k, best] * normal_old[best]).sum(1)
        beyond = np.where(share > 1, (share - 1) * total, np.where(share < 0, share * total, 0.0))
        s = np.clip(share, 0, 1) * s_new[-1]
        size = width(share) if callable(width) else width
        at_new = np.stack([np.interp(s, s_new, new[:, i]) for i in range(2)], 1)
        normal = np.stack([np.interp(s, mid, normal_new[:, i]) for i in range(2)], 1)
        normal /= np.maximum(np.hypot(*normal.T), 1e-6)[:, None]
        ahead = np.stack([normal[:, 1], -normal[:, 0]], 1)
        return at_new + ahead * (beyond * size)[:, None] + normal * (across * size)[:, None]

    return warp


def replant(
    d: Drawing, part: str, new: Sequence | np.ndarray, width: Callable[[np.ndarray], np.ndarray] | float = 1.0
) -> None:
    """Lay limb ``part`` along the polyline ``new`` ``[M,2]``."""
    line = np.asarray(new, np.float64)
    move(d, rebone(d.bones[part].copy(), line, width), [part], 0.09)
    d.bones[part] = line
