"""Camera, framing and timing values, measured in the pixels without the renderer's help."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from animatrix.knowledge import Directive
from animatrix.synthetic import render
from animatrix.synthetic.direction import DIRECTED, WANTS

SIZE = (128, 80)
DEFAULTS = {("lens_perspective", "normal_lens"), ("time_treatment", "real_time")}


def shot(frames: int = 25, **tags):
    """Clip and truth of a directive over a fixed frame."""
    base = {"camera_move": "fix"} if "camera_move" not in tags and tags.pop("fixed", True) else {}
    tags.pop("fixed", None)
    request = {"narrative": "x", "tags": base | tags, "frames": frames, "fps": 24}
    return render(Directive.model_validate(request), 3, SIZE)


def grey(clip) -> np.ndarray:
    return np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in clip.frames]).astype(np.float32)


def changes(clip) -> np.ndarray:
    """Mean change from each frame to the next, ``[T-1]``."""
    return np.abs(np.diff(grey(clip), axis=0)).mean((1, 2))


def sharpness(picture: np.ndarray, where: np.ndarray | None = None) -> float:
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F))
    return float(edges[where].mean() if where is not None else edges.mean())


def runs(clip) -> list[int]:
    """Lengths of the runs of identical frames."""
    out = [1]
    for a, b in zip(clip.frames, clip.frames[1:], strict=False):
        if np.array_equal(a, b):
            out[-1] += 1
        else:
            out.append(1)
    return out


def tracked(a: np.ndarray, b: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ga, gb = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY), cv2.cvtColor(b, cv2.COLOR_RGB2GRAY)
    free = (~cv2.dilate(hidden.astype(np.uint8), np.ones((13, 13))).astype(bool)).astype(np.uint8)
    p = cv2.goodFeaturesToTrack(ga, 200, 0.01, 3, mask=free)
    q, found, _ = cv2.calcOpticalFlowPyrLK(ga, gb, p, None, winSize=(13, 13), maxLevel=3)
    keep = found.ravel() == 1
    return p[keep, 0], q[keep, 0]


@pytest.mark.parametrize(
    ("field", "value"),
    [(f, v) for f, values in DIRECTED.items() for v in values if v != "none" and (f, v) not in DEFAULTS],
)
def test_every_directed_value_shows_against_the_same_shot_without_it(field, value):
    tags = {**WANTS.get((field, value), {}), field: value}
    if value == "swish_transition":
        tags |= {"camera_move": "pan_right", "move_speed": "whip"}
    if value == "freeze_frame":
        tags |= {"drawing_cadence": "still@6-16", "action": "run", field: "freeze_frame@6-16"}
    tags.setdefault("camera_move", "fix")
    without = {k: v for k, v in tags.items() if k != field}
    if field == "layer_parallax":
        without.pop("background_animation")
    if field == "background_animation":
        without.pop("layer_parallax", None)
        without |= {"camera_move": "pan_right"} if tags["camera_move"] == "orbit" else {}
    if value == "swish_transition":
        without |= {"move_speed": "medium_move"}
    b, truth = shot(19, **tags)
    a, _ = shot(19, **without)
    assert value in truth.directive.values(field)
    assert (np.abs(a.frames.astype(int) - b.frames).max(3) > 10).mean() > 0.002


# --- camera


def test_layers_part_when_the_camera_trucks_and_cranes():
    for move, axis in (("truck_left", 0), ("crane_up", 1)):
        clip, truth = shot(13, camera_move=move, action="idle", shot_scale="full", lighting="golden_hour")
        p, q = tracked(clip.frames[0], clip.frames[6], truth.mask[0] | truth.mask[6])
        along = (q - p)[:, axis]
        far, near = along[p[:, 1] < 0.45 * SIZE[1]], along[p[:, 1] > 0.66 * SIZE[1]]
        assert np.median(near) > 1.3 * np.median(far) > 0, move


def test_a_dolly_zoom_keeps_the_figure_and_moves_the_ground():
    clip, truth = shot(
        17, camera_move="dolly_zoom", action="idle", drawing_cadence="still", shot_scale="full"
    )
    tall = [np.ptp(np.flatnonzero(m.any(1))) for m in (truth.mask[0], truth.mask[-1])]
    assert abs(tall[1] - tall[0]) <= 2
    p, q = tracked(clip.frames[0], clip.frames[5], truth.mask[0] | truth.mask[5])
    scale = cv2.estimateAffinePartial2D(p, q)[0]
    assert abs(np.hypot(scale[0, 0], scale[1, 0]) - 1) > 0.012


def test_a_roll_turns_the_picture_as_the_truth_says():
    clip, truth = shot(13, camera_move="roll", action="idle", shot_scale="full")
    p, q = tracked(clip.frames[0], clip.frames[5], truth.mask[0] | truth.mask[5])
    found = cv2.estimateAffinePartial2D(p, q)[0]
    asked = np.degrees(np.arctan2(truth.camera[5, 1, 0], truth.camera[5, 0, 0]))
    assert abs(asked) > 1.5 and abs(np.degrees(np.arctan2(found[1, 0], found[0, 0])) - asked) < 0.4


def test_a_follow_pan_holds_its_runner_and_eases():
    _, truth = shot(33, camera_move="follow_pan", action="run", shot_scale="full")
    x = [np.nonzero(m)[1].mean() / SIZE[0] for m in truth.mask]
    travel = -truth.camera[:, 0, 2] * np.sign(-truth.camera[-1, 0, 2]) / SIZE[0]
    assert np.ptp(x) < 0.25 and travel[-1] > 0.5
    speed = np.diff(travel)
    assert speed[len(speed) // 2] > 1.15 * speed[0]


def test_a_whip_dissolves_into_streaks():
    clip, truth = shot(25, camera_move="pan_right", move_speed="whip", action="idle", drawing_cadence="still")
    speed = np.abs(np.diff(truth.camera[:, 0, 2])) / SIZE[0]
    fast = int(np.argmax(speed))
    assert speed[fast] > 0.06
    assert sharpness(clip.frames[fast]) < 0.6 * sharpness(clip.frames[-1])


def test_a_violent_shake_jumps_more_than_a_screen_shake():
    def jump(kind):
        clip, _ = shot(13, camera_shake=kind, action="idle", drawing_cadence="still")
        g = grey(clip)
        return np.median([np.hypot(*cv2.phaseCorrelate(a, b)[0]) for a, b in itertools.pairwise(g)]) / SIZE[1]

    assert jump("violent_shake") > max(0.02, 1.8 * jump("screen_shake"))


def test_an_orbit_turns_the_setting_and_the_figure():
    clip, truth = shot(25, camera_move="orbit", shot_scale="medium")
    x = [np.nonzero(m)[1].mean() / SIZE[0] for m in truth.mask]
    assert np.ptp(x) < 0.1
    p, q = tracked(clip.frames[8], clip.frames[10], truth.mask[8] | truth.mask[10])
    flow = np.median((q - p)[:, 0])
    assert abs(flow) > 1.0 and np.sign(flow) == np.sign(truth.camera[10, 0, 2] - truth.camera[8, 0, 2])
    assert min(runs(clip)) == max(runs(clip)) == 1 and len(set(truth.sheet["A"])) < 12


def test_upside_down_is_half_a_turn_and_a_dutch_tilt_leans():
    level, _ = shot(5, action="idle", horizon="level_horizon")
    turned, _ = shot(5, action="idle", horizon="inverted")
    assert np.array_equal(turned.frames, level.frames[:, ::-1, ::-1])
    _a, ta = shot(5, action="idle", horizon="level_horizon", shot_scale="full")
    _b, tb = shot(5, action="idle", horizon="dutch_tilt", shot_scale="full")

    def axis(mask):
        ys, xs = np.nonzero(mask)
        return np.degrees(np.arctan2(*np.linalg.eigh(np.cov(xs, ys))[1][:, 1]))

    lean = (axis(tb.mask[0]) - axis(ta.mask[0]) + 90) % 180 - 90
    assert 8 <= abs(lean) <= 45
    assert np.array_equal(tb.camera[0], [[1, 0, 0], [0, 1, 0]])


# --- joins and fades


def test_fades_move_the_mean_to_black_or_white():
    for kind, end, first in (("fade_in", 0, True), ("fade_out", 0, False), ("white_fade", 255, False)):
        clip, _ = shot(25, action="idle", drawing_cadence="still", transition=kind)
        mean = grey(clip).mean((1, 2))
        rise = np.diff(mean if first or end else -mean)
        assert abs(mean[0 if first else -1] - end) < 12, kind
        assert (rise > -0.5).all() and (rise > 1).sum() >= 6, kind


def test_a_dissolve_is_a_linear_blend_over_six_frames_or_more():
    clip, truth = shot(25, action="idle", drawing_cadence="still", transition="dissolve")
    g = grey(clip)
    a, b = g[0].ravel(), g[-1].ravel()
    share = [float((f.ravel() - a) @ (b - a) / ((b - a) @ (b - a))) for f in g]
    between = [s for s in share if 0.02 < s < 0.98]
    assert len(between) >= 6 and np.allclose(np.diff(between), np.diff(between).mean(), atol=0.02)
    assert [e.kind for e in truth.events if e.kind == "dissolve"] == ["dissolve"]


def test_a_wipe_moves_one_edge_across():
    clip, _ = shot(25, action="idle", drawing_cadence="still", transition="wipe")
    new = (np.abs(clip.frames.astype(int) - clip.frames[0]).max(3) > 12).mean((1, 2))
    assert new[0] == 0 and (np.diff(new) > -0.08).all() and new[-1] > 0.4
    assert 0.2 < new[12] / new[-1] < 0.8


def test_an_iris_is_a_circle_that_closes():
    clip, truth = shot(25, action="idle", drawing_cadence="still", transition="iris")
    lit = [(f.max(2) > 8).astype(np.uint8) for f in clip.frames]
    area = [int(m.sum()) for m in lit]
    assert area[-1] < 0.02 * area[0] and all(a >= b for a, b in itertools.pairwise(area))
    inside = next(m for m in lit if 0.02 < m.mean() < 0.15)
    outline = max(cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
    (_, radius) = cv2.minEnclosingCircle(outline)
    assert cv2.contourArea(outline) > 0.8 * np.pi * radius**2
    assert not truth.mask[-1].any() or truth.mask[-1].mean() < 0.01


def test_cuts_happen_where_the_events_say():
    clip, truth = shot(25, action="idle", drawing_cadence="still", transition="flash_cut@10-12")
    assert np.flatnonzero(changes(clip) > 15).tolist() == [9, 12]
    assert np.array_equal(clip.frames[9], clip.frames[13])
    assert [(e.first, e.last) for e in truth.events if e.kind == "flash_cut"] == [(10, 12)]
    clip, truth = shot(25, action="idle", drawing_cadence="still", transition="punch_cut")
    cut = next(e.first for e in truth.events if e.kind == "cut")
    assert np.flatnonzero(changes(clip) > 8).tolist() == [cut - 1]
    seen = cv2.warpAffine(clip.frames[0], truth.camera[-1], SIZE, borderMode=cv2.BORDER_REPLICATE)
    shift, peak = cv2.phaseCorrelate(
        *(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY).astype(np.float32) for f in (seen, clip.frames[-1]))
    )
    assert np.hypot(*shift) < 0.5 and peak > 0.3


def test_a_swish_hides_the_join_in_streaks():
    clip, truth = shot(
        33, camera_move="pan_right", move_speed="whip", transition="swish_transition", action="idle"
    )
    join = next(e.first for e in truth.events if e.kind == "cut")
    assert sharpness(clip.frames[join]) < 0.75 * sharpness(clip.frames[-1])
    back, _ = shot(33, camera_move="pan_right", move_speed="whip", action="idle")
    same = [np.array_equal(a, b) for a, b in zip(clip.frames, back.frames, strict=True)]
    assert all(same[:join]) and not any(same[join:])


# --- focus and framing


def test_focus_is_soft_where_it_says():
    sharp, truth = shot(9, action="idle", drawing_cadence="still", shot_scale="medium", focus="deep_focus")
    soft, _ = shot(9, action="idle", drawing_cadence="still", shot_scale="medium", focus="full_defocus")
    assert sharpness(soft.frames[4]) < 0.3 * sharpness(sharp.frames[4])
    rack, truth = shot(19, action="idle", drawing_cadence="still", shot_scale="medium", focus="rack_focus")
    figure = cv2.erode(truth.mask[0].astype(np.uint8), np.ones((5, 5))).astype(bool)
    ground = ~cv2.dilate(truth.mask[0].astype(np.uint8), np.ones((9, 9))).astype(bool)
    first, last = rack.frames[0], rack.frames[-1]
    assert sharpness(first, figure) < 0.6 * sharpness(last, figure)
    assert sharpness(last, ground) < 0.6 * sharpness(first, ground)


def test_symmetrical_halves_mirror_each_other():
    clip, _ = shot(5, framing="symmetrical")
    g = grey(clip)[2]
    left, right = g[:, : SIZE[0] // 2], g[:, ::-1][:, : SIZE[0] // 2]
    assert np.corrcoef(left.ravel(), right.ravel())[0, 1] > 0.8


def test_two_actors_of_similar_height_share_a_two_shot():
    _, truth = shot(5, framing="two_shot")
    _, _, stats, _ = cv2.connectedComponentsWithStats(truth.mask[2].astype(np.uint8))
    tall = sorted(stats[1:, cv2.CC_STAT_HEIGHT])[-2:]
    assert len(tall) == 2 and tall[0] > 0.7 * tall[1]


def test_negative_space_is_mostly_empty():
    clip, truth = shot(5, framing="negative_space")
    edges = cv2.blur(np.abs(cv2.Laplacian(grey(clip)[2], cv2.CV_32F)), (5, 5)) < 4
    count, _, stats, _ = cv2.connectedComponentsWithStats(edges.astype(np.uint8))
    assert count > 1 and stats[1:, cv2.CC_STAT_AREA].max() / edges.size > 0.6
    assert 0 < truth.mask[2].mean() < 0.12


def test_a_split_screen_has_a_full_height_rule():
    clip, _ = shot(5, framing="split_screen")
    white = (clip.frames[2].min(2) == 255).all(0)
    assert white[SIZE[0] // 2] and 1 <= white.sum() <= 4


@pytest.mark.parametrize(
    ("scale", "low", "high"), [("extreme_long", 0.03, 0.10), ("long", 0.10, 0.50), ("full", 0.5, 1.0)]
)
def test_scale_is_the_height_of_the_figure(scale, low, high):
    _, truth = shot(5, action="idle", shot_scale=scale)
    assert low <= np.ptp(np.flatnonzero(truth.mask[2].any(1))) / SIZE[1] <= high


def test_proportions_run_from_squat_to_slender():
    def slender(value):
        _, truth = shot(3, action="idle", shot_scale="full", character_proportion=value)
        m = truth.mask[1]
        rows = np.flatnonzero(m.any(1))
        return np.ptp(rows) / np.median(m[rows].sum(1))

    order = [slender(v) for v in ("two_heads", "three_heads", "six_heads", "eight_plus")]
    assert order == sorted(order) and order[-1] > 1.8 * order[0]


# --- timing


def test_a_modulated_cadence_has_more_than_one_hold():
    clip, _ = shot(33, drawing_cadence="modulated", action="walk", shot_scale="full")
    assert {1, 2, 3} <= set(runs(clip)[:-1])


def test_a_cel_slide_moves_one_drawing():
    clip, truth = shot(25, limited_technique="cel_slide", shot_scale="full")
    x = np.array([np.nonzero(m)[1].mean() for m in truth.mask])
    assert np.allclose(np.diff(x), np.diff(x).mean(), atol=0.4) and abs(x[-1] - x[0]) > 0.3 * SIZE[0]
    assert len(set(truth.sheet["A"])) == 1 and changes(clip).min() > 0


def test_a_moving_hold_only_drifts():
    clip, truth = shot(25, limited_technique="moving_hold", shot_scale="full")
    area = truth.mask.sum((1, 2))
    centre = np.array([np.argwhere(m).mean(0) for m in truth.mask])
    step = np.hypot(*np.diff(centre, axis=0).T) / SIZE[1]
    assert changes(clip).min() > 0 and np.ptp(area) < 0.06 * area.mean()
    assert 0 < np.hypot(*(centre[-1] - centre[0])) / SIZE[1] / 24 < 0.001 and step.max() < 0.006


def test_a_tremble_alternates_two_drawings():
    clip, truth = shot(13, limited_technique="tremble")
    assert all(np.array_equal(clip.frames[t], clip.frames[t + 2]) for t in range(11))
    assert all(not np.array_equal(clip.frames[t], clip.frames[t + 1]) for t in range(12))
    assert sorted(set(truth.sheet["A"])) == [1, 2]


def test_a_cycle_brings_its_drawings_back_in_order():
    clip, truth = shot(33, limited_technique="cycle_loop", action="gesture", drawing_cadence="threes")
    ids = np.array(truth.sheet["A"])
    assert len(set(ids)) < len(set(runs(clip))) + 12 and (np.diff(ids) < 0).any()
    for n in set(ids.tolist()):
        shown = np.flatnonzero(ids == n)
        assert all(np.array_equal(clip.frames[t], clip.frames[shown[0]]) for t in shown)


def test_line_boil_retraces_one_pose():
    clip, truth = shot(19, limited_technique="line_boil", shot_scale="medium")
    assert len(set(truth.sheet["A"])) == 3 and (changes(clip) > 0).sum() >= 5
    union, common = truth.mask.any(0).sum(), truth.mask.all(0).sum()
    assert common / union > 0.87


def test_wind_sway_moves_the_loose_parts_of_a_held_body():
    clip, truth = shot(25, limited_technique="wind_sway", shot_scale="medium_long")
    moved = (np.abs(clip.frames.astype(int) - clip.frames[0]).max(3) > 25).any(0)
    figure = truth.mask.any(0)
    assert 0.02 < (moved & figure).sum() / figure.sum() < 0.55


def centre_of_change(spacing: str) -> tuple[float, np.ndarray]:
    clip, _ = shot(33, spacing=spacing, action="gesture", drawing_cadence="twos", shot_scale="medium")
    e = changes(clip)
    e = np.maximum(0, e - 1.3 * np.percentile(e[e > 0], 25))  # what the wind moves all the time
    return float((e * np.arange(len(e))).sum() / e.sum()), e


def test_spacing_places_the_drawings():
    at = {s: centre_of_change(s)[0] for s in ("slow_in", "even", "slow_out")}
    assert at["slow_in"] + 2 < at["even"] < at["slow_out"] - 2
    pop = centre_of_change("pop")[1]
    assert pop.max() > 0.6 * pop.sum()
    burst = centre_of_change("hold_and_burst")[1]
    assert np.sort(burst)[-3:].sum() > 0.7 * burst.sum() and burst.max() > 5 * np.mean(burst)
    bell = centre_of_change("slow_in_out")[1]
    order = np.flatnonzero(bell)
    assert bell[order[0]] < 0.6 * bell.max() > bell[order[-1]] and order[0] < int(np.argmax(bell)) < order[-1]


def lean_of(**tags) -> np.ndarray:
    """Horizontal centre of the figure's upper half over time, in figure heights, signed to end positive."""
    _, truth = shot(33, action="gesture", drawing_cadence="ones", shot_scale="medium", **tags)
    top = [np.nonzero(m[: SIZE[1] // 2])[1].mean() for m in truth.mask]
    x = (np.array(top) - top[0]) / SIZE[1]
    return x * np.sign(x[-1])


def test_anticipation_goes_back_first_and_overshoot_goes_too_far():
    plain = lean_of(motion_principle="none")
    assert lean_of(motion_principle="anticipation").min() < plain.min() - 0.005
    over = lean_of(motion_principle="overshoot_settle")
    end = over[-3:].mean()
    assert over.max() > end + 0.02 and over.max() > plain.max() + 0.02


def test_loose_parts_go_on_after_the_body_has_stopped():
    def after(principle):
        clip, _ = shot(33, motion_principle=principle, action="gesture", shot_scale="medium")
        return changes(clip)[21:].sum()

    assert after("follow_through") > 1.5 * after("none") + 0.2


def test_a_hit_stop_is_longer_than_the_cadence_about_it():
    clip, _truth = shot(
        33, motion_principle="hit_stop", action="jump", drawing_cadence="twos", shot_scale="full"
    )
    length = runs(clip)
    assert 3 < max(length) <= 9 and sorted(length)[-2] <= 3


def test_energy_levels_are_in_order():
    def flow(level):
        clip, truth = shot(17, motion_energy=level, drawing_cadence="ones")
        g = grey(clip).astype(np.uint8)
        out = []
        for t in range(2, 16, 2):
            f = cv2.calcOpticalFlowFarneback(g[t - 1], g[t], None, 0.5, 4, 13, 3, 5, 1.2, 0)
            out.append(np.percentile(np.hypot(f[..., 0], f[..., 1])[truth.mask[t]], 95))
        return float(np.mean(out)) / SIZE[1]

    order = [flow(v) for v in ("subtle", "moderate", "dynamic", "explosive")]
    print(order)
    assert order == sorted(order)
    assert 0.001 < order[0] < 0.006 and 0.005 < order[1] < 0.022 and order[2] > 0.018


def test_time_slows_ramps_and_stops():
    def moving(**tags):
        clip, _ = shot(33, action="run", drawing_cadence="ones", camera_move="follow", shot_scale="full",
                       background_animation="scrolled_background", move_speed="creeping", **tags)  # fmt: skip
        return changes(clip)

    real, slow = moving(time_treatment="real_time"), moving(time_treatment="slow_motion")
    assert slow.mean() < 0.75 * real.mean()
    ramp = moving(time_treatment="speed_ramp")
    assert ramp[:15].mean() > 1.5 * ramp[18:].mean()
    clip, truth = shot(33, action="run", time_treatment="freeze_frame@10-24", drawing_cadence="still@10-24")
    assert max(runs(clip)) >= 15 and all(
        np.array_equal(clip.frames[10], clip.frames[t]) for t in range(11, 25)
    )
    assert ("freeze", 10, 24) in [(e.kind, e.first, e.last) for e in truth.events]


def test_a_repeated_action_runs_three_times_each_time_nearer():
    clip, truth = shot(33, time_treatment="repeated_action", drawing_cadence="twos")
    n = 11
    cuts = [e.first for e in truth.events if e.kind == "cut"]
    assert cuts == [n, 2 * n] and set(np.argsort(changes(clip))[-2:]) == {n - 1, 2 * n - 1}
    ids = truth.sheet["A"]
    assert ids[:n] == ids[n : 2 * n] == ids[2 * n :]
    own = np.concatenate([truth.camera[5], [[0, 0, 1]]])
    for k in (1, 2):
        step = (np.concatenate([truth.camera[5 + k * n], [[0, 0, 1]]]) @ np.linalg.inv(own))[:2]
        seen = cv2.warpAffine(clip.frames[5], step, SIZE, borderMode=cv2.BORDER_REPLICATE)
        pair = [
            cv2.cvtColor(f, cv2.COLOR_RGB2GRAY).astype(np.float32) for f in (seen, clip.frames[5 + k * n])
        ]
        assert step[0, 0] > 1.2 and np.hypot(*cv2.phaseCorrelate(*pair)[0]) < 0.5
