"""When a deformation or a smear is drawn, and how strongly: spans, fast phases, envelopes and intensities.

A device starts, peaks and recovers the way an animator times it: anticipation the other way, a peak on the
accent, an overshoot, and the model sheet again before the shot goes on. Smears sit on the fastest drawings.
"""

# ruff: noqa: RUF005 - vectors are added here, not lists
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.synthetic.acting import smooth
from animatrix.synthetic.pose import Body, Pose, solve

# deformation_intensity -> factor on every amplitude
INTENSITIES = {"on_model": 0.0, "subtle_push": 0.38, "pronounced": 1.0, "extreme": 1.65}
CYCLES = frozenset({"idle", "speak", "gesture", "walk", "run", "dance"})


@dataclass(frozen=True)
class Envelope:
    """How a device comes and goes: its law, and seconds before and after the peak where no span is asked."""

    law: Callable[
        [float, float], float
    ]  # (share of the way to the peak, share of the way after it) -> amount
    before: float
    after: float


def _push(v: float, w: float) -> float:
    """Anticipation, fast attack, short hold, spring back through zero."""
    if v < 1:
        return -0.28 * float(np.sin(np.pi * v / 0.35)) if v < 0.35 else smooth((v - 0.35) / 0.65)
    if w < 0.25:
        return 1.0 - 0.4 * w
    x = (w - 0.25) / 0.75
    return float(0.9 * np.cos(1.5 * np.pi * x) * (1 - x))


def _swell(v: float, w: float) -> float:
    """Grows, stays, and goes back with a small overshoot."""
    if v < 1:
        return smooth(v)
    return 1.0 if w < 0.45 else float(np.cos(0.62 * np.pi * (x := (w - 0.45) / 0.55)) * (1 - x**4))


def _pop(v: float, w: float) -> float:
    """There in one drawing, a touch too far, and gone in one drawing."""
    return 1.12 if v < 1 else (1.0 if w < 1 else 0.0)


PUSH, SWELL, POP = Envelope(_push, 0.24, 0.42), Envelope(_swell, 0.34, 0.46), Envelope(_pop, 0.08, 0.42)
ENVELOPES: dict[str, Envelope] = {
    "squash_stretch": PUSH,
    "chibi_shift": POP,
    "limb_elongation": PUSH,
    "forced_foreshortening": PUSH,
    "face_exaggeration": PUSH,
    "rubber_limb": SWELL,
    "morphing": SWELL,
    "melting_wobble": SWELL,
    "paper_flatten": SWELL,
    "scale_pop": POP,
    "broken_silhouette": POP,
}
# smear -> (share of the top speed a drawing must have, most frames at 24 fps, instances in a cycle)
SMEARS: dict[str, tuple[float, int, int]] = {
    "elongated_inbetween": (0.62, 3, 2),
    "multiples": (0.62, 3, 2),
    "dry_brush_smear": (0.62, 3, 2),
    "arc_fill_smear": (0.62, 3, 2),
    "shape_abstraction": (0.30, 6, 2),
    "afterimage_ghost": (0.25, 10, 3),
    "digital_motion_blur": (0.30, 8, 3),
}

# what a device needs of other fields where they are asked for, as in drawable.NEEDS
_DRAWN_CADENCES = ("ones", "twos", "threes", "fours_or_slower", "modulated")
_FAST_ACTIONS = (
    "gesture", "react", "walk", "run", "dash", "jump", "strike", "slash", "fall", "dodge_guard", "dance",
    "cast",
)  # fmt: skip
_BODY_SCALES = ("long", "full", "medium_long")  # a whole figure, or nearly
_FACE_SCALES = (*_BODY_SCALES, "medium", "medium_close", "close_up")
_FACED = (
    "chibi_shift",
    "face_exaggeration",
    "scale_pop",
    "melting_wobble",
    "broken_silhouette",
    "squash_stretch",
)
EXAGGERATION_NEEDS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    *(("smear_technique", v, "drawing_cadence", _DRAWN_CADENCES) for v in SMEARS),
    *(("body_deformation", v, "drawing_cadence", _DRAWN_CADENCES) for v in ENVELOPES),
    *(
        ("deformation_intensity", v, "drawing_cadence", _DRAWN_CADENCES)
        for v in INTENSITIES
        if v != "on_model"
    ),
    *(("smear_technique", v, "action", _FAST_ACTIONS) for v in SMEARS),
    *(("smear_technique", v, "shot_scale", _BODY_SCALES) for v in SMEARS),
    *(("deformation_intensity", v, "shot_scale", _FACE_SCALES) for v in INTENSITIES if v != "on_model"),
    *(("body_deformation", v, "shot_scale", _BODY_SCALES) for v in ENVELOPES if v not in _FACED),
    *(("body_deformation", v, "shot_scale", _FACE_SCALES) for v in _FACED),
)


@dataclass(frozen=True)
class Asked:
    """Devices of a directive: (value, first, last, has a span) per device, and the intensity over time."""

    deformations: tuple[tuple[str, int, int, bool], ...] = ()
    smears: tuple[tuple[str, int, int, bool], ...] = ()
    intensities: tuple[tuple[str, int, int], ...] = ()

    @classmethod
    def of(cls, d: Directive) -> Asked:
        """What ``d`` asks of the fields body_deformation, smear_technique and deformation_intensity."""

        def devices(name: str) -> tuple[tuple[str, int, int, bool], ...]:
            return tuple(
                (t.value, *d.span_frames(t), t.span is not None)
                for t in d.tags.get(name, ())
                if t.value != "none"
            )

        levels = tuple((t.value, *d.span_frames(t)) for t in d.tags.get("deformation_intensity", ()))
        deformations = devices("body_deformation")
        if not {"body_deformation", "smear_technique"} & set(d.tags) and any(
            v != "on_model" for v, _, _ in levels
        ):
            deformations = (("squash_stretch", 0, d.frames - 1, False),)
        return cls(deformations, devices("smear_technique"), levels)

    def __bool__(self) -> bool:
        return bool(self.deformations or self.smears)

    @property
    def plain(self) -> bool:
        """Squash and stretch alone, over the whole shot and at no stated intensity."""
        return (
            not self.smears
            and not self.intensities
            and self.deformations[:1] == self.deformations
            and (
                bool(self.deformations)
                and self.deformations[0][0] == "squash_stretch"
                and not self.deformations[0][3]
            )
        )

    @property
    def scale(self) -> str:
        """Shot scale that shows the devices; empty where nothing new is asked."""
        if self.plain or not self:
            return ""
        return "medium_close" if [v for v, *_ in self.deformations] == ["face_exaggeration"] else "full"

    def gain(self, frame: int) -> float:
        """Amplitude factor at a frame; pronounced where nothing is said."""
        return next((INTENSITIES[v] for v, a, b in self.intensities if a <= frame <= b), 1.0)


@dataclass(frozen=True)
class Device:
    """One placed device: frames of its onset, peak and end, and the frames it may show on."""

    field: str
    value: str
    first: int
    peak: int
    last: int
    frames: frozenset[int]


@dataclass(frozen=True)
class Motion:
    """Positions of the figure's extremities at every drawing, in heads of screen space facing +x."""

    moments: np.ndarray  # first frame of each drawing
    points: np.ndarray  # [K, parts, 2]
    speed: np.ndarray  # heads per second at each drawing
    parts: tuple[str, ...] = ("arm_n", "arm_f", "leg_n", "leg_f", "head", "torso")

    @classmethod
    def of(cls, pose_at: Callable[[float], Pose], body: Body, moments: np.ndarray, fps: float) -> Motion:
        """Measure a performance at its drawings."""
        keys = np.unique(moments)

        def points(t: float) -> np.ndarray:
            pose = pose_at(t)
            j = solve(pose, body)
            p = np.stack([j.arm_n[-1], j.arm_f[-1], j.leg_n[2], j.leg_f[2], j.head, j.pelvis])
            c, s = np.cos(pose.spin), np.sin(pose.spin)
            p = (p - j.pelvis) @ np.array([[c, s], [-s, c]]) + j.pelvis
            return p + (pose.x, 0.0)

        now = np.stack([points(m / fps) for m in keys])
        back = np.stack([points(m / fps - 1.5 / 24) for m in keys])
        speed = np.hypot(*np.moveaxis(now - back, 2, 0)).max(1) * 24 / 1.5
        return cls(keys, now, speed)


def _fast_drawings(motion: Motion, floor: float, first: int, last: int) -> list[int]:
    """Indices of local speed maxima among drawings of frames first..last, fastest first."""
    inside = [k for k in range(1, len(motion.moments)) if first <= motion.moments[k] <= last]
    if not inside:
        return []
    top = max(motion.speed[k] for k in inside)
    peaks = [k for k in inside if motion.speed[k] >= max(motion.speed[max(1, k - 1) : k + 2]) - 1e-9]
    return sorted((k for k in peaks if motion.speed[k] >= floor * top), key=lambda k: -motion.speed[k])


def _place_smear(
    value: str, span: tuple[int, int, bool], motion: Motion, frames: int, fps: float, hit: int | None
):
    floor, most, instances = SMEARS[value]
    first, last, asked = span
    limit = max(1, round(most * fps / 24))
    if asked and last - first + 1 <= max(limit, round(6 * fps / 24)):
        return [Device("smear_technique", value, first, first, last, frozenset(range(first, last + 1)))]
    if not asked and hit is not None:
        first, last = max(first, hit - round(0.30 * fps)), min(last, hit + round(0.17 * fps))
    out: list[Device] = []
    ends = [*motion.moments[1:], frames]
    if not asked and hit is None:  # a cycle goes on after its smear
        first, last = min(2, last), max(last - round(0.2 * fps), 1)
    fast = _fast_drawings(motion, 0.8, first, last) or _fast_drawings(motion, 0.0, 0, frames - 1)
    if not fast:  # one drawing only: it came from somewhere
        return [Device("smear_technique", value, last, last, last, frozenset({last}))]
    for k in fast:
        if len(out) >= (1 if hit is not None else instances):
            break
        lo = hi = k
        while hi - lo < 8:  # grow over the neighbours that are nearly as fast
            room = ends[hi] - motion.moments[lo]
            ahead = motion.speed[hi + 1] if hi + 1 < len(ends) else 0.0
            back = motion.speed[lo - 1] if lo > 1 else 0.0
            more_ahead = ahead >= back
            nxt = hi + 1 if more_ahead else lo - 1
            if max(ahead, back) < floor * motion.speed[k] or not 0 < nxt < len(ends):
                break
            if room + (ends[nxt] - motion.moments[nxt]) > limit:
                break
            lo, hi = (lo, nxt) if more_ahead else (nxt, hi)
        a, b = int(motion.moments[lo]), min(int(ends[hi]) - 1, last if asked else frames - 1)
        if any(a <= o.last + round(fps / 4) and o.first - round(fps / 4) <= b for o in out):
            continue
        out.append(Device("smear_technique", value, a, int(motion.moments[k]), b, frozenset(range(a, b + 1))))
    return out


def _place_deformation(
    value: str, span: tuple[int, int, bool], motion: Motion, frames: int, fps: float, accent: int
):
    first, last, asked = span
    env = ENVELOPES[value]
    if asked:
        peak = (
            accent
            if first <= accent <= last
            else first + round((last - first) * env.before / (env.before + env.after))
        )
    else:
        peak = accent
        first, last = (
            max(0, peak - round(env.before * fps)),
            min(max(peak, frames - 2), peak + round(env.after * fps)),
        )
    if not asked:  # whole drawings
        first = int(max(motion.moments[motion.moments <= first], default=first))
        ends = motion.moments[motion.moments > peak] - 1
        last = int(max(ends[ends <= last], default=min(ends, default=frames - 1)))
    later = motion.moments[motion.moments >= peak]
    if len(later) and later[0] <= last:  # the peak is a drawing
        peak = int(later[0])
    return Device("body_deformation", value, first, peak, last, frozenset(range(first, last + 1)))


def place(asked: Asked, motion: Motion, frames: int, fps: float, hit: int | None) -> tuple[Device, ...]:
    """Place every asked device on the drawings. ``hit``: frame of the blow; None in a cycle."""
    # in a cycle the accent is a fast drawing with room around it to come and to go
    middle = _fast_drawings(motion, 0.0, round(0.30 * frames), round(0.55 * frames))
    middle = middle or [len(motion.moments) // 2]
    accent = hit if hit is not None else int(motion.moments[middle[0]])
    accent = min(max(accent, 1), max(1, frames - 2))
    out = [_place_deformation(v, (a, b, s), motion, frames, fps, accent) for v, a, b, s in asked.deformations]
    for v, a, b, s in asked.smears:
        out += _place_smear(v, (a, b, s), motion, frames, fps, hit)
    return tuple(out)


def amount(device: Device, frame: float) -> float:
    """Amplitude of a placed device at a drawing's frame: 1 at its peak, 0 outside of it."""
    if device.field == "smear_technique":
        return 1.0
    v = (frame - device.first + 1) / max(1.0, device.peak - device.first + 1)
    w = (frame - device.peak) / max(1.0, device.last - device.peak + 1)
    return ENVELOPES[device.value].law(min(v, 1.0) if frame < device.peak else 1.0, max(0.0, w))


def check_exaggeration(directive: Directive) -> None:
    """Refuse an intensity that nothing could carry: UNSUPPORTED_VALUE."""
    levels = [v for v in directive.values("deformation_intensity") if v != "on_model"]
    named = {"body_deformation", "smear_technique"} & set(directive.tags)
    if levels and named and not Asked.of(directive):
        raise AniMatrixError(
            Code.UNSUPPORTED_VALUE,
            f"the renderer cannot draw deformation_intensity={levels[0]} with {sorted(named)[0]}=none",
            "say which body_deformation or smear_technique carries it",
        )
