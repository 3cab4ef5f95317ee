"""The server over a socket: what a page asks, and what it gets."""

from __future__ import annotations

import json
import random
import shutil
import time

import numpy as np
import pytest
from studies import SYSTEMS, Browser, Serving, ballot, copied, make_folders, playback

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.study.commands import open_store
from animatrix.evaluate.study.definition import create, load_study
from animatrix.evaluate.study.frames import BLOCK, packed, unpacked
from animatrix.evaluate.study.security import hashed
from animatrix.media import Clip, write_video
from animatrix.prefer.merits import DIMENSIONS


def watched(trial):
    time.sleep(trial["min_watch_s"])
    return trial


def path_of(trial, what="vote"):
    return f"/api/trial/{trial['trial']}/{what}"


def test_a_rater_goes_from_the_link_to_the_end(made, tmp_path):
    with Serving(copied(made, tmp_path, trials=4)) as server:
        browser = server.start_with_a_rater()
        session = browser.ask("GET", "/api/session").json
        assert (session["done"], session["total"], session["state"]) == (0, 4, "rating")
        assert [d["id"] for d in session["rubric"]["dimensions"]] == list(DIMENSIONS)
        numbers = []
        while (trial := browser.trial()) is not None:
            numbers.append(trial["number"])
            done = browser.ask("POST", path_of(trial), ballot(watched(trial)))
            assert done.status == 200 and done.json == {"done": len(numbers)}
        assert numbers == [1, 2, 3, 4]
        assert browser.ask("GET", "/api/session").json["state"] == "finished"


def test_two_tabs_get_the_same_trial_and_one_of_their_votes_counts(serving):
    one = Browser(serving.port).enter(serving.tokens.pop())
    other = Browser(serving.port, cookie=one.cookie, csrf=one.csrf)
    trial = watched(one.trial())
    assert other.trial()["trial"] == trial["trial"]
    vote = ballot(trial)
    assert one.ask("POST", path_of(trial), vote).json == {"done": 1}
    assert other.ask("POST", path_of(trial), ballot(trial)).status == 409
    assert one.ask("POST", path_of(trial), vote).json == {"done": 1}
    assert one.trial()["trial"] == other.trial()["trial"] != trial["trial"]


def test_undo_opens_the_last_trial_with_its_draft(serving):
    browser = Browser(serving.port).enter(serving.tokens.pop())
    assert browser.ask("POST", "/api/undo", {}).status == 409
    trial = watched(browser.trial())
    draft = {"v": 1, "answers": {"choice": {"finish_stability": "tie"}}}
    assert browser.ask("PUT", path_of(trial, "draft"), draft).status == 204
    assert browser.ask("POST", path_of(trial), ballot(trial)).status == 200
    assert browser.ask("POST", "/api/undo", {}).json == {"trial": trial["trial"]}
    again = browser.trial()
    assert again["trial"] == trial["trial"] and again["draft"] == draft and not again["can_undo"]


def test_frames_are_the_clip_in_packs_of_one_length(serving):
    study = load_study(serving.folder)
    _, store = open_store(serving.folder)
    token = serving.tokens.pop()
    browser = Browser(serving.port).enter(token)
    trial = browser.trial()
    row = store.current(store.signer.rater(hashed(token)))
    for clip, system in zip(trial["clips"], (row.left_system, row.right_system), strict=True):
        reply = browser.ask("GET", clip["frames_url"])
        assert len(reply.body) == study.definition.pack_bytes and len(reply.body) % BLOCK == 0
        source = (study.clips / study.clip(row.item, system).pack).read_bytes()
        assert (unpacked(reply.body) == unpacked(source)).all()
        assert len(unpacked(reply.body)) == clip["frames"]
        assert reply.headers["cache-control"].startswith("private")


def test_a_pack_gives_back_every_pixel():
    frames = np.random.default_rng(0).integers(0, 256, (3, 7, 9, 3), np.uint8)
    assert (unpacked(packed(frames)) == frames).all()
    for cut in (b"", b"AMFP1\0\1", packed(frames)[:-60]):
        with pytest.raises(ValueError):
            unpacked(cut)


def change(body, where, value):
    """The body with one thing changed; None takes it away."""
    *path, last = where.split(".")
    body = inner = json.loads(json.dumps(body))
    for key in path:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return body


@pytest.mark.parametrize(
    ("where", "value", "named"),
    [
        ("answers.choice.finish_stability", None, "answers.choice.finish_stability"),
        ("answers.choice.finish_stability", "a", "answers.choice.finish_stability"),
        ("answers.choice.overall", "left", "answers.choice"),
        ("answers.score", {"finish_stability": 3}, "answers.score"),
        ("answers.tags.left.1", None, "answers.tags.left.1"),
        ("answers.tags.left.7", "present", "answers.tags.left.7"),
        ("answers.tags.middle", {}, "answers.tags"),
        ("answers.art.right.0", None, "answers.art.right.0"),
        ("answers.art.right.1", "art", "answers.art.right.1"),
        ("answers.notes", [{"side": "left", "frame": 99, "text": "x"}], "answers.notes.0"),
        ("answers.notes", [{"side": "left", "frame": 0, "text": "x" * 3000}], "answers.notes.0.text"),
        ("answers.more", 1, "answers.more"),
        ("playback.watched_ms.right", 1, "playback.watched_ms.right"),
        ("playback.watched_ms.right", "1e9", "playback.watched_ms.right"),
        ("playback.opened_ms", -1, "playback.opened_ms"),
        ("key", "x", "key"),
        ("key", None, "key"),
    ],
)
def test_a_malformed_vote_is_refused_with_its_place(shared, where, value, named):
    browser, trial = shared
    reply = browser.ask("POST", path_of(trial), change(ballot(trial), where, value))
    assert reply.status == 422 and reply.json["where"].startswith(named) and reply.json["error"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b"\xff", b'{"key": NaN}', b"[" * 30_000, b'{"a":1,"a":2}', b'"\\ud800"', b"1e999"],
)
def test_what_is_no_json_object_is_refused(shared, raw):
    browser, trial = shared
    for method, what in (("POST", "vote"), ("PUT", "draft")):
        assert browser.ask(method, path_of(trial, what), raw).status == 422


@pytest.fixture(scope="module")
def shared(serving):
    """A browser before its first trial, for tests that change nothing."""
    browser = Browser(serving.port, patience=30).enter(serving.tokens.pop())  # an idle connection is closed
    trial = watched(browser.trial())
    yield browser, trial
    assert browser.ask("POST", path_of(trial), ballot(trial)).json == {"done": 1}


def test_a_vote_before_the_clip_could_be_seen_is_refused(made, tmp_path):
    folder = copied(made, tmp_path)
    document = json.loads((folder / "study.json").read_text())
    for item in document["items"].values():
        for clip in item["clips"].values():
            clip["fps"] = 0.05  # a minute long
    (folder / "study.json").write_text(json.dumps(document))
    with Serving(folder) as server:
        browser = server.start_with_a_rater()
        trial = browser.trial()
        assert trial["min_watch_s"] == 60
        reply = browser.ask("POST", path_of(trial), ballot(trial) | {"playback": playback(trial)})
        assert reply.status == 422 and reply.json["where"] == "playback"


@pytest.mark.parametrize(
    ("asked", "language"),
    [("ja,en;q=0.5", "ja"), ("zh-CN", "zh"), ("fr,de", "en"), ("", "en"), ("fr, ja;q=0.3", "ja")],
)
def test_the_page_begins_in_the_browsers_language(shared, asked, language):
    reply = shared[0].ask("GET", "/api/session", headers={"Accept-Language": asked})
    assert reply.json["language"] == language


def test_scores_come_with_anchor_clips(tmp_path):
    systems = make_folders(tmp_path / "clips", 4)
    anchors = {score: systems[SYSTEMS[0]] / f"item00{n}.mp4" for n, score in enumerate((1, 3, 5))}
    with pytest.raises(AniMatrixError, match="score mode needs an anchor clip for 1"):
        create(systems, tmp_path / "s", mode="score", trials=4)
    study = create(systems, tmp_path / "s", mode="score", trials=4, anchors=anchors)
    with Serving(study.folder) as server:
        browser = server.start_with_a_rater()
        trial = watched(browser.trial())
        assert [c["side"] for c in trial["clips"]] == ["left"]
        assert [a["score"] for a in trial["anchors"]] == [1, 3, 5]
        urls = {c["frames_url"] for c in trial["clips"] + trial["anchors"]}
        assert len(urls) == 4 and all(browser.ask("GET", url).status == 200 for url in urls)
        assert browser.ask("POST", path_of(trial), ballot(trial, rng=random.Random(1))).status == 200


def faulty(tmp_path, spoil):
    folders = make_folders(tmp_path / "clips", 4)
    spoil(*folders.values())
    with pytest.raises(AniMatrixError) as caught:
        create(folders, tmp_path / "study", trials=3)
    assert caught.value.code is Code.BAD_STUDY and not (tmp_path / "study").exists()
    return caught.value.message


def write(file, frames=3, size=(32, 48), fps=24.0):
    write_video(Clip(np.zeros((frames, *size, 3), np.uint8), fps), file)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda a, b: write(b / "item001.mp4", frames=5), "item001 is 3 frames of 48x32 at 24 fps of"),
        (lambda a, b: write(b / "item001.mp4", size=(64, 48)), "but 3 frames of 48x64 at 24 fps of blue"),
        (lambda a, b: write(b / "item001.mp4", fps=12.0), "at 12 fps of blue"),
        (lambda a, b: (b / "item002.mp4").unlink(), "item item002 has no clip of blue-model-of-theirs"),
        (lambda a, b: shutil.copy(a / "item000.mp4", a / "item000.mkv"), "item item000 is given twice"),
        (lambda a, b: (b / "item003.mp4").write_bytes(b"no film" * 99), "item item003 of blue"),
        (lambda a, b: (b / "item003.mp4").write_bytes(b""), "the file is empty"),
        (lambda a, b: (b / "item003.json").unlink(), "no such file"),
        (lambda a, b: (b / "item003.json").write_text("{}"), "the directive asks for nothing"),
        (lambda a, b: (b / "item003.json").write_text('{"narrative":"y"}'), "asks something else"),
        (lambda a, b: shutil.rmtree(b), "the folder of blue-model-of-theirs is missing"),
    ],
)
def test_bad_clips_are_named_before_a_study_is_made(tmp_path, spoil, named):
    assert named in faulty(tmp_path, spoil)


def test_every_fault_is_named_at_once(tmp_path):
    def spoil(a, b):
        write(b / "item000.mp4", frames=4)
        (b / "item001.mp4").unlink()
        (a / "item002.mp4").write_bytes(b"x")

    message = faulty(tmp_path, spoil)
    assert message.startswith("no study can be made of this: 3 faults") and "\n" not in message
    assert all(f"item00{n}" in message for n in range(3))


def test_a_rubric_of_another_version_is_refused(made, tmp_path):
    file = tmp_path / "rubric.yaml"
    packaged = open_store.__code__.co_filename.replace("commands.py", "rubric.yaml")
    with open(packaged, encoding="utf-8") as text:
        file.write_text(text.read().replace('version: "1"', 'version: "2"'), "utf-8")
    with pytest.raises(AniMatrixError, match="rubric '2' is not known; known: 1"):
        create({"a": tmp_path, "b": tmp_path}, tmp_path / "s", rubric=file)
    folder = copied(made, tmp_path)
    text = (folder / "study.json").read_text()
    document = json.loads(text)
    document["rubric"]["version"] = "2"
    (folder / "study.json").write_text(json.dumps(document))
    with pytest.raises(AniMatrixError, match="rubric '2' is not known"):
        load_study(folder)


def test_a_study_folder_that_lacks_a_clip_is_not_served(made, tmp_path):
    folder = copied(made, tmp_path)
    next((folder / "clips").iterdir()).unlink()
    with pytest.raises(AniMatrixError, match="lacks"):
        load_study(folder)


def test_sources_encoded_differently_are_encoded_once_more_alike(tmp_path):
    folders = make_folders(tmp_path / "clips", 4)
    for file in folders[SYSTEMS[1]].glob("*.mp4"):
        write_video(Clip(np.zeros((3, 32, 48, 3), np.uint8), 24.0), file.with_suffix(".mkv"), lossless=True)
        file.unlink()
    assert create(folders, tmp_path / "study", trials=3).definition.passage == "codec"


def test_the_same_folders_and_seed_give_the_same_clips(made, tmp_path):
    systems = {name: made.folder.parent / "clips" / name for name in SYSTEMS}
    again = create(systems, tmp_path / "s", trials=20).definition
    assert again.items == made.definition.items
