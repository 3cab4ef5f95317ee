"""Rating by keyboard against the real server: lost network, reload, second window, undo, hostile text."""

from __future__ import annotations

import pytest
from seat import Seat

NARRATIVE = "A ball <img src=x onerror=alert(1)> rolls & <b>stops</b>."


@pytest.fixture
def other(chromium, seat):
    """A second window of the same rater's browser."""
    return Seat(seat.page.context.new_page())


def test_a_rater_loses_the_network_reloads_and_ends_with_every_vote_counted_once(seat, serve):
    serving = serve(trials=3)
    context = seat.page.context
    seat.open(serving.link())
    seat.rate("1")
    assert seat.number == 2
    seat.press("3", "2")
    open_before = seat.to_go()
    context.set_offline(True)
    seat.press("1")
    seat.answer_all("1")
    seat.watch()
    seat.press("Enter")
    seat.page.wait_for_selector("#saved[data-state=offline]")
    assert len(serving.votes()) == 1 and seat.phase == "sending"
    context.set_offline(False)
    seat.page.reload()
    seat.at(3)
    assert len(serving.votes()) == 2 and open_before > 0
    kept = serving.votes()[1]["tags"]["left"]
    assert kept["0"] == "wrong" and serving.votes()[1]["tags"]["right"]["0"] == "absent"
    seat.rate("4")
    assert seat.phase == "finished"
    votes = serving.votes()
    assert len(votes) == 3
    assert set(votes[0]["choice"].values()) == {"left"} and set(votes[2]["choice"].values()) == {"both_bad"}
    seat.page.reload()
    seat.page.wait_for_selector("body[data-phase=finished]")
    assert [f for f in seat.faults if "ERR_INTERNET_DISCONNECTED" not in f] == []


def test_answers_survive_a_reload_and_undo_brings_the_last_trial_back(seat, serve):
    serving = serve(trials=2)
    seat.open(serving.link())
    seat.press("2", "3")
    to_go = seat.to_go()
    seat.page.reload()
    seat.rating()
    assert seat.to_go() == to_go
    assert seat.page.locator(".options.current").count() == 1
    seat.rate("1")
    assert seat.number == 2
    seat.press("z")
    seat.at(1)
    assert seat.to_go() == 0 and len(serving.votes()) == 0
    seat.press("Enter")
    seat.at(2)
    assert len(serving.votes()) == 1
    assert seat.faults == []


def test_a_server_that_never_answers_is_asked_again(seat, serve):
    """Of each of these requests the first is heard and never answered; the page's patience is cut short."""
    serving = serve(trials=2)
    seat.page.add_init_script(
        """const wait = AbortSignal.timeout.bind(AbortSignal);
           AbortSignal.timeout = (ms) => wait(ms / 20);
           const later = window.setTimeout;
           window.setTimeout = (f, ms, ...rest) => later(f, ms === 15000 ? ms / 10 : ms, ...rest);"""
    )
    swallowed = []

    def swallow(route) -> None:
        kind = route.request.url.rsplit("/", 1)[-1] if "/vote" in route.request.url else "frames"
        if kind in swallowed:
            route.continue_()
        else:
            swallowed.append(kind)

    seat.page.route("**/api/frames/*", swallow)
    seat.page.route("**/api/trial/*/vote", swallow)
    seat.open(serving.link())
    assert swallowed == ["frames"]
    seat.rate()
    assert swallowed == ["frames", "vote"] and len(serving.votes()) == 1
    assert seat.number == 2 and seat.faults == []


def test_a_second_window_goes_on_when_the_first_has_voted(seat, other, serve):
    serving = serve(trials=2)
    seat.open(serving.link())
    other.open(f"{serving.url}/rate")
    assert other.number == 1
    seat.page.bring_to_front()  # clips play in the window that is looked at
    seat.rate()
    other.at(2)
    assert "another window" in other.page.locator("#message").inner_text()
    assert len(serving.votes()) == 1


def test_what_others_write_stays_text_and_notes_keep_their_frame(seat, serve):
    serving = serve(trials=1, narrative=NARRATIVE)
    alarms = []
    seat.page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    seat.open(serving.link())
    assert seat.page.locator("#narrative").inner_text() == NARRATIVE
    seat.press("k", "Home", ".", ".", "n")
    note = "<script>alert(2)</script><img src=x onerror=alert(3)>'; DROP TABLE votes; -- 1 2 3"
    seat.page.keyboard.type(note)
    seat.press("Enter")
    assert seat.page.locator("#notes .text").inner_text() == note
    assert seat.page.locator("#narrative *, #notes .text *").count() == 0
    assert seat.page.locator("#strip .pin").count() == 1
    seat.rate()
    assert serving.votes()[0]["notes"] == [{"side": "left", "frame": 2, "text": note}]
    assert alarms == [] and seat.faults == []


def test_no_vote_leaves_before_everything_is_answered_and_watched(seat, serve):
    serving = serve(trials=1)
    seat.page.emulate_media(reduced_motion="reduce")  # nothing plays by itself then
    seat.open(serving.link())
    seat.press("Enter")
    assert seat.phase == "rating" and seat.page.locator("#submit.ready").count() == 0
    seat.answer_all()
    seat.press("Enter")
    assert "Watch" in seat.page.locator("#message").inner_text()
    assert seat.page.locator(".watched i").first.evaluate("(bar) => bar.style.transform") == "scaleX(0)"
    assert serving.votes() == []
    seat.rate()
    assert seat.phase == "finished" and len(serving.votes()) == 1


def test_scores_with_example_clips(seat, serve):
    serving = serve(trials=2, mode="score")
    seat.open(serving.link())
    seat.press("v")
    seat.page.wait_for_selector("#anchors [aria-pressed=true] >> text=5")
    for _ in range(seat.page.locator("#tags .options").count()):
        seat.press("1")
    seat.press("1", "2", "3", "4", "5")
    seat.rate()
    assert list(serving.votes()[0]["score"].values()) == [1, 2, 3, 4, 5]
    assert seat.faults == []


def test_a_link_that_is_not_open_says_so(seat, serve):
    serving = serve(trials=1)
    seat.page.goto(f"{serving.url}/rate")
    seat.page.wait_for_selector("body[data-phase=signedout]")
    assert "invitation" in seat.page.locator("#notice p").inner_text()


def test_nothing_the_browser_keeps_or_shows_names_a_system(seat, serve):
    serving = serve(trials=1)
    seen: list[str] = []
    seat.page.on("request", lambda request: seen.append(request.url))
    seat.page.on("response", lambda reply: seen.append(str(reply.headers)))
    seat.open(serving.link())
    seat.press("1")
    seat.page.wait_for_selector("#saved[data-state=saved]")
    seen += [seat.page.content(), seat.page.title(), seat.page.evaluate("JSON.stringify(localStorage)")]
    for text in seen:
        assert "ours" not in text.lower().replace("yours", "") and "theirs" not in text.lower()
