"""Frame-rate conversion, and the laws it keeps."""

from __future__ import annotations

import pytest
from directive_strategies import RATES, directives
from hypothesis import assume, given
from hypothesis import strategies as st

from animatrix.knowledge import Directive, Tag
from animatrix.knowledge.timing import (
    convert_length,
    convert_range,
    exact_rate,
    from_reference,
    reference_frames,
    to_reference,
)

rates = st.sampled_from(RATES)
ranges = st.tuples(st.integers(0, 5000), st.integers(0, 300)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(ranges, rates, rates)
def test_a_range_survives_going_to_a_rate_at_least_as_high_and_back(span, fps, higher):
    assume(exact_rate(higher) >= exact_rate(fps))
    assert convert_range(*convert_range(*span, fps, higher), higher, fps) == span


@given(ranges, st.integers(0, 300), rates, rates)
def test_ranges_that_touch_still_touch_and_never_overlap_where_both_keep_a_frame(span, more, fps, target):
    first, last = span
    one, other = (
        convert_range(first, last, fps, target),
        convert_range(last + 1, last + 1 + more, fps, target),
    )
    if exact_rate(target) >= exact_rate(fps):
        assert one[1] + 1 == other[0]
    else:  # downwards a short range keeps one frame, which its neighbour may share
        assert 0 <= one[1] + 1 - other[0] <= 1
    assert one[0] <= one[1] and other[0] <= other[1]


@given(st.integers(1, 5000), rates, rates)
def test_a_length_survives_going_up_and_back_and_is_half_a_frame_off_at_most(frames, fps, target):
    there = convert_length(frames, fps, target)
    exact = frames * exact_rate(target) / exact_rate(fps)
    assert there == 1 or abs(there - exact) <= 0.5
    if exact_rate(target) >= exact_rate(fps):
        assert convert_length(there, target, fps) == frames


@pytest.mark.parametrize(
    ("fps", "expected"), [(24, (14, 15)), (12, (7, 7)), (30, (18, 19)), (60, (35, 39)), (8, (5, 5))]
)
def test_a_two_frame_flash_at_other_rates(fps, expected):
    assert from_reference(14, 15, fps) == expected


def test_broadcast_rates_are_exact():
    assert exact_rate(23.976) * 1001 == 24000
    assert exact_rate(29.97) * 1001 == 30000
    assert exact_rate(12.5) * 2 == 25
    assert to_reference(0, 29, 30.0) == (0, 23)
    assert (
        reference_frames(17, 12.0) == 34
        and reference_frames(33, 24.0) == 33
        and reference_frames(33, 30) == 27
    )


@given(directives(rates=(24.0,)), rates)
def test_a_directive_at_24_survives_any_higher_rate_and_back(directive, fps):
    assume(exact_rate(fps) >= 24)
    assert directive.to_fps(fps).to_fps(24) == directive


@given(directives(rates=(12.0,)), st.sampled_from((24.0, 48.0, 60.0)))
def test_a_directive_at_12_survives_its_multiples_and_back(directive, fps):
    assert directive.to_fps(fps).to_fps(12) == directive


@given(directives(), rates)
def test_spans_never_change_except_where_the_new_length_clips_them(directive, fps):
    other = directive.to_fps(fps)
    end = other.reference_frames - 1
    assert abs(other.seconds - directive.seconds) <= 0.5 / fps + 1e-9 or other.frames == 1
    for field_id, tags in directive.tags.items():
        for tag in tags:
            clipped = (
                tag if tag.span is None else Tag(tag.value, (min(tag.span[0], end), min(tag.span[1], end)))
            )
            assert clipped in other.tags[field_id]
    assert other.to_fps(fps) == other


@given(directives())
def test_span_frames_lie_in_the_shot(directive):
    for tags in directive.tags.values():
        for tag in tags:
            first, last = directive.span_frames(tag)
            assert 0 <= first <= last < directive.frames


def test_span_frames_count_in_the_directives_own_rate():
    directive = Directive.model_validate(
        {"tags": {"impact_frame": "white_frame@14-15"}, "frames": 17, "fps": 12}
    )
    assert directive.span_frames(directive.tags["impact_frame"][0]) == (7, 7)
    assert directive.span_frames(Tag("twos")) == (0, 16)
