"""The losses, against values worked out by hand, and which way they push."""

from __future__ import annotations

import math

import pytest
import torch

from animatrix.prefer.policy_loss import (
    Errors,
    Told,
    bounded,
    gapo_weight,
    kept_share,
    policy_loss,
    scaled_gradient,
    token_weights,
)
from animatrix.prefer.policy_recipe import ObjectiveRecipe

SHAPE = (1, 2, 1, 2)  # B, F, h, w


def settings(**more) -> ObjectiveRecipe:
    plain = {"beta": 10.0, "winner": 0.0, "protect": 0.0, "deformation": 0.0}
    return ObjectiveRecipe(**{**plain, **more})


def of(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).view(SHAPE)


def errors(win=(1.0,) * 4, lose=(1.0,) * 4, ref_win=(1.0,) * 4, ref_lose=(1.0,) * 4) -> Errors:
    """Those of the policy take gradients."""
    return Errors(of(*win).requires_grad_(), of(*lose).requires_grad_(), of(*ref_win), of(*ref_lose))


def told(labels=(1.0, 1.0), maps=(0.0,) * 4, gap=50.0, scores=(80.0, 20.0)) -> Told:
    return Told(torch.tensor([labels]), of(*maps), torch.tensor([gap]), torch.tensor([scores]))


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_flow_dpo_by_hand():
    e = errors(win=(1.0, 1.0, 0.9, 0.9), lose=(1.2,) * 4)
    each, parts = policy_loss(settings(name="flow_dpo"), e, told())
    margin = (0.95 - 1) - (1.2 - 1)
    assert each.item() == pytest.approx(-math.log(sigma(-5 * margin)), rel=1e-5)
    assert parts["accuracy"].item() == 1 and parts["logit"].item() == pytest.approx(5 * 0.25, rel=1e-5)


def test_gapo_weighs_each_pair_by_its_own_scores():
    e = errors(win=(0.9,) * 4)
    plain, _ = policy_loss(settings(name="flow_dpo"), e, told())
    weighed, _ = policy_loss(settings(name="gapo"), e, told())
    assert (weighed / plain).item() == pytest.approx(2**0.8 - 2**0.2, rel=1e-5)
    two = gapo_weight(torch.tensor([[100.0, 0.0], [50.0, 50.0]]))
    assert two.tolist() == pytest.approx([1.0, 0.0])


def test_ours_is_a_weighted_mean_over_the_frames_that_differ():
    e = errors(win=(0.8, 0.8, 9.0, 9.0), lose=(1.1, 1.1, 9.0, 9.0))
    each, _ = policy_loss(settings(), e, told(labels=(1.0, 0.0), gap=1.0))
    weight = 2 * sigma(1.0) - 1
    assert each.item() == pytest.approx(weight * -math.log(sigma(5 * 0.3)), rel=1e-5)


def test_a_frame_in_which_the_loser_is_better_pushes_the_other_way():
    e = errors()
    each, _ = policy_loss(settings(), e, told(labels=(1.0, -1.0)))
    each.sum().backward()
    win, lose = e.win.grad[0, :, 0, 0], e.lose.grad[0, :, 0, 0]
    assert win[0] > 0 > win[1] and lose[0] < 0 < lose[1]


@pytest.mark.parametrize("name", ["ours", "flow_dpo", "gapo"])
def test_the_winner_is_pulled_down_and_the_loser_pushed_up(name):
    e = errors()
    each, _ = policy_loss(settings(name=name), e, told())
    each.sum().backward()
    # A gradient step goes against the gradient: the winner's error falls, the loser's rises.
    assert (e.win.grad > 0).all() and (e.lose.grad < 0).all()
    assert torch.allclose(e.win.grad, -e.lose.grad)


def test_where_it_deforms_counts_more_and_the_mean_stays():
    weights = token_weights(of(1.0, 0.0, 0.0, 0.0), 3.0)
    assert weights.flatten().tolist() == pytest.approx([4 / 1.75, 1 / 1.75, 1 / 1.75, 1 / 1.75])
    e = errors()
    each, _ = policy_loss(settings(deformation=3.0), e, told(maps=(1.0, 0.0, 0.0, 0.0)))
    each.sum().backward()
    grads = e.win.grad.flatten()
    assert grads[0].item() == pytest.approx(4 * grads[1].item(), rel=1e-5)


def test_uniform_tokens_ignore_the_map():
    known = told(maps=(1.0, 0.0, 0.2, 0.0))
    e = errors(win=(0.5, 1.0, 1.0, 1.0))
    plain, _ = policy_loss(settings(tokens="uniform", deformation=3.0), e, known)
    none, _ = policy_loss(settings(deformation=0.0), e, known)
    weighed, _ = policy_loss(settings(deformation=3.0), e, known)
    assert plain.item() == pytest.approx(none.item()) and weighed.item() < plain.item()


def test_weights_of_pairs_are_bounded_and_grow_with_the_gap():
    weights = bounded(torch.tensor([0.0, 1.0, 3.0, 50.0]))
    assert weights[0] == 0 and (weights.diff() > 0).all() and weights[-1] <= 1
    e = errors(win=(0.0,) * 4)
    nothing, _ = policy_loss(settings(), e, told(gap=0.0))
    assert nothing.item() == 0


def test_the_winners_own_error_is_held_down_beside():
    e = errors(win=(0.7,) * 4)
    without, _ = policy_loss(settings(), e, told())
    held, _ = policy_loss(settings(winner=2.0), e, told())
    assert (held - without).item() == pytest.approx(2 * 0.7, rel=1e-5)


def test_a_loser_is_let_go_where_the_winner_has_become_worse():
    assert kept_share(torch.tensor([0.9, 1.0, 1.005, 1.02]), torch.ones(4), 0.01).tolist() == pytest.approx(
        [1.0, 1.0, 0.5, 0.0], abs=1e-4
    )
    grads = {}
    for name, win in (("better", 0.99), ("worse", 1.005), ("far worse", 1.5)):
        e = errors(win=(win,) * 4)
        each, parts = policy_loss(settings(protect=0.01, beta=0.1), e, told())
        each.sum().backward()
        grads[name] = (float(e.win.grad.sum()), -float(e.lose.grad.sum()), parts["loser_left"].item())
    assert grads["better"][0] == pytest.approx(grads["better"][1], rel=1e-5)
    assert grads["worse"][1] == pytest.approx(0.5 * grads["worse"][0], rel=1e-3)
    assert grads["far worse"][1] == 0 and grads["far worse"][0] > 0 and grads["far worse"][2] == 0


def test_scaling_a_gradient_leaves_the_value():
    x = torch.tensor([2.0], requires_grad=True)
    y = scaled_gradient(x, torch.tensor([0.25]))
    y.backward()
    assert y.item() == 2.0 and x.grad.item() == 0.25


@pytest.mark.parametrize("name", ["ours", "flow_dpo", "gapo"])
def test_the_reference_is_indifferent_to_itself(name):
    each, parts = policy_loss(settings(name=name), errors(), told())
    assert parts["logit"].item() == 0 and parts["accuracy"].item() == 0
    scale = 2**0.8 - 2**0.2 if name == "gapo" else 1.0
    assert each.item() == pytest.approx(scale * math.log(2), rel=1e-4)


def test_every_objective_logs_the_same():
    names = [set(policy_loss(settings(name=n), errors(), told())[1]) for n in ("ours", "flow_dpo", "gapo")]
    assert names[0] == names[1] == names[2]
