"""The weights that ship: small, of this taxonomy, mostly right on held-out designs, and modest."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix.caption.recognise import recognise
from animatrix.caption.recognise.weights import load, weights_folder
from animatrix.knowledge import Taxonomy
from animatrix.synthetic import Corpus

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def readings():
    corpus = Corpus(4242, "tune", world="everyday")
    shots = [corpus[i] for i in range(6)]
    return [(shot.directive, recognise(shot.clip.frames, shot.clip.fps)) for shot in shots]


def test_the_folder_is_at_most_six_megabytes_with_its_card():
    folder = weights_folder()
    assert (folder / "README.md").is_file()
    assert sum(f.stat().st_size for f in folder.rglob("*")) <= 6 * MEGABYTE


def test_every_value_is_in_the_taxonomy_of_the_weights_version():
    sheet, taxonomy = load(weights_folder()).sheet, Taxonomy.default()
    for q in sheet.questions:
        assert set(q.values) - {"none"} <= set(taxonomy.fields[q.id].values)
    assert sheet.version.split(".")[0] == taxonomy.version.split(".")[0]


def test_held_out_designs_are_familiar_and_mostly_read_right(readings):
    right = said = 0
    for directive, reading in readings:
        for name, guesses in reading.guesses.items():
            if name in directive.tags:
                said += len(guesses)
                right += sum(g.value in directive.values(name) for g in guesses)
    assert sum(bool(r.guesses) for _, r in readings) >= 5
    assert said >= 6 * 8 and right / said >= 0.8


def test_each_field_is_answered_or_has_a_reason(readings):
    fields = {q.id for q in load(weights_folder()).sheet.questions}
    for _, reading in readings:
        assert set(reading.guesses) | set(reading.reasons) == fields
        assert not set(reading.guesses) & set(reading.reasons)


@pytest.mark.parametrize("kind", ["noise", "flicker", "smooth gradient"])
def test_what_is_no_animation_is_unfamiliar_and_not_tagged(kind):
    rng = np.random.default_rng(0)
    if kind == "noise":
        frames = rng.integers(0, 256, (24, 96, 160, 3), np.uint8)
    elif kind == "flicker":
        frames = np.repeat(rng.integers(0, 256, (24, 1, 1, 3), np.uint8), 96, 1).repeat(160, 2)
    else:
        ramp = np.linspace(0, 255, 160).astype(np.uint8)
        frames = np.broadcast_to(ramp[None, None, :, None], (24, 96, 160, 3)).copy()
    reading = recognise(frames, 24.0)
    assert reading.guesses == {} and reading.familiar < 0.02
    assert all("unlike" in reason for reason in reading.reasons.values())
