"""Reading shots with a tiny random network: code paths, decisions and refusals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from animatrix.caption.recognise import reading as reading_module
from animatrix.caption.recognise import recognise
from animatrix.caption.recognise.answers import Sheet
from animatrix.caption.recognise.reading import Raw, chosen_values, confidences, decide, read, windows
from animatrix.caption.recognise.tagger import Tagger, Widths
from animatrix.caption.recognise.weights import (
    NEVER,
    STORY,
    TENSORS,
    Familiarity,
    Gauge,
    Recogniser,
    Surety,
    folded,
    load,
    save,
)
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Taxonomy

FIELDS = {
    "shot_scale": ("full", "medium", "close_up"),
    "action": ("idle", "run", "jump"),
    "manga_symbol": ("heart_mark", "sweatdrop", "none"),
}
TINY = Widths((8, 8, 8), (1, 1, 1), 8, 8)


def wide_gauge(size: int) -> Gauge:
    axes = np.eye(size, 4, dtype=np.float32)
    ones = np.ones(size, np.float32)
    return Gauge(0 * ones, ones, axes, np.full(4, 1e3, np.float32), 1e9, (0.0, 1e6), (1.0, 0.5))


def tiny(seed: int = 0) -> Recogniser:
    torch.manual_seed(seed)
    sheet = Sheet.of(FIELDS, Taxonomy.default())
    model = Tagger(sheet.width, TINY)
    looks = model.look_size
    anything = Familiarity(wide_gauge(looks), wide_gauge(24))
    surety = {q.id: Surety(usual="none", least=0.0, least_usual=0.0) for q in sheet.questions}
    return Recogniser(folded(model), sheet, surety, anything, 0.01, torch.zeros(sheet.width))


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (20, 90, 160, 3), np.uint8)


def raw_of(r: Recogniser, answers: dict[tuple[str, str], float], frames: int = 24, when=None) -> Raw:
    row = np.full((1, r.sheet.width), -8.0)
    for (name, value), logit in answers.items():
        row[0, r.sheet.place(name, value)] = logit
    seen = np.full((frames, r.sheet.width), 5.0) if when is None else when
    return Raw(row, [seen], np.zeros((1, r.model.look_size)), np.zeros((1, 24)), [np.arange(frames)])


def test_folding_normalisation_away_changes_no_answer(frames):
    torch.manual_seed(3)
    sheet = Sheet.of(FIELDS, Taxonomy.default())
    model = Tagger(sheet.width, TINY)
    for name, buffer in model.named_buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand_like(buffer) + 0.5 * name.endswith("var"))
    model.eval()
    plain, fused = read(model, frames, 24.0), read(folded(model), frames, 24.0)
    np.testing.assert_allclose(plain.answers, fused.answers, rtol=1e-3, atol=1e-4)


def test_the_same_shot_gives_the_same_reading(tmp_path, frames):
    save(tiny(), tmp_path)
    assert recognise(frames, 24.0, tmp_path) == recognise(frames, 24.0, tmp_path)


def test_a_folder_read_back_answers_as_the_network_that_was_saved(tmp_path, frames):
    r = tiny()
    save(r, tmp_path)
    again = load(tmp_path)
    assert again.sheet == r.sheet and again.surety == r.surety and again.model.widths == TINY
    a, b = read(r.model, frames, 24.0), read(again.model, frames, 24.0)
    np.testing.assert_allclose(a.answers, b.answers, atol=0.02)


@pytest.mark.parametrize(
    ("shape", "fps"), [((1, 96, 160), 24), ((3, 160, 90), 12), ((130, 60, 80), 60), ((9, 33, 47), 8)]
)
def test_any_length_aspect_and_rate_can_be_read(tmp_path, shape, fps):
    save(tiny(), tmp_path)
    reading = recognise(np.zeros((*shape, 3), np.uint8), fps, tmp_path)
    assert set(reading.guesses) | set(reading.reasons) == set(FIELDS)
    last = int(np.ceil(shape[0] * 24 / fps)) - 1
    for guesses in reading.guesses.values():
        for g in guesses:
            assert 0 <= g.confidence <= 1
            assert g.span is None or 0 <= g.span[0] <= g.span[1] <= last


@pytest.mark.parametrize(("frames", "fps"), [(1, 24), (33, 24), (120, 24), (300, 60), (97, 12)])
def test_windows_cover_the_shot_once_in_order(frames, fps):
    parts = windows(frames, fps)
    joined = np.concatenate(parts)
    assert (np.diff(joined) > 0).all() and joined[0] == 0 and frames - joined[-1] <= max(1, round(fps / 24))


def test_the_value_with_enough_confidence_is_guessed_and_the_rest_has_reasons():
    r = tiny()
    r = replace(
        r,
        surety={
            **r.surety,
            "action": Surety(least=0.6),
            "manga_symbol": Surety(least=NEVER, least_usual=NEVER),
        },
    )
    reading = decide(r, raw_of(r, {("action", "run"): 3.0, ("shot_scale", "full"): 4.0}), 24.0, 24)
    assert [g.value for g in reading.guesses["action"]] == ["run"]
    assert reading.guesses["shot_scale"][0].confidence > 0.9
    assert "held-out" in reading.reasons["manga_symbol"]


def test_unsure_answers_become_reasons_that_name_the_best():
    r = tiny()
    r = replace(r, surety={"action": Surety(least=0.9, least_usual=0.9)})
    reading = decide(r, raw_of(r, {("action", "jump"): 0.4}), 24.0, 24)
    assert "action" not in reading.guesses and "jump 0.60" in reading.reasons["action"]


def test_a_field_of_one_stays_open_where_nobody_could_say():
    r = tiny()
    q = r.sheet.by_field["shot_scale"]
    sure = np.array([0.2, 0.1, 0.1, 0.6])
    assert chosen_values(q, sure, Surety(least=0.0, least_usual=0.0)) == []


def test_none_and_a_value_are_never_said_together():
    q = tiny().sheet.by_field["manga_symbol"]
    s = Surety(usual="none", least=0.3, least_usual=0.3)
    assert chosen_values(q, np.array([0.7, 0.1, 0.5]), s) == [("heart_mark", 0.7)]
    assert chosen_values(q, np.array([0.5, 0.1, 0.7]), s) == [("none", 0.7)]


def test_the_common_value_and_the_others_have_thresholds_of_their_own():
    q = tiny().sheet.by_field["shot_scale"]
    s = Surety(usual="full", least_usual=0.9, least=0.3)
    assert chosen_values(q, np.array([0.8, 0.1, 0.1, 0.0]), s) == []
    assert chosen_values(q, np.array([0.1, 0.8, 0.1, 0.0]), s) == [("medium", 0.8)]


def test_confidences_of_one_value_sum_to_one_and_sharpen_with_scale():
    r = tiny()
    q = r.sheet.by_field["shot_scale"]
    logits = np.zeros((1, r.sheet.width))
    logits[0, q.first] = 1.0
    soft, sharp = (confidences(q, logits, Surety(scale=s))[0] for s in (0.5, 2.0))
    assert soft.sum() == pytest.approx(1) and sharp.sum() == pytest.approx(1) and sharp[0] > soft[0]


def test_weighting_in_training_is_taken_out_of_the_answers():
    r = tiny()
    q = r.sheet.by_field["action"]
    r = replace(r, offset=torch.full((r.sheet.width,), 2.0))
    reading = decide(r, raw_of(r, {("action", "run"): 2.0}), 24.0, 24)
    assert q.many and reading.guesses["action"][0].confidence == pytest.approx(0.5)


def test_unfamiliar_footage_gives_no_guess_and_says_so():
    r = tiny()
    raw = raw_of(r, {("action", "run"): 9.0})
    strange = replace(raw, looks=np.full_like(raw.looks, 1e9))
    reading = decide(r, strange, 24.0, 24)
    assert reading.guesses == {} and reading.familiar < 0.01
    assert set(reading.reasons) == set(FIELDS) and "unlike" in reading.reasons["action"]


def test_a_value_seen_in_part_of_the_shot_has_its_span_at_24_fps():
    r = tiny()
    when = np.full((24, r.sheet.width), -5.0)
    when[6:9, r.sheet.place("manga_symbol", "heart_mark")] = 5.0
    answers = {("manga_symbol", "heart_mark"): 5.0}
    assert decide(r, raw_of(r, answers, when=when), 24.0, 24).guesses["manga_symbol"][0].span == (6, 8)
    assert decide(r, raw_of(r, answers, when=when), 12.0, 24).guesses["manga_symbol"][0].span == (12, 17)
    assert decide(r, raw_of(r, answers), 24.0, 24).guesses["manga_symbol"][0].span is None


def test_values_that_the_taxonomy_dropped_are_not_guessed():
    r = tiny()
    gone = Sheet.of(FIELDS, Taxonomy.default())
    old = replace(gone.questions[1], values=("idle", "moonwalk", "jump"))
    r = replace(r, sheet=Sheet((gone.questions[0], old, gone.questions[2]), "0.9.0"))
    said = decide(r, raw_of(r, {("action", "moonwalk"): 9.0}), 24.0, 24).guesses["action"]
    assert "moonwalk" not in [g.value for g in said]


def test_without_the_shipped_weights_every_field_has_a_reason(monkeypatch, tmp_path, frames):
    monkeypatch.setattr(reading_module, "weights_folder", lambda: tmp_path)
    reading = recognise(frames, 24.0)
    assert reading.guesses == {} and reading.familiar == 0
    assert set(reading.reasons) == set(Taxonomy.default().fields)


def test_named_weights_that_are_missing_are_an_error(tmp_path, frames):
    with pytest.raises(AniMatrixError) as caught:
        recognise(frames, 24.0, tmp_path / "nowhere")
    assert caught.value.code == Code.FILE_MISSING


@pytest.mark.parametrize("damage", ["tensors", "story", "shape"])
def test_damaged_weights_are_named(tmp_path, frames, damage):
    save(tiny(), tmp_path)
    if damage == "tensors":
        (tmp_path / TENSORS).write_bytes(b"\x00" * 64)
    elif damage == "story":
        (tmp_path / STORY).write_text("{")
    else:
        story = json.loads((tmp_path / STORY).read_text())
        story["fields"]["action"]["values"].append("walk")
        (tmp_path / STORY).write_text(json.dumps(story))
    with pytest.raises(AniMatrixError) as caught:
        load(tmp_path)
    assert caught.value.code == Code.FILE_UNREADABLE


@pytest.mark.parametrize(
    ("colour", "fps"),
    [
        (np.zeros((2, 8, 8), np.uint8), 24),
        (np.zeros((0, 8, 8, 3), np.uint8), 24),
        (np.zeros((2, 8, 8, 3), np.float32), 24),
        (np.zeros((2, 8, 8, 3), np.uint8), 0),
    ],
)
def test_anything_but_frames_and_a_rate_is_refused(colour, fps):
    with pytest.raises(ValueError):
        recognise(colour, fps)
