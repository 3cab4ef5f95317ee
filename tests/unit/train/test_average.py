"""The moving average follows the weights and can stand in for them."""

from __future__ import annotations

import pytest
import torch

from animatrix.train.average import Average


def weights():
    torch.manual_seed(0)
    return {"a": torch.nn.Parameter(torch.randn(3, 2)), "b": torch.nn.Parameter(torch.randn(4))}


def test_it_is_the_formula():
    now = weights()
    average = Average(now, 0.5)
    expected = {name: p.detach().double() for name, p in now.items()}
    for step in range(1, 30):
        for p in now.values():
            p.data += torch.randn_like(p)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        for name, p in now.items():
            expected[name] = decay * expected[name] + (1 - decay) * p.detach().double()
    for name, value in expected.items():
        torch.testing.assert_close(average.values[name].double(), value, rtol=1e-5, atol=1e-6)


def test_without_decay_it_is_the_weights():
    now = weights()
    average = Average(now, 0.0)
    for p in now.values():
        p.data += 1
    average.update(100)
    assert all(torch.equal(average.values[name], p) for name, p in now.items())


def test_it_stands_in_and_the_weights_come_back_bit_for_bit():
    now = weights()
    average = Average(now, 0.9)
    for p in now.values():
        p.data *= 3
    own, mean = ({n: t.detach().clone() for n, t in d.items()} for d in (now, average.values))
    with pytest.raises(ZeroDivisionError), average.in_place():
        assert all(torch.equal(now[name], mean[name]) for name in now)
        raise ZeroDivisionError
    assert all(torch.equal(now[n], own[n]) and torch.equal(average.values[n], mean[n]) for n in now)
    assert all(p.requires_grad and p.grad_fn is None for p in now.values())
