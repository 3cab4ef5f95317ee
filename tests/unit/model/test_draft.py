"""Drafts: plates under the camera, cels where the figure stands, grades over both."""

from __future__ import annotations

import pytest
import torch

from animatrix import Directive
from animatrix.model.draft import CEL_HIGH, CEL_LEFT, CEL_TOP, CEL_WIDE, DraftArtist, encoded
from animatrix.model.stand import LAYOUT, POSE
from animatrix.model.vae import AutoencoderNano

SIZE = (48, 80)


@pytest.fixture
def artist():
    torch.manual_seed(0)
    made = DraftArtist(12, 2, ["natural", "muted"], (80, 160), SIZE, width=16, hidden=16).eval()
    made.painted.random_(0, 256)
    # The first number of the narrative says the scene, the palette's tag the palette.
    for net, column in ((made.scene, 0), (made.palette, 12)):
        for layer in (net[0], net[2]):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        with torch.no_grad():
            net[0].weight[0, column], net[0].weight[1, column + (column == 12)] = 100, 100 if column else -100
            net[2].weight[0, 0], net[2].weight[1, 1] = 1, 1
    return made


def asked(**tags):
    return Directive.model_validate({"narrative": "A girl runs.", "tags": tags, "frames": 5, "fps": 24})


def text_of(*scenes):
    text = torch.zeros(len(scenes), 6, 12)
    text[:, :4, 0] = torch.tensor([1.0 if scene == 0 else -1.0 for scene in scenes])[:, None]
    return text


def unpainted(artist):
    """Without cels: nothing covers anything."""
    torch.nn.init.zeros_(artist.cels.out.weight)
    torch.nn.init.constant_(artist.cels.out.bias, -1)
    return artist


def test_plates_lie_under_the_camera_to_the_pixel_and_the_narrative_chooses_them(artist):
    layout = torch.zeros(2, 5, LAYOUT)
    layout[:, 3, 0], layout[:, 4, 1] = 3 / SIZE[1], -2 / SIZE[0]  # three pixels to the right, two up
    drawn = unpainted(artist).draft(text_of(0, 1), [asked(), asked()], layout, SIZE).pixels
    assert drawn.shape == (2, 3, 5, *SIZE)
    for row in range(2):
        for t, (down, across) in ((0, (16, 40)), (3, (16, 43)), (4, (14, 40))):
            there = artist.painted[row, :, down : down + SIZE[0], across : across + SIZE[1]] / 127.5 - 1
            torch.testing.assert_close(drawn[row, :, t], there, rtol=1e-2, atol=1e-2)


def test_cels_cover_the_plate_where_the_figure_stands_and_change_with_its_pose(artist):
    torch.nn.init.zeros_(artist.cels.out.weight)
    torch.nn.init.constant_(artist.cels.out.bias, 1)  # white wherever there is a cel
    layout = torch.zeros(1, 5, LAYOUT)
    layout[0, :, 5] = -1.0  # a figure far nearer than its sheet
    layout[0, 2:, 5] = 1.0  # and then far away
    drawn = artist.draft(text_of(0), [asked()], layout, SIZE).pixels[0]
    assert (drawn[:, 0] > 0.99).all()
    white = (drawn[:, 4] > 0.99).all(0)
    rows, columns = white.any(1).sum().item(), white.any(0).sum().item()
    assert rows == pytest.approx(CEL_HIGH * SIZE[0] / 2.718, abs=2)
    assert columns == pytest.approx(CEL_WIDE * SIZE[1] / 2.718, abs=2)
    top, left = (0.5 + (at - 0.5) / 2.718 for at in (CEL_TOP, CEL_LEFT))
    assert white.any(1).nonzero()[0].item() == pytest.approx(top * SIZE[0], abs=1.5)
    assert white.any(0).nonzero()[0].item() == pytest.approx(left * SIZE[1], abs=1.5)
    torch.nn.init.normal_(artist.cels.out.weight)
    scenes, poses = torch.eye(2)[[0, 0, 1]], torch.zeros(3, POSE)
    poses[1] = 1
    one, posed, other = artist(poses, scenes)
    assert one.shape == (4, *artist.sheet)
    assert (one - posed).abs().mean() > 1e-3 and (one - other).abs().mean() > 1e-3


def test_a_palette_is_laid_over_the_draft_by_its_tag(artist):
    grey = torch.tensor([[0.3, 0.3, 0.3, 0.05]]).repeat(3, 1)
    artist.grades[:, 1] = grey
    natural, muted = (
        unpainted(artist)
        .draft(
            text_of(1, 1), [asked(palette="natural"), asked(palette="muted")], torch.zeros(2, 5, LAYOUT), SIZE
        )
        .pixels
    )
    assert (natural[0] - natural[1]).abs().mean() > 0.1
    torch.testing.assert_close(muted[0], muted[1], atol=1e-2, rtol=1e-2)
    mean = ((natural + 1) / 2).sum(0) * 0.3 + 0.05
    torch.testing.assert_close((muted[0] + 1) / 2, mean, atol=1e-2, rtol=1e-2)


def test_latents_are_those_of_the_draft_and_unknown_where_the_layout_is(artist, tmp_path):
    torch.manual_seed(1)
    vae = AutoencoderNano(z_dim=4).eval()
    layout = torch.zeros(2, 5, LAYOUT)
    layout[1] = float("nan")
    directives = [asked(), asked()]
    both, cover = artist.draft(text_of(0, 1), directives, layout, SIZE)
    assert cover.shape == (2, 1, 5, *SIZE) and cover[0].any() and not cover[1].any()
    assert both[0].isfinite().all() and both[1].isnan().all()
    found = encoded(vae, both)
    assert found.shape == (2, 4, 2, SIZE[0] // 8, SIZE[1] // 8) and found[1].isnan().all()
    pixels = artist.draft(text_of(0), directives[:1], layout[:1], SIZE).pixels
    with torch.no_grad():
        torch.testing.assert_close(found[:1], vae.normalise(vae.encode(pixels).latents))
    artist.save_pretrained(tmp_path)
    again = DraftArtist.from_pretrained(tmp_path)
    assert torch.equal(again.painted, artist.painted)
    assert torch.equal(again.draft(text_of(0), directives[:1], layout[:1], SIZE).pixels, pixels)


def test_frames_are_struck_where_an_impact_frame_is_asked_for_and_only_there(artist):
    plain = {k: v for k, v in artist.config.items() if not k.startswith("_")}
    torch.manual_seed(2)
    striking = DraftArtist(**plain | {"impacts": ["white_frame", "inverted_frame"]}).eval()
    striking.load_state_dict(artist.state_dict(), strict=False)
    directives = [
        asked(impact_frame=[{"value": "white_frame", "span": [1, 2]}]),
        asked(impact_frame=[{"value": "inverted_frame", "span": [1, 2]}]),
        asked(impact_frame="none"),
        asked(impact_frame=[{"value": "burst_frame", "span": [1, 2]}]),  # not one of its own
    ]
    draft = striking.draft(text_of(0, 0, 0, 0), directives, torch.zeros(4, 5, LAYOUT), SIZE)
    struck = striking.struck(draft, directives)
    changed = (struck != draft.pixels).flatten(3).any(3).any(1)
    assert changed.tolist() == [[False, True, True, False, False]] * 2 + [[False] * 5] * 2
    assert struck[0, :, 1].sub(struck[1, :, 1]).abs().mean() > 1e-3
    assert torch.equal(artist.struck(draft, directives), draft.pixels)  # one that has not learned any


def test_what_strikes_a_frame_is_told_where_the_figure_is():
    from animatrix.model.draft import _about

    cover = torch.zeros(2, 1, 20, 40)
    cover[0, 0, 4:7, 30:33] = 1
    found = _about(cover)
    assert found.shape == (2, 7, 20, 40)
    assert found[0, 2].argmin().item() == 5 * 40 + 31
    assert found[1, 0].mean().item() == pytest.approx(0, abs=1e-4)
    torch.testing.assert_close(found[0, 0, 5], (torch.arange(40) - 31) / 20, atol=1e-3, rtol=0)


def test_spans_are_counted_at_24_frames_a_second():
    from animatrix.model.draft import impacts_of

    tags = {"impact_frame": [{"value": "white_frame", "span": [8, 9]}]}
    document = {"narrative": "A girl runs.", "tags": tags, "frames": 9}
    at_24, at_12 = (Directive.model_validate(document | {"fps": fps, "frames": 24}) for fps in (24, 12))
    assert impacts_of(at_24, 24) == {8: "white_frame", 9: "white_frame"}
    assert impacts_of(at_12, 24) == {4: "white_frame"}
    assert impacts_of(at_24, 9) == {8: "white_frame"}
