"""Ink and paint: a drawing is a display list of curves; tracing it gives a premultiplied cel.

Keeping a drawing as curves until the last moment is what makes it resolution independent, lets a deformation
be one function over its points, and lets the sheet hold a drawing for as many frames as it likes for free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from animatrix.synthetic.palette import Rgb
from animatrix.synthetic.pens import PENS

FILL, LINE, OUTLINE, CLIPPED = 0, 1, 2, 3
_SHIFT = 4  # OpenCV's fixed-point sub-pixel bits


@lru_cache(maxsize=8)
def _catmull_rom(n: int) -> np.ndarray:
    t = np.linspace(0, 1, n, endpoint=False)[:, None]
    basis = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    return np.concatenate([t**0, t, t**2, t**3], 1) @ basis


def curve(points, n: int = 5, closed: bool = True) -> np.ndarray:
    """Smooth Catmull-Rom curve through ``points`` ``[N,2]``; a repeated point is a corner. -> ``[M,2]``."""
    p = np.asarray(points, np.float64)
    if closed:
        q = np.stack([np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)], 1)
    else:
        e = np.concatenate([p[:1], p, p[-1:]])
        q = np.stack([e[:-3], e[1:-2], e[2:-1], e[3:]], 1)
    rows = np.einsum("ka,nad->nkd", _catmull_rom(n), q)
    # a repeated point is a corner: without this the spline would tie a small loop there
    corner = (q[:, 1] == q[:, 2]).all(1)
    out = rows[np.arange(n)[None] < np.where(corner, 1, n)[:, None]]
    return out if closed else np.concatenate([out, p[-1:]])


def limb(joints, widths, steps: int = 5) -> np.ndarray:
    """Closed outline of a limb along ``joints`` ``[N,2]``, ``widths`` ``[N]`` across, with round ends."""
    p = np.asarray(joints, np.float64)
    r = np.asarray(widths, np.float64) / 2
    d = np.diff(p, axis=0)
    d /= np.maximum(np.hypot(d[:, 0], d[:, 1])[:, None], 1e-9)
    t = np.concatenate([d[:1], d[:-1] + d[1:], d[-1:]])
    t /= np.maximum(np.hypot(t[:, 0], t[:, 1])[:, None], 1e-9)
    nrm = np.stack([-t[:, 1], t[:, 0]], 1)
    a = np.linspace(np.pi / 2, -np.pi / 2, steps)[1:-1, None]
    end = p[-1] + r[-1] * (np.cos(a) * t[-1] + np.sin(a) * nrm[-1])
    start = p[0] - r[0] * (np.cos(a) * t[0] + np.sin(a) * nrm[0])
    return np.concatenate([p + nrm * r[:, None], end, (p - nrm * r[:, None])[::-1], start])


def ellipse(cx: float, cy: float, rx: float, ry: float, tilt: float = 0.0, n: int = 16) -> np.ndarray:
    """Closed polygon of an ellipse; ``tilt`` in radians."""
    a = np.linspace(0, 2 * np.pi, n, endpoint=False)
    x, y = rx * np.cos(a), ry * np.sin(a)
    c, s = np.cos(tilt), np.sin(tilt)
    return np.stack([cx + c * x - s * y, cy + s * x + c * y], 1)


@dataclass
class Drawing:
    """Display list of one cel in character space (unit: one head, y down, origin on the ground).

    ``ops`` rows are (kind, points, colour, width, clip): width in line weights, clip points or None.
    """

    ops: list[tuple[int, np.ndarray, Rgb, float, np.ndarray | None]] = field(default_factory=list)
    parts: list[tuple[str, int]] = field(default_factory=list)  # (part of the figure, its first op)
    bones: dict[str, np.ndarray] = field(default_factory=dict)  # part -> joints [N,2] that its ops lie along

    def mark(self, part: str) -> None:
        """What is drawn from here on belongs to ``part``."""
        self.parts.append((part, len(self.ops)))

    def fill(self, pts: np.ndarray, paint: Rgb) -> None:
        """Flat paint without outline."""
        self.ops.append((FILL, pts, paint, 0.0, None))

    def inside(self, clip: np.ndarray, pts: np.ndarray, paint: Rgb) -> None:
        """Flat paint that shows only inside the outline ``clip`` (a shadow or highlight shape)."""
        self.ops.append((CLIPPED, pts, paint, 0.0, clip))

    def line(self, pts: np.ndarray, ink: Rgb, width: float = 1.0) -> None:
        """Open inner line."""
        self.ops.append((LINE, pts, ink, width, None))

    def outlined(self, parts: list[tuple[np.ndarray, Rgb]], ink: Rgb, width: float = 1.0) -> None:
        """Parts that merge into one outlined shape: all outlines first, then all paint."""
        for pts, _ in parts:
            self.ops.append((OUTLINE, pts, ink, width, None))
        for pts, paint in parts:
            self.ops.append((FILL, pts, paint, 0.0, None))


@dataclass(frozen=True)
class LineStyle:
    """How outlines are traced: weight factor, extra contour weight, whether there are any, and how far the
    ink leaves the hue of the paint it borders (0) for one common dark (1)."""

    weight: float = 1.0
    contour: float = 0.0
    outlines: bool = True
    ink: float = 0.7
    pen: str = ""  # key of PENS; "" is one even line


LINE_STYLES: dict[str, LineStyle] = {
    "clean_uniform": LineStyle(),
    "bold_outline": LineStyle(1.0, contour=2.4),
    "hairline": LineStyle(0.42),
    "lineless": LineStyle(0.6, outlines=False),
    "color_trace": LineStyle(0.9, ink=0.0),
    "tapered": LineStyle(pen="tapered"),
    "rough_pencil": LineStyle(pen="rough_pencil", ink=0.9),
    "brush_ink": LineStyle(pen="brush_ink", ink=1.0),
}


def line_style(values: tuple[str, ...]) -> LineStyle:
    """The style that several ``line_style`` values make together: the first pen, the thinnest weight, the
    heaviest contour, the most tinted ink."""
    styles = [LINE_STYLES[v] for v in values] or [LINE_STYLES["clean_uniform"]]
    return LineStyle(
        min(s.weight for s in styles),
        max(s.contour for s in styles),
        all(s.outlines for s in styles),
        min(s.ink for s in styles),
        next((s.pen for s in styles if s.pen), ""),
    )


@dataclass(frozen=True)
class Cel:
    """A traced drawing: premultiplied RGBA ``uint8 [h,w,4]`` whose pixel (0,0) lies at ``origin`` (x, y)."""

    rgba: np.ndarray
    origin: tuple[int, int]


def trace(
    drawing: Drawing,
    to_screen: Callable[[np.ndarray], np.ndarray],
    line_px: float,
    window: tuple[int, int, int, int],
    style: LineStyle = LINE_STYLES["clean_uniform"],
    supersample: int = 2,
    key: int = 0,
) -> Cel | None:
    """Ink and paint a drawing.

    Args:
        drawing: the display list.
        to_screen: maps points ``[N,2]`` of character space to pixels of the target plane.
        line_px: width of a one-weight line in target pixels.
        window: (x0, y0, x1, y1) of the target plane outside of which nothing is needed.
        style: outline treatment.
        supersample: traced this many times larger, then area-reduced.
        key: seed of what a hand-held pen does differently in every drawing.

    Returns:
        The cel cropped to what is visible, or None when nothing is.
    """
    ops = drawing.ops
    if not ops:
        return None
    counts = [len(o[1]) for o in ops]
    points = to_screen(np.concatenate([o[1] for o in ops]))
    margin = 2 + line_px * (style.weight + style.contour)
    lo, hi = points.min(0) - margin, points.max(0) + margin
    x0, y0 = max(window[0], int(np.floor(lo[0]))), max(window[1], int(np.floor(lo[1])))
    x1, y1 = min(window[2], int(np.ceil(hi[0]))), min(window[3], int(np.ceil(hi[1])))
    if x1 <= x0 or y1 <= y0:
        return None
    s = supersample
    canvas = np.zeros(((y1 - y0) * s, (x1 - x0) * s, 4), np.uint8)
    fixed = np.rint(((points - (x0, y0)) * s - 0.5) * (1 << _SHIFT)).astype(np.int32)
    rows, start = [], 0
    for n in counts:
        rows.append(fixed[start : start + n])
        start += n
    unit = line_px * s * style.weight
    if style.contour and style.outlines:
        thick = max(1, round(unit * (1 + style.contour)))
        for op, pts in zip(ops, rows, strict=True):
            if op[0] == OUTLINE:
                cv2.polylines(canvas, [pts], True, (*op[2], 255), thick, cv2.LINE_8, _SHIFT)
    pen, rng = PENS.get(style.pen), np.random.default_rng([key, 17])
    for op, pts in zip(ops, rows, strict=True):
        kind, colour = op[0], (*op[2], 255)
        if kind == FILL:
            cv2.fillPoly(canvas, [pts], colour, cv2.LINE_8, _SHIFT)
        elif pen is not None and kind in (OUTLINE, LINE):
            closed = kind == OUTLINE
            if style.outlines or not closed:
                pen(canvas, pts / (1 << _SHIFT), closed, unit * op[3] * (2 if closed else 1), colour, rng)
        elif kind == OUTLINE:
            if style.outlines:
                cv2.polylines(
                    canvas, [pts], True, colour, max(1, round(unit * 2 * op[3])), cv2.LINE_8, _SHIFT
                )
        elif kind == LINE:
            cv2.polylines(canvas, [pts], False, colour, max(1, round(unit * op[3])), cv2.LINE_8, _SHIFT)
        elif op[4] is not None:
            clip = np.rint(((to_screen(op[4]) - (x0, y0)) * s - 0.5) * (1 << _SHIFT)).astype(np.int32)
            _paint_inside(canvas, clip, pts, colour)
    rgba = cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA) if s > 1 else canvas
    return Cel(rgba, (x0, y0))


def _paint_inside(canvas: np.ndarray, clip: np.ndarray, pts: np.ndarray, colour) -> None:
    """Fill ``pts`` where they overlap ``clip`` (both fixed-point)."""
    h, w = canvas.shape[:2]
    one = 1 << _SHIFT
    lo = np.maximum(clip.min(0), pts.min(0)) // one
    hi = np.minimum(clip.max(0), pts.max(0)) // one + 2
    x0, y0, x1, y1 = max(0, lo[0]), max(0, lo[1]), min(w, hi[0]), min(h, hi[1])
    if x1 <= x0 or y1 <= y0:
        return
    offset = (-int(x0) * one, -int(y0) * one)
    a = np.zeros((y1 - y0, x1 - x0), np.uint8)
    b = np.zeros_like(a)
    cv2.fillPoly(a, [clip + offset], 255, cv2.LINE_8, _SHIFT)
    cv2.fillPoly(b, [pts + offset], 255, cv2.LINE_8, _SHIFT)
    cv2.bitwise_and(a, b, a)
    roi = canvas[y0:y1, x0:x1]
    cv2.copyTo(np.broadcast_to(np.array(colour, np.uint8), roi.shape).copy(), a, roi)
