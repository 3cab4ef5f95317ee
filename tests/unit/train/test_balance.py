"""Rare values are shown more often than the pool holds them, within bounds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from animatrix.train.data.balance import balanced, said
from animatrix.train.data.cards import Card, faulty


def card(index, **tags):
    doc = {"narrative": "", "tags": {k: [{"value": v, "span": None}] for k, v in tags.items()}, "frames": 9}
    return Card(index, f"x/{index}", json.dumps(doc | {"fps": 24}), "style", 0.0, 9, 48, 32)


def weights(cards, **more):
    return balanced(said(cards), np.array([not c.fault for c in cards]), **more)


def pool(*counts):
    """Cards of one palette value each, so many of each."""
    values = ["natural", "vivid", "pastel", "muted"]
    names = [value for value, count in zip(values, counts, strict=False) for _ in range(count)]
    return [card(i, palette=name) for i, name in enumerate(names)]


def test_a_value_a_hundred_times_rarer_is_shown_ten_times_as_rarely():
    found = weights(pool(100, 1), cap=100.0)
    assert found[100] / found[0] == pytest.approx(10)


@pytest.mark.parametrize(("power", "ratio"), [(0.0, 1.0), (0.5, 4.0), (1.0, 16.0)])
def test_the_power_says_how_even(power, ratio):
    found = weights(pool(64, 4), power=power, cap=100.0)
    assert found[-1] / found[0] == pytest.approx(ratio)


def test_no_item_is_shown_all_the_time():
    found = weights(pool(1000, 300, 1), cap=3.0)
    assert found.max() == 3.0 and found.min() >= 1 / 3 and np.median(found) == pytest.approx(1)


def test_shown_values_are_more_even_than_the_pool():
    cards = pool(200, 60, 15, 5)
    shares = np.array([200, 60, 15, 5]) / 280
    found = weights(cards)
    shown = np.array([found[at] for at in np.split(np.arange(280), [200, 260, 275])], object)
    shown = np.array([part.sum() for part in shown]) / found.sum()
    entropy = [-(p * np.log(p)).sum() for p in (shares, shown)]
    assert entropy[1] > entropy[0] + 0.2


def test_one_rare_value_among_plain_ones_makes_an_item_rare():
    plain = {"palette": "natural", "line_style": "clean_uniform", "shading_steps": "one_step"}
    cards = [card(i, **plain, camera_move="fix") for i in range(99)]
    cards.append(card(99, **{**plain, "palette": "neon"}, camera_move="fix"))
    found = weights(cards)
    assert found[99] > 1.5 * found[:99].max()


def test_an_axis_that_few_items_speak_of_counts_more():
    cards = [
        card(
            i,
            palette="vivid" if i % 2 else "pastel",
            **({"impact_frame": "white_frame"} if i % 20 == 0 else {}),
        )
        for i in range(200)
    ]
    found = weights(cards)
    assert found[0] > found[2] and found[::20].min() > np.delete(found, np.arange(0, 200, 20)).max()


def test_faulty_items_weigh_nothing_and_do_not_count():
    cards = [*pool(10, 2), faulty(12, "x/12", "broken")]
    found = weights(cards)
    assert found[12] == 0 and np.array_equal(found[:12], weights(pool(10, 2)))
    assert not weights([faulty(0, "x", "broken")]).any()


def test_weights_do_not_depend_on_the_order_of_the_cards():
    cards = pool(30, 9, 3)
    order = np.random.default_rng(0).permutation(len(cards))
    assert np.allclose(weights([cards[i] for i in order]), weights(cards)[order])
