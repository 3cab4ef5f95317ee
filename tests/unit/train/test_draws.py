"""Randomness is a function of seed, purpose and numbers, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from animatrix.train import draws

numbers = st.lists(st.integers(-(2**40), 2**40), max_size=4)


def test_the_first_numbers_never_change():
    """A checkpoint of last year goes on with the same samples only while these hold."""
    assert draws.number(0, "draw", 0, 0) == NUMBER
    assert draws.uniform(7, "timestep", 3, 1) == UNIFORM


NUMBER, UNIFORM = 9377851813825687849, 0.7628426985521208


@given(st.integers(0, 2**63), st.text(max_size=5), numbers)
def test_the_same_question_has_the_same_answer(seed, purpose, at):
    assert draws.number(seed, purpose, *at) == draws.number(seed, purpose, *at) < 2**64
    assert 0 <= draws.uniform(seed, purpose, *at) < 1
    a, b = (draws.rng(seed, purpose, *at).integers(1 << 62, size=3) for _ in range(2))
    assert np.array_equal(a, b)


@given(st.integers(0, 99), st.sampled_from(["a", "b", "a1"]), numbers,
       st.integers(0, 99), st.sampled_from(["a", "b", "a1"]), numbers)  # fmt: skip
def test_different_questions_have_different_answers(seed, purpose, at, seed2, purpose2, at2):
    if (seed, purpose, at) != (seed2, purpose2, at2):
        assert draws.number(seed, purpose, *at) != draws.number(seed2, purpose2, *at2)


def test_neighbouring_steps_are_unrelated():
    noise = torch.stack([torch.randn(4096, generator=draws.generator(1, "noise", step)) for step in range(8)])
    correlation = torch.corrcoef(noise) - torch.eye(8)
    assert correlation.abs().max() < 0.08
    u = np.array([draws.uniform(1, "timestep", step, 0) for step in range(4000)])
    assert abs(u.mean() - 0.5) < 0.02 and abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.06


def test_the_state_of_torch_and_of_python_does_not_matter():
    torch.manual_seed(1)
    a = torch.randn(3, generator=draws.generator(1, "noise", 2))
    torch.manual_seed(2)
    torch.rand(7)
    assert torch.equal(a, torch.randn(3, generator=draws.generator(1, "noise", 2)))


def test_another_process_answers_the_same():
    code = "from animatrix.train import draws; print(draws.number(5, 'x', 1))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(out.stdout) == draws.number(5, "x", 1)
