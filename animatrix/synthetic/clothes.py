"""Clothes of the puppet: tops, skirts and coats, collars, scarves, bags and ribbons."""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

import numpy as np

from animatrix.synthetic.costume import Costume, Locks
from animatrix.synthetic.ink import Drawing, curve, ellipse, limb
from animatrix.synthetic.paints import paints
from animatrix.synthetic.palette import CLOTH
from animatrix.synthetic.pose import Joints, Pose


def draw_torso(d: Drawing, k: Costume, j: Joints, pose: Pose, locks: Locks, light: float) -> None:
    o, b, f = k.outfit, k.body, pose.front
    tall = b.torso
    ws = b.shoulder * (0.50 + 0.50 * f) + 0.05
    waist = (0.235 if k.lashes else 0.27) * b.build * (0.75 + 0.25 * f) * (1 + 0.6 * (o.loose - 1))
    hip = 0.29 * b.build * (0.80 + 0.20 * f)

    def at(u: float, v: float) -> np.ndarray:
        return j.pelvis + j.across * u + j.up * v

    def spot(u: float, v: float) -> tuple[float, float]:
        x, y = at(u, v)
        return float(x), float(y)

    bust = 0.05 * (1 - f) if k.lashes else 0.02
    if o.bottom in ("skirt", "gown", "coat"):
        _skirt(d, k, j, locks, light, waist, hip)
    low = -0.12 if o.bottom in ("trousers", "shorts") else (0.10 if o.bottom == "gown" else -0.02)
    bulge = 0.10 * (o.loose - 1) / 0.22 if o.loose > 1.1 else 0.0
    if o.bottom in ("trousers", "shorts"):
        d.outlined(
            [
                (
                    curve([at(-hip, 0.16), at(hip, 0.16), at(hip, -0.16), at(0, -0.22), at(-hip, -0.16)], 3),
                    k.bottom.lit,
                )
            ],
            k.bottom.ink,
        )
    base = waist + bulge * 0.5 if o.bottom in ("skirt", "gown") else hip + 0.02 + bulge * 0.4
    hem = low if o.bottom != "shorts" else low - o.hem * 0.3
    top = curve(
        [
            at(-ws * 0.50, tall + 0.045),
            at(ws * 0.50, tall + 0.045),
            at(ws, tall - 0.06),
            at(ws * 0.93 + bust, tall * 0.70),
            at(waist + bulge, tall * 0.36),
            at(base, hem),
            at(base, hem),
            at(0, hem - 0.03),
            at(-base, hem),
            at(-base, hem),
            at(-waist - bulge, tall * 0.36),
            at(-ws * 0.93, tall * 0.70),
            at(-ws, tall - 0.06),
        ],
        3,
    )
    d.outlined([(top, k.top.lit)], k.top.ink)
    side = -light
    if k.top.shade != k.top.lit:
        d.inside(
            top,
            curve(
                [
                    at(side * 0.10, tall - 0.12),
                    at(side * 0.9, tall),
                    at(side * 0.9, -0.6),
                    at(side * 0.16, -0.6),
                    at(side * 0.06, tall * 0.35),
                ],
                3,
            ),
            k.top.shade,
        )
        d.inside(top, ellipse(*spot(0.04, tall + 0.02), 0.27, 0.13), k.top.shade)
        if k.top.deep != k.top.shade:
            d.inside(
                top,
                curve(
                    [
                        at(side * 0.24, tall - 0.20),
                        at(side * 0.9, tall),
                        at(side * 0.9, -0.6),
                        at(side * 0.26, -0.6),
                        at(side * 0.17, tall * 0.35),
                    ],
                    3,
                ),
                k.top.deep,
            )
    if o.bottom == "coat":  # a coat has no waist line
        for u0, u1, paint in ((-1, 1, k.top.lit), (0.12 * side, side, k.top.shade)):
            d.inside(
                top,
                np.stack(
                    [
                        at(u0 * base, hem + 0.10),
                        at(u1 * base, hem + 0.10),
                        at(u1 * base, hem),
                        at(u0 * base, hem),
                    ]
                ),
                paint,
            )
            d.fill(
                np.stack(
                    [
                        at(u0 * base * 0.93, hem + 0.05),
                        at(u1 * base * 0.93, hem + 0.05),
                        at(u1 * base * 0.97, hem - 0.09),
                        at(u0 * base * 0.97, hem - 0.09),
                    ]
                ),
                paint,
            )
    face = 0.10 * pose.yaw
    if o.collar == "sailor":
        for s in (-1, 1):
            flap = np.stack(
                [
                    at(s * 0.13 + face * 0.3, tall + 0.06),
                    at(s * ws * 0.84, tall - 0.02),
                    at(s * ws * 0.74, tall - 0.22),
                    at(face, tall * 0.63),
                ]
            )
            d.outlined([(flap, k.trim.lit if s != side else k.trim.shade)], k.trim.ink, 0.8)
        red = paints(k.box, CLOTH["red"], 1 if k.top.shade != k.top.lit else 0)
        knot = at(face, tall * 0.62)
        sway = locks(1) * 0.10
        tails = [
            np.stack([knot, knot + (s * 0.17, 0.26) + sway, knot + (s * 0.05, 0.30) + sway]) for s in (-1, 1)
        ]
        bows = [curve([knot, knot + (s * 0.17, -0.08), knot + (s * 0.18, 0.07)], 3) for s in (-1, 1)]
        d.outlined([(t, red.shade) for t in tails] + [(t, red.lit) for t in bows], red.ink, 0.8)
    elif o.collar == "hood":
        d.outlined(
            [
                (
                    curve(
                        [
                            at(-0.32 * (0.6 + 0.4 * f), tall + 0.03),
                            at(-0.2, tall + 0.15),
                            at(0.24, tall + 0.15),
                            at(0.34 * (0.6 + 0.4 * f), tall + 0.02),
                            at(face, tall - 0.18),
                        ],
                        4,
                    ),
                    k.top.shade,
                )
            ],
            k.top.ink,
            0.9,
        )
        for s in (-1, 1):
            d.line(
                np.stack([at(face + s * 0.08, tall - 0.14), at(face + s * 0.09, tall - 0.36)]),
                k.trim.lit,
                1.0,
            )
        if o.bottom == "shorts":
            d.line(
                curve(
                    [
                        at(face - 0.22, 0.12),
                        at(face - 0.14, 0.36),
                        at(face + 0.14, 0.36),
                        at(face + 0.22, 0.12),
                    ],
                    3,
                    closed=False,
                ),
                k.top.ink,
                0.7,
            )
        else:
            d.line(np.stack([at(face, tall - 0.18), at(face * 0.6, -0.5)]), k.top.ink, 0.7)
    elif o.collar == "open":
        shirt = np.stack(
            [
                at(face - 0.13, tall + 0.05),
                at(face + 0.13, tall + 0.05),
                at(face + 0.09, hem),
                at(face - 0.05, hem),
            ]
        )
        d.inside(top, shirt, k.trim.lit)
        for s in (-1, 1):
            lapel = np.stack(
                [
                    at(face + s * 0.10, tall + 0.07),
                    at(face + s * 0.27, tall - 0.06),
                    at(face + s * 0.09, tall * 0.58),
                ]
            )
            d.outlined([(lapel, k.top.shade)], k.top.ink, 0.7)
        d.line(np.stack([at(face + 0.09, tall * 0.6), at(face + 0.09, hem)]), k.top.ink, 0.8)
        d.line(np.stack([at(face - 0.07, tall * 0.6), at(face - 0.05, hem)]), k.top.ink, 0.8)
    elif o.collar == "buttons":
        d.outlined(
            [
                (
                    np.stack(
                        [
                            at(face - 0.16, tall + 0.02),
                            at(face + 0.16, tall + 0.02),
                            at(face + 0.14, tall + 0.13),
                            at(face - 0.14, tall + 0.13),
                        ]
                    ),
                    k.top.lit,
                )
            ],
            k.top.ink,
            0.8,
        )
        d.line(np.stack([at(face, tall + 0.05), at(face * 0.7, hem)]), k.top.ink, 0.7)
        for v in (0.84, 0.64, 0.44, 0.24):
            d.fill(ellipse(*spot(face + 0.05, tall * v), 0.035, 0.035, 0.0, 8), k.trim.lit)
    else:
        d.outlined(
            [
                (
                    curve(
                        [at(face - 0.15, tall + 0.06), at(face + 0.15, tall + 0.06), at(face, tall - 0.06)], 4
                    ),
                    k.skin.shade,
                )
            ],
            k.top.ink,
            0.7,
        )
    if o.bottom == "gown":
        d.outlined(
            [
                (
                    np.stack(
                        [
                            at(-waist, tall * 0.30),
                            at(waist, tall * 0.30),
                            at(waist, tall * 0.20),
                            at(-waist, tall * 0.20),
                        ]
                    ),
                    k.extra.lit,
                )
            ],
            k.extra.ink,
            0.8,
        )


def _skirt(d: Drawing, k: Costume, j: Joints, locks: Locks, light: float, waist: float, hip: float) -> None:
    """Skirt, gown or coat tail: a bell that the thighs push out and that lags behind the body."""
    o = k.outfit
    paint = k.bottom
    start = 0.20 if o.bottom != "coat" else 0.3
    drop = o.hem
    reach = []
    for leg in (j.leg_n, j.leg_f):
        thigh = leg[1] - leg[0]
        t = min(1.0, drop * 0.75 / max(float(np.hypot(*thigh)), 1e-6))
        reach.append(leg[0] + thigh * t)
    flare = 0.16 + 0.10 * drop
    lo_x = min(r[0] for r in reach) - flare * 0.75 - 0.06
    hi_x = max(r[0] for r in reach) + flare * 0.75 + 0.06
    lo_x, hi_x = min(lo_x, j.pelvis[0] - hip - flare), max(hi_x, j.pelvis[0] + hip + flare)
    y_lo = j.pelvis[1] + drop - max(0.0, (j.pelvis[0] - lo_x) - 0.75) * 0.35
    y_hi = j.pelvis[1] + drop - max(0.0, (hi_x - j.pelvis[0]) - 0.75) * 0.35
    sway = locks(1) * 0.30
    a, b = np.array([lo_x, y_lo]) + sway, np.array([hi_x, y_hi]) + sway
    u = np.linspace(0, 1, 9)
    hem = (
        a
        + (b - a) * u[:, None]
        + np.stack([0 * u, 0.07 * np.sin(np.pi * u) + 0.025 * np.cos(u * 8 * np.pi)], 1)
    )
    left, right = j.pelvis - j.across * waist + j.up * start, j.pelvis + j.across * waist + j.up * start
    out_l, out_r = (left + a) / 2 + (-0.05, -0.02), (right + b) / 2 + (0.05, -0.02)
    shape = curve(
        np.concatenate([[left, left, right, right, out_r, b, b], hem[1:-1][::-1], [a, a, out_l]]), 3
    )
    d.outlined([(shape, paint.lit)], paint.ink)
    if paint.shade != paint.lit:
        side = -light
        edge, near = (b, right) if side > 0 else (a, left)
        inner = (a + (b - a) * (0.66 if side > 0 else 0.34)) + (0, 0.2)
        d.inside(
            shape,
            np.stack(
                [
                    near - j.across * side * waist * 0.6,
                    near + (side * 0.4, -0.1),
                    edge + (side * 0.4, 0.3),
                    inner,
                ]
            ),
            paint.shade,
        )
        if paint.deep != paint.shade:
            far = a + (b - a) * (0.83 if side > 0 else 0.17) + (0, 0.2)
            d.inside(
                shape,
                np.stack(
                    [
                        near - j.across * side * waist * 0.25,
                        near + (side * 0.4, -0.1),
                        edge + (side * 0.4, 0.3),
                        far,
                    ]
                ),
                paint.deep,
            )
    n = 5 if o.bottom == "skirt" else 3
    for t in np.linspace(0, 1, n + 2)[1:-1]:
        top, low = left + (right - left) * t, a + (b - a) * t
        d.line(np.stack([top + (low - top) * (0.25 if n == 5 else 0.55), low + (0, 0.03)]), paint.ink, 0.6)


def draw_scarf(d: Drawing, k: Costume, j: Joints, pose: Pose) -> None:
    c = j.chest + j.up * 0.06 + (0.05 * pose.yaw, 0)
    w = 0.30 * (0.85 + 0.15 * pose.front)
    wrap = curve(
        [
            c + (-w, 0.0),
            c + (-w * 0.8, -0.15),
            c + (0, -0.10),
            c + (w * 0.8, -0.15),
            c + (w, 0.0),
            c + (w * 0.5, 0.16),
            c + (0, 0.19),
            c + (-w * 0.5, 0.16),
        ],
        4,
    )
    d.outlined([(wrap, k.extra.lit)], k.extra.ink)
    d.inside(wrap, ellipse(c[0], c[1] - 0.12, w * 1.1, 0.13), k.extra.shade)
    d.line(
        curve([c + (-w * 0.7, 0.02), c + (0, 0.09), c + (w * 0.7, 0.0)], 3, closed=False), k.extra.ink, 0.6
    )


def draw_scarf_tails(d: Drawing, k: Costume, j: Joints, pose: Pose, locks: Locks) -> None:
    back = -np.sign(pose.yaw or 1.0)
    root = j.chest + (back * 0.20, 0.0)
    for n, (paint, dx) in enumerate(((k.extra.shade, 0.0), (k.extra.lit, 0.10))):
        pts = [root]
        for level in range(1, 5):
            step = np.array([back * (0.10 + dx), 0.24 - 0.03 * n]) + locks(level) * 0.34
            pts.append(pts[-1] + step)
        line = curve(pts, 3, closed=False)
        d.outlined([(limb(line, np.linspace(0.15, 0.25, len(line)), 3), paint)], k.extra.ink)


def draw_bag(d: Drawing, k: Costume, j: Joints, locks: Locks) -> None:
    t = k.body.torso
    strap = np.stack([j.chest + j.across * 0.24, j.pelvis - j.across * 0.30 + j.up * 0.12])
    d.outlined([(limb(strap, [0.07, 0.07], 3), k.extra.shade)], k.extra.ink, 0.8)
    c = j.pelvis - j.across * 0.40 + (0.0, 0.02) + locks(1) * 0.14
    box = curve(
        [
            c + (-0.22, -0.17),
            c + (-0.22, -0.17),
            c + (0.2, -0.17),
            c + (0.2, -0.17),
            c + (0.22, 0.17),
            c + (0.18, 0.21),
            c + (-0.2, 0.21),
            c + (-0.24, 0.17),
        ],
        3,
    )
    d.outlined([(box, k.extra.lit)], k.extra.ink)
    d.inside(
        box, np.stack([c + (-0.3, 0.02), c + (0.3, 0.02), c + (0.3, 0.3), c + (-0.3, 0.3)]), k.extra.shade
    )
    _ = t


def draw_ribbon(d: Drawing, put, k: Costume, pose: Pose) -> None:
    x, y = -0.34 * (1 if pose.yaw >= 0 else -1), -0.36
    bows = [curve([(x, y), (x + s * 0.20, y - 0.13), (x + s * 0.22, y + 0.10)], 3) for s in (-1, 1)]
    d.outlined(
        [(put(b), k.extra.lit) for b in bows] + [(put(ellipse(x, y, 0.055, 0.06, n=8)), k.extra.shade)],
        k.extra.ink,
        0.8,
    )
