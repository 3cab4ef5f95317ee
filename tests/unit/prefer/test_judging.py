"""Scores of any clip: sizes, rates, long shots, and regions in its own frames and pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from animatrix import AniMatrixError, Directive
from animatrix.media import Clip
from animatrix.prefer.calibration import UNFITTED, Calibration
from animatrix.prefer.judging import JudgeOfClips, connected, load_judge, shape_near, windows
from animatrix.prefer.overlay import frames_of
from animatrix.prefer.reward import Judgement, RewardModel
from animatrix.prefer.voted import at_rate


class Pointing(torch.nn.Module):
    """Says that one cell fails, and keeps what it was asked."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.asked = cell, []

    def prepare(self, directives, clips):
        self.asked.append((directives[0], clips[0].shape))
        return clips[0].shape

    def forward(self, shape):
        t, h, w = shape[:3]
        where = torch.full((1, -(-(t - 1) // 4) + 1, h // 8, w // 8), -9.0)
        where[(0, *self.cell)] = 9.0
        return Judgement(torch.zeros(1, 5), torch.zeros(1), where, where)


def directive(frames, fps=24.0, **tags):
    return Directive.model_validate({"narrative": "x", "tags": tags, "frames": frames, "fps": fps})


def clip(frames=33, width=160, height=100, fps=24.0):
    return Clip(np.zeros((frames, height, width, 3), np.uint8), fps)


def test_a_region_lies_in_the_clips_own_frames_and_pixels():
    judge = JudgeOfClips(Pointing((2, 1, 3)), UNFITTED, (128, 80))
    (region,) = judge.score(clip(33, 256, 160), directive(33)).regions
    assert region.frames == (5, 8) and region.box == (48, 16, 64, 32) and region.probability > 0.99


def test_frames_count_at_the_clips_own_rate():
    judge = JudgeOfClips(Pointing((1, 0, 0)), UNFITTED, (128, 80))
    (region,) = judge.score(clip(66, fps=48.0), directive(66, 48.0)).regions
    assert region.frames == (2, 9)


def test_a_cropped_picture_keeps_its_boxes_in_place():
    judge = JudgeOfClips(Pointing((1, 0, 0)), UNFITTED, (128, 80))
    (region,) = judge.score(clip(33, 2000, 160), directive(33)).regions
    assert region.box == (360, 0, 400, 40)


def test_a_long_shot_is_judged_window_by_window_with_spans_that_move_along():
    net = Pointing((1, 0, 0))
    asked = directive(120, body_deformation="squash_stretch@100-110")
    found = JudgeOfClips(net, UNFITTED, (128, 80), 33).score(clip(120), asked)
    assert len(net.asked) == 4 and {shape[0] for _, shape in net.asked} == {33}
    spans = [[t.span for t in d.tags.get("body_deformation", ())] for d, _ in net.asked]
    assert spans == [[], [], [], [(13, 23)]]
    assert len(found.regions) == 4 and max(r.frames[1] for r in found.regions) <= 119


@pytest.mark.parametrize("length", [1, 33, 49, 50, 120, 1000])
def test_windows_cover_every_frame(length):
    seen = np.zeros(length, int)
    for first, count in windows(length, 33):
        seen[first : first + count] += 1
    assert (seen > 0).all() and seen.max() <= 3


def test_cells_that_touch_are_one_region():
    chance = np.zeros((4, 5, 6))
    chance[1, 1, 1:4] = 0.7
    chance[2, 1, 3] = 0.9
    chance[3, 4, 5] = 0.6
    found = connected(chance)
    assert [(tuple((s.start, s.stop) for s in box), worst) for box, worst in found] == [
        (((1, 3), (1, 2), (1, 4)), 0.9),
        (((3, 4), (4, 5), (5, 6)), 0.6),
    ]


def test_slots_hold_the_frames_that_latents_do():
    assert [frames_of(k, 9) for k in range(3)] == [(0, 0), (1, 4), (5, 8)]
    assert frames_of(2, 7) == (5, 6)


@pytest.mark.parametrize(
    ("size", "shape"), [((160, 96), (128, 80)), ((1920, 1080), (144, 80)), ((1080, 1920), (80, 144))]
)
def test_clips_keep_their_aspect_as_near_as_can_be(size, shape):
    assert shape_near(size, (128, 80)) == shape


def test_other_rates_are_brought_to_24():
    frames = np.arange(30, dtype=np.uint8)[:, None, None, None]
    assert len(at_rate(frames, 30.0)) == 24 and len(at_rate(frames, 12.0)) == 60
    assert at_rate(frames, 24.0) is frames


def test_one_frame_is_no_clip():
    judge = JudgeOfClips(RewardModel(8, 8, 8, 16, 1), UNFITTED)
    with pytest.raises(AniMatrixError, match="a clip of 1 frames has no motion to judge"):
        judge.score(clip(1), directive(1))


def test_a_score_at_the_reference_is_an_even_chance():
    calibration = Calibration(
        {**UNFITTED.temperatures, "overall": 2.0}, {**UNFITTED.reference, "overall": 1.0}
    )
    assert calibration.chance("overall", 1.0) == 0.5
    assert calibration.chance("overall", 3.0) == pytest.approx(1 / (1 + np.exp(-1)))


def test_missing_or_foreign_weights_are_one_line(tmp_path):
    with pytest.raises(AniMatrixError, match="no trained reward model in"):
        load_judge(tmp_path)
    (tmp_path / "reward.json").write_text("{}")
    with pytest.raises(AniMatrixError, match="is not a reward model") as caught:
        load_judge(tmp_path)
    assert "\n" not in str(caught.value)
