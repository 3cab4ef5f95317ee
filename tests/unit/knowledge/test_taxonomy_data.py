"""The packaged taxonomy, and what loading refuses."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import yaml

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Taxonomy
from animatrix.knowledge.audit import audit
from animatrix.knowledge.taxonomy_file import taxonomy_from_mapping


def test_the_packaged_taxonomy_is_loaded_once_and_has_no_faults():
    taxonomy = Taxonomy.default()
    assert taxonomy is Taxonomy.default()
    assert list(taxonomy.axes) == ["style", "motion", "camera", "vfx"]
    assert len(taxonomy.fields) == 40
    assert sum(1 for _ in taxonomy.values()) == 319
    assert audit(taxonomy) == []


def test_every_id_ever_released_is_there_or_has_a_migration():
    """Ids are permanent: stored directives and trained embedding rows are keyed by them."""
    taxonomy = Taxonomy.default()
    migrated = {key for migration in taxonomy.migrations for key in migration.get("values") or {}}
    released = (Path(__file__).parent / "released_ids.txt").read_text(encoding="utf-8").split()
    assert len(released) == 319
    present = {value.key for value in taxonomy.values()}
    assert set(released) <= present | migrated


def test_a_field_and_a_value_carry_their_production_knowledge():
    field = Taxonomy.default().field("camera_move")
    assert (field.axis, field.cardinality, field.scope) == ("camera", "many", "span")
    assert set(field.label) == {"en", "ja", "zh"}
    smear = Taxonomy.default().field("smear_technique").values["elongated_inbetween"]
    assert smear.deformation and smear.failure_lookalike and smear.curriculum_stage == "deformation"
    assert Taxonomy.default().value("camera_move.track_up").sheet_code == "T.U"


def test_field_and_value_indices_follow_the_file():
    taxonomy = Taxonomy.default()
    assert [value.index for value in taxonomy.values()] == list(range(319))
    assert [field.index for field in taxonomy.fields.values()] == list(range(40))


def test_an_unknown_field_or_value_names_the_nearest():
    with pytest.raises(
        AniMatrixError, match="unknown field 'camera_mov'; did you mean 'camera_move'"
    ) as error:
        Taxonomy.default().field("camera_mov")
    assert error.value.code is Code.UNKNOWN_FIELD
    with pytest.raises(
        AniMatrixError, match="unknown value 'pan_lft' for camera_move; did you mean 'pan_left'"
    ):
        Taxonomy.default().field("camera_move").value("pan_lft")


def test_a_taxonomy_survives_pickling_and_loading_from_a_copy(tmp_path):
    taxonomy = Taxonomy.default()
    assert pickle.loads(pickle.dumps(taxonomy)) is taxonomy
    other = taxonomy_from_mapping(taxonomy.raw, source="other")
    assert pickle.loads(pickle.dumps(other)) == other and other is not taxonomy
    path = tmp_path / "copy.yaml"
    path.write_text(yaml.safe_dump(taxonomy.raw, allow_unicode=True, sort_keys=False), encoding="utf-8")
    assert Taxonomy.load(path).fields == taxonomy.fields


def first_field(document):
    return document["axes"][0]["fields"][0]


def drop_scope(document):
    del first_field(document)["scope"]


def odd_scope(document):
    first_field(document)["scope"] = "scene"


def drop_label(document):
    del first_field(document)["values"][0]["label"]["zh"]


def repeat_value(document):
    first_field(document)["values"].append(first_field(document)["values"][0])


def reserved_value(document):
    first_field(document)["values"][0]["id"] = "none"


def dangling_rule(document):
    document["constraints"][0]["when"] = ["camera_move.teleport"]


def dangling_order(document):
    document["axes"][0]["fields"][1]["order"].append("tv_1950s")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_scope, "t: field rendering_tradition has no 'scope'"),
        (odd_scope, "t: field rendering_tradition has scope 'scene'; choose one of shot, span, frame"),
        (drop_label, "t: value rendering_tradition.cel_anime has no label in zh"),
        (repeat_value, "t: value 'rendering_tradition.cel_anime' is defined twice or is a reserved word"),
        (reserved_value, "t: value 'rendering_tradition.none' is defined twice or is a reserved word"),
        (
            dangling_rule,
            "t: constraint fix_excludes_moves names 'camera_move.teleport', which does not exist",
        ),
        (dangling_order, "t: field era_look orders 'tv_1950s', which is not one of its values"),
    ],
)
def test_loading_refuses_a_broken_taxonomy(damage, message):
    document = copy.deepcopy(Taxonomy.default().raw)
    damage(document)
    with pytest.raises(AniMatrixError) as error:
        taxonomy_from_mapping(document, source="t")
    assert (error.value.code, str(error.value)) == (Code.BAD_TAXONOMY, message)


def test_the_audit_reports_a_word_with_two_owners_and_a_misspelt_key():
    document = copy.deepcopy(Taxonomy.default().raw)
    values = first_field(document)["values"]
    values[0]["aliases"] = ["twice"]
    values[1]["aliases"] = ["Twice"]
    values[2]["aliasses"] = ["oops"]
    faults = audit(taxonomy_from_mapping(document, source="t"))
    first, second = (f"rendering_tradition.{values[i]['id']}" for i in (0, 1))
    assert f"'twice' names {first} and {second} and is not declared ambiguous" in faults
    assert f"rendering_tradition.{values[2]['id']}: unknown key 'aliasses'" in faults
