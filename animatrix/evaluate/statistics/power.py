"""How many votes a study needs to find a preference."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist

from animatrix.errors import AniMatrixError, Code


@dataclass(frozen=True)
class Need:
    """Votes and raters that a comparison of two systems needs.

    decisive: votes that prefer one; votes: with ties and both bad; raters: at so many votes each.
    """

    decisive: int
    votes: int
    raters: int
    design_effect: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)


def decisive_votes(effect: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Independent decisive votes at which a two-sided test finds a share ``effect`` against one half.

    Normal approximation of the binomial: n = (z_{1-alpha/2} / 2 + z_power sqrt(e (1 - e)))^2 / (e - 1/2)^2.
    """
    quantile = NormalDist().inv_cdf
    spread = quantile(1 - alpha / 2) / 2 + quantile(power) * math.sqrt(effect * (1 - effect))
    return (spread / (effect - 0.5)) ** 2


def crossed_design_effect(
    per_rater: float, per_prompt: float, of_raters: float = 0.0, of_prompts: float = 0.0
) -> float:
    """1 + (m_r - 1) rho_r + (m_p - 1) rho_p, of m votes a rater and a prompt.

    Args:
        of_raters, of_prompts: correlation of two votes of one rater, or on one prompt.
    """
    return 1 + max(0.0, per_rater - 1) * of_raters + max(0.0, per_prompt - 1) * of_prompts


def need(
    effect: float,
    power: float = 0.8,
    alpha: float = 0.05,
    *,
    design_effect: float = 1.0,
    ties: float = 0.0,
    per_rater: int = 30,
    tests: int = 1,
) -> Need:
    """Votes and raters a pair of systems needs.

    Args:
        effect: share of decisive votes for the better system, over 1/2.
        design_effect: of shared raters and prompts; a report of an earlier study states it.
        ties: share of votes that are ties or both bad.
        per_rater: votes on this pair from each rater.
        tests: of a family by Holm's method, of which the first is the strictest: alpha / tests.

    Raises:
        AniMatrixError: BAD_OPTION outside the ranges above.
    """
    for name, value, inside, say in (
        ("effect", effect, 0.5 < effect < 1, "a share of decisive votes over 0.5 and under 1"),
        ("power", power, 0.5 <= power < 1, "at least 0.5 and under 1"),
        ("alpha", alpha, 0 < alpha <= 0.5, "over 0, at most 0.5"),
        (
            "design-effect",
            design_effect,
            0.1 <= design_effect <= 1e4,
            "from 0.1 to 10000; 1 where votes are independent",
        ),
        ("ties", ties, 0 <= ties <= 0.99, "a share from 0 to 0.99"),
        ("per-rater", per_rater, per_rater >= 1, "1 or more"),
        ("tests", tests, tests >= 1, "1 or more"),
    ):
        if not inside:
            raise AniMatrixError(Code.BAD_OPTION, f"{name} {value}", say)
    decisive = math.ceil(decisive_votes(effect, power, alpha / tests) * design_effect)
    votes = math.ceil(decisive / (1 - ties) - 1e-9)
    return Need(decisive, votes, math.ceil(votes / per_rater), design_effect)
