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
    "truck_left": (-1, 0, 0),
    "truck_right": (1, 0, 0),
    "crane_up": (0, -0.72, 0),
    "crane_down": (0, 0.72, 0),
    "dolly_in": (0, 0, 1),
    "dolly_out": (0, 0, -1),
    "follow_pan": (0, 0, 0),
    "roll": (0, 0, 0),
    "dolly_zoom": (0, 0, 0),
    "orbit": (0, 0, 0),
}
FLAT = frozenset({"fix", "pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back"})
TRACKING = frozenset({"follow", "follow_pan"})  # the frame goes with a traveller
# share of the frame width travelled per frame at 24 fps, and log zoom per frame
SPEEDS: dict[str, tuple[float, float]] = {
    "creeping": (0.0004, 0.0004),
    "slow_move": (0.0025, 0.0032),
    "medium_move": (0.0064, 0.0085),
    "quick": (0.0140, 0.0155),
    "whip": (0.0850, 0.0700),
}
FOLLOW_SPEEDS = {
    "creeping": 0.0004,
    "slow_move": 0.0028,
    "medium_move": 0.0095,
    "quick": 0.024,
    "whip": 0.075,
}
SHAKES = {"steady": 0.0, "handheld": 0.0028, "screen_shake": 0.016, "violent_shake": 0.055}
RECTANGULAR = ("screen_shake", "violent_shake")  # frame-to-frame sign changes
PARALLAX = {"sky": 0.25, "far": 0.55, "main": 1.0, "book": 1.55}


DOLLY_ZOOM_LENS = 0.45
# radians per frame at 24 fps; a roll eases off towards MAX_ROLL
ROLL_SPEEDS = {"creeping": 0.0008, "slow_move": 0.004, "medium_move": 0.011, "quick": 0.03, "whip": 0.12}
MAX_ROLL = 0.62


@dataclass(frozen=True)
class CameraPath:
    """Frame offset in pixels ``[T,2]`` (content moves by minus this), zoom ``[T]`` and shake ``[T,2]``.

    ``roll`` (radians, content turns by it) and ``spread`` are None or ``[T]``. A plane at parallax k is
    further enlarged by ``exp(spread * (lens * k - 1))``: lens 1 leaves the figure's plane to ``zoom``
    (a dolly), a smaller one also moves the ground of a figure that keeps its size (a dolly zoom).
    """

    offset: np.ndarray
    zoom: np.ndarray
    shake: np.ndarray
    size: tuple[int, int]
    roll: np.ndarray | None = None
    spread: np.ndarray | None = None
    lens: float = 1.0

    def zoom_at(self, parallax: float) -> np.ndarray:
        """Enlargement ``[T]`` of a plane."""
        if self.spread is None:
            return self.zoom
        return self.zoom * np.exp(self.spread * (self.lens * parallax - 1))

    def matrices(self, parallax: float = 1.0) -> np.ndarray:
        """``float [T,2,3]``: pixels of the layer as framed in frame 0 -> pixels of frame t."""
        w, h = self.size
        c = np.array([(w - 1) / 2, (h - 1) / 2])
        m = np.zeros((len(self.zoom), 2, 3))
        zoom = self.zoom_at(parallax)
        m[:, 0, 0] = m[:, 1, 1] = zoom
        m[:, :, 2] = c * (1 - zoom[:, None]) - self.offset * parallax * zoom[:, None] + self.shake
        return m if self.roll is None else rolled(m, self.roll, self.size)

    def figure_matrices(self) -> np.ndarray:
        """As :meth:`matrices`, for the plane of the figure."""
        return CameraPath(self.offset, self.zoom, self.shake, self.size, self.roll).matrices()


def rolled(matrices: np.ndarray, angle: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``matrices`` ``[T,2,3]`` followed by a turn of the picture by ``angle`` ``[T]`` about its centre."""
    w, h = size
    centre = np.array([(w - 1) / 2, (h - 1) / 2])
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    linear = turn @ matrices[:, :, :2]
    shift = np.einsum("tij,tj->ti", turn, matrices[:, :, 2] - centre) + centre
    return np.concatenate([linear, shift[:, :, None]], 2)


def relative(matrices: np.ndarray) -> np.ndarray:
    """The same path seen from frame 0: ``matrices[t]`` after the inverse of ``matrices[0]``, ``[T,2,3]``."""
    whole = np.tile(np.eye(3), (len(matrices), 1, 1))
    whole[:, :2] = matrices
    out = (whole @ np.linalg.inv(whole[0]))[:, :2]
    out[0] = np.eye(3)[:2]
    return out


def _progress(first: int, last: int, frames: int) -> np.ndarray:
    """0 before ``first``, 1 after ``last``, with short eases at both ends in between."""
    u = np.clip((np.arange(frames) - first) / max(1, last - first), 0, 1)
    return 0.7 * u + 0.3 * u * u * (3 - 2 * u)


def _whip(first: int, last: int, frames: int, fps: float) -> tuple[int, int]:
    """Frames of a whip move: two thirds of a second, arriving three quarters through the frames given."""
    length = round(16 * fps / 24)
    if last - first <= length:
        return first, last
    end = min(last, max(first + length, first + round(0.75 * (last - first))))
    return end - length, end


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
    tilt: float = 0.0,
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
        tilt: radians by which the whole picture leans.
    """
    w, h = size
    offset, log_zoom = np.zeros((frames, 2)), np.zeros(frames)
    spread, roll = np.zeros(frames), np.full(frames, tilt)
    lens = 1.0
    tick = 24.0 / fps
    for name, first, last in moves:
        if speed == "whip":
            first, last = _whip(first, last, frames, fps)
        dx, dy, dz = MOVES[name]
        p: np.ndarray = _progress(first, last, frames) * (last - first) * tick
        travel, zoom = SPEEDS[speed]
        if name == "follow":
            dx, travel = facing, FOLLOW_SPEEDS[speed]
            p = np.clip(np.arange(frames) - first, 0, last - first) * tick
        if name == "follow_pan":
            dx, travel = facing, FOLLOW_SPEEDS[speed]
        offset += np.outer(p, [dx * travel * w, dy * travel * w])
        # a long quick zoom would leave the painting: it eases off towards 2.4x
        total = dz * zoom * p
        reach = 0.875
        eased = np.sign(total) * reach * np.tanh(np.abs(total) / reach)
        log_zoom += eased
        if name in ("dolly_in", "dolly_out"):
            spread += eased
        elif name == "dolly_zoom":
            lens = DOLLY_ZOOM_LENS
            spread += reach * np.tanh(1.6 * zoom * p / reach) * (-facing)
        elif name == "roll":
            roll += -facing * np.tanh(ROLL_SPEEDS[speed] * p / MAX_ROLL) * MAX_ROLL
    jitter = np.zeros((frames, 2))
    amount = SHAKES[shake] * h
    if shake == "handheld":
        t = np.arange(frames) / fps
        for axis in range(2):
            for hz in (0.9, 1.7, 2.6):
                jitter[:, axis] += np.sin(2 * np.pi * (hz * t + rng.random())) / 3
        jitter = (jitter - jitter[:1]) * amount * 1.6
    elif shake in RECTANGULAR:
        start = hit or 0
        n = np.arange(frames) - start
        sign = np.where((n * 24 / fps).astype(int) % 2 == 0, 1.0, -1.0)
        floor = 0.0 if hit is not None else 0.3 if shake == "screen_shake" else 0.6
        fade = np.where(n < 0, 0.0, np.clip(1.25 - n / (14 * fps / 24), floor, 1))
        jitter = np.stack([0.5 * sign * rng.choice([-1, 1], frames), sign], 1) * (fade * amount)[:, None]
        jitter[0] = 0
    return CameraPath(
        offset,
        np.exp(log_zoom),
        jitter,
        size,
        roll if roll.any() else None,
        spread if spread.any() else None,
        lens,
    )
