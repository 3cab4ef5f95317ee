"""Pure randomness: every random number of a training is a function of (seed, purpose, numbers).

There is no random state to save. What a step shows, its noise and its timesteps follow from the recipe's seed
and the step alone, so that a run that was cut off goes on exactly, on any number of processes.

    noise = torch.randn(shape, generator=draws.generator(seed, "noise", step, place))
    u = draws.uniform(seed, "timestep", step, place)

Seeds are hashed (BLAKE2b, RFC 7693): neighbouring steps give unrelated streams, which a plain sum would not.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def number(seed: int, purpose: str, *numbers: int) -> int:
    """The 64-bit seed [0, 2^64) of one purpose at one place."""
    text = "\x1f".join([str(int(seed)), purpose, *(str(int(n)) for n in numbers)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(seed: int, purpose: str, *numbers: int) -> torch.Generator:
    """A CPU generator. Draw on the CPU and move: the device's own streams differ from one to the next."""
    import torch

    return torch.Generator().manual_seed(number(seed, purpose, *numbers))


def rng(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """A numpy generator."""
    return np.random.Generator(np.random.PCG64(number(seed, purpose, *numbers)))


def uniform(seed: int, purpose: str, *numbers: int) -> float:
    """One number in [0, 1), straight from the hash: 53 bits, no generator to build."""
    return (number(seed, purpose, *numbers) >> 11) * 2.0**-53
