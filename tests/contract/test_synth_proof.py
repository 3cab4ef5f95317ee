"""`animatrix synth coverage` and `gallery`: what can be drawn, counted and shown."""

from __future__ import annotations

import json

import cv2
import pytest

from animatrix.cli import main
from animatrix.knowledge import Taxonomy
from animatrix.synthetic import RENDERABLE


def test_coverage_counts_every_value_of_every_field_once(capsys):
    assert main(["synth", "coverage", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    fields = Taxonomy.default().fields
    assert [r["field"] for r in report["fields"]] == list(fields)
    for row in report["fields"]:
        assert sorted([*row["drawn"], *row["missing"]]) == sorted(fields[row["field"]].values)
        assert set(row["drawn"]) <= set(RENDERABLE.get(row["field"], ()))
    total = report["total"]
    assert total["values"] == sum(len(f.values) for f in fields.values())
    assert total["drawn"] >= 170 and total["pixel_drawn"] == total["pixel_values"]


def test_coverage_names_what_is_missing(capsys):
    assert main(["synth", "coverage"]) == 0
    out = capsys.readouterr().out
    assert "camera_angle (vlm): 3 of 5" in out and "not drawn: worms_eye, overhead" in out


def test_a_sheet_has_a_row_for_every_value_and_is_not_drawn_twice(tmp_path, capsys):
    out = tmp_path / "sheets"
    args = ["synth", "gallery", "--out", str(out), "--field", "horizon", "--size", "64x40", "--json"]
    assert main(args) == 0
    assert json.loads(capsys.readouterr().out)["written"] == ["horizon.jpg"]
    sheet = cv2.imread(str(out / "horizon.jpg"))
    assert sheet.shape == (3 * (40 + 22), 4 * 64 + 3 * 4, 3)
    assert [p.name for p in out.iterdir()] == ["horizon.jpg"]
    stamp = (out / "horizon.jpg").stat().st_mtime_ns
    assert main(args) == 0 and json.loads(capsys.readouterr().out)["written"] == []
    assert (out / "horizon.jpg").stat().st_mtime_ns == stamp
    assert main([*args, "--fresh"]) == 0 and json.loads(capsys.readouterr().out)["written"] == ["horizon.jpg"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--field", "horizn"], "error[bad-option]: there is no sheet of 'horizn'; did you mean 'horizon'?"),
        (["--out", "file"], "error[not-writable]: file is not a folder"),
        (["--size", "wide"], "error[bad-option]: --size 'wide' is not WIDTHxHEIGHT"),
    ],
)
def test_a_gallery_that_cannot_be_drawn_is_refused_in_one_line(
    tmp_path, monkeypatch, capsys, change, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    given = {"--out": "sheets"} | {change[0]: change[1]}
    assert main(["synth", "gallery", *[x for pair in given.items() for x in pair]]) == 2
    err = capsys.readouterr().err
    assert err.startswith(message) and err.count("\n") == 1
    assert not (tmp_path / "sheets").exists()
