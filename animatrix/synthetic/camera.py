"""Camera work of the animation stand: moves, speed, shake and parallax as one matrix per frame and layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# move -> (frame x, frame y, log zoom) in units of the move's own speed; content moves the other way
MOVES: dict[str, tuple[float, float, float]] = {
    "fix": (0, 0, 0),
    "pan_left": (-1, 0, 0),
    "pan_right": (1, 0, 0),
    "tilt_up": (0, -0.72, 0),
    "tilt_down": (0, 0.72, 0),
    "track_up": (0, 0, 1),
    "track_back": (0, 0, -1),
    "follow": (0, 0, 0),  # set by the runner, see ``follow``
}
# share of the frame width travelled per frame at 24 fps, and log zoom per frame
SPEEDS: dict[str, tuple[float, float]] = {
    "creeping": (0.0004, 0.0004),
    "slow_move": (0.0025, 0.0032),
    "medium_move": (0.0064, 0.0085),
    "quick": (0.0140, 0.0155),
}
FOLLOW_SPEEDS = {"creeping": 0.0004, "slow_move": 0.0028, "medium_move": 0.0095, "quick": 0.024}
SHAKES = {"steady": 0.0, "handheld": 0.0028, "screen_shake": 0.016}
PARALLAX = {"sky": 0.25, "far": 0.55, "main": 1.0, "book": 1.55}


@dataclass(frozen=True)
class CameraPath:
    """Frame offset in pixels ``[T,2]`` (content moves by minus this), zoom ``[T]`` and shake ``[T,2]``."""

    offset: np.ndarray
    zoom: np.ndarray
    shake: np.ndarray
    size: tuple[int, int]

    def matrices(self, parallax: float = 1.0) -> np.ndarray:
        """``float [T,2,3]``: pixels of the layer as framed in frame 0 -> pixels of frame t."""
        w, h = self.size
        c = np.array([(w - 1) / 2, (h - 1) / 2])
        m = np.zeros((len(self.zoom), 2, 3))
        m[:, 0, 0] = m[:, 1, 1] = self.zoom
        m[:, :, 2] = c * (1 - self.zoom[:, None]) - self.offset * parallax * self.zoom[:, None] + self.shake
        return m


def _progress(first: int, last: int, frames: int) -> np.ndarray:
    """0 before ``first``, 1 after ``last``, with short eases at both ends in between."""
    u = np.clip((np.arange(frames) - first) / max(1, last - first), 0, 1)
    return 0.7 * u + 0.3 * u * u * (3 - 2 * u)


def film(
    moves: list[tuple[str, int, int]],
    speed: str,
    shake: str,
    frames: int,
    fps: float,
    size: tuple[int, int],
    rng: np.random.Generator,
    facing: int = 1,
    hit: int | None = None,
) -> CameraPath:
    """Path of the frame over the layout.

    Args:
        moves: (camera_move value, first frame, last frame); they add up.
        speed: ``move_speed`` value.
        shake: ``camera_shake`` value; a screen shake starts at ``hit`` (whole shot when None) and dies down.
        frames, fps, size: of the shot, (width, height) in pixels.
        rng: shake noise.
        facing: direction of a followed runner, +1 right.
        hit: frame of the blow.
    """
    w, h = size
    offset, log_zoom = np.zeros((frames, 2)), np.zeros(frames)
    tick = 24.0 / fps
    for name, first, last in moves:
        dx, dy, dz = MOVES[name]
        p: np.ndarray = _progress(first, last, frames) * (last - first) * tick
        travel, zoom = SPEEDS[speed]
        if name == "follow":
            dx, travel = facing, FOLLOW_SPEEDS[speed]
            p = np.clip(np.arange(frames) - first, 0, last - first) * tick
        offset += np.outer(p, [dx * travel * w, dy * travel * w])
        # a long quick zoom would leave the painting: it eases off towards 2.4x
        total = dz * zoom * p
        log_zoom += np.sign(total) * 0.875 * np.tanh(np.abs(total) / 0.875)
    jitter = np.zeros((frames, 2))
    amount = SHAKES[shake] * h
    if shake == "handheld":
        t = np.arange(frames) / fps
        for axis in range(2):
            for hz in (0.9, 1.7, 2.6):
                jitter[:, axis] += np.sin(2 * np.pi * (hz * t + rng.random())) / 3
        jitter = (jitter - jitter[:1]) * amount * 1.6
    elif shake == "screen_shake":
        start = hit or 0
        n = np.arange(frames) - start
        sign = np.where((n * 24 / fps).astype(int) % 2 == 0, 1.0, -1.0)
        fade = np.where(n < 0, 0.0, np.clip(1.25 - n / (14 * fps / 24), 0.3 if hit is None else 0.0, 1))
        jitter = np.stack([0.5 * sign * rng.choice([-1, 1], frames), sign], 1) * (fade * amount)[:, None]
        jitter[0] = 0
    return CameraPath(offset, np.exp(log_zoom), jitter, size)
