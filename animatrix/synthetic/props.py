"""Things held: a blade in the near hand, energy between the hands and its flight."""

from __future__ import annotations

import numpy as np

from animatrix.synthetic.costume import Costume
from animatrix.synthetic.handling import draw_held
from animatrix.synthetic.ink import Drawing, curve, ellipse
from animatrix.synthetic.palette import mix
from animatrix.synthetic.pose import Pose


def blade_line(arm: np.ndarray, pose: Pose) -> np.ndarray:
    """Grip and tip ``[2,2]`` of the weapon in hand."""
    fore = arm[-1] - arm[-2]
    fore = fore / max(float(np.hypot(*fore)), 1e-9)
    c, s = np.cos(pose.swing), np.sin(pose.swing)
    ahead = np.array([fore[0] * c - fore[1] * s, fore[0] * s + fore[1] * c])
    grip = arm[-1] + fore * 0.10
    return np.stack([grip, grip + ahead * pose.blade])


def _blade(d: Drawing, k: Costume, pose: Pose) -> None:
    grip, tip = blade_line(d.bones["arm_n"], pose)
    ahead = (tip - grip) / max(float(np.hypot(*(tip - grip))), 1e-9)
    side = np.array([-ahead[1], ahead[0]])
    steel, dark = k.box.figure((226, 234, 244)), k.box.figure((120, 132, 158))
    ink = mix(dark, (20, 20, 40), 0.6)
    handle = np.stack([grip - ahead * 0.34 + side * 0.045, grip + side * 0.045, grip - side * 0.045])
    handle = np.concatenate([handle, [grip - ahead * 0.34 - side * 0.045]])
    bow = side * (-0.07 * pose.blade)
    edge = curve(
        [grip + side * 0.07, grip + ahead * pose.blade * 0.55 + side * 0.07 + bow, tip, tip,
         grip + ahead * pose.blade * 0.5 - side * 0.07 + bow, grip - side * 0.07, grip - side * 0.07], 4,
    )  # fmt: skip
    left, right = grip + side * 0.15, grip - side * 0.15
    guard = np.stack([left, left + ahead * 0.07, right + ahead * 0.07, right])
    d.mark("blade")
    d.outlined([(handle, k.box.figure((92, 52, 60)))], ink, 0.8)
    d.outlined([(edge, steel)], ink, 0.8)
    d.inside(edge, edge - side * 0.055, dark)
    d.outlined([(guard, k.box.figure((206, 164, 74)))], ink, 0.8)
    d.bones["blade"] = np.stack([grip, tip])


def _energy(d: Drawing, k: Costume, pose: Pose) -> None:
    near, far = d.bones["arm_n"], d.bones["arm_f"]
    fore = near[-1] - near[-2]
    fore = fore / max(float(np.hypot(*fore)), 1e-9)
    centre = (near[-1] + far[-1]) / 2 + fore * (0.18 + pose.glow * 0.8)
    centre = centre + np.array([pose.bolt, 0.0])
    core, bright, rim = (255, 255, 255), (190, 244, 255), (70, 176, 255)
    stretch = 1 + min(1.2, pose.bolt * 0.35)
    d.mark("energy")
    for size, paint in ((1.0, rim), (0.78, bright), (0.50, core)):
        r = pose.glow * size
        spikes = 1 + (0.16 if size == 1.0 else 0.05) * np.cos(np.arange(22) * np.pi)
        ball = ellipse(0.0, 0.0, r * stretch, r, n=22) * spikes[:, None]
        tail = np.where(ball[:, :1] < 0, pose.bolt * 0.55 * size, 0.0) * np.abs(ball[:, :1]) / max(r, 1e-6)
        d.fill(curve(centre + ball - np.concatenate([tail, np.zeros_like(tail)], 1), 3), paint)
    d.bones["energy"] = np.stack([centre])


def draw_props(d: Drawing, k: Costume, pose: Pose) -> None:
    """Draw what the pose holds: ``pose.blade`` heads of steel, ``pose.glow`` heads of light."""
    if pose.held > 0.5:
        draw_held(d, k, pose)
    if pose.blade > 0.05:
        _blade(d, k, pose)
    if pose.glow > 0.02:
        _energy(d, k, pose)
