"""Looking words up: exact, in three languages, without guessing; and searching, which may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Taxonomy
from animatrix.knowledge.terms import fold

TAXONOMY = Taxonomy.default()


def all_words():
    for value in TAXONOMY.values():
        for word in (value.id, *value.label.values(), *value.aliases, *value.eponym_aliases):
            yield value, word


def test_every_word_resolves_to_its_value_or_is_declared_ambiguous():
    ambiguous = {fold(term.term) for term in TAXONOMY.ambiguous_terms}
    wrong = []
    for value, word in all_words():
        found = TAXONOMY.resolve(word)
        declared = found.kind == "ambiguous" and fold(word) in ambiguous
        if not declared and found.values != (value,):
            wrong.append((value.key, word, found.readings()))
    assert wrong == []


def test_every_id_means_itself_inside_its_field():
    for value in TAXONOMY.values():
        assert TAXONOMY.resolve(value.id, value.field).values == (value,)


def test_every_word_is_accepted_inside_its_field_or_asks_which():
    for value, word in all_words():
        found = TAXONOMY.resolve(word, value.field)
        if found.kind == "ambiguous":
            assert len(found.candidates) > 1
        else:
            assert len(found.values) == 1 and found.values[0].field == value.field


@given(st.sampled_from([pair for pair in all_words()]), st.randoms(use_true_random=False))
def test_case_width_and_separators_do_not_matter(pair, random):
    value, word = pair
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)
    dressed = random.choice([word.upper(), wide, word.replace(" ", "_"), f" {word.replace('_', '-')} "])
    plain, same = TAXONOMY.resolve(word, value.field), TAXONOMY.resolve(dressed, value.field)
    assert (plain.kind, plain.values, plain.candidates) == (same.kind, same.values, same.candidates)


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("集中線", "graphic_device.focus_lines"),
        ("一拍二", "drawing_cadence.twos"),
        ("2コマ打ち", "drawing_cadence.twos"),
        ("推镜头", "camera_move.track_up"),
        ("T.U.", "camera_move.track_up"),
        ("ＰＡＮ　ＵＰ", "camera_move.tilt_up"),
        ("camera_move.fix", "camera_move.fix"),
    ],
)
def test_studio_words_of_three_languages(word, key):
    assert [value.key for value in TAXONOMY.resolve(word).values] == [key]


def test_an_ambiguous_word_returns_its_readings_and_chooses_none():
    found = TAXONOMY.resolve("speed lines")
    assert found.kind == "ambiguous" and found.values == ()
    assert found.default.key == "graphic_device.speed_line_background"
    assert len(found.candidates) == 3


def test_a_field_settles_an_ambiguity_when_one_reading_is_left():
    assert TAXONOMY.resolve("wide").kind == "ambiguous"
    assert [v.key for v in TAXONOMY.resolve("wide", "lens_perspective").values] == ["lens_perspective.wide"]
    assert [v.key for v in TAXONOMY.resolve("wide", "shot_scale").values] == ["shot_scale.long"]
    assert TAXONOMY.resolve("PAN", "camera_move").kind == "ambiguous"


def test_a_compound_term_expands_and_says_what_is_still_open():
    found = TAXONOMY.resolve("Q.T.U")
    assert found.readings() == ("camera_move=track_up", "move_speed=quick") and found.ask is None
    assert TAXONOMY.resolve("QPAN").ask == "pan direction"


def test_a_field_name_in_another_language_is_a_field():
    assert TAXONOMY.resolve_field("カメラワーク").id == "camera_move"
    assert TAXONOMY.resolve_field("运镜").id == "camera_move"
    assert TAXONOMY.resolve("コマ打ち").field.id == "drawing_cadence"


@pytest.mark.parametrize(
    ("word", "field", "message"),
    [
        ("pan lft", "camera_move", "unknown value 'pan lft' for camera_move; did you mean 'pan_left'?"),
        ("集中線", "palette", "unknown value '集中線' for palette; it belongs to another field: "
         "graphic_device=focus_lines"),
        ("Q.T.U", "palette", "unknown value 'Q.T.U' for palette; it means "
         "camera_move=track_up, move_speed=quick"),
        ("xyzzy", "horizon", "unknown value 'xyzzy' for horizon; choose one of "
         "level_horizon, dutch_tilt, inverted"),
        ("invertedframes", None, "unknown term 'invertedframes'; did you mean "
         "impact_frame=inverted_frame or impact_frame=tint_frame?"),
    ],
)  # fmt: skip
def test_an_unknown_word_is_refused_with_the_nearest(word, field, message):
    with pytest.raises(AniMatrixError) as error:
        TAXONOMY.resolve(word, field)
    assert (error.value.code, str(error.value)) == (Code.UNKNOWN_VALUE, message)


def test_search_ranks_the_whole_word_over_a_part_and_a_label_over_a_definition():
    keys = [hit.key for hit in TAXONOMY.search("rain")]
    assert keys[0] == "natural_effect.rain"
    hits = TAXONOMY.search("pan", 20)
    assert {"camera_move.pan_left", "camera_move.pan_right"} <= {hit.key for hit in hits[:6]}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_search_finds_parts_of_words_in_japanese_and_reads_either_kana():
    assert "rendering_tradition.mecha_hard_surface" in {hit.key for hit in TAXONOMY.search("作画")}
    assert TAXONOMY.search("ジワ")[0].key == "move_speed.creeping"


def test_search_falls_back_to_spelling_neighbours_and_to_nothing():
    assert TAXONOMY.search("invertd frame")[0].key == "impact_frame.inverted_frame"
    assert TAXONOMY.search("qqqqzzzzxxxx") == []
    assert TAXONOMY.search("   ") == []
    assert len(TAXONOMY.search("a", 3)) == 3
