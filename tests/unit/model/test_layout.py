"""The layout artist: layouts of a directive, alone or among others, saved and read back."""

from __future__ import annotations

import torch

from animatrix import Directive, LayoutArtist
from animatrix.model.layout import LEVELS, PLACES
from animatrix.model.stand import LAYOUT


def asked(**tags):
    return Directive.model_validate({"narrative": "She waits.", "tags": tags, "frames": 9, "fps": 24})


def artist(**options):
    torch.manual_seed(0)
    net = LayoutArtist(width=16, depth=1, heads=2, text_dim=8, **options).eval()
    torch.nn.init.normal_(net.out.weight, std=0.1)
    return net


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_a_layout_is_the_same_alone_and_among_others_and_follows_seed_tags_spans_and_words():
    net, text = artist(), torch.randn(3, 5, 8)
    text[2, 3:] = 0
    directives = [asked(camera_move="pan_left"), asked(camera_move="tilt_up@2-8"), asked()]
    both = net.draw(text, directives, 9, generators(1, 2, 3))
    assert both.shape == (3, 9, LAYOUT) and torch.isfinite(both).all()
    for n in range(3):
        alone = net.draw(text[n : n + 1], directives[n : n + 1], 9, generators(n + 1))
        torch.testing.assert_close(alone[0], both[n], rtol=1e-4, atol=1e-5)
    one = net.draw(text[:1], directives[:1], 9, generators(1))
    for text_, directive, seed in (
        (text[:1], asked(camera_move="pan_right"), 1),
        (text[:1], asked(camera_move="pan_left@0-3"), 1),
        (-text[:1], directives[0], 1),
        (text[:1], directives[0], 2),
    ):
        other = net.draw(text_, [directive], 9, generators(seed))
        assert (other - one).abs().max() > 1e-3
    padded = torch.nn.functional.pad(text[2:], (0, 0, 0, 4))
    torch.testing.assert_close(
        net.draw(padded, [asked()], 9, generators(3))[0], both[2], rtol=1e-4, atol=1e-5
    )


def test_a_network_that_knows_the_layout_draws_it_whatever_the_noise():
    mean = torch.linspace(-1, 1, LAYOUT).tolist()
    first = {"first_mean": [0.5] * PLACES, "first_spread": [2.0] * PLACES}
    net = artist(mean=mean, spread=[0.5] * LAYOUT, **first)
    known, levels = torch.randn(1, 9, LAYOUT), []

    def knows(x, level, text, tags):
        levels.append(float(level[0]))
        return known

    net.forward = knows
    drawn = net.draw(torch.zeros(1, 2, 8), [asked()], 9, generators(0))
    numbers = known * 0.5 + torch.tensor(mean)
    torch.testing.assert_close(drawn[..., PLACES:], numbers[..., PLACES:])
    torch.testing.assert_close(drawn[:, 0, :PLACES], known[:, 0, :PLACES] * 2 + 0.5)
    steps = drawn[..., :PLACES].diff(dim=1)
    torch.testing.assert_close(steps, numbers[:, 1:, :PLACES], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.tensor(levels), torch.tensor(LEVELS))
    torch.testing.assert_close(net.standard(drawn), known, rtol=1e-3, atol=1e-4)


def test_it_survives_a_folder(tmp_path):
    first = {"first_mean": [0.5] * PLACES, "first_spread": [2.0] * PLACES}
    net = artist(mean=[0.25] * LAYOUT, spread=[2.0] * LAYOUT, **first)
    net.save_pretrained(tmp_path, safe_serialization=True)
    text, directive = torch.randn(1, 4, 8), asked(drawing_cadence="threes")
    back = LayoutArtist.from_pretrained(tmp_path)
    one, two = (n.draw(text, [directive], 13, generators(5)) for n in (net, back))
    assert torch.equal(one, two)
