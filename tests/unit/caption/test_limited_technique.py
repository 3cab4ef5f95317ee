"""limited_technique: drawings that come back in order are named, drawings that never do are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from footage import Take, film

from animatrix.caption.measure.limited_technique import limited_technique
from animatrix.caption.measure.registry import Abstention
from animatrix.caption.measure.shot import Shot


def shot(frames: np.ndarray) -> Shot:
    gray = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    return Shot(gray, frames, np.arange(len(frames)) / 24, 24.0)


def posed(poses: list[tuple[float, float, int]], wobble: float = 0.0) -> np.ndarray:
    """A drawn figure on a plate, at ``(x, angle, seed of its outline)`` on each frame."""
    plate = film(Take("fix", "still", "painted", seed=71, figure=0, frames=len(poses))).frames
    out = []
    for picture, (x, angle, seed) in zip(plate, poses, strict=True):
        canvas = cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
        rng = np.random.default_rng(seed)
        turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        wave = sum(np.sin(k * turn + rng.uniform(0, 6)) for k in (3, 5, 8))
        radius = 62 + wobble * 4 * wave
        head = np.stack([(80 + x) * 4 + radius * np.cos(turn), 34 * 4 + radius * np.sin(turn)], 1)
        body = np.array([[66 + x, 46], [94 + x, 46], [100 + x, 96], [60 + x, 96]]) * 4
        body = body + wobble * 4 * rng.normal(0, 1, body.shape)
        hand = np.array([94 + x + 30 * np.cos(angle), 60 - 30 * np.sin(angle)]) * 4
        for shape, colour in ((body, (60, 90, 190)), (head, (240, 205, 170))):
            cv2.fillPoly(canvas, [shape.round().astype(np.int32)], colour)
            cv2.polylines(canvas, [shape.round().astype(np.int32)], True, (25, 20, 30), 5, cv2.LINE_AA)
        shoulder = (round((94 + x) * 4), 60 * 4)
        cv2.line(canvas, shoulder, tuple(int(v) for v in hand.round()), (25, 20, 30), 22, cv2.LINE_AA)
        out.append(cv2.resize(canvas, (160, 96), interpolation=cv2.INTER_AREA))
    return np.stack(out)


@pytest.mark.parametrize("offset", [0.6, 0.9, 1.3])
def test_two_offset_drawings_on_ones_are_a_tremble(offset):
    found = limited_technique(shot(posed([(offset * (t % 2), 0.3, 1) for t in range(30)])))
    assert [f.value for f in found] == ["tremble"]


def test_a_tremble_for_part_of_a_shot_has_its_span():
    poses = [(0.8 * (t % 2) if t < 16 else 0.0, 0.3, 1) for t in range(32)]
    (found,) = limited_technique(shot(posed(poses)))
    assert found.value == "tremble" and found.span[0] == 0 and abs(found.span[1] - 15) <= 1


def test_three_tracings_of_one_pose_are_a_boiling_line():
    found = limited_technique(shot(posed([(0, 0.3, 1 + (t // 2) % 3) for t in range(36)], wobble=1.0)))
    assert [(f.value, f.evidence["drawings"]) for f in found] == [("line_boil", 3)]


@pytest.mark.parametrize("drawings", [4, 6])
def test_drawings_that_return_in_a_fixed_order_are_a_cycle(drawings):
    turn = [2 * np.pi * (t // 2 % drawings) / drawings for t in range(48)]
    found = limited_technique(shot(posed([(0, 0.5 + 0.9 * np.sin(u) + 0.4 * np.cos(u), 1) for u in turn])))
    assert [(f.value, f.evidence["drawings"]) for f in found] == [("cycle_loop", drawings)]


@pytest.mark.parametrize("cadence", ["ones", "twos", "threes", "still"])
@pytest.mark.parametrize("move", ["fix", "pan_left"])
def test_acting_that_never_repeats_is_not_named(cadence, move):
    found = limited_technique(shot(film(Take(move, cadence, seed=72, frames=36)).frames))
    assert isinstance(found, Abstention)


def test_a_flickering_light_is_no_tremble():
    frames = posed([(0, 0.3, 1)] * 30).astype(np.float32)
    frames[1::2] *= 0.88
    assert isinstance(limited_technique(shot(frames.round().astype(np.uint8))), Abstention)


def test_a_shaken_camera_is_no_tremble():
    frames = posed([(0, 0.3, 1)] * 30)
    frames[1::2] = np.roll(frames[1::2], 2, axis=2)
    assert isinstance(limited_technique(shot(frames)), Abstention)


@pytest.mark.parametrize("frames", [1, 2, 20])
@pytest.mark.parametrize("size", [(16, 16), (96, 160)])
@pytest.mark.parametrize("fill", ["black", "white", "noise"])
def test_nothing_is_claimed_of_empty_pictures_and_noise(frames, size, fill):
    rng = np.random.default_rng(0)
    made = {"black": np.zeros, "white": lambda s: np.full(s, 255), "noise": lambda s: rng.integers(0, 256, s)}
    assert isinstance(limited_technique(shot(made[fill]((frames, *size, 3)).astype(np.uint8))), Abstention)
