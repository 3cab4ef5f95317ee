"""The camera's path over a shot, and what a director would call it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from animatrix.caption.measure.alignment import (
    IDENTITY,
    apply,
    candidates,
    compose,
    corners,
    refine,
    track,
)
from animatrix.caption.measure.thresholds import CAMERA, CameraThresholds

ANALYSIS_SIDE = 320  # pixels of the longer side; finer detail costs time and gains nothing for rigid motion


@dataclass(frozen=True)
class CameraPath:
    """``matrices`` float ``[T,2,3]`` map plate pixels of frame 0 to pixels of frame t, as ``size`` (w, h)
    counts.

    ``support`` [T-1]: share of the tracked picture that follows the camera's step; ``seen`` bool [T-1]: steps
    measured, the others are bridged; ``odd`` bool [T]: frames that interrupt the shot (see ``odd_frames``);
    ``same`` bool [T-1]: steps in which nothing moves at all (see ``same_frames``).
    """

    matrices: np.ndarray
    steps: np.ndarray
    support: np.ndarray
    seen: np.ndarray
    odd: np.ndarray
    size: tuple[int, int]
    same: np.ndarray

    @property
    def trusted(self) -> float:
        """Share of steps that were measured and not bridged, of those in which anything moves at all."""
        if not len(self.seen):
            return 0.0
        moving = ~self.same
        return float(self.seen[moving].mean()) if moving.any() else float(self.seen.mean())


def to_gray(frames: np.ndarray, side: int = ANALYSIS_SIDE) -> np.ndarray:
    """Luma ``uint8 [T,h,w]``, longer side at most ``side``, of RGB ``[T,H,W,3]`` or gray ``[T,H,W]``."""
    return np.stack([_gray(f, side) for f in frames])


def _gray(frame: np.ndarray, side: int) -> np.ndarray:
    if frame.ndim == 3:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    height, width = frame.shape
    if max(height, width) > side:
        scale = side / max(height, width)
        size = (round(width * scale), round(height * scale))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return frame


def estimate_path(frames: np.ndarray) -> np.ndarray:
    """Camera path ``[T,2,3]`` in the pixels of ``frames`` (uint8 ``[T,H,W,3]`` RGB or ``[T,H,W]`` gray).

    Maps plate pixels of frame 0 to frame t; frame 0 is the identity. Steps in which nothing can be seen are
    bridged; use :func:`measure_path` to know which.
    """
    gray = to_gray(frames)
    return rescale(measure_path(gray).matrices, gray.shape[2] / frames.shape[2])


def rescale(matrices: np.ndarray, scale: float) -> np.ndarray:
    """Matrices ``[T,2,3]`` of pictures reduced by ``scale``, in pixels of the full size."""
    offset = 0.5 * scale - 0.5
    linear = matrices[:, :, :2]
    shift = (linear @ np.full((2, 1), offset))[..., 0] + matrices[:, :, 2] - offset
    return np.concatenate([linear, (shift / scale)[..., None]], axis=2)


def measure_path(gray: Sequence[np.ndarray] | np.ndarray, limits: CameraThresholds = CAMERA) -> CameraPath:
    """The path through gray frames ``uint8 [h,w]`` of analysis size.

    Each step has several candidate motions; the chain of candidates with the most support and the least
    jerk over the whole shot is the camera (Viterbi). A figure that is larger than its background for some
    frames does not hijack it: its motion stops and starts with its drawings, the camera's does not.
    """
    height, width = gray[0].shape
    sigma = max(limits.sigma * width, limits.sigma_pixels)
    if len(gray) < 2:
        none = np.empty(0)
        return CameraPath(
            IDENTITY[None], np.empty((0, 2, 3)), none, none > 0, np.zeros(1, bool), (width, height), none > 0
        )
    odd = odd_frames(gray, limits)
    same = same_frames(gray)
    kept = np.flatnonzero(~odd)
    lengths = np.diff(kept)
    held = np.array([same[a:b].all() for a, b in pairwise(kept)], bool)
    links, scores = _chain([gray[int(t)] for t in kept], lengths, held, sigma, limits)
    steps = np.tile(IDENTITY, (len(gray) - 1, 1, 1))
    support = np.zeros(len(gray) - 1)
    for start, count, link, score in zip(kept[:-1], lengths, links, scores, strict=True):
        steps[start : start + count] = _root(link, count)
        support[start : start + count] = score
    seen = support >= limits.lost_support
    steps = _bridged(steps, seen)
    if not held.all():
        steps = _tied(gray, steps, seen & ~odd[1:], sigma, limits)
    matrices = [IDENTITY]
    for step in steps:
        matrices.append(compose(step, matrices[-1]))
    return CameraPath(np.stack(matrices), steps, support, seen, odd, (width, height), same)


def same_frames(gray: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Bool [T-1]: steps in which no 8x8 block changes by half a gray level: a hold under a fixed camera.

    Half of all frames of limited animation are such; neither camera nor drawing need be looked for there. An
    edge of 40 levels that moves by an eighth of a pixel already changes its block by more.
    """
    size = (max(gray[0].shape[1] // 8, 1), max(gray[0].shape[0] // 8, 1))

    def same(a: np.ndarray, b: np.ndarray) -> bool:
        if cv2.norm(a, b, cv2.NORM_L1) >= 0.51 * a.size:  # then some block changes by more than the mean does
            return False
        return not cv2.resize(cv2.absdiff(a, b), size, interpolation=cv2.INTER_AREA).any()

    return np.array([same(a, b) for a, b in pairwise(gray)], bool)


def odd_frames(gray: Sequence[np.ndarray] | np.ndarray, limits: CameraThresholds = CAMERA) -> np.ndarray:
    """Bool [T]: frames that interrupt the shot for up to ``bridge`` frames: flashes, inverted or inked
    frames.

    The picture changes at once everywhere and then returns: A B A. They say nothing of the camera or of the
    drawings, and a tracker led across them loses its way. The first and the last frame are never odd.
    """
    small = np.stack([cv2.resize(g, (16, 9), interpolation=cv2.INTER_AREA) for g in gray]).astype(np.float32)
    jump = np.abs(np.diff(small, axis=0)).mean((1, 2))
    odd = np.zeros(len(small), bool)
    least = max(limits.odd_levels, limits.odd_times * float(np.median(jump)) if len(jump) else 0.0)
    t = 1
    while t < len(small):
        if jump[t - 1] > least:
            for count in range(1, limits.bridge + 1):
                if t + count >= len(small):
                    break
                if np.abs(small[t + count] - small[t - 1]).mean() < limits.odd_return * jump[t - 1]:
                    odd[t : t + count] = True
                    t += count
                    break
        t += 1
    return odd


def _chain(
    gray: Sequence[np.ndarray],
    lengths: np.ndarray,
    held: np.ndarray,
    sigma: float,
    limits: CameraThresholds,
) -> tuple[np.ndarray, np.ndarray]:
    """Motion ``[n,2,3]`` and support ``[n]`` from each frame to the next, ``lengths`` frames of the shot
    apart; where ``held`` [n] the two are the same picture.

    Corners are sought every few frames and followed in between: seeking costs as much as following.
    """
    height, width = gray[0].shape
    size = (width, height)
    options: list[list[np.ndarray]] = []
    support: list[np.ndarray] = []
    previous, plain = IDENTITY, True
    points, sought, age = np.empty((0, 2), np.float32), 0, limits.seek
    for t, length in enumerate(lengths):
        if held[t]:
            if not (t and held[t - 1]):  # an empty picture shows no hold either
                plain = len(corners(gray[t], limits.corner_floor)) < limits.min_tracks
            options.append([IDENTITY])
            support.append(np.full(1, 0.0 if plain else 1.0))
            previous = IDENTITY
            continue
        if age >= limits.seek or len(points) < limits.kept_share * sought:
            points, age = corners(gray[t], limits.corner_floor), 0
            sought = len(points)
        tracks = track(gray[t], gray[t + 1], points)
        points, age = tracks.moved.astype(np.float32), age + 1
        likely = _power(previous, length)
        found = _distinct(candidates(tracks, [IDENTITY, likely], sigma), size, 0.25 * sigma)
        if len(tracks) < limits.min_tracks or not found:
            found, scores = [likely], np.zeros(1)
        else:
            scores = tracks.support(np.stack(found), 1.5 * sigma)
            previous = _root(found[int(scores.argmax())], length)
        options.append(found)
        support.append(scores)
    chosen = _smoothest(options, support, lengths, size, limits)
    motions = np.stack([found[k] for found, k in zip(options, chosen, strict=True)])
    return motions, np.array([s[k] for s, k in zip(support, chosen, strict=True)])


def _tied(
    gray: Sequence[np.ndarray] | np.ndarray,
    steps: np.ndarray,
    seen: np.ndarray,
    sigma: float,
    limits: CameraThresholds,
) -> np.ndarray:
    """Steps corrected so that they agree with the motion measured over several frames at once.

    A creeping zoom moves a point by less in one step than the tracker resolves, and its errors add up; over
    eight frames it is plain. A link that strays from its steps, or sees less, leaves them as they are.
    """
    size = (gray[0].shape[1], gray[0].shape[0])
    points = _frame_points(size)
    reach = np.abs(steps[:, :, :2] @ points.T + steps[:, :, 2:] - points.T).max((1, 2))
    ends, moved = [0], 0.0
    for t in range(len(steps)):
        moved += reach[t]
        full = t + 1 - ends[-1] >= limits.link or moved > limits.link_reach * size[0]
        if (full and seen[t]) or t + 1 == len(steps):
            ends.append(t + 1)
            moved = 0.0
    expected = []
    for start, end in pairwise(ends):
        whole = IDENTITY
        for step in steps[start:end]:
            whole = compose(step, whole)
        expected.append(whole)
    steps = steps.copy()
    for (start, end), whole in zip(pairwise(ends), expected, strict=True):
        count = end - start
        if count < 2:
            continue
        points_there = corners(gray[start], limits.corner_floor)
        tracks = track(gray[start], gray[end], points_there)
        link = refine(tracks, whole, 1.5 * sigma) if len(tracks) >= limits.min_tracks else whole
        apart = np.abs(apply(link, points) - apply(whole, points)).max()
        before, after = tracks.support(np.stack([whole, link]), 1.5 * sigma)
        if apart > limits.link_strays * size[0] or after < max(before, limits.link_support):
            continue
        share = _root(compose(link, cv2.invertAffineTransform(whole)), count)
        for t in range(start, end):
            steps[t] = compose(share, steps[t])
    return steps


def _root(motion: np.ndarray, count: int) -> np.ndarray:
    """The similarity that, applied ``count`` times, gives about ``motion``."""
    if count == 1:
        return motion
    scale = np.hypot(motion[0, 0], motion[1, 0]) ** (1 / count)
    angle = np.arctan2(motion[1, 0], motion[0, 0]) / count
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    total, power = np.zeros((2, 2)), np.eye(2)
    for _ in range(count):
        total, power = total + power, linear @ power
    return np.column_stack([linear, np.linalg.solve(total, motion[:, 2])])


def _frame_points(size: tuple[int, int]) -> np.ndarray:
    """Corners and centre of the frame: where two motions are compared."""
    w, h = size[0] - 1.0, size[1] - 1.0
    return np.array([[0, 0], [w, 0], [0, h], [w, h], [w / 2, h / 2]])


def _distinct(found: list[np.ndarray], size: tuple[int, int], apart: float) -> list[np.ndarray]:
    if not found:
        return []
    many = np.stack(found)
    there = many[:, :, :2] @ _frame_points(size).T + many[:, :, 2:]
    near = np.abs(there[:, None] - there[None]).max((2, 3)) <= apart
    kept: list[int] = []
    for k in range(len(found)):
        if not near[k, kept].any():
            kept.append(k)
    return [found[k] for k in kept]


def _smoothest(
    options: list[list[np.ndarray]],
    support: list[np.ndarray],
    lengths: np.ndarray,
    size: tuple[int, int],
    limits: CameraThresholds,
) -> list[int]:
    """Index per step of the chain with the greatest support minus jumps."""
    points = _frame_points(size)
    scale = limits.jump_scale * size[0]
    # Displacement per frame, so that steps across an interruption compare with the others.
    there = []
    for found, length in zip(options, lengths, strict=True):
        many = np.stack(found)
        there.append((many[:, :, :2] @ points.T + many[:, :, 2:] - points.T) / length)
    score = support[0]
    back: list[np.ndarray] = []
    for t in range(1, len(options)):
        jump = np.abs(there[t][None] - there[t - 1][:, None]).max((2, 3))  # [from, to] pixels
        total = score[:, None] - limits.jump_cost * np.minimum(jump / scale, 1.0)
        back.append(total.argmax(0))
        score = total.max(0) + support[t]
    chain = [int(score.argmax())]
    for pointers in reversed(back):
        chain.append(int(pointers[chain[-1]]))
    return chain[::-1]


def _bridged(steps: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Steps with each one that was not seen set between its nearest seen neighbours."""
    known = np.flatnonzero(seen)
    if not len(known):
        return np.tile(IDENTITY, (len(steps), 1, 1))
    flat = steps.reshape(len(steps), 6)
    index = np.arange(len(steps))
    return np.stack([np.interp(index, known, flat[known, k]) for k in range(6)], 1).reshape(-1, 2, 3)


def _power(motion: np.ndarray, count: int) -> np.ndarray:
    result = IDENTITY
    for _ in range(count):
        result = compose(motion, result)
    return result
