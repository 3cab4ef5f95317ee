"""Hypothesis strategies: directives that are valid by construction, and sheets."""

from __future__ import annotations

from hypothesis import strategies as st

from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive, Tag, Taxonomy
from animatrix.knowledge.sheet import ExposureSheet, Layer, Word
from animatrix.knowledge.timing import reference_frames

RATES = (8.0, 10.0, 12.0, 15.0, 23.976, 24.0, 25.0, 29.97, 30.0, 48.0, 59.94, 60.0)
_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), max_size=40)


@st.composite
def tag_lists(draw, last_frame: int, size: int = 8) -> list[tuple[str, Tag]]:
    """(field, tag) pairs, each right by itself; together they may break rules."""
    taxonomy = Taxonomy.default()
    found = []
    for field_id in draw(st.lists(st.sampled_from(list(taxonomy.fields)), max_size=size)):
        field = taxonomy.fields[field_id]
        words = [*field.values] + ["none"] * field.allows_none
        value = draw(st.sampled_from(words))
        first = draw(st.integers(0, last_frame))
        span = (first, draw(st.integers(first, min(last_frame, first + 9))))
        spanned = field.scope == "frame" or (field.scope == "span" and draw(st.booleans()))
        found.append((field_id, Tag(value, span if spanned and value != "none" else None)))
    return found


@st.composite
def directives(draw, rates=RATES, narratives=_TEXT) -> Directive:
    """Valid directives: tags are added one by one and kept while the directive stays valid."""
    frames, fps = draw(st.integers(1, 120)), draw(st.sampled_from(rates))
    data = {"narrative": "x" + draw(narratives), "tags": {}, "frames": frames, "fps": fps}
    directive = Directive.model_validate(data)
    for field_id, tag in draw(tag_lists(reference_frames(frames, fps) - 1)):
        tags = {**directive.tags, field_id: (*directive.tags.get(field_id, ()), tag)}
        try:
            directive = Directive.model_validate({**data, "tags": tags})
        except AniMatrixError:
            continue
    return directive


_CELLS = st.one_of(st.none(), st.integers(1, 40), st.sampled_from(["12a", "007", "A1", "ｘ"]))
_NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), max_size=8)


@st.composite
def exposure_sheets(draw) -> ExposureSheet:
    """Sheets of up to four layers (names may repeat) and a few camera words."""
    frames = draw(st.integers(1, 40))
    layers = tuple(
        Layer(draw(_NAMES), tuple(draw(st.lists(_CELLS, min_size=frames, max_size=frames))))
        for _ in range(draw(st.integers(0, 4)))
    )
    words = []
    for text in draw(st.lists(st.sampled_from(["T.U", "FIX", "自由に", "PAN"]), max_size=4)):
        first = draw(st.integers(0, frames - 1))
        words.append(Word(text, first, draw(st.integers(first, frames - 1))))
    return ExposureSheet(frames, layers, tuple(sorted(words, key=lambda w: (w.first, w.last, w.text))))
