"""Drawings that are held: what the timesheet makes of a layout."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from animatrix import Directive
from animatrix.model.stand import LAYOUT
from animatrix.model.timesheet import drawings, exposed


def asked(cadence, frames=12, fps=24):
    tags = {} if cadence is None else {"drawing_cadence": cadence}
    return Directive.model_validate({"narrative": "A girl runs.", "tags": tags, "frames": frames, "fps": fps})


def poses(hold, frames=12, seed=0, wobble=0.05):
    """Nearly held: a new pose every ``hold`` frames, and a little of something in every frame."""
    rng = np.random.default_rng(seed)
    drawn = np.cumsum(rng.normal(0, 1, (frames, LAYOUT - 6)), 0)[np.arange(frames) // hold]
    return drawn + rng.normal(0, wobble, drawn.shape)


@pytest.mark.parametrize(
    ("cadence", "hold", "count"),
    [("ones", 1, 12), ("twos", 2, 6), ("threes", 3, 4), ("fours_or_slower", 4, 3), ("fours_or_slower", 6, 2)],
)
def test_frames_of_one_drawing_are_found_where_the_poses_agree(cadence, hold, count):
    found = drawings(asked(cadence), poses(hold))
    assert found.tolist() == (np.arange(12) // hold).tolist() and found.max() + 1 == count


def test_a_still_is_one_drawing_and_what_does_not_agree_is_left():
    assert drawings(asked("still"), poses(12)).tolist() == [0] * 12
    on_ones = poses(1)
    for cadence in ("twos", "threes", None, "modulated"):
        assert drawings(asked(cadence), on_ones).tolist() == list(range(12))


def test_holds_are_counted_at_24_frames_a_second_and_spans_have_their_own():
    assert drawings(asked("twos", fps=48), poses(4)).tolist() == [0] * 4 + [1] * 4 + [2] * 4
    parts = [{"value": "still", "span": [0, 5]}, {"value": "twos", "span": [6, 11]}]
    both = poses(2)
    both[:6] = both[0]
    assert drawings(asked(parts), both).tolist() == [0] * 6 + [1, 1, 2, 2, 3, 3]


def test_a_drawing_has_one_pose_and_the_paths_stay():
    layout = torch.randn(3, 12, LAYOUT)
    layout[0, :, 6:] = torch.from_numpy(poses(3)).float()
    layout[2] = float("nan")
    out = exposed(layout, [asked("threes"), asked("ones"), asked("threes")])
    assert len(out[0, :, 6:].unique(dim=0)) == 4
    torch.testing.assert_close(out[0, 3, 6:], layout[0, 3:6, 6:].mean(0))
    assert torch.equal(out[:2, :, :6], layout[:2, :, :6]) and torch.equal(out[1], layout[1])
    assert out[2].isnan().all()
