"""Test footage filmed by script: a painted plate, a drawn figure, a camera, and the facts of all three.

Independent of ``animatrix.synthetic`` on purpose: the captioner must not be checked on the pictures, nor
with the code, that it was built beside. Everything follows from ``Take`` and its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from animatrix.media import Clip

LOOKS = ("painted", "textured", "sparse")
MOVES = ("fix", "pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back", "roll")
HOLD = {"ones": 1, "twos": 2, "threes": 3, "fours_or_slower": 4, "still": 10**9}
_INK = (38, 30, 48)


@dataclass(frozen=True)
class Take:
    """One shot to film.

    ``travel`` is the whole camera move: a fraction of the frame's width (pan), of its height (tilt), of
    its scale (track) or of 60 degrees (roll). ``figure`` is the figure's height in frame heights, 0 for an
    empty plate. ``rides``: 'plate' (acts on the spot), 'screen' (stays put on the screen while the plate
    streams by) or 'walks' (also crosses the plate, a step with every drawing). In a roll the figure stays
    upright on the screen.
    """

    move: str = "fix"
    cadence: str = "twos"
    look: str = "painted"
    size: tuple[int, int] = (160, 96)
    frames: int = 33
    fps: float = 24.0
    seed: int = 0
    travel: float = 0.2
    figure: float = 0.8
    rides: str = "plate"
    grain: float = 0.0
    eased: bool = False


def film(take: Take) -> Clip:
    """The shot as frames; drawn at twice the size when small, and reduced, so that edges are soft."""
    oversample = 2 if max(take.size) < 480 else 1
    width, height = take.size[0] * oversample, take.size[1] * oversample
    rng = np.random.default_rng(take.seed)
    margin = max(0.12, take.travel * 1.1) if take.move != "fix" else 0.02
    plate, border = _plate(take.look, width, height, margin, rng)
    grain_rng = np.random.default_rng((take.seed, 1))
    tint = rng.integers(0, 256, (4, 3))
    anchor = np.array([width * rng.uniform(0.35, 0.65), height * rng.uniform(0.80, 0.95)])
    if take.figure > 1.0:  # a bust: the feet are below the frame
        anchor[1] = height * (0.12 + take.figure)
    cycle = rng.uniform(16, 26) * (1.0 if take.cadence in ("ones", "twos") else 1.5)
    step = rng.choice([-1, 1]) * width * 0.35 / take.frames
    hold = HOLD[take.cadence]
    out = []
    for index in range(take.frames):
        camera = camera_matrix(take, index, (width, height))
        to_plate = np.array([[1, 0, border[0]], [0, 1, border[1]]], np.float64)
        picture = cv2.warpAffine(
            plate,
            _compose(camera, _invert(to_plate)),
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        if take.figure > 0:
            drawing = index - index % hold if hold <= take.frames else 0
            feet = anchor + np.array([step * drawing if take.rides == "walks" else 0.0, 0.0])
            zoom = 1.0
            if take.rides != "screen" and take.move != "roll":
                feet = camera[:, :2] @ feet + camera[:, 2]
                zoom = float(np.hypot(camera[0, 0], camera[1, 0]))
            ink = max(1, round(height * take.figure / 110))
            _figure(picture, feet, height * take.figure * zoom, ink, 2 * np.pi * drawing / cycle, tint)
        if oversample > 1:
            picture = cv2.resize(picture, take.size, interpolation=cv2.INTER_AREA)
        if take.grain:
            noise = grain_rng.normal(0, take.grain, picture.shape[:2])[..., None]
            picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
        out.append(picture)
    return Clip(np.stack(out), take.fps)


def camera_matrix(take: Take, index: int, size: tuple[int, int]) -> np.ndarray:
    """``[2,3]``: plate pixels of frame 0 to pixels of frame ``index``. On pan_left the content moves
    right.
    """
    width, height = size
    progress = index / max(take.frames - 1, 1)
    if take.eased:
        progress = progress * progress * (3 - 2 * progress)
    amount = take.travel * progress
    shift = {
        "pan_left": (amount * width, 0),
        "pan_right": (-amount * width, 0),
        "tilt_up": (0, amount * height),
        "tilt_down": (0, -amount * height),
    }.get(take.move, (0, 0))
    scale = {"track_up": 1 + amount, "track_back": 1 / (1 + amount)}.get(take.move, 1.0)
    angle = np.deg2rad(60) * amount if take.move == "roll" else 0.0
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    cx, cy = (width - 1) / 2, (height - 1) / 2
    return np.array([[c, -s, cx - c * cx + s * cy + shift[0]], [s, c, cy - s * cx - c * cy + shift[1]]])


def as_generated(clip: Clip, seed: int = 0, softness: float = 0.8, shimmer: float = 1.5) -> Clip:
    """The clip as a small video network returns it: soft, with 8x8 blocks that shimmer from frame to
    frame.
    """
    rng = np.random.default_rng(seed)
    height, width = clip.frames.shape[1:3]
    out = []
    for frame in clip.frames:
        soft = cv2.GaussianBlur(frame, (0, 0), softness).astype(np.float32)
        blocks = rng.normal(0, shimmer, (-(-height // 8), -(-width // 8), 3)).astype(np.float32)
        soft += np.kron(blocks, np.ones((8, 8, 1), np.float32))[:height, :width]
        soft += rng.normal(0, 1.0, soft.shape)
        out.append(np.clip(soft, 0, 255).astype(np.uint8))
    return replace(clip, frames=np.stack(out))


def encode(clip: Clip, path: Path, crf: int = 20, rate: Fraction | None = None) -> Path:
    """H.264 at a chosen quality, as a studio or a streaming site would hand it over."""
    with av.open(str(path), "w") as container:
        rate = rate or Fraction(clip.fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height = clip.size
        stream.pix_fmt = "yuv420p"
        for picture in clip.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def _compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def _invert(matrix: np.ndarray) -> np.ndarray:
    return cv2.invertAffineTransform(matrix)


def _plate(look: str, width: int, height: int, margin: float, rng: np.random.Generator):
    """Painting larger than the frame by ``margin`` on every side, and the (x, y) of the frame in it."""
    border = (int(width * margin) + 4, int(height * margin) + 4)
    w, h = width + 2 * border[0], height + 2 * border[1]
    plate = {"painted": _painted, "textured": _textured, "sparse": _sparse}[look](w, h, height, rng)
    return plate, border


def _painted(w: int, h: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    top, bottom = rng.integers(60, 160, 3), rng.integers(160, 250, 3)
    ramp = np.linspace(0, 1, h)[:, None, None]
    plate = np.ascontiguousarray(
        np.broadcast_to(top * (1 - ramp) + bottom * ramp, (h, w, 3)).astype(np.uint8)
    )
    for _ in range(int(10 * w / unit)):  # soft clouds
        centre = (int(rng.uniform(0, w)), int(rng.uniform(0, h * 0.55)))
        axes = (int(unit * rng.uniform(0.05, 0.2)), int(unit * rng.uniform(0.02, 0.07)))
        cv2.ellipse(
            plate, centre, axes, 0, 0, 360, [int(v) for v in rng.integers(215, 255, 3)], -1, cv2.LINE_AA
        )
    plate = cv2.GaussianBlur(plate, (0, 0), max(0.8, unit / 250))
    x = np.arange(w)
    for depth in range(3):  # hills
        ridge = h * (0.5 + 0.1 * depth) + unit * 0.08 * sum(
            np.sin(x / unit * rng.uniform(1, 4) * k + rng.uniform(0, 6)) / k for k in (1, 2, 3)
        )
        tone = [int(v) for v in rng.integers(50, 190, 3)]
        shape = np.concatenate([np.stack([x, ridge], 1), [[w, h], [0, h]]]).astype(np.int32)
        cv2.fillPoly(plate, [shape], tone, cv2.LINE_AA)
    for _ in range(int(12 * w / unit)):  # houses and trees
        bx, by = int(rng.uniform(0, w)), int(h * rng.uniform(0.62, 0.9))
        bw, bh = (int(unit * rng.uniform(0.05, 0.16)) for _ in range(2))
        tone = [int(v) for v in rng.integers(40, 230, 3)]
        if rng.random() < 0.5:
            cv2.rectangle(plate, (bx, by - bh), (bx + bw, by), tone, -1, cv2.LINE_AA)
            cv2.rectangle(
                plate, (bx + bw // 4, by - bh // 2), (bx + bw // 2, by - bh // 4), (240, 230, 150), -1
            )
        else:
            for _ in range(6):
                blob = (int(bx + rng.normal(0, bw / 3)), int(by - bh + rng.normal(0, bh / 4)))
                cv2.circle(
                    plate, blob, max(2, bw // 4), [int(v * rng.uniform(0.8, 1.1)) % 256 for v in tone], -1
                )
    return plate


def _textured(w: int, h: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    field = np.zeros((h, w), np.float32)
    for scale, weight in ((unit / 4, 40.0), (unit / 16, 25.0), (max(unit / 60, 1.5), 14.0)):
        coarse = rng.normal(0, 1, (int(h / scale) + 3, int(w / scale) + 3)).astype(np.float32)
        field += weight * cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
    tone = rng.uniform(90, 160, 3)
    gain = rng.uniform(0.6, 1.1, 3)
    return np.clip(tone + field[..., None] * gain, 0, 255).astype(np.uint8)


def _sparse(w: int, h: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """A flat sky, one horizon, a handful of small shapes: the hardest common anime background."""
    plate = np.empty((h, w, 3), np.uint8)
    plate[:] = rng.integers(150, 235, 3)
    horizon = int(h * rng.uniform(0.6, 0.75))
    plate[horizon:] = rng.integers(80, 170, 3)
    for _ in range(max(4, int(4 * w / unit))):
        centre = (int(rng.uniform(0, w)), int(rng.uniform(0, horizon)))
        for _ in range(3):
            offset = (
                int(centre[0] + rng.normal(0, unit * 0.06)),
                int(centre[1] + rng.normal(0, unit * 0.012)),
            )
            axes = (int(unit * rng.uniform(0.05, 0.12)), int(unit * rng.uniform(0.02, 0.045)))
            cv2.ellipse(plate, offset, axes, 0, 0, 360, (250, 250, 252), -1, cv2.LINE_AA)
    for _ in range(max(3, int(3 * w / unit))):
        px, py = int(rng.uniform(0, w)), horizon + int(rng.uniform(-0.02, 0.2) * unit)
        top = py - int(unit * rng.uniform(0.08, 0.3))
        cv2.line(plate, (px, py), (px, top), (70, 70, 80), max(1, unit // 80), cv2.LINE_AA)
    return plate


def _figure(
    picture: np.ndarray, feet: np.ndarray, size: float, weight: int, phase: float, tint: np.ndarray
) -> None:
    """A running figure in flat colours and ink, ``size`` pixels high with lines of ``weight`` pixels."""
    skin = (238, 205, 180)
    hair, coat, legs, scarf = (tuple(int(v) for v in np.clip(t, 25, 235)) for t in tint)
    bob = size * 0.02 * np.sin(2 * phase)
    hip = feet + np.array([0, -0.47 * size + bob])
    neck = hip + np.array([0.02 * size * np.sin(phase), -0.33 * size])
    head = neck + np.array([0, -0.10 * size])
    swing = np.sin(phase)

    def limb(start, angles, lengths, thick, paint):
        points = [np.asarray(start, float)]
        for angle, length in zip(angles, lengths, strict=True):
            points.append(points[-1] + size * length * np.array([np.sin(angle), np.cos(angle)]))
        for a, b in pairwise(points):
            _stroke(picture, a, b, size * thick, paint, weight)

    limb(neck + np.array([0, 0.05 * size]), (-0.9 * swing, -0.9 * swing + 0.7), (0.17, 0.15), 0.055, coat)
    limb(hip, (0.75 * swing, 0.75 * swing - 0.5 - 0.4 * np.cos(phase)), (0.24, 0.24), 0.08, legs)
    limb(hip, (-0.75 * swing, -0.75 * swing - 0.5 + 0.4 * np.cos(phase)), (0.24, 0.24), 0.08, legs)
    tail = neck + size * np.array(
        [[0, 0], [-0.16, 0.02 + 0.04 * np.sin(phase)], [-0.3, 0.07 * np.sin(phase + 1)]]
    )
    for a, b in pairwise(tail):
        _stroke(picture, a, b, size * 0.05, scarf, weight)
    body = np.array(
        [
            neck + np.array([-0.09 * size, 0]),
            neck + np.array([0.09 * size, 0]),
            hip + np.array([0.11 * size, 0.05 * size]),
        ]
    )
    body = np.vstack([body, hip + np.array([-0.11 * size, 0.05 * size])])
    _shape(picture, body, coat, weight)
    limb(neck + np.array([0, 0.05 * size]), (0.9 * swing, 0.9 * swing + 0.7), (0.17, 0.15), 0.06, coat)
    _disc(picture, head + np.array([-0.01 * size, -0.02 * size]), 0.115 * size, hair, weight)
    _disc(picture, head + np.array([0.02 * size, 0.015 * size]), 0.085 * size, skin, weight)
    for side in (-0.01, 0.05):
        _disc(picture, head + np.array([size * side, 0.015 * size]), 0.012 * size, _INK, 0)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(np.asarray(points, np.float64) * 16).astype(np.int32)  # OpenCV's 4 fractional bits


def _shape(picture, points, paint, weight) -> None:
    cv2.fillPoly(picture, [_fixed(points)], paint, cv2.LINE_AA, shift=4)
    cv2.polylines(picture, [_fixed(points)], True, _INK, weight, cv2.LINE_AA, shift=4)


def _disc(picture, centre, radius, paint, weight) -> None:
    position, reach = tuple(int(v) for v in _fixed(centre)), max(int(radius * 16), 8)
    cv2.circle(picture, position, reach, paint, -1, cv2.LINE_AA, shift=4)
    if weight:
        cv2.circle(picture, position, reach, _INK, weight, cv2.LINE_AA, shift=4)


def _stroke(picture, a, b, thick, paint, weight) -> None:
    along = b - a
    normal = np.array([-along[1], along[0]]) / (np.linalg.norm(along) + 1e-6) * thick / 2
    _shape(picture, np.array([a + normal, b + normal, b - normal, a - normal]), paint, weight)
