"""The report of a study's own folder: rules and votes from where the server keeps them."""

from __future__ import annotations

import json

import pytest
from studies import copied

from animatrix.cli import main
from animatrix.evaluate.study.commands import open_store
from animatrix.evaluate.study.report import votes_of
from animatrix.prefer.merits import DIMENSIONS

PLAYED = {"opened_ms": 9000.0, "watched_ms": {"left": 3000.0, "right": 3000.0}}


def rated(folder, raters):
    """So many raters who find one system better wherever it stands, and ties where nothing differs."""
    study, store = open_store(folder)
    better = study.definition.systems[0]
    for token in store.invite(raters):
        rater = store.begin(store.open(token, None))
        while trial := store.current(rater):
            sides = {"left": trial.left_system, "right": trial.right_system}
            good = [side for side, system in sides.items() if system == better]
            whole = [side for side, system in sides.items() if system in study.definition.systems]
            answer = whole[0] if len(whole) == 1 else good[0] if len(good) == 1 else "tie"
            answers = {
                "choice": dict.fromkeys(DIMENSIONS, answer),
                "score": {},
                "notes": [],
                "tags": {},
                "art": {},
            }
            answers["choice"]["camera_layout"] = "tie"
            assert store.vote(rater, trial.trial, f"key-{trial.trial}", answers, PLAYED).outcome == "counted"
    store.database.close()
    return better


def report(folder, tmp_path, capsys):
    out = tmp_path / "report.html"
    status = main(
        ["evaluate", "study", "report", str(folder), "--out", str(out), "--resamples", "99", "--json"]
    )
    return status, capsys.readouterr(), out


def test_votes_of_a_served_study_are_reported(made, tmp_path, capsys):
    folder = copied(made, tmp_path)
    better = rated(folder, 4)
    status, printed, out = report(folder, tmp_path, capsys)
    found = json.loads(printed.out)
    assert status == 0 and out.is_file()
    assert found["screening"]["stated"] and not [v for v in found["screening"]["raters"] if v["excluded"]]
    assert found["counts"]["raters_counted"] == 4
    assert found["dimensions"]["artistic_motion"]["comparisons"][0]["shares"]["tie"] == 0
    row = found["dimensions"]["artistic_motion"]["comparisons"][0]
    assert (row["difference"]["value"] > 90) == (row["first"] == better)
    assert found["dimensions"]["camera_layout"]["comparisons"][0]["claim"] is None


def test_a_study_states_its_rules_and_an_unrated_one_has_no_votes(made, tmp_path, capsys):
    folder = copied(made, tmp_path)
    document = json.loads((folder / "study.json").read_text())
    assert document["screening"]["gold_right"] == 0.5
    document["screening"]["gold_right"] = 0.7
    (folder / "study.json").write_text(json.dumps(document))
    assert votes_of(folder).rules.gold_right == 0.7
    status, printed, out = report(folder, tmp_path, capsys)
    assert status == 2 and "no votes yet" in printed.err and not out.exists()
    document["screening"]["gold_rihgt"] = 1
    (folder / "study.json").write_text(json.dumps(document))
    assert report(folder, tmp_path, capsys)[0] == 2


@pytest.mark.parametrize("text", ["nowhere", "empty"])
def test_a_folder_that_is_no_study_is_named(text, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    status, printed, _ = report(tmp_path / text, tmp_path, capsys)
    assert status == 2 and len(printed.err.splitlines()) == 1
