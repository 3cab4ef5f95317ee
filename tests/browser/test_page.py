"""The page itself: complete in three languages, usable without a mouse and on a small screen, quiet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from seat import Seat

import animatrix.evaluate.study

PAGE = Path(animatrix.evaluate.study.__file__).parent / "page"


@pytest.fixture(scope="module")
def study(serve):
    return serve(trials=1)


@pytest.fixture(scope="module")
def opened(chromium, study):
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield Seat(context.new_page()).open(study.link())
    context.close()


@pytest.fixture
def seated(opened):
    """A rater at a desk who reads English, whatever the test before did."""
    opened.page.set_viewport_size({"width": 1280, "height": 800})
    speak(opened, "en")
    opened.press("k")
    return opened


def words(seat) -> dict[str, dict[str, str]]:
    return seat.page.evaluate("import('/static/words.js').then((words) => words.WORDS)")


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))


def speak(seat, language: str) -> None:
    seat.page.locator(f"#languages [lang={language}]").click()
    seat.until("(id) => document.documentElement.lang === id", language)


def test_every_language_has_every_word_and_fills_in_the_same(seated):
    said = words(seated)
    assert set(said) == {"en", "ja", "zh"}
    for language in ("ja", "zh"):
        assert said[language].keys() == said["en"].keys()
        for key, text in said[language].items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", said["en"][key])), (
                key
            )
            assert text.strip() and (text != said["en"][key] or not re.search("[a-z]{3}", text)), key


def test_every_word_the_page_asks_for_is_there(seated):
    said = words(seated)["en"]
    html = (PAGE / "index.html").read_text("utf-8")
    asked = set(re.findall(r'data-(?:t|label)="(\w+)"', html))
    for script in PAGE.glob("*.js"):
        asked |= set(re.findall(r'(?:say|tellMessage)\("(\w+)"', script.read_text("utf-8")))
    assert asked and asked <= said.keys()


@pytest.mark.parametrize("language", ["en", "ja", "zh"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_is_cut_off(seated, size, language):
    seated.page.set_viewport_size({"width": size[0], "height": size[1]})
    speak(seated, language)
    cut = seated.page.evaluate(
        """() => [...document.querySelectorAll(
            'button, figcaption, .dimension-name, h2, .row-name, #frame, .tag-name')]
          .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
          .map((e) => e.className + ': ' + e.textContent)"""
    )
    assert cut == []
    assert seated.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_everything_to_press_has_a_name_and_a_visible_focus(seated):
    nameless = seated.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, [role]')]
          .filter((e) => e.checkVisibility() && !['status', 'img'].includes(e.getAttribute('role')))
          .filter((e) => !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby'))
          .filter((e) => !e.textContent.trim())
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    seen = set()
    seated.page.evaluate("document.activeElement.blur()")
    wanted = {"help", "toggle", "onion", "wipe", "strip", "submit"}
    for _ in range(120):  # once round the page, wherever the keyboard was
        seated.press("Tab")
        what = seated.page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
              return [e.dataset.do || e.id || e.textContent, e === document.body ? 'body' : s.outlineStyle,
                      parseFloat(s.outlineWidth)]; }"""
        )
        assert what[1] == "body" or (what[1] == "solid" and what[2] >= 2), what
        seen.add(what[0])
        if wanted <= seen:
            break
    assert wanted <= seen


def test_answered_by_mouse_the_keys_still_go_to_the_questions(seated):
    seated.page.locator("#tags .option").first.click()
    seated.page.locator("[data-do=onion]").click()
    before = seated.to_go()
    seated.press("3")
    assert seated.to_go() == before - 1


def test_help_names_every_key_and_nothing_plays_behind_it(seated):
    seated.press("l", "?")
    assert seated.page.locator("#help").is_visible()
    assert seated.page.locator("body.playing").count() == 0
    shown = seated.page.locator(".key-groups kbd").all_inner_texts()
    assert {"J", "K", "L", ",", ".", "F", "W", "D", "P", "?"} <= set(shown)
    seated.press("Escape")
    assert not seated.page.locator("#help").is_visible()
    seated.press("?")
    seated.page.locator("#help [data-label=close]").click()
    assert not seated.page.locator("#help").is_visible()


def test_keys_answer_while_an_input_method_is_on(seated):
    press = """([key, code]) => document.activeElement.dispatchEvent(
      new KeyboardEvent('keydown', { key, code, bubbles: true }))"""
    for key, code in (("Process", "Digit3"), ("３", "Digit3"), ("é", "Digit3")):
        before = seated.to_go()
        seated.page.evaluate(press, [key, code])
        assert seated.to_go() == before - 1, key


def test_greys_have_no_hue_and_text_stands_out(seated):
    colours = seated.page.evaluate(
        """() => ['body', '.work', '.judge', 'header', '.option', '.view figcaption', '.faint', '#frame']
          .map((name) => {
            const element = document.querySelector(name), none = 'rgba(0, 0, 0, 0)';
            let at = element, ground = none;
            for (; at && ground === none; at = at.parentElement)
              ground = getComputedStyle(at).backgroundColor;
            return [name, getComputedStyle(element).color, ground];
          })"""
    )

    def light(colour: str) -> float:
        r, g, b = map(int, re.findall(r"\d+", colour)[:3])
        assert r == g == b, colour
        return r / 255 / 12.92 if r <= 10 else ((r / 255 + 0.055) / 1.055) ** 2.4

    for name, text, ground in colours:
        dark, bright = sorted((light(text), light(ground)))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, name


def test_nothing_moves_when_a_question_is_answered_or_compared(seated):
    places = """() => ['.views', '.tools', '#strip', '#tags', '#dimensions', '#submit'].map((s) => {
      const { x, y, width, height } = document.querySelector(s).getBoundingClientRect();
      return [x, y, width, height]; })"""
    before = seated.page.evaluate(places)
    for key in ("1", "w", "d", "f", "s", "p", "m", "+", "0", "Enter"):
        seated.press(key)
        assert seated.page.evaluate(places) == before, key


def test_the_page_asks_nobody_but_its_own_server(seated):
    text = "".join(p.read_text("utf-8") for p in PAGE.iterdir())
    assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert seated.faults == []
