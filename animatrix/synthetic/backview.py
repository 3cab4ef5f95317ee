"""A figure seen from behind, and a head seen straight from the side."""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

import numpy as np

from animatrix.synthetic.costume import Costume, Locks
from animatrix.synthetic.figure import HEAD, draw_figure
from animatrix.synthetic.hair import draw_back_hair
from animatrix.synthetic.ink import Drawing, curve, ellipse, limb
from animatrix.synthetic.paints import Look
from animatrix.synthetic.palette import CLOTH, mix
from animatrix.synthetic.pose import Pose, solve


def draw_from_behind(costume: Costume, pose: Pose, locks: Locks, light: float) -> Drawing:
    """As :func:`draw_figure`, with the back of the head, the hair over the shoulders and no face."""
    k = costume
    pose = pose.but(yaw=0.0, front=max(pose.front, 0.85), eye=1.0, mouth=0.0)
    d = draw_figure(k, pose, locks, light)
    j = solve(pose, k.body)
    c, s = np.cos(j.tilt), np.sin(j.tilt)
    turn = np.array([[c, s], [-s, c]])

    def put(p: np.ndarray) -> np.ndarray:
        return (np.asarray(p) * HEAD) @ turn + j.head + (0.0, 0.03 * pose.nod)

    b = k.body
    wide = b.shoulder * 1.25 * b.build
    spine = np.stack([j.chest + j.up * -0.03, (j.chest + j.pelvis) / 2, j.pelvis - (0.0, 0.06)])
    back = limb(spine, [wide, wide * 0.92, wide * 0.86], 4)
    d.mark("back")
    d.fill(back, k.top.lit)
    d.inside(back, limb(spine + j.across * -light * wide * 0.40, [wide * 0.45] * 3, 3), k.top.shade)
    d.line(np.stack([spine[0] - j.up * 0.18, spine[-1]]), k.top.ink, 0.6)
    look = Look(0.0, 1.0, 0.0, 0.0, 0.0, k.lashes, k.eye_scale, light)
    tie = k.extra.lit if k.design.accessory == "ribbon" else k.box.figure(CLOTH["red"])
    skull = curve(
        [(-0.50, -0.06), (-0.46, 0.20), (-0.33, 0.40), (-0.14, 0.46), (0.0, 0.40), (0.14, 0.46), (0.33, 0.40),
         (0.46, 0.20), (0.50, -0.06), (0.40, -0.38), (0.0, -0.56), (-0.40, -0.38)], 4,
    )  # fmt: skip
    d.outlined([(put(skull), k.hair.lit)], k.hair.ink)
    draw_back_hair(d, put, look, k.hair, k.design.hair_style, locks, tie)
    d.outlined([(put(skull), k.hair.lit)], k.hair.ink)
    low = curve([(-0.52, 0.10), (-0.2, 0.24), (0.2, 0.22), (0.52, 0.06), (0.5, 0.6), (-0.5, 0.6)], 3)
    d.inside(put(skull), put(low), k.hair.shade)
    shine = curve(
        [(-0.36, -0.20), (0.0, -0.30), (0.36, -0.20), (0.34, -0.12), (0.0, -0.22), (-0.34, -0.12)], 3
    )
    d.inside(put(skull), put(shine), mix(k.hair.lit, (255, 255, 255), 0.35))
    for x in (-0.24, -0.04, 0.18):
        d.line(
            put(curve([(x * 0.5, -0.45), (x * 1.2, 0.0), (x * 1.3, 0.34)], 3, closed=False)), k.hair.ink, 0.6
        )
    return d


def draw_in_profile(costume: Costume, pose: Pose, locks: Locks, light: float) -> Drawing:
    """As :func:`draw_figure`, body edge-on and the head seen from the side: one eye, nose and chin."""
    k = costume
    pose = pose.but(yaw=1.0, front=0.05)
    d = draw_figure(k, pose, locks, light)
    j = solve(pose, k.body)
    c, s = np.cos(j.tilt), np.sin(j.tilt)
    turn = np.array([[c, s], [-s, c]])

    def put(p: np.ndarray) -> np.ndarray:
        return (np.asarray(p) * HEAD) @ turn + j.head + (0.0, 0.03 * pose.nod)

    skin, hair = k.skin, k.hair
    face = curve(
        [(-0.10, -0.40), (0.30, -0.40), (0.40, -0.16), (0.39, 0.06), (0.385, 0.12), (0.485, 0.235),
         (0.485, 0.235), (0.40, 0.275), (0.405, 0.32), (0.385, 0.36), (0.385, 0.42), (0.33, 0.485),
         (0.20, 0.47), (0.0, 0.34),
         (-0.14, 0.16)], 4,
    )  # fmt: skip
    d.mark("head")
    d.outlined([(put(face), skin.lit)], skin.ink)
    d.inside(put(face), put(curve([(-0.2, 0.1), (0.1, 0.3), (0.3, 0.52), (-0.2, 0.6)], 3)), skin.shade)
    o = 0.25 + 0.75 * pose.eye
    lash = mix(hair.ink, (30, 18, 34), 0.55)
    if pose.eye < 0.3:
        d.line(put(curve([(0.20, 0.14), (0.28, 0.18), (0.36, 0.15)], 3, closed=False)), lash, 2.2)
    else:
        white = curve([(0.19, 0.10), (0.26, 0.12 - 0.13 * o), (0.345, 0.11 - 0.11 * o), (0.37, 0.12),
                       (0.345, 0.22), (0.27, 0.235), (0.21, 0.20)], 3)  # fmt: skip
        d.fill(put(white), k.box.figure((250, 250, 255)))
        dark = mix(k.eye, (24, 12, 40), 0.55)
        d.inside(put(white), put(ellipse(0.325, 0.12, 0.052, 0.125, n=14)), k.box.figure(dark))
        d.inside(put(white), put(ellipse(0.327, 0.155, 0.042, 0.085, n=12)), k.box.figure(k.eye))
        d.fill(put(ellipse(0.312, 0.07, 0.018, 0.03, n=8)), k.box.final((255, 255, 255)))
        d.fill(
            put(limb([(0.17, 0.11), (0.25, 0.10 - 0.14 * o), (0.37, 0.08 - 0.07 * o)], [0.02, 0.06, 0.03])),
            lash,
        )
    brow = 0.03 * pose.brow
    d.line(
        put(curve([(0.20, -0.06 - brow), (0.29, -0.10), (0.37, -0.07 + brow)], 3, closed=False)), lash, 1.0
    )
    if pose.mouth < 0.15:
        d.line(put(curve([(0.30, 0.345), (0.35, 0.355), (0.395, 0.345)], 3, closed=False)), skin.ink, 0.9)
    else:
        h = 0.03 + 0.09 * pose.mouth
        lips = curve([(0.29, 0.335), (0.395, 0.325), (0.39, 0.335 + h), (0.32, 0.335 + h * 0.8)], 3)
        d.outlined([(put(lips), k.box.figure((150, 52, 62)))], skin.ink, 0.6)
    ear = ellipse(-0.02, 0.13, 0.065, 0.105)
    l1 = locks(1) * 0.10
    crown = curve(
        [(0.43, -0.14), (0.38, -0.02) + l1 * 0.4, (0.38, -0.02) + l1 * 0.4, (0.28, -0.14),
         (0.20, 0.00) + l1 * 0.5,
         (0.20, 0.00) + l1 * 0.5, (0.12, -0.10), (0.08, 0.24) + l1, (0.08, 0.24) + l1, (-0.02, 0.02),
         (-0.10, 0.30) + l1,
         (-0.10, 0.30) + l1, (-0.20, 0.10), (-0.30, 0.36) + l1, (-0.46, 0.26) + l1, (-0.52, -0.05),
         (-0.44, -0.34),
         (-0.12, -0.51), (0.22, -0.44)], 4,
    )  # fmt: skip
    d.outlined([(put(ear), skin.shade)], skin.ink, 0.8)
    d.outlined([(put(crown), hair.lit)], hair.ink)
    d.inside(
        put(crown),
        put(curve([(-0.6, 0.05), (-0.25, 0.06), (-0.1, 0.0), (0.1, 0.1), (-0.1, 0.5), (-0.6, 0.5)], 3)),
        hair.shade,
    )
    shine = curve(
        [(-0.36, -0.22), (-0.02, -0.32), (0.28, -0.28), (0.27, -0.21), (-0.02, -0.25), (-0.34, -0.14)], 3
    )
    d.inside(put(crown), put(shine), mix(hair.lit, (255, 255, 255), 0.35))
    return d
