"""``animatrix taxonomy`` and ``animatrix directive``: what they print, as text and as one JSON document."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time

import pytest

from animatrix.cli import main
from animatrix.knowledge import Directive, Taxonomy

SHOT = """
narrative: A girl in a red scarf sprints over a rooftop and leaps.
tags:
  drawing_cadence: twos
  camera_move: [follow]
  impact_frame: inverted_frame@14-15
frames: 33
fps: 24
"""


@pytest.fixture
def run(capsys):
    """Run a command; returns (exit status, stdout, stderr)."""

    def call(*arguments):
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def as_json(run):
    """Run a command with --json; returns its one document."""

    def call(*arguments):
        status, out, err = run(*arguments, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    return call


@pytest.fixture
def shot(tmp_path):
    path = tmp_path / "shot.yaml"
    path.write_text(SHOT)
    return path


def test_show_lists_every_field(run, as_json):
    status, out, _ = run("taxonomy", "show")
    assert status == 0
    assert all(field_id in out for field_id in Taxonomy.default().fields)
    axes = as_json("taxonomy", "show")["axes"]
    assert [axis["id"] for axis in axes] == ["style", "motion", "camera", "vfx"]


@pytest.mark.parametrize("name", ["camera_move", "カメラワーク", "运镜"])
def test_show_a_field_by_any_of_its_names(as_json, name):
    report = as_json("taxonomy", "show", name, "--lang", "ja")
    assert report["field"] == "camera_move"
    assert {"id": "pan_left", "label": "左PAN"}.items() <= report["values"][1].items()


def test_show_a_value_with_its_rules_and_what_failure_looks_like(run, as_json):
    report = as_json("taxonomy", "show", "smear_technique.multiples")
    assert report["failure_lookalike"] and "smear_length" in report["constraints"]
    status, out, _ = run("taxonomy", "show", "集中線")
    assert status == 0 and "focus_lines" in out


def test_show_never_names_a_person(run):
    for value in Taxonomy.default().values():
        if value.eponym_aliases:
            _, out, _ = run("taxonomy", "show", value.key)
            assert not any(name.casefold() in out.casefold() for name in value.eponym_aliases)


def test_search_takes_several_words_of_three_languages(as_json):
    report = as_json("taxonomy", "search", "作画", "集中線", "speed lines", "一拍二", "Q.T.U", "QPAN")
    kinds = {item["term"]: item["kind"] for item in report}
    assert kinds == {
        "作画": "unknown", "集中線": "value", "speed lines": "ambiguous", "一拍二": "value",
        "Q.T.U": "compound", "QPAN": "compound",
    }  # fmt: skip
    by_term = {item["term"]: item for item in report}
    assert len(by_term["作画"]["hits"]) > 3
    assert [r["key"] for r in by_term["集中線"]["readings"]] == ["graphic_device.focus_lines"]
    assert len(by_term["speed lines"]["readings"]) == 3
    assert by_term["speed lines"]["usual"] == "graphic_device.speed_line_background"
    assert by_term["QPAN"]["still_open"] == "pan direction"


def test_search_prints_readings_and_near_hits(run):
    status, out, _ = run("taxonomy", "search", "speed lines", "xqzv")
    assert status == 0
    assert "speed lines: several readings, write the one you mean" in out
    assert "* graphic_device.speed_line_background" in out
    assert "xqzv: no exact meaning" in out and "nothing near it" in out


def test_check_passes_the_packaged_taxonomy_and_fails_a_faulty_one(run, tmp_path):
    status, out, _ = run("taxonomy", "check")
    assert status == 0 and out.endswith("constraints; no faults\n")
    document = copy.deepcopy(Taxonomy.default().raw)
    document["counts"]["fields"] = 41
    path = tmp_path / "taxonomy.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    status, out, _ = run("taxonomy", "check", path)
    assert status == 2 and "fault: counts.fields says 41, the file has 40" in out
    status, out, err = run("taxonomy", "check", tmp_path)
    assert (status, out) == (
        2,
        "",
    ) and err == f"error[not-a-file]: {tmp_path} is a folder, not a taxonomy file\n"


def test_diff_classifies_a_release(as_json, run, tmp_path):
    document = copy.deepcopy(Taxonomy.default().raw)
    document["axes"][0]["fields"][0]["values"][0]["aliases"].append("brand new word")
    path = tmp_path / "new.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    old = tmp_path / "old.json"
    old.write_text(json.dumps(Taxonomy.default().raw), encoding="utf-8")
    report = as_json("taxonomy", "diff", old, path)
    assert report["level"] == "patch" and not report["version_is_enough"]
    assert report["changes"] == [
        {"level": "patch", "key": "rendering_tradition.cel_anime", "message": "alias 'brand new word' added"}
    ]
    assert as_json("taxonomy", "diff", old)["level"] is None
    assert run("taxonomy", "diff", old, path)[1].splitlines()[-1] == (
        "the version number does not announce a patch change"
    )


def test_schema_is_one_json_document(run):
    status, out, _ = run("taxonomy", "schema", "--form", "canonical", "--lang", "zh")
    assert status == 0
    assert json.loads(out)["properties"]["tags"]["properties"]["camera_move"]["title"] == "运镜"


def test_check_a_directive(run, as_json, shot):
    status, out, _ = run("directive", "check", shot)
    assert status == 0
    assert out.startswith(f"{shot}: ok, 33 frames at 24 fps\n")
    assert "impact_frame=inverted_frame@14-15" in out
    report = as_json("directive", "check", shot)
    assert report["ok"] is True
    assert Directive.model_validate(report["directive"]) == Directive.from_file(shot)
    assert {"rule", "severity", "tags", "message", "remedy"} == set(report["violations"][0])
    assert as_json("directive", "check", shot, "--lang", "ja")["prose"].endswith("。")


def test_convert_a_directive_to_a_timesheet_and_back(run, as_json, shot, tmp_path):
    sheet, back = tmp_path / "shot.xdts", tmp_path / "back.json"
    status, out, err = run("directive", "convert", shot, "--out", sheet)
    assert (status, out) == (0, f"{sheet}\n")
    assert "note: impact_frame=inverted_frame@14-15 has no sheet word" in err
    report = as_json("directive", "convert", sheet, "--out", back)
    assert report["directive"]["tags"]["drawing_cadence"] == [{"value": "twos", "span": None}]
    assert Directive.from_file(back).values("camera_move") == ("follow",)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("taxonomy", "show", "camera_mvoe"),
         "error[unknown-field]: no field or value is called 'camera_mvoe'; did you mean 'camera_move'?"),
        (("taxonomy", "show", "palette", "--lang", "fr"),
         "error[bad-option]: unknown language 'fr'; choose one of en, ja, zh"),
        (("taxonomy", "schema", "--form", "xml"),
         "error[bad-option]: unknown schema form 'xml'; choose one of input, canonical, caption"),
        (("directive", "convert", "SHOT", "--out", "shot.txt"),
         "error[unsupported-output]: cannot write 'shot.txt'; end it in .json, .yaml, .yml, .xdts"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("json_flag", [(), ("--json",)])
def test_a_users_mistake_is_one_line_on_stderr_and_status_2(run, shot, arguments, line, json_flag):
    if "schema" in arguments:
        json_flag = ()  # the schema is JSON anyway
    status, out, err = run(*(shot if a == "SHOT" else a for a in arguments), *json_flag)
    assert (status, out, err) == (2, "", line + "\n")


@pytest.mark.parametrize(
    "verb",
    [
        ("taxonomy", "show"), ("taxonomy", "search"), ("taxonomy", "check"), ("taxonomy", "diff"),
        ("taxonomy", "schema"), ("directive", "check"), ("directive", "convert"),
    ],
)  # fmt: skip
def test_help_has_an_example(run, verb):
    status, out, _ = run(*verb, "--help")
    assert status == 0
    assert f"Example: animatrix {' '.join(verb)}" in " ".join(out.split())


def test_a_look_up_starts_without_torch_or_opencv():
    code = (
        "import sys; from animatrix.cli import main; status = main(['taxonomy', 'show', 'camera_move']);"
        "heavy = [m for m in ('torch', 'cv2', 'numpy', 'av', 'rich') if m in sys.modules];"
        "print(status, heavy, file=sys.stderr)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "0 []\n"
    assert "pan_left" in done.stdout
    # A quarter of this on an idle machine; the bound only catches a heavy import that is not in the list.
    assert time.perf_counter() - start < 5


def test_a_directive_is_the_same_bytes_in_every_process(shot):
    code = (
        "from animatrix.knowledge import Directive;"
        f"print(Directive.from_file({str(shot)!r}).canonical_json())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
