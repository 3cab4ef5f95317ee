"""What the recogniser should say of a directive: targets, what nobody asked, spans, mirrors."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix.caption.recognise.answers import WEAK, Sheet, answer
from animatrix.knowledge import Directive, Taxonomy
from animatrix.synthetic import RENDERABLE


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    return Sheet.of(RENDERABLE, Taxonomy.default())


def asked(*tags: str, frames: int = 33, fps: float = 24.0) -> Directive:
    return Directive.model_validate(
        {"narrative": "", "tags": list(tags), "frames": frames, "fps": fps}, context={"source": "caption"}
    )


def places(sheet: Sheet, *pairs: tuple[str, str]) -> list[int]:
    found = [sheet.place(*p) for p in pairs]
    assert None not in found
    return found


def test_every_drawable_value_has_one_place(sheet):
    taken = [sheet.place(name, value) for name, values in RENDERABLE.items() for value in values]
    assert None not in taken
    assert len(set(taken)) == len(taken) <= sheet.width


def test_named_values_are_the_target(sheet):
    a = answer(sheet, asked("action=run", "action=speak", "shot_scale=full"), [])
    run, speak, full, walk = places(
        sheet, ("action", "run"), ("action", "speak"), ("shot_scale", "full"), ("action", "walk")
    )
    assert a.target[[run, speak, full]].tolist() == [1, 1, 1]
    assert a.target[walk] == 0 and a.weight[walk] == 1


def test_a_field_of_one_value_that_nobody_names_is_left_open(sheet):
    a = answer(sheet, asked("action=run"), [])
    q = sheet.by_field["spacing"]
    assert a.target[q.places].tolist() == [0] * len(q.values) + [1]


def test_drawn_things_that_nobody_names_are_not_there(sheet):
    a = answer(sheet, asked("action=run"), [])
    nothing, heart = places(sheet, ("manga_symbol", "none"), ("manga_symbol", "heart_mark"))
    assert a.target[nothing] == 1 and a.target[heart] == 0 and a.weight[heart] == 1


def test_framings_that_nobody_names_may_be_there_by_chance(sheet):
    a = answer(sheet, asked("action=run"), [])
    nothing, empty = places(sheet, ("framing", "none"), ("framing", "negative_space"))
    assert a.weight[nothing] == 0 and a.weight[empty] == np.float32(WEAK)


def test_values_one_after_the_other_share_a_field_of_one(sheet):
    a = answer(sheet, asked("drawing_cadence=still@0-10", "drawing_cadence=ones@11-32"), [])
    still, ones = places(sheet, ("drawing_cadence", "still"), ("drawing_cadence", "ones"))
    assert a.target[[still, ones]].tolist() == [0.5, 0.5]
    assert a.spans == {still: (0, 10), ones: (11, 32)}


def test_spans_are_counted_in_frames_of_the_shot(sheet):
    a = answer(sheet, asked("impact_frame=white_frame@12-13", frames=20, fps=12.0), [])
    (white,) = places(sheet, ("impact_frame", "white_frame"))
    assert a.spans[white] == (6, 6)


def test_what_the_renderer_timed_goes_before_what_was_asked(sheet):
    directive = asked("smear_technique=multiples@0-30", "transition=wipe")
    a = answer(
        sheet,
        directive,
        [["smear_technique", 9, 10, "multiples"], ["wipe", 4, 20, ""], ["sign", 1, 2, "heart_mark"]],
    )
    smear, wipe, heart = places(
        sheet, ("smear_technique", "multiples"), ("transition", "wipe"), ("manga_symbol", "heart_mark")
    )
    assert a.spans[smear] == (9, 10) and a.spans[wipe] == (4, 20)
    assert heart not in a.spans, "an event of a value that the directive does not have is no answer"


def test_a_mirrored_pan_goes_the_other_way_and_back(sheet):
    left, right, run = places(
        sheet, ("camera_move", "pan_left"), ("camera_move", "pan_right"), ("action", "run")
    )
    assert sheet.mirror[left] == right and sheet.mirror[right] == left and sheet.mirror[run] == run
    assert (sheet.mirror[sheet.mirror] == np.arange(sheet.width)).all()
