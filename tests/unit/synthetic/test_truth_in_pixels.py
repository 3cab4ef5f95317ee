"""The truth of a rendered clip, measured in its pixels without the renderer's help."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from animatrix.knowledge import Directive
from animatrix.synthetic import RENDERABLE, render
from animatrix.synthetic.effects import IMPACTS

SIZE = (192, 112)


def directive(frames: int = 17, fps: float = 24, **tags) -> Directive:
    base = {"camera_move": "fix", "drawing_cadence": "twos", "action": "walk", "shot_scale": "full"}
    return Directive.model_validate({"narrative": "x", "tags": base | tags, "frames": frames, "fps": fps})


def tracked(a: np.ndarray, b: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of ``a`` outside ``hidden`` and where they went in ``b``."""
    ga, gb = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY), cv2.cvtColor(b, cv2.COLOR_RGB2GRAY)
    free = (~cv2.dilate(hidden.astype(np.uint8), np.ones((15, 15))).astype(bool)).astype(np.uint8)
    p = cv2.goodFeaturesToTrack(ga, 200, 0.02, 4, mask=free)
    q, found, _ = cv2.calcOpticalFlowPyrLK(ga, gb, p, None, winSize=(13, 13), maxLevel=3)
    keep = found.ravel() == 1
    return p[keep, 0], q[keep, 0]


# An orbit goes round a modelled set: no plate slides and its matrix is only an affine fit.
@pytest.mark.parametrize("move", [m for m in RENDERABLE["camera_move"] if m not in ("fix", "orbit")])
def test_the_plate_moves_as_the_camera_matrix_says(move):
    action = "walk" if move == "follow" else "idle"
    clip, truth = render(directive(camera_move=move, action=action, move_speed="medium_move"), 5, SIZE)
    k = 8
    p, q = tracked(clip.frames[0], clip.frames[k], truth.mask[0] | truth.mask[k])
    want = p @ truth.camera[k][:, :2].T + truth.camera[k][:, 2]
    error = np.hypot(*(q - want).T)
    assert len(p) >= 20
    assert np.median(error) < 0.5


@pytest.mark.parametrize(
    ("move", "axis", "sign"),
    [("pan_left", 0, 1), ("pan_right", 0, -1), ("tilt_up", 1, 1), ("tilt_down", 1, -1)],
)
def test_a_move_is_named_by_what_the_camera_does(move, axis, sign):
    clip, truth = render(directive(camera_move=move, action="idle"), 9, SIZE)
    p, q = tracked(clip.frames[0], clip.frames[6], truth.mask[0] | truth.mask[6])
    assert sign * float(np.median((q - p)[:, axis])) > 1.0


@pytest.mark.parametrize(
    ("speed", "low", "high"), [("slow_move", 0.05, 0.3), ("medium_move", 0.3, 1.2), ("quick", 1.2, 6.0)]
)
def test_pan_speed_lies_in_the_taxonomys_band(speed, low, high):
    _, truth = render(directive(33, camera_move="pan_left", move_speed=speed, action="idle"), 2, SIZE)
    percent_per_frame = abs(truth.camera[-1, 0, 2]) / 32 / SIZE[0] * 100
    assert low <= percent_per_frame <= high


@pytest.mark.parametrize(
    ("cadence", "hold"), [("ones", 1), ("twos", 2), ("threes", 3), ("fours_or_slower", 4), ("still", 17)]
)
@pytest.mark.parametrize("seed", [1, 4])
def test_frames_are_equal_exactly_where_the_sheet_holds_a_drawing(cadence, hold, seed):
    action = "gesture" if cadence == "still" else "walk"
    clip, truth = render(directive(drawing_cadence=cadence, action=action), seed, SIZE)
    ids = truth.sheet["A"]
    for t in range(1, len(clip)):
        assert np.array_equal(clip.frames[t], clip.frames[t - 1]) == (ids[t] == ids[t - 1]), t
    runs = [ids.count(n) for n in sorted(set(ids))][:-1]
    assert all(r >= hold for r in runs) and (cadence == "fours_or_slower" or all(r == hold for r in runs))


def test_cadence_is_counted_at_24_fps():
    _, truth = render(directive(24, 12, drawing_cadence="fours_or_slower"), 1, SIZE)
    _, fast = render(directive(20, 48, drawing_cadence="twos"), 1, SIZE)
    assert truth.sheet["A"][:4] in ([1, 1, 2, 2], [1, 1, 1, 2])
    assert fast.sheet["A"][:8] == [1, 1, 1, 1, 2, 2, 2, 2]


def test_cadence_may_change_inside_a_shot():
    _, truth = render(directive(16, drawing_cadence=["threes@0-8", "ones@9-15"]), 1, SIZE)
    assert truth.sheet["A"] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10]


def test_only_the_masked_figure_changes_under_a_fixed_camera():
    clip, truth = render(directive(action="run", natural_effect="none"), 3, SIZE)
    for t in (4, 10, 16):
        seen = np.abs(clip.frames[t].astype(int) - clip.frames[0]).max(2) > 12
        figure = cv2.dilate((truth.mask[t] | truth.mask[0]).astype(np.uint8), np.ones((5, 5))).astype(bool)
        assert seen.any() and not (seen & ~figure).any()
        assert 0.01 < truth.mask[t].mean() < 0.4


@pytest.mark.parametrize("kind", list(IMPACTS))
def test_an_impact_frame_fills_its_span_and_nothing_else(kind):
    plain, _ = render(directive(action="idle"), 6, SIZE)
    clip, truth = render(directive(action="idle", impact_frame=f"{kind}@7-8"), 6, SIZE)
    change = np.abs(clip.frames.astype(int) - plain.frames).mean((1, 2, 3))
    assert np.flatnonzero(change > 20).tolist() == [7, 8]
    assert [(e.kind, e.first, e.last, e.detail) for e in truth.events if e.kind == "impact_frame"] == [
        ("impact_frame", 7, 8, kind)
    ]
    assert truth.directive.values("impact_frame") == (kind,)


def test_impact_frames_look_like_their_names():
    def shown(kind):
        return render(directive(action="idle", lighting="flat_even", impact_frame=f"{kind}@8"), 6, SIZE)[
            0
        ].frames.astype(float)

    assert shown("white_frame")[8].mean() > 235
    assert shown("black_frame")[8].mean() < 25
    inverted = shown("inverted_frame")
    assert np.corrcoef(inverted[8].ravel(), inverted[6].ravel())[0, 1] < -0.5
    tint = shown("tint_frame")[8]
    assert (tint[..., 0] >= tint[..., 1:].max(2)).mean() > 0.99
    sketch = shown("ink_sketch_frame")[8]
    assert np.ptp(sketch, axis=2).max() == 0


# What some values need in the shot, with and without them.
FITTING = {
    "extreme_close_up": {"action": "idle"},
    "insert": {"action": "handle_prop"},
    "cg_depth": {"camera_move": "truck_left"},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (f, v)
        for f in (
            "palette",
            "line_style",
            "shading_steps",
            "graphic_device",
            "natural_effect",
            "finish",
            "body_deformation",
            "shot_scale",
            "camera_shake",
            "layer_parallax",
            "focus",
            "lighting",
        )
        for v in RENDERABLE[f]
        if v != "harmony_still"  # needs a held drawing: see test_finish_spans
    ],
)
def test_every_value_shows_against_the_same_shot_without_it(field, value):
    default = {
        "palette": "natural",
        "line_style": "clean_uniform",
        "shading_steps": "one_step",
        "shot_scale": "full",
        "camera_shake": "steady",
        "layer_parallax": "single_plane",
        "focus": "deep_focus",
    }.get(field, "none")
    if value == default:
        pytest.skip("this is what it is compared with")
    base = {"action": "jump", "camera_move": "pan_left", "lighting": "golden_hour"} | FITTING.get(value, {})
    if field == "lighting":
        base["lighting"] = "golden_hour" if value != "golden_hour" else "night_blue"
    a, _ = render(directive(13, **base), 11, SIZE)
    b, truth = render(directive(13, **(base | {field: value})), 11, SIZE)
    assert value in truth.directive.values(field)
    assert (np.abs(a.frames.astype(int) - b.frames).max(3) > 10).mean() > 0.002


def test_palettes_measure_as_the_taxonomy_observes_them():
    def saturation(palette):
        clip, _ = render(directive(3, palette=palette, lighting="golden_hour"), 2, SIZE)
        hsv = cv2.cvtColor(clip.frames[0], cv2.COLOR_RGB2HSV)
        return hsv[..., 1].mean() / 255

    order = [saturation(p) for p in ("muted", "natural", "vivid")]
    assert order == sorted(order) and order[2] > 1.3 * order[1]
    clip, _ = render(directive(3, palette="monochrome"), 2, SIZE)
    hsv = cv2.cvtColor(clip.frames[0], cv2.COLOR_RGB2HSV)
    hue = hsv[..., 0][hsv[..., 1] > 25]
    assert not hue.size or np.percentile(hue, 95) - np.percentile(hue, 5) <= 6


def test_squash_and_stretch_is_marked_where_the_figure_deforms():
    clip, truth = render(directive(33, action="jump", body_deformation="squash_stretch"), 8, SIZE)
    _, plain = render(directive(33, action="jump"), 8, SIZE)
    assert truth.deformation.max() > 0.5 and not plain.deformation.any()
    assert not truth.deformation[~truth.mask].any()
    assert len(clip) == 33


def test_the_figure_stands_in_the_picture_whatever_is_asked():
    for seed in range(12):
        _, truth = render(
            Directive.model_validate({"narrative": "anything", "tags": {}, "frames": 9, "fps": 24}),
            seed,
            SIZE,
        )
        assert truth.mask[6].mean() > 0.01, seed
