"""What is on the canvas: exactly the frame that was asked for, in every way of comparing."""

from __future__ import annotations

import numpy as np
import pytest
from seat import FRAMES, Seat

LIGHT = np.array([0.3, 0.59, 0.11])  # of a colour, as blend modes take it
BEFORE, AFTER = 0.38, 0.32  # weights of the neighbours in stage.js


@pytest.fixture(scope="module")
def seated(chromium, serve):
    """A rater with both clips loaded."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    seat = Seat(context.new_page()).open(serve(trials=1).link())
    yield seat, seat.clips()
    context.close()


@pytest.fixture
def looking(seated):
    """The same rater, the page as it was at first, stopped at the first frame."""
    seat, _ = seated
    seat.press("k", "x", "0", "Home")
    for name, key in (("onion", "p"), ("mirror", "m")):
        if seat.page.locator(f"[data-do={name}][aria-pressed=true]").count():
            seat.press(key)
    if not seat.page.locator("[data-do=side][aria-pressed=true]").count():
        seat.press("s")
    return seated


def test_every_step_shows_exactly_the_next_frame_on_both_sides(looking):
    seat, clips = looking
    for frame in [*range(FRAMES), 0]:
        for side in ("left", "right"):
            assert np.array_equal(seat.picture(side), clips[side][frame]), (frame, side)
        assert seat.frame == frame
        seat.press(".")
    seat.press(",", ",")
    assert np.array_equal(seat.picture("right"), clips["right"][FRAMES - 1])


def test_difference_wipe_and_mirror_are_made_of_the_same_pixels(looking):
    seat, clips = looking
    left, right = clips["left"][0].astype(int), clips["right"][0].astype(int)
    seat.press("d")
    assert np.array_equal(seat.picture("both"), np.minimum(4 * np.abs(left - right), 255))
    seat.press("w")
    wiped = seat.picture("both")
    half = left.shape[1] // 2
    assert np.array_equal(wiped[:, : half - 1], left[:, : half - 1])
    assert np.array_equal(wiped[:, half + 1 :], right[:, half + 1 :])
    seat.press("s", "m")
    assert np.array_equal(seat.picture("left"), left[:, ::-1])
    assert seat.faults == []


def test_onion_skin_lets_the_drawings_before_and_after_shine_through_not_the_held_frame(looking):
    seat, clips = looking
    seat.press(".", ".", "p")  # the second drawing, frames 2 and 3
    before, now, after = (clips["left"][n] @ LIGHT for n in (1, 2, 4))
    expected = ((1 - BEFORE) * now + BEFORE * before) * (1 - AFTER) + AFTER * after
    for _ in range(2):
        onion = seat.picture("left") @ LIGHT
        assert np.abs(onion - expected).mean() < 2  # its tint changes hue, not light
        assert np.abs(onion - now).max() > 20
        seat.press(".")


def test_loop_range_holds_playback_between_its_ends(looking):
    seat, _ = looking
    seat.press(".", ".", "i", ".", ".", "o", "l")
    seen = set()
    for _ in range(30):
        seen.add(seat.frame)
        seat.page.wait_for_timeout(15)
    assert seen == {2, 3, 4}
    seat.press("k", "x", "End", ".")
    seat.until(
        "(last) => [0, last].includes(Number(document.querySelector('.view canvas').dataset.frame))",
        FRAMES - 1,
    )
    assert seat.page.locator(".range:not([hidden])").count() == 0


def test_zoom_is_by_whole_numbers_and_pans(looking):
    seat, _ = looking
    canvas = seat.page.locator(".view[data-view=left] canvas")
    fit = int(canvas.get_attribute("data-scale"))
    size = canvas.bounding_box()
    seat.press("+", "+")
    seat.until(f"document.querySelector('.view canvas').dataset.scale == {3 * fit}")
    before = canvas.get_attribute("data-x")
    seat.page.mouse.move(size["x"] + 100, size["y"] + 100)
    seat.page.mouse.down()
    seat.page.mouse.move(size["x"] + 140, size["y"] + 110)
    seat.page.mouse.up()
    seat.until(f"document.querySelector('.view canvas').dataset.x != {before}")
    assert canvas.bounding_box() == size
    seat.press("0")
    seat.until(f"document.querySelector('.view canvas').dataset.scale == {fit}")


def test_the_clock_follows_time_not_ticks(looking):
    seat, _ = looking
    frames = seat.page.evaluate(
        """async () => {
          const { Clock } = await import('/static/clock.js');
          const shown = (speed, direction, times) => {
            const clock = new Clock(10, 24);
            clock.setSpeed(speed, 0);
            if (direction < 0) clock.seek(9);
            clock.play(direction, 0);
            return [times.map((ms) => clock.tick(ms)), clock.loops];
          };
          const ms = (frame) => (frame * 1000) / 24 + 1;
          return {
            early: shown(1, 1, [-0.2, 0, 1].map(ms)),
            even: shown(1, 1, [0, 1, 2, 9, 10, 25, 2403].map(ms)),
            slow: shown(0.5, 1, [0, 1, 2, 3, 20].map(ms)),
            back: shown(1, -1, [0, 1, 9, 10, 11, 25].map(ms)),
          };
        }"""
    )
    assert frames == {
        "early": [[0, 0, 1], 0],
        "even": [[0, 1, 2, 9, 0, 5, 3], 240],
        "slow": [[0, 0, 1, 1, 0], 1],
        "back": [[9, 8, 0, 9, 8, 4], 2],
    }


def test_the_timing_strip_has_a_cell_a_drawing_and_seeks(looking):
    seat, _ = looking
    held = [c["holds"] for c in seat.page.evaluate("fetch('/api/trial').then((r) => r.json())")["clips"]]
    rows = seat.page.locator("#strip .track")
    assert [rows.nth(n).locator(".drawing").count() for n in (0, 1)] == [len(h) for h in held]
    box = rows.first.bounding_box()
    seat.page.mouse.click(box["x"] + box["width"] * 7.5 / FRAMES, box["y"] + 8)
    seat.until("document.querySelector('.view canvas').dataset.frame == 7")
    assert seat.page.locator("#strip").get_attribute("aria-valuenow") == "8"
    assert "now" in rows.first.locator(".drawing").nth(3).get_attribute("class")
