"""From votes to figures, page and table; what no figure can be made of is said in one line."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest

from animatrix import AniMatrixError
from animatrix.cli import main
from animatrix.errors import Code
from animatrix.evaluate.statistics.agreement import RELIABLE
from animatrix.evaluate.statistics.simulated import Planted
from animatrix.evaluate.statistics.simulated_raters import study_votes
from animatrix.evaluate.study.analysis import Settings, analyse
from animatrix.evaluate.study.report import as_csv, summary, write_report
from animatrix.prefer.merits import DIMENSIONS

QUICK = Settings(resamples=199)
GAPS = dict(zip(DIMENSIONS, (6.0, 1.2, 0.0, 0.4, -6.0), strict=True))


def votes_of(raters, systems=2, **more):
    planted = {d: Planted(tuple(np.linspace(x / 2, -x / 2, systems))) for d, x in GAPS.items()}
    return study_votes(np.random.default_rng(0), planted, raters, prompts=12, trials=12, **more)


@pytest.fixture(scope="module")
def votes():
    return votes_of(["honest"] * 10 + ["left"])


@pytest.fixture(scope="module")
def found(votes):
    return analyse(votes, settings=QUICK) | {"refused": []}


def scored(votes):
    """The same raters' scores of the left clips: 4 for a, 2 for b, less or more by lot."""
    rng = np.random.default_rng(0)
    made = []
    for v in votes:
        if v.kind == "identical":
            continue
        value = {"a": 4, "b": 2}.get(v.left.system, 1)
        score = {d: int(np.clip(value + rng.integers(-1, 2), 1, 5)) for d in DIMENSIONS}
        changes = {"mode": "score", "right": None, "choice": {}, "score": score, "expected": {}}
        made.append(type(v).model_validate(v.model_dump() | changes))
    return made


def test_planted_differences_come_back_in_the_form_of_the_claim(found):
    row = {d: told["comparisons"][0] for d, told in found["dimensions"].items()}
    assert row["prompt_understanding"]["claim"] == "a"
    assert row["finish_stability"]["claim"] == "b"
    assert row["design_consistency"]["claim"] is None
    for told in row.values():
        assert told["difference"]["value"] == pytest.approx(told["mean_first"] - told["mean_second"])
        assert told["percent"]["value"] == pytest.approx(100 * (told["mean_first"] / told["mean_second"] - 1))
        assert told["difference"]["low"] < told["difference"]["value"] < told["difference"]["high"]
        assert told["p_holm"] >= told["p"]
        assert sum(told["shares"].values()) == pytest.approx(1)
        assert told["shares"]["both_bad"] > 0


def test_only_real_trials_of_raters_who_count_are_counted(found, votes):
    counts = found["counts"]
    assert counts["raters"] == 11 and counts["raters_counted"] == 10
    assert counts["counted"] == 10 * 12 == found["dimensions"]["camera_layout"]["comparisons"][0]["votes"]
    (out,) = (v for v in found["screening"]["raters"] if v["excluded"])
    assert out["rater"] == "rater-0010" and "left preferred" in out["broken"]["side"]
    everyone = found["dimensions"]["prompt_understanding"]["comparisons"][0]["unscreened"]
    assert (
        everyone["value"]
        < found["dimensions"]["prompt_understanding"]["comparisons"][0]["difference"]["value"]
    )


def test_a_claim_is_dropped_where_raters_disagree_however_small_the_p(found):
    for told in found["dimensions"].values():
        alpha, row = told["agreement"]["alpha"]["value"], told["comparisons"][0]
        assert row["claim"] is None or (alpha >= RELIABLE and row["p_holm"] < 0.05)
        if alpha < RELIABLE:
            assert row["why"].startswith("dropped: raters agree too little")
    motion = found["dimensions"]["artistic_motion"]
    assert motion["agreement"]["alpha"]["value"] < RELIABLE and motion["comparisons"][0]["claim"] is None


def test_the_order_of_votes_and_a_second_run_change_nothing(votes, found):
    again = analyse(votes[::-1], settings=QUICK)["dimensions"]["camera_layout"]["comparisons"][0]
    first = found["dimensions"]["camera_layout"]["comparisons"][0]
    assert again["difference"] == pytest.approx(first["difference"])


def test_three_systems_are_compared_in_every_pair():
    told = analyse(votes_of(["honest"] * 8, systems=3), settings=QUICK)["dimensions"]["prompt_understanding"]
    assert [(r["first"], r["second"]) for r in told["comparisons"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [m["system"] for m in sorted(told["means"], key=lambda m: -m["value"])] == ["a", "b", "c"]


def test_scores_give_means_of_one_to_five(votes):
    found = analyse(scored(votes), settings=QUICK)
    told = found["dimensions"]["artistic_motion"]["comparisons"][0]
    assert told["mean_first"] == pytest.approx(4, abs=0.3) and told["mean_second"] == pytest.approx(
        2, abs=0.3
    )
    assert told["claim"] == "a" and told["percent"]["value"] == pytest.approx(100, abs=30)
    assert "shares" not in told


def test_ticks_of_tags_and_deformations_are_shared_out(votes):
    ticks = {"left": {"x=y": "present"}, "right": {"x=y": "wrong"}}
    art = {"left": {"smear": "art"}, "right": {"smear": "failure"}}
    found = analyse([v.model_copy(update={"tags": ticks, "art": art}) for v in votes], settings=QUICK)
    for name in ("present", "wrong", "art"):
        shares = [row["value"] for row in found["ticks"][name]["systems"]]
        assert sum(shares) == pytest.approx(1, abs=0.1)  # half the clips stood left


def test_page_and_table_hold_every_figure_and_fetch_nothing(found, tmp_path):
    hostile = json.loads(
        json.dumps(found).replace('"a"', '"<script>a"').replace('"study": "', '"study": "<b>')
    )
    page = write_report(tmp_path / "report.html", hostile).read_text("utf-8")
    assert "<script" not in page and "<b>" not in page and "&lt;script&gt;a" in page
    assert not re.search(r"(src|href)=|https?://", page)
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert [r["dimension"] for r in rows] == list(DIMENSIONS)
    value = found["dimensions"]["camera_layout"]["comparisons"][0]["difference"]["value"]
    assert float(rows[3]["difference"]) == pytest.approx(value, rel=1e-4)
    assert len(summary(found)) == 5
    json.dumps(found, allow_nan=False)


def others(votes, **update):
    return [v.model_copy(update=update) for v in votes]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: [], "no votes yet"),
        (lambda v: [x for x in v if x.kind == "gold"], "no vote on a real trial"),
        (lambda v: [x for x in v if x.rater == "rater-0000"], "one rater"),
        (lambda v: [x for x in v if x.item == "item-000"], "one prompt"),
        (
            lambda v: [x for x in v if x.rater == "rater-0010"],
            "no vote is left; 1 of 1 raters are screened out",
        ),
        (
            lambda v: [x for x in v if x.rater in ("rater-0000", "rater-0010")],
            "one rater after 1 are screened",
        ),
        (lambda v: v + others(v[:3], study="other"), "several studies: other, simulated"),
        (lambda v: v + scored(v)[:3], "several modes"),
        (lambda v: [x for x in scored(v) if x.left.system == "a"], "one system"),
    ],
)
def test_votes_that_no_figure_can_be_made_of_are_named(votes, change, said):
    with pytest.raises(AniMatrixError, match=said) as caught:
        analyse(change(votes), settings=QUICK)
    assert caught.value.code is Code.BAD_STUDY


def lines(votes):
    return [json.dumps(v.model_dump(mode="json")) for v in votes]


def test_the_command_names_damaged_lines_and_goes_on(votes, tmp_path, capsys):
    file = tmp_path / "study_votes.jsonl"
    text = [
        *lines(votes),
        "{damaged",
        lines(votes)[0].replace('"rubric": "1"', '"rubric": "9"'),
        lines(votes)[1],
    ]
    file.write_text("\n".join(text) + "\n")
    options = [
        "--out",
        str(tmp_path / "r.html"),
        "--csv",
        str(tmp_path / "r.csv"),
        "--resamples",
        "99",
        "--json",
    ]
    assert main(["evaluate", "study", "report", str(tmp_path), *options]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert [line["line"] for line in document["refused"]] == [len(votes) + n for n in (1, 2, 3)]
    assert "rubric '9' is not known" in err and "not JSON" in err and "again" in err
    assert (tmp_path / "r.html").stat().st_size > 5000 and (tmp_path / "r.csv").read_text().count("\n") == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no votes yet"),
        ("{", "none of 1 lines is a vote; line 1: not JSON"),
        ('{"rubric": "9"}', "line 1: rubric '9' is not known; known: 1"),
        (None, "neither study.json nor study_votes.jsonl"),
    ],
)
def test_a_file_without_votes_is_one_line(text, said, tmp_path, capsys):
    if text is not None:
        (tmp_path / "study_votes.jsonl").write_text(text)
    assert main(["evaluate", "study", "report", str(tmp_path), "--out", str(tmp_path / "r.html")]) == 2
    err = capsys.readouterr().err.splitlines()
    assert said in err[-1] and len([line for line in err if "error" in line]) == 1
    assert not (tmp_path / "r.html").exists()


def test_power_prints_the_table_of_votes(capsys):
    assert main(["evaluate", "study", "power", "--effect", "0.65", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisive"] == 85
    assert main(["evaluate", "study", "power", "--effect", "0.5"]) == 2
    assert main(["evaluate", "study", "report", "x", "--ties", "davidsen"]) == 2
    assert "did you mean 'davidson'" in capsys.readouterr().err
