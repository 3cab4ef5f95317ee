"""Paint is held with its drawing."""

from __future__ import annotations

import pytest
import torch

from animatrix import Directive
from animatrix.generate.finish import begin, beside_impacts
from animatrix.generate.holds import held
from animatrix.model.draft import Draft
from animatrix.model.stand import LAYOUT, moved

H, W, T = 48, 80, 9


def scene(hold=3):
    """A figure in the middle under a camera at rest; poses that change every ``hold`` frames."""
    torch.manual_seed(0)
    cover = torch.zeros(1, 1, T, H, W)
    cover[..., 20:30, 36:44] = 1
    layout = torch.zeros(1, T, LAYOUT)
    layout[0, :, 6:] = torch.randn(T, LAYOUT - 6)[torch.arange(T) // hold]
    return Draft(torch.zeros(1, 3, T, H, W), cover), layout


def test_flicker_of_the_figure_is_gone_within_a_drawing_and_stays_between():
    draft, layout = scene()
    pixels = 0.05 * torch.randn(1, 3, T, H, W)
    out = held(pixels, draft, layout)
    inside = out[..., 20:30, 36:44]
    for t in range(T):
        torch.testing.assert_close(inside[:, :, t], pixels[:, :, t - t % 3, 20:30, 36:44], atol=1e-4, rtol=0)
    assert torch.equal(out[..., :4, :4], pixels[..., :4, :4])  # far from the figure


def test_a_change_that_is_meant_is_kept_from_where_it_sets_in():
    draft, layout = scene(hold=9)
    pixels = 0.05 * torch.randn(1, 3, T, H, W)
    pixels[:, :, 4:] += 0.8
    out = held(pixels, draft, layout)[..., 20:30, 36:44]
    for t in range(T):
        first = pixels[:, :, 4 if t >= 4 else 0, 20:30, 36:44]
        torch.testing.assert_close(out[:, :, t], first, atol=1e-4, rtol=0)


def test_paint_moves_with_the_figure_and_unknown_layouts_are_left():
    draft, layout = scene(hold=9)
    steps = torch.arange(T) * 2 / W  # the picture goes two pixels to the right a frame
    layout[0, :, 3] = steps
    pixels = 0.05 * torch.randn(1, 3, T, H, W)
    out = held(pixels, draft, layout)
    torch.testing.assert_close(out[0, :, 2, 22:28, 38:42], pixels[0, :, 0, 22:28, 42:46], atol=1e-4, rtol=0)
    assert torch.equal(held(pixels, draft, torch.full_like(layout, float("nan"))), pixels)


def test_a_picture_of_a_plane_moves_as_the_plane_does():
    picture = torch.rand(1, 3, H, W)
    there = moved(picture, torch.zeros(3), torch.tensor([4 / W, -2 / H, 0.0]))
    torch.testing.assert_close(there[..., 6:40, 8:70], picture[..., 4:38, 12:74], atol=1e-4, rtol=0)


def test_frames_that_share_a_latent_frame_with_an_impact_frame_are_beside_impacts():
    def asked(tags):
        return Directive.model_validate({"narrative": "x", "tags": tags, "frames": 13, "fps": 24})

    one = asked({"impact_frame": [{"value": "white_frame", "span": [6, 6]}]})
    two = asked({"impact_frame": [{"value": "white_frame", "span": [8, 9]}]})
    found = beside_impacts([one, two, asked({"impact_frame": "none"})], 13, 4)
    assert [row.nonzero()[:, 0].tolist() for row in found] == [[5, 6, 7, 8], list(range(5, 13)), []]


def test_something_that_begins_or_ends_is_painted_anew():
    tags = {
        "body_deformation": [{"value": "face_exaggeration", "span": [3, 5]}],
        "drawing_cadence": "still",
    }
    asked = Directive.model_validate({"narrative": "x", "tags": tags, "frames": T, "fps": 24})
    begins = begin([asked], T)
    assert begins[0].nonzero()[:, 0].tolist() == [3, 6]
    draft, layout = scene(hold=9)
    pixels = 0.05 * torch.randn(1, 3, T, H, W)
    out = held(pixels, draft, layout, begins)[..., 20:30, 36:44]
    for t in range(T):
        first = pixels[:, :, t - t % 3, 20:30, 36:44] if t < 6 else pixels[:, :, 6, 20:30, 36:44]
        torch.testing.assert_close(out[:, :, t], first, atol=1e-4, rtol=0)


def test_tinted_frames_take_their_paint_from_the_frame_before():
    draft, layout = scene(hold=3)
    layout[0, :, 0] = (
        torch.arange(T) * 2 / W
    )  # the set goes two pixels to the right a frame, the figure stays
    pixels = torch.full((1, 3, T, H, W), 0.1)
    pixels[..., 30:50] = 0.3  # a pattern on set and figure
    pixels[:, :, 4:7] = 0.9  # tinted
    tinted = torch.zeros(1, T, dtype=torch.bool)
    tinted[0, 4:7] = True
    out = held(pixels, draft, layout, tinted=tinted)
    inside = out[0, 0, :, 25, 40]
    torch.testing.assert_close(inside[3:6], torch.full((3,), 0.3), atol=1e-4, rtol=0)  # the same drawing
    assert inside[6] == 0 and inside[7] == pytest.approx(
        0.3, abs=1e-4
    )  # another one: nothing known of its paint
    corner = out[0, 0, :, 2, 2:6].mean(1)
    torch.testing.assert_close(corner, torch.full((T,), 0.1), atol=1e-4, rtol=0)
    assert out.max() < 0.35
    first = torch.zeros(1, T, dtype=torch.bool)
    first[0, :5] = True
    out = held(pixels, draft, layout, tinted=first)
    assert out[0, 0, 0, 2, 2] > 0.5  # none before: from the first after, tinted as it is here
