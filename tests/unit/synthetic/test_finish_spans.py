"""Every device, sign, effect, light and filter changes the picture in its span and at no other time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.synthetic import RENDERABLE, render

SIZE = (160, 96)
FIRST, LAST, FRAMES = 6, 17, 24
SPANNED = ("graphic_device", "manga_symbol", "natural_effect", "power_effect", "light_effect", "finish")


def directive(frames: int = FRAMES, **tags) -> Directive:
    base = {"camera_move": "fix", "drawing_cadence": "twos", "action": "idle", "shot_scale": "full"}
    return Directive.model_validate({"narrative": "x", "tags": base | tags, "frames": frames, "fps": 24})


def shown(field: str, value: str) -> dict[str, str]:
    """The shot a value is compared in: everything it would otherwise choose is said."""
    if field == "manga_symbol":
        return {"shot_scale": "medium_close"}
    if value == "motion_lines":
        return {"action": "run"}
    if value == "harmony_still":
        return {"drawing_cadence": "still"}
    return {}


@lru_cache(maxsize=8)
def plain(**tags):
    return render(directive(**tags), 3, SIZE)[0].frames.astype(int)


@pytest.mark.parametrize(("field", "value"), [(f, v) for f in SPANNED for v in RENDERABLE[f] if v != "none"])
def test_a_value_shows_inside_its_span_and_nowhere_else(field, value):
    base = shown(field, value)
    clip, truth = render(directive(**base, **{field: f"{value}@{FIRST}-{LAST}"}), 3, SIZE)
    without = plain(**base)
    if value == "rain":  # rain brings its own sky
        without = render(directive(**base, natural_effect="rain@0-0"), 3, SIZE)[0].frames.astype(int)
        without[0] = clip.frames[0]
    change = (np.abs(clip.frames.astype(int) - without).max(3) > 12).mean((1, 2))
    inside = change[FIRST : LAST + 1]
    assert not change[:FIRST].any()
    if value != "disintegration":  # what is gone stays gone
        assert not change[LAST + 1 :].any()
    assert inside.max() > 0.002 and (inside > 0).mean() >= 0.3
    assert [t.span for t in truth.directive.tags[field] if t.value == value] == [(FIRST, LAST)]


@pytest.mark.parametrize("field", SPANNED)
def test_none_is_drawn_as_nothing_and_said(field):
    base = shown(field, "")
    clip, truth = render(directive(9, **base, **{field: "none"}), 3, SIZE)
    bare, _ = render(directive(9, **base), 3, SIZE)
    assert np.array_equal(clip.frames, bare.frames)
    assert truth.directive.values(field) == ("none",)


@pytest.mark.parametrize("field", ["natural_effect", "power_effect", "manga_symbol"])
def test_effects_are_drawn_on_the_sheet_and_not_by_frame(field):
    for value in RENDERABLE[field]:
        if value == "none":
            continue
        clip, truth = render(directive(12, **shown(field, value), **{field: value}), 3, (96, 64))
        row = truth.sheet["MARK" if field == "manga_symbol" else "FX"]
        for t in range(1, 12):
            if row[t] == row[t - 1] and truth.sheet["A"][t] == truth.sheet["A"][t - 1]:
                assert np.array_equal(clip.frames[t], clip.frames[t - 1]), (value, t)
    assert row == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("natural_effect", "lightning"),
        ("natural_effect", "explosion"),
        ("light_effect", "light_flicker"),
        ("power_effect", "electric_arcs"),
    ],
)
def test_no_more_than_three_flashes_a_second(field, value):
    clip, _ = render(directive(72, **{field: value}), 3, (96, 64))
    lum = clip.frames.astype(float).mean(3) / 255
    flashes = 0
    for t in range(1, 72):
        risen = (lum[t] - lum[t - 1]) > 0.10
        flashes += bool(risen.mean() > 0.25)
    assert flashes <= 9, flashes


def test_the_sheet_says_where_an_effect_sets_in_within_a_hold():
    clip, truth = render(directive(12, natural_effect="fire@3-8", manga_symbol="anger_vein@5-8"), 3, SIZE)
    assert truth.sheet["FX"] == [1, 1, 1, 2, 3, 3, 4, 4, 5, 6, 6, 6]
    assert truth.sheet["MARK"] == [1, 1, 1, 1, 1, 2, 3, 3, 4, 5, 5, 5]
    assert not np.array_equal(clip.frames[2], clip.frames[3])


def test_the_figures_mask_shrinks_as_it_disintegrates():
    _, truth = render(directive(33, power_effect="disintegration"), 3, SIZE)
    area = truth.mask.mean((1, 2))
    assert area[0] > 0.03 and area[-1] < 0.1 * area[0]
    assert (np.diff(area) < 0.01 * area[0]).all()  # what is gone does not come back


def test_a_still_with_everything_laid_over_it_is_the_frame_of_the_clip():
    from animatrix.synthetic.studio import Shot

    asked = directive(
        9,
        power_effect="disintegration",
        natural_effect="fire",
        light_effect="bloom",
        manga_symbol="sweatdrop",
        finish="harmony_still",
        drawing_cadence="still",
        shading_treatment="hatching",
        line_style="rough_pencil",
    )
    clip = render(asked, 3, SIZE)[0]
    for t in (0, 7):
        assert np.array_equal(Shot(asked, 3, SIZE).still(t), clip.frames[t]), t


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            {"manga_symbol": "spiral_eyes", "shot_scale": "long"},
            "manga_symbol=spiral_eyes with shot_scale=long",
        ),
        (
            {"graphic_device": "motion_lines", "action": "idle"},
            "graphic_device=motion_lines with action=idle",
        ),
        (
            {"finish": "harmony_still", "drawing_cadence": "ones"},
            "finish=harmony_still with drawing_cadence=ones",
        ),
        ({"effect_design": "liquid_flow", "natural_effect": "rain"}, "effect_design=liquid_flow with none"),
    ],
)
def test_a_finish_that_could_not_be_seen_is_refused(tags, message):
    with pytest.raises(AniMatrixError) as e:
        render(directive(9, **tags), 0)
    assert e.value.code is Code.UNSUPPORTED_VALUE and message in e.value.message


@pytest.mark.parametrize(
    "field",
    ["rendering_tradition", "era_look", "background_style", "lighting", "effect_design", "shading_treatment"],
)
def test_a_complete_directive_of_every_look_draws_it_again(field):
    for value in RENDERABLE[field]:
        asked = Directive.model_validate({"narrative": "x", "tags": {field: value}, "frames": 4, "fps": 24})
        clip, truth = render(asked, 9, (64, 48))
        again, known = render(truth.directive, 9, (64, 48))
        assert np.array_equal(again.frames, clip.frames), value
        assert known.directive == truth.directive, value
