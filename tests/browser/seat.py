"""A rater before the page, who has a keyboard and looks at pixels; and the clips there are to see."""

from __future__ import annotations

import time

import cv2
import numpy as np

FRAMES, SIZE = 10, (80, 48)
LONGEST = 60  # seconds: on a busy machine a page may be slow, and may have to ask the server twice


def drawn(seed: int, frames: int = FRAMES) -> np.ndarray:
    """A ball on twos over a patterned ground, ``uint8 [T,H,W,3]``: no two drawings are alike."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    ground = cv2.resize(rng.integers(60, 220, (6, 10, 3), np.uint8), SIZE, interpolation=cv2.INTER_NEAREST)
    out = np.repeat(ground[None], frames, 0)
    for t, frame in enumerate(out):
        x = 8 + (t // 2) * (width - 16) // (frames // 2)
        cv2.circle(frame, (x, height // 2 + seed % 5), 7, (240, 90, 40), -1)
    return out


class Seat:
    """A rater before the page."""

    def __init__(self, page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda m: m.type == "error" and self.faults.append(m.text))

    def open(self, url: str, greeted: bool = True) -> Seat:
        if greeted:
            self.page.add_init_script("localStorage.setItem('study.greeted', '1')")
        self.page.goto(url)
        self.rating()
        return self

    def rating(self) -> None:
        self.page.wait_for_selector("body[data-phase=rating]")
        self.page.wait_for_selector("body:not(.loading-clips)")

    def until(self, told: str, argument=None) -> None:
        """Wait until a JavaScript expression (or function of ``argument``) is true. Playwright's own way of
        waiting evaluates strings in the page, which its content security policy forbids."""
        end = time.monotonic() + LONGEST
        while not self.page.evaluate(told, argument):
            assert time.monotonic() < end, f"not within {LONGEST} s: {told}; the page: {self.state()}"
            self.page.wait_for_timeout(20)

    def state(self) -> dict:
        """What the page is at, for the message of a test that waited in vain."""
        return self.page.evaluate(
            """() => ({
              phase: document.body.dataset.phase,
              classes: document.body.className,
              focus: document.activeElement?.outerHTML.slice(0, 80),
              hidden: document.hidden,
              watched: [...document.querySelectorAll('.watched')].map((place) => place.textContent),
              ...Object.fromEntries(['count', 'lacks', 'message', 'saved'].map(
                (id) => [id, document.getElementById(id)?.textContent])),
            })"""
        ) | {"faults": self.faults}

    def at(self, number: int) -> None:
        """Wait for the trial of this number."""
        self.until("(n) => document.querySelector('#count').textContent.startsWith(`${n} `)", number)
        self.rating()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def phase(self) -> str:
        return self.page.evaluate("document.body.dataset.phase")

    @property
    def number(self) -> int:
        return int(self.page.locator("#count").inner_text().split()[0])

    @property
    def frame(self) -> int:
        return int(self.page.locator(".view canvas").first.get_attribute("data-frame"))

    def to_go(self) -> int:
        return self.page.locator(".options:not(.answered):not(.idle)").count()

    def watch(self) -> None:
        """Let the clips play until the least that must be seen was seen."""
        self.rating()  # clips that are here play by themselves
        self.until("document.querySelectorAll('.watched i').length")
        if not self.page.evaluate("document.body.classList.contains('playing')"):
            self.press(" ")
        self.until(
            """[...document.querySelectorAll('.views .watched:not([hidden]) i')]
               .every((bar) => bar.style.transform === 'scaleX(1)')"""
        )

    def answer_all(self, key: str = "1") -> None:
        """Every tag is there, it is art, and each dimension is answered with ``key``."""
        for _ in range(self.page.locator("#tags .options:not(.answered):not(.idle)").count()):
            self.press("1")
        for _ in range(self.to_go()):
            self.press(key)
        assert self.to_go() == 0

    def rate(self, key: str = "1") -> None:
        """One trial, by keys alone."""
        before = self.page.locator("#count").inner_text()
        self.answer_all(key)
        self.watch()
        self.until("document.querySelector('#submit').matches('.ready')")
        self.press("Enter")
        self.until(
            """(before) => document.body.dataset.phase === 'finished' ||
               (document.body.dataset.phase === 'rating' &&
                document.querySelector('#count').textContent !== before)""",
            before,
        )
        if self.phase == "rating":
            self.rating()

    def picture(self, view: str = "left") -> np.ndarray:
        """The clip's pixels as they are on the canvas, one for each of the clip's, ``uint8 [H,W,3]``."""
        got = self.page.evaluate(
            """async ([view, w, h]) => {
              await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
              const canvas = document.querySelector(`.view[data-view=${view}] canvas`);
              const { scale, x, y } = Object.fromEntries(
                Object.entries(canvas.dataset).map(([k, v]) => [k, Number(v)]));
              const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
              const out = [];
              for (let j = 0; j < h; j++) for (let i = 0; i < w; i++) {
                const at = 4 * ((y + j * scale + (scale >> 1)) * canvas.width + x + i * scale + (scale >> 1));
                out.push(all[at], all[at + 1], all[at + 2]);
              }
              return out;
            }""",
            [view, *SIZE],
        )
        return np.array(got, np.uint8).reshape(SIZE[1], SIZE[0], 3)

    def clips(self) -> dict[str, np.ndarray]:
        """Both clips' frames as the server sends them."""
        from animatrix.evaluate.study.frames import unpacked

        trial = self.page.evaluate("fetch('/api/trial').then((reply) => reply.json())")
        origin = self.page.evaluate("location.origin")
        get = self.page.context.request.get
        return {c["side"]: unpacked(get(origin + c["frames_url"]).body()) for c in trial["clips"]}
