"""Where the picture lies over set and figure: the same place of a sheet is the same place in every shot."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from animatrix.knowledge import Directive
from animatrix.model.stand import LAYOUT
from animatrix.synthetic import Corpus, render
from animatrix.synthetic.layout import POSE
from animatrix.synthetic.truth import Truth

SHEET = (320, 192)  # pixels of a sheet twice as wide and high as the picture


def on_sheet(picture: np.ndarray, path: np.ndarray) -> np.ndarray:
    """A picture ``uint8 [H,W]`` laid where its path says, on a sheet."""
    h, w = picture.shape
    right, down, size = path
    scale = np.exp(-size)
    # The picture shows at u what the sheet has at 0.5 + right + (u - 0.5) e^size, in sides.
    matrix = np.float32(
        [
            [scale, 0, w / 2 - scale * (SHEET[0] / 2 + right * w)],
            [0, scale, h / 2 - scale * (SHEET[1] / 2 + down * h)],
        ]
    )
    return cv2.warpAffine(picture, matrix, SHEET, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


@pytest.fixture(scope="module")
def shots():
    """Shots of one scene under several cameras, in everyday colours."""
    corpus = Corpus(51, "tune", (160, 96), 17, 24.0, "little", scenes=1)
    found = [
        n
        for n in range(60)
        if {t.value for t in corpus.request(n).tags["palette"]} == {"natural"}
        and {t.value for t in corpus.request(n).tags["impact_frame"]} == {"none"}
    ]
    return [corpus[n] for n in found[:6]]


def test_set_and_figure_lie_still_on_their_sheets_under_every_camera(shots):
    cameras = {s.directive.tags["camera_move"][0].value for s in shots}
    assert len(shots) >= 4 and len(cameras) >= 3
    gaps, apart, overlaps = [], [], []
    for a, b in itertools.combinations(shots, 2):
        for t in (0, 16):
            grey, laid, figure = [], [], []
            for shot, at in ((a, 0), (b, t)):
                picture = cv2.cvtColor(shot.clip.frames[at], cv2.COLOR_RGB2GRAY)
                mask = shot.truth.mask[at].astype(np.uint8) * 255
                ground, body = shot.truth.planes[:, at]
                bare = on_sheet(np.where(mask > 0, 0, 255).astype(np.uint8), ground) > 254
                grey.append(picture.astype(int))
                laid.append((on_sheet(picture, ground).astype(int), bare))
                figure.append(on_sheet(mask, body) > 127)
            both = laid[0][1] & laid[1][1]
            gaps.append(np.median(np.abs(laid[0][0] - laid[1][0])[both]))
            apart.append(np.median(np.abs(grey[0] - grey[1])))
            overlaps.append((figure[0] & figure[1]).sum() / (figure[0] | figure[1]).sum())
    assert np.median(gaps) <= 1 and np.quantile(gaps, 0.9) <= 3 < np.median(apart)
    assert np.median(overlaps) > 0.5


def test_they_survive_a_file_and_are_unknown_where_the_print_is_made_anew(shots):
    back = Truth.from_json(shots[0].truth.to_json())
    np.testing.assert_allclose(back.planes, shots[0].truth.planes, atol=1e-4)
    np.testing.assert_allclose(back.poses, shots[0].truth.poses, atol=1e-3)
    whip = Directive.model_validate(
        {
            "narrative": "",
            "tags": {"camera_move": "pan_left", "move_speed": "whip"},
            "frames": 17,
            "fps": 24.0,
        }
    )
    truth = render(whip, 3)[1]
    assert truth.planes is None and Truth.from_json(truth.to_json()).planes is None
    assert truth.poses is None and Truth.from_json(truth.to_json()).poses is None


def test_poses_are_held_as_long_as_drawings_and_a_layout_needs_no_drawing(shots):
    changes = 0
    for shot in shots:
        poses, drawings = shot.truth.poses, np.array(shot.truth.sheet["A"])
        assert (
            poses.shape == (17, len(POSE)) and POSE[-1] == "facing" and np.isin(poses[:, -1], (-1, 1)).all()
        )
        same = drawings[1:] == drawings[:-1]
        assert not np.abs(np.diff(poses, axis=0))[same].any()
        changes += int((np.abs(np.diff(poses, axis=0)).max(1) > 0).sum())
    assert changes > 10
    corpus = Corpus(51, "tune", (160, 96), 17, 24.0, "little", scenes=1)
    sample = corpus[4]
    directive, layout = corpus.laid_out(4)
    assert directive == sample.directive
    np.testing.assert_array_equal(layout, sample.truth.layout)
    assert layout.shape == (17, LAYOUT)
