"""Votes: what is read, what is kept aside, and the pairs they make."""

from __future__ import annotations

import hashlib
import json

import pytest

from animatrix.prefer.votes import CHOICES, as_line, clips_in, pairs_of_votes, read_votes, set_aside

A, B, C = ("sha256:" + hashlib.sha256(n).hexdigest() for n in (b"a", b"b", b"c"))


def vote(**changes):
    document = {
        "study": "pilot-1",
        "rubric": "1",
        "trial": "t1",
        "a": A,
        "b": B,
        "directive": {"narrative": "x", "tags": {"camera_move": "fix"}, "frames": 33, "fps": 24},
        "dimension": "overall",
        "choice": "a",
        "rater": "r-07",
        "time": "2026-03-01T10:00:00+09:00",
    }
    return document | changes


@pytest.fixture
def written(tmp_path):
    def write(*votes):
        file = tmp_path / "votes.jsonl"
        file.write_text("".join(json.dumps(v) + "\n" for v in votes))
        return file

    return write


@pytest.mark.parametrize("choice", CHOICES)
def test_a_vote_reads_back_as_it_was(written, choice):
    read = read_votes(written(vote(choice=choice)))
    assert not read.refused and read.lines == [1] and read.votes[0].choice == choice
    assert read_votes(written(json.loads(as_line(read.votes[0])))).votes == read.votes


def test_pairs_do_not_depend_on_which_side_a_clip_stood(written):
    low, high = sorted((A, B))
    votes = [
        vote(a=low, b=high, choice="a", trial="1"),
        vote(a=high, b=low, choice="b", trial="2"),
        vote(a=high, b=low, choice="tie", trial="3"),
        vote(a=low, b=C, choice="both_bad", trial="4"),
    ]
    pairs = pairs_of_votes(read_votes(written(*votes)).votes)
    assert [p.label for p in pairs[:3]] == ["first", "first", "tie"]
    assert [p.provenance.number for p in pairs] == [0, 0, 0, 1]
    assert {p.first.clip for p in pairs[:3]} == {low} and pairs[3].label == "both_bad"
    assert {p.provenance.source for p in pairs} == {"votes"} and pairs[0].provenance.study == "pilot-1"


def test_votes_on_unknown_clips_are_kept_aside_and_read_again_later(written, tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in (b"a", b"b"):
        (clips / name.decode()).write_bytes(name)
    read = read_votes(written(vote(), vote(a=A, b=C, trial="t2")))
    aside = tmp_path / "votes.unknown.jsonl"
    known = set_aside(read, clips_in(clips), aside)
    assert [v.trial for v in known] == ["t1"]
    assert [v.trial for v in read_votes(aside).votes] == ["t2"]
    (clips / "c").write_bytes(b"c")
    assert len(set_aside(read, clips_in(clips), aside)) == 2 and not aside.exists()
