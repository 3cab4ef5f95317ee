"""Scores of systems from comparisons with ties, by maximum likelihood with a weak prior.

The likelihood is the one rewards are trained with (:mod:`animatrix.prefer.ties`): Davidson's (1970), or Rao
and Kupper's (1967). "Both bad" says nothing on which is better and counts as a tie here; its share is shown
apart.

Prior: every pair of systems is given half a vote beyond those cast, in equal parts a win, a loss and a tie.
Scores stay finite where one system wins every vote, at the cost of half a vote's pull towards equality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.statistics.tallies import ANSWERS, TIE, pairs_of
from animatrix.prefer.ties import davidson_log_likelihoods, log_likelihoods

TieModel = Literal["davidson", "rao_kupper"]
LIKELIHOODS = {"davidson": davidson_log_likelihoods, "rao_kupper": log_likelihoods}
PRIOR_VOTES = 0.5  # a pair of systems
TOLERANCE = 1e-7  # largest slope, a vote, at which a fit has converged
ITERATIONS = 60
LONGEST_STEP = 2.0


@dataclass(frozen=True)
class Fit:
    """A batch of fits.

    scores float64 ``[B,S]``: log-odds, mean 0 over the systems; tie ``[B]``: ln nu or ln k; slopes
    ``[B,S+1,K]``: of a vote's log-likelihood; curvature ``[B,S+1,S+1]``: minus the Hessian; converged bool
    ``[B]``.
    """

    scores: Tensor
    tie: Tensor
    slopes: Tensor
    curvature: Tensor
    converged: Tensor


def fit(totals: np.ndarray, systems: int, model: TieModel = "davidson") -> Fit:
    """Fit a batch of counts.

    Args:
        totals: ``[B,K]`` votes of each kind (:func:`~.tallies.tally_pairs`).
        systems: S.
    """
    first, second = (torch.tensor(side) for side in zip(*pairs_of(systems), strict=True))
    cast = torch.from_numpy(np.ascontiguousarray(totals, float)).reshape(len(totals), -1, ANSWERS)
    ties = cast[..., TIE:].sum(-1, keepdim=True)  # both bad with the ties
    votes = torch.cat([cast[..., :TIE], ties], -1) + PRIOR_VOTES / 3
    likelihood = LIKELIHOODS[model]

    def at(scores: Tensor, tie: Tensor) -> tuple[Tensor, Tensor]:
        gap = scores[:, first] - scores[:, second]
        return gap, tie[:, None].expand_as(gap)

    def worth(scores: Tensor, tie: Tensor) -> Tensor:
        return (votes * likelihood(*at(scores, tie))).sum((1, 2))

    turn = torch.zeros(systems + 1, len(first), dtype=torch.float64)  # gaps of scores
    turn[first, torch.arange(len(first))] = 1.0
    turn[second, torch.arange(len(first))] = -1.0
    scores = torch.zeros(len(votes), systems, dtype=torch.float64)
    tie = torch.full((len(votes),), 0.5 if model == "rao_kupper" else 0.0, dtype=torch.float64)
    every = votes.sum((1, 2))
    level = torch.zeros(systems + 1, systems + 1, dtype=torch.float64)
    level[:systems, :systems] = 1.0  # scores have no origin: their mean is held
    converged = torch.zeros(len(votes), dtype=torch.bool)
    for _ in range(ITERATIONS):
        slopes, curvature = _derivatives(likelihood, *at(scores, tie), votes, turn)
        gradient = torch.einsum("bpqo,bqo->bp", slopes, votes)
        converged = gradient.abs().amax(1) < TOLERANCE * every
        if converged.all():
            break
        step = torch.linalg.solve(curvature + level * every[:, None, None] / systems**2, gradient)
        step *= (LONGEST_STEP / step.abs().amax(1, keepdim=True)).clamp(max=1.0)
        if model == "rao_kupper":  # ln k stays above 0
            step *= torch.where(step[:, -1] < -0.7 * tie, -0.7 * tie / step[:, -1], 1.0)[:, None]
        before = worth(scores, tie)
        for _ in range(20):
            worse = worth(scores + step[:, :-1], tie + step[:, -1]) < before - 1e-9 * every
            if not worse.any():
                break
            step = torch.where(worse[:, None], step / 2, step)
        scores = scores + step[:, :-1]
        scores = scores - scores.mean(1, keepdim=True)
        tie = tie + step[:, -1]
    slopes = torch.cat([slopes, slopes[..., 2:]], -1).flatten(2)  # both bad moves what a tie moves
    return Fit(scores, tie, slopes, curvature, converged)


def _derivatives(likelihood, gap: Tensor, tie: Tensor, votes: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes ``[B,S+1,Q,3]`` of the log-likelihood of each kind of vote, and minus the Hessian of all."""
    gap, tie = gap.detach().requires_grad_(), tie.detach().requires_grad_()
    each = likelihood(gap, tie)
    slopes = [torch.autograd.grad(each[..., o].sum(), (gap, tie), create_graph=True) for o in range(3)]
    by_gap, by_tie = (torch.stack(part, -1) for part in zip(*slopes, strict=True))  # [B,Q,3]
    gap_gap, tie_gap = torch.autograd.grad((votes * by_gap).sum(), (gap, tie), retain_graph=True)
    tie_tie = torch.autograd.grad((votes * by_tie).sum(), tie)[0]
    of = torch.cat([(turn[None, :, :, None] * by_gap[:, None])[:, :-1], by_tie[:, None]], 1).detach()
    hessian = torch.einsum("pq,bq,rq->bpr", turn, gap_gap, turn)
    cross = torch.einsum("pq,bq->bp", turn, tie_gap)
    hessian[:, :, -1] += cross
    hessian[:, -1, :] += cross
    hessian[:, -1, -1] = tie_tie.sum(-1)
    return of, -hessian


@dataclass(frozen=True)
class Comparisons:
    """The estimator of comparisons: what is drawn from a fit, with how much each vote moves it.

    Everything is on a scale without ends, where intervals are made; :meth:`shown` brings it back.

    ``names`` of the estimates, in order: ``score:i``; ``gap:i:j``, i over j; ``points:i``, what i gets of 100
    against the others in turn (a win all, a tie half); ``lead:i:j``, points of i less those of j;
    ``ratio:i:j``, ln of one over the other.
    """

    systems: int
    model: TieModel = "davidson"
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        pairs = [f"{i}:{j}" for i, j in pairs_of(self.systems)]
        single = [str(i) for i in range(self.systems)]
        parts = [("score", single), ("gap", pairs), ("points", single), ("lead", pairs), ("ratio", pairs)]
        object.__setattr__(self, "names", tuple(f"{part}:{of}" for part, ofs in parts for of in ofs))

    def __call__(self, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Estimates ``[B,E]`` and what one more vote of each kind does to them, ``[B,E,K]``.

        A fit of the batch that has not converged is NaN.
        """
        found = fit(totals, self.systems, self.model)
        at = torch.cat([found.scores, found.tie[:, None]], 1).requires_grad_()
        drawn = self._drawn(at)
        each = [torch.autograd.grad(x.sum(), at, retain_graph=True)[0] for x in drawn.unbind(1)]
        held = torch.zeros_like(found.curvature[0])
        held[:-1, :-1] = 1.0
        scale = found.curvature.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] / self.systems**2
        moved = torch.stack(each, 1) @ torch.linalg.solve(found.curvature + held * scale, found.slopes)
        estimates = drawn.detach().clone()
        estimates[~found.converged] = torch.nan
        return estimates.numpy(), moved.numpy()

    def _drawn(self, at: Tensor) -> Tensor:
        """Estimates ``[B,E]`` of scores and tie parameter ``[B,S+1]``."""
        scores, tie = at[:, :-1], at[:, -1, None, None]
        scores = scores - scores.mean(1, keepdim=True)
        first, second = (list(side) for side in zip(*pairs_of(self.systems), strict=True))
        gap = scores[:, :, None] - scores[:, None]
        p = LIKELIHOODS[self.model](gap, tie.expand_as(gap)).exp()
        others = 1.0 - torch.eye(self.systems, dtype=p.dtype)
        points = ((p[..., 0] + p[..., 2] / 2) * others).sum(2) / (self.systems - 1)
        apart, lead, ratio = (x[:, first] - x[:, second] for x in (scores, points, points.log()))
        return torch.cat([scores, apart, points.logit(), 2 * torch.atanh(lead), ratio], 1)

    @property
    def prior(self) -> np.ndarray:
        """Votes of each kind that the prior adds, ``[K]``; they vary, too, and keep errors off 0 where a
        resample holds no vote for the losing side.
        """
        return np.tile([PRIOR_VOTES / 3] * 3 + [0.0], len(pairs_of(self.systems)))

    @staticmethod
    def shown(name: str, value: float) -> float:
        """Points of 100, or a lead in points, from log-odds; anything else as it is."""
        if name.startswith("points"):
            return 100 / (1 + math.exp(-value))
        return 100 * math.tanh(value / 2) if name.startswith("lead") else value


def tie_rate(tie: float, model: TieModel) -> float:
    """How often equals tie."""
    parity = LIKELIHOODS[model](torch.zeros(1, dtype=torch.float64), torch.tensor([tie], dtype=torch.float64))
    return float(parity[0, 2].exp())


def check_connected(totals: np.ndarray, systems: tuple[str, ...]) -> None:
    """Raises AniMatrixError BAD_OPTION where some systems were never compared with the others."""
    cast = totals.reshape(-1, ANSWERS).sum(1)
    reached, grew = {0}, True
    while grew:
        before = len(reached)
        for (i, j), n in zip(pairs_of(len(systems)), cast, strict=True):
            if n and (i in reached or j in reached):
                reached |= {i, j}
        grew = len(reached) > before
    apart = [name for i, name in enumerate(systems) if i not in reached]
    if apart:
        raise AniMatrixError(
            Code.BAD_OPTION,
            f"{', '.join(apart)}: never compared with {systems[0]}, directly or through another system",
            "scores of systems on one scale need comparisons between them",
        )
