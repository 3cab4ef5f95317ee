"""Suites: data that fits the taxonomy, in three languages, the same for everybody."""

from __future__ import annotations

import pytest

from animatrix.errors import AniMatrixError
from animatrix.evaluate.bench.metrics import METRICS
from animatrix.evaluate.bench.suite import load_suites, read_suite, shuffled_donor, suite_names
from animatrix.knowledge import Taxonomy
from animatrix.knowledge.taxonomy import LANGUAGES
from animatrix.synthetic.drawable import check_drawable

SUITES = [
    *("adherence", "consistency_through_deformation", "contradiction", "deformation_against_collapse"),
    *("drawing_rate", "expressiveness", "keyframe_fidelity", "prompt_understanding", "spans", "swap_one"),
]


def test_every_suite_is_there():
    assert suite_names() == SUITES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_item_is_a_valid_directive_in_every_language(language):
    fields = Taxonomy.default().fields
    for suite in load_suites(None, language):
        assert set(suite.about) == set(LANGUAGES)
        for item in suite.items:
            assert item.directive.narrative and item.directive.tags
            assert item.directive.frames == 25 and item.directive.fps == 24
            assert set(item.judged) <= set(fields)
            assert set(item.judged) <= set(item.directive.tags)


def test_languages_ask_for_the_same_thing_in_other_words():
    each = [load_suites(None, language) for language in LANGUAGES]
    for suites in zip(*each, strict=True):
        for items in zip(*(s.items for s in suites), strict=True):
            assert len({i.directive.narrative for i in items}) == 3
            assert len({i.tags_key for i in items}) == 1 and len({i.id for i in items}) == 1


def test_ids_are_unique_over_all_suites():
    ids = [item.id for suite in load_suites() for item in suite.items]
    assert len(ids) == len(set(ids)) > 300


def test_the_studio_can_draw_every_item_so_that_the_judges_own_misses_can_be_seen():
    for suite in load_suites():
        for item in suite.items:
            check_drawable(item.directive)


def test_every_metric_of_a_suite_is_registered_and_the_main_one_is_among_them():
    for suite in load_suites():
        assert set(suite.metrics) <= set(METRICS) and suite.primary in suite.metrics


def test_a_swap_changes_one_field_and_neither_words_nor_noise():
    suite = load_suites(["swap_one"])[0]
    for before, after in suite.groups.values():
        assert (before.role, after.role) == ("before", "after")
        assert before.seed == after.seed and before.directive.narrative == after.directive.narrative
        changed = {
            f
            for f in {*before.directive.tags, *after.directive.tags}
            if before.directive.tags.get(f) != after.directive.tags.get(f)
        }
        assert changed - {"motion_energy"} == set(before.judged)  # which a still shot implies


def test_a_contradiction_says_another_value_than_its_tag():
    for item in load_suites(["contradiction"])[0].items:
        field = item.judged[0]
        assert item.text in Taxonomy.default().fields[field].values
        assert item.directive.values(field) != (item.text,)


def test_the_first_items_of_adherence_cover_as_many_fields():
    suite = load_suites(["adherence"])[0]
    assert len({item.row for item in suite.first(17)}) == 17


def test_shuffled_tags_are_anothers_and_do_not_depend_on_the_selection():
    for suite in load_suites():
        for item in suite.items:
            donor = shuffled_donor(suite, item)
            assert donor.group != item.group and donor.tags_key != item.tags_key


def test_a_group_is_never_torn_apart_by_taking_only_the_first():
    suite = load_suites(["swap_one"])[0]
    assert [i.id for i in suite.first(1)] == ["swap-01-before", "swap-01-after"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("camera_move: pan_left", "camera_move: pan_lft"), "did you mean 'pan_left'"),
        (("scene: rooftop", "scene: roof_top"), "unknown scene 'roof_top'"),
        (("version: 1", "version: none"), "version"),
        (("judged:", "judge:"), "judged"),
    ],
)
def test_a_suite_with_a_mistake_names_it(tmp_path, change, said):
    from animatrix.evaluate.bench.suite import FOLDER

    text = (FOLDER / "swap_one.yaml").read_text("utf-8")
    file = tmp_path / "swap_one.yaml"
    file.write_text(text.replace(*change), "utf-8")
    with pytest.raises(AniMatrixError, match="swap") as fault:
        read_suite(file, "en")
    assert said in str(fault.value)
