"""The reward model: small, fast enough to ship, and led by the directive from its first layers on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from animatrix import Directive
from animatrix.prefer.merits import DIMENSIONS
from animatrix.prefer.reward import RewardModel

LIMIT = 4 << 20  # bytes that may be shipped


def directive(frames=17, **tags):
    return Directive.model_validate({"narrative": "x", "tags": tags, "frames": frames, "fps": 24})


@pytest.fixture(scope="module")
def model():
    """With every layer that starts at zero made to count."""
    torch.manual_seed(0)
    net = RewardModel(8, 8, 8, 16, 1).eval()
    for name, parameter in net.named_parameters():
        if name.endswith(("conv_out.weight", "mix_out.weight", "film.weight")):
            torch.nn.init.normal_(parameter, std=0.2)
    return net


@pytest.fixture(scope="module")
def clip():
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.integers(0, 255, (1, 32, 48, 3), np.uint8), 17, 0)
    for t in range(17):
        frames[t, 8:16, 2 * t : 2 * t + 8] = 255
    return frames


def judge(net, asked, clips):
    with torch.no_grad():
        return net(net.prepare(asked, clips))


def test_the_shipped_size_fits():
    net = RewardModel()
    assert 2 * sum(p.numel() for p in net.parameters()) + (1 << 16) < LIMIT


def test_it_gives_five_scores_an_answer_and_a_map_on_the_grid_of_latents(model, clip):
    said = judge(model, [directive(smear_technique="multiples")] * 2, [clip, clip[::-1]])
    assert said.scores.shape == (2, len(DIMENSIONS)) and said.failure.shape == (2,)
    assert said.where.shape == (2, 5, 4, 6) and said.by_head().shape == (2, 6)
    assert torch.allclose(said.by_head()[:, -1], said.scores.mean(1))


@pytest.mark.parametrize("frames", [2, 4, 9, 12])
def test_any_length_is_seen(model, clip, frames):
    said = judge(model, [directive(frames)], [clip[:frames]])
    assert said.where.shape[1] == -(-(frames - 1) // 4) + 1 and torch.isfinite(said.scores).all()


def test_the_directive_changes_what_is_seen_and_where(model, clip):
    one, other = (
        judge(model, [directive(**tags)], [clip])
        for tags in ({"body_deformation": "squash_stretch"}, {"body_deformation": "none"})
    )
    assert not torch.allclose(one.scores, other.scores)
    assert not torch.allclose(one.failure, other.failure)
    assert not torch.allclose(one.where, other.where)


def test_when_a_deformation_is_asked_for_matters(model, clip):
    early, late = (
        judge(model, [directive(body_deformation=f"squash_stretch@{span}")], [clip])
        for span in ("1-5", "9-14")
    )
    assert not torch.allclose(early.scores, late.scores)


def test_tags_are_a_set(model, clip):
    tags = {"camera_move": "pan_left", "palette": "vivid", "body_deformation": "morphing"}
    one = judge(model, [directive(**tags)], [clip])
    other = judge(model, [directive(**dict(reversed(tags.items())))], [clip])
    assert torch.allclose(one.scores, other.scores, atol=1e-5)


def test_a_clip_is_judged_alike_alone_and_in_company(model, clip):
    asked = [directive(palette="vivid"), directive(palette="vivid", camera_move="fix", action="run")]
    alone = judge(model, asked[:1], [clip])
    together = judge(model, asked, [clip, clip[::-1]])
    assert torch.allclose(alone.scores[0], together.scores[0], atol=1e-4)
    assert torch.allclose(alone.where[0], together.where[0], atol=1e-4)


def test_the_order_of_frames_matters(model, clip):
    asked = [directive(palette="vivid")]
    shuffled = clip[np.random.default_rng(1).permutation(len(clip))]
    assert not torch.allclose(judge(model, asked, [clip]).scores, judge(model, asked, [shuffled]).scores)


def test_every_weight_is_learned(model, clip):
    asked = [directive(body_deformation="morphing@2-8", palette="vivid")] * 2
    said = model(model.prepare(asked, [clip, clip[::-1]]))
    (said.scores.sum() + said.failure.sum() + said.where.mean()).backward()
    still = [n for n, p in model.named_parameters() if p.grad is None]
    model.zero_grad(set_to_none=True)
    assert still == ["ties"]
