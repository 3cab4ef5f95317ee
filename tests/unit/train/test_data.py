"""Shards, workers and samples: the same items whoever makes them, and nothing lost in silence."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

import numpy as np
import pytest
import torch
from stock import FRAMES, Averages, Stock, recipe, stocked

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Taxonomy
from animatrix.synthetic import Corpus
from animatrix.train.data.cards import (
    KINDS,
    amplitude,
    check_version,
    kind_of,
    percentile,
    read_directive,
    windowed,
)
from animatrix.train.data.framing import centre, fitted
from animatrix.train.data.makers import Job, Makers
from animatrix.train.data.making import Work, is_made, make_shard
from animatrix.train.data.recipe import parse_bucket
from animatrix.train.data.sampling import Stream
from animatrix.train.data.shards import Cache, Damage, read_tables
from animatrix.train.data.sources import SyntheticSource
from animatrix.train.plan import Bucket

VIDEO, STILL = Bucket(9, 48, 32), Bucket(1, 48, 32)


def directive(frames=33, **tags):
    return Directive.model_validate({"narrative": "x", "tags": tags, "frames": frames, "fps": 24})


def work(folder, source=None, encoder=None, shapes=(VIDEO, STILL), **more):
    source, encoder = source or Stock(), encoder or Averages()
    return Work(
        {source.name: source},
        {source.name: shapes},
        encoder,
        Cache(folder, encoder.fingerprint),
        **more,
    )


def content(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and "locks" not in p.parts
    }


def same(one, other):
    return one.name == other.name and all(
        torch.equal(getattr(one, k), getattr(other, k)) for k in ("latents", "keys", "key_index", "text")
    )


# cards


@pytest.mark.parametrize(
    ("tags", "deformation", "kind"),
    [
        ({"camera_move": "fix", "palette": "vivid", "action": "idle", "drawing_cadence": "ones"}, 0, "style"),
        ({"camera_move": "pan_left"}, 0, "motion"),
        ({"action": "run"}, 0, "motion"),
        ({"camera_move": "pan_left", "impact_frame": "white_frame@4-5"}, 0, "deformation"),
        ({"action": "jump", "body_deformation": "squash_stretch"}, 0.5, "deformation"),
        ({"action": "jump", "body_deformation": "squash_stretch"}, 0.01, "motion"),
        ({"body_deformation": "none", "impact_frame": "none", "palette": "vivid"}, 0, "style"),
    ],
)
def test_an_item_is_of_the_kind_that_stands_out(tags, deformation, kind):
    assert kind_of(directive(**tags), deformation) == kind


def test_every_value_at_rest_is_a_value_of_the_taxonomy():
    from animatrix.train.data.cards import AT_REST, IN_THE_MAP

    fields = Taxonomy.default().fields
    for name, values in AT_REST.items():
        assert values <= {*fields[name].values, "*"}
    assert set(fields) >= IN_THE_MAP


def test_percentiles_rise_with_the_amplitude_and_none_is_zero():
    levels = [percentile(a) for a in np.linspace(0, 1, 21)]
    assert levels[0] == 0 and levels[-1] == 1 and levels == sorted(levels) and levels[1] > 0


def test_a_smear_of_two_drawings_counts_like_a_long_squash():
    class Deformed:
        mask = np.ones((12, 8, 8), bool)
        deformation = np.zeros((12, 8, 8), np.float32)

    long, brief = Deformed(), Deformed()
    long.deformation = np.full((12, 8, 8), 0.8, np.float32)
    brief.deformation = np.zeros((12, 8, 8), np.float32)
    brief.deformation[4:7] = 0.8
    assert amplitude(long) == pytest.approx(amplitude(brief)) == pytest.approx(0.8)


def test_a_shorter_window_moves_spans_and_forgets_what_lies_outside():
    whole = directive(
        camera_move="pan_left",
        impact_frame=["white_frame@4-5", "black_frame@20-21", "inverted_frame@30-32"],
        action=["run@0-20", "jump@21-32"],
    )
    part = windowed(whole, 5, 17)
    assert part.frames == 17
    assert set(part.tag_strings()) == {
        "camera_move=pan_left",
        "impact_frame=white_frame@0-0",
        "impact_frame=black_frame@15-16",
        "action=run@0-15",
        "action=jump@16-16",
    }
    assert not windowed(whole, 6, 9).values("impact_frame")


def test_reading_a_stored_directive_gives_the_checked_one():
    whole = directive(camera_move="pan_left", impact_frame="white_frame@4-5", palette="vivid")
    assert read_directive(whole.canonical_json()) == whole


def test_data_of_another_major_taxonomy_is_refused_in_one_line():
    ours = Taxonomy.default().version
    check_version(ours, "x")
    with pytest.raises(AniMatrixError, match=r"^the dataset d is written for taxonomy 99.0.0") as caught:
        check_version("99.0.0", "the dataset d")
    assert caught.value.code is Code.TAXONOMY_VERSION


# shapes


def test_pictures_are_cropped_to_the_aspect_and_averaged():
    picture = np.zeros((96, 200, 3), np.uint8)
    picture[:, 20:180] = np.indices((96, 160)).sum(0)[..., None] % 2 * 200
    assert centre(200, 96, 160 / 96) == (20, 0, 160, 96)
    assert np.ptp(fitted(picture, 80, 48)) == 0 and fitted(picture, 80, 48)[0, 0, 0] == 100


@pytest.mark.parametrize("text", ["160x96", "160x96x32", "161x96x33", "0x96x1", "axbxc"])
def test_a_bucket_that_no_autoencoder_takes_is_refused(text):
    with pytest.raises(ValueError):
        parse_bucket(text)


# shards


def test_two_makers_and_two_runs_write_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        assert make_shard(work(tmp_path / name), "stock", 1)
    assert content(tmp_path / "a") == content(tmp_path / "b") and len(content(tmp_path / "a")) == 4
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "a").rglob("*.*")}
    assert make_shard(work(tmp_path / "a"), "stock", 1)
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "a").rglob("*.*")}


def test_a_shard_that_another_process_makes_is_left_to_it(tmp_path):
    here = work(tmp_path)
    with here.cache.claim("stock-train", 0) as mine:
        assert mine and not make_shard(work(tmp_path), "stock", 0)
    assert make_shard(work(tmp_path), "stock", 0)


def test_an_item_that_cannot_be_made_is_named_and_the_others_are_there(tmp_path):
    told = []
    here = work(tmp_path, Stock(broken={3}))
    make_shard(here, "stock", 0, tell=lambda word, what: told.append(what) if word == "fault" else None)
    assert told == ["stock/3: ValueError: item 3 is broken"]
    good = read_tables(here.cache.latents("stock-train", 0, VIDEO))["good"]
    assert good.tolist() == [i != 3 for i in range(64)]


def test_other_weights_encode_again_and_kept_pixels_save_the_drawing(tmp_path):
    make_shard(work(tmp_path, keep_pixels=True), "stock", 0)
    other = work(tmp_path, Stock(broken=range(64)), Averages("twice", 2.0), keep_pixels=True)
    assert not is_made(other, "stock", 0)
    make_shard(other, "stock", 0)
    one, two = (
        read_tables(Cache(tmp_path, f).latents("stock-train", 0, VIDEO)) for f in ("averages", "twice")
    )
    assert bool(two["good"].all()) and torch.equal(one["latents"] * 2, two["latents"])


# samples


def test_what_is_encoded_on_the_fly_has_the_bytes_of_the_cache(tmp_path):
    cached = stocked(recipe(tmp_path / "a"))
    flying = stocked(recipe(tmp_path / "b", cache=False))
    for step in (0, 7, 30):
        plan = cached.plan(step)
        assert flying.plan(step) == plan
        for one, other in zip(cached.load(plan, plan.draws), flying.load(plan, plan.draws), strict=True):
            assert same(one, other) and one.directive == other.directive
    assert not list((tmp_path / "b").rglob("*.safetensors"))


def test_an_item_has_the_shape_of_its_bucket(tmp_path):
    samples = stocked(recipe(tmp_path))
    seen = set()
    for step in range(12):
        plan = samples.plan(step)
        for item in samples.load(plan, plan.draws):
            frames = plan.bucket.frames
            seen.add(frames)
            assert item.latents.shape == (3, (frames - 1) // 4 + 1, 4, 6)
            assert item.latents.dtype == torch.bfloat16
            assert item.directive.frames == (frames if frames > 1 else FRAMES)
            assert item.key_index.max() < frames if frames > 1 else not len(item.keys)
            assert item.text.shape == (6, 4) and not item.text[2:].any() and item.text[:2].all()
    assert seen == {1, 5, 9}


def test_shards_beyond_the_memory_are_read_row_by_row_to_the_same_bytes(tmp_path):
    plenty, none = stocked(recipe(tmp_path)), stocked(recipe(tmp_path, memory=0))
    for step in range(4):
        plan = plenty.plan(step)
        pairs = zip(plenty.load(plan, plan.draws), none.load(plan, plan.draws), strict=True)
        assert all(same(one, other) for one, other in pairs)
    assert plenty.shelf.used > 0 == none.shelf.used


def damaged(folder, how):
    """Cards are made, one file is damaged; returns samples that have not looked at it yet."""
    first = stocked(recipe(folder))
    for shard in range(3):
        first.cards("stock", shard)
    path = next((folder / "cache" / "averages").rglob(f"shard-000001.{VIDEO}.safetensors"))
    data = bytearray(path.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "flipped":
        data[-100] ^= 255
    else:
        path = first.work.cache.cards("stock-train", 1)
        data = bytearray(b"not cards")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("how", ["cut", "flipped", "cards"])
def test_a_damaged_shard_is_named_once_and_passed_over(tmp_path, caplog, how):
    path = damaged(tmp_path, how)
    samples = stocked(recipe(tmp_path, batch=16, buckets=["48x32x9"]))
    with caplog.at_level(logging.WARNING, "animatrix.train"):
        for step in (33, 36):
            plan = samples.plan(step)
            items = samples.load(plan, plan.draws)
            assert len(items) == 16
            shown = [int(item.name.split("/")[1].split()[0]) // 64 for item in items]
            assert 1 not in shown and set(shown) == {0, 2}
    named = [r.getMessage() for r in caplog.records if path.name in r.getMessage()]
    assert len(named) == 1 and "damaged" in named[0]
    again = stocked(recipe(tmp_path, batch=16, buckets=["48x32x9"]))
    plan = again.plan(36)  # whatever was looked at before
    assert all(map(same, again.load(plan, plan.draws), items))


@pytest.mark.parametrize("how", ["cut", "cards"])
def test_a_damaged_shard_stops_a_training_that_wants_it_so(tmp_path, how):
    path = damaged(tmp_path, how)
    samples = stocked(recipe(tmp_path, batch=16, buckets=["48x32x9"], on_damage="stop"))
    with pytest.raises(AniMatrixError, match=path.name) as caught:
        plan = samples.plan(36)
        samples.load(plan, plan.draws)
    assert caught.value.code is Code.FILE_UNREADABLE and "\n" not in str(caught.value)


def test_a_broken_item_is_never_drawn(tmp_path):
    samples = stocked(recipe(tmp_path, batch=64), source=Stock(broken=range(0, 64, 2)))
    assert all(draw.index % 2 for draw in samples.plan(0).draws)


def test_held_out_items_are_the_same_and_of_each_kind(tmp_path):
    samples = stocked(recipe(tmp_path, held_out=3))
    groups = list(samples.held_out())
    assert groups == list(samples.held_out())
    assert [(g.bucket.frames, [d.kind for d in g.draws]) for g in groups] == [
        (1, ["style"] * 3),
        (9, ["motion"] * 3 + ["deformation"] * 3),
    ]
    assert len({d.place for g in groups for d in g.draws}) == 9
    assert all(d.source == "held-out.stock" for g in groups for d in g.draws)
    assert len(samples.load(groups[1], groups[1].draws)) == 6
    assert len(samples.held_out_directives(4, groups[1].bucket)) == 4


def test_frames_are_the_kept_ones_or_drawn_now(tmp_path):
    kept = stocked(recipe(tmp_path / "a", keep_pixels=True))
    now = stocked(recipe(tmp_path / "b"))
    for step in range(6):
        plan = kept.plan(step)
        one, other = kept.frames(plan, plan.draws), now.frames(plan, plan.draws)
        assert one.shape == (4, plan.bucket.frames, 32, 48, 3) and np.array_equal(one, other)


# workers


def makers(folder, source, count=1):
    return Makers(work(folder, source), count)


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_workers_make_what_one_process_makes(tmp_path, count):
    crew = makers(tmp_path / "a", Stock(count=192), count)
    try:
        crew.need(Job("stock", shard) for shard in range(3))
        for shard in (2, 0, 1):
            crew.wait(Job("stock", shard))
        flown = crew.wait(Job("stock", 5, VIDEO, 1))
        with pytest.raises(Damage):
            makers(tmp_path, Stock(broken={1}), 0).wait(Job("stock", 1, VIDEO, 1))
    finally:
        crew.close()
    assert not crew.pids()
    for shard in range(3):
        make_shard(work(tmp_path / "b"), "stock", shard)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    here = makers(tmp_path, Stock(), 0).wait(Job("stock", 5, VIDEO, 1))
    assert all(torch.equal(flown[k], here[k]) for k in here)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_a_deadly_item_is_left_out(tmp_path, caplog):
    crew = makers(tmp_path, Stock(count=64, deadly={9}))
    with caplog.at_level(logging.WARNING, "animatrix.train"):
        try:
            crew.wait(Job("stock", 0))
        finally:
            crew.close()
    good = read_tables(crew.work.cache.latents("stock-train", 0, VIDEO))["good"]
    assert good.tolist() == [i != 9 for i in range(64)]
    assert sum("made again" in r.getMessage() for r in caplog.records) == 2
    assert any("stock/9: ended the process" in r.getMessage() for r in caplog.records)


@pytest.mark.slow
def test_closing_in_the_middle_leaves_nobody_behind_and_no_half_shard(tmp_path):
    crew = makers(tmp_path, Stock(count=6400))
    crew.need(Job("stock", shard) for shard in range(100))
    crew.wait(Job("stock", 0))
    pids = crew.pids()
    crew.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    for path in tmp_path.rglob("*.safetensors"):
        read_tables(path)


# the corpus


def test_synthetic_items_are_shots_of_the_train_split_with_their_truth(tmp_path):
    source = SyntheticSource("wide", "wide", seed=3, size=(80, 48), frames=9)
    small = Bucket(9, 40, 24)
    card, (frames, smaller, keys) = source.clip(2, [Bucket(9, 80, 48), small, Bucket(1, 80, 48)])
    sample = Corpus(3, "train", (80, 48), 9, world="wide")[2]
    assert np.array_equal(frames, sample.clip.frames) and smaller.shape == (9, 24, 40, 3)
    assert len(keys) == 3 and all((frames == key).all((1, 2, 3)).any() for key in keys)
    assert read_directive(card.directive) == sample.directive
    assert card.deformation == percentile(amplitude(sample.truth)) and card.kind in KINDS


def test_the_varied_world_asks_rare_values_of_everyday_shots():
    corpus = Corpus(0, world="varied", size=(80, 48))
    asked = [corpus._shot(i)[0].directive for i in range(60)]
    assert len({key for d in asked for key in d.tag_strings()}) > 90
    assert sum("drawing_cadence" in d.tags and "camera_move" in d.tags for d in asked) > 45
    assert corpus.request(7) == corpus.request(7)


def test_the_pool_grows_by_whole_shards():
    stream = Stream(Stock(count=200), 1.0, 64, 4.0)
    assert [stream.shards(step) for step in (0, 15, 16, 32, 33, 34, 1000)] == [1, 1, 2, 3, 3, 4, 4]
    assert [stream.first_step(shard) for shard in range(4)] == [0, 16, 32, 34]
    for shard in range(4):
        assert stream.shards(stream.first_step(shard)) > shard


@pytest.mark.slow
def test_waiting_ends_when_the_makers_close(tmp_path):
    crew = makers(tmp_path, Stock(count=64))
    outcome = []

    def waiter():
        try:
            crew.wait(Job("stock", 0))
        except RuntimeError as error:
            outcome.append(str(error))

    thread = threading.Thread(target=waiter)
    thread.start()
    time.sleep(0.2)
    crew.close()
    thread.join(10)
    assert not thread.is_alive() and (outcome or is_made(crew.work, "stock", 0))


@pytest.mark.slow
def test_workers_ignore_the_keyboards_interrupt(tmp_path):
    crew = makers(tmp_path, Stock(count=128))
    try:
        crew.wait(Job("stock", 0))
        (pid,) = crew.pids()
        os.kill(pid, signal.SIGINT)
        crew.wait(Job("stock", 1))
        assert crew.pids() == [pid]
    finally:
        crew.close()
