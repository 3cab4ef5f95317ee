"""An exposed shot on its way to the print, with its truth, and the further set-ups it is joined to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from animatrix.knowledge import Directive, Tag
from animatrix.synthetic.truth import Event, Truth

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot

SECOND_SETUP = 0x5EED  # added to the seed of a shot for the picture it is joined to


# what a cut-in panel shows: the eyes, on streaming lines
PANEL = {
    "shot_scale": "extreme_close_up",
    "action": "idle",
    "camera_move": "fix",
    "graphic_device": "speed_line_background",
}
LOOKS = ("rendering_tradition", "line_style", "shading_steps", "shading_treatment", "palette", "lighting")


@dataclass
class Take:
    """An exposed shot on its way to the print. ``frames`` and the maps of ``truth`` are changed in place."""

    shot: Shot
    frames: np.ndarray
    truth: Truth

    @property
    def length(self) -> int:
        return len(self.frames)

    def seconds(self, n: float) -> int:
        """Frames that last as long as ``n`` frames at 24 fps, at least 1."""
        return max(1, round(n * self.shot.scene.fps / 24))

    def window(self, name: str, value: str, length: float, at: float) -> tuple[int, int]:
        """Frames of a value: its span, else ``length`` 24ths of a second round share ``at`` of the shot."""
        span = self.shot.scene.direction.span(name, value)
        if span is not None:
            return max(0, span[0]), min(self.length - 1, span[1])
        n = min(self.seconds(length), max(1, self.length - 2))
        first = int(np.clip(round(at * (self.length - 1) - (n - 1) / 2), 0, self.length - n))
        return first, first + n - 1

    def replace(self, t: int, other: Take) -> None:
        """Show frame ``t`` of another take."""
        self.frames[t] = other.frames[t]
        self.truth.mask[t] = other.truth.mask[t]
        self.truth.deformation[t] = other.truth.deformation[t]
        self.truth.camera[t] = other.truth.camera[t]

    def warp(self, mapped: Callable[[np.ndarray], np.ndarray]) -> None:
        """Resample pictures and maps with one function of a ``[H,W,C]`` picture."""
        for t in range(self.length):
            self.frames[t] = mapped(self.frames[t])
            self.truth.mask[t] = mapped(self.truth.mask[t].astype(np.uint8) * 255) > 127
            if self.truth.deformation[t].any():
                self.truth.deformation[t] = mapped(self.truth.deformation[t])

    def note(self, kind: str, first: int, last: int, detail: str = "") -> None:
        """Add an event."""
        self.truth.events.append(Event(kind, first, last, detail))
        self.truth.events.sort(key=lambda e: (e.first, e.kind))

    def second(
        self, step: int = 0, size: tuple[int, int] | None = None, tags: dict[str, str] | None = None
    ) -> Take:
        """Another set-up, seed moved by ``step`` set-ups: all tags of this one, or its looks and ``tags``."""
        from animatrix.synthetic.printing import strike_print  # a set-up is printed like any shot

        shot = self.shot
        known = self.truth.directive.tags
        kept = {
            k: v for k, v in known.items() if (k in LOOKS if tags else k not in ("transition", "framing"))
        }
        kept.update({k: (Tag(v, None),) for k, v in (tags or {}).items()})
        request = Directive.model_validate(
            {
                "narrative": shot.directive.narrative,
                "tags": {
                    k: [{"value": t.value, "span": list(t.span) if t.span else None} for t in v]
                    for k, v in kept.items()
                },
                "frames": shot.directive.frames,
                "fps": shot.directive.fps,
            }
        )
        filmed = replace(shot.take, failure=None)
        other = type(shot)(request, shot.seed + step * SECOND_SETUP, size or shot.size, shot.cast, filmed)
        frames, truth = other.expose()
        return Take(other, *strike_print(other, frames, truth))


def larger(take: Take, factor: float) -> Take:
    """The same shot exposed ``factor`` times larger, so that an enlargement stays sharp."""
    shot = take.shot
    w, h = shot.size
    size = (round(w * factor), round(h * factor))
    other = type(shot)(shot.directive, shot.seed, size, shot.cast, shot.take)
    frames, truth = other.expose()
    return Take(other, frames, truth)
