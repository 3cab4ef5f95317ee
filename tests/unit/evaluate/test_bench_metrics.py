"""Metrics on clips with known answers; what is missing is named and never zero."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix.evaluate.bench.metrics import METRICS, Skipped, missing
from animatrix.evaluate.bench.metrics.deformation import rank_correlation
from animatrix.evaluate.bench.sighting import Sighting
from animatrix.evaluate.bench.suite import Item
from animatrix.knowledge import Directive
from animatrix.media import Clip
from animatrix.synthetic import render

FRAMES = 25
WALK = {"camera_move": "fix", "action": "walk", "shot_scale": "full", "drawing_cadence": "twos"}


def item(tags, *judged, **more):
    asked = Directive.model_validate({"narrative": "x", "tags": tags, "frames": FRAMES, "fps": 24})
    return Item("s", "i", "g", more.pop("role", ""), 0, asked, judged, judged[0], **more)


def drawn(tags, seed=5):
    return render(item(tags, "action").directive, seed, (160, 96), "train")[0]


def score(name, *sightings):
    return METRICS[name].score(sightings)


@pytest.fixture(scope="module")
def on_twos():
    return drawn(WALK)


def test_holds_as_asked_beat_other_holds_cross_fades_and_a_frozen_clip(on_twos):
    asked = item(WALK, "drawing_cadence")
    right = score("hold_fidelity", Sighting(asked, on_twos))
    fours = drawn({**WALK, "drawing_cadence": "fours_or_slower"})
    faded = on_twos.frames.astype(np.uint16)
    faded[1:-1:2] = (faded[0:-2:2] + faded[2::2]) // 2
    others = [fours, Clip(faded.astype(np.uint8), 24), Clip(np.repeat(on_twos.frames[:1], FRAMES, 0), 24)]
    assert right > 0.9
    for clip in others:
        assert score("hold_fidelity", Sighting(asked, clip)) < 0.6


def test_the_foils_prefer_what_is_wrong(on_twos):
    asked = item(WALK, "drawing_cadence")
    frozen = Clip(np.repeat(on_twos.frames[:1], FRAMES, 0), 24)
    for name in ("flicker", "smoothness"):
        assert METRICS[name].foil
        assert score(name, Sighting(asked, frozen)) > score(name, Sighting(asked, on_twos))


def test_a_hold_asked_for_is_right_when_nothing_moves(on_twos):
    asked = item({**WALK, "action": "idle", "drawing_cadence": "still"}, "drawing_cadence")
    assert score("hold_fidelity", Sighting(asked, Clip(np.repeat(on_twos.frames[:1], FRAMES, 0), 24))) == 1
    assert score("hold_fidelity", Sighting(asked, on_twos)) < 0.7


def test_adherence_and_the_winner_of_a_contradiction():
    tags = {"camera_move": "pan_left", "action": "idle", "shot_scale": "full", "drawing_cadence": "twos"}
    clip, other = drawn(tags), drawn({**tags, "camera_move": "tilt_up"})
    asked = item(tags, "camera_move", text="tilt_up")
    assert [score(n, Sighting(asked, clip)) for n in ("adherence", "tag_won", "text_won")] == [1, 1, 0]
    assert [score(n, Sighting(asked, other)) for n in ("adherence", "tag_won", "text_won")] == [0, 0, 1]


def test_an_event_is_found_where_it_was_asked_for():
    at = {**WALK, "action": "jump", "impact_frame": "white_frame@12-13"}
    late = {**at, "impact_frame": "white_frame@18-19"}
    asked, clip, wrong = item(at, "impact_frame"), drawn(at), drawn(late)
    assert score("event_recall", Sighting(asked, clip)) and score("events_alone", Sighting(asked, clip))
    assert score("span_error", Sighting(asked, clip)) <= 1
    assert not score("event_recall", Sighting(asked, wrong))
    assert score("span_error", Sighting(asked, wrong)) >= 5


def test_a_swap_is_followed_only_where_the_second_clip_changes():
    tags = {"camera_move": "pan_left", "action": "gesture", "shot_scale": "full", "drawing_cadence": "twos"}
    after = {**tags, "camera_move": "pan_right"}
    one, two = item(tags, "camera_move", role="before"), item(after, "camera_move", role="after")
    before, changed = drawn(tags), drawn(after)
    assert score("swap_followed", Sighting(one, before), Sighting(two, changed)) is True
    assert score("swap_followed", Sighting(one, before), Sighting(two, before)) is False
    assert score("others_kept", Sighting(one, before), Sighting(two, changed)) == 1


def test_given_pictures_are_compared_at_their_frames(on_twos):
    asked = item(WALK, "action", keyframes=(0,))
    sighting = Sighting(asked, on_twos)
    sighting.reference = on_twos
    assert score("keyframe_psnr", sighting) > 70 and score("liveliness", sighting) == 1
    dark = Sighting(asked, Clip(on_twos.frames // 2, 24))
    dark.reference = on_twos
    assert score("keyframe_psnr", dark) < 25


def test_what_a_metric_needs_and_lacks_is_named():
    clip = Clip(np.zeros((4, 48, 64, 3), np.uint8), 24)
    one = Sighting(item(WALK, "drawing_cadence"), clip)
    said = {name: missing(metric, [one]) for name, metric in METRICS.items()}
    assert "keyframes" in said["keyframe_psnr"].because
    assert "partner" in said["swap_followed"].because
    assert "reward" in said["collapse"].because
    assert said["adherence"] is None


def test_an_empty_clip_is_skipped_with_a_reason_and_never_zero():
    clip = Clip(np.zeros((FRAMES, 96, 160, 3), np.uint8), 24)
    at = {**WALK, "action": "jump", "impact_frame": "white_frame@12-13"}
    for name in ("adherence", "expressiveness", "design_kept"):
        judged = "drawing_cadence" if name == "adherence" else "action"
        found = score(name, Sighting(item(at, judged), clip))
        assert isinstance(found, Skipped) and found.because


def test_one_frame_has_no_motion_to_judge():
    one = Sighting(item(WALK, "drawing_cadence"), Clip(np.zeros((1, 96, 160, 3), np.uint8), 24))
    for name in ("flicker", "smoothness", "hold_fidelity"):
        assert isinstance(score(name, one), Skipped)


def test_the_order_of_amplitudes_is_a_set_metric():
    assert METRICS["expressiveness_order"].is_set_metric
    assert rank_correlation([(0, 0.1), (1, 0.2), (2, 0.3)]) == 1
    assert rank_correlation([(0, 0.3), (1, 0.2), (2, 0.1)]) == -1
    assert np.isnan(METRICS["expressiveness_order"].over([(1, 0.2), (1, 0.3)]))


def test_every_metric_says_what_it_is():
    for metric in METRICS.values():
        assert metric.about and metric.needs and metric.version >= 1
        assert metric.unit in ("share", "0..1", "dB", "frames", "ratio", "rank")
