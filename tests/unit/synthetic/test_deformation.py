"""Every deformation and smear, measured in pixels against the same shot without it."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.media.clip import Clip
from animatrix.synthetic import Truth, render
from animatrix.synthetic.exaggerate import ENVELOPES, SMEARS

SIZE = (192, 112)
SEED = 11
# the action that gives each device its room, and the cadence it is judged on
SHOWN_ON = dict.fromkeys(ENVELOPES, "react") | {
    "limb_elongation": "strike",
    "forced_foreshortening": "strike",
    "rubber_limb": "run",
    "melting_wobble": "idle",
    "elongated_inbetween": "dash",
    "multiples": "strike",
    "dry_brush_smear": "slash",
    "arc_fill_smear": "slash",
    "shape_abstraction": "run",
    "afterimage_ghost": "dodge_guard",
    "digital_motion_blur": "dash",
}
DEVICES = [("body_deformation", v) for v in ENVELOPES] + [("smear_technique", v) for v in SMEARS]


def directive(frames: int = 33, **tags) -> Directive:
    base = {
        "camera_move": "fix",
        "drawing_cadence": "twos",
        "shot_scale": "full",
        "background_style": "blank_void",
        "lighting": "flat_even",
    }
    return Directive.model_validate({"narrative": "x", "tags": base | tags, "frames": frames, "fps": 24})


@lru_cache(maxsize=64)
def take(
    value: str | None, action: str, intensity: str = "pronounced", seed: int = SEED
) -> tuple[Clip, Truth]:
    """The shot with device ``value``, or without any."""
    tags: dict[str, str] = {"action": action}
    if value == "face_exaggeration" or action == "face":
        tags |= {"action": "react", "shot_scale": "medium_close"}
    if value:
        field = "body_deformation" if value in ENVELOPES else "smear_technique"
        tags |= {field: value, "deformation_intensity": intensity}
    return render(directive(**tags), seed, SIZE)


def pair(value: str) -> tuple[np.ndarray, np.ndarray, Truth, Truth, int]:
    """Frames with and without a device, both truths, and the frame of its peak."""
    action = SHOWN_ON[value]
    clip, truth = take(value, action)
    plain, without = take(None, "face" if value == "face_exaggeration" else action)
    peak = next(e.first for e in truth.events if e.kind == "deformation_peak")
    return clip.frames, plain.frames, truth, without, peak


def figure(frame: np.ndarray, threshold: int = 24) -> np.ndarray:
    """``bool [H,W]``: what differs from the empty paper, read at the frame's edge."""
    paper = np.median(np.concatenate([frame[:, :2].reshape(-1, 3), frame[:, -2:].reshape(-1, 3)]), 0)
    return np.abs(frame.astype(int) - paper).max(2) > threshold


def box(mask: np.ndarray) -> tuple[int, int]:
    """Width and height of what is True."""
    return int(np.ptp(np.flatnonzero(mask.any(0)))) + 1, int(np.ptp(np.flatnonzero(mask.any(1)))) + 1


@pytest.mark.parametrize(("field", "value"), DEVICES)
def test_a_device_changes_the_picture_where_and_when_the_truth_says(field, value):
    with_it, without, truth, plain, peak = pair(value)
    change = np.abs(with_it.astype(int) - without).max(3)
    spans = [(e.first, e.last) for e in truth.events if e.kind == field]
    inside = np.zeros(len(change), bool)
    for a, b in spans:
        inside[a : b + 1] = True
    assert value in truth.directive.values(field)
    assert not plain.deformation.any() and plain.directive.values(field) == ("none",)
    assert not change[~inside].any()  # to the byte: it begins, and it recovers
    assert not truth.deformation[~inside].any()
    assert not inside[0] and not inside[-1]
    assert (change[peak] > 16).mean() > 0.003 and truth.deformation[peak].max() > 0.3
    for t in np.flatnonzero(inside):
        reach = truth.mask[t] | plain.mask[t] | (truth.deformation[t] > 0)
        reach = cv2.dilate(reach.astype(np.uint8), np.ones((7, 7))).astype(bool)
        assert not ((change[t] > 24) & ~reach).any(), t
    told = truth.deformation[peak] > 0.3
    assert (change[peak][told] > 8).mean() > 0.35


@pytest.mark.parametrize("value", [v for v in SMEARS if v not in ("afterimage_ghost", "digital_motion_blur")])
def test_a_drawn_smear_lasts_one_to_three_drawings(value):
    _, _, truth, _, _ = pair(value)
    for e in truth.events:
        if e.kind == "smear_technique":
            drawings = set(truth.sheet["A"][e.first : e.last + 1])
            assert 1 <= len(drawings) <= 3 and e.last - e.first < 6


def test_squash_keeps_the_area_and_changes_the_shape():
    a, b, _, _, peak = pair("squash_stretch")
    f, g = figure(a[peak]), figure(b[peak])
    (w, h), (w0, h0) = box(f), box(g)
    assert 0.8 < f.sum() / g.sum() < 1.25
    assert w / h > 1.25 * w0 / h0


def test_chibi_is_small_with_a_head_as_large_as_before():
    a, b, _, _, peak = pair("chibi_shift")
    f, g = figure(a[peak]), figure(b[peak])
    assert box(f)[1] < 0.7 * box(g)[1]
    head, before = f[np.flatnonzero(f.any(1))[0] :][:18], g[np.flatnonzero(g.any(1))[0] :][:18]
    assert head.sum(1).max() > 0.9 * before.sum(1).max()


def test_an_elongated_limb_reaches_further():
    a, b, _, _, peak = pair("limb_elongation")
    assert box(figure(a[peak]))[0] > 1.15 * box(figure(b[peak]))[0]


def test_a_foreshortened_fist_is_as_large_as_a_head():
    a, b, _, _, peak = pair("forced_foreshortening")

    def front(mask):
        columns = np.flatnonzero(mask.any(0))
        hand = min((columns[:8], columns[-8:]), key=lambda c: np.flatnonzero(mask[:, c].any(1))[-1])
        return mask[:, hand].sum(0).max()

    assert front(figure(a[peak])) > 1.8 * front(figure(b[peak]))


def test_an_exaggerated_face_opens_its_mouth_wide():
    a, b, _, _, peak = pair("face_exaggeration")

    def mouth(frame):
        r, g, bl = frame.astype(int).transpose(2, 0, 1)
        return ((r > 90) & (r < 190) & (g < 0.5 * r) & (abs(g - bl) < 34)).sum()

    assert mouth(a[peak]) > 1.5 * mouth(b[peak]) + 20


def test_a_morph_becomes_one_compact_thing():
    a, b, _, _, peak = pair("morphing")
    assert box(figure(a[peak]))[1] < 0.75 * box(figure(b[peak]))[1]


def _middles(mask: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(mask.sum(1) > 2)
    return np.array([np.flatnonzero(mask[y]).mean() for y in rows])


def test_a_melting_outline_waves_and_stays_in_place():
    a, b, _, _, peak = pair("melting_wobble")
    f, g = figure(a[peak]), figure(b[peak])
    assert np.std(_middles(f)) > 1.4 * np.std(_middles(g))
    assert abs(np.argwhere(f)[:, 1].mean() - np.argwhere(g)[:, 1].mean()) < 6


def test_paper_is_thin():
    a, b, _, _, peak = pair("paper_flatten")
    rows = [np.median(figure(x[peak]).sum(1)[figure(x[peak]).any(1)]) for x in (a, b)]
    assert rows[0] < 0.45 * rows[1]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_scale_pop_is_there_in_one_drawing(seed):
    clip, truth = take("scale_pop", "react", "extreme", seed)
    plain, _ = take(None, "react", "pronounced", seed)
    first = next(e.first for e in truth.events if e.kind == "body_deformation")
    first = next(t for t in range(first, 33) if (clip.frames[t] != plain.frames[t]).any())
    ratio = figure(clip.frames[first]).sum() / figure(plain.frames[first]).sum()
    assert ratio > 1.45 or ratio < 0.5
    assert np.array_equal(clip.frames[first - 1], plain.frames[first - 1])


def test_a_broken_silhouette_is_full_of_strokes():
    a, b, _, _, peak = pair("broken_silhouette")

    def contour(frame):  # length of the outline in figures of the same area
        mask = figure(frame).astype(np.uint8)
        lines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        return sum(cv2.arcLength(line, True) for line in lines) / np.sqrt(mask.sum())

    assert contour(a[peak]) > 1.15 * contour(b[peak])


def test_rubber_limbs_leave_the_bones():
    a, b, _, _, peak = pair("rubber_limb")
    f, g = figure(a[peak]), figure(b[peak])
    low = slice(int(np.flatnonzero(g.any(1)).mean()), None)
    assert (f[low] & g[low]).sum() / (f[low] | g[low]).sum() < 0.75
    assert 0.8 < f.sum() / g.sum() < 1.3


def test_an_elongated_inbetween_is_long_along_its_path():
    a, b, _, _, peak = pair("elongated_inbetween")
    f, g = figure(a[peak]), figure(b[peak])
    assert box(f)[0] / box(f)[1] > 1.5 * box(g)[0] / box(g)[1]


@pytest.mark.parametrize(
    ("value", "more"), [("multiples", 1.12), ("arc_fill_smear", 1.12), ("dry_brush_smear", 1.08)]
)
def test_what_is_drawn_between_covers_more_of_the_picture(value, more):
    a, b, _, _, peak = pair(value)
    assert figure(a[peak], 12).sum() > more * figure(b[peak], 12).sum()


def test_a_wheel_of_legs_is_round():
    a, b, _, _, peak = pair("shape_abstraction")
    f, g = figure(a[peak]), figure(b[peak])
    feet = slice(np.flatnonzero(f.any(1))[-1] - 16, None)
    gaps = [np.mean([np.ptp(np.flatnonzero(r)) + 1 - r.sum() for r in m[feet] if r.any()]) for m in (f, g)]
    assert gaps[0] < max(2.0, 0.5 * gaps[1]) and f[feet].sum() > g[feet].sum()


def test_afterimages_are_translucent():
    a, b, _, _, peak = pair("afterimage_ghost")
    faint = figure(a[peak], 10) & ~figure(b[peak], 10)
    solid = np.abs(a[peak].astype(int) - np.median(a[peak][:, :2].reshape(-1, 3), 0)).max(2)
    assert faint.sum() > 40
    assert np.percentile(solid[faint], 75) < 0.75 * np.percentile(solid[figure(b[peak])], 75)


def test_digital_blur_softens_the_figure_alone():
    a, b, _, _, peak = pair("digital_motion_blur")
    sharp = [cv2.Laplacian(cv2.cvtColor(x[peak], cv2.COLOR_RGB2GRAY), cv2.CV_32F).var() for x in (a, b)]
    assert sharp[0] < 0.35 * sharp[1]


@pytest.mark.parametrize("value", ["limb_elongation", "melting_wobble", "squash_stretch"])
def test_intensity_orders_the_amplitude(value):
    action = SHOWN_ON[value]
    plain = take(None, action)[0].frames.astype(int)
    change = []
    for level in ("subtle_push", "pronounced", "extreme"):
        clip, truth = take(value, action, level)
        assert truth.directive.values("deformation_intensity") == (level,)
        change.append(np.abs(clip.frames - plain).mean())
    assert change[0] < 0.8 * change[1] < 0.8 * change[2]


def test_a_span_holds_the_device_to_its_frames():
    d = directive(action="strike", smear_technique="multiples@8-9")
    clip, truth = render(d, SEED, SIZE)
    plain, _ = render(directive(action="strike"), SEED, SIZE)
    assert set(np.flatnonzero((clip.frames != plain.frames).any((1, 2, 3)))) <= {8, 9}
    assert truth.directive.tags["smear_technique"] == d.tags["smear_technique"]
    assert truth.sheet["A"][7] != truth.sheet["A"][8] != truth.sheet["A"][10]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            {"body_deformation": "chibi_shift", "drawing_cadence": "still"},
            "the renderer cannot draw body_deformation=chibi_shift with drawing_cadence=still",
        ),
        (
            {"smear_technique": "multiples", "action": "idle"},
            "the renderer cannot draw smear_technique=multiples with action=idle",
        ),
        (
            {"deformation_intensity": "extreme", "body_deformation": "none"},
            "the renderer cannot draw deformation_intensity=extreme with body_deformation=none",
        ),
    ],
)
def test_what_could_not_be_seen_is_refused(tags, message):
    with pytest.raises(AniMatrixError) as e:
        render(directive(9, **tags), 0)
    assert (e.value.code, e.value.message) == (Code.UNSUPPORTED_VALUE, message)


@pytest.mark.parametrize("action", ["strike", "slash", "fall", "dodge_guard", "dance", "cast"])
def test_fast_actions_are_fast_at_their_accent(action):
    clip, truth = take(None, action)
    speed = np.abs(np.diff(clip.frames.astype(int), axis=0)).mean((1, 2, 3))
    assert truth.directive.values("action") == (action,)
    hits = [e.first for e in truth.events if e.kind in ("blow", "landing", "dodge", "release")]
    if hits:  # the fastest drawing lies within a sixth of a second of the accent
        assert abs(int(speed.argmax()) + 1 - hits[0]) <= 5
    else:
        assert (speed > 0).sum() >= 10
