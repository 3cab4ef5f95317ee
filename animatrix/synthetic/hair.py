"""Hair of the puppet: bangs over the face, tails and locks behind it, all with drag."""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

from functools import lru_cache

import numpy as np

from animatrix.synthetic.ink import Drawing, curve, ellipse, limb
from animatrix.synthetic.paints import Look, Paints, Place
from animatrix.synthetic.palette import Rgb

# Fringe tips (x, y) from right to left in head space; odd rows are the notches between the tips.
_FRINGES: dict[str, tuple[tuple[float, float], ...]] = {
    "short": (
        (0.40, 0.06),
        (0.30, -0.16),
        (0.20, 0.02),
        (0.06, -0.20),
        (-0.05, 0.03),
        (-0.18, -0.17),
        (-0.28, 0.05),
        (-0.36, -0.10),
        (-0.42, 0.08),
    ),
    "spiky": (
        (0.42, 0.10),
        (0.30, -0.18),
        (0.16, 0.05),
        (0.05, -0.22),
        (-0.10, 0.08),
        (-0.20, -0.18),
        (-0.30, 0.06),
        (-0.37, -0.10),
        (-0.44, 0.14),
    ),
    "bob": (
        (0.42, 0.00),
        (0.32, -0.05),
        (0.22, -0.005),
        (0.11, -0.05),
        (0.0, 0.0),
        (-0.11, -0.05),
        (-0.22, -0.005),
        (-0.32, -0.05),
        (-0.42, 0.0),
    ),
    "long": (
        (0.41, 0.02),
        (0.31, -0.10),
        (0.20, 0.0),
        (0.09, -0.12),
        (0.0, 0.02),
        (-0.10, -0.12),
        (-0.21, 0.0),
        (-0.31, -0.10),
        (-0.41, 0.02),
    ),
    "ponytail": (
        (0.42, 0.10),
        (0.30, -0.13),
        (0.19, -0.02),
        (0.10, -0.26),
        (0.02, -0.24),
        (-0.14, -0.06),
        (-0.22, -0.12),
        (-0.34, 0.04),
        (-0.42, 0.10),
    ),
    "twin_tails": (
        (0.42, 0.06),
        (0.31, -0.10),
        (0.18, 0.015),
        (0.08, -0.14),
        (-0.03, 0.015),
        (-0.15, -0.12),
        (-0.24, 0.02),
        (-0.33, -0.10),
        (-0.42, 0.06),
    ),
}


@lru_cache(maxsize=16)
def _cap(style: str) -> np.ndarray:
    """Hair line over the skull from -x to +x: smooth with a small tuft, or a row of spikes."""
    if style == "spiky":
        n, rows = 7, [np.array([-0.475, -0.04])]
        for k in range(n):
            mid = np.pi * (1 + (k + 0.5) / n)
            reach = (0.66, 0.60, 0.68, 0.62, 0.66, 0.60, 0.64)[k]
            tip = np.array([reach * np.cos(mid - 0.12), -0.06 + reach * 1.02 * np.sin(mid - 0.12)])
            b = np.pi * (1 + (k + 1) / n)
            rows += [tip, tip, np.array([0.49 * np.cos(b), -0.05 + 0.50 * np.sin(b)])]
        return curve(rows[:-1] + [np.array([0.475, -0.04])], 3, closed=False)
    a = np.linspace(np.pi, 2 * np.pi, 24)
    wave = 1 + 0.018 * np.cos(6 * a + 0.4)
    cap = np.stack([0.482 * wave * np.cos(a), -0.05 + 0.525 * wave * np.sin(a)], 1)
    if style in ("short", "bob", "ponytail"):  # a tuft that never lies flat
        root = 12 if style == "short" else 9
        x, y = cap[root]
        tuft = curve(
            [
                (x, y),
                (x - 0.05, y - 0.07),
                (x - 0.15, y - 0.10),
                (x - 0.15, y - 0.10),
                (x - 0.03, y - 0.10),
                (x + 0.05, y),
            ],
            3,
            closed=False,
        )
        cap = np.concatenate([cap[: root - 1], tuft, cap[root + 2 :]])
    return cap


def fringe_outline(style: str, s: float) -> np.ndarray:
    """Closed outline of the bangs: cap over the skull, then the fringe from +x to -x."""
    cap = _cap(style)
    f = np.array(_FRINGES[style])
    f = np.stack([f[:, 0] * (1 - 0.06 * abs(s)) + s * 0.085 * (1 - (f[:, 0] / 0.5) ** 2), f[:, 1]], 1)
    doubled = np.repeat(
        f, np.where(np.arange(len(f)) % 2 == 0, 2, 1), axis=0
    )  # tips are corners, notches are not
    hem = curve(np.concatenate([cap[-1:], doubled, cap[:1]]), 3, closed=False)
    return np.concatenate([cap, hem[1:-1]])


def draw_bangs(
    d: Drawing, put: Place, look: Look, hair: Paints, style: str, locks, fringe: np.ndarray
) -> None:
    s, side = look.yaw, -look.light
    length = {"short": 0.16, "spiky": 0.20, "bob": 0.40, "long": 0.62, "ponytail": 0.52, "twin_tails": 0.50}[
        style
    ]
    strands = []
    for k in (-1, 1):
        turn = 1 - 0.14 * abs(s) if k * s > 0 else 1.0
        root = np.array([k * 0.425 * turn + 0.03 * s, -0.14])
        mid = root + (0.03 * k, 0.14 + length * 0.45) + locks(1) * 0.12
        tip = root + (-0.035 * k, 0.16 + length) + locks(2) * 0.30
        strands.append(
            limb(np.stack([root, (root + mid) / 2 + (0.025 * k, 0), mid, tip]), [0.16, 0.17, 0.13, 0.015], 4)
        )
    parts = [(put(p), hair.lit) for p in strands] + [(put(fringe), hair.lit)]
    d.outlined(parts, hair.ink)
    whole = put(fringe)
    d.inside(
        whole,
        put(
            curve(
                [
                    (side * 0.16, -0.62),
                    (side * 0.62, -0.55),
                    (side * 0.62, 0.2),
                    (side * 0.30, 0.16),
                    (side * 0.36, -0.1),
                    (side * 0.29, -0.34),
                ],
                3,
            )
        ),
        hair.shade,
    )
    if hair.deep != hair.shade:
        d.inside(
            whole,
            put(
                curve(
                    [
                        (side * 0.34, -0.5),
                        (side * 0.62, -0.55),
                        (side * 0.62, 0.2),
                        (side * 0.40, 0.16),
                        (side * 0.44, -0.1),
                        (side * 0.41, -0.3),
                    ],
                    3,
                )
            ),
            hair.deep,
        )
    if hair.gloss != hair.lit:
        x = np.linspace(-0.33, 0.24, 9) * (-side if side else 1) + 0.07 * s
        arc = -0.325 + 0.42 * (x - 0.05 * s) ** 2
        jag = np.where(np.arange(9) % 2 == 0, 0.035, 0.085)
        jag[[0, -1]] = 0.0
        d.inside(
            whole, put(np.concatenate([np.stack([x, arc], 1), np.stack([x, arc + jag], 1)[::-1]])), hair.gloss
        )
    tips = np.array(_FRINGES[style])[1::2]
    for k, (x, y) in enumerate(tips):
        if k % 2 == 0 or style in ("short", "spiky"):
            xs = x * 0.94 + 0.085 * s
            d.line(
                put(curve([(xs, y), (xs * 0.86, y - 0.10), (xs * 0.66, y - 0.19)], 3, closed=False)),
                hair.ink,
                0.55,
            )


def _tail(root, rest, locks, lengths, widths) -> np.ndarray:
    """Hanging strand from ``root``: rest shape plus drag that grows along it."""
    pts = [np.asarray(root, np.float64)]
    for k, step in enumerate(rest):
        pts.append(pts[-1] + np.asarray(step) * lengths + locks(k + 1) * 0.16 * (k + 1) ** 0.7)
    mids = curve(pts, 3, closed=False)
    w = np.interp(np.linspace(0, 1, len(mids)), np.linspace(0, 1, len(widths)), widths)
    return limb(mids, w, 4)


def draw_back_hair(
    d: Drawing, put: Place, look: Look, hair: Paints, style: str, locks, tie: Rgb | None
) -> None:
    """The hair behind neck and shoulders; call before the body is drawn."""
    s = look.yaw
    back = -np.sign(s or 1.0)
    cx = -0.05 * s
    scalp = ellipse(cx, -0.06, 0.475, 0.475, n=20)
    parts: list[np.ndarray] = []
    if style == "short":
        n1 = locks(1) * 0.06
        parts = [
            scalp,
            curve(
                [
                    (cx - 0.46, -0.1),
                    (cx - 0.50, 0.20),
                    (cx - 0.44, 0.42) + n1,
                    (cx - 0.44, 0.42) + n1,
                    (cx - 0.30, 0.33),
                    (cx - 0.20, 0.46) + n1,
                    (cx - 0.20, 0.46) + n1,
                    (cx - 0.05, 0.36),
                    (cx + 0.08, 0.46) + n1,
                    (cx + 0.08, 0.46) + n1,
                    (cx + 0.22, 0.34),
                    (cx + 0.42, 0.42) + n1,
                    (cx + 0.42, 0.42) + n1,
                    (cx + 0.49, 0.20),
                    (cx + 0.46, -0.1),
                ],
                4,
            ),
        ]
    elif style == "spiky":
        parts = [scalp, _spikes(cx, back, locks)]
    elif style == "bob":
        l1, l2 = locks(1) * 0.12, locks(2) * 0.26
        parts = [
            scalp,
            curve(
                [
                    (cx - 0.44, -0.25),
                    (cx - 0.53, 0.12) + l1,
                    (cx - 0.50, 0.46) + l2,
                    (cx - 0.30, 0.54) + l2,
                    (cx, 0.47) + l1,
                    (cx + 0.30, 0.54) + l2,
                    (cx + 0.50, 0.46) + l2,
                    (cx + 0.53, 0.12) + l1,
                    (cx + 0.44, -0.25),
                ],
                4,
            ),
        ]
    elif style == "long":
        l1, l2, l3 = locks(1) * 0.18, locks(2) * 0.42, locks(3) * 0.72
        parts = [
            scalp,
            curve(
                [
                    (cx - 0.42, -0.28),
                    (cx - 0.53, 0.2) + l1,
                    (cx - 0.56, 0.9) + l2,
                    (cx - 0.50, 1.52) + l3,
                    (cx - 0.30, 1.38) + l3,
                    (cx - 0.14, 1.60) + l3,
                    (cx - 0.14, 1.60) + l3,
                    (cx, 1.42) + l3,
                    (cx + 0.16, 1.58) + l3,
                    (cx + 0.16, 1.58) + l3,
                    (cx + 0.30, 1.38) + l3,
                    (cx + 0.50, 1.50) + l3,
                    (cx + 0.56, 0.9) + l2,
                    (cx + 0.53, 0.2) + l1,
                    (cx + 0.42, -0.28),
                ],
                4,
            ),
        ]
    elif style == "ponytail":
        root = (cx + back * 0.36, -0.30)
        tail = _tail(
            root,
            [(back * 0.26, 0.06), (back * 0.10, 0.36), (0.0, 0.42), (-back * 0.06, 0.40)],
            locks,
            1.0,
            [0.16, 0.34, 0.36, 0.26, 0.03],
        )
        parts = [
            tail,
            scalp,
            curve(
                [(cx - 0.45, -0.1), (cx - 0.40, 0.24), (cx, 0.36), (cx + 0.40, 0.24), (cx + 0.45, -0.1)], 4
            ),
        ]
    elif style == "twin_tails":
        tails = [
            _tail(
                (cx + k * 0.42, -0.24),
                [(k * 0.22, 0.08), (k * 0.10, 0.40), (k * 0.02, 0.44), (-k * 0.05, 0.42)],
                locks,
                1.0,
                [0.14, 0.28, 0.30, 0.22, 0.03],
            )
            for k in (-1, 1)
        ]
        parts = [
            *tails,
            scalp,
            curve(
                [(cx - 0.45, -0.1), (cx - 0.40, 0.26), (cx, 0.38), (cx + 0.40, 0.26), (cx + 0.45, -0.1)], 4
            ),
        ]
    d.outlined([(put(p), hair.shade) for p in parts], hair.ink)
    n_tails = {"ponytail": 1, "twin_tails": 2}.get(style, 0)
    for p in parts[:n_tails]:  # tails hang free of the head's shadow: light them
        d.inside(put(p), put(p + (0.07 * look.light, -0.03)), hair.lit)
    if style == "long":
        for x in (-0.34, 0.34, -0.1, 0.16):
            l2, l3 = locks(2) * 0.42, locks(3) * 0.72
            d.line(
                put(curve([(cx + x, 0.5), (cx + x * 1.1, 0.95) + l2, (cx + x, 1.34) + l3], 3, closed=False)),
                hair.ink,
                0.5,
            )
    if n_tails and tie is not None:
        knots = (
            [(cx + back * 0.42, -0.29)] if style == "ponytail" else [(cx + k * 0.47, -0.23) for k in (-1, 1)]
        )
        for x, y in knots:
            d.outlined([(put(ellipse(x, y, 0.075, 0.095, n=10)), tie)], hair.ink, 0.8)


def _spikes(cx: float, back: float, locks) -> np.ndarray:
    """Locks that stand off the back of the head and the nape."""
    rows = []
    for x, y, tx, ty in (
        (-0.46, -0.28, -0.66, -0.20),
        (-0.47, -0.06, -0.64, 0.10),
        (-0.44, 0.12, -0.54, 0.36),
        (-0.30, 0.30, -0.30, 0.50),
        (0.0, 0.40, 0.02, 0.52),
        (0.30, 0.34, 0.34, 0.50),
        (0.44, 0.16, 0.55, 0.34),
        (0.47, -0.04, 0.64, 0.08),
        (0.46, -0.26, 0.64, -0.20),
    ):
        tip = np.array([cx + tx + 0.04 * back, ty]) + locks(1) * 0.10
        rows += [np.array([cx + x, y]), tip, tip]
    return curve([*rows, np.array([cx + 0.3, -0.42]), np.array([cx - 0.3, -0.42])], 3)
