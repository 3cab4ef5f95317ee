"""The constraints engine: who may meet whom, over which frames, and what to do about it."""

from __future__ import annotations

import pytest
from directive_strategies import tag_lists
from hypothesis import given
from hypothesis import strategies as st
from small_taxonomy import TAXONOMY, ask, seen

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Tag, Taxonomy, check

CAPTION = {"source": "caption"}


def refusal(tags) -> str:
    with pytest.raises(AniMatrixError) as error:
        ask(tags)
    assert error.value.code is Code.CONSTRAINT
    return str(error.value)


@given(tag_lists(32), st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_the_order_of_tags(pairs, random):
    def verdict(ordered, context):
        tags: dict = {}
        for field_id, tag in ordered:
            tags.setdefault(field_id, []).append(tag)
        try:
            directive = Directive.model_validate(
                {"narrative": "n", "tags": tags, "frames": 33}, context=context
            )
        except AniMatrixError as error:
            return error.code, str(error)
        return directive.canonical_json(), check(directive)

    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert verdict(pairs, None) == verdict(shuffled, None)
    assert verdict(pairs, CAPTION) == verdict(shuffled, CAPTION)


@given(tag_lists(32))
def test_a_directive_that_is_accepted_breaks_no_rule(pairs):
    tags: dict = {}
    for field_id, tag in pairs:
        tags.setdefault(field_id, []).append(tag)
    try:
        directive = Directive.model_validate({"narrative": "n", "tags": tags, "frames": 33})
    except AniMatrixError:
        return
    assert [v for v in check(directive) if v.severity == "error"] == []


def test_every_value_can_be_asked_for_alone_or_with_what_the_refusal_says_to_add():
    taxonomy = Taxonomy.default()
    for value in taxonomy.values():
        span = "@3-4" if taxonomy.fields[value.field].scope == "frame" else ""
        tags = [f"{value.field}={value.id}{span}"]
        for _ in range(3):
            try:
                Directive.model_validate({"narrative": "n", "tags": tags})
                break
            except AniMatrixError as error:
                assert error.code is Code.CONSTRAINT and error.hint.startswith("add "), (tags, str(error))
                tags = [*tags, error.hint.removeprefix("add ").split(" or ")[0].split(" (")[0]]
        else:
            pytest.fail(f"{value.key} cannot be asked for, not even as {tags}")


def test_tags_meet_only_where_their_frames_do():
    assert refusal({"move": "left@0-20+right@20-32"}) == (
        "move=left@0-20 and move=right@20-32 cannot share frames: one_way says so; "
        "keep one, or give them ranges that do not overlap"
    )
    assert ask({"move": "left@0-19+right@20-32"}).values("move") == ("left", "right")


def test_a_missing_span_means_the_whole_shot():
    assert "move=fix and move=left@3-4 cannot share frames" in refusal({"move": "left@3-4+fix"})


def test_a_wildcard_means_any_value_of_the_field():
    for speed in ("slow", "fast"):
        assert f"move=fix and speed={speed} cannot share frames" in refusal({"move": "fix", "speed": speed})


def test_a_requirement_names_the_remedy_and_must_stand_on_the_same_frames():
    assert refusal({"move": "truck"}) == (
        "move=truck needs layers=deep: truck_needs_layers says so; add layers=deep, or drop move=truck"
    )
    assert "needs layers=deep" in refusal({"move": "truck@0-9", "layers": "deep@20-32"})
    assert ask({"move": "truck@0-9", "layers": "deep@9-20"}).values("move") == ("truck",)


def test_what_is_implied_is_added_over_the_same_frames_and_followed_to_the_end():
    assert ask({"cadence": "still@0-9"}).tags["energy"] == (Tag("calm", (0, 9)),)
    frozen = ask({"freeze": "frozen@5-9"})
    assert frozen.tag_strings() == [
        "move=fix@5-9", "cadence=still@5-9", "energy=calm@5-9", "freeze=frozen@5-9"
    ]  # fmt: skip


def test_what_is_asked_already_is_not_implied_again():
    assert ask({"cadence": "still", "energy": "calm@0-3"}).tags["energy"] == (Tag("calm", (0, 3)),)
    assert ask({"cadence": "still@0-9", "energy": "wild@10-32"}).values("energy") == ("calm", "wild")


def test_an_implication_never_contradicts_what_was_asked():
    assert refusal({"cadence": "still", "energy": "wild"}) == (
        "cadence=still implies energy=calm, which energy=wild contradicts: still_is_calm says so; "
        "keep cadence=still or energy=wild"
    )
    assert "freeze=frozen implies move=fix, which move=left contradicts" in refusal(
        {"freeze": "frozen", "move": "left"}
    )
    assert "act=swarm implies effect=trail, which effect=none contradicts" in refusal(
        {"act": "swarm", "effect": "none"}
    )


def test_of_a_caption_an_unmet_implication_is_a_hint():
    (hint,) = seen({"cadence": "still"})
    assert (hint.rule, hint.severity, hint.remedy) == ("still_is_calm", "info", "add energy=calm")


def test_every_broken_rule_is_listed():
    message = refusal({"move": "fix+left", "speed": "slow"})
    assert message.count("cannot share frames") == 2


def test_warnings_and_hints_do_not_refuse_and_come_after_errors():
    directive = ask({"look": "ink", "energy": "wild", "act": "swarm"})
    assert [(v.rule, v.severity) for v in check(directive, TAXONOMY)] == [
        ("ink_is_calm", "warn"), ("swarm_sparks", "info"), ("area", "info")
    ]  # fmt: skip
    suggestion = check(directive, TAXONOMY)[1]
    assert suggestion.message == "act=swarm goes well with effect=spark or any speed: swarm_sparks says so."
    assert suggestion.remedy == "add effect=spark or any speed"


@pytest.mark.parametrize(
    ("spark", "remedy"),
    [
        ("spark@3-14", "give it 2 to 4 frames, e.g. effect=spark@3-6"),
        ("spark@9", "give it 2 to 4 frames, e.g. effect=spark@9-10"),
        ("spark@3-6", None),
        ("spark", None),  # no range: somewhere in the shot
    ],
)
def test_a_length_limit_judges_ranges_and_gives_one_that_fits(spark, remedy):
    assert [v.remedy for v in seen({"effect": spark})] == ([remedy] if remedy else [])


@pytest.mark.parametrize(
    ("flashes", "count"),
    [
        ("white@2+white@9+white@16", None),  # three in a second
        ("white@2+white@9+white@16+white@22", "4"),
        ("white@2+white@12+white@22+white@32", None),  # spread over more than one
        ("white@10+black@11+white@12+black@13+white@14", None),  # five back to back: six changes, three pairs
        ("white@10+black@11+white@12+black@13+white@14+black@15", "3.5"),
        ("white@2-4+white@9-10+black@9-10+white@16", None),  # two on the same frames are one flash
    ],
)
def test_a_flash_is_a_pair_of_changes_and_any_second_holds_at_most_three(flashes, count):
    found = [v for v in seen({"flash": flashes}) if v.rule == "strobe"]
    assert bool(found) is (count is not None)
    if count:
        assert found[0].message.startswith(f"{count} flashes in the second from frame ")
        assert found[0].remedy == "keep at most 3 in any 24 frames"


def test_what_needs_pixels_is_said_not_judged():
    (note,) = seen({"effect": "trail"})
    assert (note.rule, note.severity) == ("area", "info")
    assert note.message == "effect=trail: area not judged, area is measured on pixels"


def test_the_packaged_rules_keep_opposite_moves_and_strobing_out():
    with pytest.raises(AniMatrixError, match="cannot share frames"):
        Directive.model_validate({"tags": {"camera_move": "pan_left+pan_right"}})
    with pytest.raises(AniMatrixError, match="4 flashes in the second from frame 2"):
        Directive.model_validate(
            {"tags": {"impact_frame": "+".join(f"white_frame@{n}" for n in (2, 9, 16, 22))}}
        )


def test_the_packaged_rules_let_plain_requests_through():
    for tags in (
        {"impact_frame": "inverted_frame@14-15", "light_effect": "light_flicker"},
        {"impact_frame": "white_frame@10+black_frame@11+ink_sketch_frame@12-13"},
        {"natural_effect": "lightning+rain", "power_effect": "electric_arcs"},
        {"graphic_device": "focus_lines", "action": "dash", "smear_technique": "multiples"},
    ):
        Directive.model_validate({"tags": tags})
