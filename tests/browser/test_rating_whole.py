"""A whole sitting: twenty trials by keyboard, a lost network, reloads, three languages."""

from __future__ import annotations

import pytest
from seat import Seat

pytestmark = pytest.mark.slow
LANGUAGES = ("en", "ja", "zh")


def test_twenty_trials_by_keyboard_with_the_network_lost_in_the_middle(chromium, serve, tmp_path):
    serving = serve(trials=20)
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    seat = Seat(context.new_page())
    seat.open(serving.link(), greeted=False)
    seat.page.wait_for_selector("#help[open]")
    seat.press("Escape")
    for number in range(1, 21):
        seat.at(number)
        if number in (2, 8, 15):
            language = LANGUAGES[(2, 8, 15).index(number)]
            seat.page.locator(f"#languages [lang={language}]").press("Enter")
            seat.page.screenshot(path=tmp_path / f"rate_{language}.png")
        if number == 10:
            lose_the_network(seat, serving, number)
            continue
        if number == 14:
            seat.page.reload()
            seat.rating()
        seat.press(*("f", "w", "d", "p", "m", ",", ".", "[", "]")[number % 9 :])
        seat.press("s")
        seat.rate("1234"[number % 4])
        assert len(serving.votes()) == number
    assert seat.phase == "finished"
    seat.page.screenshot(path=tmp_path / "finished.png")
    rows = serving.store.votes()
    assert len({trial.trial for trial, *_ in rows}) == len(rows) == 20
    least = serving.study.clip(rows[0][0].item, rows[0][0].left_system).seconds * 1000 - 100
    for _, _, playback, *_ in rows:
        assert min(playback["watched_ms"].values()) >= least
        assert playback["loops"] < 1000
    assert {"flicker", "wipe", "difference", "onion", "mirror"} <= {
        tool for _, _, playback, *_ in rows for tool in playback["tools"]
    }
    assert [f for f in seat.faults if "ERR_INTERNET_DISCONNECTED" not in f] == []
    assert all((tmp_path / f"rate_{language}.png").stat().st_size > 10_000 for language in LANGUAGES)
    print(f"screenshots: {tmp_path}")
    context.close()


def lose_the_network(seat: Seat, serving, number: int) -> None:
    """Offline in the middle of a trial, voted offline, the page left, and opened again once it is back."""
    seat.page.context.set_offline(True)
    seat.answer_all("2")
    seat.watch()
    seat.press("Enter")
    seat.page.wait_for_selector("#saved[data-state=offline]")
    assert seat.phase == "sending" and len(serving.votes()) == number - 1
    seat.page.wait_for_timeout(2500)
    seat.page.context.set_offline(False)
    seat.page.goto(f"{serving.url}/rate")
    seat.at(number + 1)
    assert len(serving.votes()) == number
