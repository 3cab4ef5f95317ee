"""Votes out of a study: what `prefer` reads, what the statistics read, and a table."""

from __future__ import annotations

import csv
import json

import pytest
from studies import SYSTEMS, ballot, copied
from typer.testing import CliRunner

from animatrix.evaluate.study.commands import open_store, study
from animatrix.evaluate.study.export import as_csv, export, study_votes
from animatrix.evaluate.study.records import BROKEN, Note, read_study_votes
from animatrix.evaluate.study.shown import Shown
from animatrix.prefer.merits import DIMENSIONS
from animatrix.prefer.votes import clips_in, pairs_of_votes, read_votes, set_aside


def voted(folder, raters=2):
    """A study whose raters answered everything, straight in the store."""
    opened, store = open_store(folder)
    shown = Shown(opened, store.signer)
    for token in store.invite(raters):
        rater = store.begin(store.open(token, None))
        while (trial := store.current(rater)) is not None:
            vote = ballot(shown.trial(trial, 0, 20), note="=1+1")
            answers = {"score": {}, **vote["answers"]}
            assert store.vote(rater, trial.trial, vote["key"], answers, vote["playback"]).outcome == "counted"
    return opened, store


@pytest.fixture(scope="module")
def finished(made, tmp_path_factory):
    return voted(copied(made, tmp_path_factory.mktemp("finished")))


def test_prefer_reads_every_line_and_finds_the_clips(finished, made, tmp_path):
    lines = export(*finished, tmp_path / "votes")
    read = read_votes(tmp_path / "votes" / "votes.jsonl", finished[0].definition.id)
    assert not read.refused and len(read.votes) == lines["votes.jsonl"] == 2 * 16 * 5
    clips = {k: v for s in SYSTEMS for k, v in clips_in(made.folder.parent / "clips" / s).items()}
    assert len(set_aside(read, clips, tmp_path / "aside.jsonl")) == len(read.votes)
    assert len(pairs_of_votes(read.votes)) == len(read.votes)


def test_a_vote_in_prefer_says_what_the_rater_said(finished):
    opened, store = finished
    full = {v.trial: v for v in study_votes(opened, store)}
    from animatrix.evaluate.study.export import prefer_votes

    for vote in prefer_votes(opened, full.values()):
        whole = full[vote.trial]
        assert (vote.a, vote.b) == (whole.left.clip, whole.right.clip)
        meant = {"a": "left", "b": "right"}.get(vote.choice, vote.choice)
        assert whole.choice[vote.dimension] == meant
        assert vote.directive == opened.directive(whole.item)


def test_the_statistics_get_every_trial_with_its_kind(finished, tmp_path):
    export(*finished, tmp_path)
    read = read_study_votes(tmp_path / "study_votes.jsonl")
    assert not read.refused and len(read.votes) == 40
    kinds = {
        k: sum(v.kind == k for v in read.votes)
        for k in ("calibration", "gold", "repeat", "identical", "real")
    }
    assert kinds == {"calibration": 4, "gold": 4, "repeat": 2, "identical": 2, "real": 28}
    by_trial = {v.trial: v for v in read.votes}
    for v in read.votes:
        assert set(v.choice) == set(DIMENSIONS) and set(v.tags["left"]) == {
            "camera_move=pan_left",
            "smear_technique=multiples@1-1",
        }
        assert set(v.art["left"]) == {"smear_technique=multiples@1-1"}
        assert (BROKEN in (v.left.system, v.right.system)) == (v.kind == "gold") == bool(v.expected)
        assert v.notes == [Note(side="left", frame=1, text="=1+1")]
        if v.kind == "repeat":
            assert by_trial[v.repeats].left == v.right


def test_withdrawn_votes_stay_out(made, tmp_path):
    opened, store = voted(copied(made, tmp_path), raters=1)
    (rater,) = store.raters()
    store.undo(rater)
    assert len(study_votes(opened, store)) == 19


def test_the_table_has_a_row_a_dimension_and_no_formula(finished):
    rows = list(csv.DictReader(as_csv(study_votes(*finished)).splitlines()))
    assert len(rows) == 40 * 5 and {r["left"] for r in rows} >= set(SYSTEMS)
    assert not any(str(cell)[:1] in "=+-@" for row in rows for cell in row.values() if cell)


def test_an_id_that_begins_a_formula_is_made_text(finished):
    votes = [v.model_copy(update={"item": "-1+1"}) for v in study_votes(*finished)[:1]]
    assert ",'-1+1," in as_csv(votes)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"rubric": "2"}', "rubric '2' is not known"),
        ('{"rubric": "1"}', "study: field required"),
    ],
)
def test_a_damaged_line_is_refused_with_its_number(finished, tmp_path, line, reason):
    export(*finished, tmp_path)
    file = tmp_path / "study_votes.jsonl"
    first, second, *_ = file.read_text().splitlines()
    file.write_text("\n".join([first, line, second, first]) + "\n")
    read = read_study_votes(file)
    assert len(read.votes) == 2 and [r.line for r in read.refused] == [2, 4]
    assert reason in read.refused[0].reason and "again" in read.refused[1].reason


def test_the_command_line_makes_invites_tells_and_exports(made, tmp_path):
    clips = made.folder.parent / "clips"
    run = CliRunner().invoke
    systems = [part for s in SYSTEMS for part in ("--system", f"{s}={clips / s}")]
    folder = str(tmp_path / "study")
    made_it = run(study, ["create", *systems, "--out", folder, "--trials", "4", "--raters", "3"])
    assert made_it.exit_code == 0 and "16 items of 2 systems" in made_it.stdout
    links = run(study, ["invite", folder, "--count", "2", "--url", "https://s.example/"]).stdout.split()
    assert len(links) == 2 and all(link.startswith("https://s.example/r/") for link in links)
    told = json.loads(run(study, ["status", folder, "--json"]).stdout)
    assert told["invited"] == 2 and told["votes"] == 0 and len(told["raters"]) == 2
    again = run(study, ["invite", folder, "--again", next(iter(told["raters"]))])
    assert again.exit_code == 0 and "/r/" in again.stdout
    voted(tmp_path / "study", raters=1)
    done = run(study, ["export", folder, "--out", str(tmp_path / "votes"), "--csv"])
    assert done.exit_code == 0 and (tmp_path / "votes" / "votes.csv").is_file()


@pytest.mark.parametrize(
    "args",
    [
        ["create", "--system", "a", "--out", "x"],
        ["create", "--system", "a=b", "--system", "a=c", "--out", "x"],
        ["create", "--system", "a=b", "--system", "c=d", "--out", "x", "--mode", "video"],
        ["create", "--system", "a=b", "--system", "c=d", "--out", "x", "--anchor", "2=e"],
        ["status", "nowhere"],
        ["export", "nowhere"],
    ],
)
def test_what_cannot_be_is_one_line(args, tmp_path, monkeypatch):
    from animatrix.errors import AniMatrixError

    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(study, args)
    assert isinstance(result.exception, AniMatrixError) and "\n" not in str(result.exception)
    assert not (tmp_path / "x").exists()
