"""A damaged or foreign file of votes: every bad line is refused by its number, with the reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animatrix.errors import AniMatrixError, Code
from animatrix.prefer.votes import LONGEST, read_votes

ID = "sha256:" + "0" * 64
GOOD = {
    "study": "pilot-1",
    "rubric": "1",
    "trial": "t1",
    "a": ID,
    "b": "sha256:" + "1" * 64,
    "directive": {"narrative": "x", "tags": {}, "frames": 33, "fps": 24},
    "dimension": "overall",
    "choice": "a",
    "rater": "r-07",
    "time": "2026-03-01T10:00:00Z",
}


def line(**changes) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


BAD = {
    "cut": (line()[:80], "not JSON"),
    "not utf-8": (b'{"study": "\xff\xfe"}', "not UTF-8"),
    "a list": (b"[1, 2]", "not a JSON object"),
    "zeros": (b"\0" * 64, "not JSON"),
    "deep": (b"[" * 30000, "not JSON"),
    "long": (line(study="s" * (LONGEST + 10)), "longer than"),
    "another rubric": (line(rubric="2"), "rubric '2' is not known; known: 1"),
    "foreign keys": (line(score=5), "score: extra inputs are not permitted"),
    "no rater": (
        json.dumps({k: v for k, v in GOOD.items() if k != "rater"}).encode(),
        "rater: field required",
    ),
    "an address": (line(rater="a@b.c"), "rater: "),
    "a path as clip": (line(a="../../etc/passwd"), "a: string should match pattern"),
    "another choice": (line(choice="left"), "choice: input should be 'a', 'b', 'tie' or 'both_bad'"),
    "another dimension": (line(dimension="beauty"), "dimension: input should be"),
    "time without zone": (line(time="2026-03-01T10:00:00"), "time: "),
    "a number as text": (line(trial=7), "trial: input should be a valid string"),
    "unknown tag": (line(directive={**GOOD["directive"], "tags": {"camera_move": "pan_lft"}}), "directive: "),
    "a key twice": (line()[:-1] + b', "choice": "b"}', "key 'choice' is given twice"),
    "repeated": (line(trial="t0"), "repeats line 1"),
    "contradicts": (line(trial="t0", choice="b"), "contradicts line 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_refused_by_number_and_the_others_count(name, tmp_path):
    content, reason = BAD[name]
    file = tmp_path / "votes.jsonl"
    file.write_bytes(b"\n".join([line(trial="t0"), content, line(trial="t9")]) + b"\n")
    read = read_votes(file)
    assert [v.trial for v in read.votes] == ["t0", "t9"] and read.lines == [1, 3]
    assert [r.line for r in read.refused] == [2] and read.refused[0].reason.startswith(reason)
    assert "\n" not in read.refused[0].reason and len(read.refused[0].reason) <= 240


def test_votes_of_another_study_are_foreign(tmp_path):
    file = tmp_path / "votes.jsonl"
    file.write_bytes(line() + b"\n" + line(study="other", trial="t2"))
    read = read_votes(file, study="pilot-1")
    assert len(read.votes) == 1 and read.refused[0].reason == "of study other, not of pilot-1"


def test_an_empty_file_has_no_votes_and_a_missing_one_is_told(tmp_path):
    (tmp_path / "votes.jsonl").touch()
    assert read_votes(tmp_path / "votes.jsonl").votes == []
    with pytest.raises(AniMatrixError) as caught:
        read_votes(tmp_path / "none.jsonl")
    assert caught.value.code is Code.FILE_MISSING


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(line()) - 1), byte=st.integers(0, 255))
def test_no_damaged_byte_ends_the_reading(tmp_path_factory, at, byte):
    content = bytearray(line())
    content[at] = byte
    file = tmp_path_factory.mktemp("votes") / "votes.jsonl"
    file.write_bytes(bytes(content) + b"\n" + line(trial="last"))
    read = read_votes(file)
    assert read.votes[-1].trial == "last" or read.votes == []
    assert len(read.votes) + len(read.refused) >= 1
