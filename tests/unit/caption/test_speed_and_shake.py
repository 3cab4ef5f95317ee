"""move_speed and camera_shake: named inside their limits, silent near them."""

from __future__ import annotations

import numpy as np
import pytest
from footage import Take, film

from animatrix.caption import caption
from animatrix.media import Clip


def window(shifts: np.ndarray) -> Clip:
    """Windows of 160x96 on a still painting, ``shifts`` [T,2] pixels from its middle."""
    plate = film(Take("fix", "still", "painted", size=(480, 288), seed=81, figure=0, frames=1)).frames[0]
    corner = np.round([160 - shifts[:, 0], 96 - shifts[:, 1]]).astype(int).T
    return Clip(np.stack([plate[y : y + 96, x : x + 160] for x, y in corner]), 24.0)


@pytest.mark.parametrize(
    ("travel", "speed"), [(0.04, "slow_move"), (0.2, "medium_move"), (0.8, "quick"), (2.9, "whip")]
)
def test_speed_is_named_by_the_share_of_the_width_in_a_frame(travel, speed):
    shot = caption(film(Take("pan_left", "still", "textured", seed=82, travel=travel, figure=0)))[0]
    tag = shot.tags["move_speed"][0]
    assert tag.value == speed
    assert tag.evidence["percent_per_frame"] == pytest.approx(100 * travel / 32, rel=0.15)


def test_speed_counts_film_frames_not_container_frames():
    clip = film(Take("pan_left", "still", "textured", seed=83, travel=0.6, figure=0))
    assert caption(clip)[0].tags["move_speed"][0].value == "quick"
    assert caption(Clip(clip.frames, 12.0))[0].tags["move_speed"][0].value == "medium_move"


def test_speed_is_abstained_near_a_limit_and_without_a_move():
    edge = caption(film(Take("pan_left", "still", "textured", seed=84, travel=0.096, figure=0)))[0]
    assert "move_speed" in edge.abstained
    still = caption(film(Take("fix", "still", "textured", seed=84, figure=0)))[0]
    assert "the camera does not move" in still.reasons["move_speed"]


@pytest.mark.parametrize("move", ["fix", "pan_left", "track_up"])
def test_a_smooth_camera_is_steady(move):
    shot = caption(film(Take(move, "twos", "painted", seed=85, figure=0.6)))[0]
    assert [tag.value for tag in shot.tags["camera_shake"]] == ["steady"]


@pytest.mark.parametrize(("pixels", "value"), [(1, "screen_shake"), (6, "violent_shake")])
def test_jitter_is_named_by_its_share_of_the_height(pixels, value):
    shifts = np.zeros((33, 2))
    shifts[:, 1] = pixels * (-1.0) ** np.arange(33)
    shot = caption(window(shifts))[0]
    assert [tag.value for tag in shot.tags["camera_shake"]] == [value]
    assert [tag.value for tag in shot.tags.get("camera_move", [])] in ([], ["fix"])


def test_a_burst_of_shake_has_its_span():
    shifts = np.zeros((48, 2))
    shifts[20:28, 1] = 3 * (-1.0) ** np.arange(8)
    (tag,) = caption(window(shifts))[0].tags["camera_shake"]
    assert tag.value in ("screen_shake", "violent_shake")
    assert 12 <= tag.span[0] <= 20 and 27 <= tag.span[1] <= 35
