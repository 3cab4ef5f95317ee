"""A script that sees all the browser sees, pictures aside, cannot tell the systems apart; with a planted leak
it can.
"""

from __future__ import annotations

import math
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from studies import SYSTEMS, Browser, Reply, Serving, ballot, copied

from animatrix.evaluate.study.commands import open_store
from animatrix.evaluate.study.frames import packed, unpacked
from animatrix.evaluate.study.security import hashed


def text_features(text: str) -> list[float]:
    """What a name may tell: its length, its letters, its bits."""
    data = text.encode()
    return [len(data), sum(data) / max(1, len(data)), zlib.crc32(data) / 2**32, data[0] if data else 0]


def seen_of(browser, clip) -> tuple[list[float], Reply]:
    """All that is received of one clip, as numbers; of the body its length, for the rest of it follows from
    the pixels (a test of its own).
    """
    reply = browser.ask("GET", clip["frames_url"])
    again = browser.ask("GET", clip["frames_url"])
    names = "\n".join(f"{k}: {v}" for k, v in sorted(reply.headers.items()) if k != "date")
    found = [
        *(len(reply.body), reply.seconds, again.seconds, len(str(reply.headers))),
        *text_features(names),
        *text_features(clip["frames_url"]),
        *(clip["frames"], clip["width"], clip["height"], clip["fps"]),
    ]
    return [float(x) for x in found], reply


def guessed(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, folds: int = 5) -> int:
    """Right guesses of a logistic regression, cross-validated over raters: within one, sides are balanced, so
    that a part of the trials has more of what the other part lacks, and guesses fall below chance.
    """
    right = 0
    fold_of = {g: i % folds for i, g in enumerate(np.random.default_rng(0).permutation(np.unique(groups)))}
    fold = np.array([fold_of[g] for g in groups])
    for k in range(folds):
        train, held = fold != k, fold == k
        mean, spread = features[train].mean(0), features[train].std(0) + 1e-9
        x, t = (features - mean) / spread, np.where(labels, 1.0, -1.0)
        x = np.clip(x, -10, 10)
        w = np.zeros(x.shape[1])
        for _ in range(300):
            margin = t[train] * (x[train] @ w)
            gradient = -(t[train] / (1 + np.exp(margin))) @ x[train] / train.sum() + 0.01 * w
            w -= 0.5 * gradient
        right += int(((x[held] @ w > 0) == labels[held]).sum())
    return right


def interval(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share."""
    p, d = right / n, 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (p + z * z / (2 * n) - half) / d, (p + z * z / (2 * n) + half) / d


def rated(server, store, token):
    """Of every pair that one rater is shown: what was received, whether the first system stands left, and to
    whom. What is left and what is right go in beside each other, as a rater may compare them.
    """
    browser, rows = Browser(server.port).enter(token), []
    rater = store.signer.rater(hashed(token))
    while (trial := browser.trial()) is not None:
        row = store.current(rater)
        (left, first), (right, second) = (seen_of(browser, clip) for clip in trial["clips"])
        of_trial = [trial["number"], trial["min_watch_s"], *text_features(trial["trial"])]
        both = [*left, *right, *(a - b for a, b in zip(left, right, strict=True)), *of_trial]
        if {row.left_system, row.right_system} == set(SYSTEMS):
            rows.append((both, row.left_system == SYSTEMS[0], rater, trial, first, second))
        time.sleep(trial["min_watch_s"])
        assert browser.ask("POST", f"/api/trial/{trial['trial']}/vote", ballot(trial)).status == 200
    store.database.close()
    return rows


@pytest.fixture(scope="module", params=[4, pytest.param(24, marks=pytest.mark.slow)])
def collected(request, made, tmp_path_factory):
    """What so many raters saw."""
    with Serving(copied(made, tmp_path_factory.mktemp("blind"))) as server:
        tokens = server.start(invite=request.param)
        _, store = open_store(server.folder)
        with ThreadPoolExecutor(4) as pool:
            rows = [row for part in pool.map(lambda t: rated(server, store, t), tokens) for row in part]
    features, labels, raters, trials, first, second = zip(*rows, strict=True)
    return np.array(features), np.array(labels), np.array(raters), list(trials), [*first, *second]


def test_all_that_is_seen_tells_the_system_no_better_than_chance(collected):
    features, labels, raters, *_ = collected
    right, n = guessed(features, labels, raters), len(labels)
    low, high = interval(right, n)
    print(f"\nblindness: {right} of {n} right, {right / n:.3f} [{low:.3f}, {high:.3f}], chance 0.5")
    assert interval(right, n, z=3.29)[0] <= 0.5


def test_the_same_script_finds_a_planted_leak(collected):
    features, labels, raters, *_ = collected
    rng = np.random.default_rng(0)
    leaky = features.copy()
    leaky[:, 0] += 300 * labels + 300 * rng.random(len(labels))  # packs that are not filled to one length
    right = guessed(leaky, labels, raters)
    assert interval(right, len(labels), z=3.29)[0] > 0.5


def test_no_name_of_a_system_or_file_is_ever_sent(collected):
    for reply in collected[-1]:
        text = (str(reply.headers) + reply.body.decode("latin-1")).lower()
        assert not any(word in text for word in (*SYSTEMS, "item0", ".mp4", "etag", "last-modified"))


def test_all_answers_have_the_same_headers_and_length(collected):
    seen = {(tuple((k, v) for k, v in r.headers.items() if k != "date"), len(r.body)) for r in collected[-1]}
    assert len(seen) == 1


def test_what_is_sent_of_a_clip_follows_from_its_pixels_alone(collected):
    for body in {reply.body for reply in collected[-1]}:
        pixels = unpacked(body)
        assert packed(pixels).ljust(len(body), b"\0") == body
    clips = [clip for trial in collected[-2] for clip in trial["clips"]]
    known = {"side", "frames_url", "frames", "width", "height", "fps", "holds"}
    assert all(set(clip) == known for clip in clips)


def test_a_clip_has_another_name_in_every_trial(collected):
    names = [clip["frames_url"] for trial in collected[-2] for clip in trial["clips"]]
    assert len(set(names)) == len(names) > len({reply.body for reply in collected[-1]})
