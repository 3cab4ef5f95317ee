"""Face of the puppet, turned by a yaw and lit from one side."""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

import numpy as np

from animatrix.synthetic.hair import draw_bangs, fringe_outline
from animatrix.synthetic.ink import Drawing, curve, ellipse, limb
from animatrix.synthetic.paints import Look, Paints, Place
from animatrix.synthetic.palette import Paintbox, Rgb, mix


def _face(s: float) -> np.ndarray:
    """Face outline in head space (chin at y=.5), turned by ``s`` towards +x."""
    pts = np.array(
        [
            (-0.415, -0.12),
            (-0.405, 0.10),
            (-0.345, 0.27),
            (-0.20, 0.42),
            (-0.05, 0.497),
            (0.05, 0.497),
            (0.20, 0.42),
            (0.345, 0.27),
            (0.405, 0.10),
            (0.415, -0.12),
            (0.30, -0.42),
            (0.0, -0.5),
            (-0.30, -0.42),
        ]
    )
    x, y = pts[:, 0], pts[:, 1]
    towards = np.where(x * s > 0, 1 - 0.16 * abs(s), 1 + 0.03 * abs(s))
    front = np.clip((y + 0.3) / 0.8, 0, 1)
    return curve(np.stack([x * towards + s * 0.13 * front, y], 1), 4)


def _eye(
    d: Drawing, put: Place, look: Look, box: Paintbox, colour: Rgb, side: int, skin: Paints, lash: Rgb
) -> None:
    angle = 0.47 * side + 0.46 * look.yaw
    cx, narrow = 0.40 * np.sin(angle), max(0.35, np.cos(angle) ** 0.8)
    k = look.eye_scale
    w, h = 0.215 * narrow * k, 0.245 * k * (1.0 if look.lashes else 0.86)
    out = side  # the outer corner lies away from the nose
    cy = 0.125

    def at(points) -> np.ndarray:
        p = np.asarray(points, np.float64)
        return put(np.stack([cx + p[:, 0] * w, cy + p[:, 1] * h], 1))

    if look.eye < 0.3:  # closed: one thick lid line, curved down, or up when smiling broadly
        bow = -0.28 if look.smile > 0.8 else 0.22
        d.fill(
            at(
                limb(
                    [(-0.52, 0.22), (0, 0.22 + bow), (0.54 * out, 0.20)]
                    if out > 0
                    else [(-0.54, 0.20), (0, 0.22 + bow), (0.52, 0.22)],
                    [0.06, 0.17, 0.08],
                )
            ),
            lash,
        )
        return
    o = 0.45 + 0.55 * look.eye
    top, low = -0.50 * o + 0.06, 0.47
    white = curve(
        [
            (-0.50, 0.05),
            (-0.38, top * 0.8),
            (0.0, top),
            (0.40, top * 0.75),
            (0.50, 0.05),
            (0.36, low),
            (0.0, low + 0.03),
            (-0.36, low),
        ],
        3,
    )
    socket = at(white)
    eye_white = box.figure((250, 250, 255))
    d.fill(socket, eye_white)
    gaze = 0.05 * look.yaw / max(w, 0.05) * 0.2
    iris_w = 0.37 / max(narrow, 0.7) * (0.8 + 0.2 * narrow)
    dark = mix(colour, (24, 12, 40), 0.55)
    d.inside(socket, at(ellipse(gaze, 0.02, iris_w, 0.47, n=18)), box.figure(dark))
    d.inside(socket, at(ellipse(gaze, 0.10, iris_w * 0.86, 0.38, n=16)), box.figure(colour))
    d.inside(
        socket,
        at(ellipse(gaze, 0.30, iris_w * 0.62, 0.16, n=12)),
        box.figure(mix(colour, (255, 255, 255), 0.5)),
    )
    d.fill(at(ellipse(gaze, 0.02, iris_w * 0.42, 0.22, n=10)), box.figure(mix(dark, (16, 8, 28), 0.6)))
    if look.eye > 0.6:
        glint = box.final((255, 255, 255))
        d.fill(at(ellipse(gaze - 0.15 * look.light * -1, -0.17 * o, 0.14, 0.14, n=10)), glint)
        d.fill(at(ellipse(gaze + 0.16 * look.light * -1, 0.25, 0.07, 0.07, n=8)), glint)
    heavy = 0.20 if look.lashes else 0.14
    outer = (0.60 * out, 0.02 if look.lashes else 0.0)
    lid = [
        (-0.54 * out, 0.0),
        (-0.30 * out, top * 0.95),
        (0.12 * out, top * 1.08),
        (0.44 * out, top * 0.62),
        outer,
    ]
    d.fill(at(limb(lid, [0.06, heavy * 0.8, heavy, heavy, 0.07])), lash)
    d.line(at([(-0.2, low + 0.05), (0.25 * out, low + 0.05)]), skin.ink, 0.6)


def _mouth(d: Drawing, put: Place, look: Look, box: Paintbox, ink: Rgb) -> None:
    cx, y = 0.40 * np.sin(0.42 * look.yaw) * 0.95, 0.345
    w = 0.085 * (1 - 0.15 * abs(look.yaw)) * (1 + 0.35 * look.smile)
    m = look.mouth
    if m < 0.15:
        bow = 0.035 * look.smile
        d.line(
            put(curve([(cx - w, y - bow), (cx, y + bow * 0.6), (cx + w, y - bow)], 4, closed=False)), ink, 0.9
        )
        return
    h = 0.035 + 0.105 * m
    w *= 0.95 + 0.1 * m
    lips = curve(
        [
            (cx - w, y - 0.02),
            (cx - w, y - 0.02),
            (cx, y - 0.03),
            (cx + w, y - 0.02),
            (cx + w, y - 0.02),
            (cx + w * 0.62, y + h * 0.85),
            (cx, y + h),
            (cx - w * 0.62, y + h * 0.85),
        ],
        3,
    )
    d.outlined([(put(lips), box.figure((150, 52, 62)))], ink, 0.55)
    if m > 0.45:
        d.inside(
            put(lips), put(ellipse(cx, y + h * 0.95, w * 0.7, h * 0.42, n=10)), box.figure((238, 128, 128))
        )


def draw_head(
    d: Drawing,
    put: Place,
    look: Look,
    box: Paintbox,
    hair: Paints,
    skin: Paints,
    eye: Rgb,
    style: str,
    locks,
    blush: bool,
) -> None:
    """Face, features, bangs and side locks. ``locks`` is the drag of the hair: ``level -> (dx, dy)``."""
    s = look.yaw
    face = put(_face(s))
    if style in ("short", "spiky", "ponytail"):
        ear_x = -0.40 * np.sign(s or 1.0) * (1 - 0.25 * abs(s))
        d.outlined([(put(ellipse(ear_x, 0.14, 0.075, 0.12)), skin.shade)], skin.ink, 0.8)
    d.outlined([(face, skin.lit)], skin.ink)
    side = -look.light
    d.inside(
        face,
        put(
            curve(
                [
                    (side * 0.30 + s * 0.1, -0.2),
                    (side * 0.6, -0.3),
                    (side * 0.6, 0.6),
                    (s * 0.13, 0.56),
                    (side * 0.13 + s * 0.1, 0.46),
                    (side * 0.30 + s * 0.08, 0.26),
                ],
                3,
            )
        ),
        skin.shade,
    )
    fringe = fringe_outline(style, s)
    d.inside(face, put(fringe + (0.03 * side, 0.075)), skin.shade)
    if blush:
        for k in (-1, 1):
            a = 0.62 * k + 0.46 * s
            if abs(a) < 1.05:
                d.inside(
                    face,
                    put(ellipse(0.42 * np.sin(a), 0.285, 0.085 * np.cos(a), 0.04, n=10)),
                    mix(skin.lit, box.figure((250, 130, 130)), 0.45),
                )
    lash = mix(hair.ink, (30, 18, 34), 0.55)
    for k in (1, -1) if s >= 0 else (-1, 1):
        _eye(d, put, look, box, eye, k, skin, lash)
    nx = 0.43 * np.sin(0.44 * s)
    d.line(
        put(np.array([(nx + 0.012 * np.sign(s or 1), 0.235), (nx + 0.030 * np.sign(s or 1), 0.262)])),
        skin.ink,
        0.8,
    )
    _mouth(d, put, look, box, skin.ink)
    draw_bangs(d, put, look, hair, style, locks, fringe)
    for k in (-1, 1):
        a = 0.47 * k + 0.46 * s
        x, half = 0.41 * np.sin(a), 0.10 * max(0.4, np.cos(a))
        y = -0.105 - 0.05 * max(look.brow, 0)
        tilt = 0.012 * k + 0.045 * look.brow * k
        d.line(
            put(
                curve(
                    [(x - half, y + 0.015 - tilt), (x, y - 0.02), (x + half, y + 0.015 + tilt)],
                    3,
                    closed=False,
                )
            ),
            lash,
            0.85,
        )
