"""The wide corpus shows every drawable value, and stays a corpus: indexable, deterministic, split."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix import AniMatrixError
from animatrix.synthetic import RENDERABLE, Corpus
from animatrix.synthetic.narrative import PLACE

SIZE, FRAMES = (96, 64), 25


def test_an_item_is_the_same_bytes_in_any_order():
    forward = [Corpus(3, size=SIZE, frames=FRAMES, world="wide")[i] for i in (0, 1, 2)]
    backward = [Corpus(3, size=SIZE, frames=FRAMES, world="wide")[i] for i in (2, 1, 0)][::-1]
    for a, b in zip(forward, backward, strict=True):
        assert np.array_equal(a.clip.frames, b.clip.frames)
        assert a.directive.canonical_json() == b.directive.canonical_json()


def test_requests_reach_far_beyond_the_everyday_world():
    def values(world, count):
        corpus = Corpus(0, size=SIZE, frames=FRAMES, world=world)
        return {(f, t.value) for i in range(count) for f, ts in corpus.request(i).tags.items() for t in ts}

    wide, everyday = values("wide", 500), values("everyday", 200)
    drawable = {(f, v) for f, vs in RENDERABLE.items() for v in vs}
    assert wide <= drawable
    assert len(wide) > 0.6 * len(drawable)
    assert len(wide) > 2 * len(everyday)


def test_training_never_shows_a_held_out_family():
    corpus = Corpus(1, size=SIZE, frames=FRAMES, world="wide")
    assert not any(corpus._shot(i)[0].scene.design.held_out for i in range(60))


def test_an_unknown_world_is_refused():
    with pytest.raises(AniMatrixError, match="unknown world 'wid'; did you mean 'wide'"):
        Corpus(0, world="wid")


@pytest.mark.parametrize("world", ["everyday", "varied"])
def test_items_may_share_scenes_in_every_split(world):
    train, tune = (Corpus(0, split, world=world, scenes=3) for split in ("train", "tune"))
    scenes = [train._shot(i)[0].scene for i in range(6)]
    told = [(scene.place, scene.design) for scene in scenes]
    assert told[:3] == told[3:] and len({place for place, _ in told}) > 1
    again = tune._shot(1)[0].scene
    assert (again.place, again.design) == told[1]
    assert train.request(1).tags != train.request(4).tags != tune.request(1).tags


def test_narratives_of_shared_scenes_say_which_of_them_is_meant():
    corpus = Corpus(0, world="everyday", scenes=3)
    for i in range(24):
        design, said = corpus._shot(i)[0].scene.design, corpus.request(i).narrative
        assert design.hair_color in said and f"{design.outfit_color} {design.outfit}" in said
        assert any(place in said.lower() for place in PLACE[corpus._shot(i)[0].scene.place])


def test_the_little_world_shows_whole_figures_and_varies_what_is_measured():
    asked = [Corpus(0, world="little").request(i) for i in range(60)]
    seen = {name: {d.values(name) for d in asked} for name in ("camera_move", "drawing_cadence", "palette")}
    assert len(seen["camera_move"]) == 8 and len(seen["drawing_cadence"]) == 5 and len(seen["palette"]) >= 3
    assert {d.values("shot_scale") for d in asked} == {("full",)}
    assert {d.values("action")[0] for d in asked} <= {"idle", "gesture", "walk", "run", "jump"}
    assert {d.values(name) for d in asked for name in ("finish", "natural_effect", "graphic_device")} == {
        ("none",)
    }


def test_the_deformed_world_deforms_every_item_and_says_of_half_of_them_when():
    asked = [Corpus(0, world="deformed", scenes=3).request(i) for i in range(60)]
    rows = [
        next(d.tags[n][0] for n in ("body_deformation", "smear_technique") if d.values(n) != ("none",))
        for d in asked
    ]
    assert len({row.value for row in rows}) >= 12 and 15 <= sum(row.span is not None for row in rows) <= 45
    assert {d.values("shot_scale") for d in asked} == {("full",)}
    assert {d.values("action")[0] for d in asked} <= {"gesture", "walk", "run", "jump"}
