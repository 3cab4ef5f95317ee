"""``animatrix evaluate``: one folder a run, one line per mistake."""

from __future__ import annotations

import json
import re

import pytest

from animatrix.cli import main

SMALL = ["--suite", "contradiction", "--items", "2", "--processes", "1"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A finished run of the studio and its shuffled control."""
    out = tmp_path_factory.mktemp("bench") / "run"
    status = main(
        [
            *("evaluate", "bench", "--generator", "studio", "--generator", "studio?tags=shuffled"),
            *(*SMALL, "--out", str(out), "--clips", "1"),
        ]
    )
    assert status == 0
    return out


def test_a_run_leaves_results_and_a_report_that_fetches_nothing(bench):
    content = json.loads((bench / "results.json").read_text())
    assert [s["name"] for s in content["systems"]] == ["studio", "studio?tags=shuffled"]
    told = content["systems"][0]["summary"]["contradiction"]["tag_won"]
    assert told["value"] == 1.0 and told["low"] < told["value"] <= told["high"] and told["count"] == 2
    assert content["headline"][0]["value"] > content["headline"][1]["value"]
    html = (bench / "report.html").read_text()
    assert html.count("data:video/webm;base64,") == 2 and "<svg" in html
    assert not re.search(r'(src|href)="(?!data:|#)', html) and "@import" not in html and "url(" not in html
    assert json.loads((bench / "timing.json").read_text())["wall"] > 0
    assert "wall" not in (bench / "results.json").read_text()


def test_the_same_command_again_gives_the_same_results(bench):
    before = (bench / "results.json").read_bytes()
    args = ["--generator", "studio", "--generator", "studio?tags=shuffled", *SMALL, "--out", str(bench)]
    assert main(["evaluate", "bench", *args]) == 0
    assert (bench / "results.json").read_bytes() == before


def test_runs_are_compared_from_their_files_alone(bench, tmp_path, capsys):
    out = tmp_path / "r.html"
    assert main(["evaluate", "report", str(bench), str(bench), "--out", str(out), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert len(content["systems"]) == 4 and len(content["comparisons"]) == 6
    same = next(c for c in content["comparisons"] if c["second"].startswith("studio (") and c["rows"])
    assert all(row["difference"] == 0 and row["p_holm"] == 1 for row in same["rows"])
    assert out.exists()


def test_a_run_is_set_beside_an_earlier_one(bench, tmp_path, capsys):
    args = ["--generator", "studio", *SMALL, "--out", str(tmp_path / "new"), "--compare", str(bench)]
    assert main(["evaluate", "bench", *args, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["systems"][0]["name"] == "studio" and len(content["systems"]) == 3


def test_another_version_of_a_suite_is_not_compared(bench, tmp_path, capsys):
    content = json.loads((bench / "results.json").read_text())
    content["suites"]["contradiction"]["fingerprint"] = "0"
    other = tmp_path / "results.json"
    other.write_text(json.dumps(content))
    assert main(["evaluate", "report", str(bench), str(other), "--out", str(tmp_path / "r.html")]) == 2
    assert "another version of suite contradiction" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["metrics"].update(beauty=c["metrics"]["tag_won"]), "measured by beauty"),
        (lambda c: c.update(format=99), "holds no results"),
        (lambda c: c["metrics"]["tag_won"].update(version=99), "another version of tag_won"),
        (lambda c: c.update(suites={"x": {}}), "ran none of these suites"),
    ],
)
def test_results_of_another_make_are_refused(bench, tmp_path, capsys, change, said):
    content = json.loads((bench / "results.json").read_text())
    change(content)
    other = tmp_path / "results.json"
    other.write_text(json.dumps(content))
    assert main(["evaluate", "report", str(bench), str(other), "--out", str(tmp_path / "r.html")]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["bench"], "no --generator is named"),
        (["bench", "--generator", "our:nano"], "did you mean 'ours'"),
        (["bench", "--generator", "ours:nowhere"], "error[model-missing]"),
        (["bench", "--generator", "ours:nano?tags=of"], "did you mean 'off'"),
        (["bench", "--generator", "ours:nano?stps=3"], "did you mean 'steps'"),
        (["bench", "--generator", "ours:nano?steps=many"], "is not a number"),
        (["bench", "--generator", "diffusers:nowhere"], "no model_index.json"),
        (["bench", "--generator", "folder:nowhere"], "no such folder"),
        (["bench", "--generator", "studio", "--suite", "swap_on"], "did you mean 'swap_one'"),
        (["bench", "--generator", "studio", "--metric", "adherance"], "did you mean 'adherence'"),
        (["bench", "--generator", "studio", "--language", "fr"], "narratives are in en, ja, zh"),
        (["bench", "--generator", "studio", "--reward", "nowhere"], "no trained reward model in nowhere"),
        (["bench", "--generator", "studio", "--items", "0"], "error[usage]"),
        (["bench", "--generator", "studio", "--compare", "nowhere"], "error[file-missing]"),
        (
            ["bench", "--generator", "studio", "--suite", "spans", "--metric", "collapse"],
            "leave out --metric",
        ),
        (["report", "nowhere"], "error[file-missing]"),
        (["rank"], "error[usage]"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(args, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *args]) == 2
    line = capsys.readouterr().err.strip().splitlines()
    assert len(line) == 1 and said in line[0]


def test_a_folder_that_lacks_an_item_names_the_nearest_file(tmp_path, capsys):
    from animatrix.media import Clip, write_video

    frames = __import__("numpy").zeros((9, 48, 64, 3), "uint8")
    write_video(Clip(frames, 24), tmp_path / "contradiction-1.mp4")
    args = ["--generator", f"folder:{tmp_path}", *SMALL, "--out", str(tmp_path / "run")]
    assert main(["evaluate", "bench", *args]) == 2
    said = capsys.readouterr().err
    assert "no clip of item contradiction-01 and 1 more; did you mean 'contradiction-1'" in said


@pytest.mark.parametrize("verb", ["bench", "report"])
def test_help_shows_an_example(verb, capsys):
    assert main(["evaluate", verb, "--help"]) == 0
    assert f"animatrix evaluate {verb}" in capsys.readouterr().out
