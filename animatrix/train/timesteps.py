"""Timesteps of flow matching: x_t = (1 - t) x_0 + t eps, t in (0, 1), t = 1 is noise.

A uniform u is shifted towards noise, t = s u / (1 + (s - 1) u) (SD3, 2403.03206): the more tokens a sample
has, the more noise it takes to hide it. A share of samples may stay uniform: the sharp edges of smears and
impact frames are decided at low t, which a shift of 5 hardly visits.
"""

from __future__ import annotations

from animatrix.train import draws

QUANTILES = tuple((i + 0.5) / 9 for i in range(9))  # t at which held-out losses are compared


def shifted(u: float, shift: float) -> float:
    """t for u, both in [0, 1]."""
    return shift * u / (1 + (shift - 1) * u)


def unshifted(t: float, shift: float) -> float:
    """u for t: the inverse of :func:`shifted`."""
    return t / (shift - (shift - 1) * t)


def timestep(
    seed: int,
    step: int,
    place: int,
    shift: float,
    uniform_share: float = 0.0,
    within: tuple[float, float] = (0.0, 1.0),
) -> float:
    """t of one sample, in ``within``: the part that one of two experts is responsible for (Wan 2.2)."""
    if draws.uniform(seed, "timestep law", step, place) < uniform_share:
        shift = 1.0
    low, high = (unshifted(t, shift) for t in within)
    return shifted(low + (high - low) * draws.uniform(seed, "timestep", step, place), shift)
