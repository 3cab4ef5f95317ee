"""Camera shake: tracks on the timesheet, and what they do to a layout."""

from __future__ import annotations

import pytest
import torch

from animatrix import Directive
from animatrix.model.layout import LayoutArtist
from animatrix.model.shake import Shakes, shaken
from animatrix.model.stand import LAYOUT, seen_at


def asked(fps=24, **tags):
    return Directive.model_validate({"narrative": "A girl runs.", "tags": tags, "frames": 9, "fps": fps})


@pytest.fixture
def shakes():
    made = Shakes(["handheld", "screen_shake"], 3, 9)
    numbers = torch.arange(9.0)
    for value in range(2):
        for which in range(3):
            made.tracks[value, which, :, 0] = numbers + 100 * value + 1000 * which
    return made


def test_a_track_of_the_value_that_is_asked_for_is_copied(shakes):
    directives = [asked(camera_shake="screen_shake"), asked(camera_shake="steady"), asked()]
    seeds = [torch.Generator().manual_seed(n) for n in range(3)]
    found = shakes.drawn(directives, 9, seeds)
    assert found.shape == (3, 9, 2) and not found[1:].any()
    which = round(found[0, 0, 0].item()) // 1000
    assert found[0, :, 0].tolist() == [100 + 1000 * which + n for n in range(9)]
    again = shakes.drawn(directives, 9, [torch.Generator().manual_seed(n) for n in range(3)])
    assert torch.equal(found, again)
    many = [torch.Generator().manual_seed(n) for n in range(20)]
    drawn = shakes.drawn([asked(camera_shake="handheld")] * 20, 9, many)
    assert {round(x) // 1000 for x in drawn[:, 1, 0].tolist()} == {0, 1, 2}


def test_a_shake_sets_in_with_the_impact_frame_and_counts_at_24_frames_a_second(shakes):
    shakes.tracks[:, 1:] = shakes.tracks[:, :1]
    hit = asked(camera_shake="screen_shake", impact_frame=[{"value": "white_frame", "span": [4, 5]}])
    assert shakes.drawn([hit], 9, [None])[0, :, 0].tolist() == [0] * 4 + [100 + n for n in range(5)]
    slow, fast = (shakes.drawn([asked(fps, camera_shake="handheld")], 6, [None])[0, :, 0] for fps in (12, 48))
    assert slow.tolist() == [0, 2, 4, 6, 8, 0] and fast.tolist() == [0, 0, 1, 1, 2, 2]
    part = asked(camera_shake=[{"value": "screen_shake", "span": [2, 3]}])
    assert shakes.drawn([part], 9, [None])[0, :, 0].tolist() == [0, 0, 102, 103, 0, 0, 0, 0, 0]


def test_a_shaken_camera_sees_the_same_place_of_set_and_figure_moved():
    torch.manual_seed(0)
    layout = 0.3 * torch.randn(1, 4, LAYOUT)
    tracks = torch.zeros(1, 4, 2)
    tracks[0, 2] = torch.tensor([2 / 16, 1 / 8])  # content two places to the right and one down
    moved = shaken(layout, tracks)
    for plane in range(2):
        before, after = (
            torch.stack(seen_at(x[..., 3 * plane : 3 * plane + 3], 8, 16)) for x in (layout, moved)
        )
        torch.testing.assert_close(after[:, 0, 2, 1:, 2:], before[:, 0, 2, :-1, :-2])
        assert torch.equal(after[:, 0, 3], before[:, 0, 3])
    assert torch.equal(moved[..., 6:], layout[..., 6:])


def test_a_layout_artist_keeps_its_tracks_in_its_folder(tmp_path):
    torch.manual_seed(0)
    artist = LayoutArtist(16, 1, 2, text_dim=8, shakes=["screen_shake"], shake_tracks=(2, 9)).eval()
    torch.nn.init.normal_(artist.shaking.tracks, std=0.02)
    artist.save_pretrained(tmp_path)
    again = LayoutArtist.from_pretrained(tmp_path).eval()
    assert torch.equal(again.shaking.tracks, artist.shaking.tracks)
    text = torch.randn(1, 3, 8)
    still, shaking = (
        again.draw(text, [asked(camera_shake=value)], 9, torch.Generator().manual_seed(1))
        for value in ("steady", "screen_shake")
    )
    assert (shaking - still)[0, :, 0].diff(n=2).abs().mean() > 5e-3
