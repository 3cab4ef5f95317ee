"""Line style and shading are read from cross-sections of strokes; small pictures say nothing of either."""

import cv2
import numpy as np
import pytest

from animatrix.caption.measure import MEASURES, Abstention, shot_of
from animatrix.caption.measure.inking import ink_features
from animatrix.caption.measure.strokes import sections
from animatrix.media import Clip
from animatrix.media.frames import scan_clip

FILL, INK = (200, 120, 90), (40, 30, 46)


def shot(picture, frames=3):
    return shot_of(list(scan_clip(Clip(np.stack([picture] * frames), 24.0))), 24.0)


def page(width=640, height=360):
    return np.full((height, width, 3), (214, 226, 236), np.uint8)


def drawn(line=3, ink=INK, gap=0):
    """A head, a body and two arms, every one outlined; ``gap`` a second, parallel line so many pixels off."""
    picture = page()
    parts = [((320, 260), (70, 110)), ((230, 260), (22, 80)), ((410, 260), (22, 80)), ((320, 110), (60, 70))]
    for middle, axes in parts:
        cv2.ellipse(picture, middle, axes, 0, 0, 360, FILL, -1, cv2.LINE_AA)
    for middle, axes in parts:
        for off in (0, gap) if gap else (0,):
            if line:
                axes_off = (axes[0] - off, axes[1] - off)
                cv2.ellipse(picture, middle, axes_off, 0, 0, 360, ink, line, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("line", [2, 4, 7])
def test_width_of_a_line_is_its_width(line):
    picture = page()
    for x in range(60, 600, 60):
        picture[60:300, x : x + line] = INK
    width = np.median(sections(picture).width) * 360
    assert abs(width - line) < 0.5


def test_a_line_thinner_than_a_pixel_keeps_its_order():
    widths = [
        np.median(sections(cv2.resize(drawn(n), (160, 90), interpolation=cv2.INTER_AREA)).width)
        for n in (2, 5)
    ]
    assert widths[0] < widths[1]


def test_flat_paint_without_outline_has_fewer_lines_than_with():
    assert ink_features(drawn(0))["lined"] < 0.5 * ink_features(drawn(3))["lined"]


def test_ink_is_told_from_the_fill_beside_it():
    grey, tinted = ink_features(drawn(3, (44, 44, 44))), ink_features(drawn(3, (110, 50, 30)))
    assert tinted["same_hue"] > grey["same_hue"]
    assert tinted["ink_chroma"] > grey["ink_chroma"]


def test_two_strokes_side_by_side_are_twins():
    one, two = ink_features(drawn(2)), ink_features(drawn(2, gap=7))
    assert two["twin_one"] + two["twin_both"] > one["twin_one"] + one["twin_both"] + 0.3


def test_strokes_of_uneven_width_are_ragged():
    even, ragged = drawn(3), drawn(3)
    rng = np.random.default_rng(0)
    for angle in np.linspace(0, 2 * np.pi, 90):
        at = (int(320 + 70 * np.cos(angle)), int(260 + 110 * np.sin(angle)))
        cv2.circle(ragged, at, int(rng.integers(1, 7)), INK, -1, cv2.LINE_AA)
    assert ink_features(ragged)["ragged"] > ink_features(even)["ragged"]


def hatched():
    picture, mask = drawn(3), np.zeros((360, 640), np.uint8)
    cv2.ellipse(mask, (320, 260), (66, 106), 0, 0, 360, 1, -1)
    lines = picture.copy()
    for x in range(180, 520, 10):
        cv2.line(lines, (x, 100), (x + 120, 380), INK, 3, cv2.LINE_AA)
    picture[mask > 0] = lines[mask > 0]
    return picture


def dotted():
    picture = drawn(3)
    for y in range(170, 350, 11):
        for x in range(270, 372, 11):
            cv2.circle(picture, (x, y), 3, INK, -1, cv2.LINE_AA)
    return picture


def test_hatching_lies_in_rows_of_one_direction():
    plain, rows = ink_features(drawn(3)), ink_features(hatched())
    assert rows["rows_both"] > plain["rows_both"] + 0.1
    assert rows["one_way"] > plain["one_way"]


def test_screentone_is_many_dots_of_one_size():
    assert ink_features(dotted())["dots"] > ink_features(drawn(3))["dots"] + 1


def test_black_masses_are_thicker_than_lines():
    spotted = drawn(3)
    cv2.ellipse(spotted, (320, 300), (60, 50), 0, 0, 360, (12, 10, 16), -1)
    assert ink_features(spotted)["black_mass_0"] > ink_features(drawn(5))["black_mass_0"] + 1


@pytest.mark.parametrize("field", ["line_style", "shading_treatment"])
def test_a_small_picture_does_not_show_a_line(field):
    small = cv2.resize(drawn(3), (160, 90), interpolation=cv2.INTER_AREA)
    found = MEASURES[field](shot(small))
    assert isinstance(found, Abstention)
    assert "lines" in found.reason


@pytest.mark.parametrize("field", ["line_style", "shading_treatment"])
@pytest.mark.parametrize("frames", [1, 30])
def test_one_answer_at_most_whatever_the_length(field, frames):
    found = MEASURES[field](shot(drawn(3), frames))
    assert isinstance(found, Abstention) or (len(found) == 1 and 0 <= found[0].confidence <= 1)


@pytest.mark.parametrize("field", ["line_style", "shading_treatment"])
@pytest.mark.parametrize("level", [0, 255])
def test_an_empty_picture_has_neither_line_nor_shade(field, level):
    found = MEASURES[field](shot(np.full((360, 640, 3), level, np.uint8)))
    assert isinstance(found, Abstention) or found[0].value in ("lineless", "none")


@pytest.mark.parametrize("field", ["line_style", "shading_treatment"])
def test_noise_is_measured_without_an_error(field):
    noise = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    assert MEASURES[field](shot(noise)) is not None
