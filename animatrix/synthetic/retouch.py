"""Deformations and smears at work in a shot: which drawings are redrawn, and how far from the model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from animatrix.synthetic.deform import DEFORMERS, Job, departure
from animatrix.synthetic.exaggerate import CYCLES, Asked, Device, Motion, amount, place
from animatrix.synthetic.ink import FILL, Drawing
from animatrix.synthetic.smear import COMPOSITED, DRAWN, Trail
from animatrix.synthetic.truth import Event

State = tuple[tuple[int, float], ...]  # (number of the device, amplitude) of what is drawn into a cel
_ORDER = {name: n for n, name in enumerate((*DEFORMERS, *DRAWN, *COMPOSITED))}


@dataclass(frozen=True)
class Retouch:
    """The placed devices of one shot. Empty when nothing is asked, or when the shot is filmed flat."""

    asked: Asked = field(default_factory=Asked)
    devices: tuple[Device, ...] = ()
    fps: float = 24.0
    moments: np.ndarray = field(default_factory=lambda: np.zeros(0, int))

    @classmethod
    def of(cls, scene, performance, body, moments: np.ndarray, flat: bool) -> Retouch:
        """Place what ``scene`` asks on the drawings of ``performance``."""
        asked: Asked = scene.exaggeration
        if flat or not asked or scene.squash_stretch:
            return cls()
        motion = Motion.of(performance.pose, body, moments, scene.fps)
        hit = None if scene.action in CYCLES else scene.hit
        devices = place(asked, motion, scene.frames, scene.fps, hit)
        devices = tuple(sorted(devices, key=lambda d: _ORDER[d.value]))
        return cls(asked, devices, scene.fps, np.unique(moments))

    def state(self, t: int, moment: int) -> State:
        """What is drawn into the cel of frame ``t``, whose drawing began at frame ``moment``."""
        out = []
        for n, d in enumerate(self.devices):
            if t in d.frames:
                a = amount(d, max(moment, d.first)) * self.asked.gain(t)
                if abs(a) > 0.02:
                    out.append((n, round(float(a), 4)))
        return tuple(out)

    def exposures(self, moments: np.ndarray) -> np.ndarray:
        """Number of the drawing at every frame, retouched and clean ones apart."""
        if not self.devices:
            return moments
        seen: dict[tuple[int, State], int] = {}
        return np.array(
            [seen.setdefault((int(m), self.state(t, int(m))), len(seen)) for t, m in enumerate(moments)]
        )

    def shown(self, moments: np.ndarray) -> dict[int, list[int]]:
        """Frames on which every device really changes the drawing."""
        out: dict[int, list[int]] = {}
        for t, m in enumerate(moments):
            for n, _ in self.state(t, int(m)):
                out.setdefault(n, []).append(t)
        return out

    def trail(self, job: Job, ratio: float) -> Trail:
        """The way from the drawing before."""
        frame = round(job.t * self.fps)
        earlier = self.moments[self.moments < frame]
        hold = (frame - int(earlier[-1])) / self.fps if len(earlier) else 0.0
        return Trail(job, min(max(hold, 2.4 / 24), 5 / 24), ratio)

    def redraw(self, job: Job, state: State, ratio: float) -> list[float]:
        """Apply the drawn devices of ``state`` to ``job.drawing``; -> departure 0..1 of each of its ops."""
        clean = Drawing(list(job.drawing.ops), list(job.drawing.parts), dict(job.drawing.bones))
        for n, a in state:
            device = self.devices[n]
            if device.value in DEFORMERS:
                DEFORMERS[device.value](job, a)
            elif device.value in DRAWN and a > 0:
                DRAWN[device.value](job, self.trail(job, ratio), a)
        return departure(clean, job.drawing, min(1.0, max(abs(a) for _, a in state)))

    def composited(self, state: State) -> list[tuple[str, float]]:
        """(smear technique, amplitude) of ``state`` that work on the cel."""
        return [(self.devices[n].value, a) for n, a in state if self.devices[n].value in COMPOSITED]

    def events(self, moments: np.ndarray) -> list[Event]:
        """Onset to end, and the peak, of every device that shows."""
        out = []
        for n, frames in self.shown(moments).items():
            d = self.devices[n]
            out.append(Event(d.field, frames[0], frames[-1], d.value))
            peak = max(frames, key=lambda t: dict(self.state(t, int(moments[t])))[n])
            out.append(Event("deformation_peak", peak, peak, d.value))
        return out


def grey(drawing: Drawing, levels: list[float]) -> Drawing:
    """The drawing's fills painted with ``levels`` (0..1) instead of colours: its map of departure."""
    out = Drawing()
    for op, level in zip(drawing.ops, levels, strict=True):
        v = round(255 * level)
        if op[0] in (FILL, 3):
            out.ops.append((op[0], op[1], (v, v, v), 0.0, op[4]))
    return out
