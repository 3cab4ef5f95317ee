"""Pens: how an outline is laid down when it is not one even line.

A pen turns a traced polyline into filled strokes. Widths are in pixels of the canvas drawn on; what varies
from drawing to drawing (a pencil never repeats itself) is decided by ``rng``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

_SHIFT = 4
_ONE = 1 << _SHIFT

Stroke = tuple[np.ndarray, np.ndarray]  # centre line [N,2] px, width [N] px


def _resample(pts: np.ndarray, step: float, closed: bool) -> np.ndarray:
    """Points ``step`` px apart along the polyline."""
    p = np.concatenate([pts, pts[:1]]) if closed else pts
    d = np.hypot(*np.diff(p, axis=0).T)
    s = np.concatenate([[0.0], np.cumsum(d)])
    n = max(3, int(s[-1] / step) + 1)
    at = np.linspace(0, s[-1], n)
    return np.stack([np.interp(at, s, p[:, 0]), np.interp(at, s, p[:, 1])], 1)


def _corners(p: np.ndarray, closed: bool, long: int) -> list[np.ndarray]:
    """The line cut into strokes at its corners, none longer than ``long`` points."""
    if len(p) < 6:
        return [p]
    v = np.diff(p, axis=0)
    v /= np.maximum(np.hypot(v[:, 0], v[:, 1])[:, None], 1e-9)
    turn = np.concatenate([[0.0], 1 - (v[1:] * v[:-1]).sum(1), [0.0]])
    if closed:  # begin at the sharpest corner, where a hand would
        k = int(turn.argmax())
        p, turn = np.concatenate([p[k:-1], p[: k + 1]]), np.concatenate([turn[k:-1], turn[: k + 1]])
    cuts, last = [0], 0
    for i in range(2, len(p) - 2):
        if (turn[i] > 0.35 and i - last > 4) or i - last >= long:
            cuts.append(i)
            last = i
    cuts.append(len(p) - 1)
    return [p[a : b + 1] for a, b in pairwise(cuts) if b - a >= 2]


def _ribbon(canvas: np.ndarray, line: np.ndarray, width: np.ndarray, colour) -> None:
    """Fill a stroke of varying width."""
    d = np.gradient(line, axis=0)
    d /= np.maximum(np.hypot(d[:, 0], d[:, 1])[:, None], 1e-9)
    side = np.stack([-d[:, 1], d[:, 0]], 1) * (width[:, None] / 2)
    shape = np.concatenate([line + side, (line - side)[::-1]])
    cv2.fillPoly(canvas, [np.rint(shape * _ONE).astype(np.int32)], colour, cv2.LINE_8, _SHIFT)


def tapered(canvas, pts: np.ndarray, closed: bool, width: float, colour, rng) -> None:
    """Strokes that swell in the middle and vanish to points (iri and nuki)."""
    p = _resample(pts, max(2.0, width * 0.8), closed)
    for line in _corners(p, closed, 44):
        u = np.linspace(0, 1, len(line))
        _ribbon(canvas, line, width * 1.75 * np.sin(np.pi * u) ** 0.7, colour)


def rough_pencil(canvas, pts: np.ndarray, closed: bool, width: float, colour, rng) -> None:
    """Grainy doubled strokes, a little off each other and off the last drawing's."""
    thin = max(1.0, width * 0.27)
    p = _resample(pts, max(2.5, width * 1.0), closed)
    x, y = p.T
    out = -np.sign(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())) if closed else 1.0
    for k in range(2):
        for line in _corners(p, closed, 30):
            n = len(line)
            u = np.linspace(0, 1, n)
            wander = rng.standard_normal((3, 2)) * width * (0.16 + 0.10 * k)
            d = line[-1] - line[0] if n < 4 else np.gradient(line, axis=0)
            apart = out * width * (0.04 + 0.44 * k) / np.maximum(np.hypot(*np.atleast_2d(d).T), 1e-6)
            line = line + np.stack([-np.atleast_2d(d)[:, 1] * apart, np.atleast_2d(d)[:, 0] * apart], 1)
            bend = (
                np.outer(1 - u, wander[0]) + np.outer(u, wander[1]) + np.outer(np.sin(np.pi * u), wander[2])
            )
            q = line + bend
            ends = (
                (q[-1] - q[-2]) * (0.4 + 0.9 * rng.random()) if n > 2 else 0.0
            )  # the hand runs over the corner
            q = np.concatenate([q, q[-1:] + ends])
            solid = rng.random(len(q) - 1) > 0.07 + 0.05 * k  # tooth of the paper
            run = np.flatnonzero(np.diff(np.concatenate([[0], solid.astype(int), [0]])))
            rows = [
                np.rint(q[a : b + 1] * _ONE).astype(np.int32)
                for a, b in zip(run[::2], run[1::2], strict=True)
            ]
            cv2.polylines(canvas, rows, False, colour, max(1, round(thin)), cv2.LINE_8, _SHIFT)


def brush_ink(canvas, pts: np.ndarray, closed: bool, width: float, colour, rng) -> None:
    """Loaded brush: heavy where it presses, ragged and split where it runs dry."""
    p = _resample(pts, max(2.0, width * 0.6), closed)
    for line in _corners(p, closed, 90):
        n = len(line)
        u = np.linspace(0, 1, n)
        press = np.sin(np.pi * np.clip(u * 0.93 + 0.07, 0, 1)) ** 0.8 * (0.75 + 0.5 * rng.random())
        ragged = 1 + 0.26 * rng.standard_normal(n) * (0.35 + u)
        _ribbon(canvas, line, np.maximum(width * (2.3 if closed else 1.5) * press * ragged, 0.0), colour)
        if n > 12:  # the dry tail: bristles leave each other
            tail = line[int(n * 0.72) :]
            d = np.gradient(tail, axis=0)
            side = np.stack([-d[:, 1], d[:, 0]], 1) / np.maximum(np.hypot(d[:, 0], d[:, 1])[:, None], 1e-9)
            for s in (-0.55, 0.1, 0.6):
                m = max(3, int(len(tail) * (0.5 + 0.5 * rng.random())))
                hair = tail[:m] + side[:m] * (s * width * np.linspace(0.8, 1.2, m)[:, None])
                _ribbon(canvas, hair, np.full(m, max(1.0, width * 0.28)), colour)


PENS: dict[str, Callable] = {"tapered": tapered, "rough_pencil": rough_pencil, "brush_ink": brush_ink}
