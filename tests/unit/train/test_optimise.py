"""Learning rate, clipping, and the optimiser's state by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from animatrix.train.optimise import Optimiser, matrices, rate
from animatrix.train.recipe import OptimiserRecipe


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 4)
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.head = nn.Linear(4, 2)

    def forward(self, i):
        x = self.table(i)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def made(**settings):
    torch.manual_seed(0)
    net = Net()
    recipe = OptimiserRecipe(**{"lr": 0.1, "weight_decay": 0.0} | settings)
    return net, Optimiser({"net": net}, {f"net.{n}": p for n, p in net.named_parameters()}, recipe, 10)


def step(net, optimiser, n=0):
    net(torch.arange(5)).square().sum().backward()
    norm = optimiser.norm()
    optimiser.step(n, norm)
    return norm


def test_the_rate_rises_stays_and_falls_towards_zero():
    recipe = OptimiserRecipe(lr=1.0, warmup=4, decay_from=6)
    shares = [rate(n, 10, recipe) for n in range(10)]
    assert shares == [0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert [rate(n, 3, OptimiserRecipe(lr=1.0)) for n in range(3)] == [1, 1, 1]


def test_the_rate_never_is_zero_or_above_its_peak():
    for warmup in (0, 3, 50):
        for decay in (None, 0, 5, 20):
            recipe = OptimiserRecipe(lr=1.0, warmup=warmup, decay_from=decay)
            assert all(0 < rate(n, 20, recipe) <= 1 for n in range(25))


def test_adamw_is_torchs_adamw():
    net, optimiser = made(weight_decay=0.0, clip=1e9)
    other, _ = made()
    reference = torch.optim.AdamW(other.parameters(), lr=0.1, betas=(0.9, 0.95), weight_decay=0.0)
    for n in range(3):
        step(net, optimiser, n)
        other(torch.arange(5)).square().sum().backward()
        reference.step()
        reference.zero_grad()
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_only_matrices_decay():
    net, optimiser = made(weight_decay=0.5)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimiser.step(0, optimiser.norm())
    for name, p in net.named_parameters():
        torch.testing.assert_close(p.detach(), before[name] * (0.95 if p.ndim > 1 else 1))


def test_the_gradient_is_clipped_to_its_norm():
    net, optimiser = made(clip=0.01)
    net(torch.arange(5)).square().sum().mul(100).backward()
    whole = torch.cat([p.grad.reshape(-1) for p in net.parameters()])
    norm = optimiser.norm()
    torch.testing.assert_close(norm, whole.norm())
    clipped = {}
    optimiser._take = lambda share: clipped.update({n: p.grad.clone() for n, p in net.named_parameters()})
    optimiser.step(0, norm)
    taken = torch.cat([g.reshape(-1) for g in clipped.values()])
    torch.testing.assert_close(taken, whole / whole.norm() * 0.01, rtol=1e-3, atol=1e-6)


def test_muon_takes_the_matrices_of_the_blocks_and_adamw_the_rest():
    net, optimiser = made(name="muon", matrix_lr=0.02)
    assert matrices({"net": net}) == {id(block.weight) for block in net.blocks}
    step(net, optimiser)
    keys = {name: set() for name in optimiser.weights}
    for tensor in optimiser.tensors():
        name, key = tensor.split(":")
        keys[name].add(key)
    assert keys["net.blocks.1.weight"] == {"momentum_buffer"}
    assert keys["net.head.weight"] == keys["net.blocks.1.bias"] == {"step", "exp_avg", "exp_avg_sq"}
    assert [group["lr"] for part in optimiser.parts for group in part.param_groups] == [0.02, 0.1, 0.1]


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_fresh_optimiser_has_the_same_tensors_to_be_loaded_over(name):
    net, old = made(name=name, weight_decay=0.1)
    for n in range(3):
        step(net, old, n)
    other, new = made(name=name, weight_decay=0.1)
    before = {n: p.detach().clone() for n, p in other.named_parameters()}
    tensors = new.tensors()
    assert all(torch.equal(p, before[n]) for n, p in other.named_parameters())
    assert {k: v.shape for k, v in tensors.items()} == {k: v.shape for k, v in old.tensors().items()}
    other.load_state_dict(net.state_dict())
    for key, value in old.tensors().items():
        tensors[key].copy_(value)
    for n in range(3, 6):
        step(net, old, n)
        step(other, new, n)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))


def test_weights_whose_gradient_is_not_finite_are_named():
    net, optimiser = made()
    net(torch.arange(5)).sum().backward()
    net.head.bias.grad[1] = float("nan")
    assert optimiser.blame() == ["net.head.bias"]
