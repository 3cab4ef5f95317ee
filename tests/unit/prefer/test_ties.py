"""Bradley-Terry with ties: probabilities, parity, and a fitted tie rate."""

from __future__ import annotations

import pytest
import torch

from animatrix.prefer.calibration import best_temperature
from animatrix.prefer.ties import log_k, log_likelihoods, parity_tie_rate, tie_loss


@pytest.mark.parametrize("raw", [-3.0, 0.0, 2.0])
def test_outcomes_are_all_there_is(raw):
    gap = torch.linspace(-12, 12, 49)
    k = log_k(torch.tensor(raw)).expand(49)
    p = log_likelihoods(gap, k).exp()
    assert torch.allclose(p.sum(-1), torch.ones(49), atol=1e-5) and (p >= 0).all()
    assert torch.allclose(p[:, 0], p[:, 1].flip(0), atol=1e-6)
    assert int(p[:, 2].argmax()) == 24


@pytest.mark.parametrize("raw", [-2.0, 0.0, 1.5])
def test_equals_tie_at_the_parity_rate(raw):
    tie = log_likelihoods(torch.zeros(()), log_k(torch.tensor(raw)))[2].exp()
    assert float(tie) == pytest.approx(float(parity_tie_rate(torch.tensor(raw))), rel=1e-4)


def test_the_tie_rate_is_found_from_what_happened():
    generator = torch.Generator().manual_seed(0)
    gap = torch.randn(4000, generator=generator)
    truth = log_k(torch.tensor(0.7))
    p = log_likelihoods(gap, truth.expand(4000)).exp()
    outcome = torch.multinomial(p, 1, generator=generator)[:, 0]
    raw = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.Adam([raw], 0.05)
    for _ in range(200):
        optimiser.zero_grad()
        tie_loss(gap, log_k(raw).expand(4000), outcome).mean().backward()
        optimiser.step()
    assert float(parity_tie_rate(raw.detach())) == pytest.approx(
        float(parity_tie_rate(torch.tensor(0.7))), abs=0.03
    )


def test_a_certain_and_right_score_costs_nothing_and_a_wrong_one_much():
    k = torch.tensor(0.5)
    gap = torch.tensor(20.0)
    assert float(tie_loss(gap, k, torch.tensor(0))) < 1e-6 < 15 < float(tie_loss(gap, k, torch.tensor(1)))


def test_the_temperature_is_the_likeliest_and_one_where_nothing_is_better():
    assert best_temperature(lambda t: (t - 3) ** 2) == pytest.approx(3, rel=0.05)
    assert best_temperature(lambda t: 1.0) == 1.0
