"""What the taxonomy says a finish looks like, measured in the pixels without the renderer's help."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest

from animatrix.knowledge import Directive
from animatrix.synthetic import render
from animatrix.synthetic.ink import LINE_STYLES, Drawing, ellipse, trace

SIZE = (240, 144)


def shoot(frames: int = 3, seed: int = 3, **tags):
    base = {"camera_move": "fix", "drawing_cadence": "twos", "action": "idle", "shot_scale": "full"}
    d = Directive.model_validate({"narrative": "x", "tags": base | tags, "frames": frames, "fps": 24})
    return _render(d.canonical_json(), seed)


@lru_cache(maxsize=32)
def _render(text: str, seed: int):
    clip, truth = render(Directive.model_validate_json(text), seed, SIZE)
    return clip.frames, truth


def near(**tags):
    return shoot(seed=6, shot_scale="medium_close", **tags)


def hsv(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2HSV).astype(float)


def lum(frame: np.ndarray) -> np.ndarray:
    return frame.astype(float) @ [0.299, 0.587, 0.114] / 255


def tones(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Shares of the colours (16 levels a channel) inside a mask, largest first."""
    q = (frame[mask] >> 4).astype(int) @ [256, 16, 1]
    return np.sort(np.bincount(q))[::-1] / len(q)


# --- lines


def ink_width(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Widths in px along the dark ridges inside a figure."""
    dark = ((lum(frame) < 0.30) & mask).astype(np.uint8)
    d = cv2.distanceTransform(
        cv2.resize(dark, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR), cv2.DIST_L2, 3
    )
    ridge = (d >= cv2.dilate(d, np.ones((3, 3))) - 1e-6) & (d > 0.5)
    return d[ridge] / 2


def light_figure(style: str):
    return shoot(
        seed=5, shot_scale="medium_close", line_style=style, shading_steps="no_shadow", lighting="flat_even"
    )


def test_pens_swell_and_the_brush_is_heaviest():
    widths = {}
    for style in ("clean_uniform", "tapered", "brush_ink"):
        frames, truth = light_figure(style)
        mask = cv2.dilate(truth.mask[1].astype(np.uint8), np.ones((3, 3))).astype(bool)
        widths[style] = ink_width(frames[1], mask)
    spread = {k: np.percentile(v, 92) / np.percentile(v, 12) for k, v in widths.items()}
    assert spread["tapered"] > 1.1 * spread["clean_uniform"]
    assert spread["brush_ink"] > 2.0
    assert np.median(widths["brush_ink"]) > 1.3 * np.median(widths["clean_uniform"])


def test_pencil_strokes_are_doubled_and_change_with_every_drawing():
    drawing = Drawing()
    drawing.outlined([(ellipse(50, 50, 30, 30, n=40), (250, 240, 230))], (40, 30, 40))

    def traced(pen: str, key: int) -> np.ndarray:
        cel = trace(drawing, lambda p: p, 3.0, (0, 0, 100, 100), LINE_STYLES[pen], key=key)
        assert cel is not None
        sheet = np.full((100, 100), 255.0)
        (x, y), (h, w) = cel.origin, cel.rgba.shape[:2]
        cover = cel.rgba[..., 3] / 255
        sheet[y : y + h, x : x + w] = 255 * (1 - cover) + cel.rgba[..., :3].mean(2)
        return sheet

    for pen, differs in (("clean_uniform", False), ("rough_pencil", True)):
        assert np.array_equal(traced(pen, 1), traced(pen, 1))
        assert np.array_equal(traced(pen, 1), traced(pen, 2)) != differs
    rays = [
        cv2.warpPolar(traced(pen, 1), (50, 360), (50, 50), 50, cv2.INTER_LINEAR)
        for pen in ("clean_uniform", "rough_pencil")
    ]
    ridges = [((r < 150)[:, 1:] & ~(r < 150)[:, :-1]).sum(1) for r in rays]
    assert (ridges[0] == 1).all() and (ridges[1] >= 2).mean() > 0.05  # two strokes side by side


# --- shading


def test_shading_steps_count_tones():
    count, main = {}, {}
    for steps in ("no_shadow", "one_step", "two_step", "multi_step", "continuous_tone"):
        frames, truth = shoot(seed=6, shot_scale="medium", shading_steps=steps)
        inside = cv2.erode(truth.mask[1].astype(np.uint8), np.ones((3, 3))).astype(bool)
        share = tones(frames[1], inside)
        count[steps] = int((np.cumsum(share) < 0.88).sum()) + 1
        main[steps] = int((np.cumsum(share) < 0.80).sum()) + 1
    assert count["no_shadow"] < count["one_step"] <= count["two_step"] < count["multi_step"], count
    assert main["continuous_tone"] > 1.5 * main["one_step"], main


@pytest.mark.parametrize(
    ("value", "measure"),
    [
        ("black_spotting", lambda f, m: (f[m].max(1) < 40).mean() - 0.05),
        ("specular_highlight", lambda f, m: (f[m].min(1) > 246).mean()),
        ("soft_gradation", lambda f, m: (np.cumsum(tones(f, m)) < 0.9).sum()),
        ("hatching", lambda f, m: cv2.Laplacian(lum(f), cv2.CV_64F)[m].std()),
        ("screentone", lambda f, m: cv2.Laplacian(lum(f), cv2.CV_64F)[m].std()),
    ],
)
def test_a_treatment_measures_as_it_is_named(value, measure):
    with_, truth = near(shading_treatment=value)
    without, _ = near(shading_treatment="none")
    inside = cv2.erode(truth.mask[1].astype(np.uint8), np.ones((3, 3))).astype(bool)
    assert measure(with_[1], inside) > 1.15 * max(0.0, measure(without[1], inside)) + 1e-4
    outside = ~cv2.dilate(truth.mask[1].astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert np.array_equal(with_[1][outside], without[1][outside])


def test_rim_light_is_a_bright_band_just_inside_the_border():
    with_, truth = near(shading_treatment="rim_light")
    without, _ = near(shading_treatment="none")
    d = cv2.distanceTransform(truth.mask[1].astype(np.uint8), cv2.DIST_L2, 3)
    change = lum(with_[1]) - lum(without[1])
    assert change[(d > 0) & (d < 3.5)].mean() > 0.05
    assert abs(change[d > 9].mean()) < 0.01


def test_screentone_has_a_periodic_peak():
    with_, _ = shoot(seed=8, shot_scale="close_up", shading_treatment="screentone", lighting="flat_even")
    without, _ = shoot(seed=8, shot_scale="close_up", shading_treatment="none", lighting="flat_even")
    change = np.abs(lum(with_[1]) - lum(without[1]))
    spectrum = np.abs(np.fft.rfft2(change - change.mean()))
    spectrum[:3, :3] = 0
    spectrum[-3:, :3] = 0
    assert spectrum.max() > 12 * np.median(spectrum)


# --- colour and light


def test_limited_palettes_hold_few_hues():
    frames, _ = shoot(palette="limited", lighting="flat_even")
    pixels = hsv(frames[1]).reshape(-1, 3)
    hues = pixels[pixels[:, 1] > 40, 0]
    share = np.sort(np.bincount((hues / 12).astype(int) % 15))[::-1] / len(hues)
    assert share[:5].sum() > 0.9


def test_spot_colour_is_one_small_saturated_area_on_grey():
    frames, truth = shoot(palette="spot_color")
    pixels = hsv(frames[1])
    spot = (pixels[..., 1] > 110) & (pixels[..., 2] > 40)
    assert 0.001 < spot.mean() < 0.15
    assert (
        pixels[..., 1][~cv2.dilate(spot.astype(np.uint8), np.ones((5, 5))).astype(bool)] < 25
    ).mean() > 0.99
    hue = pixels[..., 0][spot]
    assert np.percentile(hue, 90) - np.percentile(hue, 10) < 14
    assert (spot & truth.mask[1]).sum() > 0.9 * spot.sum()


def test_neon_is_saturated_light_on_a_dark_ground():
    frames, _ = near(palette="neon")
    pixels = hsv(frames[1])
    assert np.median(lum(frames[1])) < 0.25
    assert ((pixels[..., 1] > 140) & (pixels[..., 2] > 200)).mean() > 0.004


def test_keys_of_light():
    for seed in (2, 3, 5, 6):
        assert np.median(lum(shoot(seed=seed, lighting="high_key")[0][1])) > 0.7, seed
    low = lum(near(lighting="low_key")[0][1])
    assert np.median(low) < 0.25 and low.max() > 0.6 and (low > 0.45).mean() < 0.15


def test_a_local_source_falls_off_with_distance():
    with_, _ = shoot(lighting="local_source", background_style="blank_void")
    v = lum(with_[1])
    y, x = np.unravel_index(v.argmax(), v.shape)
    yy, xx = np.mgrid[0 : v.shape[0], 0 : v.shape[1]]
    d = np.hypot(xx - x, yy - y) / v.shape[0]
    rings = [v[(d > a) & (d < a + 0.1)].mean() for a in (0.12, 0.3, 0.5, 0.75)]
    assert rings == sorted(rings, reverse=True) and rings[0] > 1.7 * rings[-1]


def test_underlight_turns_shadows_upward():
    below, truth = near(lighting=["underlight", "golden_hour"])
    above, _ = near(lighting="golden_hour")
    rows = np.flatnonzero(truth.mask[1].any(1))
    head = slice(rows[0], rows[0] + int(0.62 * (rows[-1] - rows[0])))
    skin = truth.mask[1][head] & (hsv(above[1])[head][..., 0] < 25) & (lum(above[1])[head] > 0.3)
    gain = (lum(below[1]) / np.maximum(lum(above[1]), 0.05))[head]
    y = np.nonzero(skin)[0]
    assert gain[skin][y > np.percentile(y, 75)].mean() > gain[skin][y < np.percentile(y, 35)].mean() + 0.1


# --- grounds and traditions


def ground(frames, truth) -> np.ndarray:
    return frames[1][~cv2.dilate(truth.mask[1].astype(np.uint8), np.ones((7, 7))).astype(bool)]


def test_background_manners():
    painted = ground(*shoot())
    void = ground(*shoot(background_style="blank_void"))
    assert len(np.unique(void, axis=0)) == 1
    flat = ground(*shoot(background_style="graphic_color_field"))
    q = np.sort(np.bincount((flat >> 3).astype(int) @ [1024, 32, 1]))[::-1]
    assert q[:6].sum() > 0.9 * len(flat)
    wash = shoot(background_style="watercolor_wash")[0][1].astype(float)
    assert wash[:, :2].mean() > 238 and wash[40:100, 60:180].mean() < wash[:, :2].mean() - 15
    drawn = shoot(background_style="line_drawn")[0][1]
    assert (lum(drawn) < 0.3).mean() > (lum(shoot()[0][1]) < 0.3).mean() + 0.02
    assert len(painted) == len(void)


def test_traditions_measure_as_they_are_observed():
    frames, truth = shoot(rendering_tradition="ink_wash")
    assert hsv(frames[1])[..., 1].mean() < 8 and (lum(frames[1]) > 0.9).mean() > 0.3
    frames, truth = shoot(rendering_tradition="pencil_sketch")
    assert hsv(frames[1])[..., 1].mean() < 30 and (lum(frames[1]) > 0.8).mean() > 0.5
    frames, truth = shoot(rendering_tradition="graphic_flat")
    q = np.sort(np.bincount((frames[1].reshape(-1, 3) >> 4).astype(int) @ [256, 16, 1]))[::-1]
    assert q[:12].sum() > 0.9 * frames[1].shape[0] * frames[1].shape[1]
    frames, truth = near(rendering_tradition="gekiga")
    assert (frames[1][truth.mask[1]].max(1) < 45).mean() > 0.15
    frames, truth = shoot(rendering_tradition="storybook_watercolor")
    assert frames[1][:, :2].mean() > 225
    paper, _ = near(rendering_tradition="cutout_collage")
    flat, truth = near(rendering_tradition="graphic_flat", line_style="clean_uniform")
    inside = cv2.erode(truth.mask[1].astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert (np.cumsum(tones(paper[1], inside)) < 0.9).sum() > 2 * (
        np.cumsum(tones(flat[1], inside)) < 0.9
    ).sum()


def test_eras_differ_by_grain_weave_and_colour():
    def held(**tags):
        f = shoot(6, drawing_cadence="still", **tags)[0].astype(float)
        return f, float(np.abs(np.diff(f[:, :40, :60].mean(3), axis=0)).mean())

    old, grain = held(era_look="tv_1960s_monochrome")
    assert np.ptp(old, axis=3).max() <= 1 and grain > 4
    nineties, fine = held(era_look="cel_1990s")
    assert 1 < fine < grain + 4
    a, b = (cv2.GaussianBlur(nineties[t].mean(2), (0, 0), 1.2) for t in (0, 3))
    (dx, dy), _ = cv2.phaseCorrelate(a, b)
    assert 0.02 < np.hypot(dx, dy) < 1.0
    digital, none = held(era_look="digital_2000s")
    assert none == 0.0
    soft = held(era_look="composite_2010s")[0]
    assert (
        cv2.Laplacian(soft[0].mean(2)[:50], cv2.CV_64F).std()
        < cv2.Laplacian(digital[0].mean(2)[:50], cv2.CV_64F).std()
    )


# --- effects


def difference(field: str, value: str, frames: int = 25, seed: int = 3, **tags):
    with_, truth = shoot(frames, seed, **tags, **{field: value})
    without, _ = shoot(frames, seed, **tags)
    return with_.astype(float), without.astype(float), truth


def changed(a, b, level: float = 14) -> np.ndarray:
    return np.abs(a - b).max(3) > level


def test_an_explosion_expands_and_then_darkens():
    a, b, _ = difference("natural_effect", "explosion", 33)
    area = changed(a, b).mean((1, 2))
    inside = [a[t][changed(a, b)[t]].mean() for t in (8, 30)]
    assert area[1] == 0 and area[12] > 2.0 * area[4] * 0.2 and area[12] > 0.06
    assert inside[1] < inside[0]


def test_fire_is_warm_smoke_is_grey_and_water_is_cold():
    means = {}
    for value in ("fire", "smoke", "water_splash"):
        a, b, _ = difference("natural_effect", value)
        c = changed(a, b)
        means[value] = a[c].mean(0)
    assert means["fire"][0] > means["fire"][2] + 80
    assert np.ptp(means["smoke"]) < 30
    assert means["water_splash"][2] > means["water_splash"][0] + 20


def test_sparks_and_debris_fly_and_fall():
    for value in ("sparks", "debris"):
        a, b, _ = difference("natural_effect", value)
        c = changed(a, b)
        spread = [np.nonzero(c[t])[1].std() for t in (2, 8)]
        assert spread[1] > spread[0], value


def test_mist_lowers_local_contrast():
    a, b, _ = difference("natural_effect", "mist_steam", 5)
    low = slice(90, 144)
    assert (
        cv2.Laplacian(a[2, low].mean(2), cv2.CV_64F).std()
        < 0.85 * cv2.Laplacian(b[2, low].mean(2), cv2.CV_64F).std()
    )


def test_a_shockwave_expands_at_an_even_speed():
    a, b, _ = difference("power_effect", "shockwave_ring", 17, drawing_cadence="ones")
    wide = []
    for t in (3, 6, 9, 12):
        x = np.nonzero(changed(a, b)[t])[1]
        wide.append(x.max() - x.min())
    steps = np.diff(wide)
    assert steps.min() > 0 and steps.max() < 1.8 * steps.min()


def test_electric_arcs_take_a_new_path_in_every_drawing():
    a, b, _ = difference("power_effect", "electric_arcs", 7)
    c = changed(a, b, 60)
    overlap = (c[0] & c[2]).sum() / max(1, (c[0] | c[2]).sum())
    assert overlap < 0.5 and np.array_equal(c[0], c[1])


def test_a_beam_is_long_and_white_at_its_heart():
    a, b, _ = difference("power_effect", "energy_beam", 17)
    c = changed(a, b, 40)[10]
    y, x = np.nonzero(c)
    assert np.ptp(x) > 1.8 * np.ptp(y)
    assert (a[10][c].min(1) > 235).mean() > 0.1


def test_cubes_keep_straight_edges():
    a, b, _ = difference("power_effect", "cube_debris", 17)
    c = (changed(a, b, 20)[10] * 255).astype(np.uint8)
    shapes, _ = cv2.findContours(c, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    big = [s for s in shapes if cv2.contourArea(s) > 40]
    corners = [len(cv2.approxPolyDP(s, 0.05 * cv2.arcLength(s, True), True)) for s in big]
    assert len(big) >= 3 and np.median(corners) <= 7


def test_designs_of_one_effect_can_be_told_apart():
    counts, outline = {}, {}
    for design in ("volumetric_realist", "graphic_symbolic", "angular_shard", "cg_particle"):
        a, b, _ = difference("natural_effect", "smoke", 13, effect_design=design)
        c = cv2.erode(changed(a, b)[8].astype(np.uint8), np.ones((3, 3))).astype(bool)
        counts[design] = int((tones(a[8].astype(np.uint8), c) > 0.11).sum())
        outline[design] = float((lum(a[8])[changed(a, b)[8]] < 0.25).mean())
    assert counts["volumetric_realist"] > counts["angular_shard"] >= counts["graphic_symbolic"], counts
    assert counts["volumetric_realist"] >= 3 and counts["graphic_symbolic"] <= 2, counts
    assert outline["graphic_symbolic"] > 3 * outline["volumetric_realist"] + 0.01
    assert counts["cg_particle"] != counts["graphic_symbolic"]


# --- signs


@pytest.mark.parametrize(
    "value", ["anger_vein", "sweatdrop", "punctuation_mark", "heart_mark", "blush_marks", "notice_lines"]
)
def test_a_sign_keeps_to_the_head_and_follows_it(value):
    shots = {}
    for action in ("idle", "walk"):
        tags = {"action": action, "shot_scale": "medium", "camera_move": "fix"}
        with_, truth = shoot(9, seed=4, manga_symbol=value, **tags)
        without, _ = shoot(9, seed=4, **tags)
        t = 6
        y, x = np.nonzero(changed(with_.astype(float), without.astype(float), 30)[t] & True)
        top = np.flatnonzero(truth.mask[t].any(1))[0]
        crown = np.flatnonzero(truth.mask[t][top : top + 12].any(0)).mean()
        shots[action] = (x.mean() - crown, y.mean() - top)
        assert len(x) > 12
    (ax, ay), (bx, by) = shots.values()
    head = 0.31 * SIZE[1]
    assert abs(ax) < 1.6 * head and abs(bx) < 1.6 * head and abs(ay) < 1.6 * head
    assert abs(ay - by) < 0.5 * head


@pytest.mark.parametrize("value", ["spiral_eyes", "white_eyes", "symbol_pupils"])
def test_both_eyes_carry_the_same_symbol(value):
    with_, _ = shoot(3, seed=6, shot_scale="close_up", manga_symbol=value)
    without, _ = shoot(3, seed=6, shot_scale="close_up")
    white = (with_[1].min(2) > 215) & (without[1].min(2) <= 250)
    n, _, stats, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx((white * 255).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9)))
    )
    area = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1]
    assert n >= 3 and area[1] > 0.4 * area[0] and area[0] > 60


# --- lights


def test_lights_measure_as_they_are_named():
    a, b, _ = difference("light_effect", "bloom", 3)
    assert (a - b).min() >= -1 and (a - b).mean() > 2
    a, b, _ = difference("light_effect", "incident_light", 3)
    gain = (a - b)[1].mean(2)
    corners = sorted((gain[:36, :60].mean(), gain[:36, -60:].mean()))
    assert corners[1] > 20 and gain[-30:].mean() < 0.4 * corners[1] and gain.min() >= -1
    a, b, _ = difference("light_effect", "light_flicker", 49)
    level = a.mean((1, 2, 3)) / b.mean((1, 2, 3))
    assert 3 <= (np.diff((level < 0.9).astype(int)) == 1).sum() <= 6
    a, b, _ = difference("light_effect", "heat_distortion", 5)
    assert abs(a[2].mean() - b[2].mean()) < 2 and changed(a, b)[2].mean() > 0.03
    assert not np.array_equal(a[2], a[3])


def test_a_glint_lives_three_to_twelve_frames():
    a, b, _ = difference("light_effect", "glint", 25)
    alive = np.flatnonzero(changed(a, b, 30).any((1, 2)))
    assert 3 <= len(alive) <= 12 and np.ptp(alive) == len(alive) - 1


def test_ghosts_of_a_flare_lie_on_a_line_through_the_middle():
    a, b, _ = difference("light_effect", "lens_flare", 3, seed=2, background_style="blank_void")
    gain = np.clip((a - b)[1], 0, 255)
    gain = gain if gain.sum() > 1e4 else np.clip((b - a)[1], 0, 255)
    v = gain.max(2)
    y, x = np.nonzero(v > 0.15 * v.max())
    source = np.unravel_index(cv2.GaussianBlur(v, (0, 0), 3).argmax(), v.shape)
    line = np.array([SIZE[0] / 2 - source[1], SIZE[1] / 2 - source[0]])
    far = np.stack([x - SIZE[0] / 2, y - SIZE[1] / 2], 1) @ np.array([-line[1], line[0]]) / np.hypot(*line)
    assert np.percentile(np.abs(far), 80) < 0.30 * SIZE[1]


# --- filters


def test_filters_measure_as_they_are_named():
    a, b, _ = difference("finish", "paper_texture", 3, drawing_cadence="still")
    assert np.array_equal(a[0] - b[0], a[2] - b[2]) and (a - b).std() > 3
    a, b, _ = difference("finish", "diffusion", 3)
    assert cv2.Laplacian(a[1].mean(2), cv2.CV_64F).std() < 0.8 * cv2.Laplacian(b[1].mean(2), cv2.CV_64F).std()
    assert a.mean() > b.mean()
    a, b, _ = difference("finish", "color_flare", 3)
    assert (a - b).min() >= -1 and np.percentile((a - b)[1].max(2), 95) > 40
    a, b, _ = difference("finish", "analog_video", 3)
    rows = a[1].mean((1, 2)) - b[1].mean((1, 2))
    assert np.abs(np.fft.rfft(rows - rows.mean())[-1]) > 5 * np.median(
        np.abs(np.fft.rfft(rows - rows.mean()))
    )


def test_chromatic_aberration_splits_red_from_blue_at_the_borders():
    frames, _ = shoot(finish="chromatic_aberration", palette="monochrome", background_style="line_drawn")
    f = frames[1].astype(np.float32)

    def offset(x0: int, x1: int) -> float:
        win = cv2.createHanningWindow((x1 - x0, 100), cv2.CV_32F)
        (dx, _), _ = cv2.phaseCorrelate(
            np.ascontiguousarray(f[20:120, x0:x1, 2]), np.ascontiguousarray(f[20:120, x0:x1, 0]), win
        )
        return dx

    assert offset(0, 70) < -0.5 and offset(170, 240) > 0.5


def test_a_painted_still_keeps_the_pose_and_changes_the_paint_in_one_frame():
    frames, truth = shoot(17, finish="harmony_still", drawing_cadence="still")
    jump = np.abs(np.diff(frames.astype(int), axis=0)).mean((1, 2, 3))
    at = int(jump.argmax())
    assert (jump > 0.5).sum() == 1 and [e.first for e in truth.events if e.kind == "filter"] == [at + 1]
    before, after = (cv2.GaussianBlur(lum(frames[t]).astype(np.float32), (0, 0), 2) for t in (at, at + 1))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.85
