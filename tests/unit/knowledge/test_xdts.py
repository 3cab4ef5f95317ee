"""XDTS timesheets: ours round-trip, others' are read without loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from directive_strategies import directives, exposure_sheets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Tag, Taxonomy
from animatrix.knowledge.convert import convert_file
from animatrix.knowledge.sheet import HOLDS, ExposureSheet, Layer, Word, sheet_of, tags_of
from animatrix.knowledge.xdts import IDENTIFIER, Sheet, parse_xdts, read_xdts, sheet_from, write_xdts

TAXONOMY = Taxonomy.default()
on_disk = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def entry(frame, *values, **more):
    return {"data": [{"id": 0, "values": list(values), **more}], "frame": frame}


# As drawing programs write it: a drawing already up before frame 0, hyphens, both in-between marks, an entry
# past the end, letters in drawing names, options and a subversion nobody specified, an odd field, dialogue.
FOREIGN = {
    "header": {"cut": "12", "scene": "3"},
    "subversion": "p1",
    "timeTables": [
        {
            "duration": 12,
            "name": "Sheet1",
            "timeTableHeaders": [
                {"fieldId": 0, "names": ["A", "B", "A"]},
                {"fieldId": 3, "names": ["S1"]},
                {"fieldId": 5, "names": ["CAM1", "CAM2"]},
            ],
            "fields": [
                {
                    "fieldId": 0,
                    "tracks": [
                        {
                            "trackNo": 0,
                            "frames": [
                                entry(-2, "1"),
                                entry(2, "SYMBOL_HYPHEN"),
                                entry(3, "2", options=["OPTION_KEYFRAME"]),
                                entry(5, "SYMBOL_TICK_1"),
                                entry(6, "3a"),
                                entry(8, "SYMBOL_TICK_2"),
                                entry(9, "SYMBOL_NULL_CELL"),
                            ],
                        },
                        {"trackNo": 2, "frames": [entry(4, "1"), entry(30, "SYMBOL_NULL_CELL")]},
                        {"trackNo": 1, "frames": [entry(0, "SYMBOL_NULL_CELL"), entry(1, "007")]},
                    ],
                },
                {"fieldId": 4, "tracks": [{"trackNo": 0, "frames": [entry(0, "?")], "colour": "red"}]},
                {
                    "fieldId": 3,
                    "tracks": [
                        {"trackNo": 0, "frames": [entry(1, "Hero", "Go!"), entry(2, "SYMBOL_HYPHEN")]}
                    ],
                },
                {
                    "fieldId": 5,
                    "tracks": [
                        {
                            "trackNo": 0,
                            "frames": [entry(0, "T.U"), *[entry(n, "SYMBOL_HYPHEN") for n in range(1, 12)]],
                        },
                        {
                            "trackNo": 1,
                            "frames": [
                                entry(-3, "FIX"),
                                entry(2, "PAN"),
                                entry(4, "SYMBOL_HYPHEN"),
                                entry(6, "演出"),
                            ],
                        },
                    ],
                },
            ],
        }
    ],
    "version": 5,
    "vendor": {"x": [1, 2, 3]},
}


def foreign() -> Sheet:
    return parse_xdts(f"{IDENTIFIER}\n{json.dumps(FOREIGN)}", "foreign.xdts")


def test_another_programs_cells_are_read_as_it_means_them():
    layers = foreign().exposure().layers
    assert layers == (
        Layer("A", (1, 1, 1, 2, 2, 2, "3a", "3a", "3a", None, None, None)),
        Layer("B", (None, *["007"] * 11)),
        Layer("A", (None,) * 4 + (1,) * 8),
    )
    assert foreign().marks() == {"A": {5: "SYMBOL_TICK_1", 8: "SYMBOL_TICK_2"}}


def test_another_programs_camera_words_and_dialogue():
    assert foreign().exposure().words == (Word("T.U", 0, 11), Word("PAN", 2, 4), Word("演出", 6, 6))
    assert foreign().dialogue() == [("Hero", "Go!", 1, 2)]


def test_what_is_no_tag_is_said():
    tags, notes = foreign().tags()
    assert tags["camera_move"] == (Tag("track_up"),)
    assert any(note.startswith("frames 2-4: 'PAN' has") for note in notes)
    assert "frames 6-6: unknown term '演出'" in " ".join(notes)
    assert "dialogue on frames 1-2 is not a tag" in notes
    assert "field 4 is not documented; it is kept in the file, not read" in notes
    assert any(note.startswith("layer 'B' has another cadence") for note in notes)


def test_a_foreign_file_is_written_back_without_loss(tmp_path):
    path = tmp_path / "back.xdts"
    assert write_xdts(foreign(), path) == []
    head, _, body = path.read_text(encoding="utf-8").partition("\n")
    assert head == IDENTIFIER
    assert json.loads(body) == FOREIGN


def test_new_cells_in_a_foreign_file_leave_the_rest_alone():
    sheet = ExposureSheet(4, (Layer("C", (1, 1, 2, None)),))
    edited = foreign().with_exposure(sheet)
    assert edited.exposure() == sheet
    assert edited.document["vendor"] == FOREIGN["vendor"]
    assert edited.dialogue() == [("Hero", "Go!", 1, 2)]
    fields = {item["fieldId"]: item for item in edited.document["timeTables"][0]["fields"]}
    assert fields[4] == FOREIGN["timeTables"][0]["fields"][1]
    assert foreign().document == FOREIGN


@on_disk
@given(exposure_sheets())
def test_a_sheet_round_trips_through_a_file(tmp_path, sheet):
    path = tmp_path / "sheet.xdts"
    assert write_xdts(sheet, path) == []
    assert read_xdts(path).exposure() == sheet


@given(exposure_sheets())
def test_a_written_sheet_follows_the_format(sheet):
    document = sheet_from({"sheet": sheet}, cut="1", scene="2").document
    assert document["version"] == 5 and document["header"] == {"cut": "1", "scene": "2"}
    (table,) = document["timeTables"]
    assert table["duration"] == sheet.frames
    for field in table["fields"]:
        assert field["fieldId"] in (0, 5)
        assert [track["trackNo"] for track in field["tracks"]] == list(range(len(field["tracks"])))
        for track in field["tracks"]:
            frames = [item["frame"] for item in track["frames"]]
            assert frames == sorted(set(frames)) and frames[0] >= 0
            assert all(isinstance(v, str) for item in track["frames"] for v in item["data"][0]["values"])


@given(st.sampled_from([*HOLDS, "still"]), st.integers(13, 120))
def test_a_cadence_reads_back_from_the_sheet(value, frames):
    directive = Directive.model_validate(
        {"tags": {"drawing_cadence": value}, "frames": frames, "fps": 24}, context={"source": "caption"}
    )
    sheet, _ = sheet_of(directive)
    assert tags_of(sheet)[0] == {"drawing_cadence": (Tag(value),)}


@given(directives(rates=(24.0,)))
def test_what_a_sheet_holds_reads_back_and_the_rest_is_in_the_notes(directive):
    sheet, notes = sheet_of(directive)
    back, unread = tags_of(sheet)
    assert unread == []
    for field_id, tags in directive.tags.items():
        for tag in tags:
            text = f"{field_id}={tag}"
            whole = Tag(tag.value) if tag.span == (0, directive.frames - 1) else tag
            assert {tag, whole} & set(back.get(field_id, ())) or any(text in note for note in notes), text
    kept = {(name, tag.value) for name, tags in back.items() for tag in tags}
    assert kept <= {(name, tag.value) for name, tags in directive.tags.items() for tag in tags}


def test_every_sheet_code_is_written_as_a_word_that_means_it():
    for value in TAXONOMY.values():
        if value.sheet_code and value.field != "drawing_cadence":
            span = "@3-4"
            directive = Directive.model_validate(
                {
                    "tags": {
                        value.field: value.id + (span if TAXONOMY.fields[value.field].scope != "shot" else "")
                    }
                },
                context={"source": "caption"},
            )
            sheet, notes = sheet_of(directive)
            assert not any("has no sheet word" in note for note in notes), value.key
            assert tags_of(sheet)[0] == directive.tags, value.key


def test_a_cadence_cut_short_is_told_by_words():
    directive = Directive.model_validate({"tags": {"drawing_cadence": "twos@0-10+ones@11-32"}})
    sheet, _ = sheet_of(directive)
    assert {word.text for word in sheet.words} == {"2K", "1K"}
    assert tags_of(sheet)[0] == directive.tags
    whole, _ = sheet_of(Directive.model_validate({"tags": {"drawing_cadence": "twos@0-11+ones@12-32"}}))
    assert whole.words == ()


def test_frames_without_a_cadence_hold_the_drawing_instead_of_losing_the_figure():
    directive = Directive.model_validate({"tags": {"drawing_cadence": "twos@6-11"}, "frames": 16})
    sheet, notes = sheet_of(directive)
    assert sheet.layer("A").cells == (*[1] * 8, 2, 2, *[3] * 6)
    assert notes == [
        f"no cadence is asked on frames {first}-{last}; the drawing beside them is held"
        for first, last in ((0, 5), (12, 15))
    ]
    assert tags_of(sheet)[0] == directive.tags


def test_a_rate_other_than_24_is_noted_and_the_sheet_counts_at_24():
    sheet, notes = sheet_of(
        Directive.model_validate({"tags": {"drawing_cadence": "twos"}, "frames": 15, "fps": 30})
    )
    assert sheet.frames == 12
    assert notes[0] == "the sheet has 12 frames at 24 fps for 15 frames at 30 fps"


def test_directive_files_and_timesheets_convert(tmp_path: Path):
    source, sheet, back = tmp_path / "shot.yaml", tmp_path / "shot.xdts", tmp_path / "back.yaml"
    source.write_text(
        "narrative: A girl\ntags: {drawing_cadence: twos, camera_move: track_up@0-9, palette: vivid}\n"
    )
    _, notes = convert_file(source, sheet)
    assert notes == [
        "palette=vivid has no sheet word and is not on the sheet", "the narrative is not part of a sheet"
    ]  # fmt: skip
    again, _ = convert_file(sheet, back)
    assert again.tag_strings() == ["drawing_cadence=twos", "camera_move=track_up@0-9"]
    assert Directive.from_file(back) == again
    assert sorted(item.name for item in tmp_path.iterdir()) == ["back.yaml", "shot.xdts", "shot.yaml"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello", "{} is not an XDTS timesheet; its first line must be 'exchangeDigitalTimeSheet Save Data'"),
        (f"{IDENTIFIER}\n{{", "{} line 2: not valid JSON: Expecting property name enclosed in double quotes"),
        (f"{IDENTIFIER}\n[]", "{}: no time table in it"),
        (f'{IDENTIFIER}\n{{"timeTables": []}}', "{}: no time table in it"),
        (f'{IDENTIFIER}\n{{"timeTables": [{{"fields": 3}}]}}', "{}: fields is not a list of objects"),
        (f'{IDENTIFIER}\n{{"a": 1, "a": 2}}', "{}: duplicate key 'a'; keep one"),
        (f"{IDENTIFIER}\n" + "[" * 100_000, "{}: nested too deeply"),
    ],
)
def test_a_file_that_is_no_timesheet_is_refused(tmp_path, content, message):
    path = tmp_path / "bad.xdts"
    path.write_text(content)
    with pytest.raises(AniMatrixError) as error:
        read_xdts(path)
    assert (error.value.code, str(error.value)) == (Code.BAD_SHEET, message.format(path))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"duration": 10**9}, "s: duration must be 1 to 100000 frames, not 1000000000"),
        ({"duration": "9"}, "s: duration must be 1 to 100000 frames, not '9'"),
        (
            {"duration": 9, "fields": [{"fieldId": 0, "tracks": [{"trackNo": 10**9, "frames": []}]}]},
            "s: trackNo must be 0 to 999, not 1000000000",
        ),
        (
            {
                "duration": 9,
                "fields": [{"fieldId": 0, "tracks": [{"trackNo": 0, "frames": [{"frame": "x"}]}]}],
            },
            "s: track 0 has an entry without frame and data",
        ),
    ],
)
def test_a_table_that_cannot_be_is_refused(table, message):
    with pytest.raises(AniMatrixError) as error:
        parse_xdts(f"{IDENTIFIER}\n{json.dumps({'timeTables': [table]})}", "s").exposure()
    assert (error.value.code, str(error.value)) == (Code.BAD_SHEET, message)


def test_what_a_sheet_cannot_say_is_refused_before_anything_is_written(tmp_path):
    path = tmp_path / "out.xdts"
    for sheet in (
        ExposureSheet(1, (Layer("A", ("SYMBOL_HYPHEN",)),)),
        ExposureSheet(1, (Layer("A", ("12",)),)),
        ExposureSheet(1, (), (Word("SYMBOL_NULL_CELL", 0, 0),)),
    ):
        with pytest.raises(AniMatrixError, match="cannot be a"):
            write_xdts(sheet, path)
    with pytest.raises(AniMatrixError, match="layer 'A' has 1 cells, the sheet 2 frames"):
        ExposureSheet(2, (Layer("A", (1,)),))
    with pytest.raises(AniMatrixError, match="cut 'x' is not a number of 1 to 4 digits"):
        write_xdts(ExposureSheet(1), path, cut="x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_leaves_nothing_behind(tmp_path):
    with pytest.raises(AniMatrixError) as error:
        write_xdts(ExposureSheet(1), tmp_path / "no" / "out.xdts")
    assert error.value.code is Code.NOT_WRITABLE
    assert list(tmp_path.iterdir()) == []
