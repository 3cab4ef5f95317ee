"""Three readers, one answer: who is believed, what is dropped, and that nothing vanishes unsaid."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animatrix import Directive, Taxonomy
from animatrix.caption.reconcile import READERS, NotThere, reconcile
from animatrix.caption.tag import CaptionTag, as_directive
from animatrix.errors import AniMatrixError

WHOLE = (0, 32)
TAXONOMY = Taxonomy.default()


def tag(value, confidence=0.9, span=WHOLE, source="measured"):
    return CaptionTag(value, confidence, span, source, {"seen": 1})


def values(found, field):
    return [t.value for t in found.tags.get(field, [])]


def test_the_highest_reader_that_answered_is_believed():
    found = reconcile(
        {"palette": [tag("vivid")]},
        {"palette": [tag("pastel", source="recognised")]},
        {"palette": [tag("muted", source="narrated")]},
        WHOLE,
    )
    assert values(found, "palette") == ["vivid"] and found.tags["palette"][0].source == "measured"
    assert "recognised said pastel; measured vivid stands" in found.reasons["palette"]
    assert found.abstained == []


def test_an_abstention_lets_the_next_reader_answer():
    found = reconcile({"palette": "too dark"}, {"palette": [tag("pastel", source="recognised")]}, {}, WHOLE)
    assert values(found, "palette") == ["pastel"] and found.tags["palette"][0].source == "recognised"
    assert "too dark" in found.reasons["palette"]


def test_what_the_footage_does_not_hold_no_reader_can_know():
    closed = NotThere("a container of 15 fps cannot show it")
    said = {"drawing_cadence": [tag("threes", source="recognised")]}
    found = reconcile({"drawing_cadence": closed}, said, said, WHOLE)
    assert found.abstained == ["drawing_cadence"]
    assert found.reasons["drawing_cadence"] == f"measured: {closed}"


def test_a_field_nobody_answers_is_abstained_with_each_reason():
    found = reconcile({"palette": "too dark"}, {"palette": [tag("unknown")]}, {"action": []}, WHOLE)
    assert found.abstained == ["palette", "action"] and not found.tags
    assert "too dark" in found.reasons["palette"] and "recognised: cannot tell" in found.reasons["palette"]
    assert found.reasons["action"]


def test_a_lower_reader_that_agrees_is_noted_on_the_tag():
    found = reconcile({"palette": [tag("vivid")]}, {}, {"palette": [tag("vivid", source="narrated")]}, WHOLE)
    assert found.tags["palette"][0].evidence == {"seen": 1, "agreed": ["narrated"]}
    assert "palette" not in found.reasons


def test_a_field_of_many_values_is_not_mixed_unless_the_higher_reader_is_blind_to_the_value():
    measured, narrated = {"finish": [tag("film_grain")]}, {"finish": [tag("harmony_still")]}
    assert values(reconcile(measured, {}, narrated, WHOLE), "finish") == ["film_grain"]
    sees = {"measured": {"finish": ["film_grain", "vignette"]}}
    narrated = {"finish": [tag("harmony_still", source="narrated"), tag("vignette", source="narrated")]}
    mixed = reconcile({**measured, "drawing_cadence": [tag("still")]}, {}, narrated, WHOLE, sees)
    assert sorted(values(mixed, "finish")) == ["film_grain", "harmony_still"]
    assert "narrated said vignette" in mixed.reasons["finish"]


def test_of_two_tags_that_cannot_meet_the_higher_ranked_stays_even_when_less_sure():
    found = reconcile(
        {"camera_move": [tag("fix", 0.6)]}, {"camera_shake": []}, {"move_speed": [tag("quick", 0.99)]}, WHOLE
    )
    assert values(found, "camera_move") == ["fix"] and not values(found, "move_speed")
    assert "move_speed" in found.abstained and "quick dropped" in found.reasons["move_speed"]


def test_of_two_tags_of_one_reader_the_surer_stays():
    found = reconcile({"focus": [tag("deep_focus", 0.6), tag("background_blur", 0.8)]}, {}, {}, WHOLE)
    assert values(found, "focus") == ["background_blur"]
    assert "deep_focus dropped" in found.reasons["focus"]


def test_tags_that_share_no_frames_do_not_contradict():
    found = reconcile(
        {"camera_move": [tag("pan_left", span=(0, 10)), tag("pan_right", span=(11, 32))]}, {}, {}, WHOLE
    )
    assert values(found, "camera_move") == ["pan_left", "pan_right"]


def test_a_speed_without_a_move_is_struck_and_what_it_kept_out_comes_back():
    # With a move to carry it the measured speed keeps the swish out; without one it goes too.
    speed, move = {"move_speed": [tag("slow_move")]}, {"camera_move": "cannot be followed"}
    found = reconcile({**speed, **move}, {}, {}, WHOLE)
    assert not found.tags and "slow_move dropped" in found.reasons["move_speed"]
    both = reconcile(
        {**speed, **move},
        {"transition": [tag("swish_transition")], "camera_move": [tag("pan_left")]},
        {},
        WHOLE,
    )
    assert values(both, "move_speed") == ["slow_move"] and not values(both, "transition")


def test_an_implied_value_that_is_contradicted_costs_the_weaker_tag():
    found = reconcile(
        {"motion_energy": [tag("explosive")]},
        {"time_treatment": [tag("freeze_frame")]},
        {"camera_move": [tag("pan_left")]},
        WHOLE,
    )
    assert values(found, "time_treatment") == ["freeze_frame"] and not values(found, "camera_move")
    assert "freeze_frame" in found.reasons["camera_move"]


def test_limits_are_facts_of_the_footage_and_drop_nothing():
    flashes = [tag("white_frame", span=(i, i)) for i in range(0, 20, 4)]
    found = reconcile({"impact_frame": flashes}, {}, {}, WHOLE)
    assert len(found.tags["impact_frame"]) == 5 and not found.reasons


@pytest.mark.parametrize(
    ("field", "bad", "says"),
    [
        ("palette", tag("vvivid"), "no value 'vvivid'"),
        ("palette", tag("none"), "no value 'none'"),
        ("action", tag("run", span=(40, 50)), "outside the shot"),
        ("nonsense", tag("x"), "no such field"),
    ],
)
def test_what_the_taxonomy_does_not_know_is_left_out_with_a_reason(field, bad, says):
    found = reconcile({}, {}, {field: [bad]}, WHOLE)
    assert not found.tags and says in found.reasons[field]


def test_ranges_are_clipped_to_the_shot():
    found = reconcile({"action": [tag("run", span=(10, 50))]}, {}, {}, WHOLE)
    assert found.tags["action"][0].span == (10, 32)


@st.composite
def answers(draw, source):
    found = {}
    for name in draw(st.lists(st.sampled_from(list(TAXONOMY.fields)), max_size=9)):
        field = TAXONOMY.fields[name]
        if draw(st.integers(0, 9)) == 0:
            found[name] = "cannot tell"
            continue
        words = [*field.values, "none", "unknown", "nonsense"]
        tags = []
        for _ in range(draw(st.integers(0, 3))):
            first = draw(st.integers(0, 36))
            span = (first, first + draw(st.integers(0, 9))) if draw(st.booleans()) else WHOLE
            confidence = draw(st.sampled_from([0.5, 0.7, 0.9]))
            tags.append(CaptionTag(draw(st.sampled_from(words)), confidence, span, source))
        found[name] = tags
    return found


READINGS = st.tuples(*[answers(reader) for reader in READERS])


@settings(max_examples=70, deadline=None)
@given(READINGS)
def test_the_result_is_always_a_valid_directive_and_its_rules_hold(readings):
    found = reconcile(*readings, WHOLE)
    directive = as_directive(found.tags, WHOLE)
    try:  # the same tags, asked for: every rule but the limits of the footage
        Directive.model_validate({**directive.canonical(), "narrative": "x"})
    except AniMatrixError as error:
        assert "flashes in the second" in str(error)
    assert not set(found.tags) & set(found.abstained)
    assert set(found.abstained) <= set(found.reasons)


@settings(max_examples=70, deadline=None)
@given(READINGS)
def test_no_tag_of_the_highest_reader_is_lost_without_a_reason(readings):
    found = reconcile(*readings, WHOLE)
    for field in {name for reading in readings for name in reading}:
        top = next((r[field] for r in readings if isinstance(r.get(field), list) and r[field]), [])
        for said in top:
            kept = any(
                t.value == said.value and t.source == said.source and t.span[0] <= said.span[1]
                for t in found.tags.get(field, [])
            )
            assert kept or field in found.reasons
        assert field in found.tags or field in found.abstained


@settings(max_examples=30, deadline=None)
@given(READINGS)
def test_what_stands_stands_again(readings):
    once = reconcile(*readings, WHOLE)
    by_reader = [{f: [t for t in tags if t.source == r] for f, tags in once.tags.items()} for r in READERS]
    again = reconcile(*[{f: t for f, t in r.items() if t} for r in by_reader], WHOLE)
    assert again.tags == once.tags
