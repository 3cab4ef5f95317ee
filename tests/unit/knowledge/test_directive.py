"""Directives: every way to write one, one canonical form."""

from __future__ import annotations

import json
import pickle

import pytest
from directive_strategies import directives
from hypothesis import given
from hypothesis import strategies as st

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Tag, check

DESIGN_EXAMPLE = """
narrative: A girl in a red scarf sprints over a rooftop and leaps.
tags:
  drawing_cadence: twos
  camera_move: [follow]
  impact_frame: inverted_frame@14-15
frames: 33
fps: 24
"""


def ask(tags, **more):
    return Directive.model_validate({"narrative": "n", "tags": tags, **more})


def test_the_design_example():
    directive = Directive.from_text(DESIGN_EXAMPLE)
    assert (directive.frames, directive.fps) == (33, 24.0)
    assert directive.values("drawing_cadence") == ("twos",)
    assert directive.tags["impact_frame"] == (Tag("inverted_frame", (14, 15)),)


@given(directives())
def test_parse_render_is_the_identity_for_canonical_json(directive):
    assert Directive.from_text(directive.canonical_json()) == directive
    assert Directive.model_validate(directive.model_dump()) == directive
    assert Directive.model_validate(json.loads(directive.model_dump_json())) == directive


@given(directives())
def test_parse_render_is_the_identity_for_tag_strings(directive):
    again = Directive.model_validate({**directive.canonical(), "tags": directive.tag_strings()})
    assert again == directive


@given(directives())
def test_canonicalisation_is_idempotent(directive):
    once = directive.canonical_json()
    assert Directive.from_text(once).canonical_json() == once
    assert hash(Directive.from_text(once)) == hash(directive)


@given(directives(), st.randoms(use_true_random=False))
def test_the_order_tags_are_written_in_does_not_matter(directive, random):
    texts = directive.tag_strings()
    random.shuffle(texts)
    shuffled = Directive.model_validate({**directive.canonical(), "tags": texts})
    assert shuffled.canonical_json() == directive.canonical_json()


@given(directives())
def test_a_directive_survives_pickling(directive):
    assert pickle.loads(pickle.dumps(directive)) == directive


@pytest.mark.parametrize(
    "written",
    [
        "pan_left+track_up",
        "Pan Left + T.U.",
        ["pan_left", "track_up"],
        ["左PAN", "推镜头"],
        [{"value": "pan_left"}, {"value": "track_up", "span": None}],
        ({"value": "track_up", "span": None}, "pan_left", "unspecified"),
        "ＰＡＮ＿ＬＥＦＴ＋ＴＲＡＣＫ＿ＵＰ",
    ],
)
def test_one_field_in_every_written_form(written):
    assert ask({"camera_move": written}).tag_strings() == ["camera_move=pan_left", "camera_move=track_up"]


@pytest.mark.parametrize("name", ["camera_move", "Camera move", "カメラワーク", "运镜", "CAMERA-MOVE"])
def test_a_field_in_every_language(name):
    assert ask({name: "fix"}).values("camera_move") == ("fix",)


@pytest.mark.parametrize(
    "written",
    [
        "inverted_frame@14-15",
        "inverted_frame @ 14 - 15",
        "inverted_frame@14~15",
        {"value": "inverted_frame", "span": [14, 15]},
        [{"value": "ネガ反転コマ", "span": "14-15"}],
    ],
)
def test_a_span_in_every_written_form(written):
    assert ask({"impact_frame": written}).tags["impact_frame"] == (Tag("inverted_frame", (14, 15)),)


def test_a_single_frame_and_a_range_shared_by_several_values():
    assert ask({"impact_frame": "white_frame@9"}).tag_strings() == ["impact_frame=white_frame@9-9"]
    texts = ask({"action": "jump+run@3-9+turn"}).tag_strings()
    assert texts == ["action=turn", "action=run@3-9", "action=jump@3-9"]


def test_parse_tag_returns_the_tags_by_field():
    parsed = Directive.parse_tag("impact_frame=inverted_frame@14-15")
    assert parsed == {"impact_frame": (Tag("inverted_frame", (14, 15)),)}
    assert Directive.parse_tag("camera_move=Q.T.U@0-9") == {
        "camera_move": (Tag("track_up", (0, 9)),),
        "move_speed": (Tag("quick", (0, 9)),),
    }


def test_a_compound_term_sets_its_fields_and_asks_for_what_is_open():
    assert ask({"camera_move": "流PAN+pan_left"}).values("move_speed") == ("whip",)
    with pytest.raises(AniMatrixError) as error:
        ask({"camera_move": "QPAN"})
    assert error.value.code is Code.AMBIGUOUS_TERM
    assert str(error.value) == (
        "'QPAN' for camera_move sets move_speed=quick and leaves the pan direction open; "
        "add a value to camera_move"
    )


def test_unspecified_and_null_ask_for_nothing():
    directive = ask(
        {"palette": "unspecified", "lighting": None, "action": ["unspecified", "run"], "focus": []}
    )
    assert directive.tag_strings() == ["action=run"]


def test_none_is_kept_where_absence_can_be_asked_for():
    assert ask({"manga_symbol": "none"}).values("manga_symbol") == ("none",)


def test_a_caption_may_abstain_and_show_what_nobody_should_ask():
    seen = {"narrative": "", "tags": {"palette": "unknown", "camera_move": "pan_left+pan_right"}}
    directive = Directive.model_validate(seen, context={"source": "caption"})
    assert directive.values("palette") == ("unknown",)
    assert [v.rule for v in check(directive) if v.severity == "error"] == ["one_of_pan_left_pan_right"]
    still = Directive.model_validate({"tags": {"drawing_cadence": "still"}}, context={"source": "caption"})
    assert still.tag_strings() == ["drawing_cadence=still"]
    assert Directive.model_validate({"narrative": "", "tags": {}}, context={"source": "caption"}).tags == {}


def test_a_narrative_or_tags_are_enough_and_nothing_is_not():
    assert Directive.model_validate({"narrative": "rain"}).tags == {}
    assert Directive.model_validate({"tags": {"palette": "vivid"}}).narrative == ""
    with pytest.raises(AniMatrixError, match="the directive asks for nothing"):
        Directive.model_validate({"narrative": "  ", "tags": {"palette": "unspecified"}})


def test_one_value_at_a_time_may_change_over_time():
    assert len(ask({"drawing_cadence": "twos@0-10+ones@11-32"}).tags["drawing_cadence"]) == 2


def test_a_whole_shot_field_takes_a_range_only_when_it_is_the_whole_shot():
    assert ask({"palette": "vivid@0-32"}).tags["palette"] == (Tag("vivid"),)
    with pytest.raises(AniMatrixError, match="palette=vivid@0-20: palette holds for the whole shot"):
        ask({"palette": "vivid@0-20"})


def test_changing_one_tag_leaves_the_rest():
    directive = ask({"camera_move": "pan_left", "palette": "vivid"})
    changed = directive.with_tag("camera_move=pan_right")
    assert changed.tag_strings() == ["palette=vivid", "camera_move=pan_right"]
    assert directive.tag_strings() == ["palette=vivid", "camera_move=pan_left"]
    assert changed.without("palette").tag_strings() == ["camera_move=pan_right"]
    assert directive.replace(frames=50).frames == 50
    with pytest.raises(AniMatrixError, match="cannot share frames"):
        directive.with_tag("camera_move=pan_left+pan_right")


def test_fps_may_be_a_fraction():
    assert Directive.model_validate({"narrative": "n", "fps": "24000/1001"}).fps == pytest.approx(
        23.976, abs=1e-3
    )


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "shot.yaml"
    path.write_bytes(b"\xef\xbb\xbfnarrative: |\r\n  two\r\n  lines\r\ntags: {palette: vivid}\r\n")
    assert Directive.from_file(path).narrative == "two\nlines"
