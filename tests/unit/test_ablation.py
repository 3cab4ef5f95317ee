"""The diffusion classifier of the ablations: it finds a dependence that is there, and none that is not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from animatrix.knowledge import Directive
from animatrix.train import draws

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import ablation_classifier as classifier
import ablation_table as table

CHANNELS = 4
# What the toy world looks like for each candidate value.
LOOK = torch.randn(8, CHANNELS, generator=torch.Generator().manual_seed(1))
MOVES = classifier.QUESTIONS["camera_move"]


def clip_of(value: str, number: int) -> classifier.Clip:
    tags = {"camera_move": value, "drawing_cadence": "twos"}
    directive = Directive.model_validate({"narrative": "A girl.", "tags": tags, "frames": 25, "fps": 24})
    noise = torch.randn(CHANNELS, 7, 2, 2, generator=torch.Generator().manual_seed(number))
    return classifier.Clip(directive, LOOK[MOVES.values.index(value)].view(-1, 1, 1, 1) + noise)


CLIPS = [clip_of(MOVES.values[i % 8], i) for i in range(64)]


def believed(heeds: bool):
    """A toy model that knows the look of every value, or knows of none, under heavy shared noise."""

    def loss_of(items, at, t):
        found = []
        for item, place, time in zip(items, at, t, strict=True):
            value = classifier.value_of(item.directive, "camera_move")
            guess = LOOK[MOVES.values.index(value)] if heeds else torch.zeros(CHANNELS)
            luck = 100 * torch.rand(1, generator=draws.generator(0, "noise", *place, int(100 * time)))
            found.append((item.latents.mean((1, 2, 3)) - guess).square().mean() + luck[0])
        return torch.stack(found).double()

    return loss_of


def accuracy(heeds: bool) -> float:
    losses = classifier.ask(MOVES, CLIPS, believed(heeds), lambda text: torch.zeros(1, 1))
    assert losses.shape == (64, 8)
    return float(classifier.credit(losses).mean())


def test_a_planted_dependence_is_found_under_noise_that_candidates_share():
    assert accuracy(heeds=True) > 0.95


def test_a_model_that_heeds_nothing_is_exactly_at_chance():
    assert accuracy(heeds=False) == pytest.approx(1 / 8)


def test_a_model_of_text_is_asked_in_words_and_others_are_not():
    seen: set[str] = set()

    def text_of(text: str) -> torch.Tensor:
        seen.add(text)
        return torch.zeros(1, 1)

    classifier.ask(MOVES, CLIPS[:1], believed(False), text_of)
    assert seen == {"A girl."}
    classifier.ask(MOVES, CLIPS[:1], believed(False), text_of, written=True)
    assert "A girl. The camera pans left." in seen and len(seen) == 9


def test_candidates_differ_in_the_field_alone_and_leave_out_what_gives_it_away():
    tags = {"camera_move": "pan_left", "move_speed": "quick", "action": "run"}
    asked = Directive.model_validate({"narrative": "x", "tags": tags, "frames": 25, "fps": 24})
    found = classifier.candidates(MOVES, asked)
    assert found[0][0] == "pan_left"
    assert sorted(name for name, _ in found) == sorted(MOVES.values)
    assert all("move_speed" not in d.tags and classifier.value_of(d, "action") == "run" for _, d in found)


def test_an_impact_is_looked_for_at_other_frames():
    tags = {"impact_frame": "white_frame@11-12"}
    asked = Directive.model_validate({"narrative": "x", "tags": tags, "frames": 25, "fps": 24})
    question = classifier.QUESTIONS["impact_time"]
    spans = [d.tags["impact_frame"][0].span for _, d in classifier.candidates(question, asked)]
    assert spans == [(11, 12), (3, 4), (7, 8), (15, 16), (19, 20)]


def test_ties_share_the_credit():
    losses = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 3.0], [2.0, 1.0, 1.0]])
    assert classifier.credit(losses).tolist() == [1.0, 0.5, 0.0]


def runs_of(better: float):
    """Three seeds of two variants; the second's true candidates win more often by ``better``."""
    found = {}
    for variant, share in (("all", 0.4), ("text", 0.4 + better)):
        for seed in range(3):
            losses = {}
            for n, name in enumerate(classifier.QUESTIONS):
                rng = np.random.default_rng([seed, n, variant == "text"])
                right = rng.random(80) < share
                losses[name] = np.stack([np.where(right, 0.0, 1.0), np.full(80, 0.5)], 1)
            probe = dict.fromkeys(table.KINDS, 1.0 + 0.01 * seed)
            found.setdefault(variant, {})[seed] = {
                "losses": losses,
                "held_out": probe,
                "parameters": 1,
                "seconds": 1,
            }
    return found


@pytest.mark.parametrize(("better", "claimed"), [(0.3, True), (0.0, False)])
def test_a_difference_is_claimed_only_outside_of_the_intervals(better, claimed):
    found = table.summary(runs_of(better), {"all": "all", "text": "text"})
    difference = found["variants"]["text"]["against_all"]["mean"]
    assert difference["claimed"] is claimed
    assert abs(difference["mean"] - better) < 0.06
    assert "| text |" in table.markdown(found)


def test_one_seed_claims_nothing():
    runs = {variant: {0: of_seed[0]} for variant, of_seed in runs_of(0.3).items()}
    found = table.summary(runs, {"all": "all", "text": "text"})
    assert found["variants"]["text"]["against_all"]["mean"]["claimed"] is False
