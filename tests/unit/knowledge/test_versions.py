"""Releases of the taxonomy: what each change means, and old directives in new terms."""

from __future__ import annotations

import copy

import pytest
from small_taxonomy import TAXONOMY, changed, field, rule

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Tag, Taxonomy
from animatrix.knowledge.taxonomy_file import taxonomy_from_mapping


def fields(document):
    return {item["id"]: item for item in document["axes"][0]["fields"]}


def value(document, name, number=0):
    return fields(document)[name]["values"][number]


def rules(document):
    return {item["id"]: item for item in document["constraints"]}


def need_layers(document, target):
    rules(document)["truck_needs_layers"]["targets"] = [f"layers.{target}"]


def extra_rule(name, severity):
    return rule(name, "excludes", severity, when=["look.ink"], targets=["act.run"])


@pytest.mark.parametrize(
    ("edit", "level", "key"),
    [
        (lambda d: value(d, "look").update(label={"en": "x", "ja": "y", "zh": "z"}), "patch", "look.ink"),
        (lambda d: value(d, "look").update(aliases=["sumi"]), "patch", "look.ink"),
        (lambda d: value(d, "look").update(definition="reworded"), "patch", "look.ink"),
        (lambda d: rules(d)["brief"].update(message="reworded"), "patch", "brief"),
        (lambda d: value(d, "look").update(expressiveness=2), "minor", "look.ink"),
        (lambda d: d["axes"][0]["fields"].append(field("extra", "a b")), "minor", "extra"),
        (lambda d: fields(d)["look"]["values"].extend(field("look", "oil")["values"]), "minor", "look.oil"),
        (lambda d: fields(d)["look"].update(cardinality="many"), "minor", "look"),
        (lambda d: fields(d)["look"].update(allows_none=True), "minor", "look"),
        (lambda d: d["constraints"].remove(rules(d)["one_way"]), "minor", "one_way"),
        (lambda d: rules(d)["one_way"].update(severity="warn"), "minor", "one_way"),
        (lambda d: rules(d)["fix_is_fix"].update(targets=["move.left"]), "minor", "fix_is_fix"),
        (lambda d: rules(d)["swarm_trails"].update(targets=["effect.spark"]), "major", "swarm_trails"),
        (lambda d: need_layers(d, "flat"), "major", "truck_needs_layers"),
        (lambda d: need_layers(d, "*"), "minor", "truck_needs_layers"),
        (lambda d: d["constraints"].append(extra_rule("w", "warn")), "minor", "w"),
        (lambda d: d["constraints"].append(extra_rule("e", "error")), "major", "e"),
        (lambda d: rules(d)["ink_is_calm"].update(severity="error"), "major", "ink_is_calm"),
        (lambda d: fields(d)["act"]["values"].remove(value(d, "act")), "major", "act.run"),
        (lambda d: fields(d)["move"].update(cardinality="one"), "major", "move"),
        (lambda d: fields(d)["effect"].update(allows_none=False), "major", "effect"),
        (lambda d: fields(d)["energy"].update(scope="shot"), "major", "energy"),
        (lambda d: value(d, "look").update(deformation=True), "major", "look.ink"),
    ],
)  # fmt: skip
def test_each_kind_of_change_has_its_level(edit, level, key):
    found = TAXONOMY.diff(changed(edit))
    assert (found.level, found.changes[0].key) == (level, key)


def test_a_word_that_now_means_another_value_is_a_major_change():
    before = changed(lambda d: value(d, "look", 0).update(aliases=["wash"]))
    after = changed(lambda d: value(d, "look", 1).update(aliases=["wash"]))
    assert [c.message for c in before.diff(after).changes if c.level == "major"] == [
        "'wash' now means look.cel"
    ]


def test_equal_taxonomies_have_no_difference_and_a_diff_can_be_called_on_the_class():
    found = Taxonomy.diff(TAXONOMY, changed(lambda d: None))
    assert (found.changes, found.level, found.version_is_enough) == ((), None, True)


@pytest.mark.parametrize(
    ("new_version", "enough"), [("1.2.3", False), ("1.2.4", False), ("1.3.0", False), ("2.0.0", True)]
)
def test_the_version_number_must_announce_the_worst_change(new_version, enough):
    def edit(document):
        document["version"] = new_version
        fields(document)["act"]["values"].remove(value(document, "act"))

    assert TAXONOMY.diff(changed(edit)).version_is_enough is enough


def test_before_release_one_a_minor_step_may_break():
    def edit(version, remove):
        def apply(document):
            document["version"] = version
            if remove:
                fields(document)["act"]["values"].remove(value(document, "act"))

        return changed(apply)

    assert edit("0.1.0", False).diff(edit("0.2.0", True)).version_is_enough


MIGRATIONS = [
    {"to": "1.3.0", "values": {"move.pan": ["move.left"], "move.gone": []}},
    {"to": "2.0.0", "fields": {"tempo": "cadence"}, "values": {"act.melee": ["act.run", "effect.spark"]}},
]


def migrating() -> Taxonomy:
    def edit(document):
        document["version"] = "2.0.0"
        document["versioning"] = {"migrations": copy.deepcopy(MIGRATIONS)}

    return changed(edit)


def load(tags, version):
    data = {"narrative": "n", "tags": tags, "taxonomy_version": version}
    return Directive.model_validate(data, context={"taxonomy": migrating()})


@pytest.mark.parametrize(
    "stored",
    [
        {"move": "pan@0-9", "tempo": "ones", "act": "melee@3-4"},
        {"move": ["pan@0-9", "gone"], "tempo": ["ones"], "act": [{"value": "melee", "span": [3, 4]}]},
        {"move": (Tag("pan", (0, 9)),), "tempo": (Tag("ones"),), "act": "melee@3-4"},
        ["move=pan@0-9", "tempo=ones", "act=melee@3-4"],
    ],
)
def test_an_old_directive_loads_in_every_stored_form(stored):
    directive = load(stored, "1.2.0")
    assert directive.taxonomy_version == "2.0.0"
    assert directive.tag_strings() == ["move=left@0-9", "cadence=ones", "act=run@3-4", "effect=spark@3-4"]


def test_only_the_migrations_after_the_stored_version_apply():
    assert load({"move": "left"}, "2.0.0").tag_strings() == ["move=left"]
    with pytest.raises(AniMatrixError, match="unknown value 'pan' for move"):
        load({"move": "pan"}, "1.3.0")


def test_the_draft_version_of_the_packaged_taxonomy_still_loads():
    old = Directive.model_validate({"tags": {"camera_move": "pan_left"}, "taxonomy_version": "0.1.0"})
    assert old.taxonomy_version == Taxonomy.default().version


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("3.0.0", "written for taxonomy 3.0.0, but this is 2.0.0; upgrade animatrix"),
        ("latest", "'latest' is not a taxonomy version; write it like 0.1.0"),
        (1.0, "1.0 is not a taxonomy version; write it like 0.1.0"),
    ],
)
def test_a_version_from_the_future_or_no_version_is_refused(version, message):
    with pytest.raises(AniMatrixError) as error:
        load({"move": "left"}, version)
    assert (error.value.code, str(error.value)) == (Code.TAXONOMY_VERSION, message)


def test_a_migration_of_the_packaged_file_names_values_that_exist():
    taxonomy = Taxonomy.default()
    assert taxonomy_from_mapping(taxonomy.raw).migrations == taxonomy.migrations
    for migration in taxonomy.migrations:
        for targets in (migration.get("values") or {}).values():
            for key in targets:
                taxonomy.value(key)
