"""What is shown when: stages, mixes, pacing, and the controls that show the same again."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import pytest
from stock import Stock, recipe, stocked

from animatrix.errors import AniMatrixError, Code
from animatrix.train import draws
from animatrix.train.curriculum import CurriculumRecipe, Pacing
from animatrix.train.data.cards import KINDS
from animatrix.train.data.sampling import Sampler, Stream
from animatrix.train.plan import Bucket, shown_row

STAGES = [
    {"name": "draw", "share": 0.3, "mix": {"style": 0.85, "motion": 0.15}, "buckets": {"48x32x1": 1}},
    {"name": "move", "share": 0.4, "mix": {"style": 0.3, "motion": 0.6, "deformation": 0.1}, "shift": 5},
    {
        "name": "break",
        "share": 0.3,
        "mix": {"style": 0.05, "motion": 0.3, "deformation": 0.65},
        "buckets": {"48x32x9": 3, "48x32x5": 1},
        "shift": 5,
        "timesteps": {"uniform_share": 0.3},
    },
]


def curriculum(**more):
    return {"stages": STAGES, **more}


def stages(found):
    return [plan.stage for plan in found]


# plans


def test_a_plan_follows_from_the_step_alone(tmp_path):
    made = recipe(tmp_path, steps=40, curriculum=curriculum())
    forwards = stocked(made)
    whole = [forwards.plan(step) for step in range(40)]
    backwards = stocked(made)
    assert [backwards.plan(step) for step in reversed(range(40))] == whole[::-1]
    assert all(d.step == p.step and d.place == i for p in whole for i, d in enumerate(p.draws))


def test_every_rank_of_any_world_sees_its_share_of_the_same_step(tmp_path):
    made = recipe(tmp_path, batch=6)
    one = stocked(made)
    for step in (0, 20):
        whole = one.load(one.plan(step), one.plan(step).draws)
        for world in (2, 3):
            for rank in range(world):
                other = stocked(made)
                plan = other.plan(step)
                mine = other.load(plan, plan.draws[rank::world])
                assert [i.name for i in mine] == [i.name for i in whole[rank::world]]
                assert all(
                    (a.latents == b.latents).all() for a, b in zip(mine, whole[rank::world], strict=True)
                )


def test_another_seed_shows_other_items(tmp_path):
    one, other = (stocked(recipe(tmp_path, seed=seed)).plan(3).draws for seed in (0, 1))
    assert [d.index for d in one] != [d.index for d in other]


def test_only_the_pool_of_the_step_is_drawn_from_and_in_the_end_all_of_it(tmp_path):
    samples = stocked(recipe(tmp_path, steps=60, batch=16))
    last = [max(d.index for d in samples.plan(step).draws) // 64 for step in range(60)]
    assert set(last[:16]) == {0} and max(last[16:32]) == 1 and max(last[32:]) == 2


def test_going_on_across_a_stage_skips_and_repeats_nothing(tmp_path):
    made = recipe(tmp_path, steps=40, curriculum=curriculum())
    whole = [stocked(made).plan(step) for step in range(40)]
    for cut in (11, 12, 13, 28, 29):
        first, second = stocked(made), stocked(made)
        before = [first.plan(step) for step in range(cut)]
        first.plan(cut + 1)  # loaded ahead, and lost
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert before + [second.plan(step) for step in range(cut, 40)] == whole


def test_stages_take_their_share_and_turn_into_each_other(tmp_path):
    samples = stocked(recipe(tmp_path, steps=400, curriculum=curriculum(transition=0.05)))
    settings = [samples.curriculum.setting(step) for step in range(400)]
    names = [s.stage for s in settings]
    assert names == ["draw"] * 120 + ["move"] * 160 + ["break"] * 120
    style = [s.mix[0] for s in settings]
    assert style[119] == pytest.approx(0.85) and style[140] == pytest.approx(0.3)
    between = style[120:140]
    assert between == sorted(between, reverse=True)
    steps = [a - b for a, b in pairwise(between)]
    assert max(steps) == pytest.approx(min(steps)) == pytest.approx(0.55 / 20)
    stills = [s.bucket.frames == 1 for s in settings]
    assert all(stills[:120]) and 0 < sum(stills[120:140]) < 20 and sum(stills[300:]) == 0
    assert {s.shift for s, still in zip(settings, stills, strict=True) if still} == {1.5}
    assert {s.uniform_share for s in settings[150:280]} == {0.0}
    assert {s.uniform_share for s in settings[310:]} == {0.3}


def test_a_step_has_the_mix_of_its_stage(tmp_path):
    made = recipe(tmp_path, steps=300, batch=32, curriculum=curriculum(transition=0))
    samples = stocked(made)
    for start, end, mix in ((100, 200, (0.3, 0.6, 0.1)), (215, 300, (0.15, 0.27, 0.58))):
        kinds: Counter[str] = Counter()
        for step in range(start, end):
            plan = samples.plan(step)
            if plan.bucket.frames > 1:
                kinds.update(d.kind for d in plan.draws)
        shares = [kinds[kind] / kinds.total() for kind in KINDS]
        assert shares == pytest.approx(mix, abs=0.04)


def test_a_single_picture_of_a_moving_shot_counts_as_style(tmp_path):
    samples = stocked(recipe(tmp_path, batch=64, buckets=["48x32x1"]))
    drawn = samples.plan(0).draws
    assert {d.kind for d in drawn} == {"style", "deformation"}
    stock = Stock()
    assert {stock.kind(d.index) for d in drawn if d.kind == "style"} == {"style", "motion"}


def test_a_kind_that_the_pool_lacks_is_replaced_by_an_earlier_one(tmp_path):
    class Undeformed(Stock):
        def kind(self, index):
            return KINDS[index % 2]

    samples = stocked(recipe(tmp_path, batch=32, curriculum=curriculum()), source=Undeformed())
    assert {d.kind for d in samples.plan(39).draws} == {"style", "motion"}


def test_replay_keeps_what_came_before_above_its_floor(tmp_path):
    for replay in (0.15, 0.25):
        samples = stocked(recipe(tmp_path, steps=200, curriculum=curriculum(replay=replay)))
        for step in range(200):
            setting = samples.curriculum.setting(step)
            assert sum(setting.mix) == pytest.approx(1)
            earlier = {"draw": 0, "move": 1, "break": 2}[setting.stage]
            assert min([*setting.mix[:earlier], 1.0]) >= replay - 1e-9
    none = stocked(recipe(tmp_path, steps=200, curriculum=curriculum(replay=0)))
    assert none.curriculum.setting(199).mix == pytest.approx((0.05, 0.3, 0.65))


def test_a_source_with_few_items_of_a_kind_gives_few_of_them():
    class Moving(Stock):
        def kind(self, index):
            return KINDS[0] if index % 64 < 4 else KINDS[1]

    class Quiet(Stock):
        def kind(self, index):
            return KINDS[0] if index % 2 else KINDS[1]

    streams = [Stream(Moving("moving", 64), 1.0, 64, 0.0), Stream(Quiet("quiet", 64), 1.0, 64, 0.0)]
    of = {stream.source.name: [stream.source.card(i) for i in range(64)] for stream in streams}
    sampler = Sampler(0, streams, lambda source, shard: of[source])
    drawn = [sampler.draw(step, 0, Bucket(9, 48, 32), (1.0, 0.0, 0.0)) for step in range(900)]
    assert {d.kind for d in drawn} == {"style"}
    assert sum(d.source == "moving" for d in drawn) / 900 == pytest.approx(4 / 36, abs=0.03)


def test_a_bucket_that_no_item_fits_is_told(tmp_path):
    class Short(Stock):
        def fits(self, card, bucket):
            return False

    with pytest.raises(AniMatrixError, match="no item of the pool at step 0 fits") as caught:
        stocked(recipe(tmp_path), source=Short()).plan(0)
    assert caught.value.code is Code.BAD_RECIPE


def test_a_stage_with_an_unknown_bucket_is_refused(tmp_path):
    wrong = [{**STAGES[0], "share": 1, "buckets": {"80x48x1": 1}}]
    with pytest.raises(AniMatrixError, match=r"80x48x1, which data\.buckets has not"):
        stocked(recipe(tmp_path, curriculum={"stages": wrong}))


@pytest.mark.parametrize(
    "change",
    [
        {"stages": STAGES[:2]},
        {"stages": []},
        {"stages": [{**STAGES[0], "share": 1, "mix": {}}]},
        {"replay": 0.6},
        {"pacing": "slow"},
    ],
)
def test_a_curriculum_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError):
        CurriculumRecipe.model_validate(change)


# pacing


def pacing(**more):
    return Pacing(
        CurriculumRecipe.model_validate(
            curriculum(pacing="competence", competence={"evaluations": 2, "average": 0.0, **more})
        ),
        steps=1000,
    )


def test_a_stage_ends_when_its_loss_has_been_flat_for_long_enough():
    pace = pacing()
    for step, loss in ((50, 1.0), (100, 0.8), (150, 0.7)):
        pace.heed(step, {"style": loss, "motion": 1.0, "deformation": 1.0})
    assert pace.stage(999)[1] > 700 and pace.stage(160) == (0, 0)
    pace.heed(200, {"style": 0.699})
    assert pace.stage(201) == (0, 0)
    pace.heed(250, {"style": 0.6985})
    assert pace.stage(249) == (0, 0) and pace.stage(250) == (1, 250)


def test_losses_of_other_kinds_do_not_end_a_stage():
    pace = pacing()
    for step in range(50, 350, 50):
        pace.heed(step, {"style": 1 / step, "motion": 1.0, "deformation": 2.0})
    assert pace.stage(350) == (0, 0)


def test_patience_ends_a_stage_that_goes_on_learning():
    pace = pacing(patience=1.5)
    assert pace.stage(449) == (0, 0) and pace.stage(450) == (1, 450)
    for step in range(50, 600, 50):
        pace.heed(step, {"style": 1 / step, "motion": 1 / step})
    assert pace.begun == [0, 450]


def test_what_an_earlier_stage_taught_is_shown_more_when_it_is_forgotten():
    pace = pacing()
    pace.begun = [0, 100]
    pace.heed(150, {"style": 0.5, "motion": 1.0})
    pace.heed(200, {"style": 0.509, "motion": 0.9})
    assert pace.floor("style", 999) == 0.15
    pace.heed(250, {"style": 0.52, "motion": 0.8})
    assert (pace.floor("style", 249), pace.floor("style", 250)) == (0.15, pytest.approx(0.2))
    pace.heed(300, {"style": 0.52, "motion": 0.7})
    assert pace.floor("style", 300) == pytest.approx(0.2)
    for step in range(350, 800, 50):
        pace.heed(step, {"style": 0.52 * step / 300, "motion": 1 / step})
    assert pace.floor("style", 999) == 0.3 and pace.floor("motion", 999) == 0.15


def test_pacing_goes_on_from_its_state_as_if_it_had_not_stopped():
    losses = [{"style": 1 / (1 + step) + 0.5, "motion": 1.0 + step / 100} for step in range(12)]
    whole, first, second = pacing(average=0.5), pacing(average=0.5), pacing(average=0.5)
    for i, loss in enumerate(losses):
        whole.heed(50 * i, loss)
        (first if i < 6 else second).heed(50 * i, loss)
        if i == 5:
            second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state_dict() == whole.state_dict()
    assert [second.stage(s) for s in range(0, 1000, 37)] == [whole.stage(s) for s in range(0, 1000, 37)]


def test_figures_pace_from_the_next_step_on_and_change_no_planned_one(tmp_path):
    made = recipe(
        tmp_path,
        steps=100,
        curriculum=curriculum(pacing="competence", competence={"evaluations": 1, "average": 0.0}),
    )
    samples = stocked(made)
    before = [samples.plan(step) for step in range(10)]
    samples.heed({"style": 1.0, "q0": 3.0})
    samples.heed({"style": 1.0})
    assert samples.curriculum.pacing.begun == [0, 10]
    assert [samples.plan(step) for step in range(10)] == before
    assert samples.plan(10).stage == "move"


def test_fixed_pacing_heeds_nothing():
    fixed = Pacing(CurriculumRecipe.model_validate(curriculum()), 1000)
    for step in range(0, 300, 50):
        fixed.heed(step, {"style": 1.0})
    assert fixed.begun == [0] and fixed.starts() == [0, 300, 700]


# controls


def logged(tmp_path, **more):
    samples = stocked(recipe(tmp_path, steps=30, curriculum=curriculum(**more)))
    plans = [samples.plan(step) for step in range(30)]
    log = tmp_path / "shown.jsonl"
    log.write_text("".join(json.dumps({"step": p.step + 1, **shown_row(p, 0)}) + "\n" for p in plans))
    return log, plans


def shown(found, seed=0):
    """Every sample with its bucket and all that its timestep and noise follow from."""
    return Counter(
        (d, p.bucket, p.shift, p.notes["uniform_share"], draws.number(seed, "noise", d.step, d.place))
        for p in found
        for d in p.draws
    )


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
def test_a_control_shows_the_identical_multiset_in_another_order(tmp_path, order):
    log, plans = logged(tmp_path)
    control = {"log": str(log), "order": order}
    samples = stocked(recipe(tmp_path, steps=30, curriculum={"control": control}))
    again = [samples.plan(step) for step in range(30)]
    assert [p.step for p in again] == list(range(30)) and shown(again) == shown(plans)
    assert Counter(p.bucket for p in again) == Counter(p.bucket for p in plans)  # equal FLOPs
    assert stages(again) != stages(plans)
    if order == "reversed":
        assert stages(again) == stages(plans)[::-1]
    else:  # every stage early and late
        assert len(set(stages(again)[:10])) == 3 == len(set(stages(again)[20:]))
    assert [p.draws for p in again] == [
        p.draws
        for p in (
            stocked(recipe(tmp_path, steps=30, curriculum={"control": control})).plan(s) for s in range(30)
        )
    ]


def test_a_control_loads_the_items_that_were_shown(tmp_path):
    log, plans = logged(tmp_path)
    one = stocked(recipe(tmp_path, steps=30, curriculum=curriculum()))
    control = {"log": str(log), "order": "reversed"}
    other = stocked(recipe(tmp_path, steps=30, curriculum={"control": control}))
    plan = other.plan(0)
    pairs = zip(one.load(plans[-1], plans[-1].draws), other.load(plan, plan.draws), strict=True)
    assert all(a.name == b.name and (a.latents == b.latents).all() for a, b in pairs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "logged with seed 0, the recipe has seed 1"),
        ({"steps": 31}, "holds 30 steps, the recipe has 31"),
        ({"batch": 2}, "logged with batch 4, the recipe has 2"),
    ],
)
def test_a_log_of_another_run_is_refused(tmp_path, change, said):
    log, _ = logged(tmp_path)
    with pytest.raises(AniMatrixError, match=said) as caught:
        stocked(recipe(tmp_path, **{"steps": 30, "curriculum": {"control": {"log": str(log)}}, **change}))
    assert caught.value.code is Code.BAD_RECIPE


def test_a_damaged_log_is_refused_in_one_line(tmp_path):
    log, _ = logged(tmp_path)
    log.write_text(log.read_text()[:-40])
    with pytest.raises(AniMatrixError, match="is not a log of what was shown"):
        stocked(recipe(tmp_path, steps=30, curriculum={"control": {"log": str(log)}}))


def test_buckets_come_in_their_shares(tmp_path):
    samples = stocked(recipe(tmp_path, steps=1000, curriculum=curriculum(transition=0)))
    found = Counter(samples.curriculum.setting(step).bucket for step in range(700, 1000))
    assert set(found) == {Bucket(9, 48, 32), Bucket(5, 48, 32)}
    assert found[Bucket(9, 48, 32)] / 300 == pytest.approx(0.75, abs=0.07)
