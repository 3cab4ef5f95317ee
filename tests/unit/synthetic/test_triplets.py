"""Triplets: three takes of one shot that differ in the deformation alone, and failures where they say."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.synthetic import FAILURES, Triplet, TripletCorpus, Truth, render, render_triplet

SIZE = (96, 64)
TAGS = {"action": "strike", "drawing_cadence": "twos", "camera_move": "pan_left", "shot_scale": "full"}


def directive(frames: int = 25, **tags) -> Directive:
    return Directive.model_validate({"narrative": "x", "tags": TAGS | tags, "frames": frames, "fps": 24})


MEANT = {"body_deformation": "squash_stretch", "deformation_intensity": "extreme"}


@lru_cache(maxsize=32)
def triplet(kind: str, severity: float = 0.5) -> Triplet:
    return render_triplet(directive(**MEANT), 5, kind, severity, SIZE)


def test_there_are_at_least_ten_kinds():
    assert len(set(FAILURES)) >= 10
    assert {
        "melt",
        "boil",
        "flicker",
        "identity_drift",
        "limb_loss",
        "limb_duplication",
        "texture_swim",
    } <= set(FAILURES)


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_shows_where_and_when_its_truth_says(kind):
    t = triplet(kind)
    col, flat, truth = t.collapsed.clip.frames, t.flat.clip.frames, t.collapsed.truth
    (event,) = [e for e in truth.events if e.kind == "failure"]
    assert truth.failure_label == event.detail == kind
    assert truth.failure_map is not None and truth.failure_map.shape == col.shape[:3]
    at_work = np.zeros(len(col), bool)
    at_work[event.first : event.last + 1] = True
    assert event.first > 0
    change = np.abs(col.astype(int) - flat).max(3)
    assert not change[~at_work].any() and not truth.failure_map[~at_work].any()
    assert change[at_work].max() > 40 and truth.failure_map.max() > 0.3
    assert truth.failure_map.min() >= 0 and truth.failure_map.max() <= 1
    marked = truth.failure_map > 0.04
    assert change[marked].mean() > 6 * change[~marked].mean()


@pytest.mark.parametrize("kind", FAILURES)
def test_the_takes_share_camera_timing_design_and_length(kind):
    t = triplet(kind)
    (_, a), (_, b), (_, c) = t
    assert np.array_equal(a.camera, b.camera) and np.array_equal(b.camera, c.camera)
    assert a.sheet["BG"] == b.sheet["BG"] == c.sheet["BG"] and a.sheet["A"] == b.sheet["A"]
    first = next(e.first for e in c.events if e.kind == "failure")
    assert c.sheet["A"][:first] == b.sheet["A"][:first]
    differ = {f for f in a.directive.tags if a.directive.tags[f] != b.directive.tags.get(f)}
    assert differ == {"body_deformation", "deformation_intensity"}
    assert b.directive == c.directive and t.directive == a.directive
    assert a.failure_label is b.failure_label is None and not b.deformation.any()


def test_the_intended_take_is_the_render_and_the_flat_one_the_render_without_it():
    t = triplet("boil")
    assert np.array_equal(t.intended.clip.frames, render(directive(**MEANT), 5, SIZE)[0].frames)
    assert np.array_equal(t.flat.clip.frames, render(directive(), 5, SIZE)[0].frames)


def test_severity_scales_the_collapse():
    def change(severity):
        t = triplet("melt", severity)
        return np.abs(t.collapsed.clip.frames.astype(int) - t.flat.clip.frames).mean()

    none, low, high = change(0.0), change(0.25), change(1.0)
    assert none == 0 and triplet("melt", 0.0).collapsed.truth.failure_label is None
    assert 0 < 1.6 * low < high


@pytest.mark.parametrize("kind", ["melt", "boil", "flicker", "tearing", "jitter"])
def test_the_collapse_is_as_large_as_the_deformation(kind):
    t = triplet(kind)
    meant, wrong = (
        np.abs(x.clip.frames.astype(int) - t.flat.clip.frames).mean() for x in (t.intended, t.collapsed)
    )
    assert 0.55 < wrong / meant < 1.8


def test_what_does_not_recover_stays_to_the_end_and_deformation_does_not():
    for kind in ("melt", "limb_loss", "identity_drift"):
        t = triplet(kind)
        assert (t.collapsed.clip.frames[-1] != t.flat.clip.frames[-1]).any(), kind
        assert np.array_equal(t.intended.clip.frames[-1], t.flat.clip.frames[-1])


def test_frozen_motion_stops_the_figure_under_a_moving_camera():
    d = directive(camera_move="fix", **MEANT)
    t = render_triplet(d, 5, "frozen_motion", 1.0, SIZE)
    still = [np.array_equal(a, b) for a, b in pairwise(t.collapsed.clip.frames)]
    moving = [np.array_equal(a, b) for a, b in pairwise(t.flat.clip.frames)]
    assert sum(still) > sum(moving)


def test_boil_changes_on_every_frame_what_the_flat_take_holds():
    d = directive(camera_move="fix", drawing_cadence="threes", **MEANT)
    t = render_triplet(d, 5, "boil", 0.5, SIZE)
    (event,) = [e for e in t.collapsed.truth.events if e.kind == "failure"]
    f = t.collapsed.clip.frames[event.first : event.last + 1]
    assert all((a != b).any() for a, b in pairwise(f))


def test_a_failure_needs_no_deformation_beside_it():
    t = render_triplet(directive(9), 2, "flicker", 0.5, SIZE)
    assert np.array_equal(t.intended.clip.frames, t.flat.clip.frames)
    assert (t.collapsed.clip.frames != t.flat.clip.frames).any() and t.strength == 1.0


def test_truth_of_a_collapse_survives_json():
    truth = triplet("melt").collapsed.truth
    again = Truth.from_json(truth.to_json())
    assert again.failure_label == "melt" and again.failure_map is not None
    assert np.abs(again.failure_map - truth.failure_map).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize(
    ("kind", "severity", "message"),
    [("mellt", 0.5, "unknown failure 'mellt'"), ("melt", 1.5, "severity 1.5 is out of range")],
)
def test_an_unknown_failure_or_severity_is_refused(kind, severity, message):
    with pytest.raises(AniMatrixError) as e:
        render_triplet(directive(5), 0, kind, severity, SIZE)
    assert (e.value.code, e.value.message) == (Code.BAD_OPTION, message)


def test_triplet_items_are_the_same_in_any_order():
    a, b = TripletCorpus(3, size=(48, 32), frames=13), TripletCorpus(3, size=(48, 32), frames=13)
    first = {i: a[i] for i in (0, 1, 2)}
    for i in (2, 0, 1):
        again = b[i]
        assert again.directive == first[i].directive == b.request(i) and again.failure == first[i].failure
        for (c, t), (d, u) in zip(first[i], again, strict=True):
            assert np.array_equal(c.frames, d.frames) and t.to_json() == u.to_json()


def test_every_item_of_a_triplet_corpus_asks_for_one_device_and_tells_one_story():
    corpus = TripletCorpus(1, "tune", size=(48, 32), frames=13)
    for i in range(30):
        d = corpus.request(i)
        asked = [v for f in ("body_deformation", "smear_technique") for v in d.values(f) if v != "none"]
        assert len(asked) == 1 and d.narrative
    t = corpus[0]
    assert len({truth.directive.narrative for _, truth in t}) == 1


def test_a_wrong_split_is_refused():
    with pytest.raises(AniMatrixError, match="unknown split"):
        TripletCorpus(0, "trian")
