"""Treatments of a cel: shading beyond flat steps, laid inside the forms of one traced drawing.

Every treatment is a function ``(rgb, bench) -> rgb`` over premultiplied ``float32 [h,w,3]`` paint of a cel;
which ones a shot uses, in which order, is decided by :mod:`animatrix.synthetic.finish_plan`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.synthetic.ink import Cel
from animatrix.synthetic.matte import MATERIALS, Matte
from animatrix.synthetic.palette import Paintbox

SKIN, HAIR = MATERIALS.index("skin"), MATERIALS.index("hair")


@dataclass(frozen=True)
class Bench:
    """What a treatment may look at: coverage, matte, side of the light (+1 from the right), paints, sizes."""

    alpha: np.ndarray  # float32 [h,w]
    matte: Matte
    side: float
    box: Paintbox
    frame_px: float  # frame height in cel pixels
    key: int  # changes with every drawing

    @property
    def light(self) -> tuple[float, float]:
        return (0.75 * self.side, -1.0)


def _blend(rgb: np.ndarray, paint, k: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``rgb`` moved a share ``k`` towards ``paint`` where the cel covers."""
    target = np.asarray(paint, np.float32) * alpha[..., None]
    return rgb + (target - rgb) * k[..., None]


def _shade(box: Paintbox, power: float) -> np.ndarray:
    return np.asarray(box.hour.shade, np.float32) ** power


def _turn(b: Bench, soft: float) -> np.ndarray:
    """Turning to the light; a face is flatter than its outline says."""
    tone = b.matte.facing(b.light, soft)
    return np.where(b.matte.material == SKIN, 0.60 + 0.60 * (tone - 0.5), tone)


def _dark(b: Bench) -> np.ndarray:
    """Painted as shadow."""
    return b.matte.cloth & ((b.matte.tone == 1) | (b.matte.tone == 2))


def noise(shape: tuple[int, int], scale: float, key: int) -> np.ndarray:
    """Smooth noise -1..1, ``scale`` px across a grain, ``float32 [h,w]``."""
    h, w = shape
    small = np.random.default_rng([key, 41]).standard_normal(
        (int(h / scale) + 3, int(w / scale) + 3), np.float32
    )
    return np.tanh(cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC))


# --- shading steps


def _stepped(
    rgb: np.ndarray, b: Bench, tone: np.ndarray, levels: tuple[tuple[float, float], ...]
) -> np.ndarray:
    """Nested hard tones: (threshold of turning to the light, power of the shade) from the darkest up."""
    power = np.full(tone.shape, 0.0, np.float32)
    for threshold, value in reversed(levels):
        power[tone < threshold] = value
    k = np.where(b.matte.cloth[..., None], _shade(b.box, 1.0)[None, None] ** power[..., None], 1.0)
    return rgb * k


def multi_step(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Four nested hard-edged tones and a light."""
    tone = _turn(b, 0.10)
    tone = tone + 0.04 * noise(tone.shape, 0.3 * b.matte.unit, 3)
    out = _stepped(rgb, b, tone, ((0.20, 2.3), (0.35, 1.5), (0.49, 0.75)))
    return _blend(out, (255, 252, 244), 0.38 * ((tone > 0.70) & b.matte.cloth), b.alpha)


def continuous_tone(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Painted blends from light to dark."""
    tone = _turn(b, 0.16)
    tone = cv2.GaussianBlur(tone, (0, 0), max(0.8, 0.05 * b.matte.unit))
    s = np.clip((tone - 0.12) / 0.62, 0, 1)
    s = s * s * (3 - 2 * s)
    k = _shade(b.box, 1.0)[None, None] ** (2.2 * (1 - s))[..., None]
    out = rgb * np.where(b.matte.cloth[..., None], k, 1.0)
    return _blend(out, (255, 250, 240), 0.42 * np.clip((tone - 0.62) / 0.38, 0, 1) * b.matte.cloth, b.alpha)


def underlit(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Light from below: what faces up lies in shade, what faces down is warm."""
    tone = b.matte.facing((0.12 * b.side, 1.0), 0.12)
    out = _stepped(rgb * np.array([0.80, 0.72, 0.80], np.float32), b, tone, ((0.34, 1.9), (0.515, 1.15)))
    return _blend(out, b.box.raw((255, 226, 160)), 0.55 * ((tone > 0.62) & b.matte.cloth), b.alpha)


# --- shading treatments


def soft_gradation(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Airbrush: every form of hair and cloth fades towards its lower end, cheeks bloom."""
    m = b.matte
    rows = np.arange(m.form.shape[0], dtype=np.float32)[:, None].repeat(m.form.shape[1], 1)
    top, low = np.full(256, 1e9, np.float32), np.full(256, -1e9, np.float32)
    ids = m.form[m.paint]
    np.minimum.at(top, ids, rows[m.paint])
    np.maximum.at(low, ids, rows[m.paint])
    u = (rows - top[m.form]) / np.maximum(low[m.form] - top[m.form], 1)
    u = np.where(m.cloth & (m.material != SKIN), np.clip(u, 0, 1) ** 1.3, 0)
    tone = np.clip((m.facing(b.light, 0.2) - 0.5) * 1.6, 0, 1) * m.cloth
    k = _shade(b.box, 1.0)[None, None] ** (1.35 * u)[..., None]
    return _blend(rgb * k, (255, 246, 236), 0.38 * tone, b.alpha)


def black_spotting(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Shadows of hair and cloth filled with solid black."""
    m = b.matte
    tone = _turn(b, 0.08)
    where = (_dark(b) | (tone < 0.28)) & m.cloth & (m.material != SKIN)
    return _blend(rgb, (16, 12, 20), where.astype(np.float32), b.alpha)


def _stripes(b: Bench, angle: float, period: float, width: float, key: int) -> np.ndarray:
    """Broken parallel strokes 0/1 on the figure; period and width in frame heights."""
    x, y = b.matte.grid()
    p, w = period * b.frame_px, width * b.frame_px
    across = x * np.sin(angle) - y * np.cos(angle)
    along = x * np.cos(angle) + y * np.sin(angle)
    row = np.floor(across / p)
    gap = np.mod(along / (5.2 * p) + np.mod(row * 0.618 + key * 0.37, 1.0), 1.0)
    return ((np.mod(across, p) < w) & (gap > 0.16)).astype(np.float32)


def hatching(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Parallel strokes in the shade, crossed where it is deepest."""
    tone = _turn(b, 0.08)
    dark = _dark(b) | ((tone < 0.38) & b.matte.cloth & (b.matte.material != SKIN))
    lines = _stripes(b, -0.95, 0.026, 0.0095, 0) * dark
    deep = dark & ((tone < 0.26) | (b.matte.tone == 2))
    lines = np.maximum(lines, _stripes(b, 0.55, 0.026, 0.0095, 1) * deep)
    return _blend(rgb, b.box.final((34, 24, 40)), 0.92 * lines, b.alpha)


def screentone(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Dots on a 45 degree screen fill the shade."""
    x, y = b.matte.grid()
    p = 0.038 * b.frame_px
    u, v = (x + y) / p, (x - y) / p
    dots = np.hypot(np.mod(u, 1.0) - 0.5, np.mod(v, 1.0) - 0.5) < 0.36
    tone = _turn(b, 0.08)
    dark = _dark(b) | ((tone < 0.40) & b.matte.cloth & (b.matte.material != SKIN))
    return _blend(rgb, b.box.final((40, 32, 56)), 0.82 * (dots & dark), b.alpha)


def rim_light(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """A thin bright band inside the silhouette on the side away from the key light, and over the top."""
    inside = (b.alpha > 0.5).astype(np.uint8)
    w = max(1.6, 0.052 * b.matte.unit)
    d = cv2.distanceTransform(cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 3)[
        1:-1, 1:-1
    ]
    g = cv2.GaussianBlur(b.alpha, (0, 0), w)
    gx, gy = cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1)
    turn = (gx * b.side - gy * -0.55) / np.maximum(np.hypot(gx, gy), 1e-4)
    band = np.clip((w - d) / 0.8 + 0.5, 0, 1) * (turn > 0.12) * inside
    return _blend(rgb, b.box.raw((255, 246, 214)), 0.94 * band, b.alpha)


def specular_highlight(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Small hard white shapes where hair, cloth and leather turn fully to the light."""
    m = b.matte
    tone = m.facing((0.62 * b.side, -1.0), 0.07)
    d = m.depth()
    x, y = m.grid()
    teeth = 0.5 + 0.5 * np.sin(x / m.unit * 46) * 0.8
    spot = (tone > 0.66) & (d > 0.035) & (d < 0.075 + 0.03 * teeth) & m.cloth & (m.material != SKIN)
    spot &= np.mod(y / m.unit * 1.1 + x / m.unit * 0.45, 1.0) < 0.72
    return _blend(rgb, (255, 255, 255), 0.97 * spot, b.alpha)


# --- traditions' own paint


def watercolour_paint(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Pigment blooms, a dark rim where the wash dried, and paper showing through."""
    m = b.matte
    pool = noise(m.form.shape, 0.34 * m.unit, 5) * 0.6 + noise(m.form.shape, 0.12 * m.unit, 6) * 0.4
    rim = np.exp(-((m.depth() / 0.035) ** 2))
    k = np.clip(0.30 + 0.26 * pool - 0.22 * rim, 0.0, 0.75) * m.cloth
    out = _blend(rgb, (255, 252, 244), k, b.alpha)
    out = cv2.GaussianBlur(out, (0, 0), max(0.6, 0.014 * m.unit))
    ink = cv2.GaussianBlur(m.ink.astype(np.float32), (0, 0), 0.6)
    return rgb * (0.55 * ink)[..., None] + out * (1 - 0.55 * ink)[..., None]


def ink_wash_paint(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Greys that run from wet to dry inside every form."""
    m = b.matte
    grey = rgb @ np.array([0.30, 0.59, 0.11], np.float32)
    tone = m.facing(b.light, 0.18)
    pool = noise(m.form.shape, 0.3 * m.unit, 8)
    wash = grey * (0.62 + 0.55 * tone + 0.16 * pool) + 40 * b.alpha * np.clip(tone - 0.4, 0, 1)
    return np.where(m.cloth, np.minimum(wash, 250 * b.alpha), grey)[..., None].repeat(3, 2)


def pencil_paint(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Paper with a breath of tint; shade scribbled with the side of the lead."""
    m = b.matte
    grey = rgb @ np.array([0.30, 0.59, 0.11], np.float32)
    tint = 0.16 * rgb + 0.84 * (0.22 * grey + 196 * b.alpha)[..., None]
    out = np.where(m.cloth[..., None], tint, 0.55 * tint + 0.45 * grey[..., None])
    tone = _turn(b, 0.08)
    scribble = _stripes(b, -1.0 + 0.05 * (b.key % 3), 0.017, 0.007, b.key % 5)
    dark = np.clip((0.46 - tone) / 0.1, 0, 1) * m.cloth
    heavy = (grey < 105 * b.alpha) & m.cloth
    lay = np.maximum(dark, 0.75 * heavy) * scribble
    out = _blend(out, (120, 116, 120), 0.75 * lay, b.alpha)
    return np.where(m.ink[..., None], 0.35 * grey[..., None] + 52 * b.alpha[..., None], out)


def cutout_paint(rgb: np.ndarray, b: Bench) -> np.ndarray:
    """Pieces of paper: fibre locked to every piece, a pale cut edge, a small shadow on what lies under."""
    m = b.matte
    h, w = m.form.shape
    fibre = noise((h + 64, w + 64), max(1.6, 0.055 * m.unit), 12)
    # each piece carries its own sheet: the texture's origin is the middle of the piece
    ids = m.form.ravel()
    count = np.maximum(np.bincount(ids, minlength=256), 1)
    ys, xs = np.mgrid[0:h, 0:w]
    cx = (np.bincount(ids, xs.ravel(), 256) / count)[m.form]
    cy = (np.bincount(ids, ys.ravel(), 256) / count)[m.form]
    sheet = (m.form.astype(np.int64) * 37) % 61
    tx = np.mod(xs - np.rint(cx).astype(int) + sheet, w)
    ty = np.mod(ys - np.rint(cy).astype(int) + sheet * 2, h)
    out = rgb * (1 + 0.11 * fibre[ty, tx] * m.cloth)[..., None]
    edge = (m.depth() < 0.022) & m.cloth
    out = _blend(out, (252, 248, 238), 0.75 * edge, b.alpha)
    return np.where(m.ink[..., None], out * 0.45, out)


CEL_TREATMENTS: dict[str, Callable[[np.ndarray, Bench], np.ndarray]] = {
    "multi_step": multi_step,
    "continuous_tone": continuous_tone,
    "underlit": underlit,
    "soft_gradation": soft_gradation,
    "black_spotting": black_spotting,
    "hatching": hatching,
    "screentone": screentone,
    "rim_light": rim_light,
    "specular_highlight": specular_highlight,
    "watercolour_paint": watercolour_paint,
    "ink_wash_paint": ink_wash_paint,
    "pencil_paint": pencil_paint,
    "cutout_paint": cutout_paint,
}


def treat(
    cel: Cel, matte: Matte, names: tuple[str, ...], side: float, box: Paintbox, frame_px: float, key: int
) -> Cel:
    """The cel with treatments laid on in the order of ``names``."""
    alpha = cel.rgba[..., 3].astype(np.float32) / 255
    bench = Bench(alpha, matte, side, box, frame_px, key)
    rgb = cel.rgba[..., :3].astype(np.float32)
    for name in names:
        rgb = CEL_TREATMENTS[name](rgb, bench)
    out = cel.rgba.copy()
    out[..., :3] = np.clip(np.rint(rgb), 0, cel.rgba[..., 3:]).astype(np.uint8)
    return Cel(out, cel.origin)
