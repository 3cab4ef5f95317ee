"""Bradley-Terry with ties: Rao & Kupper (1967), as VideoAlign uses it for rewards (arXiv 2501.13918), and
Davidson (1970), which the statistics of the human study prefer.

With d = s_A - s_B and k >= 1:  P(A > B) = sigma(d - ln k);  P(B > A) = sigma(-d - ln k);
P(tie) = (k^2 - 1) sigma(d - ln k) sigma(-d - ln k). Clips that are equally good tie with (k - 1) / (k + 1).
Davidson: P(A > B), P(B > A) and P(tie) as e^(d/2) : e^(-d/2) : nu. Equals tie with nu / (nu + 2).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

FIRST, SECOND, TIE = 0, 1, 2
OUTCOMES = {"first": FIRST, "second": SECOND, "tie": TIE, "both_bad": TIE}


def log_k(raw: Tensor) -> Tensor:
    """ln k > 0 from a free parameter; 0 gives k = 2, ties of equals in one of three."""
    return F.softplus(raw.float() + 0.0) + 1e-3


def parity_tie_rate(raw: Tensor) -> Tensor:
    """How often equals tie, in (0, 1)."""
    k = log_k(raw).exp()
    return (k - 1) / (k + 1)


def log_likelihoods(gap: Tensor, ln_k: Tensor) -> Tensor:
    """ln P of (first, second, tie), [..., 3], from score gaps and ln k of the same shape."""
    first = F.logsigmoid(gap - ln_k)
    second = F.logsigmoid(-gap - ln_k)
    tie = torch.log(torch.expm1(2 * ln_k)) + first + second
    return torch.stack([first, second, tie], -1)


def davidson_log_likelihoods(gap: Tensor, ln_nu: Tensor) -> Tensor:
    """ln P of (first, second, tie), [..., 3], after Davidson (1970); ``ln_nu`` is any real number."""
    return F.log_softmax(torch.stack([gap / 2, -gap / 2, ln_nu], -1), -1)


def tie_loss(gap: Tensor, ln_k: Tensor, outcome: Tensor) -> Tensor:
    """-ln P of what happened, of the shape of ``gap``; ``outcome`` int64 as in :data:`OUTCOMES`."""
    return -log_likelihoods(gap.float(), ln_k).gather(-1, outcome[..., None])[..., 0]
