"""What a pair of clips teaches a velocity model: one interface, three losses.

Winner and loser share noise and timestep. With e = |v_hat - v|^2 of the model that learns (th) and of the
frozen reference (ref), and D = (e_th^w - e_ref^w) - (e_th^l - e_ref^l):

* ``flow_dpo``: -ln sigma(-beta/2 D) of whole clips (Liu et al. 2501.13918, with a constant beta: the
  factor (1-t)^2 of the derivation leaves 13 % of the weight to the timesteps at which motion is decided).
* ``gapo``: the same times 2^(s_w/100) - 2^(s_l/100), pair by pair (AniSora, 2412.10255).
* ``ours``: latent frame by latent frame (DenseDPO, 2506.03517), errors weighted by token with
  M = 1 + g * map (mean 1), every pair by w = 2 sigma(dR) - 1 of its reward gap, which is bounded,

      w * sum_f |l_f| (-ln sigma(-beta/2 l_f D_f)) / sum_f |l_f|  +  lambda e_th^w

  and a loser whose gradient is scaled down where the winner has become worse than in the reference: both
  likelihoods falling together is how such training goes wrong (2511.19049).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from animatrix.prefer.policy_recipe import ObjectiveRecipe


class Errors(NamedTuple):
    """Squared errors of the velocity [B,F,h,w], means over channels, of winners and losers; those of the
    reference carry no graph.
    """

    win: Tensor
    lose: Tensor
    ref_win: Tensor
    ref_lose: Tensor


class Told(NamedTuple):
    """What is known of the pairs.

    labels: [B,F] in {-1,0,1}: in that latent frame the winner is better, they are alike, the loser is.
    maps: [B,F,h,w] in [0,1], where either deforms or fails; gap: [B] of calibrated rewards, 0 or more;
    scores: [B,2] of winner and loser in [0,100].
    """

    labels: Tensor
    maps: Tensor
    gap: Tensor
    scores: Tensor


def token_weights(maps: Tensor, deformation: float) -> Tensor:
    """M = 1 + g * map [B,F,h,w], mean 1 over each clip."""
    weight = 1 + deformation * maps
    return weight / weight.flatten(1).mean(1).view(-1, 1, 1, 1)


def bounded(gap: Tensor) -> Tensor:
    """w = 2 sigma(dR) - 1 in [0,1): a pair counts more the surer it is, and never more than one."""
    return 2 * torch.sigmoid(gap) - 1


def gapo_weight(scores: Tensor) -> Tensor:
    """2^(s_w/100) - 2^(s_l/100) of scores [B,2] in [0,100]."""
    powers = torch.exp2(scores / 100)
    return powers[:, 0] - powers[:, 1]


def scaled_gradient(x: Tensor, scale: Tensor) -> Tensor:
    """x, with ``scale`` times its gradient."""
    return x.detach() + scale * (x - x.detach())


def kept_share(win: Tensor, ref_win: Tensor, tolerance: float) -> Tensor:
    """How much of the loser's gradient is left, in [0,1]: 1 while the winner is no worse than in the
    reference, 0 from ``tolerance`` (a share of the reference's error) on.
    """
    if tolerance == 0:
        return torch.ones_like(win)
    worse = (win - ref_win).clamp(min=0) / ref_win.clamp(min=1e-8)
    return (1 - worse / tolerance).clamp(0, 1).detach()


def policy_loss(settings: ObjectiveRecipe, errors: Errors, told: Told) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each pair [B] with its graph, and what is logged, [B] each, without."""
    errors = Errors(*(e.float() for e in errors))
    if settings.name == "ours":
        return _ours(settings, errors, told)
    means = Errors(*(e.flatten(1).mean(1) for e in errors))
    margin = (means.win - means.ref_win) - (means.lose - means.ref_lose)
    logit = settings.beta / 2 * margin
    weight = gapo_weight(told.scores) if settings.name == "gapo" else torch.ones_like(logit)
    return weight * F.softplus(logit), _parts(means, logit, weight, torch.ones_like(logit))


def _ours(settings: ObjectiveRecipe, errors: Errors, told: Told) -> tuple[Tensor, dict[str, Tensor]]:
    plain = settings.tokens == "uniform"
    tokens = torch.ones_like(told.maps) if plain else token_weights(told.maps, settings.deformation)
    win, lose, ref_win, ref_lose = ((tokens * e).mean((2, 3)) for e in errors)  # [B,F]
    turned = told.labels < 0
    good, ref_good = torch.where(turned, lose, win), torch.where(turned, ref_lose, ref_win)
    bad, ref_bad = torch.where(turned, win, lose), torch.where(turned, ref_win, ref_lose)
    size = told.labels.abs().float()
    count = size.sum(1).clamp(min=1)

    def mean(x: Tensor) -> Tensor:
        """Over the labelled frames [B]."""
        return (size * x).sum(1) / count

    left = kept_share(mean(good), mean(ref_good), settings.protect)
    bad = scaled_gradient(bad, left[:, None])
    margin = (good - ref_good) - (bad - ref_bad)
    logit = settings.beta / 2 * margin
    weight = bounded(told.gap)
    each = weight * mean(F.softplus(logit)) + settings.winner * mean(good)
    means = Errors(mean(good), mean(bad), mean(ref_good), mean(ref_bad))
    return each, _parts(means, mean(logit), weight, left)


def _parts(means: Errors, logit: Tensor, weight: Tensor, left: Tensor) -> dict[str, Tensor]:
    parts = {
        "accuracy": (logit < 0).float(),
        "logit": logit.abs(),  # tune beta so that nine in ten are below 1
        "logit_over_1": (logit.abs() > 1).float(),
        "winner": means.win - means.ref_win,
        "loser": means.lose - means.ref_lose,
        "weight": weight,
        "loser_left": left,
    }
    return {name: part.detach() for name, part in parts.items()}
