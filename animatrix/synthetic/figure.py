"""The puppet: a design in a pose becomes a drawing, limbs here, head and clothes next door."""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

import numpy as np

from animatrix.synthetic.clothes import draw_bag, draw_ribbon, draw_scarf, draw_scarf_tails, draw_torso
from animatrix.synthetic.costume import Costume, Locks
from animatrix.synthetic.hair import draw_back_hair
from animatrix.synthetic.head import draw_head
from animatrix.synthetic.ink import Drawing, curve, limb
from animatrix.synthetic.paints import Look, paints
from animatrix.synthetic.palette import CLOTH, Rgb
from animatrix.synthetic.pose import Pose, solve
from animatrix.synthetic.props import draw_props
from animatrix.synthetic.rig import tumble

HEAD = 1.12  # drawn heads are a little larger than the unit they are counted in


def draw_figure(costume: Costume, pose: Pose, locks: Locks, light: float) -> Drawing:
    """One character drawing.

    Args:
        costume: the dressed design.
        pose: joint angles and expression.
        locks: drag of loose things: level (1 near the root .. 4 at the tip) -> offset ``[2]`` in heads.
        light: +1 when the light comes from +x of the puppet, -1 from -x.

    Returns:
        Display list in heads, y down, origin on the ground under the pelvis.
    """
    d = Drawing()
    j = solve(pose, costume.body)
    c, s = np.cos(j.tilt), np.sin(j.tilt)
    turn = np.array([[c, s], [-s, c]])

    def put(p: np.ndarray) -> np.ndarray:
        return (np.asarray(p) * HEAD) @ turn + j.head + (0.0, 0.03 * pose.nod)

    look = Look(
        pose.yaw, pose.eye, pose.mouth, pose.smile, pose.brow, costume.lashes, costume.eye_scale, light
    )
    k = costume
    d.mark("back_hair")
    tie = k.extra.lit if k.design.accessory == "ribbon" else k.box.figure(CLOTH["red"])
    draw_back_hair(d, put, look, k.hair, k.design.hair_style, locks, tie)
    if k.design.accessory == "scarf":
        d.mark("cloth")
        draw_scarf_tails(d, k, j, pose, locks)
    d.mark("arm_f")
    _arm(d, k, j.arm_f, light, far=True)
    d.mark("leg_f")
    _leg(d, k, j.leg_f, light, far=True)
    d.mark("leg_n")
    _leg(d, k, j.leg_n, light, far=False)
    d.mark("torso")
    neck = np.stack([j.chest - j.up * 0.05, j.head + (0.0, 0.30)])
    d.outlined([(limb(neck, [0.22 * k.body.build, 0.20 * k.body.build]), k.skin.deep)], k.skin.ink, 0.9)
    draw_torso(d, k, j, pose, locks, light)
    if k.design.accessory == "bag":
        draw_bag(d, k, j, locks)
    d.mark("arm_n")
    _arm(d, k, j.arm_n, light, far=False)
    d.mark("cloth")
    if k.design.accessory == "scarf":
        draw_scarf(d, k, j, pose)
    d.mark("head")
    draw_head(d, put, look, k.box, k.hair, k.skin, k.eye, k.design.hair_style, locks, k.lashes)
    if k.design.accessory == "ribbon" and k.design.hair_style not in ("ponytail", "twin_tails"):
        draw_ribbon(d, put, k, pose)
    d.bones = {"arm_f": j.arm_f, "arm_n": j.arm_n, "leg_f": j.leg_f, "leg_n": j.leg_n}
    d.bones |= {"head": np.stack([j.head]), "torso": np.stack([j.pelvis, j.chest])}
    draw_props(d, k, pose)
    if pose.stretch != 1.0:
        wide = 1 / np.sqrt(pose.stretch)
        factor = np.array([wide, pose.stretch])
        base = np.array([0.0, -pose.lift])
        d.ops = [
            (
                o[0],
                (o[1] - base) * factor + base,
                o[2],
                o[3],
                None if o[4] is None else (o[4] - base) * factor + base,
            )
            for o in d.ops
        ]
        d.bones = {n: (b - base) * factor + base for n, b in d.bones.items()}
    if pose.spin:
        tumble(d, pose.spin, pose.lift)
    return d


def _strip(joints: np.ndarray, widths, side: float) -> np.ndarray:
    """Shadow strip along a limb: the half away from the light, kept inside the outline."""
    d = np.diff(joints, axis=0)
    d /= np.maximum(np.hypot(d[:, 0], d[:, 1])[:, None], 1e-9)
    n = np.stack([d[:, 1], -d[:, 0]], 1)
    n = np.concatenate([n[:1], (n[:-1] + n[1:]) / 2, n[-1:]])
    n = n * np.where(n[:, :1] * side >= 0, 1, -1)
    w = np.asarray(widths, np.float64)
    return limb(joints + n * (w * 0.24)[:, None], w * 0.50, 4)


def _arm(d: Drawing, k: Costume, arm: np.ndarray, light: float, far: bool) -> None:
    b, o = k.body.build, k.outfit
    skin, top = k.skin, k.top
    shoulder, elbow, wrist = arm
    fore = (wrist - elbow) / max(float(np.hypot(*(wrist - elbow))), 1e-9)
    side = np.array([-fore[1], fore[0]])
    flesh = skin.deep if far else skin.lit
    w = np.array([0.21, 0.17, 0.13]) * b
    bare = limb(arm, w)
    palm = wrist + fore * 0.09
    hand = limb(np.stack([wrist + fore * 0.01, palm, palm + fore * 0.10]), [0.13, 0.17, 0.11], 4)
    thumb = limb(np.stack([wrist + fore * 0.05, palm + side * 0.09]), [0.08, 0.05], 3)
    d.outlined([(bare, flesh), (thumb, flesh), (hand, flesh)], skin.ink)
    cloth = top.deep if far else top.lit
    sw = w * 1.22 * o.loose + 0.02
    if o.sleeve >= 1:
        sleeve_j = np.stack([shoulder, elbow, wrist - fore * 0.03])
        widths = np.array([sw[0], sw[1] * 1.05, sw[2] * 1.2])
    else:
        end = shoulder + (elbow - shoulder) * min(1.0, o.sleeve * 1.6)
        sleeve_j, widths = np.stack([shoulder, end]), np.array([sw[0], sw[0] * 1.1])
    d.outlined([(limb(sleeve_j, widths), cloth)], top.ink)
    if not far and cloth != top.shade:
        d.fill(_strip(sleeve_j, widths, -light), top.shade)
        if o.sleeve < 1:
            lower = np.stack([shoulder + (elbow - shoulder) * min(0.95, o.sleeve * 1.6 + 0.1), elbow, wrist])
            d.fill(_strip(lower, w, -light), skin.shade)
    if o.collar in ("sailor", "hood") and o.sleeve >= 0.4:
        cuff = sleeve_j[-1]
        back = (sleeve_j[-2] - cuff) / max(float(np.hypot(*(sleeve_j[-2] - cuff))), 1e-9)
        paint = k.trim if o.collar == "sailor" else top
        d.outlined(
            [
                (
                    limb(np.stack([cuff + back * 0.02, cuff + back * 0.09]), [widths[-1] * 1.02] * 2, 3),
                    paint.deep if far else paint.lit,
                )
            ],
            paint.ink,
            0.7,
        )


def _leg(d: Drawing, k: Costume, leg: np.ndarray, light: float, far: bool) -> None:
    b, o = k.body.build, k.outfit
    hip, knee, ankle, toe = leg
    flesh = k.skin.deep if far else k.skin.lit
    sole = toe - ankle
    down = np.array([-sole[1], sole[0]]) / max(float(np.hypot(*sole)), 1e-9)
    heel = ankle - sole * 0.24 + down * 0.06
    shoe = curve(
        [
            ankle - sole * 0.20 - down * 0.05,
            ankle + sole * 0.25 - down * 0.07,
            ankle + sole * 0.62 + down * 0.0,
            toe + down * 0.01,
            toe + down * 0.075,
            toe + down * 0.075,
            ankle + sole * 0.3 + down * 0.125,
            heel + down * 0.06,
            heel + down * 0.06,
        ],
        3,
    )
    if o.bottom == "trousers":
        w = np.array([0.37, 0.30, 0.24]) * b
        paint = k.bottom.deep if far else k.bottom.lit
        d.outlined([(shoe, k.shoe.deep if far else k.shoe.lit)], k.shoe.ink)
        line = np.stack([hip, knee, ankle + (ankle - knee) * 0.02])
        d.outlined([(limb(line, w), paint)], k.bottom.ink)
        if not far and k.bottom.shade != k.bottom.lit:
            d.fill(_strip(line, w, -light), k.bottom.shade)
        return
    w = np.array([0.33, 0.245, 0.165]) * b
    line = np.stack([hip, knee, ankle])
    calf = knee + (ankle - knee) * 0.35
    shape = limb(np.stack([hip, knee, calf, ankle]), [w[0], w[1], w[1] * 0.98, w[2]])
    parts: list[tuple[np.ndarray, Rgb]] = [(shape, flesh)]
    d.outlined([(shoe, k.shoe.deep if far else k.shoe.lit)], k.shoe.ink)
    d.outlined(parts, k.skin.ink)
    if not far and k.skin.shade != k.skin.lit:
        d.fill(_strip(line, w, -light), k.skin.shade)
    if o.socks:
        top = ankle + (knee - ankle) * o.socks
        dark = o.bottom == "skirt"
        sock = k.trim if dark else paints(k.box, (246, 246, 250), 0 if k.skin.shade == k.skin.lit else 1)
        d.outlined(
            [
                (
                    limb(np.stack([top, ankle]), [w[1] * (0.72 + 0.3 * o.socks), w[2] * 1.08], 3),
                    sock.deep if far else sock.lit,
                )
            ],
            sock.ink,
            0.9,
        )
    if o.bottom == "shorts":
        end = hip + (knee - hip) * 0.58
        d.outlined(
            [(limb(np.stack([hip, end]), [0.40 * b, 0.40 * b], 4), k.bottom.deep if far else k.bottom.lit)],
            k.bottom.ink,
        )
