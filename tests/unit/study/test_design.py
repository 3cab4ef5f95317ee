"""Who sees what: balanced after any number of raters, and the same from the same seed."""

from __future__ import annotations

from collections import Counter

import pytest

from animatrix.evaluate.study.definition import Definition, Item, StoredClip
from animatrix.evaluate.study.design import PER_40, Design, balance, counts, enough, most_trials, units_of
from animatrix.evaluate.study.records import BROKEN
from animatrix.evaluate.study.rubric import Words, load_rubric


def definition(items=60, systems=("a", "b", "c"), trials=40, mode="pair", seed=3, damaged=6):
    def clip(name):
        size = {"frames": 3, "width": 8, "height": 8, "fps": 24.0, "holds": []}
        return StoredClip(pack=f"{name}.amfp", source=f"sha256:{name}", **size)

    found = {}
    for n in range(items):
        clips = {s: clip(f"{n}{s}") for s in systems}
        whose = systems[n % len(systems)] if n < damaged else None
        if whose:
            clips[BROKEN] = clip(f"{n}broken")
        found[f"i{n}"] = Item(directive={}, narratives=Words.same("x"), clips=clips, damaged=whose)
    return Definition(
        **{"format": 1, "id": "s", "created": "2026-01-01T00:00:00Z", "mode": mode, "title": Words.same("t")},
        **{"language": "en", "seed": seed, "raters": 10, "trials": trials, "rubric": load_rubric()},
        **{"systems": list(systems), "items": found, "pack_bytes": 65536},
    )


def test_forty_trials_hold_the_stated_checks():
    plan = Design(definition()).plan(0)
    kinds = Counter(p.kind for p in plan)
    assert kinds == {**PER_40, "real": 30}
    assert [p.number for p in plan] == list(range(1, 41))
    assert all(p.kind == "calibration" for p in plan[:4])


@pytest.mark.parametrize(("trials", "real"), [(4, 4), (12, 9), (20, 14), (40, 30), (80, 60)])
def test_other_lengths_are_scaled(trials, real):
    found = counts(trials, "pair")
    assert found["real"] == real and sum(found.values()) == trials


@pytest.mark.parametrize("systems", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("raters", [1, 3, 10, 31])
def test_exposure_and_sides_are_balanced_to_one(systems, raters):
    design = Design(definition(systems=systems))
    plans = [design.plan(slot) for slot in range(raters)]
    spread, lean = balance(plans)
    assert spread <= 1 and lean <= 1
    sides = Counter(p.left for plan in plans for p in plan if p.kind == "real")
    total = Counter(s for plan in plans for p in plan if p.kind == "real" for s in (p.left, p.right))
    assert all(abs(sides[s] / total[s] - 0.5) < 0.12 for s in systems)


def test_a_slot_has_the_same_plan_whoever_asks_and_in_whatever_order():
    one, other = Design(definition()), Design(definition())
    last = one.plan(7)
    assert [other.plan(n) for n in range(8)][7] == last
    assert Design(definition(seed=4)).plan(7) != last


def test_no_rater_judges_a_unit_twice_but_for_repeats():
    design = Design(definition(items=34, systems=("a", "b")))
    for slot in range(8):
        plan = design.plan(slot)
        shown = [p.unit for p in plan if p.kind in ("real", "calibration")]
        assert len(set(shown)) == len(shown)
        for p in plan:
            if p.kind == "repeat":
                first = plan[p.repeats - 1]
                assert first.kind == "real" and (first.left, first.right) == (p.right, p.left)
                assert p.number - p.repeats >= 6 and p.number > 2 * len(plan) // 3 - 2


def test_gold_has_a_known_answer_and_identical_pairs_are_identical():
    design = Design(definition())
    for p in (p for slot in range(6) for p in design.plan(slot)):
        assert bool(p.expected) == (p.kind == "gold")
        if p.kind == "gold":
            better = {p.left, p.right} - {BROKEN}
            assert len(better) == 1 and set(p.expected.values()) == {"left" if p.right == BROKEN else "right"}
        assert (p.left == p.right) == (p.kind == "identical")


def test_calibration_is_the_same_for_all_and_not_measured():
    design = Design(definition())
    first = {p.unit for p in design.plan(0) if p.kind == "calibration"}
    for slot in range(1, 5):
        assert {p.unit for p in design.plan(slot) if p.kind == "calibration"} == first
        assert not first & {p.unit for p in design.plan(slot) if p.kind == "real"}


def test_scores_show_one_clip_and_every_system_as_often():
    design = Design(definition(mode="score"))
    plans = [design.plan(slot) for slot in range(9)]
    assert all(p.right is None for plan in plans for p in plan)
    seen = Counter(p.left for plan in plans for p in plan if p.kind == "real")
    assert max(seen.values()) - min(seen.values()) <= 9


def test_systems_that_gave_the_same_file_are_not_compared_on_it():
    study = definition(items=3, systems=("a", "b"))
    clips = {name: item.clips for name, item in study.items.items()}
    same = clips["i1"] | {"b": clips["i1"]["a"]}
    assert len(units_of(clips | {"i1": same}, ["a", "b"], "pair")) == 2


def test_the_most_trials_are_those_a_design_can_be_drawn_for():
    assert most_trials("pair", 34) == 40 and enough(40, "pair", 34) and not enough(41, "pair", 34)
    Design(definition(items=34, systems=("a", "b"), trials=40)).plan(0)
