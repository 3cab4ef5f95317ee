"""What render, Corpus and Truth promise: determinism, splits, round trips, refusals."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Taxonomy
from animatrix.synthetic import RENDERABLE, Corpus, Truth, render
from animatrix.synthetic.design import HELD_OUT_LOOKS
from animatrix.synthetic.everyday import CADENCES, MOVES
from animatrix.synthetic.places import PLACES
from animatrix.synthetic.studio import Shot
from animatrix.synthetic.truth import decode_mask, encode_mask


def shot(frames: int = 5, **tags) -> Directive:
    return Directive.model_validate({"narrative": "x", "tags": tags, "frames": frames, "fps": 24})


def test_every_renderable_value_is_in_the_taxonomy():
    taxonomy = Taxonomy.default()
    for field, values in RENDERABLE.items():
        known = set(taxonomy.field(field).values) | ({"none"} if taxonomy.field(field).allows_none else set())
        assert set(values) <= known, field


def test_a_value_that_cannot_be_drawn_is_refused_with_the_drawable_ones():
    with pytest.raises(AniMatrixError) as e:
        render(shot(camera_angle="overhead"), 0)
    assert e.value.code is Code.UNSUPPORTED_VALUE
    assert e.value.message == "the renderer cannot draw camera_angle=overhead"
    assert "low_angle" in e.value.hint


@pytest.mark.parametrize(
    ("seed", "size"), [(-1, (160, 96)), (True, (160, 96)), (1, (8, 96)), (1, (160, 9000))]
)
def test_seed_and_size_out_of_range_are_refused(seed, size):
    with pytest.raises(AniMatrixError) as e:
        render(shot(), seed, size)
    assert e.value.code is Code.BAD_OPTION


def test_same_seed_same_bytes_and_another_seed_another_shot():
    a, b, c = (render(shot(), s)[0].frames for s in (3, 3, 4))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_items_are_the_same_bytes_in_any_order_process_and_thread_count():
    corpus = Corpus(7, frames=5)
    here = {i: hashlib.sha256(corpus[i].clip.frames.tobytes()).hexdigest() for i in (4, 2, 3)}
    code = (
        "import cv2, hashlib; cv2.setNumThreads(3); from animatrix.synthetic import Corpus\n"
        "c = Corpus(7, frames=5)\n"
        "for i in (2, 3, 4):\n"
        "    s = c[i]\n"
        "    print(i, hashlib.sha256(s.clip.frames.tobytes()).hexdigest(), s.directive.canonical_json())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {int(line.split()[0]): line.split()[1] for line in out} == here
    assert out[0].split(" ", 2)[2] == corpus[2].directive.canonical_json()


def test_changing_one_tag_leaves_the_design_and_the_place_alone():
    a, b = (
        Shot(shot(camera_move="fix"), 21).scene,
        Shot(shot(camera_move="pan_left", palette="vivid"), 21).scene,
    )
    assert (a.design, a.place, a.hour) == (b.design, b.place, b.hour)


def test_a_still_is_the_frame_of_the_clip():
    corpus = Corpus(3, frames=9)
    for i in range(4):
        clip = corpus[i].clip
        for t in (0, 5):
            assert np.array_equal(corpus._shot(i)[0].still(t), clip.frames[t]), (i, t)


def test_truth_directives_are_valid_complete_and_keep_what_was_asked():
    asked = shot(
        33,
        camera_move="pan_right",
        impact_frame="tint_frame@9-10",
        drawing_cadence="threes",
        finish="vignette",
    )
    _, truth = render(asked, 5)
    assert Directive.model_validate(truth.directive.model_dump()) == truth.directive
    for field, tags in asked.tags.items():
        assert truth.directive.tags[field] == tags
    assert {"shot_scale", "action", "palette", "line_style", "camera_shake", "graphic_device"} <= set(
        truth.directive.tags
    )
    assert truth.directive.values("graphic_device") == ("none",)


def test_truth_survives_json():
    _, truth = render(
        shot(9, action="jump", body_deformation="squash_stretch", impact_frame="white_frame@3"), 2
    )
    again = Truth.from_json(truth.to_json())
    assert again.directive == truth.directive and again.sheet == truth.sheet and again.events == truth.events
    assert np.array_equal(again.mask, truth.mask)
    assert np.allclose(again.camera, truth.camera, atol=1e-4)
    assert np.abs(again.deformation - truth.deformation).max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(truth.camera[0], [[1, 0, 0], [0, 1, 0]])


def test_what_is_not_a_truth_is_refused():
    with pytest.raises(AniMatrixError):
        Truth.from_json('{"mask": 3}')


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_run_lengths_give_back_any_mask(bits):
    mask = np.array(bits)
    assert np.array_equal(decode_mask(encode_mask(mask), mask.shape), mask)


def test_splits_keep_held_out_families_apart():
    train = [Corpus(0, "train", frames=3)._shot(i)[0].scene for i in range(120)]
    report = [Corpus(0, "report", frames=3)._shot(i)[0].scene for i in range(60)]
    assert not any(s.design.held_out or PLACES[s.place].held_out for s in train)
    assert all(s.design.held_out for s in report)
    assert any((s.hair_style, s.outfit) in HELD_OUT_LOOKS for s in report)
    assert any(PLACES[s.place].held_out for s in report)


def test_the_corpus_is_balanced_over_moves_and_cadences():
    scenes = [Corpus(1, frames=33)._shot(i)[0].scene for i in range(400)]
    moves = Counter(s.camera_moves[0] for s in scenes)
    cadences = Counter(s.cadence[0][0] for s in scenes)
    assert set(moves) == set(MOVES) and max(moves.values()) < 2 * min(moves.values())
    assert set(cadences) == set(CADENCES) and max(cadences.values()) < 2 * min(cadences.values())
    assert 0.25 < np.mean([bool(s.impacts) for s in scenes]) < 0.45


def test_an_unknown_split_is_refused():
    with pytest.raises(AniMatrixError, match=r"unknown split .trian.; did you mean .train.\?"):
        Corpus(0, "trian")


@pytest.mark.parametrize("size", [(64, 48), (96, 160), (320, 180)])
def test_any_shape_of_frame_renders(size):
    clip, truth = render(shot(3), 1, size)
    assert clip.size == size and truth.mask.shape == (3, size[1], size[0])


def test_a_complete_directive_draws_the_same_shot_again():
    corpus = Corpus(4, "tune", frames=7)
    for i in range(12):
        shot_, sample = corpus._shot(i)[0], corpus[i]
        again, truth = render(sample.directive, shot_.seed, cast="held_out")
        assert np.array_equal(again.frames, sample.clip.frames), i
        assert truth.directive == sample.directive


asked = st.dictionaries(st.sampled_from(sorted(RENDERABLE)), st.integers(0, 99), max_size=9)


@settings(max_examples=60, deadline=None)
@given(asked, st.integers(0, 10**6))
def test_whatever_is_asked_is_drawn_and_kept_or_refused(choices, seed):
    tags = {f: RENDERABLE[f][k % len(RENDERABLE[f])] for f, k in choices.items()}
    if tags.get("impact_frame", "none") != "none":
        tags["impact_frame"] += "@1-2"
    try:
        directive = shot(4, **tags)
        clip, truth = render(directive, seed, (48, 32))
    except AniMatrixError as e:
        assert e.code in (Code.CONSTRAINT, Code.UNSUPPORTED_VALUE), e
        return
    assert clip.frames.shape == (4, 32, 48, 3)
    for field, given_tags in directive.tags.items():
        assert set(given_tags) <= set(truth.directive.tags[field]), field


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            {"motion_energy": "static", "drawing_cadence": "twos"},
            "the renderer cannot draw motion_energy=static with drawing_cadence=twos",
        ),
        (
            {"limited_technique": "eye_blink", "shot_scale": "long"},
            "the renderer cannot draw limited_technique=eye_blink with shot_scale=long",
        ),
    ],
)
def test_what_would_not_be_visible_is_refused(tags, message):
    with pytest.raises(AniMatrixError) as e:
        render(shot(9, **tags), 0)
    assert (e.value.code, e.value.message) == (Code.UNSUPPORTED_VALUE, message)
